"""The reproduction book from made-up sweeps: every page is there, numbers follow from the points, bad files are refused."""

import csv
import json
import math
import re

import pytest
from conftest import DATA, run_script
from sweep_files import PUBLISHED, sweeps

from plots.book import bookpictures
from plots.book.bookpages import Book
from plots.book.numbers import PES, error_of, rms_of
from plots.book.sweeps import Sweep
from plots.core.cells import MARKS, Cell
from plots.core.means import geometric
from plots.core.published import Published


@pytest.fixture
def files(tmp_path):
    for name, content in sweeps().items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


def make(folder, *further):
    arguments = [part for name in ("queue", "scale", "large", "space") for part in (f"--{name}", folder / f"{name}.json")]
    return run_script("reproduction", *arguments, "--out", folder / "book", *further)


def test_every_table_and_figure_has_a_page_and_a_picture(files):
    done = make(files)
    assert done.returncode == 0, done.stderr
    text = (files / "book/REPRODUCTION.md").read_text(encoding="utf-8")
    for page in (
        "Table I:",
        "Table II:",
        "Table III:",
        "Table IV:",
        "Table V:",
        "Fig. 6:",
        "Fig. 7:",
        "Fig. 8:",
        "Fig. 9:",
        "Fig. 10:",
        "Figs. 11 to 13:",
        "The paper's inconsistencies",
    ):
        assert f"\n## {page}" in text, page
    for line in text.splitlines():
        if line.startswith("!["):
            assert (files / "book" / line.split("(")[1].rstrip(")")).read_bytes()[:4] == b"\x89PNG"
    assert "nan" not in text.lower()
    # and its numbers follow from the points
    assert "**10.00 % (d)** for paper-matched" in text and "**0.00 % (d)** for paper-rows" in text
    words = " ".join(text.replace("|", " ").split())
    assert "189 against 193.95x (d)" in text and "CPU dense 193.95x d 176.3" in words
    assert "calibrated" in text and "The real layer is not in this book" in text
    assert "1.3 % (d) with AlexNet and VGG exchanged" in text
    assert "640 / 5 = 128" in text and "need 17,411 (d)" in text
    assert re.search(
        r"Furthest off in Fig. 8 by themselves .*(, [\w-]+ [\d.]+){3} points \(d\); nearest is .* points \(d\)\.", text
    )
    for number in ("5.2x (d) that of 64 PEs", "1.50x (d)", "399,589 (d)", "11,050 frames/J (d)", "16,384 pointers (d)"):
        assert number in text, number
    assert "42.9 % (d) active at a weight density of 25.7 % (d)" in text and "16 bits cost 0.100 to 0.100 % (s)" in text
    assert not any(word in text for word in ("goal", "missed", "reached"))


def test_every_table_has_a_file_of_cells(files):
    assert make(files).returncode == 0
    text = (files / "book/REPRODUCTION.md").read_text(encoding="utf-8")
    links = set(re.findall(r"\]\((reproduction/\w+\.csv)\)", text))
    assert links == {f"reproduction/{path.name}" for path in (files / "book/reproduction").glob("*.csv")} and len(links) > 20
    for link in links:
        with open(files / "book" / link, encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                assert line["provenance"] in MARKS and line["source"] and line["value"]
    for line in text.splitlines():  # a letter stands by every number of a table
        for part in line.split("|")[2:-1] if line.startswith("| ") else ():
            for number in re.split(r"[()]", part):
                assert not re.fullmatch(r"\s*[-+]?[\d,.]+(e-\d+)?( %|x)?\s*", number), line


def test_what_is_calibrated_says_so(files):
    assert make(files).returncode == 0
    with open(files / "book/reproduction/fig8_paper_rows.csv", encoding="utf-8", newline="") as file:
        found = {(line["row"], line["column"]): line for line in csv.DictReader(file)}
    assert found["Alex-6", "depth 256"]["provenance"] == "calibrated"
    assert (
        found["Alex-6", "depth 8"]["provenance"] == "simulated" and "rows calibrated" in found["Alex-6", "depth 8"]["source"]
    )
    bar = PUBLISHED.load_balance("Alex-6", 8).value
    above = float(found["Alex-6", "depth 8: above the bar, points"]["value"])
    assert above == pytest.approx(float(found["Alex-6", "depth 8"]["value"]) - bar)


def cells(*values):
    return [Cell(float(value), "", "assumed", "made up") for value in values]


def test_measures_of_error():
    assert error_of([cells(1.1, 1), cells(1, 1.1)], "made up").value == pytest.approx(10)
    assert rms_of([cells(3, 0), cells(0, 4)], "made up").value == pytest.approx(math.sqrt(12.5))
    assert geometric([1, 4]) == pytest.approx(2)


@pytest.mark.parametrize("name", ["queue", "scale", "large", "space"])
def test_files_that_are_none(files, name):
    for content in ("", "{}", '{"format": "eie-explore-1", "device": "x", "points": [{}], "designs": []}'):
        (files / f"{name}.json").write_text(content, encoding="utf-8")
        done = make(files)
        assert done.returncode == 2 and f"{name}.json" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (files / "book").exists()


def test_points_that_are_missing(files):
    whole = json.loads((files / "queue.json").read_text(encoding="utf-8"))
    whole["points"] = [row for row in whole["points"] if row["layer"] != "NT-Wd"]
    (files / "queue.json").write_text(json.dumps(whole), encoding="utf-8")
    done = make(files)
    assert done.returncode == 2 and "no point" in done.stderr and "NT-Wd" in done.stderr


def test_folders_that_cannot_be_written(files):
    (files / "book").write_text("a file", encoding="utf-8")
    assert make(files).returncode == 3


def test_calibration_without_its_data(tmp_path):
    done = run_script("calibrate-rows", "--data", tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and str(tmp_path) in done.stderr
    assert done.stderr.startswith("calibrate-rows: ") and "a fault of this program" not in done.stderr


def drawn(folder):
    """(the book, its sweep of designs) of the made-up sweeps."""
    sweeps_of = [Sweep(folder / f"{name}.json") for name in ("queue", "scale", "large", "space")]
    return Book(Published(DATA), DATA, *sweeps_of[:3]), sweeps_of[3]


@pytest.fixture
def figures(monkeypatch):
    """Figures as they are instead of as PNG."""
    monkeypatch.setattr(bookpictures, "_png", lambda figure: figure)
    return bookpictures


def test_clipped_bars_of_fig_11_are_lower_bounds(files, figures):
    book, _ = drawn(files)
    for axes, layer in zip(figures.figs11_13(book).axes[:3], ("Alex-7", "VGG-6", "NT-We")):
        clipped = [pes for pes in PES if book.published.is_least_speedup(layer, pes)]
        marks = [line for line in axes.lines if line.get_marker() == "^"]
        assert [list(line.get_xdata()) for line in marks] == ([clipped] if clipped else [])
        assert bool(clipped) == (layer != "NT-We") and len(axes.texts) == len(clipped)
        assert all(text.xy[1] < axes.get_ylim()[1] and text.xyann[1] < text.xy[1] for text in axes.texts)


def test_every_picture_has_its_axes_named_and_no_legend_on_its_curves(files, figures):
    book, _ = drawn(files)
    for name in ("fig6", "fig7", "fig8", "fig9", "fig10", "figs11_13"):
        figure = getattr(figures, name)(book)
        assert figure.legends and not any(axes.get_legend() for axes in figure.axes), name
        assert figure.get_supylabel() or figure.axes[0].get_ylabel(), name
        assert any(axes.get_xlabel() for axes in figure.axes[-3:]), name  # of one column or another of the last line


def test_designs_of_the_front_and_eies_own_are_named(files, figures):
    _, space = drawn(files)
    axes = figures.designs(space).axes[0]
    assert [text.get_text() for text in axes.texts] == ["EIE: 64/8/64/4"]
    space.designs[1]["pareto_left"], space.designs[0]["pareto_left"] = True, False
    axes = figures.designs(space).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["32/8/64/4", "EIE: 64/8/64/4"]
    ticks = [axes.xaxis.get_major_formatter()(value, 0) for value in (5, 20, 256.0)]
    assert ticks == ["5", "20", "256"]


def test_designs_that_differ_in_the_queue_alone_share_a_name(files, figures):
    _, space = drawn(files)
    design = space.designs[1] | {"pareto_left": True}
    for depth, time, energy in ((4, 21.0, 1.0), (16, 19.0, 1.01), (32, 18.0, 1.5)):
        further = {"queue_depth": depth, "time_us": time, "energy_left_j": design["energy_left_j"] * energy}
        space.designs.append(design | further)
    space.designs[1] = design
    axes = figures.designs(space).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["32/32/64/4", "32/4..16/64/4", "EIE: 64/8/64/4"]
    (several,) = (text for text in axes.texts if ".." in text.get_text())
    assert several.xy[0] == 19.0
