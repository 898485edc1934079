"""`eie run`: images through whole networks, against both arithmetics computed here by their definitions
(host/graph/graph.h, host/graph/image.h, host/layer/numbers.h), and the published SqueezeNet where EIE_MODELS and EIE_IMAGES
name it and photographs."""

import json
import os

import numpy
import pytest
from command import DATA, MODELS
from layerfile import File, dense
from PIL import Image
from safetensors.numpy import save_file

IMAGES = os.environ.get("EIE_IMAGES")
SIDE = 23


def conv(name, source, out, kernel, stride=1, pad=0, activation="relu"):
    more = {"out": out, "kernel": kernel, "stride": stride, "pad": pad, "activation": activation}
    return {"name": name, "kind": "conv", "from": [source]} | more


def graph(**changes):
    """All kinds of steps; a pool whose last windows hang over, two branches that meet, 1 x 1 with padding."""
    return {
        "format": "eie-graph-1",
        "summary": "a test",
        "classes": 7,
        "image": {"height": SIDE, "width": SIDE + 2, "shorter_side": SIDE + 2, "order": "bgr", "mean": [104, 117.5, 123]},
        "steps": [
            conv("first", "image", 12, 5, 2),
            {"name": "pool", "kind": "pool", "from": ["first"], "kernel": 3, "stride": 2},
            conv("narrow", "pool", 5, 1),
            conv("left", "narrow", 9, 1),
            conv("right", "narrow", 8, 3, 1, 1),
            {"name": "both", "kind": "concat", "from": ["left", "right"]},
            conv("last", "both", 7, 1, 1, 1, "none"),
            {"name": "scores", "kind": "average", "from": ["last"]},
        ],
    } | changes


# ---- what the program must compute ---------------------------------------------------------------


def prepare(pixels, network):
    """pixels [height][width][3]; Pillow's triangle is the same one."""
    image = network["image"]
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    size = [int(side * image["shorter_side"] / shorter + 0.5) for side in (width, height)]
    planes = [Image.fromarray(pixels[:, :, c].astype(numpy.float32)) for c in range(3)]
    planes = [numpy.asarray(plane.resize(size, Image.Resampling.BILINEAR), float) for plane in planes]
    top, left = (size[1] - image["height"]) // 2, (size[0] - image["width"]) // 2
    cut = [plane[top : top + image["height"], left : left + image["width"]] for plane in planes]
    return numpy.stack(cut[::-1] if image["order"] == "bgr" else cut) - numpy.reshape(image["mean"], (3, 1, 1))


def columns(tensor, step):
    """[inputs][positions], and the output's sides."""
    kernel, stride, pad = step["kernel"], step["stride"], step["pad"]
    padded = numpy.pad(tensor, ((0, 0), (pad, pad), (pad, pad)))
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    sides = windows.shape[1:3]
    return windows.transpose(0, 3, 4, 1, 2).reshape(-1, sides[0] * sides[1]), sides


def pooled(tensor, step):
    kernel, stride = step["kernel"], step["stride"]
    sides = [-(-(side - kernel) // stride) + 1 for side in tensor.shape[1:]]
    rows = [tensor[:, y * stride : y * stride + kernel].max(1) for y in range(sides[0])]
    return numpy.stack(
        [numpy.stack([row[:, x * stride : x * stride + kernel].max(1) for x in range(sides[1])], 1) for row in rows], 1
    )


def scores_of(network, tensor, multiply, scale=1):
    """Softmax of the averages. multiply(step, columns): the convolution's outputs."""
    tensors = {"image": tensor}
    for step in network["steps"]:
        source = tensors[step["from"][0]]
        if step["kind"] == "conv":
            inputs, sides = columns(source, step)
            tensors[step["name"]] = multiply(step, inputs).reshape(-1, *sides)
        if step["kind"] == "pool":
            tensors[step["name"]] = pooled(source, step)
        if step["kind"] == "concat":
            tensors[step["name"]] = numpy.concatenate([tensors[name] for name in step["from"]])
        if step["kind"] == "average":
            means = source.mean((1, 2)) * scale
            powers = numpy.exp(means - means.max())
            return powers / powers.sum()


def by_floats(weights):
    def multiply(step, inputs):
        matrix, bias = weights[step["name"]]
        out = matrix.reshape(len(bias), -1).astype(float) @ inputs + bias[:, None].astype(float)
        return numpy.maximum(out, 0) if step["activation"] == "relu" else out

    return multiply


def by_integers(file):
    """The layers of a file by host/layer/numbers.h; two of a convolution are added, then comes the activation."""

    def product(name, inputs):
        number = {key: file.number(name, f"{key}_fraction_bits") for key in ("weight", "input", "output")}
        shift = number["weight"] + number["input"] - number["output"]
        sums = dense(file, name).astype(numpy.int64) @ inputs
        sums += file.array(f"{name}.bias")[:, None] if f"{name}.bias" in file.tensors else 0
        assert abs(sums).max() < 2**31
        if file.metadata[f"{name}.activation"] == "relu":
            sums = numpy.maximum(sums, 0)
        return numpy.clip((sums + ((1 << shift) >> 1)) >> shift, -(2**15), 2**15 - 1)

    def multiply(step, inputs):
        name = step["name"]
        out = product(name, inputs)
        if f"{name}.rest.codebook" in file.tensors:
            out = numpy.clip(out + product(f"{name}.rest", inputs), -(2**15), 2**15 - 1)
            out = numpy.maximum(out, 0) if step["activation"] == "relu" else out
        return out

    return multiply


# ---- a small network -----------------------------------------------------------------------------


@pytest.fixture
def net(eie):
    """A folder with graph.json, weights.safetensors, image.npy of the input's own size; what they hold."""
    random = numpy.random.default_rng(1)
    network, weights, channels = graph(), {}, {"image": 3}
    for step in network["steps"]:
        if step["kind"] == "conv":
            shape = (step["out"], channels[step["from"][0]], step["kernel"], step["kernel"])
            matrix = random.normal(0, 1.5 / shape[1] ** 0.5 / step["kernel"], shape) * (random.random(shape) < 0.6)
            weights[step["name"]] = matrix.astype(numpy.float32), random.normal(0, 0.3, step["out"]).astype(numpy.float32)
        channels[step["name"]] = step.get("out") or sum(channels[name] for name in step["from"])
    weights["first"][0][:] *= 0.01
    (eie.folder / "graph.json").write_text(json.dumps(network))
    tensors = {f"{name}.weight": matrix for name, (matrix, _) in weights.items()}
    save_file(tensors | {f"{name}.bias": bias for name, (_, bias) in weights.items()}, eie.folder / "weights.safetensors")
    pixels = random.integers(0, 256, (SIDE + 2, SIDE + 6, 3), numpy.uint8)
    numpy.save(eie.folder / "image.npy", pixels)
    eie.pixels, eie.weights, eie.graph = pixels, weights, network
    return eie


def run(eie, network, *arguments, graph="./graph.json"):
    eie("run", network, *arguments, "--graph", graph, "--json", "out.json")
    return json.loads((eie.folder / "out.json").read_text())


def scores(result):
    return numpy.array([image["scores"] for image in result["images"]])


def test_floats(net):
    wanted = scores_of(net.graph, prepare(net.pixels, net.graph), by_floats(net.weights))
    assert wanted.max() < 0.99  # not decided by one class
    for options in ([], ["--block", 1], ["--threads", 1, "--block", 7]):
        found = scores(run(net, "weights.safetensors", "image.npy", "--float", *options))
        assert numpy.allclose(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bound, terms", [(1000, 1), (0, 2)])
def test_integers(net, bound, terms):
    made = run(net, "weights.safetensors", "image.npy", "--bound", bound, "--save", "layers.safetensors")
    assert {step["layers"] for step in made["steps"] if "layers" in step} == {terms}
    file = File((net.folder / "layers.safetensors").read_bytes())
    bits, last = file.number("first", "input_fraction_bits"), file.number("last", "output_fraction_bits")
    image = numpy.rint(prepare(net.pixels, net.graph) * 2.0**bits).astype(numpy.int64)
    wanted = scores_of(net.graph, image, by_integers(file), 2.0**-last)
    assert numpy.allclose(scores(made), wanted, rtol=1e-9, atol=0)
    assert made["images"][0]["saturated"] == 0
    for options in (["--kernel", "scalar_ref_dense", "--block", 5], ["--kernel", "scalar_eie_stream", "--threads", 1], []):
        again = run(net, "layers.safetensors", "image.npy", *options)
        assert (scores(again) == scores(made)).all() and again["images"][0]["saturated"] == 0
    expanded = scores(run(net, "layers.safetensors", "image.npy", "--float"))
    assert numpy.allclose(expanded, scores(made), rtol=0, atol=2e-3)


@pytest.mark.parametrize("wrong", ["0", "plan->setup.problem.batch * layer->outputs - 1"])
def test_a_kernel_that_is_wrong_is_told_of(net, plugin, wrong):
    """The first or the last output of each block of 10 of the 110 positions."""
    good, bad = plugin("good"), plugin("bad", AFTER_RUN=f"plan->outputs[{wrong}] ^= 1")
    words = ("run", "weights.safetensors", "image.npy", "--graph", "./graph.json", "--block", "10", "--bound", "1000")
    net(*words, "--plugin", good, "--kernel", "test_good")
    done = net.fails(1, "first: output ", *words, "--plugin", bad, "--kernel", "test_bad")
    assert not done.stdout


def test_columns_of_an_image_are_measured(net):
    """Layers with the inputs of all positions; a row for each with as many of them, the library's own convolutions too."""
    run(net, "weights.safetensors", "image.npy", "--bound", 1000, "--save", "net.safetensors", "--columns")
    file = File((net.folder / "net.safetensors").read_bytes())
    image = numpy.rint(prepare(net.pixels, net.graph) * 2.0 ** file.number("first", "input_fraction_bits"))
    seen = {}

    def keep(step, inputs):
        seen[step["name"]] = inputs.T
        return by_integers(file)(step, inputs)

    scores_of(net.graph, image.astype(numpy.int64), keep)
    assert len(seen) == 5
    for name, inputs in seen.items():
        assert (file.array(f"{name}.sample_inputs") == inputs).all()
    words = ["--suite", "net.safetensors", "--device", "cpu,eie-64pe-45nm", "--threads", 1]
    kernels = "scalar_eie_stream,peers_onednn_convolution*,model_eie_cycle"
    rows = net.bench(*words, "--batch", "positions", "--kernel", kernels)["benchmarks"]
    assert len(rows) == 5 * 4
    for row in rows:
        assert row["eie_batch"] == row["eie_positions"] == len(seen[row["eie_layer"]])
        if row["eie_kernel"].startswith("peers"):
            assert row["eie_status"] in ("ok", "skipped", "unsupported"), row["eie_reason"]
        else:
            assert row["eie_status"] == "ok", row["eie_reason"]
        if row["eie_status"] == "ok":
            by_input = (dense(file, row["eie_layer"]) != 0).sum(0)
            assert row["eie_macs_useful"] == (seen[row["eie_layer"]] != 0).sum(0) @ by_input
    found = net.bench(*words, "--layer", "right", "--batch", 5, "--kernel", "peers_onednn_convolution", code=3)
    assert not found["benchmarks"]
    (row,) = found["eie_missing"]
    assert row["eie_status"] == "skipped" or "takes an image: batch 25" in row["eie_reason"]
    assert file.metadata["right.window"] == "5 5 5 3 1 1"
    file.metadata["right.window"] = "5 5 5 3 1"
    (net.folder / "bad.safetensors").write_bytes(file.write())
    net.fails(2, "'right.window' is not six numbers", "bench", "--suite", "bad.safetensors")
    file.metadata["right.window"] = "5 5 5 2 1 1"
    (net.folder / "bad.safetensors").write_bytes(file.write())
    net.fails(2, "layer right: a window 2 x 2", "bench", "--suite", "bad.safetensors")
    net.fails(2, "layer wide of suite count is no convolution", "bench", "--suite", "count", "--batch", "positions")


def filters_of(matrix):
    half = numpy.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
    return numpy.einsum("ar,oirc,bc->oiab", half, matrix.astype(float), half)


def tiles_of(tensor, pad):
    """[tiles][channels][4][4], transformed."""
    lines = numpy.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    padded = numpy.pad(tensor, ((0, 0), (pad, pad + 1), (pad, pad + 1)))
    tiles = numpy.lib.stride_tricks.sliding_window_view(padded, (4, 4), (1, 2))[:, ::2, ::2]
    return numpy.einsum("ar,iyxrc,bc->yxiab", lines, tiles, lines).reshape(-1, len(tensor), 4, 4)


def test_winograd(net):
    net("winograd", "weights.safetensors", "image.npy", "--graph", "./graph.json", "--json", "winograd.json")
    (layer,) = json.loads((net.folder / "winograd.json").read_text())["layers"]
    seen = {}

    def keep(step, inputs):
        seen[step["name"]] = inputs
        return by_floats(net.weights)(step, inputs)

    scores_of(net.graph, prepare(net.pixels, net.graph), keep)
    matrix, inputs = net.weights["right"][0], seen["right"]
    sides = int(len(inputs.T) ** 0.5)
    tensor = inputs.reshape(5, 9, sides, sides)[:, 4]  # under the window's middle
    filters, tiles = filters_of(matrix), tiles_of(tensor, 1)
    per_input, per_place = (matrix != 0).sum(0).ravel(), (filters != 0).sum(0)
    assert layer["name"] == "right" and layer["tiles"] == len(tiles) == 9
    assert layer["direct"] == {
        "dense": matrix.size * sides**2,
        "pruned": (matrix != 0).sum() * sides**2,
        "dense_active": (inputs != 0).sum() * len(matrix),
        "active": (inputs != 0).sum(1) @ per_input,
    }
    assert layer["winograd"] == {
        "dense": filters.size * len(tiles),
        "pruned": per_place.sum() * len(tiles),
        "dense_active": (tiles != 0).sum() * len(matrix),
        "active": ((tiles != 0).sum(0) * per_place).sum(),
    }
    assert layer["values"] == len(set(matrix.ravel()) - {0})
    no_3x3 = net.graph | {"steps": [step for step in net.graph["steps"] if step["name"] not in ("right", "both")]}
    no_3x3["steps"][4]["from"] = ["left"]
    (net.folder / "none.json").write_text(json.dumps(no_3x3))
    net.fails(2, "weights.safetensors", "winograd", "weights.safetensors", "image.npy", "--graph", "./none.json")
    net.fails(2, "needs a network and an image", "winograd", "weights.safetensors")


def test_two_layers_are_nearer_and_only_where_they_are_asked_for(net):
    floats = scores(run(net, "weights.safetensors", "drawn:9", "--float"))
    found = {bound: run(net, "weights.safetensors", "drawn:9", "--bound", bound) for bound in (0, 0.1, 1000)}
    away = {bound: abs(scores(result) - floats).max() for bound, result in found.items()}
    assert away[0] < away[1000]
    for step in found[0.1]["steps"]:
        if "layers" in step:
            assert step["layers"] == 1 + (step["error_one"] > 0.1)
            assert step["layers"] == 1 or step["error_two"] < step["error_one"] / 2
            assert step["entries"] >= step["weights"]


def test_layers_of_eie_compress_are_read_and_requantized(net):
    shapes = {name: matrix.reshape(len(bias), -1) for name, (matrix, bias) in net.weights.items()}
    save_file(shapes, net.folder / "matrices.safetensors")
    net(
        "compress",
        "matrices.safetensors",
        "--tensor",
        "*",
        "--density",
        1,
        "--bits",
        8,
        "--form",
        "huffman",
        "-o",
        "wide.safetensors",
    )
    net("compress", "matrices.safetensors", "--tensor", "*", "--density", 1, "-o", "own.safetensors")
    bare = {name: (matrix, 0 * bias) for name, (matrix, bias) in net.weights.items()}
    wanted = scores_of(net.graph, prepare(net.pixels, net.graph), by_floats(bare))
    for file in ("wide.safetensors", "own.safetensors"):
        assert numpy.allclose(scores(run(net, file, "image.npy", "--float")), wanted, rtol=0, atol=0.2)
    assert numpy.allclose(scores(run(net, "wide.safetensors", "image.npy", "--bound", 0)), wanted, rtol=0, atol=0.05)
    net.fails(2, "ReLU", "run", "own.safetensors", "image.npy", "--graph", "./graph.json")
    run(net, "own.safetensors", "image.npy", "--requantize")


# ---- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(60, 41), (13, 30), (25, 25)])
def test_scaling(net, height, width):
    pixels = numpy.random.default_rng(2).integers(0, 256, (height, width, 3), numpy.uint8)
    numpy.save(net.folder / "large.npy", pixels)
    wanted = scores_of(net.graph, prepare(pixels, net.graph), by_floats(net.weights))
    assert numpy.allclose(scores(run(net, "weights.safetensors", "large.npy", "--float")), wanted, rtol=0, atol=1e-5)


def test_formats_of_images(net):
    grey = net.pixels[:, :, 0]
    height, width = grey.shape
    numpy.save(net.folder / "grey.npy", grey.astype(float))
    (net.folder / "image.ppm").write_bytes(b"P6 # comment\n%d %d\n255\n" % (width, height) + net.pixels.tobytes())
    (net.folder / "grey.pgm").write_bytes(b"P5\n%d\n%d\n255 " % (width, height) + grey.tobytes())
    found = scores(run(net, "weights.safetensors", "image.npy", "image.ppm", "grey.npy", "grey.pgm", "drawn:3", "--float"))
    assert (found[0] == found[1]).all() and (found[2] == found[3]).all() and (found[0] != found[2]).any()
    assert (scores(run(net, "weights.safetensors", "drawn:3", "--float")) == found[4]).all()


@pytest.mark.parametrize(
    "same", [{"kind": "pool", "kernel": 1, "stride": 1}, {"kind": "concat"}], ids=["pool", "concatenation"]
)
def test_what_becomes_of_the_image_before_the_first_convolution(net, same):
    steps = [{"name": "same", "from": ["image"]} | same, {"name": "again", "from": ["same"]} | same, *graph()["steps"]]
    steps[2]["from"] = ["again"]
    (net.folder / "behind.json").write_text(json.dumps(graph(steps=steps)))
    direct = run(net, "weights.safetensors", "image.npy", "--save", "layers.safetensors")
    for network in ("weights.safetensors", "layers.safetensors"):
        assert (scores(run(net, network, "image.npy", graph="behind.json")) == scores(direct)).all()


def test_names_of_classes(net):
    (net.folder / "names.txt").write_text("".join(f"class {k}\n" for k in range(7)))
    done = net("run", "weights.safetensors", "image.npy", "--graph", "./graph.json", "--classes", "names.txt", "--top", 2)
    listed = [line.split() for line in done.stdout.splitlines() if " class " in line]
    assert len(listed) == 2 and all(number == name for number, _, _, name in listed)
    assert float(listed[0][1]) >= float(listed[1][1])
    (net.folder / "more.txt").write_text("background\n" + (net.folder / "names.txt").read_text())  # all names one off
    words = ("run", "weights.safetensors", "image.npy", "--graph", "./graph.json", "--classes", "more.txt")
    net.fails(2, "has more than 7 lines", *words)


# ---- mistakes ------------------------------------------------------------------------------------


def step_changed(number, **changes):
    steps = graph()["steps"]
    steps[number] = steps[number] | changes
    return {"steps": steps}


BAD_GRAPHS = {
    "eie-graph-2": {"format": "eie-graph-2"},
    "neither bgr nor rgb": {"image": graph()["image"] | {"order": "cmyk"}},
    "shorter_side": {"image": graph()["image"] | {"shorter_side": SIDE}},
    "mean": {"image": graph()["image"] | {"mean": [1, 2]}},
    "'nobody'": step_changed(1, **{"from": ["nobody"]}),
    "two steps": step_changed(1, name="first"),
    "does not fit": step_changed(0, kernel=40),
    "none of conv": step_changed(0, kind="deconv"),
    "stride": step_changed(1, stride=4),
    "7 classes": step_changed(6, out=8),
    "must be the average": {"steps": graph()["steps"][:-1]},
    "and no other, must be": {"steps": [*graph()["steps"], graph()["steps"][-1] | {"name": "again"}]},
    "positions": step_changed(5, **{"from": ["first", "right"]}),
    "neither none nor relu": step_changed(0, activation="tanh"),
}


@pytest.mark.parametrize("culprit", BAD_GRAPHS)
def test_bad_graphs(net, culprit):
    (net.folder / "bad.json").write_text(json.dumps(graph(**BAD_GRAPHS[culprit])))
    done = net.fails(2, culprit, "run", "weights.safetensors", "image.npy", "--graph", "bad.json")
    assert "bad.json:" in done.stderr


BAD_IMAGES = {
    "empty.ppm": b"",
    "other.ppm": b"P3\n1 1\n255\n1 2 3",
    "cut.ppm": b"P6\n2 2\n255\n" + bytes(11),
    "more.ppm": b"P6\n2 2\n255\n" + bytes(13),
    "zero.ppm": b"P6\n0 2\n255\n",
    "wide.ppm": b"P6\n99999999999 2\n255\n",
    "deep.ppm": b"P6\n1 1\n65535\n" + bytes(6),
    "header.ppm": b"P6 # no end",
    "zeros.ppm": b"P6\0" + b"1\0" + b"1\0" + b"255\0" + bytes(3),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images(net, name):
    (net.folder / name).write_bytes(BAD_IMAGES[name])
    net.fails(2, name, "run", "weights.safetensors", name, "--graph", "./graph.json", "--float")


def test_bad_arrays(net):
    for name, array in {"flat": numpy.zeros(9), "four": numpy.zeros((3, 3, 4)), "high": numpy.full((3, 3), 256.0)}.items():
        numpy.save(net.folder / f"{name}.npy", array)
        net.fails(2, f"{name}.npy", "run", "weights.safetensors", f"{name}.npy", "--graph", "./graph.json", "--float")


@pytest.mark.parametrize(
    "culprit, arguments",
    {
        "needs a network": [],
        "needs an image": ["weights.safetensors"],
        "no-such.ppm": ["weights.safetensors", "no-such.ppm"],
        "drawn:x": ["weights.safetensors", "drawn:x"],
        "'nothing'": ["weights.safetensors", "image.npy", "--graph", "nothing"],
        "'nobody'": ["weights.safetensors", "image.npy", "--kernel", "nobody"],
        "'scalar_float_csr'": ["weights.safetensors", "image.npy", "--kernel", "scalar_float_csr"],
        "--bound -1": ["weights.safetensors", "image.npy", "--bound", "-1"],
        "--float": ["weights.safetensors", "image.npy", "--float", "--save", "x.safetensors"],
        "has no weights conv1": ["weights.safetensors", "image.npy", "--graph", "squeezenet"],
        "has 1 lines": ["weights.safetensors", "image.npy", "--classes", "graph.json"],
        "wrong.safetensors": ["wrong.safetensors", "image.npy"],
    }.items(),
)
def test_mistakes(net, culprit, arguments):
    save_file({name: matrix[:, :, :1] for name, (matrix, _) in net.weights.items()}, net.folder / "wrong.safetensors")
    if arguments and "--graph" not in arguments:
        arguments = [*arguments, "--graph", "./graph.json"]
    net.fails(2, culprit, "run", *arguments)


def test_scores_that_are_no_numbers(net):
    tensors = {f"{name}.weight": numpy.where(matrix > 0, 3e38, -3e38) for name, (matrix, _) in net.weights.items()}
    save_file({name: matrix.astype(numpy.float32) for name, matrix in tensors.items()}, net.folder / "huge.safetensors")
    net.fails(2, "no numbers", "run", "huge.safetensors", "image.npy", "--graph", "./graph.json", "--float")


def test_a_convolution_is_not_named_as_a_second_layer(net):
    (net.folder / "rest.json").write_text(json.dumps(graph(**step_changed(6, name="both.rest")) | {"classes": 7}))
    text = (net.folder / "rest.json").read_text().replace('"from": ["last"]', '"from": ["both.rest"]')
    (net.folder / "rest.json").write_text(text)
    net.fails(2, "both.rest", "run", "weights.safetensors", "image.npy", "--graph", "rest.json")


# ---- the published SqueezeNet --------------------------------------------------------------------

FIRST = {"chelsea.png": {281, 282, 285}, "coffee.png": {967}, "camera.png": {872}}
AMONG_FIVE = {"rocket.jpg": {657, 744}}


@pytest.fixture
def squeezenet(eie):
    """The file, and the photographs as PPM: their names without ending."""
    path = os.path.join(MODELS or "", "squeezenet", "compressed_SqueezeNet.net")
    if not MODELS or not os.path.exists(path):
        pytest.skip("squeezenet: EIE_MODELS is not set")
    if not IMAGES:
        pytest.skip("squeezenet: EIE_IMAGES is not set")
    for name in [*FIRST, *AMONG_FIVE]:
        Image.open(os.path.join(IMAGES, name)).convert("RGB").save(eie.folder / f"{name}.ppm")
    return path


def published(eie, path):
    """The file's weights, which test_compress.py holds against the file."""
    eie(
        "compress", path, "--tensor", "*", "--keep-codes", "--form", "huffman", "--samples", 1, "-o", "published.safetensors"
    )
    eie("expand", "published.safetensors", "-o", "floats.safetensors")
    from safetensors.numpy import load_file

    return load_file(eie.folder / "floats.safetensors")


def test_squeezenet_names_the_photographs(eie, squeezenet):
    network = json.loads((DATA / "graphs/squeezenet.json").read_text())
    names = [*FIRST, *AMONG_FIVE]
    files = [f"{name}.ppm" for name in names]
    floats = run(eie, squeezenet, *files, "--float", graph="squeezenet")
    integers = run(eie, squeezenet, *files, "--save", "layers.safetensors", graph="squeezenet")
    for result in (floats, integers):
        top = {name: [entry["class"] for entry in image["classes"]] for name, image in zip(names, result["images"])}
        assert all(top[name][0] in wanted for name, wanted in FIRST.items())
        assert all(set(top[name]) & wanted for name, wanted in AMONG_FIVE.items())
    tensors = published(eie, squeezenet)
    weights = {
        step["name"]: (tensors[step["name"]], tensors[f"{step['name']}.bias"])
        for step in network["steps"]
        if step["kind"] == "conv"
    }
    assert next(step["positions"] for step in floats["steps"] if step["name"] == "conv10-1x1") == 225
    pixels = numpy.asarray(Image.open(eie.folder / files[0]))
    wanted = scores_of(network, prepare(pixels, network), by_floats(weights))
    assert abs(scores(floats)[0] - wanted).max() < 1e-4
    again = run(eie, "layers.safetensors", files[0], graph="squeezenet")
    assert (scores(again)[0] == scores(integers)[0]).all()
