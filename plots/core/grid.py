"""A table of cells, and its long CSV file. What shows it is a renderer's: markdown.py, plain.py, pages/screen.py."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field

from plots.core.cells import MARKS, MEANINGS, Cell, missing
from plots.core.load import InputError

NAMES_PER_GAP = 4  # rows or columns that a note on missing cells names before it counts them
CSV_HEADER = ["table", "row", "column", "value", "unit", "provenance", "source", "low", "high", "minimum", "layers"]


@dataclass
class Table:
    name: str  # stem of its CSV file, or its name within one; empty: it has none
    title: str
    corner: str = "layer"
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    decimals: dict = field(default_factory=dict)  # column: fixed decimals; else three significant digits
    cells: dict = field(default_factory=dict)
    brackets: dict = field(default_factory=dict)  # column: the one that stands in brackets behind it
    tones: dict = field(default_factory=dict)  # (row, column): "good" or "bad", for renderers that can show it

    def put(self, row, column, cell):
        assert isinstance(cell, Cell)
        if row not in self.rows:
            self.rows.append(row)
        if column not in self.columns:
            self.columns.append(column)
        self.cells[row, column] = cell

    def put_cells(self, row, cells):
        """{column: cell}"""
        for column, cell in cells.items():
            self.put(row, column, cell)

    def get(self, row, column):
        return self.cells.get((row, column))

    def fill(self, reason):
        """No cell stays empty: `reason` says why it has no number."""
        for row in self.rows:
            for column in self.columns:
                if (row, column) not in self.cells:
                    self.put(row, column, missing("none", "derived", reason))

    def shown_columns(self):
        return [column for column in self.columns if column not in self.brackets.values()]

    def text(self, row, column):
        """The cell as a page shows it."""
        cell = self.get(row, column)
        if cell is None:
            return ""
        behind = self.get(row, self.brackets.get(column))
        return cell.shown(self.decimals.get(column)) + (
            f" ({behind.shown(self.decimals.get(self.brackets[column]))})" if behind else ""
        )

    def has_words(self, column):
        """Do words alone stand there?"""
        return all(not cell.is_number and not cell.reason for cell in self._cells(column))

    def mark(self, column, without=()):
        """The letter for the provenance of most of a column's numbers; rows `without` do not count."""
        cells = [self.get(row, column) for row in self.rows if row not in without]
        counts = Counter(MARKS[cell.provenance] for cell in cells if cell and cell.is_number)
        return counts.most_common(1)[0][0] if counts else ""

    def legend(self):
        used = {cell.provenance for cell in self.cells.values() if cell.is_number}
        return "; ".join(f"{MARKS[word]} = {MEANINGS[word]}" for word in MARKS if word in used)

    def remarks(self):
        return self.notes + self.gaps() if self.rows else []

    def gaps(self):
        """One sentence for each reason why cells show "-": where, and why."""
        reasons = {}
        for column in self.shown_columns():
            rows = {}
            for row in self.rows:
                cell = self.get(row, column)
                if cell and cell.reason:
                    rows.setdefault(cell.reason, []).append(row)
            for reason, names in rows.items():
                reasons.setdefault(reason, {}).setdefault(tuple(names), []).append(column)
        return [f'"-" ({self._places(where)}): {reason}.' for reason, where in reasons.items()]

    def _places(self, where):
        return "; ".join(
            f"{_names(rows, self.rows, 'rows')}: {_names(names, self.shown_columns(), 'columns')}"
            for rows, names in where.items()
        )

    def _cells(self, column):
        return [self.cells[row, column] for row in self.rows if (row, column) in self.cells]

    def csv(self):
        return csv_of([self])


def csv_of(tables):
    """One file of several tables."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for table in tables:
        for row in table.rows:
            for column in table.columns:
                cell = table.get(row, column)
                if cell is not None:
                    writer.writerow([table.name, row, column, *_csv_fields(cell)])
    return out.getvalue()


def _csv_fields(cell):
    further = [
        "" if number is None else format(number, ".10g") for number in (cell.low, cell.high, cell.least, cell.layers or None)
    ]
    value = format(cell.value, ".10g") if cell.is_number else cell.value
    return [value, cell.unit, cell.provenance, cell.source, *further]


def read_cells(path):
    """{(table, row, column): cell} of a file that `csv_of` wrote, in full digits. A number that was missing is a
    word."""
    cells = {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            if lines.fieldnames != CSV_HEADER:
                raise ValueError("another header")
            for line in lines:
                cells[line["table"], line["row"], line["column"]] = _read_cell(line)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as fault:
        raise InputError(f"{path}: no table of cells: {getattr(fault, 'strerror', None) or fault}") from None
    return cells


def _read_cell(line):
    try:
        value = float(line["value"])
    except ValueError:
        return Cell(line["value"], line["unit"], line["provenance"], line["source"])
    low, high, least = (float(line[key]) if line[key] else None for key in ("low", "high", "minimum"))
    return Cell(
        value,
        line["unit"],
        line["provenance"],
        line["source"],
        low=low,
        high=high,
        least=least,
        layers=int(line["layers"] or 0),
    )


def _names(some, every, noun):
    some = list(some)
    if len(some) == len(every) > 1:
        return f"all {noun}"
    if len(some) > NAMES_PER_GAP:
        return f"{len(some)} {noun}"
    return ", ".join(some)
