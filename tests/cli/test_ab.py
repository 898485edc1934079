"""`./run ab` in a small repository of its own, whose program `eie` is a stand-in: it writes rows as the file
`speed` of its revision says. So revisions, builds, order, merging, verdict and cleaning up are those of `run`."""

import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys

import junitparser
import pytest
from command import BINARY, GUARD_S, REPOSITORY, copy_door, wait_for

sys.path.insert(0, str(REPOSITORY))
from bench.door import gate

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(stand_in LANGUAGES NONE)
file(READ speed speed)
if(speed MATCHES broken)
  message(FATAL_ERROR "a broken revision")
endif()
add_custom_target(eie)
add_custom_target(not_judged ALL COMMAND false)
configure_file(eie.in eie @ONLY FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
"""
PRESETS = {
    "version": 6,
    "configurePresets": [{"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release"}],
    "buildPresets": [{"name": "release", "configurePreset": "release"}],
}
STAND_IN = r'''#!/usr/bin/env python3
"""Writes one row of the time in `speed`, or does what that says; keeps a diary."""
import json, os, pathlib, sys
source = pathlib.Path("@CMAKE_SOURCE_DIR@")
speed = (source / "speed").read_text().strip()
arguments = sys.argv[1:]
with open(os.environ["DIARY"], "a") as diary:
    diary.write(json.dumps({"speed": speed, "arguments": arguments}) + "\n")
if speed == "refuses":
    print("eie bench: no such kernel", file=sys.stderr)
    sys.exit(2)
if speed == "sleeps":
    import signal
    signal.pause()
if speed == "varies":
    import random
    speed = 1000 * random.Random(os.path.getsize(os.environ["DIARY"])).lognormvariate(0, 0.1)
row = {"name": "a", "eie_suite": "s", "eie_layer": "l", "eie_layer_hash": "h", "eie_kernel": "k",
       "eie_device": "cpu", "eie_batch": 1, "eie_threads": 1, "eie_cache": "hot", "eie_time_source": "wall",
       "eie_provenance": "measured", "eie_flags": []}
good, bad = [], []
if speed == "mismatches":
    bad = [row | {"eie_status": "mismatch", "eie_reason": "bits"}]
else:
    good = [row | {"eie_status": "ok", "eie_reason": "", "eie_median_ns": float(speed),
                   "eie_samples_ns": [float(speed)] * 9}]
pathlib.Path(arguments[arguments.index("--out") + 1]).write_text(json.dumps(
    {"context": {"eie_format": "1", "eie_cpu_name": "c", "num_cpus": 1}, "benchmarks": good, "eie_missing": bad}))
sys.exit(1 if bad else 0)
'''


def as_from_a_terminal():
    """The tests may be a background job, where SIGINT is ignored and stays so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Repository:
    def __init__(self, folder):
        self.folder, self.diary = folder / "repository", folder / "diary"
        tools = folder / "tools"
        tools.mkdir()
        (tools / "dpkg-query").write_text("#!/bin/sh\necho installed\n")  # so that nothing is installed
        (tools / "dpkg-query").chmod(0o755)
        shutil.copytree(REPOSITORY / "plots", self.folder / "plots", ignore=shutil.ignore_patterns("__pycache__"))
        copy_door(self.folder)
        (self.folder / "CMakeLists.txt").write_text(PROJECT)
        (self.folder / "CMakePresets.json").write_text(json.dumps(PRESETS))
        (self.folder / "eie.in").write_text(STAND_IN)
        (self.folder / ".gitignore").write_text("/build/\n/.venv/\n")
        (self.folder / ".venv/bin").mkdir(parents=True)
        (self.folder / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (self.folder / ".venv/bin/python").chmod(0o755)
        shutil.copy(self.folder / "plots/requirements.txt", self.folder / ".venv/requirements.txt")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "DIARY": str(self.diary),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "EIE_PEERS": "no",
            **{f"GIT_{who}_{what}": "nobody@nowhere" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self.git("init", "-q")

    def git(self, *arguments):
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, name, speed):
        self.speed(speed)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", name)
        self.git("tag", name)

    def speed(self, speed):
        (self.folder / "speed").write_text(f"{speed}\n")

    def popen(self, *arguments):
        return self.popen_verb("ab", *arguments)

    def popen_verb(self, verb, *arguments):
        return subprocess.Popen(
            ["./run", verb, *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=as_from_a_terminal,
        )

    def ab(self, *arguments):
        return self.finished("ab", *arguments)

    def finished(self, verb, *arguments):
        process = self.popen_verb(verb, *arguments)
        out, err = process.communicate(timeout=GUARD_S)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def runs(self):
        return [json.loads(line) for line in self.diary.read_text().splitlines()] if self.diary.exists() else []

    def left(self):
        """What is left of worktrees and of the folder of the runs."""
        trees = self.git("worktree", "list").splitlines()[1:]
        folder = self.folder / "build/ab"
        return trees + sorted(path.name for path in folder.iterdir()) if folder.exists() else trees


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path)
    made.commit("first", 1000)
    return made


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """For mistakes, which must leave it as it is."""
    made = Repository(tmp_path_factory.mktemp("untouched"))
    made.commit("first", 1000)
    return made


def test_a_slower_revision(repository):
    repository.commit("second", 1200)
    done = repository.ab("first", "second", "--budget", "60", "--", "--kernel", "some kernel")
    assert done.returncode == 1, done.stderr
    assert "SLOWER beyond 5 %, worst 1.200x" in done.stdout and "pairs of runs" in done.stdout
    runs = repository.runs()
    first = gate.looks(1)[0]
    assert [run["speed"] for run in runs] == (["1000", "1200", "1200", "1000"] * first)[: 2 * first]
    assert all(run["arguments"][:5] == ["bench", "--kernel", "some kernel", "--quiet", "--budget"] for run in runs)
    assert sum(float(run["arguments"][5]) for run in runs) <= 60
    assert repository.left() == ["a.json", "b.json"]
    merged = json.loads((repository.folder / "build/ab/b.json").read_text())
    assert merged["benchmarks"][0]["eie_run_medians_ns"] == [1200.0] * first


def test_as_many_pairs_as_asked_for(repository):
    assert repository.ab("first", "first", "--pairs", "7", "--budget", "70").returncode == 0
    assert [run["arguments"][3] for run in repository.runs()] == ["5"] * 14


@pytest.mark.slow
def test_what_varies_is_measured_to_the_end(repository):
    """Times that scatter by a tenth: the verdict is never clear."""
    repository.commit("second", "varies")
    done = repository.ab("second", "second", "--power", "10")
    assert len(repository.runs()) == 2 * gate.looks(1)[-1]
    assert done.returncode == 4 and "COULD NOT HAVE SEEN 10 % in 1 of 1 rows" in done.stdout, done.stdout


def test_the_gate(repository, tmp_path):
    done = repository.ab("first", "first", "--gate", "--markdown", "--junit", tmp_path / "gate.xml")
    assert done.returncode == 0 and done.stdout.startswith("## Comparison\n\n**no slowdown beyond 5 % seen;"), done.stderr
    arguments = repository.runs()[0]["arguments"]
    assert arguments[1 : 1 + len(gate.BENCH)] == list(gate.BENCH)
    assert sum(float(run["arguments"][-3]) for run in repository.runs()) <= gate.SECONDS
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "gate.xml"))
    assert (suite.tests, suite.failures, suite.skipped) == (1, 0, 0)


def test_the_gate_has_a_row_of_each_family():
    """Of those for one input; more rows would be fewer pairs, and what is not there is counted (docs/ci.md)."""
    listed = subprocess.run([BINARY, "list", "kernels"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    names = {line.split()[0] for line in listed if " unsupported " not in line}
    rows = {kernel for word in gate.BENCH for kernel in word.split(",")} & names
    assert len(rows) >= 3 and not any(kernel.startswith(("cpu_", "opencl_", "cuda_", "model_")) for kernel in rows)
    for family in ("*_eie_stream", "*_lookup", "*_column_*"):
        own = {kernel for kernel in fnmatch.filter(names, family) if kernel.startswith(("avx", "neon", "scalar"))}
        assert not own or own & rows, family


def test_pairs_are_planned_from_the_rows():
    """At the first look ranks can call each row, one pair of which disagrees."""
    for rows in (1, 6, 24, 400):
        first, *_, last = gate.looks(rows)
        allowed = gate.FAMILY_PERCENT / 100 / gate.LOOKS / 2 / (rows + 1)
        assert 2 * 0.5**first <= allowed < 2 * 0.5 ** (first - 2) or first == gate.FEWEST_PAIRS
        assert last == gate.MOST * first


@pytest.mark.slow
def test_repeated_and_gone_on_with(repository, tmp_path):
    repository.commit("second", 1200)
    log = tmp_path / "log.csv"
    assert repository.ab("first", "second", "--pairs", "5", "--repeat", "2", "--log", log).returncode == 0
    assert len(repository.runs()) == 20 and len(log.read_text().splitlines()) == 3
    done = repository.ab("first", "second", "--pairs", "5", "--repeat", "3", "--log", log)
    assert len(repository.runs()) == 30 and "3 comparisons of first and second: 3 saw a slowdown" in done.stdout
    assert repository.ab("second", "second", "--pairs", "5", "--repeat", "1", "--log", log).returncode == 0
    assert len(log.read_text().splitlines()) == 5 and repository.left() == []


@pytest.mark.parametrize("text", ["date,b\n1,2\n", "date,commit_a,commit_b,rows,pairs,seconds,exit_code,could\n", "\xff"])
def test_a_log_of_something_else(untouched, tmp_path, text):
    (tmp_path / "log").write_bytes(text.encode("latin1"))
    done = untouched.ab("first", "first", "--repeat", "2", "--log", tmp_path / "log")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and untouched.runs() == []


def test_the_working_tree_as_it_is(repository):
    repository.speed(800)
    done = repository.ab("HEAD", ".", "--pairs", "3", "--json", "build/compared.json")
    assert done.returncode == 0 and "1 faster" in done.stdout, done.stderr
    assert [run["speed"] for run in repository.runs()] == ["1000", "800", "800", "1000", "1000", "800"]
    assert json.loads((repository.folder / "build/compared.json").read_text())["exit_code"] == 0
    assert repository.git("status", "--short") == " M speed\n"


def test_the_threshold_reaches_the_comparison(repository):
    repository.commit("second", 1200)
    assert repository.ab("first", "second", "--threshold", "25").returncode == 0


def test_a_mismatch_of_the_new_revision(repository):
    repository.commit("second", "mismatches")
    done = repository.ab("first", "second", "--pairs", "3")
    assert done.returncode == 1 and "MISMATCH" in done.stdout and len(repository.runs()) == 6


@pytest.mark.parametrize("speed, code, words", [("broken", 3, "a broken revision"), ("refuses", 2, "no such kernel")])
def test_a_revision_that_does_not_work(repository, speed, code, words):
    repository.commit("second", speed)
    done = repository.ab("first", "second")
    assert done.returncode == code and words in done.stderr and done.stdout == "" and repository.left() == []


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(repository, number, code):
    repository.commit("second", "sleeps")
    process = repository.popen("first", "second")
    wait_for(process, lambda: len(repository.runs()) == 2)
    assert len(repository.left()) == 2 + 1  # two worktrees, one folder
    os.killpg(process.pid, number)
    process.communicate(timeout=GUARD_S)
    assert process.returncode == code and repository.left() == []


BAD = {
    "no revision": ["two revisions"],
    "one revision": ["two revisions", "first"],
    "three revisions": ["two revisions", "first", "first", "first"],
    "unknown revision": ["'nope'", "first", "nope"],
    "a tree, no commit": ["'first^{tree}'", "first^{tree}", "first"],
    "unknown option": ["'--frob'", "--frob", "first", "first"],
    "no time": ["--budget", "first", "first", "--budget"],
    "bad time": ["'soon'", "first", "first", "--budget", "soon"],
    "too short": ["less than 0.1 s", "first", "first", "--budget", "0.9"],
    "a log alone": ["--log", "first", "first", "--log", "x"],
    "repeated without a log": ["--log", "first", "first", "--repeat", "3"],
    "a gate of other rows": ["--gate", "first", "first", "--gate", "--", "--layer", "x"],
    "too few pairs": ["--pairs", "first", "first", "--pairs", "2"],
    "bad threshold": ["--threshold", "first", "first", "--threshold", "-5"],
    "no file": ["--json", "first", "first", "--json"],
    "one file for both": ["would overwrite", "first", "first", "--json", "x", "--junit", "x"],
    "output of bench": ["--out", "first", "first", "--", "--out", "x"],
}


@pytest.mark.parametrize("what", BAD)
def test_bad_usage(untouched, what):
    culprit, *arguments = BAD[what]
    done = untouched.ab(*arguments)
    assert done.returncode == 2 and culprit in done.stderr and done.stdout == ""
    assert done.stderr.startswith("run: ") and len(done.stderr.splitlines()) == 1, done.stderr
    assert untouched.runs() == [] and untouched.left() == [] and not (untouched.folder / "build").exists()
