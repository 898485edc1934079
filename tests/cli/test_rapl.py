"""The processor's energy as `eie bench` and the report have it. No counter of a machine is read here: the trees of sysfs are
made by hand, after the kernel's Documentation/power/powercap/powercap.rst (tests/unit/test_rapl.c has all that can be wrong
with them), and their counters follow the program's own clock (tests/support/driven_rapl.c)."""

import csv

import pytest
from command import REPOSITORY, compile_shared
from test_energy import report_of

CPU, DENSE = "scalar_eie_stream", "scalar_float_dense"
NUMBERS = ("eie_energy_j", "eie_energy_source", "eie_power_w", "eie_inference_j", "eie_energy_domains")


def plant(folder, zones):
    """A tree with zones {folder: {file: text}} of powercap."""
    for zone, files in zones.items():
        path = folder / "class/powercap" / zone
        path.mkdir(parents=True)
        for name, text in ({"max_energy_range_uj": "262143328850", "energy_uj": "0"} | files).items():
            (path / name).write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def driven(tmp_path_factory, own_time):
    source = (REPOSITORY / "tests/support/driven_rapl.c").read_text(encoding="utf-8")
    library = compile_shared(tmp_path_factory.mktemp("driven"), "driven_rapl", source, "-lm")
    return {"LD_PRELOAD": f"{own_time['LD_PRELOAD']}:{library}"}


@pytest.fixture
def bench(eie, tiny, driven):
    """Results and the one row of a short run: bench(TREE, *ARGUMENTS)."""

    def run(tree, *arguments, code=0):
        where = ("--suite", tiny, "--layer", "even", "--threads", "1", "--kernel", CPU, "--batch", "4")
        results = eie.bench(*where, *arguments, code=code, env=driven | {"EIE_RAPL": str(tree)})
        (row,) = results["benchmarks"]
        return results, row

    return run


def test_measured(bench, eie, tmp_path):
    tree = plant(
        tmp_path / "made-by-hand",
        {
            "intel-rapl:0": {"name": "package-0", "watts": "50"},
            "intel-rapl:0:0": {"name": "core", "watts": "30"},
            "intel-rapl:0:1": {"name": "dram", "energy_uj": "what"},
            "intel-rapl:1": {"name": "package-1", "watts": "20"},
        },
    )
    results, row = bench(tree, "--power", "150 W")
    assert results["context"]["eie_host_energy"].startswith("measured: RAPL by powercap in ")
    assert row["eie_energy_state"] == "measured" and "eie_energy_reason" not in row, row
    assert "made-by-hand (EIE_RAPL)" in row["eie_energy_source"] and "without DRAM" in row["eie_energy_source"]
    error = row["eie_energy_relative_error"]
    assert 0 < error <= 0.25 and abs(row["eie_power_w"] - 70) <= 70 * error
    assert row["eie_energy_calls"] > 0 and 0.1 <= row["eie_energy_window_s"] < 1
    assert row["eie_energy_idle"] == "not drawn off"
    assert 0 <= row.get("eie_energy_above_idle_j", 0) < row["eie_energy_j"]
    domains = row["eie_energy_domains"]
    assert list(domains) == ["package", "core", "dram"]
    assert domains["package"] == {"state": "measured", "j": row["eie_energy_j"], "wraps": 0}
    assert domains["core"]["j"] == pytest.approx(row["eie_energy_j"] * 3 / 7, rel=0.25)
    assert domains["dram"]["state"] == "unavailable" and "holds no number but 'what'" in domains["dram"]["reason"]
    assert row["eie_inference_j"] == pytest.approx(row["eie_energy_j"] / 4)
    assert row["eie_inferences_per_j"] == pytest.approx(1 / row["eie_inference_j"])
    assert row["eie_energy_provenance"] == "measured"
    assert row["eie_assumed_power_w"] == 150  # beside it
    assert row["eie_assumed_energy_j"] == pytest.approx(150e-9 * row["eie_median_ns"])
    text = report_of(eie.folder)
    table = text[text.index("### Energy of the processor") :].split("\n### ")[0]
    assert f"{CPU} on cpu@1, even" in table and "inferences per J" in table and "core, uJ" in table
    with open(eie.folder / "report/rows.csv", encoding="utf-8", newline="") as file:
        cells = {line["column"]: line for line in csv.DictReader(file)}
    assert float(cells["uJ an inference"]["value"]) == pytest.approx(1e6 * row["eie_inference_j"])
    assert float(cells["inferences per J"]["value"]) == pytest.approx(row["eie_inferences_per_j"])
    assert cells["dram, uJ"]["value"] == "unavailable"


@pytest.mark.parametrize(
    "zones, state, what",
    [
        ({}, "unavailable", "no RAPL in"),
        ({"intel-rapl:0": {"name": "package-0", "energy_uj": "\x01what?"}}, "unavailable", "holds no number"),
        ({"intel-rapl:0": {"name": "package-0", "energy_uj": "5"}}, "window too short", "stood still"),
        (
            {"intel-rapl:0": {"name": "package-0", "watts": "50", "start": "1e12", "max_energy_range_uj": "40000"}},
            "wrapped",
            "more than once",
        ),
    ],
    ids=["absent", "garbage", "still", "wrapped"],
)
def test_not_measured(bench, tmp_path, zones, state, what):
    """Never a failure of the run and never a number; the word, and what to do."""
    results, row = bench(plant(tmp_path / "made-by-hand", zones))
    assert row["eie_status"] == "ok" and row["eie_median_ns"] > 0
    assert row["eie_energy_state"] == state and what in row["eie_energy_reason"], row
    assert not any(key in row for key in NUMBERS)
    if state == "unavailable":
        assert results["context"]["eie_host_energy"] == f"unavailable: {row['eie_energy_reason']}"
    if what == "stood still":  # there, and opens: nothing to build on
        assert results["context"]["eie_host_energy"].startswith("window too short: the energy counter stood still")


def test_power_of_a_meter(eie):
    """Where nothing measures: power x time, marked assumed, in the tables where a measured value would stand."""
    where = ("--suite", "paper", "--layer", "Alex-7", "--threads", "1", "--cache", "hot", "--budget", "least")
    results = eie.bench(
        *where, "--kernel", f"{CPU},{DENSE},model_eie_analytic", "--power", "85.5", env={"EIE_RAPL": "/nonexistent"}
    )
    rows = {row["eie_kernel"]: row for row in results["benchmarks"]}
    model, ours = rows.pop("model_eie_analytic"), rows[CPU]
    assert "eie_assumed_power_w" not in model
    for row in rows.values():
        assert row["eie_energy_state"] == "unavailable" and "eie_energy_j" not in row
        assert row["eie_energy_provenance"] == "assumed" and row["eie_assumed_power_w"] == 85.5
        assert row["eie_inference_j"] == pytest.approx(85.5e-9 * row["eie_median_ns"])
    report_of(eie.folder)
    with open(eie.folder / "report/table5_platforms.csv", encoding="utf-8", newline="") as file:
        cells = {(line["row"], line["column"]): line for line in csv.DictReader(file)}
    power = cells[f"this host: {CPU}@1", "power (W)"]
    assert float(power["value"]) == 85.5 and power["provenance"] == "assumed" and "--power" in power["source"]
    frames = float(cells[f"this host: {CPU}@1", "frames/J"]["value"])
    assert frames == pytest.approx(ours["eie_inferences_per_j"], rel=1e-6)
    # a run that goes on without it keeps what was said of the rows that are there
    again = eie.bench(*where, "--kernel", f"{CPU},{DENSE},model_eie_analytic", "--resume", env={"EIE_RAPL": "/nonexistent"})
    assert {row.get("eie_assumed_power_w") for row in again["benchmarks"]} == {85.5, None}


@pytest.mark.parametrize("text", ["", "0", "-5", "85V", "nan", "inf", "1e9", "85 W x"])
def test_power_that_is_none(eie, text):
    eie.fails(2, "--power", "bench", "--power", text)
