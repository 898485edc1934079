"""Intervals that hold the drift between visits: of rows, of ratios, of means; and which samples a ratio is of."""

import math
from dataclasses import replace

import numpy
import pytest
from conftest import cell, page, run_report, scattered, with_visits
from test_references import alone

from plots.core import (
    drift,  # conftest has put the repository on the path
    ratios,
)
from plots.core.cells import Cell, missing
from plots.core.load import load
from plots.core.means import geometric_mean
from plots.core.references import References, common_samples, compared
from plots.tables import quiet

NOISE, DRIFT, SAMPLES = 0.03, 0.10, 9
RUNS, ROWS = 50, 6  # of each number of visits


# ---- coverage ----------------------------------------------------------------------------------


def run_of(generator):
    """{visits: the ratios' logarithms about the true one} of a made-up run: [visit][side] samples for each row."""
    rows = []
    for visits in (1, 2, 3, 4):
        moved = generator.normal(0, DRIFT, (ROWS, visits, 1, 1)) * [[[1], [0]]]
        rows += list(numpy.exp(moved + generator.normal(0, NOISE, (ROWS, visits, 2, SAMPLES))))
    return rows


def drift_of(rows):
    logs = [numpy.log(row) for row in rows]
    return drift.of_run(
        [
            (
                numpy.subtract(*numpy.median(row, axis=2).T),
                [drift.median_error(visit[0]) + drift.median_error(visit[1]) for visit in row],
            )
            for row in logs
        ]
    )


def test_intervals_hold_with_drift_between_visits():
    generator, held = numpy.random.default_rng(3), {visits: [] for visits in (1, 2, 3, 4)}
    found = []
    for _ in range(RUNS):
        rows = run_of(generator)
        found.append(drift_of(rows))
        for row in rows:
            ratio = ratios.over_visits(row[:, 0].tolist(), row[:, 1].tolist(), found[-1])
            held[len(row)].append(ratio.low <= 1 <= ratio.high)
    assert numpy.mean(found) == pytest.approx(DRIFT, rel=0.1)
    for visits, hits in held.items():
        assert 0.90 <= numpy.mean(hits) <= 0.99, (visits, numpy.mean(hits))


def test_without_the_runs_drift_several_visits_tell_it_themselves():
    """Student's t over the visits; one visit knows nothing of drift."""
    generator, held = numpy.random.default_rng(5), {}
    for row in (row for _ in range(30) for row in run_of(generator)):
        ratio = ratios.over_visits(row[:, 0].tolist(), row[:, 1].tolist())
        held.setdefault(len(row), []).append(ratio.low <= 1 <= ratio.high)
    assert numpy.mean(held[1]) < 0.5
    assert all(0.90 <= numpy.mean(held[visits]) <= 0.99 for visits in (2, 3, 4)), {
        visits: numpy.mean(hits) for visits, hits in held.items()
    }


def test_half_widths_by_hand():
    assert drift.half_width([0.0], [0.01], [9], None) == 0
    assert drift.half_width([0.0, 0.2], [0, 0], [9, 9], None) == pytest.approx(12.706 * 0.1, rel=1e-4)
    assert drift.half_width([0.0], [0.0], [9], 0.1) == pytest.approx(2.306 * 0.1, rel=1e-4)
    assert drift.half_width([0.0, 0.2], [0, 0], [9, 9], 0.1) == pytest.approx(2.262 * math.sqrt(0.1 / 9 / 2), rel=1e-4)
    assert drift.half_width([0.0, 0.0], [0, 0], [9, 1], 0.1) > drift.half_width([0.0, 0.0], [0, 0], [5, 5], 0.1)


def test_the_drift_of_a_run():
    rows = [([0.0, 0.1], [0.0, 0.0])] * drift.FEWEST_ROWS
    assert drift.of_run(rows[1:]) is None and drift.of_run(rows[1:] + [([0.0], [0.0])]) is None
    assert drift.of_run(rows) == pytest.approx(1.4826 * 0.05 * math.sqrt(2))
    assert drift.of_run(rows + [([0.0, 9.0], [0.0, 0.0])]) == drift.of_run(rows)  # one that jumps
    assert drift.of_run([([0.0, 0.1], [0.02, 0.02])] * 9) == 0  # no more than the samples say


# ---- rows --------------------------------------------------------------------------------------


def twice_visited(document, rows, factor=1.2):
    """Of the measured rows so many have a second visit, slower by the factor; the others one."""
    measured = [number for number, row in enumerate(document["benchmarks"]) if row["eie_time_source"] == "wall"]
    for place, number in enumerate(measured):
        row = document["benchmarks"][number]
        time = row["eie_median_ns"]
        visits = {1: scattered(time, 0.001)} | ({2: scattered(factor * time, 0.001)} if place < rows else {})
        document["benchmarks"][number] = with_visits(row, visits)
    return len(measured)


def test_a_row_that_was_visited_once_is_as_wide_as_others_drift(document, save, tmp_path):
    count = twice_visited(document, 10)
    results = load(save(document))
    moved = 1.4826 * math.log(1.2) / math.sqrt(2)
    assert results.drift == pytest.approx(moved, rel=1e-3)
    row = [row for row in results.rows if not row.is_model][-1]
    assert math.log(row.interval[1] / row.median_ns) == pytest.approx(2.306 * moved, rel=1e-3)
    assert quiet.resolution(results) > math.sqrt(2) * 0.3
    done = run_report(save(document), "--out", tmp_path / "out")
    words = f"{count - 10} of {count} rows were visited once: their intervals include the {100 * moved:.1f} % (d) by which"
    assert words in page(tmp_path / "out") and words in " ".join(done.stdout.split())
    assert "How far ratios within visits move from visit to visit is unknown" in page(tmp_path / "out")
    twice_visited(document, count)
    assert "Ratios within visits have moved by 0.0 % (d) from visit to visit" in " ".join(quiet.head(load(save(document))))


def test_too_few_rows_visited_again_leave_drift_unknown(document, save):
    count = twice_visited(document, 7)
    results = load(save(document))
    row = [row for row in results.rows if not row.is_model][-1]
    assert results.drift is None and row.interval == row.sampled_interval
    words = f"{count - 7} of {count} rows were visited once: how far rows move between visits is unknown"
    assert words in quiet.head(results)[-1]


def test_the_target_is_held_against_the_samples_alone(document, save):
    """As the run itself decides: drift is nothing that --resume mends."""
    twice_visited(document, 10)
    results = load(save(document))
    assert quiet.wide_rows(results) and len(quiet.off_target(results)) == 10


# ---- which samples -----------------------------------------------------------------------------


def pair(save, over, under):
    """The samples that count, from {visit: (undisturbed, disturbed)} of two rows."""
    document = alone([("peers_x_sgemv", {1: [1.0]}), ("mine", {1: [1.0]})])
    for row, visits in zip(document["benchmarks"], (over, under)):
        kept = {visit: sides[0] for visit, sides in visits.items() if sides[0]}
        counted = kept or {visit: sides[1] for visit, sides in visits.items()}  # the file's own choice, row by row
        row |= with_visits(row, counted)
        if kept and any(sides[1] for sides in visits.values()):
            row |= {
                "eie_disturbed_ns": [time for sides in visits.values() for time in sides[1]],
                "eie_disturbed_visits": [visit for visit, sides in visits.items() for _ in sides[1]],
            }
        elif not kept:
            row |= {"eie_disturbed_counted": True, "eie_disturbed_at": list(range(len(row["eie_samples_ns"])))}
    return common_samples(*load(save(document)).rows)


def test_a_visit_compares_undisturbed_samples_of_both(save):
    """One row's file counts all its samples, the other's the undisturbed: a ratio takes one basis for both."""
    over, under, disturbed = pair(save, {1: ([10.0] * 3, [99.0] * 9)}, {1: ([5.0] * 4, [50.0])})
    assert over == ((10.0,) * 3,) and under == ((5.0,) * 4,) and disturbed == (False, False)


def test_only_quiet_visits_count_where_there_is_one(save):
    over, under, disturbed = pair(save, {1: ([10.0] * 3, []), 2: ([], [77.0] * 9)}, {1: ([5.0] * 3, []), 2: ([9.0] * 9, [])})
    assert over == ((10.0,) * 3,) and under == ((5.0,) * 3,) and disturbed == (False, False)


def test_without_a_quiet_visit_all_samples_of_both_count(save):
    """What was set apart of one side comes back, since the other has nothing else there."""
    over, under, disturbed = pair(save, {1: ([10.0] * 2, [30.0])}, {1: ([], [5.0] * 4)})
    assert over == ((10.0, 10.0, 30.0),) and under == ((5.0,) * 4,) and disturbed == (True, True)


def test_visits_of_few_samples_count_only_alone(save):
    few, enough = ([8.0] * 2, []), ([10.0] * 3, [])
    over, _, disturbed = pair(save, {1: few, 2: enough}, {1: few, 2: enough})
    assert over == ((10.0,) * 3,) and disturbed == (False, False)
    assert pair(save, {1: few}, {1: few}) == (((8.0, 8.0),), ((8.0, 8.0),), (False, False))


def test_visits_weigh_by_their_samples():
    ratio = ratios.over_visits([[2.0] * 3, [4.0] * 9], [[1.0] * 9, [1.0] * 9])
    assert ratio.value == pytest.approx(math.exp((3 * math.log(2) + 9 * math.log(4)) / 12))


def test_disturbed_ratios_are_marked(document, save, tmp_path):
    for number, row in enumerate(document["benchmarks"]):
        if row["eie_time_source"] == "wall":
            row = with_visits(row, {1: scattered(row["eie_median_ns"])})
            if row["eie_layer"] == "Alex-7":
                row |= {"eie_disturbed_counted": True, "eie_disturbed_at": list(range(9))}
            document["benchmarks"][number] = row
    done = run_report(save(document), "--out", tmp_path / "out")
    shown = page(tmp_path / "out")
    assert " %~ d" in shown and " %~" in done.stdout
    assert (
        "Layers on which disturbed samples count (~)" in shown
        and "best kernel over best dense, 1 thread, cache llc: Alex-7" in shown
    )
    over = cell(tmp_path / "out", "fig6_host_threads1", "Alex-7", "scalar_eie_stream@1")
    assert "disturbed samples count" in over["source"]
    assert "disturbed" not in cell(tmp_path / "out", "fig6_host_threads1", "Alex-8", "scalar_eie_stream@1")["source"]


def test_the_interval_of_a_disturbed_ratio_reaches_to_the_least_samples(save):
    """A disturbance only makes a sample longer: the undisturbed median lies between the least sample and the median."""
    quiet, busy = ([5.0] * 9, []), ([], [20.0] + [30.0] * 8)
    sides = {"over": (busy, quiet), "under": (quiet, busy)}
    for side, (over, under) in sides.items():
        document = alone([("peers_x_sgemv", {1: over[0] + over[1]}), ("mine", {1: under[0] + under[1]})])
        document["benchmarks"][side == "under"] |= {"eie_disturbed_counted": True, "eie_disturbed_at": list(range(9))}
        ratio = compared(*load(save(document)).rows)
        assert ratio.disturbed and ratio.value == pytest.approx(6 if side == "over" else 1 / 6)
        assert (ratio.low, ratio.high) == pytest.approx((4, 6) if side == "over" else (1 / 6, 1 / 4))


# ---- means -------------------------------------------------------------------------------------


def measured(value, half=None):
    ends = {} if half is None else {"low": value / math.exp(half), "high": value * math.exp(half)}
    return Cell(value, "x", "derived", "made up", unsure=half is None, **ends)


def test_a_layer_without_an_interval_takes_the_widest():
    mean = geometric_mean([measured(2.0, 0.1), measured(2.0, 0.3), measured(2.0)], "three")
    assert math.log(mean.high / mean.value) == pytest.approx(math.sqrt(0.1**2 + 0.3**2 + 0.3**2) / 3)
    assert mean.margin().endswith("%!") and not mean.blind


def test_disturbances_of_a_mean_add_up():
    """They go in the same direction on all layers, and on the way to a mean nothing of them cancels."""
    busy = [replace(measured(2.0, half), disturbed=True) for half in (0.2, 0.4)]
    mean = geometric_mean([measured(2.0, 0.3), *busy], "three")
    assert math.log(mean.high / mean.value) == pytest.approx(math.hypot(0.3, 0.2 + 0.4) / 3) and mean.disturbed


def test_a_mean_of_which_nothing_is_known_says_so():
    assert geometric_mean([measured(2.0), measured(3.0)], "two").margin() == "+-?"
    assert geometric_mean([Cell(2.0, "x", "cited", "a paper")] * 2, "cited").margin() == ""


def test_layers_without_an_interval_are_named(document, save, tmp_path):
    for number, row in enumerate(document["benchmarks"]):
        if row["eie_time_source"] == "wall":
            count = 4 if row["eie_layer"] == "VGG-7" else 9
            document["benchmarks"][number] = with_visits(row, {1: scattered(row["eie_median_ns"], count=count)})
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    over = cell(tmp_path / "out", "headline_host", "best kernel over best dense, 1 thread", "cache llc")
    assert float(over["low"]) < 5 < float(over["high"])
    assert "Layers without an interval, for want of samples" in page(tmp_path / "out")
    assert "best kernel over best dense, 1 thread, cache llc: VGG-7" in page(tmp_path / "out")


def test_a_missing_layer_is_none_without_interval():
    assert not missing("none", "measured", "why").is_unsure


def test_ratios_of_a_file_know_its_drift(save):
    rows = [("peers_x_sgemv", {1: scattered(1000), 2: scattered(1000)})]
    rows += [(f"mine{number}", {1: scattered(100), 2: scattered(120)}) for number in range(8)]
    rows += [("once", {1: scattered(100)})]
    results = load(save(alone(rows)))
    references = References(results)
    assert references.drift == pytest.approx(1.4826 * math.log(1.2) / math.sqrt(2), rel=0.01)
    once = references.over(next(row for row in results.rows if row.kernel == "once"), "dense")[1]
    assert math.log(once.high / once.value) == pytest.approx(2.306 * references.drift, rel=0.01)
