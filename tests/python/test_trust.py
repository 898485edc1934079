"""How a run is introduced: machine, quiet, what could be seen, doubts; the last screen; OpenCL; hostile files and outputs."""

import copy
import math
import os
import re
import subprocess
import sys

import pytest
from conftest import (
    DATA,
    PROGRAM,
    PROGRAM_ENVIRONMENT,
    SHAPES,
    base_row,
    cell,
    fake_document,
    missing_row,
    page,
    run_program,
    run_report,
    run_script,
    scattered,
    with_number,
    with_visits,
)

from plots.core.load import load
from plots.core.published import LAYERS, Published
from plots.pages.lastscreen import COLUMNS, LINES, LastScreen
from plots.pages.report import Report
from plots.tables import quiet  # conftest has put the repository on the path
from plots.tables.hostrows import OTHER_RUN
from plots.tables.opencl import NAME, Opencl

POCL = "opencl:pocl:made-up"
QUIET = {
    "probe_best_ns": 20000,
    "probe_median_ns": 21000,
    "disturbed_share": 0.034,
    "steal_share": 0.012,
    "load_begin": [0.5, 0.4, 0.3],
    "load_end": [2.25, 1.0, 0.5],
}


def with_run(document, **run):
    document["context"]["eie_runs"] = [{"date": "2000-01-01", "command": "eie bench"} | run]
    return document


def test_what_the_doctor_said_stands_with_the_run(document, save, tmp_path):
    """What is no check is passed over."""
    checks = [
        {"check": "governor", "state": "good", "seen": "all fine"},
        {"check": "turbo", "state": "warning", "seen": "on: hot", "mend": "x"},
        {"check": "pinning", "state": "bad", "seen": "a quota\nof 0.5", "mend": "x"},
        *(None, 3, [], "bad", {"state": ["bad"]}, {"state": "bad"}),
    ]
    run_report(save(with_run(document, doctor=checks)), "--out", tmp_path / "out")
    text = " ".join(page(tmp_path / "out").split())
    assert "would spoil it: pinning: a quota of 0.5, to be known: turbo: on: hot" in text and "all fine" not in text
    for odd in (None, 3, {}, "x"):
        run_report(save(with_run(document, doctor=odd)), "--out", tmp_path / "out")
        assert "would spoil it" not in page(tmp_path / "out")


# ---- the head ----------------------------------------------------------------------------------


def test_the_head_names_machine_and_noise(document, save, tmp_path):
    with_run(document, quiet=QUIET, limits={"cpu_quota": 1.5, "cpuset": "0-1", "cores": 2})
    done = run_report(save(document), "--out", tmp_path / "out")
    for place in (page(tmp_path / "out"), " ".join(done.stdout.split())):
        assert "Made-up CPU, 4 cores, L2 1.5 MiB, 2000-01-01, revision 0000000" in place
        assert "probe 1.05x (d) its best, steal 1.2 % (m), samples disturbed 3.4 % (m), load 0.5 to 2.2 (m)" in place
        assert re.search(r"quota of 1\.50 cores and the CPU set 0-1 left 2\S* of 4\S* cores", place, re.IGNORECASE)
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert text.index("Machine: ") < text.index("## Headline")


@pytest.mark.parametrize("limits", [{"cpuset": "0-3", "cores": 4}, {}, None, "all"])
def test_a_whole_machine_has_no_limits(save, document, limits):
    assert quiet.limits(load(save(with_run(document, limits=limits)))) == []


def test_an_old_file_says_that_nothing_was_recorded(save, document):
    results = load(save(document))
    assert quiet.quiet(results) == ["not recorded"] and quiet.disturbed(results) == [] and quiet.doubts(results) == []
    assert "unknown" in quiet.resolution_words(results)


def test_the_smallest_difference_by_hand(save, document):
    rows = [row for row in document["benchmarks"] if row["eie_time_source"] == "wall"][:3]
    document["benchmarks"] = [
        with_visits(row, {1: scattered(100.0)}) | {"eie_ci95_low_ns": 100 - half, "eie_ci95_high_ns": 100 + half}
        for row, half in zip(rows, (1, 3, 20))
    ]
    assert quiet.resolution(load(save(document))) == pytest.approx(0.03 * math.sqrt(2))


def test_disturbed_samples_and_doubts_are_said(document, save, tmp_path):
    first, second, *_ = [row for row in document["benchmarks"] if row["eie_time_source"] == "wall"]
    rows = sum(row["eie_time_source"] == "wall" for row in document["benchmarks"])
    first |= {"eie_disturbed_share": 0.4, "eie_disturbed_ns": [9.0, 9.5]}
    second |= {
        "eie_disturbed_share": 0.5,
        "eie_disturbed_counted": True,  # nothing of it was left out
        "eie_doubt": ["more than twice as fast on two threads as on one."],
        "eie_failed_visit": "suspect: 20 rounds\nwere too long",
    }
    done = run_report(save(document), "--out", tmp_path / "out")
    doubts = page(tmp_path / "out").partition("### What to doubt")[2].partition("###")[0]
    assert (
        f"Samples left out as disturbed: {200 / (3 * rows + 2):.1f} % (d), 2 of {3 * rows + 2}, from 1 of {rows} rows."
        in doubts
    )
    assert f"1 row has too few undisturbed samples, so the disturbed ones count (paper/{second['eie_layer']}" in doubts
    assert "a later visit brought no number: suspect: 20 rounds were too long." in doubts
    assert "more than twice as fast on two threads as on one." in doubts and "doubt: paper/" in done.stdout


def test_the_runs_own_doubts_and_notes_of_libraries_are_said(document, save, tmp_path):
    with_run(document, doubts=["2 threads: l3 gives less than one thread.", 7])
    for row in document["benchmarks"]:
        if row["eie_kernel"].startswith("peers"):
            row |= {
                "eie_library_note": "weak path: made-up code for another maker's CPU",
                "eie_library_tried": "Old 3.08, New 1.00",
            }
    done = run_report(save(document), "--out", tmp_path / "out")
    shown = page(tmp_path / "out")
    doubts = shown.partition("### What to doubt")[2].partition("###")[0]
    assert "2 threads: l3 gives less than one thread." in doubts and "! doubt: 2 threads: l3" in done.stdout
    assert "weak path: made-up code for another maker's CPU (peers_openblas_sgemm, peers_openblas_sgemv)." in doubts
    assert "tried, time over the best: Old 3.08, New 1.00" in shown


@pytest.mark.parametrize("doubts", ["words", None, [None, {}], {"a": 1}])
def test_odd_doubts_of_a_run_are_none(document, save, doubts):
    assert quiet.doubts(load(save(with_run(document, doubts=doubts)))) == []


def test_rows_of_which_the_same_is_said_share_a_line(document, save):
    rows = [row for row in document["benchmarks"] if row["eie_time_source"] == "wall"][:4]
    for row, text in zip(
        rows, ("2.5 times as fast on 4 threads", "3 times as fast on 4 threads.", "slow", "2 times as fast")
    ):
        row["eie_doubt"] = [text]
    results = load(save(document))
    (several, *alone) = quiet.grouped(results)
    assert several.startswith("2 rows: 2.5 to 3 times as fast on 4 threads: paper/Alex-6, ") and len(alone) == 2
    assert len(quiet.doubts(results)) == 4 and quiet.doubts(results, together=True) == [several, *alone]


# ---- the last screen ---------------------------------------------------------------------------


def crowded():
    document = with_run(fake_document(), quiet=QUIET, limits={"cpu_quota": 1.5, "cpuset": "0-1", "cores": 2})
    document["context"]["eie_cpu_name"] = "A processor with a very long name " * 4
    document["context"]["eie_cpu_features"] = "avx2,avx512"
    for number, row in enumerate(document["benchmarks"]):
        if row["eie_time_source"] == "wall":
            row = with_visits(row, {1: scattered(row["eie_median_ns"], 0.9)})
            document["benchmarks"][number] = row | {
                "eie_doubt": [f"doubt {chr(97 + number % 20)} " + "words " * 30],
                "eie_floor_share": 0.1,
                "eie_floor_bound": "l3",
            }
    document["benchmarks"] += opencl_rows()
    return document


def emptied():
    return fake_document() | {"benchmarks": [], "eie_missing": []}


@pytest.mark.parametrize("make", [fake_document, crowded, emptied])
def test_it_is_25_lines_of_100_columns(make, save, tmp_path):
    done = run_report(save(make()), "--out", tmp_path / "out", pictures=[] if make is crowded else None)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= LINES == 25 and COLUMNS == 100
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 100
    assert lines[0].startswith("Machine: ") and any("193.95x d" in line for line in lines)
    assert any(line.startswith("Report: ") for line in lines[-3:])


def test_it_holds_headline_warnings_and_paths(save, tmp_path):
    done = run_report(save(crowded()), "--out", tmp_path / "out")
    lines = done.stdout.splitlines()
    for start in (
        "batch 1 llc, 1 thread, 9/9",
        "batch 1 llc, 4 threads, 9/9",
        "batch 64 hot, 1 thread, 9/9",
        "OpenCL, batch 1 hot, 9/9",
        "Best dense, ",
        "! weak baseline, batch 1, 1 thread: 10 %",
    ):
        assert any(line.startswith(start) for line in lines), (start, done.stdout)
    (row,) = (line for line in lines if line.startswith("batch 1 llc, 1 thread"))
    assert row.count("+-") == 3 and "%!" in row  # no sparse reference: "-"
    assert "more warnings: see the report" in done.stdout


def test_counts_come_first_and_no_number_is_cut(save, tmp_path):
    document = crowded()
    for row in document["benchmarks"]:
        if row["eie_kernel"] == "model_eie_analytic" and row["eie_device"] == "eie-64pe-45nm":
            document["benchmarks"].append(row | {"eie_kernel": "model_eie_cycle", "name": "cycle" + row["name"]})
    done = run_report(save(document), "--out", tmp_path / "out")
    text = " ".join(done.stdout.split())
    first = next(line for line in done.stdout.splitlines() if line.startswith("! "))
    count = sum(row["eie_time_source"] in ("wall", "device") for row in document["benchmarks"])
    assert re.fullmatch(rf"! of {count} rows \d+ wide \(\+-10 %\), \d+ off target, \d+ contradictions", first)
    assert re.search(r"model \S+x d analytic, \S+x d cycle", text) and "..." not in text
    assert "below 70 % on 9 of 9 layers" in text


@pytest.mark.parametrize("paths", [1, 8, 14, 30])
def test_small_rooms_have_no_line_too_many(save, paths):
    results, published = load(save(crowded())), Published(DATA)
    report = Report(results, published)
    screen = LastScreen(results, published, report.opencl, report.sections["Speed tables"][0], report.missing, report.gpus)
    lines = screen.text([("Path", "somewhere")] * paths).splitlines()
    assert len(lines) <= max(LINES, paths)
    assert [line.startswith("Path:") for line in lines[-paths:]] == [True] * paths
    assert "-" not in re.findall(r"and (\S+) more warnings", "\n".join(lines))


def test_fewer_layers_are_counted(document, save, tmp_path):
    for array in ("benchmarks", "eie_missing"):
        document[array] = [row for row in document[array] if row["eie_layer"] not in ("Alex-7", "NT-We")]
    done = run_report(save(document), "--out", tmp_path / "out", pictures=["fig6_speedup"])
    assert done.returncode == 0 and "batch 1 llc, 1 thread, 7/9" in done.stdout and "(7" not in done.stdout
    assert (tmp_path / "out" / "fig6_speedup.png").exists()
    assert cell(tmp_path / "out", "fig6_host_threads1", "geometric mean", "scalar_eie_stream@1")["layers"] == "7"


def test_a_mean_of_fewer_layers_than_its_row_says_so(document, save, tmp_path):
    document["benchmarks"] = [
        row for row in document["benchmarks"] if (row["eie_kernel"], row["eie_layer"]) != ("peers_openblas_sgemv", "Alex-7")
    ]
    done = run_report(save(document), "--out", tmp_path / "out")
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("batch 1 llc, 1 thread, 9/9"))
    assert row.count("(8)") == 1


# ---- OpenCL ------------------------------------------------------------------------------------


def opencl_rows(device=POCL, speeds=(("opencl_row_lanes", 2.0), ("opencl_window_lookup", 4.0))):
    """Wall and device times: dense OpenBLAS's on four threads, hot, divided by the speed; NT-We prefers the lanes."""
    made = []
    for kernel, speed in speeds:
        for layer in LAYERS:
            inputs, outputs, *_ = SHAPES[layer]
            time = inputs * outputs * 100 / 1000 / 4 / (9.0 if (kernel, layer) == ("opencl_row_lanes", "NT-We") else speed)
            for clock, share in (("wall", 1.0), ("device", 0.5)):
                row = base_row("paper", layer, kernel, ["exact"], device, 1, 0, "hot", clock)
                made.append(with_number(row, time * share, eie_bytes=1))
    return made


def test_the_best_opencl_kernel_of_each_layer_stands_everywhere(document, save, tmp_path):
    document["benchmarks"] += opencl_rows()
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    assert cell(out, NAME, "Alex-7", "kernel")["value"] == "opencl_window_lookup"
    assert cell(out, NAME, "NT-We", "kernel")["value"] == "opencl_row_lanes"
    wall, device = (float(cell(out, NAME, "Alex-7", column)["value"]) for column in ("wall us", "device us"))
    assert device == pytest.approx(wall / 2) and wall == pytest.approx(4096 * 4096 * 100 / 1e6 / 4 / 4)
    mean = cell(out, NAME, "geometric mean", "over best dense")
    assert float(mean["value"]) == pytest.approx((4**8 * 9) ** (1 / 9))
    shown = page(out)
    assert "faster than best dense on all 4 threads 4.38x +-? d" in shown and "OpenBLAS 0.0 (Fakewell)" in shown
    assert cell(out, "table4", "Alex-7", "best OpenCL (wall)")["value"] == cell(out, NAME, "Alex-7", "wall us")["value"]
    assert "OpenCL, batch 1 hot, 9/9" in done.stdout


@pytest.mark.parametrize("visits", [False, True])
def test_a_row_that_a_later_run_went_on_with_still_compares(document, save, tmp_path, visits):
    """--resume gives a row the number of the run that added to it; only rows without visits must be of one run."""
    document["benchmarks"] += opencl_rows()
    for number, row in enumerate(document["benchmarks"]):
        if row["eie_time_source"] in ("wall", "device"):
            again = row["eie_layer"] == "Alex-7" and row["eie_device"] != "cpu"
            row = with_visits(row, {1: scattered(row["eie_median_ns"])}) if visits else row
            document["benchmarks"][number] = row | {"eie_run": int(again)}
    assert run_report(save(document), "--out", tmp_path / "out", "--quiet").returncode == 0
    over = cell(tmp_path / "out", NAME, "Alex-7", "over best dense")
    assert (over["value"] != "missing") == visits
    assert (f"the best dense row were {OTHER_RUN}: Alex-7." in page(tmp_path / "out")) == visits


def test_a_gpu_is_not_this_processor(document, save):
    document["benchmarks"] += opencl_rows("opencl:nvidia:made-up")
    document["context"]["eie_devices"] = {"opencl:nvidia:made-up": {"title": "GPU", "type": "gpu"}}
    assert Opencl(load(save(document)), Published(DATA)).table is None


def test_without_opencl_nothing_is_said(document, save, tmp_path):
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 0 and (tmp_path / "out/report.md").exists()
    assert "OpenCL" not in done.stdout and not (tmp_path / "out" / f"{NAME}.csv").exists()


# ---- what one reader refuses, all refuse -------------------------------------------------------

VISIT = {"eie_visits": [1], "eie_visit_samples": [3]}
FAULTS = {
    "another median": {"eie_median_ns": 7.5},
    "median / 1000": lambda row: {"eie_median_ns": row["eie_median_ns"] / 1000},
    "no samples": {"eie_samples_ns": None},
    "an empty list": {"eie_samples_ns": []},
    "a disturbed sample 0": {"eie_disturbed_ns": [0]},
    "visits that fall": {"eie_visits": [2, 1], "eie_visit_samples": [1, 2]},
    "visits twice": {"eie_visits": [1, 1], "eie_visit_samples": [1, 2]},
    "visit 0": {"eie_visits": [0], "eie_visit_samples": [3]},
    "visits that are true": {"eie_visits": [True], "eie_visit_samples": [3]},
    "more samples than there are": {"eie_visits": [1, 2], "eie_visit_samples": [2, 2]},
    "fewer counts than visits": {"eie_visits": [1, 2], "eie_visit_samples": [3]},
    "visits without counts": {"eie_visits": [1]},
    "disturbed visits null": VISIT | {"eie_disturbed_ns": [5.0], "eie_disturbed_visits": None},
    "disturbed visits 1": VISIT | {"eie_disturbed_ns": [5.0], "eie_disturbed_visits": 1},
    "disturbed visits true": VISIT | {"eie_disturbed_ns": [5.0], "eie_disturbed_visits": True},
    "disturbed visits in lists": VISIT | {"eie_disturbed_ns": [5.0], "eie_disturbed_visits": [[1]]},
    "fewer disturbed visits than samples": VISIT | {"eie_disturbed_ns": [5.0, 6.0], "eie_disturbed_visits": [1]},
    "disturbed visits without samples": VISIT | {"eie_disturbed_visits": [1]},
    "disturbed samples without visits": VISIT | {"eie_disturbed_ns": [5.0]},
    "a disturbed sample beyond the last": VISIT | {"eie_disturbed_at": [3]},
    "a disturbed sample before the first": VISIT | {"eie_disturbed_at": [-1]},
    "a disturbed sample twice": VISIT | {"eie_disturbed_at": [1, 1]},
    "a disturbed sample null": {"eie_disturbed_at": None},
    "a disturbed sample in a list": {"eie_disturbed_at": [[0]]},
}


READERS = {
    "report": lambda bad, good, folder: ("report", bad, "--out", folder / "out"),
    "compare, the newer": lambda bad, good, folder: ("compare", good, bad),
    "compare, the older": lambda bad, good, folder: ("compare", bad, good),
    "merge": lambda bad, good, folder: ("merge", bad, good, "--out", folder / "m.json"),
    "poster": lambda bad, good, folder: ("poster", bad, "--out", folder / "P.md"),
    "gpus": lambda bad, good, folder: ("gpus", bad),
    "compressed": lambda bad, good, folder: ("compressed", folder / "ledger.json", bad),
}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["in turn", "every"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_reader_refuses_what_contradicts_itself(name, every, document, save, tmp_path):
    """All read by one loader: in turn each reader has some faults and each fault one reader."""
    fault, turn = FAULTS[name], list(FAULTS).index(name) % len(READERS)
    number = next(number for number, row in enumerate(document["benchmarks"]) if row["eie_time_source"] == "wall")
    good, row = copy.deepcopy(document), document["benchmarks"][number]
    document["benchmarks"][number] = row | (fault(row) if callable(fault) else fault)
    bad, good = save(document, "bad.json"), save(good, "good.json")
    (tmp_path / "ledger.json").write_text('{"layers": []}')
    for reader in READERS.values() if every else [list(READERS.values())[turn]]:
        script, *arguments = reader(bad, good, tmp_path)
        done = run_script(script, *arguments)
        assert done.returncode == 2 and not done.stdout, (script, done)
        assert len(done.stderr.splitlines()) == 1 and "bad.json" in done.stderr, (script, done.stderr)


def test_a_newer_file_is_called_so(document, save, tmp_path):
    document["context"]["eie_format"] = "2"
    done = run_report(save(document), "--out", tmp_path / "out")
    assert done.returncode == 2 and "newer version" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("script", ["report", "compare"])
def test_what_has_no_end_or_stands_for_another_file(script, document, save, tmp_path):
    good, pipe, pointer = save(document), tmp_path / "pipe", tmp_path / "pointer.json"
    os.mkfifo(pipe)
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    for path, reason in (("/dev/zero", "device"), (pipe, "nobody writes"), (pointer, "git lfs pull")):
        done = run_script(script, path, *((good,) if script == "compare" else ("--out", tmp_path / "out")))
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert str(path) in done.stderr and reason in done.stderr


def test_a_pipe_with_data(document, save, tmp_path):
    path, pipe = save(document), tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["cp", path, pipe])
    assert run_script("compare", pipe, path).returncode == 0
    assert writer.wait() == 0


# ---- exit code 1 is a slowdown and nothing else ------------------------------------------------


@pytest.mark.parametrize("script", ["report", "compare"])
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_a_broken_standard_output_is_3(script, redirection, document, save, tmp_path):
    path = save(document)
    arguments = f"{path} --out {tmp_path / 'out'} --no-pictures" if script == "report" else f"{path} {path}"
    done = subprocess.run(
        f"{' '.join(PROGRAM)} {script} {arguments} {redirection}",
        shell=True,
        capture_output=True,
        text=True,
        env=PROGRAM_ENVIRONMENT,
    )
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(script)


def test_a_fault_of_the_program_is_one_line(tmp_path):
    (tmp_path / "broken.py").write_text("from plots.core.commandline import leave\nleave(lambda: {}['no\\nkey'])\n")
    done = subprocess.run([sys.executable, tmp_path / "broken.py"], capture_output=True, text=True, env=PROGRAM_ENVIRONMENT)
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1 and "broken.py:2: KeyError" in done.stderr


def test_output_through_what_is_no_file(document, save, tmp_path):
    path, target, link, pipe = save(document), tmp_path / "target.json", tmp_path / "link", tmp_path / "pipe"
    target.write_text("{}")
    link.symlink_to(target)
    os.mkfifo(pipe)
    assert run_script("compare", path, path, "--json", link).returncode == 0
    assert link.is_symlink() and "eie-compare-1" in target.read_text()
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    assert run_script("compare", path, path, "--json", pipe).returncode == 0
    assert "eie-compare-1" in reader.communicate()[0] and pipe.is_fifo()
    shown = run_program("compare", path, path, "--json", "/dev/stdout")
    assert shown.returncode == 0 and "eie-compare-1" in shown.stdout


def test_an_odd_name_is_printed(document, save, tmp_path):
    document["eie_missing"].append(missing_row("paper", "Alex-7", "odd\ud800", ["exact"], 1, "hot", "error", "why \ud800"))
    done = run_report(save(document), "--out", tmp_path / "out", "--quiet")
    assert done.returncode == 0, done.stderr
