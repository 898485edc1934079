"""Shows tables and lines in a terminal of a given width; a file or a pipe counts as 100 columns."""

import os
import re
import sys
import textwrap

from plots.core.cells import MARKS
from plots.tables.modelrows import MEAN_ROW

PIPE_COLUMNS = 100
FEWEST_COLUMNS, MOST_COLUMNS = 60, 180
MEAN_LABEL = "geo. mean d"  # all means are derived
GAP = "  "
TOGETHER = re.compile(r"(?<=[\dx%]) (?=[a-z]\b)|(?<=batch) (?=\d)|(?<=\d) (?=(us|nm|W|MHz|thread|%)\b)")


def columns():
    if not sys.stdout.isatty():
        return PIPE_COLUMNS
    try:
        return max(FEWEST_COLUMNS, min(MOST_COLUMNS, os.get_terminal_size(sys.stdout.fileno()).columns))
    except OSError:
        return PIPE_COLUMNS


def lines(texts, width, bullet="- "):
    """Each text wrapped, with its bullet and a hanging indent; a number keeps its letter and unit."""
    return [
        line.replace("\xa0", " ")
        for text in texts
        for line in textwrap.wrap(
            TOGETHER.sub("\xa0", text),
            width,
            initial_indent=bullet,
            subsequent_indent=" " * len(bullet),
            break_on_hyphens=False,
        )
    ]


def table(table, groups, width, anchor=None):
    """`groups` of (column, two-line header) stay together; those that do not fit beside each other come
    in further blocks, which begin with the column `anchor` so that its numbers stay in sight."""
    headers = {column: header.split("\n") for group in groups for column, header in group}
    blocks = [[]]
    for group in groups:
        names = [column for column, _ in group]
        if blocks[-1] and len(_block(table, blocks[-1] + names, headers)[0]) > width:
            blocks.append([anchor] if anchor in headers and anchor not in names else [])
        blocks[-1] += names
    return [line for block in blocks for line in _block(table, block, headers) + [""]][:-1]


def _block(table, names, headers):
    marks = {name: table.mark(name, without=(MEAN_ROW,)) for name in names}
    left = [table.corner, "", ""] + [MEAN_LABEL if row == MEAN_ROW else row for row in table.rows]
    strips = [_padded(left, str.ljust)]
    for name in names:
        texts = [*headers[name], marks[name]] + [_text(table, row, name, marks[name]) for row in table.rows]
        strips.append(_padded(texts, str.rjust))
    shown = [GAP.join(parts) for parts in zip(*strips)]
    rule = GAP.join("-" * len(strip[0]) for strip in strips)
    head = len(headers[names[0]]) + 1
    body = shown[:head] + [rule]
    for row, line in zip(table.rows, shown[head:]):
        body += [rule, line] if row == MEAN_ROW else [line]
    return body


def _padded(texts, pad):
    width = max(len(text) for text in texts)
    return [pad(text, width) for text in texts]


def _text(table, row, name, mark):
    """Without a letter where it is the column's; a mean has its letter in the row's label."""
    cell = table.get(row, name)
    if cell is None:
        return ""
    text = " ".join(filter(None, (cell.digits(table.decimals.get(name)), cell.margin())))
    implied = "d" if row == MEAN_ROW else mark
    return text if not cell.is_number or MARKS[cell.provenance] == implied else f"{text} {MARKS[cell.provenance]}"
