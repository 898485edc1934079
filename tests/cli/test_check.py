"""`eie check`: what it compares, what it says, and that it can fail."""

import re
import shlex

import pytest
from command import compile_shared

KERNELS = ["model_eie_analytic", "scalar_eie_stream", "scalar_ref_dense"]

WRONG_BLAS = """
static int threads = 1;
void openblas_set_num_threads(int n) { threads = n; }
int openblas_get_num_threads(void) { return threads; }
char *openblas_get_config(void) { return "a wrong one"; }
char *openblas_get_corename(void) { return "none"; }
void cblas_sgemv(int order, int transpose, int rows, int columns, float alpha, const float *matrix, int stride,
                 const float *x, int x_stride, float beta, float *y, int y_stride)
{
    (void)order, (void)transpose, (void)beta;
    for (int i = 0; i < rows; i++) {
        double sum = 0;
        for (int j = 0; j < columns; j++) sum += (double)matrix[(long)i * stride + j] * x[j * x_stride];
        y[i * y_stride] = (float)(alpha * sum + (i == rows - 1 ? 1e12 : 0)); /* the last row is wrong */
    }
}
"""


@pytest.fixture(scope="session")
def wrong_blas(tmp_path_factory):
    """An OpenBLAS that computes the last row wrongly."""
    return {"EIE_OPENBLAS": str(compile_shared(tmp_path_factory.mktemp("blas"), "wrong", WRONG_BLAS))}


def test_check_prints_a_line_for_each_kernel_and_the_count(eie):
    done = eie("check", "--case", "3", "--threads", "1", "--kernel", ",".join(KERNELS))
    lines = done.stdout.splitlines()
    for kernel in KERNELS:
        (line,) = (line for line in lines if line.split()[0] == kernel)
        assert line.split()[1] == "ok" and int(line.split()[2]) > 0
    assert re.fullmatch(r"\d+ kernels, [1-9]\d* runs compared with the dense oracle, seed 1", lines[-1])
    assert done.stderr == ""


def test_what_a_kernel_refuses_is_counted(eie):
    """Layers that are too wide for it, batches that are not its own: neither run nor forgotten."""
    (everything,) = eie("check", "--kernel", "scalar_eie_stream", "--cases", "0", "--threads", "1").stdout.splitlines()[:1]
    assert "unsupported" not in everything
    all_runs = int(everything.split()[2])
    lines = eie("check", "--kernel", "*_window_lookup,*_batch_pairs", "--cases", "0", "--threads", "1").stdout.splitlines()[
        :-1
    ]
    for line in (line for line in lines if line.split()[1] == "ok"):
        (refused,) = re.findall(r", (\d+) unsupported$", line)
        assert int(refused) > 0 and int(line.split()[2]) + int(refused) == all_runs


def test_more_cases_are_more_runs(eie):
    runs = [
        int(eie("check", "--kernel", "scalar_eie_stream", "--threads", "1", "--cases", cases).stdout.split()[2])
        for cases in (0, 1)
    ]
    assert runs[0] > 0 and runs[1] > runs[0]


def test_seed_is_stated(eie):
    assert eie("check", "--case", "1", "--seed", "99", "--kernel", "scalar_ref_dense").stdout.endswith("seed 99\n")


def test_one_case_is_one_case(eie):
    done = eie("check", "--kernel", "scalar_eie_stream", "--device", "cpu", "--seed", "7", "--case", "3", "--threads", "1")
    assert int(done.stdout.split()[2]) == 2  # two batches


def test_mismatch_is_exit_1_and_prints_what_reproduces_it(eie, wrong_blas):
    done = eie.run("check", "--kernel", "peers_openblas_sgemv,scalar_eie_stream", "--cases", "0", env=wrong_blas)
    assert done.returncode == 1, done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("peers_openblas_sgemv"))
    assert "MISMATCH" in line
    again = shlex.split(line.split("again: ")[1])
    assert again[:2] == ["eie", "check"] and "--case" in again
    repeated = eie.run(*again[1:], env=wrong_blas)
    assert repeated.returncode == 1 and "MISMATCH" in repeated.stdout
    assert eie("check", "--kernel", "scalar_ref_dense", *again[4:], env=wrong_blas).stdout.count("ok") == 1


def test_bench_shows_no_number_of_a_kernel_that_is_wrong(eie, tiny, wrong_blas):
    done = eie.bench("--suite", tiny, "--layer", "odd", "--threads", "1", code=1, env=wrong_blas)
    assert "peers_openblas_sgemv" not in {row["eie_kernel"] for row in done["benchmarks"]}
    (row,) = (row for row in done["eie_missing"] if row["eie_kernel"] == "peers_openblas_sgemv")
    assert row["eie_kernel"] == "peers_openblas_sgemv" and row["eie_status"] == "mismatch" and row["eie_reason"]
    assert "eie_median_ns" not in row
    assert {row["eie_kernel"] for row in done["benchmarks"]} >= {"model_eie_analytic", "scalar_eie_stream"}


@pytest.mark.parametrize("models, code", [("", 1), ("empty", 2)], ids=["3 and 1", "2 and 1"])
def test_exit_code_where_several_hold(eie, tiny, tmp_path, wrong_blas, models, code):
    (tmp_path / "empty").mkdir()
    eie.bench(
        "--suite",
        f"{tiny},real",
        "--layer",
        "odd,alexnet-fc8",
        "--threads",
        "1",
        "--kernel",
        "peers_openblas_sgemv,scalar_eie_stream",
        code=code,
        env=wrong_blas | {"EIE_MODELS": models},
    )


def test_library_that_is_missing(eie):
    eie.fails(
        3,
        "/nonexistent.so",
        "check",
        "--kernel",
        "peers_openblas_sgemv",
        "--cases",
        "0",
        env={"EIE_OPENBLAS": "/nonexistent.so"},
    )


def test_nothing_checked_is_never_good(eie):
    done = eie.fails(
        3,
        "nothing was checked",
        "check",
        "--kernel",
        "peers_openblas_sgem*",
        "--cases",
        "0",
        env={"EIE_OPENBLAS": "/nonexistent.so"},
    )
    assert "skipped" in done.stdout


def test_library_that_is_missing_does_not_stop_the_rest(eie):
    done = eie("check", "--case", "3", env={"EIE_OPENBLAS": "/nonexistent.so"})
    assert "skipped" in done.stdout and all(kernel in done.stdout for kernel in KERNELS)


def test_library_that_is_no_library(eie, tmp_path):
    (tmp_path / "text.so").write_text("no library")
    eie.fails(
        3,
        "text.so",
        "check",
        "--kernel",
        "peers_openblas_sgemv",
        "--cases",
        "0",
        env={"EIE_OPENBLAS": str(tmp_path / "text.so")},
    )


def test_streams_of_short_columns_that_are_all_active(eie, make_suite):
    """Their kernels work on the stream as a whole; rows add up to far more than 256 there."""
    layer = {
        "name": "short",
        "inputs": 3000,
        "outputs": 800,
        "weight_density": 0.005,
        "activation": "none",
        "activation_density": 1.0,
        "source": "a test",
    }
    results = eie.bench(
        "--suite", make_suite(layers=[layer]), "--kernel", "scalar_eie_stream,avx*_eie_stream", "--threads", "1,2"
    )
    rows = results["benchmarks"] + [row for row in results["eie_missing"] if row["eie_status"] != "unsupported"]
    assert rows and {row["eie_status"] for row in rows} == {"ok"}
