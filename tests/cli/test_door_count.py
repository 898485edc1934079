"""`./run count` in a small repository of its own, whose program `eie` is a stand-in: its counts are what the file `speed` of
its revision says."""

import json

import junitparser
import pytest
from command import GUARD_S
from test_ab import STAND_IN, Repository

COUNTS = r"""
if arguments[:1] == ["--help"]:
    print("  bench     times" + ("" if speed == "old" else "\n  count     instructions"))
    sys.exit(0)
if arguments[:1] == ["count"]:
    if speed == "refuses":
        print("eie count: no such kernel", file=sys.stderr)
        sys.exit(2)
    key = {"suite": "count", "layer": "wide", "layer_hash": "h", "kernel": "avx2_a", "batch": 1, "method": "step"}
    wrong = {"status": "wrong", "reason": "bits"} if speed == "wrong" else {"status": "ok", "instructions": int(speed or 0)}
    pathlib.Path(arguments[arguments.index("--out") + 1]).write_text(json.dumps(
        {"format": "eie-count-1", "eie_revision": speed, "cpu": "c", "rows": [key | wrong]}))
    sys.exit(1 if speed == "wrong" else 0)
"""


class Counted(Repository):
    """The stand-in also counts."""

    def __init__(self, folder):
        super().__init__(folder)
        text = STAND_IN.replace('if speed == "refuses":', COUNTS + 'if speed == "refuses":', 1)
        (self.folder / "eie.in").write_text(text)

    def count(self, *arguments):
        process = self.popen_verb("count", *arguments)
        out, err = process.communicate(timeout=GUARD_S)
        return process.returncode, out, err

    def kept(self):
        """What is left of worktrees and of the folder of the counts."""
        trees, folder = self.git("worktree", "list").splitlines()[1:], self.folder / "build/count"
        return trees + sorted(path.name for path in folder.iterdir()) if folder.exists() else trees


@pytest.fixture
def repository(tmp_path):
    made = Counted(tmp_path)
    made.commit("first", 1000)
    return made


def test_equal_revisions(repository):
    code, out, err = repository.count("first", "first")
    assert code == 0 and "1 equal to the last instruction" in out, err
    assert repository.kept() == ["a.json", "b.json"]


def test_more_instructions(repository, tmp_path):
    repository.commit("second", 1100)
    code, out, err = repository.count("first", "second", "--junit", tmp_path / "c.xml", "--json", tmp_path / "c.json")
    assert code == 1 and "MORE instructions than allowed, worst 10.00 %" in out, err
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "c.xml"))
    assert suite.failures == 1 and json.loads((tmp_path / "c.json").read_text())["exit_code"] == 1
    assert repository.count("first", "second", "--limit", "avx2_*=10")[0] == 0
    assert repository.count("second", "first")[0] == 0  # fewer


def test_the_working_tree_and_what_is_handed_on(repository):
    repository.speed(1100)
    code, out, _ = repository.count("first", ".", "--kernel", "avx2_*", "--layer", "wide", "--markdown")
    assert code == 1 and out.startswith("old: ") and "| avx2_a, count/wide, batch 1" in out
    for run in (run["arguments"] for run in repository.runs() if run["arguments"][0] == "count"):
        assert run[1] == "--suite" and run[2] == str(repository.folder / "data/suites/count.json")
        assert run[3:-2] == ["--kernel", "avx2_*", "--layer", "wide"]


@pytest.mark.parametrize("speed, code, words", [("wrong", 1, "WRONG"), ("old", 2, "from before"), ("refuses", 2, "no such")])
def test_a_revision_that_cannot(repository, speed, code, words):
    repository.commit("second", speed)
    ended, out, err = repository.count("first", "second")
    assert ended == code and words in out + err
    assert [left for left in repository.kept() if not left.endswith(".json")] == []


@pytest.mark.parametrize("arguments", [[], ["first"], ["first", "nope"], ["first", "first", "--limit", "x"]])
def test_bad_usage(repository, arguments):
    code, out, err = repository.count(*arguments)
    assert code == 2 and out == "" and err.startswith("run: ") and err.count("\n") == 1
    assert repository.runs() == []


def test_a_build_that_fails_leaves_nothing(repository):
    repository.commit("second", "broken")
    assert repository.count("first", "second")[0] == 3 and repository.kept() == []
