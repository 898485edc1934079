"""What this host's kernels are measured by: the fastest dense and the fastest sparse float32 row of each group.

A ratio is formed within the visits in which both rows were timed; a file of an earlier version knows no visits, there
a group is one visit, or parts that each have the median of the dense baseline in them.
"""

import re
from collections import Counter
from functools import lru_cache

import ratios
from load import one_line

DENSE, SPARSE = "dense", "sparse"
BEST = {DENSE: "best dense", SPARSE: "best sparse"}
DENSE_ENDINGS = ("_sgemv", "_sgemm", "float_dense")  # of kernels in files that have no flags for it
PART_BASELINES = {True: "peers_openblas_sgemv", False: "peers_openblas_sgemm"}  # at batch 1, at others
LIBRARIES = (("MKL", "Math Kernel Library"), ("OpenBLAS", "OpenBLAS"), ("oneDNN", "oneDNN"), ("GraphBLAS", "GraphBLAS"),
             ("BLIS", "BLIS"))
VERSION = re.compile(r"\d+(\.\d+)+")


def kind_of(row):
    """Dense or sparse for a float32 row that may be a reference, else None."""
    if "float32" not in row.flags or "approximate" in row.flags or row.is_model or row.device != "cpu" \
            or row.time_source != "wall":
        return None
    for kind in (DENSE, SPARSE):
        if kind in row.flags:
            return kind
    return DENSE if row.kernel.endswith(DENSE_ENDINGS) else SPARSE


def library_of(row):
    """"MKL 2026.2 (avx512)": library, version and code path; the kernel's name where there is no library."""
    words, core = row.raw.get("eie_library"), row.raw.get("eie_library_core")
    core = f" ({one_line(core).replace(' (', ', ').rstrip(')')})" if isinstance(core, str) and core else ""
    if not isinstance(words, str) or not words:
        return row.kernel + core
    version = VERSION.search(words)
    name = next((name for name, part in LIBRARIES if part in words), None)
    return (f"{name} {version.group()}" if name and version else one_line(words)) + core


def named(rows):
    """The libraries of a reference that may be another one on each layer: "A", or "A 7, B 2" layers."""
    counts = Counter(library_of(row) for row in rows if row)
    if len(counts) <= 1:
        return next(iter(counts), "")
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def group_of(row):
    return row.suite, row.layer, row.batch, row.cache, row.threads


class References:
    """Of all groups of a results file."""

    def __init__(self, results):
        self._groups = {}
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
        direct = compared(reference, row)
        if direct:
            return reference, direct
        for kind_between in (DENSE, SPARSE):  # no visit has both: by way of a row that was timed beside each of them
            for between in self.rows(group_of(row), kind_between):
                steps = compared(reference, between), compared(between, row)
                if None not in steps:
                    return reference, steps[0].times(steps[1])
        return None


def _may_compare(one, other):
    """Two runs in one file: only rows of a common visit, or of one run, tell anything of each other."""
    if one.layer_hash != other.layer_hash:
        return False
    if one.visits is not None and other.visits is not None:
        return True
    return one.raw.get("eie_run") == other.raw.get("eie_run") \
        or "eie_part_baseline_ns" in other.raw and _part_ns(one) is not None


def compared(over, under):
    """The ratio of two rows of a group, median / median within their common visits; None: they have none."""
    if over.visits is None or under.visits is None:
        return _across_parts(over, under) if _may_compare(over, under) else None
    common = tuple(visit for visit in over.visits if visit in under.visits)
    if not common:
        return None
    return _over_visits(*(tuple(tuple(row.visits[visit]) for visit in common) for row in (over, under)))


def apart(over, under):
    """The ratio of two rows of different groups, by their medians."""
    return _over_visits(*((tuple(row.samples),) for row in (over, under)))


@lru_cache(maxsize=None)
def _over_visits(overs, unders):
    return ratios.over_visits(overs, unders)


def _across_parts(over, under):
    """Each part of a group had the dense baseline in it: its medians there say how fast the machine was."""
    parts = _part_ns(over), _part_ns(under)
    scale = parts[1] / parts[0] if None not in parts else 1.0
    return _over_visits((tuple(sample * scale for sample in over.samples),), (tuple(under.samples),))


def _part_ns(row):
    """The dense baseline's median in the part of the row; the baseline's own row stands for itself."""
    time = row.number("eie_part_baseline_ns")
    return row.median_ns if time is None and row.kernel == PART_BASELINES[row.batch == 1] else time
