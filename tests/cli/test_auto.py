"""cpu_auto says in its row what it took, from what, and by which times; on processors that lack instructions, too."""

import json
import re

import pytest

LAYERS = [
    {
        "name": "large",
        "inputs": 1024,
        "outputs": 1024,
        "weight_density": 0.2,
        "activation": "relu",
        "activation_density": 0.5,
        "source": "a test: long enough to be timed",
    },
    {
        "name": "dense",
        "inputs": 256,
        "outputs": 512,
        "weight_density": 0.95,
        "activation": "relu",
        "activation_density": 0.9,
        "source": "a test: hardly a weight is 0",
    },
    {
        "name": "small",
        "inputs": 16,
        "outputs": 24,
        "weight_density": 0.3,
        "activation": "none",
        "activation_density": 0.5,
        "source": "a test: too short to be timed",
    },
]
MASKS = ["", "vnni", "avx512vbmi", "avx512", "avx512,avxvnni", "avx2"]
ENTRY = re.compile(r"([a-z0-9_]+)(?: (\d+(?:\.\d)?) us)?")


def rows_of(eie, suite, mask, *arguments):
    done = eie(
        "bench",
        "--quiet",
        "--suite",
        suite,
        "--kernel",
        "cpu_auto",
        "--threads",
        "1",
        "--budget",
        "least",
        "--out",
        "out.json",
        *arguments,
        env={"EIE_ISA_MASK": mask},
    )
    return done, json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))["benchmarks"]


def entries_of(row):
    """The shortlist: (name, text of its time or None)."""
    return [ENTRY.fullmatch(entry).groups() for entry in row["eie_shortlist"].split(", ")]


def available(eie, mask):
    """Which kernels can run here with this mask."""
    lines = eie("list", "kernels", env={"EIE_ISA_MASK": mask}).stdout.splitlines()[1:]
    return {line.split()[0] for line in lines if " ok " in line.rstrip() + " "}


@pytest.mark.parametrize("mask", MASKS)
def test_row_says_what_was_chosen_and_from_what(eie, make_suite, mask):
    done, rows = rows_of(eie, make_suite(layers=LAYERS), mask, "--batch", "1,4", "--cache", "hot")
    assert done.returncode == 0, done.stderr
    assert len(rows) == 6 and {row["eie_status"] for row in rows} == {"ok"}
    can_run = available(eie, mask)
    for row in rows:
        entries = entries_of(row)
        names, times = [name for name, _ in entries], {name: float(us) for name, us in entries if us}
        assert row["eie_chosen_kernel"] in names and len(set(names)) == len(names)
        assert set(names) <= can_run
        assert {"avx512_byte_lookup", "avx512_word_lookup"} & can_run <= set(names)
        if mask == "avx512" and row["eie_layer"] == "large":
            assert {"avx2_vnni_lookup"} & can_run <= set(names)
        if mask == "avx2" and "neon_window_lookup" not in can_run:
            assert (names, row["eie_chosen_by"]) == (["scalar_eie_stream"], "only one can run")
        if row["eie_layer"] == "small" or len(names) == 1:
            assert row["eie_chosen_by"] in ("estimate", "only one can run") and not times
            continue
        assert row["eie_chosen_by"] == "timing" and set(times) == set(names)
        # whatever the times were; they are printed in tenths
        assert times[row["eie_chosen_kernel"]] <= 1.03 * (min(times.values()) + 0.05) + 0.05


def test_copies_that_take_turns(eie, make_suite):
    """What is kept after the trial has as many copies as were asked for, whichever kernel won."""
    done, rows = rows_of(eie, make_suite(layers=LAYERS[:1]), "", "--cache", "llc")
    if rows[0]["eie_status"] == "unsupported" and "cache mode llc" in rows[0]["eie_reason"]:
        pytest.skip(rows[0]["eie_reason"])
    assert done.returncode == 0, done.stderr
    assert rows[0]["eie_status"] == "ok"
    assert rows[0]["eie_chosen_kernel"] in [name for name, _ in entries_of(rows[0])]
