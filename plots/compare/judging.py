"""Judges the rows that two results files share: the ratio new / old of each, and the verdict."""

import math
from dataclasses import dataclass, replace

import numpy

from plots.compare.evidence import could_see, holm, of_pairs, of_sides
from plots.compare.floor import Floor, run_times, runs_of
from plots.compare.matching import Yardsticks, label
from plots.core import drift, ratios
from plots.core.cells import Cell
from plots.core.references import compared, group_of
from plots.options.compare import FAMILY_PERCENT, THRESHOLD_PERCENT

CHOICE, DIFFERS, UNKNOWN = "choice changed", "differs in this pair", "not known"
VERDICTS = ("slower", DIFFERS, "ambiguous", UNKNOWN, CHOICE, "changed", "baseline", "ratio", "same", "faster")  # worst first
NOT_JUDGED = (CHOICE, "changed", "baseline", "ratio")
LIBRARY = "peers_"
OTHER_WAY = "its own time changed the other way, and the baselines did not change alike"
MOST_SEEN = math.log(10)  # a change that only more than this would have shown is none that could be seen
MOST_LOG = 100.0  # ends of intervals stay finite
# What may differ between two equal runs of a model: its preparation on the host, and how it was started.
VOLATILE_MODEL_KEYS = {"eie_prepare_ns", "eie_run", "eie_again", "eie_samples_ns", "eie_run_medians_ns", "eie_run_lows_ns"}


@dataclass(frozen=True)
class Rules:
    threshold: float = THRESHOLD_PERCENT
    absolute: bool = False
    verdicts: bool = True  # False: two machines
    family_error: float = FAMILY_PERCENT  # chance in percent that any row of an unchanged program is called slower or faster

    @property
    def limit(self):
        return math.log1p(self.threshold / 100)


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
    evidence: object = None  # of evidence.py; None where nothing tells how far runs scatter
    sees: float | None = None  # the smallest slowdown in percent that these files could have shown; None: none

    @property
    def used(self):
        return self.relative if self.basis == "baseline" else self.absolute

    @property
    def is_judged(self):
        return self.basis != "model" and self.verdict not in NOT_JUDGED


class Judge:
    """Judges pairs (old, new) of rows of the two sides, worst first. `floor`: files of one program, or none."""

    def __init__(self, old, new, both, rules, floor=()):
        self.rules, self.floor = rules, Floor(floor)
        self.paired = old.context.get("eie_pairing") is not None and old.context.get("eie_pairing") == new.context.get(
            "eie_pairing"
        )
        self.runs = tuple(map(runs_of, (old, new)))
        self.yardsticks = Yardsticks(old, new)
        self.drifts = {
            group: after.median_ns / before.median_ns
            for group in self.yardsticks.pairs
            for before, after in [self.yardsticks.of_group(group)]
        }
        self.scatter = None if self.paired or sum(self.runs) > 2 else ratios.scatter(list(self.drifts.values()))
        self.median_drift = ratios.median(self.drifts.values()) if self.drifts else 1.0
        self.chance = rules.family_error / 200 / (len(both) + 1)  # of one row on one side, if all are to hold: the hardest
        self.moved = self._moved_controls() if self.paired else {}
        self.by_baseline = not rules.absolute and not self.paired  # a drift cannot follow the sides of runs in turn
        self._used = {
            group_of(new_row)
            for pair in both
            if self.by_baseline
            for new_row in [pair[1]]
            if not self._is_yardstick(new_row) and self._yardstick_of(*pair)
        }
        if self.floor:
            self.floor.learn([(pair[1], self._divisor(*pair)) for pair in both if not pair[1].is_model])
        rows = [_model(*pair) if pair[1].is_model else self._measured(*pair) for pair in both]
        self.mean = None
        self.rows = sorted(
            self._together(rows) if rules.verdicts else rows,
            key=lambda row: (VERDICTS.index(row.verdict), -row.used.value, label(row.new)),
        )

    @property
    def knows_runs(self):
        """Does anything tell how far a row varies from run to run?"""
        return self.paired or sum(self.runs) > 2 or bool(self.floor)

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

    def _divisor(self, old, new):
        """The yardstick that a row is judged by, or None."""
        return self._yardstick_of(old, new) if self.by_baseline and not self._is_yardstick(new) else None

    def _moved_controls(self):
        """{group: change} of the libraries' dense rows, equal code on both sides, that changed beyond the threshold between
        runs in turn: then what is around all kernels changed, or the machine. It is told, and divides nothing away."""
        controls = {
            group: found
            for group in self.yardsticks.pairs
            for old, new in [self.yardsticks.of_group(group)]
            if new.kernel.startswith(LIBRARY)
            for found in [self._evidence(old, new, None)]
            if found
        }
        chances = holm([min(found.above(self.rules.limit), found.below(-self.rules.limit)) for found in controls.values()])
        return {
            group: math.exp(found.centre)
            for (group, found), chance in zip(controls.items(), chances)
            if chance <= self.rules.family_error / 200
        }

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
        if self.knows_runs:
            return self._known(old, new, plain, relative, basis)
        return self._of_one_pair(old, new, plain, relative, basis)

    def _known(self, old, new, plain, relative, basis):
        """Where something tells how runs scatter; the verdict is given to all rows together."""
        found = self._evidence(old, new, self._divisor(old, new))
        doubt = ""
        if found is None:
            doubt = "the floor has too few runs of it" if self.floor else "too few runs"
        elif basis == "absolute" and not self.rules.absolute and self._machine_moved():
            doubt = "the machine changed from side to side, and it has no baseline"
        elif basis == "absolute" and not self.paired and not self.floor and not self.rules.absolute:
            doubt = "the sides were measured one after the other, and it has no baseline: it differs in these runs"
        stumble = self._stumble(plain, relative) if basis == "baseline" and self.floor else ""
        if not doubt and not stumble and basis == "baseline" and self._contradicts(plain, relative):
            doubt = OTHER_WAY
        return Judged(
            *(old, new, plain, relative, basis, "ambiguous", stumble or doubt, bool(stumble)),
            evidence=None if stumble or doubt else found,
        )

    def _stumble(self, plain, relative):
        """What its baseline did, where that changed otherwise than most; else empty."""
        change = plain.value / relative.value
        if not ratios.is_outlier(change, self.median_drift, self.scatter):
            return ""
        own, middle = (
            Cell(value, "x", "derived", "new / old of the dense baselines").said(3) for value in (change, self.median_drift)
        )
        return f"its baseline changed by {own}, the median one by {middle}"

    def _contradicts(self, plain, relative):
        return plain.contradicts(relative) and not self._drifts_agree()

    def _of_one_pair(self, old, new, plain, relative, basis):
        """One run of each side, and no floor: no more can be said than that a row differs; not that it is the same."""
        used = relative if basis == "baseline" else plain
        stumble = self._stumble(plain, relative) if basis == "baseline" else ""
        if stumble:
            return Judged(old, new, plain, relative, basis, "ambiguous", stumble, stumbled=True)
        verdict = used.verdict(self.rules.threshold)
        if verdict == "same":
            return Judged(old, new, plain, relative, basis, UNKNOWN, "within the threshold in this pair")
        if verdict not in ("slower", "faster"):
            return Judged(old, new, plain, relative, basis, verdict, used.reason)
        if basis == "baseline" and self._contradicts(plain, relative):
            return Judged(old, new, plain, relative, basis, "ambiguous", OTHER_WAY)
        return Judged(old, new, plain, relative, basis, DIFFERS)

    def _together(self, rows):
        """The verdicts of all rows and of their mean: Holm's, so that the error of the family holds for all of them."""
        known = [row for row in rows if row.evidence]
        found = [row.evidence for row in known]
        mean = self._mean_evidence(known)
        found += [mean] if mean else []
        if not found:
            return rows
        limit, allowed = self.rules.limit, self.rules.family_error / 200
        slower, faster = (
            [chance <= allowed for chance in holm([test(each) for each in found])]
            for test in (lambda each: each.above(limit), lambda each: each.below(-limit))
        )
        hardest = allowed / len(found)
        words = ["slower" if above else "faster" if below else "" for above, below in zip(slower, faster)]
        if mean:
            self.mean = Mean(_ratio(mean), words[-1] or _within(_ratio(mean), limit)[0], self._sees(mean, hardest))
        verdicts = dict(zip(map(id, known), words))
        return [self._called(row, verdicts[id(row)], len(found), hardest) if row.evidence else row for row in rows]

    def _called(self, row, word, tests, hardest):
        within, note = _within(row.used, self.rules.limit)
        if note and tests > 1:
            note += f" among {tests} tests"
        return replace(row, verdict=word or within, note="" if word else note, sees=self._sees(row.evidence, hardest))

    def _sees(self, found, hardest):
        sees = could_see(found, self.rules.limit, hardest)
        return 100 * math.expm1(sees) if sees < MOST_SEEN else None

    def _mean_evidence(self, rows):
        """Of the mean over all rows, run by run; None for fewer than two rows, or rows of different runs."""
        if len(rows) < 2:
            return None
        pairs = [(row.old, row.new, self._divisor(row.old, row.new)) for row in rows]
        if self.floor:
            change = numpy.mean([row.evidence.centre for row in rows])
            return self.floor.of_mean([(new, divisor) for _, new, divisor in pairs], float(change))
        sides = [self._run_logs(*pair) for pair in pairs]
        if len({tuple(map(len, side)) for side in sides}) > 1:
            return None
        olds, news = (numpy.mean([side[index] for side in sides], axis=0) for index in (0, 1))
        return of_pairs(olds, news, self.chance) if self.paired else of_sides(olds, news)

    def _evidence(self, old, new, divisor):
        if self.floor:
            logs = self._run_logs(old, new, divisor)
            return self.floor.of_row(new, float(numpy.mean(logs[1]) - numpy.mean(logs[0])))
        olds, news = self._run_logs(old, new, divisor)
        if not self.paired:
            return of_sides(olds, news)
        return of_pairs(olds, news, self.chance) if len(olds) == len(news) else None

    def _run_logs(self, old, new, divisor):
        """(old, new) logarithms of what each run gave of a row, over its divisor."""
        rows = (old, new, *(divisor or ()))
        times = [numpy.log(one) for one in run_times(rows)]
        return (times[0] - times[2], times[1] - times[3]) if divisor else tuple(times)

    def _machine_moved(self):
        """Did the baselines of a single run each change beyond the threshold, or scatter so?"""
        return bool(self.floor) and max(abs(math.log(self.median_drift)), self.scatter or 0) > self.rules.limit

    def _drifts_agree(self):
        """A machine that is slower as a whole changes all baselines alike."""
        drifts = self.drifts.values()
        return self.scatter is not None and max(drifts) / min(drifts) <= 1 + self.rules.threshold / 100

    def _ratios(self, old, new):
        """The plain ratio and that of the ratios to the yardstick, or None. Of one run a side, what varies from run to run
        is in the intervals as far as the yardsticks tell: the row's own changes and its yardstick's, or the row's and what
        the machine as a whole changed by."""
        yardstick = None if self._is_yardstick(new) else self._yardstick_of(old, new)
        if self.knows_runs and not self.floor and self.rules.verdicts:
            return self._known_ratio(old, new, None), self._known_ratio(old, new, yardstick) if yardstick else None
        absolute, relative = ratios.bootstrap([new.samples], [old.samples]), None
        if yardstick:
            relative = compared(new, yardstick[1], 0.0).times(compared(yardstick[0], old, 0.0))
            relative = relative.widened(math.sqrt(2) * (self.scatter or 0))
        elif self.scatter is not None and not self.rules.absolute and not self.floor:
            absolute = absolute.widened(math.hypot(self.scatter, math.log(self.median_drift)))
        if self.floor and self.rules.verdicts:  # which knows what the row is judged by
            if yardstick and self.by_baseline:
                relative = self._known_ratio(old, new, yardstick)
            else:
                absolute = self._known_ratio(old, new, None)
        return absolute, relative

    def _known_ratio(self, old, new, divisor):
        """With the interval by which it is judged."""
        found = self._evidence(old, new, divisor)
        if found:
            return _ratio(found)
        logs = self._run_logs(old, new, divisor)
        return ratios.Ratio(
            math.exp(float(numpy.mean(logs[1]) - numpy.mean(logs[0]))), reason="too few runs for an interval"
        )


@dataclass(frozen=True)
class Mean:
    """Over all rows that are judged by what is known of runs."""

    ratio: ratios.Ratio
    verdict: str
    sees: float | None


def _ratio(found):
    low, high = found.ends(drift.TAIL)
    value = math.exp(found.centre)
    if low == -math.inf:
        return ratios.Ratio(value, reason="too few runs for an interval")
    return ratios.Ratio(value, *(math.exp(max(-MOST_LOG, min(MOST_LOG, end))) for end in (low, high)))


def _within(ratio, limit):
    """(same or ambiguous, a note): what an interval says of a row that is called neither slower nor faster."""
    if ratio.low is None:
        return "ambiguous", ratio.reason
    if -limit <= math.log(ratio.low) and math.log(ratio.high) <= limit:
        return "same", ""
    beyond = math.log(ratio.low) > limit or math.log(ratio.high) < -limit
    return "ambiguous", "beyond the threshold, but not surely enough" if beyond else ""


def _model(old, new):
    """A model is deterministic: equal, or changed; there is no noise."""
    ratio = ratios.Ratio(new.median_ns / old.median_ns)
    changed = [
        f"{key} {old.raw[key]} -> {new.raw[key]}"
        for key in old.raw
        if key.startswith("eie_") and key not in VOLATILE_MODEL_KEYS and key in new.raw and old.raw[key] != new.raw[key]
    ]
    return Judged(old, new, ratio, None, "model", "changed" if changed else "same", "; ".join(changed))
