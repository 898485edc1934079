"""What ratios are over: the fastest dense and sparse row of each group, within the visits in which both were timed."""

import math
import random

import pytest
from conftest import (
    DATA,
    SHAPES,
    base_row,
    cell,
    host_row,
    page,
    read,
    retime,
    run_report,
    scattered,
    with_ceilings,
    with_number,
    with_visits,
)

from plots.core import ratios
from plots.core.load import load
from plots.core.published import LAYERS, Published
from plots.core.references import DENSE, SPARSE, References, kind_of
from plots.tables import baselines  # conftest has put the repository on the path
from plots.tables.hostrows import HostView

MKL = {"eie_library": "Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build 1", "eie_library_core": "avx512"}


def float_row(layer, kernel, factor, threads=1, cache="llc", **further):
    """A float32 row `factor` times as fast as OpenBLAS's dense one."""
    row = host_row("paper", layer, SHAPES[layer], "peers_openblas_sgemv", threads, cache)
    for key in MKL:
        row.pop(key)
    return retime(row, row["eie_median_ns"] / factor) | {"eie_kernel": kernel, "name": kernel + row["name"]} | further


def view_of(save, document, cache="llc", batch=1):
    return HostView(load(save(document)), cache, Published(DATA), batch)


# ---- which row it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kernel, flags, kind",
    [
        ("peers_openblas_sgemv", ["float32", "baseline"], DENSE),
        ("peers_mkl_sgemm", ["float32"], DENSE),
        ("avx2_float_dense", ["float32"], DENSE),
        ("peers_mkl_csr_mv", ["float32"], SPARSE),
        ("peers_graphblas_mxm", ["float32"], SPARSE),
        ("odd_sgemv", ["float32", "sparse"], SPARSE),
        ("odd", ["float32", "dense"], DENSE),
        ("peers_x_sgemv", ["float32", "approximate"], None),
        ("cpu_auto", ["exact"], None),
    ],
)
def test_dense_or_sparse(save, document, kernel, flags, kind):
    document["benchmarks"] = [with_number(base_row("paper", "Alex-7", kernel, flags, "cpu", 1, 1, "hot", "wall"), 5.0)]
    (row,) = load(save(document)).rows
    assert kind_of(row) == kind


def test_the_fastest_row_of_each_layer_is_the_reference(save, document, tmp_path):
    document["benchmarks"] += [float_row(layer, "peers_mkl_sgemv", 2, **MKL) for layer in LAYERS[:7]]
    document["benchmarks"] += [float_row(layer, "avx512_float_csr", 4) for layer in LAYERS]
    document["benchmarks"] += [float_row(layer, "hasty_sgemv", 50, eie_flags=["float32", "approximate"]) for layer in LAYERS]
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    names = cell(tmp_path / "out", "headline_host", "best dense, 1 thread", "cache llc")
    assert names["value"] == "MKL 2026.2 (avx512) 7, OpenBLAS 0.0 (Fakewell) 2"
    assert cell(tmp_path / "out", "headline_host", "best sparse, 1 thread", "cache llc")["value"] == "avx512_float_csr"
    over = cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")
    assert float(over["value"]) == pytest.approx(5 / 2 ** (7 / 9)) and names["value"] in over["source"]
    sparse = cell(tmp_path / "out", "headline_host", "best kernel over best sparse, 1 thread", "cache llc")
    assert float(sparse["value"]) == pytest.approx(5 / 4)
    shown = page(tmp_path / "out")
    assert f"Best dense: {names['value']} on 1 thread" in shown and "best sparse" in shown
    columns = {line["column"] for line in read(tmp_path / "out", "host_paper_batch1_llc")}
    assert {"peers_mkl_sgemv@1", "peers_openblas_sgemv@1"} <= columns  # each library keeps its own


def test_a_suspect_row_is_no_reference(save, document):
    document["eie_missing"].append(
        float_row("Alex-7", "peers_mkl_sgemv", 9) | {"eie_status": "suspect", "eie_reason": "too fast"}
    )
    row = view_of(save, document).reference(DENSE, 1)[LAYERS.index("Alex-7")]
    assert row.kernel == "peers_openblas_sgemv"


# ---- within visits -----------------------------------------------------------------------------


def alone(rows):
    """A file of these (kernel, {visit: samples}) in one group."""
    made = [
        with_visits(
            float_row("Alex-7", kernel, 1) | ({} if kernel.startswith("peers") else {"eie_flags": ["exact"]}), visits
        )
        for kernel, visits in rows
    ]
    return {"context": {"eie_format": "1"}, "benchmarks": made, "eie_missing": []}


def over(save, rows, kernel="mine", kind=DENSE):
    results = load(save(alone(rows)))
    (row,) = (row for row in results.rows if row.kernel == kernel)
    return References(results).over(row, kind)


def test_a_ratio_is_formed_within_visits(save):
    """The machine is four times slower in the second visit, of which the row has most samples."""
    reference, ratio = over(
        save,
        [
            ("peers_x_sgemv", {1: scattered(1000, count=20), 2: scattered(4000, count=8)}),
            ("mine", {1: scattered(100, count=6), 2: scattered(400, count=30)}),
        ],
    )
    assert reference.kernel == "peers_x_sgemv" and ratio.value == pytest.approx(10)
    assert ratio.low < 10 < ratio.high and ratio.high / ratio.low < 1.03


def test_only_common_visits_count(save):
    _, ratio = over(
        save,
        [
            ("peers_x_sgemv", {1: scattered(1000), 2: scattered(4000), 4: scattered(10)}),
            ("mine", {2: scattered(400), 3: scattered(1)}),
        ],
    )
    assert ratio.value == pytest.approx(10)


def test_without_a_common_visit_a_third_row_stands_between(save):
    """best dense ran in visit 1, the row in visit 2, a slower library in both."""
    rows = [
        ("peers_x_sgemv", {1: scattered(1000)}),
        ("peers_y_sgemm", {1: scattered(2000), 2: scattered(8000)}),
        ("mine", {2: scattered(400)}),
    ]
    reference, ratio = over(save, rows)
    assert reference.kernel == "peers_x_sgemv" and ratio.value == pytest.approx(10)
    assert over(save, [rows[0], rows[2]]) is None


def test_visits_that_disagree_widen_the_interval():
    steady = ratios.over_visits([scattered(100)] * 4, [scattered(10)] * 4)
    apart = ratios.over_visits([scattered(100 * factor) for factor in (0.8, 1, 1, 1.25)], [scattered(10)] * 4)
    assert steady.value == pytest.approx(10) and apart.value == pytest.approx(10)
    assert steady.high / steady.low < 1.02 and apart.high / apart.low > 1.15


def test_intervals_over_visits_hold():
    random.seed(7)
    cases, held = 200, 0
    for _ in range(cases):
        drift = [random.lognormvariate(0, 0.3) for _ in range(4)]
        sides = [[[scale * each * random.lognormvariate(0, 0.05) for _ in range(9)] for each in drift] for scale in (3, 1)]
        ratio = ratios.over_visits(*sides)
        held += ratio.low <= 3 <= ratio.high
    assert held >= 0.9 * cases


def test_few_samples_have_no_interval():
    assert ratios.over_visits([[10.0, 11.0]], [scattered(1)]).low is None


# ---- intervals on the way to the headline ------------------------------------------------------


def noisy(document, share, layers=LAYERS):
    """Batch 1, llc, one thread: samples in two visits, evenly within the share."""
    for number, row in enumerate(document["benchmarks"]):
        if (row["eie_suite"], row["eie_cache"], row["eie_threads"], row["eie_batch"]) == ("paper", "llc", 1, 1):
            time, wide = row["eie_median_ns"], share if row["eie_layer"] in layers else 0.001
            document["benchmarks"][number] = with_visits(row, {1: scattered(time, wide), 2: scattered(time, wide)})
    return document


def test_nine_intervals_become_one_in_quadrature(save, document, tmp_path):
    assert run_report(save(noisy(document, 0.04)), "--out", tmp_path / "out", "--quiet").returncode == 0
    layers = [cell(tmp_path / "out", "host_paper_batch1_llc", layer, "scalar_eie_stream@1") for layer in LAYERS]
    mean = cell(tmp_path / "out", "host_paper_batch1_llc", "geometric mean", "scalar_eie_stream@1")
    up = math.sqrt(sum(math.log(float(each["high"]) / float(each["value"])) ** 2 for each in layers)) / 9
    assert math.log(float(mean["high"]) / float(mean["value"])) == pytest.approx(up) and up > 0.005
    assert all(float(each["minimum"]) == pytest.approx(0.96 * float(each["value"])) for each in layers)
    over = cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")
    assert float(over["low"]) < 5 < float(over["high"])
    shown = page(tmp_path / "out")
    assert (
        "5.00x +-" in shown and " min " in shown and "!" not in shown.split("### What to doubt")[0].split("## Headline")[1]
    )


def test_a_wide_cell_is_marked_and_widens_the_headline(save, document, tmp_path):
    spans = []
    for share in (0.04, 0.6):
        assert run_report(save(noisy(document, share, ("Alex-7",))), "--out", tmp_path / "out").returncode == 0
        over = cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")
        spans.append(float(over["high"]) / float(over["low"]))
    assert spans[1] > 1.05 * spans[0]
    assert "%! min" in page(tmp_path / "out") and "wider than +-10 % (marked !)" in page(tmp_path / "out")


# ---- the guard ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share, weak", [(0.69, True), (0.71, False)])
def test_a_weak_gemv_is_named_and_stays_the_reference(save, document, tmp_path, share, weak):
    for row in with_ceilings(document)["benchmarks"]:
        if row["eie_kernel"] == "peers_openblas_sgemv":
            row["eie_floor_share"] = share if row["eie_layer"] == "VGG-8" else 0.9
    done = run_report(save(document), "--out", tmp_path / "out")
    assert (
        (
            "**Weak baseline**, best dense on 1 thread: 69 % (d) of L3 bandwidth on VGG-8, below 70 % on 1 of 9 layers."
            in page(tmp_path / "out")
        )
        == weak
        == ("weak baseline, batch 1, 1 thread: 69 % (d) of " in done.stdout)
    )
    assert float(
        cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")["value"]
    ) == pytest.approx(5)


@pytest.mark.parametrize("further", [{"eie_prepared_bytes": 60e6, "eie_copies": 3}, {"eie_resident": "dram"}])
@pytest.mark.parametrize("of_dram", [0.69, 0.71, None])
def test_weights_that_no_l3_holds_are_held_against_memory(save, document, tmp_path, of_dram, further):
    """A virtual machine reports a whole socket's L3: what is more than half of it is no matter of L3 bandwidth."""
    with_ceilings(document)["context"]["eie_l3_bytes"] = 300e6
    if of_dram is None:
        document["context"]["eie_runs"][0]["eie_ceilings"] = []
    for row in document["benchmarks"]:
        if row["eie_kernel"] == "peers_openblas_sgemv" and row["eie_threads"] == 1:
            row |= {"eie_prepared_bytes": 1e6, "eie_floor_share": 0.9}
            if row["eie_layer"] == "VGG-6":
                row |= {"eie_floor_share": 0.4, "eie_bytes": row["eie_median_ns"] * 1e-9 * (of_dram or 1) * 8e9} | further
    results = load(save(document))
    found = baselines.weak(HostView(results, "llc", Published(DATA)), 1, results)
    assert found == (
        ["1 thread: 69 % (d) of DRAM bandwidth on VGG-6, below 70 % on 1 of 9 layers"] if of_dram == 0.69 else []
    )


def test_a_share_is_never_rounded_up_to_its_limit(save, document):
    for row in with_ceilings(document)["benchmarks"]:
        row |= {"eie_floor_share": 0.6999} if row["eie_time_source"] == "wall" else {}
    results = load(save(document))
    (text,) = baselines.weak(HostView(results, "llc", Published(DATA)), 1, results)
    assert "69 % (d) of L3 bandwidth" in text


@pytest.mark.parametrize("share, weak", [(0.59, True), (0.61, False)])
def test_a_weak_gemm_is_told_by_the_peak(save, document, share, weak):
    for row in with_ceilings(document)["benchmarks"]:
        if row["eie_kernel"] == "peers_openblas_sgemm":
            inputs, outputs, *_ = SHAPES[row["eie_layer"]]
            retime(row, inputs * outputs * 64 / 4.5e10 * 1e9 / share)
            row["eie_inputs"] = 599 if row["eie_layer"] == "NT-Wd" else inputs  # too small to count
    results = load(save(document))
    found = baselines.weak(HostView(results, "hot", Published(DATA), 64), 1, results)
    assert len(found) == weak
    assert all("59 % (d) of the float32 peak" in text and "below 60 % on 8 of 9 layers" in text for text in found)


@pytest.mark.parametrize(
    "core, features, words",
    [
        ("Prescott", "avx2,avx512", "runs SSE code where the CPU offers AVX-512"),
        ("def", "avx2", "SSE code where the CPU offers AVX2"),
        ("Haswell", "avx2,avx512,vnni", "AVX2 code where the CPU offers AVX-512"),
        ("Haswell", "avx2", None),
        ("SkylakeX (set; detected Prescott)", "avx2,avx512", None),
        ("unheard of", "avx2", None),
        ("Prescott", "", None),
    ],
)
def test_code_for_an_older_processor_is_named(save, document, core, features, words):
    document["context"]["eie_cpu_features"] = features
    for row in document["benchmarks"]:
        if row["eie_kernel"].startswith("peers"):
            row["eie_library_core"] = core
    found = baselines.paths(load(save(document)))
    assert len(found) == (words is not None) and (words is None or words in found[0] and core in found[0])


def test_a_visit_whose_samples_were_all_disturbed_still_compares(save, document):
    """Such a visit has no sample that counts; what was set apart there stands for it."""
    row = dict(document["benchmarks"][0])
    row |= {
        "eie_visits": [2],
        "eie_visit_samples": [len(row["eie_samples_ns"])],
        "eie_disturbed_ns": [4.0, 6.0, 5.0],
        "eie_disturbed_visits": [1, 1, 2],
    }
    document["benchmarks"][0] = row
    found = load(save(document)).rows[0].visits
    assert found[1] == ([], [4.0, 6.0]) and found[2] == (row["eie_samples_ns"], [5.0])
