"""Slurm's own daemons on this machine: the matrix as a job array and as ReFrame's tests, and a node that dies in the middle."""

import json
import os
import pathlib
import subprocess
import sys

import cluster
import pytest
from cluster import GUARD_S, Cluster, wait_for

from plots.core.load import load

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("EIE_BINARY") or REPOSITORY / "build/release/eie").resolve()
REFRAME = pathlib.Path(sys.executable).parent / "reframe"
LAYERS = [
    {"name": f"odd-{number}", "inputs": 17, "outputs": 33, "weight_density": 0.3, "activation": "none"}
    | {"activation_density": 0.4, "source": "a test"}
    for number in range(6)
]
KERNELS = "scalar_eie_stream,scalar_float_csr"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(cluster.missing()), reason=f"Slurm: {cluster.missing()}"),
]


@pytest.fixture
def slurm(tmp_path):
    with Cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def bundle(tmp_path):
    """eie with a suite of six tiny layers; on a node that has a file `stuck-NODE` here it never comes to its work."""
    folder = tmp_path / "bundle"
    (folder / "data").mkdir(parents=True)
    for path in (REPOSITORY / "data").iterdir():
        if path.name != "suites":
            os.symlink(path, folder / "data" / path.name)
    (folder / "data/suites").mkdir()
    suite = json.loads((REPOSITORY / "data/suites/count.json").read_text())
    named = {key: value for key, value in suite.items() if key != "layers"}
    (folder / "data/suites/tiny.json").write_text(json.dumps(named | {"layers": LAYERS}))
    (folder / "eie").write_text(
        f"#!/bin/sh\n[ ! -e {folder}/stuck-$SLURMD_NODENAME ] || exec sleep 100000\n"
        f'EIE_DATA_DIR={folder}/data exec {BINARY} "$@"\n'
    )
    (folder / "eie").chmod(0o755)
    return folder


def begin(slurm, bundle, out, *options):
    words = ["--suite", "tiny", "--threads", "1", "--cache", "hot", "--kernel", KERNELS, "--budget", "least"]
    words += ["--bundle", str(bundle), "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.fleet", *words, *options],
        cwd=REPOSITORY,
        env=slurm.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(running, slurm):
    out, errors = running.communicate(timeout=GUARD_S)
    return running.returncode, out, errors + slurm.logs()


def ledger(out):
    return json.loads((out / "fleet.json").read_text())["visits"]


def began_on(out, node):
    log = out / "log.txt"
    return log.exists() and any(line.split()[1::2] == [node, "began"] for line in log.read_text().splitlines())


def rows_of(out):
    """Names of all rows of all results; each file is one that the report reads."""
    return sorted(row.label() for path in (out / "results").iterdir() for row in load(path).rows)


EVERY_ROW = sorted(
    f"tiny/{layer['name']}, {kernel}, 1 threads, batch 1, hot" for layer in LAYERS for kernel in KERNELS.split(",")
)


def test_a_job_array_visits_everything_once(slurm, bundle, tmp_path):
    code, said, words = end(begin(slurm, bundle, tmp_path / "out", "--by", "array"), slurm)
    assert code == 0, words
    assert "6 of 6 visits have results, 0 of them tried again, 0 missing" in said
    assert rows_of(tmp_path / "out") == EVERY_ROW
    assert {visit["tries"][0]["node"] for visit in ledger(tmp_path / "out")} == {"n0", "n1"}
    assert not (tmp_path / "out/missing.json").exists() and not list((tmp_path / "out/parts").iterdir())


def test_what_a_node_was_doing_when_it_died_runs_elsewhere(slurm, bundle, tmp_path):
    (bundle / "stuck-n1").touch()
    running = begin(slurm, bundle, tmp_path / "out", "--by", "array")
    wait_for(lambda: began_on(tmp_path / "out", "n1"))
    slurm.kill_node("n1")
    code, said, words = end(running, slurm)
    assert code == 0, words
    assert "6 of 6 visits have results, 1 of them tried again, 0 missing" in said
    assert rows_of(tmp_path / "out") == EVERY_ROW
    (again,) = [visit for visit in ledger(tmp_path / "out") if len(visit["tries"]) > 1]
    assert [(each["node"], each.get("ended")) for each in again["tries"]] == [("n1", None), ("n0", "0")]
    assert slurm.states()["n1"].startswith("down")


def test_what_may_not_run_again_is_missing_with_the_reason(slurm, bundle, tmp_path):
    (bundle / "stuck-n1").touch()
    running = begin(slurm, bundle, tmp_path / "out", "--by", "array", "--", "--no-requeue")
    wait_for(lambda: began_on(tmp_path / "out", "n1"))
    slurm.kill_node("n1")
    code, said, words = end(running, slurm)
    assert code == 3, words
    assert "5 of 6 visits have results, 0 of them tried again, 1 missing" in said
    (lost,) = [visit for visit in ledger(tmp_path / "out") if visit["status"] == "missing"]
    assert lost["reason"] == "began on n1 and never ended: Slurm says NODE_FAIL, NodeDown"
    assert f"missing: {lost['name']}: {lost['reason']}" in words
    missing = load(tmp_path / "out/missing.json").missing
    assert sorted([row.label() for row in missing] + rows_of(tmp_path / "out")) == sorted(
        label.replace("1 threads", "1 threads") for label in EVERY_ROW
    )
    assert {row.reason for row in missing} == {lost["reason"]}


def test_reframe_on_slurm(slurm, bundle, tmp_path):
    if not REFRAME.is_file():
        pytest.skip("ReFrame is not installed: ./run fleet or ./run test --all does it")
    site = (REPOSITORY / "bench/fleet/sites/slurm.py").read_text().replace('"access": ["--exclusive"]', '"access": []')
    (tmp_path / "site.py").write_text(site)
    code, said, words = end(begin(slurm, bundle, tmp_path / "out", "--site", str(tmp_path / "site.py")), slurm)
    assert code == 0, said + words
    assert "Ran 6/6 test case(s)" in said and "@cluster:cpu" in said
    assert rows_of(tmp_path / "out") == EVERY_ROW


def test_what_reframe_loses_with_a_node_is_missing(slurm, bundle, tmp_path):
    if not REFRAME.is_file():
        pytest.skip("ReFrame is not installed: ./run fleet or ./run test --all does it")
    (bundle / "stuck-n1").touch()
    site = (REPOSITORY / "bench/fleet/sites/slurm.py").read_text().replace('["--exclusive"]', '["--no-requeue"]')
    (tmp_path / "site.py").write_text(site)
    running = begin(slurm, bundle, tmp_path / "out", "--site", str(tmp_path / "site.py"))
    wait_for(lambda: "n1" in slurm.ask("squeue", "--noheader", "--states=RUNNING", "--format=%N"))
    slurm.kill_node("n1")
    code, said, words = end(running, slurm)
    assert code == 3, said + words
    assert words.count("missing: ") == 1 and "on cluster:cpu (n1)" in words
    missing = load(tmp_path / "out/missing.json").missing
    assert sorted([row.label() for row in missing] + rows_of(tmp_path / "out")) == EVERY_ROW
