"""A page: headings, texts, lists, tables and figures in order. markdown.py and plain.py turn one into text; a page knows
nothing of either, so that another renderer needs no change here.

Texts may hold `code`, **strong**, *emphasis* and [links](target), and nothing else of Markdown.
"""

from dataclasses import dataclass

from plots.core.grid import Table


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2  # 1 is the page's own


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Bullets:
    items: tuple
    numbered: bool = False


@dataclass(frozen=True)
class TableBlock:
    table: Table
    titled: bool = True  # its title above it
    file: str = ""  # the CSV file, as seen from the page, that has every cell with its source; a legend stands beside it
    remarks: bool = True  # its notes and why cells are missing, below it


@dataclass(frozen=True)
class Figure:
    path: str  # as seen from the page
    words: str  # what it shows, for who cannot see it


@dataclass(frozen=True)
class Contents:
    """Links to all headings of level 2 that follow."""


class Page:
    def __init__(self, title=""):
        self.blocks = [Heading(title, 1)] if title else []

    def add(self, *blocks):
        """A string is a text."""
        self.blocks += [Text(block) if isinstance(block, str) else block for block in blocks]
        return self

    def heading(self, text, level=2):
        return self.add(Heading(text, level))

    def bullets(self, items, numbered=False):
        """Nothing where there are no items."""
        items = tuple(items)
        return self.add(Bullets(items, numbered)) if items else self

    def table(self, table, **how):
        return self.add(TableBlock(table, **how))
