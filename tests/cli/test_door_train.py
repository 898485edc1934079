"""`./run train` where everything that it calls is a stand-in that keeps a diary."""

import json

import pytest
from test_door import Project

TRAIN = """
sys.exit(int(os.environ.get("CODE", 0)))
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path).installed(eie=TRAIN)


def test_a_network_is_trained_and_its_page_made(project):
    done = project(
        *("train", "lenet-5", "--recipe", "own/paper.json", "--seeds", "2..4", "--data", "d", "--out", "here"),
        *("--jobs", "2", "--threads", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert project.calls("eie") == [
        [
            *("eie", "train", "lenet-5", "--recipe", "own/paper.json", "--seeds", "2..4", "--data", "d"),
            *("--threads", "1", "--jobs", "2", "-o", "here/lenet-5-paper.safetensors"),
            *("--ledger", "here/lenet-5-paper.json"),
        ]
    ]
    assert project.calls("python") == [["python", "-m", "plots", "train", "here", "--out", "here/TRAINING.md"]]


def test_defaults_and_the_data_of_the_environment(project):
    project.environment["EIE_MNIST"] = "/nowhere"
    assert project("train", "--out", "here").returncode == 0
    assert project.calls("eie") == [
        [
            *("eie", "train", "lenet-300-100", "--recipe", "best", "--seeds", "1..5"),
            *("-o", "here/lenet-300-100-best.safetensors", "--ledger", "here/lenet-300-100-best.json"),
        ]
    ]
    assert project("train", "--resume", "--out", "here", "--seeds", "3").returncode == 0
    assert project.calls("eie")[-1][5:9] == ["--seeds", "3", "--resume", "-o"]


def test_only_the_page(project):
    (project.folder / "ledgers").mkdir()
    assert project("train", "ledgers", "--out", "there").returncode == 0
    assert project("train", "ledgers").returncode == 0
    assert project.calls() == [
        ["python", "-m", "plots", "train", "ledgers", "--out", f"{out}/TRAINING.md"] for out in ("there", "ledgers")
    ]


SWEEP = {
    "format": "eie-training-sweep-1",
    "summary": "of a test",
    "network": "nets/small.json",
    "recipe": "best",
    "points": [{"kept": [0.027, 1], "bits": [4, 2]}, {"kept": [1, 1], "bits": [4]}],
}
SWEEPER = """
import pathlib
out = arguments[arguments.index("-o") + 1]
pathlib.Path(out + ".checkpoint").write_text("")
if "1,1" not in arguments or not os.environ.get("CODE"):
    pathlib.Path(arguments[arguments.index("--ledger") + 1]).write_text("{}")
else:
    sys.exit(int(os.environ["CODE"]))
"""


def test_a_sweep_trains_nothing_twice(tmp_path):
    project = Project(tmp_path).installed(eie=SWEEPER)
    (project.folder / "sweep.json").write_text(json.dumps(SWEEP))
    project.environment["CODE"] = "1"
    command = ("train", "--sweep", "sweep.json", "--data", "d", "--jobs", "1", "--out", "here")
    assert project(*command).returncode == 1
    first, second, third = (call[2:] for call in project.calls("eie"))
    assert first[:9] == ["nets/small.json", "--recipe", "best", "--kept", "0.027,1", "--bits", "4", "--seeds", "1"]
    file = "here/sweep/small-kept-0.027-1-bits-4-seeds-1.safetensors"
    assert first[first.index("-o") + 1] == file and "--begin-with" not in first and "--keep-checkpoints" in first
    assert second[second.index("--begin-with") + 1] == third[third.index("--begin-with") + 1] == file
    assert (project.folder / f"{file}.checkpoint").exists() and not project.calls("python")
    del project.environment["CODE"]
    assert project(*command, "--resume").returncode == 0  # what has a ledger is not trained again
    (*_, last) = (call[2:] for call in project.calls("eie"))
    assert len(project.calls("eie")) == 4 and last[last.index("--kept") + 1] == "1,1" and "--resume" in last
    assert not list((project.folder / "here").rglob("*.checkpoint"))
    assert project.calls("python") == [["python", "-m", "plots", "train", "here", "--out", "here/TRAINING.md"]]


@pytest.mark.parametrize(
    "changes, culprit",
    [
        ({"format": "1"}, "no sweep"),
        ({"more": 1}, "its keys must be"),
        ({"recipe": 7}, "must be words"),
        ({"points": []}, "points must be a list"),
        ({"points": [{"kept": [1]}]}, "point 1: its keys"),
        ({"points": [{"kept": [0], "bits": [4]}]}, "point 1: kept must be"),
        ({"points": [{"kept": [1], "bits": [4, 4]}]}, "point 1: bits must be"),
        ({"points": [{"kept": [1], "bits": [True]}]}, "point 1: bits must be"),
    ],
)
def test_sweeps_that_are_none(project, changes, culprit):
    (project.folder / "sweep.json").write_text(json.dumps(SWEEP | changes))
    project.refuses(culprit, "train", "--sweep", "sweep.json", "--data", "d")


def test_a_sweep_that_is_no_json(project):
    (project.folder / "sweep.json").write_text("{")
    project.refuses("sweep.json", "train", "--sweep", "sweep.json", "--data", "d")
    project.refuses("nowhere.json", "train", "--sweep", "nowhere.json", "--data", "d")
    project.refuses("leave them out", "train", "lenet-5", "--sweep", "sweep.json", "--data", "d")


def test_a_training_that_fails_makes_no_page(project):
    project.environment["CODE"] = "1"
    assert project("train", "--data", "d", "--out", "here").returncode == 1
    assert project.calls("python") == []


@pytest.mark.parametrize(
    "culprit, arguments",
    {
        "no folder of MNIST's files": ["lenet-5"],
        "'1..' are no seeds": ["--data", "d", "--seeds", "1.."],
        "'5..1': the last seed": ["--data", "d", "--seeds", "5..1"],
        "'0' is no number": ["--data", "d", "--jobs", "0"],
        "--out names the folder": ["--data", "d", "--resume"],
        "leave --seeds out": ["here", "--seeds", "1"],
        "leave --resume out": ["here", "--resume"],
    }.items(),
)
def test_mistakes(project, culprit, arguments):
    (project.folder / "here").mkdir()
    project.refuses(culprit, "train", *arguments)
