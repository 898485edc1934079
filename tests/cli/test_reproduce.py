"""`./run reproduce` in a folder of its own, where program, build and report are stand-ins that keep a diary. So the
calls, their order, what is left behind and the exit codes are those of `run`."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from command import REPOSITORY, copy_door

EIE = r'''#!/usr/bin/env python3
"""Lists what $KERNELS holds; `bench` writes an empty results file and ends with $CODE."""
import json, os, pathlib, sys
with open(os.environ["DIARY"], "a") as out:
    out.write(json.dumps(sys.argv[1:]) + "\n")
if sys.argv[1] != "bench":
    if sys.argv[1:] == ["list", "kernels"]:
        print("name  isa", *(f"{name}  any  ok" for name in os.environ.get("KERNELS", "").split()), sep="\n")
    sys.exit(0)
code = int(os.environ.get("CODE", "0"))
if code != 2:
    pathlib.Path(sys.argv[sys.argv.index("--out") + 1]).write_text("{}")
print("table")
sys.exit(code)
'''


@pytest.fixture
def project(tmp_path):
    folder, tools = tmp_path / "project", tmp_path / "tools"
    for path, text in {
        tools / "dpkg-query": "#!/bin/sh\necho installed\n",
        tools / "cmake": "#!/bin/sh\n",
        folder / "build/release/eie": EIE,
        folder / ".venv/bin/python": '#!/bin/sh\necho "[\\"report\\"]" >>"$DIARY"\nexit ${REPORT:-0}\n',
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    copy_door(folder)
    for requirements in ("plots", "kernels/peers"):  # installed already
        if (REPOSITORY / requirements / "requirements.txt").is_file():
            (folder / requirements).mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / requirements / "requirements.txt", folder / requirements)
    shutil.copy(folder / "plots/requirements.txt", folder / ".venv/requirements.txt")

    def run(*arguments, **environment):
        diary = tmp_path / "diary"
        diary.unlink(missing_ok=True)
        result = subprocess.run(
            ["./run", "reproduce", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "EIE_MODELS"}
            | {"PATH": f"{tools}:{os.environ['PATH']}", "DIARY": str(diary), "EIE_PEERS": "no", **environment},
        )
        result.calls = [json.loads(line) for line in diary.read_text().splitlines()] if diary.exists() else []
        return result

    run.folder = folder
    return run


def option(call, name):
    return call[call.index(name) + 1] if name in call else None


def matrices(call):
    """The options of each matrix of a call: what stands between --also and --also."""
    parts = [[]]
    for word in call[1:]:
        if word == "--also":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def test_one_call_for_all_matrices_then_the_report(project):
    result = project("--out", "here")
    assert result.returncode == 0, result.stderr
    listed, *_, bench, report = result.calls
    assert listed[0] == "list" and bench[0] == "bench"
    assert option(bench, "--out") == "here/bench.json" and option(bench, "--budget") == "6m"
    assert "--resume" not in bench
    models, one, many, opencl = matrices(bench)
    assert option(models, "--suite") == "paper-matched" and option(models, "--kernel") == "model_*"
    assert option(one, "--suite") == "paper" and option(one, "--batch") is None
    assert option(many, "--batch") == "64" and option(many, "--cache") == "hot"
    assert option(opencl, "--kernel") == "opencl_*" and option(opencl, "--device") == "opencl:none"
    assert report == ["report"]
    assert (project.folder / "here/bench.txt").read_text() == "table\n"


def test_real_layers_join_where_there_are_models(project):
    bench = project("--out", "here", EIE_MODELS="/nowhere").calls[-2]
    assert option(matrices(bench)[1], "--suite") == "paper,real"


def test_full_leaves_nothing_out(project):
    bench = project("--full", "--out", "here").calls[-2]
    _, one, many, _ = matrices(bench)
    assert option(one, "--kernel") is None and option(one, "--cache") == "hot,llc,dram"
    for suite in ("paper-signed", "paper-int8"):
        assert suite in option(one, "--suite").split(",") and suite in option(many, "--suite").split(",")
    assert option(bench, "--budget") == "60m"


def test_the_default_kernels_are_asked_for(project):
    """What they are is eie's affair: test_default_kernels.py."""
    _, one, many, _ = matrices(project("--out", "here").calls[-2])
    assert option(one, "--kernel") == option(many, "--kernel") == "default"


def test_the_results_stay_where_the_report_cannot_be_made(project):
    (project.folder / "plots/requirements.txt").write_text("other\n")
    tools = project.folder.parent / "tools"
    (tools / "python3").write_text(f'#!/bin/sh\n[ "$2" != venv ] && exec {sys.executable} "$@"\nexit 1\n')
    (tools / "python3").chmod(0o755)
    result = project("--out", "here")
    assert result.returncode == 3 and result.calls[-1][0] == "bench"
    assert (project.folder / "here/bench.json").is_file()
    assert "./run report here/bench.json" in result.stderr.splitlines()[-1]
    (project.folder / ".venv/requirements.txt").write_text("other\n")  # as if it could be made by now
    assert project("--resume", "here").returncode == 0


def test_the_folder_carries_the_date_by_default(project):
    assert option(project().calls[-2], "--out").startswith("results/local/20")


def test_resume_goes_on_with_the_same_file(project):
    assert project("--resume", "nowhere").returncode == 2
    project("--out", "here")
    result = project("--resume", "here", "--budget", "1m")
    assert result.returncode == 0, result.stderr
    bench = result.calls[-2]
    assert "--resume" in bench and option(bench, "--out") == "here/bench.json" and option(bench, "--budget") == "1m"
    result = project("--resume", "here", "--out", "there")
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and not result.calls


@pytest.mark.parametrize("code", [1, 3])
def test_a_failed_run_is_the_exit_code_after_the_report(project, code):
    result = project("--out", "here", CODE=str(code))
    assert result.returncode == code
    assert [call[0] for call in result.calls[-2:]] == ["bench", "report"]


def test_bad_input_leaves_no_folder(project):
    result = project("--out", "here", CODE="2")
    assert result.returncode == 2 and result.calls[-1][0] == "bench"
    assert not (project.folder / "here").exists()


def test_a_failed_report_is_an_error(project):
    result = project("--out", "here", REPORT="1")
    assert result.returncode == 3 and "report failed" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["--budget"], ["--budget", "soon"], ["--budget", "0"], ["--out"], ["--resume"]]
)
def test_usage(project, arguments):
    result = project(*arguments)
    assert result.returncode == 2 and result.stderr.startswith("run: ") and result.stderr.count("\n") == 1
    assert not result.calls
