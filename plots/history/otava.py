"""The same series for Apache Otava: a CSV file a machine and a configuration that names its columns."""

import csv
import io
import math
import re

UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def files(history):
    """{name: text}: otava-N.csv, N counting the machines, and otava.yaml."""
    made, tests = {}, ["tests:"]
    for number, machine in enumerate(history.machines, 1):
        series = [one for one in history.series if one.machine == machine]
        if not series:
            continue
        name = f"otava-{number}.csv"
        made[name] = _table(series)
        tests += [
            f"  machine-{number}:",
            "    type: csv",
            f"    file: {name}",
            "    time_column: time",
            "    attributes: [commit, file]",
            f"    metrics: [{', '.join(column(one) for one in series)}]",
            "    csv_options:",
            '      delimiter: ","',
            "      quote_char: '\"'",
        ]
    return made | {"otava.yaml": "\n".join(tests) + "\n"}


def column(series):
    return UNSAFE.sub("_", series.kernel)


def _table(series):
    """Values are ratios to the kernel's own median; empty where a run does not have the kernel."""
    points = sorted({(point.date, point.paths): point for one in series for point in one.points}.values(), key=_when)
    values = [{point.paths: value for point, value in zip(one.points, one.values)} for one in series]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "commit", "file", *(column(one) for one in series)])
    for point in points:
        found = [f"{math.exp(own[point.paths]):.6g}" if point.paths in own else "" for own in values]
        writer.writerow([point.date.isoformat(), point.revision, point.paths[0], *found])
    return out.getvalue()


def _when(point):
    return point.date, point.paths
