"""The library: what `cmake --install` gives is all that a program needs to call a kernel. Everything here is
compiled as a user would, outside of the tree, against an installation that was moved; the instructions of a call are
counted, not timed."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys

import numpy
import pytest
from command import BINARY, GUARD_S, REPOSITORY, Command, suite_object
from layerfile import File, dense, product

LIMIT_INSTRUCTIONS = 100  # of a call beyond the kernel's own functions, as kernels/api/eie.h promises
COUNTED = ["scalar_eie_stream", "avx2_window_lookup", "avx2_dense_codebook"]


def install(folder, environment=None):
    command = ["cmake", "--install", BINARY.parent, "--prefix", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | (environment or {}))


def user(prefix):
    """The environment of a user: nothing leads to the source tree but what pkg-config finds below prefix."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EIE_", "CFLAGS", "PKG_CONFIG"))}
    (pkgconfig,) = prefix.glob("lib*/**/pkgconfig")
    return kept | {"PKG_CONFIG_PATH": str(pkgconfig)}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    install(folder / "first")
    return (folder / "first").rename(folder / "moved")


@pytest.fixture(scope="module")
def archive(prefix):
    (path,) = prefix.rglob("libeie.a")
    return path


@pytest.fixture(scope="module")
def sanitized(archive):
    return "__asan_init" in subprocess.run(["nm", archive], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def build(prefix, sanitized, tmp_path_factory):
    """build(SOURCE, COMPILER) runs the line of the example's own comment in a folder of its own; the program's path."""
    lines = (prefix / "share/eiebench/example.c").read_text().splitlines()
    (line,) = (line[2:].strip() for line in lines if "pkg-config" in line)

    def make(source, compiler="cc -std=c11", where=prefix):
        folder = tmp_path_factory.mktemp("user")
        name = "example" + (".cc" if "++" in compiler else ".c")
        (folder / name).write_text(source)
        strict = "-Wall -Wextra -Wpedantic -Werror" + (" -fsanitize=address,undefined" if sanitized else "")
        command = line.replace("cc ", f"{compiler} {strict} ", 1).replace("example.c", name)
        done = subprocess.run(command, shell=True, cwd=folder, env=user(where), stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, (command, done.stderr)
        return folder / "example"

    return make


@pytest.fixture(scope="module")
def example(prefix, build):
    return build((prefix / "share/eiebench/example.c").read_text())


def run(program, *arguments, env=None):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EIE_")} | (env or {})
    return subprocess.run([program, *arguments], env=kept, capture_output=True, text=True, timeout=GUARD_S)


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """One file for each tiny layer, and one with all."""
    folder = tmp_path_factory.mktemp("layers")
    everything = suite_object()
    for layer in everything["layers"]:
        (folder / "suite.json").write_text(json.dumps(suite_object([layer])))
        Command(folder)("layer", "gen", "suite.json", "-o", f"{layer['name']}.safetensors")
    (folder / "suite.json").write_text(json.dumps(everything))
    Command(folder)("layer", "gen", "suite.json", "-o", "all.safetensors")
    return folder


def wanted(path, layer):
    """The outputs of all samples, by the tests' own arithmetic, as real numbers."""
    file = File(path.read_bytes())
    weights = dense(file, layer)
    samples = range(len(file.array(f"{layer}.sample_inputs")))
    return numpy.array([product(file, layer, weights, s) for s in samples]) / 2 ** file.number(layer, "output_fraction_bits")


@pytest.mark.parametrize("kernel", [None, "scalar_ref_dense", "scalar_eie_stream"])
@pytest.mark.parametrize("layer", ["even", "sparse", "odd"])
def test_example_computes_what_the_layer_says(example, layers, layer, kernel):
    path = layers / f"{layer}.safetensors"
    done = run(example, path, *[kernel] * (kernel is not None))
    assert done.returncode == 0, done.stderr
    outputs = numpy.array([list(map(float, line.split())) for line in done.stdout.splitlines()])
    assert outputs.shape[0] == 4 and numpy.array_equal(outputs, wanted(path, layer))
    assert done.stderr.startswith(f"{layer} by ") and (kernel is None or done.stderr.split()[-1] == kernel)


def test_every_kernel_of_the_program_that_can_run_is_in_the_library(example, layers):
    """The table of kernels survives static linking: by name, and on this machine."""
    listed = json.loads(Command(layers)("list", "kernels", "--json").stdout)
    here = [
        one["name"]
        for one in listed
        if one["status"] == "ok" and one["name"].split("_")[0] in ("cpu", "scalar", "avx2", "avx512", "neon")
    ]
    assert {"cpu_auto", "scalar_eie_stream", "scalar_ref_dense"} <= set(here)
    path = layers / "odd.safetensors"
    right = wanted(path, "odd")
    exact = 0
    for name in here:
        done = run(example, path, name)
        if done.returncode:
            assert re.search("is for eie_product_run_sums|takes at (least|most)", done.stderr), (name, done.stderr)
            continue
        outputs = numpy.array([list(map(float, line.split())) for line in done.stdout.splitlines()])
        exact += numpy.array_equal(outputs, right)
        assert numpy.allclose(outputs, right, atol=0.02 * abs(right).max()), name
    assert exact >= 3


def test_every_form_of_a_file(example, eie):
    """Of users' weights: the forms of `eie compress`; codes of other widths are refused in a line."""
    random = numpy.random.default_rng(3)
    numpy.save(eie.folder / "weights.npy", random.normal(size=(40, 30)).astype("f"))
    numpy.save(eie.folder / "inputs.npy", random.normal(size=(3, 30)).astype("f"))
    common = ["compress", "weights.npy", "--density", "0.3", "--inputs", "inputs.npy", "-o"]
    for form in ("plain", "packed", "huffman"):
        eie(*common, f"{form}.safetensors", "--form", form)
    plain, *others = (run(example, eie.folder / f"{form}.safetensors") for form in ("plain", "packed", "huffman"))
    outputs = numpy.array([list(map(float, line.split())) for line in plain.stdout.splitlines()])
    assert outputs.shape == (3, 40) and numpy.array_equal(outputs, wanted(eie.folder / "plain.safetensors", "weights"))
    assert all(other.stdout == plain.stdout for other in others)
    eie(*common[:-3], "-o", "five.safetensors", "--form", "packed", "--bits", "5")
    done = run(example, eie.folder / "five.safetensors")
    assert done.returncode == 1 and "5-bit codes" in done.stderr and done.stderr.count("\n") == 1


def test_example_without_arguments(example):
    done = run(example)
    assert done.returncode == 0 and done.stdout == "0.5 0 1 0\n-0.125 0 0.5 2\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere.safetensors"], "nowhere.safetensors: No such file"),
        (["all.safetensors"], "3 layers, of which the first is 'even': name the one"),
        (["odd.safetensors", "scalar_steam"], "there is no kernel 'scalar_steam'"),
        (["suite.json"], "suite.json"),
    ],
)
def test_a_mistake_is_one_line(example, layers, arguments, message):
    done = run(example, layers / arguments[0], *arguments[1:])
    assert done.returncode == 1 and done.stdout == ""
    assert message in done.stderr and done.stderr.startswith("example: ") and done.stderr.count("\n") == 1


def test_masked_features_are_done_without(example, layers):
    done = run(example, layers / "odd.safetensors", env={"EIE_ISA_MASK": "avx2,neon"})
    assert done.returncode == 0 and done.stderr.split()[-1].startswith("scalar_")


def test_destdir(prefix, build, tmp_path):
    """A package is made below another root and used without it."""
    install("/opt/eie", {"DESTDIR": str(tmp_path)})
    where = tmp_path / "opt/eie"
    assert str(tmp_path) not in next(where.rglob("eie.pc")).read_text()
    done = run(build((where / "share/eiebench/example.c").read_text(), where=where))
    assert done.returncode == 0 and done.stdout.startswith("0.5 0 1 0\n")


def test_header_in_cplusplus(prefix, build):
    """The example, converted as C++ wants it, compiled and run."""
    source = (prefix / "share/eiebench/example.c").read_text()
    source = source.replace("malloc(", "(int16_t *)malloc(").replace("= {0}", "= {}")
    done = run(build(source, "c++ -std=c++17"))
    assert done.returncode == 0 and done.stdout.startswith("0.5 0 1 0\n")


def test_lines_of_the_manual(build, layers):
    """The program that docs/library.md shows, with the rest of a program around it."""
    text = (REPOSITORY / "docs/library.md").read_text().split("## Call it from your program\n")[1].split("\n## ")[0]
    shown = text.split("    #include <eie.h>\n")[1].split("\n\n`")[0]
    body = shown.replace("fc7.safetensors", str(layers / "odd.safetensors"))
    source = f"""#include <eie.h>
#include <stdio.h>
int main(void)
{{
    static int16_t inputs[17], outputs[33];
    inputs[0] = 100;
    {body}
    printf("%s", eie_message());
    eie_product_close(product);
    eie_layer_close(layer);
    return outputs[0] == 0 && outputs[1] == 0 && outputs[2] == 0 && outputs[3] == 0;
}}
"""
    done = run(build(source))
    assert done.returncode == 0 and done.stdout == "" and done.stderr == ""


SHARED = """
import ctypes
library = ctypes.CDLL("./example")
library.eie_message.restype = ctypes.c_char_p
layer = ctypes.c_void_p(1)
assert library.eie_layer_open(b"nowhere", None, ctypes.byref(layer)) == 2 and layer.value is None
assert b"nowhere" in library.eie_message() and library.eie_api_version() == 1
"""


def test_in_a_shared_object(build, sanitized):
    """A module of another language: loaded when its program runs, with every kernel inside."""
    if sanitized:
        pytest.skip("the sanitizer must be in the program")
    library = build("#include <eie.h>\nint (*const kept)(void) = eie_api_version;\n", "cc -std=c11 -shared -fPIC")
    done = subprocess.run([sys.executable, "-c", SHARED], cwd=library.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_both_interfaces_in_one_source(prefix, build):
    """A program of the library's that has the headers of plug-ins as well."""
    main = "int main(void) { return (int)EIE_OK + (int)EIE_DONE; }\n"
    includes = '#include <eie.h>\n#include "kernels/plugin.h"\n'
    assert run(build(includes + main, f"cc -std=c11 -I{prefix}/include/eiebench")).returncode == 0


def test_names_are_those_of_the_header(prefix, archive):
    """Nothing else is global, and nothing of ours is missing: kernels, registry and all lie inside."""
    text = re.sub(r"/\*.*?\*/", "", (prefix / "include/eie.h").read_text(), flags=re.DOTALL)
    declared = set(re.findall(r"\b(eie_\w+)\(", text))
    listed = subprocess.run(["nm", archive], check=True, capture_output=True, text=True).stdout
    symbols = [line.split()[-2:] for line in listed.splitlines() if len(line.split()) > 1]
    defined = {name for kind, name in symbols if kind in "TDBRVWC"}
    assert len(declared) > 10 and {name for name in defined if "asan" not in name} == declared
    assert not [name for kind, name in symbols if kind == "U" and re.match("eie_|cuda|cl[A-Z]", name)]


def test_no_path_of_the_tree_is_installed(prefix):
    tree = str(BINARY.parents[2])
    for path in [*prefix.rglob("eie.pc"), prefix / "include/eie.h"]:
        assert tree not in path.read_text()


def read_costs(path):
    """Of a callgrind file: {(caller, callee): (calls, instructions of callee and what it calls)}, {name: own}."""
    names, calls, own = {}, {}, {}
    here = there = pending = None
    for line in path.read_text().splitlines():
        match = re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line)
        if match:
            callee, number, name = match.groups()
            name = names.setdefault(number, name)
            here, there = (here, name) if callee else (name, there)
        elif line.startswith("calls="):
            pending = int(line[6:].split()[0])
        elif re.match(r"[+*\-\d]", line):
            cost = int(line.split()[-1])
            if pending is None:
                own[here] = own.get(here, 0) + cost
            else:
                count, sum_ = calls.get((here, there), (0, 0))
                calls[here, there], pending = (count + pending, sum_ + cost), None
    return calls, own


@pytest.fixture(scope="module")
def counter(build):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    return build((REPOSITORY / "tests/api/calls.c").read_text())


@pytest.mark.parametrize("kernel", COUNTED)
def test_instructions_of_a_call(counter, sanitized, layers, tmp_path, kernel, record_property):
    """What eie_product_run and the function below it do themselves, and that they call nothing but the kernel's four
    functions. valgrind knows no AVX-512."""
    if sanitized:
        pytest.skip("a sanitizer's instructions count too")
    if not kernel.startswith("scalar_") and platform.machine() != "x86_64":
        pytest.skip(f"{kernel} is for x86-64")
    path, calls = layers / "odd.safetensors", 37
    counts = tmp_path / "counts"
    valgrind = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={counts}"]
    done = subprocess.run(
        [*valgrind, counter, path, kernel, str(calls)],
        env=os.environ | {"EIE_ISA_MASK": "avx512"},
        capture_output=True,
        text=True,
        timeout=GUARD_S,
    )
    assert done.returncode == 0 and done.stdout.strip() == kernel, done.stderr
    edges, own = read_costs(counts)
    assert edges["main", "eie_product_run"][0] == calls
    mine = {"eie_product_run", "load_run_read"}
    beneath = {callee: cost for (caller, callee), cost in edges.items() if caller in mine and callee not in mine}
    assert all(count == calls for count, _ in beneath.values()) and len(beneath) == 4
    beneath = {name.split("_")[-1]: cost for name, (_, cost) in beneath.items()}
    assert set(beneath) == {"load", "run", "wait", "read"}
    whole = edges["main", "eie_product_run"][1] / calls
    beyond = sum(own.get(name, 0) for name in mine) / calls
    assert whole == beyond + sum(beneath.values()) / calls  # nothing was overlooked
    assert 10 < beyond < LIMIT_INSTRUCTIONS, beneath
    copies = {name: beneath[name] / calls for name in ("load", "read")}
    assert all(5 < cost < 100 + 2 * (17 + 33) for cost in copies.values()), copies  # a copy of 17 and of 33 numbers
    record_property("instructions", {"beyond": beyond, "whole": whole} | copies)
    print(f"{kernel}: {whole:.0f} instructions a call, {beyond:.0f} of them the library's, {copies}")
