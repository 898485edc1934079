"""Layer files that are damaged, cut, foreign or that lie: exit code 2, one line that names the file."""

import random
import struct

import numpy
import pytest
import safetensors.numpy
from layerfile import File

LAYERS = ("even", "sparse", "odd")


@pytest.fixture
def bad(eie, tmp_path):
    """Writes bytes to bad.safetensors, which the program must refuse for the reason given."""

    def refuse(content, reason="", *arguments):
        (tmp_path / "bad.safetensors").write_bytes(content)
        done = eie.fails(2, "bad.safetensors", *(arguments or ("layer", "verify", "bad.safetensors")))
        assert reason in done.stderr and done.stdout == ""

    return refuse


@pytest.fixture
def file(tiny_bytes):
    return File(tiny_bytes)


# ---- other files -------------------------------------------------------------------------------

FOREIGN = {
    "empty": b"",
    "a letter": b"x",
    "text": b"The quick brown fox jumps over the lazy dog.\n" * 20,
    "json": b'{"layers": []}',
    "random": random.Random(1).randbytes(5000),
    "random behind a small header": struct.pack("<Q", 100) + random.Random(2).randbytes(5000),
    "a header of nothing": struct.pack("<Q", 0) + bytes(20),
    "a list as header": struct.pack("<Q", 2) + b"[]",
    "a deep header": struct.pack("<Q", 20000) + b"[" * 20000,
    "zeros": bytes(5000),
}


@pytest.mark.parametrize("action", ["verify", "info", "dump", "gen"])
@pytest.mark.parametrize("what", FOREIGN)
def test_wrong_file(bad, what, action):
    arguments = ["layer", action, "bad.safetensors"] + (["-o", "out.safetensors"] if action == "gen" else [])
    bad(FOREIGN[what], "", *arguments)


def test_folder_instead_of_a_file(eie, tmp_path):
    (tmp_path / "bad.safetensors").mkdir()
    eie.fails(2, "is a folder", "layer", "info", "bad.safetensors")


def test_safetensors_file_of_another_program(bad):
    bad(safetensors.numpy.save({"weight": numpy.ones((4, 4), numpy.float32)}), "not of eiebench")


def test_safetensors_file_of_another_program_with_metadata(bad):
    content = safetensors.numpy.save({"weight": numpy.ones((4, 4), numpy.float32)}, metadata={"format": "pt"})
    bad(content, "not of eiebench")


def test_other_version_of_the_format(bad, file):
    file.metadata["eie.format"] = "2"
    bad(file.write(), "written by a newer version: format '2'")


# ---- cut and damaged ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ["1", "7", "8", "9", "in the header", "header only", "in the data", "a quarter", "half", "last byte"]
)
def test_truncated_file(bad, tiny_bytes, where):
    (size,) = struct.unpack("<Q", tiny_bytes[:8])
    length = {
        "in the header": 8 + size // 2,
        "header only": 8 + size,
        "in the data": 8 + size + 1,
        "a quarter": len(tiny_bytes) // 4,
        "half": len(tiny_bytes) // 2,
        "last byte": len(tiny_bytes) - 1,
    }
    bad(tiny_bytes[: length[where] if where in length else int(where)])


def test_bytes_behind_the_end(bad, tiny_bytes):
    bad(tiny_bytes + b"\0", "behind the last tensor")


@pytest.mark.parametrize("share", [0, 0.5, 0.9, 1])
def test_flipped_bit_in_the_data(bad, tiny_bytes, share):
    begin = 8 + struct.unpack("<Q", tiny_bytes[:8])[0]
    content = bytearray(tiny_bytes)
    content[begin + int(share * (len(content) - begin - 1))] ^= 0x10
    bad(bytes(content), "damaged")


@pytest.mark.parametrize("digest", ["", "0" * 64, "x", "0" * 63])
def test_wrong_digest(bad, file, digest):
    file.metadata["eie.sha256"] = digest
    bad(file.write(fix_sha=False), "damaged")


# ---- headers that lie --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**31, 2**63, 2**64 - 1, 2**64 - 8])
def test_header_that_lies_about_its_own_size(bad, tiny_bytes, size):
    bad(struct.pack("<Q", size) + tiny_bytes[8:])


def shift_offsets(header, name, begin, end):
    offsets = header[name]["data_offsets"]
    header[name]["data_offsets"] = [offsets[0] + begin, offsets[1] + end]


LIES = {
    "longer shape": ("even.entries", lambda h: h["even.entries"].update(shape=[h["even.entries"]["shape"][0] + 1])),
    "shorter shape": ("even.entries", lambda h: h["even.entries"].update(shape=[h["even.entries"]["shape"][0] - 1])),
    "enormous shape": ("even.entries", lambda h: h["even.entries"].update(shape=[2**62])),
    "shape that wraps to the right size": ("even.codebook", lambda h: h["even.codebook"].update(shape=[2**60 + 1, 16])),
    "negative shape": ("even.codebook", lambda h: h["even.codebook"].update(shape=[-16])),
    "fractional shape": ("even.codebook", lambda h: h["even.codebook"].update(shape=[16.0])),
    "number beyond 64 bits": ("", lambda h: h["even.codebook"].update(shape=[2**70])),
    "no shape": ("even.codebook", lambda h: h["even.codebook"].pop("shape")),
    "shape of rank 0": ("even.codebook", lambda h: h["even.codebook"].update(shape=[])),
    "shape of rank 9": ("even.codebook", lambda h: h["even.codebook"].update(shape=[16] + [1] * 8)),
    "other rank": (
        "even.column_start",
        lambda h: h["even.column_start"].update(
            shape=[h["even.column_start"]["shape"][0] * h["even.column_start"]["shape"][1]]
        ),
    ),
    "other type of the same width": ("even.codebook", lambda h: h["even.codebook"].update(dtype="U16")),
    "unknown type": ("even.codebook", lambda h: h["even.codebook"].update(dtype="I17")),
    "no type": ("even.codebook", lambda h: h["even.codebook"].pop("dtype")),
    "end beyond the file": ("odd.entries", lambda h: shift_offsets(h, "odd.entries", 0, 1000)),
    "end beyond 2^63": ("odd.entries", lambda h: h["odd.entries"].update(data_offsets=[0, 2**63 - 1])),
    "overlap": ("", lambda h: shift_offsets(h, "even.codebook", -2, -2)),
    "gap": ("", lambda h: shift_offsets(h, "odd.entries", 1, 0)),
    "end before the begin": ("even.codebook", lambda h: h["even.codebook"]["data_offsets"].reverse()),
    "three offsets": ("even.codebook", lambda h: h["even.codebook"]["data_offsets"].append(0)),
    "negative offset": ("even.codebook", lambda h: h["even.codebook"].update(data_offsets=[-32, 0])),
    "tensor is a number": ("even.codebook", lambda h: h.update({"even.codebook": 5})),
    "tensor under another name": ("even.codebook", lambda h: h.update({"other": h.pop("even.codebook")})),
    "metadata is a list": ("__metadata__", lambda h: h.update({"__metadata__": []})),
    "metadata that are no text": ("even.outputs", lambda h: h["__metadata__"].update({"even.outputs": 48})),
}


@pytest.mark.parametrize("what", LIES)
def test_header_that_lies(bad, file, what):
    culprit, lie = LIES[what]
    header = file.header()
    lie(header)
    bad(file.write(header), culprit)


METADATA = {
    "zero rows": ("even.outputs", "0", "outputs 0"),
    "fewer rows than the streams": ("even.outputs", "5", "beyond the PE's"),
    "negative rows": ("even.outputs", "-1", "even.outputs"),
    "rows as a fraction": ("even.outputs", "48.0", "even.outputs"),
    "rows beyond 32 bits": ("even.outputs", "4294967344", "even.outputs"),
    "rows of many digits": ("even.outputs", "9" * 400, "even.outputs"),
    "no rows": ("even.outputs", None, "even.outputs"),
    "no source": ("even.source", None, "even.source"),
    "unknown activation": ("even.activation", "tanh", "'tanh'"),
    "many fraction bits": ("even.weight_fraction_bits", "99", "even.weight_fraction_bits' is not a number from 0 to 31"),
    "a negative shift": ("even.output_fraction_bits", "62", "0..31"),
    "no list of layers": ("eie.layers", None, "eie.layers"),
    "an empty list of layers": ("eie.layers", "", "eie.layers"),
    "a list with a hole": ("eie.layers", "even,,odd", "eie.layers"),
    "a layer that is not there": ("eie.layers", "even,sparse,odd,more", "more.outputs"),
    "a layer that is not listed": ("eie.layers", "even,odd", "belong to no layer"),
    "a layer listed twice": ("eie.layers", "even,sparse,odd,even", "stands twice"),
    "a long name": ("eie.layers", "even,sparse,odd," + "x" * 5000, "too long"),
}


@pytest.mark.parametrize("what", METADATA)
def test_metadata_that_lie(bad, file, what):
    key, value, reason = METADATA[what]
    if value is None:
        del file.metadata[key]
    else:
        file.metadata[key] = value
    bad(file.write(), reason)


def test_shift_beyond_31(bad, file):
    file.metadata |= {"even.weight_fraction_bits": "31", "even.input_fraction_bits": "1", "even.output_fraction_bits": "0"}
    bad(file.write(), "is 32, must be 0..31")


def test_layer_name_that_is_a_path(bad, file):
    file.metadata = {key.replace("even.", "../x."): value for key, value in file.metadata.items()}
    file.metadata["eie.layers"] = "../x,sparse,odd"
    file.tensors = {name.replace("even.", "../x."): tensor for name, tensor in file.tensors.items()}
    bad(file.write(), "'../x'")


def test_message_stays_one_line_whatever_the_name_holds(bad, file):
    file.metadata["even.activation"] = "a\nb\rc\x1b[31m"
    bad(file.write(), "a?b?c?[31m")


# ---- streams that lie, with the right digest ---------------------------------------------------


def wrong_pointers(change):
    def mutate(file):
        starts = file.array("even.column_start").copy()
        change(starts)
        file.set_array("even.column_start", starts)

    return mutate


def wrong_entry(layer, value):
    """Puts `value` where a column of PE 0 has its only entry."""

    def mutate(file):
        starts, entries = file.array(f"{layer}.column_start"), file.array(f"{layer}.entries").copy()
        column = numpy.flatnonzero(numpy.diff(starts[0].astype(int)) == 1)[0]
        entries[starts[0, column]] = value
        file.set_array(f"{layer}.entries", entries)

    return mutate


def pointer_back(starts):
    starts[1, 3] = starts[1, 2] - 1 if starts[1, 2] else 0
    starts[1, 4] = 0


def pointer_beyond(starts):
    starts[-1, -2:] = 2**32 - 1


def first_pointer(starts):
    starts[0, 0] = 1


def gap_between_pes(starts):
    starts[1, 0] += 1


def too_few(starts):
    starts[-1, starts[-1] == starts[-1, -1]] -= 1


def wrong_codebook(file):
    codebook = file.array("even.codebook").copy()
    codebook[0] = 1
    file.set_array("even.codebook", codebook)


def fewer_samples(file):
    dtype, (count, inputs), content = file.tensors["even.sample_inputs"]
    file.tensors["even.sample_inputs"] = (dtype, [count * 2, inputs // 2], content)


STREAMS = {
    "pointer that runs backwards": ("runs backwards", wrong_pointers(pointer_back)),
    "pointer beyond the entries": ("beyond the", wrong_pointers(pointer_beyond)),
    "first pointer not 0": ("first pointer is 1", wrong_pointers(first_pointer)),
    "gap between two PEs": ("PE 1", wrong_pointers(gap_between_pes)),
    "entries without a pointer": ("pointers end at", wrong_pointers(too_few)),
    "code 0 that is no padding": ("neither a weight nor padding", wrong_entry("even", 0x03)),
    "padding at the end of a column": ("ends in padding", wrong_entry("sparse", 0x0F)),
    "row beyond the PE": ("beyond the PE's", wrong_entry("even", 0x1F)),
    "codebook[0] not 0": ("codebook[0]", wrong_codebook),
    "samples of another width": ("even.sample_inputs", fewer_samples),
}


@pytest.mark.parametrize("what", STREAMS)
def test_streams_that_lie(bad, file, what):
    reason, mutate = STREAMS[what]
    mutate(file)
    bad(file.write(), reason)


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_with_the_right_digest_never_crashes(eie, tmp_path, file, seed):
    draw = random.Random(seed)
    name = draw.choice([name for name in file.tensors if not name.endswith("sample_inputs")])
    dtype, shape, content = file.tensors[name]
    content = bytearray(content)
    for _ in range(draw.choice((1, 3, 30))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    file.tensors[name] = (dtype, shape, bytes(content))
    (tmp_path / "bad.safetensors").write_bytes(file.write())
    done = eie.run("layer", "dump", "bad.safetensors")
    assert done.returncode in (0, 2)
    assert len(done.stderr.splitlines()) == (1 if done.returncode else 0)
