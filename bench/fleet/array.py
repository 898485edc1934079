"""The matrix as one job array of Slurm: a task a visit. A task whose node dies is queued again by Slurm and visits elsewhere;
what has no results file in the end stands as missing, with the reason, in fleet.json and as rows in missing.json."""

import os
import re
import shlex
import subprocess
import sys
import time

from bench.fleet import matrix, missing, rows

LEDGER, LOG, VISITS = "fleet.json", "log.txt", "visits.txt"
POLL_S = 2
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "visit.sh")


class Failed(Exception):
    """Slurm could not be asked, in one line."""


def run(plan, out, options, wait_s):
    """Submits, waits and collects; the exit code."""
    left = prepare(plan, out)
    if not left:
        return finish(plan, out, {})
    job = _submit(left, out, options)
    there = len(plan["visits"]) - len(left)
    print(f"job {job}: {len(left)} visits" + (f", {there} are there already" if there else ""), flush=True)
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
    """Writes what the tasks read; the numbers of the visits that have no results there yet."""
    for folder in ("results", "parts"):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    lines = [
        " ".join(map(shlex.quote, (visit["name"], plan["program"], *matrix.words(plan, visit)))) for visit in plan["visits"]
    ]
    with open(os.path.join(out, VISITS), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return [
        number
        for number, visit in enumerate(plan["visits"])
        if not os.path.exists(os.path.join(out, "results", f"{visit['name']}.json"))
    ]


def ranges(numbers):
    """Rising numbers as Slurm's --array takes them: 0-2,5."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in found)


def _submit(left, out, options):
    words = [
        "sbatch",
        "--parsable",
        f"--array={ranges(left)}",
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
    missing.write(plan, lost, out)
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
        context, _, others = rows.read(path)
    except (OSError, ValueError, KeyError) as error:
        reason = _reason(tries, states.get(number)) if isinstance(error, OSError) else f"{path}: {error}"
        return dict(entry, status="missing", reason=reason)
    faults = rows.faults(others)
    entry.update(file=os.path.relpath(path, out), host=context.get("host_name", ""), status="failed" if faults else "done")
    if faults:
        entry["reason"] = "; ".join(faults)
    return entry


def _tries(out, number):
    """[{"node", "try", "ended"}] in the order in which they began; "ended" only where it did."""
    found = []
    try:
        with open(os.path.join(out, LOG), encoding="utf-8", errors="replace") as file:
            lines = [re.fullmatch(rf"{number} (\S+) (\d+) (began|ended: .*)\n?", line) for line in file]
    except OSError:
        lines = []
    for node, count, words in (line.groups() for line in lines if line):
        if words == "began":  # of a further job too, whose tries begin at 0 again
            found.append({"node": node, "try": int(count)})
            continue
        entry = next((each for each in reversed(found) if (each["node"], each["try"]) == (node, int(count))), None)
        if entry:
            entry["ended"] = words[len("ended: ") :]
    return found


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
