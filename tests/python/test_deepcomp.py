"""plots/compression/deepcomp.py: the rates that follow from what Deep Compression prints, and its page from ledgers."""

import json

import pytest
from conftest import DATA, REPOSITORY, run_script

from plots.compression import deepcomp
from plots.compression.deepcomp import DeepCompression, Printed
from plots.core import networks
from plots.core.cells import MARKS
from plots.core.grid import read_cells
from plots.core.markdown import markdown
from plots.core.published import Published

PUBLISHED = Published(DATA)
PRINTED = Printed(PUBLISHED)


@pytest.mark.parametrize(
    "network, by_bits, by_sizes",
    [("LeNet-300-100", 47.9, 41.0), ("LeNet-5", 41.4, 36.6), ("AlexNet", 39.7, 34.6), ("VGG-16", 61.4, 55.0)],
)
def test_rates_that_follow_from_the_printed_numbers(network, by_bits, by_sizes):
    cells = PRINTED.rate_by_bits(network), PRINTED.rate_by_sizes(network)
    assert [round(cell.value, 1) for cell in cells] == [by_bits, by_sizes]
    assert {cell.provenance for cell in cells} == {"derived"}


def test_every_layer_has_a_shape_near_its_printed_count():
    for row in PRINTED.layers():
        outputs, inputs = deepcomp.SHAPES[row["network"]][row["layer"]]
        assert outputs * inputs == pytest.approx(float(row["weights"]), rel=0.19), row["layer"]


def ledger(size, share):
    weights = 1000
    return {
        "file_bytes": size,
        "layers": [
            {
                "weights": weights,
                "nonzeros": 100,
                "fillers": 1,
                "stages": [{"stage": "shared", "bytes": share * 4 * weights}],
            }
        ],
    }


@pytest.fixture
def folder(tmp_path):
    for row in PRINTED.layers():
        share = float(row["size_pct"]) / 100 * (1.5 if row["layer"] == "fc8" else 1)
        for form, size in (("packed", 500), ("huffman", 400)):
            (tmp_path / f"{row['network']}-{row['layer']}-{form}.json").write_text(json.dumps(ledger(size, share)))
    return tmp_path


def test_page_from_ledgers(folder):
    page = markdown(DeepCompression(PUBLISHED, folder).page(""))
    words = " ".join(page.split())
    assert (
        "The 6 layers that keep at least 20 % (conv1_1 apart) deviate from the printed size by 8.3 % (d) in the mean"
        in words
    )
    assert (
        "most: fc8 +50.0 % (d), " in words and "The 13 layers" in words and "ip3, deviates from the printed size by" in words
    )
    assert "within 3 %" not in words and "+50.0 % d" in words
    assert "cited only, the densities of the network's layers are not published" in page and "10.0x d" in page


def test_vgg_16_contradicts_itself(folder):
    """By the printed numbers alone: 2.05 % in the total row, the layers' sizes add up to less however they are weighted."""
    rows = PRINTED.layers("VGG-16")
    sums = [
        sum(weights(row) * float(row["size_huffman_pct"]) for row in rows) / sum(map(weights, rows))
        for weights in (lambda row: float(row["weights"]), deepcomp.real_weights)
    ]
    assert max(sums) + 0.005 < 2.05 - 0.005
    (words,) = [line for line in markdown(DeepCompression(PUBLISHED, folder).page("")).splitlines() if "contradicts" in line]
    for text in (
        "2.05 % (c)",
        "48.8x (d)",
        "49x (c)",
        f"{sums[0]:.2f} % (d)",
        f"{100 / sums[0]:.1f}x (d)",
        f"{sums[1]:.2f} % (d)",
    ):
        assert text in words


def test_every_cell_is_in_the_file_beside_the_page(folder):
    done = run_script("deepcomp", "report", folder, "--out", folder / "new" / "PAGE.md")
    assert done.returncode == 0, done.stderr
    found, made = read_cells(folder / "new" / "PAGE.csv"), DeepCompression(PUBLISHED, folder)
    tables = {table.name: table for table in made.tables()}
    assert len(tables) == 6 and len(found) == sum(len(table.cells) for table in tables.values())
    for (table, row, column), cell in found.items():
        ours = tables[table].get(row, column)
        assert cell.source == ours.source and cell.provenance == ours.provenance in MARKS
        assert cell.value == (pytest.approx(ours.value) if ours.is_number else ours.value)
    assert networks.Networks(folder / "new" / "PAGE.csv").cell("AlexNet", networks.HUFFMAN_BYTES).value == 8 * 400
    assert "[PAGE.csv](PAGE.csv)" in (folder / "new" / "PAGE.md").read_text(encoding="utf-8")


def test_the_committed_page_and_its_cells_belong_together():
    """Every number of the cells stands on the page, as it is shown there."""
    with open(f"{REPOSITORY}/results/DEEP_COMPRESSION.md", encoding="utf-8") as file:
        page = file.read()
    cells = read_cells(networks.FILE)
    for (_, _, column), cell in cells.items():
        if column.endswith("bytes"):
            number = f"{cell.value:,.0f}" if cell.value >= 10000 else f"{cell.value:.0f}"
            assert f" {number} {MARKS[cell.provenance]} " in page
    assert len(cells) > 300


def test_a_missing_ledger_is_named(tmp_path):
    done = run_script("deepcomp", "report", tmp_path, "--out", tmp_path / "PAGE.md")
    assert done.returncode == 2 and "LeNet-300-100-ip1-packed.json" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "PAGE.md").exists()


def test_a_page_that_cannot_be_written(folder):
    done = run_script("deepcomp", "report", folder, "--out", folder / "AlexNet-fc6-packed.json" / "PAGE.md")
    assert done.returncode == 3 and done.stderr.count("\n") == 1
