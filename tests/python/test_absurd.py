"""Absurd numbers in a results file: a report or one line, whatever they are."""

import pytest
from conftest import DATA, fake_document, with_ceilings

from plots.core.load import InputError, load
from plots.core.published import Published
from plots.pages.report import Report

ABSURD = [5e-324, 1.7e308, 1e300, 10**400, 1e60, 1e-60, 1e21, -5]


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: f"{value:.3g}" if value != 10**400 else "1e400")
@pytest.mark.parametrize(
    "key",
    [
        "eie_median_ns",
        "eie_energy_j",
        "eie_energy_actions_j",
        "eie_bytes",
        "eie_macs_useful",
        "eie_part_baseline_ns",
        "eie_floor_share",
        "eie_inputs",
        "eie_entries",
        "eie_area_mm2",
    ],
)
@pytest.mark.parametrize("every", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_absurd_numbers_give_a_report_or_one_line(save, key, value, every):
    document = with_ceilings(fake_document())
    for row in document["benchmarks"]:
        if (key in row or key == "eie_part_baseline_ns") and (every or row["eie_layer"] == "Alex-7"):
            row[key] = value
    try:
        report = Report(load(save(document)), Published(DATA))
        report.files()
        assert report.terminal("somewhere")
    except InputError as error:
        assert key in str(error) and len(str(error)) < 300 and "\n" not in str(error)
    else:
        assert 1e-60 <= value <= 1e60 and not (key.endswith("_ns") and not 1e-6 <= value <= 1e21)
