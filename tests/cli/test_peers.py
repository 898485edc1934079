"""The libraries beside the kernels: checked where they are there, a reason where they are not, and no test needs one."""

import json
import sys

import pytest

from test_ab import Repository

LIBRARIES = {"EIE_OPENBLAS": {"peers_openblas_sgemv": 1, "peers_openblas_sgemm": 4},
             "EIE_MKL": {"peers_mkl_sgemv": 1, "peers_mkl_csr_mv": 1, "peers_mkl_sgemm": 4, "peers_mkl_csr_mm": 4},
             "EIE_GRAPHBLAS": {"peers_graphblas_mxm": 4}, "EIE_ONEDNN": {"peers_onednn_int8": 4}}
KERNELS = [(variable, kernel, batch) for variable, kernels in LIBRARIES.items() for kernel, batch in kernels.items()]

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


def status_of(eie):
    return {kernel["name"]: kernel for kernel in json.loads(eie("list", "kernels", "--json").stdout)}


def test_all_peers_are_known_here(eie):
    """But those of OpenCL and CUDA devices: test_opencl.py, test_cuda_peers.py."""
    others = ("peers_clblast_", "peers_cublas_", "peers_cusparse_")
    names = {name for name in status_of(eie) if name.startswith("peers_") and not name.startswith(others)}
    assert names == {kernel for _, kernel, _ in KERNELS}


@pytest.mark.parametrize("variable, kernel, batch", KERNELS, ids=[kernel for _, kernel, _ in KERNELS])
def test_peer_is_checked_and_has_a_row(eie, tiny, variable, kernel, batch):
    found = status_of(eie)[kernel]
    if found["status"] != "ok":
        pytest.skip(f"{kernel}: {found['reason']}")
    line, *_ = eie("check", "--kernel", kernel, "--cases", "1").stdout.splitlines()
    assert line.split()[:2] == [kernel, "ok"] and int(line.split()[2]) > 0
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", kernel, "--batch", str(batch), "--threads", "1")
    row, = results["benchmarks"]
    assert row["eie_kernel"] == kernel and row["eie_status"] == "ok" and row["eie_median_ns"] > 0
    assert row["eie_library"] and row["eie_library_core" if "graphblas" not in kernel else "eie_library"]


@pytest.mark.parametrize("variable, kernel, batch", KERNELS, ids=[kernel for _, kernel, _ in KERNELS])
def test_peer_that_is_missing_has_a_reason(eie, tiny, variable, kernel, batch):
    """Beside another kernel, and matched by a glob, it costs nothing but its row."""
    hidden = {variable: "/nonexistent.so"}
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", f"{kernel}*,scalar_eie_stream", "--batch",
                        str(batch), "--threads", "1", env=hidden)
    assert [row["eie_kernel"] for row in results["benchmarks"]] == ["scalar_eie_stream"]
    row, = results["eie_missing"]
    assert row["eie_kernel"] == kernel and row["eie_status"] in ("skipped", "unsupported")
    if row["eie_status"] == "skipped":  # else the processor is too old for it
        assert variable in row["eie_reason"] and "/nonexistent.so" in row["eie_reason"]
    eie.fails(3, "/nonexistent.so" if row["eie_status"] == "skipped" else kernel, "check", "--kernel", kernel,
              "--cases", "0", env=hidden)


@pytest.mark.parametrize("flags, operations", [("EIE_KERNEL_FLOAT32", ["float32"]),
                                               ("EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE", ["int8", "int16"])],
                         ids=["float32", "rounded"])
def test_rounded_operands_are_held_against_the_ceiling_of_integers(eie, plugin, tiny, flags, operations):
    """A library that rounds its operands to int8 may pass the peak of float32."""
    rounding = 0.1 if "APPROXIMATE" in flags else 0
    path = plugin("sums", ON_READ=READ_SUMS, AFTER_COST="cost->macs_padding += 1000000000;",
                  MEMBERS=f".flags = {flags}, .weight_rounding = {{0, {rounding}}}")
    results = eie.bench("--suite", tiny, "--layer", "odd", "--plugin", path, "--kernel", "test_sums", "--threads", "1",
                        code=None)
    row, = results["benchmarks"] + results["eie_missing"]
    assert row["eie_floor_bound"] == "arithmetic"
    peak = max(peak["macs_per_s"] for peak in results["context"]["eie_runs"][0]["eie_peaks"]
               if peak["operation"] in operations)
    macs = row["eie_macs_useful"] + row["eie_macs_padding"]
    assert row["eie_floor_ns"] == pytest.approx(1e9 * macs / peak, rel=1e-6)


# ---- how ./run installs them --------------------------------------------------------------------

PIP = """#!/bin/sh
[ "$1 $2" = "-m pip" ] || exec "{python}" "$@"
echo "$@" >> pip.txt
exit {code}
"""


class Installing(Repository):
    """`./run ab` where pip is a stand-in that ends with an exit code."""
    def __init__(self, folder, code):
        super().__init__(folder)
        self.python(code)
        (self.folder / "kernels/peers").mkdir(parents=True)
        (self.folder / "kernels/peers/requirements.txt").write_text("# a library\nmkl==0\n")
        (self.folder / ".gitignore").write_text("/build/\n/.venv/\n/pip.txt\n")
        del self.environment["EIE_PEERS"]
        self.commit("first", 1000)

    def python(self, code):
        (self.folder / ".venv/bin/python").write_text(PIP.format(python=sys.executable, code=code))

    def pips(self):
        calls = self.folder / "pip.txt"
        return calls.read_text().splitlines() if calls.exists() else []

    def run(self, **environment):
        self.environment |= environment
        done = self.ab("first", "first", "--budget", "60")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stderr.splitlines() if "going on without" in line]


def test_peers_are_installed_once(tmp_path):
    repository = Installing(tmp_path, 0)
    assert repository.run() == [] and len(repository.pips()) == 1
    repository.python(1)  # no network any more
    assert repository.run() == [] and len(repository.pips()) == 1
    (repository.folder / "kernels/peers/requirements.txt").write_text("mkl==1\n")
    assert len(repository.run()) == 1 and len(repository.pips()) == 2


def test_peers_that_cannot_be_installed_are_one_line(tmp_path):
    repository = Installing(tmp_path, 1)
    line, = repository.run()
    assert "mkl==0" in line and "graphblas" not in line
    repository.python(0)
    assert repository.run() == []  # tried again


def test_peers_that_are_not_wanted(tmp_path):
    repository = Installing(tmp_path, 1)
    assert repository.run(EIE_PEERS="no") == [] and repository.pips() == []


def test_peers_of_the_distribution_that_cannot_be_installed(tmp_path):
    repository = Installing(tmp_path, 0)
    for name, body in (("dpkg-query", 'case "$*" in *graphblas*|*dnnl*) exit 1;; esac; echo installed'),
                       ("apt-get", "exit 100"), ("sudo", "exit 1")):
        (tmp_path / "tools" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "tools" / name).chmod(0o755)
    line, = repository.run()
    assert "libgraphblas7 libdnnl2" in line and "mkl" not in line
