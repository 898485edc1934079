"""Results or counts as Bencher's metric format, for `bencher run --adapter json`.

    python3 -m plots bencher FILE.json [--out FILE]

An object with a member for each benchmark, in it one for each measure: `latency` in nanoseconds, the median and the ends of its
95 % interval; or `instructions`. Exit codes: 0 good; 2 usage or bad input; 3 no row has a number, or the output could not be
written.
"""

import json
import os
import sys

from plots.compare import counts
from plots.core.commandline import Parser
from plots.core.load import InputError, load, read_json
from plots.core.output import written
from plots.options import bencher as bencher_options


def of_results(results):
    """Rows that were measured; models do not change by themselves."""
    return {row.label() + _clock(row): {"latency": _latency(row)} for row in results.rows if not row.is_model}


def _clock(row):
    return "" if row.time_source == "wall" else f", {row.time_source} time"


def _latency(row):
    ends = row.interval
    return {"value": row.median_ns} | ({"lower_value": ends[0], "upper_value": ends[1]} if ends else {})


def of_counts(side):
    return {
        f"{row.label}, by {row.method}": {"instructions": {"value": row.instructions}}
        for row in side.rows.values()
        if row.instructions is not None
    }


def convert(path):
    document = read_json(path)
    if isinstance(document, dict) and str(document.get("format", "")).startswith("eie-count-"):
        return of_counts(counts.load(path))
    return of_results(load(path))


def main(arguments=None):
    parser = Parser("bencher", description="Results or counts as Bencher's metric format.")
    bencher_options.add(parser)
    options = parser.parse_args(arguments)
    try:
        metrics = convert(options.file)
    except InputError as error:
        print(f"bencher: {error}", file=sys.stderr)
        return 2
    if not metrics:
        print(f"bencher: {options.file}: no row has a measured number", file=sys.stderr)
        return 3
    text = json.dumps(metrics, indent=1) + "\n"
    if not options.out:
        print(text, end="")
        return 0
    return 0 if written("bencher", options.out, {os.path.basename(options.out): text}) else 3
