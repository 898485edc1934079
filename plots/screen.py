"""Shows tables and lines in a terminal of a given width; a file or a pipe counts as 100 columns."""

import os
import sys
import textwrap
from collections import Counter

from tabulate import SEPARATING_LINE, tabulate

from cells import MARKS
from modelrows import MEAN_ROW

PIPE_COLUMNS = 100
FEWEST_COLUMNS, MOST_COLUMNS = 60, 180
MEAN_LABEL = "geo. mean d"  # all means are derived


def columns():
    if not sys.stdout.isatty():
        return PIPE_COLUMNS
    try:
        return max(FEWEST_COLUMNS, min(MOST_COLUMNS, os.get_terminal_size().columns))
    except OSError:
        return PIPE_COLUMNS


def section(title):
    return [title, "-" * len(title)]


def lines(texts, width, bullet="- "):
    """Each text wrapped, with its bullet and a hanging indent."""
    return [line for text in texts
            for line in textwrap.wrap(text, width, initial_indent=bullet, subsequent_indent=" " * len(bullet),
                                      break_on_hyphens=False)]


def table(table, groups, width, anchor):
    """`groups` of (column, two-line header) stay together; those that do not fit beside each other come
    in further blocks, which begin with the column `anchor` so that its numbers stay in sight."""
    headers = {column: header for group in groups for column, header in group}
    blocks = [[]]
    for group in groups:
        names = [column for column, _ in group]
        if blocks[-1] and _width(_block(table, blocks[-1] + names, headers)) > width:
            blocks.append([anchor] if anchor in headers and anchor not in names else [])
        blocks[-1] += names
    return "\n\n".join(_block(table, block, headers) for block in blocks).split("\n")


def _block(table, names, headers):
    marks = {name: _column_mark(table, name) for name in names}
    body = []
    for row in table.rows:
        if row == MEAN_ROW:
            body.append(SEPARATING_LINE)
        label = MEAN_LABEL if row == MEAN_ROW else row
        body.append([label] + [_text(table, row, name, marks[name]) for name in names])
        if row == MEAN_ROW and row != table.rows[-1]:
            body.append(SEPARATING_LINE)
    return tabulate(body, headers=[f"{table.corner}\n\n"] + [f"{headers[name]}\n{marks[name]}" for name in names],
                    tablefmt="simple", disable_numparse=True, colalign=["left"] + ["right"] * len(names))


def _column_mark(table, name):
    """The letter over a column: the provenance of most of its cells."""
    cells = [table.get(row, name) for row in table.rows if row != MEAN_ROW]
    counts = Counter(MARKS[cell.provenance] for cell in cells if cell and cell.is_number)
    return counts.most_common(1)[0][0] if counts else ""


def _text(table, row, name, mark):
    """Without a letter where it is the column's; a mean has its letter in the row's label."""
    cell = table.get(row, name)
    if cell is None:
        return ""
    text = cell.digits(table.decimals.get(name))
    implied = "d" if row == MEAN_ROW else mark
    return text if not cell.is_number or MARKS[cell.provenance] == implied else f"{text} {MARKS[cell.provenance]}"


def _width(text):
    return max(len(line) for line in text.split("\n"))
