"""`eie bench --counters`: the counters of this machine, whatever it has, and some that are made up (a machine without any
would never show a number)."""

import pytest
from command import compile_shared
from test_energy import report_of

KERNEL = "scalar_eie_stream"
STATES = ("measured", "unavailable", "no permission", "never ran", "vanished", "contradictory")
EVENTS = ("cycles", "instructions", "l1d_misses", "llc_misses", "dtlb_misses", "branch_misses")
EVENTS += ("frontend_stalls", "backend_stalls", "task_clock_ns")
DERIVED = ("eie_ipc", "eie_cycles_per_nonzero", "eie_counted_clock_hz")

# perf_event_open as FAKE_COUNTERS says: an errno, or counters that are read as a processor of 2 GHz would have them, half
# of the time each; "back": they go backwards.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct perf_event_attr known[4096];
static uint64_t looks[4096];

static uint64_t rate(const struct perf_event_attr *one)
{
    if (one->type == PERF_TYPE_SOFTWARE) return 1000000;
    if (one->type == PERF_TYPE_HARDWARE && one->config == PERF_COUNT_HW_CPU_CYCLES) return 1000000;
    if (one->type == PERF_TYPE_HARDWARE && one->config == PERF_COUNT_HW_INSTRUCTIONS) return 3000000;
    return 1000;
}

long syscall(long number, ...)
{
    long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall");
    const char *how = getenv("FAKE_COUNTERS");
    va_list list;
    long words[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++) words[i] = va_arg(list, long);
    va_end(list);
    if (number != SYS_perf_event_open)
        return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    if (atoi(how)) {
        errno = atoi(how);
        return -1;
    }
    const int file = dup(0);
    if (file < 0 || file >= 4096) abort();
    known[file] = *(const struct perf_event_attr *)words[0];
    looks[file] = 0;
    return file;
}

ssize_t read(int file, void *buffer, size_t size)
{
    ssize_t (*next)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    if (file < 0 || file >= 4096 || !known[file].size) return next(file, buffer, size);
    const int hard = known[file].type != PERF_TYPE_SOFTWARE;
    const uint64_t look = looks[file]++, value = rate(&known[file]) * look;
    const uint64_t values[3] = {strcmp(getenv("FAKE_COUNTERS"), "back") ? value : 9000000 - value, 1000000 * look,
                                (hard ? 500000 : 1000000) * look};
    memcpy(buffer, values, sizeof values);
    return sizeof values;
}

int close(int file)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "close");
    if (file >= 0 && file < 4096) known[file].size = 0;
    return next(file);
}
"""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """The environment of made-up counters: made_up("back")."""
    library = compile_shared(tmp_path_factory.mktemp("counters"), "counters", SHIM)
    return lambda how="numbers": {"LD_PRELOAD": str(library), "FAKE_COUNTERS": how}


@pytest.fixture
def counted(eie, tiny):
    """The rows of a short run: counted(*further options, env=...)."""

    def run(*options, kernel=KERNEL, **further):
        results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", kernel, "--counters", *options, **further)
        return results["benchmarks"]

    return run


def check_words(row, states):
    """Where there is no number, a word that the documentation has, and why."""
    assert row["eie_counters_state"] in states and row["eie_status"] == "ok"
    assert ("eie_counters_reason" in row) == (row["eie_counters_state"] != "measured")
    for other in row.get("eie_counters_without", []):
        assert other["state"] in STATES[1:] and other["reason"] and set(other["events"]) <= set(EVENTS)
        assert not any(f"eie_counted_{event}" in row for event in other["events"])


def test_this_machine(counted, eie):
    """Numbers that can be, or a word: most virtual machines have no counters."""
    rows = counted("--threads", "1,all", "--batch", "1,4")
    assert len(rows) >= 2
    for row in rows:
        check_words(row, STATES)
        numbers = {event: row[f"eie_counted_{event}"] for event in EVENTS if f"eie_counted_{event}" in row}
        assert all(number >= 0 for number in numbers.values())
        if numbers:
            assert row["eie_counters_calls"] >= 1 and row["eie_counters_threads"] >= row["eie_threads"]
            assert row["eie_counters_window_s"] > 0
        if row["eie_counters_state"] == "measured":
            assert row["eie_ipc"] == pytest.approx(numbers["instructions"] / numbers["cycles"]) and row["eie_ipc"] <= 16
            weights = row["eie_nonzeros"] * row["eie_batch"]
            assert row["eie_cycles_per_nonzero"] == pytest.approx(numbers["cycles"] / weights)
        else:
            assert "eie_ipc" not in row
    if rows[0]["eie_counters_state"] != "measured":
        assert rows[0]["eie_counters_state"] in report_of(eie.folder)


def test_numbers(counted, eie, made_up):
    """Two looks: a step of each thread's counters, scaled by two."""
    (row,) = counted("--threads", "1", env=made_up())
    check_words(row, ["measured"])
    threads, calls = row["eie_counters_threads"], row["eie_counters_calls"]
    assert row["eie_counted_cycles"] == pytest.approx(2e6 * threads / calls)
    assert row["eie_counted_instructions"] == pytest.approx(6e6 * threads / calls)
    assert row["eie_counted_backend_stalls"] == pytest.approx(2e3 * threads / calls)
    assert row["eie_counted_task_clock_ns"] == pytest.approx(1e6 * threads / calls)
    assert row["eie_ipc"] == pytest.approx(3) and row["eie_counted_clock_hz"] == pytest.approx(2e9)
    assert row["eie_counters_ran"] == dict.fromkeys(EVENTS[:-1], 0.5)
    text = report_of(eie.folder)
    table = text[text.index("Counters, suite tiny, batch 1, cache hot") :]
    assert "3.00 d" in table and "2.00 d" in table and (eie.folder / "report/counters.csv").exists()


@pytest.mark.parametrize(
    "how, state, what",
    [
        ("13", "no permission", "perf_event_paranoid"),
        ("38", "unavailable", "perf_event_open"),
        ("back", "contradictory", "went backwards"),
    ],
)
def test_words(counted, eie, made_up, how, state, what):
    """Never a failure of the run; the word, and what to do, in the row and in the report."""
    (row,) = counted("--threads", "1", env=made_up(how))
    check_words(row, [state])
    assert what in row["eie_counters_reason"] and not any(f"eie_counted_{event}" in row for event in EVENTS)
    assert not any(key in row for key in DERIVED)
    text = report_of(eie.folder)
    assert f"{state} (cycles, instructions" in text and what in text


def test_what_is_printed(eie, tiny, made_up):
    told = ["bench", "--quiet", "--suite", tiny, "--layer", "even", "--kernel", f"{KERNEL},model_eie_analytic"]
    told += ["--threads", "1", "--cache", "hot", "--budget", "least"]
    lines = eie(*told, "--counters", env=made_up()).stdout.splitlines()
    assert [line for line in lines if KERNEL in line][0].endswith("cycles a weight, IPC 3")
    assert not any("counters" in line for line in lines)
    lines = eie(*told, "--counters", env=made_up("2")).stdout.splitlines()
    assert [line for line in lines if KERNEL in line][0].endswith("; counters: unavailable")
    assert lines[-1].startswith("counters of 1 row are not there, of the first: unavailable: ")
    assert "counter" not in eie(*told).stdout


def test_only_where_they_are_asked_for(eie, tiny, counted):
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", KERNEL, "--threads", "1")
    ours = ("eie_counters", "eie_counted", *DERIVED)
    assert not any(key.startswith(ours) for row in results["benchmarks"] for key in row)
    rows = counted("--threads", "1", kernel=f"{KERNEL},model_eie_analytic")
    assert {row["eie_kernel"]: "eie_counters_state" in row for row in rows} == {KERNEL: True, "model_eie_analytic": False}
