"""plots/pages/gpus.py: tables, verdicts and words follow from made-up rows of CUDA devices, computed here again."""

import csv
import math
import os

import gpu_rows as made
import pytest
from conftest import DATA, cell, fake_document, read, run_report, run_script
from gpu_rows import CARD, OTHER, find, gpu_row, microseconds, with_gpus, without_number

from plots.core.published import LAYERS

STEM = "made-up"
CHIP_W = 0.59


def published_times():
    with open(os.path.join(DATA, "paper", "eie_table4_walltime.csv"), encoding="utf-8", newline="") as file:
        return {
            row["layer"]: float(row["time_us"])
            for row in csv.DictReader(file)
            if (row["platform"], row["matrix"]) == ("eie-64pe-45nm", "actual")
        }


CHIP = published_times()


def mean(values):
    values = list(values)
    return math.prod(values) ** (1 / len(values))


def ours(layer):
    return min(microseconds(kernel, layer) for kernel in ("cuda_code_groups", "cuda_active_columns", "cuda_eie_stream"))


@pytest.fixture
def pages(tmp_path, save):
    def make(document, *options):
        done = run_script("gpus", save(document), "--out", tmp_path / "out", "--no-pictures", *options)
        assert done.returncode == 0, done.stderr
        return tmp_path / "out", done.stdout

    return make


@pytest.fixture
def one():
    return with_gpus(fake_document(), (CARD, 1.0))


def values(folder, name, column):
    return {line["row"]: line["value"] for line in read(folder, f"{name}_{STEM}") if line["column"] == column}


def numbers(folder, name, column):
    return {row: float(value) for row, value in values(folder, name, column).items()}


def expect(found, wanted, count=9):
    """The layers' numbers, their mean and how many there are."""
    assert {row: found[row] for row in wanted} == pytest.approx(wanted)
    assert found["geometric mean"] == pytest.approx(mean(wanted.values())) and found["layers in the mean"] == count
    assert len(found) == count + 2


OVERS = ("over cuBLAS sgemv", "over cuSPARSE CSR", "over the published EIE")
FASTER = "layers on which the GPU is faster than EIE"


def short(folder, stem=STEM):
    """What the page's head says of a device."""
    return {line["row"]: line["value"] for line in read(folder, f"gpu_short_{stem}")}


def test_times_on_the_device(one, pages):
    out, shown = pages(one)
    name = "gpu_batch1_device"
    expect(numbers(out, name, "us"), {layer: ours(layer) for layer in LAYERS})
    for column, over, kernel in (
        ("cuBLAS sgemv, us", "over cuBLAS", "peers_cublas_sgemv"),
        ("cuSPARSE CSR, us", "over cuSPARSE", "peers_cusparse_csr_mv"),
    ):
        expect(numbers(out, name, column), {layer: microseconds(kernel, layer) for layer in LAYERS})
        expect(numbers(out, name, over), {layer: microseconds(kernel, layer) / ours(layer) for layer in LAYERS})
    expect(numbers(out, name, "EIE published, us"), CHIP)
    expect(numbers(out, name, "over EIE"), {layer: CHIP[layer] / ours(layer) for layer in LAYERS})
    expect(numbers(out, name, "bound, us"), {layer: ours(layer) * made.FLOOR for layer in LAYERS})
    expect(numbers(out, name, "share of the bound"), dict.fromkeys(LAYERS, 100 * made.FLOOR))
    kernels = values(out, name, "kernel")
    assert {layer for layer in LAYERS if kernels[layer] == "cuda_active_columns"} == set(made.COLUMNS_LAYERS)
    bounds = values(out, name, "set by")
    assert (bounds["Alex-6"], bounds["NT-We"]) == ("bytes (L2)", "launch")
    assert set(values(out, name, "faster").values()) == {"GPU"}
    assert "in l2 on all 9 layers" in " ".join(shown.split())


def test_every_cell_says_where_it_is_from(one, pages):
    out, shown = pages(one)
    wanted = {
        "us": "measured",
        "cuBLAS sgemv, us": "measured",
        "over cuBLAS": "derived",
        "EIE published, us": "cited",
        "over EIE": "derived",
        "bound, us": "derived",
    }
    for column, provenance in wanted.items():
        found = cell(out, f"gpu_batch1_device_{STEM}", "Alex-7", column)
        assert found["provenance"] == provenance and found["source"]
    for path in out.glob("gpu_*.csv"):
        for line in read(out, path.stem):
            assert line["provenance"] and line["source"].strip() and line["value"].strip()
    page = (out / "GPU.md").read_text(encoding="utf-8")
    assert "4.00 m" in page and "30.3 c" in page and "8.00x d" in page
    assert "driver 1.2" in page and "Made-up GPU cuda:made-up" in page
    for words in ("The weights lie on the device", "the launch is in it", "L2 cache stay there", "enters no mean"):
        assert words in page and words in " ".join(shown.split())


def test_wall_time_and_launch(one, pages):
    out, _ = pages(one)
    name, launch = "gpu_batch1_wall", made.LAUNCH_US
    expect(numbers(out, name, "us"), {layer: ours(layer) + launch for layer in LAYERS})
    expect(numbers(out, name, "of it on the device, us"), {layer: ours(layer) for layer in LAYERS})
    expect(
        numbers(out, name, "over cuBLAS"),
        {layer: (microseconds("peers_cublas_sgemv", layer) + launch) / (ours(layer) + launch) for layer in LAYERS},
    )
    expect(numbers(out, name, "empty launch, us"), dict.fromkeys(LAYERS, made.EMPTY_US))
    winners = values(out, name, "faster")
    assert winners["Alex-7"] == "GPU" and winners["VGG-7"] == "EIE"
    assert set(values(out, name, "launched as").values()) == {"graph"}
    best = {line["row"]: float(line["value"]) for line in read(out, f"gpu_ceilings_{STEM}")}
    assert best["empty kernel, wall time, us"] == 4 and best["read from the L2 cache, GB/s"] == 5000
    assert "empty kernel as a graph, wall time, us" not in best


def test_energy(one, pages):
    out, shown = pages(one)
    chip = {layer: CHIP_W * time for layer, time in CHIP.items()}
    expect(numbers(out, "gpu_energy", "uJ a call"), dict.fromkeys(LAYERS, made.UJ))
    expect(numbers(out, "gpu_energy", "EIE, uJ"), chip)
    expect(numbers(out, "gpu_energy", "EIE over GPU"), {layer: made.UJ / chip[layer] for layer in LAYERS})
    share = made.IDLE_WATTS / made.WATTS
    expect(numbers(out, "gpu_energy", "idle share"), dict.fromkeys(LAYERS, 100 * share))
    expect(numbers(out, "gpu_energy", "above idle, uJ"), dict.fromkeys(LAYERS, made.UJ * (1 - share)))
    assert set(values(out, "gpu_energy", "needs less").values()) == {"EIE"}
    assert "0.59 W (c; the paper's text and Table V)" in " ".join(shown.split())


def test_a_board_can_need_less(one, pages):
    for row in one["benchmarks"]:
        if row["eie_device"] == CARD:
            row["eie_energy_j"] = 5e-6
    out, _ = pages(one)
    winners = values(out, "gpu_energy", "needs less")
    assert {layer for layer in LAYERS if winners[layer] == "GPU"} == {layer for layer in LAYERS if CHIP_W * CHIP[layer] > 5}


@pytest.mark.parametrize("state", ["unavailable", "no permission", "window too short", "wrapped"])
def test_energy_that_was_not_measured_has_its_word(one, pages, state):
    for clock in ("device", "wall"):
        row = find(one, "cuda_code_groups", "Alex-7", clock)
        for key in ("eie_energy_j", "eie_power_w"):
            del row[key]
        row |= {"eie_energy_state": state, "eie_energy_reason": "because it is made up"}
    out, shown = pages(one)
    for column in ("uJ a call", "W"):
        assert values(out, "gpu_energy", column)["Alex-7"] == state
    assert values(out, "gpu_energy", "EIE over GPU")["Alex-7"] == state
    assert float(values(out, "gpu_energy", "uJ a call")["layers in the mean"]) == 8
    assert f"{state} on Alex-7: because it is made up." in " ".join(shown.split())


def test_batch_64(one, pages):
    out, shown = pages(one)
    for column, kernel in (
        ("us", "cuda_batch_groups"),
        ("cuda_batch_groups, us", "cuda_batch_groups"),
        ("cuBLAS sgemm, us", "peers_cublas_sgemm"),
        ("cuSPARSE SpMM, us", "peers_cusparse_csr_mm"),
    ):
        expect(numbers(out, "gpu_batch64", column), {layer: microseconds(kernel, layer, 64) / 64 for layer in LAYERS})
    expect(numbers(out, "gpu_batch64", "over sgemm"), dict.fromkeys(LAYERS, 3.0))
    expect(numbers(out, "gpu_batch64", "over SpMM"), dict.fromkeys(LAYERS, 10.0))
    half = values(out, "gpu_batch64", "cuBLAS half (approximate), us")
    assert float(half["Alex-6"]) == pytest.approx(16 / 64) and half["geometric mean"] == "none: approximate"
    assert "layers in the mean" not in half and "approximate rows enter no mean" in " ".join(shown.split())


def test_in_short(one, pages):
    out, shown = pages(one)
    found = short(out)
    over = {
        OVERS[0]: mean(microseconds("peers_cublas_sgemv", layer) / ours(layer) for layer in LAYERS),
        OVERS[1]: mean(microseconds("peers_cusparse_csr_mv", layer) / ours(layer) for layer in LAYERS),
        OVERS[2]: mean(CHIP[layer] / ours(layer) for layer in LAYERS),
        "us": mean(map(ours, LAYERS)),
        "EIE published, us": mean(CHIP.values()),
    }
    assert {row: float(found[row]) for row in over} == pytest.approx(over) and found[FASTER] == "9 of 9"
    assert len(found) == len(over) + 1
    text = " ".join(shown.split())
    assert f"Over cuSPARSE CSR: {over[OVERS[1]]:.2f}x +-? d" in text
    assert f"Time: {over['us']:.2f} +-? d us; EIE's published {over['EIE published, us']:.1f} d us" in text
    assert "Layers on which the GPU is faster than the published EIE: 9 of 9" in text
    page = (out / "GPU.md").read_text(encoding="utf-8")
    assert f"- Over cuSPARSE CSR: {over[OVERS[1]]:.2f}x" in page and f"(gpu_short_{STEM}.csv)" in page
    assert not any(word in page + shown for word in ("reached", "missed", "goal"))


def test_a_missing_library(one, pages):
    one["benchmarks"] = [row for row in one["benchmarks"] if row["eie_kernel"] != "peers_cusparse_csr_mv"]
    out, shown = pages(one)
    assert short(out)[OVERS[1]] == "missing" and float(short(out)[OVERS[0]]) > 1
    assert set(values(out, "gpu_batch1_device", "over cuSPARSE").values()) == {"not run"}
    assert "Over cuSPARSE CSR: - (no layer has both)" in " ".join(shown.split())


def test_a_suspect_row_enters_no_mean(one, pages):
    for clock in ("device", "wall"):
        without_number(one, find(one, "peers_cublas_sgemv", "VGG-6", clock), "suspect", "faster than its memory")
        without_number(one, find(one, "cuda_active_columns", "NT-We", clock), "suspect", "faster than its memory")
    out, shown = pages(one)
    now = {layer: microseconds("cuda_code_groups", layer) if layer == "NT-We" else ours(layer) for layer in LAYERS}
    expect(numbers(out, "gpu_batch1_device", "us"), now)
    ratios = {layer: microseconds("peers_cublas_sgemv", layer) / now[layer] for layer in LAYERS if layer != "VGG-6"}
    found = values(out, "gpu_batch1_device", "over cuBLAS")
    assert found.pop("VGG-6") == "suspect"
    expect({row: float(value) for row, value in found.items()}, ratios, 8)
    assert short(out)[OVERS[0]] == "incomplete"
    text = " ".join(shown.split())
    assert f"only 8 of 9 layers, their mean is {mean(ratios.values()):.2f}x +-? d" in text
    assert "Left out: cuda_active_columns on NT-We: suspect." in text and "suspect: faster than its memory" in text


def test_approximate_kernels_are_never_ours(one, pages):
    one["benchmarks"] = [
        row for row in one["benchmarks"] if row["eie_layer"] != "Alex-7" or not row["eie_kernel"].startswith("cuda_")
    ]
    one["benchmarks"].append(gpu_row("cuda_eie_stream", "Alex-7", "device", eie_flags=["approximate"]))
    out, _ = pages(one)
    assert values(out, "gpu_batch1_device", "kernel")["Alex-7"] == "not run"
    assert [short(out)[row] for row in (*OVERS, "us")] == ["incomplete"] * 4 and short(out)[FASTER] == "8 of 8"


def test_ratios_need_one_run(one, pages):
    find(one, "peers_cublas_sgemv", "Alex-7")["eie_run"] = 1
    out, shown = pages(one)
    assert float(values(out, "gpu_batch1_device", "cuBLAS sgemv, us")["Alex-7"]) == pytest.approx(35.2)
    assert values(out, "gpu_batch1_device", "over cuBLAS")["Alex-7"] == "missing"
    assert "of another run" in shown and short(out)[OVERS[0]] == "incomplete"


def test_two_devices(pages):
    document = with_gpus(fake_document(), (CARD, 1.0), (OTHER, 4.0))
    out, shown = pages(document)
    slow = {line["row"]: float(line["value"]) for line in read(out, "gpu_batch1_device_made-up-2") if line["column"] == "us"}
    expect(slow, {layer: 4 * ours(layer) for layer in LAYERS})
    losers = [layer for layer in LAYERS if CHIP[layer] < 4 * ours(layer)]
    assert losers and short(out)[FASTER] == "9 of 9"
    assert short(out, "made-up-2")[FASTER] == f"{9 - len(losers)} of 9, not on {', '.join(losers)}"
    assert short(out, "made-up-2")[FASTER] in " ".join(shown.split())
    page = (out / "GPU.md").read_text(encoding="utf-8")
    assert page.count("\n## Made-up GPU") == 2


def test_devices_with_like_names_keep_their_files(pages):
    document = with_gpus(fake_document(), ("cuda:a#2", 1.0), ("cuda:a-2", 2.0), ("cuda:../../a", 3.0))
    out, _ = pages(document)
    assert len(list(out.glob("gpu_short_*.csv"))) == 3 and len(list(out.parent.glob("*.csv"))) == 0


@pytest.mark.parametrize("away", [False, True])
def test_no_device(document, save, tmp_path, away):
    if away:
        row = gpu_row("cuda_code_groups", "Alex-7", "device", device="cuda:none")
        document["eie_missing"].append(row | {"eie_status": "skipped", "eie_reason": "no CUDA driver: made up"})
    done = run_script("gpus", save(document), "--out", tmp_path / "out")
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1 and not done.stdout
    assert "no row of a CUDA device" in done.stderr and ("no CUDA driver: made up" in done.stderr) == away
    assert not (tmp_path / "out").exists()


def broken_ceiling(document):
    document["context"]["eie_runs"][0]["eie_device_ceilings"][CARD]["launch_wall_ns"] = -1


def broken_list(document):
    document["context"]["eie_runs"][0]["eie_device_ceilings"] = []


def broken_row(document):
    find(document, "cuda_code_groups", "Alex-7")["eie_floor_ns"] = -1


@pytest.mark.parametrize("breaks", [broken_ceiling, broken_list, broken_row])
def test_bad_files(one, save, breaks, tmp_path):
    breaks(one)
    done = run_script("gpus", save(one), "--out", tmp_path / "out")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["absent.json"], ["--wrong"]])
def test_usage(arguments):
    done = run_script("gpus", *arguments)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_batch_64_alone(one, pages):
    one["benchmarks"] = [row for row in one["benchmarks"] if row["eie_device"] != CARD or row["eie_batch"] == 64]
    out, shown = pages(one)
    assert [short(out)[row] for row in (*OVERS, "us", FASTER)] == ["missing"] * 5
    text = " ".join(shown.split())
    assert text.count("(no layer has both)") == 3 and text.count("(no layer has a time)") == 2
    assert ".png" not in (out / "GPU.md").read_text(encoding="utf-8")


def test_picture(one, save, tmp_path):
    """Each time is a bar from the axis, each floor a line; the same file gives the same bytes."""
    from plots.core.load import load
    from plots.core.published import Published
    from plots.pages import gpus
    from plots.tables import gpufigure

    without_number(one, find(one, "peers_cublas_sgemv", "VGG-6"), "suspect", "made up")
    page = gpus.Gpus(load(save(one)), Published(DATA))
    (axes,) = gpufigure.times_figure(page.drawn()).axes
    tops = sorted(bar.get_y() + bar.get_height() for bar in axes.patches)
    cublas = [microseconds("peers_cublas_sgemv", layer) for layer in LAYERS if layer != "VGG-6"]
    others = [
        [microseconds("peers_cusparse_csr_mv", layer) for layer in LAYERS],
        list(map(ours, LAYERS)),
        list(CHIP.values()),
    ]
    assert tops == pytest.approx(sorted(cublas + sum(others, []) + [mean(times) for times in others]))
    floors = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and line.get_linewidth() > 1]
    assert sorted(floors)[:9] == pytest.approx(
        sorted([ours(layer) * made.FLOOR for layer in LAYERS] + [mean(map(ours, LAYERS)) * made.FLOOR])[:9]
    )
    assert axes.get_yscale() == "log" and page.pictures() == page.pictures()
    done = run_script("gpus", tmp_path / "results.json", "--out", tmp_path / "out", "--quiet")
    assert done.returncode == 0 and not done.stdout
    assert (tmp_path / "out/gpu_batch1.png").read_bytes() == page.pictures()["gpu_batch1.png"]
    assert (tmp_path / "out/gpu_batch1.svg").exists()


def test_in_the_report_where_there_is_a_device(one, report, save, tmp_path):
    done = run_report(save(one), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Can a GPU beat the chip that beat it?" in done.stdout and "GPU.md" in done.stdout
    assert "[GPU.md](GPU.md)" in (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert (tmp_path / "out" / f"gpu_batch1_device_{STEM}.csv").exists()
    assert {"GPU.md", f"gpu_energy_{STEM}.csv"} <= set(
        (tmp_path / "out/report.files.txt").read_text(encoding="utf-8").split()
    )
    assert not list(report[0].glob("gpu_*")) and not (report[0] / "GPU.md").exists()
    assert "GPU beat the chip" not in report[1] and "GPU.md" not in (report[0] / "report.md").read_text(encoding="utf-8")


# ---- what an owner asks further --------------------------------------------------------------------------------------

CHAIN_SHARE, COLD_TIMES = 0.25, 2.0  # a call in a chain of the device's time; weights from the memory


def with_further(document):
    """Rows of the chain's clock, with weights from the memory, at batch 4, and of OpenCL on the same card."""
    rows = [row for row in document["benchmarks"] if row["eie_device"] == CARD and row["eie_time_source"] == "device"]
    for row in rows:
        if row["eie_batch"] != 1:
            continue
        row |= {"eie_board_sm_clock_hz": 1.98e9, "eie_cuda_device_launch": "graph"}
        kernel, layer = row["eie_kernel"], row["eie_layer"]
        chain = gpu_row(kernel, layer, "chain", times=CHAIN_SHARE, eie_energy_j=made.UJ * 1e-6 / 10)
        cold = gpu_row(kernel, layer, "device", times=COLD_TIMES, eie_cache="dram", eie_copies=9)
        cold["name"] += "/dram"
        opencl = gpu_row(kernel, layer, "wall", device="opencl:nvidia:made-up", times=3.0)
        document["benchmarks"] += [chain, cold] + [opencl] * (kernel == "cuda_code_groups")
    document["benchmarks"] += [
        gpu_row("peers_cublaslt_int8", layer, clock, batch)
        for layer in LAYERS
        for batch in (1, 64)
        for clock in ("device", "wall")
    ]
    for layer in LAYERS:
        four = gpu_row("cuda_batch_groups", layer, "device", 64)
        document["benchmarks"].append(four | {"eie_batch": 4, "name": four["name"] + "/4"})
    devices = document["context"]["eie_devices"]
    devices[CARD]["pci"] = "0000:65:00.0"
    devices["opencl:nvidia:made-up"] = {"title": "Made up", "board": {"pci": "0000:65:00.0"}}
    document["context"]["eie_runs"][0]["eie_device_ceilings"][CARD]["graph_chain_ns"] = 800.0
    return document


def test_a_call_in_a_chain(one, pages):
    out, shown = pages(with_further(one))
    expect(numbers(out, "gpu_batch1_chain", "us"), {layer: CHAIN_SHARE * ours(layer) for layer in LAYERS})
    expect(
        numbers(out, "gpu_batch1_chain", "over EIE"), {layer: CHIP[layer] / ours(layer) / CHAIN_SHARE for layer in LAYERS}
    )
    text = " ".join(shown.split())
    assert "In a chain, without the launch: " in text and "Nobody gets an answer in that time" in text
    expect(numbers(out, "gpu_batch1_device", "us"), {layer: ours(layer) for layer in LAYERS})


def test_weights_from_the_memory(one, pages):
    out, shown = pages(with_further(one))
    expect(numbers(out, "gpu_cold", "us"), {layer: COLD_TIMES * ours(layer) for layer in LAYERS})
    ratios = {layer: microseconds("peers_cublas_sgemv", layer) / ours(layer) for layer in LAYERS}
    expect(numbers(out, "gpu_cold", "over cuBLAS"), ratios)
    expect(numbers(out, "gpu_cold", "hot, us"), {layer: ours(layer) for layer in LAYERS})
    assert "With weights from the memory on all sides: " in " ".join(shown.split())


def test_how_the_numbers_were_taken(one, pages):
    document = with_further(one)
    find(document, "peers_cusparse_csr_mv", "VGG-6")["eie_cuda_device_launch"] = "plain"
    for row in document["benchmarks"]:
        if (row["eie_layer"], row["eie_time_source"], row["eie_kernel"]) == ("Alex-6", "chain", "cuda_code_groups"):
            row |= {"eie_board_sm_clock_hz": 1.2e9, "eie_disturbed_ns": row["eie_samples_ns"]}
    out, _ = pages(document)
    name = "gpu_how"
    speed = {layer: 1000 / (CHAIN_SHARE * ours(layer) * 1e3) for layer in LAYERS}  # bytes a nanosecond
    assert numbers(out, name, "GB/s") == pytest.approx(speed)
    assert numbers(out, name, "share of what was measured") == pytest.approx({k: v / 5000 * 100 for k, v in speed.items()})
    assert set(values(out, name, "launch: ours").values()) == {"graph"}
    assert values(out, name, "launch: cuSPARSE") == {layer: "plain" if layer == "VGG-6" else "graph" for layer in LAYERS}
    assert numbers(out, name, "held down")["Alex-6"] == 50 and numbers(out, name, "held down")["VGG-6"] == 0
    assert float(values(out, name, "SM clock, MHz")["Alex-6"]) == 1200


def test_energy_of_a_busy_gpu(one, pages):
    out, shown = pages(with_further(one))
    expect(numbers(out, "gpu_energy_busy", "uJ"), dict.fromkeys(LAYERS, made.UJ / 10))
    expect(numbers(out, "gpu_energy_busy", "one by one, uJ"), dict.fromkeys(LAYERS, made.UJ))
    expect(numbers(out, "gpu_energy_busy", "cuBLAS sgemv, uJ"), dict.fromkeys(LAYERS, made.UJ / 10))
    expect(numbers(out, "gpu_energy_busy", "cuSPARSE one by one, uJ"), dict.fromkeys(LAYERS, made.UJ))
    expect(numbers(out, "gpu_energy_busy", "EIE over GPU"), {layer: made.UJ / 10 / CHIP_W / CHIP[layer] for layer in LAYERS})
    assert "on a busy GPU: 20.0" in " ".join(shown.split())


def test_batch_by_batch(one, pages):
    out, shown = pages(with_further(one))
    found = {batch: {} for batch in ("1", "4", "64")}
    for line in read(out, f"gpu_sweep_{STEM}"):
        found[line["row"]][line["column"]] = line["value"]
    assert float(found["1"]["ours, us"]) == pytest.approx(mean(map(ours, LAYERS)))
    assert float(found["64"]["over dense float"]) == pytest.approx(3.0)
    assert float(found["4"]["ours, us"]) == pytest.approx(16 * float(found["64"]["ours, us"]))
    assert found["1"]["faster than half on"] == found["64"]["faster than half on"] == "0 of 9"
    assert found["1"]["faster than int8 on"] == "9 of 9" and found["64"]["faster than int8 on"] == "0 of 9"
    assert float(found["1"]["uJ an input, busy"]) == pytest.approx(made.UJ / 10)
    assert found["4"]["faster than half on"] == "missing" and found["1"]["faster than EIE on"] == "9 of 9"
    assert "faster an input than dense half precision: 0 of 9 at batch 1, 0 of 9 at batch 64" in " ".join(shown.split())


def test_crossovers(one, pages):
    """Half precision is always faster here, dense floats on one layer, int8 at batch 64; at batch 4 a call takes as long
    as at batch 64, so that some layers lose to EIE there."""
    document = with_further(one)
    slow = find(document, "peers_cublas_sgemm", "NT-We", batch=64)
    for key in ("eie_median_ns", "real_time", "eie_ci95_low_ns"):
        slow[key] = 1e3
    slow["eie_samples_ns"] = [1e3] * len(slow["eie_samples_ns"])
    out, _ = pages(document)
    found = {name: values(out, "gpu_crossover", f"{name} from batch") for name in ("half", "int8", "dense float")}
    assert set(found["half"].values()) == {"1"} and set(found["int8"].values()) == {"64"}
    assert found["dense float"] == {layer: "64" if layer == "NT-We" else "never" for layer in LAYERS}
    at_four = {layer: microseconds("cuda_batch_groups", layer, 64) / 4 for layer in LAYERS}
    wanted = {layer: "1" if at_four[layer] < CHIP[layer] else "64" for layer in LAYERS}
    assert values(out, "gpu_crossover", "ours beats EIE from batch") == wanted and len(set(wanted.values())) == 2


def test_int8_has_a_column_and_no_mean(one, pages):
    out, _ = pages(with_further(one))
    column = "cublasLt int8 (approximate), us"
    for name, batch in (("gpu_batch1_device", 1), ("gpu_batch64", 64)):
        found = values(out, name, column)
        wanted = {layer: microseconds("peers_cublaslt_int8", layer, batch) / batch for layer in LAYERS}
        assert {layer: float(found[layer]) for layer in LAYERS} == pytest.approx(wanted)
        assert found["geometric mean"] == "none: approximate"


def test_opencl_on_the_same_card(one, pages):
    out, _ = pages(with_further(one))
    times = {layer: microseconds("cuda_code_groups", layer) * 3 + made.LAUNCH_US for layer in LAYERS}
    expect(numbers(out, "gpu_opencl", "OpenCL, us"), times)
    expect(
        numbers(out, "gpu_opencl", "CUDA over OpenCL"),
        {layer: time / (ours(layer) + made.LAUNCH_US) for layer, time in times.items()},
    )


def test_without_further_rows_there_are_no_further_tables(one, pages):
    out, _ = pages(one)
    made_now = {path.stem for path in out.glob("gpu_*.csv")}
    assert not any(name in stem for stem in made_now for name in ("chain", "cold", "busy", "opencl"))
