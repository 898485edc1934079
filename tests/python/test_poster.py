"""The page of the poster's numbers: complete, judged by comparing, reproducible."""

import csv
import os
import re

import pytest
from conftest import DATA, fake_document, run_script

from plots.core import networks
from plots.core.grid import read_cells
from plots.core.load import InputError, load
from plots.core.markdown import markdown
from plots.core.published import Published
from plots.pages import poster
from plots.pages.poster import VERDICTS, Poster, rounds_to
from plots.tables import posterways


def poster_rows():
    with open(os.path.join(DATA, "paper", "poster.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def page(save, document):
    return Poster(load(save(document)), Published(DATA))


def test_every_number_of_the_poster_has_a_line(report):
    text = (report[0] / "POSTER.md").read_text(encoding="utf-8")
    lines = [[part.strip() for part in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    lines = [line for line in lines if line[0] != "number"]
    rows = poster_rows()
    assert len(rows) == 41
    for row in rows:
        found = [line for line in lines if re.fullmatch(re.escape(row["item"]) + r"( \([^)]*\))?", line[0])]
        assert len(found) == 1, row["item"]
        claimed = re.sub(r"[ ,x%]|[a-z]$", "", found[0][1])
        assert float(claimed) == float(row["value"])
    for line in lines:
        assert len(line) == 6 and line[4] in VERDICTS and len(line[5]) > 10
        for number in line[1:4]:
            assert not re.fullmatch(r"[-+]?[\d,.]+( %|x)?", number), number  # a letter stands by every number


@pytest.mark.parametrize(
    "value, printed, same",
    [
        (193.95, "189", False),
        (189.23, "189", True),
        (189.5, "189", True),
        (189.6, "189", False),
        (24206.8, "24000", True),
        (24600, "24000", False),
        (3356, "3400", True),
        (128, "120", False),
        (124.9, "120", True),
        (9.96, "10", True),
        (10.6, "10", False),
        (2.09, "3", False),
        (40.8375, "40.8", True),
        (40.9, "40.8", False),
        (81967.2, "81967", True),
        (81968, "81967", False),
        (34.78, "35", True),
        (14400, "14400", True),
        (7.03, "6.9", False),
    ],
)
def test_what_counts_as_the_same_digits(value, printed, same):
    assert rounds_to(value, printed) is same


@pytest.mark.parametrize(
    "key, verdicts",
    [
        ("area", ["reproduced"]),
        ("factor_sram", ["cited", "contradicted"]),
        ("factor_sharing", ["consistent"]),
        ("sram", ["reproduced", "contradicted"]),
        ("technology", ["cited"]),
        ("pe_count", ["cited"]),
        ("rate_alexnet", ["consistent", "cited", "reproduced", "reproduced", "contradicted"]),
        ("rate_vggnet", ["consistent", "cited", "reproduced", "contradicted", "contradicted"]),
        ("rate_googlenet", ["consistent"]),
        ("size_before_alexnet", ["reproduced"]),
        ("size_after_alexnet", ["contradicted", "reproduced", "contradicted"]),
        ("size_after_vggnet", ["reproduced", "reproduced", "contradicted"]),
        ("size_after_googlenet", ["cited"]),
        ("size_before_squeezenet", ["cited", "reproduced"]),
        ("size_after_squeezenet", ["cited", "reproduced", "cited", "contradicted"]),
        ("accuracy_before_alexnet", ["cited"]),
        ("accuracy_after_squeezenet", ["cited"]),
        ("accuracy_after_googlenet", ["out of reach"]),
    ],
)
def test_verdicts_that_rest_on_published_numbers_alone(page, key, verdicts):
    assert page.verdicts[key] == verdicts


def test_networks_compressed_here_are_shown_with_the_printed_ones(page):
    cells = read_cells(networks.FILE)
    for key, network in (("alexnet", "AlexNet"), ("vggnet", "VGG-16")):
        size, rate = (page.ways[f"{kind}_{key}"][-1] for kind in ("size_after", "rate"))
        size_bytes, dense_bytes = (
            sum(cell.value * factor for (table, _, column), cell in cells.items() if (table, column) == (network, name))
            for name, factor in (("Huffman file, bytes", 1), ("weights", 4))
        )
        assert size.label == rate.label == "compressed here"
        assert size.ours.value == pytest.approx(size_bytes / 1e6) and size.ours.provenance == "measured"
        assert rate.ours.value == pytest.approx(dense_bytes / size_bytes) and rate.ours.provenance == "derived"
    assert not any(
        "compressed here" in way.label for kind in ("size_after", "rate") for way in page.ways[f"{kind}_googlenet"]
    )
    assert "can be compressed here" in page.ways["rate_googlenet"][0].how


def test_the_published_squeezenet_as_a_file(page):
    cells = read_cells(networks.SQUEEZENET_FILE)
    dense, coded = (cells[networks.FILE_TABLE, row, networks.BYTES].value for row in (networks.FLOATS, networks.SIX_BITS))
    before, after = (page.ways[f"{kind}_squeezenet"][-1].ours for kind in ("size_before", "size_after"))
    assert before.value == pytest.approx(dense / 2**20) and before.provenance == "derived"
    assert after.value == pytest.approx(coded / 2**20) and after.provenance == "derived"  # one unit for both


def test_without_the_file_of_compressed_networks_they_are_out_of_reach(save, document, tmp_path, monkeypatch):
    monkeypatch.setattr(posterways, "Networks", lambda: networks.Networks(tmp_path / "none.csv"))
    monkeypatch.setattr(posterways, "SqueezeNet", lambda: networks.SqueezeNet(tmp_path / "none.csv"))
    page = Poster(load(save(document)), Published(DATA))
    for key in ("size_after_alexnet", "rate_vggnet", "size_before_squeezenet", "size_after_squeezenet"):
        assert page.verdicts[key][-1] == "out of reach"
    (tmp_path / "none.csv").write_text("table,row\nx,y\n")
    with pytest.raises(InputError, match="none.csv"):
        Poster(load(save(document)), Published(DATA))


def test_first_ways(page):
    assert [
        page.verdicts[key][0]
        for key in (
            "speedup_cpu",
            "speedup_gpu",
            "energy_cpu",
            "throughput",
            "power",
            "factor_product",
            "max_model",
            "dynamic_sparsity",
        )
    ] == ["contradicted", "reproduced", "cited", "reproduced", "reproduced", "consistent", "reproduced", "contradicted"]
    assert page.verdicts["factor_static_memory"][0] == "contradicted"
    assert page.ways["factor_static_memory"][0].ours.value == pytest.approx(4.34, abs=0.005)  # with the paper's padding
    power = page.ways["power"]
    assert power[0].ours.value == pytest.approx(64 * 9.157) and power[1].ours.value == pytest.approx(600, abs=0.1)
    assert page.ways["max_model"][0].ours.value == pytest.approx(131072 * 64 * 10 / 1e6)
    assert page.ways["area"][0].ours.value == pytest.approx((64 * 638024 + 21 * 189) / 1e6)
    assert page.ways["throughput"][0].ours.value == pytest.approx(1e6 / 12.2)


@pytest.mark.parametrize(
    "name, old, new, key",
    [
        ("paper/eie_table2_pe.csv", "total,total,9.157,,638024", "total,total,9.157,,648024", "area"),
        ("paper/eie_table2_pe.csv", "total,total,9.157,,638024", "total,total,9.257,,638024", "power"),
        (
            "paper/eie_table4_walltime.csv",
            "eie-64pe-45nm,1,actual,Alex-7,12.2",
            "eie-64pe-45nm,1,actual,Alex-7,12.3",
            "throughput",
        ),
        ("paper/poster.csv", "AlexNet compressed size,6.9", "AlexNet compressed size,7.9", "rate_alexnet"),
        ("paper/poster.csv", "memory footprint,5,", "memory footprint,6,", "factor_product"),
    ],
)
def test_other_data_give_another_verdict(save, document, changed_data, name, old, new, key):
    changed = Poster(load(save(document)), Published(str(changed_data(name, old, new))))
    assert changed.verdicts[key][0] == "contradicted"


def test_numbers_that_rest_on_neuraltalks_powers_are_never_reproduced(page):
    for key in ("energy_cpu", "energy_gpu"):
        for way, verdict in zip(page.ways[key], page.verdicts[key]):
            assert verdict == "cited" or way.bars is not None
    claimed, six = (
        next(table for table in page.tables() if title in table.title) for title in ("Speed and energy", "Six bars")
    )
    assert [row for row in claimed.rows if row.startswith("Energy")] == [
        "Energy efficiency over CPU",
        "Energy efficiency over GPU",
    ]
    assert "claimed" not in six.columns and len(six.rows) == 6


def test_six_bars_are_compared_within_their_rounding(page, save, document, changed_data):
    for key, verdict in (("energy_cpu", "reproduced"), ("energy_gpu", "reproduced")):
        assert page.verdicts[key][1] == verdict
        assert page.ways[key][1].bars.low <= page.ways[key][1].ours.value <= page.ways[key][1].bars.high
    bars = page.ways["energy_cpu"][1].bars  # the dense CPU's bars are 1 by definition: nothing is rounded there
    assert bars.high / bars.low < 1.0001
    changed = changed_data(
        "paper/eie_fig7_energy.csv", "eie-64pe-45nm,actual,Alex-6,34522", "eie-64pe-45nm,actual,Alex-6,34532"
    )
    assert Poster(load(save(document)), Published(str(changed))).verdicts["energy_cpu"][1] == "contradicted"


def test_what_agrees_by_construction_counts_nowhere(page):
    ways = [(key, way, verdict) for key in page.ways for way, verdict in zip(page.ways[key], page.verdicts[key])]
    matched = [(way, verdict) for _, way, verdict in ways if "paper-matched" in way.label]
    assert len(matched) == 3
    assert all(verdict == "calibrated" and way.ours.provenance == "calibrated" for way, verdict in matched)
    own_labels = [(way, verdict) for _, way, verdict in ways if way.label == "Fig. 6 times"]
    assert [verdict for _, verdict in own_labels] == ["cited"] * 2
    for key in ("static_sparsity", "dynamic_sparsity"):
        found = [verdict for way, verdict in zip(page.ways[key], page.verdicts[key]) if "suite paper" in way.label]
        assert found == ["by construction"]
    mixed = [(way.ours.value, verdict) for _, way, verdict in ways if way.label == "mixed queue depths"]
    assert [verdict for _, verdict in mixed] == ["reproduced"] * 2
    assert [value for value, _ in mixed] == pytest.approx([189.42, 12.88], abs=0.005)


def test_the_mixed_depths_can_fail(save, document, changed_data):
    data = changed_data("paper/eie_fig8_fifo.csv", "NT-We,4,54.8", "NT-We,4,64.8")
    changed = Poster(load(save(document)), Published(str(data)))
    assert changed.verdicts["speedup_cpu"][1] == "contradicted"


def test_an_estimate_may_be_ten_per_cent_off(page):
    claimed = Published(DATA).poster_cell("throughput")
    for off, verdict in ((1.09, "reproduced"), (0.91, "reproduced"), (1.11, "contradicted"), (0.89, "contradicted")):
        way = posterways.Way(posterways.derived(claimed.value * off, "layers/s", "made up"), "made up", estimate=True)
        assert poster.judge(way, claimed) == verdict


def test_the_summary_counts_all_numbers(page):
    counts = [
        int(count)
        for count in re.findall(
            r"(\d+) (?:follow from other printed numbers|are the poster's own arithmetic|are contradicted by other|are cited|"
            "are out of reach)",
            page.summary()[0],
        )
    ]
    assert len(counts) == 5 and sum(counts) == len(poster_rows())
    assert "none is measured here" in page.summary()[0]
    firsts = [verdicts[0] for verdicts in page.verdicts.values()]
    assert counts == [
        firsts.count(verdict) for verdict in ("reproduced", "consistent", "contradicted", "cited", "out of reach")
    ]
    assert all(ways[0].rests_on != posterways.HERE for ways in page.ways.values())
    ours = [
        verdict
        for key in page.ways
        for way, verdict in zip(page.ways[key], page.verdicts[key])
        if way.rests_on == posterways.HERE
    ]
    assert f"{ours.count('reproduced')} agree within 10 % and {ours.count('contradicted')} do not" in page.summary()[1]
    assert "SRAM instead of DRAM: energy" in page.summary()[2]
    assert "Speed-up over CPU" in page.summary()[3]
    assert not any("Energy efficiency" in line for line in page.summary())  # its ways test six layers, not the number


def test_a_file_without_counts_puts_them_out_of_reach(save, document):
    for row in document["benchmarks"]:
        row.pop("eie_entries")
    page = Poster(load(save(document)), Published(DATA))
    found = {
        way.label: (verdict, way.ours)
        for way, verdict in zip(page.ways["factor_static_memory"], page.verdicts["factor_static_memory"])
    }
    assert found["suite paper, nine layers"][0] == "out of reach" and "suite paper, AlexNet and VGG" not in found
    assert found["Table III's densities, no padding, nine layers"][0] == "reproduced"
    text = markdown(poster.poster_page(load(save(document)), Published(DATA)))
    assert "the row has no eie_entries" in text


def test_an_unknown_number_is_an_error(save, document, changed_data, tmp_path):
    data = changed_data("paper/poster.csv", "alu_bits,", "coffee,")
    with pytest.raises(InputError, match="coffee"):
        Poster(load(save(document)), Published(str(data)))
    done = run_script("poster", save(document), "--data", data, "--out", tmp_path / "P.md")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and not (tmp_path / "P.md").exists()


def test_the_command_writes_the_page_of_the_report(report, tmp_path, save):
    path = save(fake_document())
    done = run_script("poster", path, "--out", tmp_path / "new" / "P.md")
    assert done.returncode == 0 and done.stdout == "" and done.stderr == ""
    assert (tmp_path / "new" / "P.md").read_bytes() == (report[0] / "POSTER.md").read_bytes()
    assert "](POSTER.md)" in (report[0] / "report.md").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("in the way")
    done = run_script("poster", path, "--out", tmp_path / "file" / "P.md")
    assert done.returncode == 3 and done.stderr.count("\n") == 1


def test_a_file_without_rows_still_gives_the_page(save, document, tmp_path):
    document["benchmarks"] = []
    done = run_script("poster", save(document), "--out", tmp_path / "P.md")
    assert done.returncode == 0, done.stderr
    assert "81,967" in (tmp_path / "P.md").read_text(encoding="utf-8")
