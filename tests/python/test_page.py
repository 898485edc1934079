"""Pages and what renders them: every kind of block, tables with brackets, the long CSV file there and back."""

import ast
import pathlib
import re

import pytest

from plots.core import markdown as markdown_module
from plots.core.cells import Cell, cited, difference, missing, said_together
from plots.core.grid import Table, csv_of, read_cells
from plots.core.html import drawing, html, spans
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.page import (
    Bullets,
    Card,
    Cards,
    Column,
    Contents,
    Drawing,
    Entry,
    Facts,
    Figure,
    Heading,
    Lead,
    Listing,
    Page,
    Split,
    TableBlock,
    Text,
    Warnings,
)
from plots.core.plain import plain


def made_up(name="made_up", columns=2):
    table = Table(name, "Made up", corner="layer")
    for row, value in (("a|b", 2.0), ("c", 3.0)):
        for column in range(columns):
            table.put(row, f"column {column}", Cell(value * (column + 1), "x", "simulated", "a test"))
    return table


def page_of_all():
    page = Page("Title").add("A text.", Contents()).heading("Two words, here").bullets(["one", "two"]).bullets([])
    page.heading("Third", 3).bullets(["first", "second"], numbered=True).add(Figure("f.png", "what it shows"))
    return page.table(made_up(), file="made_up.csv").heading("Last").table(made_up(), titled=False, remarks=False)


def test_a_page_is_blocks():
    kinds = [type(block) for block in page_of_all().blocks]
    assert kinds == [
        Heading, Text, Contents, Heading, Bullets, Heading, Bullets, Figure, TableBlock, Heading, TableBlock
    ]  # fmt: skip


def test_markdown_of_every_block():
    text = markdown(page_of_all())
    assert text.startswith("# Title\n\nA text.\n\n## Contents\n\n- [Two words, here](#two-words-here)\n- [Last](#last)\n\n")
    assert "## Two words, here\n\n- one\n- two\n\n### Third\n\n1. first\n2. second\n\n![what it shows](f.png)\n\n" in text
    assert text.count("### Made up") == 1 and text.count("made_up.csv](made_up.csv)") == 1
    assert "*s = simulated cycle by cycle.* All cells" in text
    assert text.count("| a\\|b") == 2 and "| 2.00x s" in " ".join(text.split()) and text.endswith("|\n")


def test_plain_text_has_the_letter_in_the_head():
    table = made_up()
    table.put("c", "column 1", cited("7.25", "x", "a paper"))
    table.put("d", "column 0", missing("none", "measured", "a test", reason="there is none"))
    text = plain(Page("Title").add("A text.").table(table))
    assert text.startswith("Title\nA text.\n\nMade up\nlayer")
    assert text.splitlines()[4].split() == ["layer", "column", "0", "(s)", "column", "1", "(s)"]
    assert [line.split() for line in text.splitlines()[6:9]] == [
        ["a|b", "2.00", "4.00"],
        ["c", "3.00", "7.25", "c"],
        ["d", "-"],
    ]
    assert text.endswith('- "-" (d: column 0): there is none.\n')


@pytest.mark.parametrize("render", [markdown, plain, lambda page: html(page, "title")])
def test_an_unknown_block_is_a_fault(render):
    with pytest.raises(TypeError, match="int"):
        render(Page().add(5))


def test_html_of_every_block():
    page = page_of_all().add(Lead("**So** it is."), Facts((("cores", "2"),)), Warnings(("one", "two", "three"), 2))
    page.add(Cards((Card("speed", Cell(2.0, "x", "measured", "a run", low=1.5, high=2.5), ("on 2 threads",)),)))
    page.add(Split((Text("left"),), (Text("right"),)), Drawing("<svg></svg>", "a drawing", "what it is"))
    text = html(page, "A <title>")
    assert text.startswith("<!DOCTYPE html>") and "<title>A &lt;title&gt;</title>" in text and "DataTable" not in text
    assert '<a href="#two-words-here">Two words, here</a>' in text and '<h2 id="two-words-here">' in text
    assert '<td title="a test (simulated).">2.00x s</td>' in text and '<a href="made_up.csv">' in text
    assert "<strong>So</strong> it is." in text and "<dt>cores</dt><dd>2</dd>" in text
    assert '<p class="margin">1.50 to 2.50! </p>' in text and "95 % interval 1.50 to 2.50 x." in text
    assert "<summary>and 1 more</summary>" in text and text.index("left") < text.index("right")
    assert "<svg></svg>" in text and 'aria-label="a drawing"' in text


def test_sentences_and_facts_say_where_their_numbers_are_from():
    lead = Lead(
        "**2 us** and 2 us, <b>.", (("2 us", 'one "run"'), ("2 us", "another"), ("not there", "none"), ("<b>", "third"))
    )
    text = html(Page().add(lead, Facts((("cores", "2"), ("date", "x")), (("cores", "context"),))), "t")
    assert '<strong><span class="sourced" title="one &#34;run&#34;">2 us</span></strong> and <span' in text
    assert 'title="another">2 us</span>, <span class="sourced" title="third">&lt;b&gt;</span>.' in text
    assert 'title="none"' not in text and '<dd title="context">2</dd>' in text and "<dd>x</dd>" in text


def test_limits_of_a_column_and_what_paper_says():
    columns = (Column("+-", number=True, most=(("5 %", 0.05),)), Column("over", number=True, least=(("2x", 2),)))
    text = html(Page().add(Listing("rows", columns, (), "", paper="On paper: less.")), "t")
    assert 'data-most="[[&#34;5 %&#34;, 0.05]]"' in text and 'data-least="[[&#34;2x&#34;, 2]]"' in text
    assert '<p class="paper">On paper: less.</p>' in text


def test_a_listing_brings_its_script_and_stands_without():
    columns = (Column("kernel", filtered=True), Column("us", number=True, missing=-1.0), Column("repeat", code=True))
    lines = ((Entry("a"), Entry("2.0", "a run", 2.0), Entry("eie bench")), (Entry("b"), Entry("", "not run"), Entry("")))
    text = html(Page().add(Listing("rows", columns, lines, "rows.csv")), "t")
    assert "new DataTable(table" in text and "as default}" not in text and text.count('<script type="module">') == 1
    assert '<td title="a run" data-order="2">2.0</td>' in text and '<td title="not run" data-order="-1"></td>' in text
    assert "<code>eie bench</code>" in text and 'href="rows.csv"' in text


@pytest.mark.parametrize(
    "text, expected",
    [
        ("<b>&", "&lt;b&gt;&amp;"),
        ("a `<c>` *d* **e**", "a <code>&lt;c&gt;</code> <em>d</em> <strong>e</strong>"),
        ("[w](a/b.md)", '<a href="a/b.md">w</a>'),
        ("[w](https://example.org/a)", '<a href="https://example.org/a">w</a>'),
        ("[w](javascript:alert)", "[w](javascript:alert)"),
        ('[w](x"onclick=)', "[w](x&#34;onclick=)"),
    ],
)
def test_marks_within_a_text(text, expected):
    assert str(spans(text)) == expected


def test_a_drawing_within_a_page():
    svg = b"""<?xml version="1.0"?><!DOCTYPE svg><svg width="9.5pt" height="3pt"><metadata>x</metadata>
    <g id="axes_1" style="fill: #FFFFFF; stroke: #222222; clip-path: url(#p1)"><use xlink:href="#m1" fill="#D55E00"/></g></svg>"""
    text = drawing(svg, "stem")
    assert text.startswith("<svg") and "metadata" not in text and 'data-width="9.5"' in text
    assert 'id="stem-axes_1"' in text and "url(#stem-p1)" in text and 'href="#stem-m1"' in text
    assert "fill: var(--paper); stroke: var(--ink)" in text and "#D55E00" in text


def test_wide_tables_come_in_blocks_with_the_same_rows():
    most = markdown_module.COLUMNS_PER_BLOCK
    for columns, blocks in ((most, 1), (most + 1, 2), (2 * most + 1, 3)):
        found = markdown_module.table_blocks(made_up(columns=columns))
        assert len(found) == blocks and all("| c " in block for block in found)
        assert sum(block.splitlines()[0].count("column") for block in found) == columns


def test_brackets_stand_behind_a_cell_and_have_a_column_in_the_file(tmp_path):
    table = Table("balance", "Balance", decimals={"ours": 1})
    bar, ours = cited("90.0", "%", "Fig. 8"), Cell(92.34, "%", "simulated", "a test")
    table.put("a", "ours", ours)
    table.brackets["ours"] = "ours: above"
    table.put("a", "ours: above", difference(ours, bar, "ours - bar", "points"))
    (block,) = markdown_module.table_blocks(table)
    assert "92.3 % s (+2.3 d)" in block and "above" not in block
    (tmp_path / "t.csv").write_text(table.csv(), encoding="utf-8")
    assert read_cells(tmp_path / "t.csv")["balance", "a", "ours: above"].value == pytest.approx(2.34)


@pytest.mark.parametrize(
    "value, unit, decimals, text",
    [(40.837, "mm2", 2, "40.84 mm2 (d)"), (3.65, "x", None, "3.65x (d)"), (4.884, "%", 1, "4.9 % (d)"), (5, "", 0, "5 (d)")],
)
def test_a_cell_within_a_sentence(value, unit, decimals, text):
    assert Cell(value, unit, "derived", "a test").said(decimals) == text


@pytest.mark.parametrize(
    "ours, text", [(10.04, "0.0"), (9.96, "0.0"), (10.06, "+0.1"), (9.94, "-0.1")]
)  # what rounds to nothing has no sign
def test_signs_of_differences(ours, text):
    cells = [Cell(value, "%", "derived", "a test") for value in (ours, 10.0)]
    assert difference(*cells, "a test", "points").digits() == text


def test_cells_come_back_from_their_file(tmp_path):
    first, second = made_up("first"), made_up("second")
    first.put("c", "column 1", Cell(5.0, "us", "measured", "a run", low=4.0, high=6.5, least=3.5, layers=7))
    second.put("c", "column 1", missing("not run", "measured", "why", "us"))
    path = tmp_path / "both.csv"
    path.write_text(csv_of([first, second]), encoding="utf-8")
    assert path.read_text().count("table,row,column") == 1
    found = read_cells(path)
    assert len(found) == 8 and found["first", "c", "column 1"] == first.get("c", "column 1")
    assert found["second", "c", "column 1"].value == "not run" and found["second", "a|b", "column 0"].value == 2.0


HEADER = "table,row,column,value,unit,provenance,source,low,high,minimum,layers\n"


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", HEADER + "t,r,c,1,,guessed,s,,,,\n", HEADER + "t,r,c,1,,cited,s,2,3,,\n"]
)
def test_files_that_hold_no_cells(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    for name in ("t.csv", "none.csv"):
        with pytest.raises(InputError, match=name):
            read_cells(tmp_path / name)


def test_cells_together_share_unit_and_letter():
    cells = [Cell(value, "x", "derived", "a test") for value in (1.25, 2.0)]
    assert said_together(cells, " to ") == "1.25 to 2.00x (d)" and said_together(cells[:1], " to ", 1) == "1.2x (d)"
    assert said_together(cells, ", ", 2, ("a", "b")) == "a 1.25, b 2.00x (d)"
    for other in (Cell(2.0, "%", "derived", "a test"), cited("2", "x", "a test")):
        with pytest.raises(ValueError, match="no one unit"):
            said_together([cells[0], other], " to ")


PLOTS = pathlib.Path(__file__).resolve().parents[2] / "plots"
SOURCES = {"Cell", "cited", "derived", "missing", "ratio", "InputError"}  # what they are given says where a cell is from
# {file: {function where numbers are given digits, and no cell says itself}}, "*": anywhere in it
FORMATTED = {
    "book/calibrate_rows.py": {"suite_text"},  # a suite's file
    "compare/cases.py": {"_judged", "_blindness"},  # a test case's words, where there are no cells
    "compare/counts.py": {"junit"},  # the same
    "history/history.py": {"csv", "page", "verdict"},  # the least change that is named; full digits of its CSV file
    "history/otava.py": {"_table"},  # the same
    "options/counts.py": {"*"},  # words of a command line
    "compare/compare.py": {"verdict", "_seen"},  # the threshold, the error that is allowed
    "map/page.py": {"csv_of", "page"},  # densities that were asked for; full digits of its CSV file; the limits of shades
    "map/picture.py": {"*"},  # axes and labels; the page says what was measured and what modelled
    "map/points.py": {"percent"},  # densities that were asked for
    "compression/deepcomp.py": {"listed"},  # arguments of eie compress
    "core/cells.py": {"*"},
    "core/contradictions.py": {"_of_threads", "_of_bounds"},  # words on what cannot be, of a file and not of a machine
    "core/context.py": {"*"},  # facts of the machine
    "core/grid.py": {"_csv_fields"},
    "core/headline.py": {"ratio_text"},  # with the cell's letter
    "core/load.py": {"*"},  # values of a file, and the limits of what is read
    "book/bookpictures.py": {""},  # ticks of axes
    "book/bookpages.py": {"_fig7"},  # a name of columns, as in the three below
    "training/curve.py": {"*"},  # axes and labels
    "training/ledgers.py": {"_recipe"},  # shares and bits that were asked for
    "training/sweep.py": {"sweep_table", "_bits"},  # the same, as names of rows and lines
    "training/goals.py": {"_found"},  # digits of a cell, as in the one below
    "training/tables.py": {"seeds_table"},
    "tables/energy.py": {"power_column", "_watts"},
    "tables/fig7.py": {"chip_words", "implied_powers"},
    "tables/decomposition.py": {"_table"},
    "pages/poster.py": {"_put", "_digits"},  # digits of a cell
    "tables/baselines.py": {"weak"},  # the limit
    "tables/figures.py": {"*"},  # axes and labels; the legend has the letters
    "tables/pagefigures.py": {"*"},
    "tables/posterways.py": {"*"},  # how a cell was derived
    "tables/quiet.py": {"wide", "counts"},  # the limit
    "pages/equals.py": {"_seen"},
}


def formatted(text):
    """Functions of a source that give a number its digits themselves, and not in the source of a cell or a fault."""
    found = set()

    def visit(node, function):
        if isinstance(node, ast.FunctionDef):
            function = node.name
        called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if called in SOURCES:
            return
        if isinstance(node, ast.FormattedValue) and node.format_spec:
            fixed = "".join(part.value if isinstance(part, ast.Constant) else "0" for part in node.format_spec.values)
            if re.search(r"[efg%,]$|\.\d", fixed):
                found.add(function)
        if called == "format" and isinstance(node.func, ast.Name):
            found.add(function)
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(ast.parse(text), "")
    return found


def test_numbers_get_their_digits_from_cells():
    found = {path.relative_to(PLOTS).as_posix(): formatted(path.read_text()) for path in PLOTS.rglob("*.py")}
    others = {name: functions - FORMATTED.get(name, set()) for name, functions in found.items()}
    assert {name: functions for name, functions in others.items() if functions and FORMATTED.get(name) != {"*"}} == {}
    for name, functions in FORMATTED.items():  # none is named that no longer does
        assert found[name] if functions == {"*"} else functions <= found[name], name


@pytest.mark.parametrize(
    "line", ['f"{share:.1f} %"', 'f"{watts:.3g} W m"', 'f"{count:,}"', 'format(share, ".2f")', 'f"{share:.{places}f}"']
)
def test_a_number_that_is_no_cell_is_found(line):
    assert formatted(f"def words(share):\n    return {line}\n") == {"words"}
    assert formatted(f"def words(share):\n    return Cell(share, '%', 'derived', {line})\n") == set()
