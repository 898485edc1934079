"""The command `eie` as its users run it. EIE_BINARY names it, else build/release/eie; EIE_MODELS as set
when the tests start names the real layers. Every test works in a folder of its own."""

import atexit
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DATA = REPOSITORY / "data"
BINARY = pathlib.Path(os.environ.get("EIE_BINARY") or REPOSITORY / "build/release/eie").resolve()
MODELS = os.environ.get("EIE_MODELS")
GUARD_S = 600  # for what ends by itself: no result depends on it, and no machine is so slow

TINY_LAYERS = [
    {
        "name": "even",
        "inputs": 64,
        "outputs": 48,
        "weight_density": 0.2,
        "activation": "relu",
        "activation_density": 0.5,
        "source": "a test",
    },
    {
        "name": "sparse",
        "inputs": 40,
        "outputs": 700,
        "weight_density": 0.01,
        "activation": "none",
        "activation_density": 1.0,
        "source": "a test: columns with padding entries",
    },
    {
        "name": "odd",
        "inputs": 17,
        "outputs": 33,
        "weight_density": 0.3,
        "activation": "none",
        "activation_density": 0.4,
        "source": "a test: more PEs than some columns have weights",
    },
]


def copy_door(folder):
    """`./run` for a project in this folder: the script and its verbs."""
    shutil.copy(REPOSITORY / "run", folder)
    (folder / "bench").mkdir()
    shutil.copy(REPOSITORY / "bench/__init__.py", folder / "bench")
    for name in ("bench/door", "plots/options"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "plots/__init__.py", folder / "plots")


def suite_object(layers=None, **changes):
    return {
        "format": "eie-suite-1",
        "summary": "tiny layers of the tests",
        "basis": "generated",
        "default_matrix": False,
        "default_kernels": "*",
        "needs_models": False,
        "pe_count": 4,
        "seed": 7,
        "signed": True,
        "samples": 4,
        "layers": TINY_LAYERS if layers is None else layers,
    } | changes


@functools.cache
def _compiled():
    """What this process has compiled lies here, by its text: many tests want the same."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="eie-compiled-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def compile_shared(folder, name, source, *flags):
    """Compiles C into the shared object folder/name.so against the headers of this tree; its path."""
    path = pathlib.Path(folder) / f"{name}.so"
    text = _compiled() / f"{hashlib.sha256(repr((source, flags)).encode()).hexdigest()}.c"
    if not text.with_suffix(".so").exists():
        text.write_text(source, encoding="utf-8")
        compiler = os.environ.get("CC", "cc")
        done = subprocess.run(
            [
                compiler,
                "-std=gnu11",
                "-shared",
                "-fPIC",
                "-O1",
                f"-I{REPOSITORY}",
                "-o",
                text.with_suffix(".so"),
                text,
                *flags,
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    path.unlink(missing_ok=True)  # nothing is written into a file that somebody may have loaded
    shutil.copy(text.with_suffix(".so"), path)
    return path


def kernel_source(**macros):
    """The correct kernel of tests/plugins/kernel.c with some of its macros, or those of the headers, defined
    otherwise: kernel_source(NAME='"test_x"', ON_RUN="abort()")."""
    lines = ['#include "kernels/plugin.h"']
    for name, value in macros.items():
        lines += [f"#undef {name.split('(')[0]}", f"#define {name} {' '.join(value.split())}"]
    return "\n".join([*lines, '#include "tests/plugins/kernel.c"', ""])


def listing(folder):
    """Everything below a folder: names, kinds and contents."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file" if path.is_file() else "special"
        readable = kind == "file" and os.access(path, os.R_OK)
        found[str(path.relative_to(folder))] = (kind, hashlib.sha256(path.read_bytes()).hexdigest() if readable else "")
    return found


def planted_machine():
    """Small caches and two of this machine's cores (or the one): working sets, numbers of copies, and what cache
    modes are possible are then the same everywhere."""
    units = sorted(os.sched_getaffinity(0))[:2]
    return {
        "HWLOC_SYNTHETIC": f"numa:1 l3:1(size=8388608) l2:{len(units)}(size=524288) l1d:1(size=32768) core:1 "
        f"pu:1(indexes={','.join(map(str, units))})",
        "HWLOC_THISSYSTEM": "1",
    }


def rows_in(path):
    """The rows that stand in a results file so far, by name; none where there is no file yet."""
    try:
        return {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]}
    except FileNotFoundError:
        return {}


def wait_for(process, condition):
    """Until it holds, however long that takes; the process must be there till then."""
    end = time.monotonic() + GUARD_S
    while not condition():
        assert process.poll() is None, (process.returncode, process.communicate())
        assert time.monotonic() < end, "it never came so far"
        time.sleep(0.01)


class Command:
    """eie(...) runs the command in `folder`; eie.fails(...) states how it must fail. It sees planted_machine(),
    with `machine` {} the true one."""

    BINARY = BINARY

    def __init__(self, folder, binary=BINARY, machine=None):
        self.folder, self.binary = folder, binary
        kept = {key: value for key, value in os.environ.items() if not key.startswith("EIE_")}
        # no OpenCL or CUDA device: those that want one name it (test_opencl.py)
        self.environment = kept | {"EIE_DATA_DIR": str(DATA), "OCL_ICD_VENDORS": "/nonexistent", "CUDA_VISIBLE_DEVICES": ""}
        self.environment["EIE_RAPL"] = "no"  # nor a meter of the processor; test_rapl.py names trees
        self.environment |= planted_machine() if machine is None else machine

    def popen(self, *arguments, env=None, **further):
        further = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | further
        return subprocess.Popen(
            [self.binary, *map(str, arguments)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            env=self.environment | (env or {}),
            **further,
        )

    def run(self, *arguments, env=None, **further):
        process = self.popen(*arguments, env=env, **further)
        try:
            out, err = process.communicate(timeout=GUARD_S)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, (out or b"").decode(), (err or b"").decode())

    def __call__(self, *arguments, **further):
        done = self.run(*arguments, **further)
        assert done.returncode == 0, (done.args, done.stderr)
        return done

    def fails(self, code, culprit, *arguments, **further):
        """Exit code `code`, one line on stderr that names the culprit, no file made or changed."""
        before = listing(self.folder)
        done = self.run(*arguments, **further)
        assert done.returncode == code, (done.args, done.returncode, done.stdout, done.stderr)
        assert done.stderr.startswith("eie") and done.stderr.endswith("\n"), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert culprit in done.stderr
        assert listing(self.folder) == before
        return done

    def layers(self, target, *options):
        """What `eie layer info` says."""
        return json.loads(self("layer", "info", target, "--json", *options).stdout)

    def bench(self, *arguments, code=0, **further):
        """The results file of a short run, in a hot cache unless told otherwise; `code` None: any."""
        for option, value in (("--cache", "hot"), ("--budget", "least")):
            arguments = arguments if option in arguments else (option, value, *arguments)
        done = self.run("bench", "--quiet", "--out", "out.json", *arguments, **further)
        assert code is None or done.returncode == code, (done.args, done.returncode, done.stderr)
        return json.loads((self.folder / "out.json").read_text(encoding="utf-8"))
