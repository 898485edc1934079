"""The pictures of a report: all are written, and the same file gives the same bytes."""

import pytest
from conftest import PICTURES, made_up_report, run_report


@pytest.fixture
def drawn(tmp_path_factory):
    return made_up_report(tmp_path_factory.mktemp("drawn"), PICTURES)


def test_pictures_are_written_and_reproducible(drawn, save, document, tmp_path):
    done = run_report(save(document), "--out", tmp_path / "out", "--quiet", pictures=PICTURES)
    assert done.returncode == 0 and done.stdout == ""
    for name in [f"{stem}.{kind}" for stem in PICTURES for kind in ("png", "svg")] + ["report.md", "POSTER.md"]:
        assert (tmp_path / "out" / name).read_bytes() == (drawn[0] / name).read_bytes()
    png = (tmp_path / "out" / "fig6_speedup.png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) <= 200_000
    svg = (tmp_path / "out" / "fig6_speedup.svg").read_text(encoding="utf-8")
    assert "<svg" in svg and "dc:date" not in svg
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")) == []
