"""The results file in the hands of others: Google Benchmark's own compare.py, and what github-action-benchmark
reads of it. Both take it as it is."""

import copy
import json
import math
import pathlib
import subprocess
import sys

import jsonschema
import pytest
from command import Command, suite_object

COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")  # Debian's package libbenchmark-tools
SCHEMA = json.loads((pathlib.Path(__file__).parent / "googlecpp.schema.json").read_text(encoding="utf-8"))
STREAM, OTHER = "scalar_eie_stream", "scalar_ref_dense"
OVERALL = "OVERALL_GEOMEAN"

needs_compare = pytest.mark.skipif(not COMPARE.is_file(), reason="libbenchmark-tools is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of one small matrix: a.json and b.json."""
    made = tmp_path_factory.mktemp("trackers")
    (made / "tiny.json").write_text(json.dumps(suite_object()), encoding="utf-8")
    for name in "ab":
        Command(made)(
            "bench",
            "--quiet",
            "--suite",
            "tiny.json",
            "--layer",
            "even,odd",
            "--kernel",
            f"{STREAM},{OTHER},peers_openblas_*,model_*",
            "--cache",
            "hot",
            "--budget",
            "least",
            "--out",
            f"{name}.json",
        )
    return made


def strict(path):
    """As JavaScript reads it: NaN and infinities are no JSON."""

    def refuse(word):
        raise ValueError(f"{path}: {word}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture
def results(folder):
    return strict(folder / "a.json")


def compared(folder, *arguments):
    """What compare.py says, by name of the row; it must end well and silently."""
    dump = folder / "dump.json"
    done = subprocess.run(
        [sys.executable, "-B", COMPARE, "--no-color", "--dump_to_json", dump, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == "", (done.returncode, done.stderr)
    entries = json.loads(dump.read_text(encoding="utf-8"))
    assert all(entry["name"] in done.stdout for entry in entries)
    return {entry["name"]: entry for entry in entries}


def names(results):
    return {row["name"] for row in results["benchmarks"]}


# ---- Google Benchmark's compare.py -------------------------------------------------------------


@needs_compare
def test_two_files(folder, results):
    entries = compared(folder, "benchmarks", "a.json", "b.json")
    assert set(entries) - {OVERALL} == names(results) and len(names(results)) >= 6
    times = {row["name"]: row["real_time"] for row in strict(folder / "b.json")["benchmarks"]}
    for row in results["benchmarks"]:
        (measurement,) = entries[row["name"]]["measurements"]
        assert math.isfinite(measurement["time"]) and math.isfinite(measurement["cpu"])
        assert measurement["time"] == pytest.approx(times[row["name"]] / row["real_time"] - 1, abs=1e-9)
    assert math.isfinite(entries[OVERALL]["measurements"][0]["time"])


@needs_compare
def test_a_file_with_itself(folder):
    entries = compared(folder, "benchmarks", "a.json", "a.json")
    changes = [measurement["time"] for name, entry in entries.items() for measurement in entry["measurements"]]
    assert len(changes) > 6 and set(changes) == {0.0}


@needs_compare
def test_a_row_twice_as_slow(folder, results):
    results["benchmarks"][0]["real_time"] *= 2
    (folder / "slow.json").write_text(json.dumps(results), encoding="utf-8")
    entries = compared(folder, "benchmarks", "a.json", "slow.json")
    changes = {name: entry["measurements"][0]["time"] for name, entry in entries.items() if name != OVERALL}
    assert changes.pop(results["benchmarks"][0]["name"]) == pytest.approx(1.0) and set(changes.values()) == {0.0}


@needs_compare
def test_filters_of_one_file(folder, results):
    entries = compared(folder, "filters", "a.json", STREAM, OTHER)
    both = {name for name in names(results) if STREAM in name and name.replace(STREAM, OTHER) in names(results)}
    assert set(entries) - {OVERALL} == {name.replace(STREAM, f"[{STREAM} vs. {OTHER}]") for name in both} and both
    assert all(math.isfinite(entry["measurements"][0]["time"]) for entry in entries.values())


@needs_compare
def test_no_u_test_of_single_rows_but_one_of_the_samples(folder, results):
    """compare.py tests repetitions that are rows of their own. Ours is one row a key, with its samples in it: no
    U test, until the samples are written as rows."""
    assert not any(entry["utest"] for entry in compared(folder, "benchmarks", "a.json", "b.json").values())
    for name in "ab":
        document = strict(folder / f"{name}.json")
        (row,) = [
            row
            for row in document["benchmarks"]
            if (row["eie_kernel"], row["eie_layer"]) == (STREAM, "even")
            and row["eie_threads"] == 1
            and row["eie_cache"] == "hot"
        ]
        document["benchmarks"] = [row | {"real_time": time, "cpu_time": time} for time in row["eie_samples_ns"]]
        (folder / f"samples_{name}.json").write_text(json.dumps(document), encoding="utf-8")
    entry = compared(folder, "benchmarks", "samples_a.json", "samples_b.json")[row["name"]]
    assert 0 < entry["utest"]["time_pvalue"] <= 1 and entry["utest"]["nr_of_repetitions"] >= 6


# ---- github-action-benchmark -------------------------------------------------------------------


def faults_of(document):
    return [error.json_path for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_file_is_what_trackers_read(folder):
    for name in "ab":
        document = strict(folder / f"{name}.json")
        assert faults_of(document) == []
        assert len(names(document)) == len(document["benchmarks"])  # a tracker's series is a name
    assert names(strict(folder / "a.json")) == names(strict(folder / "b.json"))


def test_rows_without_a_number_are_out_of_sight(eie, tiny):
    document = eie.bench(
        "--suite", tiny, "--layer", "even", "--kernel", "scalar_*,peers_openblas*", env={"EIE_OPENBLAS": "/nonexistent.so"}
    )
    assert document["eie_missing"] and faults_of(document) == []
    assert not names(document) & {row["name"] for row in document["eie_missing"]}


MISSING = object()
FAULTS = {
    "a time of 0": ("real_time", 0),
    "no time": ("real_time", MISSING),
    "a time in words": ("real_time", "12.5"),
    "a negative time": ("real_time", -1.0),
    "no CPU time": ("cpu_time", MISSING),
    "no name": ("name", MISSING),
    "an empty name": ("name", ""),
    "a name that is a number": ("name", 5),
    "no unit": ("time_unit", MISSING),
    "an unknown unit": ("time_unit", "fortnights"),
    "iterations in words": ("iterations", "10"),
    "no threads": ("threads", MISSING),
    "no threads at all": ("threads", 0),
    "a failed row": ("error_occurred", True),
}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_of_a_row(results, name):
    key, value = FAULTS[name]
    row = results["benchmarks"][0]
    if value is MISSING:
        del row[key]
    else:
        row[key] = value
    assert faults_of(results) and all(path.startswith("$.benchmarks[0]") for path in faults_of(results))


@pytest.mark.parametrize("key", SCHEMA["properties"]["context"]["required"])
def test_planted_faults_of_the_context(results, key):
    without, another = copy.deepcopy(results), copy.deepcopy(results)
    del without["context"][key]
    another["context"][key] = {"not": "this"}
    assert faults_of(without) == ["$.context"] and faults_of(another) == [f"$.context.{key}"]


def test_planted_faults_of_the_file(results):
    assert faults_of([]) and faults_of(results | {"benchmarks": []})
    assert faults_of({"benchmarks": results["benchmarks"]})
