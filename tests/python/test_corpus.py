"""The seeds of the fuzz targets are those that make_corpus.py writes."""

import pathlib
import subprocess
import sys

from conftest import REPOSITORY

FUZZ = pathlib.Path(REPOSITORY) / "tests" / "fuzz"


def test_the_corpus_is_what_its_program_writes(tmp_path):
    subprocess.run([sys.executable, FUZZ / "make_corpus.py", tmp_path], check=True)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 400
    differ = [
        str(path.relative_to(tmp_path))
        for path in written
        if not (FUZZ / "corpus" / path.relative_to(tmp_path)).is_file()
        or path.read_bytes() != (FUZZ / "corpus" / path.relative_to(tmp_path)).read_bytes()
    ]
    assert differ == []
