"""An installation: complete, movable, and all that a plug-in needs. Everything here works on what
`cmake --install` put into a folder of its own; the example of a plug-in is built there as a user would."""

import json
import os
import re
import shutil
import subprocess

import pytest
from command import BINARY, REPOSITORY, Command, compile_shared, kernel_source

KERNEL = "example_csr_rows"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed to one place, then moved to another."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["cmake", "--install", BINARY.parent, "--prefix", folder / "first"], check=True, stdout=subprocess.DEVNULL
    )
    return (folder / "first").rename(folder / "moved")


@pytest.fixture(scope="module")
def tools(prefix):
    """The environment of a user: pkg-config finds the installation, nothing leads to the source tree."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EIE_", "CFLAGS"))}
    (pkgconfig,) = prefix.glob("lib*/**/pkgconfig")
    return kept | {"PKG_CONFIG_PATH": str(pkgconfig), "CMAKE_PREFIX_PATH": str(prefix)}


@pytest.fixture(scope="module")
def example(prefix, tools, tmp_path_factory):
    """The example, copied from the installation and built with the line that its README gives."""
    folder = tmp_path_factory.mktemp("example") / "mine"
    shutil.copytree(prefix / "share/eiebench/plugin_example", folder)
    (line,) = (line for line in (folder / "README.md").read_text().splitlines() if line.startswith("    cc "))
    done = subprocess.run(f"{line} -Wpedantic -Werror", shell=True, cwd=folder, env=tools, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "csr_rows.so"


@pytest.fixture
def installed(prefix, tmp_path):
    """The installed command, which must find its data by itself."""
    command = Command(tmp_path, prefix / "bin/eie")
    del command.environment["EIE_DATA_DIR"]
    return command


def test_installed_command_finds_its_data(installed):
    assert {one["name"] for one in json.loads(installed("list", "suites", "--json").stdout)} >= {"paper", "real"}
    assert len(json.loads(installed("list", "devices", "--json").stdout)) > 1


def test_example_is_listed(installed, example):
    done = installed("list", "kernels", "--plugin", example, "--json")
    kernels = {one["name"]: one for one in json.loads(done.stdout)}
    assert kernels[KERNEL]["status"] == "ok" and kernels[KERNEL]["plugin"] == str(example)


def test_example_is_exact(installed, example):
    """On one case; ctest's check.plugin_example has all."""
    line, _ = installed("check", "--case", "48", "--plugin", example, "--kernel", KERNEL).stdout.splitlines()
    words = line.split()
    assert words[:2] == [KERNEL, "ok"] and int(words[2]) >= 6 and "bit for bit" in line
    assert int(line.split("(")[1].split()[0]) >= 4  # with several threads


def test_example_has_a_number_in_bench(installed, example, tiny):
    results = installed.bench("--plugin", example, "--suite", tiny, "--kernel", f"{KERNEL},scalar_eie_stream")
    rows = [row for row in results["benchmarks"] if row["eie_kernel"] == KERNEL]
    assert {row["eie_layer"] for row in rows} == {"even", "sparse", "odd"}
    assert all(row["eie_status"] == "ok" and row["eie_median_ns"] > 0 for row in rows)


def headers(prefix):
    include = prefix / "include/eiebench"
    return sorted(str(path.relative_to(include)) for path in include.rglob("*.h"))


@pytest.mark.parametrize("language", ["c", "c++"])
def test_every_header_compiles(prefix, tools, language):
    """Each alone in C; what only C++ refuses it refuses in company, too."""
    names = headers(prefix)
    assert {"kernels/kernel.h", "kernels/cpu_plan.h", "kernels/plugin.h", "host/layer/numbers.h"} <= set(names)
    standard = {"c": "-std=c11", "c++": "-std=c++17"}[language]
    flags = subprocess.run(["pkg-config", "--cflags", "eiebench"], env=tools, check=True, capture_output=True, text=True)
    for texts in [[name] for name in names] if language == "c" else [names]:
        done = subprocess.run(
            [
                "cc",
                "-x",
                language,
                standard,
                *flags.stdout.split(),
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-fsyntax-only",
                "-",
            ],
            input="".join(f'#include "{name}"\n' for name in texts),
            text=True,
            stderr=subprocess.PIPE,
        )
        assert done.returncode == 0, (texts, done.stderr)


def test_no_header_shows_a_design(prefix):
    """A key that device descriptions gain is none of a plug-in's affair."""
    design = (REPOSITORY / "host/devices/design.h").read_text()
    members = set(re.findall(r"\b(\w+)(?=[,;])", re.sub(r"/\*.*?\*/", "", design, flags=re.DOTALL)))
    assert {"queue_depth", "spmat_row_read_pj", "throughput_frames_per_s"} <= members
    names = headers(prefix)
    assert "host/devices/device.h" in names and "host/devices/design.h" not in names
    for name in names:
        text = re.sub(r"/\*.*?\*/", "", (prefix / "include/eiebench" / name).read_text(), flags=re.DOTALL)
        assert not re.search(r"struct eie_(design|published)\s*\{", text), name
        assert not (members - {"pe_count"}) & set(re.findall(r"\w+", text)), name  # a layer has a pe_count, too


def test_every_declared_function_is_there(prefix, installed, tmp_path):
    """Whatever a header declares, a plug-in can call, though the program itself may not."""
    names = headers(prefix)
    text = "".join((prefix / "include/eiebench" / name).read_text() for name in names)
    declared = sorted(set(re.findall(r"\b(eie_\w+)\(", text)))
    assert len(declared) > 40 and {"eie_layer_reencode", "eie_bind_process_count"} <= set(declared)
    includes = "".join(f'#include "{name}"\n' for name in names)
    all_of_them = "void *volatile all[] = {" + ", ".join(f"(void *){name}" for name in declared) + "};\n"
    compile_shared(tmp_path, "all", f"{includes}{all_of_them}{kernel_source()}")
    assert "test_kernel" in installed("list", "kernels", "--plugin", "all.so").stdout


CPLUSPLUS = """
#include "kernels/cpu_plan.h"
#include "kernels/plugin.h"
static enum eie_status supports(const struct eie_problem *problem, uint64_t *bytes, struct eie_error *error)
{
    *bytes = eie_cpu_plan_vector_bytes(problem);
    return eie_fail(error, EIE_UNSUPPORTED, "C++ is only here to be linked");
}
static enum eie_status prepare(const struct eie_setup *, struct eie_plan **, struct eie_error *) { return EIE_OK; }
static enum eie_status run(struct eie_plan *, uint32_t, struct eie_error *) { return EIE_OK; }
static void cost(const struct eie_plan *, struct eie_cost *) {}
static struct eie_kernel make()
{
    struct eie_kernel made = {};
    made.abi = EIE_KERNEL_ABI, made.name = "cpp_nothing", made.summary = "nothing", made.isa = "any";
    made.device_kind = EIE_DEVICE_CPU, made.flags = EIE_KERNEL_EXACT, made.max_threads = 1;
    made.supports = supports, made.prepare = prepare, made.load = eie_cpu_plan_load, made.run = run;
    made.wait = eie_cpu_plan_wait, made.read = eie_cpu_plan_read, made.cost = cost;
    made.destroy = eie_cpu_plan_destroy;
    return made;
}
static const struct eie_kernel kernel = make();
EIE_PLUGIN(&kernel)
"""


def test_plugin_in_cplusplus_by_cmake_package(installed, tools, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "mine.cc").write_text(CPLUSPLUS)
    (source / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.25)
project(mine LANGUAGES CXX)
find_package(eiebench 0.1 REQUIRED)
add_library(mine MODULE mine.cc)
target_link_libraries(mine PRIVATE eiebench::plugin)
target_compile_options(mine PRIVATE -fvisibility=hidden -Wall -Wextra -Wpedantic -Werror)
""")
    for arguments in (["-G", "Ninja", "-S", source, "-B", tmp_path / "build"], ["--build", tmp_path / "build"]):
        done = subprocess.run(["cmake", *arguments], env=tools, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    done = installed.run("check", "--plugin", "build/libmine.so", "--kernel", "cpp_*", "--case", "3")
    assert done.returncode == 3 and "cpp_nothing" in done.stdout and "unsupported" in done.stdout


def test_nothing_of_the_source_tree_is_needed(prefix, example):
    """No path of the tree in what leads a build to the headers, none in the plug-in."""
    tree = str(BINARY.parents[2]).encode()
    for path in [*prefix.rglob("*.pc"), *prefix.rglob("*.cmake"), *prefix.rglob("*.h"), example]:
        assert tree not in path.read_bytes(), path
