"""A table of cells, written as Markdown and as long CSV; screen.py shows it in a terminal."""

import csv
import io
import math
from dataclasses import dataclass, field

from tabulate import tabulate

from plots.core.cells import MARKS, MEANINGS, Cell, missing

COLUMNS_PER_BLOCK = 7  # wider Markdown tables are broken into blocks with the same rows
NAMES_PER_GAP = 4  # rows or columns that a note on missing cells names before it counts them
CSV_HEADER = ["table", "row", "column", "value", "unit", "provenance", "source", "low", "high", "minimum", "layers"]


@dataclass
class Table:
    name: str  # stem of its CSV file
    title: str
    corner: str = "layer"
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    decimals: dict = field(default_factory=dict)  # column: fixed decimals; else three significant digits
    cells: dict = field(default_factory=dict)

    def put(self, row, column, cell):
        assert isinstance(cell, Cell)
        if row not in self.rows:
            self.rows.append(row)
        if column not in self.columns:
            self.columns.append(column)
        self.cells[row, column] = cell

    def get(self, row, column):
        return self.cells.get((row, column))

    def fill(self, reason):
        """No cell stays empty: `reason` says why it has no number."""
        for row in self.rows:
            for column in self.columns:
                if (row, column) not in self.cells:
                    self.put(row, column, missing("none", "derived", reason))

    def legend(self):
        used = {cell.provenance for cell in self.cells.values() if cell.is_number}
        return "; ".join(f"{MARKS[word]} = {MEANINGS[word]}" for word in MARKS if word in used)

    def gaps(self, columns=None):
        """One sentence for each reason why cells show "-": where, and why."""
        reasons = {}
        for column in columns or self.columns:
            rows = {}
            for row in self.rows:
                cell = self.get(row, column)
                if cell and cell.reason:
                    rows.setdefault(cell.reason, []).append(row)
            for reason, names in rows.items():
                reasons.setdefault(reason, {}).setdefault(tuple(names), []).append(column)
        return [f'"-" ({self._places(where, columns or self.columns)}): {reason}.' for reason, where in reasons.items()]

    def _places(self, where, columns):
        return "; ".join(
            f"{_names(rows, self.rows, 'rows')}: {_names(names, columns, 'columns')}" for rows, names in where.items()
        )

    def markdown(self):
        parts = [f"### {self.title}"]
        parts += list(self.blocks()) if self.rows else ["No rows."]
        sources = f"All cells with their sources: [{self.name}.csv]({self.name}.csv)."
        parts += [f"*{self.legend()}.* {sources}" if self.legend() else sources] if self.rows else []
        remarks = (self.notes + self.gaps()) if self.rows else []
        return "\n\n".join(parts + ["\n".join(f"- {text}" for text in remarks)] if remarks else parts)

    def blocks(self):
        count = max(1, math.ceil(len(self.columns) / COLUMNS_PER_BLOCK))
        size = max(1, math.ceil(len(self.columns) / count))
        for start in range(0, len(self.columns), size):
            columns = self.columns[start : start + size]
            body = [[row] + [self._text(row, column) for column in columns] for row in self.rows]
            body = [[text.replace("|", "\\|").replace("\n", " ") for text in line] for line in body]
            words = [all(not cell.is_number and not cell.reason for cell in self._cells(column)) for column in columns]
            yield tabulate(
                body,
                headers=[self.corner] + columns,
                tablefmt="github",
                disable_numparse=True,
                colalign=["left"] + ["left" if word else "right" for word in words],
            )

    def _text(self, row, column):
        cell = self.get(row, column)
        return cell.shown(self.decimals.get(column)) if cell else ""

    def _cells(self, column):
        return [self.cells[row, column] for row in self.rows if (row, column) in self.cells]

    def csv(self):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(CSV_HEADER)
        for row in self.rows:
            for column in self.columns:
                cell = self.get(row, column)
                if cell is None:
                    continue
                further = [
                    "" if number is None else format(number, ".10g")
                    for number in (cell.low, cell.high, cell.least, cell.layers or None)
                ]
                value = format(cell.value, ".10g") if cell.is_number else cell.value
                writer.writerow([self.name, row, column, value, cell.unit, cell.provenance, cell.source, *further])
        return out.getvalue()


def _names(some, every, noun):
    some = list(some)
    if len(some) == len(every) > 1:
        return f"all {noun}"
    if len(some) > NAMES_PER_GAP:
        return f"{len(some)} {noun}"
    return ", ".join(some)
