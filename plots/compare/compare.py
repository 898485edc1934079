"""Compares two results files of `eie bench`, row by row. Measures nothing.

    python3 -m plots compare OLD.json NEW.json [--threshold 5] [--kernel GLOB ...] [--json FILE]

Exit codes: 0 good; 1 a slowdown beyond the threshold, or a mismatch in NEW; 2 usage, bad input, two
machines, or nothing in common; 3 a row of OLD is missing or has lost its number, or FILE could not be
written. Where several hold: 2, then 1, then 3.
"""

import json
import os
import sys

from plots.compare.judging import CHOICE, Judge, Rules
from plots.compare.matching import label, machine_differences, match, printable, setting_differences, status
from plots.core.cells import Cell, missing, percent, said_together
from plots.core.commandline import Parser
from plots.core.grid import Table
from plots.core.load import InputError, load
from plots.core.means import geometric
from plots.core.output import write
from plots.core.page import Page, TableBlock
from plots.core.plain import plain
from plots.options import compare as compare_options

HARMLESS_LOSSES = ("suspect", "mismatch")  # named; a mismatch has an exit code of its own
KEY = ("suite", "layer", "layer_hash", "kernel", "device", "batch", "threads", "cache", "time_source")
PLAIN, BY_BASELINE = "plain", "by baseline"
SHOWN_KEY = ("layer", "kernel", "device", "threads", "batch", "cache", "suite", "time_source")


class Comparison:
    def __init__(self, old, new, globs, rules):
        self.old, self.new, self.rules = old, new, rules
        self.matched = match(old, new, globs)
        self.judge = Judge(old, new, self.matched.both, rules)
        self.rows = self.judge.rows
        self.lost = [
            (before, row)
            for before, row in self.matched.statuses
            if before and before.usable and not row.usable and status(row) not in HARMLESS_LOSSES
        ]

    def count(self, verdict):
        return sum(row.verdict == verdict for row in self.rows)

    @property
    def exit_code(self):
        if self.count("slower") or any(row.status == "mismatch" for _, row in self.matched.statuses):
            return 1
        return 3 if self.matched.missing or self.matched.other_layer or self.lost or not self.rows else 0

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
            for word in ("slower", "ambiguous", "same", "faster", CHOICE, "changed")
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
        else:
            head = f"no slowdown beyond {self.rules.threshold:g} % seen"
        if mismatches:
            head = f"MISMATCH in {mismatches} of the new rows; {head}"
        return head + (f" ({', '.join(counts)})" if counts else "")

    def remarks(self):
        return [
            f"{text}."
            for text in self._basis()
            + self._drift()
            + self._binary()
            + self._advice()
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
        if self.judge.paired:
            return texts + ["ratios are means over pairs of runs taken in turn, intervals Student's over these pairs"]
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

    def page(self):
        page = Page().add(
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
        return page.bullets(remarks).add(self.verdict())

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
    table.decimals = {PLAIN: 3, BY_BASELINE: 3}
    words = ", ".join(f"{part.replace('_', ' ')} {values[part][0]}" for part in shared)
    return ([f"All rows: {words}"] if shared else []) + [TableBlock(table, titled=False, remarks=False)]


def _row_cells(row):
    return {
        "verdict": _words(row.verdict, row),
        "by": _words(row.basis, row),
        PLAIN: _ratio_cell(row, row.absolute),
        BY_BASELINE: _ratio_cell(row, row.relative),
        "95 % interval": _words(_interval(row), row),
        "old us": _time_cell(row.old),
        "new us": _time_cell(row.new),
    }


def _words(text, row):
    return Cell(text, "", "derived", label(row.new))


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
        "note": row.note,
    }


def _ratio_object(ratio):
    return ratio and {"ratio": ratio.value, "low": ratio.low, "high": ratio.high}


def _options(arguments):
    parser = Parser(
        "compare",
        description="Compares two results files of `eie bench`, row by row.",
        epilog="example: ./run compare old.json new.json --threshold 10 --kernel 'avx512_*'",
    )
    compare_options.add(parser)
    options = parser.parse_args(arguments)
    compare_options.check(parser, options)
    return options


def compare(options):
    old, new = load(options.old), load(options.new)
    differences = machine_differences(old, new)
    if differences and not options.across_machines:
        raise InputError(
            f"{old.path} and {new.path} are of two machines ({'; '.join(differences)}): "
            "--across-machines shows ratios without verdicts"
        )
    rules = Rules(options.threshold, options.absolute, not options.across_machines)
    return Comparison(old, new, compare_options.globs(options), rules)


def main(arguments=None):
    options = _options(arguments)
    try:
        comparison = compare(options)
    except InputError as error:
        print(f"compare: {printable(error)}", file=sys.stderr)
        return 2
    print(plain(comparison.page()), end="")
    code = comparison.exit_code
    if options.json:
        try:
            write(
                os.path.dirname(options.json) or ".",
                {os.path.basename(options.json): json.dumps(comparison.document(), indent=1) + "\n"},
            )
        except OSError as error:
            print(f"compare: cannot write {options.json}: {error.strerror or error}", file=sys.stderr)
            return code or 3
    return code
