"""`eie layer`: what it writes is what the contract says, seen by other eyes."""

import csv
import hashlib
import io
import json
import struct

import numpy
import pytest
import safetensors
import safetensors.numpy
from command import DATA, TINY_LAYERS, Command
from layerfile import File, decode, dense, element_bytes, layer_hash, product

LAYERS = [layer["name"] for layer in TINY_LAYERS]
SHAPES = {layer["name"]: (layer["outputs"], layer["inputs"]) for layer in TINY_LAYERS}
PES = 4
SAMPLES = 4


@pytest.fixture
def tiny_file(tmp_path, tiny_bytes):
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(tiny_bytes)
    return path


def dumped(eie, target, *options):
    """The rows of `eie layer dump` as numbers, padding entries too. Nine digits are a float32 exactly."""
    text = eie("layer", "dump", target, *options).stdout
    return [
        {key: float(numpy.float32(value)) if key == "weight" else int(value) for key, value in row.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]


# ---- the file ----------------------------------------------------------------------------------


def test_other_readers_open_the_file(tiny_file):
    tensors = safetensors.numpy.load_file(tiny_file)
    expected = {}
    for name, (outputs, inputs) in SHAPES.items():
        expected |= {
            f"{name}.codebook": ((16,), "int16"),
            f"{name}.column_start": ((PES, inputs + 1), "uint32"),
            f"{name}.sample_inputs": ((SAMPLES, inputs), "int16"),
        }
        entries = tensors.pop(f"{name}.entries")
        assert entries.dtype == "uint8" and entries.shape == (tensors[f"{name}.column_start"][-1, -1],)
    assert {name: (array.shape, str(array.dtype)) for name, array in tensors.items()} == expected


def test_metadata_are_those_of_the_contract(tiny_file):
    with safetensors.safe_open(tiny_file, "numpy") as file:
        metadata = file.metadata()
    assert metadata["eie.format"] == "1" and metadata["eie.layers"] == ",".join(LAYERS)
    for layer in TINY_LAYERS:
        name = layer["name"]
        assert metadata[f"{name}.outputs"] == str(layer["outputs"])
        assert metadata[f"{name}.activation"] == layer["activation"]
        assert layer["source"] in metadata[f"{name}.source"]
        weight, inputs, outputs = (int(metadata[f"{name}.{what}_fraction_bits"]) for what in ("weight", "input", "output"))
        assert 0 <= weight + inputs - outputs <= 31
        assert metadata[f"{name}.eie_layer_hash"] == layer_hash(File(tiny_file.read_bytes()), name)
    assert len(metadata) == 3 + 7 * len(LAYERS)
    assert all(isinstance(value, str) for value in metadata.values())


def test_digest_is_that_of_all_bytes_behind_the_header(tiny_bytes):
    file = File(tiny_bytes)
    assert file.metadata["eie.sha256"] == hashlib.sha256(file.data).hexdigest()


def test_tensors_lie_widest_first_and_aligned(tiny_bytes):
    file = File(tiny_bytes)
    widths = [element_bytes((dtype, [1], b"")) for dtype, _, _ in file.tensors.values()]
    assert widths == sorted(widths, reverse=True)
    assert struct.unpack("<Q", tiny_bytes[:8])[0] % 8 == 0
    for name, tensor in file.tensors.items():
        assert file.offsets[name][0] % element_bytes((tensor[0], [1], b"")) == 0
        assert element_bytes(tensor) == len(tensor[2])


def test_written_twice_is_the_same_file(eie, tiny, tmp_path, tiny_bytes):
    eie("layer", "gen", tiny, "-o", "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == tiny_bytes


def test_written_from_a_file_is_the_same_file(eie, tiny_file, tmp_path, tiny_bytes):
    eie("layer", "gen", tiny_file, "-o", "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == tiny_bytes


def test_written_over_itself_is_the_same_file(eie, tiny_file, tiny_bytes):
    eie("layer", "gen", tiny_file, "-o", tiny_file)
    assert tiny_file.read_bytes() == tiny_bytes


def test_one_layer_of_a_suite(eie, tiny, tmp_path):
    eie("layer", "gen", f"{tiny}/odd", "-o", "odd.safetensors")
    assert File((tmp_path / "odd.safetensors").read_bytes()).metadata["eie.layers"] == "odd"


def test_nothing_but_the_file_is_left(eie, tiny, tmp_path):
    eie("layer", "gen", tiny, "-o", "x.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "x.safetensors"]


# ---- files that Python wrote -------------------------------------------------------------------


def hashes(eie, path):
    return {one["name"]: one["hash"] for one in eie.layers(path)}


def reordered(file):
    file.tensors = dict(sorted(file.tensors.items(), reverse=True))
    return file.write()


def unaligned(file):
    """Bytes first, so that every wider tensor starts at an odd place."""
    order = sorted(file.tensors, key=lambda name: (file.tensors[name][0] != "U8", name))
    file.tensors = {name: file.tensors[name] for name in order}
    odd_header = file.write(padding=b" " * 3)
    return odd_header


def header_last_first(file):
    return file.write(dict(reversed(file.header().items())))


def by_the_library(file):
    arrays = {name: file.array(name) for name in file.tensors}
    first = File(safetensors.numpy.save(arrays, file.metadata))
    return safetensors.numpy.save(arrays, file.metadata | {"eie.sha256": hashlib.sha256(first.data).hexdigest()})


def further_metadata(file):
    file.metadata["note"] = "added by another program"
    return file.write()


@pytest.mark.parametrize(
    "rewrite",
    [reordered, unaligned, header_last_first, by_the_library, further_metadata],
    ids=lambda rewrite: rewrite.__name__,
)
def test_legal_file_that_is_written_otherwise_is_read(eie, tmp_path, tiny_bytes, rewrite):
    content = rewrite(File(tiny_bytes))
    assert content != tiny_bytes
    (tmp_path / "other.safetensors").write_bytes(content)
    (tmp_path / "ours.safetensors").write_bytes(tiny_bytes)
    assert hashes(eie, "other.safetensors") == hashes(eie, "ours.safetensors")


def test_layers_in_another_order(eie, tmp_path, tiny_bytes):
    file = File(tiny_bytes)
    file.metadata["eie.layers"] = "odd,even,sparse"
    (tmp_path / "other.safetensors").write_bytes(file.write())
    assert [one["name"] for one in eie.layers("other.safetensors")] == ["odd", "even", "sparse"]


def test_layer_with_bias_and_without_samples_that_python_made(eie, tmp_path):
    file = File.__new__(File)
    file.metadata = {
        "eie.format": "1",
        "eie.layers": "made",
        "made.outputs": "3",
        "made.activation": "none",
        "made.weight_fraction_bits": "4",
        "made.input_fraction_bits": "4",
        "made.output_fraction_bits": "4",
        "made.source": "a test",
    }
    codebook = numpy.zeros(16, "<i2")
    codebook[1:3] = (5, -7)
    file.tensors = {
        "made.column_start": ("U32", [2, 3], numpy.array([[0, 1, 2], [2, 2, 3]], "<u4").tobytes()),
        "made.bias": ("I32", [3], numpy.array([1, -2, 3], "<i4").tobytes()),
        "made.codebook": ("I16", [16], codebook.tobytes()),
        "made.entries": ("U8", [3], bytes([0x11, 0x20, 0x20])),
    }
    (tmp_path / "made.safetensors").write_bytes(file.write())
    (one,) = eie.layers("made.safetensors")
    assert (one["inputs"], one["outputs"], one["pe_count"], one["nonzeros"]) == (2, 3, 2, 3)
    assert one["sample_inputs"] == 0 and one["hash"] == layer_hash(file, "made")
    assert [(row["row"], row["column"], row["weight"]) for row in dumped(eie, "made.safetensors")] == [
        (2, 0, 5 / 16),
        (0, 1, -7 / 16),
        (1, 1, -7 / 16),
    ]


def test_layer_of_zero_entries(eie, make_suite, tmp_path):
    path = make_suite(layers=[TINY_LAYERS[0] | {"weight_density": 0}])
    eie("layer", "gen", path, "-o", "none.safetensors")
    assert File((tmp_path / "none.safetensors").read_bytes()).tensors["even.entries"][1] == [0]
    assert eie.layers("none.safetensors")[0]["nonzeros"] == 0


# ---- what the streams mean ---------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_decoded_positions_are_those_of_the_dump(eie, tiny_file, tmp_path, tiny, layer):
    file = File(tiny_file.read_bytes())
    rows = [row for row in dumped(eie, f"{tiny}/{layer}") if row["code"]]
    assert [(row["pe"], row["column"], row["row"], row["code"]) for row in rows] == decode(file, layer)


@pytest.mark.parametrize("layer", LAYERS)
def test_product_of_the_stream_equals_that_of_the_dump(eie, tiny_file, tiny, layer):
    """W from the streams and W from the CSV's weights give the same y, bit for bit (sample 0)."""
    file = File(tiny_file.read_bytes())
    scale = 2 ** file.number(layer, "weight_fraction_bits")
    from_dump = numpy.zeros(SHAPES[layer], int)
    for row in dumped(eie, f"{tiny}/{layer}"):
        if row["code"]:
            assert (row["weight"] * scale).is_integer()
            from_dump[row["row"], row["column"]] = int(row["weight"] * scale)
    y = product(file, layer, dense(file, layer))
    assert y == product(file, layer, from_dump)
    assert any(y)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_sample_stays_within_int32(tiny_bytes, layer):
    file = File(tiny_bytes)
    weights = dense(file, layer)
    for sample in range(SAMPLES):
        product(file, layer, weights, sample)


@pytest.mark.parametrize("pes", [1, 3, 64, 1000])
def test_other_number_of_pes_is_the_same_matrix(eie, tiny_file, tmp_path, tiny_bytes, pes):
    eie("layer", "gen", tiny_file, "-o", "cut.safetensors", "--pes", pes)
    file, original = File((tmp_path / "cut.safetensors").read_bytes()), File(tiny_bytes)
    for layer in LAYERS:
        assert file.array(f"{layer}.column_start").shape[0] == pes
        assert (dense(file, layer) == dense(original, layer)).all()
    eie("layer", "gen", "cut.safetensors", "-o", "back.safetensors", "--pes", PES)
    assert (tmp_path / "back.safetensors").read_bytes() == tiny_bytes


def test_long_runs_are_padded(tmp_path, eie, tiny_file):
    eie("layer", "gen", tiny_file, "-o", "one.safetensors", "--pes", 1)
    entries = File((tmp_path / "one.safetensors").read_bytes()).array("sparse.entries")
    assert (entries == 0x0F).sum() > 100


@pytest.mark.parametrize("layer", TINY_LAYERS, ids=lambda layer: layer["name"])
def test_generated_densities_are_exact(tiny_bytes, layer):
    file, name = File(tiny_bytes), layer["name"]
    weights = round(layer["weight_density"] * layer["inputs"] * layer["outputs"])
    assert len(decode(file, name)) == weights
    active = (file.array(f"{name}.sample_inputs") != 0).sum(axis=1)
    assert (active == round(layer["activation_density"] * layer["inputs"])).all()


# ---- info, dump, verify ------------------------------------------------------------------------


def test_info_counts_what_python_counts(eie, tiny_file):
    file = File(tiny_file.read_bytes())
    described = {one["name"]: one for one in eie.layers(tiny_file)}
    assert list(described) == LAYERS
    for name, one in described.items():
        outputs, inputs = SHAPES[name]
        entries = file.array(f"{name}.entries")
        lengths = numpy.diff(file.array(f"{name}.column_start").astype(int), axis=1).sum(axis=0)
        active = file.array(f"{name}.sample_inputs")[0] != 0
        found = decode(file, name)
        assert (one["outputs"], one["inputs"], one["pe_count"]) == (outputs, inputs, PES)
        assert one["nonzeros"] == len(found) and one["padding_entries"] == (entries == 0x0F).sum()
        assert one["active_inputs"] == active.sum()
        assert one["entries_in_active_columns"] == lengths[active].sum()
        assert one["nonzeros_in_active_columns"] == sum(active[column] for _, column, _, _ in found)
        assert one["weight_density"] == pytest.approx(len(found) / outputs / inputs)


def test_info_as_text_says_the_same(eie, tiny_file):
    text = eie("layer", "info", tiny_file).stdout
    for one in eie.layers(tiny_file):
        assert all(f" {one[key]}\n" in text for key in ("name", "nonzeros", "hash", "source"))


def test_layer_hash_is_that_of_the_contract(eie, tiny_file):
    file = File(tiny_file.read_bytes())
    assert hashes(eie, tiny_file) == {layer: layer_hash(file, layer) for layer in LAYERS}


def test_layer_hash_depends_neither_on_the_file_nor_on_the_name(eie, tmp_path, tiny_bytes):
    file = File(tiny_bytes)
    file.metadata = {
        key.replace("even", "other"): value.replace("even", "other") if key == "eie.layers" else value
        for key, value in file.metadata.items()
        if key != "even.source"
    } | {"other.source": "x"}
    file.tensors = {name.replace("even", "other"): tensor for name, tensor in file.tensors.items()}
    (tmp_path / "other.safetensors").write_bytes(file.write())
    assert hashes(eie, "other.safetensors")["other"] == layer_hash(File(tiny_bytes), "even")


def test_dump_of_one_pe_and_one_column(eie, tiny_file, tiny):
    every = dumped(eie, f"{tiny}/even")
    assert dumped(eie, f"{tiny}/even", "--pe", 2) == [row for row in every if row["pe"] == 2]
    assert dumped(eie, f"{tiny}/even", "--column", 5) == [row for row in every if row["column"] == 5]


@pytest.mark.parametrize("option", ["--pe", "--column"])
def test_dump_of_what_is_not_there(eie, tiny, option):
    eie.fails(2, "PEs 0..3 and columns 0..63", "layer", "dump", f"{tiny}/even", option, 64)


def test_verify_a_file(eie, tiny_file):
    lines = eie("layer", "verify", tiny_file).stdout.splitlines()
    assert [line.split()[0] for line in lines] == LAYERS and all(line.endswith("valid") for line in lines)


def test_verify_a_layer_of_the_manifest(eie):
    assert "as in the manifest" in eie("layer", "verify", "paper/NT-LSTM").stdout


def test_verify_a_suite_that_the_manifest_does_not_know(eie, tiny):
    assert eie("layer", "verify", tiny).stdout.count("not in the manifest") == len(LAYERS)


def test_verify_a_layer_that_differs_from_the_manifest(eie, tmp_path):
    """A suite of the same name with another seed, in a data folder of its own."""
    for folder in ("suites", "devices"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    suite = json.loads((DATA / "suites/paper.json").read_text())
    suite["layers"] = [layer for layer in suite["layers"] if layer["name"] == "NT-LSTM"]
    (tmp_path / "data/suites/paper.json").write_text(json.dumps(suite | {"seed": 1}))
    (tmp_path / "data/suites/manifest.json").write_bytes((DATA / "suites/manifest.json").read_bytes())
    done = eie.fails(1, "NT-LSTM", "layer", "verify", "paper/NT-LSTM", env={"EIE_DATA_DIR": str(tmp_path / "data")})
    assert "DIFFERS" in done.stdout


@pytest.fixture(scope="module")
def paper_layer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    Command(folder)("layer", "gen", "paper/NT-LSTM", "-o", "x.safetensors")
    return File((folder / "x.safetensors").read_bytes())


def test_layer_of_the_paper_has_its_manifest_hash(paper_layer):
    manifest = json.loads((DATA / "suites/manifest.json").read_text())["layers"]
    assert layer_hash(paper_layer, "NT-LSTM") == manifest["paper/NT-LSTM"]


def test_layer_of_the_paper_has_the_paper_s_density(paper_layer):
    weights = dense(paper_layer, "NT-LSTM")
    assert weights.shape == (2400, 1201) and (weights != 0).sum() == round(0.1 * 1201 * 2400)
    assert len(product(paper_layer, "NT-LSTM", weights)) == 2400
