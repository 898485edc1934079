"""`eie train --test`: the error of a stored network on the test images, in float32 and on the exact kernels, against both
computed here by their definitions (host/layer/numbers.h, host/train/network.h)."""

import json
import random
import re
import struct

import networkfile
import numpy
import pytest

IMAGES = 40
SIDE = 7
TOPOLOGY = {
    "format": "eie-network-1",
    "summary": "a test",
    "input": {"channels": 1, "height": SIDE, "width": SIDE},
    "classes": 4,
    "layers": [
        {
            "name": "conv1",
            "kind": "conv",
            "in": 1,
            "out": 6,
            "kernel": 3,
            "stride": 1,
            "pad": [1, 0, 0, 1],
            "activation": "relu",
        },
        {"name": "pool1", "kind": "pool", "kernel": 2, "stride": 2},
        {
            "name": "conv2",
            "kind": "conv",
            "in": 6,
            "out": 5,
            "kernel": 2,
            "stride": 1,
            "pad": [0, 0, 0, 0],
            "activation": "relu",
        },
        {"name": "fc1", "kind": "fc", "in": 20, "out": 4, "activation": "none"},
    ],
}
SCALES = {"conv1": (13, 11, 128), "conv2": (11, 10, 200), "fc1": (10, 7, 200)}
SHAPES = {"conv1": (6, 9), "conv2": (5, 24), "fc1": (4, 20)}


def draw_part(name, **changes):
    choice = random.Random(name)
    outputs, inputs = SHAPES[name]
    return {
        "name": name,
        "code_bits": 4,
        "codes": [[choice.randint(0, 15) * (choice.random() < 0.6) for _ in range(inputs)] for _ in range(outputs)],
        "centroids": [*range(-14000, 0, 2000), *range(1500, 16000, 2000)][:15],
        "fraction": 14,
        "bias": [choice.randint(-9, 9) for _ in range(outputs)],
        "bias_fraction": 6,
        "relu": int(name != "fc1"),
        "scale": SCALES[name],
    } | changes


def parts(**changes):
    return [draw_part(name, **changes) for name in SHAPES]


@pytest.fixture
def folder(tmp_path):
    """Images, topology and network."""
    choice = random.Random(3)
    pixels = bytes(choice.choice([0, 0, choice.randint(1, 255)]) for _ in range(IMAGES * SIDE * SIDE))
    labels = bytes(choice.randint(0, 3) for _ in range(IMAGES))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/t10k-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, IMAGES, SIDE, SIDE) + pixels)
    (tmp_path / "data/t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, IMAGES) + labels)
    (tmp_path / "net.json").write_text(json.dumps(TOPOLOGY))
    (tmp_path / "net.safetensors").write_bytes(networkfile.write("net", parts()))
    return tmp_path, numpy.frombuffer(pixels, "u1").reshape(IMAGES, 1, SIDE, SIDE), numpy.frombuffer(labels, "u1")


def columns(image, kernel, pads):
    """[positions][channels x kernel x kernel], and the output's height and width."""
    top, bottom, left, right = pads
    image = numpy.pad(image, ((0, 0), (top, bottom), (left, right)))
    height, width = image.shape[1] - kernel + 1, image.shape[2] - kernel + 1
    rows = [image[:, y : y + kernel, x : x + kernel].reshape(-1) for y in range(height) for x in range(width)]
    return numpy.array(rows), height, width


def pool(image):
    height, width = image.shape[1] // 2, image.shape[2] // 2
    return image[:, : 2 * height, : 2 * width].reshape(-1, height, 2, width, 2).max((2, 4))


def classify(image, product):
    """`product`: (part's name, inputs by position) -> outputs by position."""
    inputs, height, width = columns(image, 3, (1, 0, 0, 1))
    image = pool(product("conv1", inputs).T.reshape(6, height, width))
    inputs, height, width = columns(image, 2, (0, 0, 0, 0))
    image = product("conv2", inputs).T.reshape(5, height, width)
    return int(numpy.argmax(product("fc1", image.reshape(1, -1))[0]))


def matrix(part):
    return numpy.array([[[0, *part["centroids"]][code] for code in row] for row in part["codes"]], "i8")


def float_product(name, inputs):
    part = draw_part(name)
    outputs = inputs @ (matrix(part) / 2.0 ** part["fraction"]).T + numpy.array(part["bias"]) / 2.0 ** part["bias_fraction"]
    return numpy.maximum(outputs, 0) if part["relu"] else outputs


def int16_product(name, inputs):
    part = draw_part(name)
    bits_in, bits_out, _ = part["scale"]
    bits = part["fraction"] + bits_in
    sums = inputs @ matrix(part).T + numpy.array(part["bias"]) * 2 ** (bits - part["bias_fraction"])
    assert abs(sums).max() < 2**31
    sums = numpy.maximum(sums, 0) if part["relu"] else sums
    return numpy.clip((sums + (1 << (bits - bits_out - 1))) >> (bits - bits_out), -32768, 32767)


def test_float_and_int16_by_definition(eie, folder):
    _, pixels, labels = folder
    by_float = [classify(image / 255.0, float_product) for image in pixels]
    fixed = numpy.rint(pixels / 255.0 * 2 ** SCALES["conv1"][0]).astype("i8")
    by_int16 = [classify(image, int16_product) for image in fixed]
    assert len(set(by_float)) > 1
    printed = eie("train", "net.json", "--test", "net.safetensors", "--data", "data").stdout
    assert re.search(r"float32: (\d+) wrong", printed)[1] == str(sum(a != b for a, b in zip(by_float, labels)))
    found = re.search(r"int16: +(\d+) wrong.*; (\d+) images in another class", printed)
    assert found[1] == str(sum(a != b for a, b in zip(by_int16, labels)))
    assert found[2] == str(sum(a != b for a, b in zip(by_int16, by_float)))
    assert f"on {IMAGES} test images (unknown data)" in printed
    assert int(re.search(r"(\d+) exact kernels: every output", printed)[1]) > 10 and "MISMATCH" not in printed


def test_folder_from_the_environment(eie, folder):
    printed = eie("train", "net.json", "--test", "net.safetensors", "--kernel", "scalar_*", env={"EIE_MNIST": "data"}).stdout
    assert "float32" in printed and "exact kernels" in printed


@pytest.mark.parametrize(
    "changes, reason", [({"scale": None}, "states no fixed point"), ({"code_bits": 5}, "codes of 5 bits")]
)
def test_no_int16(eie, folder, changes, reason):
    (folder[0] / "net.safetensors").write_bytes(networkfile.write("net", parts(**changes)))
    printed = eie("train", "net.json", "--test", "net.safetensors", "--data", "data").stdout
    assert "float32" in printed and reason in printed


def test_bad_input(eie, folder):
    path = folder[0]

    def fails(code, culprit, *arguments, network="net.json", data="data"):
        eie.fails(code, culprit, "train", network, "--test", "net.safetensors", "--data", data, *arguments)

    fails(2, "nowhere", data="nowhere")
    fails(2, "kernel", "--kernel", "no_such")
    fails(2, "parts", network="lenet-5")
    eie.fails(2, "EIE_MNIST", "train", "net.json", "--test", "net.safetensors")
    eie.fails(2, "net", "train", "--test", "net.safetensors", "--data", "data")  # no network of that name
    good = (path / "net.safetensors").read_bytes()
    (path / "net.safetensors").write_bytes(networkfile.write("net", parts()[:2]))
    fails(2, "2 parts")
    (path / "net.safetensors").write_bytes(networkfile.write("net", parts(relu=0)))
    fails(2, "conv1")
    (path / "net.safetensors").write_bytes(networkfile.write("net", parts(scale=(14, 11, 0))))
    fails(2, "fraction bits")
    (path / "net.safetensors").write_bytes(good)
    (path / "data/t10k-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, IMAGES, 1, SIDE) + bytes(IMAGES * SIDE))
    fails(2, "images of 1 x 1 x 7")
    (path / "data/t10k-images-idx3-ubyte").write_bytes(
        struct.pack(">4I", 0x803, IMAGES, SIDE, SIDE) + bytes(IMAGES * SIDE**2)
    )
    (path / "data/t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, IMAGES) + bytes([4] * IMAGES))
    fails(2, "label 4 of image 0")
