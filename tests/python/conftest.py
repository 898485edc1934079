"""A made-up results file for the tests of plots/. Its numbers are round and clearly not measured."""

import csv
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import traceback
import warnings

import pytest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(REPOSITORY, "data")
sys.path.insert(0, REPOSITORY)
sys.dont_write_bytecode = True
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads do not come along into a fork

from plots.__main__ import VERBS
from plots.core.commandline import leave

PROGRAM = [sys.executable, "-m", "plots"]
PROGRAM_ENVIRONMENT = os.environ | {"PYTHONPATH": REPOSITORY}


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes many seconds; for ./run test --all")


# name: inputs, outputs, share of weights, share of active inputs
SHAPES = {
    "Alex-6": (9216, 4096, 0.09, 0.351),
    "Alex-7": (4096, 4096, 0.09, 0.353),
    "Alex-8": (4096, 1000, 0.25, 0.375),
    "VGG-6": (25088, 4096, 0.04, 0.183),
    "VGG-7": (4096, 4096, 0.04, 0.375),
    "VGG-8": (4096, 1000, 0.23, 0.411),
    "NT-We": (4096, 600, 0.10, 1.0),
    "NT-Wd": (600, 8791, 0.11, 1.0),
    "NT-LSTM": (1201, 2400, 0.10, 1.0),
}
FC8 = ("alexnet-fc8", 4096, 1000, 0.257, 0.429)

# kernel: flags, nanoseconds per 1000 multiplications of the dense product on one thread, dense or not,
# thread counts. Stream is the best exact compressed kernel on one thread but absent on four; pool is
# there on both and the best one for the NeuralTalk layers.
KERNELS = {
    "scalar_ref_dense": (["exact", "reference"], 1000, True, (1,)),
    "scalar_eie_stream": (["exact"], 20, False, (1,)),
    "fake_eie_pool": (["exact"], 30, False, (1, 4)),
    "peers_openblas_sgemv": (["float32", "baseline"], 100, True, (1, 4)),
    "fake_int8_dense": (["approximate"], 1, True, (1,)),
}
BATCHED = {
    "peers_openblas_sgemm": (["float32", "baseline"], 40, True, (1,)),
    "scalar_eie_stream": (["exact"], 20, False, (1,)),
}  # what runs at batch 64
PADDING = 1.25  # entries for each non-zero weight
CEILINGS = {"l1": 9e10, "l2": 4e10, "l3": 2e10, "dram": 8e9}  # bytes per second and thread
PICTURES = ("fig6_speedup", "fig7_energy", "roofline")
PEAKS = {"int16": 5e10, "float32": 4.5e10}
ADDS = 2e9
POOL_COST_NEURALTALK = 10


def base_row(suite, layer, kernel, flags, device, batch, threads, cache, clock):
    name = f"{suite}/{layer}/{kernel}/{device}/b{batch}/t{threads}/{cache}/{clock}"
    return {
        "name": name,
        "run_name": name,
        "run_type": "iteration",
        "eie_suite": suite,
        "eie_layer": layer,
        "eie_layer_hash": "fake-" + layer,
        "eie_kernel": kernel,
        "eie_device": device,
        "eie_batch": batch,
        "eie_threads": threads,
        "eie_cache": cache,
        "eie_time_source": clock,
        "eie_flags": flags,
        "eie_layer_basis": {"paper-matched": "calibrated", "real": "real"}.get(suite, "generated"),
        "eie_provenance": "modelled" if clock == "model" else "measured",
    }


def with_number(row, median_ns, **further):
    row |= {
        "iterations": 10,
        "repetitions": 20,
        "threads": max(1, row["eie_threads"]),
        "real_time": median_ns,
        "cpu_time": median_ns,
        "time_unit": "ns",
        "eie_status": "ok",
        "eie_reason": "",
        "eie_median_ns": median_ns,
        "eie_samples_ns": [median_ns] * 3,
        "eie_ci95_low_ns": median_ns,
        "eie_ci95_high_ns": median_ns,
        "eie_mad_ns": 0,
        "eie_prepare_ns": 5,
    }
    return row | further


def retime(row, median_ns):
    """Another time, which the samples bear out."""
    row.update(with_number({"eie_threads": row["eie_threads"]}, median_ns))
    return row


def with_visits(row, visits):
    """The row as a file of today has it: {number of the visit: its samples}."""
    samples = [sample for found in visits.values() for sample in found]
    low, high = sorted(samples)[len(samples) // 4], sorted(samples)[-1 - len(samples) // 4]
    return retime(row, statistics.median(samples)) | {
        "eie_samples_ns": samples,
        "eie_visits": list(visits),
        "eie_visit_samples": [len(found) for found in visits.values()],
        "eie_ci95_low_ns": low,
        "eie_ci95_high_ns": high,
        "eie_min_ns": min(samples),
        "eie_target": 0.02,
    }


def scattered(time, share=0.01, count=9):
    """Samples about a time, evenly, within the share."""
    return [time * (1 + share * (2 * step / (count - 1) - 1)) for step in range(count)]


def host_row(suite, layer, shape, kernel, threads, cache, batch=1):
    inputs, outputs, weights, active = shape
    flags, cost, dense, _ = (KERNELS if batch == 1 else BATCHED)[kernel]
    if kernel == "fake_eie_pool" and layer.startswith("NT"):
        cost = POOL_COST_NEURALTALK
    dense_macs = inputs * outputs * batch
    useful = round(dense_macs * weights * active)
    padding = dense_macs - useful if dense else useful // 10
    time = dense_macs * cost / 1000 / threads * (2 if cache == "llc" else 1)
    row = base_row(suite, layer, kernel, flags, "cpu", batch, threads, cache, "wall")
    library = {"eie_library": "OpenBLAS 0.0 made up", "eie_library_core": "Fakewell"} if "peers" in kernel else {}
    return with_number(
        row,
        time,
        **library,
        eie_resident="LLC",
        eie_macs_useful=useful,
        eie_macs_padding=padding,
        eie_bytes=dense_macs,
        eie_prepared_bytes=dense_macs,
        **layer_counts(shape, batch),
    )


def layer_counts(shape, batch=1):
    """What every row says about its layer; one copy of it."""
    inputs, outputs, weights, active = shape
    nonzeros = round(inputs * outputs * weights)
    return {
        "eie_inputs": inputs,
        "eie_outputs": outputs,
        "eie_nonzeros": nonzeros,
        "eie_entries": round(nonzeros * PADDING),
        "eie_active_inputs": round(inputs * active) * batch,
    }


def with_ceilings(document):
    """The file of a run that measured its ceilings."""
    entries = [
        {"threads": threads, "level": level, "bytes_per_s": speed * threads, "working_set_bytes": 4096, "loop": "made up"}
        for threads in (1, 4)
        for level, speed in CEILINGS.items()
    ]
    peaks = [
        {"threads": threads, "operation": name, "macs_per_s": peak * threads, "loop": "made up"}
        for threads in (1, 4)
        for name, peak in PEAKS.items()
    ]
    document["context"]["eie_runs"] = [
        {
            "date": "2000-01-01T00:00:00+00:00",
            "command": "eie bench --made-up",
            "load_avg": [0.5],
            "eie_ceilings": entries,
            "eie_peaks": peaks,
            "eie_adds": [{"threads": threads, "adds_per_s": ADDS * threads, "loop": "made up"} for threads in (1, 4)],
            "eie_pool": [{"threads": 4, "run_ns": 2000, "barrier_ns": 500}],
        }
    ]
    for row in document["benchmarks"]:
        if row["eie_time_source"] == "wall":
            floor = row["eie_bytes"] / CEILINGS["l3"] * 1e9
            row |= {
                "eie_floor_ns": floor,
                "eie_floor_bound": "l3",
                "eie_copies": 3,
                "eie_run": 0,
                "eie_floor_share": floor / row["eie_median_ns"],
                "eie_again": "eie bench --layer " + row["eie_layer"],
            }
    return document


def model_row(suite, layer, shape, device="eie-64pe-45nm"):
    inputs, outputs, weights, active = shape
    useful = round(inputs * outputs * weights * active)
    padding = useful // 50
    theoretical = (useful + padding) / 64 / 0.8
    row = base_row(suite, layer, "model_eie_analytic", ["estimate"], device, 1, 0, "none", "model")
    return with_number(
        row,
        theoretical / 0.8,
        eie_resident="none",
        eie_macs_useful=useful,
        eie_macs_padding=padding,
        eie_cycles=theoretical,
        eie_theoretical_cycles=theoretical * 0.8,
        eie_theoretical_ns=theoretical,
        eie_load_balance=0.8,
        eie_entries_active=useful + padding,
        eie_energy_j=theoretical / 0.8 * 0.6e-9,
        eie_energy_source="constant power",
        eie_energy_actions_j=theoretical * 0.5e-9,
        eie_area_mm2=40.0,
        eie_columns_active=inputs * active,
        eie_spmat_line_reads=(useful + padding) / 4,
        **layer_counts(shape),
    )


def missing_row(suite, layer, kernel, flags, threads, cache, status, reason):
    return base_row(suite, layer, kernel, flags, "cpu", 1, threads, cache, "wall") | {
        "eie_status": status,
        "eie_reason": reason,
    }


def fake_document():
    rows, missing = [], []
    layers = [("paper", name, shape) for name, shape in SHAPES.items()] + [("real", FC8[0], FC8[1:])]
    for suite, name, shape in layers:
        for cache in ("hot", "llc"):
            for kernel in KERNELS:
                for threads in KERNELS[kernel][3]:
                    rows.append(host_row(suite, name, shape, kernel, threads, cache))
            missing.append(
                missing_row(suite, name, "fake_avx9000", ["exact"], 1, cache, "unsupported", "the processor has no AVX-9000")
            )
            missing.append(
                missing_row(suite, name, "fake_fast", ["exact"], 1, cache, "suspect", "twice the ceiling of its level")
                | {"eie_median_ns": 1.0}
            )
        rows.append(model_row(suite, name, shape))
    rows += [model_row("paper-matched", name, shape) for name, shape in SHAPES.items()]
    rows += [model_row("paper", name, shape, "eie-256pe-28nm") for name, shape in SHAPES.items()]
    rows += [host_row("paper", name, shape, kernel, 1, "hot", 64) for name, shape in SHAPES.items() for kernel in BATCHED]
    context = {
        "date": "2000-01-01T00:00:00+00:00",
        "host_name": "nowhere",
        "num_cpus": 4,
        "eie_format": "1",
        "eie_cpu_name": "Made-up CPU",
        "eie_cpu_features": "fake1,fake2",
        "eie_cores": "4",
        "eie_revision": "0000000",
        "eie_compiler": "fakecc 1",
        "eie_build_type": "Release",
        "eie_l2_bytes": 1536 * 1024,
        "eie_host_energy": "unavailable: made-up machine without meter",
    }
    return {"context": context, "benchmarks": rows, "eie_missing": missing}


@pytest.fixture
def document():
    return fake_document()


@pytest.fixture
def save(tmp_path):
    def save_document(document, name="results.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return save_document


def run_program(script, *arguments, cwd=None):
    """As a user does. Loading the modules takes most of the time: a few tests only."""
    command = PROGRAM + [script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=PROGRAM_ENVIRONMENT, cwd=cwd)


def run_script(script, *arguments, cwd=None):
    """The same in a fork of this process, which has the modules."""
    main = importlib.import_module("plots." + VERBS[script]).main
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            _be_program(main, [script, *map(str, arguments)], out.fileno(), err.fileno(), cwd)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess([script, *arguments], code, out.read(), err.read())


def _be_program(main, arguments, out, err, cwd):
    """Never returns."""
    code = "no exit code"
    try:
        if cwd is not None:
            os.chdir(cwd)
        for number, place in enumerate((out, err), 1):
            os.dup2(place, number)
        sys.argv, sys.stdout, sys.stderr = arguments, open(1, "w"), open(2, "w", errors="backslashreplace")
        for kind in (RuntimeWarning, UserWarning):  # pytest would keep them to itself
            warnings.simplefilter("error", kind)
        leave(main)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 70)


def run_report(*arguments, pictures=None):
    """`pictures`: names of those that the test is about; the other figures are made, but not drawn, which takes a second
    each. None: without any."""
    if pictures is None:
        return run_script("report", *arguments, "--no-pictures")
    from plots.pages import report
    from plots.tables import roofline  # noqa: F401, and matplotlib with it: the fork has them

    made = report.drawings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            report, "drawings", lambda *given: {name: figure for name, figure in made(*given).items() if name in pictures}
        )
        return run_script("report", *arguments)


@pytest.fixture
def changed_data(tmp_path):
    """A copy of data/ in which one text of one file is another: what is computed from it must change."""

    def change(name, old, new):
        folder = tmp_path / "data"
        if not folder.exists():
            shutil.copytree(DATA, folder)
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return change


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The report of the made-up file: (output folder, what was printed). It names all pictures and has the roofline."""
    return made_up_report(tmp_path_factory.mktemp("report"), ["roofline"])


def made_up_report(folder, pictures, document=None):
    path = folder / "results.json"
    path.write_text(json.dumps(document or fake_document()), encoding="utf-8")
    done = run_report(path, "--out", folder / "out", pictures=pictures)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


def read(folder, name):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page(folder):
    """The words of report.md."""
    return " ".join((folder / "report.md").read_text(encoding="utf-8").replace("|", " ").split())


def cell(folder, name, row, column):
    found = [line for line in read(folder, name) if (line["row"], line["column"]) == (row, column)]
    assert len(found) == 1, (name, row, column)
    return found[0]


def column(folder, name, column_name):
    return {line["row"]: line for line in read(folder, name) if line["column"] == column_name}
