"""Equal machines compared with each other: which is slower or faster than its siblings, and what would have been seen.

A machine's effect is the mean, over rows, of the logarithm of its time over the median of all siblings; a run counts by the
tenth percentile of its samples, as in a comparison. Siblings scatter, by their silicon and by the run: the scatter of their
effects is the error that an effect is judged by, so one run of each machine is enough. Several outliers would hide each
other in that scatter; they are taken out one by one and tested in turn (the generalized extreme Studentized deviate: Rosner,
Technometrics 25, 1983). All tests of all machines err together with the chance FAMILY_PERCENT."""

import math
from dataclasses import dataclass

import numpy

from plots.compare.evidence import LEAST_SCATTER, Student, could_see

FAMILY_PERCENT = 1
FEWEST = 5  # machines that a scatter can be told from
FEWEST_ROWS = 3  # of a kind of rows
MOST_SHARE = 4  # at most a fourth of the siblings are outliers
ALL = "all rows"
MOST_SEEN = math.log(10)


@dataclass(frozen=True)
class Outlier:
    name: str
    kind: str  # of rows
    change: float  # logarithm of its time over its siblings'
    low: float  # ends of its 95 % interval
    high: float
    rows: int
    chance: float  # that one of equal machines looks so


@dataclass(frozen=True)
class Verdict:
    """What one group of equal machines shows."""

    names: tuple
    outliers: tuple
    sees: float | None  # the least slowdown over all rows that would be named, as a logarithm; None: none
    scatter: float | None  # of the effects over all rows, outliers left out
    rows: int
    reason: str = ""  # why nothing was judged

    @property
    def slow(self):
        return [outlier for outlier in self.outliers if outlier.change > 0]


def judge(machines, limit, groups=1):
    """`machines`: {name: {(words of a row): logarithm of its time}}, equal ones; a row's words are (suite, layer, kernel,
    device, batch, threads, cache, clock). `limit`: the logarithm that a difference has to exceed; `groups`: of machines, which
    share the error."""
    names = tuple(machines)
    if len(names) < FEWEST:
        return Verdict(names, (), None, None, 0, f"fewer than {FEWEST} equal machines")
    rows, away = _away(machines)
    if len(rows) < FEWEST_ROWS:
        return Verdict(names, (), None, None, len(rows), f"fewer than {FEWEST_ROWS} rows in common")
    kinds = _kinds(rows)
    allowed = FAMILY_PERCENT / 200 / len(kinds) / groups
    found, whole = {}, None
    for kind, chosen in kinds.items():
        effects = _effects(away[chosen])
        called, rest = _outliers(effects, limit, allowed)
        whole = whole or (rest, effects)
        for place, student, chance in called:
            known = found.get(place)
            if known is None or (known[0] != ALL and abs(student.centre) > abs(known[1].centre)):
                found[place] = (kind, student, chance, len(chosen))
    (error, freedom, scatter), effects = whole
    sees = could_see(Student(0.0, error, freedom), limit, allowed / numpy.isfinite(effects).sum())
    outliers = [
        Outlier(names[place], kind, student.centre, *student.ends(0.025), count, chance)
        for place, (kind, student, chance, count) in found.items()
    ]
    outliers.sort(key=lambda outlier: (-abs(outlier.change), outlier.name))
    return Verdict(names, tuple(outliers), sees if sees < MOST_SEEN else None, scatter, len(rows))


def _away(machines):
    """(rows, an array rows x machines of logarithms over the median of all): of rows that most machines have."""
    counts = {}
    for times in machines.values():
        for row in times:
            counts[row] = counts.get(row, 0) + 1
    rows = [row for row, count in counts.items() if 2 * count > len(machines)]
    logs = numpy.array([[times.get(row, math.nan) for times in machines.values()] for row in rows]).reshape(
        -1, len(machines)
    )
    return rows, logs - numpy.nanmedian(logs, axis=1, keepdims=True) if len(rows) else logs


def _kinds(rows):
    """{words: places of such rows}: all, and those of one cache mode, batch or number of threads where there are others."""
    found = {ALL: list(range(len(rows)))}
    for words, place in (("cache {}", 6), ("batch {}", 4), ("threads {}", 5)):
        of_kind = {}
        for number, row in enumerate(rows):
            of_kind.setdefault(words.format(row[place]), []).append(number)
        if len(of_kind) > 1:
            found |= {kind: places for kind, places in of_kind.items() if len(places) >= FEWEST_ROWS}
    return found


def _effects(away):
    """Of each machine, not a number for one without half of the rows."""
    there = numpy.isfinite(away)
    sums = numpy.where(there, away, 0.0).sum(axis=0)
    counts = there.sum(axis=0)
    return numpy.where(2 * counts > len(away), sums / numpy.maximum(counts, 1), math.nan)


def _outliers(effects, limit, allowed):
    """([(place, Student of it against the rest, its chance)], (error, degrees of freedom, scatter) of the others)."""
    places = [int(place) for place in numpy.flatnonzero(numpy.isfinite(effects))]
    steps, left = [], list(places)
    for _ in range(max(1, len(places) // MOST_SHARE)):
        if len(left) < FEWEST:
            break
        middle = numpy.median(effects[left])
        worst = max(left, key=lambda place: abs(effects[place] - middle))
        count = len(left)
        left = [place for place in left if place != worst]
        student = _against(effects[worst], effects[left])
        chance = min(1.0, count * min(student.above(limit), student.below(-limit)))
        steps.append((worst, chance))
    last = max((number for number, (_, chance) in enumerate(steps) if chance <= allowed), default=-1)
    taken = [place for place, _ in steps[: last + 1]]
    rest = effects[[place for place in places if place not in taken]]
    called = []
    for place in taken:
        student = _against(effects[place], rest)
        chance = min(1.0, len(places) * min(student.above(limit), student.below(-limit)))
        if chance <= allowed:
            called.append((place, student, chance))
    error = _error(rest[:-1])
    return called, (error, len(rest) - 2, float(numpy.std(rest, ddof=1)))


def _against(effect, others):
    return Student(float(effect - others.mean()), _error(others), len(others) - 1)


def _error(others):
    return max(float(numpy.std(others, ddof=1)), LEAST_SCATTER) * math.sqrt(1 + 1 / len(others))
