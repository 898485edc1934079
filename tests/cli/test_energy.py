"""Energy of the rows of GPUs. There is none here: pocl's device says that it is an NVIDIA GPU, and NVML is made up
(tests/support/fake_nvml.c)."""

import os
import subprocess
import sys

import pytest
from command import REPOSITORY, compile_shared
from test_opencl import CPU, pocl, rows_of, shared_cache, shim  # noqa: F401 (fixtures)

FAKE = (REPOSITORY / "tests/support/fake_nvml.c").read_text(encoding="utf-8")
KERNEL = "opencl_row_lanes"
NUMBERS = ("eie_energy_j", "eie_energy_source", "eie_power_w")
PLACES = {  # what clGetDeviceInfo answers: by NVIDIA's own extension, and by the common one
    "nv": """if (what == 0x4008) *(cl_uint *)value = 0x65, result = CL_SUCCESS;
             if (what == 0x4009) *(cl_uint *)value = 0, result = CL_SUCCESS;
             if (what == 0x400a) *(cl_uint *)value = 2, result = CL_SUCCESS;
             if (what == 0x410f) result = CL_INVALID_VALUE;""",
    "khr": """if (what == 0x410f) {
                  memcpy(value, (cl_uint[]){2, 0x65, 0, 0}, 4 * sizeof(cl_uint));
                  result = CL_SUCCESS;
              }""",
}


@pytest.fixture
def gpu(pocl, tiny, shim, own_time, tmp_path):  # noqa: F811
    """Results of a short run on the made-up GPU, whose clock no other process disturbs: gpu(wrong="energy=4", place="khr", further environment)."""

    def run(wrong="", place="nv", flags=(), library=None, **env):
        loader = shim(
            "cl_int",
            "clGetDeviceInfo",
            "cl_device_id id, cl_device_info what, size_t size, void *value, size_t *got",
            "id, what, size, value, got",
            f"""
                      if (what == CL_DEVICE_VENDOR_ID && value) *(cl_uint *)value = 0x10de;
                      {PLACES[place]}""",
        )
        made = library or compile_shared(tmp_path, "nvml", FAKE, *flags)
        results = pocl.bench(
            "--suite",
            tiny,
            "--layer",
            "even",
            "--kernel",
            f"{KERNEL},{CPU}",
            "--threads",
            "1",
            env=own_time | loader | {"EIE_NVML": str(made), "FAKE_NVML": wrong, "FAKE_NVML_STEP_MS": "10"} | env,
        )
        rows = rows_of(results, KERNEL)
        assert [row["eie_status"] for row in rows] == ["ok", "ok"], rows[0]["eie_reason"]
        (other,) = rows_of(results, CPU)
        assert not any(key.startswith("eie_energy") for key in other)
        return results, rows

    return run


def board_of(results):
    (device,) = results["context"]["eie_devices"].values()
    return device["board"]


def report_of(folder):
    done = subprocess.run(
        [sys.executable, "-m", "plots", "report", "out.json", "--out", "report", "--no-pictures"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    return (folder / "report/report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", PLACES)
def test_measured(gpu, eie, place):
    results, rows = gpu(place=place)
    for row in rows:
        assert row["eie_energy_state"] == "measured" and "eie_energy_reason" not in row, row
        assert "NVML" in row["eie_energy_source"] and row["eie_provenance"] == "measured"
        error = row["eie_energy_relative_error"]
        assert 0 < error <= 0.25 and abs(row["eie_power_w"] - 100) <= 100 * error
        assert abs(row["eie_idle_power_w"] - 100) <= 25
        assert row["eie_energy_window_s"] >= 0.1 and row["eie_energy_update_s"] > 0
        assert 0 < row["eie_energy_j"] < row["eie_power_w"] * row["eie_energy_window_s"]
        assert row["eie_board_sm_clock_hz"] == 1.98e9 and row["eie_board_throttle"] == "idle"
    assert rows[0]["eie_energy_j"] == rows[1]["eie_energy_j"]  # one plan, two clocks
    board = board_of(results)
    assert board["pci"] == "0002:65:00.0" and board["energy_counter"] == "there" and board["driver"] == "555.55"
    assert board["power_limit_w"] == pytest.approx(700) and board["persistence"] is True and "ecc" not in board
    text = report_of(eie.folder)
    assert "### Energy of devices" in text and f"{KERNEL} on" in text and "device_energy.csv" in text


REPORTED = [("energy=4", {}), ("energy=3", {}), ("frozen", {}), ("wrapped", {})]  # each word once


@pytest.mark.parametrize(
    "wrong, state, what, further",
    [
        ("energy=4", "no permission", "/dev/nvidia", {}),
        ("energy=3", "unavailable", "Volta", {}),
        ("init=9", "unavailable", "kernel module", {}),
        ("handle=6", "unavailable", "0002:65:00.0", {}),
        ("frozen", "window too short", "stood still", {}),
        ("", "window too short", "--budget", {"FAKE_NVML_STEP_MS": "400"}),
        ("wrapped", "wrapped", "run the row again", {}),
        ("", "unavailable", "too old", {"flags": ["-DWITHOUT_COUNTER"]}),
        ("", "unavailable", "comes with NVIDIA's driver", {"library": "/nonexistent.so"}),
    ],
    ids=["permission", "no counter", "driver", "other board", "frozen", "slow", "wrapped", "old", "absent"],
)
def test_not_measured(gpu, eie, wrong, state, what, further):
    """Never a failure of the run; the word, and what to do, in the rows and, once for each word, in the report."""
    results, rows = gpu(wrong, **further)
    for row in rows:
        assert row["eie_energy_state"] == state and what in row["eie_energy_reason"], row
        assert not any(key in row for key in NUMBERS)
    if state in ("unavailable", "no permission"):
        assert board_of(results)["energy_counter"] == state
    if (wrong, further) not in REPORTED:
        return
    text = report_of(eie.folder)
    table = text[text.index("### Energy of devices") :]
    assert state in table.split("\n\n")[1] and what in table


def test_device_without_a_meter(pocl, tiny, eie):  # noqa: F811
    """The processor under OpenCL: said in the row, and no table of it."""
    results = pocl.bench("--suite", tiny, "--layer", "even", "--kernel", KERNEL, "--budget", "least")
    assert {row["eie_energy_state"] for row in results["benchmarks"]} == {"unavailable"}
    assert all("NVIDIA" in row["eie_energy_reason"] for row in results["benchmarks"])
    (device,) = results["context"]["eie_devices"].values()
    assert "board" not in device
    assert "### Energy of devices" not in report_of(eie.folder)
