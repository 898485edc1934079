"""What several runs say of a change: how likely it is by chance, its interval, and how small a change would have been seen.

Everything is in logarithms of a ratio new / old. A run counts by the tenth percentile of its samples: a neighbour makes
samples longer and never shorter, and of a row that nobody changed the low samples agree from run to run where medians do not.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy

LOW_QUANTILE = 0.1  # of a run's samples
POWER = 0.9  # chance with which a change is called slower that "could have been seen"
FEWEST_RUNS = 3  # pairs, or runs of both sides together, that a scatter can be told from
MOST_OF_RANK_SUM = 60  # pairs beyond which signed ranks alone are sure enough
MIDDLE = 0.16  # missed on each side by an interval of a standard deviation about a centre
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


class Ranks:
    """Pairs of runs, old and new in turn, by ranks: nothing is assumed of their distribution but that, without a change,
    neither run of a pair is favoured. Two tests, each with half of the chance: Wilcoxon's signed ranks of the pairs' changes,
    which no drift of the machine from pair to pair can touch, and the rank sum of the new runs among all, which single runs
    in a bad moment hardly touch. Of runs that drift together the rank sum errs less often than it says, never more."""

    def __init__(self, olds, news):
        olds, news = numpy.array(olds), numpy.array(news)
        changes, places = news - olds, numpy.triu_indices(len(olds))
        self.runs = len(olds)
        self._averages = numpy.sort((changes[places[0]] + changes[places[1]]) / 2)  # of two pairs (Hodges and Lehmann)
        self._shifts = numpy.sort((news[:, None] - olds).ravel())  # from any old run to any new one

    @property
    def _tests(self):
        """[(values of which more than a limit count against it, chances of at least so many)]"""
        if self.runs > MOST_OF_RANK_SUM:
            return [(self._averages, _of_signed_ranks(self.runs))]
        return [(self._averages, _of_signed_ranks(self.runs)), (self._shifts, _of_rank_sum(self.runs))]

    @property
    def centre(self):
        """By the test whose interval is narrower."""
        ends = [(_ends(*test, MIDDLE), test[0]) for test in self._tests]
        return float(numpy.median(min(ends, key=lambda found: found[0][1] - found[0][0])[1]))

    def above(self, limit):
        tests = self._tests  # values equal to the limit count for it
        return min(1.0, len(tests) * min(float(tails[(values > limit).sum()]) for values, tails in tests))

    def below(self, limit):
        tests = self._tests
        return min(1.0, len(tests) * min(float(tails[(values < limit).sum()]) for values, tails in tests))

    def ends(self, chance):
        tests, centre = self._tests, self.centre
        lows, highs = zip(*[_ends(*test, chance / len(tests)) for test in tests])
        return min(max(lows), centre), max(min(highs), centre)


def _ends(values, tails, chance):
    if tails[-1] > chance:
        return -math.inf, math.inf
    place = int(numpy.argmax(tails <= chance))
    return float(values[-place]), float(values[place - 1])


@lru_cache(maxsize=8)
def _of_signed_ranks(count):
    """For each sum of positive ranks the chance of at least that sum, where each sign is as likely as the other."""
    shares = numpy.ones(1)
    for rank in range(1, count + 1):
        shares = (numpy.pad(shares, (0, rank)) + numpy.pad(shares, (rank, 0))) / 2
    return numpy.cumsum(shares[::-1])[::-1]


@lru_cache(maxsize=8)
def _of_rank_sum(count):
    """For each number of cases in which a new run is longer than an old one, of `count` each, the chance of at least so many,
    where every order is as likely: the coefficients of Gauss's binomial."""
    ways = [1] + [0] * count**2
    for step in range(1, count + 1):
        for place in range(count**2, count + step - 1, -1):
            ways[place] -= ways[place - count - step]
        for place in range(step, count**2 + 1):
            ways[place] += ways[place - step]
    total = math.comb(2 * count, count)
    return numpy.array([found / total for found in accumulate(ways[::-1])][::-1])


def of_pairs(olds, news, chance):
    """Of runs in turn, the k-th of both sides being a pair. By ranks where these can be as sure as `chance`, else Student's
    of the changes; None from too few."""
    if len(news) < FEWEST_RUNS:
        return None
    if 2 / math.comb(2 * len(news), len(news)) <= chance:
        return Ranks(olds, news)
    changes = numpy.array(news) - numpy.array(olds)
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
    scatter = (evidence.centre - evidence.ends(MIDDLE)[0]) if reach < math.inf else math.inf
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
