"""`eie bench` with kernels that are broken on purpose: each costs its own row, and the others have numbers."""

import json
import os
import resource
import signal
import subprocess

import pytest
from command import GUARD_S

GOOD = "scalar_eie_stream"  # a kernel of the program, beside the broken one
LATE = "static int n; if (++n > 40)"  # after the check, in the midst of timing


def run(eie, tiny, path, *arguments, code, layer="odd"):
    """One small group: (row of the broken kernel, its neighbours' rows, what was printed)."""
    done = eie.run(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        layer,
        "--plugin",
        path,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        *(() if "--cache" in arguments else ("--cache", "hot")),
        "--budget",
        "least",
        "--out",
        "out.json",
        *arguments,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    results = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    rows = results["benchmarks"] + results["eie_missing"]
    assert len({row["name"] for row in rows}) == len(rows)
    (broken,) = (row for row in rows if row["eie_kernel"].startswith("test_"))
    others = [row for row in rows if row is not broken]
    assert {row["eie_kernel"] for row in others} == {GOOD} and all(row["eie_median_ns"] > 0 for row in others)
    assert {row["eie_status"] for row in others} == {"ok"}
    return broken, others, done


@pytest.mark.parametrize(
    "hooks, doing",
    [
        ({"ON_PROBE": "raise(SIGSEGV);"}, "asking"),
        ({"ON_SUPPORTS": "raise(SIGBUS);"}, "asking"),
        ({"ON_PREPARE": "abort();"}, "preparing"),
        ({"ON_LOAD": "raise(SIGFPE);"}, "checking"),
        ({"ON_RUN": "raise(SIGILL);"}, "checking"),
        ({"ON_RUN": "exit(0);"}, "checking"),
        ({"ON_READ": "raise(SIGKILL);"}, "checking"),
        ({"ON_RUN": LATE + " *(volatile int *)8 = 1;"}, "calibrating"),
        ({"ON_RUN": LATE + " _exit(0);"}, "calibrating"),
        ({"ON_DESTROY": "abort();"}, "ending"),
    ],
    ids=["probe", "supports", "prepare", "load", "run", "exit in run", "read, killed", "late", "late exit", "destroy"],
)
def test_crash_costs_its_own_row(eie, plugin, tiny, hooks, doing):
    row, _, done = run(eie, tiny, plugin("bad", **hooks), code=3)
    assert row["eie_status"] == "error" and row["eie_reason"].startswith(f"CRASHED while {doing}")
    assert row["eie_reason"].endswith("again: " + row["eie_again"]) and "--plugin " in row["eie_again"]
    assert "real_time" not in row
    assert done.stderr == ""


def test_reason_names_signal_or_exit_code(eie, plugin, tiny):
    row, *_ = run(eie, tiny, plugin("a", ON_RUN="raise(SIGSEGV);"), code=3)
    assert "SIGSEGV" in row["eie_reason"]
    row, *_ = run(eie, tiny, plugin("b", ON_RUN="exit(7);"), code=3)
    assert "exit code 7" in row["eie_reason"]


def test_crash_in_one_layer_leaves_the_others(eie, plugin, tiny):
    path = plugin("bad", ON_RUN='if (!strcmp(problem->layer->name, "even")) raise(SIGSEGV);')
    results = eie.bench("--suite", tiny, "--plugin", path, "--kernel", f"test_*,{GOOD}", "--threads", "1", code=3)
    assert len(results["benchmarks"]) == 5
    (row,) = results["eie_missing"]
    assert (row["eie_layer"], row["eie_kernel"]) == ("even", "test_bad")


# After each run with the layer's own inputs; the audit's differ from run to run.
WATCH = """
    if (memcmp(plan->inputs, layer->sample_inputs, problem->batch * layer->inputs * sizeof(int16_t))) return EIE_OK;
    unsigned long hash = 5381;
    for (uint32_t i = 0; i < layer->sample_count * layer->inputs; i++)
        hash = hash * 33 + (uint16_t)layer->sample_inputs[i];
    for (uint32_t c = 0; c < EIE_CODEBOOK_SIZE; c++) hash = hash * 33 + (uint16_t)layer->codebook[c];
    for (uint32_t e = 0; e < layer->entry_count; e++) hash = hash * 33 + layer->entries[e];
    for (uint32_t i = 0; i < problem->batch * layer->outputs; i++) hash = hash * 33 + (uint16_t)plan->outputs[i];
    FILE *seen = fopen("seen", "a");
    fprintf(seen, "%u %lx\\n", problem->batch, hash);
    fclose(seen);
    """


PLACES = ["codebook[1]", "entries[0]", "column_start[1]", "sample_inputs[0]", "outputs"]


@pytest.mark.parametrize(
    "hook, place",
    [*(("ON_RUN", place) for place in PLACES), ("ON_PREPARE", "entries[0]")]
    + [pytest.param("ON_PREPARE", place, marks=pytest.mark.slow) for place in PLACES if place != "entries[0]"],
)
def test_kernel_that_writes_into_the_layer_costs_its_own_row(eie, plugin, tiny, place, hook):
    """The others of its group and those of the next batch compute the layer that was built."""
    watch = plugin("watch", AFTER_RUN=WATCH)
    seen, rows = {}, {}
    for others in (
        [],
        [
            "--plugin",
            plugin("bad", **{hook: f"{LATE if hook == 'ON_RUN' else ''} ++*(unsigned char *)(uintptr_t)&layer->{place};"}),
        ],
    ):
        (eie.folder / "seen").unlink(missing_ok=True)
        results = eie.bench(
            "--suite",
            tiny,
            "--layer",
            "odd",
            "--batch",
            "1,4",
            "--threads",
            "1",
            "--kernel",
            f"test_*,{GOOD}",
            "--plugin",
            watch,
            *others,
            code=3 if others else 0,
        )
        seen[bool(others)] = set((eie.folder / "seen").read_text().splitlines())
        rows = {(row["eie_kernel"], row["eie_batch"]): row for row in results["benchmarks"] + results["eie_missing"]}
    assert seen[True] == seen[False] and len(seen[True]) == 2  # one line a batch
    assert len(rows) == 6
    for (kernel, _), row in rows.items():
        if kernel == "test_bad":
            assert row["eie_status"] == "error" and row["eie_reason"].startswith("CRASHED while ")
            assert "SIGSEGV" in row["eie_reason"]
        else:
            assert row["eie_status"] == "ok" and row["eie_median_ns"] > 0


def test_several_crashing_kernels(eie, plugin, tiny):
    one, two = plugin("one", ON_RUN="abort();"), plugin("two", ON_PREPARE="raise(SIGSEGV);")
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--plugin",
        one,
        "--plugin",
        two,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        code=3,
    )
    assert {row["eie_kernel"] for row in results["eie_missing"]} == {"test_one", "test_two"}
    assert [row["eie_kernel"] for row in results["benchmarks"]] == [GOOD]
    assert [entry["path"] for entry in results["context"]["eie_plugins"]] == [str(one), str(two)]
    assert all(len(entry["sha256"]) == 64 for entry in results["context"]["eie_plugins"])


@pytest.mark.parametrize("hook, doing", [("ON_RUN", "checking"), ("ON_PREPARE", "preparing")])
def test_hang_costs_its_own_row(eie, plugin, tiny, hook, doing):
    row, *_ = run(eie, tiny, plugin("bad", **{hook: "for (;;) pause();"}), "--timeout", "3", code=3)
    assert row["eie_status"] == "error" and row["eie_reason"].startswith(f"HUNG while {doing}")
    assert "3 s" in row["eie_reason"]


def test_crashed_row_is_tried_again_on_resume(eie, plugin, tiny):
    """The plug-in crashes while a file is there."""
    path = plugin("bad", ON_RUN='if (!access("crash", F_OK)) abort();')
    (eie.folder / "crash").touch()
    _, others, _ = run(eie, tiny, path, code=3)
    (eie.folder / "crash").unlink()
    row, again, _ = run(eie, tiny, path, "--resume", code=0)
    assert row["eie_status"] == "ok" and row["eie_run"] == 1 and again == others


# ---- kernels with processes of their own, and crashes that come later ---------------------------


def test_child_that_outlives_its_kernel_holds_nobody_up(eie, plugin, tiny):
    """The child keeps the worker's pipe open; the worker is gone."""
    path = plugin(
        "bad",
        ON_RUN="""
        const pid_t child = fork();
        if (child == 0) for (;;) pause();
        FILE *note = fopen("children", "a");
        fprintf(note, "%d\\n", (int)child);
        fclose(note);
        abort();""",
    )
    process = eie.popen(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--plugin",
        path,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--budget",
        "least",
        "--out",
        "out.json",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.wait(GUARD_S) == 3
    finally:
        process.kill()
        for child in (eie.folder / "children").read_text().split():
            os.kill(int(child), signal.SIGKILL)  # it is there
    results = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    (row,) = results["eie_missing"]
    assert "SIGABRT" in row["eie_reason"] and len(results["benchmarks"]) == 1


def test_copy_of_the_process_does_not_speak_for_it(eie, plugin, tiny):
    path = plugin("bad", ON_RUN="static int n; if (n++ == 0) fork();")
    done = eie.run(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--plugin",
        path,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--budget",
        "least",
        "--out",
        "out.json",
    )
    results = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    rows = results["benchmarks"] + results["eie_missing"]
    assert done.returncode in (0, 3), done.stderr
    assert len(rows) == 6 == len({row["name"] for row in rows})
    assert all(row["eie_status"] == "ok" for row in rows if row["eie_kernel"] == GOOD)


def test_crash_that_comes_later_costs_no_other_row(eie, plugin, tiny):
    """What one kernel leaves behind ends the process while another is at work; apart, nobody is met."""
    path = plugin(
        "bad",
        PLUGIN="""static int left_behind;
        static enum eie_status first(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
        { left_behind = 1; return run(plan, copy, error); }
        static enum eie_status second(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
        { if (left_behind) raise(SIGALRM); return run(plan, copy, error); }
        static struct eie_kernel kernels[2];
        __attribute__((constructor)) static void copy(void)
        {
            kernels[0] = kernels[1] = kernel;
            kernels[0].name = "test_a", kernels[0].run = first;
            kernels[1].name = "test_b", kernels[1].run = second;
        }
        EIE_PLUGIN(&kernels[0], &kernels[1])""",
    )
    results = eie.bench("--suite", tiny, "--plugin", path, "--kernel", f"test_*,{GOOD}", "--threads", "1")
    rows = results["benchmarks"]
    assert not results["eie_missing"] and len(rows) == 9 and {row["eie_status"] for row in rows} == {"ok"}
    assert all(row["eie_apart"] is True for row in rows if row["eie_kernel"] == "test_b")


def test_junk_in_foreign_descriptors(eie, plugin, tiny):
    path = plugin("bad", ON_RUN='for (int i = 3; i < 300; i++) if (write(i, "junk\\n", 5) < 0) continue;')
    row, *_ = run(eie, tiny, path, code=3)
    assert row["eie_status"] == "error" and "not understood" in row["eie_reason"]


def test_what_a_kernel_prints_is_not_in_the_table(eie, plugin, tiny):
    path = plugin("bad", ON_PREPARE='puts("here I am"); fflush(stdout);')
    *_, done = run(eie, tiny, path, code=0)
    assert "here I am" not in done.stdout and "here I am" in done.stderr


def test_rows_beside_a_crash_say_that_they_ran_apart(eie, plugin, tiny):
    _, others, _ = run(eie, tiny, plugin("bad", ON_RUN="abort();"), code=3)
    assert all(row["eie_apart"] is True for row in others)


def test_crash_among_the_rest_leaves_the_references_of_earlier_visits(eie, plugin, tiny):
    """Float32 rows come first, on all layers. A later crash in their group is not theirs."""
    floats, bad = ["scalar_float_dense", "scalar_float_csr"], plugin("bad", ON_RUN="abort();")
    results = eie.bench(
        "--suite", tiny, "--plugin", bad, "--kernel", f"test_*,{GOOD},{','.join(floats)}", "--threads", "1", code=3
    )
    rows = results["benchmarks"]
    assert {row["eie_kernel"] for row in results["eie_missing"]} == {"test_bad"}
    assert len(rows) == 9 and {row["eie_status"] for row in rows} == {"ok"}
    for row in rows:
        assert row.get("eie_apart", False) is (row["eie_kernel"] == GOOD)
        if row["eie_kernel"] in floats:
            assert row["eie_visits"] == [1]


def refined(eie, tiny, bad):
    """The plug-in's row and its neighbour's in a run that goes on, by kernel; there is a file "now" meanwhile."""
    arguments = (
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--plugin",
        bad,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--out",
        "out.json",
    )
    assert eie.run(*arguments, "--budget", "least").returncode == 0
    (eie.folder / "now").touch()
    done = eie.run(*arguments, "--budget", "1h", "--target", "0.1", "--resume")
    assert done.returncode == 0, done.stderr
    results = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    return {row["eie_kernel"]: row for row in results["benchmarks"]}


def test_crash_while_rows_are_refined_takes_none_of_them(eie, plugin, tiny):
    rows = refined(eie, tiny, plugin("bad", ON_PREPARE='if (!access("now", F_OK)) abort();'))
    assert {kernel: row["eie_status"] for kernel, row in rows.items()} == {"test_bad": "ok", GOOD: "ok"}


def test_later_visit_without_a_number_takes_none_away(eie, plugin, tiny):
    """It says why instead."""
    row = refined(
        eie, tiny, plugin("bad", ON_PREPARE='if (!access("now", F_OK)) return eie_fail(error, EIE_SYSTEM, "not today");')
    )["test_bad"]
    assert row["eie_status"] == "ok" and row["eie_median_ns"] > 0 and "not today" in row["eie_failed_visit"]


# ---- wrong results and wrong counts ------------------------------------------------------------


@pytest.mark.parametrize(
    "hooks",
    [
        {"AFTER_RUN": "plan->outputs[0] ^= 1;"},
        {"AFTER_RUN": LATE + " plan->outputs[problem->layer->outputs - 1] ^= 1;"},
        {"AFTER_COST": "cost->macs_useful++;"},
        {"AFTER_COST": "cost->adds = cost->macs_useful + cost->macs_padding + 1;"},
    ],
    ids=["at once", "only while it is timed", "counts", "additions"],
)
def test_wrong_outputs_and_counts_are_no_numbers(eie, plugin, tiny, hooks):
    row, _, done = run(eie, tiny, plugin("bad", **hooks), code=1)
    assert row["eie_status"] == "mismatch" and "real_time" not in row
    assert row["eie_reason"].endswith("again: " + row["eie_again"])
    assert any("test_bad" in line and "mismatch" in line for line in done.stdout.splitlines())


def test_only_one_of_the_copies_is_wrong(eie, plugin, tiny):
    path = plugin("bad", ON_RUN="if (copy == 2) plan->outputs[0] = 1;", AFTER_RUN="if (copy == 2) plan->outputs[0] ^= 1;")
    row, *_ = run(eie, tiny, path, code=0)
    assert row["eie_status"] == "ok"  # in the hot cache there is no such copy
    row, *_ = run(eie, tiny, path, "--cache", "dram", code=1, layer="sparse")
    assert row["eie_status"] == "mismatch"


@pytest.mark.parametrize("count, bound", [("bytes_read", "dram|l1|l2|l3"), ("macs_padding", "arithmetic"), ("adds", "adds")])
def test_row_above_the_ceiling_is_suspect(eie, plugin, tiny, count, bound):
    more = f"cost->{count} += 1000000000;" + ("cost->macs_padding += 1000000000;" if count == "adds" else "")
    row, _, done = run(eie, tiny, plugin("bad", AFTER_COST=more), code=0)
    assert row["eie_status"] == "suspect" and "ceiling" in row["eie_reason"]
    assert row["eie_floor_share"] > 1.15 and row["eie_floor_bound"] in bound.split("|")
    assert row["repetitions"] >= 6 and row["eie_samples_ns"] and row["eie_median_ns"] > 0  # its samples are kept
    assert any("suspect" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    "body, status, code",
    [
        ('return eie_fail(error, EIE_UNSUPPORTED, "not today");', "unsupported", 3),
        ('return eie_fail(error, EIE_MISSING, "no such library");', "skipped", 3),
        ('return eie_fail(error, EIE_SYSTEM, "the device is on fire");', "error", 3),
        ('return eie_fail(error, EIE_MEMORY, "out of memory");', "error", 3),
    ],
)
def test_statuses_that_a_kernel_returns(eie, plugin, tiny, body, status, code):
    """Asked for by exact name, so that a row without a number is exit 3."""
    done = eie.run(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--plugin",
        plugin("bad", ON_SUPPORTS=body),
        "--kernel",
        f"test_bad,{GOOD}",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--out",
        "out.json",
        "--budget",
        "least",
    )
    assert done.returncode == code
    (row,) = json.loads((eie.folder / "out.json").read_text())["eie_missing"]
    assert row["eie_status"] == status and body.split('"')[1] in row["eie_reason"]


# ---- exit codes: 2 before 1 before 3 -----------------------------------------------------------


def test_mismatch_comes_before_a_crash(eie, plugin, tiny):
    wrong, crash = plugin("wrong", AFTER_RUN="plan->outputs[0] ^= 1;"), plugin("crash", ON_RUN="abort();")
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--plugin",
        wrong,
        "--plugin",
        crash,
        "--kernel",
        "test_*",
        "--threads",
        "1",
        code=1,
    )
    assert {row["eie_status"] for row in results["eie_missing"]} == {"mismatch", "error"}


def test_bad_input_comes_before_a_mismatch(eie, plugin, tiny, tmp_path):
    """A layer that cannot be read (2) beside a wrong kernel (1)."""
    (tmp_path / "models" / "alexnet-fc8-dump").mkdir(parents=True)
    path = plugin("wrong", AFTER_RUN="plan->outputs[0] ^= 1;")
    done = eie.run(
        "bench",
        "--quiet",
        "--suite",
        f"{tiny},real",
        "--plugin",
        path,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        "--cache",
        "hot",
        "--budget",
        "least",
        env={"EIE_MODELS": str(tmp_path / "models")},
    )
    assert done.returncode == 2 and "mismatch" in done.stdout and len(done.stderr.splitlines()) == 1


def test_suspect_and_unsupported_rows_leave_the_code_alone(eie, plugin, tiny):
    suspect = plugin("suspect", AFTER_COST="cost->bytes_read += 1000000000;")
    other = plugin("other", ON_SUPPORTS='return eie_fail(error, EIE_UNSUPPORTED, "no");')
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--plugin",
        suspect,
        "--plugin",
        other,
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
    )
    assert {row["eie_status"] for row in results["eie_missing"]} == {"suspect", "unsupported"}


@pytest.mark.parametrize("files", [4, 12, *(pytest.param(files, marks=pytest.mark.slow) for files in (5, 6, 8, 20))])
def test_few_open_files_end_with_one_line(eie, tiny, files):
    """Never with words of a library below, nor with the code of a mismatch."""

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    for arguments in (
        ("bench", "--quiet", "--suite", tiny, "--kernel", GOOD, "--threads", 1, "--cache", "hot", "--budget", "least"),
        ("check", "--kernel", GOOD, "--case", 3),
        ("compress", "normal:20x30", "-o", "out.safetensors"),
        ("list", "kernels"),
        ("list", "devices"),
        ("list", "layers"),
    ):
        done = eie.run(*arguments, preexec_fn=limit)
        assert done.returncode in (0, 3), (arguments, done.returncode, done.stderr)
        if done.returncode == 3:
            assert done.stderr.startswith("eie: ") and len(done.stderr.splitlines()) == 1, done.stderr
            assert "Too many open files" in done.stderr
