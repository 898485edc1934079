"""`.github/workflows/performance.yml`: as GitHub's schema has it, and each of its `run:` scripts does what it says, in a small
repository with a stand-in for `eie`, as bash runs it there."""

import json
import pathlib
import re
import subprocess
import sys

import junitparser
import pytest
from command import GUARD_S, REPOSITORY
from ruamel.yaml import YAML
from test_ab import as_from_a_terminal
from test_door_count import Counted

WORKFLOW = REPOSITORY / ".github/workflows/performance.yml"
DOCUMENT = YAML(typ="safe").load(WORKFLOW)
STEPS = {  # (job, what is run there): its script
    (job, step["name"]): step["run"] for job, body in DOCUMENT["jobs"].items() for step in body["steps"] if "run" in step
}


def test_schema():
    program = pathlib.Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run([program, "--builtin-schema", "vendor.github-workflows", WORKFLOW], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_comes_from_outside_is_no_part_of_a_script():
    assert not any("${{" in script for script in STEPS.values())
    assert DOCUMENT["permissions"] == {"contents": "read"}


class Runner:
    """Runs the scripts of a job one after the other, as GitHub does."""

    def __init__(self, folder, first, second):
        self.repository = Counted(folder)
        self.repository.commit("first", first)
        self.repository.commit("second", second)
        self.folder, self.summary = self.repository.folder, folder / "summary.md"
        tools = folder / "tools"
        (tools / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> "{folder}/apt"\n')
        (tools / "apt-get").chmod(0o755)
        self.apt = folder / "apt"
        commits = [self.repository.git("rev-parse", name).strip() for name in ("first", "second")]
        self.environment = self.repository.environment | {
            "BASE": commits[0],
            "HEAD": commits[1],
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        }
        assert set(re.findall(r"\$(\w+)", " ".join(STEPS.values()))) <= {*self.environment, "PWD", "code"}
        assert {"BASE", "HEAD"} <= set(DOCUMENT["env"]) and DOCUMENT["defaults"]["run"]["shell"] == "bash"

    def job(self, name):
        """{step: its exit code}; after one that fails, only those that run always."""
        codes, failed = {}, False
        self.said = ""
        for step in DOCUMENT["jobs"][name]["steps"]:
            if "run" not in step or failed and step.get("if") != "always()":
                continue
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=GUARD_S,
                preexec_fn=as_from_a_terminal,
            )
            codes[step["name"]] = done.returncode
            failed |= done.returncode != 0
            self.said += done.stdout + done.stderr
        return codes


def test_every_script_is_run_by_a_test(tmp_path):
    runner = Runner(tmp_path, 1000, 1000)
    seen = {(job, step): code for job in DOCUMENT["jobs"] for step, code in runner.job(job).items()}
    assert seen.keys() == STEPS.keys() and set(seen.values()) == {0}, (seen, runner.said)


@pytest.mark.parametrize("second, code", [pytest.param(1000, 0, marks=pytest.mark.slow), (1300, 1)])
def test_counts(tmp_path, second, code):
    runner = Runner(tmp_path, 1000, second)
    codes = runner.job("counts")
    assert codes["Instructions of both revisions"] == code and codes["For Bencher"] == 0, runner.said
    assert "avx2_a" in runner.summary.read_text() and "install" in runner.apt.read_text()
    (suite,) = junitparser.JUnitXml.fromfile(str(runner.folder / "counts.xml"))
    assert suite.failures == code
    metrics = json.loads((runner.folder / "metrics.json").read_text())
    assert [one["instructions"]["value"] for one in metrics.values()] == [second]
    _everything_named_is_there(runner, "counts")


@pytest.mark.parametrize(
    "second, code",
    [pytest.param(1000, 0, marks=pytest.mark.slow), (1300, 1), pytest.param("varies", 0, marks=pytest.mark.slow)],
)
def test_times(tmp_path, second, code):
    """A runner on which nothing could have been seen is told, and no failure."""
    runner = Runner(tmp_path, "varies" if second == "varies" else 1000, second)
    codes = runner.job("times")
    assert codes["Times of both revisions"] == code, runner.said
    assert ("::notice::" in runner.said) == (second == "varies")
    assert runner.summary.read_text().startswith("## Comparison")
    (suite,) = junitparser.JUnitXml.fromfile(str(runner.folder / "times.xml"))
    assert suite.tests >= 1 and (suite.failures > 0) == bool(code)
    _everything_named_is_there(runner, "times")


def _everything_named_is_there(runner, job):
    """What the last step uploads."""
    (upload,) = [step for step in DOCUMENT["jobs"][job]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert all(list(runner.folder.glob(path)) for path in upload["with"]["path"].split())
