"""`eie bench`: cache modes, groups that are split, matrices that are taken up again."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
from command import DATA, GUARD_S, rows_in, suite_object, wait_for

KERNEL = "scalar_eie_stream"


@pytest.fixture
def many(make_suite):
    """Forty small layers: a matrix that takes a few seconds."""
    odd = suite_object()["layers"][2]
    return make_suite("many.json", [odd | {"name": f"odd-{i}"} for i in range(40)])


def names(results):
    return [row["name"] for row in results["benchmarks"] + results["eie_missing"]]


def one(results, **wanted):
    (row,) = (
        row
        for row in results["benchmarks"] + results["eie_missing"]
        if all(row[f"eie_{key}"] == value for key, value in wanted.items())
    )
    return row


# ---- cache modes -------------------------------------------------------------------------------


def test_cache_modes_rotate_copies(eie, tiny):
    results = eie.bench(
        "--suite", tiny, "--layer", "sparse", "--kernel", KERNEL, "--threads", "1", "--cache", "hot,llc,dram"
    )
    context = results["context"]
    assert [context[f"eie_{level}_bytes"] for level in ("l1d", "l2", "l3")] == [32 << 10, 512 << 10, 8 << 20]
    assert one(results, cache="hot")["eie_copies"] == 1
    llc, dram = one(results, cache="llc"), one(results, cache="dram")
    bytes_, private = llc["eie_copies"] * llc["eie_prepared_bytes"], 544 << 10
    assert 4 * private <= bytes_ < 4 * private + llc["eie_prepared_bytes"]
    bytes_ = dram["eie_copies"] * dram["eie_prepared_bytes"]
    assert 16 << 20 <= bytes_ < (16 << 20) + dram["eie_prepared_bytes"]


@pytest.mark.parametrize("value", ["warm", "", "hot,", "hot,cold", "none", ","])
def test_unknown_cache_mode(eie, tiny, value):
    if value == "hot,":  # an empty word is no word
        eie("bench", "--quiet", "--suite", tiny, "--kernel", "model_*", "--cache", value)
    else:
        eie.fails(2, "--cache", "bench", "--suite", tiny, "--cache", value)


def test_rows_say_where_they_stand_under_the_ceilings(eie, tiny):
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", f"{KERNEL},model_*", "--threads", "1")
    (run,) = results["context"]["eie_runs"]
    levels = {ceiling["level"] for ceiling in run["eie_ceilings"]}
    assert levels <= {"l1", "l2", "l3", "dram"}
    assert {peak["operation"] for peak in run["eie_peaks"]} >= {"int16", "float32"}
    assert all(entry["threads"] == 1 for entry in run["eie_ceilings"] + run["eie_peaks"] + run["eie_pool"])
    (adds,) = run["eie_adds"]
    assert adds["threads"] == 1 and adds["adds_per_s"] > 0 and adds["working_set_bytes"] == 16384 and adds["loop"]
    (pool,) = run["eie_pool"]
    assert pool["run_ns"] > 0 and pool["barrier_ns"] > 0
    assert all(ceiling["bytes_per_s"] > 0 and ceiling["loop"] for ceiling in run["eie_ceilings"])
    row = one(results, kernel=KERNEL)
    assert row["eie_run"] == 0
    assert row["eie_floor_bound"] in levels | {"arithmetic", "adds"}
    assert row["eie_floor_share"] == pytest.approx(row["eie_floor_ns"] / row["eie_median_ns"], rel=1e-6)
    assert 0 < row["eie_floor_share"] < 1.15
    for row in results["benchmarks"]:
        if row["eie_time_source"] == "model":
            assert "eie_floor_ns" not in row
        assert row["eie_inputs"] == 64 and row["eie_outputs"] == 48 and row["eie_active_inputs"] == 32
        assert row["eie_nonzeros"] == 614 and row["eie_entries"] >= row["eie_nonzeros"]


def test_every_row_names_a_command_that_repeats_it(eie, tiny):
    results = eie.bench("--suite", tiny, "--layer", "odd", "--kernel", KERNEL, "--threads", "1", "--batch", "4")
    (row,) = results["benchmarks"]
    words = row["eie_again"].split()
    assert words[0] == "eie"
    again = eie(*words[1:], "--quiet", "--budget", "least", "--out", "again.json")
    assert again.returncode == 0
    repeated = json.loads((eie.folder / "again.json").read_text(encoding="utf-8"))
    assert names(repeated) == [row["name"]]


# ---- groups that do not fit --------------------------------------------------------------------


def test_group_that_needs_more_memory_is_split(eie, tiny):
    """With less to spare the others come one after the other, each in a visit with the reference."""
    arguments = [
        "--suite",
        tiny,
        "--layer",
        "even",
        "--threads",
        "1",
        "--kernel",
        f"peers_openblas_sgemv,scalar_ref_dense,{KERNEL}",
    ]
    whole = eie.bench(*arguments)["benchmarks"]
    assert len(whole) == 3 and all(row["eie_visits"] == [1] for row in whole)
    for memory in range(330000, 290000, -5000):
        rows = {row["eie_kernel"]: row for row in eie.bench(*arguments, "--memory", memory, code=None)["benchmarks"]}
        if any(row["eie_visits"] != [1] for row in rows.values()):
            break
    reference, one_, other = (rows[kernel] for kernel in ("peers_openblas_sgemv", "scalar_ref_dense", KERNEL))
    assert sorted(one_["eie_visits"] + other["eie_visits"]) == [1, 2]
    for visit in (1, 2):  # samples that were set apart are in no visit
        assert visit in reference["eie_visits"] or reference["eie_disturbed_ns"]


# ---- taking a matrix up again ------------------------------------------------------------------


def test_resume_runs_the_rest_and_keeps_the_rows(eie, tiny):
    first = eie.bench("--suite", tiny, "--layer", "odd", "--kernel", KERNEL, "--threads", "1")
    second = eie.bench("--suite", tiny, "--kernel", KERNEL, "--threads", "1", "--resume")
    assert second["benchmarks"][0] == first["benchmarks"][0]
    assert {row["eie_layer"] for row in second["benchmarks"]} == {"even", "sparse", "odd"}
    assert len(second["benchmarks"]) == 3 == len(set(names(second)))
    assert len(second["context"]["eie_runs"]) == 2
    assert [row["eie_run"] for row in second["benchmarks"]] == [0, 1, 1]
    assert second["context"]["date"] == first["context"]["date"]
    assert all(run["eie_ceilings"] for run in second["context"]["eie_runs"])


def test_resume_of_a_finished_matrix_runs_nothing(eie, tiny):
    arguments = ["--suite", tiny, "--layer", "odd", "--kernel", KERNEL, "--threads", "1"]
    first = eie.bench(*arguments)
    second = eie.bench(*arguments, "--resume")
    assert second == first


def test_resume_without_a_file_begins_one(eie, tiny):
    assert eie.bench("--suite", tiny, "--kernel", "model_*", "--resume")["benchmarks"]


def test_resume_tries_skipped_rows_again(eie, tiny):
    arguments = ["--suite", tiny, "--layer", "odd", "--kernel", KERNEL, "--threads", "1"]
    assert eie.bench(*arguments, "--memory", "1", code=3)["eie_missing"]
    second = eie.bench(*arguments, "--resume")
    assert second["benchmarks"] and not second["eie_missing"]


def test_resume_needs_a_file(eie, tiny):
    eie.fails(2, "--out", "bench", "--suite", tiny, "--resume")
    eie.fails(2, "regular file", "bench", "--suite", tiny, "--resume", "--out", "/dev/null")


@pytest.mark.parametrize("env", [{"EIE_ISA_MASK": "avx2"}, {"OMP_NUM_THREADS": "1"}], ids=lambda env: min(env))
def test_resume_never_mixes_environments(eie, tiny, env):
    eie.bench("--suite", tiny, "--layer", "odd", "--kernel", "model_*")
    eie.fails(
        2,
        "another machine or build",
        "bench",
        "--suite",
        tiny,
        "--kernel",
        "model_*",
        "--out",
        "out.json",
        "--resume",
        env=env,
    )


@pytest.mark.parametrize(
    "key",
    [
        "eie_cpu_name",
        "host_name",
        "eie_cores",
        "eie_l3_bytes",
        "eie_revision",
        "eie_compiler",
        "eie_compiler_flags",
        "eie_binary_sha256",
    ],
)
def test_resume_never_mixes_machines_or_builds(eie, tiny, key):
    results = eie.bench("--suite", tiny, "--layer", "odd", "--kernel", "model_*")
    results["context"][key] = 4711 if isinstance(results["context"][key], int) else "another"
    (eie.folder / "out.json").write_text(json.dumps(results), encoding="utf-8")
    eie.fails(2, key, "bench", "--suite", tiny, "--kernel", "model_*", "--out", "out.json", "--resume")


def test_resume_never_mixes_layers_of_one_name(eie, make_suite):
    suite = make_suite("made.json")
    eie.bench("--suite", suite, "--layer", "odd,even", "--kernel", "model_eie_analytic", "--device", "eie-64pe-45nm")
    make_suite("made.json", seed=8)
    done = eie.fails(2, "another layer", "bench", "--suite", suite, "--kernel", "model_*", "--out", "out.json", "--resume")
    assert not done.stdout


def test_resume_never_mixes_descriptions_of_one_name(eie, tiny, tmp_path):
    mine = json.loads((DATA / "devices" / "eie-64pe-45nm.json").read_text(encoding="utf-8"))
    arguments = ["--suite", tiny, "--kernel", "model_*", "--device", "./mine.json"]
    (tmp_path / "mine.json").write_text(json.dumps(mine), encoding="utf-8")
    eie.bench(*arguments, "--layer", "odd")
    mine["numbers"]["queue_depth"]["value"] = 4
    (tmp_path / "mine.json").write_text(json.dumps(mine), encoding="utf-8")
    done = eie.run("bench", "--quiet", *arguments, "--layer", "odd,even", "--batch", "1,2", "--out", "out.json", "--resume")
    assert done.returncode == 2 and "another description" in done.stderr and len(done.stderr.splitlines()) == 1


def test_two_suites_of_one_name(eie, make_suite, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    make_suite("a/one.json"), make_suite("b/one.json", seed=8)
    eie.fails(2, "called one", "bench", "--suite", "a/one.json,b/one.json", "--kernel", "model_eie_analytic")
    once = eie.bench("--suite", "a/one.json,./a/one.json", "--kernel", "model_eie_analytic")
    assert len(once["benchmarks"]) == 6


SMALL_L3 = {
    "HWLOC_SYNTHETIC": "numa:1 l3:1(size=4194304) l2:1(size=1048576) l1d:1(size=32768) core:1 pu:1",
    "HWLOC_THISSYSTEM": "1",
}


def test_cache_mode_that_the_machine_cannot_have(eie, tiny):
    """llc is a default: a kernel asked for by name is not missing because this machine has no such cache."""
    named = [
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        KERNEL,
        "--threads",
        "1",
        "--budget",
        "least",
    ]
    done = eie(*named, "--out", "out.json", env=SMALL_L3)
    results = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    assert one(results, cache="hot")["eie_status"] == "ok" and one(results, cache="llc")["eie_status"] == "unsupported"
    assert done.stderr == ""
    assert eie.run(*named, "--cache", "llc", env=SMALL_L3).returncode == 3


@pytest.mark.parametrize("topology", ["core:1 pu:1", "l1:1(size=32768) core:1 pu:1"], ids=["no caches", "first level only"])
def test_caches_that_the_machine_hides_make_nothing_suspect(eie, make_suite, topology):
    layer = suite_object()["layers"][0] | {"name": "mid", "inputs": 1024, "outputs": 1024}
    make_suite("mid.json", [layer])
    results = eie.bench(
        "--suite",
        "mid.json",
        "--kernel",
        "peers_openblas_*",
        "--threads",
        "1",
        env={"HWLOC_SYNTHETIC": topology, "HWLOC_THISSYSTEM": "1"},
    )
    assert [row["eie_status"] for row in results["benchmarks"]] == ["ok"]


def test_batches_of_two_kernels_asked_for_by_name(eie, tiny):
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--threads",
        "1",
        "--batch",
        "1,4",
        "--kernel",
        "peers_openblas_sgemv,peers_openblas_sgemm",
    )
    assert {(row["eie_kernel"][-5:], row["eie_batch"]) for row in results["benchmarks"]} == {("sgemv", 1), ("sgemm", 4)}


def damaged(results):
    row = results["benchmarks"][0]
    yield "", "an empty document"
    yield "{", "a truncated document"
    yield json.dumps(results)[:-40], "a document without its end"
    yield "[]", "a list"
    yield json.dumps(results | {"context": 1}), "a context that is a number"
    yield json.dumps(results | {"benchmarks": {}}), "rows that are no list"
    yield json.dumps(results | {"benchmarks": [row, row]}), "a row twice"
    yield json.dumps(results | {"benchmarks": [row | {"eie_status": "fine"}]}), "an unknown status"
    yield json.dumps(results | {"benchmarks": [row | {"name": 5}]}), "a name that is a number"
    yield json.dumps(results | {"benchmarks": [row | {"real_time": 0}]}), "a row without a time"
    yield json.dumps(results | {"benchmarks": [row | {"real_time": "1"}]}), "a time that is text"
    yield json.dumps(results | {"eie_missing": [row]}), "a number among the missing ones"
    yield json.dumps(results | {"benchmarks": [3]}), "a row that is a number"
    yield json.dumps(results | {"context": results["context"] | {"eie_runs": []}}), "no run"


def test_resume_of_a_damaged_file_leaves_it_alone(eie, tiny):
    results = eie.bench("--suite", tiny, "--layer", "odd", "--kernel", "model_*")
    for text, what in damaged(results):
        if not text:
            continue
        (eie.folder / "out.json").write_text(text, encoding="utf-8")
        done = eie.fails(2, "out.json", "bench", "--suite", tiny, "--kernel", "model_*", "--out", "out.json", "--resume")
        assert not done.stdout, what


def test_resume_of_an_empty_file_starts_over(eie, tiny):
    (eie.folder / "out.json").write_bytes(b"")
    assert eie.bench("--suite", tiny, "--kernel", "model_*", "--resume")["benchmarks"]


# ---- a matrix survives -------------------------------------------------------------------------


def alive(group):
    """Processes of the group that still run; who has ended and only waits for init does not."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False


def gone(group):
    """Waits until no process of the group is left: the worker must not outlive its supervisor."""
    end = time.monotonic() + GUARD_S
    while alive(group) and time.monotonic() < end:
        time.sleep(0.005)
    return not alive(group)


MANY = [
    "--suite",
    "many.json",
    "--kernel",
    f"test_*,{KERNEL},scalar_ref_dense,model_eie_analytic",
    "--threads",
    "1",
    "--cache",
    "hot",
]
MANY_ROWS = 40 * 5  # the model's on two devices


@pytest.mark.parametrize("kills", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_often_and_nothing_is_lost(eie, many, halting, kills):
    """SIGKILL while a kernel is at work, whatever else is under way, or when all that was measured before stands in
    the file: it is whole, rows only join, and the end is the whole matrix."""
    arguments = ["bench", "--quiet", *MANY, "--plugin", halting, "--budget", "least", "--out", "out.json", "--resume"]
    out, halt, halted, known = eie.folder / "out.json", eie.folder / "halt", eie.folder / "halted", {}
    made = {path.name for path in eie.folder.iterdir()}
    for kill in range(kills):
        halt.write_text(str(1 + kill % 2))
        process = eie.popen(*arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for(process, halted.exists)
        if kill % 2:  # a group of this run must be saved
            wait_for(process, lambda: len(rows_in(out)) > len(known))
        process.kill()
        process.wait(GUARD_S)
        assert gone(process.pid), "the worker lives on"
        halted.unlink()
        rows = rows_in(out)
        assert all(rows.get(name) == row for name, row in known.items()), "a finished row was lost or changed"
        known = rows
    assert kills // 2 <= len(known) < MANY_ROWS
    halt.unlink()
    leftovers = [path for path in eie.folder.iterdir() if path.name not in made | {"out.json"}]
    assert all(
        path.name == ".out.json.lock" or (path.name.startswith(".eie-") and path.name.endswith(".tmp")) for path in leftovers
    )
    (eie.folder / f".eie-{process.pid}-7.tmp").touch()
    for path in eie.folder.glob(".eie-*"):
        os.utime(path, (1, 1))
    eie(*arguments)
    results = json.loads(out.read_text(encoding="utf-8"))
    assert all(row in results["benchmarks"] for row in known.values())
    assert len(names(results)) == len(set(names(results))) == MANY_ROWS and not results["eie_missing"]
    assert {path.name for path in eie.folder.iterdir()} == made | {"out.json"}


def test_killed_while_the_file_is_written(eie, tiny, signalled):
    """At every step of it: the file is the old one or the new one."""
    arguments = ["bench", "--quiet", "--suite", tiny, "--kernel", "model_*", "--out", "out.json", "--resume"]
    known = {}
    for time_ in range(1, 4):
        done = eie.run(*arguments, env=signalled(signal.SIGKILL, time_))
        rows = rows_in(eie.folder / "out.json")
        assert all(rows.get(name) == row for name, row in known.items())
        assert done.returncode in (0, -signal.SIGKILL)
        assert (len(rows) > len(known)) >= (signalled.moment == "renamed" and done.returncode != 0)
        assert time_ > 1 or done.returncode != 0
        known = rows
    eie(*arguments, env=signalled(signal.SIGKILL, 99))
    whole = rows_in(eie.folder / "out.json")
    assert len(whole) > 3 and whole.items() >= known.items()


def test_ctrl_c_ends_all_and_resume_goes_on(eie, many, halting):
    arguments = [*MANY, "--plugin", halting]
    (eie.folder / "halt").write_text("3")
    process = eie.popen("bench", "--quiet", *arguments, "--budget", "1h", "--out", "out.json", start_new_session=True)
    try:
        wait_for(process, (eie.folder / "halted").exists)
        wait_for(process, lambda: rows_in(eie.folder / "out.json"))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(GUARD_S) == -signal.SIGINT
        assert gone(process.pid)
    finally:
        process.kill()
        process.communicate()
    before = rows_in(eie.folder / "out.json")
    assert 0 < len(before) < MANY_ROWS
    (eie.folder / "halt").unlink()
    eie.bench(*arguments, "--resume")
    after = rows_in(eie.folder / "out.json")
    assert after.items() >= before.items() and len(after) == MANY_ROWS


SMALL_DISK = """
mount -t tmpfs -o size=96k tmpfs disk || exit 99
"$@" >first.log 2>first.err
code=$?
cp disk/out.json first.json
ls -A disk >first.list
mount -o remount,size=8m disk || exit 99
"$@" >second.log 2>second.err || exit 98
cp disk/out.json second.json
exit $code
"""


def test_disk_that_fills_up_on_the_way(eie, many):
    """The finished groups stay, the end is one line and exit code 3, and with more room --resume goes on."""
    (eie.folder / "disk").mkdir()
    command = [
        eie.BINARY,
        "bench",
        "--quiet",
        "--suite",
        "many.json",
        "--kernel",
        f"{KERNEL},model_eie_analytic",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--budget",
        "least",
        "--out",
        "disk/out.json",
        "--resume",
    ]
    inside = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", SMALL_DISK, "sh"]
    try:
        done = subprocess.run(
            [*inside, *map(str, command)], cwd=eie.folder, env=eie.environment, capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("small disk: there is no unshare")
    if done.returncode in (1, 99):
        pytest.skip("small disk: a small tmpfs cannot be mounted here")
    first_error = (eie.folder / "first.err").read_text()
    assert done.returncode == 3, (done, first_error)
    assert len(first_error.splitlines()) == 1 and "No space left" in first_error
    assert (eie.folder / "first.list").read_text().split() == ["out.json"]
    first, second = (json.loads((eie.folder / f"{which}.json").read_text()) for which in ("first", "second"))
    assert 0 < len(first["benchmarks"]) < 120
    assert second["benchmarks"][: len(first["benchmarks"])] == first["benchmarks"]
    assert len(second["benchmarks"]) == 120 == len(set(names(second)))
