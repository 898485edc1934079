"""Where the tests find what they test, and the mark of those that take many seconds."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2]), str(pathlib.Path(__file__).resolve().parent)]


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes many seconds; for ./run test --all")
