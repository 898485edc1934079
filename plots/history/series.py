"""Series from many results files: for each machine and kernel the times of its rows over runs, or over commits."""

import datetime
import math
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy

from plots.core.load import InputError, load, one_line
from plots.history.changes import find

MACHINE = ("eie_cpu_name", "num_cpus", "eie_operating_system", "host_name")
UNKNOWN = "unknown"
DEPTH = 8  # of folders
FILES_MOST = 20000


@dataclass(frozen=True)
class Run:
    path: str
    machine: tuple
    date: datetime.datetime
    revision: str
    times: dict  # {(kernel, rest of the row's key): nanoseconds}


@dataclass(frozen=True)
class Point:
    """One place of a series: a run, or the runs of a commit."""

    date: datetime.datetime
    revision: str
    paths: tuple
    times: dict  # as of a run; the medians of several


@dataclass(frozen=True)
class Series:
    machine: tuple
    kernel: str
    points: tuple  # those that have the kernel
    rows: tuple  # keys of its rows that count
    values: tuple  # logarithm of the geometric mean of its rows' times over their medians, a point each
    changes: tuple


@dataclass(frozen=True)
class History:
    series: tuple
    machines: tuple  # in order of their first run
    runs: tuple
    left_out: tuple  # (path, why)

    def changes(self):
        """[(series, change)], the largest first."""
        found = [(series, change) for series in self.series for change in series.changes]
        return sorted(found, key=lambda pair: -abs(math.log(pair[1].ratio)))


def machine_words(machine):
    return ", ".join(dict.fromkeys(str(part) for part in machine if part != UNKNOWN)) or UNKNOWN


def files_of(paths):
    """[(path, named)]: files that were named, and those below folders, in order."""
    found = {}
    for path in paths:
        if not os.path.isdir(path):
            found.setdefault(os.path.realpath(path), (path, True))
            continue
        base = path.rstrip(os.sep).count(os.sep)
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if folder.count(os.sep) - base >= DEPTH:
                folders.clear()
            for name in sorted(names):
                if name.endswith(".json"):
                    one = os.path.join(folder, name)
                    found.setdefault(os.path.realpath(one), (one, False))
            if len(found) > FILES_MOST:
                raise InputError(f"{path}: more than {FILES_MOST} files")
    return list(found.values())


def read(paths, globs=()):
    """(runs, left out): a file that was named must be a results file; one found in a folder may be anything."""
    runs, left_out = [], []
    for path, named in files_of(paths):
        try:
            runs.append(_run(path, globs))
        except InputError as error:
            if named:
                raise
            left_out.append((path, one_line(error).removeprefix(f"{path}: ")))
    runs = [run for run in runs if run.times or left_out.append((run.path, "no row with a measured time"))]
    if not runs:
        raise InputError(f"{paths[0]}: no results file of `eie bench` with a measured row" + _of_kernels(globs))
    return runs, left_out


def _of_kernels(globs):
    return f" of {', '.join(globs)}" if globs else ""


def _run(path, globs):
    results = load(path)
    context = results.context
    try:
        date = datetime.datetime.fromisoformat(str(context.get("date")))
    except ValueError:
        raise InputError(f"{path}: context.date is missing or no date") from None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.timezone.utc)
    times = {
        (row.kernel, _rest(row)): row.median_ns
        for row in results.rows
        if not row.is_model and (not globs or any(fnmatchcase(row.kernel, glob) for glob in globs))
    }
    machine = tuple(_word(context.get(key)) for key in MACHINE)
    return Run(path, machine, date, _word(context.get("eie_revision")), times)


def _rest(row):
    """A row of another matrix under the same name is another row."""
    return row.suite, row.layer, row.layer_hash, row.device, row.batch, row.threads, row.cache, row.time_source


def _word(value):
    return one_line(value)[:200] if isinstance(value, (str, int)) and str(value) else UNKNOWN


def commits_in_order(folder):
    """{commit: its place} of the repository's history, the oldest first."""
    try:
        done = subprocess.run(
            ["git", "-C", folder, "rev-list", "--topo-order", "--reverse", "HEAD"], capture_output=True, text=True
        )
    except OSError as error:
        raise InputError(f"--by commit: git: {error.strerror}") from None
    if done.returncode:
        raise InputError(f"--by commit: {folder} is in no git repository: {one_line(done.stderr)}")
    return {commit: place for place, commit in enumerate(done.stdout.split())}


def by_date(runs):
    """Points of one machine: each run is one."""
    return [
        Point(run.date, run.revision, (run.path,), run.times) for run in sorted(runs, key=lambda run: (run.date, run.path))
    ]


def by_commit(runs, order, left_out):
    """Points of one machine: the runs of one commit are one. What is of no commit here, or of a changed tree, is left out."""
    at = defaultdict(list)
    for run in runs:
        places = {place for commit, place in order.items() if len(run.revision) >= 7 and commit.startswith(run.revision)}
        if len(places) == 1:
            at[places.pop()].append(run)
        else:
            left_out.append((run.path, f"revision {run.revision} is none of this branch"))
    points = []
    for place in sorted(at):
        same = sorted(at[place], key=lambda run: run.date)
        keys = dict.fromkeys(key for run in same for key in run.times)
        times = {key: float(numpy.median([run.times[key] for run in same if key in run.times])) for key in keys}
        points.append(Point(same[0].date, same[0].revision, tuple(run.path for run in same), times))
    return points


def history(paths, globs=(), least=0.0, order=None):
    """`order`: commits in order, else by date."""
    runs, left_out = read(paths, globs)
    of_machine = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.date):
        of_machine[run.machine].append(run)
    raw = []
    for machine, own in of_machine.items():
        points = by_date(own) if order is None else by_commit(own, order, left_out)
        raw += _series_of(machine, points)
    made = tuple(
        Series(machine, kernel, points, rows, values, tuple(find(values, least, len(raw))))
        for machine, kernel, points, rows, values in raw
    )
    if not made:
        raise InputError("none of the runs is of a commit of this branch")
    return History(made, tuple(of_machine), tuple(runs), tuple(left_out))


def _series_of(machine, points):
    kernels = sorted({key[0] for point in points for key in point.times})
    for kernel in kernels:
        have = [point for point in points if any(key[0] == kernel for key in point.times)]
        counts = defaultdict(int)
        for point in have:
            for key in point.times:
                counts[key] += key[0] == kernel
        most = max(counts.values())
        rows = sorted(key for key, count in counts.items() if count == most)  # those that most points have
        have = [point for point in have if all(row in point.times for row in rows)]
        if not have:
            continue
        logs = numpy.log([[point.times[row] for row in rows] for point in have])
        values = (logs - numpy.median(logs, axis=0)).mean(axis=1)
        yield machine, kernel, tuple(have), tuple(rows), tuple(float(value) for value in values)
