"""docs/environment.md has every EIE_ variable that something here reads, and no other."""

import pathlib
import re

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
NAME = r"(EIE_[A-Z0-9_]+)"
PYTHON = [rf"environ\.get\(\s*[\"']{NAME}", rf"getenv\(\s*[\"']{NAME}", rf"environ\[[\"']{NAME}[\"']\](?!\s*=[^=])"]
PYTHON += [rf"[\"']{NAME}[\"'] (?:not )?in os\.environ"]
SHELL = [rf"\$\{{?{NAME}"]
CMAKE = [
    rf"\$ENV\{{{NAME}\}}",
    rf"\boption\(\s*{NAME}",
    rf"\bset\(\s*{NAME}[^)]*\bCACHE\b",
    rf"\bfind_(?:path|library|program)\(\s*{NAME}",
]
PROGRAM = [rf"getenv\(\s*\"{NAME}", rf"eie_library_open\([^;]*?\"{NAME}\"", rf"\.override = \"{NAME}\""]
TESTS = [rf"\b(?:getenv|setting)\(\s*\"{NAME}"]


def patterns_of(path):
    """What reads a variable in such a file; none in what is no source."""
    if path.suffix == ".py":
        return PYTHON
    if path.suffix == ".sh" or path.as_posix() == "run":
        return SHELL + PYTHON
    if path.suffix == ".cmake" or path.name == "CMakeLists.txt":
        return CMAKE
    if path.suffix in (".c", ".cc", ".h", ".cu"):
        return TESTS if path.parts[0] == "tests" else PROGRAM
    return []


def read_in(path, text):
    return {name for pattern in patterns_of(path) for name in re.findall(pattern, text)}


def sources():
    yield from (REPOSITORY / name for name in ("run", "CMakeLists.txt"))
    for top in ("host", "kernels", "bench", "plots", "tests", "cmake"):
        yield from (path for path in (REPOSITORY / top).rglob("*") if path.is_file())


def read_anywhere():
    names = {}
    for path in sources():
        name = path.relative_to(REPOSITORY)
        if patterns_of(name) and name.name != "test_environment.py":
            for variable in read_in(name, path.read_text()):
                names.setdefault(variable, name.as_posix())
    return names


def documented(text):
    return re.findall(rf"^\| `{NAME}` \|", text, re.MULTILINE)


def test_the_page_has_each_variable_once():
    listed, names = documented((REPOSITORY / "docs/environment.md").read_text()), read_anywhere()
    assert len(listed) == len(set(listed))
    assert {name: place for name, place in names.items() if name not in listed} == {}
    assert set(listed) - names.keys() == set()


@pytest.mark.parametrize(
    "path, text",
    [
        ("host/base/file.c", 'const char *name = getenv("EIE_X");'),
        ("kernels/peers/mkl.c", 'status = eie_library_open(names, "EIE_X", &handle, error);'),
        ("kernels/peers/openblas.c", '.override = "EIE_X"'),
        ("tests/cuda/emulator.cc", 'setting("EIE_X", 1)'),
        ("tests/cli/command.py", 'os.environ.get("EIE_X", "")'),
        ("bench/door/project.py", 'path = os.environ["EIE_X"]'),
        ("run", '[ "${EIE_X:-yes}" = no ]'),
        ("cmake/cuda.cmake", 'set(EIE_X AUTO CACHE STRING "words")'),
        ("CMakeLists.txt", 'option(EIE_X "words" ON)'),
    ],
)
def test_each_way_to_read_one_is_seen(path, text):
    assert read_in(pathlib.Path(path), text) == {"EIE_X"}


@pytest.mark.parametrize(
    "path, text",
    [
        ("host/machine/cpu.c", 'return eie_fail(error, EIE_USAGE, "EIE_X: unknown word");'),
        ("tests/cli/command.py", 'os.environ["EIE_X"] = "1"'),
        ("cmake/kernels.cmake", "set(EIE_X cpu scalar)"),
    ],
)
def test_what_only_names_or_sets_one_is_not(path, text):
    assert read_in(pathlib.Path(path), text) == set()
