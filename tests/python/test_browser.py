"""report.html as a reader has it: in a headless Chromium, in light and dark, on a phone, on paper, and without scripts."""

import copy
import io
import json
import os
import shutil

import pytest
from conftest import PICTURES, fake_document, made_up_report, run_report, with_ceilings
from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
READY = "html[data-ready]"
LONGEST_MS = 120_000  # ends a test that hangs
LIGHT, DARK = (255, 255, 255), (22, 24, 27)  # the page's ground, as page.css has it


def found_browser():
    """Its path; skips the test where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    return path or pytest.skip("no browser: none of " + ", ".join(BROWSERS))


@pytest.fixture(scope="module")
def browser():
    path = found_browser()
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: tests/python/browser.txt is not installed")
    with api.sync_playwright() as driver:
        # as root, which containers are, Chromium has no sandbox of its own
        found = driver.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield found
        found.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder, _ = made_up_report(tmp_path_factory.mktemp("page"), PICTURES, with_ceilings(fake_document()))
    return folder / "report.html"


def test_where_there_is_no_browser_the_tests_name_what_they_lack(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="no browser: none of chromium, "):
        found_browser()


class Opened:
    """A page in a window of its own, with all that it asked for and complained about."""

    def __init__(self, browser, path, ready=True, **how):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | how)
        self.context.set_default_timeout(LONGEST_MS)
        self.page, self.requests, self.complaints = self.context.new_page(), [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        if ready:
            self.page.wait_for_selector(READY)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def lines(self):
        """The texts of the rows that are shown."""
        return self.page.eval_on_selector_all(
            "#rows tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )

    def sort(self, column, way):
        """Clicks the column's head until it is in that order; DataTables sorts a moment after the click."""
        head = self.page.locator("#rows thead th").filter(has_text=column)
        for expected in ("ascending", "descending"):
            head.click()
            head.and_(self.page.locator(f"[aria-sort={expected}]")).wait_for()
            if expected == way:
                return

    def place(self, column):
        return self.page.eval_on_selector_all(
            "#rows thead th", "(heads, name) => heads.findIndex(head => head.textContent.includes(name))", column
        )

    def width(self):
        return self.page.evaluate("document.documentElement.scrollWidth")


def corner(png):
    return Image.open(io.BytesIO(png)).convert("RGB").getpixel((2, 2))


@pytest.mark.slow
@pytest.mark.parametrize("scheme, ground", [("light", LIGHT), ("dark", DARK)])
def test_light_and_dark(browser, page_file, scheme, ground):
    with Opened(browser, page_file, color_scheme=scheme) as opened:
        assert corner(opened.page.screenshot()) == ground
        assert opened.page.locator(".card").count() == 4 and opened.page.locator(".drawing svg").count() == 5
        assert opened.requests == [page_file.as_uri()] and opened.complaints == []
        assert opened.width() <= 1280
        ink = opened.page.eval_on_selector(".drawing svg text", "text => getComputedStyle(text).fill")
        assert ink == {"light": "rgb(28, 28, 28)", "dark": "rgb(236, 236, 236)"}[scheme]


@pytest.mark.slow
def test_the_first_screen_has_what_a_decision_needs(browser, page_file):
    with Opened(browser, page_file) as opened:
        for what in (".facts", ".lead", ".cards", ".warnings", ".drawing"):
            assert opened.page.locator(what).first.bounding_box()["y"] < 900, what


@pytest.mark.slow
def test_sorting_and_filtering_change_the_rows(browser, page_file):
    with Opened(browser, page_file) as opened:
        first = opened.lines()
        place = opened.place("us an input")
        opened.sort("us an input", "ascending")
        rising = [float(line[place].replace(",", "")) for line in opened.lines()]
        assert opened.lines() != first and rising == sorted(rising) and len(rising) == 25
        opened.page.get_by_label("only this kernel").select_option("fake_eie_pool")
        assert {line[2] for line in opened.lines()} == {"fake_eie_pool"}
        opened.page.get_by_label("only this threads").select_option("4")
        assert {line[opened.place("threads")] for line in opened.lines()} == {"4"}
        opened.page.get_by_label("only this status").select_option("suspect")
        assert len(opened.lines()) == 1 and len(opened.lines()[0]) == 1  # "no matching rows"
        assert opened.complaints == [] and len(opened.requests) == 1


@pytest.mark.slow
def test_rows_without_a_number_come_behind_those_with_one(browser, page_file):
    with Opened(browser, page_file) as opened:
        opened.page.get_by_label("only this provenance").select_option("measured")
        opened.sort("x over best dense", "descending")
        shown = [line[opened.place("x over best dense")] for line in opened.lines()]
        assert len(shown) == 25 and all(text.endswith("x") for text in shown), shown


@pytest.mark.slow
def test_rows_by_a_number(browser, page_file):
    with Opened(browser, page_file) as opened:
        place = opened.place("x over best dense")
        opened.page.get_by_label("x over best dense at least").select_option("5x")
        shown = [line[place] for line in opened.lines()]
        assert shown and all(float(text.rstrip("x")) >= 5 for text in shown)
        opened.page.get_by_label("+- at most").select_option("2 %")
        assert len(opened.lines()) == 1 and len(opened.lines()[0]) == 1  # no row of the made-up file has an interval
        opened.page.get_by_label("+- at most").select_option("all")
        assert [line[place] for line in opened.lines()] == shown and opened.complaints == []


@pytest.mark.slow
def test_what_a_row_is_decided_by_is_in_sight(browser, page_file):
    """Status, provenance and the command at 1280 pixels; the head when rows are scrolled."""
    with Opened(browser, page_file) as opened:
        for name in ("status", "provenance", "us an input", "repeat"):
            box = opened.page.locator("#rows thead th").nth(opened.place(name)).bounding_box()
            assert box["x"] + box["width"] <= 1280, name
        opened.page.locator(".dt-length select").select_option("100")
        part = opened.page.locator(".dt-layout-table > .dt-layout-cell").first
        part.evaluate("part => { part.scrollIntoView(); part.scrollTop = 400; }")
        assert part.evaluate("part => part.scrollTop") == 400
        assert abs(opened.page.locator("#rows thead th").first.bounding_box()["y"] - part.bounding_box()["y"]) < 3
        part.evaluate("part => { part.scrollTop = 0; }")
        assert opened.page.locator("#rows tbody tr").first.bounding_box()["y"] > part.bounding_box()["y"] + 20


@pytest.mark.slow
def test_a_phone(browser, page_file):
    with Opened(browser, page_file, viewport={"width": 390, "height": 844}) as opened:
        assert opened.width() <= 390


@pytest.mark.slow
def test_paper(browser, page_file):
    with Opened(browser, page_file, color_scheme="dark") as opened:
        opened.page.emulate_media(media="print")
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not opened.page.locator("nav").first.is_visible() and not opened.page.locator(".filters").is_visible()
        folded = opened.page.locator("details li").first
        assert not folded.evaluate("item => item.closest('details').open")
        assert opened.page.locator(".paper").is_visible()
        opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert opened.page.locator("details:not([open])").count() == 0 and folded.is_visible()
        opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert opened.page.locator("details[open]").count() == 0
        assert opened.page.pdf(format="A4").startswith(b"%PDF")


# Of A4 between its margins in CSS pixels: upright, and on its side for tables with many columns.
PRINTED = ((".scroll table:not(.wide table)", 688), (".wide table", 1046))


@pytest.mark.slow
@pytest.mark.parametrize("tables, width", PRINTED)
def test_paper_cuts_no_table(browser, page_file, tables, width):
    with Opened(browser, page_file, viewport={"width": width, "height": 900}) as opened:
        opened.page.emulate_media(media="print")
        widths = opened.page.eval_on_selector_all(tables, "found => found.map(table => Math.floor(table.offsetWidth))")
        assert widths and max(widths) <= width, widths


@pytest.mark.slow
def test_without_scripts_every_row_is_there(browser, page_file):
    with Opened(browser, page_file, ready=False, java_script_enabled=False) as opened:
        rows = opened.page.locator("#rows tbody tr")
        document = fake_document()
        assert rows.count() == len(document["benchmarks"]) + len(document["eie_missing"])
        assert rows.last.is_visible() and opened.page.locator("#rows thead th").first.is_visible()
        assert opened.requests == [page_file.as_uri()]


def many_rows(count):
    """A results file of so many rows: the same layers under further kernels' names."""
    document = fake_document()
    rows = [row for row in document["benchmarks"] if row["eie_kernel"] == "fake_eie_pool" and row["eie_suite"] == "paper"]
    for number in range((count - len(document["benchmarks"])) // len(rows) + 1):
        for row in rows:
            further = copy.copy(row)
            further["eie_kernel"] = f"fake_further_{number}"
            document["benchmarks"].append(further)
    return document


@pytest.mark.slow
def test_five_thousand_rows(browser, tmp_path):
    """Usable: sorted and filtered like few. How long it takes stands in results/NOTES.md, and in no test."""
    path = tmp_path / "many.json"
    path.write_text(json.dumps(many_rows(5000)), encoding="utf-8")
    done = run_report(path, "--out", tmp_path / "out", "--quiet")
    assert done.returncode == 0, done.stderr
    with Opened(browser, tmp_path / "out" / "report.html") as opened:
        assert len(opened.lines()) == 25
        opened.page.get_by_label("only this kernel").select_option("fake_further_7")
        assert {line[2] for line in opened.lines()} == {"fake_further_7"} and opened.complaints == []


@pytest.mark.slow
def test_what_a_file_says_is_no_markup(browser, tmp_path):
    evil = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>[a](javascript:alert(1))"
    document = with_ceilings(fake_document())
    document["context"]["eie_cpu_name"] = document["context"]["eie_operating_system"] = evil
    for row in document["benchmarks"]:
        row["eie_kernel"] += evil if row["eie_kernel"] == "fake_eie_pool" else ""
        row["eie_again"] = evil
    for row in document["eie_missing"]:
        row["eie_reason"] = evil
    path = tmp_path / "evil.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    done = run_report(path, "--out", tmp_path / "out", pictures=PICTURES)
    assert done.returncode == 0, done.stderr
    with Opened(browser, tmp_path / "out" / "report.html") as opened:
        assert "owned" not in opened.page.title().replace(evil, "") and opened.complaints == []
        assert opened.requests == [(tmp_path / "out" / "report.html").as_uri()]
        assert opened.page.locator("img").count() == 0 and opened.page.locator("a[href^=javascript]").count() == 0
        assert opened.page.locator("h1").inner_text().startswith("<img")
