"""Rows of a program for another processor, run by EIE_EMULATOR: its kernels are exact there, and the models
count what they count on any machine. Its times are those of the emulator and mean nothing."""

import json
import os
import pathlib
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
NATIVE = REPOSITORY / "build/release/eie"
LAYER = ["--suite", "paper", "--layer", "NT-We"]


def bench(program, folder, *arguments):
    out = folder / "bench.json"
    environment = os.environ | {"EIE_DATA_DIR": str(REPOSITORY / "data")}
    done = subprocess.run(
        [*program, "bench", *LAYER, *arguments, "--quiet", "--out", out],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    program = [*os.environ["EIE_EMULATOR"].split(), os.environ["EIE_BINARY"]]
    return bench(
        program,
        tmp_path_factory.mktemp("emulated"),
        "--kernel",
        "neon_*,scalar_eie_*,cpu_auto,model_*",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--budget",
        "least",
    )


def test_rows_are_exact(results):
    assert results["context"]["eie_cpu_features"] == "neon"
    rows = {row["name"].split("/")[2]: row for row in results["benchmarks"]}
    for kernel in ("neon_window_lookup", "scalar_eie_stream", "cpu_auto"):
        assert rows[kernel]["eie_status"] == "ok", rows[kernel]
        assert "exact" in rows[kernel]["eie_flags"]


def test_models_count_what_they_count_elsewhere(results, tmp_path):
    if not NATIVE.exists():
        pytest.skip("no build/release/eie to compare with")

    def models(found):
        return {row["name"]: row["real_time"] for row in found["benchmarks"] if "/model_" in row["name"]}

    here = models(bench([NATIVE], tmp_path, "--kernel", "model_*", "--budget", "least"))
    assert len(here) >= 4
    assert models(results) == here
