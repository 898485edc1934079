"""Counters of rows in the report: quotients by hand, words with their reasons, nothing where nobody asked."""

import pytest
from conftest import cell, fake_document, read, run_report, with_ceilings

from plots.core.load import load
from plots.tables import counters, everyrow

TABLE = "counters_paper_batch1_hot"
WHY = "this machine has none: a virtual one"


def is_mine(row):
    return (row["eie_kernel"], row["eie_suite"], row["eie_cache"]) == ("scalar_eie_stream", "paper", "hot")


def counted(row, cycles=6e6, **further):
    return {
        "eie_counters_state": "measured",
        "eie_counters_calls": 9,
        "eie_counters_threads": 1,
        "eie_counters_window_s": 0.05,
        "eie_counted_cycles": cycles,
        "eie_counted_instructions": 2 * cycles,
        "eie_counted_l1d_misses": 0,
        "eie_counted_branch_misses": row["eie_nonzeros"] / 100,
        "eie_counted_backend_stalls": cycles / 4,
        "eie_counted_task_clock_ns": cycles / 3,
        "eie_ipc": 2.0,
        "eie_counters_without": [
            {
                "events": ["llc_misses", "dtlb_misses", "frontend_stalls"],
                "state": "unavailable",
                "reason": "not of this chip",
            }
        ],
    } | further


def unavailable():
    return {"eie_counters_state": "unavailable", "eie_counters_reason": WHY, "eie_counted_task_clock_ns": 2e6}


def with_counters(add):
    """A results file with what `add` says of each row of one kernel."""
    document = with_ceilings(fake_document())
    for row in document["benchmarks"]:
        if is_mine(row):
            row |= add(row)
    return document


@pytest.fixture
def out(save, tmp_path):
    """The folder of the report of such a file, and the rows of one thread."""

    def make(add):
        document = with_counters(add)
        done = run_report(save(document), "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        return tmp_path / "out", [row for row in document["benchmarks"] if is_mine(row) and row["eie_threads"] == 1]

    return make


def test_quotients_by_hand(out):
    folder, rows = out(lambda row: counted(row, 5e6 if row["eie_layer"] == "Alex-6" else 7e6, eie_floor_share=0.5))
    weights = sum(row["eie_nonzeros"] * row["eie_batch"] for row in rows if row["eie_batch"] == 1)
    cycles = sum(row["eie_counted_cycles"] for row in rows if row["eie_batch"] == 1)
    found = {line["column"]: float(line["value"]) for line in read(folder, TABLE) if line["row"] == "scalar_eie_stream@1"}
    assert found.pop(counters.CYCLES) == pytest.approx(cycles / weights)
    assert found.pop(counters.BOUND) == pytest.approx(cycles / weights / 2)
    assert found == {
        "instructions a weight": pytest.approx(2 * cycles / weights),
        counters.IPC: pytest.approx(2),
        "L1d misses, a thousand weights": 0,
        "branch misses, a thousand weights": pytest.approx(10),
        "backend stalls, of the cycles": pytest.approx(25),
        "GHz": pytest.approx(3),
        "ns on cores a weight": pytest.approx(cycles / 3 / weights),
    }
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "## Counters of this host" in text and "unavailable (llc_misses, dtlb_misses, frontend_stalls; " in text
    assert "not of this chip." in text


@pytest.fixture
def table(save):
    """The table of the paper's suite of such a file, and what stands in the CSV files of all rows."""

    def make(add):
        results = load(save(with_counters(add)))
        counters.every_row(results), everyrow.table(everyrow.lines(results))
        return next((found for found in counters.counter_tables(results) if found.name == TABLE), None)

    return make


def test_counters_that_took_turns(table):
    found = table(lambda row: counted(row, eie_counters_ran={"cycles": 0.75, "l1d_misses": 0.5}))
    assert found.get("scalar_eie_stream@1", counters.COUNTED).value == 50


def test_every_row_and_the_page_to_sort(out, save):
    folder, rows = out(lambda row: counted(row, eie_floor_share=0.5))
    name = next(line["row"] for line in read(folder, "counters") if line["column"] == counters.IPC)
    assert float(cell(folder, "counters", name, counters.IPC)["value"]) == pytest.approx(2)
    of_kernel = {line["row"] for line in read(folder, "rows") if line["column"] == counters.CYCLES and line["unit"]}
    assert name in of_kernel
    other = next(
        line for line in read(folder, "rows") if line["column"] == counters.CYCLES and "eie_stream" not in line["row"]
    )
    assert other["value"] == "not counted" and "--counters" in other["source"]
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert f"<th>{counters.CYCLES}" in html or f">{counters.CYCLES}<" in html


def test_words_and_what_to_do(table):
    found = table(lambda row: unavailable())
    cycles = found.get("scalar_eie_stream@1", counters.CYCLES)
    assert cycles.value == "unavailable" and WHY in cycles.source
    assert found.columns == [counters.CYCLES, "ns on cores a weight"]
    assert any(note.startswith("unavailable (cycles, instructions") and WHY in note for note in found.notes)


def test_nothing_where_nobody_asked(report, save, document):
    assert not list(report[0].glob("counters*.csv"))
    assert "ounters of this host" not in (report[0] / "report.md").read_text(encoding="utf-8")
    results = load(save(document))
    assert not counters.has_counters(results) and counters.CYCLES not in everyrow.lines(results)[0].cells


@pytest.mark.parametrize(
    "changes, shown",
    [
        ({"eie_counters_without": "everything"}, 0),
        ({"eie_counters_without": [3, {"events": "cycles"}, {"events": [None]}]}, 0),
        ({"eie_counters_ran": [1]}, 0),
        ({"eie_counters_ran": {"cycles": -1, "l1d_misses": "half"}}, 0),
        ({"eie_counted_branch_misses": "many"}, None),
        ({"eie_counted_branch_misses": None}, None),
    ],
)
def test_files_that_say_nonsense(table, changes, shown):
    """A word or nothing, and no failure."""
    found = table(lambda row: counted(row, eie_counted_branch_misses=0) | changes)
    column = "branch misses, a thousand weights"
    assert (column in found.columns) == (shown is not None)
    assert shown is None or found.get("scalar_eie_stream@1", column).value == shown


def test_no_cycles_give_no_quotient(table):
    found = table(lambda row: counted(row, 0))
    assert found.get("scalar_eie_stream@1", counters.CYCLES).value == 0 and counters.IPC not in found.columns
    assert table(lambda row: counted(row, eie_counters_state=3)) is None
