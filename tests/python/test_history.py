"""`python -m plots history`: series of generated results files with the scatter that runs have here."""

import csv
import datetime
import json
import math
import subprocess

import numpy
import pytest
from conftest import REPOSITORY, run_program, run_script
from ruamel.yaml import YAML

from plots.history import changes

RUNS = 30
COMMON, OWN = 0.015, 0.01  # scatter of runs (results/NOTES.md, "Counts and histories"): all rows of a run, and each its own
STRAY, STRAY_MOST = 0.05, 0.4  # of runs beside a busy neighbour: how many, and how much slower
KERNELS = ("avx2_a", "avx512_b", "peers_c")
LAYERS = ("wide", "tall")


def scatter(random, count):
    """Logarithms of a run's common factor."""
    strays = numpy.where(random.random(count) < STRAY, random.random(count) * STRAY_MOST, 0)
    return random.normal(0, COMMON, count) + strays


def result(kernel, layer, nanoseconds):
    return {
        "name": f"{kernel}/{layer}",
        "eie_suite": "s",
        "eie_layer": layer,
        "eie_layer_hash": "h",
        "eie_kernel": kernel,
        "eie_device": "cpu",
        "eie_batch": 1,
        "eie_threads": 1,
        "eie_cache": "hot",
        "eie_time_source": "wall",
        "eie_provenance": "measured",
        "eie_flags": [],
        "eie_status": "ok",
        "eie_reason": "",
        "eie_median_ns": nanoseconds,
        "eie_samples_ns": [nanoseconds] * 9,
    }


class Runs:
    def __init__(self, folder):
        self.folder = folder / "runs"
        self.folder.mkdir()
        self.out = folder / "out"

    def write(self, name, times, day=0, revision="0123456789ab", cpu="c", cache="hot", **context):
        """times: {kernel: factor}; `context`: further keys"""
        rows = [
            result(kernel, layer, 1000.0 * place * factor)
            for kernel, factor in times.items()
            for place, layer in enumerate(LAYERS, 1)
        ]
        date = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=day)
        for row in rows:
            row["eie_cache"] = cache
        context |= {
            "eie_format": "1",
            "eie_cpu_name": cpu,
            "num_cpus": 2,
            "date": date.isoformat(),
            "eie_revision": revision,
        }
        document = {"context": context, "benchmarks": rows, "eie_missing": []}
        (self.folder / f"{name}.json").write_text(json.dumps(document))

    def generate(self, random, steps=(), count=RUNS, cpu="c", context=lambda run: {}):
        """`steps`: (kernels, first run, factor); `context`: of a run further keys"""
        common = scatter(random, count)
        for run in range(count):
            times = {}
            for kernel in KERNELS:
                value = common[run] + random.normal(0, OWN)
                value += sum(math.log(factor) for kernels, first, factor in steps if kernel in kernels and run >= first)
                times[kernel] = math.exp(value)
            self.write(f"{cpu}{run:03}", times, run, f"{run:012x}", cpu, **context(run))

    def history(self, *arguments, paths=None, cwd=REPOSITORY, code=0, run=run_script):
        """`run`: loading the modules takes most of the time of a process of its own."""
        done = run("history", *(paths or [self.folder]), "--out", self.out, *arguments, cwd=cwd)
        assert done.returncode == code, done.stderr
        return done

    def found(self):
        """{(machine's processor, kernel): [places of changes]}"""
        places, at = {}, {}
        with open(self.out / "history.csv", newline="") as file:
            for row in csv.DictReader(file):
                key = row["machine"].split(",")[0], row["kernel"]
                at[key] = at.get(key, -1) + 1
                places.setdefault(key, []).extend([at[key]] if row["change"] else [])
        return places


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


# ---- the places -----------------------------------------------------------------------------------


def series(seed, step=None, factor=1.1):
    random = numpy.random.default_rng(seed)
    values = scatter(random, RUNS) + random.normal(0, OWN, RUNS)
    if step is not None:
        values[step:] += math.log(factor)
    return values


def test_planted_changes_are_found_within_one_commit():
    """At every place; strays beside a change hide it here and there."""
    cases = [(step, seed) for step in range(4, RUNS - 3) for seed in range(10)]
    found = 0
    for step, seed in cases:
        changed = changes.find(series(100 * seed + step, step), 0.03)
        found += any(abs(change.place - step) <= 1 and change.ratio == pytest.approx(1.1, rel=0.05) for change in changed)
    assert found >= 0.92 * len(cases)


def test_nothing_is_found_where_nothing_changed():
    assert sum(bool(changes.find(series(seed), 0.03)) for seed in range(200)) <= 4


def test_the_error_of_a_page_of_twenty_series():
    """Each is told that it is one of 20: one page in a hundred would be one series in 2,000."""
    assert sum(bool(changes.find(series(seed), 0.03, 20)) for seed in range(500)) <= 1


def test_a_change_among_twenty_series():
    found = sum(bool(changes.find(series(seed, 15), 0.03, 20)) for seed in range(20))
    assert found >= 19


def test_a_change_and_its_repair():
    values = series(3, 10)
    values[20:] -= math.log(1.1)
    assert [round(change.ratio, 1) for change in changes.find(values, 0.03)] == [1.1, 0.9]


def test_one_bad_run_is_no_change():
    values = series(5)
    values[15] += math.log(3)
    assert changes.find(values, 0.03) == []


def test_equal_values_and_short_series():
    assert changes.find([0.0] * 30) == [] and changes.find([0.0, 1.0, 2.0, 3.0, 4.0]) == [] and changes.find([]) == []


def test_a_step_without_any_scatter():
    (change,) = changes.find([0.0] * 15 + [0.2] * 15)
    assert change.place == 15


# ---- the page -------------------------------------------------------------------------------------


def test_one_kernel_of_one_machine_changed(runs):
    runs.generate(numpy.random.default_rng(11), [(("avx2_a",), 17, 1.12)])
    runs.generate(numpy.random.default_rng(12), cpu="d")
    done = runs.history()
    assert "1 change in 6 series" in done.stdout and "avx2_a" in done.stdout
    found = runs.found()
    assert len(found) == 6 and all(len(places) == (key == ("c", "avx2_a")) for key, places in found.items())
    assert abs(found["c", "avx2_a"][0] - 17) <= 1
    page = (runs.out / "history.html").read_text()
    assert page.count("<svg") == 6 and "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert "| avx2_a" in (runs.out / "history.md").read_text()


def test_the_machine_is_suspected_where_a_library_changed_too(runs):
    runs.generate(numpy.random.default_rng(13), [(KERNELS, 15, 1.2)])
    runs.history()
    text = (runs.out / "history.md").read_text()
    assert text.count("the machine? peers_c changed there too") == 2 and "not this project's code" in text


def test_the_machine_is_suspected_a_run_away(runs):
    """Places are good to a run."""
    for run in range(RUNS):
        small = 0.004 * (run * 7 % 5)
        runs.write(f"{run:02}", {"avx2_a": 1.2 * (run >= 15) or 1 + small, "peers_c": 1.2 * (run >= 16) or 1 + small}, run)
    runs.history()
    assert runs.found() == {("c", "avx2_a"): [15], ("c", "peers_c"): [16]}
    assert "the machine? peers_c changed there too" in (runs.out / "history.md").read_text()


SYSTEM = "Debian GNU/Linux 12 (bookworm), Linux 6.18.{}-fc-v657"


def test_containers_and_kernel_updates_do_not_cut_a_series(runs):
    """Each run has a host's name of its own, and the kernel is updated now and then."""
    runs.generate(
        numpy.random.default_rng(16),
        [(("avx2_a",), 15, 1.3)],
        context=lambda run: {"host_name": f"c{run:05x}", "eie_operating_system": SYSTEM.format(run // 7)},
    )
    done = runs.history()
    assert "1 change in 3 series" in done.stdout and abs(runs.found()["c", "avx2_a"][0] - 15) <= 1
    assert "host changed" not in (runs.out / "history.md").read_text()
    paths = sorted(runs.folder.iterdir())[:3]
    assert "in 3 series; 3 of them with fewer" in runs.history("--hosts", "--kernel", "avx2_a", paths=paths).stdout


def test_another_distribution_is_another_machine(runs):
    for run in range(6):
        runs.write(
            f"{run}", {"avx2_a": 1.0}, run, eie_operating_system=("Debian 12, Linux 6.1", "Debian 13, Linux 6.1")[run % 2]
        )
    assert "in 2 series" in runs.history().stdout


def test_a_host_and_a_kernel_that_changed_at_the_same_place(runs):
    runs.generate(
        numpy.random.default_rng(13),
        [(("avx2_a",), 15, 1.3)],
        context=lambda run: {"host_name": "ab"[run >= 15], "eie_operating_system": SYSTEM.format(int(run >= 15))},
    )
    runs.history()
    assert runs.found()["c", "avx2_a"] == [15]
    text = (runs.out / "history.md").read_text()
    assert "host changed there: a -> b" in text and "Linux 6.18.0-fc-v657 -> Debian" in text


def test_rows_that_half_of_the_runs_have(runs):
    """The later half counts, and the page says that there is another."""
    for run in range(20):
        runs.write(f"{run:02}", {"avx2_a": 1 + 0.001 * (run * 7 % 5)}, run, cache="hot" if run < 10 else "llc")
    done = runs.history()
    assert (
        "in 1 series" in done.stdout
        and "left out: avx2_a: 10 of 20 runs on c, 2 have other rows: tall, hot; wide, hot" in done.stdout
    )
    assert len(list(csv.DictReader((runs.out / "history.csv").read_text().splitlines()))) == 10
    assert "10 of 20 runs" in (runs.out / "history.md").read_text()


def test_a_date_to_come_is_to_doubt(runs):
    runs.write("good", {"avx2_a": 1.0})
    runs.write("later", {"avx2_a": 1.0}, 400_000)
    assert "later.json: the file is dated 3121-" in runs.history().stdout
    assert "which is still to come" in (runs.out / "history.md").read_text()


def test_chosen_kernels(runs):
    runs.generate(numpy.random.default_rng(14), count=7)
    runs.history("--kernel", "avx*")
    assert {kernel for _, kernel in runs.found()} == {"avx2_a", "avx512_b"}
    runs.history("--kernel", "nope*", code=2)


def test_by_commit(runs, tmp_path):
    """In the order of commits, which need not be that of the runs; a foreign commit is left out and named."""
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*words):
        identity = ["-c", "user.name=n", "-c", "user.email=n@n"]
        return subprocess.run(["git", *identity, *words], cwd=repository, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    commits = []
    for number in range(12):
        git("commit", "-q", "--allow-empty", "-m", str(number))
        commits.append(git("rev-parse", "HEAD").strip()[:12])
    for place, commit in enumerate(commits):
        for again in range(2):
            times = {"avx2_a": (1.0 if place < 6 else 1.2) + 0.001 * ((place * 7 + again) % 5)}
            runs.write(f"{place}-{again}", times, day=100 - place, revision=commit)
    runs.write("foreign", {"avx2_a": 1.0}, revision="ffffffffffff")
    done = runs.history("--by", "commit", cwd=repository)
    assert "foreign.json: revision ffffffffffff is none of this branch" in done.stdout
    assert runs.found() == {("c", "avx2_a"): [6]}
    assert "not a git repository" in runs.history("--by", "commit", cwd=tmp_path, code=2).stderr


def test_for_otava(runs):
    runs.generate(numpy.random.default_rng(15), count=6)
    runs.history()
    rows = list(csv.DictReader((runs.out / "otava-1.csv").read_text().splitlines()))
    assert len(rows) == 6 and list(rows[0]) == ["time", "commit", "file", *KERNELS]
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert all(0.5 < float(row[kernel]) < 2 for row in rows for kernel in KERNELS)
    (test,) = YAML(typ="safe").load(runs.out / "otava.yaml")["tests"].values()
    assert test["metrics"] == {kernel: {"column": kernel, "direction": -1} for kernel in KERNELS}  # less is better


def test_otava_has_a_number_in_every_field(runs):
    """A kernel that a run lacks is in a file of its own."""
    for run in range(8):
        times = {"avx2_a": 1.0, "avx512_b": 1.0} | ({"peers_c": 1.0} if run != 3 else {})
        runs.write(f"{run}", times, run)
    runs.history()
    tests = YAML(typ="safe").load(runs.out / "otava.yaml")["tests"]
    tables = [list(csv.DictReader((runs.out / test["file"]).read_text().splitlines())) for test in tests.values()]
    assert [len(rows) for rows in tables] == [8, 7] and list(tests) == ["machine-1", "machine-1-2"]
    for test, rows in zip(tests.values(), tables):
        assert all(float(row[metric["column"]]) > 0 for row in rows for metric in test["metrics"].values())


# ---- bad input ------------------------------------------------------------------------------------

BAD = {
    "truncated": '{"context": {',
    "empty": "",
    "foreign": '{"rows": []}',
    "newer": '{"context": {"eie_format": "2"}, "benchmarks": []}',
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file(runs, what):
    """By name it ends the call; in a folder it is named and left out."""
    runs.write("good", {"avx2_a": 1.0})
    bad = runs.folder / "bad.json"
    bad.write_text(BAD[what])
    done = runs.history(paths=[bad], code=2)
    assert done.stderr.count("\n") == 1 and "bad.json" in done.stderr and not runs.out.exists()
    assert "left out: " in runs.history().stdout and "bad.json" in (runs.out / "history.md").read_text()


def test_no_files(runs, tmp_path):
    assert runs.history(code=2, run=run_program).stderr.count("\n") == 1
    assert runs.history(paths=[tmp_path / "nope"], code=2).stderr.count("\n") == 1


def test_a_run_without_a_date(runs):
    runs.write("good", {"avx2_a": 1.0})
    path = runs.folder / "good.json"
    document = json.loads(path.read_text())
    del document["context"]["date"]
    path.write_text(json.dumps(document))
    assert "context.date" in runs.history(paths=[path], code=2).stderr


def test_what_a_file_says_is_escaped(runs):
    for run in range(7):
        runs.write(f"{run}", {"<script>alert(1)</script>": 1.0}, run, cpu="<i>x")
    runs.history()
    page = (runs.out / "history.html").read_text()
    assert "<script>alert" not in page and "<i>x" not in page


def test_an_output_that_cannot_be_written(runs):
    runs.write("good", {"avx2_a": 1.0})
    runs.out = runs.folder / "good.json"
    assert runs.history(code=3).stderr.count("\n") == 1
