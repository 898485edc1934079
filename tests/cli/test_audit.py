"""`eie bench` with kernels that do their work elsewhere than in the calls that are timed, or not at all: none has a
number. A product is a wait of 30 ms with the correct kernel behind it; what is timed instead waits 0.15 ms. The clock is the process's own,
so that no neighbour adds to either."""

import json

import pytest
from command import kernel_source

GOOD = "scalar_eie_stream"


@pytest.fixture(autouse=True)
def undisturbed(eie, own_time):
    eie.environment |= own_time


DECLARATIONS = """
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#define PRODUCT nanosleep(&(struct timespec){0, 30000000}, NULL)
#define PRETENCE nanosleep(&(struct timespec){0, 150000}, NULL)
static int calls;
static bool fresh;
static short *kept;
"""
KERNEL = """
static enum eie_status product(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{ PRODUCT; return run(plan, copy, error); }
static void *product_in_thread(void *plan)
{ struct eie_error error; product(plan, 0, &error); return NULL; }
static enum eie_status other_load(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{ %(load)s; return load(plan, inputs, error); }
static enum eie_status loaded(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{ enum eie_status status = other_load(plan, inputs, error); if (!status) { %(loaded)s; } return status; }
static enum eie_status other_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{ struct eie_cpu_plan *own = (struct eie_cpu_plan *)plan;
  const size_t bytes = (size_t)own->setup.problem.batch * own->setup.problem.layer->outputs * 2;
  (void)bytes, (void)copy, (void)error;
  %(run)s; }
static enum eie_status other_read(struct eie_plan *plan, void *y, struct eie_error *error)
{ struct eie_cpu_plan *own = (struct eie_cpu_plan *)plan;
  const size_t bytes = (size_t)own->setup.problem.batch * own->setup.problem.layer->outputs * 2;
  (void)bytes;
  %(read)s; return read_outputs(plan, y, error); }
static const struct eie_kernel other = {
    .abi = EIE_KERNEL_ABI, .name = NAME, .summary = "a plug-in of the tests", .isa = "any",
    .device_kind = EIE_DEVICE_CPU, .flags = EIE_KERNEL_EXACT, .max_threads = UINT32_MAX, .probe = probe,
    .supports = supports, .prepare = prepare, .load = loaded, .run = other_run, .wait = wait, .read = other_read,
    .cost = count, .destroy = destroy};
EIE_PLUGIN(&other)
"""


def planted(run="return product(plan, copy, error)", load="", loaded="", read="", **macros):
    body = KERNEL % {"run": run, "load": load, "loaded": loaded, "read": read}
    return DECLARATIONS + kernel_source(NAME='"test_planted"', PLUGIN=body, **macros)


def measure(eie, plugin, make_suite, source, cache="hot", code=0):
    """The row of the plug-in; its neighbour has a number."""
    suite = make_suite(
        layers=[
            {
                "name": "one",
                "inputs": 200,
                "outputs": 300,
                "weight_density": 0.2,
                "activation": "relu",
                "activation_density": 0.4,
                "source": "a test",
            }
        ]
    )
    done = eie.run(
        "bench",
        "--quiet",
        "--suite",
        suite,
        "--plugin",
        plugin("planted", source),
        "--kernel",
        f"test_*,{GOOD}",
        "--threads",
        "1",
        "--cache",
        cache,
        "--budget",
        "least",
        "--out",
        "out.json",
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    results = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    rows = results["benchmarks"] + results["eie_missing"]
    (row,) = (row for row in rows if row["eie_kernel"] == "test_planted")
    (other,) = (row for row in rows if row["eie_kernel"] == GOOD)
    assert other["eie_status"] == "ok" or cache != "hot"
    return row


def test_kernel_that_computes_when_it_is_timed(eie, plugin, make_suite):
    row = measure(eie, plugin, make_suite, planted())
    assert row["eie_status"] == "ok" and row["eie_median_ns"] > 30e6


ONCE = "if (!fresh) { PRETENCE; return EIE_OK; } fresh = false; return product(plan, copy, error)"


@pytest.mark.parametrize(
    "parts",
    [
        {"loaded": "fresh = true", "run": ONCE},
        {"loaded": "fresh = true", "run": ONCE.replace("PRETENCE;", "")},
        {"loaded": "status = product(plan, 0, error)", "run": "PRETENCE; return EIE_OK"},
        {"read": "if (product(plan, 0, error)) return EIE_SYSTEM", "run": "PRETENCE; return EIE_OK"},
        {
            "read": """pthread_t thread;
                if (pthread_create(&thread, NULL, product_in_thread, plan)) return EIE_SYSTEM;
                pthread_join(thread, NULL)""",
            "run": "PRETENCE; return EIE_OK",
        },
        {
            "loaded": "fresh = true",
            "read": "if (kept) memcpy(own->outputs, kept, bytes)",
            "run": """
        if (!fresh) { PRETENCE; memset(own->outputs, 0x55, bytes); return EIE_OK; }
        fresh = false;
        const enum eie_status status = product(plan, copy, error);
        if (!kept) kept = malloc(bytes);
        memcpy(kept, own->outputs, bytes);
        return status""",
        },
    ],
    ids=[
        "once a load",
        "once a load, then nothing at all",
        "in load",
        "in read",
        "in a thread of read",
        "once a load, garbage later, put back in read",
    ],
)
def test_work_that_is_not_in_the_timed_calls_is_suspect(eie, plugin, make_suite, parts):
    row = measure(eie, plugin, make_suite, planted(**parts))
    assert row["eie_status"] == "suspect" and "not all of the work is in the timed calls" in row["eie_reason"]
    assert row["eie_median_ns"] < 30e6  # its samples are kept


@pytest.mark.parametrize(
    "parts, reason",
    [
        ({"run": "if (++calls <= 64) return run(plan, copy, error); PRETENCE; return EIE_OK"}, "not seen"),
        ({"run": "if (++calls <= 2) return run(plan, copy, error); PRETENCE; return EIE_OK"}, "the timed calls left"),
        (
            {
                "run": """
        if (++calls <= 2) {
            const enum eie_status status = run(plan, copy, error);
            if (calls != 1) return status;
            kept = malloc(bytes);
            memcpy(kept, own->outputs, bytes);
            return status;
        }
        PRETENCE;
        memset(own->outputs, 0x55, bytes);
        return EIE_OK""",
                "read": "if (calls > 2) memcpy(own->outputs, kept, bytes)",
            },
            "not seen",
        ),
    ],
    ids=["nothing after 64 calls", "nothing after the check", "garbage, and old outputs put back in read"],
)
def test_outputs_that_the_timed_calls_do_not_make_are_a_mismatch(eie, plugin, make_suite, parts, reason):
    row = measure(eie, plugin, make_suite, planted(**parts), code=1)
    assert row["eie_status"] == "mismatch" and "after timing" in row["eie_reason"] and reason in row["eie_reason"]
    assert "real_time" not in row


@pytest.mark.parametrize(
    "cost, reason",
    [
        ("cost->bytes_read = 1", "bytes read, the least for"),
        ("cost->bytes_written = 1", "bytes written"),
        ("cost->prepared_bytes *= 20000", "bytes of a copy"),
        ("if (((const struct eie_cpu_plan *)plan)->setup.copies > 1) cost->prepared_bytes *= 20000", "bytes of a copy"),
    ],
    ids=["bytes read", "bytes written", "bytes of a copy", "bytes of one of many copies"],
)
def test_counts_that_cannot_be(eie, plugin, make_suite, cost, reason):
    kernel = planted("return run(plan, copy, error)", AFTER_COST=f"{cost};")
    row = measure(eie, plugin, make_suite, kernel, cache="llc", code=1)
    assert row["eie_status"] == "mismatch" and reason in row["eie_reason"]
