"""A machine without a CUDA device, or a build without CUDA: one device, which is absent and says why. The kernel is a
plug-in, so that any build has one of this kind."""

import json

import pytest

CPU = "scalar_eie_stream"
KERNEL = {"MEMBERS": '.device_kind = EIE_DEVICE_FOUND, .runtime = "cuda", .max_threads = 0, .probe = NULL'}


@pytest.fixture
def kernel(plugin):
    return "--plugin", plugin("bad", **KERNEL)


@pytest.fixture
def cuda(eie):
    (device,) = [one for one in json.loads(eie("list", "devices", "--json").stdout) if one["kind"] == "cuda"]
    return device


def test_device_is_listed_with_the_reason(eie, cuda):
    assert cuda["name"] == "cuda:none" and cuda["status"] == "skipped" and cuda["title"].startswith("CUDA: ")
    (line,) = [line for line in eie("list", "devices").stdout.splitlines() if line.startswith("cuda:none")]
    assert cuda["title"] in line


def test_kernel_is_listed_with_the_reason(eie, cuda, kernel):
    kernels = {one["name"]: one for one in json.loads(eie("list", "kernels", "--json", *kernel).stdout)}
    assert (kernels["test_bad"]["status"], kernels["test_bad"]["reason"]) == ("skipped", cuda["title"])


@pytest.mark.parametrize(
    "device", [(), ("--device", "cuda:*,cpu"), ("--device", "cuda:none,cpu"), ("--device", "*")], ids=" ".join
)
def test_rows_are_skipped_and_change_no_exit_code(eie, tiny, cuda, kernel, device):
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--threads",
        "1",
        *kernel,
        *device,
        "--kernel",
        f"test_b*,{CPU}",
        "--cache",
        "hot,llc",
    )
    rows = [row for row in results["eie_missing"] if row["eie_kernel"] == "test_bad"]
    assert {row["eie_device"] for row in rows} == {"cuda:none"}
    assert sorted(row["eie_time_source"] for row in rows) == ["device", "wall"]
    for row in rows:
        assert (row["eie_status"], row["eie_reason"]) == ("skipped", cuda["title"])
        assert (row["eie_threads"], row["eie_cache"]) == (0, "hot")
    assert {row["eie_kernel"] for row in results["benchmarks"]} == {CPU}
    assert results["context"]["eie_devices"]["cuda:none"] == {"title": cuda["title"]}


def test_only_where_it_is_wanted(eie, tiny, kernel):
    results = eie.bench(
        "--suite", tiny, "--layer", "odd", "--threads", "1", *kernel, "--kernel", f"test_bad,{CPU}", "--device", "cpu"
    )
    assert not results["eie_missing"] and "eie_devices" not in results["context"]
    results = eie.bench("--suite", tiny, "--layer", "odd", "--threads", "1", *kernel, "--kernel", CPU)
    assert "eie_devices" not in results["context"]


@pytest.mark.parametrize("kernels, code", [("test_bad", 3), ("test_b*", 3), (f"test_bad,{CPU}", 3), (f"test_b*,{CPU}", 0)])
def test_exit_codes(eie, tiny, cuda, kernel, kernels, code):
    eie.bench("--suite", tiny, "--layer", "odd", "--threads", "1", *kernel, "--kernel", kernels, code=code)
    done = eie.run("check", "--case", "3", *kernel, "--kernel", kernels)
    assert done.returncode == code and cuda["title"] in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("test_bad")]
    assert line.split()[1] == "skipped"


@pytest.mark.parametrize(
    "device, code, words",
    [
        ("cuda:*", 3, "none of the kernels can run here"),
        ("cuda:none", 3, "none of the kernels can run here"),
        ("cuda:nothing", 2, "cuda:nothing"),
        ("cuda:no?", 2, "cuda:no?"),
    ],
)
def test_check_by_device(eie, kernel, device, code, words):
    done = eie.run("check", "--case", "3", *kernel, "--kernel", f"test_b*,{CPU}", "--device", device)
    assert done.returncode == code and words in done.stderr and CPU not in done.stdout
    assert ("test_bad" in done.stdout) == (code == 3)


def test_bench_on_a_device_that_is_not_there(eie):
    eie.fails(2, "cuda:nothing*", "bench", "--device", "cuda:nothing*")
