"""What a machine or a cluster sets around the program: CPU quotas, masks, variables of libraries."""

import json
import os
import subprocess

import pytest
from command import compile_shared

CPU = "scalar_eie_stream"

# The control group's files lie in a folder of the test's.
GROUP = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
static FILE *open_there(const char *path, const char *mode, const char *name)
{
    FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, name);
    if (!strcmp(path, "/proc/self/cgroup")) path = "FOLDER/group";
    if (!strcmp(path, "/sys/fs/cgroup/job/cpu.max")) path = "FOLDER/max";
    return next(path, mode);
}
FILE *fopen(const char *path, const char *mode) { return open_there(path, mode, "fopen"); }
FILE *fopen64(const char *path, const char *mode) { return open_there(path, mode, "fopen64"); }
"""


@pytest.fixture
def quota(tmp_path):
    """The environment of a program in a control group with that quota, in microseconds of 100,000."""
    library = compile_shared(tmp_path, "group", GROUP.replace("FOLDER", str(tmp_path)))

    def make(most):
        (tmp_path / "group").write_text("0::/job\n")
        (tmp_path / "max").write_text(f"{most} 100000\n")
        return {"LD_PRELOAD": str(library)}

    return make


def bench(eie, suite, *further, **environment):
    done = eie(
        "bench",
        *("--suite", suite, "--layer", "even", "--kernel", CPU, "--threads", "1", "--cache", "hot", "--budget", "least"),
        *("--out", "out.json", *further),
        env=environment,
    )
    context = json.loads((eie.folder / "out.json").read_text())["context"]
    return done, context


@pytest.mark.parametrize("most, cores", [(20000, 0.2), (5000, 0.05)])
def test_quota_is_said_and_kept(eie, tiny, quota, most, cores):
    done, context = bench(eie, tiny, **quota(most))
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("eie: "))
    assert line.startswith(f"eie: a CPU quota of {cores} cores (control group) holds here")
    assert context["eie_runs"][0]["limits"]["cpu_quota"] == cores
    done, context = bench(eie, tiny, "--quiet", **quota(most))
    assert done.stderr == "" and context["eie_runs"][0]["limits"]["cpu_quota"] == cores


@pytest.mark.parametrize("most", ["max", 100000 * 4096])
def test_quota_that_takes_nothing_is_not_said(eie, tiny, quota, most):
    done, context = bench(eie, tiny, **quota(most))
    assert "quota" not in done.stderr
    assert context["eie_runs"][0]["limits"].get("cpu_quota") == (None if most == "max" else 4096)


def test_threads_beyond_the_mask_are_refused(eie, tiny):
    """As with taskset or a cpuset: no row states threads that have no core."""
    eie.environment = {key: value for key, value in eie.environment.items() if not key.startswith("HWLOC_")}
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [eie.BINARY, "bench", "--quiet", "--suite", tiny, "--kernel", CPU, "--threads", "2", "--out", "out.json"],
        cwd=eie.folder,
        env=eie.environment,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "--threads" in done.stderr and not (eie.folder / "out.json").exists()


@pytest.mark.parametrize(
    "name",
    ["OMP_DYNAMIC", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "MKL_CBWR", "OPENBLAS_MAIN_FREE", "GOTO_NUM_THREADS", "TBB_VERSION"]
    + ["ONEDNN_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "BLIS_NUM_THREADS", "GLIBC_TUNABLES", "NVIDIA_TF32_OVERRIDE"]
    + ["CUBLAS_WORKSPACE_CONFIG", "CUSPARSE_STORE_INPUT_MATRIX", "POCL_MAX_PTHREAD_COUNT"],
)
def test_variable_of_a_library_is_in_the_context(eie, tiny, name):
    _, context = bench(eie, tiny, "--quiet", **{name: "0"})
    assert context["eie_environment"][name] == "0"


# ---- huge pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["", "yes", "no"])
def test_rows_say_what_their_copies_lie_in(eie, tiny, word):
    """Of small copies hardly any lie in huge pages; that none does where none is wanted is sure."""
    results = eie.bench("--suite", tiny, "--kernel", CPU, "--threads", "1", env={"EIE_HUGE_PAGES": word})
    assert results["context"]["eie_huge_pages"] == ("no" if word == "no" else "yes")
    for row in results["benchmarks"]:
        assert 0 <= row["eie_huge_share"] <= (0 if word == "no" else 1)


def test_unknown_word_for_huge_pages(eie, tiny):
    environment = {"EIE_HUGE_PAGES": "often"}
    eie.fails(2, "EIE_HUGE_PAGES", "bench", "--suite", tiny, "--kernel", CPU, env=environment)
    eie.fails(2, "EIE_HUGE_PAGES", "check", "--kernel", CPU, env=environment)
