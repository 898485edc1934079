"""The real layer alexnet-fc8, where EIE_MODELS names its folder."""

import json

import pytest
from layerfile import File, dense, product

ENTRIES_IN_ACTIVE_COLUMNS = 453748


@pytest.fixture
def imported(eie, models):
    eie("layer", "import", "-o", "fc8.safetensors", env={"EIE_MODELS": models})
    return eie.folder / "fc8.safetensors"


def test_import_has_the_entries_that_the_dump_has(eie, imported):
    (one,) = eie.layers(imported)
    assert (one["name"], one["outputs"], one["inputs"]) == ("alexnet-fc8", 1000, 4097)
    assert one["entries_in_active_columns"] == ENTRIES_IN_ACTIVE_COLUMNS


def test_import_states_its_fixed_point_and_its_error(eie, models):
    printed = eie("layer", "import", "-o", "fc8.safetensors", env={"EIE_MODELS": models}).stdout
    assert "19 weight, 8 input, 11 output fraction bits" in printed
    assert "inputs that became 0: 0" in printed and "error against float" in printed


def test_imported_layer_fits_int32(imported):
    file = File(imported.read_bytes())
    assert any(product(file, "alexnet-fc8", dense(file, "alexnet-fc8")))


def test_imported_layer_is_that_of_the_manifest(eie, models):
    assert "DIFFERS" not in eie("layer", "verify", "real", env={"EIE_MODELS": models}).stdout


def test_bench_of_the_real_layer(eie, models):
    results = eie.bench("--suite", "real", "--kernel", "model_*,scalar_*", env={"EIE_MODELS": models})
    assert results["eie_missing"] == []
    kernels = {row["eie_kernel"] for row in results["benchmarks"]}
    assert kernels >= {"model_eie_analytic", "scalar_eie_stream", "scalar_ref_dense"}
    for row in results["benchmarks"]:
        assert row["eie_layer_basis"] == "real" and row["eie_batch"] == 1
        if row["eie_device"] == "eie-64pe-45nm":
            assert row["eie_macs_useful"] + row["eie_macs_padding"] == ENTRIES_IN_ACTIVE_COLUMNS


def test_only_one_sample_travels_with_the_real_layer(eie, models):
    results = eie.bench("--suite", "real", "--kernel", "model_*", "--batch", "2", code=3, env={"EIE_MODELS": models})
    assert {row["eie_status"] for row in results["eie_missing"]} == {"unsupported"}


def test_results_are_json_that_says_real(eie, models):
    results = eie.bench("--suite", "real", "--kernel", "model_*", env={"EIE_MODELS": models})
    assert json.dumps(results).count("alexnet-fc8") >= len(results["benchmarks"])
