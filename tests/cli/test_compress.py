"""eie compress and eie expand: dense weights in, a layer or its storage form out, and back."""

import io
import json
import os
import struct
import subprocess
import zipfile

import numpy
import pytest
from command import MODELS
from layerfile import File, dense
from safetensors.numpy import load_file, save_file

RANDOM = numpy.random.default_rng(4)


def weights(rows=40, columns=70):
    return (RANDOM.standard_normal((rows, columns)) * 0.05).astype(numpy.float32)


def compressed(eie, *arguments, out="out.safetensors"):
    """The ledger; its parts are the file's bytes."""
    ledger = json.loads(eie("compress", *arguments, "-o", out, "--json").stdout)
    size = os.path.getsize(eie.folder / out)
    assert ledger["file_bytes"] == size == sum(ledger["parts"].values())
    (header,) = struct.unpack("<Q", (eie.folder / out).read_bytes()[:8])
    assert ledger["parts"]["header"] == 8 + header
    assert sum(ledger["file_uses"].values()) == size and ledger["file_uses"]["header_bytes"] == 8 + header
    assert ledger["input_bytes"] == sum(layer["input_bytes"] for layer in ledger["layers"])
    assert ledger["rate_x"] == pytest.approx(ledger["input_bytes"] / size)
    for layer in ledger["layers"]:
        for stage in layer["stages"]:
            parts = sum(stage[f"{part}_bytes"] for part in ("values", "runs", "padding", "codebook", "tables"))
            assert stage["bytes"] == pytest.approx(parts)
            assert stage["rate_x"] * stage["bytes"] == pytest.approx(4 * layer["weights"] if stage["bytes"] else 0)
    return ledger


def expanded(eie, path="out.safetensors"):
    eie("expand", path, "-o", "back.npy")
    return numpy.load(eie.folder / "back.npy")


# ---- what is kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["plain", "packed", "huffman"])
def test_the_largest_weights_stay_and_the_errors_are_those_of_numpy(eie, form):
    given = weights()
    numpy.save(eie.folder / "w.npy", given)
    (layer,) = compressed(eie, "w.npy", "--density", 0.25, "--form", form, "--pes", 4)["layers"]
    back = expanded(eie)
    assert back.shape == given.shape and (back != 0).sum() == layer["nonzeros"] == 700
    threshold = numpy.sort(numpy.abs(given), axis=None)[-700]
    assert ((back != 0) == (numpy.abs(given) >= threshold)).all()
    pruned = numpy.where(back != 0, given, 0)
    norm = numpy.linalg.norm(given.astype(float))
    assert layer["errors"]["pruned_relative_frobenius"] == pytest.approx(
        numpy.linalg.norm(pruned.astype(float) - given) / norm
    )
    assert layer["errors"]["shared_relative_frobenius"] == pytest.approx(
        numpy.linalg.norm(back.astype(float) - given) / norm, rel=1e-3
    )  # back is 16-bit fixed point
    assert len(numpy.unique(back[back != 0])) == layer["clusters"] == 15


def test_every_form_is_the_same_layer(eie):
    numpy.save(eie.folder / "w.npy", weights(33, 130))
    hashes = set()
    for form in ("plain", "packed", "huffman"):
        (layer,) = compressed(
            eie, "w.npy", "--density", 0.1, "--form", form, "--pes", 3, "--activation", "relu", out=f"{form}.safetensors"
        )["layers"]
        verified = eie("layer", "verify", f"{form}.safetensors").stdout
        assert verified.endswith("valid\n") and layer["layer"]["hash"] in verified
        hashes.add(layer["layer"]["hash"])
        assert not load_file(eie.folder / f"{form}.safetensors")["w.codebook"][0]
    assert len(hashes) == 1
    file = File((eie.folder / "plain.safetensors").read_bytes())
    eie("expand", "huffman.safetensors", "-o", "back.npy")
    scale = 2.0 ** -file.number("w", "weight_fraction_bits")
    assert (numpy.load(eie.folder / "back.npy") == (dense(file, "w") * scale).astype(numpy.float32)).all()


def test_the_result_does_not_depend_on_the_threads(eie):
    for threads in (1, 2, 5):
        eie("compress", "normal:100x300", "--density", 0.3, "--threads", threads, "-o", f"{threads}.safetensors")
    assert len({(eie.folder / f"{threads}.safetensors").read_bytes() for threads in (1, 2, 5)}) == 1


@pytest.mark.parametrize("bits", range(2, 9))
def test_every_width_comes_back(eie, bits):
    given = weights()
    given[:, ::2] = 0
    numpy.save(eie.folder / "w.npy", given)
    (layer,) = compressed(eie, "w.npy", "--bits", bits, "--run-bits", 10 - bits, "--form", "huffman")["layers"]
    back = expanded(eie)
    assert ((back != 0) == (given != 0)).all() and layer["clusters"] <= 2**bits - 1
    assert numpy.linalg.norm(back.astype(float) - given) / numpy.linalg.norm(given) == pytest.approx(
        layer["errors"]["shared_relative_frobenius"], rel=1e-5
    )


def test_few_distinct_weights_are_kept_exactly(eie):
    given = RANDOM.choice(numpy.array([0, 0.5, -1.25, 3], numpy.float32), (20, 30))
    numpy.save(eie.folder / "w.npy", given)
    for start in ("linear", "density"):
        (layer,) = compressed(eie, "w.npy", "--bits", 8, "--run-bits", 4, "--form", "packed", "--centroids", start)["layers"]
        assert layer["clusters"] == 3 and layer["errors"]["shared_relative_frobenius"] == 0
        assert (expanded(eie) == given).all()


def test_a_matrix_of_zeros(eie):
    numpy.save(eie.folder / "w.npy", numpy.zeros((5, 7), numpy.float32))
    (layer,) = compressed(eie, "w.npy")["layers"]
    assert layer["nonzeros"] == layer["clusters"] == 0 and not expanded(eie).any()
    compressed(eie, "w.npy", "--form", "huffman", "--bits", 5)
    assert not expanded(eie).any()


def test_threshold_is_in_standard_deviations(eie):
    given = weights()
    numpy.save(eie.folder / "w.npy", given)
    (layer,) = compressed(eie, "w.npy", "--threshold", 1.2)["layers"]
    assert layer["nonzeros"] == (numpy.abs(given) >= 1.2 * given.astype(float).std()).sum()


def test_inputs_and_bias_travel_with_the_layer(eie):
    given, inputs, bias = weights(), numpy.abs(weights(3, 70)), weights(1, 40)[0]
    for name, array in {"w": given, "x": inputs, "b": bias}.items():
        numpy.save(eie.folder / f"{name}.npy", array)
    (layer,) = compressed(eie, "w.npy", "--inputs", "x.npy", "--bias", "b.npy", "--density", 0.5)["layers"]
    file = File((eie.folder / "out.safetensors").read_bytes())
    samples = file.array("w.sample_inputs") * 2.0 ** -file.number("w", "input_fraction_bits")
    assert numpy.abs(samples - inputs).max() < 2.0 ** -file.number("w", "input_fraction_bits")
    eie("expand", "out.safetensors", "-o", "back.safetensors")
    back = load_file(eie.folder / "back.safetensors")
    assert numpy.abs(back["w.bias"] - bias).max() < 1e-3
    wanted, found = inputs.astype(float) @ given.T, inputs.astype(float) @ back["w"].T
    assert layer["errors"]["shared_relative_output"] == pytest.approx(
        numpy.linalg.norm(found - wanted) / numpy.linalg.norm(wanted), rel=1e-2
    )


def test_the_paper_s_example_of_huffman_and_runs(eie):
    """The stages of a matrix small enough to count: 2 x 20, weights at places 0 and 38, 4-bit runs."""
    given = numpy.zeros((2, 20), numpy.float32)
    given[0, 0], given[1, 18] = 1, -1
    numpy.save(eie.folder / "w.npy", given)
    (layer,) = compressed(eie, "w.npy", "--form", "packed")["layers"]
    assert layer["fillers"] == 2  # 37 zeros: 16 + 16 + 5
    stage = {stage["stage"]: stage for stage in layer["stages"]}
    assert stage["shared"]["values_bytes"] == stage["shared"]["runs_bytes"] == 1
    assert stage["shared"]["padding_bytes"] == 2 and stage["shared"]["codebook_bytes"] == 8
    assert stage["pruned"]["bytes"] == 2 * 4.5 + 2 * 4.5
    assert layer["paper_formula"]["bytes"] == 2 + 8


# ---- files -------------------------------------------------------------------------------------


def bfloat16(array):
    return (array.astype("<f4").view("<u4") >> 16).astype("<u2")


def write_formats(folder, given):
    numpy.save(folder / "c.npy", given)
    numpy.save(folder / "fortran.npy", numpy.asfortranarray(given))
    numpy.save(folder / "big.npy", given.astype(">f4"))
    numpy.save(folder / "double.npy", given.astype(numpy.float64))
    numpy.savez(folder / "plain.npz", w=given, b=given[0])
    numpy.savez_compressed(folder / "packed.npz", w=given, b=given[0])
    save_file({"w": given, "b": given[0]}, folder / "single.safetensors")
    save_file({"w": given.astype(numpy.float16)}, folder / "half.safetensors")
    data = bfloat16(given).tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": list(given.shape), "data_offsets": [0, len(data)]}}).encode()
    (folder / "bf16.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    rows, columns = given.nonzero()
    lines = ["%%MatrixMarket matrix coordinate real general", f"{given.shape[0]} {given.shape[1]} {len(rows)}"]
    lines += [f"{row + 1} {column + 1} {given[row, column]:.9g}" for row, column in zip(rows, columns)]
    (folder / "sparse.mtx").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "name",
    [
        "c.npy",
        "fortran.npy",
        "big.npy",
        "double.npy",
        "plain.npz",
        "packed.npz",
        "single.safetensors",
        "half.safetensors",
        "bf16.safetensors",
        "sparse.mtx",
    ],
)
def test_every_format_is_the_same_matrix(eie, name):
    given = RANDOM.choice(numpy.array([0, 0.5, -1.25, 3], numpy.float32), (11, 23))  # exact in 16 bits
    write_formats(eie.folder, given)
    compressed(eie, name, "--bits", 5, "--form", "huffman")
    assert (expanded(eie) == given).all()


def test_a_convolution_is_flattened_and_comes_back_in_its_shape(eie):
    given = RANDOM.choice(numpy.array([0, 0.5, 2], numpy.float32), (6, 5, 3, 2))
    for name, array in {"c.npy": given, "f.npy": numpy.asfortranarray(given)}.items():
        numpy.save(eie.folder / name, array)
        (layer,) = compressed(eie, name, "--bits", 4, "--form", "packed", "--run-bits", 3)["layers"]
        assert (layer["shape"], layer["outputs"], layer["inputs"]) == ("6 x 5 x 3 x 2", 6, 30)
        assert (expanded(eie) == given).all()


def test_smtx_has_the_pattern_and_drawn_values(eie):
    (eie.folder / "p.smtx").write_text("3, 5, 4\n0 2 2 4 \n0 3 1 4 \n")
    (layer,) = compressed(eie, "p.smtx")["layers"]
    assert layer["weights_drawn"] and expanded(eie).nonzero()[0].tolist() == [0, 0, 2, 2]
    assert expanded(eie).nonzero()[1].tolist() == [0, 3, 1, 4]


def test_a_network_of_named_tensors(eie):
    save_file({"a.weight": weights(8, 9), "a.bias": weights(1, 8)[0], "b/c": weights(5, 8)}, eie.folder / "n.safetensors")
    eie.fails(2, "a.weight", "compress", "n.safetensors", "-o", "x.safetensors")
    ledger = compressed(eie, "n.safetensors", "--tensor", "*")
    assert [layer["name"] for layer in ledger["layers"]] == ["a.weight", "b-c"]
    eie("expand", "out.safetensors", "-o", "back.safetensors")
    assert {name: array.shape for name, array in load_file(eie.folder / "back.safetensors").items()} == {
        "a.weight": (8, 9),
        "a.weight.bias": (8,),
        "b-c": (5, 8),
    }
    eie.fails(2, "--layer", "expand", "out.safetensors", "-o", "back.npy")
    eie("expand", "out.safetensors", "-o", "back.npy", "--layer", "b*")
    # a name that matches nothing is a mistake, also beside one that does
    eie.fails(2, "'b-d'", "expand", "out.safetensors", "-o", "back.npy", "--layer", "b-c,b-d")
    eie.fails(2, "'b/d'", "compress", "n.safetensors", "-o", "x.safetensors", "--tensor", "b/c,b/d")


@pytest.mark.parametrize("form", ["plain", "huffman"])
def test_a_compressed_layer_can_be_measured(eie, form):
    compressed(eie, "normal:64x96", "--density", 0.2, "--form", form, "--samples", 2)
    results = eie.bench("--suite", "out.safetensors", "--kernel", "scalar_eie_stream,model_eie_analytic")
    assert {row["eie_suite"] for row in results["benchmarks"]} == {"out"} and not results["eie_missing"]
    assert {row["eie_layer_basis"] for row in results["benchmarks"]} == {"generated"}


# ---- numbers that a narrower type does not hold ------------------------------------------------


def given(eie, scale=1.0, dtype="f4", name="w.npy"):
    numpy.save(eie.folder / name, (numpy.random.default_rng(3).standard_normal((64, 64)) * scale).astype(dtype))


@pytest.mark.parametrize("form", ["plain", "packed", "huffman"])
def test_weights_that_all_become_0_are_refused(eie, form):
    given(eie, 1e-10)
    said = eie.fails(2, "all weights became 0 in 16-bit fixed point", "compress", "w.npy", "-o", "x", "--form", form).stderr
    assert "w.npy: layer w:" in said and "scale them up" in said and "--bits 5 --form packed" in said
    back = compressed(eie, "w.npy", "--bits", 5, "--form", "packed")  # the way out
    assert back["layers"][0]["errors"]["shared_relative_frobenius"] < 0.1
    weights = numpy.load(eie.folder / "w.npy").astype(float)
    assert numpy.linalg.norm(expanded(eie) - weights) < 0.1 * numpy.linalg.norm(weights)


@pytest.mark.parametrize("form", ["plain", "packed", "huffman"])
def test_weights_that_become_0_are_counted_and_said(eie, form):
    given(eie, 1e-9)
    (layer,) = compressed(eie, "w.npy", "--form", form)["layers"]
    back = expanded(eie)
    lost = layer["layer"]["weights_lost"]
    assert lost == (back == 0).sum() and 500 < lost < 3000 and layer["nonzeros"] == 4096
    assert 0.2 < layer["errors"]["fixed_point_relative_frobenius"] < 0.5
    assert f"note: {lost} of 4096 weights" in eie("compress", "w.npy", "-o", "x", "--form", form).stdout
    assert f"{lost} of 4096 stored weights are 0" in eie("expand", "out.safetensors", "-o", "back.npy").stdout
    assert eie.layers("out.safetensors")[0]["nonzeros_of_value_0"] == lost


def test_the_error_of_small_weights_is_said(eie):
    given(eie, 1e-8)
    (layer,) = compressed(eie, "w.npy")["layers"]
    error = layer["errors"]["fixed_point_relative_frobenius"]
    assert 0.02 < error < 0.03
    assert f"note: 16-bit fixed point adds an error of {error:.3g}" in eie("compress", "w.npy", "-o", "x").stdout
    given(eie, 1e-6)
    assert "note:" not in eie("compress", "w.npy", "-o", "x").stdout


def test_inputs_and_biases_that_all_become_0_are_refused(eie):
    given(eie)
    numpy.save(eie.folder / "x.npy", numpy.full((2, 64), 1e-12, "f4"))
    numpy.save(eie.folder / "b.npy", numpy.full(64, 1e-25, "f4"))
    eie.fails(2, "x.npy: layer w: all sample inputs became 0", "compress", "w.npy", "-o", "x", "--inputs", "x.npy")
    eie.fails(2, "b.npy: layer w: all biases became 0", "compress", "w.npy", "-o", "x", "--bias", "b.npy")
    bias = numpy.ones(64, "f4")
    bias[3:8] = 1e-25
    numpy.save(eie.folder / "b.npy", bias)
    assert compressed(eie, "w.npy", "--bias", "b.npy")["layers"][0]["layer"]["biases_lost"] == 5
    assert "note: 5 biases became 0" in eie("compress", "w.npy", "-o", "x", "--bias", "b.npy").stdout


def test_too_large_names_what_and_its_file(eie):
    given(eie)
    given(eie, 1e6, name="large.npy")
    numpy.save(eie.folder / "x.npy", numpy.full((2, 64), 1e6, "f4"))
    numpy.save(eie.folder / "b.npy", numpy.full(64, 1e9, "f4"))
    for culprit, arguments in {
        "large.npy: layer large: weights too large": ["large.npy"],
        "x.npy: layer w: sample inputs too large": ["w.npy", "--inputs", "x.npy"],
        "b.npy: layer w: biases too large": ["w.npy", "--bias", "b.npy"],
    }.items():
        assert "scale them down" in eie.fails(2, culprit, "compress", *arguments, "-o", "x").stderr


@pytest.mark.parametrize("entry", ["1e-60", "1e-400", "-1e-42"])
def test_what_float32_does_not_hold_is_counted_and_refused_where_it_is_all(eie, entry):
    lines = "%%MatrixMarket matrix coordinate real general\n3 3 {}\n1 1 {}\n2 3 {}\n"
    (eie.folder / "all.mtx").write_text(lines.format(2, entry, entry))
    (eie.folder / "some.mtx").write_text(lines.format(3, entry, entry) + "3 3 0.5\n")
    value = float(entry)
    numpy.save(eie.folder / "all.npy", numpy.full((2, 5), value))
    numpy.savez(eie.folder / "all.npz", w=numpy.full((2, 5), value).astype(">f8"))
    save_file({"w": numpy.full((2, 5), value)}, eie.folder / "all.safetensors")
    numpy.save(eie.folder / "w.npy", weights(2, 5))
    (layer,) = compressed(eie, "some.mtx")["layers"]
    assert layer["below_float32"] == {"weights": 2, "inputs": 0, "biases": 0}
    assert "note: 2 weights are below what float32 holds" in eie("compress", "some.mtx", "-o", "x").stdout
    eie.fails(2, "all.mtx: all 2 values", "compress", "all.mtx", "-o", "y")
    if value:
        for name in ("all.npy", "all.npz", "all.safetensors"):
            eie.fails(2, f"{name}: all 10 values", "compress", name, "-o", "y")
        eie.fails(2, "all.npy: all 10 values", "compress", "w.npy", "-o", "y", "--inputs", "all.npy")


def test_the_bias_comes_back_from_every_form(eie):
    given(eie)
    numpy.save(eie.folder / "b.npy", numpy.linspace(-1, 1, 64).astype("f4"))
    back = {}
    for form in ("plain", "packed", "huffman"):
        compressed(eie, "w.npy", "--bias", "b.npy", "--form", form)
        eie("expand", "out.safetensors", "-o", "back.safetensors")
        back[form] = load_file(eie.folder / "back.safetensors")
        assert numpy.abs(back[form]["w.bias"] - numpy.linspace(-1, 1, 64)).max() < 1e-6
    assert all((back[form][name] == back["plain"][name]).all() for form in back for name in ("w", "w.bias"))


def test_a_matrix_of_zeros_is_said(eie):
    numpy.save(eie.folder / "w.npy", numpy.zeros((5, 7), numpy.float32))
    assert "all weights are 0" in eie("compress", "w.npy", "-o", "x.safetensors").stdout
    assert "all weights are 0" in eie("expand", "x.safetensors", "-o", "back.npy").stdout


# ---- the file and its rate ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype, name, width", [("f2", "F16", 2), ("f4", "F32", 4), ("f8", "F64", 8), ("i1", "I8", 1), ("u2", "U16", 2)]
)
def test_the_rate_is_over_the_type_of_the_input(eie, dtype, name, width):
    array = numpy.arange(6000).reshape(60, 100) % 7
    numpy.save(eie.folder / "w.npy", array.astype(dtype))
    ledger = compressed(eie, "w.npy", "--samples", 3)
    assert ledger["layers"][0]["input_type"] == name
    assert ledger["input_bytes"] == width * 6000
    uses = ledger["file_uses"]
    assert (uses["pointers_bytes"], uses["samples_bytes"], uses["bias_bytes"]) == (64 * 101 * 4, 3 * 100 * 2, 0)
    text = eie("compress", "w.npy", "--samples", 3, "-o", "x").stdout
    assert (
        f"{width * 6000} bytes of weights as they were given ({name})" in text and f"column pointers {64 * 101 * 4}" in text
    )


@pytest.mark.parametrize("form", ["plain", "packed", "huffman"])
def test_an_output_that_cannot_be_read_back_has_its_ledger(eie, form):
    given(eie)
    options = ("compress", "w.npy", "--form", form)
    eie(*options, "-o", "file.safetensors", "--ledger", "file.json")
    wanted = json.loads((eie.folder / "file.json").read_text())
    content = (eie.folder / "file.safetensors").read_bytes()

    def check(ledger):
        assert {key: ledger[key] for key in ("parts", "file_bytes", "file_uses", "rate_x")} == {
            key: wanted[key] for key in ("parts", "file_bytes", "file_uses", "rate_x")
        }

    check(json.loads(eie(*options, "-o", "/dev/null", "--json").stdout))
    os.mkfifo(eie.folder / "fifo")
    with subprocess.Popen(["cat", eie.folder / "fifo"], stdout=subprocess.PIPE) as reader:
        check(json.loads(eie(*options, "-o", "fifo", "--json").stdout))
        assert reader.communicate()[0] == content
    piped = eie.popen(*options, "-o", "/dev/stdout", "--ledger", "piped.json")
    assert piped.communicate()[0] == content and piped.returncode == 0
    check(json.loads((eie.folder / "piped.json").read_text()))
    with open(eie.folder / "appended", "wb") as out:
        out.write(b"before")
        out.flush()
        assert eie.popen(*options, "-o", "/dev/stdout", stdout=out).wait() == 0
    assert (eie.folder / "appended").read_bytes() == b"before" + content


# ---- mistakes ----------------------------------------------------------------------------------


def test_bad_files(eie):
    folder = eie.folder
    good = io.BytesIO()
    numpy.save(good, weights(4, 4))
    content = good.getvalue()
    nan, inf = weights(4, 4), weights(4, 4)
    nan[1, 2], inf[3, 0] = numpy.nan, -numpy.inf
    numpy.save(folder / "nan.npy", nan)
    numpy.save(folder / "inf.npy", inf)
    numpy.save(folder / "double.npy", numpy.full((2, 2), 1e300))
    numpy.save(folder / "scalar.npy", numpy.float32(1))
    numpy.save(folder / "none.npy", numpy.zeros((0, 4), numpy.float32))
    numpy.save(folder / "complex.npy", numpy.zeros((2, 2), numpy.complex64))
    (folder / "cut.npy").write_bytes(content[:-1])
    (folder / "longer.npy").write_bytes(content + b"x")
    (folder / "overflow.npy").write_bytes(content.replace(b"(4, 4)", b"(4294967296, 4294967297)"))
    (folder / "empty.npy").write_bytes(b"")
    (folder / "noise.bin").write_bytes(bytes(range(256)))
    with zipfile.ZipFile(folder / "bad.npz", "w") as archive:
        archive.writestr("w.npy", content[:-1])
    (folder / "cut.npz").write_bytes((folder / "bad.npz").read_bytes()[:-30])
    (folder / "bad.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n")
    (folder / "bad.smtx").write_text("2, 2, 9\n")
    (folder / "bad.net").write_bytes(bytes(200))
    for name, culprit in {
        "nan.npy": "row 1, column 2",
        "inf.npy": "row 3, column 0",
        "double.npy": "infinite",
        "scalar.npy": "single",
        "none.npy": "dimension 0",
        "complex.npy": "c8",
        "cut.npy": "63",
        "longer.npy": "65",
        "overflow.npy": "64 bits",
        "empty.npy": "empty",
        "noise.bin": ".npy, .npz",
        "bad.npz": "bad.npz: w: ",
        "cut.npz": "zip",
        "bad.mtx": ":3:",
        "bad.smtx": ".smtx",
        "bad.net": "conv1",
        "nowhere.npy": "spelling",
    }.items():
        assert name in eie.fails(2, culprit, "compress", name, "-o", "out.safetensors").stderr
    numpy.save(folder / "rows.npy", weights(3, 40))
    eie.fails(2, "one row", "compress", "normal:40x70", "-o", "out.safetensors", "--bias", "rows.npy")
    (folder / "huge.mtx").write_text("%%MatrixMarket matrix coordinate real general\n65536 65535 0\n")
    if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 4 * 65536 * 65535:
        eie.fails(2, "memory", "compress", "huge.mtx", "-o", "out.safetensors")
    eie.fails(2, "2^26", "compress", "normal:99999999x1", "-o", "out.safetensors")
    eie.fails(2, "elements", "compress", "normal:65536x65536", "-o", "out.safetensors")


@pytest.mark.parametrize(
    "culprit, arguments",
    [
        ("-o FILE", ["normal:2x2"]),
        ("needs a file", ["-o", "x"]),
        ("1.5", ["normal:2x2", "-o", "x", "--density", "1.5"]),
        ("one of them", ["normal:2x2", "-o", "x", "--density", "0.5", "--threshold", "1"]),
        ("--bits 9", ["normal:2x2", "-o", "x", "--bits", "9"]),
        ("--run-bits 1", ["normal:2x2", "-o", "x", "--run-bits", "1"]),
        ("--form", ["normal:2x2", "-o", "x", "--bits", "5"]),
        ("'middle'", ["normal:2x2", "-o", "x", "--centroids", "middle"]),
        ("'zip'", ["normal:2x2", "-o", "x", "--form", "zip"]),
        ("'tanh'", ["normal:2x2", "-o", "x", "--activation", "tanh"]),
        ("normal:2y2", ["normal:2y2", "-o", "x"]),
        ("'frob'", ["normal:2x2", "-o", "x", "--tensor", "frob"]),
        ("--keep-codes", ["normal:2x2", "-o", "x", "--keep-codes", "--form", "huffman"]),
        ("positions", ["normal:2x2", "-o", "x", "--samples", "positions"]),
        ("--seed", ["normal:2x2", "-o", "x", "--seed", "-1"]),
        ("nope/x", ["normal:2x2", "-o", "nope/x"]),
    ],
)
def test_usage(eie, culprit, arguments):
    eie.fails(3 if "nope/x" in arguments else 2, culprit, "compress", *arguments)


def test_a_stored_matrix_of_other_widths_is_no_layer(eie):
    compressed(eie, "normal:20x20", "--bits", 5, "--form", "huffman")
    eie.fails(2, "eie expand", "layer", "info", "out.safetensors")


def test_damaged_storage(eie):
    compressed(eie, "normal:50x50", "--form", "huffman", "--density", 0.2)
    file = File((eie.folder / "out.safetensors").read_bytes())
    for part in ("normal.codes", "normal.runs", "normal.code_lengths"):
        dtype, shape, content = file.tensors[part]
        file.tensors[part] = (dtype, shape, bytes([content[0] ^ 0xFF]) + content[1:-1] + bytes([content[-1] | 0x80]))
        (eie.folder / "bad.safetensors").write_bytes(file.write())
        eie.fails(2, "bad.safetensors", "expand", "bad.safetensors", "-o", "x.npy")
        file.tensors[part] = (dtype, shape, content)


@pytest.mark.parametrize("part", ["codebook", "bias"])
@pytest.mark.parametrize("value", [numpy.nan, -numpy.inf])
def test_stored_numbers_are_finite(eie, part, value):
    numpy.save(eie.folder / "b.npy", weights(1, 50))
    compressed(eie, "normal:50x50", "--form", "packed", "--bits", 5, "--bias", "b.npy")
    file = File((eie.folder / "out.safetensors").read_bytes())
    dtype, shape, content = file.tensors[f"normal.{part}"]
    file.tensors[f"normal.{part}"] = (dtype, shape, numpy.float32(value).tobytes() + content[4:])
    (eie.folder / "bad.safetensors").write_bytes(file.write())
    eie.fails(2, "finite", "expand", "bad.safetensors", "-o", "x.npy")


def test_stored_fraction_bits_are_within_their_limits(eie):
    compressed(eie, "normal:50x50", "--form", "packed", "--bits", 4, "--density", 0.2)
    file = File((eie.folder / "out.safetensors").read_bytes())
    for verb in (["expand", "bad.safetensors", "-o", "x.npy"], ["layer", "verify", "bad.safetensors"]):
        file.metadata["normal.weight_fraction_bits"] = "76"
        (eie.folder / "bad.safetensors").write_bytes(file.write())
        eie.fails(2, "bad.safetensors: metadata 'normal.weight_fraction_bits' is not a number from 0 to 31", *verb)


def test_header_that_begins_like_a_zip_archive(eie):
    """A safetensors file begins with its header's length, and 0x4B50 reads PK."""
    matrix = weights(4, 4)
    header = json.dumps({"w": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}}).encode().ljust(0x4B50)
    (eie.folder / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + matrix.tobytes())
    compressed(eie, "w.safetensors")
    assert expanded(eie).shape == (4, 4)


def test_paths_that_are_no_utf_8(eie):
    name = b"\xe9" * 3 + "\u20ac".encode() * 70
    numpy.save(eie.folder / "w.npy", weights())
    os.rename(eie.folder / "w.npy", os.path.join(os.fsencode(eie.folder), name + b".npy"))
    compressed(eie, os.fsdecode(name + b".npy"), "--density", 0.2)


def test_random_centroids_of_a_nearly_empty_matrix(eie):
    (eie.folder / "one.mtx").write_text("%%MatrixMarket matrix coordinate real general\n8192 8192 1\n5 7 2.5\n")
    ledger = compressed(eie, "one.mtx", "--centroids", "random", "--bits", 8, "--form", "packed")
    assert ledger["layers"][0]["clusters"] == 1 and ledger["layers"][0]["nonzeros"] == 1


def test_measured_decoding_is_right(eie):
    compressed(eie, "normal:50x500", "--form", "huffman", "--density", 0.2)
    rows = json.loads(eie("expand", "out.safetensors", "--measure", "--json").stdout)
    assert [row["stream"] for row in rows] == ["codes", "runs"] and all(row["gb_per_s"] > 0 for row in rows)


# ---- the published SqueezeNet ------------------------------------------------------------------


@pytest.fixture
def squeezenet():
    path = os.path.join(MODELS or "", "squeezenet", "compressed_SqueezeNet.net")
    if not MODELS or not os.path.exists(path):
        pytest.skip("squeezenet: EIE_MODELS is not set")
    return path


def published(path):
    """Read here from the file's description: matrices with their published weights."""
    content, outputs = open(path, "rb").read(), [96]
    for squeeze, expand in ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)):
        outputs += [squeeze, expand, expand]
    counts, at, found = struct.unpack_from("<26I", content), 104, []
    for rows, count in zip([*outputs, 1000], counts):
        codebook = numpy.frombuffer(content, "<f4", 256, at)
        at += 1024 + 4 * rows
        codes = numpy.frombuffer(content, "u1", count, at)
        packed = numpy.frombuffer(content, "u1", (count + 1) // 2, at + count)
        at += count + len(packed)
        runs = numpy.stack([packed & 15, packed >> 4], 1).ravel()[:count]
        found.append((numpy.cumsum(runs.astype(int) + 1) - 1, codebook[codes]))
    assert at == len(content)
    return found


def test_squeezenet_is_expanded_exactly(eie, squeezenet):
    ledger = compressed(eie, squeezenet, "--tensor", "*", "--keep-codes", "--form", "huffman", "--samples", 1)
    assert sum(layer["nonzeros"] for layer in ledger["layers"]) == 415921
    eie("expand", "out.safetensors", "-o", "back.safetensors")
    back = load_file(eie.folder / "back.safetensors")
    for layer, (places, values) in zip(ledger["layers"], published(squeezenet)):
        flat = numpy.zeros(back[layer["name"]].size, numpy.float32)
        flat[places] = values
        assert (back[layer["name"]].ravel() == flat).all()


def test_squeezenet_for_the_kernels(eie, squeezenet):
    ledger = compressed(eie, squeezenet, "--tensor", "*1x1", "--samples", "positions")
    assert len(ledger["layers"]) == 17
    assert {layer["layer"]["sample_inputs"] for layer in ledger["layers"]} == {3025, 729, 169, 225}
    assert all(0 < layer["errors"]["shared_relative_frobenius"] < 0.5 for layer in ledger["layers"])
