"""The report of a made-up results file: published means, provenance, what is missing, what is left out."""

import csv
import json
import re

import pytest

from conftest import FC8, KERNELS, fake_document, run_report

PROVENANCES = {"measured", "simulated", "modelled", "cited", "derived", "calibrated", "assumed"}


def read(folder, name):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cell(folder, name, row, column):
    found = [line for line in read(folder, name) if (line["row"], line["column"]) == (row, column)]
    assert len(found) == 1, (name, row, column)
    return found[0]


def column(folder, name, column_name):
    return {line["row"]: line for line in read(folder, name) if line["column"] == column_name}


# ---- published numbers -------------------------------------------------------------------------

@pytest.mark.parametrize("row, column_name, printed", [
    ("CPU dense, batch 1", "EIE actual", "193.95"),
    ("GPU dense, batch 1", "EIE actual", "13.19"),
    ("mGPU dense, batch 1", "EIE actual", "314.33"),
    ("CPU dense, batch 1", "EIE, Fig. 6 times", "189.23"),
    ("GPU dense, batch 1", "EIE, Fig. 6 times", "12.87"),
    ("mGPU dense, batch 1", "EIE, Fig. 6 times", "306.69"),
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
])
def test_speed_means_of_the_published_tables(report, row, column_name, printed):
    found = cell(report[0], "headline_speed", row, column_name)
    decimals = len(printed.partition(".")[2])
    assert float(found["value"]) == pytest.approx(float(printed), abs=0.5 * 10 ** -decimals + 1e-9)
    assert found["unit"] == "x" and found["provenance"] == "derived"
    assert "geometric mean of nine layers" in found["source"]


def test_printed_claims_are_cited(report):
    for platform, speed, energy in (("CPU", 189, 24000), ("GPU", 13, 3400), ("mGPU", 307, 2700)):
        for name, row, value in (("headline_speed", f"{platform} dense, batch 1", speed),
                                 ("headline_energy", f"{platform} dense", energy)):
            found = cell(report[0], name, row, "printed")
            assert float(found["value"]) == value and found["provenance"] == "cited"


def test_energy_of_fig7_and_of_printed_powers(report):
    bars = cell(report[0], "headline_energy", "CPU dense", "nine bars of Fig. 7")
    assert float(bars["value"]) == pytest.approx(24206.8, abs=0.05)
    assert float(cell(report[0], "energy_layers", "Alex-6", "CPU dense")["value"]) == pytest.approx(7516.2 * 83.5)
    six = cell(report[0], "headline_energy", "CPU dense", "power x time, six layers")
    assert float(six["value"]) == pytest.approx(
        (34521.6 * 61532.91 * 14826.3 * 119796.98 * 76783.69 * 11828.06) ** (1 / 6), rel=1e-4)


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
    assert cell(report[0], table, "alexnet-fc8 (authors' simulator)", "EIE actual")["provenance"] == "cited"
    host = cell(report[0], "host_paper_batch1_llc", "Alex-7", "scalar_eie_stream@1")
    assert host["provenance"] == "measured" and host["unit"] == "us"


# ---- what may be averaged ----------------------------------------------------------------------

@pytest.mark.parametrize("name, words", [("scalar_ref_dense", "none: reference"),
                                         ("fake_int8_dense", "none: approximate"),
                                         ("fake_fast", "none: suspect")])
def test_no_mean_of_excluded_rows(report, name, words):
    for cache in ("hot", "llc"):
        mean = cell(report[0], f"host_paper_batch1_{cache}", "geometric mean", f"{name}@1")
        assert mean["value"] == words
    for table in ("fig6_host", "headline_host", "headline_speed"):
        assert not any(name in line["column"] or name in line["value"] for line in read(report[0], table))


def test_one_missing_layer_gives_no_mean(document, save, tmp_path):
    document["benchmarks"] = [row for row in document["benchmarks"]
                              if (row["eie_kernel"], row["eie_layer"]) != ("scalar_eie_stream", "VGG-7")]
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    mean = cell(tmp_path / "out", "host_paper_batch1_llc", "geometric mean", "scalar_eie_stream@1")
    assert mean["value"] == "incomplete" and "1 of 9" in mean["source"]
    assert cell(tmp_path / "out", "headline_host",
                "EIE actual over this host's best exact compressed kernel", "cache llc")["value"] == "missing"


def test_the_real_layer_is_in_no_mean(document, save, tmp_path, report):
    for row in document["benchmarks"]:
        if row["eie_layer"] == FC8[0]:
            for key in ("eie_median_ns", "eie_theoretical_ns", "eie_energy_j", "eie_energy_actions_j"):
                if key in row:
                    row[key] *= 1000
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    for path in report[0].glob("*.csv"):
        for before, after in zip(read(report[0], path.stem), read(tmp_path / "out", path.stem), strict=True):
            if not before["row"].startswith(FC8[0]):
                assert before == after
    row = f"{FC8[0]} (real)"
    assert cell(report[0], "host_paper_batch1_llc", row, "scalar_eie_stream@1")["value"] \
        != cell(tmp_path / "out", "host_paper_batch1_llc", row, "scalar_eie_stream@1")["value"]


def test_host_headline_by_hand(report):
    ratio = "this host's best exact compressed kernel over its dense OpenBLAS, one thread"
    expected = KERNELS["peers_openblas_sgemv"][1] / KERNELS["scalar_eie_stream"][1]
    for cache in ("cache hot", "cache llc"):
        assert float(cell(report[0], "headline_host", ratio, cache)["value"]) == pytest.approx(expected)
    most = cell(report[0], "headline_host", ratio.replace("one thread", "most threads"), "cache llc")
    assert float(most["value"]) == pytest.approx(expected / 4)
    assert "peers_openblas_sgemv@4 / scalar_eie_stream@1" in most["source"] and "batch 1" in most["source"]


def test_batch_64_is_per_input_vector(report):
    one = cell(report[0], "host_paper_batch1_hot", "Alex-7", "scalar_eie_stream@1")
    many = cell(report[0], "host_paper_batch64_hot", "Alex-7", "scalar_eie_stream@1")
    assert float(many["value"]) == pytest.approx(float(one["value"])) and many["provenance"] == "derived"


# ---- what is missing ---------------------------------------------------------------------------

def test_missing_rows_are_shown_with_their_reason(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    for place in (text, report[1]):
        assert "the processor has no AVX-9000" in place and "twice the ceiling of its level" in place
    found = cell(report[0], "host_paper_batch1_hot", "Alex-6", "fake_avx9000@1")
    assert found["value"] == "unsupported" and "no AVX-9000" in found["source"]


def test_energy_of_the_host_is_never_a_silent_zero(report):
    for column_name in ("printed", "nine bars of Fig. 7"):
        found = cell(report[0], "headline_energy", "this host", column_name)
        assert found["value"] == "unavailable" and "made-up machine without meter" in found["source"]
    assert "This host's energy: unavailable m (context eie_host_energy: made-up machine" in report[1]


def test_no_usable_row_still_gives_the_published_part(document, save, tmp_path):
    document["benchmarks"] = []
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0 and "no usable row" in done.stdout and "193.95x d" in done.stdout
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "no usable row" in text and "No row of the accelerator model" in text and "no AVX-9000" in text
    assert (tmp_path / "out" / "fig6_speedup.png").stat().st_size > 10000


def test_empty_arrays_are_fine(document, save, tmp_path):
    document["benchmarks"], document["eie_missing"] = [], []
    done = run_report(save(document), "--out", tmp_path / "out")
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
    "not JSON": lambda: "{\"context\": ",
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
    "huge time": lambda: changed(eie_median_ns=10 ** 400),
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


# ---- pictures ----------------------------------------------------------------------------------

def test_pictures_are_written_and_reproducible(report, save, document, tmp_path):
    done = run_report(save(document), "--out", tmp_path / "out", "--quiet")
    assert done.returncode == 0 and done.stdout == ""
    for name in ("fig6_speedup.png", "fig6_speedup.svg", "report.md"):
        assert (tmp_path / "out" / name).read_bytes() == (report[0] / name).read_bytes()
    assert (tmp_path / "out" / "fig6_speedup.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "out" / "fig6_speedup.svg").read_text(encoding="utf-8")
    assert "<svg" in svg and "dc:date" not in svg
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")) == []


def test_the_order_of_rows_does_not_matter(report, save, document, tmp_path):
    document["benchmarks"].reverse()
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    for name in ("headline_speed", "headline_host", "headline_energy", "fig6_host"):
        assert read(tmp_path / "out", name) == read(report[0], name)
