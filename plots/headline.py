"""The headline: speed and energy, as printed, recomputed, modelled and measured.

Three tables hold the numbers; the lines only put them into sentences.
"""

from cells import Cell, geometric_mean, missing, ratio
from fig6 import agrees, implied_time
from grid import Table
from hostrows import HostView, cell_of, headline_caches, number_cell
from hosttables import best_of, host_energy
from modelrows import MODEL_SUITES, model_kernels, model_row
from published import EIE, LAYERS, PLATFORMS, POWER_LAYERS

NINE = "geometric mean of nine layers"
BASELINES = [(batch, matrix) for batch in (1, 64) for matrix in ("dense", "sparse")]


def mean_ratio(overs, unders, what, layers="nine layers"):
    return geometric_mean([ratio(over, under, what) for over, under in zip(overs, unders)],
                          f"{layers}: {what}")


# ---- speed, published baselines ----------------------------------------------------------------

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
    table.notes.append("Baseline times are wall times of Table IV, at batch 64 per input vector; EIE always "
                       "runs batch 1. A value below 1x means that the baseline is faster.")
    return table


def _with_label_times(published):
    """Table IV's actual times, but where Fig. 6's label differs the time that the label implies."""
    times = []
    for layer, actual in zip(LAYERS, published.times(EIE, "actual")):
        printed = published.speedup_label(EIE, "actual", layer)
        recomputed = ratio(published.time(PLATFORMS["CPU"], "dense", layer), actual, "Fig. 6 from Table IV")
        times.append(actual if agrees(printed, recomputed) else implied_time(published, layer))
    return times


def speed_lines(table, published):
    def three(column, matrix, batch):
        return " / ".join(table.get(f"{short} {matrix}, batch {batch}", column).shown() for short in PLATFORMS)

    odd = [(layer, time, actual) for layer, time, actual
           in zip(LAYERS, _with_label_times(published), published.times(EIE, "actual")) if time is not actual]
    names = " and ".join(layer for layer, _, _ in odd)
    implied = " and ".join(time.shown() for _, time, _ in odd)
    tabled = " and ".join(actual.shown() for _, _, actual in odd)
    at4 = " and ".join(f"{_at_depth(published, layer, 4).shown()}" for layer, _, _ in odd)
    at8 = " and ".join(f"{_at_depth(published, layer, 8).shown()}" for layer, _, _ in odd)
    lines = [
        f"EIE over CPU / GPU / mGPU dense, batch 1, as printed: {three('printed', 'dense', 1)}.",
        f"The same from Table IV (wall time over EIE actual, {NINE}): {three('EIE actual', 'dense', 1)}.",
        f"Why they differ: the bars of {names} in Fig. 6 need {implied} us, where Table IV has {tabled} us. "
        f"Theoretical time over Fig. 8's load balance gives {at4} us at queue depth 4 and {at8} us at depth 8: "
        f"the bars fit depth 4, Table IV depth 8. With the bars' times: {three('EIE, Fig. 6 times', 'dense', 1)}.",
        f"Against sparse baselines, batch 1 (Table IV, {NINE}): {three('EIE actual', 'sparse', 1)}.",
        f"Against dense baselines at batch 64, per input vector (EIE batch 1): {three('EIE actual', 'dense', 64)}; "
        f"sparse at batch 64: {three('EIE actual', 'sparse', 64)}. Below 1x the baseline is faster.",
    ]
    for column in table.columns[4:]:
        lines.append(f"Model {column} (expected model time) against published CPU / GPU / mGPU dense, batch 1, "
                     f"{NINE}: {three(column, 'dense', 1)}; sparse, batch 1: {three(column, 'sparse', 1)}.")
    if not table.columns[4:]:
        lines.append("The model: no row in the results file.")
    return lines


def _at_depth(published, layer, depth):
    return Cell(100 * published.time(EIE, "theoretical", layer).value / published.load_balance(layer, depth).value,
                "us", "derived", f"theoretical time of Table IV / load balance of Fig. 8 at depth {depth}")


# ---- speed, this host --------------------------------------------------------------------------

def host_table(results, published):
    table = Table("headline_host", f"This host and EIE, batch 1, {NINE}", corner="ratio")
    actual = published.times(EIE, "actual")
    for cache in headline_caches(results):
        view = HostView(results, cache, published)
        column = f"cache {cache}"
        bases = {"one thread": [base for base in view.dense() if base.threads == 1],
                 "most threads": view.dense()[-1:]}
        best = best_of(view, view.compressed())
        for words, base in bases.items():
            name = base[0].name if base else f"dense OpenBLAS, {words}"
            _put(table, f"EIE actual over this host's dense OpenBLAS, {words}", column,
                 view, base, lambda times: (times, actual), f"{name}, wall time / EIE actual, Table IV")
            _put(table, f"this host's best exact compressed kernel over its dense OpenBLAS, {words}", column,
                 view, base if best else [], lambda times: (times, view.times(best)),
                 f"{name} / {best.name if best else 'no kernel'}, both wall time on this host")
        _put(table, "EIE actual over this host's best exact compressed kernel", column, view,
             [best] if best else [], lambda times: (times, actual),
             f"{best.name if best else 'no kernel'}, wall time / EIE actual, Table IV")
        table.put("(the best exact compressed kernel)", column,
                  Cell(best.name, "", "measured", "smallest geometric mean of the nine layers") if best
                  else missing("none", "measured", "no exact compressed kernel with all nine layers"))
        table.put("(most threads of dense OpenBLAS)", column,
                  Cell(view.dense()[-1].name, "", "measured", "column of the host table") if view.dense()
                  else missing("none", "measured", "no complete row set of dense OpenBLAS"))
    table.notes.append("One kernel at one thread count for all layers, chosen by its mean. EIE is a published "
                       "45 nm design of 2016, this host is measured: read the ratio with both ends in mind.")
    return table


def _put(table, row, column, view, base, pair, what):
    if not base:
        why = "no such row for all nine layers in the results file"
        table.put(row, column, missing("missing", "derived", why, "x"))
        return
    overs, unders = pair(view.times(base[0]))
    table.put(row, column, mean_ratio(overs, unders, f"{what}, batch 1, {column}"))


def host_lines(table, results):
    if not table.columns:
        return ["This host: no measured row of suite paper at batch 1 in the results file."]
    column = table.columns[0]
    lines = [f"{row[0].upper() + row[1:]}, batch 1, wall time, {column}, {NINE}: {table.get(row, column).shown()}"
             + (f" ({_names(table, row, column)})." if _names(table, row, column) else ".")
             for row in table.rows if not row.startswith("(")]
    return lines


def _names(table, row, column):
    names = []
    if "best exact" in row:
        names.append(table.get("(the best exact compressed kernel)", column).plain())
    if "most threads" in row:
        names.append(table.get("(most threads of dense OpenBLAS)", column).plain())
    return ", ".join(names)


# ---- energy ------------------------------------------------------------------------------------

def energy_table(results, published):
    six = "six AlexNet and VGG layers"
    table = Table("headline_energy", "Energy efficiency of EIE over dense baselines, batch 1, geometric means",
                  corner="baseline")
    chip = published.claim("chip_power_abstract")
    for short, platform in PLATFORMS.items():
        row = f"{short} dense"
        table.put(row, "printed", published.claim("energy_efficiency_over_" + platform.replace("-", "_")))
        what = f"printed bar of EIE / printed bar of {short} dense, Fig. 7"
        table.put(row, "nine bars of Fig. 7", mean_ratio(
            [published.energy_label(EIE, "actual", layer) for layer in LAYERS],
            [published.energy_label(platform, "dense", layer) for layer in LAYERS], what))
        base = [published.energy(platform, "dense", layer) for layer in POWER_LAYERS]
        eie = [Cell(chip.value * time.value, "uJ", "derived", f"{chip.source} x {time.source}")
               for time in published.times(EIE, "actual", layers=POWER_LAYERS)]
        table.put(row, "power x time, six layers", mean_ratio(
            base, eie, f"{short} dense power x time / EIE {chip.text} W x actual time of Table IV", six))
        for kernel in model_kernels(results):
            for suite in MODEL_SUITES:
                for key, words in (("eie_energy_j", "constant power"), ("eie_energy_actions_j", "actions")):
                    ours = [number_cell(model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, words)
                            for layer in POWER_LAYERS]
                    table.put(row, f"{kernel}, {suite}, {words}", mean_ratio(
                        base, ours, f"{short} dense power x time / {kernel} on {EIE}, suite {suite}, {words}", six))
    for column in table.columns or ["energy"]:
        table.put("this host", column, host_energy(results, "x"))
    table.notes.append("Powers are printed for the six AlexNet and VGG layers only, so all but the first two "
                       "columns are means over those six. Bars of GPU and mGPU in Fig. 7 are printed with one "
                       "or two digits, which limits the second column. Constant power is published chip power "
                       "x expected time; actions are counts x energy per action. CPU: socket and DRAM; EIE: "
                       "chip without DRAM. This host's energy is not measured where it says unavailable.")
    return table


def energy_lines(table, results):
    def three(column):
        return " / ".join(table.get(f"{short} dense", column).shown() for short in PLATFORMS)

    lines = [f"Energy efficiency of EIE over CPU / GPU / mGPU dense, batch 1, as printed: {three('printed')}.",
             f"Geometric mean of the nine printed bars of Fig. 7: {three('nine bars of Fig. 7')}.",
             "From printed powers x Table IV's wall times (dense, batch 1), geometric mean of six AlexNet and VGG layers: "
             f"{three('power x time, six layers')}."]
    for column in table.columns[3:]:
        lines.append(f"Model {column}, against published power x time (dense, batch 1), same six layers: {three(column)}.")
    energy = host_energy(results, "J")
    lines.append(f"This host's energy: {energy.shown()} ({energy.source}).")
    return lines


def per_layer_energy(results, published):
    """Microjoules of one product for the six layers; the terms of the ratios above."""
    table = Table("energy_layers", "Energy of one product, batch 1, uJ", in_terminal=False)
    for short, platform in PLATFORMS.items():
        for layer in POWER_LAYERS:
            table.put(layer, f"{short} dense", published.energy(platform, "dense", layer))
    for kernel in model_kernels(results):
        for suite in MODEL_SUITES:
            for key, words in (("eie_energy_j", "constant power"), ("eie_energy_actions_j", "actions")):
                for layer in LAYERS:
                    table.put(layer, f"{kernel}, {suite}, {words}", number_cell(
                        model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, f"energy, {words}"))
    return table
