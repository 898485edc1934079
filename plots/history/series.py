"""Series from many results files: for each machine and kernel the times of its rows over runs, or over commits."""

import datetime
import math
import os
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy

from plots.core.contradictions import contradictions
from plots.core.load import InputError, load, one_line
from plots.history.changes import FEWEST, find

MACHINE = ("eie_cpu_name", "num_cpus")
HOST, SYSTEM = "host_name", "eie_operating_system"
WHERE = ("host", "system")
KERNEL = re.compile(r",? Linux \d\S*")  # in the words for a system, which are those of bench/rows/context.c
UNKNOWN = "unknown"
DEPTH = 8  # of folders
FILES_MOST = 20000
SOME = 4  # rows that are named


@dataclass(frozen=True)
class Run:
    path: str
    machine: tuple
    date: datetime.datetime
    revision: str
    times: dict  # {(kernel, rest of the row's key): nanoseconds}
    where: tuple  # a word for each of WHERE: what may change under a machine that stays the same
    doubts: tuple = ()


@dataclass(frozen=True)
class Point:
    """One place of a series: a run, or the runs of a commit."""

    date: datetime.datetime
    revision: str
    paths: tuple
    times: dict  # as of a run; the medians of several
    where: tuple  # as of a run; of several the first's


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
    left_out: tuple  # (path or kernel, why)
    doubts: tuple = ()  # sentences on contradictory files
    orders: dict = field(default_factory=dict)  # {machine: {paths of a point: its place among all of the machine}}

    def changes(self):
        """[(series, change)], the largest first."""
        found = [(series, change) for series in self.series for change in series.changes]
        return sorted(found, key=lambda pair: -abs(math.log(pair[1].ratio)))


def machine_words(machine):
    return ", ".join(dict.fromkeys(str(part) for part in machine if part != UNKNOWN)) or UNKNOWN


def moved(series, place):
    """["what before -> after"] of what stayed before and after this place and is not the same: host, system."""
    sides = series.points[max(0, place - FEWEST) : place], series.points[place : place + FEWEST]
    words = []
    for at, what in enumerate(WHERE):
        before, after = ({point.where[at] for point in side} for side in sides)
        if len(before) == len(after) == 1 and before != after:
            words.append(f"{what} changed there: {before.pop()} -> {after.pop()}")
    return words


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


def read(paths, globs=(), hosts=False):
    """(runs, left out): a file that was named must be a results file; one found in a folder may be anything."""
    runs, left_out = [], []
    for path, named in files_of(paths):
        try:
            runs.append(_run(path, globs, hosts))
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


def _run(path, globs, hosts):
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
    host, system = (_word(context.get(key)) for key in (HOST, SYSTEM))
    machine = (*(_word(context.get(key)) for key in MACHINE), _without_kernel(system), *([host] if hosts else []))
    return Run(
        path, machine, date, _word(context.get("eie_revision")), times, (host, system), tuple(contradictions(results))
    )


def _without_kernel(system):
    """Distribution without the kernel's version, which a machine outlives."""
    return KERNEL.sub("", system) or UNKNOWN


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
        Point(run.date, run.revision, (run.path,), run.times, run.where)
        for run in sorted(runs, key=lambda run: (run.date, run.path))
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
        points.append(Point(same[0].date, same[0].revision, tuple(run.path for run in same), times, same[0].where))
    return points


def history(paths, globs=(), least=0.0, order=None, hosts=False):
    """`order`: commits in order, else by date. `hosts`: each host is a machine of its own."""
    runs, left_out = read(paths, globs, hosts)
    of_machine = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.date):
        of_machine[run.machine].append(run)
    raw, orders = [], {}
    for machine, own in of_machine.items():
        points = by_date(own) if order is None else by_commit(own, order, left_out)
        orders[machine] = {point.paths: at for at, point in enumerate(points)}
        raw += _series_of(machine, points, left_out)
    made = tuple(
        Series(machine, kernel, points, rows, values, tuple(find(values, least, len(raw))))
        for machine, kernel, points, rows, values in raw
    )
    if not made:
        raise InputError("none of the runs is of a commit of this branch")
    doubts = [f"{run.path}: {text}" for run in runs for text in run.doubts]
    return History(made, tuple(of_machine), tuple(runs), tuple(left_out), tuple(doubts), orders)


def _series_of(machine, points, left_out):
    """A series a kernel, of the runs that most of its rows are in; what other runs have instead is named."""
    for kernel in sorted({key[0] for point in points for key in point.times}):
        places = defaultdict(set)  # of each row
        for at, point in enumerate(points):
            for key in point.times:
                if key[0] == kernel:
                    places[key].add(at)
        kept = max(places.values(), key=lambda own: (len(own), max(own)))  # of equally many the later
        rows = sorted(key for key, own in places.items() if own >= kept)
        have = [points[at] for at in sorted(kept)]
        every = len(set.union(*places.values()))
        if len(have) < every:
            others = sorted({f"{key[1][1]}, {key[1][6]}" for key, own in places.items() if not own >= kept})
            left_out.append(
                (kernel, f"{every - len(have)} of {every} runs on {machine_words(machine)} have other rows: {_some(others)}")
            )
        logs = numpy.log([[point.times[row] for row in rows] for point in have])
        values = (logs - numpy.median(logs, axis=0)).mean(axis=1)
        yield machine, kernel, tuple(have), tuple(rows), tuple(float(value) for value in values)


def _some(words):
    return (
        "; ".join(words[:SOME]) + (f"; and {len(words) - SOME} more" if len(words) > SOME else "")
        or "not all that most have"
    )
