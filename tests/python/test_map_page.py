"""`python -m plots map`: pages of maps whose times are made up."""

import csv
import json

import pytest

from plots.map import page
from plots.map.points import COMPRESSED, SPARSE, TIE, break_even, read_map

WEIGHTS, ACTIVATIONS = (0.01, 0.1, 1.0), (0.1, 1.0)
FLAGS = {
    "lib_dense": ["float32", "dense"],
    "lib_int8": ["float32", "dense", "approximate"],
    "lib_csr": ["float32", "sparse"],
    "cpu_auto": ["exact"],
    "model": ["estimate"],
}


def times(weights, activations, batch):
    """Nanoseconds of each kernel: dense meets cpu_auto at 0.2 of the weights where all inputs are active."""
    return {
        "lib_dense": 1000.0 * batch,
        "lib_int8": 1500.0 * batch,
        "lib_csr": 20000.0 * weights * batch,
        "cpu_auto": 5000.0 * weights * activations * batch,
        "model": 500.0 * batch,
    }


def row(kernel, size, weights, activations, batch, ns, **changes):
    is_model = kernel == "model"
    layer = f"{size}x{size}-w{weights:.4g}-a{activations:.4g}"
    return {
        "name": f"{layer}/{kernel}/{batch}",
        "eie_suite": "shape",
        "eie_layer": layer,
        "eie_layer_hash": "h",
        "eie_kernel": kernel,
        "eie_device": "eie" if is_model else "cpu",
        "eie_batch": batch,
        "eie_threads": 0 if is_model else 2,
        "eie_cache": "none" if is_model else "hot",
        "eie_time_source": "model" if is_model else "wall",
        "eie_provenance": "modelled" if is_model else "measured",
        "eie_flags": FLAGS[kernel],
        "eie_status": "ok",
        "eie_reason": "",
        "eie_median_ns": ns,
        "eie_samples_ns": [ns] * (1 if is_model else 9),
        "eie_ci95_low_ns": ns * 0.99,
        "eie_ci95_high_ns": ns * 1.01,
        "eie_prepared_bytes": 1024,
        **({"eie_chosen_kernel": "avx2_x"} if kernel == "cpu_auto" else {}),
    } | changes


def rows():
    return [
        row(kernel, size, weights, activations, batch, ns)
        for size in (64, 512)
        for batch in (1, 16)
        for weights in WEIGHTS
        for activations in ACTIVATIONS
        for kernel, ns in times(weights, activations, batch).items()
    ]


def document(found=None, **said):
    said = {"format": "1", "threads": 2, "cache": "hot"} | said
    context = {"eie_format": "1", "eie_cpu_name": "A Processor", "num_cpus": 2, "eie_map": said}
    return {"context": context, "benchmarks": rows() if found is None else found, "eie_missing": []}


@pytest.fixture
def write(tmp_path):
    def write_map(content):
        path = tmp_path / "map.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write_map


@pytest.fixture
def draw(tmp_path, write, capsys):
    def run(content, code=0):
        assert page.main([write(content), "--out", str(tmp_path / "out")]) == code
        return capsys.readouterr()

    return run


def test_page_picture_and_numbers(draw, tmp_path):
    done = draw(document())
    out = tmp_path / "out"
    assert (out / "map.png").read_bytes().startswith(b"\x89PNG")
    svg = (out / "map.svg").read_text()
    for words in ("512 inputs, 512 outputs", "16 inputs a call", "compressed", "A Processor, 2 threads", "EIE, modelled"):
        assert words in svg
    with open(out / "map.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(rows())
    (one,) = (
        line
        for line in lines
        if (line["inputs"], line["batch"], line["weights"], line["activations"], line["form"])
        == ("64", "16", "0.1", "0.1", "compressed")
    )
    assert float(one["us"]) == pytest.approx(0.8) and one["fastest_here"] == "1" and one["kernel"] == "cpu_auto (avx2_x)"
    assert {line["provenance"] for line in lines} == {"measured", "modelled"}
    text = " ".join((out / "map.md").read_text().split())
    assert "![" in text and "map.png" in text
    assert "| sparse float32 pays up to | sparse or compressed pays up to |" in text
    assert "| 512 x 512, 1, 100 % | 1 % to 10 % | 10 % to 100 % |" in text
    assert "| 512 x 512, 1, 10 % | 1 % to 10 % | 100 %, the highest measured |" in text
    assert "fastest is compressed at 10, dense float32 at 2" in text and "1 input a call: of 12 points" in done.out


def line_of(write, *sparse_ns):
    """A line of densities at which dense float32 takes 100 ns, with 1 % to either side, and sparse float32 these times."""
    found = [
        row(kernel, 64, weights, 1.0, 1, ns)
        for weights, sparse in zip((0.01, 0.03, 0.1, 0.3, 1.0), sparse_ns)
        for kernel, ns in (("lib_dense", 100.0), ("lib_csr", sparse))
    ]
    return break_even(read_map(write(document(found))).points, SPARSE).words()


def test_a_break_even_knows_of_noise(write):
    assert line_of(write, 20, 40, 80, 150, 400) == "10 % to 30 %"
    assert line_of(write, 20, 40, 95, 105, 400) == "3 % to 100 %; a tie at 10 %, 30 %"
    assert line_of(write, 20, 120, 80, 150, 400) == "1 % to 3 %; faster again at 10 %"
    assert line_of(write, 20, 99, 80, 90, 99) == "30 %; a tie at 100 %"
    assert line_of(write, 95, 105, 120, 150, 400) == "not at 10 %; a tie at 1 %, 3 %"
    assert line_of(write, 100, 101) == "a tie at 1 %, 3 %"
    assert line_of(write, 20, 30) == "3 %, the highest measured"
    assert line_of(write, 200, 300) == "none, down to 1 %"


def test_intervals_that_meet_are_a_tie(write):
    found = [
        row("lib_dense", 64, 0.1, 1.0, 1, 100.0, eie_ci95_high_ns=130.0),
        row("lib_csr", 64, 0.1, 1.0, 1, 140.0, eie_ci95_low_ns=120.0),
    ]
    (point,) = read_map(write(document(found))).points
    assert point.standing(SPARSE) == TIE and point.standing(COMPRESSED) is None


def test_one_line_of_one_size(draw, tmp_path):
    found = [one for one in rows() if one["eie_layer"].startswith("64x64") and one["eie_layer"].endswith("a1")]
    draw(document([one for one in found if one["eie_batch"] == 1]))
    assert (tmp_path / "out/map.png").stat().st_size > 1000


def test_one_point_and_what_is_missing(draw, tmp_path):
    whole = document([row("lib_dense", 8, 0.5, 1.0, 1, 100.0)])
    whole["eie_missing"] = [row("lib_dense", 99, 0.5, 1.0, 1, 9.0, eie_status="skipped", eie_reason="no such library")]
    draw(whole)
    text = (tmp_path / "out/map.md").read_text()
    assert "of 1 points fastest is dense float32 at 1" in text
    assert "- 99 x 99, batch 1, 50 % of the weights, 100 % of the inputs: nothing" in text


def test_other_rows_of_the_file_do_not_count(write):
    others = [
        row("lib_dense", 64, 0.01, 0.1, 1, 0.5, eie_threads=1),
        row("lib_dense", 64, 0.01, 0.1, 1, 0.5, eie_cache="llc"),
        row("lib_dense", 64, 0.01, 0.1, 1, 0.5, eie_suite="paper"),
    ]
    before, after = (page.csv_of(read_map(write(document(found)))) for found in (rows(), rows() + others))
    assert before == after and "cpu_auto (avx2_x)" in after


BAD = {
    "cut": (json.dumps(document())[:-40], "not JSON"),
    "no map": ({"context": {"eie_format": "1"}, "benchmarks": [], "eie_missing": []}, "no map"),
    "newer": (document(format="2"), "newer"),
    "no points": (document([]), "no point"),
    "no shape": (document([row("lib_dense", 64, 7, 1.0, 1, 1.0)]), "no shape"),
    "garbage": (document([row("lib_dense", 64, 0.5, 1.0, 1, 1.0, eie_layer="64x64-w...-a1")]), "no shape"),
    "threads": (document(threads="2"), "threads"),
    "time": (document([row("lib_dense", 64, 0.5, 1.0, 1, -1.0)]), "eie_median_ns"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files(draw, tmp_path, what):
    content, words = BAD[what]
    done = draw(content, code=2)
    assert words in done.err and done.err.startswith("map: ") and done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
