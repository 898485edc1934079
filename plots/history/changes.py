"""Where a series changed. The package ruptures proposes places (PELT, squared error, exact); a rank test then asks of each
whether chance would do as much at any place of its stretch.

A series is in logarithms, so that steps are ratios. Its scatter is estimated from the differences of neighbours, in which a
step counts once and an outlier twice at most (their median). Heavy tails are cut: a run beside a busy neighbour lies far from
its neighbours on both sides and is drawn to the median of these. At the ends a change needs FEWEST runs behind it: of a
single last run nobody can say whether it will stay. Of many series together more: ranks of
few runs cannot say enough. Orders are taken as equally likely where nothing changed: a slow drift is none, and may be shown as
steps."""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

import numpy
import ruptures
from scipy import stats

FEWEST = 3  # runs on either side of a change
PENALTY = 4.0  # of a change, in units of the scatter's variance times log(n): 2 is the usual least (BIC)
CUT = 3.0  # standard deviations from the neighbours' median: what lies beyond is an outlier
ERROR = 0.01  # chance of a change that is none, over all series that are looked at together
DRAWS, MOST_DRAWN = 20000, 4_000_000  # orders of ranks for the null distribution; values in all of them
SEED = 1
LEAST_SCATTER = 1e-4  # of a logarithm; below that the clock's own grain speaks


@dataclass(frozen=True)
class Change:
    place: int  # of the first value after it
    ratio: float  # level after over level before
    chance: float  # that ranks in any order separate so well at any place between the changes beside it


def find(values, least=0.0, series=1):
    """The changes of a list of logarithms, in order; those below the ratio 1 + `least` are left out. `series`: how many are
    looked at together."""
    values = numpy.asarray(values, dtype=float)
    if len(values) < 2 * FEWEST:
        return []
    scatter = scatter_of(values)
    calm = _without_outliers(values, scatter)
    signal = (calm / scatter).reshape(-1, 1)
    # the linear kernel's cost is the squared error, and this form of PELT is compiled
    proposed = ruptures.KernelCPD(kernel="linear", min_size=FEWEST, jump=1).fit(signal)
    ends = proposed.predict(pen=PENALTY * math.log(len(values)))
    return _confirmed(calm, ends[:-1], least, ERROR / series)


def scatter_of(values):
    """Standard deviation of a value about its level, were the series without change, robustly."""
    steps = numpy.abs(numpy.diff(values))
    return max(float(numpy.median(steps)) / (stats.norm.ppf(0.75) * math.sqrt(2)), LEAST_SCATTER)


def _without_outliers(values, scatter):
    calm = values.copy()
    for place in range(len(values)):
        middle = median([*values[max(0, place - 2) : place], *values[place + 1 : place + 3]])
        if abs(values[place] - middle) > CUT * scatter and _stands_alone(values, place, scatter):
            calm[place] = middle
    return calm


def _stands_alone(values, place, scatter):
    """Is no neighbour on its side? Then it is no step."""
    sides = [values[at] for at in (place - 1, place + 1) if 0 <= at < len(values)]
    return all(abs(values[place] - side) > CUT * scatter for side in sides)


def _confirmed(values, places, least, error):
    """Weak changes go one by one, the weakest first, since the levels beside it grow when it goes. What a short stretch
    between others is allowed is as short: it was chosen among many."""
    places = list(places)
    while places:
        found = []
        for begin, place, end in zip([0, *places[:-1]], places, [*places[1:], len(values)]):
            change = _change(values, begin, place, end)
            allowed = error * (end - begin) / len(values)
            found.append((change.chance / allowed, change))
        weak = [one for one in found if abs(math.log(one[1].ratio)) < math.log1p(least) or one[0] > 1]
        if not weak:
            return [change for _, change in found]
        places.remove(max(weak, key=lambda one: (one[0], -abs(math.log(one[1].ratio))))[1].place)
    return []


def _change(values, begin, place, end):
    before, after = values[begin:place], values[place:end]
    step = float(numpy.median(after) - numpy.median(before))
    return Change(place, math.exp(step), _chance(before, after))


def _chance(before, after):
    """That values in any order separate so surely at any place with FEWEST on either side: how often the least chance of all
    places is as small as the one here, by orders that are drawn; or, where that is less, the exact chance here times the
    number of places."""
    count = len(before) + len(after)
    ranks = stats.rankdata(numpy.concatenate([before, after]))
    distances, least = _by_chance(count)
    own = distances[len(before) - FEWEST]
    here = _at_least(own, numpy.array([_distance(ranks[: len(before)].sum(), len(before), count)]))[0]
    at_best = (1 + numpy.searchsorted(least, here, side="right")) / (1 + len(least))
    exact = float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue)
    return min(1.0, float(at_best), exact * len(distances))


def _distance(rank_sum, before, count):
    """Of the sum of the first ranks from what is usual."""
    return abs(rank_sum - before * (count + 1) / 2)


def _at_least(drawn, distances):
    """Which share of those drawn, sorted, is as large."""
    return 1 - numpy.searchsorted(drawn, distances - 1e-9) / len(drawn)


@lru_cache(maxsize=256)
def _by_chance(count):
    """(for each place the sorted distances of random orders of so many ranks, the sorted least chances of all places)"""
    draws = min(DRAWS, max(1000, MOST_DRAWN // count))
    orders = numpy.tile(numpy.arange(1.0, count + 1), (draws, 1))
    sums = numpy.cumsum(numpy.random.default_rng(SEED).permuted(orders, axis=1), axis=1)
    found = [_distance(sums[:, place - 1], place, count) for place in range(FEWEST, count - FEWEST + 1)]
    distances = [numpy.sort(own) for own in found]
    return distances, numpy.sort(numpy.min([_own_shares(own) for own in found], axis=0))


def _own_shares(distances):
    """`_at_least` of each of those drawn among them all, counted: distances of whole ranks are halves of whole numbers."""
    halves = numpy.rint(2 * distances).astype(int)
    counts = numpy.bincount(halves)
    return 1 - (numpy.cumsum(counts) - counts)[halves] / len(distances)
