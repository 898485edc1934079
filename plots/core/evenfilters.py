"""Filters of even size beside odd ones: what results/EVEN_FILTERS.csv, which `plots even` writes, says in words."""

import os

from plots.core.grid import read_cells
from plots.core.output import DATA

FILE = os.path.join(os.path.dirname(DATA), "results", "EVEN_FILTERS.csv")
TABLE, COLUMN = "verdicts", "in words"


def verdicts(path=FILE):
    """A sentence for each pair of networks, in the file's order; none where the file is not there. Raises InputError for one
    that is none."""
    cells = read_cells(path) if os.path.exists(path) else {}
    return [cell.value for (table, _, column), cell in cells.items() if (table, column) == (TABLE, COLUMN)]
