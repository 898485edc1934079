"""A table of cells: shown in a terminal, written as Markdown and as long CSV."""

import csv
import io
from dataclasses import dataclass, field

from tabulate import tabulate

from cells import MARKS, MEANINGS, Cell

COLUMNS_PER_BLOCK = 7  # wider tables are broken into blocks with the same rows
CSV_HEADER = ["table", "row", "column", "value", "unit", "provenance", "source"]


@dataclass
class Table:
    name: str  # stem of its CSV file
    title: str
    corner: str = "layer"
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    in_terminal: bool = True
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

    def column(self, column, rows):
        return [self.cells[row, column] for row in rows]

    def legend(self):
        used = {cell.provenance for cell in self.cells.values()}
        return "; ".join(f"{MARKS[word]} = {MEANINGS[word]}" for word in MARKS if word in used)

    def _blocks(self, style):
        for start in range(0, max(len(self.columns), 1), COLUMNS_PER_BLOCK):
            columns = self.columns[start:start + COLUMNS_PER_BLOCK]
            body = []
            for row in self.rows:
                cells = [self.get(row, column) for column in columns]
                body.append([row] + [cell.shown() if cell else "" for cell in cells])
            if style == "github":
                body = [[text.replace("|", "\\|").replace("\n", " ") for text in line] for line in body]
            numeric = [any(self.get(row, column) and self.get(row, column).is_number for row in self.rows)
                       for column in columns]
            align = ["left"] + ["right" if right else "left" for right in numeric]
            yield tabulate(body, headers=[self.corner] + columns, tablefmt=style,
                           colalign=align, disable_numparse=True)

    def terminal(self):
        parts = [self.title, "-" * len(self.title)]
        parts += ["\n\n".join(self._blocks("simple"))] if self.rows else ["(no rows)"]
        parts += [self.legend()] if self.rows else []
        return "\n".join(parts + self.notes)

    def markdown(self):
        parts = [f"### {self.title}"]
        parts += list(self._blocks("github")) if self.rows else ["No rows."]
        parts += [f"*{self.legend()}.* All cells with their sources: [{self.name}.csv]({self.name}.csv)."] \
            if self.rows else []
        return "\n\n".join(parts + self.notes)

    def csv(self):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(CSV_HEADER)
        for row in self.rows:
            for column in self.columns:
                cell = self.get(row, column)
                if cell is None:
                    continue
                value = format(cell.value, ".10g") if cell.is_number else cell.value
                writer.writerow([self.name, row, column, value, cell.unit, cell.provenance, cell.source])
        return out.getvalue()
