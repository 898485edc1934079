"""`eie bench`: the results file, what is missing in it and why, time, progress, and signals."""

import datetime
import json
import math
import os
import signal
import statistics

import pytest
from command import DATA, GUARD_S, Command, rows_in, suite_object, wait_for
from layerfile import File, layer_hash

KEYS = {
    "name": str,
    "run_name": str,
    "run_type": str,
    "iterations": int,
    "repetitions": int,
    "threads": int,
    "real_time": float,
    "cpu_time": float,
    "time_unit": str,
    "eie_suite": str,
    "eie_layer": str,
    "eie_layer_hash": str,
    "eie_kernel": str,
    "eie_device": str,
    "eie_batch": int,
    "eie_threads": int,
    "eie_cache": str,
    "eie_resident": str,
    "eie_time_source": str,
    "eie_status": str,
    "eie_reason": str,
    "eie_provenance": str,
    "eie_median_ns": float,
    "eie_samples_ns": list,
    "eie_prepare_ns": float,
    "eie_macs_useful": int,
    "eie_macs_padding": int,
    "eie_bytes": int,
    "eie_prepared_bytes": int,
}
MISSING_KEYS = [
    "name",
    "eie_suite",
    "eie_layer",
    "eie_layer_hash",
    "eie_kernel",
    "eie_device",
    "eie_batch",
    "eie_threads",
    "eie_cache",
    "eie_time_source",
    "eie_status",
    "eie_reason",
]
OWN_KEYS = ["eie_suite", "eie_layer", "eie_kernel", "eie_device", "eie_batch", "eie_threads", "eie_cache", "eie_time_source"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One small matrix on this machine as it is: (results, what was printed)."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "tiny.json").write_text(json.dumps(suite_object()), encoding="utf-8")
    done = Command(folder, machine={})(
        "bench",
        "--quiet",
        "--suite",
        "tiny.json",
        "--layer",
        "even,odd",
        "--batch",
        "1,4",
        "--kernel",
        "scalar_eie_*,model_*,peers_openblas_*",
        "--cache",
        "hot",
        "--budget",
        "least",
        "--out",
        "out.json",
        env={"EIE_OPENBLAS": "/nonexistent.so"},
    )
    assert sorted(path.name for path in folder.iterdir()) == ["out.json", "tiny.json"]
    return json.loads((folder / "out.json").read_text(encoding="utf-8")), done


@pytest.fixture
def results(run):
    return run[0]


@pytest.fixture
def rows(results):
    return results["benchmarks"]


# ---- the file ----------------------------------------------------------------------------------


def test_every_row_has_every_key_of_the_contract(rows):
    assert len(rows) > 10
    for row in rows:
        for key, kind in KEYS.items():
            assert isinstance(row[key], kind) and not isinstance(row[key], bool), (row["name"], key)


def test_names_are_unique_and_hold_the_key(rows, results):
    names = [row["name"] for row in rows + results["eie_missing"]]
    assert len(set(names)) == len(names)
    for row in rows:
        assert row["name"] == row["run_name"]
        assert row["name"] == "{}/{}/{}/{}/batch:{}/threads:{}/cache:{}/time:{}".format(*(row[key] for key in OWN_KEYS))


def test_every_combination_is_there(rows, results):
    cores = results["context"]["eie_cores"]
    combinations = {tuple(row[key] for key in OWN_KEYS[1:6]) for row in rows}
    for layer in ("even", "odd"):
        for batch in (1, 4):
            for threads in {1, cores}:
                assert (layer, "scalar_eie_stream", "cpu", batch, threads) in combinations
            assert not any(one[:2] == (layer, "scalar_ref_dense") for one in combinations)  # by name only
            assert (layer, "model_eie_analytic", "eie-64pe-45nm", batch, 0) in combinations


def test_median_is_that_of_the_samples(rows):
    for row in rows:
        samples = row["eie_samples_ns"]
        assert len(samples) + len(row.get("eie_disturbed_ns", [])) == row["repetitions"] >= (6 if row["eie_threads"] else 1)
        assert all(sample > 0 for sample in samples)
        assert row["eie_median_ns"] == pytest.approx(statistics.median(samples), rel=1e-9)


def test_real_time_is_the_median_in_nanoseconds(rows):
    for row in rows:
        assert row["real_time"] == row["eie_median_ns"] > 0 and row["time_unit"] == "ns"


def test_interval_and_spread_enclose_the_median(rows):
    for row in rows:
        assert row["eie_min_ns"] <= row["eie_ci95_low_ns"] <= row["eie_median_ns"]
        assert row["eie_median_ns"] <= row["eie_ci95_high_ns"] <= row["eie_max_ns"]


def test_status_of_a_row_with_a_number_is_ok(rows):
    assert {row["eie_status"] for row in rows} == {"ok"}


def test_model_rows_are_modelled_and_others_measured(rows):
    for row in rows:
        words = {"model_eie_analytic": "modelled", "model_eie_cycle": "simulated"}
        model = row["eie_kernel"] in words
        assert row["eie_provenance"] == words.get(row["eie_kernel"], "measured")
        assert row["eie_time_source"] == ("model" if model else "wall")
        assert row["eie_cache"] == ("none" if model else "hot")
        assert (row["eie_threads"] == 0) == model


def test_energy_that_was_not_measured_is_no_silent_zero(rows):
    for row in rows:
        if row["eie_kernel"].startswith("model_"):
            assert row["eie_energy_j"] > 0 and row["eie_energy_source"] and row["eie_cycles"] > 0
        else:
            assert "eie_energy_j" not in row and "eie_cycles" not in row


def test_counts_are_those_of_the_layer(rows, tiny_bytes):
    file = File(tiny_bytes)
    for row in rows:
        active = file.array(f"{row['eie_layer']}.sample_inputs")[: row["eie_batch"]] != 0
        starts = file.array(f"{row['eie_layer']}.column_start").astype(int)
        entries = file.array(f"{row['eie_layer']}.entries")
        weights = [
            sum(int((entries[starts[pe, j] : starts[pe, j + 1]] != 0x0F).sum()) for pe in range(len(starts)))
            for j in range(starts.shape[1] - 1)
        ]
        assert row["eie_macs_useful"] == sum(sum(w for w, on in zip(weights, sample) if on) for sample in active)


def test_layer_hash_is_that_of_the_layer(rows, tiny_bytes):
    for row in rows:
        assert row["eie_layer_hash"] == layer_hash(File(tiny_bytes), row["eie_layer"])


def test_context_says_where_the_numbers_come_from(results):
    context = results["context"]
    for key in (
        "eie_format",
        "eie_version",
        "eie_revision",
        "eie_compiler",
        "eie_compiler_flags",
        "eie_build_type",
        "eie_cpu_name",
        "eie_operating_system",
        "eie_governor",
        "eie_host_energy",
    ):
        assert isinstance(context[key], str) and context[key], key
    for key in ("eie_cores", "eie_hardware_threads", "eie_numa_nodes", "eie_memory_bytes"):
        assert context[key] > 0, key
    assert "--suite tiny.json" in context["eie_command"]


def test_printed_table_has_a_line_for_each_row(run):
    results, done = run
    assert len(done.stdout.splitlines()) == 1 + len(results["benchmarks"]) + len(results["eie_missing"])


def test_generated_files_are_plain_json(results):
    def finite(value):
        if isinstance(value, dict):
            return all(map(finite, value.values()))
        if isinstance(value, list):
            return all(map(finite, value))
        return not isinstance(value, float) or math.isfinite(value)

    assert set(results) == {"context", "benchmarks", "eie_missing"} and finite(results)


# ---- what consumers of Google Benchmark's files read -------------------------------------------


def test_context_is_that_of_google_benchmark(results):
    context = results["context"]
    assert datetime.datetime.fromisoformat(context["date"]).tzinfo is not None
    assert isinstance(context["host_name"], str) and context["host_name"]
    assert isinstance(context["executable"], str)
    assert context["num_cpus"] >= 1 and isinstance(context["mhz_per_cpu"], int)
    assert isinstance(context["cpu_scaling_enabled"], bool)
    assert context["library_build_type"] in ("release", "debug")
    assert all(isinstance(value, float) for value in context["load_avg"])
    for cache in context["caches"]:
        assert isinstance(cache["type"], str) and {"level", "size", "num_sharing"} < set(cache)
        assert cache["level"] >= 1 and cache["size"] > 0


def test_rows_are_those_of_google_benchmark(rows):
    for row in rows:
        assert row["run_type"] == "iteration" and "error_occurred" not in row and row["iterations"] >= 1
        assert row["cpu_time"] > 0 and row["threads"] >= 1
        assert json.dumps(row["name"]).isascii() and "\n" not in row["name"]


# ---- rows without a number ---------------------------------------------------------------------


def test_missing_library_by_glob_leaves_the_rest(run):
    results, done = run
    missing = results["eie_missing"]
    assert done.returncode == 0 and missing
    for row in missing:
        assert all(key in row for key in MISSING_KEYS)
        wanted = "peers_openblas_sgemv" if row["eie_batch"] == 1 else "peers_openblas_sgemm"
        assert row["eie_kernel"] == wanted and row["eie_status"] == "skipped"
        assert "/nonexistent.so" in row["eie_reason"]
        assert "real_time" not in row and "eie_median_ns" not in row


def test_missing_library_by_exact_name_is_exit_3(eie, tiny):
    done = eie.run(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        "peers_openblas_sgemv,scalar_eie_stream",
        "--budget",
        "least",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--out",
        "out.json",
        env={"EIE_OPENBLAS": "/nonexistent.so"},
    )
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "peers_openblas_sgemv" in done.stderr and "/nonexistent.so" in done.stderr
    results = json.loads((eie.folder / "out.json").read_text())
    (row,) = results["eie_missing"]
    assert row["eie_kernel"] == "peers_openblas_sgemv" and row["eie_status"] == "skipped" and row["eie_reason"]
    assert len(results["benchmarks"]) == 1


def test_nothing_but_a_missing_library(eie, tiny):
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        "peers_openblas_sgem*",
        code=3,
        env={"EIE_OPENBLAS": "/nonexistent.so"},
    )
    assert results["benchmarks"] == [] and results["eie_missing"]


CPU_KERNELS = "scalar_eie_str*,scalar_float_cs*,avx2_*,avx512_*,cpu_auto"


def test_batch_beyond_the_samples_is_drawn(eie, tiny, make_suite):
    """As if the suite carried so many: the same inputs, behind the same first ones, and the layer keeps its hash."""
    options = ("--layer", "even", "--kernel", CPU_KERNELS, "--threads", "1,2", "--batch")
    results = eie.bench("--suite", tiny, *options, "3,4,5,256")
    rows = {(row["eie_kernel"], row["eie_threads"], row["eie_batch"]): row for row in results["benchmarks"]}
    assert {batch for *_, batch in rows} == {3, 4, 5, 256}
    assert {row["eie_status"] for row in results["eie_missing"]} <= {"unsupported", "skipped"}
    assert not any("sample inputs" in row["eie_reason"] for row in results["eie_missing"])
    assert len({row["eie_layer_hash"] for row in rows.values()}) == 1
    for (kernel, _, batch), row in rows.items():
        assert row["eie_active_inputs"] == 32 * batch
        assert row["eie_macs_useful"] == rows["scalar_eie_stream", 1, batch]["eie_macs_useful"]
    carried = eie.bench("--suite", make_suite(samples=256), *options, "4,256")
    for row in carried["benchmarks"]:
        if row["eie_kernel"] == "scalar_eie_stream":
            assert row["eie_macs_useful"] == rows["scalar_eie_stream", 1, row["eie_batch"]]["eie_macs_useful"]


def test_batch_beyond_what_is_drawn_is_unsupported(eie, tiny):
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        "scalar_eie_str*,scalar_float_cs*",
        "--threads",
        "1",
        "--batch",
        "4,1025",
    )
    assert {row["eie_batch"] for row in results["benchmarks"]} == {4}
    assert len(results["eie_missing"]) == 2
    for row in results["eie_missing"]:
        assert row["eie_batch"] == 1025 and row["eie_status"] == "unsupported"
        assert "4 sample inputs" in row["eie_reason"] and "no more than 1024 are drawn" in row["eie_reason"]


def test_samples_of_a_file_are_not_drawn(eie, tiny):
    eie("layer", "gen", f"{tiny}/odd", "-o", "odd.safetensors")
    results = eie.bench("--suite", "odd.safetensors", "--kernel", "scalar_eie_str*", "--threads", "1", "--batch", "4,5")
    assert {row["eie_batch"] for row in results["benchmarks"]} == {4}
    (row,) = results["eie_missing"]
    assert row["eie_status"] == "unsupported" and "those of a file cannot be drawn" in row["eie_reason"]


@pytest.mark.parametrize("kernel", ["scalar_*", "scalar_ref_dense"])
def test_nothing_but_batches_beyond_the_samples(eie, tiny, kernel):
    results = eie.bench("--suite", tiny, "--layer", "odd", "--kernel", kernel, "--batch", "1025", code=3)
    assert results["benchmarks"] == [] and {row["eie_status"] for row in results["eie_missing"]} == {"unsupported"}


def test_nothing_could_run_is_one_line(eie, tiny):
    eie.fails(3, "none of them could run", "bench", "--quiet", "--suite", tiny, "--kernel", "scalar_*", "--batch", "1025")


def test_memory_that_does_not_suffice_is_skipped(eie, tiny):
    results = eie.bench(
        "--suite", tiny, "--layer", "even", "--kernel", "scalar_*", "--threads", "1", "--memory", "1", code=3
    )
    assert {row["eie_status"] for row in results["eie_missing"]} == {"skipped"}
    assert all("--memory" in row["eie_reason"] for row in results["eie_missing"])


def test_file_names_that_are_no_text_are_written_all_the_same(eie, tiny):
    name = b"\xff.json"
    done = eie.popen("bench", "--quiet", "--suite", tiny, "--kernel", "model_*", "--out", os.fsdecode(name))
    done.communicate()
    assert done.returncode == 0
    assert json.loads((eie.folder / os.fsdecode(name)).read_text(encoding="utf-8"))["context"]["eie_command"]


# ---- real layers that are not there ------------------------------------------------------------


@pytest.mark.parametrize("env", [{}, {"EIE_MODELS": ""}], ids=["unset", "empty"])
def test_real_layers_without_a_folder(eie, env):
    eie.fails(3, "EIE_MODELS", "bench", "--quiet", "--suite", "real", env=env)
    results = eie.bench("--suite", "real", code=3, env=env)
    assert not results["benchmarks"] and results["eie_missing"]
    for row in results["eie_missing"]:
        assert row["eie_status"] == "skipped" and "EIE_MODELS" in row["eie_reason"]


def test_real_layers_from_an_empty_folder(eie, tmp_path):
    (tmp_path / "empty").mkdir()
    env = {"EIE_MODELS": str(tmp_path / "empty")}
    eie.fails(2, "empty/alexnet-fc8-dump", "bench", "--quiet", "--suite", "real", env=env)
    results = eie.bench("--suite", "real", code=2, env=env)
    assert not results["benchmarks"] and {row["eie_status"] for row in results["eie_missing"]} == {"error"}


def test_real_layers_that_are_not_there_do_not_stop_the_rest(eie, tiny):
    results = eie.bench("--suite", f"real,{tiny}", "--kernel", "model_*", code=3)
    assert {row["eie_layer"] for row in results["benchmarks"]} == {"even", "sparse", "odd"}


def test_import_without_a_folder(eie):
    eie.fails(2, "EIE_MODELS", "layer", "import", "-o", "x.safetensors")


def test_import_from_an_empty_folder(eie, tmp_path):
    (tmp_path / "empty").mkdir()
    eie.fails(2, "empty/act.dat", "layer", "import", "empty", "-o", "x.safetensors")


# ---- time and progress -------------------------------------------------------------------------


def test_no_row_is_left_out_for_the_budget(eie, tiny):
    """However short it is: each row has its least samples."""
    arguments = ["--suite", tiny, "--kernel", "scalar_eie_stream,peers_openblas_*", "--threads", "1"]
    least, short = (eie.bench(*arguments, "--budget", budget) for budget in ("least", "0.001"))
    assert len(short["benchmarks"]) == 6 and not short["eie_missing"]
    assert [row["name"] for row in short["benchmarks"]] == [row["name"] for row in least["benchmarks"]]
    assert all(row["repetitions"] >= 6 for row in short["benchmarks"])


def test_progress_on_a_pipe_is_lines(eie, tiny):
    done = eie(
        "bench",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        "scalar_eie_*",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--budget",
        "least",
    )
    assert done.stderr.endswith("\n") and "\r" not in done.stderr and "\x1b" not in done.stderr
    assert all(line.startswith("[") and " %] tiny/odd" in line for line in done.stderr.splitlines())
    assert "\r" not in done.stdout and "\x1b" not in done.stdout


def test_quiet_says_nothing(eie, tiny):
    assert eie("bench", "--quiet", "--suite", tiny, "--kernel", "model_*").stderr == ""


# ---- signals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signal_leaves_the_finished_groups(eie, tiny, tmp_path, halting, number):
    (tmp_path / "halt").write_text("2")
    process = eie.popen(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--plugin",
        halting,
        "--kernel",
        "test_*,scalar_eie_stream",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--budget",
        "least",
        "--out",
        "out.json",
    )
    try:
        wait_for(process, (tmp_path / "halted").exists)
        wait_for(process, lambda: any("test_halting" in name for name in rows_in(tmp_path / "out.json")))
        process.send_signal(number)
        assert process.wait(GUARD_S) == -number
    finally:
        process.kill()
        process.communicate()
    rows = rows_in(tmp_path / "out.json").values()
    assert len([row for row in rows if row["eie_kernel"] == "test_halting"]) == 1
    made = {"halt", "halted", "halting.so", "tiny.json"}
    assert {path.name for path in tmp_path.iterdir()} - made == {"out.json"}


def test_a_signal_that_is_ignored_stays_ignored(eie, tiny, tmp_path, halting):
    """nohup"""
    (tmp_path / "halt").write_text("2")
    process = eie.popen(
        *("bench", "--quiet", "--suite", tiny, "--plugin", halting, "--kernel", "test_*,scalar_eie_stream"),
        *("--threads", "1", "--cache", "hot", "--budget", "least", "--out", "out.json"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    try:
        wait_for(process, (tmp_path / "halted").exists)
        process.send_signal(signal.SIGHUP)
        (tmp_path / "halt").unlink()
        process.send_signal(signal.SIGTERM)
        assert process.wait(GUARD_S) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


def test_signal_at_any_time_leaves_whole_files_only(eie, tiny, tmp_path, signalled):
    for time in range(1, 4):
        (tmp_path / "out.json").unlink(missing_ok=True)
        done = eie.run(
            "bench",
            "--quiet",
            "--suite",
            tiny,
            "--kernel",
            "model_*",
            "--out",
            "out.json",
            env=signalled(signal.SIGINT, time),
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGINT
        there = [path.name for path in tmp_path.iterdir()]
        assert sorted(there) in (["tiny.json"], ["out.json", "tiny.json"])  # nothing half-written
        assert ("out.json" in there) >= (signalled.moment == "renamed")
        assert "out.json" not in there or rows_in(tmp_path / "out.json")
    assert time > 1 and rows_in(tmp_path / "out.json")


def test_good_file_survives_a_signal_before_the_first_group(eie, tiny, tmp_path, halting):
    (tmp_path / "out.json").write_text("{}")
    (tmp_path / "halt").write_text("1")
    process = eie.popen("bench", "--suite", tiny, "--plugin", halting, "--kernel", "test_*", "--out", "out.json")
    try:
        wait_for(process, (tmp_path / "halted").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(GUARD_S) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / "out.json").read_text() == "{}"
    assert not list(tmp_path.glob(".*"))


def test_device_by_path(eie, tiny, tmp_path):
    mine = json.loads((DATA / "devices" / "eie-64pe-45nm.json").read_text(encoding="utf-8"))
    mine["numbers"]["pe_count"]["value"] = 16
    mine["numbers"]["pointer_bytes_per_pe"]["value"] = 1
    (tmp_path / "mychip.json").write_text(json.dumps(mine), encoding="utf-8")
    results = eie.bench("--suite", tiny, "--kernel", "model_*", "--device", "./mychip.json")
    assert {row["eie_device"] for row in results["benchmarks"]} == {"mychip"}
    assert all("pointer SRAM" in row["eie_fits_on_chip"] for row in results["benchmarks"])
    assert all(len(row["eie_device_hash"]) == 64 for row in results["benchmarks"])


def test_results_into_a_pipe_are_one_document(eie, tiny):
    done = eie.run("bench", "--quiet", "--suite", tiny, "--kernel", "model_*", "--out", "/dev/stderr")
    assert done.returncode == 0
    assert {row["eie_layer"] for row in json.loads(done.stderr)["benchmarks"]} == {"even", "sparse", "odd"}


def test_more_threads_than_cores(eie, tiny):
    eie.fails(2, "--threads 4096", "bench", "--suite", tiny, "--threads", "4096")
