"""Files that are parts of one matrix, measured on one machine with one program, as one results file."""

import hashlib
import os
from itertools import accumulate

from plots.core.load import InputError, load, of_document, one_line, read_document, read_json

SAME = (  # what parts have in common
    "host_name",
    "eie_cpu_name",
    "num_cpus",
    "eie_memory_bytes",
    "eie_binary_sha256",
    "eie_revision",
    "eie_isa_mask",
    "eie_huge_pages",
    "eie_plugins",
)
ROOM = 10**6  # visits that a file may have: numbers of other files' visits lie beyond


def place_of(path):
    """What a file has in common with further parts; None: its host has no name, or it is no results file."""
    try:
        document = read_json(path)
    except InputError:
        return None  # whoever loads it says so
    context = document.get("context") if isinstance(document, dict) else None
    if not isinstance(context, dict) or not isinstance(context.get("host_name"), str) or not context["host_name"]:
        return None
    return tuple(one_line(context.get(key)) for key in SAME)


def grouped(paths, places):
    """[[path]]: those of one place together, in the order of the first of each."""
    found = {}
    for number, (path, place) in enumerate(zip(paths, places, strict=True)):
        found.setdefault(number if place is None else place, []).append(path)
    return list(found.values())


def joined(paths):
    """[Results]: the files as one where no row is in two of them; else those that share none are one, by the first that they
    fit to: runs of a matrix in parts are as many wholes. Rows of different files have no visit in common: their ratio is one
    of medians alone."""
    if len(paths) > 1:
        try:
            return [_together(paths)]
        except InputError:  # a row that two of them have; or a bad one, whose file its own reader names
            pass
    runs = [load(path) for path in paths]
    wholes = []  # [[Results], what their rows are]
    for run in runs:
        rows = {_row_of(row) for row in run.rows + run.missing}
        fit = next((whole for whole in wholes if rows and whole[1] and not rows & whole[1]), None)
        if fit:
            fit[0].append(run)
            fit[1].update(rows)
        else:
            wholes.append(([run], rows))
    return [parts[0] if len(parts) == 1 else _together([run.path for run in parts]) for parts, _ in wholes]


def _row_of(row):
    return row.suite, row.layer, row.kernel, row.device, row.batch, row.threads, row.cache, row.time_source


def copies(paths):
    """(a file, an earlier one with the same bytes), or None: what is there twice was measured once."""
    sizes = {}
    for path in paths:
        if os.path.isfile(path):
            sizes.setdefault(os.path.getsize(path), []).append(path)
    for alike in sizes.values():
        seen = {}
        for path in alike if len(alike) > 1 else ():
            twin = seen.setdefault(_digest(path), path)
            if twin is not path:
                return path, twin
    return None


def _digest(path):
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return path  # whoever loads it says so


def _together(paths):
    documents = [read_document(path) for path in paths]
    contexts = [context for context, _ in documents]
    begins = [0, *accumulate(len(_runs(context)) for context in contexts)]
    lists = {
        array: [
            _moved(raw, number * ROOM, begin)
            for number, (begin, (_, found)) in enumerate(zip(begins, documents))
            for raw in found[array]
        ]
        for array in documents[0][1]
    }
    context = contexts[0] | {"eie_runs": [run for found in contexts for run in _runs(found)]}
    suites = [found.get("eie_suites") for found in contexts]
    if all(isinstance(found, dict) for found in suites):
        context["eie_suites"] = {name: value for found in suites for name, value in found.items()}
    return of_document(f"{paths[0]} and {len(paths) - 1} more", context, lists)


def _runs(context):
    runs = context.get("eie_runs")
    return runs if isinstance(runs, list) else []


def _moved(raw, visits, runs):
    """A row whose visits and run have the numbers of the whole."""
    if not isinstance(raw, dict):
        return raw
    moved = {}
    for key in ("eie_visits", "eie_disturbed_visits"):
        if isinstance(raw.get(key), list) and all(type(visit) is int for visit in raw[key]):
            moved[key] = [visit + visits for visit in raw[key]]
    if type(raw.get("eie_run")) is int:
        moved["eie_run"] = raw["eie_run"] + runs
    return raw | moved
