"""plots/training: ledgers of `eie train`, made up and round, as tables, verdicts, a picture and a page."""

import copy
import csv
import json
import shutil

import pytest
from conftest import DATA, run_script

from plots.core.grid import read_cells
from plots.core.load import InputError
from plots.training import curve, sweep
from plots.training.goals import MISSED, REACHED, goals_table
from plots.training.ledgers import read_folder, read_training
from plots.training.page import Training
from plots.training.printed import Printed
from plots.training.spread import GAIN, LOSS, NO_GAIN, UNKNOWN, Spread
from plots.training.tables import LESS_DENSE, spread

PRINTED = Printed(DATA)
PARTS = {"header": 150.0, "codes": 400.5, "runs": 449.5}
LAYERS = (("fc1", 300, 784, 8000), ("fc2", 100, 300, 2000), ("fc3", 10, 100, 400))


def phase(name, kind, epochs, errors, **further):
    return {
        "name": name,
        "kind": kind,
        "epochs": epochs,
        "seconds": 20.0,
        "cpu_seconds": 10.0,
        "loss": 0.25,
        "validation_errors": 80,
        "validation_error_pct": 1.6,
        "test_errors": errors,
        "test_error_pct": errors / 100,
        **further,
    }


def pair(first, errors, file_errors, both):
    return {
        "images": 10000,
        f"{first}_errors": errors,
        "file_errors": file_errors,
        "both_wrong": both,
        f"only_{first}_wrong": errors - both,
        "only_file_wrong": file_errors - both,
        f"{first}_error_pct": errors / 100,
        "file_error_pct": file_errors / 100,
    }


def layer(name, outputs, inputs, kept):
    return {
        "name": name,
        "outputs": outputs,
        "inputs": inputs,
        "kept": kept,
        "kept_pct": 100 * kept / outputs / inputs,
        "code_bits": 4,
        "entries": kept + 10,
        "fillers": 10,
        "code_bits_huffman": 3.5,
        "run_bits_huffman": 4.5,
        "bytes": float(kept),
    }


def seed(number, dense, file, scale=10):
    parts = {part: scale * size for part, size in PARTS.items()}
    return {
        "seed": number,
        "file": f"net-{number}.safetensors",
        "resumed": False,
        "phases": [
            phase("dense", "dense", 20, dense),
            phase("prune", "prune", 40, dense + 5),
            phase("share", "share", 6, file, shared_validation_errors=90, shared_validation_error_pct=1.8),
        ],
        "layers": [layer(*words) for words in LAYERS],
        "file_parts": parts,
        "file_bytes": int(sum(parts.values())),
        "rate_x": 1066440 / sum(parts.values()),
        "file_validation_errors": 85,
        "file_validation_error_pct": 1.7,
        "test_data": "MNIST",
        "test": pair("dense", dense, file, 100),
    }


def ledger(recipe="best", errors=((140, 142), (150, 148), (145, 150)), network="lenet-300-100", first=1):
    return {
        "eie_format": "eie-training-1",
        "network": network,
        "parameters": 266610,
        "weights": 266200,
        "macs": 266200,
        "dense_bytes": 1066440,
        "recipe": recipe,
        "recipe_sha256": "ab" * 32,
        "recipe_text": {"phases": [{"kind": "prune", "kept": [0.025, 0.07, 0.4]}]},
        "data": "MNIST",
        "images": 55000,
        "validation": 5000,
        "library": "OpenBLAS 0.0",
        "library_core": "Made up",
        "threads": 1,
        "revision": "0123456789ab",
        "seeds": [seed(number, *both) for number, both in enumerate(errors, first)],
    }


def dsd(differences, seeds=3):
    document = ledger("dsd", [(145, 145)] * seeds)
    for its, difference in zip(document["seeds"], differences):
        for place, name, kind in ((0, "dense", "dense"), (1, "sparse", "prune"), (2, "re-dense", "dense")):
            its["phases"][place] = phase(name, kind, 10, 145)
        its["phases"] += [phase("control 1", "dense", 10, 150), phase("control 2", "dense", 10, 150)]
        its["control_test"] = pair("control", 150, 150 + difference, 100)
        its["test"] = pair("dense", 145, 150 + difference, 100)
        for part in its["layers"]:
            for key in ("code_bits", "entries", "fillers", "code_bits_huffman", "run_bits_huffman", "bytes"):
                del part[key]
    return document


def write(folder, **documents):
    folder.mkdir(exist_ok=True, parents=True)
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "ledgers", best=ledger(), paper=ledger("paper"), dsd=dsd([-10, -11, -9]))


def test_seeds_of_several_files_are_one_training(tmp_path):
    write(tmp_path, b=ledger(errors=[(140, 141)], first=7), a=ledger())
    (training,) = read_folder(tmp_path)
    assert [its.number for its in training.seeds] == [1, 2, 3, 7] and training.sources == ("a.json", "b.json")
    its = spread(training, LESS_DENSE)
    assert its.mean_value == pytest.approx((0.02 - 0.02 + 0.05 + 0.01) / 4)


@pytest.mark.parametrize(
    "values, verdict",
    [
        ([-0.10, -0.11, -0.09], GAIN),
        ([0.10, 0.11, 0.09], LOSS),
        ([-0.10, 0.08, 0.01], NO_GAIN),
        ([-0.10, -0.11], GAIN),  # t of one degree of freedom: half a width of 0.064
        ([-0.10, -0.12], NO_GAIN),  # 0.127
        ([-0.5], UNKNOWN),
    ],
)
def test_verdicts_follow_the_interval(values, verdict):
    assert Spread(values, "points", "a test").verdict() == verdict


def test_spread_by_hand():
    its = Spread([1.0, 2.0, 6.0], "%", "a test")
    rows = {row: cell.value for row, cell in its.rows().items()}
    assert rows == pytest.approx(
        {"mean": 3, "least": 1, "greatest": 6, "standard deviation": 7**0.5, "standard error": (7 / 3) ** 0.5}
    )
    assert its.half_width() == pytest.approx(4.30265 * (7 / 3) ** 0.5, rel=1e-5)
    assert set(Spread([1.0], "%", "a test").rows()) == {"mean", "least", "greatest"}


def test_goals_are_judged_by_the_numbers(folder):
    table = goals_table(read_folder(folder), PRINTED, {"lenet-300-100-rate": "too few bytes"})
    verdicts = {row: table.get(row, "verdict").value for row in table.rows}
    small = "lenet-300-100, `best`: "
    assert verdicts[f"{small}mean rate, whole file"] == REACHED  # 1,066,440 / 10,000
    assert verdicts[f"{small}mean paired difference to dense"] == REACHED  # 0.0167
    assert verdicts["lenet-300-100, `paper`: mean bytes of the file"] == REACHED
    assert sum(verdict == "not run" for verdict in verdicts.values()) == 5
    assert table.get(f"{small}mean rate, whole file", "what limits it").value == "too few bytes"
    worse = ledger(errors=[(140, 158), (140, 158)])
    for its in worse["seeds"]:
        its |= {"file_parts": {"codes": 10665.0}, "file_bytes": 10665}
        its["phases"][0]["cpu_seconds"] = 71.0
    write(folder, best=worse)
    table = goals_table(read_folder(folder), PRINTED, {})
    found = {row.removeprefix(small): table.get(row, "verdict").value for row in table.rows if row.startswith(small)}
    assert len(found) == 4 and set(found.values()) == {MISSED}
    off = table.get(f"{small}mean paired difference to dense", "off by")
    assert off.value == pytest.approx(0.13) and off.text == "+0.130"


def test_the_page(folder):
    write(folder / "choice", a=ledger("longer"))
    for path in (folder / "choice").iterdir():
        document = json.loads(path.read_text())
        for its in document["seeds"]:
            del its["test"]
        path.write_text(json.dumps(document))
    (folder / "notes.csv").write_text(
        "kind,key,text\nopening,early,An early look: 2.00 % (m).\ncandidate,longer,more epochs\n"
    )
    done = run_script("train", str(folder), "--out", str(folder / "page/TRAINING.md"))
    assert done.returncode == 0, done.stderr
    text = (folder / "page/TRAINING.md").read_text()
    assert "**Gain.** DSD less its control, of the same epochs and rates without a mask: -0.100 points (d)" in text
    assert "**Other networks and other data**" in text and "GoogLeNet, top1_error_pct" in text
    assert "- An early look: 2.00 % (m)." in text and "more epochs" in text and "2.5/7.0/40.0 %" in text
    assert "lenet-300-100, best, seeds 1 to 3" in text
    assert (folder / "page/TRAINING.png").read_bytes()[:4] == b"\x89PNG"
    cells = read_cells(folder / "page/TRAINING.csv")
    assert cells["lenet-300-100-best-bytes", "whole file", "bytes"].value == 10000
    assert cells["lenet-300-100-best-layers", "fc1", "fillers"].value == 10
    assert cells["lenet-300-100-best-every-phase", "2, prune", "test"].value == 1.55
    assert cells["lenet-300-100-paper-paper", "bytes, kB", "off by"].value == pytest.approx(100 * (10 / 27 - 1))
    assert cells["lenet-300-100-paper-paper-layers", "fc1", "size, printed"].value == 2.32
    assert cells["lenet-300-100-best-seeds", "1", "wrong in the file alone"].value == 42
    assert cells["lenet-300-100-dsd-seeds", "mean", "file less control"].value == pytest.approx(-0.1)


def test_points_of_the_picture(folder):
    best = next(training for training in read_folder(folder) if training.recipe == "best")
    found = curve.points(best)
    assert [kind for _, _, kind in found] == ["dense", "weights", "bytes"]
    assert [rate for rate, _, _ in found] == pytest.approx([1, 266200 / 10400, 106.644])
    assert found[2][1] == [1.42, 1.48, 1.5]
    assert list(curve.drawn(read_folder(folder))) == ["lenet-300-100"]


def test_without_a_test_nothing_is_called_an_error_of_the_test_set(tmp_path):
    document = ledger()
    for its in document["seeds"]:
        del its["test"]
    found = Training(write(tmp_path, best=document))
    assert found.openings().rows == [] and found.picture() is None
    assert "dense" not in found.summary().columns


def broken(change):
    document = copy.deepcopy(ledger())
    change(document)
    return document


@pytest.mark.parametrize(
    "words, change",
    {
        "newer version": lambda document: document.update(eie_format="eie-training-2"),
        "not a ledger of eie train": lambda document: document.update(eie_format="eie-ledger-1"),
        "no 'network'": lambda document: document.pop("network"),
        "seeds is no list": lambda document: document.update(seeds=[]),
        "parts do not add up": lambda document: document["seeds"][0]["file_parts"].update(codes=1.0),
        "loss is no number": lambda document: document["seeds"][0]["phases"][0].update(loss="much"),
        "kept is no whole number": lambda document: document["seeds"][0]["layers"][0].update(kept=0.5),
        "kind is 'other'": lambda document: document["seeds"][0]["phases"][1].update(kind="other"),
        "no ledger of eie train": lambda document: document["seeds"].__setitem__(0, 5),
    }.items(),
)
def test_bad_ledgers_are_one_line(tmp_path, words, change):
    write(tmp_path, bad=broken(change))
    with pytest.raises(InputError, match=words):
        read_training(str(tmp_path / "bad.json"))
    done = run_script("train", str(tmp_path))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "bad.json" in done.stderr


def test_ledgers_that_do_not_go_together(tmp_path):
    write(tmp_path, a=ledger(), b=ledger())
    with pytest.raises(InputError, match="seed 1 stands in a.json as well"):
        read_folder(tmp_path)
    write(tmp_path, b=ledger(first=4) | {"library_core": "Another"})
    with pytest.raises(InputError, match="library_core differs from that of a.json"):
        read_folder(tmp_path)
    untested = ledger(first=4)
    for its in untested["seeds"]:
        del its["test"]
    write(tmp_path, b=untested)
    with pytest.raises(InputError, match="some seeds have a test"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no ledger"):
        Training(tmp_path / "empty")


@pytest.mark.parametrize(
    "text",
    [
        "kind,text\nopening,x\n",
        "kind,key,text\nother,a,b\n",
        "kind,key,text\nlimit,a,b\nlimit,a,c\n",
        "kind,key,text\nlimit,a\n",
    ],
)
def test_notes_that_are_none(folder, text):
    (folder / "notes.csv").write_text(text)
    with pytest.raises(InputError, match=r"notes\.csv"):
        Training(folder)


def test_what_the_papers_print(tmp_path):
    assert {error.text for _, error, _, _ in PRINTED.others("lenet-300-100")} == {"1.59", "1.99", "1.94", "1.92"}
    assert {kind for *_, kind in PRINTED.others("lenet-5")} == {"weights"} and PRINTED.others("other") == []
    assert PRINTED.network("other", "size_after_kb", "kB") is None
    table = PRINTED.dsd()
    assert len(table) == 7 and [cell.text for cell in table["VGG-16", "top1_error_pct"]] == ["31.5", "27.2", "4.3"]
    for (_, metric), (before, after, better) in table.items():
        sign = 1 if metric.startswith("BLEU") else -1
        assert sign * (after.value - before.value) == pytest.approx(better.value, abs=0.101)
    shutil.copytree(f"{DATA}/paper", tmp_path / "paper")
    path = tmp_path / "paper/lenet_pruning.csv"
    rows = list(csv.reader(path.open()))
    rows[1][3] = "much"
    path.write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(InputError, match="error_pct is not a number"):
        Printed(str(tmp_path)).others("lenet-300-100")


def swept(kept, bits, errors, first=1):
    """A ledger of a sweep: these shares, and (dense, pruned, file) a seed."""
    document = ledger(errors=[(dense, file) for dense, _, file in errors], first=first)
    document["recipe_changes"] = {"kept": kept, "bits": [bits]}
    for its, (_, pruned, _) in zip(document["seeds"], errors):
        its["phases"][1] = phase("prune", "prune", 40, pruned)
        for part, share in zip(its["layers"], kept):
            part.update(code_bits=bits, kept=round(share * part["outputs"] * part["inputs"]))
    return document


SOME, ALL = [0.03, 0.08, 0.4], [1, 1, 1]
SWEEP = {
    "a": swept(SOME, 4, [(150, 155, 160)]),
    "b": swept(SOME, 2, [(150, 155, 250), (140, 150, 250)]),
    "c": swept(ALL, 4, [(150, 140, 145)]),
    "d": swept(ALL, 2, [(150, 140, 190)]),
    "e": swept([0.01, 0.02, 0.1], 4, [(150, 200, 210)]),
}


def test_a_sweep_has_table_and_picture(folder, tmp_path):
    write(folder / "sweep", **SWEEP)
    run_script("train", folder, "--out", tmp_path / "TRAINING.md")
    text = (tmp_path / "TRAINING.md").read_text()
    assert (tmp_path / "TRAINING-SWEEP.png").read_bytes().startswith(b"\x89PNG") and "TRAINING-SWEEP.png" in text
    assert "5 points with 6 trained networks (seeds 1, 2)" in " ".join(text.split())
    assert "best, shares and bits varied" in text and "5 points in sweep/" in text
    cells = read_cells(tmp_path / "TRAINING.csv")

    def of(row, column):
        return cells["lenet-300-100-sweep", row, column]

    assert of("3/8/40 %, 2", "file less dense").value == pytest.approx(1.05)
    assert of("3/8/40 %, 2", "pruned, less dense").value == pytest.approx(0.075)
    assert of("3/8/40 %, 2", "seeds").value == "seeds 1 to 2"
    assert of("100/100/100 %, 4", "weights kept").value == 100
    assert of("3/8/40 %, 4", "rate").value == pytest.approx(106.644)


def test_a_sweep_alone(tmp_path):
    write(tmp_path / "ledgers" / "sweep", **SWEEP)
    run_script("train", tmp_path / "ledgers", "--out", tmp_path / "TRAINING.md")
    assert "## Shares and bits" in (tmp_path / "TRAINING.md").read_text()
    assert not (tmp_path / "TRAINING.png").exists() and (tmp_path / "TRAINING-SWEEP.png").exists()


def test_series_of_a_sweep(tmp_path):
    (points,) = sweep.points_of(read_folder(write(tmp_path / "sweep", **SWEEP))).values()
    series = sweep.series_of(points)
    assert [(point.bits, round(point.kept_pct)) for point in series["shares"]] == [(4, 1), (4, 4)]
    assert [point.bits for point in series["pruned"]] == [2, 4] and [point.bits for point in series["whole"]] == [2, 4]
    (one,) = (point for point in points if point.is_whole and point.bits == 4)
    assert one.pruned_rate == pytest.approx(1066440 / (4 * 266610 + 10 * (150 + 449.5)))
    assert one.losses == [pytest.approx(-0.05)] and one.pruned_losses == [pytest.approx(-0.1)]


def test_changed_recipes_are_recipes_of_their_own(tmp_path):
    changed = ledger()
    changed["recipe_changes"] = {"bits": [3, 4, 5]}
    plain, other = sorted(read_folder(write(tmp_path / "l", a=ledger(), b=changed)), key=lambda one: one.recipe)
    assert (plain.recipe, other.recipe) == ("best", "best, 3/4/5 bits")
    for bad in ([], {"rate": [1]}, {"kept": []}, {"bits": ["4"]}, {"kept": [0]}):
        with pytest.raises(InputError, match="recipe_changes|kept"):
            read_folder(write(tmp_path / "bad", a=ledger() | {"recipe_changes": bad}))
