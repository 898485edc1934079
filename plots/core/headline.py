"""A headline: a few rows of ratios, so that one glance compares them; small in Markdown and in a terminal."""

from plots.core.cells import MARKS, number_text
from plots.core.grid import Table


class Headline(Table):
    """The title carries what all rows share, a row's label the rest. Its numbers are cells of the tables that
    have a CSV file; `decimals` are a (row, column)'s."""

    def __init__(self, title, columns):
        super().__init__(name="", title=title, corner="", columns=list(columns))

    def put_row(self, row, cells):
        """In the order of the columns."""
        self.put_cells(row, dict(zip(self.columns, cells, strict=True)))

    def remarks(self):
        return self.notes + self.gaps()

    def text(self, row, column):
        return ratio_text(self.get(row, column), self.decimals.get((row, column)))


def ratio_text(cell, decimals=None):
    """Two decimals below 1000, grouped whole numbers above; a printed ratio keeps its digits."""
    if not cell.is_number:
        return cell.digits()
    if cell.text:
        decimals = len(cell.text.partition(".")[2])
    elif decimals is None:
        decimals = 0 if cell.value >= 1000 else 2
    text = number_text(cell.value) if not 0.1 <= cell.value < 1e12 else f"{cell.value:,.{decimals}f}"
    return " ".join(filter(None, (f"{text}{cell.unit}", cell.margin(), cell.of_nine(), MARKS[cell.provenance])))
