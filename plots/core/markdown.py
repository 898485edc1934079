"""A page as Markdown, for reading on a code-hosting site."""

import math
import re
from functools import singledispatch

from tabulate import tabulate

from plots.core.page import Bullets, Contents, Figure, Heading, TableBlock, Text

COLUMNS_PER_BLOCK = 7  # wider tables are broken into blocks with the same rows


def markdown(page):
    parts = []
    for place, block in enumerate(page.blocks):
        parts += _contents(page.blocks[place:]) if isinstance(block, Contents) else _parts(block)
    return "\n\n".join(parts) + "\n"


@singledispatch
def _parts(block):
    raise TypeError(f"no Markdown for {type(block).__name__}")


@_parts.register
def _(block: Heading):
    return ["#" * block.level + f" {block.text}"]


@_parts.register
def _(block: Text):
    return [block.text]


@_parts.register
def _(block: Bullets):
    return [_list(block.items, block.numbered)]


@_parts.register
def _(block: Figure):
    return [f"![{block.words}]({block.path})"]


@_parts.register
def _(block: TableBlock):
    table, parts = block.table, [f"### {block.table.title}"] if block.titled else []
    if table.rows:
        parts += table_blocks(table)
    elif block.file:
        parts += ["No rows."]
    if block.file and table.rows:
        sources = f"All cells with their sources: [{block.file}]({block.file})."
        parts += [f"*{table.legend()}.* {sources}" if table.legend() else sources]
    remarks = table.remarks() if block.remarks else []
    return parts + ([_list(remarks)] if remarks else [])


def _list(items, numbered=False):
    return "\n".join(f"{f'{number}.' if numbered else '-'} {text}" for number, text in enumerate(items, 1))


def _contents(blocks):
    texts = [block.text for block in blocks if isinstance(block, Heading) and block.level == 2]
    return ["## Contents", _list([f"[{text}](#{_anchor(text)})" for text in texts])]


def _anchor(text):
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def table_blocks(table):
    """The Markdown tables that a table needs; every block has all rows."""
    shown = table.shown_columns()
    count = max(1, math.ceil(len(shown) / COLUMNS_PER_BLOCK))
    size = max(1, math.ceil(len(shown) / count))
    return [_block(table, shown[start : start + size]) for start in range(0, len(shown), size)]


def _block(table, columns):
    body = [[row] + [table.text(row, column) for column in columns] for row in table.rows]
    return tabulate(
        [[_cell_text(text) for text in line] for line in body],
        headers=[_cell_text(text) for text in [table.corner, *columns]],
        tablefmt="github",
        disable_numparse=True,
        colalign=["left"] + ["left" if table.has_words(column) else "right" for column in columns],
    )


def _cell_text(text):
    return text.replace("|", "\\|").replace("\n", " ")
