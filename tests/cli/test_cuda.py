"""CUDA kernels on the emulated device (tests/cuda/README.md): rows, columns, what a device can lack."""

import json

import pytest
from command import BINARY, TINY_LAYERS

EMULATED = BINARY.parent / "tests" / "cuda" / "eie_emulated_cuda"
KERNELS = [
    "cuda_active_columns",
    "cuda_batch_groups",
    "cuda_batch_quads",
    "cuda_code_chunks",
    "cuda_code_groups",
    "cuda_eie_stream",
    "cuda_tensor_codes",
]
GROUPS = KERNELS[1:5]


@pytest.fixture
def emulated(eie):
    if not EMULATED.is_file():
        pytest.skip(f"{EMULATED} was not built")
    eie.binary = EMULATED
    return eie


@pytest.fixture
def rows(emulated, tiny):
    """Rows with and without a number of a short run on layer "even"."""

    def run(kernels, *arguments, code=0, env=None):
        results = emulated.bench(
            "--suite",
            tiny,
            "--layer",
            "even",
            "--kernel",
            kernels,
            "--device",
            "cuda:*",
            "--budget",
            "least",
            *arguments,
            code=code,
            env=(env or {}) | {"EIE_EMULATOR_CLOCK": "1"},
        )
        return results["benchmarks"], results["eie_missing"]

    return run


def devices(eie, **further):
    return [one for one in json.loads(eie("list", "devices", "--json", **further).stdout) if one["kind"] == "cuda"]


def test_devices(emulated):
    (device,) = devices(emulated)
    assert device["name"] == "cuda:emulated" and device["status"] == "ok"
    assert device["compute_capability"] == "9.0" and device["pci"] == "0000:65:00.0" and device["multiprocessors"] == 2
    names = [one["name"] for one in devices(emulated, env={"EIE_EMULATOR_DEVICES": "3"})]
    assert names == ["cuda:emulated", "cuda:emulated#2", "cuda:emulated#3"]
    (none,) = devices(emulated, env={"EIE_EMULATOR_DEVICES": "0"})
    assert none["name"] == "cuda:none" and "no CUDA-capable device" in none["title"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_row_for_each_clock_which_sees_what_it_should(rows, kernel):
    """By the emulator's costs: the device works 2 us and 0.1 us for each thread, the host queues a call in 1 us and then
    waits. The host is in the wall's time only."""
    found, missing = rows(kernel, "--batch", "4")
    assert sorted(row["eie_time_source"] for row in found) == ["chain", "device", "wall"] and not missing
    for row in found:
        assert row["eie_threads"] == 0 and row["eie_cache"] == "hot" and row["eie_status"] == "ok"
        assert row["eie_cuda_device_launch"] == "graph" and row["eie_cuda_chain_calls"] == 20
        assert row["eie_cuda_blocks"] >= 1 and 32 <= row["eie_cuda_threads"] <= 1024
        assert row["eie_resident"] == "l2" and row["eie_launch_ns"] > 0 and row["eie_floor_ns"] > 0
        assert row["eie_energy_state"] == "unavailable" and "eie_energy_j" not in row
    work_ns = 2000 + 100 * found[0]["eie_cuda_blocks"] * found[0]["eie_cuda_threads"]
    times = {row["eie_time_source"]: row["eie_median_ns"] for row in found}
    assert times["device"] == pytest.approx(work_ns, rel=0.001) and times["chain"] == pytest.approx(work_ns, rel=0.001)
    assert work_ns + 900 < times["wall"] < work_ns + 1500


def test_ways_are_compared_on_a_warm_clock(rows):
    """A device that is five times slower until it was busy for 30 ms: the same is chosen as on one that is not."""
    chosen = []
    for ramp in ("0", "30000000"):
        ((row, *_), _) = rows("cuda_code_groups", env={"EIE_EMULATOR_RAMP": ramp})
        chosen.append([row[f"eie_cuda_{what}"] for what in ("lanes", "threads", "blocks")])
    assert chosen[0] == chosen[1]


def test_weights_from_the_memory(rows):
    """Cache mode dram goes round copies that the device's L2 cache does not hold; hot stays beside it."""
    found, missing = rows("cuda_code_groups", "--cache", "hot,dram", env={"EIE_EMULATOR_L2": "32768"})
    by_key = {(row["eie_cache"], row["eie_time_source"]): row for row in found}
    assert len(by_key) == 6 and not missing
    hot, cold = by_key["hot", "chain"], by_key["dram", "chain"]
    assert hot["eie_copies"] == 1 and hot["eie_resident"] == "l2" and cold["eie_resident"] == "dram"
    assert cold["eie_copies"] == -(-2 * 32768 // cold["eie_prepared_bytes"]) > 4
    assert cold["eie_cuda_chain_calls"] > 20 - cold["eie_copies"] and cold["eie_cuda_chain_calls"] % cold["eie_copies"] == 0


def test_a_chip_that_the_code_was_not_built_for_is_absent(emulated):
    (device,) = devices(emulated, env={"EIE_EMULATOR_CAPABILITY": "61", "EIE_EMULATOR_NAME": "Made up P4"})
    assert device["name"] == "cuda:made-up-p4" and device["status"] == "skipped"
    assert "Made up P4 has compute capability 6.1, and this program has code for 7.5 and later" in device["title"]


def test_batches(rows):
    found, missing = rows("cuda_batch_*,cuda_code_*,cuda_tensor_*", "--batch", "1,4")
    several = {"cuda_batch_groups", "cuda_batch_quads", "cuda_tensor_codes"}
    one = {"cuda_code_groups", "cuda_code_chunks"}
    assert {(row["eie_kernel"], row["eie_batch"]) for row in found} == {
        *((kernel, 1) for kernel in one),
        *((kernel, 4) for kernel in one | several),
    }
    assert not missing


def test_counts(rows):
    """What a kernel multiplies, adds and reads follows from the layer: 614 weights, 64 x 48, half of 64 active."""
    found, _ = rows("cuda_*")
    by_kernel = {row["eie_kernel"]: row for row in found}
    useful = {row["eie_macs_useful"] for row in found}
    assert len(useful) == 1 and 0 < useful.pop() < 614
    groups, columns = by_kernel["cuda_code_groups"], by_kernel["cuda_active_columns"]
    apart = by_kernel["cuda_code_chunks"]
    assert groups["eie_macs_useful"] + groups["eie_macs_padding"] >= 614
    # steps of 32 groups of four weights in 8 bytes; a row's number for each of the tasks' rows
    words = groups["eie_cuda_look_ups"] // 4 * 32
    assert words * 8 <= groups["eie_prepared_bytes"] <= words * 8 + 4 * (48 + 31)
    assert groups["eie_cuda_look_ups"] <= groups["eie_cuda_wavefronts"]
    # codes apart: chunks of four steps take 17 bytes for 16, steps behind them what they did
    words = apart["eie_cuda_look_ups"] // 4 * 32
    assert words * 8 <= apart["eie_prepared_bytes"] <= words * 8 * 17 // 16 + 4 * (48 + 31)
    assert columns["eie_macs_padding"] == by_kernel["cuda_eie_stream"]["eie_macs_padding"] == 0
    assert columns["eie_bytes"] < columns["eie_prepared_bytes"] + 2 * (64 + 48)


@pytest.mark.parametrize("kernel", KERNELS)
def test_device_that_is_too_small(rows, kernel):
    found, missing = rows(kernel, "--batch", "4", code=3, env={"EIE_EMULATOR_SHARED": "50"})
    assert not found and {row["eie_status"] for row in missing} == {"unsupported"}
    assert all("shared memory" in row["eie_reason"] for row in missing)
    found, missing = rows(kernel, "--batch", "4", code=3, env={"EIE_EMULATOR_MEMORY": "1000"})
    assert not found and {row["eie_status"] for row in missing} <= {"skipped", "unsupported"}
    assert all("device" in row["eie_reason"] for row in missing)


def test_kernel_that_ends_the_context_costs_its_own_rows(rows):
    """On a real device every later call of the process fails too. The groups' kernels try blocks of 1024."""
    found, missing = rows("cuda_*", "--batch", "4", code=3, env={"EIE_EMULATOR_FAULT": "1024"})
    assert {row["eie_kernel"] for row in found} == set(KERNELS) - set(GROUPS)
    assert {(row["eie_kernel"], row["eie_status"]) for row in missing} == {(kernel, "error") for kernel in GROUPS}
    assert all("cudaErrorIllegalAddress" in row["eie_reason"] for row in missing)


@pytest.mark.slow
def test_other_orders_of_threads_and_blocks(emulated):
    for order in "012":
        done = emulated("check", "--kernel", "cuda_*", "--case", "50", env={"EIE_EMULATOR_ORDER": order})
        assert done.stdout.count("bit for bit on cuda:emulated") == len(KERNELS)


@pytest.mark.slow
def test_many_vectors(emulated):
    """Batches up to 130: slices of all sizes, and one that is not full."""
    done = emulated("check", "--kernel", "cuda_batch_groups,cuda_active_columns,cuda_tensor_codes", "--case", "83")
    assert done.stdout.count("bit for bit on cuda:emulated") == 3


def test_slices_of_columns(emulated, make_suite):
    """Blocks that share a tensor kernel's rows add to the same sums; with clock 2 such a way is the fastest, and an
    empty launch dearer than any, so that a right product is suspect afterwards."""
    layer = TINY_LAYERS[0] | {"name": "wide", "inputs": 300, "outputs": 40}
    results = emulated.bench(
        *("--suite", make_suite(layers=[layer]), "--kernel", "cuda_tensor_codes", "--device", "cuda:*"),
        *("--budget", "least", "--batch", "3"),
        env={"EIE_EMULATOR_CLOCK": "2", "EIE_EMULATOR_UNITS": "8"},
        code=None,
    )
    rows = results["benchmarks"] + results["eie_missing"]
    assert rows and {row["eie_status"] for row in rows} <= {"ok", "suspect"}
    assert all(row["eie_cuda_slices"] > 1 for row in rows)


def test_without_a_gpu_rows_say_why(eie, tiny):
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", "cuda_*,scalar_eie_stream", "--threads", "1")
    reasons = {row["eie_reason"] for row in results["eie_missing"] if row["eie_kernel"].startswith("cuda_")}
    assert len(reasons) == 1 and reasons.pop().startswith("CUDA: ")
    assert {row["eie_kernel"] for row in results["benchmarks"]} == {"scalar_eie_stream"}
