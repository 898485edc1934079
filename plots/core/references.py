"""What this host's kernels are measured by: the fastest dense and the fastest sparse float32 row of each group.

A ratio is formed within the visits in which both rows were timed, of undisturbed samples of both where a visit has them; a
file of an earlier version knows no visits, there a group is one visit, or parts that each have the median of the dense
baseline in them.
"""

import re
from collections import Counter
from functools import lru_cache

import numpy

from plots.core import drift, ratios
from plots.core.load import FEWEST_OF_VISIT, one_line

DENSE, SPARSE = "dense", "sparse"
BEST = {DENSE: "best dense", SPARSE: "best sparse"}
DENSE_ENDINGS = ("_sgemv", "_sgemm", "float_dense")  # of kernels in files that have no flags for it
PART_BASELINES = {True: "peers_openblas_sgemv", False: "peers_openblas_sgemm"}  # at batch 1, at others
LIBRARIES = (
    ("MKL", "Math Kernel Library"),
    ("OpenBLAS", "OpenBLAS"),
    ("oneDNN", "oneDNN"),
    ("GraphBLAS", "GraphBLAS"),
    ("BLIS", "BLIS"),
)
VERSION = re.compile(r"\d+(\.\d+)+")


def kind_of(row):
    """Dense or sparse for a float32 row that may be a reference, else None."""
    if (
        "float32" not in row.flags
        or "approximate" in row.flags
        or row.is_model
        or row.device != "cpu"
        or row.time_source != "wall"
    ):
        return None
    for kind in (DENSE, SPARSE):
        if kind in row.flags:
            return kind
    return DENSE if row.kernel.endswith(DENSE_ENDINGS) else SPARSE


def library_of(row):
    """ "MKL 2026.2 (avx512)": library, version and code path; the kernel's name where there is no library."""
    words, core = row.raw.get("eie_library"), row.raw.get("eie_library_core")
    core = f" ({one_line(core).replace(' (', ', ').rstrip(')')})" if isinstance(core, str) and core else ""
    if not isinstance(words, str) or not words:
        return row.kernel + core
    version = VERSION.search(words)
    name = next((name for name, part in LIBRARIES if part in words), None)
    return (f"{name} {version.group()}" if name and version else one_line(words)) + core


def named(rows, words=library_of):
    """The libraries of a reference that may be another one on each layer: "A", or "A 7, B 2" layers."""
    counts = Counter(words(row) for row in rows if row)
    if len(counts) <= 1:
        return next(iter(counts), "")
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def group_of(row):
    return row.suite, row.layer, row.batch, row.cache, row.threads


class References:
    """Of all groups of a results file."""

    def __init__(self, results):
        self._results, self._groups = results, {}
        for row in results.rows:
            kind = kind_of(row)
            if kind:
                self._groups.setdefault((*group_of(row), kind), []).append(row)
        for rows in self._groups.values():
            rows.sort(key=lambda row: (row.median_ns, row.kernel))

    def rows(self, group, kind):
        """All that could be it, the fastest first."""
        return self._groups.get((*group, kind), [])

    def of_group(self, group, kind):
        return next(iter(self.rows(group, kind)), None)

    def of(self, row, kind):
        """The reference of the row's group, in the row's own run; None where there is none."""
        return next((other for other in self.rows(group_of(row), kind) if _may_compare(other, row)), None)

    def over(self, row, kind):
        """(the reference, how many times faster than it the row is), or None."""
        reference = self.of(row, kind)
        if reference is None:
            return None
        if reference is row:
            return reference, ratios.Ratio(1.0, 1.0, 1.0)
        direct = compared(reference, row, self.drift)
        if direct:
            return reference, direct
        for kind_between in (DENSE, SPARSE):  # no visit has both: by way of a row that was timed beside each of them
            for between in self.rows(group_of(row), kind_between):
                steps = compared(reference, between, self.drift), compared(between, row, self.drift)
                if None not in steps:
                    return reference, steps[0].times(steps[1])
        return None

    @property
    def drift(self):
        """How far ratios of this file move from visit to visit, or None: of each row over the fastest dense row of its
        group, or sparse where there is no dense one."""
        if "drift of ratios" not in self._results.kept:
            pairs = [
                (reference, row)
                for row in self._results.rows
                if row.visits
                for reference in [self.of_group(group_of(row), DENSE) or self.of_group(group_of(row), SPARSE)]
                if reference and reference.visits and reference is not row
            ]
            self._results.kept["drift of ratios"] = drift.of_run(
                [_moved(*found[:2]) for pair in pairs for found in [common_samples(*pair)] if found]
            )
        return self._results.kept["drift of ratios"]


def _may_compare(one, other):
    """Two runs in one file: only rows of a common visit, or of one run, tell anything of each other."""
    if one.layer_hash != other.layer_hash:
        return False
    if one.visits is not None and other.visits is not None:
        return True
    return (
        one.raw.get("eie_run") == other.raw.get("eie_run")
        or "eie_part_baseline_ns" in other.raw
        and _part_ns(one) is not None
    )


def compared(over, under, drift=None):
    """The ratio of two rows of a group, median / median within their common visits; None: they have none. `drift`: how
    far ratios of their file move from visit to visit, where it is known."""
    if over.visits is None or under.visits is None:
        return _across_parts(over, under) if _may_compare(over, under) else None
    found = common_samples(over, under)
    if not found:
        return None
    ratio = _over_visits(*found[:2], drift)
    return ratio.disturbed_by(*map(_least_over_median, found[:2], found[2])) if any(found[2]) else ratio


def common_samples(over, under):
    """(samples of `over` in each visit that counts, those of `under`, do disturbed ones count on either side), or None
    without a common visit. Visits in which both have FEWEST_OF_VISIT undisturbed samples count, and these samples alone; where there is
    none, all samples of the common visits do. Visits with fewer samples count only where there is no other."""
    pairs = [(over.visits[visit], under.visits[visit]) for visit in over.visits if visit in under.visits]
    if not pairs:
        return None
    quiet = _enough([tuple(side[0] for side in pair) for pair in pairs])
    every = [tuple(side[0] + side[1] for side in pair) for pair in pairs]
    used = quiet or _enough(every) or every
    disturbed = tuple(not quiet and any(pair[index][1] for pair in pairs) for index in (0, 1))
    return *(tuple(tuple(pair[index]) for pair in used) for index in (0, 1)), disturbed


def _least_over_median(visits, disturbed):
    samples = [sample for visit in visits for sample in visit]
    return min(samples) / float(numpy.median(samples)) if disturbed else 1.0


def _enough(pairs):
    return [pair for pair in pairs if min(map(len, pair)) >= FEWEST_OF_VISIT]


def _moved(overs, unders):
    """The logarithms of a ratio in each visit, and the variances of their errors."""
    logs = [[numpy.log(samples) for samples in pair] for pair in zip(overs, unders)]
    return (
        [float(numpy.median(one) - numpy.median(other)) for one, other in logs],
        [drift.median_error(one) + drift.median_error(other) for one, other in logs],
    )


def apart(over, under):
    """The ratio of two rows of different groups, by their medians; how far each moves between visits is in its interval."""
    value = over.median_ns / under.median_ns
    if None in (over.interval, under.interval):
        return ratios.Ratio(value, reason="a row has too few samples for an interval")
    sides = [ratios.Ratio(row.median_ns, *row.interval) for row in (over, under)]
    return sides[0].times(ratios.Ratio(*(1 / end for end in (sides[1].value, sides[1].high, sides[1].low))))


@lru_cache(maxsize=None)
def _over_visits(overs, unders, drift=None):
    return ratios.over_visits(overs, unders, drift)


def _across_parts(over, under):
    """Each part of a group had the dense baseline in it: its medians there say how fast the machine was."""
    parts = _part_ns(over), _part_ns(under)
    scale = parts[1] / parts[0] if None not in parts else 1.0
    return _over_visits((tuple(sample * scale for sample in over.samples),), (tuple(under.samples),))


def _part_ns(row):
    """The dense baseline's median in the part of the row; the baseline's own row stands for itself."""
    time = row.number("eie_part_baseline_ns")
    return row.median_ns if time is None and row.kernel == PART_BASELINES[row.batch == 1] else time
