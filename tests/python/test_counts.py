"""`python -m plots counts`: counts of instructions against each other, limits, JUnit's XML."""

import json
import subprocess
import sys

import junitparser
import pytest
from conftest import REPOSITORY


def row(kernel="avx2_a", instructions=1000, **changes):
    made = {
        "suite": "count",
        "layer": "wide",
        "layer_hash": "h",
        "kernel": kernel,
        "batch": 1,
        "method": "callgrind",
        "status": "ok",
        "instructions": instructions,
    } | changes
    if made["status"] != "ok":
        del made["instructions"]
        made["reason"] = "a reason"
    return made


class Counts:
    def __init__(self, folder):
        self.folder = folder

    def write(self, name, rows, **changes):
        document = {"format": "eie-count-1", "eie_version": "0", "eie_revision": name, "cpu": "c", "rows": rows}
        (self.folder / f"{name}.json").write_text(json.dumps(document | changes))

    def __call__(self, *options):
        return subprocess.run(
            [sys.executable, "-m", "plots", "counts", self.folder / "old.json", self.folder / "new.json", *options],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )

    def compare(self, old, new, *options):
        self.write("old", old)
        self.write("new", new)
        return self(*options)


@pytest.fixture
def counts(tmp_path):
    return Counts(tmp_path)


def test_equal_counts(counts):
    done = counts.compare([row()], [row()])
    assert done.returncode == 0 and "no row has more instructions than allowed (1 same; 1 equal to the last" in done.stdout


@pytest.mark.parametrize("instructions, code", [(1010, 0), (1011, 1), (500, 0)])
def test_the_limit(counts, instructions, code):
    assert counts.compare([row()], [row(instructions=instructions)]).returncode == code


def test_limits_per_kernel(counts):
    old = [row("avx2_a"), row("scalar_a")]
    new = [row("avx2_a", 1040), row("scalar_a", 1001)]
    assert counts.compare(old, new).returncode == 1
    assert counts.compare(old, new, "--limit", "avx2_*=5").returncode == 0
    assert counts.compare(old, new, "--limit", "5", "--limit", "scalar_*=0").returncode == 1
    assert counts.compare(old, new, "--limit", "scalar_*=0", "--limit", "5").returncode == 0  # the last that fits


LOST = {
    "gone": [],
    "unsupported": [row(status="unsupported")],
    "another layer": [row(layer_hash="other")],
    "another method": [row(method="step")],
}


@pytest.mark.parametrize("what", LOST)
def test_a_row_that_is_lost(counts, what):
    done = counts.compare([row(), row("avx2_b")], [*LOST[what], row("avx2_b")])
    assert (
        done.returncode == 3 and "\nLOST 1 row of the old file; no row has more" in done.stdout and "1 lost" in done.stdout
    )


def test_files_without_rows(counts):
    done = counts.compare([], [])
    assert done.returncode == 3 and done.stdout.endswith("\nnothing could be compared\n")


def test_a_limit_for_no_kernel(counts):
    done = counts.compare([row()], [row()], "--limit", "avx9_*=5")
    assert (
        done.returncode == 2
        and done.stdout == ""
        and done.stderr == "counts: --limit 'avx9_*' fits no kernel of either file\n"
    )
    assert counts.compare([row()], [row("avx2_b")], "--limit", "avx2_b=5", "--limit", "7").returncode == 3


def test_a_kernel_that_is_wrong_comes_first(counts):
    done = counts.compare([row(), row("avx2_b")], [row(status="wrong")])
    assert done.returncode == 1 and "WRONG: 1 of the new rows" in done.stdout


def test_a_new_kernel_is_no_fault(counts):
    done = counts.compare([row()], [row(), row("avx2_b")])
    assert done.returncode == 0 and "only in the new file" in done.stdout


def test_nothing_in_common(counts):
    assert counts.compare([], [row()]).returncode == 3


def test_for_machines(counts):
    done = counts.compare(
        [row(), row("avx2_b"), row("avx2_c\x01<&>", status="skipped")],
        [row(instructions=1230), row("avx2_b"), row("avx2_c\x01<&>", status="skipped")],
        *("--json", counts.folder / "c.json", "--junit", counts.folder / "c.xml", "--markdown"),
    )
    assert done.returncode == 1 and "| avx2_a, count/wide, batch 1" in done.stdout
    document = json.loads((counts.folder / "c.json").read_text())
    assert document["exit_code"] == 1 and document["rows"][0]["change_percent"] == pytest.approx(23)
    (suite,) = junitparser.JUnitXml.fromfile(str(counts.folder / "c.xml"))
    assert (suite.tests, suite.failures, suite.skipped) == (3, 1, 1)
    results = {case.classname: case.result for case in suite}
    assert "+23.00 %" in results["avx2_a"][0].message and results["avx2_b"] == []
    assert isinstance(results["avx2_c?<&>"][0], junitparser.Skipped)


BAD = {
    "not JSON": ("not JSON", "{"),
    "empty": ("not JSON", ""),
    "foreign": ("no rows", '{"benchmarks": []}'),
    "newer": ("newer version", {"format": "eie-count-2"}),
    "another format": ("not a file of", {"format": "eie-suite-1"}),
    "a row that is none": ("rows[0]", {"rows": [1]}),
    "no instructions": ("instructions", {"rows": [row(instructions=None)]}),
    "none at all": ("instructions", {"rows": [row(instructions=0)]}),
    "a count and no status": ("with instructions", {"rows": [row() | {"status": "error"}]}),
    "twice": ("a second row", {"rows": [row(), row()]}),
    "unknown method": ("method", {"rows": [row(method="guess")]}),
    "another processor": ("two processors", {"cpu": "other"}),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files(counts, what):
    culprit, content = BAD[what]
    counts.write("old", [row()])
    if isinstance(content, str):
        (counts.folder / "new.json").write_text(content)
    else:
        counts.write("new", **({"rows": [row()]} | content))
    done = counts()
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1 and culprit in done.stderr


@pytest.mark.parametrize("options", [["--limit", "x"], ["--limit", "=1"], ["--limit", "-1"], ["--limit", "a=nan"]])
def test_bad_limits(counts, options):
    done = counts.compare([row()], [row()], *options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_an_output_over_an_input(counts):
    done = counts.compare([row()], [row()], "--json", counts.folder / "old.json")
    assert done.returncode == 2 and json.loads((counts.folder / "old.json").read_text())["format"] == "eie-count-1"


def test_an_output_that_cannot_be_written(counts):
    assert counts.compare([row()], [row()], "--json", "/dev/null/x.json").returncode == 3
    assert counts.compare([row()], [row(instructions=2000)], "--junit", "/dev/null/x.xml").returncode == 1
