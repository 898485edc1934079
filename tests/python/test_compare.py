"""Comparing two made-up results files: verdicts, drift, what is named, exit codes, hostile files."""

import copy
import json
import math
import os
import random
import subprocess

import pytest
from conftest import PROGRAM, PROGRAM_ENVIRONMENT, base_row, missing_row, scattered, with_number, with_visits

from plots.compare import compare as compare_program  # conftest has put the repository on the path
from plots.compare import merge as merge_program
from plots.compare.merge import merge
from plots.core import ratios
from plots.core.load import load

STREAM, BASELINE, OTHER = "scalar_eie_stream", "peers_openblas_sgemv", "fake_eie_pool"
GEMM = "peers_openblas_sgemm"
FIVE = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7")
CONTEXT = {
    "date": "2000-01-01T00:00:00+00:00",
    "num_cpus": 4,
    "eie_format": "1",
    "eie_cpu_name": "Made-up CPU",
    "eie_cpu_features": "fake1",
    "eie_cores": 4,
    "eie_hardware_threads": 4,
    "eie_revision": "0000000",
}


def row(kernel=STREAM, time=1000.0, noise=0.01, layer="Alex-7", threads=1, cache="hot", count=31, batch=1, **further):
    """A measured row whose samples scatter evenly about `time`, by at most the share `noise`."""
    samples = [time * (1 + noise * (2 * step / (count - 1) - 1)) for step in range(count)]
    random.Random(3).shuffle(samples)
    flags = ["float32"] if kernel.startswith("peers_") or "_float_" in kernel else ["exact"]
    made = with_number(base_row("paper", layer, kernel, flags, "cpu", batch, threads, cache, "wall"), time)
    return made | {"eie_samples_ns": samples} | further


def model(time=500.0, **further):
    return (
        with_number(
            base_row("paper", "Alex-7", "model_eie_analytic", ["estimate"], "eie-64pe-45nm", 1, 0, "none", "model"),
            time,
            eie_cycles=400.0,
        )
        | further
    )


def without(status, reason="why", kernel=STREAM):
    return missing_row("paper", "Alex-7", kernel, ["exact"], 1, "hot", status, reason)


def results(*rows, missing=(), **context):
    return {"context": CONTEXT | context, "benchmarks": list(rows), "eie_missing": list(missing)}


class Done:
    def __init__(self, code, out, err, document=None):
        self.code, self.out, self.err, self.document = code, out, err, document

    def verdicts(self):
        return [row["verdict"] for row in self.document["rows"]]

    def of(self, kernel, layer="Alex-7"):
        (found,) = [row for row in self.document["rows"] if (row["kernel"], row["layer"]) == (kernel, layer)]
        return found


@pytest.fixture
def call(capsys):
    def run(program, *arguments):
        try:
            code = program.main([str(argument) for argument in arguments])
        except SystemExit as exit:
            code = exit.code
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def compare(save, call, tmp_path):
    """`floor`: results files of one program, or True for five that are as the old one but for a tenth of a percent."""

    def run(old, new, *arguments, floor=()):
        out = tmp_path / "compared.json"
        paths = [save(document, name) for document, name in ((old, "old.json"), (new, "new.json"))]
        documents = again(old, 5) if floor is True else floor
        runs = [save(document, f"floor{number}.json") for number, document in enumerate(documents)]
        done = call(compare_program, *paths, "--json", out, *(["--floor", *runs] if runs else []), *arguments)
        done.document = json.loads(out.read_text(encoding="utf-8")) if out.exists() else None
        out.unlink(missing_ok=True)
        return done

    return run


def again(document, count, scatter=0.001, seed=1):
    """So many further runs of what a document holds; the rows scatter on their own."""
    made, generator = [copy.deepcopy(document) for _ in range(count)], random.Random(seed)
    for run in made:
        for found in run["benchmarks"]:
            slow_down(found, math.exp(generator.gauss(0, scatter)))
    return made


def slow_down(found, factor):
    for name in ("eie_median_ns", "real_time"):
        found[name] *= factor
    found["eie_samples_ns"] = [factor * time for time in found["eie_samples_ns"]]


def fails(done, *words):
    """Exit code 2, one line, nothing written."""
    assert done.code == 2 and done.out == "" and done.document is None, (done.code, done.out)
    assert done.err.startswith("compare: ") and len(done.err.splitlines()) == 1, done.err
    assert all(word in done.err for word in words), done.err


# ---- verdicts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "factor, verdict, code", [(1.2, "slower", 1), (1 / 1.2, "faster", 0), (1.01, "same", 0), (1.05, "ambiguous", 0)]
)
def test_verdict_of_the_plain_ratio(compare, factor, verdict, code):
    done = compare(results(row()), results(row(time=1000 * factor)), "--absolute", floor=True)
    assert (done.verdicts(), done.code) == ([verdict], code), done.out
    found = done.of(STREAM)
    assert found["absolute"]["ratio"] == pytest.approx(factor) and found["basis"] == "absolute"
    assert found["absolute"]["low"] < factor < found["absolute"]["high"] and found["relative"] is None
    assert done.document["exit_code"] == code and done.out.endswith(done.document["verdict"] + "\n")


def test_noise_is_ambiguous(compare):
    done = compare(results(row(noise=0.9)), results(row(time=1200, noise=0.9)))
    assert done.verdicts() == ["ambiguous"] and done.code == 0 and "1 ambiguous" in done.document["verdict"]


def test_threshold(compare):
    old, new = results(row()), results(row(time=1100))
    assert [compare(old, new, "--absolute", "--threshold", text, floor=True).code for text in ("5", "20")] == [1, 0]


def test_few_samples_are_no_verdict(compare):
    done = compare(results(row()), results(row(time=2000, count=5)))
    assert done.verdicts() == ["ambiguous"] and "5 samples are too few" in done.out and done.code == 0


def test_worst_comes_first(compare):
    layers = {"Alex-6": 1.1, "Alex-7": 1.5, "Alex-8": 0.5, "VGG-6": 1.0}
    done = compare(
        results(*[row(layer=layer) for layer in layers]),
        results(*[row(layer=layer, time=1000 * factor) for layer, factor in layers.items()]),
        "--absolute",
        floor=True,
    )
    assert [found["layer"] for found in done.document["rows"]] == ["Alex-7", "Alex-6", "VGG-6", "Alex-8"]
    assert done.verdicts() == ["slower", "slower", "same", "faster"]
    assert "worst 1.500x" in done.document["verdict"] and "Alex-7" in done.document["verdict"]
    (mean,) = done.document["kernels"]
    assert mean["kernel"] == STREAM and mean["mean_ratio"] == pytest.approx((1.1 * 1.5 * 0.5) ** 0.25)


def test_all_that_is_printed_is_reproducible(compare):
    old, new = results(row(), row(BASELINE)), results(row(time=1040, noise=0.03), row(BASELINE, time=990))
    assert compare(old, new).out == compare(old, new).out


# ---- the baseline ------------------------------------------------------------------------------


def test_drift_of_the_machine_is_cancelled_by_the_baseline(compare):
    old = results(row(), row(BASELINE, time=5000))
    new = results(row(time=1300), row(BASELINE, time=6500))
    done = compare(old, new, floor=True)
    assert done.of(STREAM)["verdict"] == "same" and done.of(STREAM)["basis"] == "baseline" and done.code == 0
    assert done.of(STREAM)["relative"]["ratio"] == pytest.approx(1)
    assert done.of(STREAM)["absolute"]["ratio"] == pytest.approx(1.3)
    assert done.of(BASELINE)["verdict"] == "baseline"
    assert "against the dense baseline" in done.out and "1.300x" in done.out
    absolute = compare(old, new, "--absolute", floor=True)
    assert absolute.verdicts() == ["slower", "slower"] and absolute.code == 1
    assert absolute.of(STREAM)["relative"]["ratio"] == pytest.approx(1) and "plain ratio" in absolute.out


def test_a_slowdown_that_a_faster_machine_hides(compare):
    done = compare(results(row(), row(BASELINE)), results(row(time=1000), row(BASELINE, time=800)), floor=True)
    assert done.of(STREAM)["verdict"] == "slower" and done.code == 1


@pytest.mark.parametrize("change", [{"threads": 2}, {"cache": "llc"}, {"layer": "Alex-6"}])
def test_the_baseline_of_another_group_is_none(compare, change):
    done = compare(results(row(), row(BASELINE, **change)), results(row(), row(BASELINE, time=2000, **change)))
    assert done.of(STREAM)["basis"] == "absolute" and done.of(STREAM)["verdict"] == "not known"
    (other,) = [found for found in done.document["rows"] if found["kernel"] == BASELINE]
    assert other["basis"] == "absolute" and other["verdict"] == "differs in this pair"  # a row like any other


@pytest.mark.parametrize("old, new", [({}, {"eie_library": "another"}), ({"eie_run": 0}, {"eie_run": 1})])
def test_a_baseline_that_is_not_the_same_is_none(compare, old, new):
    """Another library; or timed in another run than the row."""
    done = compare(
        results(row(eie_run=0), row(BASELINE, **{"eie_run": 0} | old)),
        results(row(eie_run=0), row(BASELINE, **{"eie_run": 0} | new)),
    )
    assert done.of(STREAM)["basis"] == "absolute" and done.of(STREAM)["relative"] is None


def test_the_baseline_is_the_fastest_row_of_equal_code(compare):
    """The new file has a faster library, and another version of a third one: neither divides."""
    old = results(row(), row(BASELINE, time=5000), row("peers_mkl_sgemv", time=4000, eie_library="MKL 1"))
    new = results(
        row(time=1300),
        row(BASELINE, time=6500),
        row("peers_mkl_sgemv", time=2000, eie_library="MKL 2"),
        row("peers_other_sgemv", time=1000),
    )
    done = compare(old, new)
    assert done.of(STREAM)["verdict"] == "not known" and done.of(STREAM)["relative"]["ratio"] == pytest.approx(1)
    assert done.of(BASELINE)["verdict"] == "baseline" and BASELINE in done.out
    both = compare(
        results(row(), row(BASELINE, time=5000), row("peers_mkl_sgemv", time=2500)),
        results(row(), row(BASELINE, time=9000), row("peers_mkl_sgemv", time=2500)),
    )
    assert both.of("peers_mkl_sgemv")["verdict"] == "baseline" and both.of(BASELINE)["verdict"] != "baseline"
    assert both.of(STREAM)["relative"]["ratio"] == pytest.approx(1)


@pytest.mark.parametrize("change", [{"eie_library": "OpenBLAS 2"}, {"eie_library_core": "Haswell"}])
def test_another_version_or_code_path_is_no_baseline_and_said(compare, change):
    same = {"eie_library": "OpenBLAS 1", "eie_library_core": "SkylakeX"}
    done = compare(results(row(), row(BASELINE, **same)), results(row(), row(BASELINE, **same | change)))
    assert done.of(STREAM)["basis"] == "absolute"
    assert "in 1 groups no dense row is of equal library, version and code path in both files" in done.out


def test_our_own_dense_row_divides_where_libraries_changed(compare):
    own = "avx512_float_dense"
    old = results(row(), row(BASELINE, eie_library="1"), row(own, time=5000))
    new = results(row(time=1300), row(BASELINE, time=500, eie_library="2"), row(own, time=6500))
    done = compare(old, new)
    assert done.of(STREAM)["verdict"] == "not known" and done.of(STREAM)["basis"] == "baseline" and own in done.out


def test_ratios_to_the_baseline_are_formed_within_visits(compare):
    """In the new file the row has most samples from a slow visit, the baseline from a quick one."""

    def visited(made, visits):
        return with_visits(made, {visit: scattered(time, count=count) for visit, (time, count) in visits.items()})

    old = results(visited(row(), {1: (1000, 9)}), visited(row(BASELINE), {1: (5000, 9)}))
    new = results(visited(row(), {1: (1000, 7), 2: (3000, 20)}), visited(row(BASELINE), {1: (5000, 20), 2: (15000, 7)}))
    found = compare(old, new).of(STREAM)
    assert found["relative"]["ratio"] == pytest.approx(1) and found["absolute"]["ratio"] > 2


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_another_choice_is_neither_slower_nor_faster(compare, factor):
    chosen = [
        row("cpu_auto", time=1000 * times, eie_chosen_kernel=kernel)
        for times, kernel in ((1, "avx512_word_lookup"), (factor, "avx512_byte_lookup"))
    ]
    done = compare(results(chosen[0]), results(chosen[1]), "--absolute", floor=True)
    assert done.verdicts() == ["choice changed"] and done.code == 0 and "1 choice changed" in done.document["verdict"]
    assert done.of("cpu_auto")["note"] == "avx512_word_lookup -> avx512_byte_lookup"
    kept = compare(
        results(chosen[0]), results(chosen[1] | {"eie_chosen_kernel": "avx512_word_lookup"}), "--absolute", floor=True
    )
    assert kept.verdicts() == [{0.5: "faster", 1.0: "same", 2.0: "slower"}[factor]]


def test_a_selection_keeps_its_baseline(compare):
    done = compare(results(row(), row(BASELINE)), results(row(time=1300), row(BASELINE, time=1300)), "--kernel", STREAM)
    assert done.verdicts() == ["not known"] and done.of(STREAM)["basis"] == "baseline"


def test_a_baseline_alone_is_judged(compare):
    done = compare(
        results(row(), row(BASELINE)),
        results(row(), row(BASELINE, time=1300)),
        "--kernel",
        "peers_*",
        "--absolute",
        floor=True,
    )
    assert done.verdicts() == ["slower"] and done.code == 1


def test_a_row_of_a_split_group_has_a_baseline_of_its_own(compare):
    old = results(row(), row(BASELINE, time=5000))
    new = results(row(time=1300, eie_part=1, eie_part_baseline_ns=6500), row(BASELINE, time=5000))
    done = compare(old, new)
    assert done.of(STREAM)["relative"]["ratio"] == pytest.approx(1) and done.of(STREAM)["verdict"] == "not known"


def test_a_baseline_that_scatters_widens_the_intervals(compare):
    factors = {"Alex-6": 1.1, "Alex-7": 0.9, "Alex-8": 1.1, "VGG-6": 0.9}
    old = results(*[row(kernel, layer=layer) for layer in factors for kernel in (STREAM, BASELINE)])
    new = results(
        *[row(layer=layer) for layer in factors],
        *[row(BASELINE, layer=layer, time=1000 * factor) for layer, factor in factors.items()],
    )
    done = compare(old, new)
    assert set(done.verdicts()) == {"ambiguous", "baseline"} and done.code == 0
    assert done.document["baseline_scatter"] == pytest.approx(0.149, abs=0.002) and "widens every interval" in done.out


def groups(factors, row_factor=1.0, batch=1, baseline=BASELINE):
    """A file with a row and a baseline for each layer; `factors` of the baselines' times."""
    return results(
        *[row(layer=layer, time=1000 * row_factor, batch=batch) for layer in factors],
        *[row(baseline, layer=layer, time=5000 * factor, batch=batch) for layer, factor in factors.items()],
    )


STEADY = dict.fromkeys(FIVE, 1.0)


def test_a_baseline_that_stumbled_makes_no_slowdown(compare):
    """One of five groups has a baseline that was 11 times too slow in the old file."""
    done = compare(groups(STEADY | {"Alex-8": 11.0}), groups(STEADY, 0.945), floor=again(groups(STEADY), 5))
    found = done.of(STREAM, "Alex-8")
    assert done.code == 0 and found["verdict"] == "ambiguous"
    assert found["relative"]["ratio"] == pytest.approx(0.945 * 11) and found["absolute"]["ratio"] == pytest.approx(0.945)
    assert found["note"] == "its baseline changed by 0.091x (d), the median one by 1.000x (d)" and found["note"] in done.out
    assert {done.of(STREAM, layer)["verdict"] for layer in FIVE if layer != "Alex-8"} == {"faster"}
    (mean,) = [kernel for kernel in done.document["kernels"] if kernel["kernel"] == STREAM]
    assert mean["mean_ratio_by_baseline"] == pytest.approx(0.945) and "1 rows have a baseline" in done.out


def test_a_true_slowdown_beside_a_baseline_that_stumbled(compare):
    done = compare(groups(STEADY | {"Alex-8": 11.0}), groups(STEADY, 1.2), floor=again(groups(STEADY), 5))
    assert done.code == 1 and sorted(done.verdicts()) == ["ambiguous"] + ["baseline"] * 5 + ["slower"] * 4


def test_a_part_has_a_baseline_that_stumbles_alone(compare):
    old, new = groups(STEADY), groups(STEADY)
    new["benchmarks"][0]["eie_part_baseline_ns"] = 5000 / 11
    done = compare(old, new)
    assert done.code == 0 and done.of(STREAM, "Alex-6")["verdict"] == "ambiguous"
    assert done.of(STREAM, "Alex-7")["verdict"] == "not known"


def test_a_row_that_became_faster_is_not_called_slower_by_a_single_baseline(compare):
    """Two groups are too few to tell which baseline stumbled; the plain ratio says the contrary."""
    old, new = groups({"Alex-6": 1.0, "Alex-7": 1.3}), groups({"Alex-6": 1.0, "Alex-7": 1.0}, 0.9)
    done = compare(old, new)
    assert done.code == 0 and done.of(STREAM, "Alex-7")["verdict"] == "ambiguous"
    assert "the other way" in done.of(STREAM, "Alex-7")["note"]


def test_baselines_that_all_drift_alike_are_believed_against_the_plain_ratio(compare):
    """A machine that became 30 % faster hides a slowdown by 20 %."""
    done = compare(groups(STEADY), groups(dict.fromkeys(FIVE, 0.7), 0.9), floor=True)
    assert done.code == 1 and done.verdicts().count("slower") == 5


def test_the_scatter_counts_twice(compare):
    """The row varies from run to run, and so does its baseline."""
    factors = dict(zip(FIVE, (1.0, 1.01, 0.99, 1.02, 0.98)))
    done = compare(groups(STEADY), groups(factors))
    found, scatter = done.of(STREAM)["relative"], done.document["baseline_scatter"]
    own = compare(results(row(), row(BASELINE, time=5000)), results(row(), row(BASELINE, time=5050))).of(STREAM)
    half = math.log(own["relative"]["high"] / own["relative"]["ratio"])
    assert scatter == pytest.approx(1.4826 * 0.01, rel=0.03)
    assert math.log(found["high"] / found["ratio"]) == pytest.approx(
        math.hypot(half, 1.96 * math.sqrt(2) * scatter), rel=1e-6
    )


# ---- batch 64 ----------------------------------------------------------------------------------


def test_the_baseline_at_batch_64_is_gemm(compare):
    """A machine that is slower by 20 % makes no row slower."""
    done = compare(groups(STEADY, 1.0, 64, GEMM), groups(dict.fromkeys(FIVE, 1.2), 1.2, 64, GEMM), floor=True)
    assert done.code == 0 and sorted(done.verdicts()) == ["baseline"] * 5 + ["same"] * 5
    assert done.of(STREAM)["basis"] == "baseline" and done.of(STREAM)["absolute"]["ratio"] == pytest.approx(1.2)
    slower = compare(groups(STEADY, 1.0, 64, GEMM), groups(STEADY, 1.2, 64, GEMM), floor=True)
    assert slower.code == 1 and slower.verdicts().count("slower") == 5


# ---- single runs without a baseline ------------------------------------------------------------


@pytest.mark.parametrize("factor, code", [(2.0, 4), (0.5, 0)])
def test_two_single_runs_differ_and_no_more(compare, factor, code):
    old, new = results(row()), results(row(time=1000 * factor))
    for arguments in ((), ("--absolute",)):
        done = compare(old, new, *arguments)
        assert done.code == code and done.verdicts() == ["differs in this pair"]
        assert "no --floor" in done.document["verdict"] and done.of(STREAM)["could_see_percent"] is None
    assert compare(old, new, floor=True).verdicts() == ["slower" if factor > 1 else "faster"]


def test_a_row_without_a_baseline_knows_how_much_the_others_scatter(compare):
    """Its group has no baseline; those of the other groups scatter and drift."""

    def both(factors, time):
        document = groups(factors)
        document["benchmarks"].append(row(OTHER, layer="NT-We", time=time))
        return document

    done = compare(both(STEADY, 1000), both(STEADY, 1200), floor=True)
    assert done.of(OTHER, "NT-We")["basis"] == "absolute" and done.of(OTHER, "NT-We")["verdict"] == "slower"
    for factors in (dict(zip(FIVE, (0.8, 0.9, 1.0, 1.1, 1.2))), dict.fromkeys(FIVE, 1.2)):
        found = compare(both(STEADY, 1000), both(factors, 1200)).of(OTHER, "NT-We")
        assert found["verdict"] == "ambiguous" and found["absolute"]["low"] < 1.05
        found = compare(both(STEADY, 1000), both(factors, 1200), floor=again(both(STEADY, 1000), 5)).of(OTHER, "NT-We")
        assert found["verdict"] == "ambiguous" and "the machine changed" in found["note"]


# ---- pairs of runs -----------------------------------------------------------------------------


def merged(save, side, times, pairing="one"):
    runs = [load(save(results(row(time=time), model()), f"{side}{number}.json")) for number, time in enumerate(times)]
    return merge(runs, pairing)


def test_pairs_cancel_a_drift_that_the_samples_contain(compare, save):
    drift = (1000, 1300, 1700, 2200)
    old, new = merged(save, "a", drift), merged(save, "b", [1.1 * time for time in drift])
    done = compare(old, new)
    assert done.of(STREAM)["verdict"] == "slower" and done.of(STREAM)["absolute"]["low"] == pytest.approx(1.1, rel=1e-3)
    new["context"]["eie_pairing"] = "two"
    assert compare(old, new).of(STREAM)["verdict"] == "ambiguous"


def test_pairs_that_disagree_are_ambiguous(compare, save):
    done = compare(merged(save, "a", (1000, 1000, 1000)), merged(save, "b", (1000, 1400, 1100)))
    assert done.of(STREAM)["verdict"] == "ambiguous" and done.code == 0


def test_merging_keeps_every_sample_and_the_order_of_runs(save):
    document = merged(save, "a", (1000, 3000, 2000))
    found = document["benchmarks"][0]
    assert found["eie_run_medians_ns"] == [1000, 3000, 2000] and len(found["eie_samples_ns"]) == 93
    assert found["eie_median_ns"] == found["real_time"] == 2000 and "eie_ci95_low_ns" not in found
    assert len(document["context"]["eie_runs"]) == 3 and document["context"]["eie_pairing"] == "one"


def test_merging_takes_the_worst_status(save):
    runs = [load(save(results(row()), "0.json")), load(save(results(missing=[without("mismatch", "bits")]), "1.json"))]
    (found,) = merge(runs)["eie_missing"]
    assert found["eie_status"] == "mismatch" and found["eie_reason"] == "run 2 of 2: bits"
    assert merge(runs)["benchmarks"] == []


@pytest.mark.parametrize(
    "other, words",
    [
        (results(row(OTHER)), "not in each of the runs"),
        (results(row(), num_cpus=9), "another machine"),
        (results(row(eie_layer_hash="x")), "not the same in all runs"),
        ("{", "not JSON"),
    ],
)
def test_runs_that_do_not_belong_together(save, call, tmp_path, other, words):
    done = call(merge_program, "--out", tmp_path / "m.json", save(results(row()), "0.json"), save(other, "1.json"))
    assert done.code == 2 and words in done.err and len(done.err.splitlines()) == 1
    assert not (tmp_path / "m.json").exists()


# ---- what is named, exit codes -----------------------------------------------------------------


def test_missing_and_added_rows(compare):
    done = compare(results(row(), row(OTHER)), results(row(), row("fake_new")))
    assert done.code == 3 and [found["kernel"] for found in done.document["missing"]] == [OTHER]
    assert "Missing in the new file" in done.out and "1 missing" in done.document["verdict"]
    assert [found["kernel"] for found in done.document["added"]] == ["fake_new"]
    assert compare(results(row()), results(row(), row("fake_new"))).code == 0


def test_another_layer_under_the_same_name(compare):
    done = compare(results(row(), row(OTHER)), results(row(time=9000, eie_layer_hash="changed"), row(OTHER)))
    assert done.code == 3 and done.verdicts() == ["not known"] and "fake-Alex-7 -> changed" in done.out
    assert done.document["not_comparable"][0]["old_layer_hash"] == "fake-Alex-7"


@pytest.mark.parametrize("status, code", [("mismatch", 1), ("error", 3), ("unsupported", 3), ("skipped", 3), ("suspect", 0)])
def test_a_row_that_loses_its_number(compare, status, code):
    lost = without(status, "because") | {"eie_median_ns": 1.0, "eie_samples_ns": [1.0] * 9}
    done = compare(results(row(), row(OTHER)), results(row(OTHER), missing=[lost]))
    assert done.code == code and f"ok -> {status}: because" in done.out and done.verdicts() == ["not known"]


def test_a_row_that_says_ok_without_a_number_has_lost_it(compare):
    done = compare(results(row(), row(OTHER)), results(row(OTHER), missing=[without("ok")]))
    assert done.code == 3 and "ok -> error" in done.out


def test_a_new_row_that_mismatches(compare):
    done = compare(results(row()), results(row(), missing=[without("mismatch", kernel=OTHER)]))
    assert done.code == 1 and "MISMATCH in 1" in done.document["verdict"]


def test_a_mismatch_of_old(compare):
    """It stays one, and is named."""
    done = compare(*[results(row(OTHER), missing=[without("mismatch")])] * 2)
    assert done.code == 1 and "mismatch -> mismatch: why" in done.out


def test_a_row_that_gets_its_number_back(compare):
    done = compare(results(row(OTHER), missing=[without("suspect")]), results(row(), row(OTHER)))
    assert done.code == 0 and "suspect -> ok" in done.out and len(done.document["rows"]) == 1


def test_rows_without_a_number_on_both_sides_are_counted(compare):
    done = compare(
        results(row(OTHER), missing=[without("unsupported")]), results(row(OTHER), missing=[without("unsupported")])
    )
    assert done.code == 0 and "1 rows have no number in either file" in done.out


def test_only_rows_without_a_number_are_no_success(compare):
    done = compare(results(missing=[without("unsupported")]), results(missing=[without("unsupported")]))
    assert done.code == 3 and done.document["verdict"] == "nothing could be compared"


def test_a_slowdown_outweighs_a_missing_row(compare):
    assert compare(results(row(), row(OTHER)), results(row(time=2000)), "--absolute", floor=True).code == 1


def test_model_rows_are_equal_or_changed(compare):
    equal = compare(results(model()), results(model(eie_prepare_ns=77, eie_new_column=1)))
    assert equal.verdicts() == ["same"] and "1 model rows are equal" in equal.out
    changed = compare(results(model()), results(model(eie_cycles=400.1)))
    assert changed.verdicts() == ["changed"] and changed.code == 0
    assert "eie_cycles 400.0 -> 400.1" in changed.out and "1 changed" in changed.document["verdict"]


@pytest.mark.parametrize(
    "change", [{"eie_cpu_name": "Other"}, {"num_cpus": 8}, {"eie_hardware_threads": 8}, {"eie_cpu_features": "fake1,fake2"}]
)
def test_two_machines(compare, change):
    old, new = results(row(), row(BASELINE)), results(row(time=9000), row(BASELINE), **change)
    fails(compare(old, new), "two machines", str(next(iter(change.values()))), "--across-machines")
    done = compare(old, new, "--across-machines")
    assert done.code == 0 and done.verdicts() == ["ratio", "ratio"] and "no verdict" in done.document["verdict"]
    assert done.of(STREAM)["absolute"]["ratio"] == pytest.approx(9)


def test_a_machine_without_a_name(compare):
    fails(compare(results(row()), results(row(), eie_cpu_name="")), "eie_cpu_name", "new.json")


def test_the_same_program_is_named(compare):
    words = "the same program"
    assert words in compare(*[results(row(), eie_binary_sha256="one")] * 2).out
    assert words not in compare(results(row(), eie_binary_sha256="one"), results(row(), eie_binary_sha256="two")).out
    assert words not in compare(results(row()), results(row())).out


def test_other_settings_are_named(compare):
    done = compare(results(row(), eie_build_type="Release"), results(row(), eie_build_type="Debug"))
    assert done.code == 0 and "build_type: Release -> Debug" in done.out


def test_as_a_program(save):
    paths = [save(results(row(time=time)), f"{time}.json") for time in (1000, 2000)]
    floor = [save(run, f"floor{number}.json") for number, run in enumerate(again(results(row()), 4))]
    codes = [
        subprocess.run(PROGRAM + ["compare"] + arguments, capture_output=True, env=PROGRAM_ENVIRONMENT).returncode
        for arguments in (paths, paths[::-1], paths[:1], paths + ["--floor", *floor])
    ]
    assert codes == [4, 0, 2, 1]


# ---- bad input ---------------------------------------------------------------------------------


def test_nothing_in_common(compare):
    fails(compare(results(row()), results(row(OTHER))), "no row in common")


def test_a_glob_that_matches_nothing(compare):
    fails(compare(results(row()), results(row()), "--kernel", "scalar_*", "avx9*"), "'avx9*'")


def test_globs(compare):
    old, new = results(row(), row(OTHER)), results(row(), row(OTHER, time=3000))
    assert [
        len(compare(old, new, "--kernel", *globs).document["rows"])
        for globs in (["scalar_*"], ["scalar_*,fake_*"], ["scalar_*", OTHER])
    ] == [1, 2, 2]
    assert compare(old, new, "--kernel", STREAM).code == 0


@pytest.mark.parametrize(
    "arguments",
    [["--threshold", "x"], ["--threshold", "nan"], ["--threshold", "-1"], ["--frob"], ["--kernel"], ["third.json"]],
    ids=" ".join,
)
def test_bad_usage(compare, arguments):
    fails(compare(results(row()), results(row()), *arguments))


def test_output_over_an_input(compare, tmp_path):
    fails(compare(results(row()), results(row()), "--json", str(tmp_path / "new.json")), "overwrite")
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))["benchmarks"]


def test_output_that_cannot_be_written(compare, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = compare(results(row()), results(row()), "--json", str(tmp_path / "file" / "out.json"))
    assert done.code == 3 and "cannot write" in done.err and len(done.err.splitlines()) == 1


HOSTILE = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "another document": lambda text: "[]",
    "deep": lambda text: "[" * 100000,
    "NaN": lambda text: text.replace("1000.0", "NaN"),
    "infinite": lambda text: text.replace('"eie_median_ns": 1000.0', '"eie_median_ns": 1e999'),
}
FAULTS = {
    "samples missing": {"eie_samples_ns": None},
    "no sample": {"eie_samples_ns": []},
    "samples a string": {"eie_samples_ns": "1000"},
    "a sample a string": {"eie_samples_ns": ["1000"]},
    "a sample true": {"eie_samples_ns": [True] * 9},
    "a sample 0": {"eie_samples_ns": [0.0, 1000.0, 2000.0]},
    "a sample negative": {"eie_samples_ns": [-1.0, 1000.0, 2000.0]},
    "a sample too small": {"eie_samples_ns": [1e-320] * 9, "eie_median_ns": 1e-320},
    "a sample too large": {"eie_samples_ns": [10**400] * 9},
    "another median": {"eie_median_ns": 1100.0},
    "median a string": {"eie_median_ns": "1000"},
    "medians of runs": {"eie_run_medians_ns": [None]},
    "batch": {"eie_batch": "1"},
    "kernel": {"eie_kernel": 5},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("side", [0, 1])
def test_hostile_files(compare, name, side):
    files = [results(row()), results(row())]
    text = json.dumps(files[side])
    files[side] = HOSTILE[name](text)
    assert files[side] != text
    fails(compare(*files), ("old.json", "new.json")[side])


@pytest.mark.parametrize("name", FAULTS)
def test_hostile_rows(compare, name):
    fails(compare(results(row()), results(row() | FAULTS[name])))


@pytest.mark.parametrize("value", ["1", 0, -1, None, [1]], ids=str)
def test_hostile_baseline_of_a_part(compare, value):
    fails(
        compare(results(row(), row(BASELINE)), results(row(eie_part_baseline_ns=value), row(BASELINE))),
        "eie_part_baseline_ns",
    )


def test_names_cannot_write_to_the_terminal(compare):
    done = compare(results(row("evil\x1b[31m\ud800\n")), results(row("evil\x1b[31m\ud800\n")))
    assert done.code == 0 and "evil?[31m??" in done.out and "\x1b" not in done.out


# ---- intervals ---------------------------------------------------------------------------------


def test_intervals_hold_in_19_of_20_cases():
    """Coverage of the bootstrap and of Student's interval over made-up noise with a fixed seed."""
    random.seed(5)
    cases, held, held_pairs = 400, 0, 0
    for _ in range(cases):
        old, new = ([random.lognormvariate(0, 0.1) for _ in range(25)] for _ in range(2))
        ratio = ratios.bootstrap([[1.2 * time for time in new]], [old])
        held += ratio.low <= 1.2 <= ratio.high
        pairs = ratios.paired([1.2 * random.lognormvariate(0, 0.1) for _ in range(5)])
        held_pairs += pairs.low <= 1.2 <= pairs.high
    assert 0.92 * cases <= held <= 0.99 * cases and 0.92 * cases <= held_pairs <= 0.98 * cases


@pytest.mark.parametrize("count", [6, 7, 40, 41])
def test_the_bootstrap_agrees_with_resampling(count):
    generator = random.Random(count)
    samples = [generator.lognormvariate(0, 0.3) for _ in range(count)]
    medians = sorted(
        sorted(generator.choices(samples, k=count))[count // 2]
        if count % 2
        else sum(sorted(generator.choices(samples, k=count))[count // 2 - 1 : count // 2 + 1]) / 2
        for _ in range(20000)
    )
    ratio = ratios.bootstrap([samples], [[1.0] * 9])
    spread = medians[-1] - medians[0]
    assert ratio.low == pytest.approx(medians[500], abs=0.06 * spread)
    assert ratio.high == pytest.approx(medians[19500], abs=0.06 * spread)


def first_version():
    """A few rows of a results file of the first version, which knew no visits."""
    with open(os.path.join(os.path.dirname(__file__), "data", "first_version.json"), encoding="utf-8") as file:
        return json.load(file)


def test_a_file_of_the_first_version_equals_itself(compare):
    document = first_version()
    assert not any("eie_visits" in found for found in document["benchmarks"])
    done = compare(document, copy.deepcopy(document))
    assert done.code == 0 and all(found["absolute"]["ratio"] == pytest.approx(1) for found in done.document["rows"])
    assert len(done.document["rows"]) == len(document["benchmarks"]) == 12


def test_a_slower_row_in_a_file_of_the_first_version(compare):
    old, new = first_version(), first_version()
    (slower,) = [
        found
        for found in new["benchmarks"]
        if found["name"].startswith("paper/Alex-7/scalar_eie_stream/cpu/batch:1/threads:1")
    ]
    slow_down(slower, 2)
    done = compare(old, new, "--absolute", floor=True)
    assert done.code == 1 and done.document["rows"][0]["kernel"] == STREAM and done.verdicts().count("slower") == 1
