"""Judges the rows that two results files share: the ratio new / old of each, and the verdict."""

import math
from dataclasses import dataclass

import numpy

import ratios
from load import InputError
from matching import Baselines, group, is_baseline, label, same_library

VERDICTS = ("slower", "ambiguous", "changed", "baseline", "ratio", "same", "faster")  # worst first
# What may differ between two equal runs of a model: its preparation on the host, and how it was started.
VOLATILE_MODEL_KEYS = {"eie_prepare_ns", "eie_run", "eie_again", "eie_samples_ns", "eie_run_medians_ns"}
LEAST_NS, MOST_NS = 1e-6, 1e21  # what can be a time; ratios of ratios stay finite


@dataclass(frozen=True)
class Rules:
    threshold: float = 5.0  # percent
    absolute: bool = False
    verdicts: bool = True  # False: two machines


@dataclass(frozen=True)
class Judged:
    old: object
    new: object
    absolute: ratios.Ratio
    relative: ratios.Ratio | None  # of the ratios to the dense baseline; None where there is none
    basis: str  # "baseline", "absolute" or "model": what the verdict uses
    verdict: str
    note: str = ""

    @property
    def used(self):
        return self.relative if self.basis == "baseline" else self.absolute


class Judge:
    """Judges pairs (old, new) of rows of the two files, worst first."""

    def __init__(self, old, new, both, rules):
        self.rules = rules
        self.paired = old.context.get("eie_pairing") is not None \
            and old.context.get("eie_pairing") == new.context.get("eie_pairing")
        self._baselines = Baselines(old), Baselines(new)
        self.drifts = self._drifts()
        self.scatter = None if self.paired else ratios.scatter(list(self.drifts.values()))
        self.by_baseline = not rules.absolute and not self.paired  # runs in turn drift alike
        self.yardsticks = {group(row) for pair in both if self.by_baseline and self._baselines_of(*pair)
                           for row in pair}
        self.rows = sorted((_model(*pair) if pair[1].is_model else self._measured(*pair) for pair in both),
                           key=lambda row: (VERDICTS.index(row.verdict), -row.used.value, label(row.new)))

    def other_libraries(self):
        """Is there a group whose two baselines are not the same library?"""
        return any(not same_library(row, self._baselines[1].rows[place])
                   for place, row in self._baselines[0].rows.items() if place in self._baselines[1].rows)

    def _drifts(self):
        """New / old of the baseline of each group that both files have it in."""
        olds, news = (side.rows for side in self._baselines)
        return {place: news[place].median_ns / olds[place].median_ns for place in olds
                if place in news and same_library(olds[place], news[place])}

    def _baselines_of(self, old, new):
        """The baselines that both rows can be measured against, or None."""
        if is_baseline(new):
            return None
        found = [side.of(row) for side, row in zip(self._baselines, (old, new))]
        return found if None not in found and same_library(*found) else None

    def _measured(self, old, new):
        baselines = self._baselines_of(old, new)
        absolute, relative = self._ratio([_times(new)], [_times(old)]), None
        if baselines:  # whose own changes from run to run are in this ratio, and so in its interval
            relative = self._ratio([_times(new), _baseline_times(old, baselines[0])],
                                   [_times(old), _baseline_times(new, baselines[1])]).widened(self.scatter)
        used, basis = (relative, "baseline") if baselines and self.by_baseline else (absolute, "absolute")
        if not self.rules.verdicts:
            return Judged(old, new, absolute, relative, basis, "ratio", used.reason)
        if is_baseline(new) and group(new) in self.yardsticks:
            return Judged(old, new, absolute, None, basis, "baseline")
        return Judged(old, new, absolute, relative, basis, used.verdict(self.rules.threshold), used.reason)

    def _ratio(self, overs, unders):
        runs = [side.run_medians for side in overs + unders]
        if self.paired and all(medians is not None for medians in runs) and len(set(map(len, runs))) == 1:
            over, under = (numpy.prod([factor.run_medians for factor in side], axis=0) for side in (overs, unders))
            return ratios.paired(over / under)
        return ratios.bootstrap(*([factor.samples for factor in side] for side in (overs, unders)))


@dataclass(frozen=True)
class _Times:
    samples: numpy.ndarray
    run_medians: numpy.ndarray | None  # one of each of several runs


def _times(row, scale=1.0):
    samples = times(row, "eie_samples_ns")
    if not math.isclose(numpy.median(samples), row.median_ns, rel_tol=1e-6):
        raise InputError(f"{label(row)}: eie_median_ns is not the median of eie_samples_ns")
    medians = times(row, "eie_run_medians_ns") if "eie_run_medians_ns" in row.raw else None
    return _Times(samples * scale, None if medians is None else medians * scale)


def _baseline_times(row, baseline):
    """Where a group was split, a row carries the median of the baseline of its own part."""
    own = row.raw.get("eie_part_baseline_ns", baseline.median_ns)
    if not _is_time(own):
        raise InputError(f"{label(row)}: eie_part_baseline_ns is not a time")
    return _times(baseline, own / baseline.median_ns)


def times(row, key):
    """A list of times of the row, checked."""
    values = row.raw.get(key)
    if not isinstance(values, list) or not values or not all(map(_is_time, values)):
        raise InputError(f"{label(row)}: {key} is missing or not a list of times")
    return numpy.array(values, dtype=float)


def _is_time(value):
    return type(value) in (int, float) and LEAST_NS <= value <= MOST_NS


def _model(old, new):
    """A model is deterministic: equal, or changed; there is no noise."""
    for row in (old, new):
        if not _is_time(row.median_ns):
            raise InputError(f"{label(row)}: eie_median_ns is not a time")
    ratio = ratios.Ratio(new.median_ns / old.median_ns)
    changed = [f"{key} {old.raw[key]} -> {new.raw[key]}" for key in old.raw
               if key.startswith("eie_") and key not in VOLATILE_MODEL_KEYS
               and key in new.raw and old.raw[key] != new.raw[key]]
    return Judged(old, new, ratio, None, "model", "changed" if changed else "same", "; ".join(changed))
