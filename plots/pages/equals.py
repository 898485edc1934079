"""Equal machines on the page of many: which is an outlier among its siblings, and how small a slowdown would have been seen."""

import math
from dataclasses import dataclass

from plots.core.cells import Cell, percent
from plots.core.grid import Table
from plots.fleet.siblings import ALL, FAMILY_PERCENT, judge

UNKNOWN = "unknown"  # host of a file that does not say
NAMELESS = (UNKNOWN, "localhost", "localhost.localdomain")  # what tells no machine from another
STATED = 12  # outliers in sentences; the table has all
HINTS = ("memory", "system", "governor", "transparent huge pages", "huge pages", "environment", "quiet")
MOST_HINT = 60  # characters of what differs


@dataclass(frozen=True)
class Equals:
    """Of all groups of equal machines."""

    groups: tuple  # ([the first run of each machine], verdict) of groups of two and more
    differ: float  # percent
    again: tuple = ()  # hosts with several runs

    def warnings(self):
        lines = [self._line(group, outlier) for group, verdict in self.groups for outlier in verdict.outliers]
        return lines[:STATED] + (
            [f"and {len(lines) - STATED} more outliers among equal machines"] if len(lines) > STATED else []
        )

    def sentences(self):
        runs = [f"Runs of one host count as one machine, named by the first: {', '.join(self.again)}."] if self.again else []
        return [_seen(group, verdict, self.differ) for group, verdict in self.groups] + runs

    def tables(self):
        """One, where there is an outlier."""
        table = Table("outliers", "Outliers among equal machines", corner="machine")
        for group, verdict in self.groups:
            for outlier in verdict.outliers:
                machine = _of_name(group, outlier.name)
                source = (
                    f"{machine.path}: {outlier.rows} rows, {outlier.kind}, over the medians of {len(group) - 1} siblings"
                )
                table.put(machine.label, "host", Cell(machine.host, "", "measured", f"{machine.path}: context"))
                table.put(machine.label, "rows", Cell(outlier.kind, "", "derived", source))
                table.put(machine.label, "time over its siblings'", _times(outlier, source))
                table.put(
                    machine.label, "chance among equals", Cell(outlier.chance, "", "derived", f"{source}; all siblings")
                )
                table.put(machine.label, "what else differs", Cell(_hints(machine, group), "", "measured", machine.path))
        return [table] if table.rows else []

    def put(self, page, file):
        if not self.sentences():
            return
        page.heading("Equal machines").bullets(self.sentences())
        if not self.groups:
            return
        for table in self.tables():
            page.table(table, titled=False, file=file)
        page.add(
            "A machine counts by the mean of its rows, each over the median of its siblings, the tenth percentile of the "
            "samples of a row; its error is how the siblings scatter. It is one run of each: measured again, a machine that "
            f"was merely busy comes back. All tests of this page together call an equal machine an outlier on fewer than "
            f"{FAMILY_PERCENT} of 100 such pages, where equal machines scatter normally."
        )

    def _line(self, group, outlier):
        machine = _of_name(group, outlier.name)
        cell = _times(outlier, machine.path)
        word = "slower" if outlier.change > 0 else "faster"
        kind = outlier.kind if outlier.kind == ALL else f"rows of {outlier.kind} ({outlier.rows})"
        hints = _hints(machine, group)
        return (
            f"{machine.label} (host {machine.host}) is {word} than its {len(group) - 1} siblings: {cell.said(3)} {cell.margin()}"
            f" their time, {kind}" + (f"; also {hints}" if hints != "nothing" else "")
        )


def judged(machines, differ):
    """`differ`: how much slower or faster than its siblings, in percent, an equal machine may be."""
    kinds = {}
    for machine in machines:
        runs = kinds.setdefault(machine.kind, {})
        runs.setdefault(machine.label if machine.host in NAMELESS else machine.host, []).append(machine)
    groups = [list(hosts.values()) for hosts in kinds.values() if len(hosts) > 1]
    limit = math.log1p(differ / 100)
    return Equals(
        tuple(
            ([runs[0] for runs in group], judge({runs[0].label: _times_of(runs) for runs in group}, limit, len(groups)))
            for group in groups
        ),
        differ,
        tuple(f"{runs[0].host} ({len(runs)})" for hosts in kinds.values() for runs in hosts.values() if len(runs) > 1),
    )


def _times_of(runs):
    """Of a machine: the means of its runs' logarithms. Its runs are not siblings: they scatter less than machines do."""
    found = {}
    for run in runs:
        for row, time in run.times.items():
            found.setdefault(row, []).append(time)
    return {row: sum(times) / len(times) for row, times in found.items()}


def _of_name(group, name):
    return next(machine for machine in group if machine.label == name)


def _times(outlier, source):
    low, value, high = (math.exp(log) for log in (outlier.low, outlier.change, outlier.high))
    return Cell(value, "x", "derived", source, low=low, high=high)


def _seen(group, verdict, differ):
    words = f"{len(group)} equal machines ({group[0].name}, revision {group[0].revision})"
    if verdict.reason:
        return f"{words}: not judged, {verdict.reason}."
    scatter = percent(verdict.scatter, "standard deviation of the siblings' means over all rows").said(2)
    sees = (
        f"one {percent(math.expm1(verdict.sees), 'could_see').said(2)} slower over all rows would have been named"
        if verdict.sees
        else "no slowdown would have been named"
    )
    count = f"{len(verdict.outliers)} outlier{'' if len(verdict.outliers) == 1 else 's'} beyond {differ:g} %"
    return f"{words}: {count}; they scatter by {scatter}, {verdict.rows} rows in common; {sees}."


def _hints(machine, group):
    """Facts in which it differs from most of its siblings."""
    found = []
    for name in HINTS:
        values = [sibling.facts.get(name, "not recorded") for sibling in group]
        own = machine.facts.get(name, "not recorded")
        usual = max(set(values), key=values.count)
        if own != usual and 2 * values.count(usual) > len(values):
            found.append(f"{name} {own[:MOST_HINT]} (others {usual[:MOST_HINT]})")
    return "; ".join(found) or "nothing"
