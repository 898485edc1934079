"""`python -m plots bencher`: Bencher's metric format, as its schema has it. `compare --junit`, as junitparser reads it."""

import json
import subprocess
import sys

import jsonschema
import junitparser
import pytest
from conftest import REPOSITORY

RESULTS = f"{REPOSITORY}/results/xeon-emerald-rapids-2-cores/bench.json"
METRIC = {
    "type": "object",
    "required": ["value"],
    "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
    "additionalProperties": False,
}
SCHEMA = {  # benchmark: measure: metric
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"minLength": 1, "maxLength": 1024},
    "additionalProperties": {"type": "object", "minProperties": 1, "additionalProperties": METRIC},
}


def plots(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "plots", *map(str, arguments)], cwd=REPOSITORY, capture_output=True, text=True
    )


def test_results(tmp_path):
    done = plots("bencher", RESULTS)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    jsonschema.validate(metrics, SCHEMA)
    with open(RESULTS) as file:
        measured = [row for row in json.load(file)["benchmarks"] if row["eie_time_source"] != "model"]
    assert len(metrics) == len(measured) > 100
    assert sorted(one["latency"]["value"] for one in metrics.values()) == sorted(row["eie_median_ns"] for row in measured)
    for one in metrics.values():
        one = one["latency"]
        assert "lower_value" not in one or one["lower_value"] <= one["value"] <= one["upper_value"]
    assert plots("bencher", RESULTS, "--out", tmp_path / "m.json").stdout == ""
    assert json.loads((tmp_path / "m.json").read_text()) == metrics


def test_counts(tmp_path):
    row = {"suite": "s", "layer": "l", "layer_hash": "h", "kernel": "k", "batch": 1, "method": "step"}
    rows = [row | {"status": "ok", "instructions": 7}, row | {"kernel": "m", "status": "skipped", "reason": "r"}]
    path = tmp_path / "counts.json"
    path.write_text(json.dumps({"format": "eie-count-1", "rows": rows}))
    metrics = json.loads(plots("bencher", path).stdout)
    jsonschema.validate(metrics, SCHEMA)
    assert metrics == {"k, s/l, batch 1, by step": {"instructions": {"value": 7}}}
    path.write_text(json.dumps({"format": "eie-count-1", "rows": rows[1:]}))
    assert plots("bencher", path).returncode == 3


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": "eie-count-2", "rows": []}'])
def test_bad_files(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    done = plots("bencher", path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == ""


def times(row, factor):
    row = row | {key: factor * row[key] for key in ("eie_median_ns", "eie_ci95_low_ns", "eie_ci95_high_ns")}
    return row | {"eie_samples_ns": [factor * sample for sample in row["eie_samples_ns"]]}


def files_with_a_slower_row(folder):
    """Two files with a few rows: in the second one row is three times as slow, and one is gone."""
    with open(RESULTS) as file:
        document = json.load(file)
    del document["context"]["eie_runs"]  # as of one run
    rows = [row for row in document["benchmarks"] if row["eie_layer"] == "Alex-7" and row["eie_cache"] == "hot"]
    rows = [row for row in rows if row["eie_batch"] == 1 and row["eie_threads"] == 1 and row["eie_time_source"] == "wall"]
    (folder / "old.json").write_text(json.dumps(document | {"benchmarks": rows, "eie_missing": []}))
    slow = times(rows[0], 3)
    (folder / "new.json").write_text(json.dumps(document | {"benchmarks": [slow, *rows[1:-1]], "eie_missing": []}))
    return slow["eie_kernel"], rows[-1]["eie_kernel"], len(rows)


def test_comparison_as_junit(tmp_path):
    slow, gone, count = files_with_a_slower_row(tmp_path)
    done = plots("compare", tmp_path / "old.json", tmp_path / "new.json", "--junit", tmp_path / "c.xml")
    assert done.returncode == 3, done  # one file a side tells no slowdown, but what is missing
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "c.xml"))
    assert suite.tests == count and suite.failures == 1
    results = {case.classname: case.result for case in suite}
    assert "missing" in results[gone][0].message and isinstance(results[gone][0], junitparser.Failure)
    assert isinstance(results[slow][0], junitparser.Skipped) and "could not tell" in results[slow][0].message


def test_a_slowdown_fails(tmp_path):
    """With a floor, which says how far runs scatter, the slow row is called slower."""
    slow, _, _ = files_with_a_slower_row(tmp_path)
    old, floor = tmp_path / "old.json", []
    for place in range(8):
        document = json.loads(old.read_text())
        document["benchmarks"] = [times(row, 1 + 0.001 * (1 + 5 * place % 8)) for row in document["benchmarks"]]
        floor.append(tmp_path / f"floor{place}.json")
        floor[-1].write_text(json.dumps(document))
    done = plots("compare", old, tmp_path / "new.json", "--absolute", "--floor", *floor, "--junit", tmp_path / "c.xml")
    assert done.returncode == 1, done
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "c.xml"))
    failed = {case.classname for case in suite for result in case.result if isinstance(result, junitparser.Failure)}
    assert slow in failed


def test_junit_over_a_results_file(tmp_path):
    files_with_a_slower_row(tmp_path)
    before = (tmp_path / "old.json").read_bytes()
    assert plots("compare", tmp_path / "old.json", tmp_path / "new.json", "--junit", tmp_path / "old.json").returncode == 2
    assert (tmp_path / "old.json").read_bytes() == before
