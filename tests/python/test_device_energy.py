"""Measured energy of devices beside the model's, which is another kind of number."""

import pytest
from conftest import base_row, cell, fake_document, read, run_report, with_number

CARD = "cuda:made-up"


def gpu_row(layer, clock, batch=1, **energy):
    return with_number(
        base_row("paper", layer, "fake_gpu", ["exact"], CARD, batch, 0, "hot", clock),
        1000,
        eie_macs_useful=10,
        eie_macs_padding=0,
        **energy,
    )


MEASURED = dict(
    eie_energy_state="measured",
    eie_energy_j=2e-5,
    eie_energy_source="a made-up counter",
    eie_power_w=80.0,
    eie_energy_relative_error=0.01,
    eie_energy_window_s=1.0,
    eie_idle_power_w=60.0,
)
DENIED = dict(eie_energy_state="no permission", eie_energy_reason="ask whoever owns the made-up GPU", eie_idle_power_w=60.0)


@pytest.fixture
def tables(tmp_path, save):
    def make(rows):
        document = fake_document()
        document["benchmarks"] += rows
        done = run_report(save(document), "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        return tmp_path / "out"

    return make


def test_states_and_numbers(tables):
    out = tables(
        [gpu_row("Alex-6", clock, **MEASURED) for clock in ("device", "wall")]
        + [gpu_row("Alex-7", clock, **DENIED) for clock in ("device", "wall")]
        + [gpu_row("Alex-8", "wall", batch=4, **MEASURED)]
    )
    column = f"fake_gpu on {CARD}"
    one = cell(out, "device_energy", "Alex-6, suite paper, batch 1", column)
    assert (
        float(one["value"]) == pytest.approx(20) and one["provenance"] == "measured" and "within 1.00 % (d)" in one["source"]
    )
    power = cell(out, "device_energy", "Alex-6, suite paper, batch 1", f"{column}, W")
    assert float(power["value"]) == 80 and power["unit"] == "W"
    batch = cell(out, "device_energy", "Alex-8, suite paper, batch 4", column)
    assert float(batch["value"]) == pytest.approx(5) and batch["provenance"] == "derived"
    denied = cell(out, "device_energy", "Alex-7, suite paper, batch 1", column)
    assert denied["value"] == "no permission" and "ask whoever" in denied["source"]
    text = (out / "report.md").read_text(encoding="utf-8")
    assert f"no permission ({CARD}): ask whoever owns the made-up GPU." in text and "20.0 m" in text
    assert f"{CARD} draws 60.0 W (m) without a call" in text


def test_model_keeps_its_own_energy(tables, report):
    """Nothing of the published and modelled energies changes by it."""
    out = tables([gpu_row("Alex-6", "wall", **MEASURED)])
    for name in ("energy_layers", "headline_energy", "fig7_energy"):
        assert read(out, name) == read(report[0], name)
    assert not (report[0] / "device_energy.csv").exists()
