"""Compares two files of `eie count`, row by row: instructions of a call, which equal code has equally many of.

    python3 -m plots counts OLD.json NEW.json [--limit [KERNELS=]PERCENT ...] [--json FILE] [--junit FILE] [--markdown]

Exit codes: 0 good; 1 a row has more instructions than its limit allows, or its kernel is wrong in NEW; 2 usage or bad
input; 3 a row of OLD is missing, has lost its count or cannot be compared, nothing could be compared, or a file could not
be written. Where several hold: 2, then 1, then 3.
"""

import json
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase

from plots.compare.junit import Case, junit
from plots.core.cells import Cell, missing
from plots.core.commandline import Parser
from plots.core.grid import Table
from plots.core.load import InputError, check_format, one_line, read_json
from plots.core.markdown import markdown
from plots.core.output import write_file
from plots.core.page import Page
from plots.core.plain import plain
from plots.options import counts as counts_options

FORMAT = "eie-count-1"
METHODS = ("callgrind", "step")
STATUSES = ("ok", "unsupported", "skipped", "wrong", "error")
MOST = 2**53
MORE, FEWER, SAME = "more", "fewer", "same"
BAD = ("wrong", "error")


@dataclass(frozen=True)
class Count:
    suite: str
    layer: str
    kernel: str
    batch: int
    layer_hash: str
    method: str
    status: str
    reason: str
    instructions: int | None  # None: no count

    @property
    def key(self):
        return self.suite, self.layer, self.kernel, self.batch

    @property
    def label(self):
        return f"{self.kernel}, {self.suite}/{self.layer}, batch {self.batch}"


@dataclass(frozen=True)
class Side:
    path: str
    revision: str
    cpu: str
    rows: dict  # {key: Count}


@dataclass(frozen=True)
class Row:
    old: Count | None
    new: Count | None
    limit: float

    @property
    def any(self):
        return self.new or self.old

    @property
    def obstacle(self):
        """Why the two cannot be compared; "" where they can."""
        old, new = self.old, self.new
        if old is None:
            return "only in the new file"
        if new is None:
            return "missing in the new file"
        for side, count in (("old", old), ("new", new)):
            if count.instructions is None:
                return f"{side}: {count.status}: {count.reason}"
        if old.layer_hash != new.layer_hash:
            return "another layer under the same name"
        return f"counted by {old.method}, then by {new.method}" if old.method != new.method else ""

    @property
    def change(self):
        return None if self.obstacle else 100 * (self.new.instructions / self.old.instructions - 1)

    @property
    def verdict(self):
        if self.new is not None and self.new.status in BAD:
            return self.new.status
        if self.obstacle:
            return "lost" if self.old is not None and self.old.instructions is not None else "-"
        # of whole numbers, so that a change of just the limit is within it whatever the rounding
        more = (self.new.instructions - self.old.instructions) * 100
        bound = self.limit * self.old.instructions
        return MORE if more > bound else FEWER if -more > bound else SAME


class Counts:
    def __init__(self, old, new, limits):
        self.old, self.new = old, new
        keys = [*new.rows, *(key for key in old.rows if key not in new.rows)]
        rows = [Row(old.rows.get(key), new.rows.get(key), counts_options.limit_for(limits, key[2])) for key in keys]
        self.rows = sorted(rows, key=lambda row: -(row.change if row.change is not None else float("-inf")))

    def count(self, *verdicts):
        return sum(row.verdict in verdicts for row in self.rows)

    @property
    def exit_code(self):
        if self.count(MORE, *BAD):
            return 1
        return 3 if self.count("lost") or not self.count(SAME, FEWER) else 0

    def verdict(self):
        """One line."""
        if self.count(*BAD):
            head = f"WRONG: {self.count(*BAD)} of the new rows"
        elif self.count(MORE):
            worst = self.rows[0]
            head = f"MORE instructions than allowed, worst {_change(worst).said(2)}: {worst.any.label}"
        elif not self.count(SAME, FEWER):
            head = "nothing could be compared"
        else:
            head = "no row has more instructions than allowed"
        lost = self.count("lost")
        if lost:
            head = f"LOST {lost} row{'s' * (lost > 1)} of the old file; {head}"
        equal = sum(row.change == 0 for row in self.rows)
        parts = [f"{self.count(word)} {word}" for word in (MORE, FEWER, SAME, *BAD, "lost") if self.count(word)]
        return head + (f" ({', '.join(parts)}; {equal} equal to the last instruction)" if parts else "")

    def page(self):
        page = Page().add("\n".join(f"{name}: {side.path}, revision {side.revision}" for name, side in self.sides()))
        table = Table("", "Rows", corner="kernel, layer, batch", decimals={"change": 2})
        for row in self.rows:
            table.put_cells(row.any.label, _cells(row))
        page.table(table, titled=False, remarks=False)
        return page.bullets(f"{row.any.label}: {row.obstacle}" for row in self.rows if row.obstacle).add(self.verdict())

    def sides(self):
        return ("old", self.old), ("new", self.new)

    def document(self):
        return {
            "format": "eie-counts-1",
            "verdict": self.verdict(),
            "exit_code": self.exit_code,
            **{name: {"file": side.path, "revision": side.revision, "cpu": side.cpu} for name, side in self.sides()},
            "rows": [_row_object(row) for row in self.rows],
        }

    def junit(self):
        cases = []
        for row in self.rows:
            count, words = row.any, row.obstacle or f"{row.change:+.2f} % instructions, limit {row.limit:g} %"
            fails = row.verdict in (MORE, "lost", *BAD)
            cases.append(
                Case(
                    count.kernel,
                    f"{count.suite}/{count.layer}, batch {count.batch}",
                    failure=f"{row.verdict}: {words}" if fails else "",
                    skipped=row.obstacle,
                    output="" if row.obstacle else f"{row.old.instructions} -> {row.new.instructions} instructions",
                )
            )
        return junit("eie count", cases)


def _cells(row):
    def number(count):
        if count is None or count.instructions is None:
            return missing("none", "measured", row.any.label, reason="no count")
        return Cell(
            count.instructions, "", "measured", f"instructions of a call: {count.label}", text=str(count.instructions)
        )

    what = f"what of the instructions: {row.any.label}"
    return {
        "verdict": Cell(row.verdict, "", "derived", what),
        "change": missing("none", "derived", what, reason=row.obstacle) if row.obstacle else _change(row),
        "limit %": Cell(row.limit, "", "assumed", "--limit", text=f"{row.limit:g}"),
        "by": Cell(row.any.method, "", "derived", what),
        "old": number(row.old),
        "new": number(row.new),
    }


def _change(row):
    return Cell(row.change, "%", "derived", f"instructions new / old - 1: {row.any.label}")


def _row_object(row):
    count = row.any
    return {
        "suite": count.suite,
        "layer": count.layer,
        "kernel": count.kernel,
        "batch": count.batch,
        "method": count.method,
        "old": row.old and row.old.instructions,
        "new": row.new and row.new.instructions,
        "change_percent": row.change,
        "limit_percent": row.limit,
        "verdict": row.verdict,
        "reason": row.obstacle,
    }


def load(path):
    """A file of `eie count`, checked."""
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise InputError(f"{path}: not a file of `eie count`: no rows")
    check_format(path, "format", document.get("format"), FORMAT, "a file of `eie count`")
    rows = {}
    for place, raw in enumerate(document["rows"]):
        row = _load_row(raw, f"{path}: rows[{place}]")
        if row.key in rows:
            raise InputError(f"{path}: rows[{place}]: a second row of {row.label}")
        rows[row.key] = row
    return Side(str(path), _word(document, "eie_revision"), _word(document, "cpu"), rows)


def _word(raw, key):
    value = raw.get(key)
    return one_line(value) if isinstance(value, str) and value else "unknown"


def _load_row(raw, where):
    if not isinstance(raw, dict):
        raise InputError(f"{where}: not an object")
    for key in ("suite", "layer", "kernel", "layer_hash"):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise InputError(f"{where}: {key} is missing or not a string")
    for key, known in (("method", METHODS), ("status", STATUSES)):
        if raw.get(key) not in known:
            raise InputError(f"{where}: {key} is missing or not one of {', '.join(known)}")
    if type(raw.get("batch")) is not int or not 1 <= raw["batch"] <= 65536:
        raise InputError(f"{where}: batch is missing or not a whole number from 1 to 65536")
    instructions = raw.get("instructions")
    if raw["status"] == "ok":
        if type(instructions) is not int or not 1 <= instructions <= MOST:
            raise InputError(f"{where}: instructions is missing or not a whole number above 0")
    elif instructions is not None:
        raise InputError(f"{where}: status {raw['status']} with instructions")
    names = (one_line(raw[key]) for key in ("suite", "layer", "kernel"))
    reason = _word(raw, "reason")
    return Count(*names, raw["batch"], raw["layer_hash"], raw["method"], raw["status"], reason, instructions)


def _check_limits(limits, counts):
    """A limit that fits nothing is a slip of the pen, and would leave what it was meant for with another."""
    for glob, _ in limits:
        if glob != "*" and not any(fnmatchcase(row.any.kernel, glob) for row in counts.rows):
            raise InputError(f"--limit '{glob}' fits no kernel of either file")


def main(arguments=None):
    parser = Parser("counts", description="Compares two files of `eie count`, row by row.")
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    counts_options.add(parser)
    options = parser.parse_args(arguments)
    counts_options.check(parser, options, (options.old, options.new))
    try:
        counts = Counts(load(options.old), load(options.new), options.limit)
        _check_limits(options.limit, counts)
        if counts.old.cpu != counts.new.cpu:
            raise InputError(f"{options.old} and {options.new} are of two processors: {counts.old.cpu}; {counts.new.cpu}")
    except InputError as error:
        print(f"counts: {one_line(error)}", file=sys.stderr)
        return 2
    print((markdown if options.markdown else plain)(counts.page()), end="")
    try:
        if options.json:
            write_file(options.json, json.dumps(counts.document(), indent=1) + "\n")
        if options.junit:
            write_file(options.junit, counts.junit())
    except OSError as error:
        print(f"counts: cannot write {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return counts.exit_code or 3
    return counts.exit_code
