"""Where a series changed. The package ruptures finds the places (PELT, squared error, exact); a rank test then asks of each
whether chance would do as much.

A series is in logarithms, so that steps are ratios. Its scatter is estimated from the differences of neighbours, in which a
step counts once and an outlier twice at most (their median). Heavy tails are cut: a run beside a busy neighbour lies far from
its neighbours on both sides and is drawn to the median of these. At the ends a change needs FEWEST runs behind it: of a
single last run nobody can say whether it will stay."""

import math
from dataclasses import dataclass

import numpy
import ruptures
from scipy import stats

FEWEST = 3  # runs on either side of a change
PENALTY = 4.0  # of a change, in units of the scatter's variance times log(n): 2 is the usual least (BIC)
CUT = 3.0  # standard deviations from the neighbours' median: what lies beyond is an outlier
ERROR = 0.01  # chance of a change that is none, over all series that are looked at together
NEARLY = 3.0  # times the least p that ranks of so few values can have: one value may be on the wrong side
LEAST_SCATTER = 1e-4  # of a logarithm; below that the clock's own grain speaks


@dataclass(frozen=True)
class Change:
    place: int  # of the first value after it
    ratio: float  # level after over level before
    chance: float  # p of the two levels' ranks, of one place that was known before


def find(values, least=0.0, series=1):
    """The changes of a list of logarithms, in order; those below the ratio 1 + `least` are left out. `series`: how many are
    looked at together."""
    values = numpy.asarray(values, dtype=float)
    if len(values) < 2 * FEWEST:
        return []
    scatter = scatter_of(values)
    calm = _without_outliers(values, scatter)
    signal = (calm / scatter).reshape(-1, 1)
    ends = ruptures.Pelt(model="l2", min_size=FEWEST, jump=1).fit(signal).predict(pen=PENALTY * math.log(len(values)))
    return _confirmed(calm, scatter, ends[:-1], least, ERROR / series)


def scatter_of(values):
    """Standard deviation of a value about its level, were the series without change, robustly."""
    steps = numpy.abs(numpy.diff(values))
    return max(float(numpy.median(steps)) / (stats.norm.ppf(0.75) * math.sqrt(2)), LEAST_SCATTER)


def _without_outliers(values, scatter):
    calm = values.copy()
    for place in range(len(values)):
        near = numpy.r_[values[max(0, place - 2) : place], values[place + 1 : place + 3]]
        middle = numpy.median(near)
        if abs(values[place] - middle) > CUT * scatter and _stands_alone(values, place, scatter):
            calm[place] = middle
    return calm


def _stands_alone(values, place, scatter):
    """Is no neighbour on its side? Then it is no step."""
    sides = [values[at] for at in (place - 1, place + 1) if 0 <= at < len(values)]
    return all(abs(values[place] - side) > CUT * scatter for side in sides)


def _confirmed(values, scatter, places, least, error):
    """Weak changes go one by one, the weakest first, since the levels beside it grow when it goes."""
    places = list(places)
    while places:
        found = [_change(values, *ends) for ends in zip([0, *places[:-1]], places, [*places[1:], len(values)])]
        allowed = error / max(1, len(values) - 2 * FEWEST + 1)
        weak = [
            change
            for change in found
            if abs(math.log(change.ratio)) < math.log1p(least) or _is_chance(change, values, scatter, allowed, places)
        ]
        if not weak:
            return found
        places.remove(min(weak, key=lambda change: abs(math.log(change.ratio))).place)
    return []


def _is_chance(change, values, scatter, allowed, places):
    """Ranks must tell the levels apart as well as so many values can; where these are too few for that to say enough, so
    must the size of the step against the scatter."""
    before, after = _levels(values, change.place, places)
    possible = 2 / math.comb(len(before) + len(after), len(before))
    if change.chance > max(allowed, NEARLY * possible):
        return True
    if possible <= allowed / 10:
        return False
    error = scatter * math.sqrt(1 / len(before) + 1 / len(after))
    return 2 * stats.t.sf(abs(math.log(change.ratio)) / error, len(before) + len(after) - 2) > allowed


def _levels(values, place, places):
    begin = max([0, *(other for other in places if other < place)])
    end = min([len(values), *(other for other in places if other > place)])
    return values[begin:place], values[place:end]


def _change(values, begin, place, end):
    before, after = values[begin:place], values[place:end]
    step = float(numpy.median(after) - numpy.median(before))
    return Change(place, math.exp(step), float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue))
