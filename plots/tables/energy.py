"""Energy of EIE and of its model against the published baselines, and what the model counts."""

from plots.core.cells import MARKS, Cell, missing, number_text, ratio, said_together
from plots.core.grid import Table
from plots.core.headline import Headline, ratio_text
from plots.core.load import one_line
from plots.core.means import mean_ratio
from plots.core.published import EIE, LAYERS, PLATFORMS, POWER_LAYERS
from plots.core.references import DENSE
from plots.tables.deviceenergy import processor_kind
from plots.tables.hostrows import cell_of, headline_view, number_cell
from plots.tables.hosttables import host_energy
from plots.tables.modelrows import FC8, MODEL_SUITES, model_kernels, model_names, model_row

KINDS = (("eie_energy_j", "constant power"), ("eie_energy_actions_j", "action counts"))
SIX_BARS = "six AlexNet/VGG bars of Fig. 7"
HOST = "this host"
HOST_COLUMNS = {kind: f"this host, {kind}" for kind in ("measured", "assumed")}
CHIP_POWERS = ("chip_power_abstract", "chip_power_text", "chip_power_pe_sum")


def energy_table(results, published):
    table = Table(
        "headline_energy",
        "How many times less energy EIE needs than dense baselines, batch 1, geometric means",
        corner="baseline",
    )
    for short, platform in PLATFORMS.items():
        row = f"{short} dense"
        table.put(row, "printed", published.claim("energy_efficiency_over_" + platform.replace("-", "_")))
        table.put(
            row,
            "nine bars of Fig. 7",
            mean_ratio(
                [published.energy_label(EIE, "actual", layer) for layer in LAYERS],
                [published.energy_label(platform, "dense", layer) for layer in LAYERS],
                f"printed bar of EIE / printed bar of {short} dense, Fig. 7",
            ),
        )
        table.put(
            row,
            SIX_BARS,
            mean_ratio(
                [published.energy_label(EIE, "actual", layer) for layer in POWER_LAYERS],
                [published.energy_label(platform, "dense", layer) for layer in POWER_LAYERS],
                f"printed bar of EIE / printed bar of {short} dense, Fig. 7",
                "six layers",
            ),
        )
        base = _dense_energies(published, platform)
        for column, (ours, words) in _columns_of_eie(results, published).items():
            table.put(row, column, mean_ratio(base, ours, f"{short} dense power x time / {words}", "six layers"))
    _host_energies(table, results, published)
    table.notes.append(
        "All but the first two columns are means over the six AlexNet and VGG layers. Bars of GPU and "
        "mGPU in Fig. 7 are printed with one or two digits, which limits the columns of bars."
    )
    return table


def _columns_of_eie(results, published):
    """{column: (microjoules of EIE on the six layers, what they are)}"""
    chips = [published.claim(key) for key in CHIP_POWERS]
    return {
        power_column(chip): (published_energy(published, chip), f"EIE {chip.text} W x actual time of Table IV")
        for chip in chips
    } | {
        f"{kernel}, {suite}, {words}": (
            [number_cell(model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, words) for layer in POWER_LAYERS],
            f"{kernel} on {EIE}, suite {suite}, {words}",
        )
        for kernel in model_kernels(results)
        for suite in MODEL_SUITES
        for key, words in KINDS
    }


def _dense_energies(published, platform):
    return [published.energy(platform, "dense", layer) for layer in POWER_LAYERS]


def _host_energies(table, results, published):
    """Where the processor has a meter, or its user gave a power: this host's best dense rows as a further baseline, and its
    best compressed kernel in EIE's place, both on the most threads. Else the word for why there is no energy."""
    view = headline_view(results, published)
    threads = view.thread_counts()[-1] if view else 0
    dense = dict(zip(LAYERS, view.reference(DENSE, threads))) if view else {}
    base = [host_energy(results, "uJ", dense.get(layer)) for layer in POWER_LAYERS]
    meter = _meter(results)
    what = f"best dense of this host on {threads} threads, {meter}"
    if any(cell.is_number for cell in base):
        unprinted = "Fig. 7 prints no energy of EIE over this host's"
        for column in table.columns:
            table.put(HOST, column, missing("not printed", "cited", unprinted, "x", unprinted))
        for column, (ours, words) in _columns_of_eie(results, published).items():
            table.put(HOST, column, mean_ratio(base, ours, f"{what} / {words}", "six layers"))
    else:
        for column in table.columns:
            table.put(HOST, column, host_energy(results, "x", dense.get(POWER_LAYERS[0])))
    column = view.best(threads) if view else None
    ours = [host_energy(results, "uJ", view.row(column, layer)) for layer in POWER_LAYERS] if column else []
    if any(cell.is_number for cell in ours):
        words = f"{column.name} of this host, {meter}"
        ours_column = HOST_COLUMNS[processor_kind(results.rows)]
        table.put(HOST, ours_column, mean_ratio(base, ours, f"{what} / {words}", "six layers"))
        for short, platform in PLATFORMS.items():
            theirs = _dense_energies(published, platform)
            words_over = f"{short} dense power x time / {words}"
            table.put(f"{short} dense", ours_column, mean_ratio(theirs, ours, words_over, "six layers"))
        table.notes.append(f"This host: {words}, in EIE's place; as a baseline its best dense rows on {threads} threads.")


def _meter(results):
    """The energy of the processor is what its meter says that it is, or follows from the power that its user gave."""
    if processor_kind(results.rows) == "assumed":
        powers = {row.number("eie_assumed_power_w") for row in results.rows} - {None}
        return "assumed: a meter's reading of " + ", ".join(map(number_text, sorted(powers))) + " W, x time"
    sources = {row.raw.get("eie_energy_source") for row in results.rows if row.device == "cpu" and row.usable}
    return "measured by " + "; ".join(sorted(one_line(source) for source in sources if isinstance(source, str)))


def power_column(chip):
    return f"{chip.value:.3f} W x Table IV actual"


def published_energy(published, chip, layers=POWER_LAYERS):
    """Chip power x Table IV's actual time, microjoules; else for the layers whose baselines' power is printed."""
    return [
        Cell(chip.value * time.value, "uJ", "derived", f"{chip.source} x {time.source}")
        for time in published.times(EIE, "actual", layers=layers)
    ]


def energy_headline(table, results, published):
    head = Headline(
        "Energy: how many times less EIE (64 PEs) needs, dense, batch 1, printed wall time, geometric mean", PLATFORMS
    )

    def put(label, column):
        head.put_row(label, [table.get(f"{short} dense", column) for short in PLATFORMS])

    bars = "nine bars of Fig. 7"
    put("printed, nine layers", "printed")
    put(bars, bars)
    head.decimals[bars, "CPU"] = 1  # the CPU's bars are 1; those of GPU and mGPU have one or two digits
    put(SIX_BARS, SIX_BARS)
    for key in CHIP_POWERS:
        chip = published.claim(key)
        put(f"{_watts(chip)} x Table IV actual, six layers", power_column(chip))
    for kernel, name in model_names(results).items():
        for suite in MODEL_SUITES:
            for _, words in KINDS:
                put(f"{name}, suite {suite}, {words}, six layers", f"{kernel}, {suite}, {words}")
    host = table.get(HOST, power_column(published.claim(CHIP_POWERS[0])))
    column = HOST_COLUMNS.get(processor_kind(results.rows))
    if column in table.columns:
        words = ", its power assumed" if column == HOST_COLUMNS["assumed"] else ""
        put(f"this host's best compressed kernel in EIE's place{words}, six layers", column)
    elif not host.is_number:
        head.put_row(HOST, [Cell(host.value, "", host.provenance, host.source)] * len(PLATFORMS))
    abstract, text, pes = (published.claim(key).said(3) for key in CHIP_POWERS)
    head.notes.append(
        f"Six layers: NeuralTalk's powers are not printed. EIE: {abstract} in the abstract, {text} in the text "
        f"and Table V, {pes} for its PEs by Table II; the chip without DRAM. CPU: socket and DRAM."
    )
    head.notes += _model_notes(results) + [
        f"This host's best dense rows need {ratio_text(host)} the energy of EIE at {abstract}, six layers: "
        f"{_meter(results)}, with what that takes in."
        if host.is_number
        else f"{host.reason[0].upper()}{host.reason[1:]}."
    ]
    return head


def _watts(cell):
    return f"{cell.value:.3f} W {MARKS[cell.provenance]}"


def _model_notes(results):
    """What the two energies of the model stand on, as the rows have it."""
    power = _model_power(results)
    if power is None:
        return []
    counts = counts_table(results)
    spans = []
    for column in ("entries per line read", "entries per pointer read"):
        found = [
            cell
            for (layer, name), cell in counts.cells.items()
            if layer in POWER_LAYERS and name.endswith(f", paper: {column}") and cell.is_number
        ]
        ends = [end(found, key=lambda cell: cell.value) for end in (min, max) if found]
        spans += [said_together(ends, " to ")] if found else []
    counted = f" (counted on the six layers of suite paper: {' and '.join(spans)} entries)" if spans else ""
    return [
        f"Model: constant power is {power.said(3)} x expected time; action counts are memory reads, queue pops, "
        "entries and LNZD cycles at Table II's powers, taken at a Spmat line and a pointer pair every 8 entries"
        f"{counted}."
    ]


def _model_power(results):
    for kernel in model_kernels(results):
        row = model_row(results, kernel, "paper", LAYERS[0])
        energy = number_cell(row, LAYERS[0], "eie_energy_j", "uJ", 1e6, "energy")
        if energy.is_number:
            return ratio(energy, cell_of(row, LAYERS[0]), f"energy / expected time, {row.label()}", "W")
    return None


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
                    table.put(
                        layer,
                        f"{kernel}, {suite}, {words}",
                        number_cell(model_row(results, kernel, suite, layer), layer, key, "uJ", 1e6, f"energy, {words}"),
                    )
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
                    number_cell(row, layer, key, "", 1, key)
                    for key in ("eie_entries_active", "eie_spmat_line_reads", "eie_columns_active", "eie_theoretical_cycles")
                )
                head = f"{kernel}, {suite}: "
                table.put(
                    layer,
                    head + "entries per line read",
                    ratio(entries, lines, f"entries / Spmat line reads, {head}{layer}", ""),
                )
                table.put(
                    layer,
                    head + "entries per pointer read",
                    ratio(per_pe, columns, f"entries of a PE / active columns, {head}{layer}", ""),
                )
    table.fill("this layer is not in this suite")
    table.notes.append(
        "A PE does one entry per cycle at best. The ideal behind the energy table is 8 entries for each "
        "Spmat line and 8 for each pointer pair; a smaller number means more reads. Padding entries "
        "count as entries."
    )
    return table
