"""Networks of the form `network` as files of layers: what reads a layer file reads them."""

import json
import random

import networkfile
import numpy
import pytest
import safetensors.numpy
from networkfile import container, tensor, write


def draw(seed, outputs, inputs, density=0.2, code_bits=4, clusters=None, dead_rows=(), dead_columns=()):
    """A part, without its name."""
    choice = random.Random(seed)
    clusters = clusters or (1 << code_bits) - 1
    centroids = sorted(choice.sample(range(-900, 900), clusters))
    codes = [
        [choice.randint(1, clusters) if choice.random() < density else 0 for _ in range(inputs)] for _ in range(outputs)
    ]
    for i in range(outputs):
        for j in range(inputs):
            if i in dead_rows or j in dead_columns:
                codes[i][j] = 0
    bias = [0 if i in dead_rows else choice.randint(-99, 99) for i in range(outputs)]
    return {"code_bits": code_bits, "codes": codes, "centroids": centroids, "bias": bias}


FIRST = draw(1, 24, 30, dead_rows=(0, 3, 4, 5, 23), dead_columns=(0, 1, 29)) | {
    "name": "fc1",
    "relu": 1,
    "scale": (10, 8, 50),
}
SECOND = draw(2, 10, 24, dead_columns=(0, 3, 4, 5, 23)) | {"name": "fc2", "scale": (8, 6, 130)}
STREAMS = [(0, 0, 0, 1), (0, 3, 1, 8), (2, 1, 2, 3), (3, 0, 3, 255), (7, 15, 3, 2)]


def network(**changes):
    return [
        FIRST | changes,
        SECOND | {key: value for key, value in changes.items() if key in ("by_column", "streams", "distance")},
    ]


def floats(part):
    centroids = [0, *part["centroids"]]
    return numpy.array([[centroids[code] for code in row] for row in part["codes"]]) / 2.0 ** part.get("fraction", 8)


@pytest.fixture
def save(tmp_path):
    def save(parts, name="net.safetensors", **changes):
        (tmp_path / name).write_bytes(write("small", parts, **changes))
        return name

    return save


def split(line):
    return line.split(",")


def expanded(eie, tmp_path, parts):
    eie("expand", "net.safetensors", "-o", "floats.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "floats.safetensors")
    for part in parts:
        (name,) = [name for name in arrays if name.split(".")[0] == part["name"] and arrays[name].ndim == 2]
        assert (arrays[name] == floats(part)).all()


@pytest.mark.parametrize("by_column", [0, 1])
@pytest.mark.parametrize("streams", STREAMS)
def test_every_way_to_store_the_streams_is_read(eie, tmp_path, save, streams, by_column):
    parts = network(streams=streams, by_column=by_column, distance=streams[0])
    save(parts)
    assert networkfile.read((tmp_path / "net.safetensors").read_bytes())[1][0]["codes"] == FIRST["codes"]
    expanded(eie, tmp_path, parts)


@pytest.mark.parametrize(
    "lines, second",
    [((0, 1), (0, 0)), ((0, 2), (2, 1)), ((1, 0), (1, 3)), ((2, 2), (0, 3)), ((1, 1), (0, 2)), ((2, 0), (2, 3))],
)
def test_every_way_to_leave_lines_out_is_read(eie, tmp_path, save, lines, second):
    parts = [FIRST | {"lines": lines, "bias_form": 1 + bool(lines[0])}, SECOND | {"lines": second}]
    save(parts)
    expanded(eie, tmp_path, parts)


@pytest.mark.parametrize("code_bits", [2, 3, 5, 8])
def test_other_widths_are_matrices(eie, tmp_path, save, code_bits):
    part = draw(code_bits, 20, 40, 0.5, code_bits) | {"name": "wide"}
    save([part])
    expanded(eie, tmp_path, [part])
    if code_bits > 4:
        done = eie.fails(2, "net.safetensors", "layer", "info", "net.safetensors")
        assert f"codes of {code_bits} bits" in done.stderr
    else:
        eie("layer", "verify", "net.safetensors")


def test_parts_without_weights_or_bias(eie, tmp_path, save):
    part = {"name": "none", "code_bits": 4, "centroids": [5], "codes": [[0] * 3] * 2}
    save([part])
    expanded(eie, tmp_path, [part])
    eie("layer", "verify", "net.safetensors")


def test_the_parts_are_layers(eie, save):
    save(network())
    info = json.loads(eie("layer", "info", "net.safetensors", "--json").stdout)
    layers = info["layers"] if isinstance(info, dict) else info
    assert [layer["name"] for layer in layers] == ["fc1", "fc2"]
    assert "small" in json.dumps(layers) and "drawn at their measured share" in json.dumps(layers)
    save([FIRST])
    dump = eie("layer", "dump", "net.safetensors", "--pes", "1").stdout.splitlines()[1:]
    weights = {(int(row), int(column)): float(weight) for _, column, row, code, _, weight in map(split, dump) if code != "0"}
    expected = floats(FIRST)
    assert weights == {(i, j): expected[i, j] for i, j in zip(*expected.nonzero())}


def test_bench_checks_and_times_them(eie, save):
    save(network())
    results = eie.bench("--suite", "net.safetensors", "--kernel", "scalar_*", "--batch", "1,4")
    rows = [row for row in results["benchmarks"] if row["eie_status"] == "ok"]
    assert {row["eie_layer"] for row in rows} == {"fc1", "fc2"}


def test_compress_keeps_the_codes(eie, tmp_path, save):
    save(network())
    eie(
        "compress",
        "net.safetensors",
        "--tensor",
        "*",
        "--keep-codes",
        "--form",
        "huffman",
        "--run-bits",
        "8",
        "-o",
        "huffman.safetensors",
    )
    eie("expand", "huffman.safetensors", "-o", "floats.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "floats.safetensors")
    assert any(array.shape == (24, 30) and (array == floats(FIRST)).all() for array in arrays.values())


# ---- damage ------------------------------------------------------------------------------------

BAD = {
    "no parts": lambda: write("small", network(), count=0),
    "fewer parts than it says": lambda: write("small", network(), count=3),
    "more parts than it says": lambda: write("small", network(), count=1),
    "a later version": lambda: write("small", network(), version=2),
    "bytes behind": lambda: write("small", network(), behind=b"\0"),
    "another form": lambda: container("small", tensor(network()), {"eie.form": "networks"}),
    "a name twice": lambda: write("small", [FIRST, FIRST]),
    "a name of other characters": lambda: write("small", [FIRST | {"name": "f c"}]),
    "an empty name": lambda: write("small", [FIRST | {"name": ""}]),
    "no outputs": lambda: write("small", [FIRST | {"outputs": 0}]),
    "outputs for terabytes": lambda: write("small", [FIRST | {"outputs": 2**31, "inputs": 2**20}]),
    "codes of 1 bit": lambda: write("small", [draw(1, 3, 3, 0, 2, 1) | {"name": "a", "code_bits": 1}]),
    "no centroids": lambda: write("small", [FIRST | {"clusters": 0}]),
    "centroid fraction bits": lambda: write("small", [FIRST | {"fraction": 31}]),
    "bias of 1 bit": lambda: write("small", [FIRST | {"bias_bits": 1}]),
    "bias fraction bits": lambda: write("small", [FIRST | {"bias_fraction": 31}]),
    "biases of another form": lambda: write("small", [FIRST | {"bias_form": 3}]),
    "columns as rows before the first": lambda: write("small", [FIRST | {"lines": (3, 0)}]),
    "more weights than places": lambda: write("small", [FIRST | {"weights": 721}]),
    "more weights than the streams have": lambda: write("small", [FIRST | {"weights": 400}]),
    "fewer weights than the streams have": lambda: write("small", [FIRST | {"weights": 3}]),
}


@pytest.mark.parametrize("what", BAD)
def test_files_that_lie(eie, tmp_path, what):
    (tmp_path / "net.safetensors").write_bytes(BAD[what]())
    for arguments in (["layer", "verify"], ["expand", "-o", "x.npy"]):
        done = eie.fails(2, "net.safetensors", *arguments, "net.safetensors")
        assert done.stdout == ""
    assert not (tmp_path / "x.npy").exists()


def test_every_byte_is_under_the_checksum(eie, tmp_path):
    content = bytearray(write("small", network()))
    for at in range(len(content) - len(tensor(network())), len(content), 37):
        content[at] ^= 4
        (tmp_path / "net.safetensors").write_bytes(bytes(content))
        eie.fails(2, "net.safetensors", "layer", "verify", "net.safetensors")
        content[at] ^= 4


def test_cut_files(eie, tmp_path):
    content = write("small", network())
    for size in (0, 7, 8, 60, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "net.safetensors").write_bytes(content[:size])
        eie.fails(2, "net.safetensors", "layer", "verify", "net.safetensors")


def test_fixed_point_that_does_not_fit(eie, save):
    save([FIRST | {"scale": (31, 62, 50)}])
    eie.fails(2, "net.safetensors", "layer", "verify", "net.safetensors")
