"""Means over seeds, and what a paired difference allows to say."""

import math
import statistics

from scipy.stats import t as student

from plots.core.cells import Cell, signed

CONFIDENCE = 0.95
GAIN, NO_GAIN, LOSS, UNKNOWN = "gain", "no gain seen", "loss", "no verdict: one seed"


class Spread:
    """Of a number over the seeds; its cells say of which."""

    def __init__(self, values, unit, source, decimals=2, sign=False):
        self.values, self.unit, self.source = list(values), unit, source
        self._decimals, self._sign = decimals, sign

    @property
    def mean_value(self):
        return statistics.fmean(self.values)

    @property
    def error_value(self):
        """Standard error of the mean; None of one seed."""
        return statistics.stdev(self.values) / math.sqrt(len(self.values)) if len(self.values) > 1 else None

    def _cell(self, value, what, sign=False, provenance="derived"):
        text = signed(value, self._decimals) if sign else ""
        return Cell(value, self.unit, provenance, f"{what}: {self.source}", text=text)

    def mean(self):
        return self._cell(self.mean_value, f"mean of {len(self.values)} seeds", self._sign)

    def rows(self):
        """{row of a table: cell}"""
        cells = {
            "mean": self.mean(),
            "least": self._cell(min(self.values), "least of the seeds", self._sign),
            "greatest": self._cell(max(self.values), "greatest of the seeds", self._sign),
        }
        if len(self.values) > 1:
            cells["standard deviation"] = self._cell(statistics.stdev(self.values), "standard deviation over the seeds")
            cells["standard error"] = self.error()
        return cells

    def error(self):
        return self._cell(self.error_value, "standard deviation / root of the seeds' number")

    def half_width(self):
        """Of the mean's 95 % interval by Student's t; None of one seed."""
        if len(self.values) < 2:
            return None
        return float(student.ppf((1 + CONFIDENCE) / 2, len(self.values) - 1)) * self.error_value

    def interval(self):
        """Its ends as cells."""
        half = self.half_width()
        what = "mean, and Student's t at 95 % times its standard error"
        return [self._cell(self.mean_value + side * half, what, sign=True) for side in (-1, 1)]

    def verdict(self):
        """Of a difference of errors: below 0 is a gain."""
        half = self.half_width()
        if half is None:
            return UNKNOWN
        if self.mean_value + half < 0:
            return GAIN
        return LOSS if self.mean_value - half > 0 else NO_GAIN
