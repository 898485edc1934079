"""Ratios of medians with 95 % intervals, and what an interval says about a threshold.

Everything is deterministic: the bootstrap has a fixed seed, and a row's interval depends on its samples
alone.
"""

import math
import statistics
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy

from plots.core import drift as drifts
from plots.core.load import FEWEST_OF_VISIT, FEWEST_SAMPLES

SEED = 1
DRAWS = 4000
NORMAL = 1.96  # half a 95 % interval in standard deviations
FEWEST_PAIRS = 3
FEWEST_BASELINES = 4  # that a scatter can be told from
OUTLIER = 3  # scatters from the median
LEAST_OUTLIER = math.log(1.01)  # what is nearer than this is none, however small the scatter


@dataclass(frozen=True)
class Ratio:
    value: float
    low: float | None = None
    high: float | None = None
    reason: str = ""  # why there is no interval
    disturbed: bool = False  # disturbed samples are in it, for want of others

    def widened(self, scatter):
        """With a further independent error of the logarithm; `scatter` is its standard deviation."""
        if self.low is None or not scatter:
            return self
        below, above = (math.hypot(math.log(end / self.value), NORMAL * scatter) for end in (self.low, self.high))
        return replace(self, low=self.value * math.exp(-below), high=self.value * math.exp(above))

    def disturbed_by(self, over, under):
        """With disturbed samples in it. A disturbance only makes a sample longer: the undisturbed median lies between the
        least sample and the median, whose quotients are given (1 for a side without disturbed samples), and the interval
        reaches so far."""
        if self.low is None:
            return replace(self, disturbed=True)
        return replace(self, low=min(self.low, self.value * over), high=max(self.high, self.value / under), disturbed=True)

    def times(self, other):
        """The product of two independent ones."""
        value = self.value * other.value
        disturbed = self.disturbed or other.disturbed
        if None in (self.low, other.low):
            return Ratio(value, reason=self.reason or other.reason, disturbed=disturbed)
        below, above = (
            math.hypot(math.log(mine / self.value), math.log(its / other.value))
            for mine, its in ((self.low, other.low), (self.high, other.high))
        )
        return Ratio(value, value * math.exp(-below), value * math.exp(above), disturbed=disturbed)

    def contradicts(self, other):
        """Do the two intervals lie wholly on different sides of 1?"""
        if None in (self.low, other.low):
            return False
        return self.low > 1 > other.high or other.low > 1 > self.high

    def verdict(self, threshold_percent):
        """The whole interval must lie on one side of the threshold; the thresholds of faster and slower are
        reciprocals."""
        limit = 1 + threshold_percent / 100
        if self.low is None:
            return "ambiguous"
        if self.low > limit:
            return "slower"
        if self.high < 1 / limit:
            return "faster"
        return "same" if self.low >= 1 / limit and self.high <= limit else "ambiguous"


def bootstrap(overs, unders):
    """Product of the medians of the lists `overs` through that of `unders`."""
    value = math.exp(_log_medians(overs) - _log_medians(unders))
    fewest = min(len(samples) for samples in overs + unders)
    if fewest < FEWEST_SAMPLES:
        return Ratio(value, reason=f"{fewest} samples are too few for an interval")
    picks = _picks(tuple(map(len, overs + unders)))
    draws = list(map(_draws, overs + unders, picks))
    logs = sum(draws[: len(overs)]) - sum(draws[len(overs) :])
    low, high = numpy.exp(numpy.quantile(logs, (drifts.TAIL, 1 - drifts.TAIL)))
    return Ratio(value, min(float(low), value), max(float(high), value))


def over_visits(overs, unders, drift=None):
    """Mean over visits of the logarithm of the ratio of medians, weighted by the fewer samples of the two sides; the lists
    hold the samples of each visit. The interval is what the samples say of each visit's ratio, or by how much the visits
    differ (Student's t), whichever is more; `drift` is the run's for ratios, None where it is not known. Where it is, fewer
    samples do: mostly the drift sets the interval."""
    logs = numpy.array([_log_medians([over]) - _log_medians([under]) for over, under in zip(overs, unders, strict=True)])
    counts = numpy.array([min(len(over), len(under)) for over, under in zip(overs, unders)])
    weights = counts / counts.sum()
    value = math.exp(float(weights @ logs))
    fewest = min(sum(map(len, side)) for side in (overs, unders))
    if fewest < (FEWEST_OF_VISIT if drift else FEWEST_SAMPLES):
        return Ratio(value, reason=f"{fewest} samples are too few for an interval")
    lists = [samples for pair in zip(overs, unders) for samples in pair]
    picks = _picks(tuple(map(len, lists)))
    draws = list(map(_draws, lists, picks))
    mean = weights @ (numpy.array(draws[::2]) - numpy.array(draws[1::2]))
    low, high = numpy.exp(numpy.quantile(mean, (drifts.TAIL, 1 - drifts.TAIL)))
    errors = [
        drifts.median_error(numpy.log(over)) + drifts.median_error(numpy.log(under)) for over, under in zip(overs, unders)
    ]
    half = drifts.half_width(logs, errors, counts, drift)
    return Ratio(value, min(float(low), value * math.exp(-half)), max(float(high), value * math.exp(half)))


def paired(ratios):
    """Geometric mean of the ratios of pairs of runs, with Student's interval of their logarithms: what varies
    from run to run is in it."""
    logs = numpy.log(ratios)
    value = float(numpy.exp(logs.mean()))
    if len(logs) < FEWEST_PAIRS:
        return Ratio(value, reason=f"{len(logs)} pairs are too few for an interval")
    half = drifts.student(len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return Ratio(value, value * math.exp(-half), value * math.exp(half))


def scatter(ratios):
    """Standard deviation of the logarithms about their median, from the median deviation; None for too few."""
    if len(ratios) < FEWEST_BASELINES:
        return None
    logs = numpy.log(ratios)
    return drifts.deviation(logs)


def is_outlier(ratio, middle, spread):
    """Does it lie too many scatters from the median `middle`? Unknown, so no, where there is no scatter."""
    return spread is not None and abs(math.log(ratio / middle)) > max(OUTLIER * spread, LEAST_OUTLIER)


def median(ratios):
    """Of the logarithms."""
    return math.exp(float(numpy.median(numpy.log(list(ratios)))))


def _log_medians(lists):
    return sum(math.log(statistics.median(samples)) for samples in lists)


def _draws(samples, places):
    """Logarithms of the medians of resamples whose two middle samples lie at these places among the sorted ones."""
    ordered = numpy.sort(samples)
    return numpy.log((ordered[places[0]] + ordered[places[1]]) / 2)


@lru_cache(maxsize=64)  # they depend on the counts alone, and most rows have as many samples as others
def _picks(counts):
    """For lists of so many samples the places of DRAWS medians of resamples."""
    generator = numpy.random.default_rng(SEED)
    return [_places(count, generator) for count in counts]


def _places(count, generator):
    """Drawn without resampling: the k-th smallest of n uniform picks from n sorted samples is the sample at place
    n U, U ~ Beta(k, n + 1 - k)."""
    middle = (count + 1) // 2
    lower = upper = generator.beta(middle, count + 1 - middle, DRAWS)
    if count % 2 == 0:  # the next one is the smallest of the picks above
        upper = lower + (1 - lower) * generator.beta(1, count - middle, DRAWS)
    return [numpy.minimum((place * count).astype(int), count - 1) for place in (lower, upper)]
