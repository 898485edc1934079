"""What the comparison says of several runs: tests and intervals against scipy's, errors over many made-up comparisons, the
floor, several files a side, --power, Markdown."""

import copy
import json
import math
import random

import junitparser
import numpy
import pytest
import scipy.stats
from test_compare import BASELINE, CONTEXT, OTHER, STREAM, again, call, fails, results, row, slow_down  # noqa: F401

from plots.compare import compare as compare_program
from plots.compare import evidence
from plots.compare.judging import Judge, Rules
from plots.compare.matching import match
from plots.compare.merge import merge
from plots.core.load import load

LAYERS = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8")
KERNELS = (STREAM, OTHER, "avx2_window_lookup", "avx512_byte_lookup")


@pytest.fixture
def sides(save, call, tmp_path):  # noqa: F811
    """compare --old FILES --new FILES."""

    def run(olds, news, *arguments):
        out = tmp_path / "compared.json"
        paths = [
            [save(document, f"{name}{number}.json") for number, document in enumerate(documents)]
            for name, documents in (("old", olds), ("new", news))
        ]
        done = call(compare_program, "--old", *paths[0], "--new", *paths[1], "--json", out, *arguments)
        done.document = json.loads(out.read_text(encoding="utf-8")) if out.exists() else None
        out.unlink(missing_ok=True)
        return done

    return run


def runs(count, factor=1.0, scatter=0.01, seed=1, second=0, step=2, rows=None, drift=1.0):
    """So many runs, each a file with its own date; `drift` from one to the next."""
    made = again(results(*(rows or [row()])), count, scatter, seed)
    for number, document in enumerate(made):
        document["context"]["date"] = f"2000-01-01T00:{second + step * number:02d}:00+00:00"
        for found in document["benchmarks"]:
            slow_down(found, (1 if found["eie_kernel"].startswith("peers_") else factor) * drift**number)
    return made


# ---- tests and intervals -----------------------------------------------------------------------


def drawn(count, change=0.01, scatter=0.02):
    generator = numpy.random.default_rng(count)
    return generator.normal(0, scatter, count), generator.normal(change, scatter, count)


@pytest.mark.parametrize("count", [8, 12, 25, 50])
@pytest.mark.parametrize("limit", [-0.02, 0.0, 0.01])
def test_ranks_are_those_of_scipy(count, limit):
    olds, news = drawn(count)
    found = evidence.Ranks(olds, news)
    for test, side in ((found.above, "greater"), (found.below, "less")):
        signed = scipy.stats.wilcoxon(news - olds - limit, alternative=side, method="exact").pvalue
        summed = scipy.stats.mannwhitneyu(news - limit, olds, alternative=side, method="exact").pvalue
        assert test(limit) == pytest.approx(min(1, 2 * min(signed, summed)), rel=1e-9)


def test_beyond_sixty_pairs_signed_ranks_alone():
    olds, news = drawn(61)
    signed = scipy.stats.wilcoxon(news - olds, alternative="greater", method="exact").pvalue  # exact up to what is asked
    assert evidence.Ranks(olds, news).above(0) == pytest.approx(signed, rel=1e-6)


@pytest.mark.parametrize("chance", [0.025, 0.0005])
@pytest.mark.parametrize("drift", [0.0, 1.0])
def test_the_interval_is_where_the_test_ends(chance, drift):
    olds, news = (side + drift * numpy.arange(14) for side in drawn(14))
    found = evidence.Ranks(olds, news)
    low, high = found.ends(chance)
    assert low < found.centre < high
    assert found.above(low - 1e-9) <= chance < found.above(low + 1e-9)
    assert found.below(high + 1e-9) <= chance < found.below(high - 1e-9)


def test_too_few_pairs_have_no_interval_by_ranks():
    assert evidence.Ranks((0.0, 0.0, 0.0), (0.1, 0.2, 0.3)).ends(0.01) == (-math.inf, math.inf)


def test_a_pair_that_changed_by_just_the_limit_counts_against():
    assert evidence.Ranks((0.0,) * 10, (0.0625,) * 10).above(0.0625) == 1


def test_students_test_is_that_of_scipy():
    olds, news = drawn(6)
    found = evidence.of_pairs(olds, news, 1e-6)
    assert found.above(0) == pytest.approx(scipy.stats.ttest_rel(news, olds, alternative="greater").pvalue)
    olds, news = numpy.random.default_rng(2).normal(0, 0.02, 5), numpy.random.default_rng(3).normal(0.02, 0.02, 7)
    found = evidence.of_sides(olds, news)
    assert found.above(0) == pytest.approx(scipy.stats.ttest_ind(news, olds, alternative="greater").pvalue)


def test_holm():
    assert evidence.holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert evidence.holm([0.9, 0.8]) == [1.0, 1.0] and evidence.holm([]) == []


def test_moderated_deviations_find_what_is_usual():
    """Rows that scatter alike get nearly one deviation; where they differ, a noisy row stays noisy."""
    generator = numpy.random.default_rng(4)
    alike = [float(numpy.std(generator.normal(0, 0.02, 4), ddof=1)) for _ in range(200)]
    found = evidence.moderated(alike, 3)
    assert all(deviation == pytest.approx(0.02, rel=0.25) and freedom > 20 for deviation, freedom in found)
    unlike = [float(numpy.std(generator.normal(0, 0.1 if row % 5 == 0 else 0.005, 4), ddof=1)) for row in range(200)]
    found = evidence.moderated(unlike, 3)
    assert numpy.median([deviation for deviation, _ in found[::5]]) > 0.06 and found[0][1] < 8


# ---- errors over many comparisons --------------------------------------------------------------


def noisy(generator, count, change=0.0, drift=0.0):
    """(old, new) runs of a row in turn, in the manner of a shared machine: a scatter of seven tenths of a percent, phases in
    which one of seven runs is longer by up to 60 %, and a drift from pair to pair."""
    wander = numpy.cumsum(generator.normal(0, drift, count))
    phases = (generator.random((2, count)) < 0.15) * generator.uniform(0.1, 0.47, (2, count))
    olds, news = generator.normal(0, 0.007, (2, count)) + phases + wander
    return olds, news + change


def called(rows, limit, allowed=0.005):
    """Which rows, and at the end their mean, would be called slower, as Judge does it."""
    hardest = allowed / (len(rows) + 1)
    found = [evidence.of_pairs(*row, hardest) for row in [*rows, numpy.mean(rows, axis=0)]]
    return [chance <= allowed for chance in evidence.holm([each.above(limit) for each in found])]


@pytest.mark.parametrize("drift", [0.0, 0.02])
@pytest.mark.parametrize("pairs, rows", [(12, 6), (12, 24), (30, 24)])
def test_false_alarms_of_a_family_stay_below_a_percent(pairs, rows, drift):
    """Of an unchanged program, and at the threshold 0, the hardest: a wrong slower in a half percent, and as many faster."""
    generator = numpy.random.default_rng(pairs + rows)
    alarms = sum(any(called([noisy(generator, pairs, drift=drift) for _ in range(rows)], 0.0)) for _ in range(400))
    assert alarms <= scipy.stats.binom.isf(0.001, 400, 0.005)


@pytest.mark.parametrize("pairs, least", [(14, 0.4), (28, 0.92)])
def test_a_slowdown_by_a_ninth_is_found_beside_neighbours(pairs, least):
    generator = numpy.random.default_rng(pairs)
    caught = sum(
        called([noisy(generator, pairs, math.log(10 / 9) if row == 2 else 0) for row in range(6)], math.log(1.05))[2]
        for _ in range(300)
    )
    assert caught >= least * 300


def test_what_could_have_been_seen_is_called_nine_times_of_ten():
    """The slowdown that a typical comparison says it could have seen, planted."""
    generator, limit = numpy.random.default_rng(5), math.log(1.05)

    def made(change):
        return evidence.of_pairs(generator.normal(0, 0.007, 16), generator.normal(change, 0.007, 16), 0.0005)

    sees = float(numpy.median([evidence.could_see(made(0), limit, 0.0005) for _ in range(200)]))
    share = numpy.mean([made(sees).ends(0.0005)[0] > limit for _ in range(1000)])
    assert 0.8 <= share <= 0.99 and limit < sees < 0.09


def test_false_alarms_with_a_floor_of_five(save, tmp_path):
    """Rows scatter by a half to eight percent; one new file after the other against the old one."""
    generator = random.Random(6)
    rows = [row(kernel, layer=layer) for kernel in KERNELS for layer in LAYERS]
    spreads = [math.exp(generator.uniform(math.log(0.005), math.log(0.08))) for _ in rows]

    def drawn(name):
        document = copy.deepcopy(results(*rows))
        for found, spread in zip(document["benchmarks"], spreads):
            slow_down(found, math.exp(generator.gauss(0, spread)))
        return load(save(document, name))

    alarms = 0
    for _ in range(60):
        floor, old, new = [drawn(f"f{number}.json") for number in range(5)], drawn("a.json"), drawn("b.json")
        judge = Judge(old, new, match(old, new).both, Rules(threshold=0), floor)
        alarms += any(found.verdict == "slower" for found in judge.rows) or judge.mean.verdict == "slower"
    assert alarms <= 3  # of 60: a family error of 0.5 % would give one or none, rows that differ so much are harder


# ---- the floor ---------------------------------------------------------------------------------


def pair_with_floor(call, save, tmp_path, factor, scatter, *arguments, rows=None):  # noqa: F811
    document = results(*(rows or [row(layer=layer) for layer in LAYERS]))
    new = copy.deepcopy(document)
    for found in new["benchmarks"]:
        slow_down(found, factor)
    floor = [save(run, f"f{number}.json") for number, run in enumerate(again(document, 5, scatter))]
    out = tmp_path / "out.json"
    done = call(
        compare_program, save(document, "old.json"), save(new, "new.json"), "--json", out, *arguments, "--floor", *floor
    )
    done.document = json.loads(out.read_text()) if out.exists() else None
    return done


@pytest.mark.parametrize("scatter, code, word", [(0.002, 1, "slower"), (0.2, 0, "ambiguous")])
def test_the_floor_decides(call, save, tmp_path, scatter, code, word):  # noqa: F811
    done = pair_with_floor(call, save, tmp_path, 1.1, scatter)
    assert done.code == code and set(done.verdicts()) == {word}, done.out
    assert "is the floor's" in done.out


def test_every_row_and_the_mean_say_what_they_could_have_shown(call, save, tmp_path):  # noqa: F811
    done = pair_with_floor(call, save, tmp_path, 1.0, 0.01)
    sees = [found["could_see_percent"] for found in done.document["rows"]]
    assert all(5 < each < 20 for each in sees) and done.document["could_see_percent"] == max(sees)
    assert done.document["mean"]["could_see_percent"] < max(sees) and "their mean" in done.document["verdict"]


@pytest.mark.parametrize("scatter, code", [(0.002, 0), (0.05, 4)])
def test_power(call, save, tmp_path, scatter, code):  # noqa: F811
    done = pair_with_floor(call, save, tmp_path, 1.0, scatter, "--power", "10")
    assert done.code == code and done.document["exit_code"] == code
    assert ("COULD NOT HAVE SEEN 10 % in 6 of 6 rows" in done.document["verdict"]) == (code == 4)


def test_power_without_a_floor_is_none(call, save):  # noqa: F811
    path = save(results(row()), "a.json")
    assert call(compare_program, path, path).code == 0
    assert call(compare_program, path, path, "--power", "1000").code == 4


def test_a_slowdown_and_a_missing_row_outrank_what_could_not_be_seen(sides):
    slower = sides(runs(5), runs(5, 2.0, seed=2, second=1), "--power", "0")
    assert slower.code == 1
    lost = sides(runs(5, rows=[row(), row(OTHER)]), runs(5, seed=2, second=1), "--power", "0")
    assert lost.code == 3


def test_a_row_that_the_floor_does_not_know(call, save, tmp_path):  # noqa: F811
    document = results(row(), row(OTHER))
    new = copy.deepcopy(document)
    slow_down(new["benchmarks"][1], 2)
    floor = [save(run, f"f{number}.json") for number, run in enumerate(again(results(row()), 4))]
    out = tmp_path / "o.json"
    call(compare_program, save(document, "a.json"), save(new, "b.json"), "--json", out, "--floor", *floor)
    (found,) = [each for each in json.loads(out.read_text())["rows"] if each["kernel"] == OTHER]
    assert found["verdict"] == "ambiguous" and found["note"] == "the floor has too few runs of it"


def test_the_mean_by_a_small_floor_sees_about_as_much_as_its_rows(call, save, tmp_path):  # noqa: F811
    """Three files give a deviation by two degrees of freedom; what is usual for the rows holds for their mean too."""
    document = results(*(row(kernel, layer=layer) for kernel in KERNELS for layer in LAYERS))
    new = copy.deepcopy(document)
    floor = [save(run, f"f{number}.json") for number, run in enumerate(again(document, 3, 0.01))]
    out = tmp_path / "out.json"
    call(compare_program, save(document, "a.json"), save(new, "b.json"), "--json", out, "--floor", *floor)
    found = json.loads(out.read_text())
    assert found["mean"]["could_see_percent"] < found["could_see_percent"]


@pytest.mark.parametrize("programs, told", [(("a", "b", "c"), True), (("a", "b", "a"), False), (("a", "b", "b"), False)])
def test_a_floor_of_another_program_is_told(call, save, programs, told):  # noqa: F811
    olds, news, floors = (CONTEXT | {"eie_binary_sha256": name * 64} for name in programs)
    document = results(row())
    floor = [save(run | {"context": floors}, f"f{number}.json") for number, run in enumerate(again(document, 3))]
    sides = (save(document | {"context": olds}, "a.json"), save(document | {"context": news}, "b.json"))
    done = call(compare_program, *sides, "--floor", *floor)
    assert ("the floor is of a program that is neither side's" in done.out) == told


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_one_pair_cannot_say_that_a_row_is_the_same(call, save, tmp_path, factor):  # noqa: F811
    document, new = results(row()), results(row())
    slow_down(new["benchmarks"][0], factor)
    xml = tmp_path / "o.xml"
    done = call(compare_program, save(document, "a.json"), save(new, "b.json"), "--junit", xml)
    assert done.code == 0 and "(1 not known)" in done.out and " same" not in done.out
    (suite,) = junitparser.JUnitXml.fromfile(str(xml))
    assert (suite.tests, suite.skipped) == (1, 1)


FLOORS = {
    "one file": (lambda runs: runs[:1], "needs 2 files"),
    "a file twice": (lambda runs: [runs[0], runs[0]], "holds the same samples"),
    "another machine": (lambda runs: [runs[0], runs[1] | {"context": CONTEXT | {"num_cpus": 99}}], "another machine"),
    "two programs": (
        lambda runs: [
            run | {"context": CONTEXT | {"eie_binary_sha256": str(number)}} for number, run in enumerate(runs[:2])
        ],
        "2 programs",
    ),
    "truncated": (lambda runs: [runs[0], json.dumps(runs[1])[:200]], "not JSON"),
    "empty": (lambda runs: [runs[0], ""], "not JSON"),
    "newer": (lambda runs: [runs[0], runs[1] | {"context": CONTEXT | {"eie_format": "2"}}], "newer version"),
}


@pytest.mark.parametrize("what", FLOORS)
def test_bad_floors(call, save, what):  # noqa: F811
    change, words = FLOORS[what]
    floor = [save(run, f"f{number}.json") for number, run in enumerate(change(again(results(row()), 3)))]
    path = save(results(row()), "a.json")
    fails(call(compare_program, path, path, "--floor", *floor), words)


# ---- several files a side ----------------------------------------------------------------------


def test_files_in_turn_are_pairs_and_cancel_drift(sides):
    olds, news = (runs(10, factor, 0.003, seed, second, drift=1.05) for factor, seed, second in ((1, 1, 0), (1.1, 2, 1)))
    done = sides(olds, news)
    assert done.code == 1 and done.document["pairs"] == 10 and "signed ranks" in done.out
    assert done.of(STREAM)["absolute"]["ratio"] == pytest.approx(1.1, rel=0.01)
    assert sides(olds[::-1], news).document["rows"][0]["absolute"] == done.of(STREAM)["absolute"]  # their dates count


def test_files_one_after_the_other_need_a_baseline(sides):
    """The machine became slower by a fifth, then the code did too."""
    done = sides(runs(6), runs(6, 1.2, seed=2, second=30))
    assert done.verdicts() == ["ambiguous"] and "one after the other" in done.of(STREAM)["note"] and done.code == 0
    rows = [row(), row(BASELINE, time=5000)]
    slower_machine = runs(6, seed=2, second=30, rows=rows)
    for document in slower_machine:
        for found in document["benchmarks"]:
            slow_down(found, 1.2)
    same = sides(runs(6, scatter=0.002, rows=rows), slower_machine, "--threshold", "10")
    assert same.code == 0 and same.of(STREAM)["basis"] == "baseline" and same.of(STREAM)["absolute"]["ratio"] > 1.15
    slower = sides(runs(6, rows=rows), runs(6, 1.2, seed=2, second=30, rows=rows))
    assert slower.code == 1 and slower.of(STREAM)["verdict"] == "slower"


def test_a_slowdown_of_all_that_runs_in_turn_is_one(sides, tmp_path):
    """The library as well, whose code is equal: in turn a drift of the machine cannot follow the sides."""
    rows = [row(), row(OTHER), row(BASELINE, time=5000)]
    olds, news = runs(12, scatter=0.003, rows=rows), runs(12, 1.0, 0.003, 2, 1, rows=rows)
    for document in news:
        for found in document["benchmarks"]:
            slow_down(found, 1.2)
    done = sides(olds, news, "--power", "15", "--junit", tmp_path / "all.xml")
    assert done.code == 1 and set(done.verdicts()) == {"slower"}
    assert "the library's row changed as well, by 1." in done.out and "around all kernels did, or the machine" in done.out
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "all.xml"))
    assert (suite.tests, suite.failures, suite.skipped) == (3, 3, 0)


def test_drift_from_pair_to_pair_is_no_slowdown(sides):
    rows = [row(), row(OTHER), row(BASELINE, time=5000)]
    olds, news = (runs(12, 1.0, 0.003, seed, seed - 1, rows=rows, drift=1.03) for seed in (1, 2))
    done = sides(olds, news)
    assert done.code == 0 and set(done.verdicts()) == {"same"} and "changed as well" not in done.out


def test_a_baseline_without_a_verdict_is_no_case_that_passed(sides, tmp_path):
    """One side after the other: rows are judged against it, and it says nothing itself."""
    rows = [row(), row(BASELINE, time=5000)]
    news = runs(6, 1.0, 0.003, 2, 30, rows=rows)
    for document in news:
        for found in document["benchmarks"]:
            slow_down(found, 1.2)
    done = sides(runs(6, 1.0, 0.003, rows=rows), news, "--junit", tmp_path / "all.xml")
    assert done.of(BASELINE)["verdict"] == "baseline"
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "all.xml"))
    (case,) = [case for case in suite if case.classname == BASELINE]
    assert "not judged itself" in case.result[0].message and isinstance(case.result[0], junitparser.Skipped)


def test_one_file_beside_several(sides):
    done = sides(runs(8, rows=[row(), row(BASELINE)]), runs(1, 1.3, seed=3, second=40, rows=[row(), row(BASELINE)]))
    assert done.document["runs"] == [8, 1] and done.of(STREAM)["verdict"] == "slower" and done.code == 1


def test_a_change_that_only_the_mean_shows(sides):
    """Each of 24 rows is slower by 7 % and scatters by 5 %: none is surely beyond 5 %, their mean is."""
    rows = [row(kernel, layer=layer) for kernel in KERNELS for layer in LAYERS]
    done = sides(runs(16, scatter=0.04, rows=rows), runs(16, 1.09, 0.04, 2, 1, rows=rows))
    assert "slower" not in done.verdicts() and done.document["mean"]["verdict"] == "slower" and done.code == 1
    assert "SLOWER beyond 5 % on the whole: the mean changed by" in done.document["verdict"]


SIDES = {
    "the same run twice": (lambda runs: (runs[:2] + runs[:1], runs[2:]), (), "holds the same samples"),
    "other rows": (lambda runs: (runs[:1] + [results(row(OTHER, time=7))], runs[2:]), (), "not in each of the runs"),
    "another machine": (
        lambda runs: (runs[:2], [runs[2], runs[3] | {"context": CONTEXT | {"num_cpus": 9}}]),
        (),
        "another machine",
    ),
    "a floor beside several": (lambda runs: (runs[:2], runs[2:]), ("--floor", "x.json"), "one file a side"),
    "files of no side": (lambda runs: (runs[:2], runs[2:]), ("--absolute", "x.json"), "x.json"),
    "an error of the family": (lambda runs: (runs[:2], runs[2:]), ("--family-error", "0"), "--family-error"),
    "no power": (lambda runs: (runs[:2], runs[2:]), ("--power", "much"), "--power"),
}


@pytest.mark.parametrize("what", SIDES)
def test_bad_sides(sides, what):
    change, arguments, words = SIDES[what]
    fails(sides(*change(runs(4)), *arguments), words)


@pytest.mark.parametrize("arguments", [[], ["one.json"], ["--old", "a.json"], ["--new", "a.json"], list("abc")], ids=str)
def test_sides_that_are_missing(call, arguments):  # noqa: F811
    fails(call(compare_program, *arguments))


def test_merged_files_of_an_earlier_version_have_medians_alone(save, call, tmp_path):  # noqa: F811
    merged = []
    for name, factor in (("a", 1), ("b", 1.2)):
        document = merge([load(save(run, f"{name}{at}.json")) for at, run in enumerate(runs(10, factor, 0.002))], "one")
        for found in document["benchmarks"]:
            del found["eie_run_lows_ns"]
        merged.append(save(document, f"merged-{name}.json"))
    assert call(compare_program, *merged).code == 1


def test_a_run_that_was_resumed_is_one(call, save, tmp_path):  # noqa: F811
    document = results(row(), eie_runs=[{"date": "a"}, {"date": "b"}])
    new = copy.deepcopy(document)
    slow_down(new["benchmarks"][0], 2)
    assert call(compare_program, save(document, "a.json"), save(new, "b.json")).code == 4


@pytest.mark.parametrize("lows", ["1", [None], [], [0.0]], ids=str)
def test_hostile_low_times_of_runs(save, call, lows):  # noqa: F811
    path = save(results(row(eie_run_lows_ns=lows)), "a.json")
    fails(call(compare_program, path, path), "eie_run_lows_ns")


# ---- Markdown ----------------------------------------------------------------------------------


def test_markdown_begins_with_the_verdict(sides):
    plain = sides(runs(10, scatter=0.002), runs(10, 1.2, 0.002, 2, 1))
    done = sides(runs(10, scatter=0.002), runs(10, 1.2, 0.002, 2, 1), "--markdown")
    assert done.code == 1 and done.out.startswith(f"## Comparison\n\n**{done.document['verdict']}**\n")
    assert "\n| layer" in done.out and "could see" in done.out and plain.document == done.document
    lines = [line for line in done.out.splitlines() if line.startswith("|")]
    assert {line.count("|") - line.count("\\|") for line in lines[:3]} == {lines[0].count("|")}


def test_names_cannot_write_to_the_summary(sides):
    evil = "a|b`c\n# d"
    done = sides(runs(3, rows=[row(evil)]), runs(3, seed=2, second=1, rows=[row(evil)]), "--markdown")
    assert done.code == 0 and "\n# d" not in done.out and "a\\|b" in done.out
