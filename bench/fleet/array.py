"""The matrix as one job array of Slurm: a task a visit. A task whose node dies is queued again by Slurm and visits elsewhere;
what has no results file in the end stands as missing, with the reason, in fleet.json and as rows in missing.json."""

import fnmatch
import os
import re
import shlex
import subprocess
import sys
import time

from bench.fleet import matrix, rows

LEDGER, MISSING, LOG, VISITS = "fleet.json", "missing.json", "log.txt", "visits.txt"
POLL_S = 2
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "visit.sh")


class Failed(Exception):
    """Slurm could not be asked, in one line."""


def run(plan, out, options, wait_s):
    """Submits, waits and collects; the exit code."""
    prepare(plan, out)
    job = _submit(plan, out, options)
    print(f"job {job}: {len(plan['visits'])} visits", flush=True)
    try:
        _wait(job, time.monotonic() + wait_s)
    except KeyboardInterrupt:
        pass
    states = _states(job)
    if any(state in ("PENDING", "RUNNING") for state, _ in states.values()):
        _slurm("scancel", job)
        _wait(job, time.monotonic() + 60)
    return finish(plan, out, states)


def prepare(plan, out):
    for folder in ("results", "parts"):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    lines = [
        " ".join(map(shlex.quote, (visit["name"], plan["program"], *matrix.words(plan, visit)))) for visit in plan["visits"]
    ]
    with open(os.path.join(out, VISITS), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _submit(plan, out, options):
    words = [
        "sbatch",
        "--parsable",
        f"--array=0-{len(plan['visits']) - 1}",
        "--requeue",
        "--exclusive",
        "--job-name=eie-fleet",
    ]
    words += ["--open-mode=append", f"--output={os.path.join(out, 'slurm-%a.txt')}", *options, SCRIPT, os.path.abspath(out)]
    return _slurm(*words).strip().split(";")[0]


def _slurm(*words):
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as error:
        raise Failed(f"{words[0]}: {error.strerror}") from None
    if done.returncode:
        raise Failed(f"{words[0]}: {' '.join(done.stderr.split()) or done.returncode}")
    return done.stdout


def _wait(job, until):
    while _states(job, "PENDING,RUNNING,COMPLETING,CONFIGURING,SUSPENDED,REQUEUED") and time.monotonic() < until:
        time.sleep(POLL_S)


def _states(job, kinds="all"):
    """{number: (state, reason)} of the tasks that Slurm still knows."""
    try:
        lines = _slurm("squeue", "--noheader", "--array", f"--states={kinds}", f"--jobs={job}", "--format=%K|%T|%r").split(
            "\n"
        )
    except Failed as error:
        if "Invalid job id" in str(error):
            return {}
        raise
    found = [line.split("|", 2) for line in lines if line]
    return {int(number): (state, reason) for number, state, reason in found if number.isdigit()}


def finish(plan, out, states):
    """Writes what became of each visit; the exit code: 1 where eie's check failed, 3 where something is missing."""
    ledger = [_visit(plan, out, number, visit, states) for number, visit in enumerate(plan["visits"])]
    matrix.write(os.path.join(out, LEDGER), {"visits": ledger})
    lost = [visit for visit in ledger if visit["status"] == "missing"]
    wrong = [visit for visit in ledger if visit["status"] == "failed"]
    missing = os.path.join(out, MISSING)
    if lost:
        matrix.write(missing, _missing(plan, lost))
    elif os.path.exists(missing):
        os.unlink(missing)
    again = sum(len(visit["tries"]) > 1 for visit in ledger)
    print(
        f"{len(ledger) - len(lost)} of {len(ledger)} visits have results, {again} of them tried again, {len(lost)} missing: "
        f"{os.path.join(out, LEDGER)}"
    )
    for visit in wrong + lost:
        print(f"{visit['status']}: {visit['name']}: {visit['reason']}", file=sys.stderr)
    return 1 if wrong else 3 if lost else 0


def _visit(plan, out, number, visit, states):
    path = os.path.join(out, "results", f"{visit['name']}.json")
    tries = _tries(out, number)
    entry = {"number": number, **visit, "tries": tries}
    try:
        context, _, missing = rows.read(path)
    except (OSError, ValueError, KeyError) as error:
        reason = _reason(tries, states.get(number)) if isinstance(error, OSError) else f"{path}: {error}"
        return dict(entry, status="missing", reason=reason)
    faults = rows.faults(missing)
    entry.update(file=os.path.relpath(path, out), host=context.get("host_name", ""), status="failed" if faults else "done")
    if faults:
        entry["reason"] = "; ".join(faults)
    return entry


def _tries(out, number):
    """[{"node", "try", "ended"}] in the order in which they began; "ended" only where it did."""
    found = {}
    try:
        with open(os.path.join(out, LOG), encoding="utf-8", errors="replace") as file:
            lines = [re.fullmatch(rf"{number} (\S+) (\d+) (began|ended: .*)\n?", line) for line in file]
    except OSError:
        lines = []
    for node, count, words in (line.groups() for line in lines if line):
        entry = found.setdefault((node, count), {"node": node, "try": int(count)})
        if words != "began":
            entry["ended"] = words[len("ended: ") :]
    return list(found.values())


def _reason(tries, state):
    slurm = (
        f"Slurm says {state[0]}" + (f", {state[1]}" if state[1] not in ("", "None") else "") if state else "Slurm forgot it"
    )
    if not tries:
        return f"never began: {slurm}"
    last = tries[-1]
    if "ended" in last:
        return f"eie's exit code on {last['node']}: {last['ended']}"
    return f"began on {last['node']} and never ended: {slurm}"


def _missing(plan, lost):
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
