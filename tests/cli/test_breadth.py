"""Breadth first: every row's least before any row's more, visits, what --resume continues, several matrices."""

import json

import pytest
from command import DATA

KERNELS = "scalar_eie_stream,avx2_eie_stream,cpu_auto,model_eie_analytic"
LEAST = ("--budget", "least", "--threads", "1", "--quiet")


def rows_of(tmp_path, name="out.json"):
    return json.loads((tmp_path / name).read_text())["benchmarks"]


def test_models_then_what_headlines_are_made_of_then_the_rest(eie, tiny, tmp_path):
    eie("bench", "--suite", tiny, "--kernel", KERNELS, "--cache", "hot,llc", *LEAST, "--out", "out.json")
    kernels = [row["eie_kernel"] for row in rows_of(tmp_path)]
    kinds = ["model" if kernel.startswith("model") else "lead" if kernel == "cpu_auto" else "rest" for kernel in kernels]
    first = {kind: kinds.index(kind) for kind in ("model", "lead", "rest")}
    last = {kind: len(kinds) - 1 - kinds[::-1].index(kind) for kind in ("model", "lead", "rest")}
    assert first["model"] == 0 and last["model"] < first["lead"]
    assert {row["eie_layer"] for row in rows_of(tmp_path)[first["lead"] : first["rest"]]} == {"even", "sparse", "odd"}
    assert first["lead"] < first["rest"] and last["lead"] < first["rest"]


def test_one_layer_is_one_visit(eie, tiny, tmp_path):
    eie("bench", "--suite", tiny, "--layer", "even", "--kernel", KERNELS, "--cache", "hot", *LEAST, "--out", "out.json")
    measured = [row for row in rows_of(tmp_path) if row["eie_time_source"] == "wall"]
    assert measured and all(row["eie_visits"] == [1] for row in measured)
    for row in measured:
        assert row["eie_target"] == 0.02
        assert len(row["eie_samples_ns"]) == sum(row["eie_visit_samples"]) >= 6


def test_time_that_is_left_goes_to_wide_intervals(eie, tiny, tmp_path):
    """A target that nothing reaches ends at the most samples that a row takes, not by the clock."""
    common = (
        "bench",
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        "scalar_eie_stream,cpu_auto",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--quiet",
        "--out",
        "out.json",
    )
    eie(*common, "--budget", "least", "--target", "0.01%")
    before = {row["name"]: row for row in rows_of(tmp_path)}
    result = eie(*common, "--budget", "10h", "--target", "0.01%", "--resume")
    assert "2 rows stand in out.json already" in result.stdout
    for row in rows_of(tmp_path):
        half = (row["eie_ci95_high_ns"] - row["eie_ci95_low_ns"]) / 2 / row["eie_median_ns"]
        assert row["repetitions"] >= 602 or half <= 1e-4
        assert (
            row["eie_visits"] == sorted(set(row["eie_visits"])) and row["repetitions"] > before[row["name"]]["repetitions"]
        )
        earlier = before[row["name"]]
        kept = row["eie_samples_ns"] + row.get("eie_disturbed_ns", [])
        assert set(earlier["eie_samples_ns"] + earlier.get("eie_disturbed_ns", [])) <= set(kept)  # none is thrown away


def test_a_target_that_is_reached_ends_the_run(eie, tiny, tmp_path):
    eie(
        "bench",
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        "scalar_eie_stream",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--quiet",
        "--budget",
        "10h",
        "--target",
        "100",
        "--out",
        "out.json",
    )
    (row,) = rows_of(tmp_path)
    half = (row["eie_ci95_high_ns"] - row["eie_ci95_low_ns"]) / 2 / row["eie_median_ns"]
    assert half <= 1 or row["repetitions"] >= 602


def test_several_matrices_in_one_run(eie, tiny, tmp_path):
    eie(
        "bench",
        "--suite",
        tiny,
        "--kernel",
        "model_eie_analytic",
        "--device",
        "eie-64pe-45nm",
        "--also",
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        "scalar_eie_stream",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--also",
        "--suite",
        tiny,
        "--layer",
        "e*",
        "--kernel",
        "scalar_eie_stream",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--batch",
        "1,2",
        "--budget",
        "least",
        "--quiet",
        "--out",
        "out.json",
    )
    names = [row["name"] for row in rows_of(tmp_path)]
    assert len(names) == len(set(names)) == 3 + 2  # the row that stands in two of them is one
    assert sum("model_eie_analytic" in name for name in names) == 3


def test_what_is_wrong_in_a_further_matrix_is_said(eie, tiny):
    eie.fails(2, "no kernel matches 'nonsense'", "bench", "--suite", tiny, "--also", "--suite", tiny, "--kernel", "nonsense")
    eie.fails(2, "--target", "bench", "--suite", tiny, "--target", "0")
    eie.fails(2, "--target", "bench", "--suite", tiny, "--target", "2s")
    eie.fails(2, "more than 16", "bench", *["--also"] * 16)


def test_a_median_that_its_samples_do_not_have_is_refused(eie, tiny, tmp_path):
    common = (
        "bench",
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        "scalar_eie_stream",
        "--cache",
        "hot",
        *LEAST,
        "--out",
        "out.json",
    )
    eie(*common)
    document = json.loads((tmp_path / "out.json").read_text())
    document["benchmarks"][0]["eie_median_ns"] /= 1000
    (tmp_path / "out.json").write_text(json.dumps(document))
    eie.fails(2, "is not the median of its samples", *common, "--resume")


GOOGLE = {"context": {"date": "", "num_cpus": 2}, "benchmarks": [{"name": "BM_x", "real_time": 1.0}]}


@pytest.mark.parametrize(
    "document, words",
    [
        ({"context": {"eie_format": "2"}, "benchmarks": [], "eie_missing": []}, "written by a newer version of eie bench"),
        (
            {"context": {"eie_format": "10"}},
            "written by a newer version of eie bench: context.eie_format is '10', this one reads '1'",
        ),
        (GOOGLE, "not a results file of eie bench: context.eie_format is missing"),
        ({"context": {"eie_format": 1}}, "not a results file of eie bench"),
        ({"context": {"eie_format": "old"}}, "not a results file of eie bench: context.eie_format is 'old', not '1'"),
        ({"context": {"eie_format": "1", "x": 1e301}}, "holds a number beyond 1e+300"),
        ([], "is no results file"),
    ],
)
def test_files_that_cannot_be_gone_on_with(eie, tiny, tmp_path, document, words):
    before = json.dumps(document)
    (tmp_path / "out.json").write_text(before)
    eie.fails(2, f"out.json: {words}", "bench", "--suite", tiny, *LEAST, "--out", "out.json", "--resume")
    assert (tmp_path / "out.json").read_text() == before


def test_suites_and_devices_of_a_newer_version_are_called_so(eie, make_suite):
    eie.fails(2, "written for a newer version", "explore", "--dry-run", "--suite", make_suite(format="eie-suite-2"))
    device = json.loads((DATA / "devices/eie-64pe-45nm.json").read_text()) | {"format": "eie-device-2"}
    (eie.folder / "device.json").write_text(json.dumps(device))
    eie.fails(2, "written for a newer version", "explore", "--dry-run", "--device", "./device.json")


def test_a_budget_below_the_least_says_so_and_leaves_nothing_out(eie, tmp_path):
    result = eie(
        "bench",
        "--suite",
        "paper",
        "--layer",
        "NT-We",
        "--kernel",
        "scalar_eie_stream,peers_*gemv",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--budget",
        "0.001",
        "--out",
        "out.json",
    )
    assert "none is left out" in result.stderr
    assert rows_of(tmp_path)
