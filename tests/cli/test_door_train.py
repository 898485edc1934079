"""`./run train` where everything that it calls is a stand-in that keeps a diary."""

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
