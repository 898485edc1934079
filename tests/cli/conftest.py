"""What the tests of the command line share: the command in a folder of its own, and tiny layers."""

import json
import os
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from command import BINARY, MODELS, REPOSITORY, Command, compile_shared, kernel_source, suite_object


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes many seconds; for ./run test --all")


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not BINARY.is_file():
        pytest.exit(f"{BINARY} is missing: build it, or name another one in EIE_BINARY", 2)


@pytest.fixture
def eie(tmp_path):
    return Command(tmp_path)


@pytest.fixture
def tiny(tmp_path):
    """A suite of three small layers, 4 PEs, 4 sample inputs each, with signs."""
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(suite_object()), encoding="utf-8")
    return path


@pytest.fixture
def make_suite(tmp_path):
    def make(name="made.json", layers=None, **changes):
        path = tmp_path / name
        path.write_text(json.dumps(suite_object(layers, **changes)), encoding="utf-8")
        return path

    return make


@pytest.fixture
def plugin(tmp_path):
    """Makes a plug-in in the test's folder: plugin("name", C_SOURCE), or plugin("name", MACRO="C", ...) for the
    kernel test_name of tests/plugins/kernel.c, which is correct but for the macros. Returns the path of name.so."""

    def make(name, source=None, **macros):
        if source is None:
            source = kernel_source(**{"NAME": f'"test_{name}"'} | macros)
        return compile_shared(tmp_path, name, source)

    return make


@pytest.fixture(scope="session")
def own_time(tmp_path_factory):
    """The environment in which a program's clock is its own (tests/support/own_time.c)."""
    source = (REPOSITORY / "tests/support/own_time.c").read_text(encoding="utf-8")
    return {"LD_PRELOAD": str(compile_shared(tmp_path_factory.mktemp("own_time"), "own_time", source))}


@pytest.fixture
def halting(plugin):
    """The kernel test_halting stops for good when it prepares its N-th layer, N in the file `halt`, and says so by
    the file `halted`; without `halt` it is a good kernel."""
    return plugin(
        "halting",
        ON_PREPARE="""
        static char last[64];
        static int left = -1;
        FILE *halt = left < 0 ? fopen("halt", "r") : NULL;
        if (halt && fscanf(halt, "%d", &left) != 1) abort();
        if (halt) fclose(halt);
        const int another = strcmp(last, layer->name) != 0;
        snprintf(last, sizeof last, "%s", layer->name);
        if (another && left > 0 && --left == 0) {
            fclose(fopen("halted", "w"));
            for (;;) pause();
        }
        """,
    )


SIGNALS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void moment(const char *name)
{
    static int count;
    const char *wanted = getenv("SIGNAL_WHEN"), *which = getenv("SIGNAL_TIME"), *number = getenv("SIGNAL_NUMBER");
    if (wanted && !strcmp(wanted, name) && ++count == atoi(which)) kill(getpid(), atoi(number));
}
int json_dumpf(const void *json, FILE *stream, size_t flags)
{
    int (*next)(const void *, FILE *, size_t) = dlsym(RTLD_NEXT, "json_dumpf");
    moment("json");
    return next(json, stream, flags);
}
FILE *fdopen(int file, const char *mode)
{
    FILE *(*next)(int, const char *) = dlsym(RTLD_NEXT, "fdopen");
    moment("begun");
    return next(file, mode);
}
int fsync(int file)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    moment("written");
    return next(file);
}
int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    moment("closed");
    const int code = next(from, to);
    moment("renamed");
    return code;
}
"""
MOMENTS = ["begun", "written", "closed", "renamed"]


@pytest.fixture(scope="session")
def signal_when(tmp_path_factory):
    """Environments in which a program sends itself a signal: signal_when(MOMENT, NUMBER, N), the N-th time."""
    library = compile_shared(tmp_path_factory.mktemp("signals"), "signals", SIGNALS)

    def make(moment, number, time):
        return {
            "LD_PRELOAD": str(library),
            "SIGNAL_WHEN": moment,
            "SIGNAL_TIME": str(time),
            "SIGNAL_NUMBER": str(int(number)),
        }

    return make


@pytest.fixture(params=MOMENTS)
def signalled(request, signal_when):
    """The same for each moment of writing a file: signalled(NUMBER, N)."""

    def make(number, time):
        return signal_when(request.param, number, time)

    make.moment = request.param
    return make


@pytest.fixture(scope="session")
def tiny_bytes(tmp_path_factory):
    """The layers of suite tiny as one layer file."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.json").write_text(json.dumps(suite_object()), encoding="utf-8")
    Command(folder)("layer", "gen", "tiny.json", "-o", "tiny.safetensors")
    return (folder / "tiny.safetensors").read_bytes()


@pytest.fixture
def models():
    if not MODELS:
        pytest.skip("alexnet-fc8: EIE_MODELS is not set")
    return MODELS
