"""`eie count`: instructions of a call, the same every time, by two methods."""

import json
import shutil

import pytest

HAS_VALGRIND = shutil.which("valgrind") is not None
METHODS = [
    pytest.param("callgrind", marks=pytest.mark.skipif(not HAS_VALGRIND, reason="no valgrind here")),
    "step",
]
KERNEL = "scalar_float_csr"


@pytest.fixture
def count(eie, tiny):
    """Counts of the tiny suite as {(layer, kernel): row}, from the JSON file, after a look at the table."""

    def run(*arguments, code=0, **further):
        done = eie.run("count", "--suite", tiny, *arguments, "--out", "counts.json", **further)
        if "may not trace" in done.stdout:
            pytest.skip("this process may not trace another")
        if "no valgrind here" in done.stdout:
            pytest.skip("no valgrind here, or none for a build with a sanitizer")
        assert done.returncode == code, done
        document = json.loads((eie.folder / "counts.json").read_text())
        assert document["format"] == "eie-count-1"
        for row in document["rows"]:
            assert row["status"] != "ok" or f"{row['instructions']}\n" in done.stdout
        return {(row["layer"], row["kernel"]): row for row in document["rows"]}

    return run


@pytest.mark.parametrize("method", METHODS)
def test_the_same_every_time(count, method):
    once, again = (count("--kernel", KERNEL, "--method", method) for _ in range(2))
    assert once == again and len(once) == 3
    assert all(row["status"] == "ok" and row["method"] == method and row["batch"] == 1 for row in once.values())


@pytest.mark.skipif(not HAS_VALGRIND, reason="no valgrind here")
def test_both_methods_see_the_same_loop(count):
    """They differ by what a library's memset does on one processor and on the other."""
    found = [count("--kernel", KERNEL, "--layer", "even", "--method", method) for method in ("callgrind", "step")]
    first, second = (rows["even", KERNEL]["instructions"] for rows in found)
    assert abs(first - second) <= 0.05 * first + 300


def test_more_inputs_take_more_instructions(count):
    few, many = (
        count("--kernel", KERNEL, "--layer", "even", "--batch", batch, "--method", "step")["even", KERNEL]["instructions"]
        for batch in ("1", "2")
    )
    assert 1.3 * few < many < 4 * few


def test_once_makes_the_call_and_says_nothing(eie, tiny):
    done = eie("count", "--suite", tiny, "--once", "--kernel", KERNEL, "--layer", "odd")
    assert done.stdout == "" and done.stderr == ""
    eie.fails(2, "one kernel and one layer, not 1 and 3", "count", "--suite", tiny, "--once", "--kernel", KERNEL)


def test_a_kernel_that_the_mask_hides_is_no_count(eie, count):
    rows = count("--kernel", "avx2_window_lookup", "--layer", "odd", code=3, env={"EIE_ISA_MASK": "avx2"})
    row = rows["odd", "avx2_window_lookup"]
    assert row["status"] == "unsupported" and "instructions" not in row and row["reason"]


BAD = {
    "cpu_auto": ("chooses a kernel by timing", ["--kernel", "cpu_auto"]),
    "a library": ("library chooses", ["--kernel", "peers_openblas_sgemv"]),
    "a model": ("not a kernel of the processor", ["--kernel", "model_eie_cycle"]),
    "kernel": ("'nope'", ["--kernel", "nope"]),
    "layer": ("'nope'", ["--layer", "nope"]),
    "suite": ("'nope'", ["--suite", "nope"]),
    "method": ("perf", ["--method", "perf"]),
    "batch": ("0", ["--batch", "0"]),
    "timeout": ("soon", ["--timeout", "soon"]),
    "argument": ("'more'", ["more"]),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_usage(eie, what):
    culprit, arguments = BAD[what]
    eie.fails(2, culprit, "count", *arguments)


def test_what_chooses_its_code_is_left_out(eie, count):
    rows = count("--kernel", "scalar_*,cpu_*,peers_*,model_*", "--layer", "odd", "--method", "step")
    assert {kernel for _, kernel in rows} == {"scalar_eie_stream", "scalar_float_csr", "scalar_float_dense"}
