"""EIE against this host, and this host's kernels against its own dense baseline: equal threads only."""

from cells import Cell, mean_ratio, missing
from grid import Table
from headline import Headline
from hostrows import HostView, headline_caches, headline_view, kernel_words
from published import EIE, LAYERS
from speed import NINE

DENSE, BEST, PER_LAYER = "dense OpenBLAS", "best kernel", "best kernel per layer"
# (who is faster, than whom): both on this host at the same thread count, or EIE against one of them
PAIRS = (("EIE actual", DENSE), ("EIE actual", BEST), ("EIE actual", PER_LAYER), (BEST, DENSE), (PER_LAYER, DENSE))
SPOKEN = {"EIE actual": "EIE (published actual)", DENSE: "dense OpenBLAS", BEST: "best exact compressed kernel",
          PER_LAYER: "best exact compressed kernel for each layer"}
HOT_NOTE = ("Hot: one copy of the weights, used over and over. A dense copy larger than what this host gives of its L3 "
            "still streams from memory, as on the largest layers: ratios on Alex-6 and VGG-6 depend on that.")
TITLE = "Speed, this host: wall time, {}batch 1, " + NINE


def host_table(results, published):
    table = Table("headline_host", f"This host and EIE, batch 1, {NINE}", corner="faster than, at equal threads")
    for cache in headline_caches(results):
        view = HostView(results, cache, published)
        for threads in view.thread_counts():
            _at_threads(table, f"cache {cache}", view, threads, published)
    table.fill("not run in this cache mode")
    table.notes.append("\"A over B\" is how many times faster A is than B; below 1x it is slower. Best kernel: one "
                       "exact compressed kernel for all layers, chosen by its geometric mean; per layer: the fastest "
                       "one for each layer. EIE is a published 45 nm design of 2016 and its time its authors' "
                       "simulation, this host is measured: read the ratio with both ends in mind.")
    if "cache hot" in table.columns:
        table.notes.append(HOT_NOTE)
    return table


def _at_threads(table, column, view, threads, published):
    words = view.thread_words(threads)
    layers = view.best_per_layer(threads)
    named = sorted({name for _, name in layers if name})
    sides = {"EIE actual": ("EIE actual, Table IV", published.times(EIE, "actual")),
             PER_LAYER: (" or ".join(named), [cell for cell, _ in layers])}
    for name, found in ((DENSE, view.dense(threads)), (BEST, view.best(threads))):
        sides[name] = (found.name, view.times(found)) if found else \
            (f"no {SPOKEN[name]}", [_none(f"no {SPOKEN[name]} with all nine layers on {words}")] * len(LAYERS))
    for faster, slower in PAIRS:
        what = f"{sides[slower][0]}, wall time / {sides[faster][0]}, batch 1, {words}, {column}"
        table.put(f"{faster} over {slower}, {words}", column, mean_ratio(sides[slower][1], sides[faster][1], what))
    best = view.best(threads)
    table.put(f"{BEST}, {words}", column,
              Cell(best.kernel, "", "measured", "smallest geometric mean of the nine layers") if best
              else _none(f"no {SPOKEN[BEST]} with all nine layers on {words}"))
    choice = "; ".join(f"{layer}: {name.partition('@')[0]}" for layer, (_, name) in zip(LAYERS, layers) if name)
    table.put(f"{PER_LAYER}, {words}", column,
              Cell(choice, "", "measured", "smallest time of each layer") if choice
              else _none(f"no {SPOKEN[BEST]} on {words}"))


def _none(why):
    return missing("missing", "measured", why, "us")


def host_headline(table, results, published):
    """The headline cache mode; the table has all of them."""
    view = headline_view(results, published)
    head = Headline(TITLE.format(f"cache {view.cache}, " if view else ""), [])
    if not view:
        head.notes.append("No measured row of suite paper at batch 1 in the results file.")
        return head
    column = f"cache {view.cache}"
    head.columns = [view.thread_words(threads) for threads in view.thread_counts()]

    def across(row):
        return [table.get(f"{row}, {words}", column) for words in head.columns]

    values = [[cell.value for cell in across(f"EIE actual over {name}")] for name in (BEST, PER_LAYER)]
    kinds = [BEST] if values[0] == values[1] else [BEST, PER_LAYER]
    for faster, slower in PAIRS:
        if PER_LAYER not in (faster, slower) or PER_LAYER in kinds:
            head.put_row(f"{SPOKEN[faster]} faster than {SPOKEN[slower]}", across(f"{faster} over {slower}"))
    head.notes.append("Below 1x it is slower. Kernels compare at equal threads. EIE's time is its authors' simulation.")
    for kind in kinds:
        chosen = [(_names(cell.value), words) for words, cell in zip(head.columns, across(kind)) if not cell.reason]
        if chosen:
            head.notes.append(f"{SPOKEN[kind][0].upper()}{SPOKEN[kind][1:]}: {kernel_words(chosen)}.")
    if view.cache == "hot":
        head.notes.append(HOT_NOTE)
    return head


def _names(choice):
    """The kernels' names from "layer: name; ..." or from a single name."""
    return " or ".join(sorted({part.rpartition(": ")[2] for part in choice.split("; ")}))
