"""What the tests of the command line share: the command in a folder of its own, and tiny layers."""

import json
import os
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from command import BINARY, MODELS, Command, compile_shared, kernel_source, suite_object  # noqa: E402


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
