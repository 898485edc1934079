"""Many files of many machines: parts put together, equal machines held against each other."""

import csv
import json
import math
import random
from types import SimpleNamespace

import pytest
from conftest import run_script
from fleet_files import GENERATED, parts_of, slower, write

from plots.compare.matching import key
from plots.core.load import load
from plots.fleet.parallel import FEWEST as WORTH_PROCESSES
from plots.fleet.parallel import over
from plots.fleet.parts import ROOM, grouped, joined, place_of
from plots.fleet.siblings import ALL, FEWEST, FEWEST_ROWS, judge
from plots.pages.equals import judged

ROWS = [
    ("paper", f"L{layer}", "stream", "cpu", batch, threads, cache, "wall")
    for layer in range(9)
    for batch in (1, 64)
    for threads in (1, 2)
    for cache in ("hot", "llc")
]
LIMIT = math.log(1.03)


def fleet(count, draw, slow=None, rows=ROWS, own=0.005):
    """{name: times} of machines that scatter by `own` each and by 1.5 % a row; `slow`: {number: (factor, of which rows)}."""
    machines = {}
    for number in range(count):
        change, (factor, of_which) = draw.gauss(0, own), (slow or {}).get(number, (1, lambda row: False))
        machines[f"m{number}"] = {
            row: 10 + change + draw.gauss(0, 0.015) + (math.log(factor) if of_which(row) else 0) for row in rows
        }
    return machines


def every(_):
    return True


# ---- siblings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [20, 100])
def test_a_node_8_percent_slower_is_named_and_no_other(count):
    draw = random.Random(1)
    for _ in range(5):
        verdict = judge(fleet(count, draw, {3: (1.08, every)}), LIMIT)
        (outlier,) = verdict.outliers
        assert (outlier.name, outlier.kind, outlier.rows) == ("m3", ALL, len(ROWS))
        assert abs(outlier.change - math.log(1.08)) < 0.02 and outlier.high > outlier.change > outlier.low > LIMIT
        assert LIMIT < verdict.sees < math.log(1.08)


def test_equal_machines_have_no_outlier():
    """Without any limit, where only the error holds: at most one page of a hundred may have one; fixed draws."""
    draw = random.Random(1)
    assert sum(bool(judge(fleet(12, draw), 0.0).outliers) for _ in range(100)) <= 3
    assert not any(judge(fleet(12, draw), LIMIT).outliers for _ in range(40))


def test_outliers_do_not_hide_each_other():
    draw = random.Random(1)
    slow = dict.fromkeys((1, 4, 7, 11), (1.08, every))
    found = [outlier.name for outlier in judge(fleet(20, draw, slow), LIMIT).outliers]
    assert sorted(found) == ["m1", "m11", "m4", "m7"]


def test_what_is_slow_in_one_kind_of_rows_alone_is_named_with_it():
    """Half of the rows 10 % slower: 5 % over all, beyond the limit, but less than would have been named."""
    slow = {5: (1.10, lambda row: row[6] == "llc"), 6: (0.9, every)}
    verdict = judge(fleet(20, random.Random(1), slow), LIMIT)
    assert {outlier.name: outlier.change > 0 for outlier in verdict.outliers} == {"m5": True, "m6": False}
    assert next(each.kind for each in verdict.outliers if each.name == "m5") == "cache llc"
    assert [outlier.name for outlier in verdict.slow] == ["m5"]


def test_what_scatters_is_not_called():
    """Siblings that scatter by 4 % themselves hide 8 %, and the verdict says so."""
    verdict = judge(fleet(20, random.Random(1), {3: (1.08, every)}, own=0.04), LIMIT)
    assert not verdict.outliers and verdict.sees > math.log(1.15) and verdict.scatter > 0.03


def test_too_little_is_not_judged():
    draw = random.Random(1)
    few = judge(fleet(FEWEST - 1, draw), LIMIT)
    assert few.sees is None and "equal machines" in few.reason
    assert "rows in common" in judge(fleet(FEWEST, draw, rows=ROWS[: FEWEST_ROWS - 1]), LIMIT).reason


def test_a_machine_with_few_of_the_rows_is_no_outlier():
    """Those that it has are its own: they say nothing of the whole."""
    machines = fleet(20, random.Random(1))
    machines["m2"] = dict.fromkeys(ROWS[:3], 11.0)
    assert not judge(machines, LIMIT).outliers


def machine(label, host, time):
    return SimpleNamespace(
        label=label, name="CPU", host=host, kind="k", revision="r", facts={}, path=label, times=dict.fromkeys(ROWS, time)
    )


def test_runs_of_one_host_are_no_siblings():
    """They agree where machines do not: beside them every other one would look away."""
    runs = [machine(f"{number}.", "a", 10 + number / 1e4) for number in range(8)]
    siblings = judged([*runs, machine("9.", "b", 10.05)], 3)
    ((group, verdict),) = siblings.groups
    assert [each.host for each in group] == ["a", "b"] and not verdict.outliers and "equal machines" in verdict.reason
    assert siblings.sentences()[-1].endswith("named by the first: a (8).")
    alone = judged(runs, 3)
    assert not alone.groups and "a (8)" in alone.sentences()[0]
    nameless = judged([machine(f"{number}.", "localhost", 10.0) for number in range(6)], 3)
    assert len(nameless.groups[0][0]) == 6 and not nameless.again


# ---- parts -------------------------------------------------------------------------------------


@pytest.fixture
def parts(document, tmp_path):
    """The made-up file as three files, and itself."""
    document["context"]["host_name"] = "here"
    paths = []
    for number, part in enumerate(parts_of(document, 3)):
        paths.append(tmp_path / f"part{number}.json")
        paths[-1].write_text(json.dumps(part), encoding="utf-8")
    return paths


def test_parts_are_one_machine(parts, document):
    (whole,) = joined(parts)
    rows = document["benchmarks"]
    assert {key(row) for row in whole.rows + whole.missing} == {
        key(row) for path in parts for one in [load(path)] for row in one.rows + one.missing
    }
    assert len(whole.rows) + len(whole.missing) == len(rows) + len(document["eie_missing"])
    assert whole.path == f"{parts[0]} and 2 more"


def test_visits_of_different_files_are_different_ones():
    from fleet_files import SOURCE

    context = json.loads(SOURCE.read_text())
    rows = [row for row in context["benchmarks"] if row["eie_time_source"] == "wall"][:2]
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, row in enumerate(rows):
            paths.append(f"{folder}/{number}.json")
            with open(paths[-1], "w") as file:
                json.dump(context | {"benchmarks": [row], "eie_missing": []}, file)
        (whole,) = joined(paths)
    assert [min(row.visits) // ROOM for row in whole.rows] == [0, 1]
    assert [row.raw["eie_run"] for row in whole.rows] == [0, len(context["context"]["eie_runs"])]


def test_runs_of_the_same_rows_stay_apart(parts, document, tmp_path):
    again = tmp_path / "again.json"
    again.write_text(json.dumps(document), encoding="utf-8")
    assert [run.path for run in joined([parts[0], again])] == [str(parts[0]), str(again)]


def test_runs_in_parts_are_as_many_wholes(parts, document, tmp_path):
    again = document | {"benchmarks": [slower(row, 1.5) for row in document["benchmarks"]]}
    for number, part in enumerate(parts_of(again, 2)):
        (tmp_path / f"again{number}.json").write_text(json.dumps(part), encoding="utf-8")
    wholes = joined([*parts, *sorted(tmp_path.glob("again*.json"))])
    count = len(document["benchmarks"])
    assert [len(whole.rows) for whole in wholes] == [count, count]
    assert [whole.path.rsplit("/", 1)[1] for whole in wholes] == ["part0.json and 2 more", "again0.json and 1 more"]


def test_a_copy_is_refused(parts, tmp_path):
    twin = tmp_path / "twin.json"
    twin.write_bytes(parts[2].read_bytes())
    done = report([*parts, twin], tmp_path / "out")
    assert done.returncode == 2 and f"{twin}: holds the same samples as {parts[2]}" in done.stderr


def test_places():
    assert grouped(["a", "b", "c", "d"], [("x",), None, ("x",), None]) == [["a", "c"], ["b"], ["d"]]


@pytest.mark.parametrize("change", [{"host_name": "there"}, {"eie_binary_sha256": "1"}, {"eie_revision": "2"}])
def test_other_hosts_and_programs_are_other_places(save, document, change):
    document["context"]["host_name"] = "here"
    before = place_of(save(document, "a.json"))
    document["context"] |= change
    assert before is not None and place_of(save(document, "b.json")) != before


@pytest.mark.parametrize("text", ["{", "[]", '{"context": 1}', '{"context": {"host_name": ""}}'])
def test_what_has_no_place(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert place_of(tmp_path / "a.json") is None


def test_processes_keep_the_order():
    items = list(range(3 * WORTH_PROCESSES))
    assert over(str, items) == list(map(str, items)) and over(str, [1]) == ["1"]


# ---- the page ----------------------------------------------------------------------------------


def times_of(folder, table):
    with open(folder / "machines.csv", encoding="utf-8", newline="") as file:
        return {(line["row"], line["column"]): line for line in csv.DictReader(file) if line["table"] == table}


def report(paths, out, *options):
    return run_script("report", *paths, "--out", out, *options)


def test_parts_of_one_machine_make_its_own_report(parts, tmp_path):
    done = report(parts, tmp_path / "out", "--no-pictures")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.md").is_file() and not (tmp_path / "out/machines.csv").exists()


def test_an_outlier_stands_on_the_page(tmp_path, save, document):
    """Eight machines in two parts each; times a hair apart, one 8 % longer and in a system of its own."""
    draw, paths = random.Random(1), []
    source = json.loads(json.dumps(document))
    for number in range(8):
        factor = draw.lognormvariate(0, 0.003) * (1.08 if number == 5 else 1)
        made = source | {
            "context": source["context"]
            | {"host_name": f"node{number}", "eie_generated": GENERATED}
            | ({"eie_governor": "powersave"} if number == 5 else {"eie_governor": "performance"}),
            "benchmarks": [
                row if row["eie_time_source"] == "model" else slower(row, factor) for row in source["benchmarks"]
            ],
        }
        paths += [save(part, f"{number}-{place}.json") for place, part in enumerate(parts_of(made, 2))]
    done = report(paths, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    words = "(host node5) is slower than its 7 siblings: 1.08"
    assert words in done.stdout and done.stdout.count("is slower than") == 1
    assert "8 of 8 machines are generated, not measured" in done.stdout
    assert "governor powersave (others performance)" in done.stdout
    assert "8 equal machines (" in done.stdout and "would have been named" in done.stdout
    for name in ("report.html", "summary.md"):
        assert "(host node5) is slower" in (tmp_path / "out" / name).read_text(), name
    found = times_of(tmp_path / "out", "outliers")
    assert {row for row, _ in found} == {f"6. {source['context'].get('eie_cpu_name', 'unknown CPU')[:40]}"}
    done = report(paths, tmp_path / "out", "--differ", "30")
    assert done.returncode == 0 and "is slower than" not in done.stdout


@pytest.mark.parametrize("value", ["-1", "x", "1e9"])
def test_a_bad_limit(parts, tmp_path, value):
    done = report(parts, tmp_path / "out", f"--differ={value}")
    assert done.returncode == 2 and "--differ" in done.stderr and done.stderr.count("\n") == 1


def test_a_bad_part_is_named(parts, tmp_path):
    document = json.loads(parts[1].read_text())
    document["benchmarks"][0]["eie_layer"] = 7
    parts[1].write_text(json.dumps(document))
    done = report(parts, tmp_path / "out")
    assert done.returncode == 2 and str(parts[1]) in done.stderr and "eie_layer" in done.stderr


@pytest.mark.slow
def test_five_hundred_files_of_a_hundred_machines(tmp_path):
    """Two are slow: both are named, nobody else is, and no process holds 500 MB. How long it took: results/NOTES.md."""
    import resource

    paths = write(tmp_path / "in", slow={7: 8, 41: 20}.items())
    assert len(paths) == 500
    done = report(paths, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is slower than its 99 siblings") == 2
    assert "(host node007) is slower" in done.stdout and "(host node041) is slower" in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 500 * 1024
