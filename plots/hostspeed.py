"""EIE against this host, and this host's kernels against its own dense baseline: equal threads only."""

from collections import Counter

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
TITLE = "Speed, this host: wall time, {}batch {}, " + NINE
BATCHES = (1, 64)
JOINT = ", "


def host_table(results, published):
    table = Table("headline_host", f"This host and EIE (always batch 1), {NINE}",
                  corner="faster than, at equal threads")
    for batch in BATCHES:
        for cache in headline_caches(results, batch):
            view = HostView(results, cache, published, batch)
            for threads in view.thread_counts():
                _at_threads(table, _column(view), view, threads, published)
    table.fill("not run in this cache mode")
    table.notes.append("\"A over B\" is how many times faster A is than B; below 1x it is slower. Best kernel: one "
                       "exact compressed kernel for all layers, chosen by its geometric mean; per layer: the fastest "
                       "one for each layer. EIE is a published 45 nm design of 2016 and its time its authors' "
                       "simulation, this host is measured: read the ratio with both ends in mind. At batch 64 this "
                       "host's times are per input, and its dense baseline is OpenBLAS sgemm instead of sgemv.")
    if "cache hot" in table.columns:
        table.notes.append(HOT_NOTE)
    return table


def _column(view):
    return f"cache {view.cache}" + ("" if view.batch == 1 else f", batch {view.batch}")


def _at_threads(table, column, view, threads, published):
    words = view.thread_words(threads)
    layers = view.best_per_layer(threads)
    named = sorted({found.name for _, found in layers if found})
    sides = {"EIE actual": ("EIE actual, Table IV", published.times(EIE, "actual")),
             PER_LAYER: (" or ".join(named), [cell for cell, _ in layers])}
    for name, found in ((DENSE, view.dense(threads)), (BEST, view.best(threads))):
        sides[name] = (found.name, view.times(found)) if found else \
            (f"no {SPOKEN[name]}", [_none(view.why_no_dense(threads) if name == DENSE else
                                          f"no {SPOKEN[name]} with all nine layers on {words}")] * len(LAYERS))
    best = view.best(threads)
    compared = {BEST: view.dense_times_for(best, threads) if best else sides[DENSE][1],
                PER_LAYER: [view.dense_times_for(found, threads)[index] if found else sides[DENSE][1][index]
                            for index, (_, found) in enumerate(layers)]}
    for faster, slower in PAIRS:
        what = f"{sides[slower][0]}, wall time / {sides[faster][0]}, batch {view.batch}, {words}, {column}"
        over = compared[faster] if slower == DENSE and faster in compared else sides[slower][1]
        table.put(f"{faster} over {slower}, {words}", column, mean_ratio(over, sides[faster][1], what))
    table.put(f"{BEST}, {words}", column,
              Cell(best.kernel, "", "measured", "smallest geometric mean of the nine layers") if best
              else _none(f"no {SPOKEN[BEST]} with all nine layers on {words}"))
    choice = _choice([(layer, found.kernel) for layer, (_, found) in zip(LAYERS, layers) if found])
    table.put(f"{PER_LAYER}, {words}", column,
              Cell(choice, "", "measured", "smallest time of each layer") if choice
              else _none(f"no {SPOKEN[BEST]} on {words}"))
    if JOINT in choice:
        table.notes.append(f"{PER_LAYER[0].upper()}{PER_LAYER[1:]}, {words}, {column}: " + "; ".join(
            f"{layer} {found.kernel}" for layer, (_, found) in zip(LAYERS, layers) if found) + ".")


def _choice(pairs):
    """"a", "a (6), b (3)" from (layer, kernel) pairs: how many layers each is the fastest on."""
    counts = Counter(kernel for _, kernel in pairs)
    return next(iter(counts)) if len(counts) == 1 else JOINT.join(
        f"{kernel} ({count})" for kernel, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


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

    values = [[cell.value for cell in across(f"EIE actual over {name}")] for name in (BEST, PER_LAYER)]
    kinds = [BEST] if values[0] == values[1] else [BEST, PER_LAYER]
    also = ", the fastest on each layer" if len(kinds) == 1 else ""
    for faster, slower in PAIRS:
        if PER_LAYER not in (faster, slower) or PER_LAYER in kinds:
            head.put_row(f"{SPOKEN[faster]} faster than {SPOKEN[slower]}", across(f"{faster} over {slower}"))
    head.notes.append("Below 1x it is slower. Kernels compare at equal threads. EIE's time is its authors' simulation"
                      + (", at batch 1: it takes one input at a time." if per_input else "."))
    for kind in kinds:
        chosen = [(cell.value, words) for words, cell in zip(head.columns, across(kind)) if not cell.reason]
        if chosen:
            head.notes.append(f"{SPOKEN[kind][0].upper()}{SPOKEN[kind][1:]}: {kernel_words(chosen)}{also}.")
    if view.cache == "hot" and view.batch == 1:
        head.notes.append(HOT_NOTE)
    others = [cache for cache in headline_caches(results, view.batch) if cache != view.cache]
    if others:
        head.notes.append(f"Cache {', '.join(others)}: headline_host.csv has the same ratios there.")
    return head
