"""The numbers of Fig. 7, energy efficiency over the dense CPU: printed, recomputed, modelled; figures.py draws them.

Energy is printed power x printed time. The paper gives no powers for the NeuralTalk layers: their bars
are cited, the powers that they imply are derived, and neither counts as reproduced.
"""

from plots.core.cells import MARKS, Cell, missing, ratio
from plots.core.grid import Table
from plots.core.means import geometric_mean
from plots.core.published import EIE, LAYERS, MEAN, PLATFORMS, POWER_LAYERS
from plots.core.references import DENSE
from plots.tables.deviceenergy import processor_kind
from plots.tables.energy import CHIP_POWERS, KINDS, published_energy
from plots.tables.fig6 import SERIES, agrees, figure_time
from plots.tables.hostrows import headline_view, number_cell
from plots.tables.hosttables import host_energy
from plots.tables.modelrows import MEAN_ROW, MODEL_SUITES, model_kernels, model_row, with_partial_mean

SIX_ROW = "geometric mean of six"
OTHERS = "others"
HOST_DENSE, HOST_BEST = "this host, best dense", "this host, best compressed"
UNPRINTED = "the paper gives no power for the NeuralTalk layers"


def chip_words(chip):
    return f"{chip.value:.3f} W"


def fig7_table(results, published):
    """Printed bars, and the same from power x time; EIE's once for each of its printed powers."""
    table = Table("fig7_energy", "Fig. 7: energy efficiency over the published dense CPU, batch 1")
    base = [published.energy(PLATFORMS["CPU"], "dense", layer) for layer in POWER_LAYERS]
    for series, platform, matrix in SERIES:
        for layer in LAYERS:
            table.put(layer, f"{series}, printed", published.energy_label(platform, matrix, layer))
        table.put(MEAN_ROW, f"{series}, printed", published.energy_label(platform, matrix, MEAN))
        for column, energies in () if series == "CPU dense" else _energies(published, series, platform, matrix):
            _recomputed(table, column, base, energies, f"CPU dense power x time / {column}")
    for kernel in model_kernels(results):
        for suite in MODEL_SUITES:
            for key, words in KINDS:
                column = f"{kernel}, {suite}, {words}"
                _recomputed(
                    table,
                    column,
                    base,
                    [
                        number_cell(model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, f"energy, {words}")
                        for layer in POWER_LAYERS
                    ],
                    f"CPU dense power x time / {column}",
                )
    for series, _, _ in SERIES:
        for count, row in ((len(POWER_LAYERS), SIX_ROW), (len(LAYERS), "geometric mean of nine printed bars")):
            table.put(
                row,
                f"{series}, printed",
                geometric_mean(
                    [table.get(layer, f"{series}, printed") for layer in LAYERS[:count]],
                    f"the printed bars of {count} layers: {series}",
                ),
            )
    table.rows = list(LAYERS) + [row for row in table.rows if row not in LAYERS]
    table.fill(UNPRINTED)
    table.notes += [
        label_words(label_counts(table, published)),
        "Bars of NeuralTalk are cited only. The row of the geometric mean holds the printed label; the "
        "mean of six is over the layers whose powers are printed.",
    ]
    return table


def _energies(published, series, platform, matrix):
    if platform != EIE:
        return [(f"{series}, power x time", [published.energy(platform, matrix, layer) for layer in POWER_LAYERS])]
    chips = [published.claim(key) for key in CHIP_POWERS]
    return [(eie_column(chip), published_energy(published, chip)) for chip in chips]


def eie_column(chip):
    return f"EIE, {chip_words(chip)}"


def _recomputed(table, column, base, energies, what):
    cells = [ratio(over, under, what) for over, under in zip(base, energies)]
    for layer, cell in zip(POWER_LAYERS, cells):
        table.put(layer, column, cell)
    table.put(SIX_ROW, column, geometric_mean(cells, f"six layers: {what}"))


def put_host(table, results, published):
    """This host over the same base, where its energy was measured, or its power given; the table."""
    view, kind = headline_view(results, published), processor_kind(results.rows)
    if not kind or not view or not view.thread_counts():
        return table
    threads = view.thread_counts()[-1]
    for name, rows in (
        (HOST_DENSE, view.reference(DENSE, threads)),
        (HOST_BEST, [view.row(column, layer) for layer, (_, column) in zip(LAYERS, view.best_per_layer(threads))]),
    ):
        energies = [host_energy(results, "uJ", row) for row in rows]
        if not any(cell.is_number for cell in energies):
            continue
        what = f"CPU dense power x time, batch 1 / {name}, {kind}"
        with_partial_mean(
            table,
            name,
            [
                ratio(published.energy(PLATFORMS["CPU"], "dense", layer), cell, what)
                if layer in POWER_LAYERS
                else missing("not printed", "cited", UNPRINTED, "x", UNPRINTED)
                for layer, cell in zip(LAYERS, energies)
            ],
            what,
        )
        table.put(SIX_ROW, name, geometric_mean([table.get(layer, name) for layer in POWER_LAYERS], f"six layers: {what}"))
    table.fill(UNPRINTED)
    return table


def label_counts(table, published):
    """{EIE's power in words, or OTHERS: (labels that follow to the last digit, labels compared)}: the six layers with
    printed powers; EIE's power is in none of the others, which are all bars but the 1x of the dense CPU."""

    def count(pairs):
        pairs = [
            (table.get(layer, f"{series}, printed"), table.get(layer, column))
            for series, column in pairs
            for layer in POWER_LAYERS
        ]
        return sum(agrees(printed, found) for printed, found in pairs), len(pairs)

    chips = [published.claim(key) for key in CHIP_POWERS]
    eie = next(series for series, platform, _ in SERIES if platform == EIE)
    return {f"{chip_words(chip)} {MARKS[chip.provenance]}": count([(eie, eie_column(chip))]) for chip in chips} | {
        OTHERS: count([(series, f"{series}, power x time") for series, platform, _ in SERIES[1:] if platform != EIE])
    }


def label_words(counts):
    chips = [f"{same} d of {total} at {watts}" for watts, (same, total) in counts.items() if watts != OTHERS]
    same, total = counts[OTHERS]
    return (
        "Labels of Fig. 7 that follow to the last digit from printed powers and times (AlexNet and VGG): EIE's "
        f"{', '.join(chips)}; {same} d of {total} others."
    )


def implied_powers(published):
    """The powers that the bars of NeuralTalk imply, from EIE's label and power down; the span is the rounding's."""
    table = Table("fig7_implied_powers", "Powers that Fig. 7's NeuralTalk bars imply, W", corner="bar")
    chip = published.claim(CHIP_POWERS[0])
    for layer in LAYERS[len(POWER_LAYERS) :]:
        label = published.energy_label(EIE, "actual", layer)
        dense, eie = published.time(PLATFORMS["CPU"], "dense", layer), figure_time(published, layer)
        cpu = [
            chip.value * factor * time / dense.value
            for factor, time in zip(span(label), (eie.value, eie.value - 0.05, eie.value + 0.05))
        ]
        _power_row(
            table, f"CPU dense {layer}", cpu, f"{label.source} x {chip_words(chip)} x {eie.value:g} us / {dense.source}"
        )
        for series, platform, matrix in SERIES[1:-1]:
            bar, time = published.energy_label(platform, matrix, layer), published.time(platform, matrix, layer)
            middle, low, high = span(bar)
            powers = [watts * dense.value / (time.value * by) for watts, by in zip(cpu, (middle, high, low))]
            _power_row(
                table,
                f"{series} {layer}",
                powers,
                f"derived power of CPU dense x time / ({bar.source} x time of {series}, {time.source})",
            )
    table.notes.append(
        f"CPU: EIE's label x {chip_words(chip)} x EIE's time (NT-We and NT-LSTM: the time that Fig. 6's "
        "label needs) / the CPU's time. The others from the CPU's and their own label of one or two "
        "digits, hence the wide spans. None of these powers is printed anywhere."
    )
    return table


def bar_span(published, platform, matrix, layer):
    """Of a printed bar; that of the dense CPU is 1 by definition."""
    label = published.energy_label(platform, matrix, layer)
    return (label.value,) * 3 if (platform, matrix) == (PLATFORMS["CPU"], "dense") else span(label)


def span(cell):
    """The value, and the least and greatest that round to its digits."""
    half = 0.5 * 10 ** -len(cell.text.partition(".")[2])
    return cell.value, cell.value - half, cell.value + half


def _power_row(table, row, powers, source):
    for column, watts in zip(("power", "lowest", "highest"), powers):
        table.put(row, column, Cell(watts, "W", "derived", source, text=f"{watts:.1f}"))
