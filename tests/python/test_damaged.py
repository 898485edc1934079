"""Damaged files: whatever they hold, each program of plots/ makes its output of them or says one line, and never falls over
its own feet."""

import contextlib
import copy
import functools
import importlib
import io
import json
import os
import random
import sys
import traceback

import numpy
import pytest
from conftest import DATA, REPOSITORY
from gpu_rows import CARD, with_gpus
from sweep_files import sweeps

from plots.__main__ import VERBS
from plots.compression.deepcomp import Printed
from plots.core.published import Published

SEED = 20261129
HERE, ALL = 78, 2000  # files, by `run test` and by `run test --all`
FOREIGN = [
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), 10**400, 2**63, -(2**70)),
    *("", "x", "0", "1e9", "nan", "\ud800", "a\nb", "\x1b[31m", "|", "../..", "x" * 5000, "eie_median_ns", "ok", "cuda:0"),
    *([], {}, [[]], [None], {"": {}}, [0], [1e308] * 9, ["x"] * 3, {"x": "y"}),
]
PAIRS = ("queue", "scale", "large", "space")  # of reproduction
PROGRAMS = {  # {words: what is damaged}; BAD is its name, that of another document that of a good one
    "report": ("results", ["report", "BAD", "--out", "OUT", "--no-pictures"]),
    "poster": ("results", ["poster", "BAD", "--out", "OUT/P.md"]),
    "gpus": ("results", ["gpus", "BAD", "--out", "OUT", "--no-pictures"]),
    "compare": ("results", ["compare", "results", "BAD", "--across-machines"]),
    "compare with an old one": ("results", ["compare", "BAD", "results", "--across-machines"]),
    "merge": ("results", ["merge", "BAD", "results", "--out", "OUT/M.json"]),
    "compressed": ("results", ["compressed", "ledger", "BAD"]),
    "compressed, the ledger": ("ledger", ["compressed", "BAD", "results"]),
    "deepcomp": ("small", ["deepcomp", "report", "FOLDER"]),
    **{
        f"reproduction, {name}": (
            name,
            ["reproduction", *(part for each in PAIRS for part in (f"--{each}", "BAD" if each == name else each))]
            + ["--out", "OUT/book"],
        )
        for name in PAIRS
    },
}


def results():
    """Rows of every kind that a reference run holds: measured in visits, of models, of OpenCL, missing ones; beside them
    those of a GPU, with energy."""
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
    gpu = with_gpus({"benchmarks": [], "context": {}}, (CARD, 1.0))
    rows += [row for row in gpu["benchmarks"] if row["eie_layer"] in layers]
    (run,) = document["context"]["eie_runs"]
    run["eie_device_ceilings"] |= gpu["context"]["eie_runs"][0]["eie_device_ceilings"]
    document["context"]["eie_devices"] |= gpu["context"]["eie_devices"]
    return document | {"benchmarks": rows, "eie_missing": document["eie_missing"][:20]}


def ledger(name="Alex-7"):
    stages = [
        {"stage": stage, "bytes": size, "bits_per_weight": 32.0, "rate_x": 1.0, "padding_bytes": 3}
        for stage, size in (("dense", 4000), ("pruned", 900), ("shared", 500), ("huffman", 400))
    ]
    layer = {
        "name": name,
        "inputs": 50,
        "outputs": 20,
        "weights": 1000,
        "nonzeros": 100,
        "fillers": 1,
        "clusters": 15,
        "input_type": "F32",
        "input_bytes": 4000,
        "below_float32": {"weights": 1, "inputs": 0, "biases": 0},
        "layer": {"weights_lost": 2, "inputs_lost": 0, "biases_lost": 0},
        "stages": stages,
        "errors": {"pruned_relative_frobenius": 0.1, "shared_relative_frobenius": 0.2},
        "estimates": [{"device": "eie-64pe-45nm", "expected_us": 1.5, "energy_constant_power_uj": 0.9}],
    }
    uses = dict.fromkeys(("weights_bytes", "pointers_bytes", "samples_bytes", "bias_bytes", "header_bytes"), 100)
    whole = {"format": "eie-ledger-1", "input_bytes": 4000, "file_bytes": 500, "rate_x": 8.0, "file_uses": uses}
    return whole | {"layers": [layer]}


@functools.lru_cache
def documents():
    """{name: (a good one, the ways into it by their length)}"""
    found = {"results": results(), "ledger": ledger(), "small": ledger()} | sweeps(technologies=("own",))
    ways = {}
    for name, document in found.items():
        for path in places(document):
            ways.setdefault(name, {}).setdefault(len(path), []).append(path)
    return {name: (document, ways[name]) for name, document in found.items()}


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


class Canvas:
    """Stands for matplotlib's figures and all that they have: drawing takes seconds a book."""

    def subplots(self, rows=1, columns=1, **_):
        grid = numpy.full((rows, columns), self, dtype=object)
        return self if grid.size == 1 else numpy.squeeze(grid)

    def get_xlim(self):
        return 1.0, 10.0

    get_ylim = get_xlim

    def get_legend_handles_labels(self):
        return [], []

    def __call__(self, *_, **__):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def run(words):
    """(exit code, standard error) of the program's main, in this process."""
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


@pytest.fixture
def good(tmp_path, monkeypatch):
    """documents(); each is there as a file, and Deep Compression's folder."""
    from plots.book import bookpictures

    monkeypatch.setattr(bookpictures, "Figure", lambda **_: Canvas())
    monkeypatch.setattr(bookpictures, "_png", lambda figure: b"")
    (tmp_path / "out").mkdir()
    (tmp_path / "folder").mkdir()
    for row in Printed(Published(DATA)).layers():
        for form in ("packed", "huffman"):
            (tmp_path / "folder" / f"{row['network']}-{row['layer']}-{form}.json").write_text(json.dumps(ledger()))
    for name, (document, _) in documents().items():
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
    return documents()


def words_of(program, folder):
    """The command line, and the file that it is to find damaged."""
    words = [str(folder / word) if (folder / word).exists() else word for word in PROGRAMS[program][1][1:]]
    names = {"BAD": str(folder / "bad"), "OUT": str(folder / "out"), "FOLDER": str(folder / "folder")}
    words = [names.get(word, word.replace("OUT", names["OUT"])) for word in words]
    bad = folder / "folder/AlexNet-fc6-packed.json" if program == "deepcomp" else folder / "bad"
    return [PROGRAMS[program][1][0], *words], bad


def test_good_files_are_taken(good, tmp_path):
    """Else nothing would be damaged that a program looks at."""
    for program, (name, _) in PROGRAMS.items():
        words, bad = words_of(program, tmp_path)
        bad.write_text(json.dumps(good[name][0]), encoding="utf-8")
        assert run(words) == (0, ""), program


@pytest.mark.parametrize("count", [HERE, pytest.param(ALL, marks=pytest.mark.slow)])
def test_damaged_files(count, good, tmp_path):
    codes = {}
    for number in range(count):
        draw, program = random.Random(f"{SEED}-{number}"), list(PROGRAMS)[number % len(PROGRAMS)]
        words, bad = words_of(program, tmp_path)
        bad.write_text(damage(*good[PROGRAMS[program][0]], draw), encoding="utf-8", errors="surrogatepass")
        try:
            code, err = run(words)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            words = f"{os.path.basename(place.filename)}:{place.lineno}: {type(error).__name__}: {error}"
            pytest.fail(f"file {number}: {program}: {words[:1000]}")
        assert code in (0, 1, 2, 3), (number, program, code)
        assert code != 2 or (len(err.splitlines()) == 1 and len(err) < 1000 and bad.name in err), (number, program, err)
        codes.setdefault(program, set()).add(code)
    assert codes.keys() == PROGRAMS.keys() and all({0, 2} & found for found in codes.values())
    assert all(0 in found for program, found in codes.items() if count == ALL) and {0, 2} <= set.union(*codes.values())


@pytest.mark.parametrize("program", PROGRAMS)
def test_files_of_other_formats(program, good, tmp_path):
    """A later version's is called so; what another program wrote, or nobody, is called that."""
    document = copy.deepcopy(good[PROGRAMS[program][0]][0])
    words, bad = words_of(program, tmp_path)
    if "context" in document:
        document["context"]["eie_format"] = "2"
    else:
        document["format"] = document["format"][:-1] + "2"
    google = {"context": {"date": "", "num_cpus": 2}, "benchmarks": [{"name": "BM_x", "real_time": 1.0}]}
    for content, expected in (
        (json.dumps(document), "newer version"),
        (json.dumps(google), "no" if "context" not in document else "not a results file of `eie bench`"),
        ("[]", "no"),
        ("", "not JSON"),
    ):
        bad.write_text(content, encoding="utf-8")
        code, err = run(words)
        assert code == 2 and expected in err and bad.name in err and len(err.splitlines()) == 1, (content[:80], err)
