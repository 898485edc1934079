"""The libraries beside the kernels: checked where they are there, a reason where they are not, and no test needs one."""

import collections
import ctypes
import json
import sys

import pytest
from command import compile_shared
from test_ab import Repository

LIBRARIES = {
    "EIE_OPENBLAS": {"peers_openblas_sgemv": 1, "peers_openblas_sgemm": 4},
    "EIE_SCIPY_OPENBLAS": {"peers_scipy_openblas_sgemv": 1, "peers_scipy_openblas_sgemm": 4},
    "EIE_MKL": {"peers_mkl_sgemv": 1, "peers_mkl_csr_mv": 1, "peers_mkl_sgemm": 4, "peers_mkl_csr_mm": 4},
    "EIE_GRAPHBLAS": {"peers_graphblas_mxm": 4},
    "EIE_ONEDNN": {"peers_onednn_int8": 4, "peers_onednn_sgemm": 4},
}
KERNELS = [(variable, kernel, batch) for variable, kernels in LIBRARIES.items() for kernel, batch in kernels.items()]

OWN = [f"{folder}_float_{form}" for folder in ("avx2", "avx512", "scalar") for form in ("csr", "dense")]
WITH_OPENMP = [kernel for variable, kernel, _ in KERNELS if "OPENBLAS" not in variable]

# A kernel in float32: the outputs are the plain sums.
READ_SUMS = """
    const struct eie_cpu_plan *own = (const struct eie_cpu_plan *)plan;
    const struct eie_layer *layer = own->setup.problem.layer;
    for (uint32_t b = 0; b < own->setup.problem.batch; b++)
        for (uint32_t i = 0; i < layer->outputs; i++) {
            double sum = 0;
            for (uint32_t j = 0; j < layer->inputs; j++)
                sum += (double)((const int16_t *)own->copies[0])[(size_t)i * layer->inputs + j] *
                       own->inputs[(size_t)b * layer->inputs + j];
            ((float *)y)[(size_t)b * layer->outputs + i] = (float)sum;
        }
    (void)error;
    return EIE_OK;"""


LISTED = {}  # of an environment: asking for it loads every library that there is


def status_of(eie):
    key = tuple(sorted(eie.environment.items()))
    if key not in LISTED:
        LISTED[key] = {kernel["name"]: kernel for kernel in json.loads(eie("list", "kernels", "--json").stdout)}
    return LISTED[key]


def test_all_peers_are_known_here(eie):
    """But those of OpenCL and CUDA devices: test_opencl.py, test_cuda_peers.py; and of convolutions: test_images.py."""
    others = ("peers_clblast_", "peers_cublas_", "peers_cublaslt_", "peers_cusparse_", "peers_onednn_convolution")
    names = {name for name in status_of(eie) if name.startswith("peers_") and not name.startswith(others)}
    assert names == {kernel for _, kernel, _ in KERNELS}


# one of each library; check.* has them all
EACH = [
    peer if peer[1].endswith(("gemv", "int8", "mxm")) else pytest.param(*peer, marks=pytest.mark.slow) for peer in KERNELS
]


@pytest.mark.parametrize("variable, kernel, batch", EACH, ids=[kernel for _, kernel, _ in KERNELS])
def test_peer_is_checked_and_has_a_row(eie, tiny, variable, kernel, batch):
    found = status_of(eie)[kernel]
    if found["status"] != "ok":
        pytest.skip(f"{kernel}: {found['reason']}")
    line, *_ = eie("check", "--kernel", kernel, "--case", "24").stdout.splitlines()
    assert line.split()[:2] == [kernel, "ok"] and int(line.split()[2]) > 0
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", kernel, "--batch", str(batch), "--threads", "1")
    (row,) = results["benchmarks"]
    assert row["eie_kernel"] == kernel and row["eie_status"] == "ok" and row["eie_median_ns"] > 0
    assert row["eie_library"] and row["eie_library_core" if "graphblas" not in kernel else "eie_library"]


@pytest.mark.parametrize("variable, kernel, batch", KERNELS, ids=[kernel for _, kernel, _ in KERNELS])
def test_peer_that_is_missing_has_a_reason(eie, tiny, variable, kernel, batch):
    """Beside another kernel, and matched by a glob, it costs nothing but its row."""
    hidden = {variable: "/nonexistent.so"}
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        f"{kernel}*,scalar_eie_stream",
        "--batch",
        str(batch),
        "--threads",
        "1",
        env=hidden,
    )
    assert [row["eie_kernel"] for row in results["benchmarks"]] == ["scalar_eie_stream"]
    (row,) = results["eie_missing"]
    assert row["eie_kernel"] == kernel and row["eie_status"] in ("skipped", "unsupported")
    if row["eie_status"] == "skipped":  # else the processor is too old for it
        assert variable in row["eie_reason"] and "/nonexistent.so" in row["eie_reason"]
    eie.fails(
        3,
        "/nonexistent.so" if row["eie_status"] == "skipped" else kernel,
        "check",
        "--kernel",
        kernel,
        "--cases",
        "0",
        env=hidden,
    )


@pytest.mark.parametrize("kernel", WITH_OPENMP)
def test_threads_that_are_not_there(eie, tiny, kernel):
    """A limit of the environment: the library would compute on one thread what the row says two did."""
    if status_of(eie)[kernel]["status"] != "ok":
        pytest.skip(f"{kernel} is not here")
    batch = next(batch for _, name, batch in KERNELS if name == kernel)
    arguments = ["--suite", tiny, "--layer", "even", "--kernel", kernel, "--batch", batch, "--threads"]
    (row,) = eie.bench(*arguments, "2", code=3, env={"OMP_THREAD_LIMIT": "1"})["eie_missing"]
    assert row["eie_status"] == "unsupported"
    assert row["eie_reason"] == "OMP_THREAD_LIMIT=1 allows 1 thread where 2 are asked for"
    (row,) = eie.bench(*arguments, "2", code=3, env={"OMP_MAX_ACTIVE_LEVELS": "0"})["eie_missing"]
    assert row["eie_reason"] == "OMP_MAX_ACTIVE_LEVELS=0 allows 1 thread where 2 are asked for"
    (row,) = eie.bench(*arguments, "1", env={"OMP_THREAD_LIMIT": "1"})["benchmarks"]
    assert row["eie_status"] == "ok"
    (row,) = eie.bench(*arguments, "2", env={"OMP_DYNAMIC": "true"})["benchmarks"]  # taken back
    assert row["eie_status"] == "ok"


# ---- float32 rows that need no library ----------------------------------------------------------


def test_own_float_rows_without_any_library(eie, tiny):
    nothing = dict.fromkeys(LIBRARIES, "/nonexistent.so")
    results = eie.bench(
        *("--suite", tiny, "--layer", "even", "--kernel", "*_float_*,peers_*", "--batch", "1,3", "--threads", "1,2"),
        env=nothing,
    )
    found = collections.Counter(row["eie_kernel"] for row in results["benchmarks"])
    able = [kernel for kernel in OWN if status_of(eie)[kernel]["status"] == "ok"]
    assert {"scalar_float_csr", "scalar_float_dense"} <= set(able)
    assert found == dict.fromkeys(able, 2 * 2)
    for row in results["benchmarks"]:
        form = "dense" if row["eie_kernel"].endswith("_dense") else "sparse"
        assert {"float32", form} <= set(row["eie_flags"]) and row["eie_status"] == "ok"


# ---- the code path of an OpenBLAS ---------------------------------------------------------------

# Detects DETECTED. Each path that it has does as PATHS says: a letter and milliseconds that a call sleeps.
OPENBLAS = """
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
static struct {{ const char *name; char does; int ms; }} paths[] = {{ {paths} }};
static int threads = 1, at;
__attribute__((constructor)) static void load(void)
{{
    const char *wanted = getenv("OPENBLAS_CORETYPE");
    for (unsigned i = 0; wanted && i < sizeof paths / sizeof *paths; i++)
        if (!strcasecmp(wanted, paths[i].name)) at = (int)i;
    FILE *log = fopen("{log}", "a");
    fprintf(log, "%s\\n", paths[at].name);
    fclose(log);
}}
void {prefix}openblas_set_num_threads(int n) {{ threads = n; }}
int {prefix}openblas_get_num_threads(void) {{ return threads; }}
char *{prefix}openblas_get_config(void) {{ return "OpenBLAS of a test"; }}
char *{prefix}openblas_get_corename(void) {{ return (char *)paths[at].name; }}
{more}
__attribute__((optimize("O3"))) static float sum(const float *w, const float *x, int n)
{{
    float sums[8] = {{0}};
    int j = 0;
    for (; j + 8 <= n; j += 8) for (int k = 0; k < 8; k++) sums[k] += w[j + k] * x[j + k];
    for (; j < n; j++) sums[0] += w[j] * x[j];
    for (int k = 1; k < 8; k++) sums[0] += sums[k];
    return sums[0] + (paths[at].does == 'w');
}}
static void begin(void)
{{
    if (paths[at].does == 'c') raise(SIGSEGV);
    const struct timespec pause = {{0, 1000000L * paths[at].ms}};
    if (paths[at].ms) nanosleep(&pause, NULL);
}}
void {prefix}cblas_sgemv(int order, int transpose, int rows, int columns, float alpha, const float *matrix, int stride,
                 const float *x, int x_stride, float beta, float *y, int y_stride)
{{
    begin();
    for (int i = 0; i < rows; i++) y[i] = sum(matrix + (long)i * stride, x, columns);
}}
void {prefix}cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int a_stride, const float *b, int b_stride, float beta, float *c, int c_stride)
{{
    begin();
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[(long)i * c_stride + j] = sum(b + (long)j * b_stride, a + (long)i * a_stride, k);
}}
"""
SLOW = 50  # ms: sgemv of the others takes less than one, sgemm some


class OpenBlas:
    """An OpenBLAS with these paths, the first of which it takes by itself."""

    def __init__(self, folder, prefix="", more="", **paths):
        self.log, self.prefix = folder / "loaded.txt", prefix
        table = ", ".join(f"{{\"{name}\", '{what[0]}', {what[1:] or 0}}}" for name, what in paths.items())
        source = OPENBLAS.format(paths=table, log=self.log, prefix=prefix, more=more)
        self.path = compile_shared(folder, "blas", source)

    def rows(self, eie, suite, *further, **environment):
        variable = "EIE_SCIPY_OPENBLAS" if self.prefix else "EIE_OPENBLAS"
        kernels = f"peers_{'scipy_' if self.prefix else ''}openblas_*"
        # AVX2 is what the processor offers, so that all machines try the same
        environment = {"OPENBLAS_CORETYPE": "", "EIE_ISA_MASK": "avx512", variable: self.path} | environment
        if "--threads" not in further:
            further = ("--threads", "1", *further)
        return eie.bench("--suite", suite, "--layer", "even", "--kernel", kernels, *further, env=environment, code=None)

    def row(self, eie, suite, **environment):
        (row,) = self.rows(eie, suite, **environment)["benchmarks"]
        return row

    def loads(self):
        return collections.Counter(self.log.read_text().split())


@pytest.fixture
def avx2(eie, own_time):
    """Paths are told apart by a clock that no other process disturbs."""
    eie.environment |= own_time
    if status_of(eie)["avx2_float_dense"]["status"] != "ok":
        pytest.skip("without AVX2 no path is above another")


@pytest.mark.parametrize("prefix", ["", "scipy_"], ids=["system", "scipy"])
def test_fastest_path_that_is_right_is_taken(eie, tiny, tmp_path, avx2, prefix):
    blas = OpenBlas(tmp_path, prefix, Prescott=f"o{SLOW}", Zen="o", Haswell=f"o{SLOW}", SkylakeX="o")
    row = blas.row(eie, tiny)
    assert row["eie_library_core"] == "Zen (set; detected Prescott)"
    tried = dict(one.rsplit(" ", 1) for one in row["eie_library_tried"].split(", "))
    assert list(tried) == ["Prescott", "Zen", "Haswell"] and tried["Zen"] == "1.00"  # SkylakeX: CPUID says no
    assert float(tried["Prescott"]) > 3 and float(tried["Haswell"]) > 3


def test_path_that_crashes_loses_itself_alone(eie, tiny, tmp_path, avx2):
    blas = OpenBlas(tmp_path, Prescott=f"o{SLOW}", Zen="c", Haswell="o")
    row = blas.row(eie, tiny)
    assert row["eie_library_core"] == "Haswell (set; detected Prescott)" and row["eie_status"] == "ok"
    assert "Zen SIGSEGV" in row["eie_library_tried"]


def test_path_that_is_wrong_is_not_taken(eie, tiny, tmp_path, avx2):
    blas = OpenBlas(tmp_path, Prescott=f"o{SLOW}", Zen="w", Haswell="o")
    row = blas.row(eie, tiny)
    assert row["eie_library_core"] == "Haswell (set; detected Prescott)" and row["eie_status"] == "ok"
    assert "Zen wrong" in row["eie_library_tried"]


def test_path_that_the_library_does_not_have(eie, tiny, tmp_path, avx2):
    row = OpenBlas(tmp_path, Prescott="o", Zen="c").row(eie, tiny)
    assert row["eie_library_core"] == "Prescott" and row["eie_status"] == "ok"
    assert "Haswell not in this library" in row["eie_library_tried"]


def test_preset_path_stands(eie, tiny, tmp_path):
    blas = OpenBlas(tmp_path, Prescott="o", Haswell=f"o{SLOW}", Zen="o")
    row = blas.row(eie, tiny, OPENBLAS_CORETYPE="Haswell")
    assert row["eie_library_core"] == "Haswell (preset)" and "eie_library_tried" not in row
    row = blas.row(eie, tiny, OPENBLAS_CORETYPE="Bulldozer")  # which it does not have
    assert row["eie_library_core"] == "Prescott (preset Bulldozer)"
    assert set(blas.loads()) == {"Haswell", "Prescott"}


def test_path_that_is_what_the_processor_offers(eie, tiny, tmp_path, avx2):
    for core in ("Haswell", "LaterCore"):
        blas = OpenBlas(tmp_path, **{core: f"o{SLOW}"}, Zen="o")
        row = blas.row(eie, tiny)
        assert row["eie_library_core"] == core and "eie_library_tried" not in row
        assert "Zen" not in blas.loads()


def test_paths_are_tried_once_for_all_processes(eie, tiny, tmp_path, avx2, plugin):
    """A kernel that ends its worker makes others, each of which loads the library itself."""
    blas = OpenBlas(tmp_path, Prescott=f"o{SLOW}", Zen=f"o{SLOW}", Haswell="o")
    crash = plugin("crash", ON_RUN="abort();")
    kernels = "peers_openblas_sgemv,peers_openblas_sgemm,test_crash"
    results = eie.bench(
        "--suite",
        tiny,
        "--plugin",
        crash,
        "--kernel",
        kernels,
        "--threads",
        "1",
        "--batch",
        "1,3",
        env={"OPENBLAS_CORETYPE": "", "EIE_ISA_MASK": "avx512", "EIE_OPENBLAS": blas.path},
        code=None,
    )
    rows = [row for row in results["benchmarks"] if row["eie_kernel"].startswith("peers_openblas")]
    assert len(rows) == 3 * 2
    assert {row["eie_library_core"] for row in rows} == {"Haswell (set; detected Prescott)"}
    loads = blas.loads()
    assert loads["Zen"] == 2 and loads["Prescott"] == 3  # two rounds, and the first question
    assert loads["Haswell"] > 2 + 1  # more than one worker did load it


def test_teams_of_an_openblas_with_openmp(eie, tiny, tmp_path):
    """One whose calls would wait for a thread that is not there for ever."""
    more = """
    int openblas_get_parallel(void) { return 2; }
    void omp_set_num_threads(int n) { (void)n; }
    void omp_set_dynamic(int n) { (void)n; }
    int omp_get_num_threads(void) { return 1; }
    int omp_get_thread_num(void) { return 0; }
    void GOMP_parallel(void (*work)(void *), void *context, unsigned n, unsigned flags) { work(context); }
    void GOMP_barrier(void) { }"""
    blas = OpenBlas(tmp_path, more=more, Haswell="o")
    assert blas.rows(eie, tiny)["benchmarks"][0]["eie_status"] == "ok"
    (row,) = blas.rows(eie, tiny, "--threads", "2")["eie_missing"]
    assert row["eie_status"] == "unsupported"
    assert row["eie_reason"] == "the library's OpenMP has 1 thread where 2 are asked for"
    for variable, value in (
        ("OMP_THREAD_LIMIT", "1"),
        ("KMP_DEVICE_THREAD_LIMIT", "1"),
        ("KMP_ALL_THREADS", "1"),
        ("OMP_MAX_ACTIVE_LEVELS", "0"),
        ("KMP_LIBRARY", "serial"),
    ):
        (row,) = blas.rows(eie, tiny, "--threads", "2", **{variable: value})["eie_missing"]
        assert row["eie_reason"] == f"{variable}={value} allows 1 thread where 2 are asked for"
    for variable, value in (("OMP_THREAD_LIMIT", "2"), ("OMP_THREAD_LIMIT", "none"), ("OMP_MAX_ACTIVE_LEVELS", "1")):
        (row,) = blas.rows(eie, tiny, "--threads", "2", **{variable: value})["eie_missing"]
        assert row["eie_reason"] == "the library's OpenMP has 1 thread where 2 are asked for"  # no fault of theirs


OPENMP = """
static int wanted = 1;
int openblas_get_parallel(void) { return 2; }
void omp_set_num_threads(int n) { wanted = n; }
void omp_set_dynamic(int n) { (void)n; }
int omp_get_num_threads(void) { return TEAM; }
int omp_get_thread_num(void) { return 0; }
void GOMP_parallel(void (*work)(void *), void *context, unsigned n, unsigned flags) { work(context); }
void GOMP_barrier(void) { }
"""


def test_runtime_that_takes_the_librarys_calls_is_asked(eie, tiny, tmp_path):
    """LD_PRELOAD puts another OpenMP before the one that the library was linked with, and it has one thread."""
    blas = OpenBlas(tmp_path, more=OPENMP.replace("TEAM", "wanted"), Haswell="o")
    assert blas.rows(eie, tiny, "--threads", "2")["benchmarks"][0]["eie_status"] == "ok"
    other = compile_shared(tmp_path, "other", OPENMP.replace("TEAM", "1"))
    results = blas.rows(eie, tiny, "--threads", "2", LD_PRELOAD=str(other))
    (row,) = results["eie_missing"]
    assert row["eie_status"] == "unsupported"
    assert row["eie_reason"] == "the library's OpenMP has 1 thread where 2 are asked for"
    assert results["context"]["eie_environment"]["LD_PRELOAD"] == str(other)


MKL = """
#include <dlfcn.h>
#include <stdio.h>
void MKL_Set_Num_Threads(int n) {{ (void)n; }}
int MKL_Get_Max_Threads(void) {{ return 1; }}
void MKL_Set_Dynamic(int n) {{ (void)n; }}
int MKL_Set_Interface_Layer(int n) {{ return n; }}
void MKL_Get_Version_String(char *text, int size) {{ snprintf(text, (unsigned)size, "MKL of a test"); }}
void cblas_sgemv(int order, int transpose, int rows, int columns, float alpha, const float *matrix, int stride,
                 const float *x, int x_stride, float beta, float *y, int y_stride)
{{
    dlopen("{core}", RTLD_NOW);
    for (int i = 0; i < rows; i++) {{
        double sum = 0;
        for (int j = 0; j < columns; j++) sum += (double)matrix[(long)i * stride + j] * x[j];
        y[i] = (float)sum;
    }}
}}
"""


@pytest.mark.parametrize(
    "core, mask, note",
    [
        ("def", "", "weak path: MKL's def lies below what the processor offers, AVX"),
        ("avx2", "", None),
        ("def", "avx2", None),
    ],
)
def test_mkl_says_when_its_path_is_weak(eie, tiny, tmp_path, avx2, core, mask, note):
    compile_shared(tmp_path, f"libmkl_{core}", "int nothing;")
    path = compile_shared(tmp_path, "rt", MKL.format(core=tmp_path / f"libmkl_{core}.so"))
    (row,) = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        "peers_mkl_sgemv",
        "--threads",
        "1",
        env={"EIE_MKL": path, "EIE_ISA_MASK": mask},
    )["benchmarks"]
    assert row["eie_library"] == "MKL of a test" and row["eie_library_core"] == core
    assert row.get("eie_library_note", "").startswith(note or "") and bool(row.get("eie_library_note")) == bool(note)


def test_waiting_time_of_intels_openmp_is_one_that_it_takes(eie, tiny, tmp_path):
    """In whole milliseconds, which all its versions take: another value was a warning, and 200 ms of spinning."""
    said = "#include <stdlib.h>\n" + MKL.format(core="").replace('"MKL of a test"', '"%s", getenv("KMP_BLOCKTIME")')
    path = compile_shared(tmp_path, "rt", said)
    arguments = ["--suite", tiny, "--layer", "even", "--kernel", "peers_mkl_sgemv", "--threads", "1"]
    (row,) = eie.bench(*arguments, env={"EIE_MKL": path})["benchmarks"]
    assert row["eie_library"] in ("0", "1")
    (row,) = eie.bench(*arguments, env={"EIE_MKL": path, "KMP_BLOCKTIME": "7"})["benchmarks"]  # a user's own
    assert row["eie_library"] == "7"


# An MKL whose number of threads for BLAS is its own, and cannot be set when FIXED.
DOMAINS = """
static int blas = 1;
int MKL_Domain_Set_Num_Threads(int n, int domain)
{
    if (domain == 1 && !FIXED) blas = n;
    return 1;
}
int MKL_Domain_Get_Max_Threads(int domain) { return domain == 1 ? blas : 2; }
"""
SEVERAL = MKL.format(core="").replace(
    "(void)n; }\nint MKL_Get_Max_Threads(void) { return 1; }",
    "threads = n; }\nint MKL_Get_Max_Threads(void) { return threads; }",
)
SEVERAL = "static int threads = 1;\n" + SEVERAL


def mkl_row(eie, suite, path, threads, **environment):
    results = eie.bench(
        "--suite",
        suite,
        "--layer",
        "even",
        "--kernel",
        "peers_mkl_sgemv",
        "--threads",
        threads,
        env={"EIE_MKL": path, "MKL_THREADING_LAYER": ""} | environment,
        code=None,
    )
    (row,) = results["benchmarks"] + results["eie_missing"]
    return row


def has_library(name):
    try:
        return bool(ctypes.CDLL(name))
    except OSError:
        return False


def test_mkl_whose_blas_has_threads_of_its_own(eie, tiny, tmp_path):
    """MKL_DOMAIN_NUM_THREADS goes before the number that is set for all."""
    if not has_library("libgomp.so.1"):
        pytest.skip("libgomp is not here")
    said = "#include <stdlib.h>\n" + DOMAINS.replace("FIXED", "0") + SEVERAL
    said = said.replace('dlopen("", RTLD_NOW);', "if (blas != 2) abort();")
    row = mkl_row(eie, tiny, compile_shared(tmp_path, "rt", said), 2)
    assert row["eie_status"] == "ok", row["eie_reason"]
    row = mkl_row(eie, tiny, compile_shared(tmp_path, "fixed", DOMAINS.replace("FIXED", "1") + SEVERAL), 2)
    assert row["eie_status"] == "unsupported"
    assert row["eie_reason"] == "this MKL (MKL_THREADING_LAYER=GNU) uses 1 thread where 2 are asked for"


def test_mkl_without_threads(eie, tiny, tmp_path):
    path = compile_shared(tmp_path, "rt", MKL.format(core=""))
    row = mkl_row(eie, tiny, path, 2, MKL_THREADING_LAYER="SEQUENTIAL")
    assert row["eie_status"] == "unsupported"
    assert row["eie_reason"] == "this MKL (MKL_THREADING_LAYER=SEQUENTIAL) uses 1 thread where 2 are asked for"
    assert mkl_row(eie, tiny, path, 1, MKL_THREADING_LAYER="SEQUENTIAL")["eie_status"] == "ok"


def test_layer_of_mkl_that_is_none(eie, tiny, tmp_path):
    row = mkl_row(eie, tiny, compile_shared(tmp_path, "rt", MKL.format(core="")), 1, MKL_THREADING_LAYER="INTELL")
    assert row["eie_status"] == "skipped"
    assert row["eie_reason"].startswith("MKL_THREADING_LAYER=INTELL: MKL is used with GNU, INTEL, SEQUENTIAL or TBB")
    assert row["eie_reason"].endswith("did you mean INTEL?")


def test_layer_of_mkl_whose_runtime_is_missing(eie, tiny, tmp_path):
    """The true one ends the process at its first call, with words of its own on standard output."""
    if has_library("libtbb.so.12"):
        pytest.skip("TBB is here")
    leaves = SEVERAL.replace("{ return n; }", '{ puts("FATAL"); fflush(stdout); _exit(2); }')
    path = compile_shared(tmp_path, "rt", "#include <unistd.h>\n" + leaves)
    row = mkl_row(eie, tiny, path, 1, MKL_THREADING_LAYER="TBB")
    assert row["eie_status"] == "skipped"
    assert row["eie_reason"].startswith("MKL_THREADING_LAYER=TBB needs libtbb.so.12, which cannot be loaded")


def test_mkl_that_takes_anothers_threads_says_so(eie, tiny, tmp_path):
    """With GNU's runtime in the process the true one does not heed INTEL."""
    if not has_library("libiomp5.so"):
        pytest.skip("Intel's or LLVM's OpenMP is not here")
    compile_shared(tmp_path, "libmkl_gnu_thread", "int nothing;")
    path = compile_shared(tmp_path, "rt", MKL.format(core=tmp_path / "libmkl_gnu_thread.so"))
    row = mkl_row(eie, tiny, path, 1, MKL_THREADING_LAYER="INTEL")
    assert row["eie_library_note"] == "threads are those of MKL's layer GNU, MKL_THREADING_LAYER=INTEL is not heeded"
    assert "eie_library_note" not in mkl_row(eie, tiny, path, 1)


@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_variable_that_takes_vnni_from_onednn_is_named(eie, tiny, variable):
    kernel = "peers_onednn_int8"
    if status_of(eie)[kernel]["status"] != "ok":
        pytest.skip(f"{kernel} is not here")
    arguments = ["--suite", tiny, "--layer", "even", "--kernel", kernel, "--threads", "1"]
    results = eie.bench(*arguments, env={variable: "AVX2"}, code=3)
    (row,) = results["eie_missing"]
    assert row["eie_status"] == "unsupported" and row["eie_reason"].startswith(f"{variable}=AVX2 takes VNNI from oneDNN")
    assert results["context"]["eie_environment"][variable] == "AVX2"


# ---- what libraries print -----------------------------------------------------------------------

LOUD = [
    "MKL_VERBOSE",
    "ONEDNN_VERBOSE",
    "DNNL_VERBOSE",
    "ONEDNN_JIT_DUMP",
    "ONEDNN_JIT_PROFILE",
    "OPENBLAS_VERBOSE",
    "OMP_DISPLAY_ENV",
    "OMP_DISPLAY_AFFINITY",
    "KMP_SETTINGS",
    "KMP_VERSION",
    "CUBLAS_LOGINFO_DBG",
    "CUSPARSE_LOG_LEVEL",
]


def test_variables_that_make_libraries_print_are_taken_away(eie, tiny, tmp_path):
    """And are not in the context: they have changed nothing."""
    shown = "".join(f'if (getenv("{name}")) puts("{name}");' for name in LOUD)
    source = SEVERAL.replace(
        "{ return n; }", "{ " + shown + ' printf("(%s)\\n", getenv("KMP_AFFINITY")); fflush(stdout); return n; }'
    )
    path = compile_shared(tmp_path, "rt", "#include <stdlib.h>\n" + source)
    environment = dict.fromkeys(LOUD, "1") | {"EIE_MKL": path, "KMP_AFFINITY": "verbose,granularity=core,Verbose,compact"}
    done = eie(
        "bench",
        *("--suite", tiny, "--layer", "even", "--kernel", "peers_mkl_sgemv", "--threads", "1", "--cache", "hot"),
        *("--budget", "least", "--quiet", "--out", "out.json"),
        env=environment,
    )
    assert done.stderr == "(granularity=core,compact)\n"
    kept = json.loads((eie.folder / "out.json").read_text())["context"]["eie_environment"]
    assert kept["KMP_AFFINITY"] == "granularity=core,compact" and not set(LOUD) & set(kept)
    done = eie("list", "kernels", env=environment | {"KMP_AFFINITY": "verbose"})
    assert set(done.stderr.split()) == {"((null))"}


def test_what_a_library_prints_is_not_in_our_output(eie, tiny, tmp_path):
    source = SEVERAL.replace("{ return n; }", '{ puts("FATAL"); fflush(stdout); return n; }')
    loud = {"EIE_MKL": compile_shared(tmp_path, "rt", source)}
    done = eie("list", "kernels", "--json", env=loud)
    assert {one["name"]: one for one in json.loads(done.stdout)}["peers_mkl_sgemv"]["status"] == "ok"
    assert "FATAL" in done.stderr
    for arguments in (
        ("check", "--kernel", "peers_mkl_sgemv", "--case", "3", "--threads", "1"),
        (
            *("bench", "--suite", tiny, "--layer", "odd", "--kernel", "peers_mkl_sgemv", "--threads", "1", "--cache", "hot"),
            *("--budget", "least", "--out", "o.json"),
        ),
    ):
        done = eie(*arguments, env=loud)
        assert "peers_mkl_sgemv" in done.stdout and "FATAL" not in done.stdout and "FATAL" in done.stderr


def test_library_that_ends_the_process_costs_the_list_its_own_kernels_alone(eie, tmp_path):
    source = SEVERAL.replace("{ return n; }", "{ _exit(2); }")
    path = compile_shared(tmp_path, "rt", "#include <unistd.h>\n" + source)
    done = eie("list", "kernels", "--json", env={"EIE_MKL": path})
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["peers_mkl_sgemv"]["status"] == "crashed" and "exit code 2" in found["peers_mkl_sgemv"]["reason"]
    assert found["scalar_eie_stream"]["status"] == "ok"


@pytest.mark.parametrize("variable, kernel", [(variable, kernel) for variable, kernel, _ in KERNELS])
def test_true_library_prints_nothing(eie, variable, kernel):
    if status_of(eie)[kernel]["status"] != "ok":
        pytest.skip(f"{kernel} is not here")
    done = eie("check", "--kernel", kernel, "--case", "24", "--threads", "1", env=dict.fromkeys(LOUD, "2"))
    assert done.stderr == "" and all(line.startswith((kernel, "1 kernel")) for line in done.stdout.splitlines())


# ---- operands that are rounded ------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags, operations",
    [("EIE_KERNEL_FLOAT32", ["float32"]), ("EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE", ["int8", "int16"])],
    ids=["float32", "rounded"],
)
def test_rounded_operands_are_held_against_the_ceiling_of_integers(eie, plugin, tiny, flags, operations):
    """A library that rounds its operands to int8 may pass the peak of float32."""
    rounding = 0.1 if "APPROXIMATE" in flags else 0
    path = plugin(
        "sums",
        ON_READ=READ_SUMS,
        AFTER_COST="cost->bytes_written *= 2; cost->macs_padding += 1000000000;",
        MEMBERS=f".flags = {flags}, .weight_rounding = {{0, {rounding}}}",
    )
    results = eie.bench(
        "--suite", tiny, "--layer", "odd", "--plugin", path, "--kernel", "test_sums", "--threads", "1", code=None
    )
    (row,) = results["benchmarks"] + results["eie_missing"]
    assert row["eie_floor_bound"] == "arithmetic"
    peak = max(
        peak["macs_per_s"] for peak in results["context"]["eie_runs"][0]["eie_peaks"] if peak["operation"] in operations
    )
    macs = row["eie_macs_useful"] + row["eie_macs_padding"]
    assert row["eie_floor_ns"] == pytest.approx(1e9 * macs / peak, rel=1e-6)


# ---- how ./run installs them --------------------------------------------------------------------

PIP = """#!/bin/sh
[ "$1 $2" = "-m pip" ] || exec "{python}" "$@"
echo "$@" >> pip.txt
exit {code}
"""


class Installing(Repository):
    """`./run` where pip is a stand-in that ends with an exit code."""

    def __init__(self, folder, code):
        super().__init__(folder)
        self.python(code)
        (self.folder / "kernels/peers").mkdir(parents=True)
        (self.folder / "kernels/peers/requirements.txt").write_text("# a library\nmkl==0\n")
        (self.folder / ".gitignore").write_text("/build/\n/.venv/\n/pip.txt\n")
        del self.environment["EIE_PEERS"]
        self.commit("first", "refuses")

    def python(self, code):
        (self.folder / ".venv/bin/python").write_text(PIP.format(python=sys.executable, code=code))

    def pips(self):
        calls = self.folder / "pip.txt"
        return calls.read_text().splitlines() if calls.exists() else []

    def run(self, verb=False, **environment):
        """What a verb asks `run` for; or a verb itself, which ends when it has installed and built."""
        self.environment |= environment
        arguments = ("ab", "first", "first", "--pairs", "3") if verb else ("--install", "build", "python", "peers")
        done = self.finished(*arguments)
        assert done.returncode == (2 if verb else 0) and ("no such kernel" in done.stderr) == verb, done.stderr
        return [line for line in done.stderr.splitlines() if "going on without" in line]


def test_peers_are_installed_once(tmp_path):
    repository = Installing(tmp_path, 0)
    assert repository.run(verb=True) == [] and len(repository.pips()) == 1
    repository.python(1)  # no network any more
    assert repository.run() == [] and len(repository.pips()) == 1
    (repository.folder / "kernels/peers/requirements.txt").write_text("mkl==1\n")
    assert len(repository.run()) == 1 and len(repository.pips()) == 2


def test_peers_that_cannot_be_installed_are_one_line(tmp_path):
    repository = Installing(tmp_path, 1)
    (line,) = repository.run()
    assert "mkl==0" in line and "graphblas" not in line
    repository.python(0)
    assert repository.run() == []  # tried again


def test_peers_that_are_not_wanted(tmp_path):
    repository = Installing(tmp_path, 1)
    assert repository.run(EIE_PEERS="no") == [] and repository.pips() == []


def test_peers_of_the_distribution_that_cannot_be_installed(tmp_path):
    repository = Installing(tmp_path, 0)
    for name, body in (
        ("dpkg-query", 'case "$*" in *graphblas*|*dnnl*) exit 1;; esac; echo installed'),
        ("apt-get", "exit 100"),
        ("sudo", "exit 1"),
    ):
        (tmp_path / "tools" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "tools" / name).chmod(0o755)
    (line,) = repository.run()
    assert "libgraphblas7 libdnnl2" in line and "mkl" not in line
