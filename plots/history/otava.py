"""The same series for Apache Otava: CSV files and a configuration that names their columns. Otava wants a number in every
field, so that kernels of other runs have a file of their own; and it takes more for better unless it is told."""

import csv
import io
import math
import re

UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def files(history):
    """{name: text}: otava-N.csv, N counting the machines, otava-N-2.csv and so on for kernels of other runs, and otava.yaml."""
    made, tests = {}, ["tests:"]
    for number, machine in enumerate(history.machines, 1):
        for part, series in enumerate(_of_equal_runs(history, machine), 1):
            name = f"{number}-{part}" if part > 1 else f"{number}"
            made[f"otava-{name}.csv"] = _table(series)
            tests += [
                f"  machine-{name}:",
                "    type: csv",
                f"    file: otava-{name}.csv",
                "    time_column: time",
                "    attributes: [commit, file]",
                "    metrics:",
                *(f"      {column(one)}: {{column: {column(one)}, direction: -1}}" for one in series),
                "    csv_options:",
                '      delimiter: ","',
                "      quote_char: '\"'",
            ]
    return made | {"otava.yaml": "\n".join(tests) + "\n"}


def _of_equal_runs(history, machine):
    """[[series]] of the machine, those of the same runs together; the most first."""
    groups = {}
    for one in history.series:
        if one.machine == machine:
            groups.setdefault(tuple(point.paths for point in one.points), []).append(one)
    return sorted(groups.values(), key=lambda series: -len(series))


def column(series):
    return UNSAFE.sub("_", series.kernel)


def _table(series):
    """Values are ratios to the kernel's own median; the series have the same points, in the order of dates."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "commit", "file", *(column(one) for one in series)])
    for at in sorted(range(len(series[0].points)), key=lambda at: (series[0].points[at].date, series[0].points[at].paths)):
        point = series[0].points[at]
        writer.writerow(
            [point.date.isoformat(), point.revision, point.paths[0], *(f"{math.exp(one.values[at]):.6g}" for one in series)]
        )
    return out.getvalue()
