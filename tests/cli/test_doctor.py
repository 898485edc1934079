"""eie doctor: this machine as it is, whatever that is, and trees that stand for others (tests/unit/test_doctor.c has each
state of each check)."""

import json

import pytest

STATES = {"good", "warning", "bad"}
FILES = [
    *("hypervisor", "governor", "turbo", "smt", "load", "pinning", "huge pages", "timer", "counters"),
    "caches",
]
QUICK = [*FILES[:-1], "energy", "instructions", "caches"]
CPU = "sys/devices/system/cpu"
TREE = {
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu avx2\n",
    "proc/loadavg": "0.01 0.02 0.03 1/99 1234\n",
    "proc/self/status": "Name:\teie\nCpus_allowed_list:\t0-3\n",
    "proc/sys/kernel/perf_event_paranoid": "1\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    f"{CPU}/online": "0-3\n",
    f"{CPU}/smt/active": "0\n",
    f"{CPU}/cpufreq/boost": "0\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu0/cache/index0/level": "3\n",
    f"{CPU}/cpu0/cache/index0/type": "Unified\n",
    f"{CPU}/cpu0/cache/index0/size": "8192K\n",
    f"{CPU}/cpu0/cache/index0/shared_cpu_list": "0-3\n",
}


@pytest.fixture
def plant(tmp_path):
    """A tree in which all is good, but for what is said."""

    def make(changes):
        for path, text in (TREE | changes).items():
            file = tmp_path / "tree" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "tree"

    return make


def checks_of(text):
    document = json.loads(text)
    assert document["format"] == "eie-doctor-1"
    for check in document["checks"]:
        assert check["state"] in STATES and check["seen"]
        assert ("mend" in check) == (check["state"] != "good"), check
    states = [check["state"] for check in document["checks"]]
    assert document["worst"] == next(state for state in ("bad", "warning", "good") if state in states)
    return document["checks"]


def test_this_machine(eie):
    """Libraries are told to run code of old processors: their rows would be no baseline."""
    set_back = {"OPENBLAS_CORETYPE": "Prescott", "DNNL_MAX_CPU_ISA": "SSE41"}
    done = eie.run("doctor", "--out", "found.json", "--budget", "10m", env=set_back)
    checks = checks_of((eie.folder / "found.json").read_text())
    names = [check["check"] for check in checks]
    assert done.returncode == (3 if any(check["state"] == "bad" for check in checks) else 0) and done.stderr == ""
    assert names[: len(QUICK)] == QUICK and len(names) == len(set(names))
    assert {"quietness", "build", "device opencl:none", "device cuda:none", "library peers_openblas"} <= set(names)
    lines = done.stdout.splitlines()
    for check in checks:
        assert any(
            line.startswith(f"{check['state']:7}  {check['check']}") and line.endswith(check["seen"]) for line in lines
        )
        assert "mend" not in check or any(line.endswith(f"-> {check['mend']}") for line in lines)
    by_name = {check["check"]: check for check in checks}
    if "avx2" not in by_name["instructions"]["seen"]:
        pytest.skip("a processor without AVX2: no path is too old for it")
    for name, variable in (("library peers_openblas", "OPENBLAS_CORETYPE"), ("library peers_onednn", "DNNL_MAX_CPU_ISA")):
        found = by_name[name]
        if "not to be had" not in found["seen"]:
            assert (found["state"], found["mend"]) == ("bad", f"unset {variable}"), found
            assert f"weak path: {variable}=" in found["seen"]


def test_what_the_budget_does_not_reach_is_not_measured(eie):
    done = eie.run("doctor", "--json", "--budget", "0.001s")
    by_name = {check["check"]: check for check in checks_of(done.stdout)}
    late = {name for name, check in by_name.items() if check["seen"].startswith("not measured: the machine is busy")}
    assert {"devices", "library peers_openblas"} <= late <= {name for name in by_name if name not in QUICK} | {"caches"}
    assert all(by_name[name]["state"] == "warning" and "--budget" in by_name[name]["mend"] for name in late)
    assert by_name["quietness"]["seen"] and "build" in by_name and by_name["caches"]["seen"]
    eie.fails(2, "--budget soon", "doctor", "--budget", "soon")


def test_results_have_the_quick_part(eie, tiny):
    results = eie.bench("--suite", tiny, "--layer", "even", "--kernel", "scalar_eie_stream", "--threads", "1")
    (run,) = results["context"]["eie_runs"]
    assert [check["check"] for check in run["doctor"]] == QUICK
    assert {check["state"] for check in run["doctor"]} <= STATES


def test_good_tree(eie, plant):
    done = eie("doctor", "--root", plant({}))
    assert done.stdout.splitlines()[-1] == f"{len(FILES)} good, 0 warnings, 0 bad"
    checks = checks_of(eie("doctor", "--root", plant({}), "--json").stdout)
    assert [check["check"] for check in checks] == FILES


@pytest.mark.parametrize(
    "changes, code, name, state",
    [
        ({f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n"}, 3, "governor", "bad"),
        ({f"{CPU}/cpu0/cpufreq/scaling_governor": "\x00\x1b[31m"}, 0, "governor", "warning"),
        ({f"{CPU}/smt/active": "1\n"}, 0, "smt", "warning"),
        (
            {"proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/cpu.max": "1000 100000\n"},
            3,
            "pinning",
            "bad",
        ),
    ],
)
def test_tree_with_a_fault(eie, plant, changes, code, name, state):
    done = eie.run("doctor", "--root", plant(changes), "--json")
    assert done.returncode == code and done.stderr == ""
    assert {check["check"]: check["state"] for check in checks_of(done.stdout) if check["state"] != "good"} == {name: state}


def test_empty_tree(eie, tmp_path):
    (tmp_path / "empty").mkdir()
    done = eie("doctor", "--root", "empty")
    assert done.stdout.splitlines()[-1] == f"0 good, {len(FILES)} warnings, 0 bad"


@pytest.mark.parametrize(
    "culprit, arguments",
    [
        ("--root nowhere", ["--root", "nowhere"]),
        ("'governor'", ["governor"]),
        ("--frob", ["--frob"]),
        ("EIE_HUGE_PAGES", ["--quick"]),
    ],
)
def test_mistakes(eie, culprit, arguments):
    eie.fails(2, culprit, "doctor", *arguments, env={"EIE_HUGE_PAGES": "maybe"} if culprit.startswith("EIE") else None)


def test_file_that_cannot_be_written(eie):
    eie.fails(3, "nowhere/found.json", "doctor", "--quick", "--out", "nowhere/found.json")
