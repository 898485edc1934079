"""Batch 64, Fig. 7, Table V and the claimed energy factors: recomputed, not typed in."""

import csv
import os
from math import prod

import pytest
from conftest import BATCHED, DATA, FC8, KERNELS, PADDING, SHAPES, cell, column, page, read, run_report

from plots.core.load import load
from plots.core.published import EIE, LAYERS, PLATFORMS, POWER_LAYERS, Published
from plots.pages.report import Report
from plots.tables import fig7

NEURALTALK = LAYERS[6:]


def mean(values):
    values = list(values)
    return prod(values) ** (1 / len(values))


def paper_rows(name):
    with open(os.path.join(DATA, "paper", name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def printed_times(platform, matrix, batch):
    return {
        row["layer"]: float(row["time_us"])
        for row in paper_rows("eie_table4_walltime.csv")
        if (row["platform"], row["matrix"], row["batch"]) == (platform, matrix, str(batch))
    }


# ---- batch 64 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("short", PLATFORMS)
@pytest.mark.parametrize("matrix", ["dense", "sparse"])
def test_batch_64_stands_beside_eie(report, short, matrix):
    times, eie = printed_times(PLATFORMS[short], matrix, 64), printed_times(EIE, "actual", 1)
    for layer in LAYERS:
        for table, name in (("table4_batch64", f"{short} {matrix}"), ("table4_published", f"{short} {matrix}, batch 64")):
            found = cell(report[0], table, layer, name)
            assert float(found["value"]) == times[layer] and found["provenance"] == "cited"
        ratio = cell(report[0], "table4_batch64", layer, f"EIE over {short} {matrix}")
        assert float(ratio["value"]) == pytest.approx(times[layer] / eie[layer]) and ratio["provenance"] == "derived"
    expected = mean(times[layer] / eie[layer] for layer in LAYERS)
    assert float(
        cell(report[0], "table4_batch64", "geometric mean", f"EIE over {short} {matrix}")["value"]
    ) == pytest.approx(expected)
    count = cell(report[0], "headline_speed", f"{short} {matrix}, batch 64", "layers where the baseline is faster")
    assert int(count["value"]) == sum(times[layer] < eie[layer] for layer in LAYERS)


def test_the_headline_says_where_the_gpu_wins(report):
    shown = page(report[0])
    assert "dense baseline faster on, of nine layers 0 d 7 d 0 d" in shown
    assert "sparse baseline faster on, of nine layers 0 d 1 d 0 d" in shown


def test_layers_that_the_gpu_wins_are_counted(save, document, changed_data):
    """A slower printed GPU at batch 64 must lower the count."""
    data = changed_data("paper/eie_table4_walltime.csv", "titan-x,64,dense,Alex-6,19.8", "titan-x,64,dense,Alex-6,99.8")
    report = Report(load(save(document)), Published(str(data)))
    speeds = report.sections["Speed tables"][0]
    assert speeds.get("GPU dense, batch 64", "layers where the baseline is faster").value == 6


def test_the_dense_baseline_is_gemm_at_batch_64_and_gemv_at_batch_1(report):
    gemm, stream = BATCHED["peers_openblas_sgemm"][1], BATCHED["scalar_eie_stream"][1]
    found = cell(report[0], "headline_host", "best kernel over best dense, 1 thread", "cache hot, batch 64")
    assert float(found["value"]) == pytest.approx(gemm / stream)
    assert "OpenBLAS 0.0 (Fakewell)" in found["source"] and "batch 64" in found["source"]
    used = cell(report[0], "fig6_host_threads1", "Alex-7", "scalar_eie_stream@1")
    assert "peers_openblas_sgemv" in used["source"] and "sgemm" not in used["source"]
    inputs, outputs, *_ = SHAPES["Alex-7"]
    dense = cell(report[0], "table4_batch64", "Alex-7", "best dense@1")
    assert float(dense["value"]) == pytest.approx(inputs * outputs * gemm / 1000 / 1e3)  # per input, microseconds
    assert "batch 64 per input, geometric mean" in page(report[0])


def test_a_row_of_a_split_group_compares_with_the_baseline_of_its_part(document, save, tmp_path, report):
    """Four times the group's own baseline in the part of one layer: the ratio of that layer grows by four."""
    for row in document["benchmarks"]:
        if (row["eie_suite"], row["eie_layer"], row["eie_kernel"], row["eie_threads"], row["eie_batch"]) == (
            "paper",
            "Alex-7",
            "scalar_eie_stream",
            1,
            1,
        ):
            inputs, outputs, *_ = SHAPES["Alex-7"]
            dense = inputs * outputs * KERNELS["peers_openblas_sgemv"][1] / 1000
            dense *= 2 if row["eie_cache"] == "llc" else 1
            row |= {"eie_part": 2, "eie_part_baseline_ns": 4 * dense}
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    for table, row, name, factor in (
        ("fig6_host_threads1", "Alex-7", "scalar_eie_stream@1", 4),
        ("fig6_host_threads1", "Alex-6", "scalar_eie_stream@1", 1),
        ("fig6_host_threads1", "Alex-7", "fake_eie_pool@1", 1),
        ("headline_host", "best kernel over best dense, 1 thread", "cache llc", 4 ** (1 / 9)),
        ("headline_host", "best kernel per layer over best dense, 1 thread", "cache llc", 4 ** (1 / 9)),
        ("headline_host", "EIE actual over best dense, 1 thread", "cache llc", 1),
    ):
        before, after = (float(cell(folder, table, row, name)["value"]) for folder in (report[0], tmp_path / "out"))
        assert after == pytest.approx(before * factor), (table, row, name)


def test_the_headline_names_its_cache_mode_and_the_others(report):
    assert "Speed, this host: wall time, cache llc, batch 1," in page(report[0])
    assert "Cache hot: headline_host.csv has the same ratios there." in page(report[0])
    llc, hot = (column(report[0], "headline_host", f"cache {cache}") for cache in ("llc", "hot"))
    name = "EIE actual over best dense, 1 thread"
    assert float(llc[name]["value"]) == pytest.approx(2 * float(hot[name]["value"]))


# ---- Fig. 7 ------------------------------------------------------------------------------------


def test_labels_of_fig7_are_counted_by_comparing(report):
    assert "EIE's 6 d of 6 at 0.600 W c, 0 d of 6 at 0.590 W c, 0 d of 6 at 0.586 W d; 30 d of 30 others" in page(report[0])


@pytest.mark.parametrize(
    "old, new, counts",
    [
        ("titan-x,sparse,VGG-6,78", "titan-x,sparse,VGG-6,79", (6, 0, 0, 29)),
        ("titan-x,sparse,NT-We,25", "titan-x,sparse,NT-We,99", (6, 0, 0, 30)),  # NeuralTalk's bars are never counted
        ("eie-64pe-45nm,actual,Alex-6,34522", "eie-64pe-45nm,actual,Alex-6,35107", (5, 1, 0, 30)),
    ],
)
def test_a_changed_label_changes_the_count(document, save, changed_data, old, new, counts):
    published = Published(str(changed_data("paper/eie_fig7_energy.csv", old, new)))
    found = fig7.label_counts(fig7.fig7_table(load(save(document)), published), published)
    assert tuple(same for same, _ in found.values()) == counts
    assert [total for _, total in found.values()] == [6, 6, 6, 30]


def test_fig7_keeps_printed_recomputed_and_missing_apart(report):
    powers = {
        (row["platform"], row["matrix"], row["layer"]): float(row["power_w"])
        for row in paper_rows("deepcomp_power.csv")
        if row["batch"] == "1"
    }
    dense = printed_times(PLATFORMS["CPU"], "dense", 1)
    for series, platform, matrix in fig7.SERIES[1:-1]:
        times = printed_times(platform, matrix, 1)
        for layer in POWER_LAYERS:
            found = cell(report[0], "fig7_energy", layer, f"{series}, power x time")
            energy = times[layer] * powers[platform, matrix, layer]
            assert found["provenance"] == "derived" and float(found["value"]) == pytest.approx(
                dense[layer] * powers[PLATFORMS["CPU"], "dense", layer] / energy
            )
    for layer in NEURALTALK:
        assert cell(report[0], "fig7_energy", layer, "EIE, printed")["provenance"] == "cited"
        for name in ("EIE, 0.600 W", "GPU dense, power x time", "model_eie_analytic, paper, constant power"):
            assert cell(report[0], "fig7_energy", layer, name)["value"] == "none"
    six = [float(cell(report[0], "fig7_energy", layer, "EIE, 0.600 W")["value"]) for layer in POWER_LAYERS]
    for watts in (0.6, 0.59, 0.586):
        found = cell(report[0], "fig7_energy", "geometric mean of six", f"EIE, {watts:.3f} W")
        assert float(found["value"]) == pytest.approx(mean(six) * 0.6 / watts)


def test_powers_that_the_bars_of_neuraltalk_imply_are_derived(report):
    for layer, watts in (("NT-We", 90.3), ("NT-Wd", 66.8), ("NT-LSTM", 80.1)):
        power, low, high = (
            cell(report[0], "fig7_implied_powers", f"CPU dense {layer}", name) for name in ("power", "lowest", "highest")
        )
        assert float(power["value"]) == pytest.approx(watts, abs=0.05) and power["provenance"] == "derived"
        assert float(low["value"]) < float(power["value"]) < float(high["value"])
    assert len(column(report[0], "fig7_implied_powers", "power")) == 6 * len(NEURALTALK)


# ---- Table V -----------------------------------------------------------------------------------


def test_table5_has_all_platforms_and_recomputes_them(report):
    rows = paper_rows("eie_table5_platforms.csv")
    assert len(rows) == 8
    for row in rows:
        for name, key in (("frames/J", "power_w"), ("frames/s/mm2", "area_mm2")):
            found = cell(report[0], "table5_platforms", row["platform"], f"{name} recomputed")
            if row[key]:
                assert float(found["value"]) == pytest.approx(float(row["throughput_frames_per_s"]) / float(row[key]))
            else:
                assert found["value"] == "not printed"


def test_table5_names_what_does_not_follow(report, save, document, changed_data):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    assert text.count("its printed numbers give") == 1
    assert "truenorth: frames/J is printed as 10,839 c, its printed numbers give 11,050.00 d." in text
    assert "5.20x d that of 64 PEs, 3.25x c of it counted for four times the PEs, so 1.60x d for the clock" in text
    published = Published(str(changed_data("paper/eie_table5_platforms.csv", "4115,6.85,25.9", "4115,6.85,29.9")))
    table = next(
        table
        for table in Report(load(save(document)), published).sections["Published and modelled in full"]
        if table.name == "table5_platforms"
    )
    assert any(note.startswith("titan-x: frames/J is printed as 29.9 c") for note in table.notes)


# ---- claimed factors ---------------------------------------------------------------------------


def factors(shape, padding):
    inputs, outputs, weights, active = shape
    nonzeros = round(inputs * outputs * weights)
    entries = round(nonzeros * padding)
    return inputs * outputs / nonzeros, inputs * outputs / (2 * entries), inputs / round(inputs * active)


@pytest.mark.parametrize("suite", ["paper", "paper_matched"])
def test_factors_of_each_layer_by_hand(report, suite):
    products = []
    for layer, shape in list(SHAPES.items()) + ([(FC8[0], FC8[1:])] if suite == "paper" else []):
        computation, footprint, dynamic = factors(shape, PADDING)
        expected = {
            "pruning, computation": computation,
            "pruning, footprint": footprint,
            "dynamic": dynamic,
            "sharing": 8,
            "memory, text": 120,
            "memory, Table I": 128,
            "product": footprint * dynamic * 8 * 120,
            "product, Table I": footprint * dynamic * 8 * 128,
            "product, computation": computation * dynamic * 8 * 120,
        }
        for name, value in expected.items():
            found = cell(report[0], f"decomposition_{suite}", layer, name)
            assert float(found["value"]) == pytest.approx(value), (layer, name)
            assert found["provenance"] == ("cited" if name == "memory, text" else "derived")
        products += [expected["product"]] if layer in LAYERS else []
    for row, values in (("geometric mean", products), ("geometric mean of AlexNet and VGG", products[:6])):
        assert float(cell(report[0], f"decomposition_{suite}", row, "product")["value"]) == pytest.approx(mean(values))


def test_the_padding_of_the_paper_and_column_pointers_by_hand(report):
    real = {
        row["layer"]: float(row["real_work_pct"]) / 100
        for row in paper_rows("eie_fig11_12_13_scaling.csv")
        if row["pe_count"] == "64"
    }
    footprints, with_pointers = [], []
    for layer, (inputs, outputs, weights, _) in SHAPES.items():
        entries = inputs * outputs * weights / real[layer]
        footprints.append(inputs * outputs / (2 * entries))
        with_pointers.append(inputs * outputs / (2 * (entries + 64 * (inputs + 1) * 2)))
        for name, value in (("pruning, footprint", footprints[-1]), ("footprint with pointers", with_pointers[-1])):
            found = cell(report[0], "decomposition_table3_padded", layer, name)
            assert float(found["value"]) == pytest.approx(value)
    for row, name, values, printed in (
        ("geometric mean", "pruning, footprint", footprints, 4.34),
        ("geometric mean of AlexNet and VGG", "pruning, footprint", footprints[:6], 4.29),
        ("geometric mean", "footprint with pointers", with_pointers, 2.83),
    ):
        found = float(cell(report[0], "decomposition_table3_padded", row, name)["value"])
        assert found == pytest.approx(mean(values)) and found == pytest.approx(printed, abs=0.005)
    assert float(cell(report[0], "decomposition_table3_padded", "geometric mean", "product")["value"]) == pytest.approx(
        8702, abs=0.5
    )
    shown = page(report[0])
    assert "Table III, padded, nine layers 10.22x d 4.34x d 2.09x d 8,702x d" in shown and "with them 2.83x d" in shown


def test_claims_stand_beside_the_factors(report):
    for row, name, value in (
        ("claimed by the poster", "product", 14400),
        ("claimed by the poster", "dynamic", 3),
        ("claimed by the poster", "pruning, footprint", 5),
        ("claimed by the paper", "product, computation", 28800),
        ("claimed by the paper", "pruning, computation", 10),
    ):
        found = cell(report[0], "decomposition_paper", row, name)
        assert float(found["value"]) == value and found["provenance"] == "cited"
    shown = page(report[0])
    assert "claimed by the poster 10x c 5x c 3x c 14,400x c" in shown and "28,800x c claimed" in shown


@pytest.mark.parametrize(
    "key, lost, kept",
    [
        ("eie_entries", "pruning, footprint", "dynamic"),
        ("eie_active_inputs", "dynamic", "pruning, footprint"),
        ("eie_nonzeros", "pruning, computation", "product"),
    ],
)
def test_files_without_the_counts_say_so(document, save, tmp_path, key, lost, kept):
    for row in document["benchmarks"]:
        row.pop(key)
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = cell(tmp_path / "out", "decomposition_paper", "Alex-7", lost)
    assert found["value"] == "absent" and key in found["source"]
    assert float(cell(tmp_path / "out", "decomposition_paper", "Alex-7", kept)["value"]) > 0
    assert float(cell(tmp_path / "out", "decomposition_table3", "Alex-7", lost)["value"]) > 0
    assert f"the row has no {key}" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_active_inputs_are_summed_over_a_batch(document, save):
    """The counts of a batch of four: inputs x batch / active inputs, as for one input."""
    from plots.tables.decomposition import DYNAMIC, _factors, _row_counts

    results, pes = load(save(document)), Published(DATA).design("pe_count", "")
    row = results.one(kernel="scalar_eie_stream", suite="paper", layer="Alex-7", batch=64)
    assert _factors(_row_counts(row, "Alex-7"), pes)[DYNAMIC].value == pytest.approx(factors(SHAPES["Alex-7"], 1)[2])


# ---- suspect rows ------------------------------------------------------------------------------


def test_suspect_rows_come_first_with_their_times(report):
    lines = column(report[0], "missing_rows", "layers")
    first = next(iter(lines.values()))
    assert "fake_fast" in first["row"] and "Alex-6 (0.00100 us)" in first["value"]
    assert not any("us)" in line["value"] for line in lines.values() if "fake_avx9000" in line["row"])
    for table in ("headline_host", "fig6_host_threads1", "table4", "roofline_points"):
        assert not any("fake_fast" in line["column"] + line["row"] + line["value"] for line in read(report[0], table))
