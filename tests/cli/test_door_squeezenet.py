"""`./run squeezenet` where everything that it calls is a stand-in that keeps a diary."""

import pytest
from test_door import Project

EIE = """
import json
if "--json" in arguments and arguments[0] == "run":
    steps = [{"name": "image"}, {"name": "one", "positions": 4}, {"name": "two", "positions": 9}]
    open(arguments[arguments.index("--json") + 1], "w").write(json.dumps({"steps": steps}))
sys.exit(int(os.environ.get("CODE", 0)) if arguments[0] == os.environ.get("FAILS") else 0)
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path).installed(eie=EIE)


def test_an_image_is_run_measured_and_made_a_page_of(project):
    (project.folder / "cat.png").write_text("a picture")
    done = project("squeezenet", "cat.png", "--network", "a.net", "--threads", "1", "--budget", "9s", "--out", "here")
    assert done.returncode == 0, done.stderr
    calls = [call[1:] for call in project.calls("eie")]
    assert [call[0] for call in calls] == ["run", "run", "run", "winograd", "compress", "explore", "bench"]
    layers = "here/squeezenet.safetensors"
    assert calls[0] == ["run", "a.net", "here/cat.png.ppm", "--save", layers, "--columns", "--threads", "1"]
    assert calls[1][1] == layers and "--float" in calls[2] and calls[2][1] == "a.net"
    assert calls[4][-2:] == ["--ledger", "here/file.json"]
    assert calls[5][calls[5].index("--layer") + 1] == "one,two"
    bench = calls[6]
    assert bench.count("--suite") == 3 == bench.count(layers) and bench.count("--also") == 2
    assert bench[bench.index("--layer") + 1] == "one,two" and bench[-4:] == ["--budget", "9s", "--out", "here/bench.json"]
    assert project.calls("python") == [
        ["python", "-m", "plots", "ppm", "--out", "here", "--", "cat.png"],
        ["python", "-m", "plots", "squeezenet", "here", "--out", "here/squeezenet.md"],
    ]


def test_without_an_image_one_is_drawn(project):
    project.environment["EIE_MODELS"] = "/models"
    assert project("squeezenet", "--out", "here").returncode == 0
    assert project.calls("eie")[0][1:4] == ["run", "/models/squeezenet/compressed_SqueezeNet.net", "drawn:1"]


def test_only_the_page(project):
    (project.folder / "old").mkdir()
    assert project("squeezenet", "old", "--out", "there").returncode == 0
    assert project.calls() == [["python", "-m", "plots", "squeezenet", "old", "--out", "there/squeezenet.md"]]


def test_what_fails_ends_it(project):
    project.environment |= {"FAILS": "winograd", "CODE": "3"}
    assert project("squeezenet", "--network", "a.net", "--out", "here").returncode == 3
    assert project.calls("eie")[-1][1] == "winograd" and not project.calls("python")


@pytest.mark.parametrize(
    "culprit, arguments",
    {
        "EIE_MODELS": [],
        "no.png: no such file": ["no.png", "--network", "a.net"],
        "leave --budget out": [".", "--budget", "9s"],
        "--threads": ["--network", "a.net", "--threads", "0"],
    }.items(),
)
def test_mistakes(project, culprit, arguments):
    project.refuses(culprit, "squeezenet", *arguments)
    assert project.calls() == []
