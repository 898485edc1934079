"""OpenCL: devices and rows, what is missing or broken, the cache of programs, and Oclgrind's look at the kernels.
pocl and Oclgrind are chosen by OCL_ICD_VENDORS, so that other drivers of the machine play no part."""

import ctypes.util
import json
import pathlib
import re

import pytest
from command import REPOSITORY, compile_shared

SOURCES = REPOSITORY / "kernels" / "opencl"
VENDORS = pathlib.Path("/etc/OpenCL/vendors")
POCL = VENDORS / "pocl.icd"
OCLGRIND = pathlib.Path("/usr/lib/oclgrind/liboclgrind-rt-icd.so")
EXACT = (
    "opencl_byte_lookup,opencl_dense_columns,opencl_dense_words,opencl_eie_stream,opencl_narrow_lookup,opencl_row_lanes,"
    "opencl_window_lookup"
)
CPU = "scalar_eie_stream"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """One cache of programs for all tests that do not look into it: compiling takes time."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def pocl(eie, shared_cache):
    if not POCL.is_file():
        pytest.skip("OpenCL: pocl-opencl-icd is not installed")
    eie.environment |= {"OCL_ICD_VENDORS": str(POCL), "XDG_CACHE_HOME": shared_cache}
    return eie


@pytest.fixture
def oclgrind(eie, shared_cache, tmp_path):
    """The command on Oclgrind's device; what Oclgrind finds goes to the file `log`."""
    if not OCLGRIND.is_file():
        pytest.skip("OpenCL: oclgrind is not installed")
    vendors = tmp_path / "oclgrind"
    vendors.mkdir()
    (vendors / "oclgrind.icd").write_text(f"{OCLGRIND}\n")
    eie.environment |= {
        "OCL_ICD_VENDORS": str(vendors),
        "XDG_CACHE_HOME": shared_cache,
        "OCLGRIND_DATA_RACES": "1",
        "OCLGRIND_CHECK_API": "1",
        "OCLGRIND_LOG": str(tmp_path / "log"),
    }
    return eie


@pytest.fixture
def changed(tmp_path):
    """A folder for EIE_CL_DIR with one source that was changed: changed("eie_stream", old, new)."""

    def make(name, old, new):
        folder = tmp_path / "changed"
        folder.mkdir(exist_ok=True)
        text = (SOURCES / f"{name}.cl").read_text()
        assert text.count(old) == 1, (name, old)
        (folder / f"{name}.cl").write_text(text.replace(old, new))
        return {"EIE_CL_DIR": str(folder)}

    return make


@pytest.fixture
def shim(tmp_path):
    """Environment with a loader whose function of that name does its work and then `after`: shim("cl_int",
    "clName", PARAMETERS, ARGUMENTS, C)."""

    def make(kind, name, parameters, arguments, after):
        path = compile_shared(
            tmp_path,
            "loader",
            f"""
            #define _GNU_SOURCE
            #define CL_TARGET_OPENCL_VERSION 300
            #include <CL/cl.h>
            #include <dlfcn.h>
            {kind} {name}({parameters})
            {{
                {kind} (*next)({parameters}) = dlsym(dlopen("libOpenCL.so.1", RTLD_NOW), "{name}");
                {kind} result = next({arguments});
                {after}
                return result;
            }}
            """,
            "-Wl,--no-as-needed",
            "-l:libOpenCL.so.1",
        )
        return {"EIE_OPENCL": str(path)}

    return make


@pytest.fixture(autouse=True)
def short(eie, monkeypatch):
    """Few samples do."""
    bench = eie.bench
    monkeypatch.setattr(eie, "bench", lambda *arguments, **further: bench("--budget", "least", *arguments, **further))


def devices(eie, **further):
    return [one for one in json.loads(eie("list", "devices", "--json", **further).stdout) if one["kind"] == "opencl"]


def rows_of(results, kernel):
    return [row for row in results["benchmarks"] + results["eie_missing"] if row["eie_kernel"] == kernel]


def log_of(eie):
    path = eie.folder / "log"
    return path.read_text() if path.exists() else ""


# ---- devices and rows --------------------------------------------------------------------------


def test_devices_say_what_they_can_do(pocl):
    (device,) = devices(pocl)
    assert re.fullmatch(r"opencl:portable-computing-language:[a-z0-9._-]+", device["name"])
    assert device["type"] == "cpu" and device["status"] == "ok" and device["driver"] and device["platform_version"]
    assert device["compute_units"] >= 1 and device["work_group_max"] >= 1
    assert 0 < device["local_bytes"] <= device["largest_buffer_bytes"] <= device["global_bytes"]
    (line,) = (line for line in pocl("list", "devices").stdout.splitlines() if line.startswith("opencl:"))
    assert "units" in line and "sub-groups" in line


def test_row_for_each_clock(pocl, tiny):
    results = pocl.bench(
        "--suite", tiny, "--layer", "even", "--kernel", f"{EXACT},{CPU}", "--threads", "1", "--cache", "hot,llc"
    )
    (device,) = devices(pocl)
    for kernel in EXACT.split(","):
        rows = {row["eie_time_source"]: row for row in rows_of(results, kernel)}
        assert set(rows) == {"device", "wall"} and len(rows_of(results, kernel)) == 2
        for row in rows.values():
            assert row["eie_device"] == device["name"] and row["eie_status"] == "ok", row["eie_reason"]
            assert (row["eie_threads"], row["eie_cache"], row["eie_copies"]) == (0, "hot", 1)
            assert row["eie_launch_ns"] > 0 and row["eie_prepare_ns"] > 0 and "eie_floor_ns" not in row
            assert len(row["eie_samples_ns"]) + len(row.get("eie_disturbed_ns", [])) == row["repetitions"]
            assert row["eie_opencl_driver"] == device["driver"]
            assert row["eie_device_hash"] == rows["device"]["eie_device_hash"]
        assert 0 < rows["device"]["eie_median_ns"] <= 1.05 * rows["wall"]["eie_median_ns"]
    facts = results["context"]["eie_devices"][device["name"]]
    assert facts["driver"] == device["driver"] and facts["title"] == device["title"]
    again = rows_of(results, "opencl_row_lanes")[0]["eie_again"].split()
    assert "--threads" not in again and again[again.index("--device") + 1] == device["name"]
    assert "opencl_row_lanes" in pocl(*again[1:], "--quiet", "--budget", "least").stdout


@pytest.mark.parametrize("names, opencl, cpu", [("opencl:*", 2, 0), ("cpu", 0, 1), ("opencl:portable*,cpu", 2, 1)])
def test_device_by_glob(pocl, tiny, names, opencl, cpu):
    results = pocl.bench(
        "--suite", tiny, "--layer", "odd", "--kernel", f"opencl_row_lanes,{CPU}", "--threads", "1", "--device", names
    )
    assert len(rows_of(results, "opencl_row_lanes")) == opencl and len(rows_of(results, CPU)) == cpu


@pytest.mark.parametrize("verb", ["bench", "check"])
def test_device_that_is_not_there(pocl, verb):
    pocl.fails(2, "opencl:nothing*", verb, "--device", "opencl:nothing*")


def test_check_on_devices_by_glob(pocl):
    done = pocl("check", "--device", "opencl:portable*", "--kernel", "opencl_row*,scalar_*", "--case", "3")
    assert "opencl_row_lanes" in done.stdout and "scalar" not in done.stdout and done.stdout.startswith("opencl")


@pytest.mark.parametrize(
    "kernel, batch", [("peers_clblast_sgemv", 1), pytest.param("peers_clblast_sgemm", 4, marks=pytest.mark.slow)]
)
def test_dense_peer(pocl, tiny, kernel, batch):
    if not ctypes.util.find_library("clblast"):
        pytest.skip("OpenCL: libclblast1 is not installed")
    results = pocl.bench("--suite", tiny, "--layer", "odd", "--kernel", kernel, "--batch", batch)
    device, wall = (row["eie_median_ns"] for row in results["benchmarks"])
    assert 0 < device <= 1.05 * wall and not results["eie_missing"]


def test_several_inputs(pocl, tiny):
    results = pocl.bench("--suite", tiny, "--layer", "sparse", "--kernel", "opencl_*", "--batch", "4")
    assert {row["eie_kernel"] for row in results["benchmarks"]} >= set(EXACT.split(","))
    assert not results["eie_missing"]


def test_clocks_that_contradict_each_other(pocl, tiny, shim):
    """Events that last a second longer than they do."""
    loader = shim(
        "cl_int",
        "clGetEventProfilingInfo",
        "cl_event event, cl_profiling_info what, size_t size, void *value, size_t *got",
        "event, what, size, value, got",
        "if (what == CL_PROFILING_COMMAND_END) *(cl_ulong *)value += 1000000000;",
    )
    results = pocl.bench(
        "--suite", tiny, "--layer", "odd", "--kernel", f"opencl_row_lanes,{CPU}", "--threads", "1", env=loader
    )
    rows = rows_of(results, "opencl_row_lanes")
    assert [row["eie_status"] for row in rows] == ["suspect", "suspect"]
    assert all("contradict" in row["eie_reason"] for row in rows)
    assert {row["eie_kernel"] for row in results["benchmarks"]} == {CPU}


# ---- what is missing or broken -----------------------------------------------------------------


@pytest.mark.parametrize(
    "icd, culprit",
    [(None, "no driver is registered"), ("/nonexistent.so\n", "/nonexistent.so"), ("", "some.icd is empty")],
)
def test_driver_that_is_missing(eie, tiny, tmp_path, icd, culprit):
    if not ctypes.util.find_library("OpenCL"):
        pytest.skip("OpenCL: ocl-icd-libopencl1 is not installed")
    vendors = tmp_path / "vendors"
    vendors.mkdir()
    if icd is not None:
        (vendors / "some.icd").write_text(icd)
    environment = {"OCL_ICD_VENDORS": str(vendors)}
    arguments = ["--suite", tiny, "--layer", "odd", "--threads", "1"]
    results = eie.bench(*arguments, "--kernel", f"opencl_*,{CPU}", env=environment)
    rows = [row for row in results["eie_missing"] if row["eie_kernel"].startswith("opencl_")]
    assert rows and {row["eie_status"] for row in rows} == {"skipped"}
    assert all(culprit in row["eie_reason"] for row in rows)
    assert {row["eie_kernel"] for row in results["benchmarks"]} == {CPU}
    for kernels in ("opencl_*", "opencl_row_lanes"):
        eie.bench(*arguments, "--kernel", kernels, code=3, env=environment)
        done = eie.run("check", "--kernel", kernels, "--cases", "0", env=environment)
        assert done.returncode == 3 and culprit in done.stdout
    (device,) = devices(eie, env=environment)
    assert device["status"] == "skipped" and culprit in device["title"]


@pytest.fixture
def no_platforms(tmp_path):
    """Environment with a loader that has no platform."""
    return fake_loader(tmp_path, "")


def fake_loader(folder, platform):
    """Environment with a loader of one platform without a device, or with "" of none."""
    header = (REPOSITORY / "host/devices/opencl.h").read_text()
    names = re.findall(r"^ *DO\((\w+)\)", header, re.MULTILINE)
    answered = {"GetPlatformIDs", "GetPlatformInfo", "GetDeviceIDs"}
    assert answered < set(names)
    path = compile_shared(
        folder,
        "loader",
        "".join(f"int cl{name}(void) {{ return -1; }}\n" for name in names if name not in answered)
        + f"""
        #include <stdio.h>
        #include <string.h>
        static const char *name = "{platform}";
        int clGetPlatformIDs(unsigned room, void **platforms, unsigned *count)
        {{
            *count = *name != 0;
            if (*name && room) *platforms = &name;
            return *name ? 0 : -1001;
        }}
        int clGetPlatformInfo(void *platform, unsigned what, size_t size, char *text, size_t *got)
        {{
            snprintf(text, size, "%s", name);
            return 0;
        }}
        int clGetDeviceIDs(void *platform, unsigned long kind, unsigned room, void **devices, unsigned *count)
        {{
            *count = 0;
            return -1;
        }}
        """,
    )
    return {"EIE_OPENCL": str(path)}


@pytest.mark.parametrize(
    "text, why",
    [
        (b"", "is empty: it must name a library"),
        (b"\n", "names no library in its first line"),
        (b"\r\n", "names no library in its first line"),
        (b" \t\n", "names no library in its first line"),
        (b"\nlibm.so.6\n", "names no library in its first line"),
        (b"libm.so.6\r\n", "ends its line in CRLF"),
        (b"libm.so.6\r", "ends its line in CRLF"),
        (b"libm.so.6 \n", "has blanks around the library's name"),
        (b"\tlibm.so.6\n", "has blanks around the library's name"),
        (b"\xef\xbb\xbflibm.so.6\n", "begins with a byte-order mark"),
        ("libm.so.6\n".encode("utf-16"), "is no plain text"),
        ("libm.so.6\n".encode("utf-16-be"), "is no plain text"),
        (b"libnone.so\n", "cannot be loaded: libnone.so: "),
        (b"libm.so.6\n", "is no OpenCL driver"),
        (b"libm.so.6", "is no OpenCL driver"),
    ],
)
@pytest.mark.parametrize("alone", [True, False], ids=["one file", "folder"])
def test_file_of_a_driver_that_is_wrong(eie, tmp_path, no_platforms, text, why, alone):
    """Each with a line of its own, which names the file: the loader passes over it in silence."""
    vendors = tmp_path / "v"
    vendors.mkdir()
    (vendors / "some.icd").write_bytes(text)
    place = vendors / "some.icd" if alone else vendors
    (device,) = devices(eie, env=no_platforms | {"OCL_ICD_VENDORS": str(place)})
    assert device["name"] == "opencl:some" and device["status"] == "skipped"
    assert str(vendors / "some.icd") in device["title"] and why in device["title"]
    assert "\r" not in device["title"] and "\n" not in device["title"]
    eie.fails(
        3,
        why,
        *("check", "--kernel", "opencl_row_lanes", "--device", "opencl:some", "--cases", "0"),
        env=no_platforms | {"OCL_ICD_VENDORS": str(place)},
    )


def test_place_of_drivers_that_is_wrong(eie, tmp_path, no_platforms):
    def title(place):
        (device,) = devices(eie, env=no_platforms | {"OCL_ICD_VENDORS": str(place)})
        assert device["name"] == "opencl:none"
        return device["title"]

    assert f"no driver is registered: OCL_ICD_VENDORS={tmp_path}/none is not there" in title(tmp_path / "none")
    (tmp_path / "v").mkdir()
    (tmp_path / "v/pocl.icd.txt").write_text("libpocl.so\n")
    assert "has no file that ends in .icd" in title(tmp_path / "v")
    assert "is neither a folder nor a file that ends in .icd" in title(tmp_path / "v/pocl.icd.txt")
    (tmp_path / "v/some.icd").mkdir()
    (tmp_path / "v/other.icd").symlink_to("nowhere")
    found = {device["name"]: device["title"] for device in devices(eie, env=no_platforms | {"OCL_ICD_VENDORS": "v"})}
    assert found == {
        "opencl:some": "v/some.icd cannot be read: Is a directory",
        "opencl:other": "v/other.icd cannot be read: No such file or directory",
    }


def test_file_of_a_driver_with_crlf_beside_the_true_loader(eie, tmp_path):
    if not POCL.is_file():
        pytest.skip("OpenCL: pocl-opencl-icd is not installed")
    (tmp_path / "pocl.icd").write_bytes(POCL.read_bytes().rstrip() + b"\r\n")
    (device,) = devices(eie, env={"OCL_ICD_VENDORS": str(tmp_path)})
    assert device["name"] == "opencl:pocl" and "ends its line in CRLF" in device["title"]


@pytest.mark.parametrize("kernels", ["opencl_row*", "opencl_row_lanes"])
@pytest.mark.parametrize("library, why", [("/nonexistent.so", "cannot be loaded"), ("libm.so.6", "is no OpenCL driver")])
def test_driver_that_is_missing_beside_one_that_is_there(pocl, tiny, tmp_path, kernels, library, why):
    """Nobody asked for that device: rows on the other one are enough."""
    (tmp_path / "pocl.icd").write_text(POCL.read_text())
    (tmp_path / "other.icd").write_text(f"{library}\n")
    results = pocl.bench("--suite", tiny, "--layer", "odd", "--kernel", kernels, env={"OCL_ICD_VENDORS": str(tmp_path)})
    assert [row["eie_status"] for row in results["benchmarks"]] == ["ok", "ok"]
    assert {row["eie_device"] for row in results["eie_missing"]} == {"opencl:other"}
    assert all(why in row["eie_reason"] for row in results["eie_missing"])
    named = pocl.run(
        "bench",
        "--quiet",
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        kernels,
        "--device",
        "opencl:other",
        env={"OCL_ICD_VENDORS": str(tmp_path)},
    )
    assert named.returncode == 3
    done = pocl("check", "--kernel", kernels, "--case", "3", env={"OCL_ICD_VENDORS": str(tmp_path)})
    assert why in done.stdout and "bit for bit" in done.stdout


def test_loader_that_is_missing(eie, tiny):
    results = eie.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        f"opencl_*,{CPU}",
        "--threads",
        "1",
        env={"EIE_OPENCL": "/nonexistent.so"},
    )
    rows = [row for row in results["eie_missing"] if row["eie_kernel"].startswith("opencl_")]
    assert rows and all(row["eie_status"] == "skipped" and "/nonexistent.so" in row["eie_reason"] for row in rows)


def test_library_that_is_missing(pocl):
    pocl.fails(
        3,
        "/nonexistent.so",
        "check",
        "--kernel",
        "peers_clblast_sgemv",
        "--cases",
        "0",
        env={"EIE_CLBLAST": "/nonexistent.so"},
    )


@pytest.mark.parametrize(
    "old, new, status, code, words",
    [
        ("__kernel void eie_stream(", "__kernel vuid eie_stream(", "error", 2, ["eie_stream.cl does not build", "error:"]),
        ("const int a = x[j];", "const int a = x[j] + (x[j] == 7);", "ok", 0, []),
        ("row += entry & 15;", "row += (entry & 15) + (j == 3);", "mismatch", 1, ["must be"]),
        (
            "const int a = x[j];",
            "const int a = x[j] + *(__global int *)(size_t)(j / 8);",
            "error",
            3,
            ["CRASHED", "SIGSEGV"],
        ),
    ],
    ids=["does not build", "another that is right", "wrong", "crashes"],
)
def test_source_that_is_changed(pocl, make_suite, changed, old, new, status, code, words):
    """Its rows say what came of it, and the rest of the matrix runs on. The inputs are never 7."""
    other = "opencl_row_lanes"
    layer = {
        "name": "one",
        "inputs": 64,
        "outputs": 96,
        "weight_density": 0.2,
        "activation": "none",
        "activation_density": 0.5,
        "source": "a test",
    }
    results = pocl.bench(
        "--suite",
        make_suite(layers=[layer]),
        "--kernel",
        f"opencl_eie_stream,{other},{CPU}",
        "--threads",
        "1",
        code=code,
        env=changed("eie_stream", old, new),
    )
    rows = rows_of(results, "opencl_eie_stream")
    assert [row["eie_status"] for row in rows] == [status, status], rows[0]["eie_reason"]
    assert all(word in row["eie_reason"] for row in rows for word in words)
    assert all("eie_median_ns" in row for row in rows) == (status == "ok")
    others = {row["eie_kernel"] for row in results["benchmarks"]} - {"opencl_eie_stream"}
    assert others == {other, CPU}


def test_folder_of_sources_that_is_missing(pocl):
    done = pocl.run("check", "--kernel", "opencl_row_lanes", "--cases", "0", env={"EIE_CL_DIR": "/nonexistent"})
    assert done.returncode == 2 and "EIE_CL_DIR=/nonexistent is no folder" in done.stdout


@pytest.mark.parametrize("case", [48, 82])  # 65 x 65; many inputs
def test_device_that_takes_small_groups_only(pocl, case):
    done = pocl(
        "check",
        "--kernel",
        "opencl_eie*,opencl_row*",
        "--case",
        case,
        "--device",
        "opencl:*",
        env={"POCL_MAX_WORK_GROUP_SIZE": "3"},
    )
    assert done.stdout.count(" ok ") == 2


@pytest.mark.parametrize(
    "name, wide",
    [
        ("window_lookup", "#define WIDE 1"),
        ("narrow_lookup", "#define BYTES 1"),
        pytest.param("dense_columns", "#define PAIRS 1", marks=pytest.mark.slow),
    ],
)
def test_form_without_permutes(pocl, changed, name, wide):
    """As on devices whose compiler has none."""
    done = pocl("check", "--kernel", f"opencl_{name}", "--cases", "0", env=changed(name, wide, ""))
    assert " ok " in done.stdout


def test_forms_of_byte_lookup(pocl, tiny, changed):
    """Where the compiler lacks what the processor has, the plain form is taken."""
    kernels = json.loads(pocl("list", "kernels", "--json").stdout)
    dots = next((one["status"] for one in kernels if one["name"] == "avx512_byte_lookup"), "") == "ok"
    plain, name = "a row a work-item", "opencl_byte_lookup"

    def form(**env):
        rows = rows_of(pocl.bench("--suite", tiny, "--layer", "sparse", "--kernel", name, env=env), name)
        assert {row["eie_status"] for row in rows} == {"ok"}
        return rows[0]["eie_opencl_form"]

    assert form() == ("512-bit permutes, dot products" if dots else plain)
    assert form(**changed("byte_lookup", "__builtin_ia32_vpdpbusd512(", "no_such_builtin(")) == plain
    assert form(EIE_ISA_MASK="vnni") == plain


def test_byte_lookup_without_dot_products(pocl):
    done = pocl("check", "--kernel", "opencl_byte_lookup", "--cases", "0", env={"EIE_ISA_MASK": "vnni"})
    assert " ok " in done.stdout


@pytest.mark.parametrize("affinity, bound", [("0", False), ("", True)])
def test_threads_of_a_processors_driver_are_bound(pocl, tiny, affinity, bound):
    """All of them or, on wish, none; and again after kernels of the processor had every thread on its cores."""
    row = rows_of(
        pocl.bench(
            "--suite",
            tiny,
            "--layer",
            "sparse",
            "--kernel",
            f"opencl_row_lanes,{CPU}",
            env={"POCL_AFFINITY": affinity},
        ),
        "opencl_row_lanes",
    )[0]
    units = devices(pocl)[0]["compute_units"]
    assert row["eie_opencl_threads_bound"] == (units if bound else 0)


def test_matrix_that_no_buffer_holds(oclgrind, tiny):
    results = oclgrind.bench(
        "--suite",
        tiny,
        "--layer",
        "even",
        "--kernel",
        f"opencl_*,{CPU}",
        "--threads",
        "1",
        env={"OCLGRIND_GLOBAL_MEM_SIZE": "512"},
    )
    rows = [row for row in results["eie_missing"] if row["eie_kernel"].startswith("opencl_")]
    assert rows and {row["eie_status"] for row in rows} == {"unsupported"}
    assert all("buffer" in row["eie_reason"] or "its plan needs" in row["eie_reason"] for row in rows)


def test_memory_that_is_used_up(pocl, tiny, shim):
    """The device says no although the buffer is not too large for it."""
    loader = shim(
        "cl_mem",
        "clCreateBuffer",
        "cl_context c, cl_mem_flags flags, size_t size, void *host, cl_int *code",
        "c, flags, size, host, code",
        "if (size > 4000) { *code = CL_MEM_OBJECT_ALLOCATION_FAILURE; result = NULL; }",
    )
    results = pocl.bench(
        "--suite", tiny, "--layer", "even,odd", "--kernel", f"opencl_csr*,{CPU}", "--threads", "1", code=3, env=loader
    )
    rows = {row["eie_layer"]: row for row in rows_of(results, "opencl_csr_float32")}
    assert rows["even"]["eie_status"] == "error"
    assert "clCreateBuffer fails with CL_MEM_OBJECT_ALLOCATION_FAILURE" in rows["even"]["eie_reason"]
    assert rows["odd"]["eie_status"] == "ok" and len(rows_of(results, CPU)) == 2


# ---- the cache of programs ---------------------------------------------------------------------


def test_programs_are_cached_and_never_trusted(pocl, tiny, tmp_path, changed, shared_cache):
    cache = tmp_path / "cache"

    def origin(**env):
        results = pocl.bench(
            "--suite",
            tiny,
            "--layer",
            "odd",
            "--kernel",
            "opencl_row_lanes",
            env={"XDG_CACHE_HOME": str(cache), "POCL_CACHE_DIR": shared_cache} | env,
        )
        (found,) = {row["eie_opencl_program"] for row in results["benchmarks"]}
        return found

    assert origin() == "built"
    files = sorted((cache / "eiebench").iterdir())
    assert files and all(re.fullmatch(r"[0-9a-f]{64}\.clbin", path.name) for path in files)
    assert origin() == "cached"
    for damage in (lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], lambda data: data[:-1]):
        for path in files:
            path.write_bytes(damage(path.read_bytes()))
        assert origin() == "built"
    assert origin() == "cached"
    largest = max(files, key=lambda path: path.stat().st_size)
    for path in files:  # a whole file under another's name
        path.write_bytes(largest.read_bytes().replace(largest.stem.encode(), path.stem.encode()[:63] + b"g"))
    assert origin() == "built"
    other = changed("row_lanes", "sum[TILE] = {0};", "sum[TILE] = {0, 0};")
    assert origin(**other) == "built" and origin(**other) == "cached" and origin() == "cached"
    assert sorted((cache / "eiebench").iterdir()) != files


@pytest.mark.parametrize("place", ["/proc/none", "relative"])
def test_no_place_for_the_cache(pocl, tiny, place, shared_cache):
    results = pocl.bench(
        "--suite",
        tiny,
        "--layer",
        "odd",
        "--kernel",
        "opencl_row_lanes",
        env={"XDG_CACHE_HOME": place, "HOME": "", "POCL_CACHE_DIR": shared_cache},
    )
    assert {row["eie_opencl_program"] for row in results["benchmarks"]} == {"built"}


NO_CACHE = [
    ({"HOME": "/dev/null"}, "/dev/null/.cache/pocl/kcache (Not a directory)"),
    ({"HOME": "/proc"}, "/proc/.cache/pocl/kcache (No such file or directory)"),
    ({"XDG_CACHE_HOME": "/proc/none"}, "/proc/none/pocl/kcache (No such file or directory)"),
    ({"POCL_CACHE_DIR": "/proc/none"}, "/proc/none (No such file or directory)"),
    ({"POCL_CACHE_DIR": "/proc"}, "/proc (No such file or directory)"),
]


def no_place(environment, eie):
    for name in ("XDG_CACHE_HOME", "POCL_CACHE_DIR"):
        eie.environment.pop(name, None)
    return environment


def says_no_cache(device, place):
    words = f"OpenCL: pocl cannot make its cache in {place}: set POCL_CACHE_DIR to a folder that can be written"
    assert device["status"] == "skipped" and device["title"] == words


@pytest.mark.parametrize("environment, place", NO_CACHE)
def test_no_place_for_pocls_own_cache(eie, tmp_path, environment, place):
    environment = no_place(environment, eie) | fake_loader(tmp_path, "Portable Computing Language")
    (device,) = devices(eie, env=environment)
    assert device["name"] == "opencl:portable-computing-language"
    says_no_cache(device, place)


def test_place_for_the_cache_of_another_platform_does_not_matter(eie, tmp_path):
    environment = {"HOME": "/dev/null"} | fake_loader(tmp_path, "Another Language")
    (device,) = devices(eie, env=no_place(environment, eie))
    assert device["title"] == "OpenCL: platform Another Language shows no device"


def test_place_for_pocls_cache_that_is_good_is_left_as_it_was(eie, tmp_path):
    environment = {"POCL_CACHE_DIR": str(tmp_path / "kcache")} | fake_loader(tmp_path, "Portable Computing Language")
    (device,) = devices(eie, env=environment)
    assert "shows no device" in device["title"] and list((tmp_path / "kcache").iterdir()) == []


@pytest.mark.parametrize("environment, place", NO_CACHE)
def test_true_pocl_without_a_place_for_its_cache(pocl, tiny, environment, place):
    environment = no_place(environment, pocl)
    (device,) = devices(pocl, env=environment)
    says_no_cache(device, place)
    results = pocl.bench("--suite", tiny, "--layer", "odd", "--kernel", "opencl_row_lanes", code=3, env=environment)
    assert {row["eie_reason"] for row in results["eie_missing"]} == {device["title"]}


def test_disk_that_is_full_for_pocls_cache(eie, tmp_path):
    """pocl's linker would end the process."""
    source = """
    #include <sys/statvfs.h>
    int fstatvfs(int file, struct statvfs *disk) { *disk = (struct statvfs){.f_frsize = 4096, .f_bavail = FREE}; return 0; }
    int fstatvfs64(int file, struct statvfs64 *disk) __attribute__((alias("fstatvfs")));"""
    loader = fake_loader(tmp_path, "Portable Computing Language")
    for free, full in ((0, True), (1 << 20, False)):
        disk = compile_shared(tmp_path, f"disk{free}", "#define _GNU_SOURCE\n" + source.replace("FREE", str(free)))
        environment = {"LD_PRELOAD": str(disk), "POCL_CACHE_DIR": str(tmp_path / "kcache")} | loader
        (device,) = devices(eie, env=environment)
        assert ("No space left on device" in device["title"]) == full


# ---- Oclgrind ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [18, *(pytest.param(case, marks=pytest.mark.slow) for case in (24, 62))])
def test_oclgrind_finds_nothing(oclgrind, case):
    done = oclgrind("check", "--kernel", "opencl_*", "--device", "opencl:oclgrind*", "--case", case)
    assert done.stdout.count(" ok ") == 8
    assert log_of(oclgrind) == ""


@pytest.mark.parametrize(
    "name, old, new, words",
    [
        ("eie_stream", "y[i] = finish(", "y[i + 64 * outputs] = finish(", "Invalid write"),
        ("eie_stream", "    barrier(CLK_LOCAL_MEM_FENCE);\n", "", "data race"),
        ("row_lanes", "        barrier(CLK_LOCAL_MEM_FENCE);\n", "", "data race"),
        ("csr_float32", "sum += weight[e]", "sum += weight[e + 100000]", "Invalid read"),
    ],
    ids=["write beyond the end", "race on the codebook", "race on sums", "read beyond the end"],
)
def test_oclgrind_finds_what_is_planted(oclgrind, changed, name, old, new, words):
    oclgrind.run(
        "check", "--kernel", f"opencl_{name}", "--device", "opencl:oclgrind*", "--case", "24", env=changed(name, old, new)
    )
    assert words in log_of(oclgrind)
