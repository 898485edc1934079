"""plots/compression/deepcomp.py: the rates that follow from what Deep Compression prints, and its page from ledgers."""

import json

import pytest
from conftest import run_script

from plots.compression import deepcomp


@pytest.mark.parametrize(
    "network, by_bits, by_sizes",
    [("LeNet-300-100", 47.9, 41.0), ("LeNet-5", 41.4, 36.6), ("AlexNet", 39.7, 34.6), ("VGG-16", 61.4, 55.0)],
)
def test_rates_that_follow_from_the_printed_numbers(network, by_bits, by_sizes):
    _, bits, sizes = deepcomp.network_rates()[network]
    assert (round(bits, 1), round(sizes, 1)) == (by_bits, by_sizes)


def test_every_layer_has_a_shape_near_its_printed_count():
    for row in deepcomp.layers():
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


def test_page_from_ledgers(tmp_path):
    for row in deepcomp.layers():
        share = float(row["size_pct"]) / 100 * (1.5 if row["layer"] == "fc8" else 1)
        for form in ("packed", "huffman"):
            (tmp_path / f"{row['network']}-{row['layer']}-{form}.json").write_text(json.dumps(ledger(400, share)))
    page = deepcomp.report(tmp_path)
    assert "5 of 6 within 3 %" in page and "12 of 13 within 3 %" in page and "+50.0" in page
    assert "10.0x | cited only" in page


def test_a_missing_ledger_is_named(tmp_path):
    done = run_script("deepcomp", "report", tmp_path)
    assert done.returncode and "LeNet-300-100-ip1-packed.json" in done.stderr
