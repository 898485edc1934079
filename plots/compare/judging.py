"""Judges the rows that two results files share: the ratio new / old of each, and the verdict."""

import math
from dataclasses import dataclass

import numpy

from plots.compare.matching import Yardsticks, label
from plots.core import ratios
from plots.core.cells import Cell
from plots.core.references import compared, group_of
from plots.options.compare import THRESHOLD_PERCENT

CHOICE = "choice changed"
VERDICTS = ("slower", "ambiguous", CHOICE, "changed", "baseline", "ratio", "same", "faster")  # worst first
# What may differ between two equal runs of a model: its preparation on the host, and how it was started.
VOLATILE_MODEL_KEYS = {"eie_prepare_ns", "eie_run", "eie_again", "eie_samples_ns", "eie_run_medians_ns"}


@dataclass(frozen=True)
class Rules:
    threshold: float = THRESHOLD_PERCENT
    absolute: bool = False
    verdicts: bool = True  # False: two machines


@dataclass(frozen=True)
class Judged:
    old: object
    new: object
    absolute: ratios.Ratio
    relative: ratios.Ratio | None  # of the ratios to the yardstick; None where there is none
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
        self.paired = old.context.get("eie_pairing") is not None and old.context.get("eie_pairing") == new.context.get(
            "eie_pairing"
        )
        self.yardsticks = Yardsticks(old, new)
        self.drifts = {
            group: after.median_ns / before.median_ns
            for group in self.yardsticks.pairs
            for before, after in [self.yardsticks.of_group(group)]
        }
        self.scatter = None if self.paired else ratios.scatter(list(self.drifts.values()))
        self.median_drift = ratios.median(self.drifts.values()) if self.drifts else 1.0
        self.by_baseline = not rules.absolute and not self.paired  # runs in turn drift alike
        self._used = {
            group_of(new_row)
            for pair in both
            if self.by_baseline
            for new_row in [pair[1]]
            if not self._is_yardstick(new_row) and self._yardstick_of(*pair)
        }
        self.rows = sorted(
            (_model(*pair) if pair[1].is_model else self._measured(*pair) for pair in both),
            key=lambda row: (VERDICTS.index(row.verdict), -row.used.value, label(row.new)),
        )

    def _yardstick_of(self, old, new):
        """The rows (old, new) that both can be measured by, the fastest of several, or None."""
        return next(
            (
                pair
                for pair in self.yardsticks.pairs.get(group_of(new), [])
                if new not in pair and None not in (compared(old, pair[0]), compared(new, pair[1]))
            ),
            None,
        )

    def _is_yardstick(self, row):
        return row in (self.yardsticks.of_group(group_of(row)) or ())

    def _measured(self, old, new):
        plain, relative = self._ratios(old, new)
        basis = "baseline" if relative and self.by_baseline else "absolute"
        used = relative if basis == "baseline" else plain
        choices = [row.raw.get("eie_chosen_kernel") for row in (old, new)]
        choice = f"{choices[0]} -> {choices[1]}" if None not in choices and choices[0] != choices[1] else ""
        if not self.rules.verdicts:
            return Judged(old, new, plain, relative, basis, "ratio", choice or used.reason)
        if self._is_yardstick(new) and group_of(new) in self._used:
            return Judged(old, new, plain, None, basis, "baseline")
        if choice:  # another kernel ran: its speed says nothing of the one that ran before
            return Judged(old, new, plain, relative, basis, CHOICE, choice)
        if basis == "baseline":
            drift = plain.value / relative.value
            if ratios.is_outlier(drift, self.median_drift, self.scatter):
                own, middle = (
                    Cell(change, "x", "derived", "new / old of the dense baselines").said(3)
                    for change in (drift, self.median_drift)
                )
                return Judged(
                    old,
                    new,
                    plain,
                    relative,
                    basis,
                    "ambiguous",
                    f"its baseline changed by {own}, the median one by {middle}",
                    stumbled=True,
                )
        verdict, doubt = used.verdict(self.rules.threshold), self._doubt(basis, plain, used)
        if doubt and verdict in ("slower", "faster"):
            return Judged(old, new, plain, relative, basis, "ambiguous", doubt)
        return Judged(old, new, plain, relative, basis, verdict, used.reason)

    def _doubt(self, basis, plain, used):
        """Why neither slower nor faster can be said, whatever the interval; empty: they can."""
        if basis == "baseline":
            return (
                "its own time changed the other way, and the baselines did not change alike"
                if plain.contradicts(used) and not self._drifts_agree()
                else ""
            )
        alone = not self.paired and not self.rules.absolute and self.scatter is None
        return "one run of each side and no baseline: --absolute judges it all the same" if alone else ""

    def _drifts_agree(self):
        """A machine that is slower as a whole changes all baselines alike."""
        drifts = self.drifts.values()
        return self.scatter is not None and max(drifts) / min(drifts) <= 1 + self.rules.threshold / 100

    def _ratios(self, old, new):
        """The plain ratio and that of the ratios to the yardstick, or None. What varies from run to run is in the
        intervals as far as the yardsticks tell: the row's own changes and its yardstick's, or the row's and what
        the machine as a whole changed by."""
        yardstick = None if self._is_yardstick(new) else self._yardstick_of(old, new)
        absolute, relative = self._in_turn([new], [old]) or ratios.bootstrap([new.samples], [old.samples]), None
        if yardstick:
            relative = self._in_turn([new, yardstick[0]], [old, yardstick[1]]) or compared(new, yardstick[1], 0.0).times(
                compared(yardstick[0], old, 0.0)
            )
            relative = relative.widened(math.sqrt(2) * (self.scatter or 0))
        elif self.scatter is not None and not self.rules.absolute:
            absolute = absolute.widened(math.hypot(self.scatter, math.log(self.median_drift)))
        return absolute, relative

    def _in_turn(self, overs, unders):
        """From the medians of runs that were made in turn, or None."""
        runs = [row.raw.get("eie_run_medians_ns") for row in overs + unders]
        if not self.paired or None in runs or len(set(map(len, runs))) > 1:
            return None
        over, under = (numpy.prod([row.raw["eie_run_medians_ns"] for row in side], axis=0) for side in (overs, unders))
        return ratios.paired(over / under)


def _model(old, new):
    """A model is deterministic: equal, or changed; there is no noise."""
    ratio = ratios.Ratio(new.median_ns / old.median_ns)
    changed = [
        f"{key} {old.raw[key]} -> {new.raw[key]}"
        for key in old.raw
        if key.startswith("eie_") and key not in VOLATILE_MODEL_KEYS and key in new.raw and old.raw[key] != new.raw[key]
    ]
    return Judged(old, new, ratio, None, "model", "changed" if changed else "same", "; ".join(changed))
