"""Speed-up of EIE and of its model over the published baselines: a table and its headline."""

from plots.core.cells import Cell, missing
from plots.core.grid import Table
from plots.core.headline import Headline, ratio_text
from plots.core.means import mean_ratio
from plots.core.published import EIE, LAYERS, PLATFORMS
from plots.tables.fig6 import figure_time, time_at_depth, times_of_mixed_depth
from plots.tables.hostrows import cell_of
from plots.tables.modelrows import MODEL_SUITES, model_kernels, model_names, model_row

NINE = "geometric mean of nine layers"
DEPTH_4, DEPTH_8, MIXED = "EIE, depth 4", "EIE, depth 8", "EIE, mixed depths"
FASTER = "layers where the baseline is faster"
BASELINES = [(batch, matrix) for batch in (1, 64) for matrix in ("dense", "sparse")]


def speed_table(results, published):
    table = Table("headline_speed", f"Speed-up of EIE over the published baselines, {NINE}", corner="baseline (Table IV)")
    actual = published.times(EIE, "actual")
    with_labels = [figure_time(published, layer) for layer in LAYERS]
    depths = {
        DEPTH_4: [time_at_depth(published, layer, 4) for layer in LAYERS],
        DEPTH_8: [time_at_depth(published, layer, 8) for layer in LAYERS],
        MIXED: times_of_mixed_depth(published),
    }
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
            table.put(
                row,
                "EIE, Fig. 6 times",
                mean_ratio(base, with_labels, f"{ends} actual, batch 1, Table IV but the times that Fig. 6's labels imply"),
            )
            for column, times in depths.items():
                table.put(
                    row,
                    column,
                    mean_ratio(
                        base,
                        times,
                        f"{ends}, batch 1, theoretical time of Table IV / load balance of Fig. 8, "
                        f"{column.partition(', ')[2]}",
                    ),
                )
            table.put(
                row,
                "EIE theoretical",
                mean_ratio(base, published.times(EIE, "theoretical"), f"{ends} theoretical, batch 1, Table IV"),
            )
            for kernel in model_kernels(results):
                for suite in MODEL_SUITES:
                    times = [cell_of(model_row(results, kernel, suite, layer), layer) for layer in LAYERS]
                    table.put(
                        row,
                        f"{kernel}, {suite}",
                        mean_ratio(
                            base,
                            times,
                            f"{row}, Table IV / {kernel} on {EIE}, suite {suite}, expected, batch 1 (model time)",
                        ),
                    )
        _slower_than(table, published, batch, matrix)
    table.notes.append(
        "How many times faster EIE (or its model) is than the row's baseline; below 1x the baseline "
        "is faster. Baselines: Table IV, printed as wall time, at batch 64 per input vector; EIE always "
        "runs batch 1. Depth: theoretical time of Table IV over Fig. 8's load balance at that queue depth, "
        "for all nine layers; mixed: Table IV's times, but depth 4 for the layers whose label in Fig. 6 "
        "does not follow from Table IV."
    )
    return table


def _slower_than(table, published, batch, matrix):
    """On how many of the nine layers the baseline's time per input is below EIE's."""
    for short, platform in PLATFORMS.items():
        pairs = zip(published.times(platform, matrix, batch), published.times(EIE, "actual"))
        count = sum(base.value < ours.value for base, ours in pairs)
        table.put(
            f"{short} {matrix}, batch {batch}",
            FASTER,
            Cell(
                count,
                "",
                "derived",
                f"layers of nine with {short} {matrix}, batch {batch}, Table IV < EIE actual, batch 1, Table IV",
                text=str(count),
            ),
        )


def speed_headline(table, results, published):
    head = Headline(f"Speed: EIE (simulated) over baselines printed as wall time, batch 1, {NINE}", PLATFORMS)

    def put(label, column, matrix="dense", batch=1):
        head.put_row(label, [table.get(f"{short} {matrix}, batch {batch}", column) for short in PLATFORMS])

    bars = _bars_off_the_table(published)
    put("printed (Fig. 6), dense", "printed")
    put("recomputed from Table IV, dense", "EIE actual")
    put(f"  with Fig. 6's {', '.join(f'{layer} {implied.shown(1)}' for layer, implied in bars)} us", "EIE, Fig. 6 times")
    put(f"  with {', '.join(layer for layer, _ in bars)} at queue depth 4 (Fig. 8)", MIXED)
    for batch, matrix in BASELINES[1:]:
        put(
            f"recomputed, {matrix}" + (", baseline batch 64 per input" if batch == 64 else " baselines"),
            "EIE actual",
            matrix,
            batch,
        )
        if batch == 64:
            put(f"  {matrix} baseline faster on, of nine layers", FASTER, matrix, batch)
    for kernel, name in model_names(results).items():
        for suite in MODEL_SUITES:
            put(f"{name}, suite {suite}, dense", f"{kernel}, {suite}")
    models = "; model: expected time" if model_kernels(results) else ""
    head.notes += [
        f"Below 1x the baseline is faster. EIE: 64 PEs, its authors' simulation, batch 1{models}.",
        _depth_note(table, published, [layer for layer, _ in bars]),
    ]
    return head


def _bars_off_the_table(published):
    """The layers whose bar in Fig. 6 does not follow from Table IV, and EIE's time that it implies."""
    times = [(layer, figure_time(published, layer)) for layer in LAYERS]
    return [(layer, time) for layer, time in times if time is not published.time(EIE, "actual", layer)]


def _depth_note(table, published, layers):
    def times(cells):
        return ", ".join(cell.shown(1) for cell in cells)

    depth = {depth: times(time_at_depth(published, layer, depth) for layer in layers) for depth in (4, 8)}
    actual = times(published.time(EIE, "actual", layer) for layer in layers)
    four, eight = (ratio_text(table.get("CPU dense, batch 1", column)) for column in (DEPTH_4, DEPTH_8))
    return (
        f"Printed mixes queue depths: {', '.join(layers)} at 4, the other {len(LAYERS) - len(layers)} at 8. Theoretical "
        f"time / load balance (Fig. 8) of these is {depth[4]} us at 4, {depth[8]} us at 8; Table IV has {actual} us. "
        f"CPU dense over all nine at 4: {four}, at 8: {eight}."
    )
