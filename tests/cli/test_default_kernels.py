"""The selection `default` of eie bench --kernel: what ./run reproduce measures."""

import fnmatch
import json
import platform

import pytest

# Of this build's kernels but those in float32: what stands in the default selection at batch 1 and above.
ONE = (
    "cpu_*,scalar_eie_*,avx*_eie_*,avx*_lookup,avx2_column_table,avx512_column_scatter,avx2_dense_columns,neon_*,"
    "model_*,peers_openblas_sgemv,peers_scipy_openblas_sgemv,peers_mkl_sgemv,peers_mkl_csr_mv,peers_onednn_sgemm"
)
SEVERAL = (
    "cpu_*,neon_*,avx*_batch_*,peers_openblas_sgemm,peers_scipy_openblas_sgemm,peers_mkl_sgemm,peers_mkl_csr_mm,"
    "peers_onednn_sgemm,peers_onednn_int8"
)
FLOAT = ("float_csr", "float_dense")


def listed(eie, **further):
    return {one["name"]: one for one in json.loads(eie("list", "kernels", "--json", **further).stdout)}


def matching(eie, globs):
    return {name for name in listed(eie) if any(fnmatch.fnmatchcase(name, glob) for glob in globs.split(","))}


def selected(eie, tiny, kernels, batch, *arguments):
    done = eie.run(
        "bench",
        *("--suite", tiny, "--layer", "odd", "--threads", "1", "--cache", "hot", "--budget", "least"),
        *("--kernel", kernels, "--batch", batch, "--out", "rows.json", "--quiet"),
        *arguments,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((eie.folder / "rows.json").read_text())["benchmarks"]
    (eie.folder / "rows.json").unlink()
    return {row["eie_kernel"] for row in rows if row["run_type"] == "iteration"}


def own_float(names):
    return {name for name in names if name.endswith(FLOAT) and not name.startswith("peers_")}


@pytest.mark.parametrize("batch, globs", [("1", ONE), ("4", SEVERAL)])
def test_what_is_in_it(eie, tiny, batch, globs):
    names = selected(eie, tiny, "default", batch)
    assert names - own_float(names) == matching(eie, globs)
    widest = [name.removesuffix("_float_csr") for name in names if name.endswith("_float_csr")]
    assert len(widest) == 1 and own_float(names) == {f"{widest[0]}_{idea}" for idea in FLOAT}


def test_list_says_the_same(eie, tiny):
    words = {name: one["default"] for name, one in listed(eie).items()}
    assert set(words.values()) == {"both", "one", "several", "no"}
    for batch, word in (("1", "one"), ("4", "several")):
        assert selected(eie, tiny, "default", batch) == {name for name in words if words[name] in ("both", word)}


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="masks of x86")
@pytest.mark.parametrize("mask, folders", [("avx512", ["avx2", "scalar"]), ("avx2", ["scalar"])])
def test_float_kernels_of_the_widest_vectors_that_are_left(eie, mask, folders):
    kernels = listed(eie, env=eie.environment | {"EIE_ISA_MASK": mask})
    widest = next(folder for folder in folders if kernels[f"{folder}_float_csr"]["status"] == "ok")
    taken = {name for name in own_float(kernels) if kernels[name]["default"] != "no"}
    assert taken == {f"{widest}_{idea}" for idea in FLOAT}
    assert kernels["avx512_word_lookup"]["status"] == "unsupported"
    assert kernels["avx512_word_lookup"]["default"] == "one"  # its row says why it has no number


def test_further_names_join(eie, tiny):
    names = selected(eie, tiny, "scalar_float_*,default", "1")
    assert names == selected(eie, tiny, "default", "1") | {"scalar_float_csr", "scalar_float_dense"}


def test_oracle_is_not_in_it(eie):
    assert listed(eie)["scalar_ref_dense"]["default"] == "no"


@pytest.mark.parametrize(
    "flag, one, several",
    [("0", True, True), ("EIE_KERNEL_SKIP_ONE", False, True), ("EIE_KERNEL_SKIP_SEVERAL", True, False)],
)
def test_flags(eie, tiny, plugin, flag, one, several):
    path = plugin("flagged", MEMBERS=f".flags = EIE_KERNEL_EXACT | {flag}")
    for batch, wanted in (("1", one), ("4", several)):
        names = selected(eie, tiny, "default,scalar_eie_stream", batch, "--plugin", path)
        assert ("test_flagged" in names) == wanted and "scalar_eie_stream" in names
        assert "test_flagged" in selected(eie, tiny, "test_*", batch, "--plugin", path)  # by name, whatever its flags


def test_the_word_is_whole(eie, tiny):
    eie.fails(
        2,
        "no kernel matches 'defaults' (eie list kernels); did you mean default?",
        "bench",
        "--suite",
        tiny,
        "--kernel",
        "defaults",
    )
