"""Judges the rows that two results files share: the ratio new / old of each, and the verdict."""

import math
from dataclasses import dataclass

import numpy

import ratios
from load import LEAST_NS, MOST_NS, InputError
from matching import Baselines, group, is_baseline, label, same_library

VERDICTS = ("slower", "ambiguous", "changed", "baseline", "ratio", "same", "faster")  # worst first
# What may differ between two equal runs of a model: its preparation on the host, and how it was started.
VOLATILE_MODEL_KEYS = {"eie_prepare_ns", "eie_run", "eie_again", "eie_samples_ns", "eie_run_medians_ns"}


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
    stumbled: bool = False  # its baseline changed otherwise than most: no ratio to it tells anything

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
        self.median_drift = ratios.median(self.drifts.values()) if self.drifts else 1.0
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
        plain, relative = self._ratios(old, new)
        basis = "baseline" if relative and self.by_baseline else "absolute"
        used = relative if basis == "baseline" else plain
        if not self.rules.verdicts:
            return Judged(old, new, plain, relative, basis, "ratio", used.reason)
        if is_baseline(new) and group(new) in self.yardsticks:
            return Judged(old, new, plain, None, basis, "baseline")
        if basis == "baseline":
            drift = self._own_drift(old, new)
            if ratios.is_outlier(drift, self.median_drift, self.scatter):
                return Judged(old, new, plain, relative, basis, "ambiguous", f"its baseline changed by {drift:.3f}x, "
                              f"the median one by {self.median_drift:.3f}x", stumbled=True)
        verdict, doubt = used.verdict(self.rules.threshold), self._doubt(basis, plain, used)
        if doubt and verdict in ("slower", "faster"):
            return Judged(old, new, plain, relative, basis, "ambiguous", doubt)
        return Judged(old, new, plain, relative, basis, verdict, used.reason)

    def _own_drift(self, old, new):
        """New / old of the baseline that the row is measured against: that of its own part of a group."""
        before, after = (_baseline_ns(*pair) for pair in zip((old, new), self._baselines_of(old, new)))
        return after / before

    def _doubt(self, basis, plain, used):
        """Why neither slower nor faster can be said, whatever the interval; empty: they can."""
        if basis == "baseline":
            return "its own time changed the other way, and the baselines did not change alike" \
                if plain.contradicts(used) and not self._drifts_agree() else ""
        alone = not self.paired and not self.rules.absolute and self.scatter is None
        return "one run of each side and no baseline: --absolute judges it all the same" if alone else ""

    def _drifts_agree(self):
        """A machine that is slower as a whole changes all baselines alike."""
        drifts = self.drifts.values()
        return self.scatter is not None and max(drifts) / min(drifts) <= 1 + self.rules.threshold / 100

    def _ratios(self, old, new):
        """The plain ratio and that of the ratios to the baseline, or None. What varies from run to run is in the
        intervals as far as the baselines tell: the row's own changes and its baseline's, or the row's and what
        the machine as a whole changed by."""
        baselines = self._baselines_of(old, new)
        absolute, relative = self._ratio([_times(new)], [_times(old)]), None
        if baselines:
            relative = self._ratio([_times(new), _baseline_times(old, baselines[0])],
                                   [_times(old), _baseline_times(new, baselines[1])]).widened(
                                       math.sqrt(2) * (self.scatter or 0))
        elif self.scatter is not None and not self.rules.absolute:
            absolute = absolute.widened(math.hypot(self.scatter, math.log(self.median_drift)))
        return absolute, relative

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
    return _times(baseline, _baseline_ns(row, baseline) / baseline.median_ns)


def _baseline_ns(row, baseline):
    """Where a group was split, a row carries the median of the baseline of its own part."""
    own = row.raw.get("eie_part_baseline_ns", baseline.median_ns)
    if not _is_time(own):
        raise InputError(f"{label(row)}: eie_part_baseline_ns is not a time")
    return own


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
