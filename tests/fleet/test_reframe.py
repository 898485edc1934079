"""ReFrame's tests with its local scheduler: sanity is eie's own check, references come from a results file."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
REFRAME = pathlib.Path(sys.executable).parent / "reframe"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REFRAME.is_file(), reason="ReFrame is not installed: ./run fleet or ./run test --all does it"),
]
EIE = """#!{python}
import json, sys
words = sys.argv[1:]
if words[0] == "list":
    names = ("good", "slow", "wrong", "none", "crash") if words[1] == "layers" else ("k", "w")
    print(json.dumps([{{"suite": "s", "name": name, "default": "both"}} for name in names]))
    sys.exit()
def of(name):
    return words[words.index("--" + name) + 1]
layer = of("layer")
row = {{"eie_suite": "s", "eie_layer": layer, "eie_layer_hash": layer, "eie_kernel": "k", "eie_device": "cpu", "eie_batch": 1,
       "eie_threads": 1, "eie_cache": "hot", "eie_time_source": "wall", "eie_status": "ok", "eie_reason": ""}}
numbers = [] if layer == "none" else [row | {{"eie_median_ns": 2000.0 if layer == "slow" else 1000.0}}]
missing = [row | {{"eie_kernel": "w", "eie_status": "mismatch", "eie_reason": "row 3"}}] if layer == "wrong" else []
missing += [row | {{"eie_status": "unsupported", "eie_reason": "no such processor"}}] if layer == "none" else []
if layer != "crash":
    with open(of("out"), "w") as file:
        json.dump({{"context": {{"eie_format": "1"}}, "benchmarks": numbers, "eie_missing": missing}}, file)
sys.exit({{"wrong": 1, "crash": 3}}.get(layer, 0))
"""


@pytest.fixture
def fleet(tmp_path):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "eie").write_text(EIE.format(python=sys.executable))
    (bundle / "eie").chmod(0o755)

    def run(layers, *options):
        words = ["--suite", "s", "--layer", layers, "--threads", "1", "--cache", "hot", "--bundle", str(bundle)]
        done = subprocess.run(
            [sys.executable, "-B", "-m", "bench.fleet", *words, "--out", str(tmp_path / "out"), *options, "--", "--nocolor"],
            cwd=REPOSITORY,
            env=os.environ | {"TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        return done, tmp_path / "out"

    return run


def test_what_is_good_passes_and_what_is_not_fails_with_the_reason(fleet, tmp_path):
    reference = tmp_path / "reference.json"
    (done, out) = fleet("good")
    assert done.returncode == 0 and "Ran 1/1 test case(s)" in done.stdout, done.stdout + done.stderr
    assert re.search(r"P: k_hot_1t: 1(\.0)? us", done.stdout), done.stdout  # without a reference: told, not judged
    rows = json.loads(next((out / "results").iterdir()).read_text())
    for name in ("slow", "wrong", "none", "crash"):
        rows["benchmarks"] += [rows["benchmarks"][0] | {"eie_layer": name, "eie_layer_hash": name}]
    reference.write_text(json.dumps(rows))
    done, _ = fleet("*", "--reference", str(reference))
    assert done.returncode == 1 and "4 failure(s)" in done.stdout, done.stdout + done.stderr
    report = json.loads((tmp_path / "out/report.json").read_text())
    cases = [case for run in report["runs"] for case in run["testcases"]]
    failed = {case["layer"]: str(case["fail_reason"]) for case in cases if case["result"] == "fail"}
    assert set(failed) == {"slow", "wrong", "none", "crash"}
    assert "k_hot_1t=2.0 us, expected 1.0" in failed["slow"]
    assert "eie's check: w, hot: mismatch: row 3" in failed["wrong"] and "eie ended with 0" in failed["crash"]
    assert "no such processor" in failed["none"]
    (good,) = [case for case in cases if case["result"] == "pass"]
    assert good["layer"] == "good"
    done, _ = fleet("good,slow", "--reference", str(reference), "--tolerance", "150")
    assert done.returncode == 0, done.stdout
