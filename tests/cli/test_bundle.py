"""The bundle: what `cmake --install --component bundle` makes, run where there is nothing but glibc: a root folder of
its own, without network. Needs root or user namespaces for that part."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from command import BINARY, GUARD_S, REPOSITORY, compile_shared, kernel_source, suite_object

GLIBC = re.compile(r"(ld-linux.*|lib(c|m|mvec|pthread|dl|rt|resolv|util|anl|nsl)\.so\.\d+)$")
PLACE = "opt/eiebench"  # in the root folder
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
KERNELS = "scalar_eie_*,avx2_eie_*,peers_*,opencl_eie_*,cuda_*"


def readelf(option, path):
    return subprocess.run(
        ["readelf", "--wide", option, path], check=True, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}
    ).stdout


def install(prefix):
    return subprocess.run(
        ["cmake", "--install", BINARY.parent, "--component", "bundle", "--prefix", prefix], capture_output=True, text=True
    )


def write(folder, program, limit=40):
    """The script behind the component, for another program or limit."""
    settings = {
        "PROGRAM": program,
        "SOURCE": REPOSITORY,
        "VERSION": "0",
        "PROCESSOR": "any",
        "LIMIT_MIB": limit,
        "OBJDUMP": shutil.which("objdump"),
        "STRIP": "",
        "FOLDER": folder,
    }
    return subprocess.run(
        ["cmake", *(f"-D{name}={value}" for name, value in settings.items()), "-P", REPOSITORY / "cmake/write_bundle.cmake"],
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Made in one place, then moved to another."""
    folder = tmp_path_factory.mktemp("bundle")
    done = install(folder / "first")
    assert done.returncode == 0, done.stderr
    return (folder / "first").rename(folder / "moved")


def objects(bundle):
    return [bundle / "eie", *sorted((bundle / "lib").iterdir())]


# ---- what is in it ---------------------------------------------------------------------------------------------


def test_all_is_there_and_small(bundle):
    assert {path.name for path in bundle.iterdir()} == {
        *("eie", "lib", "data", "licences", "LICENSE", "README.txt", "gpu.sh", "plots"),
    }
    assert os.access(bundle / "gpu.sh", os.X_OK) and not list(bundle.rglob("__pycache__"))
    assert not any(path.is_symlink() for path in bundle.rglob("*"))
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) < 40 << 20
    assert not any(GLIBC.match(path.name) for path in (bundle / "lib").iterdir())
    assert ".symtab" not in readelf("--sections", bundle / "eie")


def test_nothing_else_is_needed(bundle):
    """Each library is in the bundle or glibc's, and none leads elsewhere."""
    have = {path.name for path in (bundle / "lib").iterdir()}
    needed = set()
    for path in objects(bundle):
        text = readelf("--dynamic", path)
        needed |= {name for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text) if not GLIBC.match(name)}
        paths = re.findall(r"\((RPATH|RUNPATH)\).*\[(.*)\]", text)
        assert paths == ([("RPATH", "$ORIGIN/lib")] if path.name == "eie" else []), path
    assert needed == have


def test_least_glibc_is_stated(bundle):
    versions = {
        tuple(map(int, version.split(".")))
        for path in objects(bundle)
        for version in re.findall(r"GLIBC_([0-9.]+)", readelf("-V", path))
    }
    assert f"glibc {'.'.join(map(str, max(versions)))} or newer" in (bundle / "README.txt").read_text()


def test_libraries_are_named_with_their_licences(bundle):
    text = (bundle / "README.txt").read_text()
    assert all(f"lib/{path.name}: " in text for path in (bundle / "lib").iterdir())
    if not shutil.which("dpkg-query"):
        pytest.skip("licences: no dpkg-query here")
    packages = re.findall(r"lib/\S+: Debian package (\S+)", text)
    assert len(packages) == len(objects(bundle)) - 1
    assert all((bundle / "licences" / f"{package}.txt").stat().st_size > 100 for package in packages)


def loaded(program, **environment):
    """The loader's own list: name and path."""
    text = subprocess.run(
        [program], env={"LD_TRACE_LOADED_OBJECTS": "1"} | environment, check=True, capture_output=True, text=True
    ).stdout
    return dict(re.findall(r"(\S+) => (/\S+)", text))


def test_libraries_come_from_the_bundle(bundle, tmp_path):
    """Also through a link, and where LD_LIBRARY_PATH names the system's."""
    system = {str(pathlib.Path(path).parent) for path in loaded(BINARY).values()}
    link = tmp_path / "link"
    link.symlink_to(bundle / "eie")
    for program in (bundle / "eie", link):
        found = loaded(program, LD_LIBRARY_PATH=":".join(system))
        assert {name for name in found if not GLIBC.match(name)} == {path.name for path in (bundle / "lib").iterdir()}
        for name, path in found.items():
            assert GLIBC.match(name) or pathlib.Path(path).parent.samefile(bundle / "lib"), path


def test_data_is_found_beside_the_program(bundle, tmp_path):
    done = subprocess.run([bundle / "eie", "list", "suites"], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.returncode == 0 and "paper-signed" in done.stdout, done.stderr
    shutil.copy(bundle / "eie", tmp_path)  # alone
    done = subprocess.run([tmp_path / "eie", "list", "suites"], env={}, capture_output=True, text=True)
    assert done.returncode == 2 and "no data folder beside the program" in done.stderr


def test_system_takes_over_the_runtime_of_cplusplus(bundle, tmp_path):
    """What README.txt advises for drivers made with a newer compiler."""
    shutil.copytree(bundle, tmp_path / "less")
    for name in ("libstdc++.so.6", "libgcc_s.so.1"):
        (tmp_path / "less/lib" / name).unlink()
    found = loaded(tmp_path / "less/eie")
    assert not found["libstdc++.so.6"].startswith(str(tmp_path)) and str(tmp_path) in found["libhwloc.so.15"]
    done = subprocess.run([tmp_path / "less/eie", "list", "kernels"], env={}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- what stops it from being made -----------------------------------------------------------------------------


def test_folder_that_is_not_empty(tmp_path):
    (tmp_path / "mine").write_text("precious")
    done = install(tmp_path)
    assert done.returncode != 0 and "is not empty: name a new folder" in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_bundle_that_is_too_large(tmp_path):
    done = write(tmp_path / "made", BINARY, limit=1)
    assert done.returncode != 0 and "more than the 1 MiB" in " ".join(done.stderr.split())
    assert not (tmp_path / "made").exists()


def needing(folder, program, library):
    """A program that needs lib/libx.so, which needs y/liby.so, each linked with flags of its own."""
    for name in ("lib", "y"):
        (folder / name).mkdir()
    compile_shared(folder / "y", "liby", "int y(void); int y(void) { return 0; }")
    compile_shared(
        folder / "lib", "libx", "int y(void); int x(void); int x(void) { return y(); }", f"-L{folder}/y", "-ly", *library
    )
    (folder / "main.c").write_text("int x(void); int main(void) { return x(); }")
    subprocess.run(
        ["cc", "-o", "main", "main.c", "-Llib", "-lx", f"-Wl,-rpath-link,{folder}/y", "-Wl,--disable-new-dtags", *program],
        cwd=folder,
        check=True,
    )
    return folder / "main"


@pytest.mark.parametrize(
    "program, library, why",
    [
        (["-Wl,-rpath,$ORIGIN/lib"], [], "not found: liby.so"),
        (["-Wl,-rpath,$ORIGIN/lib"], ["-Wl,-rpath,$ORIGIN/../y"], "libx.so has a search path of its own"),
        (["-Wl,-rpath,$ORIGIN/lib:$ORIGIN/y"], [], "eie looks for libraries elsewhere than in lib/"),
    ],
    ids=["absent", "library leads elsewhere", "program leads elsewhere"],
)
def test_program_that_would_not_run_elsewhere(tmp_path, program, library, why):
    done = write(tmp_path / "made", needing(tmp_path, program, library))
    assert done.returncode != 0 and why in " ".join(done.stderr.split()), done.stderr
    assert not (tmp_path / "made").exists()


# ---- an empty root folder --------------------------------------------------------------------------------------


@functools.cache
def namespaces():
    """How to get a network and mounts of one's own here; None where it cannot be had."""
    for options in (["--user", "--map-root-user"], []):
        command = ["unshare", *options, "--net", "--mount"]
        try:
            done = subprocess.run([*command, "chroot", "/", "true"], env={"PATH": PATH}, capture_output=True)
            if done.returncode == 0:
                return command
        except FileNotFoundError:
            return None
    return None


class Root:
    """A root folder with the bundle and glibc's files. root(...) runs the bundle's command in it; `mounts` are the
    system's folders to show there."""

    def __init__(self, folder, bundle):
        if namespaces() is None:
            pytest.skip("empty root folder: neither root nor user namespaces here (unshare)")
        self.folder = folder
        text = subprocess.run(["ldd", bundle / "eie"], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"(/\S+) \(0x", text):
            if GLIBC.match(os.path.basename(path)):
                (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / path[1:])
        shutil.copytree(bundle, folder / PLACE)

    def __call__(self, *arguments, mounts=(), **environment):
        steps = []
        for name in mounts:
            (self.folder / name).mkdir(exist_ok=True)
            steps.append(f'mount --rbind /{name} "$0/{name}" && ')
        script = "".join(steps) + 'exec chroot "$0" "$@"'
        return subprocess.run(
            [*namespaces(), "sh", "-c", script, self.folder, f"/{PLACE}/eie", *map(str, arguments)],
            env={"PATH": PATH} | environment,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )


@pytest.fixture
def root(tmp_path, bundle):
    return Root(tmp_path, bundle)


def rows(root, **further):
    (root.folder / "tiny.json").write_text(json.dumps(suite_object()), encoding="utf-8")
    done = root(
        "bench",
        "--quiet",
        "--budget",
        "least",
        "--suite",
        "/tiny.json",
        "--layer",
        "even",
        "--cache",
        "hot",
        "--threads",
        "1",
        "--batch",
        "1",
        "--kernel",
        KERNELS,
        "--out",
        "/out.json",
        **further,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads((root.folder / "out.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mounts", [("proc", "sys"), ("proc",)], ids=" and ".join)
def test_bench_where_there_is_nothing(root, mounts):
    """Rows for our kernels, and for each library one that says what is absent."""
    results = rows(root, mounts=mounts)
    done = {row["eie_kernel"] for row in results["benchmarks"]}
    assert "scalar_eie_stream" in done and not any(name.startswith(("peers_", "opencl_", "cuda_")) for name in done)
    reasons = {
        row["eie_kernel"]: row["eie_reason"]
        for row in results["eie_missing"]
        if row["eie_status"] in ("skipped", "unsupported")
    }
    for kernel, library in {
        "peers_openblas_sgemv": "libopenblas.so",
        "peers_mkl_csr_mv": "libmkl_rt.so",
        "peers_graphblas_mxm": "libgraphblas.so",
        "peers_clblast_sgemv": "libOpenCL.so",
        "opencl_eie_stream": "libOpenCL.so",
    }.items():
        assert library in reasons[kernel] and "cannot open shared object file" in reasons[kernel]
    context = results["context"]
    assert context["eie_cores"] >= 1 and context["eie_memory_bytes"] > 0


@pytest.mark.parametrize("mounts", [("proc", "sys"), ("proc",), ()], ids=lambda names: " and ".join(names) or "bare")
def test_check_and_list_where_there_is_nothing(root, mounts):
    further = {"mounts": mounts} | ({} if mounts else {"LD_ORIGIN_PATH": f"/{PLACE}"})
    done = root("check", "--cases", "0", "--threads", "2", "--kernel", "scalar_eie_*,avx2_eie_*,peers_openblas_*", **further)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert re.search(r"^scalar_eie_stream +ok ", done.stdout, re.M)
    assert re.search(r"^peers_openblas_sgemv +skipped .*libopenblas", done.stdout, re.M)
    listed = root("list", "kernels", "--json", **further)
    assert listed.returncode == 0 and listed.stderr == ""
    for kernel in json.loads(listed.stdout):
        if kernel["name"].startswith(("peers_", "opencl_", "cuda_")):
            assert kernel["status"] != "ok" and kernel["reason"], kernel
    suites = root("list", "suites", **further)
    assert suites.returncode == 0 and "paper-signed" in suites.stdout


def test_without_proc_nothing_is_measured(root):
    """One clear line, and no file."""
    done = root(
        "bench", "--layer", "NT-We", "--kernel", "scalar_eie_stream", "--out", "/out.json", LD_ORIGIN_PATH=f"/{PLACE}"
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 3 and "/proc is not mounted" in line and not (root.folder / "out.json").exists()
    done = root("--version")  # the loader cannot tell where the program lies
    (line,) = done.stderr.splitlines()
    assert done.returncode == 127 and "error while loading shared libraries" in line


def test_plugin_where_there_is_nothing(root):
    compile_shared(root.folder, "mine", kernel_source())
    done = root("check", "--plugin", "/mine.so", "--kernel", "test_kernel", "--cases", "3", mounts=("proc",))
    assert done.returncode == 0 and "bit for bit" in done.stdout, done.stderr


def test_libraries_are_looked_up_where_they_are_named(root):
    """EIE_LIBRARY_PATH leads to one; a .venv that happens to lie two folders above does not."""
    stray = compile_shared(
        root.folder,
        "stray",
        """
        #include <unistd.h>
        __attribute__((constructor)) static void begin(void) { if (write(2, "begun\\n", 6)) return; }""",
    )
    (root.folder / ".venv/lib").mkdir(parents=True)
    stray.rename(root.folder / ".venv/lib/libopenblas.so.0")
    for environment, begun in (({}, False), ({"EIE_LIBRARY_PATH": "/.venv/lib"}, True)):
        done = root("list", "kernels", "--json", mounts=("proc",), **environment)
        assert done.returncode == 0 and ("begun" in done.stderr) == begun, done.stderr
        (reason,) = (one["reason"] for one in json.loads(done.stdout) if one["name"] == "peers_openblas_sgemv")
        assert ("has no " if begun else "libopenblas.so") in reason


def test_older_glibc(root):
    """As the loader sees one: the newest version that is needed goes by another name."""
    newest = re.search(r"glibc (\S+) or newer", (root.folder / PLACE / "README.txt").read_text())[1]
    (libc,) = root.folder.glob("**/libc.so.6")
    name = f"GLIBC_{newest}".encode() + b"\0"
    libc.write_bytes(libc.read_bytes().replace(name, name.replace(b"GLIBC_2", b"GLIBC_9")))
    done = root("--version", mounts=("proc",))
    assert done.returncode == 1 and f"version `GLIBC_{newest}' not found" in done.stderr, done.stderr


EMULATED = BINARY.parent / "tests/cuda/eie_emulated_cuda"
TOOLS = ("bash", "cat", "date", "dirname", "echo", "env", "mkdir", "mv", "nproc", "rm", "tee", "timeout", "uname")


@pytest.mark.skipif(not EMULATED.is_file(), reason=f"{EMULATED} was not built")
def test_gpu_script_where_there_is_nothing(root):
    """Nothing but glibc, bash and coreutils, no network; the emulated device in the GPU's place."""
    shutil.copy(EMULATED, root.folder / PLACE / "eie")
    (root.folder / "bin").mkdir(exist_ok=True)
    for name in TOOLS:
        program = pathlib.Path(shutil.which(name)).resolve()
        shutil.copy(program, root.folder / "bin" / name)
        for library in re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", program], capture_output=True, text=True).stdout):
            (root.folder / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root.folder / library[1:])
    (root.folder / "tiny.json").write_text(json.dumps(suite_object(suite_object()["layers"][:1])), encoding="utf-8")
    (root.folder / PLACE / "eie").rename(root.folder / PLACE / "program")
    script = root.folder / PLACE / "eie"  # what Root runs
    script.write_text('#!/bin/bash\nexec /bin/bash /opt/eiebench/gpu.sh --eie /opt/eiebench/program "$@"\n')
    script.chmod(0o755)
    words = "--suite /tiny.json --budget least --batches 1 --sweep none --cache hot --out /out --check".split()
    done = root(*words, "--case 7", mounts=("proc", "sys", "dev"), PATH=PATH + ":/bin", EIE_EMULATOR_CLOCK="1")
    assert done.returncode == 0, (done.stdout, done.stderr)
    results = json.loads((root.folder / "out/bench.json").read_text(encoding="utf-8"))
    kernels = {row["eie_kernel"] for row in results["benchmarks"]}
    assert {"cuda_code_groups", "cpu_auto"} <= kernels and any(name.startswith("model_") for name in kernels)
    log = (root.folder / "out/log.txt").read_text(encoding="utf-8")
    assert "no compute-sanitizer here" in log and "no report: no Python" in log and "all of it: /out" in log
