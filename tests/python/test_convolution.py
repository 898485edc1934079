"""`python -m plots squeezenet`: pages of files whose times are made up."""

import csv
import json

import numpy
import pytest
from PIL import Image

from plots.convolution import page
from plots.convolution.files import Convolutions
from plots.images import ppm

POSITIONS = {"one": 100, "two": 50}
NS = {"cpu_auto": 640, "avx512_batch_pairs": 6400, "model_eie_cycle": 2000, "peers_onednn_convolution": 1500}


def row(layer, kernel, batch, ns, **changes):
    model = kernel.startswith("model")
    flags = ["float32", "dense"] if kernel.startswith("peers") else ["exact"]
    return {
        "name": f"{layer}/{kernel}/{batch}",
        "eie_suite": "squeezenet",
        "eie_layer": layer,
        "eie_layer_hash": "h",
        "eie_kernel": kernel,
        "eie_device": "eie" if model else "cpu",
        "eie_batch": batch,
        "eie_threads": 0 if model else 1,
        "eie_cache": "none" if model else "hot",
        "eie_time_source": "model" if model else "wall",
        "eie_provenance": "simulated" if model else "measured",
        "eie_flags": flags,
        "eie_status": "ok",
        "eie_reason": "",
        "eie_median_ns": 2.0 * ns,
        "eie_samples_ns": [2.0 * ns] * (1 if model else 9),
        "eie_min_ns": float(ns),
        "eie_positions": POSITIONS[layer.removesuffix(".rest")],
        "eie_nonzeros": 30,
        "eie_macs_useful": 20 * batch,
        **(
            {"eie_load_balance": 0.5, "eie_pe_cycles_empty_column": 640, "eie_cycles": 100, "eie_energy_j": 1e-6}
            if model
            else {}
        ),
    } | changes


def rows():
    found = []
    for layer, positions in POSITIONS.items():
        found += [row(layer, "cpu_auto", 10, 64), row(layer, "avx512_batch_pairs", positions, 6400)]
        found += [row(layer, "model_eie_cycle", positions, 2000), row(layer, "peers_onednn_convolution", positions, 1500)]
    return [*found, row("two.rest", "cpu_auto", 10, 32), row("two.rest", "model_eie_cycle", 50, 1000)]


def steps():
    ones = {"least_s": 0.25, "outputs": 6, "inputs": 9}
    return [
        {"name": "image", "least_s": 0.5},
        ones | {"name": "one", "positions": 100, "layers": 1},
        ones | {"name": "two", "positions": 50, "layers": 2},
    ]


@pytest.fixture
def folder(tmp_path):
    run = {
        "eie_format": "eie-run-1",
        "steps": steps(),
        "images": [{"image": "x/cat.ppm"}],
        "threads": 1,
        "kernel": "cpu_auto",
    }
    point = {"queue_depth": 8, "theoretical_us": 1.0, "spmat_bytes_all_pes": 512, "area_mm2": 3.0}
    points = [
        point | {"layer": layer, "pes": 8, "groups": groups, "time_us": 4.0 / groups}
        for groups in (1, 2)
        for layer in ("one", "two", "two.rest")
    ]
    products = {"dense": 100, "pruned": 50, "dense_active": 80, "active": 40}
    layer = {
        "name": "one",
        "direct": products,
        "winograd": dict.fromkeys(products, 50),
        "values": 15,
        "transformed_values": 99,
    }
    densities = ("weight_density", "transformed_density", "input_density", "transformed_input_density")
    files = {
        "run": run,
        "explore": {"format": "eie-explore-1", "points": points},
        "winograd": {"eie_format": "eie-winograd-1", "layers": [layer | dict.fromkeys(densities, 0.5)]},
        "file": {"format": "eie-ledger-1", "file_bytes": 100, "input_bytes": 900, "file_uses": {"bias_bytes": 100}},
        "bench": {"context": {"eie_format": "1", "eie_suites": {}, "eie_runs": []}, "benchmarks": rows(), "eie_missing": []},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def cells(folder, stem="squeezenet"):
    with open(folder / f"{stem}.csv", encoding="utf-8", newline="") as file:
        return {(line["table"], line["row"], line["column"]): line for line in csv.DictReader(file)}


def change(folder, name, edit):
    path = folder / f"{name}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_sums_and_their_page(folder, capsys):
    assert page.main([str(folder)]) == 0
    found = cells(folder)

    def value(*key):
        return float(found[key]["value"])

    # 64 ns for 10 positions: 640 and 320 ns for the images' 100 and 50; the second term adds 160
    assert value("image", "here, exact, 2 layers", "ms") == pytest.approx(960e-6)
    assert value("image", "here, exact, 3 layers", "ms") == pytest.approx(1120e-6)
    assert value("image", "here, exact, 3 layers, with im2col", "ms") == pytest.approx(500)  # of eie run, without its image
    assert value("image", "EIE, 2 layers", "ms") == pytest.approx(4000e-6)
    assert value("image", "EIE, 2 layers", "J") == pytest.approx(2e-6)
    assert found["image", "here, exact, 2 layers", "J"]["value"] == "no meter"
    assert value("image", "oneDNN convolution, float32", "images/s") == pytest.approx(1e9 / 3000)
    assert ("image", "oneDNN convolution, int8", "ms") not in found
    assert value("whole", "integers", "ms") == pytest.approx(1000)
    assert value("layers", "one", "M dense") == pytest.approx(100 * 54e-6)
    assert value("layers", "one", "bubbles") == pytest.approx(10)
    assert value("limits", "one", "left") == pytest.approx(100 * 2000 / 5400)
    assert value("limits", "one", "even with f32 at") == pytest.approx(100 * (2000 / 640) / (5400 / 1500))
    assert value("groups", "2 x 4, queue 8", "ms") == pytest.approx(4e-3)
    assert value("groups", "1 x 8, queue 8", "PEs busy") == pytest.approx(25)
    assert value("winograd", "all", "active") == pytest.approx(0.8)
    assert value("file", "float32", "bytes") == 1000 and value("file", "6 bits, Huffman-coded", "rate") == pytest.approx(10)
    text = (folder / "squeezenet.md").read_text()
    for words in ("## Processing elements in groups", "## Winograd", "cat.ppm", "no slower on 2 of 2"):
        assert words in text
    said = capsys.readouterr().out
    assert "EIE as published" in said and "3 layers of 4 bits, products alone: 0.00112 ms (m)" in said
    assert "With im2col and copies, which oneDNN's need not: 500 ms (m), " in said


def test_what_was_not_measured_is_left_out(folder):
    for name in ("explore", "winograd", "file"):
        (folder / f"{name}.json").unlink()
    assert page.main([str(folder), "--out", str(folder / "other.md")]) == 0
    text = (folder / "other.md").read_text()
    assert "Winograd" not in text and "in groups" not in text and "[other.csv]" in text


def test_a_library_without_a_layer_has_no_sum_and_a_reason(folder):
    def lose(found):
        rows = found["benchmarks"]
        gone = next(i for i, row in enumerate(rows) if row["eie_kernel"] == "peers_onednn_convolution")
        del rows[gone]

    change(folder, "bench", lose)
    assert page.main([str(folder)]) == 0
    assert "no number of one; bench.json has the reason" in (folder / "squeezenet.md").read_text()


def test_further_files_of_rows_count_too(folder, capsys):
    document = json.loads((folder / "bench.json").read_text())
    closed = [row(layer, "model_eie_analytic", POSITIONS[layer], 500) for layer in POSITIONS]
    (folder / "bench-more.json").write_text(json.dumps(document | {"benchmarks": closed}))
    assert page.main([str(folder)]) == 0
    assert float(cells(folder)["image", "EIE, 2 layers, closed form", "ms"]["value"]) == pytest.approx(1e-3)
    assert "Further rows, bench-more.json" in (folder / "squeezenet.md").read_text()
    capsys.readouterr()
    change(folder, "bench-more", lambda found: found["benchmarks"][0].update(eie_layer_hash="other"))
    assert page.main([str(folder)]) == 2
    assert "bench-more.json: layer one is another" in capsys.readouterr().err


def test_a_run_on_other_threads_is_not_held_against_rows(folder):
    change(folder, "run", lambda found: found.update(threads=2))
    assert page.main([str(folder)]) == 0
    assert ("image", "here, exact, 3 layers, with im2col", "ms") not in cells(folder)


def test_the_row_that_takes_least_for_an_image_counts(folder):
    found = Convolutions(str(folder))
    assert found.exact("one").kernel == "cpu_auto"
    assert found.active("one") == 2000 and found.pruned("two") == 1500


@pytest.mark.parametrize(
    "culprit, name, edit",
    [
        ("run.json: is no eie-run-1", "run", lambda found: found.update(eie_format="eie-run-2")),
        ("images is missing", "run", lambda found: found.pop("images")),
        ("no convolution", "run", lambda found: found.update(steps=[{"name": "image"}])),
        ("no exact kernel's row of layer two.rest", "bench", lambda found: found["benchmarks"].__delitem__(slice(-2, None))),
        ("explore.json: is no eie-explore-1", "explore", lambda found: found.update(format="x")),
        ("area_mm2", "explore", lambda found: [point.pop("area_mm2") for point in found["points"]]),
    ],
)
def test_bad_files(folder, capsys, culprit, name, edit):
    change(folder, name, edit)
    assert page.main([str(folder)]) == 2
    assert culprit in capsys.readouterr().err


# ---- photographs as PPM --------------------------------------------------------------------------


def converted(tmp_path, image, name):
    image.save(tmp_path / name)
    assert ppm.main([str(tmp_path / name), "--out", str(tmp_path)]) == 0
    with Image.open(tmp_path / f"{name}.ppm") as its:
        return numpy.asarray(its)


def test_grey_of_16_bits_is_scaled(tmp_path):
    grey = numpy.arange(0, 65536, 257, dtype=numpy.uint16).reshape(16, 16)
    found = converted(tmp_path, Image.fromarray(grey), "deep.png")
    assert found.shape == (16, 16, 3) and (found[:, :, 0] == numpy.arange(256).reshape(16, 16)).all()
    assert (found == converted(tmp_path, Image.fromarray((grey // 257).astype(numpy.uint8)), "grey.png")).all()


def test_images_that_are_not_read(tmp_path, capsys):
    Image.fromarray(numpy.zeros((4, 4), numpy.float32)).save(tmp_path / "float.tiff")
    (tmp_path / "text.png").write_text("text")
    for name, words in {
        "float.tiff": "32 bits",
        "text.png": "cannot identify",
        "none.png": "No such file or directory",
    }.items():
        assert ppm.main([str(tmp_path / name), "--out", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    Image.new("RGB", (2, 2)).save(tmp_path / "good.png")
    assert ppm.main([str(tmp_path / "good.png"), "--out", str(tmp_path / "none")]) == 3
    assert "cannot write" in capsys.readouterr().err
