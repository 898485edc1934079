"""The report of a made-up results file: published means, provenance, what is missing, what is left out."""

import copy
import json
import re
import shutil

import pytest
from conftest import (
    DATA,
    FC8,
    KERNELS,
    POOL_COST_NEURALTALK,
    cell,
    column,
    fake_document,
    page,
    read,
    retime,
    run_program,
    run_report,
)

from plots.core.cells import Cell, cited, missing, number_text
from plots.core.headline import ratio_text
from plots.core.load import load
from plots.core.published import EIE, POWER_LAYERS, Published
from plots.pages.report import Report
from plots.tables.hosttables import host_tables

PROVENANCES = {"measured", "simulated", "modelled", "cited", "derived", "calibrated", "assumed"}


# ---- published numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row, column_name, printed",
    [
        ("CPU dense, batch 1", "EIE actual", "193.95"),
        ("GPU dense, batch 1", "EIE actual", "13.19"),
        ("mGPU dense, batch 1", "EIE actual", "314.33"),
        ("CPU dense, batch 1", "EIE, Fig. 6 times", "189.23"),
        ("GPU dense, batch 1", "EIE, Fig. 6 times", "12.87"),
        ("mGPU dense, batch 1", "EIE, Fig. 6 times", "306.69"),
        ("CPU dense, batch 1", "EIE, mixed depths", "189.42"),
        ("GPU dense, batch 1", "EIE, mixed depths", "12.88"),
        ("mGPU dense, batch 1", "EIE, mixed depths", "306.99"),
        ("CPU dense, batch 1", "EIE, depth 4", "181.2"),
        ("CPU dense, batch 1", "EIE, depth 8", "193.6"),
        ("CPU sparse, batch 1", "EIE actual", "65.3"),
        ("GPU sparse, batch 1", "EIE actual", "4.01"),
        ("mGPU sparse, batch 1", "EIE actual", "68.9"),
        ("CPU dense, batch 64", "EIE actual", "8.30"),
        ("GPU dense, batch 64", "EIE actual", "0.58"),
        ("mGPU dense, batch 64", "EIE actual", "50.4"),
        ("CPU sparse, batch 64", "EIE actual", "30.1"),
        ("GPU sparse, batch 64", "EIE actual", "2.16"),
        ("mGPU sparse, batch 64", "EIE actual", "59.85"),
        ("CPU sparse, batch 1", "EIE, Fig. 6 times", "63.7"),
        ("mGPU dense, batch 64", "EIE, Fig. 6 times", "49.2"),
        ("CPU dense, batch 1", "EIE theoretical", "224.2"),
        ("mGPU dense, batch 1", "EIE theoretical", "363.3"),
    ],
)
def test_speed_means_of_the_published_tables(report, row, column_name, printed):
    found = cell(report[0], "headline_speed", row, column_name)
    decimals = len(printed.partition(".")[2])
    assert float(found["value"]) == pytest.approx(float(printed), abs=0.5 * 10**-decimals + 1e-9)
    assert found["unit"] == "x" and found["provenance"] == "derived"
    assert "geometric mean of nine layers" in found["source"]


def test_the_headline_says_that_the_printed_means_mix_queue_depths(report, changed_data, document, save):
    shown = page(report[0])
    assert "Printed mixes queue depths: NT-We, NT-LSTM at 4, the other 7 at 8." in shown
    assert "CPU dense over all nine at 4: 181.18x d, at 8: 193.57x d." in shown
    data = changed_data("paper/eie_fig8_fifo.csv", "NT-We,4,54.8", "NT-We,4,64.8")
    speeds = Report(load(save(document)), Published(str(data))).sections["Speed tables"][0]
    assert speeds.get("CPU dense, batch 1", "EIE, mixed depths").value == pytest.approx(
        189.42 * (64.8 / 54.8) ** (1 / 9), abs=0.01
    )


def test_printed_claims_are_cited(report):
    for platform, speed, energy in (("CPU", 189, 24000), ("GPU", 13, 3400), ("mGPU", 307, 2700)):
        for name, row, value in (
            ("headline_speed", f"{platform} dense, batch 1", speed),
            ("headline_energy", f"{platform} dense", energy),
        ):
            found = cell(report[0], name, row, "printed")
            assert float(found["value"]) == value and found["provenance"] == "cited"


def test_energy_of_fig7_and_of_printed_powers(report):
    bars = cell(report[0], "headline_energy", "CPU dense", "nine bars of Fig. 7")
    assert float(bars["value"]) == pytest.approx(24206.8, abs=0.05)
    assert float(cell(report[0], "energy_layers", "Alex-6", "CPU dense")["value"]) == pytest.approx(7516.2 * 83.5)
    six = cell(report[0], "headline_energy", "CPU dense", "0.600 W x Table IV actual")
    assert float(six["value"]) == pytest.approx(
        (34521.6 * 61532.91 * 14826.3 * 119796.98 * 76783.69 * 11828.06) ** (1 / 6), rel=1e-4
    )
    other = cell(report[0], "headline_energy", "CPU dense", "0.590 W x Table IV actual")
    assert float(other["value"]) == pytest.approx(float(six["value"]) * 0.6 / 0.59)


def test_labels_of_fig7_need_600_milliwatts():
    published = Published(DATA)
    matches = {
        watts: sum(
            round(
                published.energy("core-i7-5930k", "dense", layer).value
                / (watts * published.time(EIE, "actual", layer).value)
            )
            == published.energy_label(EIE, "actual", layer).value
            for layer in POWER_LAYERS
        )
        for watts in (0.6, 0.59)
    }
    assert matches == {0.6: 6, 0.59: 0}


def test_exactly_three_labels_of_fig6_do_not_follow(report):
    assert set(column(report[0], "fig6_labels", "printed")) == {"EIE NT-We", "EIE NT-LSTM", "EIE geomean"}
    implied = column(report[0], "fig6_labels", "implied time (us)")
    assert (implied["EIE NT-We"]["value"], implied["EIE NT-LSTM"]["value"]) == ("9.6", "7.8")
    at_four = column(report[0], "fig6_labels", "queue depth 4 (us)")
    assert float(at_four["EIE NT-LSTM"]["value"]) == pytest.approx(7.8, abs=0.05)


# ---- every cell --------------------------------------------------------------------------------


def test_every_cell_has_provenance_and_source(report):
    files = sorted(report[0].glob("*.csv"))
    assert len(files) >= 12
    for path in files:
        lines = read(report[0], path.stem)
        assert lines or path.stem in ("model_other",)
        for line in lines:
            assert line["table"] == path.stem and line["provenance"] in PROVENANCES
            assert line["source"].strip() and line["value"].strip() and line["value"] != "nan"


def test_every_shown_value_has_its_mark_and_a_legend(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    assert "c = cited" in text and "d = derived" in text and "k = calibrated" in text
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|:") and "layer" not in line.split("|")[1]:
            for value in line.split("|")[2:-1]:
                if re.match(r"\s*[-+]?\d[\d,.]*( %|x)?\s*$", value):
                    raise AssertionError(f"value without a mark: {value!r}")


def test_provenance_of_model_and_host(report):
    table = "table4_model_eie_analytic"
    assert cell(report[0], table, "Alex-7", "paper theoretical")["provenance"] == "modelled"
    assert cell(report[0], table, "Alex-7", "paper-matched theoretical")["provenance"] == "calibrated"
    assert cell(report[0], table, "Alex-7", "paper-matched theoretical deviation")["provenance"] == "calibrated"
    assert cell(report[0], table, "Alex-7", "paper-matched expected")["provenance"] == "modelled"
    assert cell(report[0], table, "alexnet-fc8 (authors' simulator)", "EIE actual")["provenance"] == "derived"
    host = cell(report[0], "host_paper_batch1_llc", "Alex-7", "scalar_eie_stream@1")
    assert host["provenance"] == "measured" and host["unit"] == "us"


# ---- what may be averaged ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, words",
    [("scalar_ref_dense", "none: reference"), ("fake_int8_dense", "none: approximate"), ("fake_fast", "none: suspect")],
)
def test_no_mean_of_excluded_rows(report, name, words):
    for cache in ("hot", "llc"):
        mean = cell(report[0], f"host_paper_batch1_{cache}", "geometric mean", f"{name}@1")
        assert mean["value"] == words
    for table in ("fig6_host_threads1", "fig6_host_threads4", "headline_host", "headline_speed"):
        assert not any(name in line["column"] or name in line["value"] for line in read(report[0], table))


def test_one_missing_layer_is_counted(document, save, tmp_path):
    document["benchmarks"] = [
        row
        for row in document["benchmarks"]
        if "fake_eie_pool" != row["eie_kernel"] and (row["eie_kernel"], row["eie_layer"]) != ("scalar_eie_stream", "VGG-7")
    ]
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    mean = cell(tmp_path / "out", "host_paper_batch1_llc", "geometric mean", "scalar_eie_stream@1")
    assert mean["layers"] == "8" and "8 of 9" in mean["source"] and "VGG-7" in mean["source"]
    for kind in ("best kernel", "best kernel per layer"):
        found = cell(tmp_path / "out", "headline_host", f"EIE actual over {kind}, 1 thread", "cache llc")
        assert found["layers"] == "8"
        found = cell(tmp_path / "out", "headline_host", f"EIE actual over {kind}, all 4 threads", "cache llc")
        assert found["value"] == "incomplete"
        over = cell(tmp_path / "out", "headline_host", f"{kind} over best dense, 1 thread", "cache llc")
        assert over["layers"] == "8" and float(over["value"]) == pytest.approx(5)
    assert "5.00x +-? (8 of 9) d" in page(tmp_path / "out")


def test_the_real_layer_is_in_no_mean(document, save, tmp_path, report):
    for row in document["benchmarks"]:
        if row["eie_layer"] == FC8[0]:
            retime(row, 1000 * row["eie_median_ns"])
            for key in ("eie_theoretical_ns", "eie_energy_j", "eie_energy_actions_j"):
                if key in row:
                    row[key] *= 1000
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    for path in report[0].glob("*.csv"):
        for before, after in zip(read(report[0], path.stem), read(tmp_path / "out", path.stem), strict=True):
            if FC8[0] not in before["row"]:
                assert before == after
    row = f"{FC8[0]} (real)"
    assert (
        cell(report[0], "host_paper_batch1_llc", row, "scalar_eie_stream@1")["value"]
        != cell(tmp_path / "out", "host_paper_batch1_llc", row, "scalar_eie_stream@1")["value"]
    )


def test_host_headline_by_hand(report):
    dense, stream, pool = (KERNELS[name][1] for name in ("peers_openblas_sgemv", "scalar_eie_stream", "fake_eie_pool"))
    pool_mean = (pool**6 * POOL_COST_NEURALTALK**3) ** (1 / 9)
    layer_mean = (stream**6 * POOL_COST_NEURALTALK**3) ** (1 / 9)
    expected = {
        ("best kernel", "1 thread"): dense / stream,
        ("best kernel per layer", "1 thread"): dense / layer_mean,
        ("best kernel", "all 4 threads"): dense / pool_mean,
        ("best kernel per layer", "all 4 threads"): dense / pool_mean,
    }
    for (kind, words), value in expected.items():
        for cache in ("cache hot", "cache llc"):
            found = cell(report[0], "headline_host", f"{kind} over best dense, {words}", cache)
            assert float(found["value"]) == pytest.approx(value) and "batch 1" in found["source"]
    assert cell(report[0], "headline_host", "best kernel, 1 thread", "cache llc")["value"] == "scalar_eie_stream"
    assert cell(report[0], "headline_host", "best kernel, all 4 threads", "cache llc")["value"] == "fake_eie_pool"
    assert (
        cell(report[0], "headline_host", "best kernel per layer, 1 thread", "cache llc")["value"]
        == "scalar_eie_stream (6), fake_eie_pool (3)"
    )
    assert cell(report[0], "headline_host", "best kernel per layer, all 4 threads", "cache llc")["value"] == "fake_eie_pool"
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    assert re.search(r"Best kernel per layer, 1 thread, cache llc: .*VGG-8 scalar_eie_stream; .*NT-Wd fake_eie_pool", text)
    shown = page(report[0])
    assert "Best exact compressed kernel for each layer: scalar_eie_stream (6), fake_eie_pool (3) on 1 thread" in shown
    assert all(len(line["value"]) < 60 for line in read(report[0], "headline_host"))


NEW_KERNELS = {  # name: flags, cost on the other layers, cost on NeuralTalk's; of the dense product's multiplications
    "avx512_eie_lanes": (["exact"], 4, 9),
    "avx2_eie_lanes": (["exact"], 6, 5),
    "cpu_auto": (["exact"], 4.5, 9.5),
    "avx512_bf16_dense": (["approximate"], 1, 1),
    "peers_mkl_csr": (["float32"], 2, 2),
    "peers_graphblas_mxv": (["float32"], 2, 2),
}


def test_new_kernels_approximate_rows_and_further_peers(document, save, tmp_path):
    """The headline has the best exact kernel and the best for each layer, with names; nothing else gets in."""
    made = []
    for row in document["benchmarks"]:
        if (row["eie_kernel"], row["eie_threads"], row["eie_batch"]) == ("scalar_eie_stream", 1, 1):
            for kernel, (flags, cost, cost_neuraltalk) in NEW_KERNELS.items():
                factor = (cost_neuraltalk if row["eie_layer"].startswith("NT") else cost) / KERNELS["scalar_eie_stream"][1]
                time = row["eie_median_ns"] * factor
                made.append(retime(row | {"eie_kernel": kernel, "eie_flags": flags}, time))
    document["benchmarks"] += made
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    dense = KERNELS["peers_openblas_sgemv"][1]
    for kind, name, mean in (
        ("best kernel", "avx512_eie_lanes", (4**6 * 9**3) ** (1 / 9)),
        ("best kernel per layer", "avx512_eie_lanes (6), avx2_eie_lanes (3)", (4**6 * 5**3) ** (1 / 9)),
    ):
        assert cell(tmp_path / "out", "headline_host", f"{kind}, 1 thread", "cache llc")["value"] == name
        found = cell(tmp_path / "out", "headline_host", f"{kind} over best dense, 1 thread", "cache llc")
        assert float(found["value"]) == pytest.approx(dense / mean)
    shown = page(tmp_path / "out")
    assert "Best exact compressed kernel: avx512_eie_lanes on 1 thread" in shown
    assert "for each layer: avx512_eie_lanes (6), avx2_eie_lanes (3) on 1 thread" in shown
    columns = {line["column"] for line in read(tmp_path / "out", "host_paper_batch1_llc")}
    assert {f"{kernel}@1" for kernel in NEW_KERNELS} <= columns
    assert (
        cell(tmp_path / "out", "host_paper_batch1_llc", "geometric mean", "avx512_bf16_dense@1")["value"]
        == "none: approximate"
    )


@pytest.mark.parametrize("part", [None, 123456.0])
def test_a_baseline_of_another_run_gives_no_ratio(document, save, tmp_path, part):
    """Unless the row carries that of its own part."""
    for row in document["benchmarks"]:
        if row["eie_time_source"] == "wall":
            other = (row["eie_kernel"], row["eie_layer"], row["eie_threads"]) == ("scalar_eie_stream", "Alex-7", 1)
            row |= {"eie_run": 1 if other else 0} | ({"eie_part_baseline_ns": part} if other and part else {})
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    found = cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")
    bar = cell(tmp_path / "out", "fig6_host_threads1", "Alex-7", "scalar_eie_stream@1")
    if part:
        assert float(found["value"]) > 0 and float(bar["value"]) > 0
    else:
        assert found["layers"] == "8" and bar["value"] == "missing"
        assert "best dense is of another run" in bar["source"]
        assert "best dense is of another run" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_a_suspect_baseline_is_named(document, save, tmp_path):
    for row in list(document["benchmarks"]):
        if (row["eie_kernel"], row["eie_layer"], row["eie_threads"]) == ("peers_openblas_sgemv", "NT-We", 1):
            document["benchmarks"].remove(row)
            document["eie_missing"].append(row | {"eie_status": "suspect", "eie_reason": "too fast"})
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "no dense float32 row of NT-We on 1 thread: peers_openblas_sgemv is suspect" in page(tmp_path / "out")
    found = cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")
    assert found["layers"] == "8" and "NT-We" in found["source"]


def test_files_of_an_earlier_report_go_and_others_stay(document, save, tmp_path, report):
    out = tmp_path / "out"
    shutil.copytree(report[0], out)
    assert (out / "roofline.png").exists() and (out / "roofline.svg").exists()
    assert (out / "host_paper_batch64_hot.csv").exists() and (out / "fig6_host_threads4.csv").exists()
    for name in ("mine.csv", "notes.md", "bench.json"):
        (out / name).write_text("mine")
    listed = out / "report.files.txt"
    listed.write_text(listed.read_text() + "../results.json\nbench.json\n/etc/x.csv\n")
    document["benchmarks"] = [row for row in document["benchmarks"] if row["eie_batch"] == 1 and row["eie_threads"] < 4]
    assert run_report(save(document), "--out", out, "--quiet").returncode == 0
    assert not list(out.glob("*.png")) and not list(out.glob("*.svg"))
    assert not (out / "host_paper_batch64_hot.csv").exists() and not (out / "fig6_host_threads4.csv").exists()
    assert all((out / name).read_text() == "mine" for name in ("mine.csv", "notes.md", "bench.json"))
    assert (tmp_path / "results.json").exists() and (out / "host_paper_batch1_llc.csv").exists()


def test_only_equal_thread_counts_are_compared(report):
    """No ratio of this host mixes thread counts, in the headline, in Fig. 6 or in Table IV."""
    for name, words in (("headline_host", None), ("fig6_host_threads1", "1"), ("fig6_host_threads4", "4")):
        lines = read(report[0], name)
        assert lines
        for line in lines:
            counts = set(re.findall(r"@(\d+)", line["source"] + line["column"]))
            wanted = words or re.search(r"(\d+) threads?$", line["row"]).group(1)
            assert counts <= {wanted}, line
    columns = {line["column"] for line in read(report[0], "table4")}
    assert {"best dense@1", "best dense@4", "scalar_eie_stream@1", "fake_eie_pool@4"} <= columns
    assert "batch 1 llc, 4 threads" in report[1]


def test_a_kernel_without_the_thread_count_of_the_baseline_is_not_compared(document, save, tmp_path):
    document["benchmarks"] = [
        row for row in document["benchmarks"] if (row["eie_kernel"], row["eie_threads"]) != ("peers_openblas_sgemv", 4)
    ]
    done = run_report(save(document), "--out", tmp_path / "out", pictures=[])
    assert done.returncode == 0
    assert (
        cell(tmp_path / "out", "headline_host", "best kernel over best dense, all 4 threads", "cache llc")["value"]
        == "incomplete"
    )
    shown = page(tmp_path / "out")
    assert re.search(r"faster than best dense \S+x \+-\? d - ", shown)  # one thread, all threads
    assert "all 4 threads): no dense float32 row of its group on all 4 threads." in shown
    assert not (tmp_path / "out" / "fig6_host_threads4.csv").exists()


def test_batch_64_is_per_input_vector(report):
    one = cell(report[0], "host_paper_batch1_hot", "Alex-7", "scalar_eie_stream@1")
    many = cell(report[0], "host_paper_batch64_hot", "Alex-7", "scalar_eie_stream@1")
    assert float(many["value"]) == pytest.approx(float(one["value"])) and many["provenance"] == "derived"


# ---- what is missing ---------------------------------------------------------------------------


def test_missing_rows_are_shown_with_their_reason(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    assert "the processor has no AVX-9000" in text and "twice the ceiling of its level" in text
    found = cell(report[0], "host_paper_batch1_hot", "Alex-6", "fake_avx9000@1")
    assert found["value"] == "unsupported" and "no AVX-9000" in found["source"]


def test_one_layer_of_a_better_cache_mode_does_not_take_the_headline(document, save, tmp_path):
    document["benchmarks"] = [
        row for row in document["benchmarks"] if row["eie_cache"] != "llc" or row["eie_layer"] == "Alex-7"
    ]
    done = run_report(save(document), "--out", tmp_path / "out")
    shown = page(tmp_path / "out")
    assert done.returncode == 0 and "Speed, this host: wall time, cache hot," in shown
    assert "Hot: one copy of the weights" in shown
    assert re.search(r"EIE \(published actual\) faster than best dense +\S+x \+-\? d +\S+x \+-\? d", shown)


def test_a_layer_without_any_row_is_listed_and_named(document, save, tmp_path):
    for array in ("benchmarks", "eie_missing"):
        document[array] = [row for row in document[array] if row["eie_layer"] != "Alex-7"]
    document["eie_missing"] = []
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = cell(tmp_path / "out", "host_paper_batch1_hot", "Alex-7", "scalar_eie_stream@1")
    assert found["value"] == "not run"
    mean = cell(tmp_path / "out", "host_paper_batch1_hot", "geometric mean", "scalar_eie_stream@1")
    assert mean["layers"] == "8"
    text = " ".join((tmp_path / "out" / "report.md").read_text(encoding="utf-8").split())
    assert "suite paper has no row of Alex-7" in text and "Nothing:" not in text
    assert "model_eie_analytic: 1 row absent: suite paper-matched has no row of Alex-7" in text
    assert "missing: " in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if str(tmp_path) not in line) <= 100


def test_fitted_and_derived_numbers_have_their_letters(report):
    assert cell(report[0], "table3_layers", "Alex-7", "paper-matched: useful MACs")["provenance"] == "calibrated"
    assert cell(report[0], "table3_layers", "Alex-7", "paper-matched: deviation")["provenance"] == "derived"
    assert cell(report[0], "table3_layers", "Alex-7", "paper: useful MACs")["provenance"] == "derived"
    for words, watts in (("constant power", 0.6), ("action counts", 0.4)):
        for key in ("power (W)", "frames/J"):
            found = cell(report[0], "table5_platforms", f"model_eie_analytic, {EIE}, {words}", key)
            assert found["provenance"] == "derived" and words in found["source"]
            assert key == "frames/J" or float(found["value"]) == pytest.approx(watts)


def test_energy_of_the_host_is_never_a_silent_zero(report):
    for column_name in ("printed", "nine bars of Fig. 7"):
        found = cell(report[0], "headline_energy", "this host", column_name)
        assert found["value"] == "unavailable" and "made-up machine without meter" in found["source"]
    assert "This host's energy is unavailable: made-up machine without meter." in page(report[0])
    assert "Energy measured on this host: unavailable; the reason is given with the energy headlines." in page(report[0])


def test_no_usable_row_still_gives_the_published_part(document, save, tmp_path):
    document["benchmarks"] = []
    done = run_report(save(document), "--out", tmp_path / "out", pictures=["fig6_speedup"])
    assert done.returncode == 0 and "no usable row" in done.stdout and "193.95x d" in done.stdout
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "no usable row" in text and "No row of the accelerator model" in text and "no AVX-9000" in text
    assert (tmp_path / "out" / "fig6_speedup.png").stat().st_size > 10000


def test_a_missing_value_is_a_dash_without_letter_and_with_its_reason(report):
    assert missing("absent", "measured", "there is none").shown() == "-"
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    for place in (text, report[1]):
        assert not re.search(r"(not printed|unavailable|missing|absent|-) [cmsedka]\b *(\||$)", place, re.MULTILINE)
    assert "Table IV does not have this layer" in text
    for path in report[0].glob("*.csv"):
        for line in read(report[0], path.stem):
            assert line["value"] != "-"


# ---- the terminal ------------------------------------------------------------------------------


def test_alexnet_fc8_stands_beside_the_authors_simulator(report):
    assert cell(report[0], "table4", FC8[0], "EIE actual")["value"] == "9.91"
    assert cell(report[0], "table4", FC8[0], "EIE theoretical")["value"] == "8.86"
    ours = float(cell(report[0], "table4", FC8[0], "model expected")["value"])
    off = cell(report[0], "table4", FC8[0], "model expected deviation")
    assert float(off["value"]) == pytest.approx(100 * (ours / 9.91 - 1), abs=1e-5) and off["provenance"] == "derived"
    assert "7926 (s) cycles = 9.91 (d) us" in page(report[0])


@pytest.mark.parametrize(
    "label, numbers",
    [
        ("printed (Fig. 6), dense", "189x c 13x c 307x c"),
        ("recomputed from Table IV, dense", "193.95x d 13.19x d 314.33x d"),
        ("with Fig. 6's NT-We 9.6 d, NT-LSTM 7.8 d us", "189.23x d 12.87x d 306.69x d"),
        ("recomputed, sparse baselines", "65.33x d 4.01x d 68.87x d"),
        ("recomputed, dense, baseline batch 64 per input", "8.30x d 0.58x d 50.43x d"),
        ("recomputed, sparse, baseline batch 64 per input", "30.11x d 2.16x d 59.85x d"),
        ("printed, nine layers", "24,000x c 3,400x c 2,700x c"),
        ("nine bars of Fig. 7", "24,206.8x d 3,356x d 2,700x d"),
        ("six AlexNet/VGG bars of Fig. 7", "38,828x d 4,762x d 3,912x d"),
    ],
)
def test_headlines_keep_their_digits_and_letters(report, label, numbers):
    rows = [
        " ".join(line.replace("|", " ").split())
        for line in (report[0] / "report.md").read_text(encoding="utf-8").splitlines()
    ]
    assert f"{label} {numbers}" in rows


def test_headlines_say_what_below_1_means_and_carry_their_conditions(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    assert text.index("### Speed: ") < text.index("### Energy: ") < text.index("![")
    assert "Below 1x the baseline is faster." in text
    assert not re.search(r"\b0\.\d+x [a-z] (faster|less)", text)
    titles = re.findall(r"^### (Speed: .*|Speed, this host: .*|Energy: .*)$", text, re.MULTILINE)
    assert len(titles) == 4
    for title in titles:
        assert all(words in title for words in ("batch ", "wall time", "geometric mean")), title


@pytest.mark.parametrize(
    "cell, decimals, text",
    [
        (Cell(999.994, "x", "derived", "s"), None, "999.99x d"),
        (Cell(43716.2, "x", "derived", "s"), None, "43,716x d"),
        (Cell(24206.84, "x", "derived", "s"), 1, "24,206.8x d"),
        (cited("3400", "x", "s"), None, "3,400x c"),
        (Cell(0.5782, "x", "derived", "s"), None, "0.58x d"),
        (Cell(0.00314, "x", "derived", "s"), None, "0.00314x d"),
        (missing("absent", "derived", "there is none"), None, "-"),
    ],
)
def test_ratio_text(cell, decimals, text):
    assert ratio_text(cell, decimals) == text


@pytest.mark.parametrize(
    "value, decimals, text",
    [
        (10419.5, None, "10,400"),
        (9.996, None, "10.0"),
        (0.0, None, "0"),
        (0.5782, None, "0.578"),
        (193.95, None, "194"),
        (35022.8, 1, "35,022.8"),
        (1316.0, 1, "1316.0"),
        (-0.2, 1, "-0.2"),
    ],
)
def test_number_text(value, decimals, text):
    assert number_text(value, decimals) == text


def test_printed_digits_are_kept():
    assert cited("65", "us", "s").digits(1) == "65.0" and cited("8.86", "us", "s").digits(1) == "8.86"
    assert Cell(6.3, "%", "derived", "s", text="+6.3").shown() == "+6.3 % d"


# ---- report.md ---------------------------------------------------------------------------------


def test_contents_lead_to_sections_and_libraries_are_named(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    links = re.findall(r"^- \[(.+)\]\(#(.+)\)$", text, re.MULTILINE)
    assert [title for title, _ in links] == headings[1:] and len(set(links)) == len(links)
    assert text.index("![") < text.index("| layer")
    assert "OpenBLAS 0.0 made up (peers_openblas_sgemv, runs its Fakewell code)" in text and "L2 1.5 MiB" in text


def test_empty_arrays_are_fine(document, save, tmp_path):
    document["benchmarks"], document["eie_missing"] = [], []
    done = run_program("report", save(document), "--out", tmp_path / "out", "--no-pictures")
    assert done.returncode == 0, done.stderr


# ---- bad input ---------------------------------------------------------------------------------


def without(array, key):
    document = fake_document()
    del document[array][0][key]
    return document


def changed(**further):
    document = fake_document()
    document["benchmarks"][0] |= further
    return document


def doubled():
    document = fake_document()
    document["eie_missing"].append(document["eie_missing"][0])
    return document


BAD = {
    "not JSON": lambda: '{"context": ',
    "NaN is not JSON": lambda: json.dumps(changed(eie_median_ns=float("nan"))),
    "a list": lambda: [],
    "no benchmarks": lambda: {"context": {"eie_format": "1"}},
    "other format": lambda: {"context": {"eie_format": "2"}, "benchmarks": [], "eie_missing": []},
    "plain Google Benchmark": lambda: {"context": {}, "benchmarks": []},
    "no eie_missing": lambda: {"context": {"eie_format": "1"}, "benchmarks": []},
    "row not an object": lambda: fake_document() | {"benchmarks": [1]},
    "row without kernel": lambda: without("benchmarks", "eie_kernel"),
    "row without median": lambda: without("benchmarks", "eie_median_ns"),
    "row without flags": lambda: without("benchmarks", "eie_flags"),
    "row without provenance": lambda: without("benchmarks", "eie_provenance"),
    "missing row without reason": lambda: without("eie_missing", "eie_reason"),
    "zero time": lambda: changed(eie_median_ns=0),
    "huge time": lambda: changed(eie_median_ns=10**400),
    "time in words": lambda: changed(eie_median_ns="fast"),
    "half a batch": lambda: changed(eie_batch=0.5),
    "unknown status": lambda: changed(eie_status="fine"),
    "unknown provenance": lambda: changed(eie_provenance="guessed"),
    "duplicate key": doubled,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_line_and_exit_2(name, save, tmp_path):
    path = save(BAD[name]())
    done = run_report(path, "--out", tmp_path / "out")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and str(path) in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_missing_file_and_missing_data(save, document, tmp_path):
    for arguments in ((tmp_path / "nothing.json",), (save(document), "--data", tmp_path / "nowhere")):
        done = run_report(*arguments, "--out", tmp_path / "out")
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == ""


def test_output_that_cannot_be_written(save, document, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run_report(save(document), "--out", tmp_path / "file")
    assert done.returncode == 3 and done.stderr.count("\n") == 1


# ---- rows and pictures -------------------------------------------------------------------------


def test_the_order_of_rows_does_not_matter(report, save, document, tmp_path):
    document["benchmarks"].reverse()
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    for name in ("headline_speed", "headline_host", "headline_energy", "fig6_host_threads1", "table4"):
        assert read(tmp_path / "out", name) == read(report[0], name)


def test_without_pictures_nothing_points_at_them(report, save, document, tmp_path):
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0 and "Pictures" not in done.stdout and "Pictures" in report[1]
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix in (".png", ".svg")]
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert ".png" not in text and ".png" in (report[0] / "report.md").read_text(encoding="utf-8")
    assert cell(tmp_path / "out", "table4", "Alex-7", "EIE actual")["value"]


def test_a_bar_of_the_host_has_its_interval_and_a_mark_where_it_is_wide(document):
    from plots.core.grid import Table
    from plots.tables import figures  # late, as in report.py

    table = Table("made up", "This host: made up")
    for layer in figures.ROWS:
        for name, half in (("mine@1", 0.05), ("yours@1", 0.5)):
            table.put(layer, name, Cell(4.0, "x", "derived", "made up", low=4 * (1 - half), high=4 * (1 + half)))
        table.put(layer, "EIE", Cell(9.0, "x", "derived", "made up"))
    axes = figures.Figure().subplots()
    figures._host_panel(axes, table, [table])
    ends = sorted(
        {
            round(float(point[1]), 6)
            for container in axes.containers
            if hasattr(container, "has_yerr")
            for bars in container.lines[2]
            for path in bars.get_segments()
            for point in path
        }
    )
    assert ends == [2.0, 3.8, 4.2, 6.0]
    assert (
        figures.wide_mark(table.get("Alex-6", "yours@1")) == "!" and figures.wide_mark(table.get("Alex-6", "mine@1")) == ""
    )
    assert "fastest dense float32 row" in axes.get_title(loc="left")


def test_nothing_calls_the_reference_a_library(report):
    assert "fastest dense library" not in page(report[0]) and "fastest dense float32 row, a library's or our own" in page(
        report[0]
    )


# ---- inputs of 8 bits ---------------------------------------------------------------------------


def with_int8(document, largest):
    """The document and suite paper-int8, unsigned but for NeuralTalk's layers; `largest` of Alex-6."""
    rows = [row for row in document["benchmarks"] if row["eie_suite"] == "paper" and row["eie_time_source"] == "wall"]
    for row in copy.deepcopy(rows):
        row["eie_suite"] = "paper-int8"
        signed = row["eie_layer"].startswith("NT-")
        ends = (-128, 127) if signed else (0, largest if row["eie_layer"] == "Alex-6" else 255)
        row["eie_least_input"], row["eie_largest_input"] = ends
        document["benchmarks"].append(row)
    return document


@pytest.mark.parametrize("largest, noted", [(255, True), (256, False)])
def test_a_table_says_that_inputs_have_8_bits(document, save, largest, noted):
    results = load(save(with_int8(document, largest)))
    notes = {table.name: " ".join(table.notes) for table in host_tables(results)}
    eight = {name for name, words in notes.items() if "Inputs have 8 bits. EIE has 16" in words}
    named = {name for name in notes if name.startswith("host_paper-int8_")}
    assert named and eight == (named if noted else set())


def test_suite_of_8_bits_is_in_no_comparison_with_the_paper(document, save, tmp_path):
    """Every table but those of its own is the same with it as without."""
    run_report(save(document, "one.json"), "--out", tmp_path / "without")
    run_report(save(with_int8(document, 255), "both.json"), "--out", tmp_path / "with")
    pages = {path.name for path in (tmp_path / "without").glob("*.csv")}
    more = {path.name for path in (tmp_path / "with").glob("*.csv")} - pages
    assert len(pages) > 20 and more and all(name.startswith("host_paper-int8_") for name in more)
    for name in pages:
        found, before = ((tmp_path / folder / name).read_text() for folder in ("with", "without"))
        if name == "rows.csv":  # of all rows
            assert set(before.splitlines()) < set(found.splitlines())
        else:
            assert found == before, name
