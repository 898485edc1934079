"""Are the references good ones? The guard from the ceilings of the run, and code paths below what the CPU offers."""

import math

from plots.core.cells import Cell
from plots.core.load import is_number, one_line
from plots.core.published import LAYERS
from plots.core.references import DENSE, kind_of, library_of
from plots.tables.ceilings import LEVELS, Ceilings

LEAST_OF_PEAK, LEAST_OF_BANDWIDTH = 0.60, 0.70  # SSE3 code reached 10 to 16 and 45 to 55 %, good libraries 75 to 95 %
L3_PART = 0.5  # of the L3 that the system reports, which a virtual machine shares with others
LEAST_INPUTS = 600  # smaller layers do not fill the peak
# (feature of the CPU, words): the first that it has; and what code of that name uses at most, the same scale
OFFERED = (("avx512", "AVX-512"), ("avx2", "AVX2"))
PATHS = {
    "AVX-512": ("skylakex", "cooperlake", "sapphirerapids", "avx512"),
    "AVX2": ("haswell", "zen", "avx2"),
    "AVX": ("sandybridge", "bulldozer", "piledriver", "steamroller", "excavator", "avx"),
    "SSE": (
        "prescott",
        "core2",
        "penryn",
        "dunnington",
        "nehalem",
        "atom",
        "barcelona",
        "bobcat",
        "opteron",
        "katmai",
        "coppermine",
        "northwood",
        "banias",
        "athlon",
        "nano",
        "generic",
        "def",
        "sse3",
        "ssse3",
        "sse4",
        "sse4.2",
    ),
}
RANK = list(PATHS)


def weak(view, threads, results):
    """Sentences without their stop on layers whose dense reference stays below what the ceilings of the run allow."""
    ceilings, l3_bytes = Ceilings(results), results.context.get("eie_l3_bytes")
    l3_bytes = l3_bytes if is_number(l3_bytes) else None
    low = [
        (share, layer, what)
        for layer, row in zip(LAYERS, view.reference(DENSE, threads))
        if row
        for share, least, what in [_share(row, ceilings, l3_bytes)]
        if share is not None and share < least
    ]
    if not low:
        return []
    share, layer, what = min(low)
    reached = math.floor(100 * share + 1e-9)  # what is below the limit must not look as if it reached it
    reached = Cell(100 * share, "%", "derived", f"{what} reached on {layer}", text=str(reached))
    limit = 100 * (LEAST_OF_BANDWIDTH if view.batch == 1 else LEAST_OF_PEAK)
    return [
        f"{view.thread_words(threads)}: {reached.said()} of {what} on {layer}, below {limit:.0f} % on "
        f"{len(low)} of {len(LAYERS)} layers"
    ]


def _share(row, ceilings, l3_bytes):
    """(share of its ceiling that a dense row reaches or None, least of a good one, the ceiling's name)."""
    if row.batch == 1:
        share, name = _of_bandwidth(row, ceilings, l3_bytes)
        return share, LEAST_OF_BANDWIDTH, name
    peak = ceilings.peak.get((row.threads, "float32"))
    macs, inputs = [row.number(key) for key in ("eie_macs_useful", "eie_macs_padding")], row.number("eie_inputs")
    known = peak and None not in macs and inputs is not None and inputs >= LEAST_INPUTS
    return sum(macs) / (row.median_ns * 1e-9) / peak.value if known else None, LEAST_OF_PEAK, "the float32 peak"


def _of_bandwidth(row, ceilings, l3_bytes):
    """(share, name) by the level that its weights can live in: by memory where they are more than the L3 may hold."""
    if _is_in_memory(row, l3_bytes):
        ceiling, moved = ceilings.bandwidth.get((row.threads, "dram")), row.number("eie_bytes")
        known = ceiling and moved is not None
        return moved / (row.median_ns * 1e-9) / ceiling.value if known else None, "DRAM bandwidth"
    level = row.raw.get("eie_floor_bound")
    return row.number("eie_floor_share") if level in LEVELS else None, f"{str(level).upper()} bandwidth"


def _is_in_memory(row, l3_bytes):
    size, copies = row.number("eie_prepared_bytes"), row.number("eie_copies") or 1
    return row.raw.get("eie_resident") == "dram" or None not in (size, l3_bytes) and size * copies > L3_PART * l3_bytes


def notes(results):
    """What libraries say of the code path that they run, in the words of the results file."""
    found = {}
    for row in results.rows:
        text = row.raw.get("eie_library_note")
        if isinstance(text, str) and text.strip():
            found.setdefault((library_of(row), one_line(text).rstrip(".")), set()).add(row.kernel)
    return [f"{name}: {text} ({', '.join(sorted(kernels))})." for (name, text), kernels in sorted(found.items())]


def paths(results):
    """A sentence for each library that runs code for an older CPU than this one."""
    features = str(results.context.get("eie_cpu_features", "")).split(",")
    offered = next((words for feature, words in OFFERED if feature in features), None)
    if not offered:
        return []
    found = {}
    for row in results.rows:
        path = _path(row) if kind_of(row) else None
        if path and RANK.index(path) > RANK.index(offered):
            found.setdefault((library_of(row), path), set()).add(row.kernel)
    return [
        f"{name} runs {path} code where the CPU offers {offered} ({', '.join(sorted(kernels))})."
        for (name, path), kernels in sorted(found.items())
    ]


def _path(row):
    core = row.raw.get("eie_library_core")
    word = core.split()[0].lower().rstrip(",;") if isinstance(core, str) and core.split() else ""
    return next((path for path, names in PATHS.items() if word in names), None)
