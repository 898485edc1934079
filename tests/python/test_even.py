"""plots/filters: ledgers of networks with filters of even size, and rows of their layers, made up and round, as a page."""

import json
import math

import pytest
from conftest import base_row, run_script, with_number
from test_training import ledger, pair, write

from plots.core import evenfilters
from plots.core.grid import read_cells
from plots.core.load import InputError
from plots.filters import even
from plots.filters.even import BETTER, EQUAL, LESS, MORE, SAME, UNKNOWN, WORSE, Even

LAYERS = (("conv1", 20, 1, 784), ("conv2", 50, 20, 196), ("fc1", 500, 2450, 1), ("fc2", 10, 500, 1))


def network(filters, *errors):
    """Trained with seeds 1 and up to so many errors of 10,000."""
    size = int(filters[0])
    document = ledger("short", [(wrong, wrong) for wrong in errors], f"lenet-5-{filters}")
    for seed, wrong in zip(document["seeds"], errors):
        seed["phases"] = seed["phases"][:1]
        seed["test"] = pair("dense", wrong, wrong, wrong)
        seed["layers"] = [
            {
                "name": name,
                "outputs": outputs,
                "inputs": inputs * (size * size if name.startswith("conv") else 1),
                "kept": 1,
                "positions": positions,
                "active_pct": 50.0,
            }
            for name, outputs, inputs, positions in LAYERS
        ]
    return document


def model_row(suite, layer, positions, cycles, work):
    row = base_row(suite, layer, "model_eie_cycle", ["exact"], "eie-64pe-45nm", positions, 0, "none", "model")
    return with_number(
        row,
        cycles / 0.8,
        eie_provenance="simulated",
        eie_entries=100,
        eie_entries_active=work,
        eie_columns_active=cycles - 1,
        eie_cycles=cycles,
        eie_pe_cycles_work=work,
        eie_each_pe_work=" ".join(["1"] * 64),
    )


def host_row(suite, layer, positions, kernel, time):
    row = base_row(suite, layer, kernel, ["exact"], "cpu", positions, 1, "hot", "wall")
    return with_number(row, time) | {"eie_samples_ns": [time, time, 0.5 * time, 2 * time, time]}


def rows_of(filters, cycles, time):
    """Two layers, dense and pruned: the model's cycles with PEs half in use, the exact kernel's time, OpenBLAS's twice it."""
    for form in ("dense", "pruned"):
        for layer, positions in (("conv2", 196), ("fc1", 1)):
            suite = f"{filters}-{form}-{layer}"
            yield model_row(suite, layer, positions, cycles, 32 * cycles)
            yield host_row(suite, layer, positions, "cpu_auto", time)
            yield host_row(suite, layer, positions, "peers_openblas_sgem" + "vm"[positions > 1], 2 * time)


def measured(folder, *rows):
    (folder / "layers").mkdir(parents=True, exist_ok=True)
    document = {"context": {"eie_format": "1", "eie_cpu_name": "Made up"}, "benchmarks": list(rows), "eie_missing": []}
    (folder / "layers/bench.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def folder(tmp_path):
    write(
        tmp_path / "ledgers",
        five=network("5x5", 80, 81, 82),
        four=network("4x4-symmetric", 70, 71, 72),
        plain=network("4x4-plain", 90, 91, 92),
        three=network("3x3", 75, 65, 84),
        two=network("2x2-plain", 100),
        wide=network("2x2-wide", 60, 61, 62),
    )
    return measured(tmp_path / "ledgers", *rows_of("5x5", 3000, 900.0), *rows_of("4x4", 2000, 600.0))


def test_products_are_those_of_the_layers(folder):
    table = Even(folder).networks()
    assert table.rows == ["2 x 2, plain", "2 x 2, wide", "3 x 3", "4 x 4, plain", "4 x 4, symmetric", "5 x 5"]
    convolutions = (25 * 20 * 784 + 25 * 1000 * 196) / 1e6
    assert table.get("5 x 5", "of these in convolutions, M").value == pytest.approx(convolutions)
    assert table.get("5 x 5", "products, M").value == pytest.approx(convolutions + 2450 * 0.0005 + 0.005)
    assert table.get("4 x 4, symmetric", "error").value == pytest.approx(0.71)
    assert [table.get("4 x 4, plain", column).value for column in ("least", "greatest")] == [0.9, 0.92]


def test_even_filters_stand_beside_their_odd_neighbours(folder):
    found = Even(folder)
    smaller, larger = found.against(LESS), found.against(MORE)
    assert smaller.rows == ["2 x 2, plain, against 3 x 3", "4 x 4, plain, against 5 x 5", "4 x 4, symmetric, against 5 x 5"]
    assert larger.rows == ["4 x 4, plain, against 3 x 3", "4 x 4, symmetric, against 3 x 3"]
    row = "4 x 4, symmetric, against 5 x 5"
    assert smaller.get(row, "in convolutions").value == pytest.approx(25 / 16)
    assert smaller.get(row, "error, even less odd").value == pytest.approx(-0.1)
    assert found.against(EQUAL).rows == ["2 x 2, wide, against 3 x 3"]
    verdicts = [smaller.get(name, "verdict").value for name in smaller.rows]
    assert verdicts == [UNKNOWN, WORSE, BETTER] and larger.get(larger.rows[1], "verdict").value == SAME
    sentences = found.sentences()
    assert "holds for 4 x 4, symmetric, does not hold for 2 x 2, plain; 4 x 4, plain" in sentences[0]
    assert "1.41x (d) fewer products" in sentences[3] and "as claimed" in sentences[3] and ": comparable" in sentences[3]
    assert "not comparable" in sentences[1] and "fewer errors" not in sentences[2]


def test_even_filters_stand_beside_the_line_of_odd_ones(tmp_path):
    write(
        tmp_path / "ledgers",
        three=network("3x3", 90, 100),
        five=network("5x5", 50, 60),
        four=network("4x4-plain", 100, 110),
        two=network("2x2-plain", 100, 110),
    )
    found = Even(tmp_path / "ledgers")
    low, middle, high = (found.networks().get(name, "products, M").value for name in ("3 x 3", "4 x 4, plain", "5 x 5"))
    (row,) = found.line().rows
    assert row == "4 x 4, plain, between 3 x 3 and 5 x 5"
    share = math.log(middle / low, high / low)
    assert found.line().get(row, "of the line").value == pytest.approx(0.95 - 0.4 * share)
    assert found.line().get(row, "even less line").value == pytest.approx(0.1 + 0.4 * share)
    assert found.line().get(row, "verdict").value == WORSE and found.sentences()[-1].endswith("more errors.")


def test_costs_are_sums_over_the_layers(folder):
    found = Even(folder)
    machine = found.machine()
    assert machine.rows == ["4x4, dense", "4x4, pruned", "5x5, dense", "5x5, pruned"]
    assert machine.get("5x5, dense", "cycles").value == 6000 and machine.get("5x5, dense", "PEs in use").value == 50
    assert machine.get("5x5, dense", "EIE, us").value == pytest.approx(7.5)
    assert machine.get("5x5, pruned", "here, exact, us").value == pytest.approx(0.9)  # least samples of two layers
    costs = found.costs()
    assert costs.rows == ["2x2 against 3x3", "4x4 against 5x5"]
    assert costs.get("4x4 against 5x5", "EIE, dense").value == pytest.approx(1.5)
    assert costs.get("4x4 against 5x5", "here, OpenBLAS, dense").value == pytest.approx(1.5)
    assert "not measured" in costs.get("2x2 against 3x3", "EIE, dense").reason
    assert len(found.layer_by_layer().rows) == 8


def test_page_and_cells(folder, tmp_path):
    done = run_script("even", folder, "--out", tmp_path / "PAGE.md")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "PAGE.md").read_text()
    assert "not retrained" in text and "4 x 4, symmetric against 5 x 5" in done.stdout
    cells = read_cells(tmp_path / "PAGE.csv")
    assert evenfilters.verdicts(tmp_path / "PAGE.csv") == Even(folder).sentences()
    assert evenfilters.verdicts(tmp_path / "none.csv") == []
    assert cells["seeds", "5 x 5", "seed 2"].provenance == "measured"
    assert cells[LESS, "4 x 4, plain, against 5 x 5", "verdict"].value == WORSE


def test_without_times_the_errors_stand_alone(tmp_path):
    write(tmp_path / "ledgers", five=network("5x5", 80), four=network("4x4-plain", 90, 91))
    found = Even(tmp_path / "ledgers")
    assert [table.name for table in found.tables()] == ["verdicts", "networks", LESS, MORE, EQUAL, "line", "seeds"]
    assert "On EIE" not in even.markdown(found.page("PAGE.csv"))


def no_positions(document):
    del document["seeds"][0]["layers"][0]["positions"]


def another_recipe(document):
    document["recipe_sha256"] = "cd" * 32


def no_test(document):
    del document["seeds"][0]["test"]


@pytest.mark.parametrize(
    "change, words",
    [
        (no_positions, "without the positions"),
        (another_recipe, "different recipes"),
        (no_test, "not opened"),
        (lambda document: document.update(network="lenet-5"), "none of these networks"),
        (lambda document: document.update(network="lenet-5-4x5"), "none of these networks"),
    ],
)
def test_bad_ledgers_are_told(tmp_path, change, words):
    document = network("4x4-plain", 90)
    change(document)
    write(tmp_path / "ledgers", five=network("5x5", 80), four=document)
    with pytest.raises(InputError, match=words):
        Even(tmp_path / "ledgers")


def test_bad_rows_are_told(folder):
    rows = list(rows_of("5x5", 3000, 900.0))
    del rows[0]["eie_cycles"]
    with pytest.raises(InputError, match="no eie_cycles"):
        Even(measured(folder, *rows)).machine()
    with pytest.raises(InputError, match="no layer of these networks"):
        Even(measured(folder, rows[1]))
    done = run_script("even", folder)
    assert done.returncode == 2 and done.stderr.startswith("even: ") and done.stderr.count("\n") == 1
