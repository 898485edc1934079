"""The floor: how far rows of one program move from run to run, told by files that were measured with it one by one."""

import math

import numpy

from plots.compare.evidence import Student, low, moderated
from plots.compare.matching import key


class Floor:
    """Of these results files; false where there are none."""

    def __init__(self, runs):
        self._rows = [{key(row): row for row in run.rows} for run in runs]
        self._known = {}  # key of a row: (deviation of a run, degrees of freedom)

        self.programs = {run.context.get("eie_binary_sha256") for run in runs} - {None, ""}

    def __bool__(self):
        return bool(self._rows)

    def learn(self, judged):
        """From [(row, (old, new) of the yardstick that it is judged by or None)]."""
        logs = {key(row): self._logs(row, divisor) for row, divisor in judged}
        for count in {len(values) for values in logs.values() if len(values) > 1}:
            places = [place for place, values in logs.items() if len(values) == count]
            deviations = [float(numpy.std(logs[place], ddof=1)) for place in places]
            self._known.update(zip(places, moderated(deviations, count - 1)))

    def of_row(self, row, change):
        """What a change from one run to another says; None where the floor does not know the row."""
        if key(row) not in self._known:
            return None
        deviation, freedom = self._known[key(row)]
        return Student(change, math.sqrt(2) * deviation, freedom)

    def of_mean(self, judged, change):
        """The same of the mean over rows that all files of the floor have. Its deviation is drawn towards what is usual as
        well; the rows' own, which the mean's does not exceed, say what is."""
        logs = [self._logs(row, divisor) for row, divisor in judged]
        if any(len(values) != len(self._rows) for values in logs):
            return None
        deviations = [float(numpy.std(values, ddof=1)) for values in (*logs, numpy.mean(logs, axis=0))]
        *_, (deviation, freedom) = moderated(deviations, len(self._rows) - 1)
        return Student(change, math.sqrt(2) * deviation, freedom)

    def _logs(self, row, divisor):
        """Of each file that has the row, and the yardstick."""
        places = [key(row)] + ([key(divisor[1])] if divisor else [])
        times = [
            [math.log(low(rows[place].samples)) for place in places]
            for rows in self._rows
            if all(place in rows and rows[place].layer_hash == row.layer_hash for place in places)
        ]
        return [found[0] - sum(found[1:]) for found in times]


def run_times(rows):
    """What each run gave of each row: the tenth percentiles, or the medians where a file was merged without these."""
    lows = all("eie_run_lows_ns" in row.raw or "eie_run_medians_ns" not in row.raw for row in rows)
    name, single = (
        ("eie_run_lows_ns", lambda row: low(row.samples)) if lows else ("eie_run_medians_ns", lambda row: row.median_ns)
    )
    return [row.raw[name] if name in row.raw else [single(row)] for row in rows]


def runs_of(side):
    """How many runs one side's file is merged of; a run that was resumed is one."""
    return max((len(row.raw.get("eie_run_medians_ns", (None,))) for row in side.rows), default=1)
