"""EIE against this host, and this host's kernels against its own fastest float32 rows: equal threads only."""

from collections import Counter
from dataclasses import dataclass, field

from plots.core.cells import Cell, missing, ratio
from plots.core.grid import Table
from plots.core.headline import Headline
from plots.core.means import partial_mean
from plots.core.published import EIE, LAYERS
from plots.core.references import BEST as REFERENCES
from plots.core.references import DENSE, SPARSE
from plots.tables import baselines
from plots.tables.hostrows import HostView, headline_caches, headline_view, kernel_words
from plots.tables.speed import NINE

ACTUAL, BEST, PER_LAYER = "EIE actual", "best kernel", "best kernel per layer"
# (who is faster, than whom): both on this host at the same thread count, or EIE against one of them
PAIRS = (
    (ACTUAL, DENSE),
    (ACTUAL, BEST),
    (ACTUAL, PER_LAYER),
    (BEST, DENSE),
    (PER_LAYER, DENSE),
    (BEST, SPARSE),
    (PER_LAYER, SPARSE),
)
SPOKEN = {
    ACTUAL: "EIE (published actual)",
    BEST: "best exact compressed kernel",
    PER_LAYER: "best exact compressed kernel for each layer",
} | REFERENCES
HOT_NOTE = (
    "Hot: one copy of the weights, used over and over. A dense copy larger than what this host gives of its L3 "
    "still streams from memory, as on the largest layers: ratios on Alex-6 and VGG-6 depend on that."
)
TITLE = "Speed, this host: wall time, {}batch {}, " + NINE
BATCHES = (1, 64)
UNSURE = "Layers without an interval, for want of samples; their means take the widest of the other layers, or say +-?"
WITH_DISTURBED = "Layers on which disturbed samples count (~), for want of a visit with undisturbed ones of both rows"
JOINT = ", "


@dataclass
class HostTable(Table):
    of_layers: dict = field(default_factory=dict)  # {(row, column): {remark on a mean: layers}}


def host_table(results, published):
    table = HostTable("headline_host", f"This host and EIE (always batch 1), {NINE}", corner="faster than, at equal threads")
    for batch in BATCHES:
        for cache in headline_caches(results, batch):
            view = HostView(results, cache, published, batch)
            for threads in view.thread_counts():
                _at_threads(table, _column(view), view, threads, published)
    table.fill("not run in this cache mode")
    table.notes.append(
        '"A over B" is how many times faster A is than B; below 1x it is slower. Best kernel: one '
        "exact compressed kernel for all layers, chosen by its geometric mean; per layer: the fastest "
        "one for each layer. Best dense, best sparse: of each layer the fastest float32 row that passed "
        "its bound, whichever library's. EIE is a published 45 nm design of 2016 and its time its authors' "
        "simulation, this host is measured: read the ratio with both ends in mind. At batch 64 this "
        "host's times are per input."
    )
    if "cache hot" in table.columns:
        table.notes.append(HOT_NOTE)
    table.notes += _layer_notes(table, table.of_layers)
    return table


def _column(view):
    return f"cache {view.cache}" + ("" if view.batch == 1 else f", batch {view.batch}")


def _at_threads(table, column, view, threads, published):
    words = view.thread_words(threads)
    layers, best = view.best_per_layer(threads), view.best(threads)
    chosen = {
        BEST: view.alone(best) if best else [(_none(f"no {SPOKEN[BEST]} on {words}"), None)] * len(LAYERS),
        PER_LAYER: layers,
    }
    sides = {
        ACTUAL: ("EIE actual, Table IV", published.times(EIE, "actual")),
        DENSE: (REFERENCES[DENSE], view.reference_times(DENSE, threads)),
    } | {
        name: (
            " or ".join(sorted({found.name for _, found in of_layers if found})) or f"no {SPOKEN[name]}",
            [cell for cell, _ in of_layers],
        )
        for name, of_layers in chosen.items()
    }
    for faster, slower in PAIRS:
        if faster in chosen:
            cells = view.over(slower, chosen[faster], threads)
            what = f"{REFERENCES[slower]} ({view.reference_names(slower, threads) or 'none'}) / {sides[faster][0]}"
        else:
            what = f"{sides[slower][0]}, wall time / {sides[faster][0]}"
            cells = [ratio(over, under, what) for over, under in zip(sides[slower][1], sides[faster][1])]
        name = f"{faster} over {REFERENCES.get(slower, slower)}, {words}"
        table.put(name, column, partial_mean(cells, f"{NINE}: {what}, batch {view.batch}, {words}, {column}"))
        _note_layers(table.of_layers.setdefault((name, column), {}), cells)
    for kind in (DENSE, SPARSE):
        names = view.reference_names(kind, threads)
        table.put(
            f"{REFERENCES[kind]}, {words}",
            column,
            Cell(
                names,
                "",
                "measured",
                "smallest time of each layer: "
                + "; ".join(f"{layer} {row.kernel}" for layer, row in zip(LAYERS, view.reference(kind, threads)) if row),
            )
            if names
            else _none(f"no {kind} float32 row on {words}"),
        )
    for kind, of_layers in chosen.items():
        choice = _choice([(layer, found.kernel) for layer, (_, found) in zip(LAYERS, of_layers) if found])
        table.put(
            f"{kind}, {words}",
            column,
            Cell(
                choice,
                "",
                "measured",
                "smallest time of each layer" if kind == PER_LAYER else "smallest geometric mean of the layers",
            )
            if choice
            else _none(f"no {SPOKEN[BEST]} on {words}"),
        )
    if JOINT in choice:
        table.notes.append(
            f"{PER_LAYER[0].upper()}{PER_LAYER[1:]}, {words}, {column}: "
            + "; ".join(f"{layer} {found.kernel}" for layer, (_, found) in zip(LAYERS, layers) if found)
            + "."
        )


def _note_layers(found, cells):
    """{why a reader should know it: layers} of a mean's cells."""
    for why, has in ((UNSURE, [cell.is_unsure for cell in cells]), (WITH_DISTURBED, [cell.disturbed for cell in cells])):
        if any(has):
            found[why] = [layer for layer, does in zip(LAYERS, has) if does]


def _layer_notes(table, places):
    """A sentence for each reason, with the layers of each of the (row, column) places."""
    return [
        f"{why}: "
        + "; ".join(
            f"{row}, {column}: {', '.join(found[why])}"
            for row, column in places
            for found in [table.of_layers.get((row, column), {})]
            if why in found
        )
        + "."
        for why in (UNSURE, WITH_DISTURBED)
        if any(why in table.of_layers.get(place, {}) for place in places)
    ]


def _choice(pairs):
    """ "a", "a (6), b (3)" from (layer, kernel) pairs: how many layers each is the fastest on."""
    counts = Counter(kernel for _, kernel in pairs)
    return (
        next(iter(counts))
        if len(counts) == 1
        else JOINT.join(
            f"{kernel} ({count})" for kernel, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        )
    )


def _none(why):
    return missing("missing", "measured", why, "us")


def host_headlines(table, results, published):
    """One for each batch that was measured; the table has all cache modes."""
    views = [headline_view(results, published, batch) for batch in BATCHES]
    found = [_host_headline(table, results, view) for view in views if view]
    if not views[0]:
        head = Headline(TITLE.format("", 1), [])
        head.notes.append("No measured row of suite paper at batch 1 in the results file.")
        found.insert(0, head)
    return found


def _host_headline(table, results, view):
    per_input = "" if view.batch == 1 else " per input"
    head = Headline(TITLE.format(f"cache {view.cache}, ", f"{view.batch}{per_input}"), [])
    column = _column(view)
    head.columns = [view.thread_words(threads) for threads in view.thread_counts()]

    def across(row):
        return [table.get(f"{row}, {words}", column) for words in head.columns]

    values = [[cell.value for cell in across(f"{ACTUAL} over {name}")] for name in (BEST, PER_LAYER)]
    kinds = [BEST] if values[0] == values[1] else [BEST, PER_LAYER]
    also = ", the fastest on each layer" if len(kinds) == 1 else ""
    for faster, slower in PAIRS:
        if PER_LAYER not in (faster, slower) or PER_LAYER in kinds:
            head.put_row(
                f"{SPOKEN[faster]} faster than {SPOKEN[slower]}", across(f"{faster} over {REFERENCES.get(slower, slower)}")
            )
    head.notes += [
        f"**Weak baseline**, {REFERENCES[DENSE]} on {text}."
        for threads in view.thread_counts()
        for text in baselines.weak(view, threads, results)
    ]
    for kind in (*REFERENCES.values(), *kinds):
        chosen = [(cell.value, words) for words, cell in zip(head.columns, across(kind)) if not cell.reason]
        if chosen:
            spoken = SPOKEN.get(kind, kind)
            head.notes.append(f"{spoken[0].upper()}{spoken[1:]}: {kernel_words(chosen)}{also if kind in kinds else ''}.")
    head.notes += _layer_notes(
        table,
        [
            (f"{faster} over {REFERENCES.get(slower, slower)}, {words}", column)
            for faster, slower in PAIRS
            for words in head.columns
            if PER_LAYER not in (faster, slower) or PER_LAYER in kinds
        ],
    )
    head.notes.append(
        "Below 1x it is slower. Kernels compare at equal threads. EIE's time is its authors' simulation"
        + (", at batch 1: it takes one input at a time." if per_input else ".")
    )
    if view.cache == "hot" and view.batch == 1:
        head.notes.append(HOT_NOTE)
    others = [cache for cache in headline_caches(results, view.batch) if cache != view.cache]
    if others:
        head.notes.append(f"Cache {', '.join(others)}: headline_host.csv has the same ratios there.")
    return head
