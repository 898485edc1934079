"""EIE against this host, and this host's kernels against its own dense baseline: equal threads only."""

import re

from cells import Cell, mean_ratio, missing
from grid import Table
from hostrows import HostView, headline_caches
from published import EIE, LAYERS
from speed import NINE, direction

DENSE, BEST, PER_LAYER = "dense OpenBLAS", "best kernel", "best kernel per layer"
# (who is faster, than whom): both on this host at the same thread count, or EIE against one of them
PAIRS = (("EIE actual", DENSE), ("EIE actual", BEST), ("EIE actual", PER_LAYER), (BEST, DENSE), (PER_LAYER, DENSE))
SPOKEN = {DENSE: "dense OpenBLAS", BEST: "best exact compressed kernel",
          PER_LAYER: "best exact compressed kernel for each layer"}


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


def host_lines(table, results, published):
    """The headline cache mode in sentences; the table has all of them."""
    lines = []
    for cache in headline_caches(results)[:1]:
        view = HostView(results, cache, published)
        for threads in view.thread_counts():
            lines += _lines_at(table, f"cache {cache}", view.thread_words(threads))
    return lines or ["No measured row of suite paper at batch 1 in the results file."]


def _lines_at(table, column, words):
    def get(row):
        return table.get(f"{row}, {words}", column)

    chosen = {BEST: get(BEST).digits(),
              PER_LAYER: ", ".join(sorted(set(re.findall(r": ([^;]+)", get(PER_LAYER).digits()))))}
    by_layer, by_mean = get(f"EIE actual over {PER_LAYER}"), get(f"EIE actual over {BEST}")
    pairs = [pair for pair in PAIRS if PER_LAYER not in pair or by_layer.value != by_mean.value]
    lines = []
    for faster, slower in pairs:
        cell = get(f"{faster} over {slower}")
        names = {side: SPOKEN[side] + (f" ({chosen[side]})" if side in chosen else "") for side in SPOKEN}
        eie = faster == "EIE actual"
        subject, whose = ("EIE (published actual)", "this host's") if eie else (f"This host's {names[faster]}", "its")
        if not cell.is_number:
            lines.append(f"{subject} over {names[slower]} on {words}: not compared; {cell.reason}.")
            continue
        cell, word = direction(cell, "faster", "slower")
        kind = "compressed against " + ("dense" if slower == DENSE else "compressed")
        clock = "wall time against simulation" if eie else "wall time"
        lines.append(f"{subject} is {cell.shown()} {word} than {whose} {names[slower]} "
                     f"on {words}: {kind}, batch 1, {clock}, {column}, {NINE}.")
    return lines
