"""What users' files of weights look like in the field: types and tensors that nobody asked for, sparse matrices,
long names, biases beside their weights, files that are something else, and files without an end."""

import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy
import pytest
import scipy.io
import scipy.sparse
from safetensors.numpy import load_file, save_file

RANDOM = numpy.random.default_rng(11)
W = RANDOM.choice(numpy.array([0, 0, 0, 0.5, -1.25, 3], numpy.float32), (24, 36))  # exact in 16 bits
BIAS = RANDOM.choice(numpy.array([0.25, -2], numpy.float32), 24)


def matrix_of(eie, path, *arguments):
    eie("compress", path, "--bits", 5, "--form", "huffman", "-o", "o.safetensors", *arguments)
    eie("expand", "o.safetensors", "-o", "back.npy")
    return numpy.load(eie.folder / "back.npy")


def notes_of(eie, path, *arguments):
    return eie("compress", path, "-o", "o.safetensors", *arguments).stderr


def safetensors(tensors, **header):
    """tensors: name -> (dtype, shape, bytes)"""
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


# ---- what was not asked for --------------------------------------------------------------------

UNREAD = {
    "BOOL": ("BOOL", [3, 2], 6, "BOOL"),
    "F8_E4M3": ("F8_E4M3", [3, 2], 6, "F8_E4M3"),
    "F8_E5M2": ("F8_E5M2", [3, 2], 6, "F8_E5M2"),
    "F8_E8M0": ("F8_E8M0", [3, 2], 6, "F8_E8M0"),
    "F8_E4M3FNUZ": ("F8_E4M3FNUZ", [3, 2], 6, "F8_E4M3FNUZ"),
    "F8_E5M2FNUZ": ("F8_E5M2FNUZ", [3, 2], 6, "F8_E5M2FNUZ"),
    "F6_E2M3": ("F6_E2M3", [4, 2], 6, "F6_E2M3"),
    "F6_E3M2": ("F6_E3M2", [4, 2], 6, "F6_E3M2"),
    "F4": ("F4", [4, 2], 4, "F4"),
    "C64": ("C64", [1, 2], 16, "C64"),
    "of the future": ("F2_E1M0", [5, 7], 9, "F2_E1M0"),
    "of nine dimensions": ("F32", [1] * 9, 4, "9 dimensions"),
    "empty": ("F32", [0, 5], 0, "is empty"),
    "a number": ("F32", [], 4, "single number"),
    "a vector": ("F32", [3], 12, "vector"),
}


@pytest.mark.parametrize("what", UNREAD)
def test_a_tensor_beside_the_one_that_is_asked_for(eie, what):
    dtype, shape, size, reason = UNREAD[what]
    (eie.folder / "m.safetensors").write_bytes(
        safetensors({"w": ("F32", [24, 36], W.tobytes()), "mask": (dtype, shape, bytes(size))})
    )
    for arguments in ([], ["--tensor", "w"], ["--tensor", "*"]):
        assert (matrix_of(eie, "m.safetensors", *arguments) == W).all()
    notes = notes_of(eie, "m.safetensors", "--tensor", "*").splitlines()
    assert len(notes) == 1 and "'mask'" in notes[0] and reason in notes[0]
    assert "'mask'" in eie.fails(2, reason, "compress", "m.safetensors", "--tensor", "mask", "-o", "x").stderr


@pytest.mark.parametrize(
    "dtype, shape, size, reason",
    [
        ("BOOL", [3, 2], 5, "need 6 bytes"),
        ("F4", [4, 2], 5, "need 4 bytes"),
        ("F4", [3], 2, "shape"),
        ("C64", [2], 8, "need 16"),
    ],
)
def test_sizes_of_types_that_are_not_read_are_checked(eie, dtype, shape, size, reason):
    (eie.folder / "m.safetensors").write_bytes(
        safetensors({"w": ("F32", [24, 36], W.tobytes()), "mask": (dtype, shape, bytes(size))})
    )
    eie.fails(2, reason, "compress", "m.safetensors", "--tensor", "w", "-o", "x")


def test_metadata_that_are_null(eie):
    (eie.folder / "m.safetensors").write_bytes(safetensors({"w": ("F32", [24, 36], W.tobytes())}, __metadata__=None))
    assert (matrix_of(eie, "m.safetensors") == W).all()


def test_arrays_of_an_archive_that_cannot_be_read(eie):
    numpy.savez(
        eie.folder / "n.npz",
        w=W,
        text=numpy.array("hello"),
        objects=numpy.array([None, {}], dtype=object),
        records=numpy.zeros(3, dtype=[("a", "<f4")]),
        complex=numpy.zeros((2, 2), numpy.complex64),
        mask=W != 0,
    )
    assert (matrix_of(eie, "n.npz") == W).all()
    assert len(notes_of(eie, "n.npz", "--tensor", "*").splitlines()) == 5
    eie.fails(2, "pickled", "compress", "n.npz", "--tensor", "objects", "-o", "x")
    eie.fails(2, "'<c8'", "compress", "n.npz", "--tensor", "complex", "-o", "x")


def test_member_with_a_long_header(eie):
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (24, 36), }".ljust(6000).encode() + b"\n"
    with zipfile.ZipFile(eie.folder / "n.npz", "w") as archive:
        archive.writestr("w.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + W.tobytes())
    assert (matrix_of(eie, "n.npz") == W).all()


def test_integers_beside_floats(eie):
    save_file({"emb.weight": W, "ids": numpy.arange(6).reshape(2, 3)}, eie.folder / "m.safetensors")
    assert (matrix_of(eie, "m.safetensors") == W).all()
    assert "integers" in notes_of(eie, "m.safetensors", "--tensor", "*")
    assert (matrix_of(eie, "m.safetensors", "--tensor", "ids") == numpy.arange(6).reshape(2, 3)).all()


def test_many_notes_are_counted(eie):
    save_file({"w": W} | {f"v{i}": BIAS for i in range(30)}, eie.folder / "m.safetensors")
    notes = notes_of(eie, "m.safetensors", "--tensor", "*").splitlines()
    assert len(notes) == 9 and "22 more" in notes[-1]


# ---- sparse ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("array", [scipy.sparse.coo_array, scipy.sparse.coo_matrix])
@pytest.mark.parametrize("packed", [False, True])
def test_sparse_matrices_of_scipy(eie, kind, array, packed):
    scipy.sparse.save_npz(eie.folder / "s.npz", array(W).asformat(kind), compressed=packed)
    assert (matrix_of(eie, "s.npz") == W).all()


def test_blocks_and_duplicates_of_scipy(eie):
    scipy.sparse.save_npz(eie.folder / "b.npz", scipy.sparse.bsr_array(W, blocksize=(4, 6)))
    assert (matrix_of(eie, "b.npz") == W).all()
    for kind, given in {
        "csr": scipy.sparse.csr_array(
            (numpy.array([1.0, 2, 0.5]), numpy.array([1, 1, 0]), numpy.array([0, 2, 3])), shape=(2, 2)
        ),
        "coo": scipy.sparse.coo_array(
            (numpy.array([1.0, 2, 0.5]), (numpy.array([0, 0, 1]), numpy.array([1, 1, 0]))), shape=(2, 2)
        ),
    }.items():
        scipy.sparse.save_npz(eie.folder / f"{kind}.npz", given)
        assert (matrix_of(eie, f"{kind}.npz") == [[0, 3], [0.5, 0]]).all()


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"indices": numpy.array([0, 9, 1])}, "outside"),
        ({"indices": numpy.array([0, -1, 1])}, "outside"),
        ({"indptr": numpy.array([0, 3, 2])}, "falls"),
        ({"indptr": numpy.array([0, 2, 9])}, "indptr"),
        ({"indptr": numpy.array([1, 2, 3])}, "indptr"),
        ({"indptr": numpy.array([0, 3])}, "indptr"),
        ({"indices": numpy.array([0.0, 1, 1])}, "integers"),
        ({"shape": numpy.array([2, 4, 1])}, "shape"),
        ({"data": numpy.zeros(3, numpy.complex64)}, "c8"),
        ({"format": numpy.array(b"lil")}, "lil"),
        ({"indices": None}, "indices"),
    ],
)
def test_sparse_matrices_that_lie(eie, change, reason):
    good = {
        "format": numpy.array(b"csr"),
        "shape": numpy.array([2, 4]),
        "data": numpy.ones(3, numpy.float32),
        "indices": numpy.array([0, 3, 1]),
        "indptr": numpy.array([0, 2, 3]),
    }
    numpy.savez(eie.folder / "s.npz", **good)
    assert matrix_of(eie, "s.npz").tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]
    numpy.savez(eie.folder / "s.npz", **{name: array for name, array in (good | change).items() if array is not None})
    assert "s.npz" in eie.fails(2, reason, "compress", "s.npz", "-o", "x").stderr


HEAD = "%%MatrixMarket matrix coordinate real general\n"
MARKET = {
    "unsigned": (HEAD.replace("real", "unsigned-integer") + "2 2 2\n1 1 1\n2 2 2\n", [[1, 0], [0, 2]]),
    "unsigned array": ("%%MatrixMarket matrix array unsigned-integer general\n2 2\n1\n0\n0\n2\n", [[1, 0], [0, 2]]),
    "twice": (HEAD + "2 2 3\n1 1 1\n1 1 2\n2 2 3\n", [[3, 0], [0, 3]]),
    "twice, symmetric": (HEAD.replace("general", "symmetric") + "2 2 3\n2 1 1\n2 1 2\n2 2 3\n", [[0, 3], [3, 3]]),
    "twice, skew": (HEAD.replace("general", "skew-symmetric") + "2 2 2\n2 1 1\n2 1 2\n", [[0, -3], [3, 0]]),
    "unordered": (HEAD + "2 2 3\n2 2 3\n1 2 1\n1 1 2\n", [[2, 1], [0, 3]]),
}


@pytest.mark.parametrize("what", MARKET)
@pytest.mark.parametrize("name", ["m.mtx", "m.mtx.gz", "packed under another name"])
def test_matrix_market(eie, what, name):
    text, expected = MARKET[what]
    (eie.folder / name).write_bytes(text.encode() if name == "m.mtx" else gzip.compress(text.encode()))
    assert (matrix_of(eie, name) == numpy.array(expected)).all()


def test_what_scipy_writes_of_unsigned_numbers(eie):
    scipy.io.mmwrite(eie.folder / "u.mtx", scipy.sparse.coo_array(numpy.array([[1, 0], [0, 2]], dtype=numpy.uint64)))
    assert (matrix_of(eie, "u.mtx") == [[1, 0], [0, 2]]).all()


def test_matrix_market_that_lies(eie):
    (eie.folder / "both.mtx").write_text(HEAD.replace("general", "symmetric") + "2 2 2\n2 1 1\n1 2 1\n")
    (eie.folder / "many.mtx").write_text("%%MatrixMarket matrix array real general\n60000 60000\n1\n")
    packed = gzip.compress((HEAD + "2 2 1\n1 1 1\n").encode())
    (eie.folder / "cut.mtx.gz").write_bytes(packed[:-9])
    (eie.folder / "behind.mtx.gz").write_bytes(packed + b"x")
    for name, reason in {"both": "both sides", "many": "can hold", "cut": "gzip", "behind": "gzip"}.items():
        (path,) = (path.name for path in eie.folder.iterdir() if path.name.startswith(name))
        assert path in eie.fails(2, reason, "compress", path, "-o", "x").stderr


def test_packed_pattern(eie):
    text = b"3, 5, 4\n0 2 2 4 \n0 3 1 4 \n"
    (eie.folder / "p.smtx").write_bytes(text)
    (eie.folder / "p.smtx.gz").write_bytes(gzip.compress(text))
    assert (matrix_of(eie, "p.smtx") == matrix_of(eie, "p.smtx.gz")).all()


def peak_bytes(eie, *arguments):
    """Of a process of its own, so that no other child counts."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, eie.binary, *arguments],
        cwd=eie.folder,
        env=eie.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stdout)


def write_one_entry(folder, name):
    """20000 x 20000 with a single entry: dense floats would take 1.6 GB."""
    if name == "one.npz":
        scipy.sparse.save_npz(folder / name, scipy.sparse.coo_array(([2.5], ([19998], [19999])), shape=(20000, 20000)))
    elif name == "one.smtx":
        (folder / name).write_text("20000, 20000, 1\n" + "0 " * 19999 + "1 1\n19999\n")
    else:
        (folder / name).write_text(HEAD + "20000 20000 1\n19999 20000 2.5\n")


@pytest.mark.parametrize("name", ["one.mtx", "one.smtx", "one.npz"])
@pytest.mark.parametrize("pruning", [[], ["--density", "0.5"], ["--threshold", "0.1"]])
def test_sparse_files_stay_sparse(eie, name, pruning):
    write_one_entry(eie.folder, name)
    assert peak_bytes(eie, "compress", name, *pruning, "--samples", "1", "-o", "o.safetensors") < 200e6
    (layer,) = eie.layers("o.safetensors")
    assert (layer["outputs"], layer["inputs"], layer["nonzeros"]) == (20000, 20000, 1)


@pytest.mark.parametrize(
    "options", [[], ["--density", "0.03"], ["--density", "0.5"], ["--threshold", "1"], ["--threshold", "3"]]
)
def test_a_sparse_file_is_compressed_like_a_dense_one(eie, options):
    given = scipy.sparse.random_array((300, 700), density=0.06, rng=5).astype(numpy.float32)
    given.data -= 0.4
    scipy.sparse.save_npz(eie.folder / "w.npz", given)
    numpy.save(eie.folder / "w.npy", given.toarray())
    ledgers, files = [], []
    for name in ("w.npz", "w.npy"):
        ledger = json.loads(eie("compress", name, *options, "--json", "-o", "o.safetensors").stdout)
        for layer in ledger["layers"]:
            del layer["seconds"], layer["source"]
        ledgers.append(ledger["layers"])
        files.append(load_file(eie.folder / "o.safetensors"))
    assert ledgers[0] == ledgers[1]
    assert all((files[0][name] == files[1][name]).all() for name in files[1])


def test_sparse_side_files(eie):
    numpy.save(eie.folder / "w.npy", W)
    scipy.sparse.save_npz(eie.folder / "x.npz", scipy.sparse.csr_array(numpy.abs(W[:3])))
    numpy.save(eie.folder / "x.npy", numpy.abs(W[:3]))
    for name in ("x.npz", "x.npy"):
        eie("compress", "w.npy", "--inputs", name, "-o", f"{name}.safetensors")
    assert (eie.folder / "x.npz.safetensors").read_bytes() == (eie.folder / "x.npy.safetensors").read_bytes()


# ---- names -------------------------------------------------------------------------------------

LONG = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_"


@pytest.mark.parametrize("form", ["plain", "packed", "huffman"])
def test_long_names_stay_apart_and_are_kept(eie, form):
    tensors = {f"{LONG}{k}{s}": W for k in ("to_q", "to_k") for s in (".lora_down.weight", ".lora_up.weight")}
    save_file(tensors, eie.folder / "lora.safetensors")
    eie("compress", "lora.safetensors", "--tensor", "*", "--form", form, "-o", "lo.safetensors")
    layers = eie.layers("lo.safetensors")
    assert {layer["tensor"] for layer in layers} == set(tensors)
    names = {layer["name"] for layer in layers}
    assert len(names) == 4 and all(len(name) < 64 and name.startswith("lora_unet_down") for name in names)
    eie("layer", "gen", "lo.safetensors", "--pes", 3, "-o", "again.safetensors")
    assert {layer["tensor"] for layer in eie.layers("again.safetensors")} == set(tensors)
    # a name does not depend on what else is chosen
    eie("compress", "lora.safetensors", "--tensor", f"{LONG}to_q.lora_up.weight", "-o", "one.safetensors")
    assert eie.layers("one.safetensors")[0]["name"] in names


def test_names_that_differ_in_what_becomes_a_dash(eie):
    save_file({"a/b": W, "a-b": W, "a b": W, "c": W}, eie.folder / "m.safetensors")
    eie("compress", "m.safetensors", "--tensor", "*", "-o", "o.safetensors")
    layers = eie.layers("o.safetensors")
    assert len({layer["name"] for layer in layers}) == 4
    assert {layer.get("tensor", layer["name"]) for layer in layers} == {"a/b", "a-b", "a b", "c"}
    eie("compress", "m.safetensors", "--tensor", "a/b", "-o", "o.safetensors")
    assert [(layer["name"], layer["tensor"]) for layer in eie.layers("o.safetensors")] == [("a-b", "a/b")]


def test_a_long_name_given(eie):
    numpy.save(eie.folder / "w.npy", W)
    for end in "xy":
        eie("compress", "w.npy", "--name", "n" * 80 + end, "-o", f"{end}.safetensors")
    assert eie.layers("x.safetensors")[0]["name"] != eie.layers("y.safetensors")[0]["name"]


# ---- bias --------------------------------------------------------------------------------------


def bias_of(eie):
    eie("expand", "o.safetensors", "-o", "back.safetensors")
    found = [array for name, array in load_file(eie.folder / "back.safetensors").items() if name.endswith(".bias")]
    return found[0].tolist() if found else None


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
@pytest.mark.parametrize("names", [("fc.weight", "fc.bias"), ("weight", "bias"), ("a.in_proj_weight", "a.in_proj_bias")])
def test_the_bias_beside_its_weights(eie, kind, names):
    tensors, file = dict(zip(names, (W, BIAS))), f"m.{kind}"
    if kind == "npz":
        numpy.savez(eie.folder / file, **tensors)
    else:
        save_file(tensors, eie.folder / file)
    for arguments in ([], ["--tensor", names[0]], ["--tensor", "*"]):
        notes = notes_of(eie, file, *arguments).splitlines()
        assert len(notes) == 1 and names[0] in notes[0] and names[1] in notes[0] and "--no-bias" in notes[0]
        assert bias_of(eie) == BIAS.tolist()
    assert notes_of(eie, file, "--no-bias") == "" and bias_of(eie) is None
    numpy.save(eie.folder / "b.npy", 2 * BIAS)
    assert notes_of(eie, file, "--bias", "b.npy") == "" and bias_of(eie) == (2 * BIAS).tolist()
    eie.fails(2, "--no-bias", "compress", file, "--bias", "b.npy", "--no-bias", "-o", "x")


@pytest.mark.parametrize("bias", [BIAS[:5], BIAS.astype(numpy.int32), BIAS.reshape(4, 6)])
def test_a_bias_that_does_not_fit(eie, bias):
    save_file({"fc.weight": W, "fc.bias": bias}, eie.folder / "m.safetensors")
    notes = notes_of(eie, "m.safetensors", "--tensor", "fc.weight")
    assert len(notes.splitlines()) == 1 and "does not join" in notes and bias_of(eie) is None


def test_a_state_dict(eie):
    tensors = {
        "embed.weight": W,
        "norm.weight": BIAS,
        "fc.weight": W,
        "fc.bias": BIAS,
        "lora_A.weight": W[:4],
        "steps": numpy.array(3),
    }
    save_file(tensors, eie.folder / "m.safetensors")
    notes = notes_of(eie, "m.safetensors", "--tensor", "*")
    assert {layer["name"] for layer in eie.layers("o.safetensors")} == {"embed.weight", "fc.weight", "lora_A.weight"}
    assert len(notes.splitlines()) == 3 and "'norm.weight'" in notes and "'steps'" in notes
    eie.fails(2, "did you mean fc.weight?", "compress", "m.safetensors", "--tensor", "fc.wieght", "-o", "x")


def test_side_file_with_more_than_numbers(eie):
    numpy.save(eie.folder / "w.npy", W)
    (eie.folder / "b.safetensors").write_bytes(
        safetensors({"b": ("F32", [24], BIAS.tobytes()), "mask": ("BOOL", [2], bytes(2)), "none": ("F32", [0], b"")})
    )
    eie("compress", "w.npy", "--bias", "b.safetensors", "-o", "o.safetensors")
    assert bias_of(eie) == BIAS.tolist()


# ---- files that are something else -------------------------------------------------------------


def archive(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in members:
            file.writestr(name, b"x")
    return out.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"
FOREIGN = {
    "m.safetensors": (POINTER, "git lfs pull"),
    "m.npy": (POINTER, "git lfs pull"),
    "m.npz": (POINTER, "git lfs pull"),
    "m.mtx": (POINTER, "git lfs pull"),
    "m.smtx": (POINTER, "git lfs pull"),
    "m.net": (POINTER, "git lfs pull"),
    "m.pkl": (pickle.dumps(W), "pickle"),
    "old.pt": (bytes.fromhex("80028a0a6cfc9c46f9206aa85019") + bytes(40), "pickle"),
    "new.pt": (archive(["archive/data.pkl", "archive/data/0"]), "PyTorch"),
    "m.keras": (archive(["config.json", "model.weights.h5"]), "Keras"),
    "m.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
    "m.gguf": (b"GGUF" + bytes(99), "GGUF"),
    "m.onnx": (b"\x08\x07\x12\x07pytorch" + bytes(30), "ONNX"),
    "model.safetensors.index.json": (b'{"metadata": {}, "weight_map": {"a": "b"}}', "index"),
    "page.safetensors": (b"<!DOCTYPE html><html></html>", "HTML"),
    "page.smtx": (b"\n  <html></html>", "HTML"),
    "g.safetensors": (gzip.compress(bytes(99)), "gunzip"),
    "g.npy.gz": (gzip.compress(bytes(99)), "gunzip"),
    "t.tar": (b"a".ljust(257, b"\0") + b"ustar" + bytes(250), "tar"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_called_by_their_names(eie, name):
    content, what = FOREIGN[name]
    (eie.folder / name).write_bytes(content)
    assert name in eie.fails(2, what, "compress", name, "-o", "x").stderr
    numpy.save(eie.folder / "w.npy", W)
    assert name in eie.fails(2, what, "compress", "w.npy", "--bias", name, "-o", "x").stderr


@pytest.mark.parametrize("verb", [["layer", "info"], ["layer", "verify"], ["expand", "-o", "x.npy"]])
@pytest.mark.parametrize(
    "name", ["m.safetensors", "m.pkl", "m.h5", "m.gguf", "model.safetensors.index.json", "page.safetensors"]
)
def test_foreign_files_for_layers(eie, verb, name):
    content, what = FOREIGN[name]
    (eie.folder / name).write_bytes(content)
    assert name in eie.fails(2, what, *verb, name).stderr


def test_suites_that_are_pointers(eie):
    (eie.folder / "s.json").write_bytes(POINTER)
    eie.fails(2, "git lfs pull", "layer", "info", "s.json")


# ---- files without an end ----------------------------------------------------------------------

VERBS = [
    ["compress", "FILE", "-o", "x.safetensors"],
    ["compress", "normal:4x4", "--bias", "FILE", "-o", "x.safetensors"],
    ["compress", "normal:4x4", "--inputs", "FILE", "-o", "x.safetensors"],
    ["layer", "info", "FILE"],
    ["expand", "FILE", "-o", "x.npy"],
]


@pytest.mark.parametrize("verb", VERBS)
def test_devices_are_no_files(eie, verb):
    eie.fails(2, "/dev/zero: is a device", *["/dev/zero" if word == "FILE" else word for word in verb])


@pytest.mark.parametrize("verb", [VERBS[0], *(pytest.param(verb, marks=pytest.mark.slow) for verb in VERBS[1:])])
def test_pipes_without_a_writer(eie, verb):  # each waits 5 s for one
    os.mkfifo(eie.folder / "pipe")
    eie.fails(2, "pipe: is a pipe that nobody writes to", *["pipe" if word == "FILE" else word for word in verb])


@pytest.mark.parametrize(
    "command",
    ["cat w.npy | EIE compress /dev/stdin", "EIE compress <(cat w.npy)", "mkfifo pipe; cat w.npy >pipe & EIE compress pipe"],
)
def test_pipes_with_data(eie, command):
    numpy.save(eie.folder / "w.npy", W)
    command = command.replace("EIE", str(eie.binary)) + " --form huffman --bits 5 -o o.safetensors"
    subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=eie.folder, env=eie.environment, check=True, capture_output=True
    )
    eie("expand", "o.safetensors", "-o", "back.npy")
    assert (numpy.load(eie.folder / "back.npy") == W).all()
