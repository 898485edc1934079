"""`./run even` where everything that it calls is a stand-in that keeps a diary."""

import pytest
from test_door import Project

EVEN = """
import json
layers = [("conv1", 784, 20.0), ("conv2", 196, 50.0), ("fc1", 1, 40.0), ("fc2", 1, 30.0)]
if arguments[0] == "train":
    open(arguments[arguments.index("-o") + 1], "w").write("weights")
    if arguments[1] == os.environ.get("FAILS"): sys.exit(1)
    its = [{"name": name, "positions": positions, "active_pct": active} for name, positions, active in layers]
    with open(arguments[arguments.index("--ledger") + 1], "w") as file: json.dump({"seeds": [{"layers": its}]}, file)
if arguments[0] == "bench":
    open(arguments[arguments.index("--out") + 1], "w").write("{}")
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path).installed(eie=EVEN)
    project.environment["EIE_MNIST"] = "/nowhere"
    return project


def trained(project):
    return [(call[2], call[call.index("--seeds") + 1]) for call in project.calls("eie") if call[1] == "train"]


def test_networks_are_trained_measured_and_shown(project):
    done = project("even", "5x5", "4x4-symmetric", "--seeds", "2..3", "--out", "here")
    assert done.returncode == 0, done.stderr
    networks = ("lenet-5-5x5", "lenet-5-4x4-symmetric")
    assert trained(project) == [(network, seed) for seed in "23" for network in networks]
    assert [call for call in project.calls("eie") if call[1] == "train"][0] == [
        *("eie", "train", "lenet-5-5x5", "--recipe", "short", "--seeds", "2", "--threads", "1", "--jobs", "1", "--resume"),
        *("-o", "here/lenet-5-5x5-2.safetensors", "--ledger", "here/lenet-5-5x5-2.json"),
    ]
    compressed = [call for call in project.calls("eie") if call[1] == "compress"]
    assert len(compressed) == 16 and len({call[call.index("-o") + 1] for call in compressed}) == 16
    pruned = next(call for call in compressed if "here/layers/4x4-pruned-conv2.safetensors" in call)
    assert pruned[2] == "here/lenet-5-4x4-symmetric-2.safetensors"
    assert [pruned[pruned.index(option) + 1] for option in ("--density", "--samples", "--active")] == [
        "0.12",
        "196",
        "0.5000",
    ]
    bench = next(call for call in project.calls("eie") if call[1] == "bench")
    assert [bench[place + 1] for place, word in enumerate(bench) if word == "--batch"] == ["784", "196", "1"]
    assert project.calls("python")[-1] == ["python", "-m", "plots", "even", "here", "--out", "here/EVEN_FILTERS.md"]


def test_what_is_done_stays(project):
    project.environment["FAILS"] = "lenet-5-3x3"
    assert project("even", "5x5", "3x3", "--seeds", "1", "--out", "here").returncode == 1
    assert trained(project) == [("lenet-5-5x5", "1"), ("lenet-5-3x3", "1")] and project.calls("python") == []
    del project.environment["FAILS"]
    assert project("even", "5x5", "3x3", "--seeds", "1", "--out", "here").returncode == 0
    assert trained(project)[2:] == [("lenet-5-3x3", "1")]
    before = len(project.calls("eie"))
    assert project("even", "5x5", "3x3", "--seeds", "1", "--out", "here").returncode == 0
    assert len(project.calls("eie")) == before and len(project.calls("python")) == 2


def test_only_the_page(project):
    (project.folder / "ledgers").mkdir()
    assert project("even", "ledgers", "--out", "there").returncode == 0
    assert project.calls() == [["python", "-m", "plots", "even", "ledgers", "--out", "there/EVEN_FILTERS.md"]]


def test_a_ledger_without_positions_is_told(project):
    (project.folder / "here").mkdir()
    for name, text in (("json", '{"seeds": [{"layers": [{"name": "conv1"}]}]}'), ("safetensors", "weights")):
        (project.folder / f"here/lenet-5-5x5-1.{name}").write_text(text)
    done = project("even", "5x5", "--seeds", "1", "--out", "here")
    assert done.returncode == 2 and "no ledger of eie train with positions" in done.stderr


@pytest.mark.parametrize(
    "culprit, arguments",
    {
        "no filters '7x7'": ["7x7"],
        "no filters 'here'": ["here", "5x5"],
        "'1..' are no seeds": ["--seeds", "1.."],
        "no folder of MNIST's files": [],
    }.items(),
)
def test_mistakes(project, culprit, arguments):
    (project.folder / "here").mkdir()
    if not arguments:
        del project.environment["EIE_MNIST"]
    project.refuses(culprit, "even", *arguments)
