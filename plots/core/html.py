"""A page as one HTML file that needs nothing beside it: styles, scripts and drawings are within, and its policy forbids every
request. Tables are plain HTML; DataTables' script, from the package itables, makes them sort and filter, and without it they
are as readable. What a results file says is escaped, whatever it says."""

import importlib.util
import os
import re
from functools import lru_cache, singledispatch

import jinja2
from markupsafe import Markup, escape

from plots.core.cells import MARKS, MEANINGS, number_text
from plots.core.page import (
    Bullets,
    Cards,
    Contents,
    Drawing,
    Facts,
    Figure,
    Heading,
    Lead,
    Listing,
    Split,
    TableBlock,
    Text,
    Warnings,
)

TEMPLATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")
EXPORTS = re.compile(r"export\s*\{([^{}]*)\};?")
NAMES = {"default": "DataTable"}  # of the script's exports: what page.js calls them
SPANS = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(((?:https://)?[\w./#-]+)\)")
# Greys of the drawings by the style's variables, so that they follow light and dark; hues stay.
GREYS = {
    "ink": ("#000000", "#222222"),
    "soft": ("#444444", "#555555", "#666666"),
    "faint": ("#888888", "#999999", "#b0b0b0", "#bbbbbb"),
    "line": ("#e4e4e4", "#ededed", "#f4f4f4", "#cccccc"),
    "paper": ("#ffffff",),
}


def html(page, title, note=""):
    """The whole file. `title` is the browser's; `note` ends the page."""
    body, texts = [], [block for block in page.blocks if isinstance(block, Heading) and block.level == 2]
    for block in page.blocks:
        body.append(
            _template("contents", texts=[text.text for text in texts]) if isinstance(block, Contents) else _html(block)
        )
    enhanced = any(isinstance(block, Listing) for block in page.blocks)
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            body=Markup("\n").join(body),
            style=Markup(_own("page.css")),
            library_style=Markup(_library()[1] if enhanced else ""),
            script=Markup(_library()[0] + "\n" + _own("page.js") if enhanced else ""),
            legend=[(MARKS[word], MEANINGS[word]) for word in MARKS],
            folded=any("<details" in part for part in body),
            note=note,
        )
    )


def drawing(svg, stem):
    """An SVG file of matplotlib as a part of a page: no prolog, names of its own, greys that follow the page."""
    text = svg.decode("utf-8") if isinstance(svg, bytes) else svg
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', lambda found: f'id="{stem}-{found[1]}"', text)
    text = re.sub(r'(url\(|href=")#', lambda found: f"{found[1]}#{stem}-", text)
    for name, colours in GREYS.items():
        for colour in colours:
            text = re.sub(f"(?i){colour}(?![0-9a-f])", f"var(--{name})", text)
    text = re.sub(r'(<svg\b[^>]*?) width="([\d.]+)pt" height="[\d.]+pt"', r'\1 data-width="\2"', text, count=1)
    return re.sub(r"\n\s*", "\n", text)


@lru_cache(maxsize=1)
def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["spans"] = spans
    environment.filters["anchor"] = anchor
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    return environment


def _template(macro, **given):
    return Markup(getattr(_environment().get_template("blocks.html").module, macro)(**given))


def _own(name):
    with open(os.path.join(TEMPLATES, name), encoding="utf-8") as file:
        return file.read()


@lru_cache(maxsize=1)
def _library():
    """(script, style) of DataTables; the script's exports are names of the module that it is put into."""
    folder = os.path.join(importlib.util.find_spec("itables").submodule_search_locations[0], "html")
    texts = []
    for name in ("dt_bundle.js", "dt_bundle.css"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(file.read())
    script, style = texts
    pairs = [part.split(" as ") for found in EXPORTS.findall(script) for part in found.split(",")]
    names = {outer.strip(): inner.strip() for inner, outer in (pair for pair in pairs if len(pair) == 2)}
    if not NAMES.keys() <= names.keys() or "</script" in script.lower() or "</style" in style.lower():
        raise RuntimeError("the script of the package itables is another than the one that is known here")
    script = EXPORTS.sub("", script)
    return script + "".join(f"\nconst {ours} = {names[theirs]};" for theirs, ours in NAMES.items()), style


def spans(text):
    """The few marks that page.py names."""
    if isinstance(text, Markup):
        return text
    parts, end = [], 0
    for found in SPANS.finditer(text):
        parts.append(escape(text[end : found.start()]))
        code, strong, emphasis, words, target = found.groups()
        for tag, inner in (("code", code), ("strong", strong), ("em", emphasis)):
            if inner is not None:
                parts.append(Markup(f"<{tag}>{escape(inner)}</{tag}>"))
        if words is not None:
            parts.append(Markup(f'<a href="{escape(target)}">') + spans(words) + Markup("</a>"))
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _sourced(text, sources):
    """The first of each of these words behind the one before it gets a box with where it is from."""
    parts, rest = [], str(text)
    for words, source in sources:
        before, found, behind = rest.partition(str(escape(words)))
        if found:
            parts += [before, Markup('<span class="sourced" title="{}">').format(source), found, "</span>"]
            rest = behind
    return Markup("".join([*parts, rest]))


def anchor(text):
    return re.sub(r"[^\w-]", "", text.lower().replace(" ", "-"), flags=re.ASCII)


def hover(cell):
    """Where a cell is from, and what its interval is."""
    ends = "" if cell.low is None else f" 95 % interval {number_text(cell.low)} to {number_text(cell.high)} {cell.unit}."
    least = "" if cell.least is None else f" Least {number_text(cell.least)} {cell.unit}."
    return f"{cell.source} ({cell.provenance}).{ends}{least}"


@singledispatch
def _html(block):
    raise TypeError(f"no HTML for {type(block).__name__}")


@_html.register
def _(block: Heading):
    return _template("heading", level=block.level, text=block.text)


@_html.register
def _(block: Text):
    return _template("text", text=block.text)


@_html.register
def _(block: Lead):
    return _template("lead", text=_sourced(spans(block.text), block.sources))


@_html.register
def _(block: Bullets):
    return _template("bullets", items=block.items, numbered=block.numbered)


@_html.register
def _(block: Facts):
    sources = dict(block.sources)
    return _template("facts", pairs=[(name, words, sources.get(name, "")) for name, words in block.pairs])


@_html.register
def _(block: Cards):
    return _template("cards", cards=[(card, hover(card.cell)) for card in block.cards])


@_html.register
def _(block: Warnings):
    return _template("warnings", items=block.items, shown=block.shown)


@_html.register
def _(block: Split):
    return _template("split", columns=[[_html(inner) for inner in side] for side in (block.left, block.right)])


@_html.register
def _(block: Figure):
    return _template("figure", path=block.path, words=block.words)


@_html.register
def _(block: Drawing):
    width = re.search(r'data-width="([\d.]+)"', block.svg)
    return _template(
        "drawing", svg=Markup(block.svg), words=block.words, caption=block.caption, points=width[1] if width else "640"
    )


@_html.register
def _(block: TableBlock):
    table = block.table
    columns = table.shown_columns()
    lines = [
        (
            row,
            [
                (
                    table.text(row, column),
                    hover(table.get(row, column)) if table.get(row, column) else "",
                    table.tones.get((row, column), ""),
                )
                for column in columns
            ],
        )
        for row in table.rows
    ]
    return _template(
        "table",
        title=table.title if block.titled else "",
        corner=table.corner,
        heads=[(column, table.has_words(column)) for column in columns],
        lines=lines,
        file=block.file,
        remarks=table.remarks() if block.remarks else [],
    )


@_html.register
def _(block: Listing):
    return _template("listing", block=block)
