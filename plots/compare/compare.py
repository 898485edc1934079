"""Compares results files of `eie bench`, one or several of each side, row by row. Measures nothing.

    python3 -m plots compare OLD.json NEW.json [--threshold 5] [--power 10] [--floor FILE ...] [--json FILE]
    python3 -m plots compare --old FILE ... --new FILE ...

Exit codes: 0 good; 1 a slowdown beyond the threshold, or a mismatch in NEW; 2 usage, bad input, two
machines, or nothing in common; 3 a row of OLD is missing or has lost its number, or FILE could not be
written; 4 the files could not have shown a slowdown of --power, or a row is slower in a pair of files that
nothing tells the scatter of. Where several hold: 2, then 1, then 3, then 4.
"""

import json
import sys

from plots.compare.cases import junit_of
from plots.compare.evidence import POWER, Ranks
from plots.compare.floor import runs_of
from plots.compare.judging import CHOICE, DIFFERS, UNKNOWN, Judge, Rules
from plots.compare.matching import label, machine_differences, match, printable, setting_differences, status
from plots.compare.sides import load_floor, load_sides
from plots.core.cells import Cell, missing, percent, said_together
from plots.core.commandline import Parser
from plots.core.contradictions import contradictions
from plots.core.grid import Table
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.means import geometric
from plots.core.output import write_file
from plots.core.page import Page, TableBlock
from plots.core.plain import plain
from plots.options import compare as compare_options
from plots.options.values import globs

HARMLESS_LOSSES = ("suspect", "mismatch")  # named; a mismatch has an exit code of its own
KEY = ("suite", "layer", "layer_hash", "kernel", "device", "batch", "threads", "cache", "time_source")
PLAIN, BY_BASELINE, SEES = "plain", "by baseline", "could see"
BLIND = 4
SHOWN_KEY = ("layer", "kernel", "device", "threads", "batch", "cache", "suite", "time_source")


class Comparison:
    """`power`: the slowdown in percent that must have been visible, or None."""

    def __init__(self, old, new, globs, rules, floor=(), power=None):
        self.old, self.new, self.rules, self.power = old, new, rules, power
        self.matched = match(old, new, globs)
        self.judge = Judge(old, new, self.matched.both, rules, floor)
        self.rows = self.judge.rows
        self.judged = [row for row in self.rows if row.is_judged]
        self.doubts = [
            f"to doubt, {name}: {printable(text)}"
            for name, results in (("old", old), ("new", new))
            for text in contradictions(results)
        ]
        self.lost = [
            (before, row)
            for before, row in self.matched.statuses
            if before and before.usable and not row.usable and status(row) not in HARMLESS_LOSSES
        ]

    def count(self, verdict):
        return sum(row.verdict == verdict for row in self.rows)

    @property
    def exit_code(self):
        if self.is_slower or any(row.status == "mismatch" for _, row in self.matched.statuses):
            return 1
        if self.matched.missing or self.matched.other_layer or self.lost or not self.rows:
            return 3
        return BLIND if self.blind or any(row.verdict == DIFFERS and row.used.value > 1 for row in self.rows) else 0

    @property
    def mean(self):
        return self.judge.mean

    @property
    def is_slower(self):
        return bool(self.count("slower") or self.mean and self.mean.verdict == "slower")

    @property
    def blind(self):
        """The rows that could not have shown a slowdown of --power."""
        if self.power is None:
            return []
        if not self.rules.verdicts:
            return self.rows
        return [row for row in self.judged if row.sees is None or row.sees > self.power]

    @property
    def sees(self):
        """The smallest slowdown in percent that every judged row could have shown; None: there is none."""
        found = [row.sees for row in self.judged]
        return max(found) if found and None not in found else None

    def means(self):
        """[(kernel, rows, mean of the absolute ratios, mean of the relative ones or None)], worst first."""
        kernels = {}
        for row in self.rows:
            if row.basis != "model":
                kernels.setdefault((row.new.kernel, row.new.time_source), []).append(row)
        means = []
        for (kernel, clock), rows in kernels.items():
            complete = all(row.relative for row in rows)
            steady = [row.relative.value for row in rows if row.relative and not row.stumbled]
            means.append(
                (
                    kernel if clock == "wall" else f"{kernel} ({clock} time)",
                    len(rows),
                    geometric([row.absolute.value for row in rows]),
                    geometric(steady) if complete and steady else None,
                )
            )
        return sorted(means, key=lambda mean: (-(mean[3] or mean[2]), mean[0]))

    def verdict(self):
        """One line."""
        counts = [
            f"{self.count(word)} {word}"
            for word in ("slower", DIFFERS, "ambiguous", UNKNOWN, "same", "faster", CHOICE, "changed")
            if self.count(word)
        ]
        lost = len(self.matched.missing) + len(self.lost)
        counts += [
            f"{number} {words}"
            for number, words in ((lost, "missing"), (len(self.matched.other_layer), "not comparable"))
            if number
        ]
        mismatches = sum(row.status == "mismatch" for _, row in self.matched.statuses)
        if not self.rows:
            head = "nothing could be compared"
        elif not self.rules.verdicts:
            head, counts = "two machines: ratios only, no verdict", [f"{len(self.rows)} rows"] + counts
        elif self.count("slower"):
            worst = self.rows[0]
            head = f"SLOWER beyond {self.rules.threshold:g} %, worst {_ratio_cell(worst, worst.used, 'x').said(3)} {label(worst.new)}"
        elif self.is_slower:
            head = f"SLOWER beyond {self.rules.threshold:g} % on the whole: {self._mean_words()}"
        elif self.count(DIFFERS):
            head = (
                "differences in this pair of files: one run a side and no --floor cannot tell them from those of the machine"
            )
        else:
            head = f"no slowdown beyond {self.rules.threshold:g} % seen; {self._sight()}"
        if self.blind and not self.is_slower:
            head = f"COULD NOT HAVE SEEN {self.power:g} % in {len(self.blind)} of {len(self.judged)} rows; {head}"
        if mismatches:
            head = f"MISMATCH in {mismatches} of the new rows; {head}"
        return head + (f" ({', '.join(counts)})" if counts else "")

    def _sight(self):
        """What could have been seen."""
        if not self.judged:
            return "no row is judged"
        if not self.judge.knows_runs:
            return "what could have been seen is not known: one run a side and no --floor"
        least = (
            "not every row could have shown any"
            if self.sees is None
            else f"every row could have shown {_percent_words(self.sees)}"
        )
        mean = f", their mean {_percent_words(self.mean.sees)}" if self.mean and self.mean.sees is not None else ""
        return least + mean

    def _mean_words(self):
        """The mean over all rows that are judged."""
        ratio, what = self.mean.ratio, "geometric mean of new / old over all rows with a verdict"
        cell = Cell(ratio.value, "x", "derived", what, low=ratio.low, high=ratio.high)
        ends = (
            f", 95 % interval {said_together([Cell(end, '', 'derived', what) for end in (ratio.low, ratio.high)], ' .. ', 3)}"
            if ratio.low is not None
            else ""
        )
        could = f", could have shown {_percent_words(self.mean.sees)}" if self.mean.sees is not None else ""
        return f"the mean changed by {cell.said(3)}{ends}{could}: {self.mean.verdict}"

    def remarks(self):
        return [
            f"{text}."
            for text in self._basis()
            + self._drift()
            + ([self._mean_words()] if self.mean else [])
            + self._seen()
            + self._binary()
            + self._floor_program()
            + self._advice()
            + self.doubts
            + [f"the files differ in {text}" for text in setting_differences(self.old, self.new)]
        ]

    def _basis(self):
        if not self.rules.verdicts:
            return ["--across-machines: these are ratios of two machines, and no verdict on either"] + [
                f"other machine: {text}" for text in machine_differences(self.old, self.new)
            ]
        by = {
            basis: sum(row.basis == basis and row.verdict != "baseline" for row in self.rows)
            for basis in ("baseline", "absolute", "model")
        }
        words = {
            "baseline": "against the dense baseline of their group (new / baseline over old / baseline), "
            f"{self.judge.yardsticks.names()}",
            "absolute": "by the plain ratio new / old"
            + ("" if self.judge.paired else ", which contains the drift of the machine"),
            "model": "as model rows, which must be equal",
        }
        return [f"{number} rows are judged {words[basis]}" for basis, number in by.items() if number]

    def _drift(self):
        bases = {row.basis for row in self.rows if row.verdict != "baseline"}
        texts = []
        if self.judge.drifts and "baseline" in bases:
            drifts = [_change_cell(end(self.judge.drifts.values())) for end in (min, max)]
            texts.append(
                f"the baseline's own times changed by {said_together(drifts, ' to ', 3)} over {len(self.judge.drifts)} groups"
            )
        scatter = percent(self.judge.scatter or 0, "the changes of the baselines").said(1)
        without = self.judge.yardsticks.without()
        if without and not self.rules.absolute:
            texts.append(
                f"in {without} groups no dense row is of equal library, version and code path in both files: "
                "their rows are judged without a baseline"
            )
        if self.judge.moved:
            ends = [_change_cell(end(self.judge.moved.values())) for end in (min, max)]
            texts.append(
                f"the library's row changed as well, by {said_together(ends, ' to ', 3)}, though its code is equal on both sides: "
                "what is around all kernels did, or the machine"
            )
        if self.judge.knows_runs:
            return texts + [self._of_runs()] + self._stumbled()
        if "baseline" in bases and self.judge.scatter is not None:
            texts.append(
                f"the scatter of these changes, {scatter}, widens every interval by "
                "baseline: so much of a row and of its baseline varies from run to run"
            )
            texts += self._stumbled()
        elif "absolute" in bases and self.judge.scatter is not None and not self.rules.absolute:
            texts.append(
                f"the scatter of the baselines, {scatter}, and their median change, "
                f"{_change_cell(self.judge.median_drift).said(3)}, widen every interval: so much varies from run to run"
            )
        elif bases & {"absolute", "baseline"}:
            texts.append("intervals know one run of each side: what varies from run to run is not in them")
        return texts

    def _of_runs(self):
        if self.judge.floor:
            return (
                "ratios are of tenth percentiles of the samples; how far they scatter is the floor's, each row's own drawn "
                "towards what is usual"
            )
        if not self.judge.paired:
            return (
                f"ratios are means over {self.judge.runs[0]} and {self.judge.runs[1]} runs, of the tenth percentiles of the "
                "samples; intervals Student's over the runs"
            )
        by_ranks = any(isinstance(row.evidence, Ranks) for row in self.rows)
        return (
            f"ratios are medians over {self.judge.runs[1]} pairs of runs taken in turn, of the tenth percentiles of the samples; "
            + (
                "intervals by signed ranks and rank sums"
                if by_ranks
                else "intervals Student's: by ranks so few pairs could call no row"
            )
        )

    def _seen(self):
        """How the error and the sight of the verdicts are meant."""
        if not self.judge.knows_runs or not self.judged or not self.rules.verdicts:
            return []
        return [
            f"chance of at most {self.rules.family_error:g} % that any row of an unchanged program is called slower or faster "
            f"(Holm); `{SEES}` is the least slowdown that would be called with a chance of {100 * POWER:g} %"
        ]

    def _stumbled(self):
        count = sum(row.stumbled for row in self.rows)
        return (
            [
                f"{count} rows have a baseline that changed otherwise than the others: they are ambiguous and in no "
                "mean by baseline"
            ]
            if count
            else []
        )

    def _binary(self):
        hashes = {str(results.context.get("eie_binary_sha256", "")) for results in (self.old, self.new)}
        return [] if len(hashes) > 1 or "" in hashes else ["both files were measured with the same program"]

    def _floor_program(self):
        sides = {str(results.context.get("eie_binary_sha256", "")) for results in (self.old, self.new)}
        known = self.judge.floor and self.judge.floor.programs and "" not in sides
        return (
            ["the floor is of a program that is neither side's"] if known and not self.judge.floor.programs & sides else []
        )

    def _advice(self):
        return (
            ["ambiguous rows need longer runs (eie bench --budget) or runs in turn (./run ab --budget)"]
            if self.count("ambiguous")
            else []
        )

    def named(self):
        """{heading: [line]} of everything that is no comparison."""
        matched = self.matched
        return {
            heading: lines
            for heading, lines in {
                "Missing in the new file": [label(row) for row in matched.missing],
                "Not comparable: another layer under the same name": [
                    f"{label(row)}: layer hash {printable(before.layer_hash[:12])} -> {printable(row.layer_hash[:12])}"
                    for before, row in matched.other_layer
                ],
                "Status changed": [_status_line(*pair) for pair in matched.statuses],
                "Only in the new file": [label(row) for row in matched.added],
            }.items()
            if lines
        }

    def page(self, marked=False):
        """`marked`: for a reader who sees its beginning first; else for a terminal, which shows its end."""
        page = Page()
        if marked:
            page.heading("Comparison").add(f"**{self.verdict()}**")
        page.add(
            "\n".join(
                f"{name}: {printable(results.path)}, {_origin(results)}"
                for name, results in (("old", self.old), ("new", self.new))
            )
        )
        shown = [row for row in self.rows if row.basis != "model" or row.verdict != "same"]
        if shown:
            page.add(*_rows_table(shown))
        if self.means():
            page.table(self._means_table(), titled=False, remarks=False)
        for heading, lines in self.named().items():
            page.heading(heading).bullets(lines)
        equal = len(self.rows) - len(shown)
        remarks = self.remarks()
        remarks += [f"{equal} model rows are equal."] if equal else []
        remarks += [f"{self.matched.numberless} rows have no number in either file."] if self.matched.numberless else []
        page.bullets(remarks)
        return page if marked else page.add(self.verdict())

    def _means_table(self):
        table = Table("", "Means", corner="geometric mean of new / old")
        for kernel, count, over, relative in self.means():
            what = f"geometric mean of new / old over {count} rows of {kernel}"
            table.put_cells(
                printable(kernel),
                {
                    "rows": Cell(count, "", "derived", what, text=str(count)),
                    PLAIN: Cell(over, "", "derived", what),
                    BY_BASELINE: missing("none", "derived", what, reason="no baseline")
                    if relative is None
                    else Cell(relative, "", "derived", f"{what}, over the baseline's"),
                },
            )
        table.decimals = {PLAIN: 3, BY_BASELINE: 3}
        return table

    def document(self):
        sides = {
            name: {
                "file": results.path,
                "date": results.context.get("date"),
                "revision": results.context.get("eie_revision"),
            }
            for name, results in (("old", self.old), ("new", self.new))
        }
        return sides | {
            "format": "eie-compare-1",
            "threshold_percent": self.rules.threshold,
            "verdict": self.verdict(),
            "exit_code": self.exit_code,
            "judged": self.rules.verdicts,
            "baseline_scatter": self.judge.scatter,
            "runs": list(self.judge.runs),
            "pairs": self.judge.runs[1] if self.judge.paired else None,
            "family_error_percent": self.rules.family_error,
            "power_percent": self.power,
            "could_see_percent": self.sees,
            "mean": self.mean
            and {"verdict": self.mean.verdict, "could_see_percent": self.mean.sees} | _ratio_object(self.mean.ratio),
            "rows": [_row_object(row) for row in self.rows],
            "kernels": [
                {"kernel": kernel, "rows": count, "mean_ratio": plain, "mean_ratio_by_baseline": relative}
                for kernel, count, plain, relative in self.means()
            ],
            "missing": [_key_object(row) for row in self.matched.missing],
            "not_comparable": [
                _key_object(row) | {"old_layer_hash": before.layer_hash} for before, row in self.matched.other_layer
            ],
            "statuses": [
                _key_object(row) | {"old_status": before and status(before), "status": status(row), "reason": row.reason}
                for before, row in self.matched.statuses
            ],
            "added": [_key_object(row) for row in self.matched.added],
            "without_number": self.matched.numberless,
            "remarks": self.remarks(),
        }


def _rows_table(rows):
    """The parts of the key that all rows share stand once above the table."""
    values = {part: [_part(row.new, part) for row in rows] for part in SHOWN_KEY}
    shared = [part for part in SHOWN_KEY if len(set(values[part])) == 1]
    own = [part for part in SHOWN_KEY if part not in shared] or shared[:1]
    table = Table("", "Rows", corner=", ".join(part.replace("_", " ") for part in own))
    for place, row in enumerate(rows):
        name = ", ".join(values[part][place] for part in own)
        name += f" #{place}" * (name in table.rows)  # names that differ only in what cannot be printed
        table.put_cells(name, _row_cells(row))
        if row.note:
            table.put(table.rows[-1], "note", _words(printable(row.note), row))
    table.decimals = {PLAIN: 3, BY_BASELINE: 3, SEES: 1}
    words = ", ".join(f"{part.replace('_', ' ')} {values[part][0]}" for part in shared)
    return ([f"All rows: {words}"] if shared else []) + [TableBlock(table, titled=False, remarks=False)]


def _row_cells(row):
    return {
        "verdict": _words(row.verdict, row),
        "by": _words(row.basis, row),
        PLAIN: _ratio_cell(row, row.absolute),
        BY_BASELINE: _ratio_cell(row, row.relative),
        "95 % interval": _words(_interval(row), row),
        SEES: _sees_cell(row),
        "old us": _time_cell(row.old),
        "new us": _time_cell(row.new),
    }


def _words(text, row):
    return Cell(text, "", "derived", label(row.new))


def _sees_cell(row):
    what = f"the least slowdown that would have been called: {label(row.new)}"
    if row.sees is None:
        return missing(
            "none", "derived", what, "%", "not judged" if not row.is_judged else "no scatter between runs is known"
        )
    return Cell(row.sees, "%", "derived", what)


def _percent_words(value):
    return Cell(value, "%", "derived", "the least slowdown that would have been called").said(1)


def _change_cell(value):
    return Cell(value, "x", "derived", "new / old of the dense baselines")


def _ratio_cell(row, ratio, unit=""):
    what = f"new / old: {label(row.new)}"
    if ratio is None:
        return missing("none", "derived", what, reason="no baseline")
    return Cell(ratio.value, unit, "derived", what, low=ratio.low, high=ratio.high, disturbed=ratio.disturbed)


def _time_cell(row):
    return Cell(row.median_ns / 1e3, "us", row.provenance, f"median of {label(row)}")


def _part(row, part):
    return printable(getattr(row, part))


def _interval(row):
    ends = [Cell(end, "", "derived", label(row.new)) for end in (row.used.low, row.used.high) if end is not None]
    return said_together(ends, " .. ", 3) if ends else ""


def _status_line(before, row):
    change = f"{status(before)} -> {status(row)}" if before else f"new row: {status(row)}"
    return f"{label(row)}: {change}" + (f": {printable(row.reason)}" if row.reason else "")


def _origin(results):
    words = (("revision", results.context.get("eie_revision")), ("", results.context.get("date")))
    return ", ".join(f"{word} {printable(value)}".strip() for word, value in words if value) or "of unknown origin"


def _key_object(row):
    return {part: getattr(row, part) for part in KEY}


def _row_object(row):
    return _key_object(row.new) | {
        "old_ns": row.old.median_ns,
        "new_ns": row.new.median_ns,
        "verdict": row.verdict,
        "basis": row.basis,
        "absolute": _ratio_object(row.absolute),
        "relative": _ratio_object(row.relative),
        "could_see_percent": row.sees,
        "note": row.note,
    }


def _ratio_object(ratio):
    return ratio and {"ratio": ratio.value, "low": ratio.low, "high": ratio.high}


def _options(arguments):
    parser = Parser(
        "compare",
        description="Compares results files of `eie bench`, one or several of each side, row by row.",
        usage="%(prog)s [OPTIONS] OLD.json NEW.json, or [OPTIONS] --old FILE... --new FILE...",
        epilog="example: ./run compare old.json new.json --threshold 10 --kernel 'avx512_*'",
    )
    compare_options.add(parser)
    options = parser.parse_args(arguments)
    compare_options.check(parser, options)
    return options


def compare(options):
    old, new = load_sides(options.old, options.new)
    differences = machine_differences(old, new)
    if differences and not options.across_machines:
        raise InputError(
            f"{old.path} and {new.path} are of two machines ({'; '.join(differences)}): "
            "--across-machines shows ratios without verdicts"
        )
    if options.floor and any(runs_of(side) > 1 for side in (old, new)):
        raise InputError("--floor is for one run a side: merged files tell themselves how far they scatter")
    floor = load_floor(options.floor, old) if options.floor else ()
    rules = Rules(options.threshold, options.absolute, not options.across_machines, options.family_error)
    return Comparison(old, new, globs(options), rules, floor, options.power)


def main(arguments=None):
    options = _options(arguments)
    try:
        comparison = compare(options)
    except InputError as error:
        print(f"compare: {printable(error)}", file=sys.stderr)
        return 2
    print(markdown(comparison.page(marked=True)) if options.markdown else plain(comparison.page()), end="")
    code = comparison.exit_code
    try:
        if options.json:
            write_file(options.json, json.dumps(comparison.document(), indent=1) + "\n")
        if options.junit:
            write_file(options.junit, junit_of(comparison))
    except OSError as error:
        path = error.filename or options.json or options.junit
        print(f"compare: cannot write {path}: {error.strerror or error}", file=sys.stderr)
        return code or 3
    return code
