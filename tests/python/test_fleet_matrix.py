"""The matrix of a fleet without a cluster: its visits, one visit's script, and what becomes of those that have no results."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import pytest

from bench.fleet import array, matrix, missing, rows
from plots.core.load import load
from plots.options import fleet

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "bench/fleet/visit.sh"
EIE = """#!{python}
import json, os, sys
words = sys.argv[1:]
layers = [{{"suite": "s", "name": name}} for name in ("a", "a2", "b")] + [{{"suite": "t", "name": "c"}}]
kernels = [{{"name": name, "default": kind}} for name, kind in (("k1", "one"), ("k2", "both"), ("k3", "several"), ("k4", "no"))]
if words[0] == "list":
    print(json.dumps(layers if words[1] == "layers" else kernels))
    sys.exit()
with open("calls", "a") as file:
    file.write(json.dumps(words) + "\\n")
{body}
"""
GOOD = 'open(words[words.index("--out") + 1], "w").write(open("result").read())'


@pytest.fixture
def bundle(tmp_path):
    def make(body=GOOD):
        path = tmp_path / "bundle/eie"
        path.parent.mkdir(exist_ok=True)
        path.write_text(EIE.format(python=sys.executable, body=body))
        path.chmod(0o755)
        return path.parent

    make()
    (tmp_path / "result").write_text(json.dumps({"context": {"eie_format": "1"}, "benchmarks": [], "eie_missing": []}))
    return make


def options(*words):
    parser = argparse.ArgumentParser()
    fleet.add(parser)
    return parser.parse_args(words)


@pytest.fixture
def plan(bundle, tmp_path):
    def make(*words):
        return matrix.make(options("--suite", "s", *words, "--bundle", str(bundle()), "--out", str(tmp_path / "out")))

    return make


def test_a_visit_is_a_layer_a_batch_and_a_place(plan):
    made = plan("--layer", "a*", "--batch", "1,64", "--threads", "2,all", "--device", "cuda:*")
    assert len(made["visits"]) == 2 * 2 * 3 and len({visit["name"] for visit in made["visits"]}) == 12
    assert {visit["layer"] for visit in made["visits"]} == {"a", "a2"}
    by_place = {visit["place"]: matrix.words(made, visit) for visit in made["visits"]}
    assert by_place["threads=all"][-6:] == ["--threads", "all", "--cache", "hot,llc", "--budget", "20s"]
    assert by_place["device=cuda:*"][-6:] == ["--device", "cuda:*", "--cache", "hot", "--budget", "20s"]


@pytest.mark.parametrize(
    "words, culprit",
    [
        (["--suite", "x"], "--suite x"),
        (["--layer", "a,x*"], "--layer x*"),
        (["--batch", "0"], "--batch 0"),
        (["--batch", "1025"], "--batch 1025"),
        (["--batch", ","], "--batch"),
        (["--threads", "-1"], "--threads -1"),
        (["--threads", ","], "neither"),
        (["--batch", "1,1"], "twice"),
        (["--threads", "1,01"], "twice"),
        (["--layer", ","], "--layer"),
        (["--kernel", "k1,x"], "--kernel x"),
        (["--cache", "hot,l4"], "--cache l4"),
        (["--by", "array", "--site", "x"], "--site"),
        (["--by", "array", "--reference", "x"], "--reference"),
        (["--bundle", "/nowhere"], "no bundle"),
        (["--reference", "result"], "no results file"),
        (["--reference", "calls"], "no results file"),
    ],
)
def test_bad_input_is_one_line(bundle, tmp_path, words, culprit):
    (tmp_path / "result").write_text("{}")
    words = ["--bundle", str(bundle()), *words] if "--bundle" not in words else words
    done = subprocess.run(
        [sys.executable, "-B", "-m", "bench.fleet", "--suite", "s", "--out", str(tmp_path / "out"), *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and culprit in done.stderr and done.stderr.count("\n") == 1, done.stderr


def visit(out, number, node="n0", tries=0):
    return subprocess.run(
        ["sh", SCRIPT, out],
        cwd=out.parent,
        env=os.environ | {"SLURM_ARRAY_TASK_ID": str(number), "SLURMD_NODENAME": node, "SLURM_RESTART_COUNT": str(tries)},
        capture_output=True,
        text=True,
    ).returncode


@pytest.fixture
def out(plan, tmp_path):
    """Prepared for three visits."""
    array.prepare(plan("--threads", "1"), str(tmp_path / "out"))
    return tmp_path / "out"


def finish(plan, out, states=None):
    code = array.finish(plan("--threads", "1"), str(out), states or {})
    return code, json.loads((out / "fleet.json").read_text())["visits"]


def test_every_visit_once(plan, out, capsys):
    assert [visit(out, number) for number in range(3)] == [0, 0, 0]
    code, visits = finish(plan, out)
    assert code == 0 and [each["status"] for each in visits] == ["done"] * 3
    assert sorted(path.name for path in (out / "results").iterdir()) == sorted(f"{each['name']}.json" for each in visits)
    assert not list((out / "parts").iterdir()) and "3 of 3 visits have results" in capsys.readouterr().out


def test_a_node_that_comes_back_changes_nothing(plan, out, tmp_path):
    assert visit(out, 0) == 0
    path = out / "results" / f"{plan('--threads', '1')['visits'][0]['name']}.json"
    before = path.read_text()
    (tmp_path / "result").write_text("other")
    assert visit(out, 0, "n1", 1) == 0 and path.read_text() == before
    assert len((tmp_path / "calls").read_text().splitlines()) == 1  # nothing was measured again


def test_two_nodes_that_end_together(plan, bundle, out, tmp_path):
    """The other one's results come while this one measures."""
    name = plan("--threads", "1")["visits"][0]["name"]
    bundle(GOOD + f"\nopen({str(out / 'results' / (name + '.json'))!r}, 'w').write('the other')")
    assert visit(out, 0) == 0 and (out / "results" / f"{name}.json").read_text() == "the other"


def test_what_failed_is_missing_with_its_words(plan, bundle, out, capsys):
    bundle("print('eie: no memory', file=sys.stderr); sys.exit(3)")
    assert [visit(out, 0), visit(out, 1)] == [3, 3]
    (out / "log.txt").open("a").write("2 n1 0 began\n")
    code, visits = finish(plan, out, {2: ("NODE_FAIL", "NodeDown")})
    assert code == 3 and [each["status"] for each in visits] == ["missing"] * 3
    assert visits[0]["reason"] == "eie's exit code on n0: 3, eie: no memory"
    assert visits[2]["reason"] == "began on n1 and never ended: Slurm says NODE_FAIL, NodeDown"
    absent = load(out / "missing.json").missing
    assert {(row.layer, row.kernel, row.cache) for row in absent} == {
        (layer, kernel, cache) for layer in ("a", "a2", "b") for kernel in ("k1", "k2") for cache in ("hot", "llc")
    }
    assert capsys.readouterr().err.count("missing: ") == 3


def test_a_further_call_visits_what_is_left(plan, out):
    assert visit(out, 1) == 0
    assert array.prepare(plan("--threads", "1"), str(out)) == [0, 2]
    assert array.ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8" and array.ranges([4]) == "4"


def test_tries_of_a_further_job_are_its_own(plan, out):
    """Both jobs begin with try 0, on the same node."""
    (out / "log.txt").write_text("0 n0 0 began\n0 n0 0 ended: 3, no memory\n0 n0 0 began\n1 n0 0 ended: 0\n")
    _, visits = finish(plan, out, {0: ("NODE_FAIL", "NodeDown")})
    assert visits[0]["tries"] == [{"node": "n0", "try": 0, "ended": "3, no memory"}, {"node": "n0", "try": 0}]
    assert visits[0]["reason"] == "began on n0 and never ended: Slurm says NODE_FAIL, NodeDown" and not visits[1]["tries"]


def test_a_folder_of_another_matrix_is_refused(plan, tmp_path):
    made = plan("--threads", "1")
    matrix.check_folder(tmp_path, made)
    matrix.write(str(tmp_path / matrix.PLAN), made)
    matrix.check_folder(tmp_path, made)
    with pytest.raises(matrix.MatrixError, match="another matrix"):
        matrix.check_folder(tmp_path, plan("--threads", "1", "--budget", "1s"))


def test_what_reframe_could_not_visit_is_missing(plan, tmp_path):
    """A case without a results file, whose node died; one that failed its check has its file."""
    case = {"suite": "s", "layer": "a", "batch": 1, "place": "threads=1", "system": "c", "partition": "p", "result": "fail"}
    case |= {"job_nodelist": "n1", "fail_reason": "job error:\n node failed", "stagedir": str(tmp_path / "none")}
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / missing.RESULTS).touch()
    cases = [case, case | {"stagedir": str(kept)}, case | {"result": "pass"}]
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"runs": [{"testcases": cases}]}))
    (lost,) = missing.of_report(report)
    assert lost["name"] == "s-a-b1-threads=1 on c:p (n1)" and lost["reason"] == "job error: node failed"
    assert missing.failures(report) == 2
    missing.write(plan("--threads", "1"), [lost], tmp_path)
    assert {row.reason for row in load(tmp_path / "missing.json").missing} == {lost["reason"]}
    missing.write(plan("--threads", "1"), [], tmp_path)
    assert not (tmp_path / "missing.json").exists()


def test_what_never_began(plan, out):
    code, visits = finish(plan, out, {0: ("PENDING", "Resources")})
    assert code == 3 and visits[0]["reason"] == "never began: Slurm says PENDING, Resources"
    assert visits[1]["reason"] == "never began: Slurm forgot it"


def test_a_truncated_result_is_missing(plan, out):
    visit(out, 0)
    path = next((out / "results").iterdir())
    path.write_text(path.read_text()[:-9])
    code, visits = finish(plan, out)
    assert code == 3 and visits[0]["status"] == "missing" and str(path) in visits[0]["reason"]


def test_a_kernel_that_is_wrong_fails(plan, out, tmp_path):
    row = {"eie_kernel": "k1", "eie_cache": "hot", "eie_status": "mismatch", "eie_reason": "row 3"}
    (tmp_path / "result").write_text(
        json.dumps({"context": {"eie_format": "1"}, "benchmarks": [], "eie_missing": [row, row | {"eie_status": "skipped"}]})
    )
    assert [visit(out, number) for number in range(3)] == [0, 0, 0]
    code, visits = finish(plan, out)
    assert code == 1 and visits[0]["reason"] == "k1, hot: mismatch: row 3"


def test_references_are_of_the_same_layer_and_place():
    path = REPOSITORY / "results/xeon-emerald-rapids-2-cores/bench.json"
    _, numbers, _ = rows.read(path)
    known = rows.references_us(path)
    assert len(known) == len(numbers)
    row = next(row for row in numbers if row["eie_time_source"] == "wall")
    assert known[rows.key(row)] == pytest.approx(row["eie_median_ns"] / 1e3)
    assert rows.key(row | {"eie_layer_hash": "x"}) not in known
    one_visit = [
        each for each in numbers if (each["eie_suite"], each["eie_layer"], each["eie_batch"]) == ("paper", "NT-We", 1)
    ]
    assert len(rows.times_us(one_visit)) == len(one_visit)  # no two have one name
