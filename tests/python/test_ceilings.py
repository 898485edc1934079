"""The roofline and the floors, with and without measured ceilings."""

import json

import pytest

from conftest import CEILINGS, PEAKS, SHAPES, cell, column, fake_document, read, run_report, with_ceilings
from ceilings import Ceilings, point, roofline_rows
from load import load


@pytest.fixture(scope="module")
def ceilings_report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ceilings")
    path = folder / "results.json"
    path.write_text(json.dumps(with_ceilings(fake_document())), encoding="utf-8")
    done = run_report(path, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


def test_ceilings_are_shown_as_measured(ceilings_report):
    for threads, words in ((1, "1 thread"), (4, "4 threads")):
        for row, value in [(f"read {level}, GB/s", speed) for level, speed in CEILINGS.items()] \
                + [(f"multiply-add {name}, GMAC/s", peak) for name, peak in PEAKS.items()]:
            found = cell(ceilings_report[0], "ceilings", row, words)
            assert float(found["value"]) == pytest.approx(value * threads / 1e9) and found["provenance"] == "measured"
            assert "loop made up" in found["source"]


def test_the_share_of_the_floor_by_hand(ceilings_report):
    inputs, outputs, *_ = SHAPES["Alex-7"]
    floor_ns = inputs * outputs / CEILINGS["l3"] * 1e9
    median_ns = inputs * outputs * 20 / 1000
    found = cell(ceilings_report[0], "floor_paper_batch1_hot", "Alex-7", "scalar_eie_stream@1")
    assert float(found["value"]) == pytest.approx(100 * floor_ns / median_ns) and found["unit"] == "%"
    assert cell(ceilings_report[0], "floor_paper_batch1_hot", "set by", "scalar_eie_stream@1")["value"] == "l3"


def test_points_of_the_roofline_by_hand(ceilings_report):
    inputs, outputs, weights, active = SHAPES["Alex-7"]
    useful = round(inputs * outputs * weights * active)
    lines = {line["column"]: line for line in read(ceilings_report[0], "roofline_points")
             if line["row"].startswith("paper/Alex-7, scalar_eie_stream, 1 threads, batch 1, hot")}
    macs = useful + useful // 10
    assert float(lines["MACs per byte"]["value"]) == pytest.approx(macs / (inputs * outputs))
    assert float(lines["MAC/s"]["value"]) == pytest.approx(macs / (inputs * outputs * 20 / 1000) * 1e9)
    assert lines["set by"]["value"] == "l3" and lines["again"]["value"] == "eie bench --layer Alex-7"
    assert float(lines["copies"]["value"]) == 3 and float(lines["run"]["value"]) == 0


def test_roofline_with_and_without_ceilings(ceilings_report, report):
    for kind in ("png", "svg"):
        with_roofs, without = ((folder / f"roofline.{kind}").read_bytes() for folder in (ceilings_report[0], report[0]))
        assert len(with_roofs) > 10000 and len(without) > 10000 and with_roofs != without
    missing = cell(report[0], "ceilings", "bandwidths and peaks", "this host")
    assert missing["value"] == "absent" and "no measured ceilings" in missing["source"]
    assert not (report[0] / "floor_paper_batch1_hot.csv").exists()
    assert "this results file has no measured ceilings" in (report[0] / "report.md").read_text(encoding="utf-8")
    assert "eie bench --made-up" in (ceilings_report[0] / "report.md").read_text(encoding="utf-8")


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
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    shares = column(tmp_path / "out", "floor_paper_batch1_hot", "scalar_eie_stream@1")
    assert shares["Alex-7"]["value"] == "absent" and float(shares["Alex-6"]["value"]) > 0


@pytest.mark.parametrize("runs", [
    "much", [1], [{"eie_ceilings": 1}], [{"eie_ceilings": [1]}], [{"eie_ceilings": [{"threads": 1, "level": "l1"}]}],
    [{"eie_ceilings": [{"threads": 1, "level": "l1", "bytes_per_s": 0}]}],
    [{"eie_peaks": [{"threads": "1", "operation": "int16", "macs_per_s": 1}]}]])
def test_bad_ceilings_give_one_line_and_exit_2(save, document, tmp_path, runs):
    document["context"]["eie_runs"] = runs
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "eie_runs" in done.stderr and "Traceback" not in done.stderr
