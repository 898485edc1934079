"""`eie map` and `eie advise` on small layers: what is measured, resumed, said, and refused."""

import json
import re
import signal

import pytest
from command import TINY_LAYERS, rows_in, wait_for

KERNELS = "scalar_float_dense,scalar_float_csr,scalar_eie_stream,model_eie_analytic"
SMALL = ("--sizes", "64", "--weights", "0.05,1", "--activations", "0.5", "--batch", "1", "--threads", "1")


@pytest.fixture
def make_map(eie):
    """eie map into map.json: (its document, what was printed)."""

    def make(*arguments, code=0, **further):
        options = [] if "--budget" in arguments else ["--budget", "least"]
        options += [] if "--kernel" in arguments else ["--kernel", KERNELS]
        done = eie.run("map", "--quiet", "--out", "map.json", *options, *arguments, **further)
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads((eie.folder / "map.json").read_text()), done

    return make


def times(document):
    """{(layer, kernel): samples}"""
    return {(row["eie_layer"], row["eie_kernel"]): row.get("eie_samples_ns") for row in document["benchmarks"]}


def layers(document):
    return {row["eie_layer"] for row in document["benchmarks"]}


def test_a_grid(make_map):
    document, done = make_map(*SMALL)
    assert layers(document) == {"64x64-w0.05-a0.5", "64x64-w1-a0.5"}
    assert len(times(document)) == 2 * len(KERNELS.split(","))
    for row in document["benchmarks"]:
        assert row["eie_suite"] == "shape" and row["eie_status"] == "ok" and row["eie_inputs"] == row["eie_outputs"] == 64
        assert row["eie_active_inputs"] == 32 and row["eie_nonzeros"] in (205, 4096)
        assert f"--suite shape:{row['eie_layer']}" in row["eie_again"]
    said = document["context"]["eie_map"]
    assert said["weights"] == [0.05, 1.0] and said["sizes"] == [[64, 64]] and said["threads"] == 1
    assert "2 points in map.json, 0 of them refined" in done.stdout


def test_a_row_of_a_map_can_be_had_again(eie, make_map):
    document, _ = make_map(*SMALL, "--kernel", "scalar_float_csr")
    (row,) = [row for row in document["benchmarks"] if "w0.05" in row["eie_layer"]]
    words = row["eie_again"].split()
    assert words[0] == "eie"
    again = eie.bench(*words[2:])
    assert [one["eie_layer_hash"] for one in again["benchmarks"]] == [row["eie_layer_hash"]]


def test_going_on_keeps_what_is_there(make_map):
    first, _ = make_map(*SMALL)
    second, _ = make_map("--resume", "--weights", "0.2", "--threads", "1")
    assert layers(second) == layers(first) | {"64x64-w0.2-a0.5"}
    assert times(first).items() <= times(second).items()
    third, _ = make_map("--resume", "--threads", "1")
    assert times(third) == times(second)
    assert third["context"]["eie_map"]["weights"] == second["context"]["eie_map"]["weights"]


def test_refined_between_different_winners(make_map, own_time):
    """Few weights: the CSR wins by far; all of them, and with their places: the dense one (float32 in vectors)."""
    grid = ("--sizes", "128", "--weights", "0.005,1", "--activations", "1", "--batch", "1", "--threads", "1")
    document, done = make_map(*grid, "--budget", "10m", "--kernel", "scalar_float_dense,scalar_float_csr", env=own_time)
    refined = sorted(float(layer.split("-w")[1].split("-a")[0]) for layer in layers(document))
    assert len(refined) > 2 and f"{len(refined)} points in map.json, {len(refined) - 2} of them refined" in done.stdout
    assert 0.07071 in refined  # the middle of a decimal logarithm


def test_interrupted_and_gone_on_with(eie, make_map, halting):
    """The kernel halts at the third layer: the rows of the layers before it are in the file, and are not made again."""
    (eie.folder / "halt").write_text("3")
    options = ("--plugin", halting, "--kernel", "test_halting,scalar_float_csr")
    grid = ("--sizes", "48", "--weights", "0.1,0.3,0.6,1", "--activations", "1", "--batch", "1", "--threads", "1")
    process = eie.popen("map", "--quiet", "--out", "map.json", "--budget", "least", *options, *grid)
    wait_for(process, (eie.folder / "halted").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == -signal.SIGINT and b"--resume goes on" in err
    before = {name: row["eie_samples_ns"] for name, row in rows_in(eie.folder / "map.json").items()}
    assert len(before) == 4
    (eie.folder / "halt").unlink()
    document, _ = make_map("--resume", "--threads", "1", *options)
    after = {row["name"]: row["eie_samples_ns"] for row in document["benchmarks"]}
    assert len(after) == 8 and before.items() <= after.items()


def test_wrong_results_are_told_and_win_nothing(eie, make_map, plugin):
    bad = plugin("bad", AFTER_RUN="plan->outputs[0] ^= 1;")
    document, done = make_map(*SMALL, "--plugin", bad, "--kernel", "test_bad,scalar_float_csr", code=1)
    assert {row["eie_kernel"] for row in document["benchmarks"]} == {"scalar_float_csr"}
    assert {row["eie_status"] for row in document["eie_missing"]} == {"mismatch"}
    assert done.stderr.count("\n") == 2 and "eie: test_bad: output 0" in done.stderr  # a line a point
    assert "again: eie bench --kernel test_bad" in done.stderr and "2 points in map.json" in done.stdout
    make_map("--resume", "--threads", "1", "--plugin", bad, "--kernel", "test_bad,scalar_float_csr", code=1)


def test_a_crash_costs_its_own_row(make_map, plugin):
    bad = plugin("bad", ON_RUN="raise(SIGSEGV);")
    document, _ = make_map(*SMALL, "--plugin", bad, "--kernel", "test_bad,scalar_float_csr")
    assert {row["eie_kernel"] for row in document["benchmarks"]} == {"scalar_float_csr"}
    assert {row["eie_status"] for row in document["eie_missing"]} == {"error"}


BAD = {
    "no file": ("--out", ["--sizes", "64"]),
    "size 0": ("--sizes 0", ["--out", "m", "--sizes", "0"]),
    "size": ("--sizes 8x", ["--out", "m", "--sizes", "8x"]),
    "huge": ("--memory", ["--out", "m", "--sizes", "60000"]),
    "places": ("2^32", ["--out", "m", "--sizes", "70000"]),
    "density 0": ("--weights 0", ["--out", "m", "--weights", "0"]),
    "density": ("--weights 0.1,1.5", ["--out", "m", "--weights", "0.1,1.5"]),
    "nan": ("--activations nan", ["--out", "m", "--activations", "nan"]),
    "none left": ("leaves none", ["--out", "m", "--sizes", "8", "--weights", "0.001"]),
    "batch": ("--batch 0", ["--out", "m", "--batch", "0"]),
    "threads": ("--threads 9999", ["--out", "m", "--threads", "9999"]),
    "cache": ("--cache l9", ["--out", "m", "--cache", "l9"]),
    "kernel": ("'nope'", ["--out", "m", "--kernel", "nope"]),
    "argument": ("'more'", ["--out", "m", "more"]),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_usage(eie, what):
    culprit, arguments = BAD[what]
    eie.fails(2, culprit, "map", *arguments)


def test_files_that_cannot_be_gone_on_with(eie, make_map, tiny):
    document, _ = make_map(*SMALL)
    resume = ("map", "--out", "map.json", "--resume", "--threads", "1", "--kernel", KERNELS, "--quiet")
    eie.fails(2, "--cache differs", *resume, "--cache", "llc")
    eie.fails(2, "--kernel differs", *resume[:-2], "scalar_float_csr")
    path = eie.folder / "map.json"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    eie.fails(2, "map.json", *resume)
    document["context"]["eie_map"]["weights"] = [7]
    path.write_text(json.dumps(document))
    eie.fails(2, "its grid", *resume)
    eie.bench("--suite", tiny, "--layer", "odd", "--kernel", "scalar_float_csr", "--threads", "1")
    (eie.folder / "out.json").rename(path)
    eie.fails(2, "no map", *resume)


# ---- advice


def advise(eie, *arguments, **further):
    return json.loads(eie("advise", "--json", "--quiet", *arguments, **further).stdout)


SHAPE = ("--inputs", "64", "--outputs", "48", "--weights", "0.1", "--threads", "1", "--kernel", KERNELS)


def test_advice_on_a_shape(eie):
    said = advise(eie, *SHAPE, "--activations", "0.5")
    offers = {offer["form"]: offer for offer in said["offers"]}
    assert set(offers) == {"dense float32", "sparse float32", "compressed", "EIE (modelled)"}
    assert all(offer["us"] > 0 for offer in offers.values())
    assert offers["dense float32"]["weight_bytes"] >= 4 * 64 * 48
    assert offers["sparse float32"]["weight_bytes"] >= 8 * 307
    here = {form: offer["us"] for form, offer in offers.items() if offer["provenance"] == "measured"}
    assert said["best"] == min(here, key=here.get) and len(here) == 3
    assert said["activations"] == 0.5 and said["basis"].startswith("measured now")
    assert said["pays_at"] or said["not_at"] or said["tie_from"]
    assert said["sparse_pays_at"] or said["sparse_not_at"] or said["sparse_tie_from"]


def test_advice_in_words(eie):
    done = eie("advise", "--quiet", *SHAPE)
    assert "64 inputs, 48 outputs, 10 % of the weights and 100 % of the inputs" in done.stdout
    ratio = re.search(r"(\S+) times as fast as dense float32 \(.*; (\S+) to (\S+) times by their intervals\)", done.stdout)
    assert not ratio or float(ratio[2]) <= float(ratio[1]) <= float(ratio[3]), ratio
    assert ratio or "take dense float32" in done.stdout
    assert "take " in done.stdout and "dense float32" in done.stdout and "leaving weights out" in done.stdout
    assert "sparse float32 alone " in done.stdout


def test_advice_on_a_file(eie, tiny, make_suite):
    eie("layer", "gen", tiny, "-o", "all.safetensors")
    eie("layer", "gen", make_suite("even.json", TINY_LAYERS[:1]), "-o", "even.safetensors")
    options = ("--threads", "1", "--kernel", KERNELS)
    said = advise(eie, "even.safetensors", *options, "--batch", "4", "--out", "rows.json")
    assert (said["inputs"], said["outputs"], said["weights"], said["activations"]) == (64, 48, 0.1999, 0.5)
    rows = rows_in(eie.folder / "rows.json").values()
    assert {row["eie_layer"] for row in rows} >= {"even"} and {row["eie_batch"] for row in rows} == {4}
    eie.fails(2, "holds 3 layers", "advise", "all.safetensors", *options)
    assert advise(eie, "all.safetensors", "--layer", "even", *options)["weights"] == 0.1999
    eie.fails(2, "'odder'", "advise", "all.safetensors", "--layer", "odder", *options)
    eie.fails(2, "holds 4 inputs", "advise", "even.safetensors", *options, "--batch", "5")


def test_advice_from_a_map(eie, make_map):
    make_map(*SMALL)
    asked = ("--inputs", "64", "--outputs", "64", "--weights", "0.2", "--activations", "0.5", "--map", "map.json")
    said = advise(eie, *asked)
    assert said["basis"].startswith("from the map") and "another machine" not in said["warning"]
    assert {offer["provenance"] for offer in said["offers"]} == {"derived", "modelled"}
    assert "20 times apart" in said["warning"] and "caches" not in said["warning"]
    larger = advise(eie, asked[0], "96", *asked[2:3], "128", *asked[4:])  # 3 times the weights
    assert "3 times fewer weights" in larger["warning"] and "20 times apart" in larger["warning"]
    eie.fails(2, "no point of batch 8", "advise", *asked, "--batch", "8")
    eie.fails(2, "too far away", "advise", "--inputs", "4096", *asked[2:])
    eie.fails(2, "density of inputs", "advise", *("0.1" if word == "0.5" else word for word in asked))
    eie.fails(2, "--threads", "advise", *asked, "--threads", "1")


def test_a_map_of_another_machine(eie, make_map):
    document, _ = make_map(*SMALL)
    document["context"]["eie_cpu_name"] = "Another One"
    (eie.folder / "map.json").write_text(json.dumps(document))
    asked = ("--inputs", "64", "--outputs", "64", "--weights", "0.2", "--activations", "0.5", "--map", "map.json")
    done = eie("advise", *asked)
    assert done.stderr.startswith('eie: warning: the map is of another machine: eie_cpu_name is "Another One" there')
    assert done.stderr.count("\n") == 1 and "take " in done.stdout


def test_files_that_are_no_map(eie, make_map):
    document, _ = make_map(*SMALL)
    path = eie.folder / "map.json"
    whole = path.read_text()
    asked = ("advise", "--inputs", "64", "--outputs", "64", "--weights", "0.2", "--map", "map.json")
    for text, words in [
        (whole[: len(whole) // 2], "was cut"),
        ("", "was cut"),
        ("[1, 2]", "is no map"),
        (json.dumps({"context": {"eie_format": "1"}, "benchmarks": []}), "no map"),
        (json.dumps(document | {"benchmarks": []}), "no point"),
        (json.dumps(document | {"context": document["context"] | {"eie_format": "9"}}), "newer"),
    ]:
        path.write_text(text)
        eie.fails(2, words, *asked)
    path.unlink()
    eie.fails(2, "map.json", *asked)


ADVICE_BAD = {
    "nothing": ("--inputs", []),
    "no weights": ("--weights", ["--inputs", "8", "--outputs", "8"]),
    "0 inputs": ("--inputs 0", ["--inputs", "0", "--outputs", "8", "--weights", "1"]),
    "huge": ("--memory", ["--inputs", "60000", "--outputs", "60000", "--weights", "0.1"]),
    "places": ("2^32", ["--inputs", "4000000000", "--outputs", "8", "--weights", "0.1"]),
    "nan": ("--weights nan", ["--inputs", "8", "--outputs", "8", "--weights", "nan"]),
    "above 1": ("--weights 1.1", ["--inputs", "8", "--outputs", "8", "--weights", "1.1"]),
    "activations 0": ("--activations 0", ["--inputs", "8", "--outputs", "8", "--weights", "1", "--activations", "0"]),
    "batch": ("--batch 0", ["--inputs", "8", "--outputs", "8", "--weights", "1", "--batch", "0"]),
    "no layer file": ("'layer.npy'", ["layer.npy"]),
    "absent": ("layer.safetensors", ["layer.safetensors"]),
    "file and shape": ("--inputs", ["layer.safetensors", "--inputs", "8"]),
    "layer of nothing": ("--layer", ["--layer", "x", "--inputs", "8", "--outputs", "8", "--weights", "1"]),
    "two files": ("'b'", ["a.safetensors", "b"]),
}


@pytest.mark.parametrize("what", ADVICE_BAD)
def test_bad_questions(eie, what):
    culprit, arguments = ADVICE_BAD[what]
    eie.fails(2, culprit, "advise", *arguments)


def test_a_hostile_layer_file(eie, tiny_bytes):
    path = eie.folder / "layer.safetensors"
    for content in (b"", tiny_bytes[:100], tiny_bytes[:-1], b"\xff" * 64):
        path.write_bytes(content)
        eie.fails(2, "layer.safetensors", "advise", "layer.safetensors")


def test_nothing_can_be_measured(eie, make_map):
    done = eie.run("advise", *SHAPE[:-1], "avx2_float_csr", "--quiet", env={"EIE_ISA_MASK": "avx2"})
    assert done.returncode == 3 and "nothing could be measured: avx2_float_csr: " in done.stderr
    _, done = make_map(*SMALL, "--kernel", "avx2_float_csr", code=3, env={"EIE_ISA_MASK": "avx2"})
    assert "nothing could be measured" in done.stderr
