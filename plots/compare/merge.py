"""Merges the results files of several equal runs into one: the samples of each row in turn. Measures nothing.

    python3 -m plots merge --out MERGED.json [--pairing ID] RUN.json ...

A merged row carries eie_run_medians_ns and eie_run_lows_ns, the median and the tenth percentile of each run; two merged
files with the same context.eie_pairing are compared run by run. Prepare and CPU time are medians over the runs, calls per sample those of the first.
A row without a number in one run has none in the merged file.
Exit codes: 0 good, 2 usage or bad input, 3 the output could not be written.
"""

import json
import os
import sys

import numpy

from plots.compare.evidence import low
from plots.compare.matching import key, label, machine_differences, printable, status
from plots.core.commandline import Parser
from plots.core.load import InputError, load
from plots.core.output import written

WORST_FIRST = ("mismatch", "error", "suspect", "unsupported", "skipped", "ok")
OF_ONE_RUN = (
    "eie_ci95_low_ns",
    "eie_ci95_high_ns",
    "eie_run",
    "eie_again",
    "eie_part",
    "eie_part_baseline_ns",
    "eie_floor_share",
    "eie_visits",
    "eie_visit_samples",
    "eie_disturbed_ns",
    "eie_disturbed_visits",
    "eie_disturbed_at",
    "eie_disturbed_share",
    "eie_disturbed_counted",
    "eie_doubt",
)
RUN_KEYS = ("date", "eie_command", "load_avg")


def merge(runs, pairing=None):
    """One document of the results `runs`."""
    first = runs[0]
    rows = [{key(row): row for row in run.rows + run.missing} for run in runs]
    for run, of_run in zip(runs[1:], rows[1:]):
        if machine_differences(first, run):
            raise InputError(f"{run.path}: another machine than that of {first.path}")
        for place in rows[0].keys() ^ of_run.keys():
            lacks, has = (run, first) if place in rows[0] else (first, run)
            raise InputError(
                f"{lacks.path}: {label((rows[0] | of_run)[place])} is not in each of the runs: it is in {has.path}"
            )
    merged = [_merge([of_run[place] for of_run in rows]) for place in rows[0]]
    context = first.context | {"eie_runs": [{name: run.context.get(name) for name in RUN_KEYS} for run in runs]}
    if pairing:
        context["eie_pairing"] = pairing
    return {
        "context": context,
        "benchmarks": [row for row in merged if row["eie_status"] == "ok"],
        "eie_missing": [row for row in merged if row["eie_status"] != "ok"],
    }


def _merge(rows):
    worst = min(rows, key=lambda row: WORST_FIRST.index(status(row)))
    if not worst.usable:
        place = rows.index(worst) + 1
        return worst.raw | {"eie_status": status(worst), "eie_reason": f"run {place} of {len(rows)}: {worst.reason}"}
    for row in rows:
        if row.layer_hash != rows[0].layer_hash:
            raise InputError(f"{row.file}: {label(row)}: the layer is not the same in all runs: not that of {rows[0].file}")
    samples = [time for row in rows for time in row.samples]
    median = float(numpy.median(samples))
    merged = {name: value for name, value in rows[0].raw.items() if name not in OF_ONE_RUN}
    for name in ("cpu_time", "eie_prepare_ns"):
        numbers = [row.number(name) for row in rows]
        if None not in numbers:
            merged[name] = float(numpy.median(numbers))
    return merged | {
        "eie_samples_ns": samples,
        "repetitions": len(samples),
        "real_time": median,
        "eie_median_ns": median,
        "eie_min_ns": min(samples),
        "eie_max_ns": max(samples),
        "eie_mad_ns": float(numpy.median(numpy.abs(numpy.array(samples) - median))),
        "eie_run_medians_ns": [row.median_ns for row in rows],
        "eie_run_lows_ns": [low(row.samples) for row in rows],
    }


def main(arguments=None):
    parser = Parser(
        "merge",
        description="Merges the results files of several equal runs of `eie bench`.",
        epilog="example: python3 -m plots merge --out merged.json run1.json run2.json run3.json",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN.json")
    parser.add_argument("--out", required=True, metavar="MERGED.json")
    parser.add_argument("--pairing", metavar="ID", help="files with the same ID are compared run by run")
    options = parser.parse_args(arguments)
    try:
        document = merge([load(path) for path in options.runs], options.pairing)
    except InputError as error:
        print(f"merge: {printable(error)}", file=sys.stderr)
        return 2
    if not written("merge", options.out, {os.path.basename(options.out): json.dumps(document) + "\n"}):
        return 3
    return 0
