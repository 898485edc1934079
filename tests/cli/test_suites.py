"""The stock suites are what they say: Table III's shapes and densities, Table IV's theoretical times."""

import csv
import json

import pytest
from command import DATA

US_TO_ENTRIES = 64 * 800  # 64 PEs at 800 MHz: entries in a microsecond at perfect balance
ROUNDING = 0.05 * US_TO_ENTRIES  # of a time printed with one decimal


def table(name):
    with open(DATA / "paper" / f"{name}.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def published():
    return {row["layer"]: row for row in table("eie_table3_layers")}


@pytest.fixture(scope="module")
def theoretical_us():
    return {row["layer"]: float(row["time_us"]) for row in table("eie_table4_walltime") if row["matrix"] == "theoretical"}


def counted(row):
    """Inputs, outputs, non-zeros and active inputs that Table III's percentages mean."""
    inputs, outputs = int(row["inputs"]), int(row["outputs"])
    return (
        inputs,
        outputs,
        round(float(row["weight_density_pct"]) / 100 * inputs * outputs),
        round(float(row["activation_density_pct"]) / 100 * inputs),
    )


SIGNED = pytest.param("paper-signed", marks=pytest.mark.slow)
INT8 = pytest.param("paper-int8", marks=pytest.mark.slow)


@pytest.mark.parametrize("suite", ["paper", SIGNED, INT8])
def test_paper_has_the_counts_of_table_iii(eie, published, suite):
    layers = eie.layers(suite)
    assert [layer["name"] for layer in layers] == list(published)
    for layer in layers:
        assert (layer["inputs"], layer["outputs"], layer["nonzeros"], layer["active_inputs"]) == counted(
            published[layer["name"]]
        )


def test_matched_has_the_theoretical_times_of_table_iv(eie, published, theoretical_us):
    denser, sparser = set(), set()
    for layer in eie.layers("paper-matched"):
        name = layer["name"]
        assert layer["pe_count"] == 64
        target = theoretical_us[name] * US_TO_ENTRIES
        assert abs(layer["entries_in_active_columns"] - target) <= ROUNDING, name
        inputs, outputs, nonzeros, active = counted(published[name])
        assert (layer["inputs"], layer["outputs"], layer["active_inputs"]) == (inputs, outputs, active)
        if active < inputs:
            assert layer["nonzeros"] == nonzeros
            more = layer["weight_density_of_active_columns"] > layer["weight_density_of_inactive_columns"]
            (denser if more else sparser).add(name)
        assert "Table IV's theoretical" in layer["source"]
    assert denser == {"Alex-6", "Alex-8", "VGG-6", "VGG-7"} and sparser == {"Alex-7", "VGG-8"}


def test_matched_moves_the_density_where_all_inputs_are_active(eie):
    densities = {name: eie.layers(f"paper-matched/{name}")[0]["weight_density"] for name in ("NT-We", "NT-Wd", "NT-LSTM")}
    assert densities == pytest.approx({"NT-We": 0.108, "NT-Wd": 0.109, "NT-LSTM": 0.105}, abs=0.0006)


def test_int8_has_inputs_of_8_bits_and_the_matrices_of_paper(eie):
    same = (
        "nonzeros",
        "padding_entries",
        "entries_in_active_columns",
        "active_inputs",
        "activation",
        "weight_fraction_bits",
    )
    for wide, narrow in zip(eie.layers("paper"), eie.layers("paper-int8")):
        assert [narrow[key] for key in same] == [wide[key] for key in same]
        least, bits = (-128, 7) if narrow["name"].startswith("NT-") else (0, 8)
        assert (narrow["least_input"], narrow["largest_input"]) == (least, least + 255)
        assert narrow["input_fraction_bits"] == bits and wide["largest_input"] > 255


def test_int8_has_the_entries_of_paper(eie):
    dumps = [eie("layer", "dump", f"{suite}/NT-LSTM", "--pe", "3").stdout for suite in ("paper", "paper-int8")]
    assert dumps[0] == dumps[1] and len(dumps[0].splitlines()) > 1000


def test_other_pe_counts_cut_the_same_matrix(eie):
    (own,) = eie.layers("paper-matched/NT-LSTM")
    for pes in (1, 16, 256):
        (layer,) = eie.layers("paper-matched/NT-LSTM", "--pes", pes)
        assert layer["pe_count"] == pes and layer["nonzeros"] == own["nonzeros"]
        assert (layer["padding_entries"] == 0) == (pes == 256)  # 10 rows a PE cannot need padding


@pytest.mark.parametrize("suite", ["paper", "paper-signed/NT-*", "paper-int8/NT-*", SIGNED, INT8, "paper-matched"])
def test_every_layer_is_that_of_the_manifest(eie, suite):
    printed = eie("layer", "verify", suite).stdout.splitlines()
    assert len(printed) == (3 if "/" in suite else 9) and all(line.endswith("as in the manifest") for line in printed)


def test_squeezenet_has_the_windows_of_its_graph(eie):
    printed = eie("layer", "verify", "squeezenet").stdout.splitlines()
    assert len(printed) == 26 and all(line.endswith("as in the manifest") for line in printed)
    steps = json.loads((DATA / "graphs/squeezenet.json").read_text())["steps"]
    layers = json.loads((DATA / "suites/squeezenet.json").read_text())["layers"]
    convs = [step for step in steps if step["kind"] == "conv"]
    assert [layer["name"] for layer in layers] == [step["name"] for step in convs]
    for layer, step in zip(layers, convs):
        window = layer["window"]
        assert {key: window[key] for key in ("kernel", "stride", "pad")} == {
            key: step[key] for key in ("kernel", "stride", "pad")
        }
        assert layer["outputs"] == step["out"] and layer["inputs"] == window["channels"] * step["kernel"] ** 2
    assert {layer["name"]: layer["window"]["height"] for layer in layers if layer["name"] in ("conv1", "conv10-1x1")} == {
        "conv1": 227,
        "conv10-1x1": 13,
    }


MOVING = {"height": 40, "width": 30, "channels": 2, "kernel": 3, "stride": 1, "pad": 1}


def moving_suite(make_suite, **changes):
    layer = {"name": "conv", "inputs": 18, "outputs": 5, "weight_density": 0.5, "activation": "relu"}
    return make_suite(
        layers=[layer | {"activation_density": 0.5, "window": MOVING | changes, "source": "a test"}], signed=False
    )


def test_inputs_of_all_positions_are_drawn(eie, make_suite):
    words = [
        "--suite",
        moving_suite(make_suite),
        "--kernel",
        "scalar_eie_stream",
        "--threads",
        1,
        "--batch",
        "positions,1200",
    ]
    (row,) = eie.bench(*words)["benchmarks"]  # as many positions: one row
    assert row["eie_batch"] == row["eie_positions"] == 1200 and row["eie_active_inputs"] == 9 * 1200


@pytest.mark.parametrize(
    "culprit, changes",
    [
        ("does not give 18 inputs", {"channels": 3}),
        ("does not give 18 inputs", {"height": 1, "pad": 0}),
        ("kernel", {"kernel": 0}),
        ("depth", {"depth": 1}),
    ],
)
def test_bad_windows(eie, make_suite, culprit, changes):
    eie.fails(2, culprit, "bench", "--suite", moving_suite(make_suite, **changes))
