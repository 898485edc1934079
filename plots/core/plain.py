"""A page as plain text, for a terminal or a file of one. Lines are as long as they are."""

from functools import singledispatch

from tabulate import tabulate

from plots.core.cells import MARKS
from plots.core.page import Bullets, Heading, TableBlock, Text


def plain(page):
    """Blocks with an empty line between them, but none below a heading."""
    parts = [(isinstance(block, Heading), _text(block)) for block in page.blocks]
    lines = [text + ("\n" if heading or place == len(parts) else "\n\n") for place, (heading, text) in enumerate(parts, 1)]
    return "".join(lines)


@singledispatch
def _text(block):
    raise TypeError(f"no plain text for {type(block).__name__}")


@_text.register
def _(block: Heading):
    return block.text


@_text.register
def _(block: Text):
    return block.text


@_text.register
def _(block: Bullets):
    return "\n".join(f"{f'{number}.' if block.numbered else '-'} {text}" for number, text in enumerate(block.items, 1))


@_text.register
def _(block: TableBlock):
    table = block.table
    columns = table.shown_columns()
    marks = {column: table.mark(column) for column in columns}
    body = [[row] + [_cell(table, row, column, marks[column]) for column in columns] for row in table.rows]
    text = tabulate(
        body,
        headers=[table.corner] + [column + (f" ({marks[column]})" if marks[column] else "") for column in columns],
        disable_numparse=True,
        colalign=["left"] + ["left" if table.has_words(column) else "right" for column in columns],
    )
    lines = ([table.title] if block.titled else []) + [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines + ([f"- {text}" for text in table.remarks()] if block.remarks else []))


def _cell(table, row, column, mark):
    """The letter of a column's provenance stands in its head; a cell of another has its own."""
    cell = table.get(row, column)
    if cell is None:
        return ""
    own = MARKS[cell.provenance] if cell.is_number else mark
    return cell.digits(table.decimals.get(column)) + ("" if own == mark else f" {own}")
