"""Which rows of a results file are the accelerator model's, and the means over the nine layers."""

from plots.core.means import geometric_mean, partial_mean
from plots.core.published import EIE, LAYERS
from plots.tables.hostrows import number_cell

MEAN_ROW = "geometric mean"
MODEL_SUITES = ("paper", "paper-matched")
FC8 = "alexnet-fc8"  # the real layer, in suite real


def with_mean(table, column, cells, what, mean=geometric_mean):
    """Puts the cells of the nine layers and their geometric mean into a column."""
    for layer, cell in zip(LAYERS, cells):
        table.put(layer, column, cell)
    table.put(MEAN_ROW, column, mean(cells, f"nine layers: {what}"))


def with_partial_mean(table, column, cells, what):
    """The same, for what this host measured: the mean is over the layers that are there."""
    with_mean(table, column, cells, what, partial_mean)


def model_kernels(results):
    return sorted({row.kernel for row in results.rows + results.missing if row.is_model})


def model_names(results):
    """{kernel: what headlines call it}: a single one is just the model."""
    kernels = model_kernels(results)
    return {kernel: "model" if len(kernels) == 1 else kernel for kernel in kernels}


def model_row(results, kernel, suite, layer, device=EIE):
    return results.one(kernel=kernel, suite=suite, layer=layer, device=device, batch=1, time_source="model")


def fitted(row):
    """ "calibrated" for what was made to fit Table IV on the row's layer, else None: the row's own provenance."""
    return "calibrated" if row is not None and row.raw.get("eie_layer_basis") == "calibrated" else None


def model_theoretical(row, layer):
    """On a layer whose counts were made to fit Table IV the theoretical time agrees by construction."""
    return number_cell(row, layer, "eie_theoretical_ns", "us", 1e-3, "theoretical time (perfect balance)", fitted(row))
