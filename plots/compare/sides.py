"""The files of each side, one or several, and the files of the same program that tell how far runs scatter (the floor)."""

import os
from itertools import pairwise

from plots.compare.matching import machine_differences, printable
from plots.compare.merge import merge
from plots.core.load import InputError, load, of_document

FEWEST_OF_FLOOR = 2
BY_DATE = "by date"  # the pairing of files whose dates say that they were measured in turn


def load_sides(olds, news):
    """(old, new), each of them one file or several as one. Several of each side that were measured in turn, as their dates
    say, are pairs."""
    sides = [[load(path) for path in paths] for paths in (olds, news)]
    _refuse_twins([run for side in sides for run in side], fewest=2 + 1)
    pairing = None
    if len(olds) == len(news) > 1:
        sides = [sorted(side, key=_date) for side in sides]
        pairing = BY_DATE if _in_turn(*sides) else None
    return tuple(_as_one(side, pairing) for side in sides)


def load_floor(paths, old):
    """Files of one program on the machine of `old`, measured one by one."""
    runs = [load(path) for path in paths]
    if len(runs) < FEWEST_OF_FLOOR:
        raise InputError(f"--floor needs {FEWEST_OF_FLOOR} files at least, better five, of one program")
    for run in runs:
        differences = machine_differences(old, run)
        if differences:
            raise InputError(f"--floor {run.path}: another machine than that of {old.path}: {'; '.join(differences)}")
    programs = {run.context.get("eie_binary_sha256") for run in runs} - {None, ""}
    if len(programs) > 1:
        raise InputError(f"--floor: {runs[0].path} and others were measured with {len(programs)} programs, not with one")
    _refuse_twins(runs, fewest=2)
    return runs


def _as_one(runs, pairing):
    if len(runs) == 1:
        return runs[0]
    document = merge(runs, pairing)
    name = f"{runs[0].path} and {len(runs) - 1} more"
    return of_document(name, document["context"], {array: document[array] for array in ("benchmarks", "eie_missing")})


def _refuse_twins(runs, fewest):
    """A copy of a file would make a scatter of nothing; one file against itself may be asked for."""
    if len(runs) < fewest:
        return
    seen = {}
    for run in runs:
        times = tuple((row.label(), tuple(row.samples)) for row in run.rows if not row.is_model)
        twin = seen.setdefault(times, run) if times else run
        if twin is not run:
            same = os.path.realpath(twin.path) == os.path.realpath(run.path)
            what = "is given twice" if same else f"holds the same samples as {printable(twin.path)}"
            raise InputError(f"{run.path}: {what}: each file must be a run of its own")


def _date(run):
    return str(run.context.get("date") or "")


def _in_turn(olds, news):
    """Is each pair wholly before the next? Runs of one second have the same date."""
    pairs = [sorted((_date(old), _date(new))) for old, new in zip(olds, news)]
    dates = [date for pair in pairs for date in pair]
    return all(dates) and all(before[1] <= after[0] for before, after in pairwise(pairs)) and len(set(dates)) >= len(pairs)
