"""./run ab: two revisions, built, measured in turn and compared."""

import csv
import datetime
import json
import os
import shutil
import subprocess
import sys
import time

from bench.door import gate
from bench.door.arguments import Parser, number_from, seconds
from bench.door.messages import die, say
from bench.door.programs import call, hold_signals, ignore_signals, stop_if_asked
from bench.door.project import EIE, build, commit_of, install, make_folder, plots

KEPT = "build/ab"
MERGED, KEPT_NAMES = ("merged-0", "merged-1"), ("a.json", "b.json")
BUDGET_S = 120.0
LOOK_S = 5.0  # what the first comparison may take
BLIND = 4  # exit code of compare
COLUMNS = ("date", "commit_a", "commit_b", "rows", "pairs", "seconds", "exit_code", "could_see_percent", "verdict")


def options_of(arguments):
    parser = Parser(
        "ab",
        "Builds two revisions (. is the working tree), measures them in turn, and compares. It ends early when the verdict is "
        "clear. Exit codes as ./run compare.",
        usage="./run ab REV_A REV_B [--gate] [--budget 2m] [--pairs N] [--threshold 5] [--power 10] [--json FILE]\n"
        "                [--junit FILE] [--markdown] [--repeat N --log FILE.csv] [-- BENCH_OPTIONS]",
        epilog="What follows -- are options of eie bench. example: ./run ab main . --budget 5m -- --layer 'Alex-*'",
    )
    parser.add_argument("revisions", nargs="*", metavar="REV", help="two of them")
    parser.add_argument(
        "--gate",
        action="store_true",
        help=f"a few rows of least scatter, a kernel or two of each family, within {gate.SECONDS:g} s; --power "
        f"{gate.POWER_PERCENT:g} unless given",
    )
    parser.add_argument("--budget", type=seconds, metavar="TIME", help="for all runs together (default: 2m; of a gate 45s)")
    parser.add_argument(
        "--pairs",
        type=number_from(3, 999, int),
        metavar="N",
        help="just so many runs of each revision (default: planned from the number of rows, within the budget)",
    )
    parser.add_argument(
        "--threshold", type=number_from(0, 1000), metavar="PERCENT", help="a change up to this is none (default: 5)"
    )
    parser.add_argument(
        "--power",
        type=number_from(0, 1000),
        metavar="PERCENT",
        help="exit code 4 where so large a slowdown of a row could not have been seen",
    )
    parser.add_argument("--json", metavar="FILE", help="the comparison for machines")
    parser.add_argument("--junit", metavar="FILE", help="the same as JUnit's XML: a test case a row")
    parser.add_argument("--markdown", action="store_true", help="print Markdown, for the summary of a CI step")
    parser.add_argument(
        "--repeat",
        type=number_from(1, 9999, int),
        metavar="N",
        help="the whole comparison N times, both sides built once: what a verdict is worth on this machine",
    )
    parser.add_argument("--log", metavar="FILE", help="of --repeat: a line for each; with those there already it goes on")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse(arguments[:end], mixed=True)
    options.further = arguments[end + 1 :]
    if len(options.revisions) != 2:
        die("ab needs two revisions; '.' is the working tree", 2)
    if bool(options.repeat) != bool(options.log):
        die("ab: --repeat and --log belong together", 2)
    if options.json and options.junit and os.path.realpath(options.json) == os.path.realpath(options.junit):
        die(f"ab: {options.junit} would overwrite the other output", 2)
    if options.gate and options.further:
        die("ab: --gate chooses the rows itself: nothing may follow --", 2)
    if options.gate:
        options.further = list(gate.BENCH)
        options.power = gate.POWER_PERCENT if options.power is None else options.power
    options.budget = options.budget or (gate.SECONDS if options.gate else BUDGET_S)
    if options.budget / (2 * (options.pairs or gate.FEWEST_PAIRS)) < 0.1:
        pairs = options.pairs or gate.FEWEST_PAIRS
        die(f"--budget {options.budget:g} is less than 0.1 s for each of {2 * pairs} runs", 2)
    options.commits = [commit_of("ab", name) for name in options.revisions]
    for word in options.further:
        if word.startswith(("--out", "--budget")):
            die(f"ab: {word.split('=')[0]} after -- is set by ab itself", 2)
    return options


def programs_of(options, folder):
    made = []
    for side, commit in enumerate(options.commits):
        tree = "."
        if commit:
            tree = f"{folder}/{side}"
            if call("git", "worktree", "add", "--quiet", "--detach", tree, commit):
                die(f"no worktree for {options.revisions[side]}")
        build("release", tree, "eie")
        made.append(os.path.normpath(f"{tree}/{EIE}"))
    return made


class Runs:
    """The runs of one comparison, in turn."""

    def __init__(self, options, folder, programs):
        self.options, self.folder, self.programs = options, folder, programs
        self.began, self.pairs, self.rows = time.monotonic(), 0, 0
        self.look_s = LOOK_S
        self.looks = [options.pairs] if options.pairs else gate.looks(1)

    def used(self):
        return time.monotonic() - self.began

    def compare_all(self):
        """(exit code, the comparison as it is written for machines) of the last look."""
        while True:
            self._pair()
            if self.pairs == 1 and not self.options.pairs:
                self.looks = gate.looks(self.rows)
            last = self.pairs >= self.looks[-1] or self._is_over()
            if last or self.pairs in self.looks:
                began = self.used()
                code, document = self._look()
                self.look_s = max(self.look_s, self.used() - began)
                if last or code not in (0, BLIND) or self._is_clear(document):
                    return code, document

    def _is_over(self):
        """Is there no time for a further pair?"""
        if self.options.pairs or self.pairs < gate.FEWEST_PAIRS:
            return False
        return self.used() * (1 + 1 / self.pairs) + self.look_s > self.options.budget

    def _is_clear(self, document):
        """No row is ambiguous, and what had to be seen could have been."""
        words = {row["verdict"] for row in document["rows"]}
        return document["exit_code"] == 0 and "ambiguous" not in words and bool(document["rows"])

    def _pair(self):
        """Every other pair begins with the second side: what follows on another run has no advantage."""
        self.pairs += 1
        each = self.options.budget / 2 / max(self.looks[-1], gate.FEWEST_PAIRS)
        for side in (0, 1) if self.pairs % 2 else (1, 0):
            say(f"pair {self.pairs} of {self.looks[-1]} at most, {each:.3g} s a run: {self.options.revisions[side]}")
            path = f"{self.folder}/{side}-{self.pairs}.json"
            code = call(
                *(self.programs[side], "bench", *self.options.further, "--quiet"),
                *("--budget", f"{each:.6f}".rstrip("0").rstrip("."), "--out", path),
                stdout=subprocess.DEVNULL,
            )
            if code > 3 or code == 2 or not os.path.exists(path) or not os.path.getsize(path):
                sys.exit(code or 3)
            self.rows = max(self.rows, measured_rows(path))

    def _look(self):
        pairing = f"{datetime.date.today()}-{os.getpid()}"
        for side, name in enumerate(self.options.revisions):
            runs = [f"{self.folder}/{side}-{pair}.json" for pair in range(1, self.pairs + 1)]
            if plots("merge", "--pairing", pairing, "--out", f"{self.folder}/{MERGED[side]}", *runs):
                die(f"the runs of {name} could not be merged")
        path = f"{self.folder}/compared.json"
        code = self._compare(self.folder, MERGED, "--json", path, stdout=subprocess.DEVNULL)
        try:
            with open(path) as file:
                return code, json.load(file)
        except (OSError, ValueError):
            sys.exit(code or 3)

    def keep_and_print(self):
        """Of the last look."""
        try:
            for merged, kept in zip(MERGED, KEPT_NAMES):
                os.replace(f"{self.folder}/{merged}", f"{KEPT}/{kept}")
        except OSError:
            die(f"{KEPT} cannot be written")
        outputs = (("--json", self.options.json), ("--junit", self.options.junit))
        further = [word for option, path in outputs if path for word in (option, path)]
        return self._compare(KEPT, KEPT_NAMES, *further, *(["--markdown"] if self.options.markdown else []))

    def _compare(self, folder, names, *further, **how):
        for option, value in (("--threshold", self.options.threshold), ("--power", self.options.power)):
            further += (option, f"{value:g}") if value is not None else ()
        error = f"{gate.FAMILY_PERCENT / len(self.looks):.6g}"
        return plots("compare", *(f"{folder}/{name}" for name in names), "--family-error", error, *further, **how)


def measured_rows(path):
    """How many rows of a results file were measured; whether it is one `merge` will say."""
    try:
        with open(path) as file:
            return sum(row.get("eie_provenance") == "measured" for row in json.load(file)["benchmarks"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return 0


def repeat(options, folder, programs):
    """The whole comparison again and again, a line each. Lines of the same two commits that are there already count."""
    commits = [commit or "." for commit in options.commits]
    lines = read_log(options.log)
    done = sum([line["commit_a"], line["commit_b"]] == commits for line in lines)
    for number in range(done + 1, options.repeat + 1):
        say(f"comparison {number} of {options.repeat}")
        runs = Runs(options, make_folder(f"{folder}/runs"), programs)
        code, document = runs.compare_all()
        line = (f"{datetime.datetime.now():%Y-%m-%dT%H:%M:%S}", *commits, runs.rows, runs.pairs, f"{runs.used():.0f}", code)
        append(options.log, (*line, document.get("could_see_percent") or "", document["verdict"]))
        shutil.rmtree(f"{folder}/runs")
        stop_if_asked()
    codes = [line["exit_code"] for line in read_log(options.log) if [line["commit_a"], line["commit_b"]] == commits]
    words = {"0": "saw none", "1": "saw a slowdown", "4": "could not have seen enough"}
    counts = ", ".join(f"{codes.count(code)} {words.get(code, 'ended with ' + code)}" for code in sorted(set(codes)))
    print(f"{len(codes)} comparisons of {options.revisions[0]} and {options.revisions[1]}: {counts}")
    return 0


def read_log(path):
    try:
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            lines, names = list(reader), tuple(reader.fieldnames or COLUMNS)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error):
        die(f"ab: {path} cannot be read", 2)
    if names != COLUMNS or any(None in line or None in line.values() for line in lines):
        die(f"ab: {path} is not a log of ab --repeat", 2)
    return lines


def append(path, values):
    fresh = not os.path.exists(path) or not os.path.getsize(path)
    with open(path, "a", newline="") as file:
        csv.writer(file).writerows(([COLUMNS] if fresh else []) + [values])


def clean(folder):
    ignore_signals()
    for side in (0, 1):
        if os.path.exists(f"{folder}/{side}"):
            call("git", "worktree", "remove", "--force", "--force", f"{folder}/{side}", stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)
    if not os.listdir(KEPT):
        os.rmdir(KEPT)


def main(arguments):
    options = options_of(arguments)
    install("build", "python", "peers")
    libraries = [os.environ.get("EIE_LIBRARY_PATH", ""), os.path.abspath(".venv/lib")]  # for both sides' programs
    os.environ["EIE_LIBRARY_PATH"] = ":".join(filter(None, libraries))
    if options.log:
        read_log(options.log)
    hold_signals()
    folder = make_folder(f"{KEPT}/{os.getpid()}")
    try:
        programs = programs_of(options, folder)
        if options.repeat:
            code = repeat(options, folder, programs)
        else:
            runs = Runs(options, folder, programs)
            runs.compare_all()
            code = runs.keep_and_print()
    finally:
        clean(folder)
    sys.exit(code)
