"""The numbers of Fig. 6, published and of this host; figures.py draws them."""

from plots.core.cells import Cell, ratio
from plots.core.grid import Table
from plots.core.published import EIE, LAYERS, MEAN, PLATFORMS
from plots.core.references import BEST, DENSE
from plots.tables.hostrows import cell_of, headline_view
from plots.tables.modelrows import MEAN_ROW, MODEL_SUITES, model_kernels, model_row, with_mean, with_partial_mean

SERIES = [
    (f"{short} {'compressed' if matrix == 'sparse' else matrix}", platform, matrix)
    for short, platform in PLATFORMS.items()
    for matrix in ("dense", "sparse")
] + [("EIE", EIE, "actual")]


def fig6_published(results, published):
    """Speed-up over the published CPU dense times: Table IV's platforms and the model."""
    table = Table("fig6_speedup", "Fig. 6: speed-up over the published CPU dense times (Core i7-5930K, batch 1, dense)")
    base = published.times(PLATFORMS["CPU"], "dense")
    for series, platform, matrix in SERIES:
        what = f"CPU dense batch 1 / {series} batch 1, Table IV"
        with_mean(
            table, series, [ratio(over, under, what) for over, under in zip(base, published.times(platform, matrix))], what
        )
    for kernel in model_kernels(results):
        for suite in MODEL_SUITES:
            what = f"CPU dense batch 1, Table IV / {kernel}, suite {suite}, expected (model time)"
            cells = [cell_of(model_row(results, kernel, suite, layer), layer) for layer in LAYERS]
            with_mean(table, f"{kernel}, {suite}", [ratio(over, under, what) for over, under in zip(base, cells)], what)
    return table


def fig6_labels(table, published):
    """The printed labels of Fig. 6 that do not follow from Table IV, and what they imply."""
    labels = Table("fig6_labels", "Fig. 6: printed labels that do not follow from Table IV", corner="bar")
    for series, platform, matrix in SERIES:
        for layer in LAYERS + (MEAN,):
            printed = published.speedup_label(platform, matrix, layer)
            recomputed = table.get(MEAN_ROW if layer == MEAN else layer, series)
            if not agrees(printed, recomputed):
                _label_row(labels, f"{series} {layer}", layer, printed, recomputed, published)
    labels.notes.append(
        "Implied time is the published CPU dense time over the label, at Table IV's one "
        "decimal. Times at a queue depth are Table IV's theoretical time over Fig. 8's load "
        "balance. All other labels follow from Table IV."
    )
    return labels


def agrees(printed, recomputed):
    """Does the recomputed value round to the printed digits?"""
    decimals = len(printed.text.partition(".")[2])
    return abs(recomputed.value - printed.value) <= 0.5 * 10**-decimals + 1e-9


def implied_time(published, layer):
    """The time of EIE that the printed label of Fig. 6 needs, with the digits of Table IV."""
    label = published.speedup_label(EIE, "actual", layer)
    dense = published.time(PLATFORMS["CPU"], "dense", layer)
    return Cell(
        round(dense.value / label.value, 1),
        "us",
        "derived",
        "CPU dense batch 1 of Table IV / printed label of Fig. 6, one decimal",
    )


def figure_time(published, layer):
    """EIE's time behind the figures: Table IV's, but where Fig. 6's label differs the one that it implies."""
    actual = published.time(EIE, "actual", layer)
    recomputed = ratio(published.time(PLATFORMS["CPU"], "dense", layer), actual, "Fig. 6 from Table IV")
    printed = published.speedup_label(EIE, "actual", layer)
    return actual if agrees(printed, recomputed) else implied_time(published, layer)


def time_at_depth(published, layer, depth):
    return Cell(
        100 * published.time(EIE, "theoretical", layer).value / published.load_balance(layer, depth).value,
        "us",
        "derived",
        f"theoretical time of Table IV / load balance of Fig. 8 at depth {depth}",
    )


def times_of_mixed_depth(published):
    """Table IV's times, but those of queue depth 4 for the layers whose label in Fig. 6 does not follow from it: what
    Fig. 8 makes of them, without a look at the label's digits."""
    return [
        actual if figure_time(published, layer) is actual else time_at_depth(published, layer, 4)
        for layer, actual in zip(LAYERS, published.times(EIE, "actual"))
    ]


def _label_row(labels, name, layer, printed, recomputed, published):
    labels.put(name, "printed", printed)
    labels.put(name, "from Table IV", recomputed)
    if layer == MEAN:
        return
    labels.put(name, "implied time (us)", implied_time(published, layer))
    labels.put(name, "Table IV (us)", published.time(EIE, "actual", layer))
    for depth in (4, 8):
        labels.put(name, f"queue depth {depth} (us)", time_at_depth(published, layer, depth))


def fig6_host(results, published):
    """Speed-up over this host's own fastest dense rows, a table for one thread and one for all. Each compares
    that thread count only; devices, which have no threads, appear with every thread count."""
    view = headline_view(results, published)
    counts = view.thread_counts() if view else []
    return [
        _host_table(view, threads, threads == counts[-1], published)
        for threads in counts
        if any(view.reference(DENSE, threads))
    ]


def _host_table(view, threads, with_devices, published):
    words, names = view.thread_words(threads), view.reference_names(DENSE, threads)
    table = Table(
        f"fig6_host_threads{threads}",
        f"This host, {words}: speed-up over its own {BEST[DENSE]} (batch 1, wall time, cache {view.cache})",
    )
    base, references = view.reference_times(DENSE, threads), view.reference(DENSE, threads)
    alike = {row.kernel for row in references if row}
    for column in view.columns():
        beside = column.threads == threads if column.device == "cpu" else with_devices
        if beside and alike != {column.kernel}:
            what = (
                f"this host's {BEST[DENSE]}, wall time / {column.name}, {column.time_source} time, batch 1, "
                f"cache {view.cache}"
            )
            with_partial_mean(table, column.name, view.over(DENSE, view.alone(column), threads), what)
    what = f"this host's {BEST[DENSE]}, wall time, cache {view.cache} / EIE actual, Table IV, batch 1"
    with_partial_mean(
        table, "EIE", [ratio(over, under, what) for over, under in zip(base, published.times(EIE, "actual"))], what
    )
    table.notes.append(
        f"{BEST[DENSE][0].upper()}{BEST[DENSE][1:]} is {names}, not the published CPU: values here and in "
        "Fig. 6 have different denominators."
    )
    return table
