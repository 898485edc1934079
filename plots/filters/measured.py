"""What the layers of the networks cost, from one results file of `eie bench`: suites FILTERS-FORM-LAYER, a product an output
position, as many at once as an image has."""

import os
from dataclasses import dataclass

from plots.core.cells import Cell, missing
from plots.core.load import InputError, load

FILE = os.path.join("layers", "bench.json")
MODEL, DEVICE = "model_eie_cycle", "eie-64pe-45nm"
EXACT, DENSE = "cpu_auto", "peers_openblas_sgem"  # and m, or v for one product
NOT_MEASURED = missing("not run", "measured", f"no {FILE} with this layer", reason="its layers were not measured")


@dataclass(frozen=True)
class Layer:
    filters: str  # "4x4"
    form: str  # "dense", "pruned"
    name: str
    positions: int
    model: object  # rows
    exact: object
    library: object  # or None

    @property
    def label(self):
        return f"{self.filters}, {self.form}, {self.name}"


def read_layers(folder):
    """([the layers that have a row of the model and one of the exact kernel], in the file's order; the results or None)."""
    path = os.path.join(folder, FILE)
    if not os.path.exists(path):
        return [], None
    results, found = load(path), {}
    for row in results.rows:
        words = row.suite.split("-")
        if len(words) == 3 and words[2] == row.layer:
            found.setdefault((*words, row.batch), {})[row.kernel] = row
    layers = []
    for (filters, form, name, positions), rows in found.items():
        library = next((row for kernel, row in rows.items() if kernel.startswith(DENSE)), None)
        if MODEL in rows and EXACT in rows:
            layers.append(Layer(filters, form, name, positions, rows[MODEL], rows[EXACT], library))
    if not layers:
        raise InputError(f"{path}: has no layer of these networks with rows of {MODEL} and {EXACT}")
    return layers, results


def number(layers, key):
    """The sum of a number of the model's rows; InputError where a row has none."""
    values = [layer.model.number(key) for layer in layers]
    for layer, value in zip(layers, values):
        if value is None:
            raise InputError(f"{layer.model.file}: {layer.model.label()}: no {key}")
    return sum(values)


def _where(layers):
    return f"{layers[0].filters}, {layers[0].form}, {' + '.join(layer.name for layer in layers)}"


def counted(layers, key, what, unit=""):
    """Of one image, simulated."""
    return Cell(number(layers, key), unit, "simulated", f"{what} an image, {MODEL} on {DEVICE}: {_where(layers)}")


def utilisation(layers):
    """Cycles in which a PE multiplies, of all PEs' cycles."""
    work, cycles = number(layers, "eie_pe_cycles_work"), number(layers, "eie_cycles")
    pes = len(str(layers[0].model.raw.get("eie_each_pe_work", "")).split())
    if not pes or not cycles:
        raise InputError(f"{layers[0].model.file}: {layers[0].model.label()}: no eie_each_pe_work, or no cycles")
    what = f"cycles with a product / ({pes} PEs x cycles)"
    return Cell(100 * work / pes / cycles, "%", "simulated", f"{what}, {MODEL} on {DEVICE}: {_where(layers)}")


def model_time(layers):
    time = sum(layer.model.median_ns for layer in layers) / 1e3
    return Cell(time, "us", "simulated", f"time of an image, {MODEL} on {DEVICE}: {_where(layers)}")


def host_time(layers, which):
    """The least samples of an image's products, added up over the layers: the machine may have been busy."""
    rows = [getattr(layer, which) for layer in layers]
    if None in rows:
        return NOT_MEASURED
    time = sum(min(row.samples) for row in rows) / 1e3
    kernels = ", ".join(dict.fromkeys(row.kernel for row in rows))
    return Cell(time, "us", "measured", f"least samples added up, {kernels}, 1 thread, hot: {_where(layers)}")
