"""The Python that the programs here need is the one that README.md promises."""

import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
VERMIN = pathlib.Path(sys.executable).parent / "vermin"


def vermin(*paths, target="3.10-"):
    return subprocess.run(
        [VERMIN, f"--target={target}", "--violations", "--no-tips", *paths], capture_output=True, text=True
    )


@pytest.mark.parametrize("folder", ["plots", "tests"])
def test_python_3_10_is_enough(folder):
    done = vermin(REPOSITORY / folder)
    assert done.returncode == 0, done.stdout


def test_python_3_7_is_enough_to_measure():
    done = vermin(REPOSITORY / "bench", REPOSITORY / "plots/options", target="3.7-")
    assert done.returncode == 0, done.stdout


def test_what_is_newer_is_found(tmp_path):
    (tmp_path / "newer.py").write_text("from datetime import UTC\n")
    assert vermin(tmp_path).returncode != 0
