"""./run ab: two revisions, built, measured in turn and compared."""

import datetime
import glob
import os
import shutil
import subprocess
import sys

from bench.door.arguments import Parser, number_from, seconds
from bench.door.messages import die, say
from bench.door.programs import call, hold_signals, ignore_signals, output
from bench.door.project import EIE, build, install, make_folder, plots

KEPT = "build/ab"


def options_of(arguments):
    parser = Parser(
        "ab",
        "Builds two revisions (. is the working tree), measures them in turn, and compares. Exit codes as ./run compare.",
        usage="./run ab REV_A REV_B [--budget 2m] [--pairs 5] [--threshold 5] [--json FILE] [-- BENCH_OPTIONS]",
        epilog="What follows -- are options of eie bench. example: ./run ab main . --budget 5m -- --layer 'Alex-*'",
    )
    parser.add_argument("revisions", nargs="*", metavar="REV", help="two of them")
    parser.add_argument(
        "--budget", type=seconds, default="2m", metavar="TIME", help="for all runs together (default: %(default)s)"
    )
    parser.add_argument(
        "--pairs", type=number_from(3, 999, int), default=5, metavar="N", help="runs of each revision (default: %(default)s)"
    )
    parser.add_argument(
        "--threshold", type=number_from(0, 1000), metavar="PERCENT", help="a change up to this is none (default: 5)"
    )
    parser.add_argument("--json", metavar="FILE", help="the comparison for machines")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse(arguments[:end], mixed=True)
    options.further = arguments[end + 1 :]
    if len(options.revisions) != 2:
        die("ab needs two revisions; '.' is the working tree", 2)
    options.each = int(options.budget / options.pairs / 2)
    if options.each < 1:
        die(f"--budget {options.budget:g} is less than a second for each of {2 * options.pairs} runs", 2)
    options.commits = [commit_of(name) for name in options.revisions]
    for word in options.further:
        if word.startswith(("--out", "--budget")):
            die(f"ab: {word.split('=')[0]} after -- is set by ab itself", 2)
    return options


def commit_of(name):
    """None: the working tree."""
    if name in (".", "work"):
        return None
    commit, code = output("git", "rev-parse", "--verify", "--quiet", name + "^{commit}", stderr=subprocess.DEVNULL)
    if code:
        die(f"ab: no revision '{name}' here", 2)
    return commit.strip()


def programs_of(options, folder):
    made = []
    for side, commit in enumerate(options.commits):
        tree = "."
        if commit:
            tree = f"{folder}/{side}"
            if call("git", "worktree", "add", "--quiet", "--detach", tree, commit):
                die(f"no worktree for {options.revisions[side]}")
        build("release", tree)
        made.append(os.path.normpath(f"{tree}/{EIE}"))
    return made


def measure(options, folder, programs):
    for pair in range(1, options.pairs + 1):
        for side, program in enumerate(programs):
            say(f"run {pair} of {options.pairs}, {options.each} s: {options.revisions[side]}")
            path = f"{folder}/{side}-{pair}.json"
            code = call(
                *(program, "bench", *options.further, "--quiet", "--budget", str(options.each), "--out", path),
                stdout=subprocess.DEVNULL,
            )
            if code > 3 or code == 2 or not os.path.exists(path) or not os.path.getsize(path):
                sys.exit(code or 3)


def compare(options, folder):
    pairing = f"{datetime.date.today()}-{os.getpid()}"
    for side, name in enumerate(options.revisions):
        runs = sorted(glob.glob(f"{folder}/{side}-*.json"))
        if plots("merge", "--pairing", pairing, "--out", f"{folder}/merged-{side}", *runs):
            die(f"the runs of {name} could not be merged")
    try:
        os.replace(f"{folder}/merged-0", f"{KEPT}/a.json")
        os.replace(f"{folder}/merged-1", f"{KEPT}/b.json")
    except OSError:
        die(f"{KEPT} cannot be written")
    further = ["--threshold", f"{options.threshold:g}"] if options.threshold is not None else []
    further += ["--json", options.json] if options.json else []
    return plots("compare", f"{KEPT}/a.json", f"{KEPT}/b.json", *further)


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
    hold_signals()
    folder = make_folder(f"{KEPT}/{os.getpid()}")
    try:
        measure(options, folder, programs_of(options, folder))
        code = compare(options, folder)
    finally:
        clean(folder)
    sys.exit(code)
