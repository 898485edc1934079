"""Networks compressed here: Deep Compression's, results/DEEP_COMPRESSION.csv, which `plots deepcomp` writes, and the
published SqueezeNet, results/SQUEEZENET.csv, which `plots squeezenet` writes; by the names of their columns."""

import os

from plots.core.cells import missing
from plots.core.grid import read_cells
from plots.core.output import DATA

FILE = os.path.join(os.path.dirname(DATA), "results", "DEEP_COMPRESSION.csv")
SQUEEZENET_FILE = os.path.join(os.path.dirname(DATA), "results", "SQUEEZENET.csv")
FILE_TABLE, FLOATS, SIX_BITS, BYTES = "file", "float32", "6 bits, Huffman-coded", "bytes"
TABLE = "networks"
PRINTED_RATE, TOTAL_RATE, LAYERS_RATE = "rate printed", "rate of the printed total", "rate from printed layer sizes"
PACKED_RATE, HUFFMAN_RATE, HUFFMAN_BYTES = "packed files, rate", "Huffman files, rate", "Huffman files, bytes"


class Networks:
    """Their sizes as cells; none where the file is not there. Raises InputError for one that is none."""

    def __init__(self, path=FILE):
        self._name = os.path.basename(path)
        self._cells = read_cells(path) if os.path.exists(path) else {}

    def cell(self, network, column):
        return self._cells.get((TABLE, network, column)) or missing(
            "none",
            "measured",
            f"no {column} of {network} in {self._name}",
            reason=f"{self._name} has no such number: ./run deepcomp makes it",
        )


class SqueezeNet(Networks):
    """Its weights as a file."""

    def __init__(self, path=SQUEEZENET_FILE):
        super().__init__(path)

    def bytes_of(self, row):
        return self._cells.get((FILE_TABLE, row, BYTES)) or missing(
            "none",
            "measured",
            f"no {row} in {self._name}",
            reason=f"{self._name} has no such number: ./run squeezenet makes it",
        )
