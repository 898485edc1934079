"""The table of families and libraries, by hand from the made-up file."""

import math

import pytest
from conftest import KERNELS, POOL_COST_NEURALTALK, SHAPES, cell, host_row, read, run_report

from plots.core.published import LAYERS
from plots.tables.families import family_of

CSR_COST = 8  # of MKL's CSR in the made-up file


@pytest.mark.parametrize(
    "kernel, family",
    [
        ("scalar_eie_stream", "scalar C, on the EIE stream"),
        ("avx2_window_lookup", "AVX2, prepacked"),
        ("avx2_eie_stream", "AVX2, on the EIE stream"),
        ("avx512_eie_stream", "AVX-512, on the EIE stream"),
        ("cpu_auto", "cpu_auto"),
        ("mine_eie_stream", "mine_eie_stream"),
    ],
)
def test_family_of(kernel, family):
    assert family_of(kernel) == family


@pytest.fixture
def with_csr(document):
    for layer in LAYERS:
        row = host_row("paper", layer, SHAPES[layer], "scalar_eie_stream", 1, "hot")
        change = CSR_COST / KERNELS["scalar_eie_stream"][1]
        row |= {
            "eie_kernel": "peers_mkl_csr_mv",
            "eie_flags": ["float32"],
            "name": row["name"].replace("scalar_eie_stream", "peers_mkl_csr_mv"),
        }
        for key in ("real_time", "cpu_time", "eie_median_ns", "eie_ci95_low_ns", "eie_ci95_high_ns"):
            row[key] *= change
        row["eie_samples_ns"] = [row["eie_median_ns"]] * 3
        document["benchmarks"].append(row)
    return document


def values(folder, name="families_batch1_hot"):
    return {(line["row"], line["column"]): line["value"] for line in read(folder, name)}


def test_by_hand(with_csr, save, tmp_path):
    done = run_report(save(with_csr), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = values(tmp_path / "out")
    stream = "scalar C, on the EIE stream"
    shapes = [SHAPES[layer] for layer in LAYERS]
    mean = math.prod(inputs * outputs * 20 / 1e6 for inputs, outputs, *_ in shapes) ** (1 / 9)
    assert float(found[stream, "1 thread: us"]) == pytest.approx(mean)
    assert float(found[stream, "1 thread: over best dense"]) == pytest.approx(100 / 20)
    assert float(found[stream, "1 thread: over best sparse"]) == pytest.approx(CSR_COST / 20)
    assert float(found[stream, "1 thread: least"]) == pytest.approx(CSR_COST / 20)
    pool = (30**6 * POOL_COST_NEURALTALK**3) ** (1 / 9)
    assert float(found["fake_eie_pool", "1 thread: over best dense"]) == pytest.approx(100 / pool)
    assert float(found["fake_eie_pool", "1 thread: least"]) == pytest.approx(CSR_COST / 30)
    assert float(found["peers_mkl_csr_mv", "1 thread: over best dense"]) == pytest.approx(100 / CSR_COST)
    assert ("scalar_ref_dense", "1 thread: us") not in found and ("fake_int8_dense", "1 thread: us") not in found
    # on four threads there is no CSR: OpenBLAS is the fastest library
    assert found["fake_eie_pool", "all 4 threads: over best sparse"] == "incomplete"
    assert float(found["fake_eie_pool", "all 4 threads: least"]) == pytest.approx(100 / 30)
    line = cell(tmp_path / "out", "families_batch1_hot", stream, "1 thread: least")
    assert "peers_mkl_csr_mv" in line["source"] and line["provenance"] == "derived"


def test_another_run_does_not_compare(with_csr, save, tmp_path):
    for row in with_csr["benchmarks"]:
        row["eie_run"] = int(row["eie_kernel"] == "peers_mkl_csr_mv")
    assert run_report(save(with_csr), "--out", tmp_path / "out").returncode == 0
    found = values(tmp_path / "out")
    assert found["fake_eie_pool", "1 thread: over best sparse"] == "incomplete"
    assert float(found["fake_eie_pool", "1 thread: least"]) == pytest.approx(100 / 30)
