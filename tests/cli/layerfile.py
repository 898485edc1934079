"""The layer file and the numbers, written from the contract (host/layer/layer.h), so that the tests share
nothing with the program."""

import hashlib
import json
import math
import struct

import numpy

HASH_KEYS = (".eie_layer_hash", ".eie_matrix_hash")
WIDTHS = {"U8": 1, "I16": 2, "I32": 4, "U32": 4}
TYPES = {"U8": "<u1", "I16": "<i2", "I32": "<i4", "U32": "<u4"}


class File:
    """A safetensors file taken apart: metadata, tensors {name: (dtype, shape, bytes)} in the data's order."""

    def __init__(self, content):
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
        self.data = content[8 + size :]
        self.metadata = header.pop("__metadata__")
        self.offsets = {name: tensor["data_offsets"] for name, tensor in header.items()}
        self.tensors = {}
        for name in sorted(header, key=lambda name: self.offsets[name]):
            begin, end = self.offsets[name]
            self.tensors[name] = (header[name]["dtype"], header[name]["shape"], self.data[begin:end])

    def header(self):
        header, at = {"__metadata__": self.metadata}, 0
        for name, (dtype, shape, content) in self.tensors.items():
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
            at += len(content)
        return header

    def write(self, header=None, padding=b"", fix_sha=True, keep_hashes=False):
        """The file's bytes; `header` replaces what its header says. Without the hashes of layers, as files of
        before, whose faults are found without them."""
        if not keep_hashes:
            for key in [key for key in self.metadata if key.endswith(HASH_KEYS)]:
                del self.metadata[key]
        data = b"".join(content for _, _, content in self.tensors.values())
        if fix_sha:
            self.metadata["eie.sha256"] = hashlib.sha256(data).hexdigest()
        text = json.dumps(header or self.header()).encode() + padding
        return struct.pack("<Q", len(text)) + text + data

    def array(self, name):
        dtype, shape, content = self.tensors[name]
        return numpy.frombuffer(content, TYPES[dtype]).reshape(shape)

    def set_array(self, name, array):
        dtype, shape, _ = self.tensors[name]
        self.tensors[name] = (dtype, shape, array.astype(TYPES[dtype]).tobytes())

    def number(self, layer, key):
        return int(self.metadata[f"{layer}.{key}"])


def decode(file, layer):
    """[(pe, column, row, code)] of all entries but padding, from the streams."""
    starts, entries = file.array(f"{layer}.column_start"), file.array(f"{layer}.entries")
    pes, found = starts.shape[0], []
    for pe in range(pes):
        for column in range(starts.shape[1] - 1):
            local = -1
            for entry in entries[starts[pe, column] : starts[pe, column + 1]].tolist():
                local += (entry & 15) + 1
                if entry != 0x0F:
                    found.append((pe, column, local * pes + pe, entry >> 4))
    return found


def dense(file, layer):
    """The matrix of fixed-point weights, [outputs][inputs]."""
    weights = numpy.zeros((file.number(layer, "outputs"), file.array(f"{layer}.column_start").shape[1] - 1), int)
    codebook = file.array(f"{layer}.codebook")
    for _, column, row, code in decode(file, layer):
        weights[row, column] = codebook[code]
    return weights


def product(file, layer, weights, sample=0):
    """y = act(W a + b) in Python's own whole numbers, by the row's definition."""
    shift = (
        file.number(layer, "weight_fraction_bits")
        + file.number(layer, "input_fraction_bits")
        - file.number(layer, "output_fraction_bits")
    )
    half = 1 << (shift - 1) if shift else 0
    inputs = file.array(f"{layer}.sample_inputs")[sample].tolist()
    bias = file.array(f"{layer}.bias").tolist() if f"{layer}.bias" in file.tensors else [0] * len(weights)
    outputs = []
    for row, start in zip(weights.tolist(), bias):
        total = start + sum(weight * value for weight, value in zip(row, inputs))
        assert -(2**31) <= total < 2**31, "a final sum leaves int32"
        total = max(total, 0) if file.metadata[f"{layer}.activation"] == "relu" else total
        outputs.append(min(max((total + half) >> shift, -32768), 32767))
    return outputs


def layer_hash(file, layer):
    """The hash of result rows and of the manifest."""
    starts = file.array(f"{layer}.column_start")
    numbers = [
        starts.shape[1] - 1,
        file.number(layer, "outputs"),
        starts.shape[0],
        {"none": 0, "relu": 1}[file.metadata[f"{layer}.activation"]],
        *(file.number(layer, f"{what}_fraction_bits") for what in ("weight", "input", "output")),
    ]
    digest = hashlib.sha256(struct.pack("<7I", *numbers))
    for part in ("codebook", "column_start", "entries", "bias", "sample_inputs"):
        content = file.tensors.get(f"{layer}.{part}", ("", [], b""))[2]
        digest.update(struct.pack("<Q", len(content)) + content)
    return digest.hexdigest()


def element_bytes(tensor):
    dtype, shape, _ = tensor
    return WIDTHS[dtype] * math.prod(shape)
