"""Visits without results: as rows without a number, each with the reason, in a results file; from ReFrame's report too."""

import fnmatch
import os

from bench.fleet import matrix

MISSING = "missing.json"
RESULTS = "results.json"  # of a visit, in ReFrame's folder of it


def write(plan, lost, out):
    """missing.json in folder `out`, or none. `lost`: visits with a "reason"."""
    path = os.path.join(out, MISSING)
    if lost:
        matrix.write(path, _document(plan, lost))
    elif os.path.exists(path):
        os.unlink(path)


def failures(report):
    """How many cases failed in ReFrame's report."""
    return sum(_failed(case) for case in _cases(report))


def of_report(report):
    """The visits that failed and left no results file, with the reason that ReFrame gives."""
    return [
        {name: case[name] for name in ("suite", "layer", "batch", "place")}
        | {"name": f"{matrix.name_of(case['suite'], case['layer'], case['batch'], case['place'])} on {_where(case)}"}
        | {"reason": " ".join(str(case["fail_reason"] or case["result"]).split())}
        for case in _cases(report)
        if _failed(case) and not os.path.isfile(os.path.join(str(case.get("stagedir")), RESULTS))
    ]


def _cases(report):
    return [case for run in matrix.read(report)["runs"] for case in run["testcases"]]


def _failed(case):
    return case["result"] in ("fail", "abort")


def _where(case):
    return f"{case['system']}:{case['partition']} ({case.get('job_nodelist') or 'no node'})"


def _document(plan, lost):
    """A results file of rows without a number: the kernels that each visit would have had, with its reason."""
    known = matrix.listed(plan["program"], "kernels")
    return {
        "context": {"eie_format": "1", "host_name": "", "eie_command": "./run fleet", "eie_fleet_missing": len(lost)},
        "benchmarks": [],
        "eie_missing": [
            _row(visit, kernel, cache)
            for visit in lost
            for kernel in _kernels(plan["kernel"], known, visit["batch"])
            for cache in plan["cache"].split(",")
        ],
    }


def _kernels(names, known, batch):
    """Those that eie bench would take; "default": those for the batch."""
    globs = names.split(",")
    wanted = ("one", "both") if batch == 1 else ("several", "both")
    return [
        kernel["name"]
        for kernel in known
        if any(
            kernel["default"] in wanted if glob == "default" else fnmatch.fnmatchcase(kernel["name"], glob) for glob in globs
        )
    ]


def _row(visit, kernel, cache):
    kind, _, value = visit["place"].partition("=")
    threads = int(value) if value.isdigit() else 0  # 0: all of a machine that is not known
    name = f"{visit['suite']}/{visit['layer']}/{kernel}/{value}/batch:{visit['batch']}/cache:{cache}"
    return {
        "name": name,
        "run_name": name,
        "eie_suite": visit["suite"],
        "eie_layer": visit["layer"],
        "eie_layer_hash": "",
        "eie_kernel": kernel,
        "eie_flags": [],
        "eie_device": "cpu" if kind == "threads" else value,
        "eie_batch": visit["batch"],
        "eie_threads": threads,
        "eie_cache": cache,
        "eie_time_source": "wall",
        "eie_status": "error",
        "eie_reason": visit["reason"],
    }
