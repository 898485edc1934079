"""eie explore: points and designs, the Pareto front, resuming, bad lists; and device files of the cycle model."""

import csv
import io
import json
import math
import signal

import pytest
from command import DATA, wait_for

SWEEP = ["--pes", "1,4,6", "--queue", "2..8*2", "--line", "32,64", "--index", "3,4"]


def run(eie, tiny, *arguments, out="sweep.json", **further):
    eie("explore", "--suite", tiny, "--quiet", "--out", out, *arguments, **further)
    assert not (eie.folder / f"{out}.part").exists()
    text = (eie.folder / out).read_text(encoding="utf-8")
    return json.loads(text) if out.endswith(".json") else list(csv.DictReader(io.StringIO(text)))


def key(row):
    return tuple(
        row[name]
        for name in ("layer", "pes", "queue_depth", "line_bits", "index_bits", "code_bits", "clock_hz", "technology")
    )


def test_points_are_all_combinations(eie, tiny):
    found = run(eie, tiny, *SWEEP)
    assert found["format"] == "eie-explore-1" and found["device"] == "eie-64pe-45nm"
    assert len(found["points"]) == 3 * 3 * 3 * 2 * 2 == len({key(row) for row in found["points"]})
    assert len(found["designs"]) == 36
    for row in found["points"]:
        classes = sum(row[f"pe_cycles_{name}"] for name in ("work", "empty_column", "scan", "fill", "imbalance", "load"))
        assert classes == row["pes"] * row["cycles"]
        assert row["cycles"] >= row["busiest_pe_cycles"] and 0 < row["load_balance"] <= 1
        assert row["time_us"] == pytest.approx(row["cycles"] / 800)
        assert row["weights"] <= row["entries"]
    by_depth = {}
    for row in found["points"]:
        by_depth.setdefault(key(row)[:2] + key(row)[3:], []).append((row["queue_depth"], row["cycles"]))
    for series in by_depth.values():
        assert [cycles for _, cycles in sorted(series)] == sorted((cycles for _, cycles in series), reverse=True)


def test_the_kernel_says_the_same(eie, tiny):
    row = next(
        row
        for row in eie.bench("--suite", tiny, "--layer", "even", "--kernel", "model_eie_cycle", "--device", "eie-64pe-45nm")[
            "benchmarks"
        ]
    )
    point = run(eie, tiny, "--layer", "even")["points"][0]
    assert row["eie_cycles"] == point["cycles"] and row["eie_provenance"] == "simulated"
    assert row["eie_flags"] == ["exact"]
    assert row["eie_spmat_line_reads"] == point["spmat_line_reads"]
    assert row["eie_energy_actions_j"] == pytest.approx(point["energy_left_j"])
    assert row["eie_area_mm2"] == pytest.approx(point["area_mm2"])
    each = [int(value) for value in row["eie_each_pe_work"].split()]
    assert len(each) == 64 and sum(each) == row["eie_pe_cycles_work"] == point["entries"]


def test_csv_has_the_same_points(eie, tiny):
    rows, points = run(eie, tiny, *SWEEP, out="sweep.csv"), run(eie, tiny, *SWEEP)["points"]
    assert len(rows) == len(points)
    for row, point in zip(rows, points):
        assert float(row["time_us"]) == pytest.approx(point["time_us"]) and row["layer"] == point["layer"]
        assert float(row["energy_right_j"]) == pytest.approx(point["energy_right_j"])


def test_threads_do_not_change_a_number(eie, tiny):
    one, four = (run(eie, tiny, *SWEEP, "--threads", threads) for threads in ("1", "4"))
    assert one["points"] == four["points"] and one["designs"] == four["designs"]


def test_front_is_what_no_design_beats(eie, tiny):
    designs = run(eie, tiny, *SWEEP, "--technology", "own,paper:28,stillmaker-baas:16")["designs"]
    assert any(row["pareto_left"] for row in designs) and not all(row["pareto_left"] for row in designs)
    for flag, energy in (
        ("pareto_left", "energy_left_j"),
        ("pareto_right", "energy_right_j"),
        ("pareto_constant_power", "energy_constant_power_j"),
    ):
        values = [(row["time_us"], row[energy], row["area_mm2"]) for row in designs]
        for row, own in zip(designs, values):
            beaten = any(all(a <= b for a, b in zip(other, own)) and other != own for other in values)
            assert row[flag] == (not beaten)


def test_widths_that_figure_9_lacks_have_no_energy(eie, tiny):
    point = run(eie, tiny, "--line", "1024")["points"][0]
    assert "energy_left_j" not in point and point["energy_table1_j"] > 0 and point["cycles"] > 0


def test_few_code_bits_are_approximate(eie, tiny):
    points = run(eie, tiny, "--layer", "even", "--code", "2..4")["points"]
    assert [row["approximate"] for row in points] == [True, True, False]
    errors = [row["reshared_relative_rms_error"] for row in points]
    assert errors[0] > errors[1] > errors[2] == 0
    said = eie("explore", "--suite", tiny, "--layer", "even", "--code", "2").stderr
    assert "approximate: 3 shared weights instead of" in said


def device(eie, name="mine", **changes):
    whole = json.loads((DATA / "devices" / "eie-64pe-45nm.json").read_text(encoding="utf-8"))
    for changed, value in changes.items():
        whole["numbers"][changed]["value"] = value
    (eie.folder / f"{name}.json").write_text(json.dumps(whole), encoding="utf-8")
    return f"./{name}.json"


def test_rows_of_few_code_bits_are_compared_with_their_matrix(eie, tiny):
    path = device(eie, code_bits=2)
    rows = eie.bench("--suite", tiny, "--kernel", "model_eie_cycle", "--device", path)["benchmarks"]
    assert len(rows) == 3 and all(row["eie_status"] == "ok" and row["eie_flags"] == ["approximate"] for row in rows)
    assert all("3 shared weights" in row["eie_reshared"] for row in rows)


@pytest.mark.parametrize(
    "changes",
    [
        {"pe_count": 100},
        {"index_bits": 2},
        {"batching": 1, "activation_registers_per_pe": 1},
        {"index_bits": 8, "code_bits": 8, "spmat_lines_held": 0, "empty_column_cycles": 3},
        {"queue_depth": 2, "spmat_line_bits": 8},
        {"pe_count": 1},
    ],
)
def test_other_designs_return_the_same_y(eie, changes):
    path = device(eie, **changes)
    for case in range(2, 80, 11):
        done = eie("check", "--case", case, "--kernel", "model_eie_cycle", "--device", path)
        assert "bit for bit on mine" in done.stdout


def test_layers_beyond_capacity_are_named(eie, tiny):
    path = device(eie, pointer_bytes_per_pe=8)
    (row,) = eie.bench("--suite", tiny, "--layer", "even", "--kernel", "model_eie_cycle", "--device", path)["benchmarks"]
    assert "pointer SRAM bytes: 130 of 8" in row["eie_fits_on_chip"]
    done = eie("explore", "--suite", tiny, "--layer", "even", "--device", path)
    assert "warning: layer even does not fit" in done.stderr and "0/1" in done.stdout


def test_a_queue_of_one_slot_can_never_move(eie, tiny):
    path = device(eie, queue_depth=1)
    eie.fails(2, "full and empty at once", "explore", "--suite", tiny, "--device", path)
    eie.fails(2, "full and empty at once", "explore", "--suite", tiny, "--queue", "8,1")
    rows = eie.bench("--suite", tiny, "--layer", "even", "--kernel", "model_eie_cycle", "--device", path, code=3)
    assert "can never move" in rows["eie_missing"][0]["eie_reason"]
    assert rows["eie_missing"][0]["eie_status"] == "unsupported"


@pytest.mark.parametrize(
    "changed, value, culprit",
    [
        ("pe_count", 0, "pe_count"),
        ("queue_depth", -8, "queue_depth"),
        ("index_bits", 9, "index_bits"),
        ("code_bits", 1, "code_bits"),
        ("empty_column_cycles", 0, "empty_column_cycles"),
        ("batching", 2, "batching"),
        ("spmat_area_um2", 1e9, "pe_area_um2"),
        ("clock_hz", 1e30, "clock_hz"),
        ("spmat_lines_held", None, "spmat_lines_held"),
    ],
)
def test_absurd_device_files(eie, tiny, changed, value, culprit):
    eie.fails(2, f"numbers.{culprit}", "explore", "--suite", tiny, "--device", device(eie, **{changed: value}))


def test_device_files_with_other_keys(eie, tiny):
    path = eie.folder / device(eie)
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace('"batching"', '"batchings"'), encoding="utf-8")
    eie.fails(2, "batchings: unknown key", "explore", "--suite", tiny, "--device", "./mine.json")
    whole = json.loads(good)
    del whole["numbers"]["index_bits"]
    path.write_text(json.dumps(whole), encoding="utf-8")
    eie.fails(2, '"index_bits" is missing', "explore", "--suite", tiny, "--device", "./mine.json")


@pytest.mark.parametrize(
    "option, value, culprit",
    [
        ("--pes", "0", "--pes 0"),
        ("--pes", "-4", "--pes -4"),
        ("--pes", "4.5", "--pes 4.5"),
        ("--pes", "70000", "--pes 70000"),
        ("--queue", "", "--queue"),
        ("--line", "12", "multiple of 8"),
        ("--line", "8", ""),
        ("--index", "1..4", "--index 1"),
        ("--code", "9", "--code 9"),
        ("--clock", "fast", "--clock fast"),
        ("--clock", "1", "--clock 1"),
        ("--pes", "8..2", "8..2"),
        ("--clock", "1e17..2e17", "--clock 1e17..2e17"),
        ("--clock", "1e-323..1*1.1", "--clock 1e-323..1*1.1"),
        ("--suite", "paper,paper", "two suites called paper"),
        ("--pes", "2..4*1", "2..4*1"),
        ("--pes", "1..100", "--pes 1..100"),
        ("--technology", "intel:7", "--technology"),
        ("--technology", "stillmaker-baas:3", "45 to 7 nm"),
        ("--technology", "paper", "--technology"),
        ("--threads", "0", "--threads"),
        ("--layer", "none", "no layer"),
        ("--suite", "nowhere", "nowhere"),
        ("--device", "nobody", "nobody"),
        ("--device", "titan-x", "no EIE design"),
        ("--colour", "red", "--colour"),
    ],
)
def test_bad_lists(eie, tiny, option, value, culprit):
    if (option, value) == ("--line", "8"):
        eie.fails(2, "holds no entry", "explore", "--suite", tiny, "--line", "8", "--code", "8")
        return
    suite = [] if option == "--suite" else ["--suite", tiny]
    eie.fails(2, culprit, "explore", "--quiet", *suite, option, value)


def test_large_sweeps_are_announced_or_refused(eie, tiny):
    many = ["--pes", "1..64", "--queue", "2..65", "--line", "32..512*2", "--index", "2..8", "--clock", "1M..64M*2"]
    eie.fails(2, "narrow the lists", "explore", "--suite", tiny, *many, "--code", "2..8")
    done = eie("explore", "--suite", tiny, *many, "--dry-run")
    assert f"{64 * 64 * 5 * 7 * 7 * 3} points: " in done.stdout and "about" in done.stdout
    assert eie("explore", "--suite", tiny).stderr.startswith("3 points: 1 designs x 3 layers; about")


def test_an_interrupted_sweep_goes_on(eie, make_suite, signal_when):
    layers = [
        {
            "name": f"layer{n}",
            "inputs": 600,
            "outputs": 600,
            "weight_density": 0.1,
            "activation": "relu",
            "activation_density": 0.5,
            "source": "a test",
        }
        for n in range(6)
    ]
    suite = make_suite(layers=layers, signed=False)
    arguments = ["--threads", "1", "--pes", "1..4*2", "--queue", "2..8*2", "--index", "2..8"]
    whole = run(eie, suite, *arguments, out="whole.json")
    journal = eie.folder / "out.json.part"
    done = eie.run(
        "explore",
        "--suite",
        suite,
        "--quiet",
        "--out",
        "out.json",
        *arguments,
        env=signal_when("json", signal.SIGINT, 1 + 4),
    )  # the journal's head, and three units
    assert done.returncode == -signal.SIGINT and journal.exists() and not (eie.folder / "out.json").exists()
    eie.fails(2, "--resume", "explore", "--suite", suite, "--quiet", "--out", "out.json", *arguments)
    units = len(journal.read_text(encoding="utf-8").splitlines()) - 1
    assert units == 3
    journal.write_bytes(journal.read_bytes() + b'{"layer_hash": "half a li')  # as a kill may leave it
    done = eie("explore", "--suite", suite, "--out", "out.json", "--resume", *arguments)
    assert f"{units} of {6 * 3 * 7} units are in out.json.part" in done.stderr
    assert not journal.exists()
    resumed = json.loads((eie.folder / "out.json").read_text(encoding="utf-8"))
    assert resumed["points"] == whole["points"] and resumed["designs"] == whole["designs"]


def test_journals_of_other_devices_are_refused(eie, tiny):
    (eie.folder / "out.json.part").write_text('{"format":"eie-explore-journal-1","device_hash":"other"}\n')
    eie.fails(2, "not the journal", "explore", "--quiet", "--suite", tiny, "--out", "out.json", "--resume")
    eie.fails(2, "--out FILE", "explore", "--suite", tiny, "--resume")


def test_a_damaged_journal_is_refused(eie, make_suite):
    suite = make_suite()
    arguments = ["explore", "--quiet", "--suite", suite, "--out", "out.json", "--resume"]
    slow = eie.popen(*arguments, "--threads", "1", "--pes", "1..64*2", "--index", "2..8")
    journal = eie.folder / "out.json.part"
    try:
        wait_for(slow, lambda: journal.exists() and journal.read_bytes().count(b"\n") > 3)
    finally:
        slow.kill()
        slow.communicate()
    (eie.folder / ".out.json.lock").unlink()  # of the killed process
    lines = journal.read_text().splitlines(keepends=True)
    for position in range(0, len(lines[2]) - 1, 7):
        old = lines[2][position]
        damaged = lines[2][:position] + ("1" if old != "1" else "2") + lines[2][position + 1 :]
        journal.write_text("".join([*lines[:2], damaged, *lines[3:]]))
        eie.fails(2, "line 3 is damaged", *arguments, "--pes", "1..64*2", "--index", "2..8")


def test_an_empty_journal_is_in_nobodys_way(eie, tiny):
    (eie.folder / "out.json.part").write_text("")
    eie("explore", "--quiet", "--suite", tiny, "--out", "out.json")
    assert not (eie.folder / "out.json.part").exists()


def test_output_that_cannot_be_written(eie, tiny):
    eie.fails(3, "nowhere/out.json", "explore", "--quiet", "--suite", tiny, "--out", "nowhere/out.json")
    eie.fails(2, "empty", "explore", "--quiet", "--suite", tiny, "--out", "")
    eie.fails(3, "/dev/full", "explore", "--quiet", "--suite", tiny, "--out", "/dev/full")
    printed = json.loads(eie("explore", "--quiet", "--suite", tiny, "--out", "/dev/stdout").stdout)
    assert len(printed["points"]) == 3


def test_precision(eie, tiny):
    found = run(eie, tiny, "--precision")["precision"]
    assert len(found) == 3 * 7
    by = {(row["layer"], row["arithmetic"]): row["relative_rms_error"] for row in found}
    for layer in ("even", "sparse", "odd"):
        assert by[layer, "fixed8"] > by[layer, "fixed16"] >= by[layer, "fixed32"]
        assert by[layer, "fixed8-wide"] <= by[layer, "fixed8"] and math.isfinite(by[layer, "float32"])


def test_groups_take_samples_in_turn(eie, tiny):
    """Two groups of four PEs on two samples take as long as four PEs take for the longer one."""

    def points(*words):
        return {row["layer"]: row for row in run(eie, tiny, *words)["points"]}

    first, both = points("--pes", "4"), points("--pes", "4", "--samples", "2")
    groups = points("--pes", "8", "--groups", "2", "--samples", "2")
    for layer, row in groups.items():
        one, two = first[layer]["cycles"], both[layer]["cycles"]
        assert row["cycles"] == max(one, two - one) < two
        assert row["groups"] == 2 and row["samples"] == 2 and row["pes"] == 8 and first[layer]["samples"] == 1
        for name in ("entries", "weights", "broadcasts", "pointer_pair_reads", "spmat_line_reads"):
            assert row[name] == both[layer][name]
        classes = sum(row[f"pe_cycles_{name}"] for name in ("work", "empty_column", "scan", "fill", "imbalance", "load"))
        assert classes == 8 * row["cycles"] and row["busiest_pe_cycles"] <= row["cycles"]
        for name in ("area_mm2", "spmat_bytes_all_pes"):
            assert row[name] == pytest.approx(2 * first[layer][name], abs=1)
        assert row["spmat_bytes_fullest_pe"] == first[layer]["spmat_bytes_fullest_pe"]
        assert row["energy_arithmetic_j"] == pytest.approx(both[layer]["energy_arithmetic_j"])
    everything = points("--pes", "4", "--samples", "all")
    assert all(row["samples"] == 4 and row["cycles"] > both[layer]["cycles"] for layer, row in everything.items())
    eie.fails(2, "--groups 3 does not divide 8 PEs", "explore", "--suite", tiny, "--pes", "8", "--groups", "1,3", "--quiet")
    eie.fails(2, "take as many samples at once", "explore", "--suite", tiny, "--pes", "8", "--groups", "2", "--quiet")
    eie.fails(2, "--samples 5: layer", "explore", "--suite", tiny, "--samples", "5", "--quiet")
    eie.fails(2, "--samples x", "explore", "--suite", tiny, "--samples", "x", "--quiet")


def test_the_real_layer(eie, models):
    eie("explore", "--suite", "real", "--quiet", "--out", "real.json", env={"EIE_MODELS": models})
    (point,) = json.loads((eie.folder / "real.json").read_text(encoding="utf-8"))["points"]
    assert point["cycles"] == pytest.approx(7926, rel=0.001)
    eie.fails(3, "EIE_MODELS", "explore", "--suite", "real", "--quiet")
