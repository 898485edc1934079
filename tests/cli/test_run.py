"""What `./run` does on systems that lack something, in a folder of its own: no Debian, no network, an old Python."""

import shutil
import subprocess
import sys

import pytest
from command import REPOSITORY, copy_door

TOOLS = [
    "bash",
    "chmod",
    "dirname",
    "sort",
    "cmp",
    "cp",
    "mv",
    "rm",
    "mkdir",
    "tail",
    "sed",
    "cat",
    "gcc",
    "g++",
    "cmake",
    "ninja",
    "pkg-config",
    "git",
    "python3",
]


class Project:
    """A system that has these tools and no others; stand-ins are shell scripts."""

    def __init__(self, folder):
        self.folder, self.tools = folder / "project", folder / "tools"
        self.tools.mkdir()
        for name in TOOLS:
            path = sys.executable if name == "python3" else shutil.which(name)
            if path:
                self.stand_in(name, f'exec {path} "$@"')
        (self.folder / "plots").mkdir(parents=True)
        copy_door(self.folder)
        self.require("numpy")

    def require(self, text):
        (self.folder / "plots/requirements.txt").write_text(text + "\n")

    def stand_in(self, name, script):
        path = self.tools / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def python(self, pip="exit 0", venv=":", version="exit 0"):
        """`python3 -m venv` makes a Python whose pip is this."""
        self.stand_in(
            "python3",
            f"""
            case "$1 $2" in
            "-m venv") {venv}; mkdir -p .venv/bin
                printf '%s\\n' '#!/bin/bash' 'case "$3" in install) {pip} ;; esac; exit 7' >.venv/bin/python
                chmod +x .venv/bin/python ;;
            "-c "*) {version} ;;
            "-B "*) exec {sys.executable} "$@" ;;
            esac""",
        )

    def run(self, *arguments):
        return subprocess.run(
            ["./run", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": str(self.tools), "EIE_PEERS": "no"},
        )

    def venv(self):
        return {
            str(path.relative_to(self.folder)): path.read_text()
            for path in sorted(self.folder.glob(".venv*/**/*"))
            if path.is_file()
        }


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_all_that_is_missing_is_told_at_once(project):
    for name in ("cmake", "ninja"):
        (project.tools / name).unlink(missing_ok=True)
    project.stand_in("g++", "exit 1")  # finds no header
    done = project.run("bundle")
    assert done.returncode == 3
    for word in ("cmake", "ninja", "jansson.h", "openssl/evp.h", "benchmark/benchmark.h", "CL/cl.h"):
        assert word in done.stderr.splitlines()[0], done.stderr
    fedora = next(line for line in done.stderr.splitlines() if "Fedora" in line)
    arch = next(line for line in done.stderr.splitlines() if "Arch" in line)
    assert "untried" in fedora and "untried" in arch
    assert {"ninja-build", "jansson-devel", "google-benchmark-devel"} <= set(fedora.split())
    assert {"ninja", "jansson", "benchmark"} <= set(arch.split())
    assert "gcc" not in fedora.split() and "git" not in arch.split()  # these are there


def test_a_system_that_has_all_goes_on(project):
    project.stand_in("g++", "exit 0")  # finds every header
    project.stand_in("ninja", "exit 0")
    project.stand_in("cmake", "echo reached; exit 1")
    done = project.run("bundle")
    assert "reached" in done.stderr and "Missing" not in done.stderr


@pytest.mark.parametrize(
    "what, words",
    [
        ({"pip": "exit 1"}, "pip could not install"),
        ({"venv": "exit 1"}, "python3 -m venv failed"),
        ({"version": "exit 1"}, "Python 3.10"),
    ],
)
def test_packages_that_cannot_be_had_leave_the_old_ones(project, what, words):
    project.python()
    assert project.run("compare", "old.json", "new.json").returncode == 7  # compare.py is what ends so
    before = project.venv()
    assert before[".venv/requirements.txt"] == "numpy\n"
    project.require("scipy")
    project.python(**what)
    done = project.run("compare", "old.json", "new.json")
    assert done.returncode == 3 and words in done.stderr
    assert project.venv() == before
    project.python()
    assert project.run("compare", "old.json", "new.json").returncode == 7
    assert project.venv() == before | {".venv/requirements.txt": "scipy\n"}


def test_packages_for_aarch64_need_a_cross_compiler(project):
    project.stand_in("realpath", f'exec {shutil.which("realpath")} "$@"')
    done = subprocess.run(
        [project.tools / "bash", REPOSITORY / "cmake/aarch64/sysroot.sh", project.folder / "root"],
        env={"PATH": str(project.tools)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3 and "aarch64-linux-gnu-gcc" in done.stderr
    assert not (project.folder / "root").exists()
