"""What several runs say of a change: how likely it is by chance, its interval, and how small a change would have been seen.

Everything is in logarithms of a ratio new / old. A run counts by the tenth percentile of its samples: a neighbour makes
samples longer and never shorter, and of a row that nobody changed the low samples agree from run to run where medians do not.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy

LOW_QUANTILE = 0.1  # of a run's samples
POWER = 0.9  # chance with which a change is called slower that "could have been seen"
FEWEST_RUNS = 3  # pairs, or runs of both sides together, that a scatter can be told from
LEAST_SCATTER = 1e-4  # of a run: clocks and samples give no less


@dataclass(frozen=True)
class Student:
    """A change whose error is known by so many degrees of freedom."""

    centre: float
    error: float
    freedom: float

    def above(self, limit):
        """The chance that a true change of no more than `limit` looks like this one."""
        from scipy.stats import t  # late: slow to load

        return float(t.sf((self.centre - limit) / self.error, self.freedom))

    def below(self, limit):
        return Student(-self.centre, self.error, self.freedom).above(-limit)

    def ends(self, chance):
        """(low, high): each is missed with so much chance."""
        from scipy.stats import t

        half = float(t.isf(chance, self.freedom)) * self.error
        return self.centre - half, self.centre + half


@dataclass(frozen=True)
class Ranks:
    """Wilcoxon's signed ranks of the changes of pairs of runs: nothing is assumed of their distribution but that, without a
    change, neither side is favoured."""

    changes: tuple
    averages: numpy.ndarray = field(init=False, compare=False)  # of two changes, in order

    def __post_init__(self):
        changes = numpy.array(self.changes)
        places = numpy.triu_indices(len(changes))
        object.__setattr__(self, "averages", numpy.sort((changes[places[0]] + changes[places[1]]) / 2))

    @property
    def centre(self):
        return float(numpy.median(self.averages))

    def above(self, limit):
        count = int((self.averages > limit).sum())  # Tukey: as many averages as the positive ranks' sum; ties count against
        return float(_at_least(len(self.changes))[count])

    def below(self, limit):
        return Ranks(tuple(-change for change in self.changes)).above(-limit)

    def ends(self, chance):
        tails = _at_least(len(self.changes))
        place = len(self.averages) - int(numpy.argmax(tails <= chance)) if tails[-1] <= chance else -1
        return (-math.inf, math.inf) if place < 0 else (float(self.averages[place]), float(self.averages[-1 - place]))


@lru_cache(maxsize=8)
def _at_least(count):
    """For each sum of positive ranks the chance of at least that sum, where each sign is as likely as the other."""
    shares = numpy.ones(1)
    for rank in range(1, count + 1):
        shares = (numpy.pad(shares, (0, rank)) + numpy.pad(shares, (rank, 0))) / 2
    return numpy.cumsum(shares[::-1])[::-1]


def of_pairs(changes, chance):
    """Of runs in turn, the change of each pair. By ranks where these can be as sure as `chance`, else Student's; None from
    too few."""
    if len(changes) < FEWEST_RUNS:
        return None
    if 0.5 ** len(changes) <= chance:
        return Ranks(tuple(changes))
    error = max(float(numpy.std(changes, ddof=1)), LEAST_SCATTER) / math.sqrt(len(changes))
    return Student(float(numpy.mean(changes)), error, len(changes) - 1)


def of_sides(olds, news):
    """Of runs one after the other: both sides scatter alike; None from too few."""
    freedom = len(olds) + len(news) - 2
    if freedom + 2 < FEWEST_RUNS:
        return None
    squares = sum(float(numpy.var(side)) * len(side) for side in (olds, news))
    error = max(math.sqrt(squares / freedom), LEAST_SCATTER) * math.sqrt(1 / len(olds) + 1 / len(news))
    return Student(float(numpy.mean(news) - numpy.mean(olds)), error, freedom)


def moderated(deviations, freedom):
    """[(deviation, degrees of freedom)] of rows whose own deviations come from few runs: each is drawn towards what is usual
    for all, the more so the less they differ beyond their own errors (Smyth, Linear models and empirical Bayes methods,
    2004, section 6.2)."""
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    floors = numpy.maximum(deviations, LEAST_SCATTER)
    if len(floors) < FEWEST_RUNS:
        return [(float(value), freedom) for value in floors]
    logs = 2 * numpy.log(floors) - digamma(freedom / 2) + math.log(freedom / 2)
    beyond = float(numpy.var(logs, ddof=1) - polygamma(1, freedom / 2))
    least, most = 0.5, 1e3  # degrees of freedom of what is usual
    if beyond <= polygamma(1, most / 2):
        prior = most
    elif beyond >= polygamma(1, least / 2):
        prior = least
    else:
        prior = brentq(lambda count: polygamma(1, count / 2) - beyond, least, most)
    usual = math.exp(float(logs.mean()) + digamma(prior / 2) - math.log(prior / 2))
    together = (prior * usual + freedom * floors**2) / (prior + freedom)
    return [(math.sqrt(value), prior + freedom) for value in together]


def could_see(evidence, limit, chance):
    """The smallest change that would be called slower with the chance POWER, as a logarithm: its interval's low end, of
    which `chance` is the error, must lie above `limit`. Infinite where none could."""
    from scipy.stats import norm

    reach = evidence.centre - evidence.ends(chance)[0]
    scatter = (evidence.centre - evidence.ends(0.16)[0]) if reach < math.inf else math.inf
    return limit + reach + float(norm.isf(1 - POWER)) * scatter


def holm(chances):
    """Holm's chances: of that many tests together, so that a limit holds for all of them (Holm, 1979)."""
    adjusted, worst = [1.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        worst = max(worst, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = worst
    return adjusted


def low(samples):
    return float(numpy.quantile(samples, LOW_QUANTILE))
