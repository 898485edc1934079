"""cuBLAS and cuSPARSE on the emulated CUDA device, with libraries of our own in their place (tests/cuda)."""

import json

import pytest
from command import BINARY

FOLDER = BINARY.parent / "tests" / "cuda"
EMULATED = FOLDER / "eie_emulated_cuda"
MV = {"default": 0, "csr 1": 2, "csr 2": 3}
MM = {"default": 0, "csr 1": 4, "csr 2": 6, "csr 3": 12}
TURNED = {f"{name}, turned": value for name, value in MM.items()}
KERNELS = {
    "peers_cublas_sgemv": (1, "EIE_CUBLAS"),
    "peers_cublas_sgemm": (4, "EIE_CUBLAS"),
    "peers_cublas_half": (4, "EIE_CUBLAS"),
    "peers_cublaslt_int8": (4, "EIE_CUBLASLT"),
    "peers_cusparse_csr_mv": (1, "EIE_CUSPARSE"),
    "peers_cusparse_csr_mm": (4, "EIE_CUSPARSE"),
}
EACH = pytest.mark.parametrize("kernel", KERNELS)


@pytest.fixture
def emulated(eie):
    if not EMULATED.is_file():
        pytest.skip(f"{EMULATED} was not built")
    eie.binary = EMULATED
    for name in ("cublas", "cublaslt", "cusparse"):
        eie.environment[f"EIE_{name.upper()}"] = str(FOLDER / f"libfake_{name}.so")
    return eie


@pytest.fixture
def rows(emulated, tiny):
    """The rows of one kernel on the layer "even", and those without a number."""

    def run(kernel, code=0, env=None, **fake):
        results = emulated.bench(
            "--suite",
            tiny,
            "--layer",
            "even",
            "--kernel",
            kernel,
            "--device",
            "cuda:emulated",
            "--batch",
            str(KERNELS[kernel][0]),
            code=code,
            env=(env or {}) | fake | {"EIE_EMULATOR_CLOCK": "1"},
        )
        return results["benchmarks"], results["eie_missing"]

    return run


def test_all_of_them_are_known_here(eie):
    names = {kernel["name"] for kernel in json.loads(eie("list", "kernels", "--json").stdout)}
    assert {name for name in names if name.startswith(("peers_cublas", "peers_cusparse_"))} == set(KERNELS)


@EACH
def test_kernel_has_a_row_for_each_clock(rows, kernel):
    found, missing = rows(kernel)
    assert sorted(row["eie_time_source"] for row in found) == ["chain", "device", "wall"] and missing == []
    for row in found:
        assert row["eie_status"] == "ok" and row["eie_device"] == "cuda:emulated" and row["threads"] == 1
        versions = {"EIE_CUBLAS": "cuBLAS 13.5.7", "EIE_CUBLASLT": "cublasLt 13.5.8", "EIE_CUSPARSE": "cuSPARSE 12.6.99"}
        assert row["eie_library"] == versions[KERNELS[kernel][1]]


@EACH
def test_counts_are_those_of_the_layer(rows, kernel):
    (row, *_), _ = rows(kernel)
    batch, width = row["eie_batch"], {"half": 2, "int8": 1}.get(kernel[-4:], 4)
    if "cublas" in kernel:
        products, prepared = batch * 64 * 48, 64 * 48 * width
    else:
        stored = round(0.2 * 64 * 48)
        products, prepared = batch * stored, (48 + 1) * 4 + stored * 8
    assert row["eie_macs_useful"] + row["eie_macs_padding"] == products
    assert row["eie_prepared_bytes"] == prepared
    assert row["eie_bytes"] == prepared + batch * (64 * width + 48 * 4)


@pytest.mark.parametrize(
    "kernel, name, value",
    [("peers_cusparse_csr_mv", *pair) for pair in MV.items()] + [("peers_cusparse_csr_mm", *pair) for pair in MM.items()],
)
def test_the_fastest_algorithm_is_taken(rows, kernel, name, value):
    (row, *_), _ = rows(kernel, EIE_FAKE_CUSPARSE=f"fast {value}")
    assert row["eie_algorithm"] == name and row["eie_workspace_bytes"] == (0 if value == 3 else 16 + 8 * value)
    (row, *_), _ = rows(kernel, EIE_FAKE_CUSPARSE=f"only {value}")
    assert row["eie_algorithm"].removesuffix(", turned") == name


@pytest.mark.parametrize("name, value", TURNED.items())
def test_vectors_are_turned_where_that_is_faster(rows, name, value):
    fake = {"EIE_FAKE_CUSPARSE": f"rows {value}"}
    (row, *_), _ = rows("peers_cusparse_csr_mm", **fake)
    assert row["eie_algorithm"] == name
    (row, *_), _ = rows("peers_cusparse_csr_mm", EIE_CUBLAS="/nonexistent.so", **fake)
    assert row["eie_algorithm"] in MM


@pytest.mark.parametrize("value", MM.values())
def test_turned_products_are_right(emulated, value):
    done = emulated("check", "--kernel", "peers_cusparse_csr_mm", "--case", "84", env={"EIE_FAKE_CUSPARSE": f"rows {value}"})
    assert done.stdout.split()[:2] == ["peers_cusparse_csr_mm", "ok"]


@pytest.mark.parametrize("word, taken, bytes_", [("first", 1, 0), ("second", 2, 256)])
def test_the_fastest_proposal_is_taken(rows, word, taken, bytes_):
    """The library proposes three algorithms, and the third cannot be used."""
    (row, *_), _ = rows("peers_cublaslt_int8", EIE_FAKE_CUBLASLT=word)
    assert row["eie_algorithm"] == f"proposal {taken} of 3" and row["eie_workspace_bytes"] == bytes_


def test_without_a_proposal_the_row_says_so(rows):
    found, missing = rows("peers_cublaslt_int8", code=3, EIE_FAKE_CUBLASLT="none")
    assert found == [] and {row["eie_status"] for row in missing} == {"unsupported"}
    assert "cublasLtMatmulAlgoGetHeuristic fails with its code 15: the fake does not do this" in missing[0]["eie_reason"]


@pytest.mark.parametrize("kernel", ["peers_cusparse_csr_mv", "peers_cusparse_csr_mm"])
def test_a_library_that_cannot_prepare_will_do(rows, kernel):
    assert rows(kernel, EIE_FAKE_CUSPARSE="old")[0][0]["eie_status"] == "ok"


@pytest.mark.parametrize("kernel", ["peers_cusparse_csr_mv", "peers_cusparse_csr_mm"])
def test_without_an_algorithm_the_row_says_so(rows, kernel):
    found, missing = rows(kernel, code=3, EIE_FAKE_CUSPARSE="only 99")
    assert found == [] and {row["eie_status"] for row in missing} == {"unsupported"}
    assert "fails with its code 10: the fake does not do this" in missing[0]["eie_reason"]


@EACH
def test_the_faster_way_to_call_is_taken(rows, kernel):
    found = {row["eie_time_source"]: row for row in rows(kernel, EIE_FAKE_QUEUE="graphs")[0]}
    row = found["wall"]
    assert row["eie_cuda_launch"] == "graph" and 0 < row["eie_cuda_graph_ns"] < row["eie_cuda_plain_ns"]
    assert {row["eie_status"] for row in found.values()} == {"ok"}
    # a call costs the host 200 us, the work the device 50 us: in a graph the host is not in it
    assert row["eie_cuda_device_launch"] == "graph" and row["eie_cuda_plain_ns"] > 200e3
    assert found["device"]["eie_median_ns"] < 200e3 and found["chain"]["eie_median_ns"] < 200e3


@EACH
def test_calls_are_made_each_time_where_that_is_faster(rows, kernel):
    found, missing = rows(kernel, EIE_FAKE_QUEUE="replays")
    row = found[0]
    assert row["eie_cuda_launch"] == "plain" and 0 < row["eie_cuda_plain_ns"] < row["eie_cuda_graph_ns"]
    assert row["eie_cuda_device_launch"] == "held" and {row["eie_status"] for row in found} == {"ok"} and missing == []


@EACH
def test_calls_that_cannot_be_recorded_are_made_each_time(rows, kernel):
    """A call costs the host 200 us. Where it may be queued while the stream is held, the device's time is without them;
    where it waits for its own work, they are in it, and there is no chain."""
    found = {row["eie_time_source"]: row for row in rows(kernel, EIE_FAKE_QUEUE="plain")[0]}
    row = found["wall"]
    assert row["eie_cuda_launch"] == "plain" and row["eie_cuda_plain_ns"] > 200e3 and "eie_cuda_graph_ns" not in row
    assert row["eie_cuda_device_launch"] == "held" and row["eie_cuda_chain_calls"] == 20
    assert max(found[clock]["eie_median_ns"] for clock in ("device", "chain")) < 200e3
    found, missing = rows(kernel, EIE_FAKE_QUEUE="waits")
    assert [(row["eie_time_source"], row["eie_cuda_device_launch"]) for row in found] == [
        ("device", "plain"),
        ("wall", "plain"),
    ]
    assert found[0]["eie_median_ns"] > 200e3 and "eie_cuda_chain_calls" not in found[0]
    assert [row["eie_time_source"] for row in missing] == ["chain"] and "while the stream is held" in missing[0][
        "eie_reason"
    ]


@EACH
def test_recorded_calls_are_right(emulated, kernel):
    done = emulated("check", "--kernel", kernel, "--case", "50", env={"EIE_FAKE_QUEUE": "graphs"})
    assert done.stdout.split()[:2] == [kernel, "ok"]


@EACH
@pytest.mark.parametrize("fault, words", [("memory", "the fake has no memory"), ("broken", "the fake is broken")])
def test_failures_are_told_in_the_librarys_words(rows, kernel, fault, words):
    found, missing = rows(kernel, code=3, EIE_FAKE_CUBLAS=fault, EIE_FAKE_CUBLASLT=fault, EIE_FAKE_CUSPARSE=fault)
    assert found == [] and missing
    for row in missing:
        assert row["eie_status"] in ("error", "skipped") and words in row["eie_reason"]


@pytest.mark.parametrize("kernel", ["peers_cublas_sgemv", "peers_cublas_sgemm"])
def test_products_in_tf32_are_found_out(emulated, kernel):
    done = emulated.run("check", "--kernel", kernel, "--cases", "0", env={"EIE_FAKE_CUBLAS": "tf32"})
    assert done.returncode == 1 and "MISMATCH" in done.stdout + done.stderr


@EACH
def test_a_library_that_is_missing_is_a_reason(rows, kernel):
    found, missing = rows(kernel, code=3, env={KERNELS[kernel][1]: "/nonexistent.so"})
    assert found == [] and {row["eie_status"] for row in missing} == {"skipped"}
    assert f"{KERNELS[kernel][1]} cannot be loaded: /nonexistent.so" in missing[0]["eie_reason"]


@EACH
def test_a_library_that_lacks_a_function_is_a_reason(rows, kernel):
    other = "libfake_cublas.so" if "cusparse" in kernel else "libfake_cusparse.so"
    found, missing = rows(kernel, code=3, env={KERNELS[kernel][1]: str(FOLDER / other)})
    assert found == [] and "library has no cu" in missing[0]["eie_reason"]


@EACH
def test_a_layer_that_the_device_cannot_hold_is_unsupported(emulated, make_suite, kernel):
    mib = 1 if kernel.endswith("int8") else 3
    suite = make_suite(
        layers=[
            {
                "name": "large",
                "inputs": 2048,
                "outputs": 1024,
                "weight_density": 0.6,
                "activation": "relu",
                "activation_density": 0.5,
                "source": "a test",
            }
        ]
    )
    results = emulated.bench(
        "--suite",
        suite,
        "--kernel",
        kernel,
        "--device",
        "cuda:emulated",
        "--batch",
        str(KERNELS[kernel][0]),
        code=3,
        env={"EIE_EMULATOR_MEMORY": str(mib << 20)},
    )
    assert {row["eie_status"] for row in results["eie_missing"]} == {"unsupported"}
    assert f"and the device has {1024 * mib}" in results["eie_missing"][0]["eie_reason"]
