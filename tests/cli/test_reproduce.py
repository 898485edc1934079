"""`./run reproduce` in a folder of its own, where program, build and report are stand-ins that keep a diary. So the
calls, their order, what is left behind and the exit codes are those of `run`."""

import json
import os
import shutil
import subprocess

import pytest

from command import REPOSITORY

EIE = r'''#!/usr/bin/env python3
"""Writes an empty results file; ends with the code that $CODES holds for this call (0,0,...)."""
import json, os, pathlib, sys
diary = pathlib.Path(os.environ["DIARY"])
calls = diary.read_text().count('"bench"') if diary.exists() else 0
with open(diary, "a") as out:
    out.write(json.dumps(sys.argv[1:]) + "\n")
code = int(os.environ.get("CODES", "0,0,0").split(",")[calls])
if code != 2:
    pathlib.Path(sys.argv[sys.argv.index("--out") + 1]).write_text("{}")
print("table")
sys.exit(code)
'''


@pytest.fixture
def project(tmp_path):
    folder, tools = tmp_path / "project", tmp_path / "tools"
    for path, text in {tools / "dpkg-query": "#!/bin/sh\necho installed\n", tools / "cmake": "#!/bin/sh\n",
                       folder / "build/release/eie": EIE,
                       folder / ".venv/bin/python": '#!/bin/sh\necho "[\\"report\\"]" >>"$DIARY"\nexit ${REPORT:-0}\n'
                       }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    shutil.copy(REPOSITORY / "run", folder / "run")
    for requirements in ("plots", "kernels/peers"):  # installed already
        if (REPOSITORY / requirements / "requirements.txt").is_file():
            (folder / requirements).mkdir(parents=True)
            shutil.copy(REPOSITORY / requirements / "requirements.txt", folder / requirements)
    shutil.copy(folder / "plots/requirements.txt", folder / ".venv/requirements.txt")

    def run(*arguments, **environment):
        diary = tmp_path / "diary"
        diary.unlink(missing_ok=True)
        result = subprocess.run(["./run", "reproduce", *arguments], cwd=folder, capture_output=True, text=True,
                                env={key: value for key, value in os.environ.items() if key != "EIE_MODELS"} | {
                                    "PATH": f"{tools}:{os.environ['PATH']}", "DIARY": str(diary), "EIE_PEERS": "no",
                                    **environment})
        result.calls = [json.loads(line) for line in diary.read_text().splitlines()] if diary.exists() else []
        return result

    run.folder = folder
    return run


def option(call, name):
    return call[call.index(name) + 1] if name in call else None


def test_one_file_from_three_calls_then_the_report(project):
    result = project("--out", "here")
    assert result.returncode == 0, result.stderr
    first, matched, batch, report = result.calls
    assert {option(call, "--out") for call in (first, matched, batch)} == {"here/bench.json"}
    assert "--resume" not in first and "--resume" in matched and "--resume" in batch
    assert option(first, "--suite") == "paper" and option(first, "--budget") == "4m"
    assert option(matched, "--suite") == "paper-matched" and option(matched, "--kernel") == "model_*"
    assert option(batch, "--batch") == "64"
    assert report == ["report"]
    assert (project.folder / "here/bench.txt").read_text() == "table\n" * 3


def test_real_layers_join_where_there_are_models(project):
    assert option(project("--out", "here", EIE_MODELS="/nowhere").calls[0], "--suite") == "paper,real"


def test_full_leaves_nothing_out(project):
    first, _, batch, _ = project("--full", "--out", "here").calls
    assert option(first, "--kernel") is None and option(first, "--cache") == "hot,llc,dram"
    assert "paper-signed" in option(first, "--suite") and "paper-signed" in option(batch, "--suite")
    assert option(first, "--budget") == option(batch, "--budget") == "30m"


def test_the_folder_carries_the_date_by_default(project):
    assert option(project().calls[0], "--out").startswith("results/local/20")


def test_resume_goes_on_with_the_same_file(project):
    assert project("--resume", "nowhere").returncode == 2
    project("--out", "here")
    result = project("--resume", "here", "--budget", "1m")
    assert result.returncode == 0, result.stderr
    assert all("--resume" in call and option(call, "--out") == "here/bench.json" for call in result.calls[:3])
    assert option(result.calls[0], "--budget") == "1m"
    result = project("--resume", "here", "--out", "there")
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and not result.calls


@pytest.mark.parametrize("codes, calls", [("1,0,0", 1), ("0,3,0", 2), ("0,0,1", 3)])
def test_a_failed_call_is_the_exit_code_after_the_report(project, codes, calls):
    result = project("--out", "here", CODES=codes)
    assert str(result.returncode) in codes and result.returncode != 0
    assert [call[0] for call in result.calls] == ["bench"] * calls + ["report"]


def test_bad_input_leaves_no_folder(project):
    result = project("--out", "here", CODES="2")
    assert result.returncode == 2 and len(result.calls) == 1
    assert not (project.folder / "here").exists()


def test_a_failed_report_is_an_error(project):
    result = project("--out", "here", REPORT="1")
    assert result.returncode == 3 and "report failed" in result.stderr


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--budget"], ["--out"], ["--resume"]])
def test_usage(project, arguments):
    result = project(*arguments)
    assert result.returncode == 2 and result.stderr.startswith("run: ") and result.stderr.count("\n") == 1
    assert not result.calls
