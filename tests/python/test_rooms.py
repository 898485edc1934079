"""The arrows between rooms are those of the table in CONTRIBUTING.md, and no two files use each other."""

import ast
import pathlib
import re
import shutil
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]((?:host|kernels|bench)/[^">]+)[">]', re.MULTILINE)
ROW = re.compile(r"^\| `([^`]+)/?` \|.*\| ([^|]*) \|$", re.MULTILINE)


def read_table(text):
    """{room: what it may use} of the section The rooms."""
    section = text.split("\n## The rooms\n")[1].split("\n## ")[0]
    return {
        room.rstrip("/"): {word.strip("` ") for word in uses.split(",") if word.strip() != "-"}
        for room, uses in ROW.findall(section)
    }


def room_of(path):
    folders = path.split("/")[:-1]
    return folders[0] if folders[0] == "kernels" else "/".join(folders[:2])


def imports_of(path, root):
    """Files of the tree that a Python file imports, and the names of all else."""
    package = path.split("/")[:-1]
    for node in ast.walk(ast.parse((root / path).read_text())):
        if isinstance(node, ast.Import):
            names = [name.name.split(".") for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            names = [above + (node.module.split(".") if node.module else []) + [name.name] for name in node.names]
        else:
            continue
        for name in names:
            files = ("/".join(name[:length]) + ".py" for length in range(len(name), 0, -1))
            beside = "/".join([*package, name[0]]) + ".py"
            yield next((file for file in (*files, beside) if (root / file).is_file()), name[0])


def names_of(used):
    """What the table may call a file or a module that is used: its room, or all rooms of its first folder."""
    return {room_of(used), used.split("/")[0]} if "/" in used else {"the standard library"}


def read_uses(root):
    """{file: what it includes or imports}"""
    uses = {}
    for path in sorted(file for top in ("host", "kernels", "bench", "plots") for file in (root / top).rglob("*.*")):
        name = path.relative_to(root).as_posix()
        if path.suffix in (".c", ".h", ".cc", ".cu", ".cuh", ".cl"):
            uses[name] = set(INCLUDE.findall(path.read_text()))
        elif path.suffix == ".py":
            uses[name] = set(imports_of(name, root))
    return uses


def faults(uses, table):
    """Lines about files in no room, arrows that the table has not or that no file needs, and files that use each other."""
    found, nodes = [], {}
    needed = {(room_of(file), name) for file, used in uses.items() for other in used for name in names_of(other)}
    for room, allowed in table.items():
        found += [
            f"{room} uses nothing of {name}" for name in sorted(allowed - {"everything"}) if (room, name) not in needed
        ]
    for file, used in uses.items():
        room = room_of(file)
        if file.endswith("/__init__.py") and not used and room not in table:
            continue  # only makes a package of what is below
        if room not in table:
            found.append(f"{file}: no room `{room}` in the table")
            continue
        allowed = table[room] | {room}
        for other in used:
            if "/" not in other:  # of no file here
                if "the standard library" in allowed and other not in sys.stdlib_module_names:
                    found.append(f"{file} imports {other}")
            elif not allowed & names_of(other):
                found.append(f"{file} uses {other}, {room} may not use {room_of(other)}")
        node = file.rsplit(".", 1)[0]  # source and header are one
        same = {other.rsplit(".", 1)[0] for other in used if "/" in other and room_of(other) == room}
        nodes.setdefault(node, set()).update(same - {node})
    before = None
    while before != nodes:  # what uses no other, or is used by none, is in no circle
        before, used_ones = nodes, set().union(*nodes.values())
        nodes = {node: used & before.keys() for node, used in before.items() if node in used_ones and used & before.keys()}
    return found + [f"a circle: {node} uses {', '.join(sorted(used))}" for node, used in nodes.items()]


@pytest.fixture(scope="module")
def table():
    return read_table((REPOSITORY / "CONTRIBUTING.md").read_text())


def test_arrows_are_those_of_the_table(table):
    uses = read_uses(REPOSITORY)
    assert len(uses) > 300 and sum(map(len, uses.values())) > 900  # all is looked at
    assert faults(uses, table) == []


@pytest.fixture
def tree(tmp_path):
    """Two rooms and a door, made up; b may use a."""
    write(tmp_path, "host/a/one.h", '#include "host/a/two.h"\n')
    write(tmp_path, "host/a/two.h", "#include <stdint.h>\n")
    write(tmp_path, "host/b/three.c", '#include "host/b/three.h"\n#include "host/a/one.h"\n')
    write(tmp_path, "host/b/three.h", "")
    write(tmp_path, "bench/door/__main__.py", "import os\n\nfrom bench.door import words\n")
    write(tmp_path, "bench/door/words.py", "")
    return tmp_path


TREE_TABLE = (
    "\n## The rooms\n| `host/a` | x | - |\n| `host/b` | x | `host/a` |\n| `bench/door` | x | the standard library |\n## R"
)


def write(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_good_tree_has_no_faults(tree):
    assert faults(read_uses(tree), read_table(TREE_TABLE)) == []


@pytest.mark.parametrize(
    "name, text, fault",
    [
        ("host/a/two.h", '#include "host/b/three.h"\n', "host/a may not use host/b"),
        ("host/a/two.h", "# include <host/b/three.h>\n", "host/a may not use host/b"),
        ("host/a/two.c", '#include "host/a/one.h"\n', "a circle: host/a/one uses host/a/two"),
        ("host/c/four.c", "", "no room `host/c` in the table"),
        ("host/b/three.c", '#include "host/b/three.h"\n', "host/b uses nothing of host/a"),
        ("bench/door/words.py", "import numpy\n", "bench/door/words.py imports numpy"),
        ("bench/door/words.py", "from bench.door import __main__\n", "a circle: bench/door/words uses bench/door/__main__"),
        ("bench/door/words.py", "def late():\n    from . import __main__\n", "a circle: bench/door/words uses"),
        ("plots/core/cells.py", "from plots.pages import report\n", "no room `plots/core` in the table"),
    ],
)
def test_what_is_turned_round_is_found(tree, name, text, fault):
    write(tree, name, text)
    assert any(fault in line for line in faults(read_uses(tree), read_table(TREE_TABLE)))


@pytest.mark.parametrize(
    "name, before, after, fault",
    [
        ("host/base/file.h", "host/base/error.h", "host/layer/safetensors.h", "host/base may not use host/layer"),
        ("bench/rows/row.h", "bench/measure/samples.h", "bench/check/check.h", "bench/rows may not use bench/check"),
    ],
)
def test_an_arrow_turned_round_in_this_tree_is_found(tmp_path, table, name, before, after, fault):
    for top in ("host", "bench"):
        shutil.copytree(REPOSITORY / top, tmp_path / top, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    assert not any("may not use" in line for line in faults(read_uses(tmp_path), table))
    text = (tmp_path / name).read_text()
    assert text.count(before) == 1
    (tmp_path / name).write_text(text.replace(before, after))
    (found,) = [line for line in faults(read_uses(tmp_path), table) if "may not use" in line]
    assert found.startswith(f"{name} uses {after}") and fault in found
