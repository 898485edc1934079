"""Dense weights in, comparison table out: what `./run compress` does, step by step, with the real program."""

import json
import os
import re
import subprocess
import sys

import numpy
import pytest
from command import REPOSITORY

PROGRAM = [sys.executable, "-m", "plots", "compressed"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def compared(eie):
    weights = numpy.random.default_rng(1).normal(size=(300, 200)).astype(numpy.float32)
    numpy.save(eie.folder / "weights.npy", weights)
    eie("compress", "weights.npy", "-o", "layer.safetensors", "--ledger", "ledger.json", "--density", "0.1")
    results = eie.bench(
        "--suite", "layer.safetensors", "--kernel", "scalar_eie_stream,peers_openblas_sgemv", "--threads", "1"
    )
    (eie.folder / "bench.json").write_text(json.dumps(results))
    done = subprocess.run(
        [*PROGRAM, "ledger.json", "bench.json"], cwd=eie.folder, capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    return json.loads((eie.folder / "ledger.json").read_text()), results, done.stdout


def lines(text, first):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith(f"| {first}")
    ]


def test_every_stage_has_its_bytes(compared):
    ledger, _, text = compared
    (layer,) = ledger["layers"]
    assert f"{layer['outputs']} x {layer['inputs']}" in text and (layer["outputs"], layer["inputs"]) == (300, 200)
    assert "6000 (m) of 60,000 (m) weights" in text
    for stage in layer["stages"]:
        (line,) = lines(text, stage["stage"] + " ")
        size, letter = line[1].split()
        assert float(size.replace(",", "")) == pytest.approx(stage["bytes"], abs=0.5) and letter == "m"
    assert lines(text, "dense ")[0][1] == "240,000 m"


def test_the_rate_is_that_of_the_file_and_what_makes_it_larger_stands_beside(compared):
    ledger, _, text = compared
    (size,) = lines(text, "file ")
    assert size[1] == f"{ledger['file_bytes']:,} m" and float(size[2].partition("x")[0]) == pytest.approx(
        240000 / ledger["file_bytes"], abs=0.005
    )
    assert lines(text, "weights as given (F32) ")[0][1] == "240,000 m"
    given = [float(line[1].split()[0].replace(",", "")) for line in lines(text, "of it ")]
    assert len(given) == 5 and sum(given) == ledger["file_bytes"]
    (pointers,) = lines(text, "of it column pointers ")
    assert pointers[1] == f"{4 * 64 * 201:,} m"


def test_a_ledger_of_before_is_read(eie, compared):
    ledger, _, text = compared
    for key in ("file_uses", "input_bytes", "rate_x"):
        del ledger[key]
    for layer in ledger["layers"]:
        for key in ("input_type", "input_bytes", "below_float32"):
            del layer[key]
    (eie.folder / "before.json").write_text(json.dumps(ledger))
    done = subprocess.run(
        [*PROGRAM, "before.json", "bench.json"], cwd=eie.folder, capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    assert lines(done.stdout, "huffman ") and not lines(done.stdout, "file ")


def test_what_was_lost_is_said(eie, compared):
    ledger, _, text = compared
    assert "became 0 in 16-bit" not in text
    ledger["layers"][0]["layer"]["weights_lost"] = 17
    (eie.folder / "lost.json").write_text(json.dumps(ledger))
    done = subprocess.run(
        [*PROGRAM, "lost.json", "bench.json"], cwd=eie.folder, capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0 and "17 (m) weights became 0 in 16-bit fixed point" in done.stdout


def test_times_are_those_of_the_file(compared):
    _, results, text = compared
    dense, kernel = (
        next(row for row in results["benchmarks"] if row["eie_kernel"] == name)
        for name in ("peers_openblas_sgemv", "scalar_eie_stream")
    )
    (line,) = lines(text, "scalar_eie_stream, hot, 1 thread ")
    assert float(line[1].split()[0]) == pytest.approx(kernel["eie_median_ns"] / 1e3, rel=0.005)
    assert float(line[2].partition("x")[0]) == pytest.approx(dense["eie_median_ns"] / kernel["eie_median_ns"], rel=0.3)
    (best,) = lines(text, "best dense: OpenBLAS ")
    assert float(best[1].split()[0]) == pytest.approx(dense["eie_median_ns"] / 1e3, rel=0.005)
    assert best[2].startswith("1.00x") and best[3] == "-"
    assert "no sparse float32 row beside it" in text and "the processor's energy is not measured" in text


def test_eie_stands_beside(compared):
    ledger, _, text = compared
    (layer,) = ledger["layers"]
    assert layer["estimates"]
    for estimate in layer["estimates"]:
        (line,) = lines(text, estimate["device"] + ", estimated ")
        for cell, value in ((line[1], estimate["expected_us"]), (line[4], estimate["energy_constant_power_uj"])):
            assert re.fullmatch(r"[\d.e+-]+ e", cell) and float(cell.split()[0]) == pytest.approx(value, rel=0.005)


def test_bad_files_are_one_line(tmp_path):
    (tmp_path / "no.json").write_text("{")
    for arguments in ([], ["no.json"], ["no.json", "no.json"], ["nowhere.json", "no.json"]):
        done = subprocess.run([*PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout
