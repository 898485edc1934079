"""Measured energy of devices beside the model's, which is another kind of number."""

import pytest
from conftest import base_row, cell, fake_document, read, run_report, with_number

from plots.core.means import geometric

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


# ---- the processor -----------------------------------------------------------------------------

SOURCE = "a made-up counter of the processor"


@pytest.fixture
def host(tmp_path, save):
    """The report where the processor has a meter, and each of its rows on all threads this energy: host(**ENERGY)."""

    def make(**energy):
        document = fake_document()
        document["context"]["eie_host_energy"] = f"measured: {SOURCE}"
        for row in document["benchmarks"]:
            if row["eie_device"] == "cpu" and row["eie_threads"] != 1:
                row |= {"eie_energy_source": SOURCE} | energy
        done = run_report(save(document), "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        return tmp_path / "out"

    return make


def named(folder, table, column, start):
    """The one cell whose row begins so."""
    (found,) = [line for line in read(folder, table) if line["column"] == column and line["row"].startswith(start)]
    return found


def test_processor_with_a_meter(host):
    out = host(**MEASURED | {"eie_energy_source": SOURCE, "eie_energy_j": 1e-3})
    power = named(out, "table5_platforms", "power (W)", "this host: best dense@4")
    assert float(power["value"]) == 80 and power["provenance"] == "measured" and SOURCE in power["source"]
    frames = named(out, "table5_platforms", "frames/J", "this host: best dense@4")
    assert float(frames["value"]) == pytest.approx(1000) and frames["provenance"] == "derived"
    alone = named(out, "table5_platforms", "power (W)", "this host: best dense@1")
    assert alone["value"] == "not run" and SOURCE in alone["source"]
    layers = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8")
    chip = "0.600 W x Table IV actual"
    of_eie = [float(cell(out, "energy_layers", layer, f"EIE, {chip}")["value"]) for layer in layers]
    of_cpu = [float(cell(out, "energy_layers", layer, "CPU dense")["value"]) for layer in layers]
    mean = geometric(1000 / energy for energy in of_eie)
    found = cell(out, "headline_energy", "this host", chip)
    assert float(found["value"]) == pytest.approx(mean) and found["provenance"] == "derived" and found["unit"] == "x"
    assert SOURCE in found["source"]
    assert cell(out, "headline_energy", "this host", "printed")["value"] == "not printed"
    ours = cell(out, "headline_energy", "CPU dense", "this host, measured")
    assert float(ours["value"]) == pytest.approx(geometric(energy / 1000 for energy in of_cpu))
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "this host's best compressed kernel in EIE's place, six layers" in text
    assert "This host's best dense rows need" in text and "This host's energy is" not in text.split("## ")[1]


def test_processor_whose_meter_failed(host):
    out = host(**DENIED)
    power = named(out, "table5_platforms", "power (W)", "this host: best dense@4")
    assert power["value"] == "no permission" and "ask whoever" in power["source"]
    assert cell(out, "headline_energy", "this host", "printed")["value"] == "no permission"
    assert "This host's energy is no permission: ask whoever owns" in (out / "report.md").read_text(encoding="utf-8")


DOMAINS = {
    "package": {"state": "measured", "j": 1e-3, "wraps": 0},
    "psys": {"state": "measured", "j": 3e-3, "wraps": 1},
    "dram": {"state": "no permission", "reason": "ask whoever owns the memory"},
}


def rows_of(folder, layer):
    """{column: line} of the one row that the processor's table has of this layer's compressed kernel."""
    lines = [line for line in read(folder, "processor_energy") if f", {layer}, suite paper, batch 1, cache" in line["row"]]
    kernels = sorted({line["row"] for line in lines})
    assert len(kernels) >= 1
    return {line["column"]: line for line in lines if line["row"] == kernels[0]}


def test_processor_in_full(host):
    out = host(
        **MEASURED
        | {
            "eie_energy_source": SOURCE,
            "eie_energy_j": 1e-3,
            "eie_energy_above_idle_j": 4e-4,
            "eie_energy_domains": DOMAINS,
        }
    )
    found = rows_of(out, "Alex-6")
    assert float(found["uJ an inference"]["value"]) == pytest.approx(1000)
    assert float(found["inferences per J"]["value"]) == pytest.approx(1000)
    assert float(found["above idle, uJ"]["value"]) == pytest.approx(400)
    assert float(found["psys, uJ"]["value"]) == pytest.approx(3000) and found["psys, uJ"]["provenance"] == "measured"
    assert found["dram, uJ"]["value"] == "no permission" and "owns the memory" in found["dram, uJ"]["source"]
    # Fig. 7 with this host: the published CPU's energy over it
    over = float(cell(out, "energy_layers", "Alex-6", "CPU dense")["value"]) / 1000
    for table in ("fig7_energy", "machine_energy"):
        ours = cell(out, table, "Alex-6", "this host, best dense")
        assert float(ours["value"]) == pytest.approx(over) and "measured" in ours["source"]
    assert cell(out, "fig7_energy", "NT-We", "this host, best dense")["value"] == "not printed"


def test_processor_by_a_given_power(host):
    """Assumed, and said so wherever a measured value would stand."""
    out = host(**DENIED | {"eie_energy_source": None, "eie_assumed_power_w": 85.0, "eie_assumed_energy_j": 1e-3})
    power = named(out, "table5_platforms", "power (W)", "this host: best dense@4")
    assert float(power["value"]) == 85 and power["provenance"] == "assumed" and "--power 85" in power["source"]
    ours = cell(out, "headline_energy", "CPU dense", "this host, assumed")
    assert ours["unit"] == "x" and "assumed: a meter's reading of 85.0 W" in ours["source"]
    assert "assumed" in cell(out, "fig7_energy", "Alex-6", "this host, best dense")["source"]
    found = rows_of(out, "Alex-6")["uJ an inference"]
    assert float(found["value"]) == pytest.approx(1000) and found["provenance"] == "assumed"
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "its power assumed, six layers" in text and "as its reader gave it (--power)" in text


def test_measured_energy_before_an_assumed_one(host):
    out = host(
        **MEASURED
        | {"eie_energy_source": SOURCE, "eie_energy_j": 1e-3, "eie_assumed_power_w": 85.0, "eie_assumed_energy_j": 5e-3}
    )
    power = named(out, "table5_platforms", "power (W)", "this host: best dense@4")
    assert float(power["value"]) == 80 and power["provenance"] == "measured"


@pytest.mark.parametrize("state", ["window too short", "wrapped"])
def test_processor_whose_window_failed(host, state):
    """What a meter could not bring is a word in the rows, and its reason a note."""
    out = host(**DENIED | {"eie_energy_state": state})
    assert {line["value"] for line in read(out, "processor_energy") if line["column"] == "W"} == {state}
    assert f"{state} (" in (out / "report.md").read_text(encoding="utf-8")
