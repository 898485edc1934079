"""A runtime with its kernel, and an energy meter, each of one file (tests/toys), which no other file knows of: the
program that is linked with them lists, checks, times and reports them."""

import csv
import json
import re

import pytest
from command import BINARY, REPOSITORY
from test_energy import report_of

TOYS = BINARY.parent / "tests" / "eie_with_toys"
TOY, CPU, DENSE = "toy_dense", "scalar_eie_stream", "scalar_float_dense"


@pytest.fixture
def toys(eie, own_time):
    """The command with the toys, whose clock no other process disturbs."""
    if not TOYS.is_file():
        pytest.skip(f"{TOYS} was not built")
    eie.binary = TOYS
    eie.environment |= own_time
    return eie


@pytest.fixture
def bench(toys, tiny):
    """Results and rows of a short run on one layer: bench(KERNELS, *ARGUMENTS, TOY_METER="gone", ...)."""

    def run(kernels, *arguments, code=0, **env):
        where = ("--suite", tiny, "--layer", "even", "--threads", "1", "--kernel", kernels)
        results = toys.bench(*where, *arguments, code=code, env=env)
        return results, results["benchmarks"] + results["eie_missing"]

    return run


def toy_of(eie, **env):
    (device,) = [one for one in json.loads(eie("list", "devices", "--json", env=env).stdout) if one["kind"] == "toy"]
    return device


# ---- the runtime -------------------------------------------------------------------------------


def test_runtime_is_listed(toys):
    assert toy_of(toys) == {
        "name": "toy:host",
        "kind": "toy",
        "title": "The host as a toy",
        "units": 3,
        "status": "ok",
        "ability": "3 units",
    }
    (kernel,) = [one for one in json.loads(toys("list", "kernels", "--json").stdout) if one["name"] == TOY]
    assert kernel["status"] == "ok"


def test_runtime_is_checked(toys):
    done = toys("check", "--cases", "0", "--kernel", f"{TOY},{CPU}", "--device", "toy:*")
    (line,) = [line for line in done.stdout.splitlines() if " on " in line and "runs" in line]
    assert line.split()[:2] == [TOY, "ok"] and line.endswith("bit for bit on toy:host")


def test_runtime_is_timed_and_reported(toys, bench):
    results, rows = bench(f"{TOY},{CPU}")
    rows = [row for row in rows if row["eie_kernel"] == TOY]
    assert sorted(row["eie_time_source"] for row in rows) == ["device", "wall"]
    for row in rows:
        assert row["eie_status"] == "ok" and row["eie_device"] == "toy:host", row["eie_reason"]
        assert row["eie_threads"] == 0 and row["eie_cache"] == "hot" and row["eie_median_ns"] > 0
        assert row["eie_launch_ns"] == 1 and row["eie_floor_bound"] in ("launch", "cache", "memory")
        assert row["eie_resident"] == "memory"  # 48 x 64 weights of 16 bits, a cache of 4 KiB
        assert row["eie_energy_state"] == "unavailable"  # the toys' meter is the processor's
        assert "only the meters of" in row["eie_energy_reason"] and "toys" in row["eie_energy_reason"]
    assert results["context"]["eie_devices"]["toy:host"] == {"title": "The host as a toy", "units": 3}
    (run,) = results["context"]["eie_runs"]
    assert run["eie_device_ceilings"]["toy:host"] == {
        "launch_wall_ns": 1,
        "launch_device_ns": 1,
        "cache_bytes_per_s": 1e15,
        "memory_bytes_per_s": 1e14,
    }
    text = report_of(toys.folder)
    assert "toy:host" in text and TOY in text


def test_runtime_whose_device_is_absent(toys, bench):
    device = toy_of(toys, TOY_RUNTIME="absent")
    assert (device["name"], device["status"], device["title"]) == ("toy:none", "skipped", "Toy: it was put away")
    _, rows = bench(f"toy_*,{CPU}", TOY_RUNTIME="absent")
    states = {(row["eie_device"], row["eie_status"], row["eie_reason"]) for row in rows if row["eie_kernel"] == TOY}
    assert states == {("toy:none", "skipped", "Toy: it was put away")}


def test_runtime_that_crashes_when_it_lists(toys):
    device = toy_of(toys, TOY_RUNTIME="crash")
    assert device["name"] == "toy:none" and device["status"] == "skipped"
    assert "Toy: listing the devices ended its process: SIGABRT" in device["title"]


def test_runtime_that_is_lost(toys, bench):
    """As after a crash, the group's rows are run once more, each in a process of its own."""
    _, rows = bench(TOY, TOY_RUNTIME="lost")
    assert (toys.folder / "lost").exists()
    assert [(row["eie_status"], row.get("eie_apart")) for row in rows] == [("ok", True)] * 2, rows


@pytest.mark.parametrize(
    "verb, words", [("bench", ("toy:*", "OpenCL, CUDA, Toy")), ("check", ("toy:*",)), ("list", ("OpenCL, CUDA, Toy",))]
)
def test_help_names_the_runtime(toys, verb, words):
    text = toys(verb, "--help").stdout
    assert all(word in text for word in words)
    toys.binary = BINARY
    assert "toy" not in toys(verb, "--help").stdout.lower()


def test_plugin_for_the_runtime(toys, plugin):
    """A plug-in may be for any runtime of the program, and for no other."""
    members = ".device_kind = EIE_DEVICE_FOUND, .max_threads = 0, .probe = NULL"
    good = plugin("good", MEMBERS=f'{members}, .runtime = "toy"')
    done = toys("check", "--case", "48", "--plugin", good, "--kernel", "test_good")
    assert "bit for bit on toy:host" in done.stdout
    bad = plugin("bad", MEMBERS=f'{members}, .runtime = "toi"')
    toys.fails(2, 'runtime "toi" is none of this program\'s: opencl, cuda, toy', "list", "kernels", "--plugin", bad)


# ---- the meter ---------------------------------------------------------------------------------


def test_meter_gives_the_processor_energy(toys, bench):
    results, (row,) = bench(CPU)
    source = "toy counter: the processor, as the clock has it"
    assert results["context"]["eie_host_energy"] == f"measured: {source}"
    assert row["eie_energy_state"] == "measured" and "eie_energy_reason" not in row, row
    assert row["eie_energy_source"] == source
    error = row["eie_energy_relative_error"]
    assert 0 < error <= 0.25 and abs(row["eie_power_w"] - 50) <= 50 * error
    assert abs(row["eie_idle_power_w"] - 50) <= 12.5
    assert row["eie_energy_window_s"] >= 0.1 and row["eie_energy_update_s"] > 0
    assert 0 < row["eie_energy_j"] < row["eie_power_w"] * row["eie_energy_window_s"]
    assert row["eie_board_temperature_c"] == 37 and "eie_board_sm_clock_hz" not in row
    text = report_of(toys.folder)
    assert f"{CPU} on cpu" in text[text.index("### Energy of the processor") :]
    assert f"Energy: measured: {source}" in text


def test_report_has_the_processor_energy(toys):
    """Rows of the paper's layers: their energy stands in Table V and in the energy headline."""
    where = ("--suite", "paper", "--layer", "Alex-7", "--threads", "1", "--cache", "hot", "--budget", "least")
    results = toys.bench(*where, "--kernel", f"{CPU},{DENSE}")
    rows = {row["eie_kernel"]: row for row in results["benchmarks"]}
    assert {row["eie_energy_state"] for row in rows.values()} == {"measured"}
    report_of(toys.folder)
    with open(toys.folder / "report/table5_platforms.csv", encoding="utf-8", newline="") as file:
        cells = {(line["row"], line["column"]): line for line in csv.DictReader(file)}
    found = cells[f"this host: {CPU}@1", "power (W)"]
    assert float(found["value"]) == pytest.approx(rows[CPU]["eie_power_w"], rel=1e-3)
    assert found["provenance"] == "measured" and "toy counter" in found["source"]


@pytest.mark.parametrize(
    "wrong, state, what",
    [
        ("none", "unavailable", "take another one"),
        ("locked", "no permission", "ask for the key"),
        ("gone", "unavailable", "under the bed"),
        ("still", "window too short", "wind it up"),
        ("slow", "window too short", "larger --budget"),
        ("back", "wrapped", "went back"),
    ],
)
def test_meter_without_a_number(toys, bench, wrong, state, what):
    results, (row,) = bench(CPU, TOY_METER=wrong)
    words = results["context"]["eie_host_energy"]  # before the first row
    assert words.startswith(f"{state}: " if wrong in ("none", "locked") else "measured: "), words
    assert what in words or wrong not in ("none", "locked")
    assert row["eie_status"] == "ok" and row["eie_median_ns"] > 0
    assert row["eie_energy_state"] == state and what in row["eie_energy_reason"], row
    assert not any(key in row for key in ("eie_energy_j", "eie_energy_source", "eie_power_w"))
    table = report_of(toys.folder)
    if wrong in ("none", "locked"):  # the same of every row
        assert f"This host's energy is {state}" in table and "### Energy of the processor" not in table
    else:
        assert state in table[table.index("### Energy of the processor") :]


def test_processor_without_a_meter(eie, tiny):
    """With EIE_RAPL=no nobody asks for the processor's energy, and models have none to measure."""
    results = eie.bench("--suite", tiny, "--layer", "even", "--threads", "1", "--kernel", f"{CPU},model_*")
    assert len(results["benchmarks"]) > 1
    assert not any(key.startswith("eie_energy_state") for row in results["benchmarks"] for key in row)
    words = "unavailable: EIE_RAPL=no: the meter of processors with RAPL is not asked; unset EIE_RAPL"
    assert results["context"]["eie_host_energy"] == words


def test_models_are_not_metered(bench):
    _, rows = bench("model_*")
    assert rows and not any("eie_energy_state" in row for row in rows)


# ---- one file each -----------------------------------------------------------------------------

VENDORS = re.compile("cuda|opencl|nvml|nvidia|pocl|rapl|intel", re.IGNORECASE)
NAMED = {  # files of bench that may name a runtime, and in what lines
    "rows/context.c": r'"(POCL|CUDA|NVIDIA)_',  # variables of the environment that a results file keeps
    "doctor/doctor.c": r'"unset EIE_RAPL"',  # what to do
}


def test_bench_names_no_vendor():
    found = {}
    for path in sorted((REPOSITORY / "bench").rglob("*.[ch]*")):
        name = str(path.relative_to(REPOSITORY / "bench"))
        for line in path.read_text(encoding="utf-8").splitlines():
            if VENDORS.search(line) and not (name in NAMED and re.search(NAMED[name], line)):
                found.setdefault(name, []).append(line)
    assert not found
    assert all(VENDORS.search((REPOSITORY / "bench" / name).read_text(encoding="utf-8")) for name in NAMED)


def test_nothing_else_knows_the_toys():
    known = re.compile(r"toy_(runtime|meter|dense)|eie_(runtime|meter)_toy")
    for folder in ("host", "kernels", "bench", "cmake", "plots", "data"):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.is_file() and path.suffix in (".c", ".h", ".cc", ".cmake", ".py", ".json"):
                assert not known.search(path.read_text(encoding="utf-8")), path
    assert not known.search((REPOSITORY / "tests/CMakeLists.txt").read_text(encoding="utf-8"))


def test_counters_are_the_processors_alone(bench):
    _, rows = bench(f"{TOY},{CPU}", "--counters")
    assert len(rows) == 3 and all("eie_counters_state" in row for row in rows)
    for row in rows:
        if row["eie_kernel"] == TOY:  # by both clocks
            assert row["eie_counters_state"] == "unavailable" and "device" in row["eie_counters_reason"]
            assert "eie_counters_calls" not in row and "eie_counted_task_clock_ns" not in row
