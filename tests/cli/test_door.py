"""`./run VERB` in a folder of its own, where everything that it calls is a stand-in that keeps a diary: help, mistakes,
what is called in which order, signals, exit codes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from command import GUARD_S, REPOSITORY, copy_door, listing, wait_for

DOOR = sorted(path.stem for path in (REPOSITORY / "bench/door/verbs").glob("[a-z]*.py"))
VERBS = [*DOOR, "build", "eie"]
NEEDED = {
    "compare": ["old.json", "new.json"],
    "report": ["results.json"],
    "compress": ["weights.npy"],
    "ab": ["a", "b"],
    "count": ["a", "b"],
    "history": ["a"],
    "bencher": ["a.json"],
    "train": ["lenet-5", "--data", "d"],
    "even": ["--data", "d"],
    "classify": ["a.png", "--network", "a.net"],
    "squeezenet": ["--network", "a.net"],
}
STAND_IN = """#!{python}
import json, os, signal, sys, time
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
def say(*words):
    with open({diary!r}, "a") as diary:
        diary.write(json.dumps([name, *words]) + "\\n")
say(*arguments)
{body}
"""
BENCH = """
if arguments[:1] == ["bench"]:
    open(arguments[arguments.index("--out") + 1], "w").write("{}")
"""
WAITS = """
if arguments[:1] == ["bench"]:
    while not os.path.exists("go on"): time.sleep(0.01)
"""


class Project:
    """A system with these tools and no others, on which everything is installed and built."""

    def __init__(self, folder):
        self.folder, self.tools, self.diary = folder / "project", folder / "tools", folder / "diary"
        self.folder.mkdir()
        self.tools.mkdir()
        copy_door(self.folder)
        for name in ("bash", "dirname", "cat", "cmp", "sort", "mkdir", "tail", "git", "rm"):
            self.tool(name, f'#!/bin/sh\nexec {shutil.which(name)} "$@"\n')
        self.tool("python3", f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # nothing but its own library
        self.environment = {"PATH": str(self.tools), "EIE_PEERS": "no"}

    def tool(self, name, text, folder=None):
        path = (folder or self.tools) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def stand_in(self, name, body="", folder=None):
        self.tool(name, STAND_IN.format(python=sys.executable, diary=str(self.diary), body=body), folder)

    def installed(self, eie=BENCH):
        self.tool("dpkg-query", "#!/bin/sh\necho installed\n")
        self.stand_in("cmake")
        self.stand_in("eie", eie, self.folder / "build/release")
        self.stand_in("python", "", self.folder / ".venv/bin")
        for folder in ("plots", ".venv"):
            (self.folder / folder).mkdir(exist_ok=True)
            (self.folder / folder / "requirements.txt").write_text("numpy\n")
        for folder in ("tests/python", ".venv"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            (self.folder / folder / "browser.txt").write_text("playwright\n")
        (self.folder / "bench/fleet").mkdir()
        for path in ("bench/fleet/requirements.txt", ".venv/fleet.txt"):
            (self.folder / path).write_text("ReFrame-HPC\n")
        return self

    def popen(self, *arguments, **further):
        return subprocess.Popen(
            ["./run", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True} | further,
        )

    def __call__(self, *arguments, **further):
        process = self.popen(*arguments, **further)
        out, err = process.communicate(timeout=GUARD_S)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def refuses(self, culprit, *arguments):
        before = listing(self.folder)
        done = self(*arguments)
        assert done.returncode == 2 and done.stdout == "", done
        assert done.stderr.startswith("run: ") and done.stderr.count("\n") == 1 and culprit in done.stderr
        assert listing(self.folder) == before

    def calls(self, name=None):
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        calls = [json.loads(line) for line in lines]
        return [call for call in calls if name in (None, call[0])]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


# ---- help and mistakes ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_touches_nothing(project, verb):
    before = listing(project.folder)
    for option in ("--help", "-h"):
        assert verb != "eie" or project("eie", "bench", option).stdout == project("eie", option).stdout  # not built yet
        done = project(verb, option)
        assert done.returncode == 0 and done.stderr == "", done
        assert done.stdout.startswith(f"usage: ./run {verb}")
    assert listing(project.folder) == before


def test_help_names_all_verbs(project):
    done = project("help")
    assert done.returncode == 0 and done.stderr == ""
    assert set(re.findall(r"^\./run ([a-z]+)", done.stdout, re.M)) == set(VERBS)
    assert project().stdout == project("--help").stdout == done.stdout


def test_help_without_a_python(project):
    (project.tools / "python3").unlink()
    before = listing(project.folder)
    done = project("reproduce", "--help")
    assert done.returncode == 0 and "./run reproduce [" in done.stdout and done.stderr == ""
    for arguments in (["reproduce"], ["ab", "a", "b", "--", "--help"]):
        done = project(*arguments)  # nothing is installed where there is no Debian
        assert done.returncode == 3 and "python3" in done.stderr.splitlines()[0]
    assert listing(project.folder) == before


def test_a_python_is_installed_only_when_a_verb_is_run(project):
    python, hidden = project.tools / "python3", project.folder.parent / "python3"
    python.rename(hidden)
    project.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
    project.tool("id", "#!/bin/sh\necho 0\n")
    project.tool("env", f'#!{project.tools}/bash\nshift\nexec "$@"\n')
    project.stand_in("apt-get", f"'install' in arguments and os.rename({str(hidden)!r}, {str(python)!r})")
    assert project("bundle", "--help").returncode == 0 and project.calls() == []
    done = project("bundle", "--frob")
    assert done.returncode == 2 and "--frob" in done.stderr.splitlines()[-1]
    assert project.calls("apt-get")[-1][-2:] == ["python3", "python3-venv"] and len(project.calls()) == 2


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("eie", "compress")])
def test_an_unknown_option(project, verb):
    project.refuses("--frob", verb, *NEEDED.get(verb, []), "--frob")
    if verb not in ("ab", "classify", "compare", "count", "history", "report"):  # which take more, or say how many
        project.refuses("more", verb, *NEEDED.get(verb, []), "more")


@pytest.mark.parametrize(
    "culprit, arguments",
    {
        "nonsense": ["nonsense"],
        "--all": ["test", "--quick", "--all"],
        "RESULTS.json": ["report"],
        "OLD.json and NEW.json are needed": ["compare", "old.json"],
        "much": ["compare", "old.json", "new.json", "--threshold", "much"],
        "would overwrite": ["compare", "old.json", "new.json", "--json", "./old.json"],
        "WEIGHTS": ["compress", "--density", "0.1"],
        "--density": ["compress", "weights.npy", "--density"],
        "--bits": ["compress", "weights.npy", "--bits=5"],
        "-o": ["compress", "weights.npy", "-o", "here"],
        "other.npy": ["compress", "weights.npy", "other.npy"],
        "soon": ["gpu", "--budget", "soon"],
        "--out": ["deepcomp", "--out"],
        "option --out was given twice": ["reproduce", "--out", "here", "--full", "--out=there"],
        "a b": ["reproduce", "a\nb"],
        "__init__": ["__init__"],
        "../verbs/ab": ["../verbs/ab"],
    }.items(),
)
def test_a_mistake_is_one_line_before_anything_is_installed(project, culprit, arguments):
    project.refuses(culprit, *arguments)


@pytest.mark.parametrize("verb", ["report", "compare"])
def test_an_option_that_is_handed_on_is_added_in_one_place(project, verb):
    """The door's verb and the one of the pages read the same lines; only these change here."""
    shutil.copytree(REPOSITORY / "plots", project.folder / "plots", dirs_exist_ok=True)

    def pages(*arguments):
        return subprocess.run(
            [sys.executable, "-B", "-m", "plots", verb, *arguments], cwd=project.folder, capture_output=True, text=True
        )

    before = pages("--help")
    assert before.returncode == 0 and before.stdout.startswith(f"usage: python3 -m plots {verb} ")
    project.refuses("--made-up", verb, *NEEDED[verb], "--made-up")
    done = pages(*NEEDED[verb], "--made-up")
    assert done.returncode == 2 and done.stderr.startswith(f"{verb}: ") and "--made-up" in done.stderr
    with open(project.folder / f"plots/options/{verb}.py", "a") as file:
        file.write(
            "\n\nadd_before = add\n\n\ndef add(parser):\n    add_before(parser)\n    parser.add_argument('--made-up')\n"
        )
    both = options_in(project(verb, "--help").stdout), options_in(pages("--help").stdout)
    assert both[0] == both[1] == options_in(before.stdout) | {"--made-up"}
    project.installed()
    assert project(verb, *NEEDED[verb], "--made-up", "5").returncode == 0
    assert project.calls() == [["python", "-m", "plots", verb, *NEEDED[verb], "--made-up", "5"]]


def test_an_output_that_cannot_be_written(project):
    with open("/dev/full", "w") as full:
        done = project("report", "--help", stdout=full)
    assert done.returncode == 3 and done.stderr.startswith("run: ") and done.stderr.count("\n") == 1


def test_a_reader_that_is_gone(project):
    gone, pipe = os.pipe()
    os.close(gone)
    done = project("report", "--help", stdout=pipe)
    os.close(pipe)
    assert done.returncode == -signal.SIGPIPE and done.stderr == ""


# ---- what is called ------------------------------------------------------------------------------


def test_build_builds_and_does_nothing_else(project):
    project.installed()
    done = project("build")
    assert done.returncode == 0 and "build/release/eie" in done.stderr and done.stdout == ""
    assert project.calls() == [["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]]


def test_a_build_that_fails_shows_the_end_of_its_log(project):
    project.installed().stand_in("cmake", "print('a broken file'); sys.exit(1)")
    done = project("build")
    assert done.returncode == 3 and "a broken file" in done.stderr and "build/log.txt" in done.stderr.splitlines()[-1]


def test_the_program_itself(project):
    project.installed(eie="print('table'); sys.exit(1)")
    done = project("eie", "list", "a b", "--help")
    assert (done.returncode, done.stdout, done.stderr) == (1, "table\n", "")
    assert project.calls() == [["eie", "list", "a b", "--help"]]
    assert project("eie", "--help").stdout == "table\n"


def test_the_program_is_built_where_it_is_not_there(project):
    project.installed()
    program = project.folder / "build/release/eie"
    hidden = program.rename(project.folder / "hidden")
    project.stand_in("cmake", f"os.path.exists({str(hidden)!r}) and os.rename({str(hidden)!r}, {str(program)!r})")
    done = project("eie", "list", "kernels")
    assert done.returncode == 0 and done.stdout == ""
    assert [call[0] for call in project.calls()] == ["cmake", "cmake", "eie"]


@pytest.mark.parametrize("verb", ["report", "compare"])
def test_pages_need_no_build(project, verb):
    project.installed().stand_in("python", "sys.exit(7)", project.folder / ".venv/bin")
    arguments = [*NEEDED[verb], *(["--kernel", "a b", "c", "--absolute"] if verb == "compare" else ["--quiet"])]
    assert project(verb, *arguments).returncode == 7
    assert project.calls() == [["python", "-m", "plots", verb, *arguments]]


def test_reproduction(project):
    project.installed()
    project.environment["EIE_MODELS"] = "/nowhere"
    assert project("reproduction", "--out", "here").returncode == 0
    explored = project.calls("eie")
    files = [call[call.index("--out") + 1] for call in explored]
    assert [call[1] for call in explored] == ["explore"] * 4
    assert [call[call.index("--suite") + 1] for call in explored] == ["paper-matched,paper-rows,real"] * 3 + ["paper-rows"]
    (page,) = project.calls("python")
    assert page[:4] == ["python", "-m", "plots", "reproduction"] and page[-2:] == ["--out", "here"]
    assert page[5:12:2] == files and page[4:12:2] == ["--queue", "--scale", "--large", "--space"]


def test_a_sweep_that_fails_makes_no_book(project):
    project.installed(eie="sys.exit(2 if '--device' in arguments else 0)")
    assert project("reproduction").returncode == 2
    assert len(project.calls("eie")) == 3 and project.calls("python") == []


def test_compress_hands_its_options_on(project):
    project.installed().stand_in("python", "print('comparison')", project.folder / ".venv/bin")
    done = project("compress", "--density", "0.1", "w.npy", "--keep-codes", "--out", "here", "--tensor=fc*", "--seed", "-1")
    assert done.returncode == 0 and done.stdout == "comparison\n", done
    compress, *_, bench = project.calls("eie")
    assert compress == [
        *("eie", "compress", "w.npy", "-o", "here/layer.safetensors", "--ledger", "here/ledger.json"),
        *("--density", "0.1", "--keep-codes", "--tensor=fc*", "--seed", "-1"),
    ]
    assert bench[:4] == ["eie", "bench", "--suite", "here/layer.safetensors"]
    assert (project.folder / "here/comparison.md").read_text() == "comparison\n"


def test_classify(project):
    project.installed(eie="sys.exit(7 if '--float' in arguments else 0)")
    assert (
        project("classify", "in/cat.png", "dog.jpg", "--network", "a.net", "--classes", "names", "--top", "3").returncode
        == 0
    )
    ((_, _, _, verb, *_, folder, mark, first, second),) = project.calls("python")
    assert (verb, mark, first, second) == ("ppm", "--", "in/cat.png", "dog.jpg") and not os.path.exists(folder)
    ((_, *words),) = project.calls("eie")
    assert words == [
        *("run", "--top", "3", "--classes", f"{project.folder}/names"),
        *("--", f"{project.folder}/a.net", "cat.png.ppm", "dog.jpg.ppm"),
    ]
    assert project("classify", "a.png", "--network", "a.net", "--float").returncode == 7
    project.environment["EIE_MODELS"] = "/models"
    assert project("classify", "a.png").returncode == 0
    assert "/models/squeezenet/compressed_SqueezeNet.net" in project.calls("eie")[-1]
    project.refuses("two images are named 'cat.png'", "classify", "in/cat.png", "cat.png")
    del project.environment["EIE_MODELS"]
    project.refuses("EIE_MODELS", "classify", "a.png")


def test_deepcomp(project):
    project.installed(eie="sys.exit(arguments[arguments.index('--name') + 1] == 'bad')")
    lists = "print({text!r}) if arguments[3] == 'list' else open(arguments[-1], 'w')"
    python = project.folder / ".venv/bin"
    project.stand_in("python", lists.format(text="N-fc normal:8x4 0.5 5 4\nN-conv normal:4x4 0.25 8 5"), python)
    assert project("deepcomp", "--out", "here").returncode == 0
    made = project.calls("eie")
    assert [call[-1] for call in made] == [
        f"here/N-{layer}-{form}.json" for layer in ("fc", "conv") for form in ("packed", "huffman")
    ]
    assert made[2][1:9] == ["compress", "normal:4x4", "--density", "0.25", "--bits", "8", "--run-bits", "5"]
    assert (project.folder / "here/DEEP_COMPRESSION.md").exists()
    project.stand_in("python", lists.format(text="bad normal:8x4 0.5 5 4"), python)
    assert project("deepcomp", "--out", "there").returncode == 1
    assert not (project.folder / "there/DEEP_COMPRESSION.md").exists()


def test_bundle_says_what_it_made(project):
    project.installed().stand_in("cmake", "print('-- bundle: build/bundle/made')")
    done = project("bundle")
    assert done.returncode == 0 and "== build/bundle/made" in done.stderr
    assert all(call[-1] == "bundle" for call in project.calls("cmake"))


@pytest.mark.skipif(
    any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg"))) or bool(shutil.which("nvidia-smi")), reason="a GPU is here"
)
def test_no_gpu(project):
    before = listing(project.folder)
    done = project("gpu", "--budget", "1m")
    assert done.returncode == 3 and "no NVIDIA driver" in done.stderr and done.stderr.count("\n") == 1
    assert listing(project.folder) == before


# ---- ./run test ----------------------------------------------------------------------------------

CTEST = """
folder = "build/" + arguments[1] + "/Testing/Temporary"
os.makedirs(folder, exist_ok=True)
open(folder + "/LastTest.log", "w").write("SKIPPED [1] test_x.py: no y\\nSKIPPED [1] test_x.py: no y\\nother\\n")
sys.exit(arguments[1] in os.environ.get("FAILS", "").split())
"""


def presets(calls):
    return [call[call.index("--preset") + 1] for call in calls]


def label(call):
    return call[call.index("-L") + 1] if "-L" in call else None


def test_all_tests(project):
    project.installed().stand_in("ctest", CTEST)
    done = project("test")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SKIPPED [1] test_x.py: no y\n") == 2  # once for each build
    assert presets(project.calls("cmake")) == ["release", "release", "asan+ubsan", "asan+ubsan"]
    assert presets(project.calls("ctest")) == ["release", "asan+ubsan"]
    project.environment["FAILS"] = "release"
    done = project("test")
    assert done.returncode == 1 and done.stderr.endswith("run: tests failed\n")
    assert presets(project.calls("ctest")) == ["release", "asan+ubsan"] * 2  # the others run all the same


def test_quick_tests_need_one_build(project):
    project.installed().stand_in("ctest", CTEST)
    assert project("test", "--quick").returncode == 0
    assert presets(project.calls("cmake")) == ["release"] * 2
    (call,) = project.calls("ctest")
    assert presets([call]) == ["release"] and label(call) == "quick" and "--no-tests=error" in call
    project.environment["FAILS"] = "release"
    assert project("test", "--quick").returncode == 1


@pytest.mark.parametrize("fails", ["nothing", "clang-format", "xargs", "format", "check"])
def test_static_checks(project, fails):
    project.installed()
    for name in ("ctest", "clang-format"):
        project.stand_in(name, f"sys.exit(name == {fails!r})")
    project.stand_in("xargs", f"say('stdin', *sys.stdin.read().split()); sys.exit(name == {fails!r})")
    project.stand_in(
        "python", f"sys.exit(arguments[1:2] == ['ruff'] and arguments[2] == {fails!r})", project.folder / ".venv/bin"
    )
    project.tool("sysroot.sh", "#!/bin/sh\necho no archive\nexit 3\n", project.folder / "cmake/aarch64")
    for path in ("host/compiled.c", "host/left.c"):
        project.tool(path, "", project.folder)
    project.tool(
        "compile_commands.json", json.dumps([{"file": f"{project.folder}/host/compiled.c"}]), project.folder / "build/clang"
    )
    for arguments in (["init", "-q"], ["add", "host"]):
        subprocess.run(["git", *arguments], cwd=project.folder, check=True)
    done = project("test", "--all")
    assert done.returncode == (fails != "nothing"), done.stderr
    assert "Left out: aarch64: no archive\n" in done.stdout
    assert presets(project.calls("ctest")) == ["release", "asan+ubsan", "clang"]
    assert project.calls("clang-format")[0][-2:] == ["host/compiled.c", "host/left.c"]
    tidied, files = project.calls("xargs")
    assert "clang-tidy" in tidied and files[1:] == ["stdin", "host/compiled.c"]
    folders = ["plots", "tests", "cmake", "bench"]
    ruff = [call[2:] for call in project.calls("python") if call[1:3] == ["-m", "ruff"]]
    assert ruff == [["ruff", "format", "--check", *folders], ["ruff", "check", *folders]]


# ---- signals -------------------------------------------------------------------------------------


def begin(project, disposition):
    process = project.popen("reproduce", "--out", "here", preexec_fn=lambda: signal.signal(signal.SIGINT, disposition))
    wait_for(process, lambda: any(call[1:2] == ["bench"] for call in project.calls("eie")))
    os.killpg(process.pid, signal.SIGINT)
    return process


def test_interrupted_with_the_program(project):
    project.installed(eie="signal.signal(signal.SIGINT, signal.SIG_DFL)" + BENCH + WAITS)
    process = begin(project, signal.SIG_DFL)
    process.communicate(timeout=GUARD_S)
    assert process.returncode == 130 and project.calls("python") == []


def test_a_program_that_ends_in_its_own_way_is_reported(project):
    handler = "signal.signal(signal.SIGINT, lambda *_: open('go on', 'w'))"
    body = (
        f"if arguments[:1] == ['bench']:\n    {handler}\n    say('ready')\n{WAITS}{BENCH}\nsys.exit(arguments[0] == 'bench')"
    )
    project.installed(eie=body)
    process = project.popen("reproduce", "--out", "here", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    wait_for(process, lambda: ["eie", "ready"] in project.calls())
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=GUARD_S)
    assert process.returncode == 1 and "ended with exit code 1" in err
    assert [call[3] for call in project.calls("python")] == ["report"]


def test_a_background_job_is_not_interrupted(project):
    project.installed(eie=WAITS + BENCH)
    process = begin(project, signal.SIG_IGN)
    (project.folder / "go on").touch()
    process.communicate(timeout=GUARD_S)
    assert process.returncode == 0 and [call[3] for call in project.calls("python")] == ["report"]


def test_a_report_takes_several_files(project):
    project.installed()
    assert project("report", "one.json", "two.json", "--out", "here").returncode == 0
    assert project.calls("python")[-1][3:] == ["report", "one.json", "two.json", "--out", "here"]
