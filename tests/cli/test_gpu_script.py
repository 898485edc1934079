"""gpu.sh and `./run gpu` on the emulated CUDA device (tests/cuda/README.md): the whole flow, where it goes on and where
not, with made-up compute-sanitizers."""

import json
import os
import shutil
import subprocess
import tarfile

import pytest
from command import BINARY, DATA, GUARD_S, REPOSITORY, listing, planted_machine, suite_object
from test_door import Project

EMULATED = BINARY.parent / "tests" / "cuda" / "eie_emulated_cuda"
SCRIPT = REPOSITORY / "bench/door/gpu.sh"
KERNELS = ["cuda_active_columns", "cuda_code_groups", "cuda_eie_stream"]  # that take one input
TOOLS = ("bash", "dirname", "cat", "mkdir", "date", "timeout", "tee", "rm", "mv", "uname", "nproc", "tar", "gzip", "sleep")
# Run by compute-sanitizer's options: "$@" is all of them; the program follows the log file's name.
REFUSES = 'echo "it starts"; echo "Error: device not supported"; exit 1'
STARTS_NOTHING = 'echo "Target application terminated before first instrumented API call"; exit 255'
LOG = 'while [ $# -gt 0 ]; do [ "$1" != --log-file ] || log=$2; shift; done; '
FINDS = f'{LOG}echo "it starts"; [ -z "$log" ] || echo "========= ERROR SUMMARY: 1 error" >"${{log%-*}}-7.log"'
CLEAN = f'{LOG}echo "it starts"; [ -z "$log" ] || echo "========= ERROR SUMMARY: 0 errors" >"${{log%-*}}-7.log"'

pytestmark = pytest.mark.skipif(not EMULATED.is_file(), reason=f"{EMULATED} was not built")


def tool(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


class Machine:
    """A folder with gpu.sh and the emulated program, and a system with these tools only."""

    def __init__(self, folder):
        self.folder, self.tools = folder, folder / "tools"
        self.tools.mkdir()
        for name in TOOLS:
            tool(self.tools, name, f'exec {shutil.which(name)} "$@"')
        shutil.copy(SCRIPT, folder)
        (folder / "eie").symlink_to(EMULATED)
        layers = suite_object()["layers"][:1]
        (folder / "tiny.json").write_text(json.dumps(suite_object(layers)), encoding="utf-8")
        self.environment = planted_machine() | {
            "PATH": str(self.tools),
            "EIE_DATA_DIR": str(DATA),
            "EIE_EMULATOR_CLOCK": "1",
            "EIE_CUBLAS": str(EMULATED.parent / "libfake_cublas.so"),
            "EIE_CUBLASLT": str(EMULATED.parent / "libfake_cublaslt.so"),
            "EIE_CUSPARSE": "/nonexistent.so",
            "OCL_ICD_VENDORS": "/nonexistent",
            "HOME": "/nonexistent",
        }

    def __call__(self, *arguments, **environment):
        return subprocess.run(
            [self.tools / "bash", "gpu.sh", *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )

    def whole(self, *arguments, **environment):
        words = "--suite tiny.json --cache hot --budget least --batches 1,4 --sweep none --out out".split()
        return self(*words, "--check", "--case 7", *arguments, **environment)

    def sanitizer(self, body):
        tool(self.tools, "compute-sanitizer", body)

    def results(self):
        return json.loads((self.folder / "out/bench.json").read_text(encoding="utf-8"))

    def log(self):
        return (self.folder / "out/log.txt").read_text(encoding="utf-8")


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_all_of_it_and_what_cannot_be_done_is_said(machine):
    machine.sanitizer(REFUSES)
    done = machine.whole()
    assert done.returncode == 0, done.stderr
    rows = machine.results()["benchmarks"]
    batches = {(row["eie_kernel"], row["eie_batch"]) for row in rows if row["eie_device"] == "cuda:emulated"}
    assert {(kernel, 1) for kernel in KERNELS} | {("cuda_batch_groups", 4), ("peers_cublas_sgemv", 1)} <= batches
    assert ("peers_cublaslt_int8", 4) in batches
    others = {row["eie_kernel"] for row in rows if row["eie_device"] != "cuda:emulated"}
    assert "cpu_auto" in others and any(name.startswith("model_eie") for name in others)
    assert "without peers_cusparse_csr_mv: library given by EIE_CUSPARSE" in machine.log()
    assert machine.log().count("could not look (exit code 1): Error: device not supported") == 4
    assert "no report: no " in machine.log()
    with tarfile.open(machine.folder / "out.tar.gz") as packed:
        assert {"out/bench.json", "out/check.txt", "out/machine.txt", "out/devices.txt"} <= set(packed.getnames())
    before = (machine.folder / "out/bench.json").read_bytes()
    done = machine.whole()  # all has been done
    assert done.returncode == 0 and (machine.folder / "out/bench.json").read_bytes() == before
    assert "== checking" not in done.stderr and "== batch" not in done.stderr


@pytest.mark.slow
def test_a_fault_cancels_nothing_but_its_rows(machine):
    """Blocks of 1024 end the process: kernels that try them have no row, and the end says so."""
    done = machine.whole("--no-sanitizer", EIE_EMULATOR_FAULT="1024")
    assert done.returncode == 3, done.stderr
    assert "cudaErrorIllegalAddress" in (machine.folder / "out/bench.txt").read_text(encoding="utf-8")
    found = {(row["eie_kernel"], row["eie_batch"]) for row in machine.results()["benchmarks"]}
    assert {("cuda_eie_stream", 1), ("cuda_eie_stream", 4), ("cpu_auto", 1)} <= found


def measured(machine):
    """As an earlier call leaves it that has measured everything."""
    out = machine.folder / "out"
    (out / "done").mkdir(parents=True)
    (out / "bench.json").write_text("{}")
    for step in ("check", "batch-1", "batch-4", "host"):
        (out / "done" / step).write_text("")


@pytest.mark.parametrize(
    "body, code, words, count",
    [
        (REFUSES, 0, "could not look (exit code 1): Error: device not supported", 4),
        (STARTS_NOTHING, 0, "it starts no program: Target application terminated", 1),
        (CLEAN, 0, "nothing found", 4),
        (FINDS, 1, "found something", 4),
    ],
    ids=["refuses", "starts nothing", "finds nothing", "finds"],
)
def test_compute_sanitizer(machine, body, code, words, count):
    measured(machine)
    machine.sanitizer(body)
    done = machine.whole()
    assert done.returncode == code and machine.log().count(words) == count, (done.stderr, machine.log())
    assert (machine.folder / "out.tar.gz").exists()


def test_no_compute_sanitizer_is_one_line(machine):
    measured(machine)
    assert machine.whole().returncode == 0 and machine.log().count("no compute-sanitizer here") == 1
    assert machine.whole().returncode == 0 and machine.log().count("no compute-sanitizer here") == 1


@pytest.mark.slow
def test_limit_leaves_the_rest_for_the_next_call(machine):
    done = machine.whole("--limit", "1")
    assert done.returncode == 4 and "go on with --out" in done.stderr, done.stderr
    assert {path.name for path in (machine.folder / "out/done").iterdir()} <= {"sanitizer"}
    measured = machine.whole("--no-sanitizer")
    assert measured.returncode == 0 and len(machine.results()["benchmarks"]) > 10


def test_a_run_that_cannot_be_gone_on_with_ends_at_once(machine):
    (machine.folder / "out/done").mkdir(parents=True)
    (machine.folder / "out/done/check").write_text("")
    (machine.folder / "out/bench.json").write_text("{}")
    done = machine.whole()
    assert done.returncode == 2 and "eie bench refuses" in done.stderr
    assert (machine.folder / "out/bench.json").read_text() == "{}"


@pytest.mark.parametrize(
    "words",
    [
        ["--frob"],
        ["--budget", "5mm"],
        ["--budget"],
        ["--batches", "1,,2"],
        ["--sweep", "0"],
        ["--limit", "1h"],
        ["--cache", "llc"],
        ["--eie", "/nonexistent"],
        ["--device", "cuda:none of these"],
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line_and_no_folder(machine, words):
    before = listing(machine.folder)
    done = machine(*words)
    assert done.returncode == 2 and done.stderr.startswith("gpu.sh: ") and done.stderr.count("\n") == 1, done
    assert listing(machine.folder) == before


def test_without_a_device(machine):
    before = listing(machine.folder)
    done = machine(EIE_EMULATOR_DEVICES="0")
    assert done.returncode == 3 and "gpu.sh: no GPU: cuda:none: no CUDA-capable device" in done.stderr
    assert listing(machine.folder) == before


def test_one_of_each_model_unless_all_are_asked_for(machine):
    measured(machine)
    assert machine.whole(EIE_EMULATOR_DEVICES="3").returncode == 0
    assert "left out: cuda:emulated#2 cuda:emulated#3" in machine.log()
    shutil.rmtree(machine.folder / "out")
    measured(machine)
    assert machine.whole("--device", "cuda:*", EIE_EMULATOR_DEVICES="3").returncode == 0
    assert "left out: cuda" not in machine.log()


def test_libraries_in_the_usual_places(machine):
    """A Python's packages, a toolkit: cuBLAS is found by its name."""
    measured(machine)
    (machine.folder / "out/done/batch-1").unlink()
    (machine.folder / "out/bench.json").unlink()
    del machine.environment["EIE_CUBLAS"]
    for home in ("venv/lib/python3.12/site-packages/nvidia/cu13/lib", "toolkit/lib64"):
        (machine.folder / home).mkdir(parents=True)
        library = machine.folder / home / "libcublas.so.13"
        shutil.copy(EMULATED.parent / "libfake_cublas.so", library)
        further = {"VIRTUAL_ENV": "venv"} if home.startswith("venv") else {"CUDA_HOME": "toolkit"}
        further = {name: str(machine.folder / value) for name, value in further.items()}
        done = machine.whole("--no-sanitizer", "--batches", "1", **further)
        assert done.returncode == 0, done.stderr
        assert "peers_cublas_sgemv" in {row["eie_kernel"] for row in machine.results()["benchmarks"]}
        library.unlink()
        (machine.folder / "out/bench.json").unlink()
        (machine.folder / "out/done/batch-1").unlink()


def test_resume_does_not_mind_memory_that_grew(machine):
    words = [
        "--suite",
        "tiny.json",
        "--budget",
        "least",
        "--kernel",
        "scalar_eie_stream",
        "--cache",
        "hot",
        "--out",
        "a.json",
    ]

    def bench(*further):
        return subprocess.run(
            [EMULATED, "bench", "--quiet", "--threads", "1", *words, *further],
            cwd=machine.folder,
            env=machine.environment,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )

    assert bench().returncode == 0
    path = machine.folder / "a.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["context"]["eie_memory_bytes"] -= 1 << 30
    path.write_text(json.dumps(document), encoding="utf-8")
    done = bench("--resume")
    assert done.returncode == 0, done.stderr


# ---- ./run gpu -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_run_gpu_does_all_of_it(tmp_path):
    """Everything is installed; the suite `paper` is a small one, and eie checks one case."""
    project = Project(tmp_path).installed()
    for name in (*TOOLS, "sh", "nproc"):
        tool(project.tools, name, f'exec {shutil.which(name)} "$@"')
    data = tmp_path / "data"
    shutil.copytree(DATA, data)
    layers = suite_object()["layers"][:1]
    (data / "suites/paper.json").write_text(json.dumps(suite_object(layers)), encoding="utf-8")
    tool(project.folder / "build/release", "eie", f'[ "$1" != check ] || set -- "$@" --case 7\nexec {EMULATED} "$@"')
    tool(project.tools, "nvidia-smi", "echo made up")
    tool(project.tools, "nvcc", "exit 1")
    tool(project.tools, "compute-sanitizer", REFUSES)
    project.environment |= planted_machine() | {
        "EIE_DATA_DIR": str(data),
        "EIE_EMULATOR_CLOCK": "1",
        "EIE_CUBLAS": "/nonexistent.so",
        "EIE_CUBLASLT": "/nonexistent.so",
        "EIE_CUSPARSE": "/nonexistent.so",
        "OCL_ICD_VENDORS": "/nonexistent",
    }
    done = project("gpu", "--budget", "least", "--out", "out", "--batches", "1", "--sweep", "none")
    assert done.returncode == 0, done.stderr
    with open(project.folder / "out/bench.json", encoding="utf-8") as file:
        found = {row["eie_kernel"] for row in json.load(file)["benchmarks"]}
    assert {*KERNELS, "cpu_auto"} <= found and "could not look (exit code 1)" in done.stderr
    (made,) = [call for call in project.calls("python") if "report" in call]
    assert made[-1] == str(project.folder / "out") and os.path.isfile(project.folder / "out.tar.gz")
    assert "made up" in (project.folder / "out/clocks.csv").read_text()
    done = project("gpu", "--resume", "out", "--budget", "least", "--batches", "1", "--sweep", "none")
    assert done.returncode == 0 and "== batch" not in done.stderr
    done = project("gpu", "--resume", "nowhere")
    assert done.returncode == 2 and "no folder 'nowhere'" in done.stderr
