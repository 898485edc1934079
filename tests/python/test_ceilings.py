"""The roofline and the bounds, with and without measured ceilings."""

import json
import math
import statistics

import pytest
from conftest import (
    ADDS,
    CEILINGS,
    PEAKS,
    SHAPES,
    cell,
    column,
    fake_document,
    made_up_report,
    read,
    run_report,
    with_ceilings,
)

from plots.core.drawing import spread, uncrossed
from plots.core.load import load
from plots.tables.ceilings import Ceilings, point, roofline_rows
from plots.tables.roofline import roofline_figure


@pytest.fixture(scope="module")
def ceilings_report(tmp_path_factory):
    return made_up_report(tmp_path_factory.mktemp("ceilings"), ["roofline"], with_ceilings(fake_document()))


def test_ceilings_are_shown_as_measured(ceilings_report):
    for threads, words in ((1, "1 thread"), (4, "4 threads")):
        for row, value in (
            [(f"read {level}, GB/s", speed) for level, speed in CEILINGS.items()]
            + [(f"multiply-add {name}, GMAC/s", peak) for name, peak in PEAKS.items()]
            + [("add at random places, Gadd/s", ADDS)]
        ):
            found = cell(ceilings_report[0], "ceilings", row, words)
            assert float(found["value"]) == pytest.approx(value * threads / 1e9) and found["provenance"] == "measured"
            assert "loop made up" in found["source"]
    for what, value in (("a run of no work", 2), ("a barrier", 0.5)):
        found = cell(ceilings_report[0], "ceilings", f"thread pool: {what}, us", "4 threads")
        assert float(found["value"]) == value and found["unit"] == "us" and found["provenance"] == "measured"


def test_the_share_of_the_floor_by_hand(ceilings_report):
    inputs, outputs, *_ = SHAPES["Alex-7"]
    floor_ns = inputs * outputs / CEILINGS["l3"] * 1e9
    median_ns = inputs * outputs * 20 / 1000
    found = cell(ceilings_report[0], "bound_paper_batch1_hot", "Alex-7", "scalar_eie_stream@1")
    assert float(found["value"]) == pytest.approx(100 * floor_ns / median_ns) and found["unit"] == "%"
    assert cell(ceilings_report[0], "bound_paper_batch1_hot", "set by", "scalar_eie_stream@1")["value"] == "bytes (L3)"


def test_points_of_the_roofline_by_hand(ceilings_report):
    inputs, outputs, weights, active = SHAPES["Alex-7"]
    useful = round(inputs * outputs * weights * active)
    lines = {
        line["column"]: line
        for line in read(ceilings_report[0], "roofline_points")
        if line["row"].startswith("paper/Alex-7, scalar_eie_stream, 1 threads, batch 1, hot")
    }
    macs = useful + useful // 10
    assert float(lines["MACs per byte"]["value"]) == pytest.approx(macs / (inputs * outputs))
    assert float(lines["MAC/s"]["value"]) == pytest.approx(macs / (inputs * outputs * 20 / 1000) * 1e9)
    assert lines["set by"]["value"] == "bytes (L3)" and lines["again"]["value"] == "eie bench --layer Alex-7"
    assert float(lines["copies"]["value"]) == 3 and float(lines["run"]["value"]) == 0


def test_roofline_with_and_without_ceilings(ceilings_report, report):
    for folder in (ceilings_report[0], report[0]):
        assert (folder / "roofline.png").read_bytes().startswith(b"\x89PNG")
    missing = cell(report[0], "ceilings", "bandwidths and peaks", "this host")
    assert missing["value"] == "absent" and "no measured ceilings" in missing["source"]
    assert not (report[0] / "bound_paper_batch1_hot.csv").exists()
    assert "this results file has no measured ceilings" in (report[0] / "report.md").read_text(encoding="utf-8")
    assert "eie bench --made-up" in (ceilings_report[0] / "report.md").read_text(encoding="utf-8")


def panels(results):
    return roofline_figure(roofline_rows(results), Ceilings(results)).axes


def marks(axes):
    """{kernel: place of its point}"""
    return {
        line.get_gid().partition("-")[2]: (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_linestyle() == "None"
    }


def roofs(axes):
    """{bandwidth} of the slanted lines and {peak} of the level ones."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    slanted = [line for line in lines if line.get_ydata()[0] != line.get_ydata()[-1]]
    for line in slanted:
        (x, *_, end), (y, *_, top) = line.get_xdata(), line.get_ydata()
        assert y / x == pytest.approx(top / end)
    return (
        sorted(line.get_ydata()[0] / line.get_xdata()[0] for line in slanted),
        sorted(line.get_ydata()[0] for line in lines if line not in slanted),
    )


def expected_points(results, threads, cache="llc"):
    """By hand: geometric means over the nine layers, without the multiply-adds of padding."""
    found = {}
    for row in roofline_rows(results):
        if (row.threads, row.batch, row.cache) == (threads, 1, cache):
            useful = row.raw["eie_macs_useful"]
            found.setdefault(row.kernel, []).append((useful / row.raw["eie_bytes"], useful / row.median_ns * 1e9))
    return {kernel: tuple(map(statistics.geometric_mean, zip(*pairs))) for kernel, pairs in found.items()}


def test_points_and_roofs_are_drawn_where_they_belong(save):
    with_roofs = load(save(with_ceilings(fake_document())))
    for axes, threads in zip(panels(with_roofs), (1, 4), strict=True):
        expected = expected_points(with_roofs, threads)
        found = marks(axes)
        assert found.keys() == expected.keys() and len(found) >= 2
        assert all(found[kernel] == pytest.approx(place) for kernel, place in expected.items())
        bandwidths, peaks = roofs(axes)
        assert bandwidths == pytest.approx(sorted(speed * threads for speed in CEILINGS.values()))
        assert peaks == pytest.approx(sorted(peak * threads for peak in [*PEAKS.values(), ADDS]))
        low, high, bottom, top = *axes.get_xlim(), *axes.get_ylim()
        assert all(low < x < high and bottom < y < top for x, y in found.values())
    without = load(save(fake_document()))
    for axes in panels(without):
        assert roofs(axes) == ([], []) and marks(axes)


def test_each_point_has_its_name_once_and_no_two_names_touch(save):
    for axes in panels(load(save(with_ceilings(fake_document())))):
        names = [text for text in axes.texts if text.get_text() in marks(axes)]
        assert sorted(text.get_text() for text in names) == sorted(marks(axes))
        heights = sorted(axes.transData.transform(text.get_position())[1] for text in names)
        assert all(above - below >= 7.5 for below, above in zip(heights, heights[1:]))


@pytest.mark.parametrize(
    "wanted, expected",
    [
        ([], []),
        ([5, 3], [5, 3]),
        ([5, 5, 5], [5, 4, 3]),
        ([0.5, 0.4, 0.3], [2, 1, 0]),  # pushed up from the floor
        ([20, 5], [10, 5]),  # and down from the roof
    ],
)
def test_names_are_spread(wanted, expected):
    assert spread(wanted, 1, 0, 10) == expected


def test_lines_to_names_do_not_cross():
    """The upper point lies far to the right, so its line would cut that of the lower one, which climbs."""
    column = [(10, 9), (10, 8)]
    assert uncrossed([(1, 3), (9, 3.5)], lambda order: column[: len(order)]) == [0, 1]
    assert (
        uncrossed([(1, 3), (1, 5)], lambda order: column[: len(order)]) == [1, 0] and uncrossed([], lambda order: []) == []
    )


def test_labels_of_ceilings_keep_clear_of_points(save):
    for axes in panels(load(save(with_ceilings(fake_document())))):
        pixels = axes.transData.transform
        points = [pixels(place) for place in marks(axes).values()]
        labels = [text for text in axes.texts if "(m)" in text.get_text()]
        assert len(labels) >= 4 and any("additions one by one" in text.get_text() for text in labels)
        for text in labels:
            (x, y), angle = pixels(text.xy), math.radians(text.get_rotation())
            places = [(x + step * math.cos(angle), y + step * math.sin(angle)) for step in range(12, 100, 8)]
            assert min(math.dist(place, point) for place in places for point in points) > 5, text.get_text()


def test_roofs_run_as_far_as_the_axis(save):
    for axes in panels(load(save(with_ceilings(fake_document())))):
        level = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert level and all(tuple(line.get_xdata()) == tuple(axes.get_xlim()) for line in level)


def test_the_cache_mode_of_a_panel_is_said(save, document):
    document["benchmarks"] = [row for row in document["benchmarks"] if row["eie_cache"] != "llc"]
    results = load(save(document))
    axes = panels(results)[0]
    assert axes.get_title(loc="left") == "1 thread, cache hot"
    assert marks(axes).keys() == expected_points(results, 1, "hot").keys()


def test_the_picture_leaves_out_what_is_suspect_or_a_reference(save, document):
    rows = roofline_rows(load(save(document)))
    kernels = {row.kernel for row in rows}
    assert {"scalar_eie_stream", "peers_openblas_sgemv"} <= kernels
    assert not kernels & {"fake_fast", "scalar_ref_dense", "model_eie_analytic", "fake_avx9000"}


def test_a_row_without_bytes_is_no_point(save, document):
    for row in document["benchmarks"]:
        row.pop("eie_bytes", None)
    results = load(save(document))
    assert roofline_rows(results) == [] and not point(results.rows[0])["MAC/s"].is_number


def test_of_several_runs_the_best_ceiling_counts(save):
    document = with_ceilings(fake_document())
    second = json.loads(json.dumps(document["context"]["eie_runs"][0]))
    second["eie_ceilings"][0]["bytes_per_s"] *= 2
    second["eie_ceilings"][1]["bytes_per_s"] /= 2
    document["context"]["eie_runs"].append(second)
    found = Ceilings(load(save(document)))
    assert found.bandwidth[1, "l1"].value == 2 * CEILINGS["l1"] and found.bandwidth[1, "l2"].value == CEILINGS["l2"]


def test_floors_of_some_rows_only(save, tmp_path):
    document = with_ceilings(fake_document())
    for row in document["benchmarks"]:
        if row["eie_layer"] == "Alex-7":
            for key in ("eie_floor_ns", "eie_floor_bound", "eie_floor_share"):
                row.pop(key, None)
    done = run_report(save(document), "--out", tmp_path / "out", pictures=[])
    assert done.returncode == 0, done.stderr
    shares = column(tmp_path / "out", "bound_paper_batch1_hot", "scalar_eie_stream@1")
    assert shares["Alex-7"]["value"] == "absent" and float(shares["Alex-6"]["value"]) > 0


@pytest.mark.parametrize(
    "runs",
    [
        "much",
        [1],
        [{"eie_ceilings": 1}],
        [{"eie_ceilings": [1]}],
        [{"eie_ceilings": [{"threads": 1, "level": "l1"}]}],
        [{"eie_ceilings": [{"threads": 1, "level": "l1", "bytes_per_s": 0}]}],
        [{"eie_peaks": [{"threads": "1", "operation": "int16", "macs_per_s": 1}]}],
        [{"eie_ceilings": [{"threads": True, "level": "l1", "bytes_per_s": 1}]}],
        [{"eie_ceilings": [{"threads": 1, "level": "l1", "bytes_per_s": True}]}],
        [{"eie_ceilings": [{"threads": 1, "level": "l1", "bytes_per_s": 10**400}]}],
        [{"eie_ceilings": [{"threads": 1, "level": "l1", "bytes_per_s": 1e300}]}],
        [{"eie_adds": [1]}],
        [{"eie_adds": [{"threads": 1, "adds_per_s": -1}]}],
        [{"eie_adds": {"threads": 1, "adds_per_s": 1}}],
        [{"eie_pool": [1]}],
        [{"eie_pool": [{"threads": 1, "run_ns": 1}]}],
        [{"eie_pool": [{"threads": 0, "run_ns": 1, "barrier_ns": 1}]}],
        [{"eie_ceilings": [{"threads": 10**400, "level": "l1", "bytes_per_s": 1}]}],
    ],
)
def test_bad_ceilings_give_one_line_and_exit_2(save, document, tmp_path, runs):
    document["context"]["eie_runs"] = runs
    done = run_report(save(document), "--out", tmp_path / "out", pictures=["roofline"])
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "eie_runs" in done.stderr and "Traceback" not in done.stderr


def test_bounds_by_their_names(save, tmp_path):
    """One kernel whose layers have different bounds; an older file has no ceiling for additions."""
    document = with_ceilings(fake_document())
    bounds = {"Alex-6": "adds", "Alex-7": "adds", "VGG-6": "arithmetic", "VGG-7": "dram"}
    for row in document["benchmarks"]:
        if row["eie_kernel"] == "scalar_eie_stream" and row["eie_layer"] in bounds:
            row["eie_floor_bound"] = bounds[row["eie_layer"]]
    del document["context"]["eie_runs"][0]["eie_adds"]
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    words = cell(tmp_path / "out", "bound_paper_batch1_hot", "set by", "scalar_eie_stream@1")["value"]
    assert {"bytes (memory): VGG-7", "multiply-adds: VGG-6", "adds: Alex-6, Alex-7"} <= set(words.split("; "))
    rows = {line["row"] for line in read(tmp_path / "out", "ceilings")}
    assert not any("add at" in row for row in rows) and any("multiply-add" in row for row in rows)
