"""Writes the seeds of the fuzz targets into corpus/, or another folder: python3 make_corpus.py [FOLDER]

Safetensors files are put together here by hand, so they do not depend on the code under test."""

import gzip
import hashlib
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "cli"))
import networkfile  # noqa: E402

DATA = HERE.parent.parent / "data"


def write(target, name, content):
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "corpus") / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


# ---- layer files -------------------------------------------------------------------------------


def whole(header, data, stated=None):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if stated is None else stated) + text + data


def tensors(parts):
    """parts: (name, dtype, shape, bytes) -> header, data"""
    header, data = {}, b""
    for name, dtype, shape, content in parts:
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    return header, data


CODEBOOK = struct.pack("<16h", 0, *range(-700, 800, 100))


def layer_parts(name, starts, entries, outputs, bias=None, samples=None):
    inputs = len(starts[0]) - 1
    parts = [
        (
            f"{name}.column_start",
            "U32",
            [len(starts), inputs + 1],
            b"".join(struct.pack(f"<{inputs + 1}I", *row) for row in starts),
        ),
    ]
    if bias:
        parts.append((f"{name}.bias", "I32", [outputs], struct.pack(f"<{outputs}i", *bias)))
    parts.append((f"{name}.codebook", "I16", [16], CODEBOOK))
    if samples:
        flat = [value for sample in samples for value in sample]
        parts.append((f"{name}.sample_inputs", "I16", [len(samples), inputs], struct.pack(f"<{len(flat)}h", *flat)))
    parts.append((f"{name}.entries", "U8", [len(entries)], bytes(entries)))
    return parts


def layer_metadata(name, outputs, activation="relu", **changes):
    metadata = {
        f"{name}.outputs": str(outputs),
        f"{name}.activation": activation,
        f"{name}.weight_fraction_bits": "12",
        f"{name}.input_fraction_bits": "4",
        f"{name}.output_fraction_bits": "8",
        f"{name}.source": "a seed of the fuzz targets",
    }
    metadata.update(changes)
    return metadata


def layer_file(layers, parts, **changes):
    """layers: (name, outputs) -> header, data"""
    header, data = tensors(parts)
    metadata = {"eie.format": "1", "eie.layers": ",".join(name for name, _ in layers)}
    for name, outputs in layers:
        metadata |= layer_metadata(name, outputs)
    metadata["eie.sha256"] = hashlib.sha256(data).hexdigest()
    metadata |= changes
    return {"__metadata__": metadata} | header, data


# 2 PEs, 3 inputs, 40 outputs; a column with padding
STARTS = [[0, 3, 3, 4], [4, 4, 5, 5]]
ENTRIES = [0x10, 0x0F, 0x22, 0x35, 0x43]


def small(starts=STARTS, entries=ENTRIES, outputs=40, **changes):
    return layer_file([("a", outputs)], layer_parts("a", starts, entries, outputs), **changes)


def layer_hash(header, data, name):
    """host/layer/layer.h: eie_layer_hash of a plain layer."""
    metadata = header["__metadata__"]
    pes, starts = header[f"{name}.column_start"]["shape"]
    numbers = [starts - 1, int(metadata[f"{name}.outputs"]), pes, {"none": 0, "relu": 1}[metadata[f"{name}.activation"]]]
    numbers += [int(metadata[f"{name}.{what}_fraction_bits"]) for what in ("weight", "input", "output")]
    digest = hashlib.sha256(struct.pack("<7I", *numbers))
    for part in ("codebook", "column_start", "entries", "bias", "sample_inputs"):
        begin, end = header.get(f"{name}.{part}", {"data_offsets": (0, 0)})["data_offsets"]
        digest.update(struct.pack("<Q", end - begin) + data[begin:end])
    return digest.hexdigest()


def hashed(file, **changes):
    """The file with the hash of each of its layers; `changes`: of the metadata, after that."""
    header, data = file
    metadata = dict(header["__metadata__"])
    for name in metadata["eie.layers"].split(","):
        metadata[f"{name}.eie_layer_hash"] = layer_hash(header, data, name)
    return whole(header | {"__metadata__": metadata | changes}, data)


def layer_files():
    good = whole(*small())
    full_parts = layer_parts(
        "b",
        [[0, 1, 2], [2, 2, 3], [3, 3, 3]],
        [0x10, 0x20, 0xF0],
        2,
        bias=[5, -6],
        samples=[[1, -1], [0, 32767], [-32768, 0]],
    )
    full = layer_file([("b", 2)], full_parts)
    two = layer_file([("b", 2), ("a", 40)], full_parts + layer_parts("a", STARTS, ENTRIES, 40))
    odd_order = layer_file([("a", 40)], layer_parts("a", STARTS, ENTRIES, 40)[::-1])
    backward = [[0, 3, 2, 4], [4, 4, 5, 5]]
    files = {
        "good": good,
        "good-bias-samples": whole(*full),
        "good-hash": hashed(small()),
        "good-hash-bias-samples": hashed(full),
        "good-hash-two-layers": hashed(two),
        "hash-of-other-fraction-bits": hashed(small(), **{"a.input_fraction_bits": "5"}),
        "hash-of-another-layer": hashed(small(), **{"a.eie_layer_hash": "0" * 64}),
        "hash-empty": hashed(small(), **{"a.eie_layer_hash": ""}),
        "good-two-layers": whole(*two),
        "good-other-order-unaligned": whole(*odd_order),
        "good-no-entries": whole(*small([[0, 0], [0, 0]], [], 1)),
        "empty": b"",
        "truncated-header": good[:100],
        "truncated-data": good[:-3],
        "longer": good + b"\0",
        "header-2-63": whole(*small(), stated=1 << 63),
        "header-too-long": whole(*small(), stated=len(good) - 7),
        "backward-pointers": whole(*small(backward)),
        "pointer-beyond": whole(*small([[0, 3, 3, 4], [4, 4, 9, 9]])),
        "first-pointer-1": whole(*small([[1, 3, 3, 4], [4, 4, 5, 5]])),
        "pe-starts-elsewhere": whole(*small([[0, 3, 3, 4], [3, 4, 5, 5]])),
        "ends-in-padding": whole(*small(entries=[0x10, 0x0F, 0x22, 0x35, 0x0F])),
        "code-0": whole(*small(entries=[0x10, 0x0F, 0x22, 0x05, 0x43])),
        "row-beyond": whole(*small(outputs=30)),
        "outputs-2-32": whole(*small(**{"a.outputs": "4294967295"})),
        "outputs-word": whole(*small(**{"a.outputs": "many"})),
        "unknown-activation": whole(*small(**{"a.activation": "tanh"})),
        "shift-40": whole(*small(**{"a.weight_fraction_bits": "31", "a.input_fraction_bits": "17"})),
        "list-comma": whole(*small(**{"eie.layers": ","})),
        "list-twice": whole(*small(**{"eie.layers": "a,a"})),
        "list-other": whole(*small(**{"eie.layers": "c"})),
        "format-2": whole(*small(**{"eie.format": "2"})),
    }
    header, data = small()
    header["a.entries"]["dtype"] = "I8"
    files["wrong-dtype"] = whole(header, data)
    header, data = small()
    header["a.column_start"]["shape"] = [1, 8]
    files["wrong-shape"] = whole(header, data)
    header, data = small()
    header["more.tensor"] = {"dtype": "U8", "shape": [0], "data_offsets": [len(data)] * 2}
    files["tensor-of-no-layer"] = whole(header, data)
    return files


def safetensors_files():
    header, data = small()
    plain, bytes_ = tensors(
        [
            (f"t{i}", dtype, shape, bytes(size))
            for i, (dtype, shape, size) in enumerate(
                [("F64", [2], 16), ("I32", [], 4), ("BF16", [1, 3], 6), ("U8", [0, 9], 0), ("I8", [5], 5)]
            )
        ]
    )
    files = {
        "good": whole(header, data),
        "good-types": whole(plain, bytes_),
        "good-empty": whole({}, b""),
        "good-metadata-only": whole({"__metadata__": {"a": "b"}}, b""),
        "no-object": struct.pack("<Q", 2) + b"[]",
        "no-json": struct.pack("<Q", 4) + b"{a:1",
        "deep": struct.pack("<Q", 3000) + b"[" * 3000,
        "twice": struct.pack("<Q", 15) + b'{"a":{},"a":{}}',
        "bad-utf8": struct.pack("<Q", 8) + b'{"\xff":1}',
        "nul-in-key": struct.pack("<Q", 14) + b'{"\\u0000x":{}}',
        "metadata-number": whole({"__metadata__": {"a": 1}}, b""),
        "short": b"\x02\0\0",
    }

    def changed(name, key, value):
        header = json.loads(json.dumps(plain))
        header["t0"][key] = value
        files[name] = whole(header, bytes_)

    changed("overlap", "data_offsets", [4, 20])
    changed("gap", "data_offsets", [1, 17])
    changed("beyond", "data_offsets", [0, 1 << 60])
    changed("backwards", "data_offsets", [16, 0])
    changed("negative", "data_offsets", [-16, 0])
    changed("huge-shape", "shape", [(1 << 63) - 1, 2])
    changed("product-overflow", "shape", [1 << 32, 1 << 32])
    changed("rank-9", "shape", [1] * 8 + [2])
    changed("real-shape", "shape", [2.0])
    changed("unknown-dtype", "dtype", "F8")
    return files


# ---- suites and devices ------------------------------------------------------------------------


def changed_texts(good, changes):
    files = {"good": good}
    for name, (old, new) in changes.items():
        assert old in good, old
        files[name] = good.replace(old, new, 1)
    return files


def suite_files():
    good = json.dumps(
        {
            "format": "eie-suite-1",
            "summary": "A seed",
            "basis": "generated",
            "default_matrix": True,
            "default_kernels": "*",
            "needs_models": False,
            "pe_count": 4,
            "seed": 1,
            "signed": True,
            "samples": 2,
            "layers": [
                {
                    "name": "a",
                    "inputs": 8,
                    "outputs": 40,
                    "weight_density": 0.25,
                    "activation": "relu",
                    "activation_density": 0.5,
                    "source": "t",
                },
                {
                    "name": "b",
                    "inputs": 9,
                    "outputs": 4,
                    "activation": "none",
                    "activation_density": 0.34,
                    "nonzeros_in_active_columns": 7,
                    "nonzeros_in_inactive_columns": 5,
                    "source": "t",
                },
                {"name": "c", "import_dump": "folder", "outputs": 5, "source": "t"},
            ],
        },
        indent=1,
    )
    return changed_texts(
        good,
        {
            "zero-rows": ('"outputs": 40', '"outputs": 0'),
            "window": (
                '"activation_density": 0.5,',
                '"activation_density": 0.5, "window": {"height": 4, "width": 3, "channels": 2, "kernel": 2, "stride": 1, "pad": 0},',
            ),
            "window-small": (
                '"activation_density": 0.5,',
                '"activation_density": 0.5, "window": {"height": 1, "width": 3, "channels": 2, "kernel": 2, "stride": 1, "pad": 0},',
            ),
            "density-2": ('"weight_density": 0.25', '"weight_density": 2'),
            "density-1e999": ('"weight_density": 0.25', '"weight_density": 1e999'),
            "too-many-nonzeros": ('"nonzeros_in_active_columns": 7', '"nonzeros_in_active_columns": 99'),
            "unknown-key": ('"seed": 1', '"seed": 1, "sead": 1'),
            "twice": ('"seed": 1', '"seed": 1, "seed": 1'),
            "missing-key": ('"seed": 1,', ""),
            "same-name": ('"name": "b"', '"name": "a"'),
            "bad-name": ('"name": "b"', '"name": "a b\\n"'),
            "long-name": ('"name": "b"', f'"name": "{"x" * 80}"'),
            "no-text": ('"summary": "A seed"', '"summary": null'),
            "truncated": ('"name": "c"', "\0"),
            "control": ('"A seed"', '"\\u0007\\u202e"'),
        },
    )


def device_files():
    good = (DATA / "devices" / "eie-64pe-45nm.json").read_text()
    published = (DATA / "devices" / "truenorth.json").read_text()
    device = json.loads(good)
    for entry in device["numbers"].values():
        entry["source"] = "s"
    short = json.dumps(device, separators=(",", ":"))
    files = changed_texts(
        short,
        {
            "zero-pes": ('"pe_count":{"value":64', '"pe_count":{"value":0'),
            "odd-line": ('"spmat_line_bits":{"value":64', '"spmat_line_bits":{"value":65'),
            "null": ('"pe_count":{"value":64', '"pe_count":{"value":null'),
            "unknown-basis": ('"basis":"', '"basis":"guess'),
            "unknown-key": ('"numbers":{', '"numbers":{"x":1,'),
        },
    )
    files["good-published"] = published
    files["truncated"] = published[:200]
    files["list"] = "[]"
    return files


def topology_files():
    conv = {"kind": "conv", "stride": 1, "activation": "relu"}
    layers = [
        conv | {"name": "c1", "in": 2, "out": 4, "kernel": 3, "stride": 2, "pad": [1, 0, 2, 1]},
        {"name": "p1", "kind": "pool", "kernel": 2, "stride": 1},
        conv | {"name": "c2", "in": 4, "out": 3, "kernel": 2, "pad": [[1, 0, 1, 0], [0, 1, 0, 1]]},
        {"name": "f1", "kind": "fc", "in": 60, "out": 6, "activation": "relu"},
        {"name": "f2", "kind": "fc", "in": 6, "out": 3, "activation": "none"},
    ]
    good = {
        "format": "eie-network-1",
        "summary": "A seed",
        "input": {"channels": 2, "height": 10, "width": 9},
        "classes": 3,
        "layers": layers,
    }
    files = changed_texts(
        json.dumps(good),
        {
            "newer": ("eie-network-1", "eie-network-2"),
            "no-pads": ('"pad": [1, 0, 2, 1]', '"pad": []'),
            "pads-of-pads": ('"pad": [1, 0, 2, 1]', '"pad": [[[1]]]'),
            "other-sums": ("[0, 1, 0, 1]]", "[0, 1, 1, 1]]"),
            "odd-groups": ("[0, 1, 0, 1]]", "[0, 1, 0, 1], [0, 1, 0, 1]]"),
            "stride-0": ('"stride": 2', '"stride": 0'),
            "window-too-large": ('"kernel": 3', '"kernel": 64'),
            "inputs-wrong": ('"in": 60', '"in": 61'),
            "outputs-many": ('"out": 4, "kernel"', '"out": 1048576, "kernel"'),
            "image-large": ('"height": 10', '"height": 4096'),
            "pool-after-fc": ('"kind": "fc", "in": 6,', '"kind": "pool", "in": 6,'),
            "name-twice": ('"f2"', '"f1"'),
            "unknown-key": ('"classes"', '"x": 1, "classes"'),
        },
    )
    files["lenet-5"] = (DATA / "networks" / "lenet-5.json").read_text()
    files["truncated"] = files["good"][:300]
    files["layers-17"] = json.dumps(good | {"layers": [layers[1] | {"name": f"p{i}", "kernel": 1} for i in range(17)]})
    files["list"] = "[]"
    return files


def recipe_files():
    common = {"rate": 0.1, "schedule": "cosine", "momentum": 0.9, "decay": 1e-4, "dropout": 0.2}
    common |= {"dropout_scaled": True, "shift": 1, "epochs": 2}
    phases = [
        common | {"name": "dense", "kind": "dense"},
        common | {"name": "prune", "kind": "prune", "kept": [0.5, 0.1, 0.4], "ramp": 0.5, "cuts": 3},
        common
        | {"name": "share", "kind": "share", "bits": 4, "optimizer": "adam", "centroids": "linear", "bias_bits": 8}
        | {"int16": True},
    ]
    network = {"batch": 16, "validation": 60, "phases": phases}
    good = {"format": "eie-recipe-1", "summary": "A seed", "control": False, "networks": {"*": network}}
    files = changed_texts(
        json.dumps(good),
        {
            "good-total": ('"kept": [0.5, 0.1, 0.4]', '"total": 0.05'),
            "newer": ("eie-recipe-1", "eie-recipe-2"),
            "of-another-network": ('"*"', '"lenet-5"'),
            "kept-too-few": ("[0.5, 0.1, 0.4]", "[0.5, 0.1]"),
            "kept-0": ("[0.5, 0.1, 0.4]", "[0.5, 0, 0.4]"),
            "kept-words": ("[0.5, 0.1, 0.4]", '[0.5, "a", 0.4]'),
            "bits-9": ('"bits": 4', '"bits": 9'),
            "bits-half": ('"bits": 4', '"bits": 4.5'),
            "epochs-0": ('"epochs": 2', '"epochs": 0'),
            "rate-large": ('"rate": 0.1', '"rate": 1e308'),
            "name-escape": ('"name": "dense"', '"name": "\\u001b[2J"'),
            "name-long": ('"name": "dense"', f'"name": "{"d" * 32}"'),
            "name-twice": ('"name": "prune"', '"name": "dense"'),
            "bits-that-no-kernel-reads": ('"bits": 4', '"bits": 5'),
            "control-of-shares": ('"control": false', '"control": true'),
            "first-not-dense": ('"kind": "dense"', '"kind": "prune"'),
        },
    )
    files["dsd"] = (DATA / "recipes" / "dsd.json").read_text().replace("lenet-5", "*")
    files["phases-13"] = json.dumps(good | {"networks": {"net": network | {"phases": [phases[0]] * 13}}})
    later = phases[1] | {"name": "later", "kept": [0.5, 0.2, 0.4]}
    files["pruned-comes-back"] = json.dumps(good | {"networks": {"net": network | {"phases": [*phases[:2], later]}}})
    files["phases-none"] = json.dumps(good | {"networks": {"net": network | {"phases": []}}})
    files["phase-none"] = json.dumps(good | {"networks": {"net": network | {"phases": [1]}}})
    files["truncated"] = files["good"][:300]
    files["list"] = "[]"
    return files


# ---- weights -----------------------------------------------------------------------------------


def npy(header, data, version=1, stated=None):
    text = header.encode() + b"\n"
    length = len(text) if stated is None else stated
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", length) + text + data


def npy_header(descr="<f4", order=False, shape="(2, 3)"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


SIX = struct.pack("<6f", 1, -2, 0, 0.5, 0.25, -0.125)


def npy_files():
    good = npy(npy_header(), SIX)
    return {
        "good": good,
        "good-fortran": npy(npy_header(order=True), SIX),
        "good-fortran-3d": npy(npy_header(order=True, shape="(2, 3, 2)"), SIX * 2),
        "good-big-endian": npy(npy_header(">f4"), struct.pack(">6f", 1, 2, 3, 4, 5, 6)),
        "good-f2": npy(npy_header("<f2"), struct.pack("<6e", 1, 2, 3, 4, 5, 6)),
        "good-f8": npy(npy_header("<f8"), struct.pack("<6d", 1, 2, 3, 4, 5, 6)),
        "good-i1": npy(npy_header("|i1"), bytes(6)),
        "good-u8": npy(npy_header("<u8"), struct.pack("<6Q", 1, 2, 3, 4, 5, 1 << 63)),
        "good-one-row": npy(npy_header(shape="(6,)"), SIX),
        "good-4d": npy(npy_header(shape="(1, 2, 3, 1)"), SIX),
        "good-version-2": npy(npy_header(), SIX, 2),
        "scalar": npy(npy_header(shape="()"), SIX[:4]),
        "empty-dimension": npy(npy_header(shape="(0, 3)"), b""),
        "nan": npy(npy_header(), struct.pack("<6f", 1, 2, float("nan"), 4, 5, 6)),
        "inf": npy(npy_header("<f8"), struct.pack("<6d", 1, 2, 1e300, 4, 5, 6)),
        "truncated": good[:-5],
        "truncated-header": good[:30],
        "longer": good + b"x",
        "version-9": npy(npy_header(), SIX, 9),
        "stated-too-long": npy(npy_header(), SIX, 1, 65535),
        "overflow": npy(npy_header(shape="(4294967296, 4294967296)"), SIX),
        "huge": npy(npy_header(shape="(99999999999999999999999, 1)"), SIX),
        "nine-dimensions": npy(npy_header(shape="(1, 1, 1, 1, 1, 1, 1, 2, 3)"), SIX),
        "structured": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}", SIX),
        "complex": npy(npy_header("<c8"), SIX * 2),
        "twice": npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", SIX),
        "no-end": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", SIX),
        "behind": npy(npy_header() + " x", SIX),
    }


def npz(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def sparse_npz(kind, shape=(2, 4), **arrays):
    """As scipy.sparse.save_npz writes them; an array is (type, shape, bytes)."""
    members = {
        "format": npy(npy_header("|S3", shape="()"), kind.encode()),
        "shape": npy(npy_header("<i8", shape="(2,)"), struct.pack("<2q", *shape)),
    }
    for name, (descr, sizes, content) in arrays.items():
        members[name] = npy(npy_header(descr, shape=sizes), content)
    return npz({f"{name}.npy": content for name, content in members.items()})


def numbers(*values, kind="i"):
    return f"<{kind}4", f"({len(values)},)", struct.pack(f"<{len(values)}{kind}", *values)


def sparse_npz_files():
    data = numbers(1, 2, 3, kind="f")
    lines = {"data": data, "indices": numbers(0, 3, 1), "indptr": numbers(0, 2, 3)}
    blocks = {"data": ("<f4", "(2, 1, 2)", SIX[:16]), "indices": numbers(0, 1), "indptr": numbers(0, 1, 2)}
    diagonals = {"data": ("<f4", "(2, 3)", SIX), "offsets": numbers(-1, 1)}
    entries = {"data": data, "row": numbers(0, 1, 1), "col": numbers(3, 0, 0)}
    return {
        "good-csr": sparse_npz("csr", **lines),
        "good-csc": sparse_npz("csc", (4, 2), **lines),
        "good-bsr": sparse_npz("bsr", **blocks),
        "good-dia": sparse_npz("dia", (3, 3), **diagonals),
        "good-coo": sparse_npz("coo", **entries),
        "good-coords": sparse_npz("coo", data=data, coords=("<i8", "(2, 3)", struct.pack("<6q", 0, 1, 1, 3, 0, 0))),
        "sparse-unknown": sparse_npz("lil", **lines),
        "sparse-outside": sparse_npz("csr", **lines | {"indices": numbers(0, 4, 1)}),
        "sparse-negative": sparse_npz("csr", **lines | {"indices": numbers(0, -1, 1)}),
        "sparse-falls": sparse_npz("csr", **lines | {"indptr": numbers(0, 3, 2)}),
        "sparse-beyond": sparse_npz("csr", **lines | {"indptr": numbers(0, 9, 3)}),
        "sparse-first": sparse_npz("csr", **lines | {"indptr": numbers(1, 2, 3)}),
        "sparse-short": sparse_npz("csr", (3, 4), **lines),
        "sparse-missing": sparse_npz("csr", data=data),
        "sparse-float-index": sparse_npz("csr", **lines | {"indices": data}),
        "sparse-complex": sparse_npz("csr", **lines | {"data": ("<c8", "(3,)", SIX)}),
        "sparse-blocks": sparse_npz("bsr", (3, 3), **blocks),
        "sparse-no-blocks": sparse_npz("bsr", **blocks | {"data": ("<f4", "(2, 0, 2)", b"")}),
        "sparse-offset": sparse_npz("dia", (3, 3), **diagonals | {"offsets": numbers(-(2**31), 2**31 - 1)}),
        "sparse-unequal": sparse_npz("coo", **entries | {"row": numbers(0, 1)}),
        "sparse-huge": sparse_npz("csr", (2**62, 2**62), **lines),
        "sparse-shape": sparse_npz("csr", (-1, 4), **lines),
    }


def npz_files():
    good = npy(npy_header(), SIX)
    whole = npz({"w.npy": good, "b.npy": npy(npy_header(shape="(6,)"), SIX)})
    packed = npz({"w.npy": npy(npy_header(shape="(20, 30)"), bytes(2400))}, zipfile.ZIP_DEFLATED)
    size = struct.pack("<I", len(good))
    return {
        "good": whole,
        "good-deflated": packed,
        "no-npy": npz({"readme.txt": b"x"}),
        "bad-npy": npz({"w.npy": good[:-3]}),
        "no-members": npz({}),
        "truncated": whole[:-10],
        "bad-checksum": whole.replace(SIX, SIX[::-1], 1),
        "bad-deflate": packed.replace(packed[60:64], b"\xff\xff\xff\xff"),
        "size-lies": whole.replace(size, struct.pack("<I", 1 << 31)),
        "magic-only": b"PK\x03\x04",
        "good-long-header": npz({"w.npy": npy(npy_header() + " " * 6000, SIX)}),
        "torch": npz({"archive/data.pkl": b"\x80\x02."}),
        "objects": npz({"w.npy": good, "o.npy": npy(npy_header("|O"), bytes(48)), "s.npy": npy(npy_header("<U5"), b"")}),
    }


def mtx_files():
    head = "%%MatrixMarket matrix coordinate real general\n"
    text = (head + "3 4 2\n1 1 0.5\n3 4 -2e-3\n").encode()
    packed = gzip.compress(text, mtime=0)
    return {
        "good": head + "% comment\n3 4 2\n1 1 0.5\n3 4 -2e-3\n",
        "good-pattern": head.replace("real", "pattern") + "3 4 2\n1 1\n3 4\n",
        "good-symmetric": head.replace("general", "symmetric") + "3 3 2\n2 1 5\n3 3 1\n",
        "good-skew": head.replace("general", "skew-symmetric") + "3 3 1\n2 1 5\n",
        "good-array": head.replace("coordinate", "array") + "2 2\n1\n2\n3\n4\n",
        "good-array-symmetric": "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n",
        "good-blank-lines": head + "\n\n3 4 1\r\n\n 2 2 1 \n\n",
        "complex": head.replace("real", "complex") + "1 1 1\n1 1 0 1\n",
        "outside": head + "3 4 1\n4 1 1\n",
        "row-0": head + "3 4 1\n0 1 1\n",
        "twice": head + "3 4 2\n1 1 1\n1 1 2\n",
        "fewer": head + "3 4 2\n1 1 1\n",
        "more": head + "3 4 1\n1 1 1\n2 2 1\n",
        "nan": head + "3 4 1\n1 1 nan\n",
        "huge": head + "99999999999999999999 4 1\n1 1 1\n",
        "overflow": head + "4294967296 4294967296 1\n1 1 1\n",
        "not-square": head.replace("general", "symmetric") + "3 4 1\n1 1 1\n",
        "zero-byte": head + "3 4 1\n1 1 1\0\n",
        "no-sizes": head,
        "words": head + "3 4 1\na b c\n",
        "good-unsigned": head.replace("real", "unsigned-integer") + "3 4 1\n1 1 18446744073709551615\n",
        "good-symmetric-twice": head.replace("general", "symmetric") + "3 3 2\n2 1 5\n2 1 1\n",
        "both-sides": head.replace("general", "symmetric") + "3 3 2\n2 1 5\n1 2 5\n",
        "good-gzip": packed,
        "good-gzip-members": gzip.compress(text[:60], mtime=0) + gzip.compress(text[60:], mtime=0) + bytes(9),
        "gzip-truncated": packed[:-9],
        "gzip-damaged": packed[:30] + b"\xff\xff" + packed[32:],
        "gzip-behind": packed + b"x",
        "gzip-of-zeros": gzip.compress(bytes(100000), mtime=0),
    }


def smtx_files():
    return {
        "good": "3, 4, 3\n0 2 2 3 \n0 3 1 \n",
        "good-empty": "2, 2, 0\n0 0 0\n\n",
        "twice": "1, 4, 2\n0 2\n1 1\n",
        "outside": "1, 4, 1\n0 1\n4\n",
        "falling": "2, 4, 2\n0 2 1\n1 2\n",
        "fewer": "2, 4, 2\n0 1 2\n1\n",
        "more": "2, 4, 1\n0 1 1\n1 2\n",
        "huge": "4294967296, 4294967296, 4294967296\n0\n",
        "overflow": "99999999999999999999999, 1, 1\n",
        "not-last": "1, 4, 2\n0 1\n1 2\n",
        "letters": "a, b, c\n",
        "zero-byte": "1, 4, 1\n0 1\n1\0",
    }


def net_files():
    outputs = (
        [96]
        + [
            n
            for s, e in ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
            for n in (s, e, e)
        ]
        + [1000]
    )

    def file(counts, run=0x11, code=3, weight=0.5):
        body = b""
        for rows, count in zip(outputs, counts):
            body += struct.pack("<256f", 0, *[weight] * 255) + bytes(4 * rows)
            body += bytes([code]) * count + bytes([run]) * ((count + 1) // 2)
        return struct.pack("<26I", *counts) + body

    good = file([2] * 26)
    return {
        "good": good,
        "good-none": file([0] * 26),
        "beyond": file([1600] + [0] * 25, run=0xFF),
        "nan": file([2] * 26, weight=float("nan")),
        "truncated": good[:-1],
        "longer": good + b"x",
        "counts-only": good[:104],
        "count-2-32": b"\xff" * 4 + good[4:],
        "short": b"abc",
    }


def stored_files():
    """Layer files in the storage form, packed: rows 0 to 2, columns 0 to 3, weights at 0 1, 2 3."""

    def file(form="packed", codes=b"\x48", runs=b"\xa8", further=(), **changes):
        header, data = tensors(
            [
                ("s.codebook", "I16", [16], CODEBOOK),
                *further,
                ("s.codes", "U8", [len(codes)], codes),
                ("s.runs", "U8", [len(runs)], runs),
            ]
        )
        metadata = (
            {
                "eie.format": "1",
                "eie.layers": "s",
                "eie.sha256": hashlib.sha256(data).hexdigest(),
                "s.form": form,
                "s.inputs": "4",
                "s.shape": "3,4",
                "s.code_bits": "4",
                "s.run_bits": "4",
                "s.entries": "2",
                "s.pe_count": "2",
            }
            | layer_metadata("s", 3)
            | changes
        )
        return whole({"__metadata__": metadata} | header, data)

    plain = layer_file([("s", 3)], layer_parts("s", [[0, 0, 1, 1, 1], [1, 1, 1, 1, 2]], [0x10, 0x20], 3))
    same = layer_hash(*plain, "s")
    lengths = (("s.code_lengths", "U8", [8], b"\x10\x01" + bytes(6)), ("s.run_lengths", "U8", [8], b"\x10\0\x10" + bytes(5)))
    return {
        "good-stored": file(),
        "good-stored-huffman": file("huffman", b"\x02", b"\x02", lengths),
        "good-stored-hash": file(**{"s.eie_layer_hash": same}),
        "good-stored-huffman-hash": file("huffman", b"\x02", b"\x02", lengths, **{"s.eie_layer_hash": same}),
        "stored-hash-of-other-pes": file(**{"s.eie_layer_hash": same, "s.pe_count": "3"}),
        "good-stored-filler": file(codes=b"\x20", runs=b"\x1f", **{"s.inputs": "40", "s.shape": "3,40"}),
        "stored-beyond": file(runs=b"\xf1"),
        "stored-code-0": file(codes=b"\x20"),
        "stored-ends-in-filler": file(codes=b"\x01", runs=b"\xf1", **{"s.inputs": "40", "s.shape": "3,40"}),
        "stored-entries": file(**{"s.entries": "9"}),
        "stored-shape": file(**{"s.shape": "3,5"}),
        "stored-pointers": file(**{"s.inputs": "4294967294", "s.shape": "3,4294967294", "s.pe_count": "4294967295"}),
        "stored-bits": file(**{"s.code_bits": "8"}),
        "stored-fraction-bits": file(**{"s.weight_fraction_bits": "76"}),
        "stored-no-code": file("huffman", b"\x02", b"\x02", (("s.code_lengths", "U8", [8], bytes(8)), lengths[1])),
        "stored-form": file("zipped"),
    }


def results_files():
    """An '@' stands for the members that describe the machine, as the target puts them there."""
    samples = [100.5, 101.25, 99.0, 120.0]
    row = {
        "name": "s/l/k/cpu/batch:1/threads:1/cache:hot/time:wall",
        "eie_suite": "s",
        "eie_layer": "l",
        "eie_layer_hash": "0" * 64,
        "eie_kernel": "k",
        "eie_device": "cpu",
        "eie_batch": 1,
        "eie_threads": 1,
        "eie_cache": "hot",
        "eie_time_source": "wall",
        "eie_status": "ok",
        "eie_reason": "",
        "eie_run": 0,
        "real_time": 100.875,
        "eie_median_ns": 100.875,
        "eie_samples_ns": samples,
        "eie_visits": [1, 2],
        "eie_visit_samples": [3, 1],
    }
    numbers = [samples[0]] * 12
    apart = row | {
        "name": "apart",
        "eie_samples_ns": numbers,
        "real_time": numbers[0],
        "eie_median_ns": numbers[0],
        "eie_visit_samples": [6, 6],
        "eie_disturbed_ns": [900.0],
        "eie_disturbed_visits": [2],
        "eie_disturbed_share": 1 / 13,
    }
    old = {key: value for key, value in row.items() if not key.startswith("eie_visit")} | {"name": "old"}
    counted = row | {"name": "counted", "eie_disturbed_at": [3], "eie_disturbed_counted": True}
    without = {"name": "none", "eie_status": "unsupported", "eie_reason": "needs AVX-512", "eie_layer_hash": ""}
    again = without | {"name": "again", "eie_status": "suspect"}

    def file(rows=(), missing=(), runs=({},), suites=None, head='{"context":{@,'):
        rest = {"eie_runs": list(runs), "eie_suites": {} if suites is None else suites}
        lists = {"benchmarks": list(rows), "eie_missing": list(missing)}
        return head + json.dumps(rest)[1:-1] + "}," + json.dumps(lists)[1:]

    good = file([row, apart, old, counted], [without, again])
    return {
        "good": good,
        "good-no-rows": file(),
        "good-suites": file([row], suites={"fuzz": "0123", "other": "4567"}),
        "google": '{"context":{"date":"","num_cpus":2},"benchmarks":[{"name":"BM_x","real_time":1.0}]}',
        "newer": '{"context":{"eie_format":"2"},"benchmarks":[],"eie_missing":[]}',
        "other-machine": '{"context":{"eie_format":"1","eie_cpu_name":"other"},"benchmarks":[],"eie_missing":[]}',
        "median": file([row | {"eie_median_ns": 0.100875}]),
        "no-samples": file([row | {"eie_samples_ns": []}]),
        "beyond-double": file([row | {"cpu_time": 1.7976931348623157e308}]),
        "tiny": file([row | {"eie_samples_ns": [5e-324], "eie_visit_samples": [1, 0], "eie_median_ns": 5e-324}]),
        "visits": file([row | {"eie_visit_samples": [3, 1000000]}]),
        "at": file([row | {"eie_disturbed_at": [4]}]),
        "hash": file([row | {"eie_layer_hash": "0"}]),
        "twice": file([row, row]),
        "status": file([row | {"eie_status": "fine"}]),
        "line-in-name": file([row | {"name": "a\nb", "eie_median_ns": 1}]),
        "suite-changed": file([row], suites={"fuzz": "4567"}),
        "no-runs": file([row], runs=()),
        "runs-no-objects": file([row], runs=(1, None)),
        "no-lists": '{"context":{@,"eie_runs":[{}],"eie_suites":{}}}',
        "suites-null": '{"context":{@,"eie_runs":[{}],"eie_suites":null},"benchmarks":[],"eie_missing":[]}',
        "deep": file([row | {"x": 0}]).replace('"x": 0', '"x": ' + "[" * 2100 + "]" * 2100),
        "truncated": good[:-40],
        "list": "[]",
        "zero": '{"context":{}}\0',
    }


def sweep_files():
    """Journals; a '@' in front of a line has the target complete it."""

    def unit(pes=1, index=2, depths=((2, 90, 1, 2, 3, 4, 5, 6), (8, 80, 1, 2, 3, 4, 5, 6)), lines=None, **changes):
        lengths = [64 // (index + 4), 128 // (index + 4)]
        return "@" + json.dumps(
            {
                "layer_hash": "2".zfill(64),
                "facts": [pes, index, 50, 3, 20, 7, 50, 60, 55, 1, 1, 20, 1, 1],
                "depths": [list(depth) for depth in depths],
                "lines": [[length, 9] for length in lengths] if lines is None else lines,
            }
            | changes
        )

    def file(*lines):
        return "".join(line + "\n" for line in ("@", *lines))

    good = file(unit(), unit(1, 4), unit(4, 2), unit(4, 4))
    return {
        "good": good,
        "good-some": file(unit(4, 4)),
        "good-other-layer": file(unit(layer_hash="3".zfill(64)), unit()),
        "good-broken-off": file(unit()) + '{"layer_hash": "half a li',
        "good-twice": file(unit(), unit()),
        "no-head": good[2:],
        "old-head": '{"format":"eie-explore-journal-1"}\n',
        "empty": "",
        "no-line": "@",
        "line-twice": file(unit(lines=[[10, 1], [10, 2]])),
        "depth-missing": file(unit(depths=((2, 90, 1, 2, 3, 4, 5, 6),))),
        "no-cycles": file(unit(depths=((2, 0, 1, 2, 3, 4, 5, 6), (8, 80, 1, 2, 3, 4, 5, 6)))),
        "facts": file(unit(facts=[1, 2])),
        "negative": file(unit(facts=[1, 2, -1, 3, 20, 7, 50, 60, 55, 1, 1, 20, 1, 1])),
        "huge": file(unit(facts=[1, 2, 2**63 - 1, 3, 20, 7, 50, 60, 55, 2**33, 1, 20, 1, 1])),
        "hash": file(unit()[1:]),
        "zero": file(unit() + "\0"),
        "array": file("@[]", unit()),
    }


# ---- the files of RAPL -------------------------------------------------------------------------


def rapl_files():
    """By hand, after the kernel's documentation of powercap and of event sources."""
    zone = ("package-0\n", "262143328000\n", "262143328850\n", "150\n")
    perf = ("21\n", "0,18\n", "event=0x02\n", "2.3283064365386962890625e-10\n", "Joules\n")

    def parts(zone, perf=perf):
        return "\x1e".join([*zone, *perf])

    nothing = ("", "", "", "")
    return {
        "good": parts(zone),
        "good-perf": parts(nothing),
        "good-forward": parts(("package-1-die-0", "5", "", "6")),
        "back": parts(("package-0\n", "5000000\n", "", "4000000\n")),
        "jump": parts(("package-0\n", "5\n", zone[2], "10000000005\n")),
        "beyond": parts(("package-0\n", "262143328851\n", zone[2], "6\n")),
        "letters": parts(("package-0\n", "5x\n", zone[2], "6\n")),
        "negative": parts(("package-0\n", "-5\n", zone[2], "6\n")),
        "huge": parts(("package-0\n", "9" * 30, "9" * 19, "9" * 30)),
        "vanishing": parts(("package-0\n", "5\n", zone[2], "")),
        "zero-byte": parts(("package\0-0\n", "5\0\n", zone[2], "6\n")),
        "no-package": parts(("psys\n", "5\n", zone[2], "6\n")),
        "type": parts(nothing, ("power", *perf[1:])),
        "cpus": parts(nothing, (perf[0], "0-63,64", *perf[2:])),
        "cpus-back": parts(nothing, (perf[0], "3-1", *perf[2:])),
        "event": parts(nothing, (*perf[:2], "event=0x,", *perf[3:])),
        "scale": parts(nothing, (*perf[:3], "-inf", perf[4])),
        "unit": parts(nothing, (*perf[:4], "Watts")),
        "empty": "",
    }


def map_files():
    row = {
        "name": "shape/8x8-w0.5-a1/k/cpu/batch:1/threads:1/cache:hot/time:wall",
        "eie_suite": "shape",
        "eie_layer": "8x8-w0.5-a1",
        "eie_kernel": "k",
        "eie_flags": ["float32", "dense"],
        "eie_batch": 1,
        "eie_threads": 1,
        "eie_cache": "hot",
        "eie_time_source": "wall",
        "eie_status": "ok",
        "eie_median_ns": 100.5,
        "eie_ci95_low_ns": 99,
        "eie_ci95_high_ns": 102,
        "eie_prepared_bytes": 256,
    }
    sparse = row | {"eie_flags": ["exact"], "eie_median_ns": 50, "eie_chosen_kernel": "other"}
    fewer = [one | {"eie_layer": "8x8-w0.25-a1", "eie_median_ns": one["eie_median_ns"] / 2} for one in (row, sparse)]
    model = row | {"eie_flags": ["estimate"], "eie_time_source": "model", "eie_threads": 0, "eie_cache": "none"}

    def file(*rows, said=None, format="1"):
        said = {"format": "1", "threads": 1, "cache": "hot"} if said is None else said
        return json.dumps({"context": {"eie_format": format, "eie_map": said}, "benchmarks": rows, "eie_missing": []})

    return {
        "good": file(row, sparse, model, *fewer),
        "good-one": file(row),
        "no-number": file(row | {"eie_median_ns": None}),
        "negative": file(row | {"eie_median_ns": -1}, sparse | {"eie_median_ns": 1e300}),
        "interval": file(row | {"eie_ci95_low_ns": 1e9, "eie_ci95_high_ns": 0}),
        "no-shape": file(row | {"eie_layer": "8x8-w2-a1"}),
        "huge-shape": file(row | {"eie_layer": "4294967295x67108864-w1-a1"}),
        "no-batch": file(row | {"eie_batch": -1}),
        "flags": file(row | {"eie_flags": {"dense": 1}}),
        "no-rows": file(),
        "rows": file(1, None, [], {}, row),
        "threads": file(row, said={"format": "1", "threads": -1, "cache": "hot"}),
        "no-map": '{"context":{"eie_format":"1"},"benchmarks":[]}',
        "newer": file(row, format="2"),
        "cut": file(row)[:-20],
        "twice": '{"context":{},"context":{},"benchmarks":[]}',
    }


def settings_files():
    """Of /proc and /sys, each as one of them has it, or nearly."""
    return {
        "flags": "processor\t: 0\nflags\t\t: fpu avx2 hypervisor\n",
        "load": "0.50 0.40 0.30 1/99 1234\n",
        "load-huge": "1e308 0 0\n",
        "stat": "cpu  10 0 10 35 10 5 5 25 0 0\ncpu0 10 0 10 35 10 5 5 25 0 0\n",
        "stat-short": "cpu  10 0\n",
        "stat-huge": "cpu  " + "18446744073709551615 " * 8 + "\n",
        "pressure": "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00\n",
        "status": "Name:\teie\nCpus_allowed_list:\t0-1,4\n",
        "status-long": "Name:\teie\nCpus_allowed_list:\t" + ",".join(map(str, range(0, 600, 2))) + "\n",
        "cgroup": "9:name=systemd:/\n1:cpu:/\n0::/\n",
        "quota": "50000 100000\n",
        "groups": "res:/small\nmon:/\n",
        "groups-above": "res:/../../etc\nmon:/\n",
        "schemata": "    MB:0=100\n    L3:0=fff;1=7\n",
        "mask": "fff\n",
        "number": "1\n",
        "negative": "-1\n",
        "brackets": "always [madvise] never\n",
        "governor": "performance\n",
        "lowest": "powersave\n",
        "clock": "hpet\n",
        "list": "0-1,4-4095\n",
        "list-reversed": "4-1\n",
        "size": "8192K\n",
        "size-huge": "99999999999999999999G\n",
        "word": "Unified\n",
        "empty": "",
        "zeros": "1\0\n",
        "control": "\x1b[31m\x07\n",
        "high": b"\xff\xfe1\n",
        "long": "x" * 70000,
    }


def idx_files():
    """How many bytes are the images' (little-endian, 4 bytes), images, labels."""

    def pair(images, labels):
        return struct.pack("<I", len(images)) + images + labels

    def images(count=3, rows=2, columns=4, magic=0x803, pixels=None):
        content = bytes(range(count * rows * columns)) if pixels is None else pixels
        return struct.pack(">4I", magic, count, rows, columns) + content

    def labels(content=b"\7\0\11", count=None, magic=0x801):
        return struct.pack(">2I", magic, len(content) if count is None else count) + content

    good = pair(images(), labels())
    packed = gzip.compress(images(), mtime=0)
    return {
        "good": good,
        "good-gzip": pair(packed, gzip.compress(labels(), mtime=0)),
        "good-gzip-members": pair(
            packed[:0] + gzip.compress(images()[:9], mtime=0) + gzip.compress(images()[9:], mtime=0), labels()
        ),
        "empty": pair(b"", b""),
        "no-size": b"\1",
        "exchanged": pair(labels(), images()),
        "cut": good[:-1],
        "cut-head": pair(images()[:11], labels()),
        "cut-gzip": pair(packed[:-9], labels()),
        "behind": good + b"\0",
        "fewer-labels": pair(images(), labels(b"\7\0")),
        "label-10": pair(images(), labels(b"\7\12\0")),
        "no-images": pair(images(0), labels(b"")),
        "huge": pair(images(2**32 - 1, 2**32 - 1, 2**32 - 1, pixels=b"x"), labels(count=2**32 - 1)),
        "product-2-64": pair(images(2**31, 2**31, 4, pixels=b""), labels(count=2**31)),
        "magic": pair(images(magic=0xD03), labels()),
    }


def network_files():
    codes = [[0, 3, 0, 0, 15, 0], [0, 0, 0, 0, 0, 0], [1, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 4]]
    centroids = [*range(-700, 0, 100), *range(100, 900, 100)]
    first = {
        "name": "fc1",
        "code_bits": 4,
        "codes": codes,
        "centroids": centroids,
        "bias": [5, 0, -6, 7],
        "relu": 1,
        "scale": (10, 8, 50),
    }
    second = {"name": "fc2", "code_bits": 4, "codes": [[1, 0, 2, 0], [0, 0, 0, 15]], "centroids": centroids}
    wide = {"name": "wide", "code_bits": 8, "codes": [[0, 200], [255, 0]], "centroids": list(range(-127, 128))}
    none = {"name": "none", "code_bits": 2, "codes": [[0] * 3], "centroids": [1]}

    def one(**changes):
        return networkfile.write("net", [first | changes])

    good = networkfile.write("net", [first, second])
    files = {
        "good": good,
        "good-columns": networkfile.write(
            "net", [first | {"by_column": 1}, second | {"by_column": 1, "streams": (2, 0, 3, 2)}]
        ),
        "good-wide": networkfile.write("net", [wide]),
        "good-no-weights": networkfile.write("net", [none]),
        "good-bits": one(lines=(1, 1), bias_form=2),
        "good-stretches": networkfile.write("net", [first | {"lines": (2, 2), "bias_form": 2}, second | {"lines": (0, 3)}]),
        "no-metadata": networkfile.container("net", networkfile.tensor([first]), {"a": "b"}),
        "two-tensors": whole(
            {
                "__metadata__": {"eie.form": "network"},
                "a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]},
                "b": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]},
            },
            b"",
        ),
        "floats": whole(
            {"__metadata__": {"eie.form": "network"}, "net": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
            bytes(8),
        ),
        "short": networkfile.container("net", b"EN\1\1"),
        "version-2": networkfile.write("net", [first], version=2),
        "parts-0": networkfile.write("net", [first], count=0),
        "parts-2": networkfile.write("net", [first], count=2),
        "parts-65": networkfile.write("net", [first], count=65),
        "behind": networkfile.write("net", [first], behind=b"\0"),
        "behind-bit": networkfile.write("net", [first], behind=b"\1"),
        "twice": networkfile.write("net", [first, first]),
        "rows-as-rows-before": one(lines=(3, 0)),
        "places": one(outputs=2**31, inputs=2**31),
        "clusters-0": one(clusters=0),
        "fraction-31": one(fraction=31),
        "bias-form-3": one(bias_form=3),
        "bias-bits-1": one(bias_bits=1),
        "weights-many": one(weights=2**31),
        "weights-24": one(weights=24),
        "outputs-62": one(scale=(31, 63, 255)),
    }
    for number, streams in enumerate([(0, 0, 0, 1), (7, 15, 1, 2), (1, 1, 2, 3), (0, 2, 3, 255), (3, 0, 0, 1)]):
        files[f"good-streams-{number}"] = one(streams=streams)
    for cut in (9, 12, 40):
        files[f"cut-{cut}"] = good[:-cut]
    return files


# ---- images and graphs ---------------------------------------------------------------------------


def image_files():
    return {
        "good-colour": b"P6\n2 1\n255\n" + bytes(range(6)),
        "good-grey": b"P5 # a comment\n3\n# another\n2 255\n" + bytes(range(6)),
        "empty": b"",
        "magic-only": b"P6",
        "comment-without-end": b"P6 #",
        "cut": b"P6\n2 2\n255\n" + bytes(11),
        "behind": b"P5\n2 2\n255\n" + bytes(5),
        "no-width": b"P6\n0 2\n255\n",
        "large": b"P6\n16384 16384\n255\n",
        "too-large": b"P6\n99999999999999999999 2\n255\n",
        "16-bits": b"P6\n1 1\n65535\n" + bytes(6),
        "text": b"P3\n1 1\n255\n1 2 3\n",
    }


def graph_files():
    conv = {"kind": "conv", "from": ["image"], "out": 2, "kernel": 3, "stride": 2, "pad": 1, "activation": "relu"}
    image = {"height": 7, "width": 9, "shorter_side": 9, "order": "rgb", "mean": [0, 1.5, 255]}

    def file(steps=(), **changes):
        steps = [
            conv | {"name": "a"},
            conv | {"name": "b"},
            {"name": "c", "kind": "concat", "from": ["a", "b"]},
            {"name": "p", "kind": "pool", "from": ["c"], "kernel": 2, "stride": 2},
            *steps,
            {"name": "s", "kind": "average", "from": ["p"]},
        ]
        top = {"format": "eie-graph-1", "summary": "", "classes": 4, "image": image, "steps": steps}
        return json.dumps(top | changes)

    return {
        "good": file(),
        "good-squeezenet": (DATA / "graphs/squeezenet.json").read_text(),
        "no-steps": file(**{"steps": []}),
        "not-steps": file(**{"steps": [1]}),
        "later": file([conv | {"name": "d", "from": ["s"]}]),
        "empty-from": file([conv | {"name": "d", "from": []}]),
        "two-from": file([conv | {"name": "d", "from": ["a", "b"]}]),
        "wide-pad": file([conv | {"name": "d", "pad": 64}]),
        "no-window": file([conv | {"name": "d", "kernel": 64, "pad": 0}]),
        "other-sides": file([{"name": "d", "kind": "concat", "from": ["c", "p"]}]),
        "many-classes": file(classes=65536),
        "long-name": file([conv | {"name": "d" * 64}]),
        "image-too-large": file(image=image | {"height": 4096, "width": 4096, "shorter_side": 4096}),
    }


def main():
    for target, files in {
        "fuzz_layer_file": layer_files() | stored_files(),
        "fuzz_npy": npy_files(),
        "fuzz_npz": npz_files() | sparse_npz_files(),
        "fuzz_mtx": mtx_files(),
        "fuzz_smtx": smtx_files(),
        "fuzz_net": net_files(),
        "fuzz_safetensors": safetensors_files(),
        "fuzz_suite": suite_files(),
        "fuzz_device": device_files(),
        "fuzz_results": results_files(),
        "fuzz_map": map_files(),
        "fuzz_sweep": sweep_files(),
        "fuzz_rapl": rapl_files(),
        "fuzz_settings": settings_files(),
        "fuzz_idx": idx_files(),
        "fuzz_network": network_files(),
        "fuzz_topology": topology_files(),
        "fuzz_recipe": recipe_files(),
        "fuzz_image": image_files(),
        "fuzz_graph": graph_files(),
    }.items():
        for name, content in files.items():
            write(target, name, content)


main()
