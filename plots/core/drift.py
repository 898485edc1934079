"""How far rows move from one visit to the next, and what of it belongs into an interval.

A visit's samples know nothing of the drift between visits. Rows with several visits show it themselves; how far such rows
of the run moved on the whole also tells what to expect of a row that was visited once.
"""

import math
from functools import cache

import numpy

FEWEST_ROWS = 8  # with two visits or more, from which the drift of a run is known
PRIOR = 8  # the degrees of freedom that the run's drift counts for beside a row's own visits
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
MEDIAN_TO_MEAN = math.pi / 2  # variance of the median over that of the mean
TAIL = 0.025  # on each side of a 95 % interval


@cache
def student(freedom):
    """Half a 95 % interval in standard deviations."""
    from scipy.special import stdtrit  # late: slow to load, and only some files need it

    return float(stdtrit(freedom, 1 - TAIL))


def deviation(values):
    """Standard deviation from the median deviation, so that outliers do not count."""
    return MAD_TO_DEVIATION * float(numpy.median(numpy.abs(values - numpy.median(values))))


def median_error(logs):
    """Variance of the median of these logarithms of samples, as far as they tell themselves."""
    return MEDIAN_TO_MEAN * deviation(numpy.asarray(logs)) ** 2 / len(logs)


def of_run(rows):
    """Standard deviation between visits of what was measured in them, beyond the error within each, or None for too few
    rows. `rows`: (logarithms, variances of their errors) with an entry for each visit of a row."""
    several = [(numpy.asarray(logs), errors) for logs, errors in rows if len(logs) > 1]
    if len(several) < FEWEST_ROWS:
        return None
    away = numpy.concatenate([(logs - logs.mean()) * math.sqrt(len(logs) / (len(logs) - 1)) for logs, _ in several])
    errors = float(numpy.median(numpy.concatenate([errors for _, errors in several])))
    return math.sqrt(max(0.0, (MAD_TO_DEVIATION * float(numpy.median(numpy.abs(away)))) ** 2 - errors))


def half_width(logs, errors, weights, drift):
    """Of the 95 % interval of the weighted mean of a row's visits, by how they differ: Student's t. `drift` is the run's,
    which counts as PRIOR visits more, or None. 0 where nothing tells: one visit, and no drift is known."""
    prior = 0 if drift is None else PRIOR
    freedom = prior + len(logs) - 1
    if not freedom:
        return 0.0
    squares = prior * ((drift or 0.0) ** 2 + float(numpy.mean(errors)))
    squares += float(numpy.sum((logs - numpy.mean(logs)) ** 2))
    weights = numpy.asarray(weights, dtype=float) / numpy.sum(weights)
    return student(freedom) * math.sqrt(squares / freedom * float(numpy.sum(weights**2)))
