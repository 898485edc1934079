"""Damaged files: whatever they hold, each program of plots/ makes its output of them or says one line, and never falls over
its own feet."""

import contextlib
import copy
import importlib
import io
import json
import random
import sys

import pytest
from conftest import REPOSITORY

from plots.__main__ import VERBS

SEED = 20261129
HERE, ALL = 250, 2000  # files, by `run test` and by `run test --all`
FOREIGN = [
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), 10**400, 2**63, -(2**70)),
    *("", "x", "0", "1e9", "nan", "\ud800", "a\nb", "\x1b[31m", "|", "../..", "x" * 5000, "eie_median_ns", "ok", "cuda:0"),
    *([], {}, [[]], [None], {"": {}}, [0], [1e308] * 9, ["x"] * 3, {"x": "y"}),
]
PROGRAMS = {
    "report": ["report", "BAD", "--out", "OUT", "--no-pictures"],
    "poster": ["poster", "BAD", "--out", "OUT/P.md"],
    "gpus": ["gpus", "BAD", "--out", "OUT", "--no-pictures"],
    "compare": ["compare", "GOOD", "BAD", "--across-machines"],
    "compare with an old one": ["compare", "BAD", "GOOD", "--across-machines"],
    "merge": ["merge", "BAD", "GOOD", "--out", "OUT/M.json"],
    "compressed": ["compressed", "LEDGER", "BAD"],
}


def real_file():
    """Rows of every kind that a reference run holds: measured in visits, of models, of OpenCL, missing ones."""
    with open(f"{REPOSITORY}/results/epyc-zen4-2-cores/bench.json", encoding="utf-8") as file:
        document = json.load(file)
    layers, kinds, rows = {"Alex-7", "NT-We"}, {}, []
    for row in document["benchmarks"]:
        kind = (row["eie_kernel"], row["eie_layer"], row["eie_batch"], row["eie_threads"], row["eie_cache"])
        wanted = row["eie_layer"] in layers and row["eie_kernel"].startswith(
            ("model", "opencl", "peers", "cpu", "avx2_float")
        )
        if wanted and kinds.setdefault(kind, len(kinds)) < 60:
            rows.append(row)
    return document | {"benchmarks": rows, "eie_missing": document["eie_missing"][:20]}


def places(node, path=()):
    """All ways into a document."""
    if path:
        yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def parent_of(document, path):
    for key in path[:-1]:
        document = document[key]
    return document


def damage(document, ways, draw):
    """The document's text with one to four faults."""
    document = copy.deepcopy(document)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        # few long lists of samples hold nearly all places: each depth is as likely as another
        path = draw.choice(ways[draw.choice(list(ways))])
        with contextlib.suppress(KeyError, IndexError, TypeError):  # gone by an earlier fault
            parent, key = parent_of(document, path), path[-1]
            fault = draw.randrange(5)
            if fault == 0:
                del parent[key]
            elif fault == 1 and isinstance(parent, list):
                parent.insert(key, parent[key])
            elif fault == 2:
                other = draw.choice(ways[len(path)])
                parent[key] = copy.deepcopy(parent_of(document, other)[other[-1]])
            elif fault == 3 and isinstance(parent[key], (int, float)):
                parent[key] *= draw.choice((-1, 0, 1e-9, 1.5, 1e12, 1e300))
            else:
                parent[key] = copy.deepcopy(draw.choice(FOREIGN))
    text = json.dumps(document, indent=None)
    if draw.random() < 0.15:
        at = draw.randrange(len(text))
        text = draw.choice((text[:at], text[:at] + chr(draw.randrange(1, 256)) + text[at + 1 :], text[:at] + text[at + 1 :]))
    return text


def run(program, names):
    """(exit code, standard error) of the program's main, in this process."""
    words = [names.get(word, word.replace("OUT", names["OUT"])) for word in PROGRAMS[program]]
    main = importlib.import_module("plots." + VERBS[words[0]]).main
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = words
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return main(), err.getvalue()
    except SystemExit as end:
        return end.code, err.getvalue()
    finally:
        sys.argv = before


@pytest.mark.parametrize("count", [HERE, pytest.param(ALL, marks=pytest.mark.slow)])
def test_damaged_results_files(count, tmp_path):
    document = real_file()
    ways = {}
    for path in places(document):
        ways.setdefault(len(path), []).append(path)
    names = {name: str(tmp_path / name.lower()) for name in ("GOOD", "BAD", "OUT", "LEDGER")}
    (tmp_path / "out").mkdir()
    (tmp_path / "good").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "ledger").write_text(json.dumps({"layers": []}), encoding="utf-8")
    codes = {}
    for number in range(count):
        draw, program = random.Random(f"{SEED}-{number}"), list(PROGRAMS)[number % len(PROGRAMS)]
        (tmp_path / "bad").write_text(damage(document, ways, draw), encoding="utf-8", errors="surrogatepass")
        try:
            code, err = run(program, names)
        except Exception as error:
            pytest.fail(f"file {number}: {program}: {type(error).__name__}: {error}")
        assert code in (0, 1, 2, 3), (number, program, code)
        assert code != 2 or (len(err.splitlines()) == 1 and len(err) < 1000), (number, program, err)
        codes.setdefault(program, set()).add(code)
    assert all({0, 2} & found for found in codes.values()) and any(0 in found for found in codes.values())
