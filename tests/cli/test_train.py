"""eie train: phases, file, ledger and test set, on small drawn images; MNIST itself where EIE_MNIST names it."""

import gzip
import json
import os
import pathlib
import signal
import struct

import numpy
import pytest
from command import compile_shared
from safetensors.numpy import load_file

SIDE, CLASSES = 12, 10
MNIST = os.environ.get("EIE_MNIST")


def idx(values):
    return struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def draw(count, seed):
    """Every class is a bright row, with noise."""
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count).astype(numpy.uint8)
    pixels = random.integers(0, 120, (count, SIDE, SIDE)).astype(numpy.uint8)
    pixels[numpy.arange(count), labels + 1] += 100
    return pixels, labels


def write_set(folder, name, count, seed, pack=gzip.compress):
    folder.mkdir(exist_ok=True)
    pixels, labels = draw(count, seed)
    (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(pack(idx(pixels)))
    (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(pack(idx(labels)))


def fully(name, inputs, outputs, activation):
    return {"name": name, "kind": "fc", "in": inputs, "out": outputs, "activation": activation}


NETWORK = {
    "format": "eie-network-1",
    "summary": "of a test",
    "input": {"channels": 1, "height": SIDE, "width": SIDE},
    "classes": CLASSES,
    "layers": [
        {
            "name": "c1",
            "kind": "conv",
            "in": 1,
            "out": 4,
            "kernel": 2,
            "stride": 2,
            "pad": [0, 0, 0, 0],
            "activation": "relu",
        },
        {"name": "p1", "kind": "pool", "kernel": 2, "stride": 1},
        fully("f1", 100, 24, "relu"),
        fully("f2", 24, CLASSES, "none"),
    ],
}


def phase(name, kind, epochs, rate, **further):
    common = {"schedule": "cosine", "momentum": 0.9, "decay": 1e-4, "dropout": 0.1, "dropout_scaled": True, "shift": 0}
    return {"name": name, "kind": kind, "epochs": epochs, "rate": rate} | common | further


PHASES = [
    phase("dense", "dense", 4, 0.05),
    phase("prune", "prune", 3, 0.05, kept=[0.8, 0.3, 0.6], ramp=0.5, cuts=4),
    phase("share", "share", 2, 0.001, bits=4, optimizer="adam", centroids="linear", bias_bits=8, int16=True),
]


def recipe(phases=PHASES, control=False, validation=100):
    network = {"batch": 20, "validation": validation, "phases": phases}
    return {"format": "eie-recipe-1", "summary": "of a test", "control": control, "networks": {"*": network}}


@pytest.fixture
def train(eie):
    """train(...) trains the small network by the small recipe; stops the test where OpenBLAS is missing."""
    write_set(eie.folder / "data", "train", 600, 1)
    write_set(eie.folder / "data", "t10k", 200, 2)
    (eie.folder / "net.json").write_text(json.dumps(NETWORK))
    (eie.folder / "recipe.json").write_text(json.dumps(recipe()))

    def run(*arguments, out="out.safetensors", code=0, **further):
        command = ["train", "net.json", "--data", "data", "--recipe", "recipe.json", "-o", out, "--ledger", "ledger.json"]
        done = eie.run(*command, *arguments, **further)
        if "training needs OpenBLAS" in done.stderr:
            pytest.skip("OpenBLAS is missing")
        assert done.returncode == code, (done.returncode, done.stderr)
        return done

    return run


def ledger_of(eie):
    return json.loads((eie.folder / "ledger.json").read_text())


def test_the_ledger_adds_up(eie, train):
    done = train()
    ledger = ledger_of(eie)
    (seed,) = ledger["seeds"]
    size = (eie.folder / "out.safetensors").stat().st_size
    assert seed["file_bytes"] == size == pytest.approx(sum(seed["file_parts"].values()))
    assert ledger["parameters"] == 4 * 4 + 4 + 100 * 24 + 24 + 240 + 10 and ledger["weights"] == 16 + 2400 + 240
    assert seed["rate_x"] == pytest.approx(4 * ledger["parameters"] / size)
    assert [phase["epochs"] for phase in seed["phases"]] == [4, 3, 2] and len(done.stdout.split("seed 1  ")) == 10
    assert [layer["kept"] for layer in seed["layers"]] == [13, 720, 144]
    for layer in seed["layers"]:
        assert layer["entries"] == layer["kept"] + layer["fillers"] and layer["code_bits"] == 4
        assert layer["kept_pct"] == pytest.approx(100 * layer["kept"] / (layer["outputs"] * layer["inputs"]))
    assert sum(layer["bytes"] for layer in seed["layers"]) <= size
    assert [layer["positions"] for layer in seed["layers"]] == [(SIDE // 2) ** 2, 1, 1]
    pixels, hidden, last = (layer["active_pct"] for layer in seed["layers"])
    assert 98.5 < pixels < 99.9 and 1 < hidden <= 100 and 1 < last < 100  # a pixel is 0 in one of 120
    test = seed["test"]
    assert test["images"] == 200 and seed["test_data"] == "unknown data"
    assert test["dense_errors"] == test["only_dense_wrong"] + test["both_wrong"] == seed["phases"][0]["test_errors"]
    assert test["file_errors"] == test["only_file_wrong"] + test["both_wrong"]
    assert test["file_error_pct"] == pytest.approx(test["file_errors"] / 2) and test["file_error_pct"] < 20
    summary = ledger["summary"]["file_less_dense_pct"]
    assert summary["mean"] == pytest.approx(test["file_error_pct"] - test["dense_error_pct"]) and summary["seeds"] == 1
    assert not list(eie.folder.glob("*.checkpoint"))


def test_a_seed_is_the_same_alone_and_beside_another(eie, train):
    said = train("--seeds", "2..3", "--jobs", 2).stdout
    tests = [seed["test"] for seed in ledger_of(eie)["seeds"]]
    alone = [sum(test[f"only_{who}_wrong"] for test in tests) for who in ("dense", "file")]
    assert f"of 400 tests the dense network alone is wrong in {alone[0]}, the file alone in {alone[1]}\n" in said
    deviation = ledger_of(eie)["summary"]["file_error_pct"]["deviation"]
    assert f" {deviation:.3f} " in next(line for line in said.splitlines() if line.startswith("test error of the file"))
    assert [seed["seed"] for seed in ledger_of(eie)["seeds"]] == [2, 3]
    assert "standard_error" in ledger_of(eie)["summary"]["file_error_pct"]
    train("--seeds", 3, out="alone.safetensors")
    alone = (eie.folder / "alone.safetensors").read_bytes()
    assert alone == (eie.folder / "out-3.safetensors").read_bytes() != (eie.folder / "out-2.safetensors").read_bytes()


def test_the_test_set_is_opened_after_the_last_phase(eie, train):
    train(out="whole.safetensors")
    hidden = {path: path.read_bytes() for path in (eie.folder / "data").glob("t10k*")}
    for path in hidden:
        path.unlink()
    done = train(code=2)
    assert "share 2/2" in done.stdout and "t10k" in done.stderr and len(done.stderr.splitlines()) == 1
    for path, content in hidden.items():
        path.write_bytes(content)
    done = train("--resume")
    assert "share" not in done.stdout
    assert ledger_of(eie)["seeds"][0]["resumed"] and [p["epochs"] for p in ledger_of(eie)["seeds"][0]["phases"]] == [4, 3, 2]
    assert (eie.folder / "out.safetensors").read_bytes() == (eie.folder / "whole.safetensors").read_bytes()


def test_the_test_set_may_stay_closed(eie, train):
    for path in (eie.folder / "data").glob("t10k*"):
        path.unlink()
    train("--no-test")
    ledger = ledger_of(eie)
    assert "test" not in ledger["seeds"][0] and "file_error_pct" not in ledger["summary"]
    assert ledger["seeds"][0]["file_validation_errors"] < 30


@pytest.mark.parametrize("epochs", [2, 6, 8])
def test_an_interrupted_training_goes_on(eie, train, signal_when, epochs):
    train(out="whole.safetensors")
    train(code=-signal.SIGINT, env=signal_when("renamed", signal.SIGINT, epochs))
    assert not (eie.folder / "out.safetensors").exists() and not list(eie.folder.glob("*.tmp"))
    done = train("--resume")
    assert len(done.stdout.split("seed 1  ")) == 10 - epochs
    assert (eie.folder / "out.safetensors").read_bytes() == (eie.folder / "whole.safetensors").read_bytes()


def test_a_seed_that_is_done_is_kept_until_the_ledger_is_written(eie, train):
    train("--seeds", 2, out="alone.safetensors")
    alone = ledger_of(eie)["seeds"][0]["test"]
    (eie.folder / "out-3.safetensors.checkpoint").write_text("none")
    done = train("--seeds", "2..3", "--jobs", 1, "--resume", code=2)
    assert "out-3.safetensors.checkpoint" in done.stderr and done.stdout.count("seed 2  ") == 9
    (eie.folder / "out-3.safetensors.checkpoint").unlink()
    (eie.folder / "out-2.safetensors").unlink()
    write_set(eie.folder / "data", "t10k", 50, 3)  # who opens it now sees other images
    done = train("--seeds", "2..3", "--jobs", 1, "--resume")
    assert "seed 2  " not in done.stdout and done.stdout.count("seed 3  ") == 9
    assert [seed["test"]["images"] for seed in ledger_of(eie)["seeds"]] == [200, 50]
    assert ledger_of(eie)["seeds"][0]["test"] == alone
    assert (eie.folder / "out-2.safetensors").read_bytes() == (eie.folder / "alone.safetensors").read_bytes()
    assert not list(eie.folder.glob("*.checkpoint"))


def test_a_checkpoint_is_not_overwritten_unasked(eie, train, signal_when):
    train(code=-signal.SIGINT, env=signal_when("renamed", signal.SIGINT, 2))
    kept = (eie.folder / "out.safetensors.checkpoint").read_bytes()
    done = train(code=2)
    assert "--resume continues" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (eie.folder / "out.safetensors.checkpoint").read_bytes() == kept
    done = train("--resume", "--threads", 2)
    assert "another OpenBLAS, code path or number of threads" in done.stderr


def phases_of(eie):
    return ledger_of(eie)["seeds"][0]["phases"]


def test_phases_of_another_training_need_no_second_one(eie, train):
    train("--keep-checkpoints", out="first.safetensors")
    assert "recipe_changes" not in ledger_of(eie) and (eie.folder / "first.safetensors.checkpoint").exists()
    for change, taken in {("--bits", "3"): 2, ("--kept", "0.9,0.2,0.6"): 1, ("--bits", "2,3,4"): 2}.items():
        train(*change, out="whole.safetensors")
        whole = ledger_of(eie)
        done = train(*change, "--begin-with", "first.safetensors", "--no-test", out="rest.safetensors")
        assert done.stdout.count("seed 1  ") == 1 + sum(phase["epochs"] for phase in phases_of(eie)[taken:])
        rest = (eie.folder / "rest.safetensors").read_bytes()
        assert rest == (eie.folder / "whole.safetensors").read_bytes() != (eie.folder / "first.safetensors").read_bytes()
        assert [phase.get("taken_from") for phase in phases_of(eie)[:taken]] == ["first.safetensors.checkpoint"] * taken
        assert not any("taken_from" in phase or "test_errors" in phase for phase in phases_of(eie)[taken:])
        assert not any("test_errors" in phase for phase in phases_of(eie))
        assert [p["validation_errors"] for p in phases_of(eie)] == [
            p["validation_errors"] for p in whole["seeds"][0]["phases"]
        ]


def test_a_ledger_repeats_what_was_changed(eie, train):
    train("--bits", "3", "--kept", "0.9,0.2,0.6")
    ledger = ledger_of(eie)
    assert ledger["recipe_changes"] == {"kept": [0.9, 0.2, 0.6], "bits": [3]}
    _, prune, share = ledger["recipe_text"]["phases"]
    assert prune["kept"] == [0.9, 0.2, 0.6] and share["bits"] == 3
    assert [layer["code_bits"] for layer in ledger["seeds"][0]["layers"]] == [3] * 3
    assert [layer["kept"] for layer in ledger["seeds"][0]["layers"]] == [14, 480, 144]


def test_phases_of_something_else_are_refused(eie, train):
    train("--keep-checkpoints", out="first.safetensors")

    def refused(culprit, *arguments):
        done = train("--begin-with", "first.safetensors", *arguments, code=2)
        assert culprit in done.stderr and len(done.stderr.splitlines()) == 1

    refused("seed differs", "--seeds", 2)
    (eie.folder / "recipe.json").write_text(json.dumps(recipe(validation=101)))
    refused("has done no phase")
    (eie.folder / "recipe.json").write_text(json.dumps(recipe()))
    checkpoint = eie.folder / "first.safetensors.checkpoint"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole.replace(b'"snapshots"', b'"snapshotz"'))
    refused("'snapshots' is missing")
    checkpoint.write_bytes(whole.replace(b"eie-checkpoint-2", b"eie-checkpoint-1"))
    refused("not a checkpoint")
    checkpoint.unlink()
    refused("first.safetensors.checkpoint")


@pytest.mark.parametrize("option", ["--resume", "--begin-with=first.safetensors"])
def test_a_checkpoint_of_other_labels_is_refused(eie, train, option):
    train("--keep-checkpoints", out="first.safetensors")
    pixels, labels = draw(600, 1)
    (eie.folder / "data" / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx((labels + 1) % CLASSES)))
    done = train(option, out="first.safetensors" if option == "--resume" else "out.safetensors", code=2)
    assert "its labels differ" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_seed_that_fails_ends_the_others(eie, train):
    (eie.folder / "recipe.json").write_text(json.dumps(recipe([phase("dense", "dense", 3, 99, decay=1)])))
    done = train("--seeds", "1..2", code=1)
    assert "training diverged in epoch 1 of phase dense" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(eie.folder.glob("out*"))


def test_dense_sparse_dense_has_its_control(eie, train):
    phases = [PHASES[0], phase("sparse", "prune", 2, 0.005, kept=0.7, ramp=0, cuts=1), phase("re-dense", "dense", 2, 5e-4)]
    (eie.folder / "recipe.json").write_text(json.dumps(recipe(phases, control=True)))
    train()
    (seed,) = ledger_of(eie)["seeds"]
    names = [phase["name"] for phase in seed["phases"]]
    assert names == ["dense", "sparse", "re-dense", "sparse control", "re-dense control"]
    assert seed["control_test"]["control_errors"] == seed["phases"][-1]["test_errors"]
    assert seed["control_test"]["file_errors"] == seed["phases"][2]["test_errors"] == seed["test"]["file_errors"]
    assert seed["layers"][1]["kept_pct"] > 80 and "file_less_control_pct" in ledger_of(eie)["summary"]
    tensors = load_file(eie.folder / "out.safetensors")
    assert tensors["f1.weight"].shape == (24, 100) and tensors["f2.bias"].shape == (10,)
    assert seed["file_bytes"] == sum(seed["file_parts"].values()) == (eie.folder / "out.safetensors").stat().st_size
    said = eie("train", "net.json", "--test", "out.safetensors", "--data", "data", "--ledger", "test.json").stdout
    tested = json.loads((eie.folder / "test.json").read_text())
    assert tested["eie_format"] == "eie-network-test-1" and tested["network"] == "net" and tested["images"] == 200
    assert tested["float_errors"] == seed["test"]["file_errors"] and "floats" in tested["int16_reason"]
    assert f"float32: {tested['float_errors']} wrong" in said
    clock = {"LD_PRELOAD": str(compile_shared(eie.folder, "leaping_clock", LEAPING_CLOCK))}
    done = eie("train", "net.json", "--test", "out.safetensors", "--data", "data", env=clock)
    assert "100 of 200 images, ETA " in done.stderr and "200 of 200" not in done.stderr and done.stdout == said
    eie.fails(2, "eie train NETWORK --test", "train", "--test", "out.safetensors", "--data", "data")
    eie.fails(2, "does not hold", "train", "lenet-5", "--test", "out.safetensors", "--data", "data")


LEAPING_CLOCK = """
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static time_t seconds = 1;
    (void)clock;
    *now = (struct timespec){seconds += 10, 0};
    return 0;
}
"""
BAD = {
    "network": ("'lenet'", 2, ["train", "lenet", "--data", "data", "-o", "x"]),
    "recipe": ("did you mean best?", 2, ["train", "net.json", "--recipe", "bets", "--data", "data", "-o", "x"]),
    "no network": ("needs a network", 2, ["train", "--data", "data", "-o", "x"]),
    "no out": ("needs -o", 2, ["train", "net.json", "--data", "data"]),
    "no data": ("EIE_MNIST", 2, ["train", "net.json", "-o", "x"]),
    "data that is not there": ("nowhere", 2, ["train", "net.json", "--data", "nowhere", "-o", "x"]),
    "out in no folder": ("nowhere/x", 3, ["train", "net.json", "--data", "data", "-o", "nowhere/x"]),
    "out that cannot be read back": ("/dev/null", 2, ["train", "net.json", "--data", "data", "-o", "/dev/null"]),
    "ledger in no folder": ("nowhere/l", 3, ["train", "net.json", "--data", "data", "-o", "x", "--ledger", "nowhere/l"]),
    "seeds reversed": ("5..1", 2, ["train", "net.json", "--data", "data", "-o", "x", "--seeds", "5..1"]),
    "seeds": ("1..", 2, ["train", "net.json", "--data", "data", "-o", "x", "--seeds", "1.."]),
    "threads": ("--threads", 2, ["train", "net.json", "--data", "data", "-o", "x", "--threads", "0"]),
    "test beside a seed": ("--test", 2, ["train", "--test", "x", "--data", "data", "--seeds", "1"]),
    "kernel without test": ("--kernel", 2, ["train", "net.json", "--data", "data", "-o", "x", "--kernel", "x"]),
    "name that no file could have": ("letters", 2, ["train", "my net.json", "--data", "data", "-o", "x"]),
    "no share": ("--kept 0.5,0", 2, ["train", "net.json", "--data", "data", "-o", "x", "--kept", "0.5,0"]),
    "no bits": ("--bits 9", 2, ["train", "net.json", "--data", "data", "-o", "x", "--bits", "9"]),
    "no number": ("--bits 4,", 2, ["train", "net.json", "--data", "data", "-o", "x", "--bits", "4,"]),
    "too many shares": ("more than 16", 2, ["train", "net.json", "-o", "x", "--kept", ",".join(["1"] * 17)]),
    "shares of other layers": ("2 numbers for kept", 2, ["train", "net.json", "-o", "x", "--kept", "0.5,0.5"]),
    "bits that no kernel reads": ("kernels read 4", 2, ["train", "net.json", "-o", "x", "--bits", "4,5,4"]),
    "path too long": ("too long", 2, ["train", f"{'n' * 4100}.json", "-o", "x"]),
    "images of another size": ("784", 2, []),
    "recipe that is none": ("recipe.json", 2, []),
    "too few images": ("none is left", 2, []),
}


@pytest.mark.parametrize("what", BAD)
def test_a_mistake_is_one_line(eie, what):
    culprit, code, command = BAD[what]
    write_set(eie.folder / "data", "train", 100, 1)
    (eie.folder / "net.json").write_text(json.dumps(NETWORK))
    (eie.folder / "my net.json").write_text(json.dumps(NETWORK))
    (eie.folder / "recipe.json").write_text(json.dumps(recipe(validation=100)))
    if what == "images of another size":
        culprit, command = "lenet-5", ["train", "lenet-5", "--data", "data", "-o", "x"]
    if what == "recipe that is none":
        (eie.folder / "recipe.json").write_text("{}")
    if what in ("recipe that is none", "too few images"):
        command = ["train", "net.json", "--recipe", "recipe.json", "--data", "data", "-o", "x"]
    if what not in ("recipe", "recipe that is none", "too few images", "images of another size", "network"):
        command = [*command, "--recipe", "recipe.json"] if what != "test beside a seed" else command
    eie.fails(code, culprit, *command)


def test_a_checkpoint_of_another_recipe_is_refused(eie, train, signal_when):
    train(code=-signal.SIGINT, env=signal_when("renamed", signal.SIGINT, 2))
    (eie.folder / "recipe.json").write_text(json.dumps(recipe(validation=101)))
    done = train("--resume", code=2)
    assert "out.safetensors.checkpoint" in done.stderr and "recipe differs" in done.stderr


def cut_mnist(folder, name, count):
    """The first images of a set of MNIST, plain."""
    images = gzip.decompress((pathlib.Path(MNIST) / f"{name}-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((pathlib.Path(MNIST) / f"{name}-labels-idx1-ubyte.gz").read_bytes())[8:]
    pixels = numpy.frombuffer(images, numpy.uint8).reshape(-1, 28, 28)[:count]
    folder.mkdir(exist_ok=True)
    (folder / f"{name}-images.idx3-ubyte").write_bytes(idx(pixels))
    (folder / f"{name}-labels.idx1-ubyte").write_bytes(idx(numpy.frombuffer(labels, numpy.uint8)[:count]))


@pytest.mark.parametrize("network, images, most", [("lenet-300-100", 4000, 12), ("lenet-5", 1200, 20)])
def test_it_learns_digits(eie, network, images, most):
    if not MNIST:
        pytest.skip("MNIST: EIE_MNIST is not set")
    cut_mnist(eie.folder / "mnist", "train", images)
    cut_mnist(eie.folder / "mnist", "t10k", 400)
    command = ["train", network, "--data", "mnist", "--recipe", "small", "-o", "out.safetensors"]
    done = eie.run(*command, "--ledger", "ledger.json")
    if "training needs OpenBLAS" in done.stderr:
        pytest.skip("OpenBLAS is missing")
    assert done.returncode == 0, done.stderr
    (seed,) = ledger_of(eie)["seeds"]
    assert seed["test"]["images"] == 400 and seed["test"]["file_error_pct"] < most
    assert 29 < seed["layers"][-1]["kept_pct"] < 31
    said = eie("train", "--test", "out.safetensors", "--data", "mnist", "--kernel", "cpu_auto").stdout
    assert f"float32: {seed['test']['file_errors']} wrong" in said and "bit for bit" in said
