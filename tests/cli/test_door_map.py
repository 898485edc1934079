"""`./run map` where everything that it calls is a stand-in that keeps a diary."""

import pytest
from test_door import Project

MAP = """
if arguments[:1] == ["map"]:
    open(arguments[arguments.index("--out") + 1], "w").write("{}")
    sys.exit(int(os.environ.get("CODE", 0)))
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path).installed(eie=MAP)


def test_a_map_is_measured_and_drawn(project):
    done = project("map", "--out", "here", "--sizes", "64,128x32", "--weights", "0.1,1", "--budget", "9s", "--cache", "llc")
    assert done.returncode == 0, done.stderr
    (measured,) = project.calls("eie")
    assert measured == [
        *("eie", "map", "--out", "here/map.json", "--sizes", "64,128x32", "--weights", "0.1,1"),
        *("--cache", "llc", "--budget", "9s"),
    ]
    assert project.calls("python") == [["python", "-m", "plots", "map", "here/map.json"]]


def test_going_on(project):
    project.refuses("holds no map.json", "map", "--resume", "here")
    assert project("map", "--out", "here").returncode == 0
    assert project("map", "--resume", "here", "--budget", "1m").returncode == 0
    assert project.calls("eie")[-1] == ["eie", "map", "--out", "here/map.json", "--resume", "--budget", "1m"]


def test_only_drawn(project):
    (project.folder / "a.json").write_text("{}")
    assert project("map", "a.json", "--out", "there").returncode == 0
    assert project.calls() == [["python", "-m", "plots", "map", "a.json", "--out", "there"]]


def test_a_mismatch_is_drawn_and_told(project):
    project.environment["CODE"] = "1"
    assert project("map", "--out", "here").returncode == 1
    assert len(project.calls("python")) == 1


@pytest.mark.parametrize(
    "culprit, arguments",
    {
        "'64x'": ["--sizes", "64x"],
        "'0'": ["--sizes", "0"],
        "'nan'": ["--weights", "nan"],
        "'0' is no number": ["--weights", "0,1"],
        "'1.5' is no number": ["--activations", "1.5"],
        "'2000' is no number": ["--batch", "2000"],
        "'some'": ["--threads", "some"],
        "soon": ["--budget", "soon"],
        "cache": ["--cache", "l9"],
        "b.json": ["b.json"],
        "leave --out out": ["--resume", "here", "--out", "there"],
    }.items(),
)
def test_mistakes(project, culprit, arguments):
    if "there" in arguments:
        (project.folder / "here").mkdir()
        (project.folder / "here/map.json").write_text("{}")
    project.refuses(culprit, "map", *arguments)
