"""Speed-up of EIE and of its model over the published baselines: a table and the headline lines."""

from cells import Cell, mean_ratio, missing, ratio
from fig6 import agrees, implied_time
from grid import Table
from hostrows import cell_of
from modelrows import MODEL_SUITES, model_kernels, model_row
from published import EIE, LAYERS, PLATFORMS

NINE = "geometric mean of nine layers"
BASELINES = [(batch, matrix) for batch in (1, 64) for matrix in ("dense", "sparse")]
WALL = f"wall time against its authors' simulation, {NINE}"


def speed_table(results, published):
    table = Table("headline_speed", f"Speed-up of EIE over the published baselines, {NINE}",
                  corner="baseline (Table IV)")
    actual = published.times(EIE, "actual")
    with_labels = _with_label_times(published)
    for batch, matrix in BASELINES:
        for short, platform in PLATFORMS.items():
            row = f"{short} {matrix}, batch {batch}"
            base = published.times(platform, matrix, batch)
            ends = f"{row}, Table IV / EIE"
            if (batch, matrix) == (1, "dense"):
                table.put(row, "printed", published.claim("speedup_over_" + platform.replace("-", "_")))
            else:
                table.put(row, "printed", missing("not printed", "cited", "EIE ISCA 2016 prints no such mean", "x"))
            table.put(row, "EIE actual", mean_ratio(base, actual, f"{ends} actual, batch 1, Table IV"))
            table.put(row, "EIE, Fig. 6 times", mean_ratio(
                base, with_labels, f"{ends} actual, batch 1, Table IV but the times that Fig. 6's labels imply"))
            table.put(row, "EIE theoretical", mean_ratio(
                base, published.times(EIE, "theoretical"), f"{ends} theoretical, batch 1, Table IV"))
            for kernel in model_kernels(results):
                for suite in MODEL_SUITES:
                    times = [cell_of(model_row(results, kernel, suite, layer), layer) for layer in LAYERS]
                    table.put(row, f"{kernel}, {suite}",
                              mean_ratio(base, times, f"{row}, Table IV / {kernel} on {EIE}, suite {suite}, "
                                                      "expected, batch 1 (model time)"))
    table.notes.append("How many times faster EIE (or its model) is than the row's baseline; below 1x the baseline "
                       "is faster. Baselines: wall times of Table IV, at batch 64 per input vector; EIE always "
                       "runs batch 1.")
    return table


def _with_label_times(published):
    """Table IV's actual times, but where Fig. 6's label differs the time that the label implies."""
    times = []
    for layer, actual in zip(LAYERS, published.times(EIE, "actual")):
        printed = published.speedup_label(EIE, "actual", layer)
        recomputed = ratio(published.time(PLATFORMS["CPU"], "dense", layer), actual, "Fig. 6 from Table IV")
        times.append(actual if agrees(printed, recomputed) else implied_time(published, layer))
    return times


def direction(cell, more, less):
    """(cell, word): below 1x the inverse and the opposite word, so that 0.5x cannot be misread."""
    if cell.value < 1:
        return Cell(1 / cell.value, cell.unit, cell.provenance, f"1 / ({cell.source})"), less
    return cell, more


def than_each(cells, more="faster", less="slower"):
    """"8.3x d faster than CPU, 50x d than mGPU" from {name: cell}; the word stands where it changes."""
    absent = [cell for cell in cells.values() if not cell.is_number]
    if absent:
        return f"not compared ({absent[0].reason})"
    parts, said = [], ""
    for name, cell in cells.items():
        cell, word = direction(cell, more, less)
        parts.append(f"{cell.shown()} {'' if word == said else word + ' '}than {name}")
        said = word
    return ", ".join(parts)


def speed_lines(table, published):
    def against(column, matrix, batch):
        return than_each({short: table.get(f"{short} {matrix}, batch {batch}", column) for short in PLATFORMS})

    lines = [
        f"EIE (as printed) is {against('printed', 'dense', 1)}: dense, batch 1, {WALL}.",
        f"EIE (published actual) is {against('EIE actual', 'dense', 1)}: dense, batch 1, {WALL}.",
        f"{_label_line(published)} With the bars' times EIE is {against('EIE, Fig. 6 times', 'dense', 1)}.",
        f"EIE (published actual) is {against('EIE actual', 'sparse', 1)}: sparse, batch 1, {WALL}.",
        f"EIE (published actual, batch 1) is {against('EIE actual', 'dense', 64)}: dense, batch 64 per input, {WALL}.",
        f"EIE (published actual, batch 1) is {against('EIE actual', 'sparse', 64)}: sparse, batch 64 per input, "
        f"{WALL}.",
    ]
    for column in table.columns[4:]:
        kernel, _, suite = column.partition(", ")
        lines.append(f"EIE ({kernel}, suite {suite}) is {against(column, 'dense', 1)}: dense, batch 1, wall time "
                     f"against expected model time, {NINE}.")
    return lines


def _label_line(published):
    odd = [(layer, time, actual) for layer, time, actual
           in zip(LAYERS, _with_label_times(published), published.times(EIE, "actual")) if time is not actual]

    def both(cells):
        return " and ".join(cell.shown(1) for cell in cells)

    depth = {depth: both(_at_depth(published, layer, depth) for layer, _, _ in odd) for depth in (4, 8)}
    return (f"Why these differ: Fig. 6's bars of {' and '.join(layer for layer, _, _ in odd)} imply "
            f"{both(time for _, time, _ in odd)} us, Table IV has {both(actual for _, _, actual in odd)} us. "
            f"Theoretical time / load balance (Fig. 8) is {depth[4]} us at queue depth 4, {depth[8]} us at depth 8: "
            "the bars fit depth 4, the table depth 8.")


def _at_depth(published, layer, depth):
    return Cell(100 * published.time(EIE, "theoretical", layer).value / published.load_balance(layer, depth).value,
                "us", "derived", f"theoretical time of Table IV / load balance of Fig. 8 at depth {depth}")
