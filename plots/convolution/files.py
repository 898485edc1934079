"""One image through a network's convolutions, from the files of a folder: run.json (eie run), bench.json (eie bench of the
layers with the image's columns; further rows of the same layers from all bench-*.json), and where they are there float.json,
explore.json, winograd.json and file.json."""

import glob
import math
import os
from dataclasses import dataclass

from plots.core.load import InputError, load, read_json

REST = ".rest"  # ends the name of a layer's second term
CYCLE, CLOSED = "model_eie_cycle", "model_eie_analytic"
FLOAT, INT8 = "peers_onednn_convolution", "peers_onednn_convolution_int8"
SGEMM, MATMUL = "peers_openblas_sgemm", "peers_onednn_int8"


@dataclass
class Layer:
    """A convolution of the network: its place in the graph, and its one or two layers of 4 bits."""

    name: str
    positions: int
    outputs: int
    inputs: int
    terms: int

    @property
    def names(self):
        return [self.name, self.name + REST][: self.terms]

    @property
    def macs(self):
        return self.positions * self.outputs * self.inputs


class Convolutions:
    """All that the page says; raises InputError."""

    def __init__(self, folder):
        self.folder = folder
        self.run = self._object("run.json", "eie-run-1", ("steps", "images", "threads", "kernel"))
        self.floats = self._object("float.json", "eie-run-1", ("images", "threads", "kernel"), needed=False)
        self.winograd = self._object("winograd.json", "eie-winograd-1", ("layers",), needed=False)
        self.file = self._object("file.json", "eie-ledger-1", ("file_bytes", "input_bytes", "file_uses"), needed=False)
        self.sweep = self._object("explore.json", "eie-explore-1", ("points",), needed=False)
        further = sorted(glob.glob(os.path.join(glob.escape(folder), "bench-*.json")))
        self.results, *self.further = [load(path) for path in (os.path.join(folder, "bench.json"), *further)]
        self.layers = [self._layer(step) for step in self.run["steps"] if "positions" in step]
        if not self.layers:
            raise InputError(f"{folder}/run.json: no convolution among its steps")
        self.rows = {}  # (layer, kernel): the row that takes least for an image
        hashes = {}
        for row in (row for results in (self.results, *self.further) for row in results.rows):
            if row.usable and row.number("eie_positions"):
                key = row.layer, row.kernel
                if hashes.setdefault(row.layer, row.raw.get("eie_layer_hash")) != row.raw.get("eie_layer_hash"):
                    raise InputError(f"{row.file}: layer {row.layer} is another than in the files before it")
                if key not in self.rows or image_ns(row) < image_ns(self.rows[key]):
                    self.rows[key] = row
        for layer in self.layers:
            for name in layer.names:
                if not self.exact(name):
                    raise InputError(f"{folder}/bench.json: no exact kernel's row of layer {name}")

    def _object(self, name, kind, keys, needed=True):
        path = os.path.join(self.folder, name)
        if not needed and not os.path.exists(path):
            return None
        found = read_json(path)
        stated = found.get("eie_format", found.get("format")) if isinstance(found, dict) else None
        if stated != kind:
            raise InputError(f"{path}: is no {kind}")
        for key in keys:
            if key not in found:
                raise InputError(f"{path}: {key} is missing")
        return found

    def _layer(self, step):
        try:
            return Layer(*(step[key] for key in ("name", "positions", "outputs", "inputs")), step.get("layers", 1))
        except KeyError as error:
            raise InputError(f"{self.folder}/run.json: a step without {error}") from None

    def exact(self, name):
        """The fastest of the processor's exact rows of a layer, or None."""
        rows = [row for (layer, _), row in self.rows.items() if layer == name and "exact" in row.flags and not row.is_model]
        return min(rows, key=image_ns, default=None)

    def row(self, name, kernel):
        return self.rows.get((name, kernel))

    def active(self, name):
        """Multiplications by weights and inputs that are not 0, for the image."""
        row = self.row(name, CYCLE) or self.exact(name)
        return row.number("eie_macs_useful") * row.number("eie_positions") / row.batch

    def pruned(self, name):
        row = self.exact(name)
        return row.number("eie_nonzeros") * row.number("eie_positions")

    def rows_of(self, pick, terms=1):
        """A row of each layer, or of each term; None where one is missing."""
        rows = [pick(name) for layer in self.layers for name in layer.names[:terms]]
        return None if None in rows else rows

    @property
    def columns_ns(self):
        """The convolutions of eie run, with im2col and copies, in the layers that the image was run by; None where it took
        another number of threads than the rows did."""
        threads = {row.threads for row in self.rows.values() if row.threads}
        if not self.run["images"] or threads != {self.run["threads"]}:
            return None
        return 1e9 * sum(step["least_s"] for step in self.run["steps"] if "positions" in step)

    @property
    def image(self):
        return self.run["images"][0]["image"] if self.run["images"] else "no image"


def image_ns(row):
    """The least time of a row's samples, for all positions of an image."""
    least = row.number("eie_min_ns") or row.median_ns
    return least * row.number("eie_positions") / row.batch


def joules(rows):
    """Of an image, where every row has energy, else None."""
    total = 0.0
    for row in rows:
        each = row.number("eie_inference_j")
        if row.is_model and row.number("eie_energy_j") is not None:
            each = row.number("eie_energy_j") / row.batch
        if each is None:
            return None
        total += each * row.number("eie_positions")
    return total if math.isfinite(total) else None
