"""report.html, summary.md and rows.csv of one file; report.html and machines.csv of several."""

import csv
import html as html_words
import json
import re

import pytest
from conftest import (
    PICTURES,
    cell,
    made_up_report,
    read,
    retime,
    run_report,
    run_script,
    scattered,
    with_ceilings,
    with_visits,
)

from plots.core.cells import Cell
from plots.core.grid import Table
from plots.core.load import load
from plots.core.output import DATA
from plots.core.published import LAYERS, Published
from plots.pages import machines
from plots.pages.cockpit import NUMBERS, TIME, Cockpit
from plots.pages.machines import MOST_WITH_LAYERS
from plots.tables import everyrow, ways


def text_of(folder, name="report.html"):
    return (folder / name).read_text(encoding="utf-8")


def words_of(folder):
    """Without styles, scripts, marks and line breaks."""
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", text_of(folder), flags=re.DOTALL)
    return " ".join(html_words.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_head_says_who_and_what(report):
    words = words_of(report[0])
    for part in (
        "Made-up CPU",
        "cores 4",
        "L2 1.5 MiB",
        "date 2000-01-01",
        "revision 0000000",
        "made-up machine without meter",
    ):
        assert part in words, part
    assert "At batch 1 on all 4 threads, cache llc" in words


def test_the_four_numbers_are_those_of_the_last_screen(report, save, document):
    cockpit = Cockpit(load(save(document)), Published(DATA))
    numbers = cockpit.numbers(4)
    assert numbers.keys() == set(NUMBERS)
    assert f"{numbers[TIME].digits()}" in report[1] and cockpit.eie.said(1) == "12.5 us (d)"
    host = cell(report[0], "headline_host", "best kernel per layer over best dense, all 4 threads", "cache llc")
    assert numbers["batch 1 over best dense"].value == pytest.approx(float(host["value"]))
    assert [card.cell for card in cockpit.cards()] == [
        numbers[name] for name in ("batch 1 over best dense", "batch 1 over best sparse", TIME, "batch 64, time of an input")
    ]
    assert not numbers["batch 64, time of an input"].is_number  # it ran on one thread alone
    assert "no measured row of suite paper at batch 64 on 4 threads" in words_of(report[0])


def test_every_row_stands_in_the_page_and_in_its_file(report, document):
    count = len(document["benchmarks"]) + len(document["eie_missing"])
    table = re.search(r'<table[^>]* id="rows".*?</table>', text_of(report[0]), flags=re.DOTALL)[0]
    assert table.count("<tr>") == count + 1
    assert len({line["row"] for line in read(report[0], "rows")}) == count
    assert "twice the ceiling of its level" in table and "the processor has no AVX-9000" in table


def test_the_numbers_of_a_row_by_hand(save, document):
    found = {
        (line.row.kernel, line.row.layer, line.row.threads, line.row.cache): line
        for line in everyrow.lines(load(save(with_ceilings(document))))
        if (line.row.suite, line.row.batch) == ("paper", 1)
    }
    line = found["scalar_eie_stream", "Alex-7", 1, "llc"]
    weights = round(4096 * 4096 * 0.09)
    assert line.cells[everyrow.TIME].value == pytest.approx(4096 * 4096 * 40 / 1e6)
    assert line.cells[everyrow.OVER["dense"]].value == pytest.approx(5)
    assert not line.cells[everyrow.OVER["sparse"]].is_number
    assert line.cells[everyrow.PER_WEIGHT].value == pytest.approx(4096 * 4096 * 40 / 1e3 / weights)
    assert line.cells[everyrow.PREPARE].value == pytest.approx(5e-6)
    assert line.again == "./run eie bench --layer Alex-7 --budget 1"
    assert found["peers_openblas_sgemv", "Alex-7", 1, "llc"].cells[everyrow.OVER["dense"]].value == 1
    assert found["fake_fast", "Alex-7", 1, "llc"].cells[everyrow.TIME].reason == "suspect: twice the ceiling of its level"


def test_threads_batch_caches_and_preparing(save, document):
    found = ways.Ways(load(save(document)), Published(DATA))
    assert found.scaling.rows == ["1", "4"] and found.batches.rows == ["1", "64"] and found.caches.columns == ["hot", "llc"]
    pool = [found.scaling.get(threads, "fake_eie_pool").value for threads in ("1", "4")]
    assert pool[0] == pytest.approx(4 * pool[1])
    hot, llc = (found.caches.get("fake_eie_pool", cache).value for cache in ("hot", "llc"))
    assert llc == pytest.approx(2 * hot)
    dense = found.scaling.get("4", "best dense").value
    pays = found.prepare.get("fake_eie_pool", ways.PAYS)
    assert pays.value == pytest.approx(5e-3 / (dense - pool[1]))


def test_a_kernel_that_is_slower_than_dense_never_pays(save, document):
    for row in document["benchmarks"]:
        if row["eie_kernel"] == "fake_eie_pool":
            retime(row, row["eie_median_ns"] * 1000)
    found = ways.Ways(load(save(document)), Published(DATA))
    assert found.prepare.get("fake_eie_pool", ways.PAYS).value == "never"


def test_the_page_asks_for_nothing_and_is_small(tmp_path_factory, document):
    folder, _ = made_up_report(tmp_path_factory.mktemp("drawn"), PICTURES, with_ceilings(document))
    text = text_of(folder)
    assert len(text) < 3_000_000 and text.count("<figure>") == 5
    assert re.search(r'<g id="roofline-point-fake_eie_pool">\s*<title>fake_eie_pool: [^<]+eie_median_ns', text)
    for name in ("machine_speed", "machine_energy", "ways", "costs"):
        assert re.search(rf'<g id="{name}-number-\d+">\s*<title>[^<]+\((derived|measured|cited)\)\.', text), name
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", text, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(?!#|data:|[\w.-]+\.(md|csv)")', body) and "default-src 'none'" in text
    assert not re.search(r"""url\(\s*["']?(?!data:|#)""", "".join(re.findall(r"<style>.*?</style>", text, flags=re.DOTALL)))


def test_the_head_says_where_its_numbers_are_from_and_how_sure_the_verdict_is(report):
    text, words = text_of(report[0]), words_of(report[0])
    assert re.search(r'<strong><span class="sourced" title="[^"]+Table IV[^"]*">|title="[^"]*best exact compressed', text)
    assert '<dd title="results file: context, eie_revision">0000000</dd>' in text
    assert "date 2000-01-01 00:00 UTC" in words and "A over B: how many times as fast A is as B." in words
    assert words.index("How sure the numbers of the verdict are is unknown") < words.index("Every row")
    assert "EIE over batch 1 " in words and "x (d) as fast </p>" not in text


@pytest.mark.parametrize("zone, shown", [("+02:00", "+02:00"), ("Z", "UTC"), ("", "")])
def test_a_date_has_its_zone(save, document, zone, shown):
    document["context"]["date"] = f"2000-01-01T00:00:00{zone}"
    facts = dict(Cockpit(load(save(document)), Published(DATA)).facts())
    assert facts["date"] == f"2000-01-01 00:00 {shown}".strip()


def test_a_verdict_that_cannot_be_trusted_says_so(save, document):
    for row in document["benchmarks"]:
        if row["eie_time_source"] == "wall":
            row |= with_visits(row, {1: scattered(row["eie_median_ns"], 0.9)}) | {"eie_doubt": ["no"]}
    trust = Cockpit(load(save(document)), Published(DATA)).trust()
    assert trust.startswith("The verdict's numbers are only known to +-") and "run again" in trust
    assert "contradict others of the run and none counts disturbed samples" in trust
    document["benchmarks"] = []
    assert Cockpit(load(save(document)), Published(DATA)).trust() == ""


def test_what_a_run_did_not_measure_is_missing(report):
    missing = words_of(report[0]).partition("What is missing, and why")[2].rpartition("What to doubt")[0]
    assert "Batch 1, cache dram: no row of suite paper: not asked for" in missing
    assert "Batch 64, cache llc and dram" in missing and "made-up machine without meter" in missing
    assert "Counters (cycles, instructions, misses): no row has any." in missing and "Nothing: every" not in missing


def test_a_budget_that_the_command_has_stays_and_targets_are_kept(save, document):
    row = next(row for row in document["benchmarks"] if row["eie_time_source"] == "wall")
    for given, target, time_ns, expected in (
        ("eie bench --budget 9", 0.05, 1e6, "./run eie bench --budget 9"),
        ("eie bench", 0.05, 1e6, "./run eie bench --budget 1 --target 5.0"),
        ("eie bench", 0.02, 7e8, "./run eie bench --budget 3"),  # three samples
        ("", 0.02, 1e6, ""),
    ):
        retime(row, time_ns)
        row |= {"eie_again": given, "eie_target": target}
        assert everyrow.lines(load(save(document)))[0].again == expected


def test_the_summary_is_one_page(report):
    lines = text_of(report[0], "summary.md").splitlines()
    assert len(lines) < 60 and lines[0] == "# Made-up CPU: summary"
    assert "[report.html](report.html)" in "\n".join(lines)


def test_the_same_file_gives_the_same_page(report, save, document, tmp_path):
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet", pictures=["roofline"]).returncode == 0
    for name in ("report.html", "summary.md", "rows.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (report[0] / name).read_bytes()


def test_a_file_without_rows_has_a_page(save, document, tmp_path):
    document["benchmarks"], document["eie_missing"] = [], []
    assert run_report(save(document), "--out", tmp_path / "out", pictures=PICTURES).returncode == 0
    assert "No verdict: this file has no measured row" in words_of(tmp_path / "out")


# ---- several machines ----------------------------------------------------------------------------


def machine(document, name, factor=1.0, revision="0000000"):
    """Another machine's file: all its own times so many times longer."""
    other = json.loads(json.dumps(document))
    other["context"] |= {"eie_cpu_name": name, "eie_revision": revision}
    for row in other["benchmarks"]:
        if row["eie_time_source"] == "wall":
            retime(row, row["eie_median_ns"] * factor)
    return other


def side_by_side(save, tmp_path, documents):
    paths = [save(document, f"{place}.json") for place, document in enumerate(documents)]
    done = run_script("report", *paths, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    return tmp_path / "out", done.stdout


def cells_of(folder, table):
    with open(folder / "machines.csv", encoding="utf-8", newline="") as file:
        return {(line["row"], line["column"]): line for line in csv.DictReader(file) if line["table"] == table}


def test_columns_are_machines(save, tmp_path, document):
    out, said = side_by_side(save, tmp_path, [machine(document, "Fast"), machine(document, "Slow", 2.0, "1111111")])
    heads, layers = cells_of(out, "headlines"), cells_of(out, "layers_batch1")
    row = "batch 1, time of a layer, all threads"
    assert float(heads[row, "2. Slow"]["value"]) == pytest.approx(2 * float(heads[row, "1. Fast"]["value"]))
    assert {row for row, _ in layers} == set(LAYERS)
    text = text_of(out)
    assert re.search(r'<th scope="row">Alex-6</th><td [^>]*class="good">[^<]+</td><td [^>]*class="bad">', text)
    words = words_of(out)
    assert "Revisions differ, so kernels do too: 0000000 (1); 1111111 (2)" in words and "Revisions differ" in said
    assert "Alike everywhere:" in words and sorted(path.suffix for path in out.iterdir()) == [".csv", ".html", ".md", ".txt"]
    assert "Revisions differ" in text_of(out, "summary.md")


def test_several_machines_have_a_chart(save, tmp_path, document):
    out, _ = side_by_side(save, tmp_path, [machine(document, "Fast"), machine(document, "Slow", 2.0)])
    text = text_of(out)
    assert text.count("<figure>") == 1 and text.count("better: left") == 3 and text.count("better: right") == 2
    assert "<title>2. Slow, batch 1, time of a layer: " in text and len(text) < 3_000_000


@pytest.mark.parametrize(
    "cells, tones",
    [
        (((10, 9, 11), (20, 19, 21)), ("good", "bad")),
        (((10, 9, 11), (10.5, 9.5, 11.5)), (None, None)),
        (((10, 9, 11), (10.5, 9.5, 11.5), (20, 19, 21)), ("good", "good", "bad")),
        (((10, 9, 11), (15, 10, 20), (20, 19, 21)), ("good", None, "bad")),
        (((10, 9, 11), (15, 14, 16), (20, 19, 21)), ("good", None, "bad")),
        (((10, None, None), (10, None, None)), (None, None)),
        (((10, None, None), (11, None, None)), ("good", "bad")),
    ],
)
def test_marks_of_best_and_worst_go_by_intervals(cells, tones):
    table = Table("", "")
    for place, (value, low, high) in enumerate(cells):
        table.put("row", place, Cell(value, "us", "derived", "a test", low=low, high=high))
    machines._mark(table, "row", True)
    assert tuple(table.tones.get(("row", place)) for place in range(len(cells))) == tones


def test_equal_revisions_raise_no_warning(save, tmp_path, document):
    out, said = side_by_side(save, tmp_path, [machine(document, "Fast"), machine(document, "Slow", 2.0)])
    assert "Revisions differ" not in words_of(out) + said


def test_layers_that_differ_are_a_warning(save, tmp_path, document):
    other = machine(document, "Other")
    for row in other["benchmarks"]:
        row["eie_layer_hash"] += "x" if row["eie_layer"] == "Alex-7" else ""
    out, _ = side_by_side(save, tmp_path, [document, other])
    assert "Layers of the same name differ in content (paper-matched/Alex-7, paper/Alex-7)" in words_of(out)


def test_many_machines_show_headlines_alone(save, tmp_path, document):
    count = MOST_WITH_LAYERS + 1
    out, _ = side_by_side(save, tmp_path, [machine(document, f"CPU {place}", 1 + place) for place in range(count)])
    text = text_of(out)
    assert 'id="layers"' not in text and 'id="machines"' in text and text.count("<tr>") > count
    assert len(cells_of(out, "layers_batch1")) == count * len(LAYERS)


@pytest.mark.parametrize(
    "second, message",
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[]", "not a results file"),
        ('{"context": {"eie_format": "2"}, "benchmarks": []}', "written by a newer version"),
        ('{"context": {"eie_format": "1"}, "benchmarks": [], "eie_missing": [{"eie_suite": 1}]}', "eie_suite"),
        (None, "given twice"),
    ],
)
def test_bad_files_among_several(save, tmp_path, document, second, message):
    first = save(document, "first.json")
    other = first if second is None else save(second, "second.json")
    done = run_script("report", first, other, "--out", tmp_path / "out")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1 and message in done.stderr
    assert not (tmp_path / "out").exists()
