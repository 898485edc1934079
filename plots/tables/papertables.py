"""Tables III and IV as the paper prints them, and the model beside them."""

from dataclasses import replace

from plots.core.cells import Cell, cited, deviation, missing, ratio
from plots.core.grid import Table
from plots.core.published import EIE, LAYERS, PLATFORMS
from plots.tables.hostrows import cell_of, number_cell
from plots.tables.modelrows import (
    FC8,
    MEAN_ROW,
    MODEL_SUITES,
    fitted,
    model_kernels,
    model_row,
    model_theoretical,
    with_mean,
)


def table3(results, published):
    table = Table("table3_layers", "Table III: the nine layers, published and as generated")
    for layer in LAYERS:
        shape = published.layers[layer]
        source = shape["source"]
        weight, activation = (float(shape[key]) for key in ("weight_density_pct", "activation_density_pct"))
        rows = {suite: _any_model_row(results, suite, layer) for suite in MODEL_SUITES}
        inputs, outputs = (cited(shape[key], "", source) for key in ("inputs", "outputs"))
        table.put(layer, "inputs", inputs)
        table.put(layer, "outputs", outputs)
        table.put(layer, "weights", cited(shape["weight_density_pct"], "%", source))
        table.put(layer, "paper: weights", _weight_share(rows["paper"], layer, outputs))
        table.put(layer, "activations", cited(shape["activation_density_pct"], "%", source))
        columns = number_cell(rows["paper"], layer, "eie_columns_active", "", 1, "active inputs")
        table.put(layer, "paper: activations", _percent(columns, inputs, "active inputs / inputs, suite paper"))
        table.put(layer, "FLOP", cited(shape["flop_pct"], "%", source))
        product = Cell(weight * activation / 100, "%", "derived", f"weight density x activation density: {source}")
        table.put(layer, "weights x activations", product)
        whole = Cell(inputs.value * outputs.value, "MACs", "derived", f"inputs x outputs: {source}")
        for suite, row in rows.items():
            useful = number_cell(row, layer, "eie_macs_useful", "MACs", 1, "useful MACs", fitted(row))
            share = _percent(useful, whole, f"useful MACs of suite {suite} / (inputs x outputs)")
            table.put(layer, f"{suite}: useful MACs", share)
            table.put(
                layer,
                f"{suite}: deviation",
                deviation(
                    replace(share, provenance="derived"),
                    product,
                    f"FLOP share of suite {suite} / weights x activations of {source}",
                ),
            )
            entries = number_cell(row, layer, "eie_entries_active", "", 1, "entries in active columns")
            table.put(layer, f"{suite}: padding", _padding_share(entries, useful, suite))
    table.decimals = {"activations": 1, "paper: activations": 1, "weights x activations": 2, "paper: weights": 2} | {
        f"{suite}: {what}": 2 for suite in MODEL_SUITES for what in ("useful MACs", "padding")
    }
    table.notes.append(
        "Published weights, activations and FLOP (the share of the dense multiplications that is "
        "left) are rounded: Alex-8 (9.4 printed as 10) and NT-LSTM (10 printed as 11) do not follow "
        "from the printed densities. Suite paper follows the printed densities; suite paper-matched "
        "fits the theoretical times of Table IV, which come from single inputs, and so leaves "
        "Table III. Generated weights are counted in the columns of active inputs. Padding is the "
        "share of padding entries among the entries of these columns."
    )
    return table


def _percent(part, whole, what):
    share = ratio(part, whole, what, "%")
    provenance = "calibrated" if part.provenance == "calibrated" else "derived"
    return Cell(100 * share.value, "%", provenance, what) if share.is_number else share


def _weight_share(row, layer, outputs):
    useful = number_cell(row, layer, "eie_macs_useful", "MACs", 1, "useful MACs")
    columns = number_cell(row, layer, "eie_columns_active", "", 1, "active inputs")
    per_column = ratio(useful, columns, "useful MACs / active inputs", "")
    return _percent(per_column, outputs, "useful MACs / (active inputs x outputs), suite paper")


def _any_model_row(results, suite, layer):
    rows = [model_row(results, kernel, suite, layer) for kernel in model_kernels(results)]
    rows = [row for row in rows if row is not None]
    return next((row for row in rows if row.usable), rows[0] if rows else None)


def _padding_share(entries, useful, suite):
    if not entries.is_number or not useful.is_number or not entries.value:
        return missing("absent", "derived", f"suite {suite}: {entries.source}", "%", entries.reason)
    return Cell(
        100 * (entries.value - useful.value) / entries.value,
        "%",
        "derived",
        f"suite {suite}: (entries in active columns - useful MACs) / entries",
    )


def table4_published(published):
    table = Table("table4_published", "Table IV as published: printed as wall times, us per input vector")
    for batch in (1, 64):
        for short, platform in PLATFORMS.items():
            for matrix in ("dense", "sparse"):
                name = f"{short} {matrix}" + ("" if batch == 1 else f", batch {batch}")
                with_mean(table, name, published.times(platform, matrix, batch), f"{short} {matrix} batch {batch}, Table IV")
    for matrix in ("theoretical", "actual"):
        with_mean(table, f"EIE {matrix}", published.times(EIE, matrix), f"EIE {matrix}, Table IV")
    table.decimals = dict.fromkeys(table.columns, 1)
    table.notes.append(
        "CPU: Core i7-5930K, MKL; GPU: GeForce Titan X, cuBLAS and cuSPARSE; mGPU: Tegra K1. "
        "The sparse columns are float CSR products: none uses 4-bit weights or the zeros of "
        "the activations. EIE: 64 PEs, 45 nm, 800 MHz, simulated by its authors. Batch 1 "
        "unless the column says 64, whose times are per input."
    )
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
                table.put(
                    row,
                    f"{suite} {kind} deviation",
                    deviation(
                        table.get(row, f"{suite} {kind}"),
                        table.get(row, f"EIE {matrix}"),
                        f"{kernel}, suite {suite}, {kind} / EIE {matrix}, Table IV",
                    ),
                )
    _real_layer(table, results, published, kernel, kinds, against)
    table.decimals = {
        column: 1 if column.startswith("EIE") else 2 for column in table.columns if not column.endswith("deviation")
    }
    table.fill("not compared: the real layer is not in this suite, and the simulator's times are in EIE's columns")
    table.notes.append(
        "Suite paper predicts from the densities of Table III. Suite paper-matched has as many "
        "entries in active columns as Table IV's theoretical times imply, so its theoretical "
        "times are calibrated and only its expected times are a statement. Expected includes "
        "the waiting that finite queues cause and compares with Table IV's actual times. The "
        "real layer is listed below the means and is in none of them; it compares with the published "
        "Alex-8, and the authors' simulator ran on this very layer."
    )
    return table


def _real_layer(table, results, published, kernel, kinds, against):
    row = results.one(kernel=kernel, layer=FC8, device=EIE, batch=1, time_source="model")
    name = f"{FC8} (real)"
    for kind, matrix in against.items():
        ours, theirs = kinds[kind](row, FC8), published.time(EIE, matrix, "Alex-8")
        table.put(name, f"EIE {matrix}", theirs)
        table.put(name, f"paper {kind}", ours)
        table.put(
            name,
            f"paper {kind} deviation",
            deviation(ours, theirs, f"{kernel} on {FC8}, {kind} / EIE {matrix} of Alex-8, Table IV"),
        )
        again = f"{FC8} (authors' simulator)"
        simulated = published.simulator_fc8(f"{matrix}_time")
        table.put(again, f"EIE {matrix}", simulated)
        table.put(
            again, f"paper {kind} deviation", deviation(ours, simulated, f"{kernel} on {FC8}, {kind} / authors' simulator")
        )


def table_other_designs(results):
    """Model rows outside Table IV: other designs, suites and batches."""
    table = Table("model_other", "The model on other designs, suites and batches, us per input vector (model time)")
    groups = sorted(
        {
            (row.kernel, row.device, row.suite, row.batch)
            for row in results.rows + results.missing
            if row.is_model and (row.device != EIE or row.batch != 1 or row.suite not in MODEL_SUITES and row.layer != FC8)
        }
    )
    for kernel, device, suite, batch in groups:
        rows = {
            row.layer: row
            for row in results.select(kernel=kernel, device=device, suite=suite, batch=batch, time_source="model")
        }
        column = f"{kernel}, {device}, {suite}, batch {batch}"
        if set(LAYERS) <= set(rows):
            with_mean(table, column, [cell_of(rows[layer], layer) for layer in LAYERS], column)
        for layer, row in rows.items():
            table.put(layer, column, cell_of(row, layer))
    table.fill("not run: no such row in the results file")
    table.decimals = dict.fromkeys(table.columns, 2)
    return table
