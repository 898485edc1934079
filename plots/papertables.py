"""Tables III, IV and V: what the paper prints, and the model beside it."""

from cells import Cell, cited, deviation, missing, ratio
from grid import Table
from hostrows import SUITE, HostView, cell_of, headline_caches, number_cell
from hosttables import best_of, host_energy
from modelrows import MEAN_ROW, MODEL_SUITES, model_kernels, model_row, model_theoretical, with_mean
from published import EIE, LAYERS, PLATFORMS

# The authors' own simulator on the real layer alexnet-fc8 (their public development snapshot).
FC8 = "alexnet-fc8"
SIMULATOR = "the EIE authors' simulator on this layer, github.com/RalphMao/EIE-simulator"
SIMULATOR_FC8_THEORETICAL = cited("8.86", "us", SIMULATOR)
SIMULATOR_FC8_ACTUAL = cited("9.91", "us", SIMULATOR + " (7926 cycles at 800 MHz, queue depth 8)")


def table3(results, published):
    table = Table("table3_layers", "Table III: the nine layers, published and as generated")
    for layer in LAYERS:
        shape = published.layers[layer]
        source = shape["source"]
        dense_macs = int(shape["inputs"]) * int(shape["outputs"])
        weight, activation = (float(shape[key]) for key in ("weight_density_pct", "activation_density_pct"))
        table.put(layer, "shape", Cell(f"{shape['inputs']} x {shape['outputs']}", "", "cited", source))
        table.put(layer, "weights", cited(shape["weight_density_pct"], "%", source))
        table.put(layer, "activations", cited(shape["activation_density_pct"], "%", source))
        table.put(layer, "FLOP", cited(shape["flop_pct"], "%", source))
        product = Cell(weight * activation / 100, "%", "derived",
                       f"weight density x activation density: {source}")
        table.put(layer, "weights x activations", product)
        for suite in MODEL_SUITES:
            row = _any_model_row(results, suite, layer)
            useful = number_cell(row, layer, "eie_macs_useful", "MACs", 1, "useful MACs")
            whole = Cell(dense_macs, "MACs", "derived", f"inputs x outputs: {source}")
            share = ratio(useful, whole, f"useful MACs of suite {suite} / (inputs x outputs)", "%")
            if share.is_number:
                share = Cell(100 * share.value, "%", "derived", share.source)
            table.put(layer, f"{suite}: useful MACs", share)
            table.put(layer, f"{suite}: deviation",
                      deviation(share, product, f"FLOP share of suite {suite} / weights x activations of {source}"))
            entries = number_cell(row, layer, "eie_entries_active", "", 1, "entries in active columns")
            table.put(layer, f"{suite}: padding", _padding_share(entries, useful, suite))
    table.notes.append("FLOP is the share of the dense multiplications that is left. The printed FLOP values "
                       "are rounded; Alex-8 (9.4 printed as 10) and NT-LSTM (10 printed as 11) do not follow "
                       "from the printed densities. Padding is the share of padding entries among the entries "
                       "of active columns. Suite paper follows the printed densities; suite paper-matched is "
                       "made to fit the theoretical times of Table IV, which come from single inputs, and so "
                       "deviates from Table III.")
    return table


def _any_model_row(results, suite, layer):
    rows = [model_row(results, kernel, suite, layer) for kernel in model_kernels(results)]
    rows = [row for row in rows if row is not None]
    return next((row for row in rows if row.usable), rows[0] if rows else None)


def _padding_share(entries, useful, suite):
    if not entries.is_number or not useful.is_number or not entries.value:
        return missing("absent", "derived", f"suite {suite}: {entries.source}", "%")
    return Cell(100 * (entries.value - useful.value) / entries.value, "%", "derived",
                f"suite {suite}: (entries in active columns - useful MACs) / entries")


def table4_published(published):
    table = Table("table4_published", "Table IV: published wall times, batch 1, us per input vector")
    for short, platform in PLATFORMS.items():
        for matrix in ("dense", "sparse"):
            with_mean(table, f"{short} {matrix}", published.times(platform, matrix),
                      f"{short} {matrix} batch 1, Table IV")
    for matrix in ("theoretical", "actual"):
        with_mean(table, f"EIE {matrix}", published.times(EIE, matrix), f"EIE {matrix}, Table IV")
    table.notes.append("CPU: Core i7-5930K, MKL; GPU: GeForce Titan X, cuBLAS and cuSPARSE; mGPU: Tegra K1. "
                       "The sparse columns are float CSR products: none uses 4-bit weights or the zeros of "
                       "the activations. EIE: 64 PEs, 45 nm, 800 MHz, simulated by its authors.")
    return table


def table4_model(results, published, kernel):
    """The model of the published design against Table IV; the real layer below the means."""
    table = Table(f"table4_{kernel}", f"Table IV: {kernel} on {EIE}, batch 1, us (model time)")
    kinds = {"theoretical": model_theoretical, "expected": cell_of}
    against = {"theoretical": "theoretical", "expected": "actual"}
    for kind, matrix in against.items():
        with_mean(table, f"EIE {matrix}", published.times(EIE, matrix), f"EIE {matrix}, Table IV")
        for suite in MODEL_SUITES:
            cells = [kinds[kind](model_row(results, kernel, suite, layer), layer) for layer in LAYERS]
            with_mean(table, f"{suite} {kind}", cells, f"{kernel}, suite {suite}, {kind}")
            for row in LAYERS + (MEAN_ROW,):
                table.put(row, f"{suite} {kind} deviation",
                          deviation(table.get(row, f"{suite} {kind}"), table.get(row, f"EIE {matrix}"),
                                    f"{kernel}, suite {suite}, {kind} / EIE {matrix}, Table IV"))
    _real_layer(table, results, published, kernel, kinds, against)
    table.notes.append("Suite paper predicts from the densities of Table III. Suite paper-matched has as many "
                       "entries in active columns as Table IV's theoretical times imply, so its theoretical "
                       "times are calibrated and only its expected times are a statement. Expected includes "
                       "the waiting that finite queues cause and compares with Table IV's actual times. The "
                       "real layer stands below the means and in none of them; it compares with the published "
                       "Alex-8, and the authors' simulator ran on this very layer.")
    return table


def _real_layer(table, results, published, kernel, kinds, against):
    row = results.one(kernel=kernel, layer=FC8, device=EIE, batch=1, time_source="model")
    simulated = {"theoretical": SIMULATOR_FC8_THEORETICAL, "expected": SIMULATOR_FC8_ACTUAL}
    name = f"{FC8} (real)"
    for kind, matrix in against.items():
        ours, theirs = kinds[kind](row, FC8), published.time(EIE, matrix, "Alex-8")
        table.put(name, f"EIE {matrix}", theirs)
        table.put(name, f"paper {kind}", ours)
        table.put(name, f"paper {kind} deviation",
                  deviation(ours, theirs, f"{kernel} on {FC8}, {kind} / EIE {matrix} of Alex-8, Table IV"))
        again = f"{FC8} (authors' simulator)"
        table.put(again, f"EIE {matrix}", simulated[kind])
        table.put(again, f"paper {kind} deviation",
                  deviation(ours, simulated[kind], f"{kernel} on {FC8}, {kind} / authors' simulator"))


def table_other_designs(results):
    """Model rows outside Table IV: other designs, suites and batches."""
    table = Table("model_other", "The model on other designs, suites and batches, us per input vector (model time)",
                  in_terminal=False)
    groups = sorted({(row.kernel, row.device, row.suite, row.batch) for row in results.rows + results.missing
                     if row.is_model and (row.device != EIE or row.batch != 1
                                          or row.suite not in MODEL_SUITES and row.layer != FC8)})
    for kernel, device, suite, batch in groups:
        rows = {row.layer: row for row in results.select(kernel=kernel, device=device, suite=suite, batch=batch,
                                                         time_source="model")}
        column = f"{kernel}, {device}, {suite}, batch {batch}"
        if set(LAYERS) <= set(rows):
            with_mean(table, column, [cell_of(rows[layer], layer) for layer in LAYERS], column)
        for layer, row in rows.items():
            table.put(layer, column, cell_of(row, layer))
    return table



def table5(results, published):
    table = Table("table5_platforms", "Table V: platforms on AlexNet FC7 (Alex-7), batch 1", corner="platform")
    keys = {"technology_nm": ("technology (nm)", "nm"), "clock_mhz": ("clock (MHz)", "MHz"),
            "area_mm2": ("area (mm2)", "mm2"), "power_w": ("power (W)", "W"),
            "throughput_frames_per_s": ("frames/s", "frames/s"),
            "energy_efficiency_frames_per_j": ("frames/J", "frames/J")}
    for platform in published.platforms:
        name, source = platform["platform"], platform["source"]
        cells = {}
        for key, (column, unit) in keys.items():
            text = platform.get(key) or ""
            cells[key] = cited(text, unit, source) if text \
                else missing("not printed", "cited", f"{source}: no value", unit)
            table.put(name, column, cells[key])
        table.put(name, "frames/s from Table IV", _table5_throughput(name, published))
        table.put(name, "frames/J from frames/s and W",
                  ratio(cells["throughput_frames_per_s"], cells["power_w"],
                        f"printed throughput / printed power, {source}", "frames/J"))
    _table5_model(table, results)
    _table5_host(table, results, published)
    table.notes.append("TrueNorth ran a TIMIT LSTM, not Alex-7. Throughput of this host and of the model is 1 / "
                       "time of Alex-7 in suite paper; the model's power is its energy over its time.")
    return table


def _table5_throughput(name, published):
    if name not in list(PLATFORMS.values()) + [EIE]:
        return missing("not in Table IV", "derived", f"Table IV has no times of {name}", "frames/s")
    time = published.time(name, "actual" if name == EIE else "dense", "Alex-7")
    return Cell(1e6 / time.value, "frames/s", "derived", f"1 / time of Alex-7: {time.source}")


def _table5_model(table, results):
    for kernel in model_kernels(results):
        for device in sorted({row.device for row in results.rows if row.kernel == kernel}):
            row = model_row(results, kernel, SUITE, "Alex-7", device)
            time = cell_of(row, "Alex-7")
            if not time.is_number:
                continue
            name = f"{kernel}, {device}"
            area = number_cell(row, "Alex-7", "eie_area_mm2", "mm2", 1, "area")
            energy = number_cell(row, "Alex-7", "eie_energy_actions_j", "J", 1, "energy by action counts")
            table.put(name, "area (mm2)", area)
            table.put(name, "frames/s", _per_second(time))
            if energy.is_number and energy.value > 0:
                table.put(name, "power (W)", Cell(energy.value / (time.value * 1e-6), "W", row.provenance,
                                                  f"energy by action counts / expected time, {row.label()}"))
                table.put(name, "frames/J", Cell(1 / energy.value, "frames/J", row.provenance,
                                                 f"1 / energy by action counts, {row.label()}"))


def _table5_host(table, results, published):
    for cache in headline_caches(results)[:1]:
        view = HostView(results, cache, published)
        columns = view.dense() + [best for best in [best_of(view, view.compressed())] if best]
        for column in columns:
            time = view.times(column)[LAYERS.index("Alex-7")]
            name = f"this host: {column.name}"
            table.put(name, "frames/s", _per_second(time))
            table.put(name, "power (W)", host_energy(results, "W"))


def _per_second(time):
    return Cell(1e6 / time.value, "frames/s", "derived", f"1 / time: {time.source}")
