"""A page: headings, texts, lists, tables and figures in order. markdown.py, plain.py and html.py turn one into text; a page
knows nothing of them, so that another renderer needs no change here. Lead, Facts, Cards, Warnings, Split, Drawing and
Listing are for html.py alone: what Markdown has no form for.

Texts may hold `code`, **strong**, *emphasis* and [links](target), and nothing else of Markdown.
"""

from dataclasses import dataclass

from plots.core.cells import Cell, number_text
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
    file: str = ""  # the CSV file, as seen from the page, that has every cell with its source; with a legend next to it
    remarks: bool = True  # its notes and why cells are missing, below it


@dataclass(frozen=True)
class Figure:
    path: str  # as seen from the page
    words: str  # what it shows, for who cannot see it


@dataclass(frozen=True)
class Contents:
    """Links to all headings of level 2 that follow."""


@dataclass(frozen=True)
class Lead:
    """The sentence that a reader takes away."""

    text: str
    sources: tuple = ()  # (words within the text, where they are from), in the order of the text


@dataclass(frozen=True)
class Facts:
    """Names and what they are: (("cores", "2"), ...)."""

    pairs: tuple
    sources: tuple = ()  # (name, where its words are from)


@dataclass(frozen=True)
class Card:
    """One of the few numbers of a first screen."""

    name: str
    cell: Cell
    further: tuple = ()  # lines below it

    def interval(self):
        cell = self.cell
        if cell.low is None:
            return cell.margin() or "no interval"
        marks = cell.margin().lstrip("+-0123456789,. %")
        return f"{number_text(cell.low)} to {number_text(cell.high)}{marks}"


@dataclass(frozen=True)
class Cards:
    cards: tuple


@dataclass(frozen=True)
class Warnings:
    items: tuple
    shown: int = 6  # the others are folded away


@dataclass(frozen=True)
class Split:
    """Two columns where the screen is wide, else the one above the other."""

    left: tuple  # of blocks
    right: tuple


@dataclass(frozen=True)
class Drawing:
    """A figure within the page itself."""

    svg: str
    words: str  # what it shows, for who cannot see it
    caption: str = ""


@dataclass(frozen=True)
class Column:
    name: str
    filtered: bool = False  # a list of its values to choose from
    number: bool = False
    missing: float = 0.0  # where a row without a number stands in the order
    code: bool = False
    most: tuple = ()  # (words, number): rows that have no more than it
    least: tuple = ()  # the same, no less


@dataclass(frozen=True)
class Entry:
    text: str
    hover: str = ""  # where it is from
    order: float | None = None  # of a number
    tone: str = ""  # "good", "bad"


@dataclass(frozen=True)
class Listing:
    """Many lines to sort and filter; all of them stand in the page, and are readable without a script."""

    name: str
    columns: tuple
    lines: tuple  # of tuples of entries
    file: str = ""  # the CSV file with every cell
    length: int = 25  # lines at a time
    paper: str = ""  # what stands below it on paper alone


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
