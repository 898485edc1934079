"""./run test: the builds and their tests."""

import json
import os
import re
import shutil
import subprocess
import sys

from bench.door.arguments import Parser
from bench.door.messages import die, say
from bench.door.programs import call, output
from bench.door.project import PYTHON, build, install

C = ("*.c", "*.h", "*.cc", "*.cu", "*.cuh", "*.cl")
PYTHON_FOLDERS = ("plots", "tests", "cmake", "bench")
BRIEF = "unit|fuzz|check"  # what the builds after the release build run again


def processors():
    return len(os.sched_getaffinity(0))


def skipped(preset):
    """What the tests of this build skipped, and why."""
    try:
        with open(f"build/{preset}/Testing/Temporary/LastTest.log", errors="replace") as log:
            lines = {line.rstrip("\n") for line in log if re.match(r"\[  SKIPPED \] [A-Za-z_]|SKIPPED", line)}
    except OSError:
        return []
    return sorted(line for line in lines if "listed below" not in line)


def run_tests(preset, *choice):
    """False where one failed."""
    say(f"testing ({preset})")
    jobs = str(processors() + 1)  # some wait more than they work
    code = call("ctest", "--preset", preset, "-j", jobs, "--no-tests=error", *choice)
    names = skipped(preset)
    if names:
        print(f"\nSkipped in {preset}:", *names, sep="\n")
    return code == 0


def tracked(*patterns):
    return output("git", "ls-files", *patterns)[0].splitlines()


def clang_tidy():
    """Of what this processor compiles."""
    with open("build/clang/compile_commands.json") as file:
        compiled = {os.path.relpath(entry["file"]) for entry in json.load(file)}
    files = [path for path in tracked("host/*.c", "kernels/*.c", "bench/*.c") if path in compiled]
    return call(
        *("xargs", "-n", "4", "-P", str(processors()), "clang-tidy", "-p", "build/clang", "--quiet"),
        input="\n".join(files).encode(),
        stderr=subprocess.DEVNULL,
    )


def static_checks():
    """False where one has something to say."""
    checks = {
        "clang-format": lambda: call("clang-format", "--dry-run", "-Werror", *tracked(*C)),
        "clang-tidy": clang_tidy,
        "ruff format": lambda: call(PYTHON, "-m", "ruff", "format", "--check", *PYTHON_FOLDERS),
        "ruff check": lambda: call(PYTHON, "-m", "ruff", "check", *PYTHON_FOLDERS),
    }
    good = True
    for name, check in checks.items():
        say(name)
        good = check() == 0 and good
    return good


def emulated_tests(left_out):
    """The program for aarch64, under an emulator. What is needed and cannot be had is named, and nothing more."""
    say("aarch64")
    if not shutil.which("dpkg-query"):
        left_out.append("aarch64: its packages come from Debian's archive")
        return True
    if call("./run", "--install", "cross"):
        left_out.append("aarch64: no cross compiler or no qemu-aarch64")
        return True
    words, code = output("cmake/aarch64/sysroot.sh", "build/aarch64-root", stderr=subprocess.STDOUT)
    if code:
        left_out.append("aarch64: " + words.rstrip("\n"))
        return True
    build("aarch64")
    # those left out are long and try nothing that depends on the processor
    return run_tests("aarch64", "-L", BRIEF + "|emulated", "-E", "emulated_cuda|test_formula|test_kmeans")


def oldest_python(left_out):
    """The oldest Python that is promised would find a version of every package."""
    say("packages for Python 3.10")
    folder, good = "build/python3.10", True
    download = (PYTHON, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "-d", folder)
    words, code = output(
        *(*download, "--retries", "1", "--python-version", "3.10", "-r", "plots/requirements.txt"),
        stderr=subprocess.STDOUT,
    )
    if code:
        # without a network pip's last words are the same as for a version that does not exist
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if call(*download, "--retries", "1", "--no-deps", "tabulate", **quiet):
            left_out.append("packages for Python 3.10: no network")
        else:
            print(words, end="", file=sys.stderr)
            good = False
    shutil.rmtree(folder, ignore_errors=True)
    return good


def quick_tests():
    install("build", "python")
    build("release")
    return run_tests("release", "-L", "quick")


def all_tests(everything, left_out):
    install(
        "build",
        "test",
        *(["check"] if everything else []),
        "python",
        "peers",
        *(["browser", "fleet", "slurm"] if everything else []),
    )
    build("release")
    build("asan+ubsan")
    longer = () if everything else ("-LE", "cuda|slow")  # longer forms of the others
    libraries = () if everything else ("-E", r"check\.(peers_|opencl|emulated_cuda)")
    good = [run_tests("release", *longer), run_tests("asan+ubsan", "-L", BRIEF, *longer, *libraries)]
    if everything:
        build("clang")
        good += [run_tests("clang", "-L", BRIEF), static_checks(), emulated_tests(left_out), oldest_python(left_out)]
    return all(good)


def main(arguments):
    parser = Parser(
        "test", "Builds and runs the tests: the release build and all tests, the sanitizers' build and its tests."
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--quick", action="store_true", help="only the release build, and tests that take below a minute once it is built"
    )
    chosen.add_argument(
        "--all",
        action="store_true",
        help="also clang, the static checks of C and Python, more cases on the emulated GPU, report.html in a browser, a cluster of Slurm on this machine, aarch64 under qemu, and the "
        "packages that Python 3.10 would get; what cannot be had is named",
    )
    options, left_out = parser.parse(arguments), []
    good = quick_tests() if options.quick else all_tests(options.all, left_out)
    if left_out:
        print("", *(f"Left out: {line}" for line in left_out), sep="\n", flush=True)
    if not good:
        die("tests failed", 1)
    say("all tests passed")
