"""Energy of EIE and of its model against the published baselines, and what the model counts."""

from cells import Cell, mean_ratio, ratio
from grid import Table
from hosttables import host_energy
from hostrows import number_cell
from modelrows import FC8, MODEL_SUITES, model_kernels, model_row
from published import EIE, LAYERS, PLATFORMS, POWER_LAYERS
from speed import NINE, than_each

SIX = "geometric mean of six layers"
KINDS = (("eie_energy_j", "constant power"), ("eie_energy_actions_j", "action counts"))
CHIP_POWERS = ("chip_power_abstract", "chip_power_text")  # 0.600 W, which Fig. 7 needs, and Table V's 0.59 W


def energy_table(results, published):
    table = Table("headline_energy", "How many times less energy EIE needs than dense baselines, batch 1, "
                                     "geometric means", corner="baseline")
    for short, platform in PLATFORMS.items():
        row = f"{short} dense"
        table.put(row, "printed", published.claim("energy_efficiency_over_" + platform.replace("-", "_")))
        table.put(row, "nine bars of Fig. 7", mean_ratio(
            [published.energy_label(EIE, "actual", layer) for layer in LAYERS],
            [published.energy_label(platform, "dense", layer) for layer in LAYERS],
            f"printed bar of EIE / printed bar of {short} dense, Fig. 7"))
        base = [published.energy(platform, "dense", layer) for layer in POWER_LAYERS]
        for key in CHIP_POWERS:
            chip = published.claim(key)
            table.put(row, power_column(chip), mean_ratio(
                base, published_energy(published, chip),
                f"{short} dense power x time / EIE {chip.text} W x actual time of Table IV", "six layers"))
        for kernel in model_kernels(results):
            for suite in MODEL_SUITES:
                for key, words in KINDS:
                    ours = [number_cell(model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, words)
                            for layer in POWER_LAYERS]
                    table.put(row, f"{kernel}, {suite}, {words}", mean_ratio(
                        base, ours, f"{short} dense power x time / {kernel} on {EIE}, suite {suite}, {words}",
                        "six layers"))
    for column in table.columns:
        table.put("this host", column, host_energy(results, "x"))
    table.notes += ["Powers are printed for the six AlexNet and VGG layers only, so all but the first two columns are "
                    "means over those six. Bars of GPU and mGPU in Fig. 7 are printed with one or two digits, which "
                    "limits the second column. CPU: socket and DRAM; EIE: chip without DRAM.", _power_note(results),
                    _action_note(results)]
    return table


def power_column(chip):
    return f"{chip.value:.3f} W x Table IV actual"


def published_energy(published, chip):
    """Chip power x Table IV's actual time for the layers whose power is printed, microjoules."""
    return [Cell(chip.value * time.value, "uJ", "derived", f"{chip.source} x {time.source}")
            for time in published.times(EIE, "actual", layers=POWER_LAYERS)]


def _model_watts(results):
    """The power that the model's constant-power energy stands on, as the rows have it; None without rows."""
    for kernel in model_kernels(results):
        row = model_row(results, kernel, "paper", LAYERS[0])
        energy = number_cell(row, LAYERS[0], "eie_energy_j", "J", 1, "energy")
        if energy.is_number:
            return energy.value / (row.median_ns * 1e-9)
    return None


def _power_note(results):
    watts = _model_watts(results)
    model = "" if watts is None else f" The model's constant power is {watts:.3f} W times its expected time."
    return "Fig. 7's labels follow from 0.600 W (abstract) and Table IV's actual times, not from 0.590 W (text, " \
           "Table V)." + model


def _action_note(results):
    counts = counts_table(results)
    text = ("Action counts: Spmat line reads, pointer-pair reads, queue pops, entries and LNZD cycles, each at the "
            "energy that follows from Table II's module powers at one entry per cycle and one line and one pointer "
            "pair every 8 cycles.")
    spans = []
    for column, words in (("entries per line read", "a line"), ("entries per pointer read", "a pointer pair")):
        values = [cell.value for (_, name), cell in counts.cells.items() if name.endswith(column) and cell.is_number]
        if values:
            spans.append(f"{words} every {min(values):.2g} to {max(values):.2g} entries")
    return text + (f" Counted: {' and '.join(spans)} of a PE, mostly more often than that ideal. No DRAM."
                   if spans else "")


def energy_lines(table, results, published):
    def against(column):
        text = than_each({short: table.get(f"{short} dense", column) for short in PLATFORMS},
                         "less energy", "more energy")
        return f"is {text}" if text.startswith("not ") else f"needs {text}"

    abstract, text = (power_column(published.claim(key)) for key in CHIP_POWERS)
    lines = [f"EIE (as printed) {against('printed')}: dense, batch 1, {NINE}.",
             f"EIE (bars of Fig. 7) {against('nine bars of Fig. 7')}: dense, batch 1, {NINE}.",
             f"EIE ({abstract}) {against(abstract)}: dense, batch 1, printed power x wall time, {SIX}.",
             f"EIE ({text}) {against(text)}: dense, batch 1, printed power x wall time, {SIX}."]
    for kernel in model_kernels(results):
        for _, words in KINDS:
            needs = against(f"{kernel}, paper, {words}")
            lines.append(f"EIE ({kernel}, suite paper, {words}) {needs}: dense, batch 1, printed power x wall "
                         f"time against model, {SIX}.")
    return lines + ["Six layers: the powers of the NeuralTalk layers are not printed. " + _power_note(results)] \
        + ([_action_note(results)] if model_kernels(results) else [])


def per_layer_energy(results, published):
    """Microjoules of one product for the layers with printed powers; the terms of the ratios above."""
    table = Table("energy_layers", "Energy of one product, batch 1, uJ")
    for short, platform in PLATFORMS.items():
        for layer in POWER_LAYERS:
            table.put(layer, f"{short} dense", published.energy(platform, "dense", layer))
    for key in CHIP_POWERS:
        chip = published.claim(key)
        for layer, cell in zip(POWER_LAYERS, published_energy(published, chip)):
            table.put(layer, f"EIE, {power_column(chip)}", cell)
    for kernel in model_kernels(results):
        for suite in MODEL_SUITES:
            for key, words in KINDS:
                for layer in LAYERS:
                    table.put(layer, f"{kernel}, {suite}, {words}", number_cell(
                        model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, f"energy, {words}"))
    table.fill("the power of the NeuralTalk layers is not printed")
    return table


def counts_table(results):
    """How often the model's PEs read their memories; the energy table's ideal is one read in 8 entries."""
    table = Table("model_counts", "What the model counts: entries of a PE for each memory read, batch 1")
    for kernel in model_kernels(results):
        for suite in MODEL_SUITES + ("real",):
            for layer in LAYERS if suite != "real" else (FC8,):
                row = model_row(results, kernel, suite, layer)
                entries, lines, columns, per_pe = (
                    number_cell(row, layer, key, "", 1, key) for key in
                    ("eie_entries_active", "eie_spmat_line_reads", "eie_columns_active", "eie_theoretical_cycles"))
                head = f"{kernel}, {suite}: "
                table.put(layer, head + "entries per line read",
                          ratio(entries, lines, f"entries / Spmat line reads, {head}{layer}", ""))
                table.put(layer, head + "entries per pointer read",
                          ratio(per_pe, columns, f"entries of a PE / active columns, {head}{layer}", ""))
    table.fill("this layer is not in this suite")
    table.notes.append("A PE does one entry per cycle at best. The ideal behind the energy table is 8 entries for each "
                       "Spmat line and 8 for each pointer pair; a smaller number means more reads. Padding entries "
                       "count as entries.")
    return table
