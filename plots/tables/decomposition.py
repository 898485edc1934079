"""The factors that are claimed to multiply to EIE's energy advantage, and the same factors of the layers at hand.

pruning, computation   inputs x outputs / non-zero weights: multiplications left
pruning, footprint     inputs x outputs / (2 x entries): an entry carries as many index as weight bits
with pointers          the same with the 16-bit pointers of all columns of all PEs, which the footprint leaves out
dynamic                inputs / active inputs
sharing                32 / 4 bits for one weight
memory                 a read of DRAM / of SRAM
"""

from plots.core.cells import Cell, missing, ratio
from plots.core.grid import Table
from plots.core.headline import Headline, ratio_text
from plots.core.means import geometric_mean
from plots.core.published import LAYERS, POWER_LAYERS
from plots.tables.hostrows import number_cell
from plots.tables.modelrows import FC8, MEAN_ROW, MODEL_SUITES, model_kernels, model_row

COMPUTATION, FOOTPRINT, DYNAMIC, SHARING = "pruning, computation", "pruning, footprint", "dynamic", "sharing"
POINTERS = "footprint with pointers"
TEXT, TABLE1 = "memory, text", "memory, Table I"
PRODUCT, PRODUCT_TABLE1, PRODUCT_PAPER = "product", "product, Table I", "product, computation"
FACTORS = {
    PRODUCT: (FOOTPRINT, DYNAMIC, SHARING, TEXT),
    PRODUCT_TABLE1: (FOOTPRINT, DYNAMIC, SHARING, TABLE1),
    PRODUCT_PAPER: (COMPUTATION, DYNAMIC, SHARING, TEXT),
}
POSTER, PAPER = "claimed by the poster", "claimed by the paper"
SIX_ROW = "geometric mean of AlexNet and VGG"
TABLE3 = "Table III"
PADDED = "Table III, padded"  # by the share of padding that the paper draws
FLOAT_BITS, CODE_BITS = 32, 4
POINTER_BYTES = 2
KEYS = {
    "inputs": "eie_inputs",
    "outputs": "eie_outputs",
    "nonzeros": "eie_nonzeros",
    "entries": "eie_entries",
    "active": "eie_active_inputs",
}


def decompositions(results, published):
    """{what the layers are: table}: Table III's printed densities with the paper's padding and without, then each
    suite of the model's rows."""
    tables = {
        name: _table(
            stem,
            f"{TABLE3}'s densities, {words}",
            {layer: _table3_counts(published, layer, name == PADDED) for layer in LAYERS},
            published,
        )
        for name, stem, words in ((PADDED, "table3_padded", "padding of Fig. 12"), (TABLE3, "table3", "no padding"))
    }
    for suite in MODEL_SUITES:
        counts = {layer: _row_counts(_any_row(results, suite, layer), layer) for layer in LAYERS}
        if suite == "paper" and _any_row(results, "real", FC8):
            counts[FC8] = _row_counts(_any_row(results, "real", FC8), FC8)
        tables[suite] = _table(suite.replace("-", "_"), f"layers of suite {suite}, padding counted", counts, published)
    return tables


def _any_row(results, suite, layer):
    """The counts are the layer's, so that every model has the same."""
    rows = [model_row(results, kernel, suite, layer) for kernel in model_kernels(results)]
    return next((row for row in rows if row is not None and row.usable), None)


def _row_counts(row, layer):
    return {name: number_cell(row, layer, key, "", 1, name) for name, key in KEYS.items()} | {
        "batch": row.batch if row else 1
    }


def _table3_counts(published, layer, padded):
    shape = published.layers[layer]
    inputs, outputs = int(shape["inputs"]), int(shape["outputs"])
    weights, active = (float(shape[key]) / 100 for key in ("weight_density_pct", "activation_density_pct"))
    nonzeros = inputs * outputs * weights
    real = published.real_work(layer, int(published.design("pe_count", "").value))
    values = {
        "inputs": inputs,
        "outputs": outputs,
        "nonzeros": nonzeros,
        "entries": nonzeros / (real.value / 100 if padded else 1),
        "active": inputs * active,
    }
    cells = {name: Cell(value, "", "derived", shape["source"]) for name, value in values.items()}
    if padded:
        cells["entries"] = Cell(values["entries"], "", "derived", f"{shape['source']} / real work, {real.source}")
    return cells | {"batch": 1}


def _table(name, words, counts, published):
    table = Table(f"decomposition_{name}", f"Claimed energy factors, layer by layer: {words}")
    constants, pes = _constants(published), published.design("pe_count", "")
    for layer, found in counts.items():
        for column, cell in _factors(found, pes).items():
            table.put(layer, column, cell)
        _fill_row(table, layer, constants)
    for row, layers in ((MEAN_ROW, LAYERS), (SIX_ROW, POWER_LAYERS)):
        for column in list(table.columns):
            table.put(
                row,
                column,
                constants.get(column)
                or geometric_mean(
                    [table.get(layer, column) for layer in layers], f"{len(layers)} layers: {column}, {words}"
                ),
            )
    for row, cells in _claims(published).items():
        for column, cell in cells.items():
            table.put(row, column, cell)
    table.rows = [*LAYERS, MEAN_ROW, SIX_ROW] + [row for row in table.rows if row == FC8] + list(_claims(published))
    table.fill("not claimed there")
    table.decimals = dict.fromkeys((COMPUTATION, FOOTPRINT, POINTERS, DYNAMIC), 2) | dict.fromkeys(FACTORS, 0)
    table.notes.append(
        "Pruning, computation: inputs x outputs / non-zero weights; footprint: inputs x outputs / (2 x "
        "entries), an entry being 4 bits of weight and 4 of index, without column pointers; with "
        f"pointers: {POINTER_BYTES} bytes more for each of {pes.value:g} PEs x (inputs + 1); dynamic: inputs / active inputs; "
        "sharing: 32 / 4 bits. The product multiplies footprint, dynamic, sharing and memory (the "
        "text's or Table I's); the last one takes computation instead of footprint, as the paper "
        "does. NeuralTalk's inputs are all active: they do not come out of a ReLU."
    )
    return table


def _constants(published):
    dram, sram = (published.operation_energy(key) for key in ("dram_read", "sram_32kb_read"))
    return {
        SHARING: _bits_ratio(),
        TEXT: published.claim("energy_factor_sram_instead_of_dram"),
        TABLE1: Cell(
            dram.value / sram.value,
            "x",
            "derived",
            f"DRAM read / SRAM read: {dram.source}",
            text=f"{dram.value / sram.value:g}",
        ),
    }


def _bits_ratio():
    return Cell(
        FLOAT_BITS / CODE_BITS,
        "x",
        "derived",
        f"{FLOAT_BITS}-bit float weight / {CODE_BITS}-bit code",
        text=f"{FLOAT_BITS / CODE_BITS:g}",
    )


def _factors(found, pes):
    dense = _product([found["inputs"], found["outputs"]], "inputs x outputs")
    halves = _product([found["entries"], Cell(2, "", "derived", "weight and index bits")], "2 x entries")
    batch = Cell(found["batch"], "", "derived", "batch")
    return {
        COMPUTATION: _over(dense, found["nonzeros"], "inputs x outputs / non-zero weights"),
        FOOTPRINT: _over(dense, halves, "inputs x outputs / (2 x entries)"),
        POINTERS: _over(dense, _with_pointers(found, pes), "inputs x outputs / (2 x (entries + bytes of pointers))"),
        DYNAMIC: _over(_product([found["inputs"], batch], "inputs"), found["active"], "inputs / active inputs"),
    }


def _with_pointers(found, pes):
    """Halves of an entry, which is a byte."""
    absent = next((found[name] for name in ("inputs", "entries") if not found[name].is_number), None)
    if absent:
        return missing(absent.value, "derived", absent.source, "", absent.reason)
    pointers = POINTER_BYTES * pes.value * (found["inputs"].value + 1)
    return Cell(2 * (found["entries"].value + pointers), "", "derived", f"{found['entries'].source}; {pes.source}")


def _over(over, under, what):
    return ratio(over, under, f"{what}: {under.source}")


def _product(cells, what):
    absent = next((cell for cell in cells if not cell.is_number), None)
    if absent:
        return missing(absent.value, "derived", f"{what}: {absent.source}", "x", absent.reason)
    value = 1.0
    for cell in cells:
        value *= cell.value
    return Cell(value, "x", "derived", what)


def _fill_row(table, row, constants):
    for column, cell in constants.items():
        table.put(row, column, cell)
    for column, factors in FACTORS.items():
        table.put(row, column, _product([table.get(row, factor) for factor in factors], " x ".join(factors)))


def _claims(published):
    poster, paper = published.poster_cell, published.claim
    return {
        POSTER: {
            COMPUTATION: poster("factor_static_computation"),
            FOOTPRINT: poster("factor_static_memory"),
            DYNAMIC: poster("factor_dynamic"),
            SHARING: poster("factor_sharing"),
            TEXT: poster("factor_sram"),
            PRODUCT: poster("factor_product"),
        },
        PAPER: {
            COMPUTATION: paper("energy_factor_weight_sparsity"),
            DYNAMIC: paper("energy_factor_activation_sparsity"),
            SHARING: paper("energy_factor_weight_sharing"),
            TEXT: paper("energy_factor_sram_instead_of_dram"),
            TABLE1: paper("energy_factor_sram_instead_of_dram_table"),
            PRODUCT_PAPER: paper("energy_factor_product"),
        },
    }


def decomposition_headline(tables):
    """The claims and the means, one line each."""
    columns = {COMPUTATION: "comput.", FOOTPRINT: "footpr.", DYNAMIC: "dynamic", PRODUCT: "product"}
    head = Headline("Energy factors: claimed, and of the layers at hand (geometric means)", list(columns.values()))
    claims, real = tables[TABLE3], tables[MODEL_SUITES[0]]
    for row in (POSTER, PAPER):
        head.put_row(row, [claims.get(row, column) for column in columns])
    for name in (PADDED, TABLE3, MODEL_SUITES[0]):
        table = tables[name]
        words = name if name in (PADDED, TABLE3) else f"suite {name}"
        for row, layers in ((MEAN_ROW, "nine layers"), (SIX_ROW, "AlexNet, VGG")):
            if table.get(row, PRODUCT).is_number:
                head.put_row(f"{words}, {layers}", [table.get(row, column) for column in columns])
    if FC8 in real.rows and real.get(FC8, PRODUCT).is_number:
        head.put_row(FC8, [real.get(FC8, column) for column in columns])
    constants = ", ".join(
        f"{words} {ratio_text(claims.get(MEAN_ROW, column))}"
        for column, words in ((SHARING, "sharing"), (TEXT, "memory"), (TABLE1, "or by Table I"))
    )
    head.notes += [
        f"{PADDED}: by Fig. 12. Pruning by computation and by footprint: with indices, without column "
        f"pointers (with them {ratio_text(tables[PADDED].get(MEAN_ROW, POINTERS))} on its nine layers). Product: footprint x dynamic x "
        f"{constants}. The paper takes computation: {ratio_text(claims.get(PAPER, PRODUCT_PAPER))} claimed, "
        f"{ratio_text(claims.get(MEAN_ROW, PRODUCT_PAPER))} on Table III's nine layers. NeuralTalk's inputs "
        "are all active. Layer by layer: decomposition_*.csv."
    ]
    if not real.get(MEAN_ROW, PRODUCT).is_number:
        head.notes.append(f"Suite paper: {real.get(MEAN_ROW, PRODUCT).reason}.")
    return head
