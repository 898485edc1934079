"""The page of a history: a chart a kernel, and where it changed.

    python3 -m plots history FILE|FOLDER... [--by date|commit] [--kernel GLOB ...] [--least PERCENT] [--hosts] [--out DIR]

Exit codes: 0 good (changes or none); 2 usage or bad input; 3 the output could not be written.
"""

import csv
import io
import math
import os
import sys

import matplotlib
from matplotlib.ticker import FuncFormatter, MaxNLocator

from plots.core.cells import Cell
from plots.core.commandline import Parser
from plots.core.drawing import Figure
from plots.core.grid import Table
from plots.core.html import drawing, html
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.output import write
from plots.core.page import Drawing, Page
from plots.history import otava
from plots.history.changes import FEWEST
from plots.history.series import commits_in_order, history, machine_words, moved
from plots.options import history as history_options
from plots.options.values import globs

PAGE, SUMMARY, CSV = "history.html", "history.md", "history.csv"
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "eiebench"}
INK, LEVEL, LINE = "#222222", "#D55E00", "#888888"
HEADER = ["machine", "kernel", "time", "revision", "file", "ratio", "rows", "change"]


def _runs(dates):
    if len(dates) == 1:
        return f"1 run of {dates[0]:%Y-%m-%d}"
    return f"{len(dates)} runs from {min(dates):%Y-%m-%d} to {max(dates):%Y-%m-%d}"


class HistoryPage:
    def __init__(self, found, least, by):
        self.history, self.least, self.by = found, least, by

    def verdict(self):
        found = self.history.changes()
        series = len(self.history.series)
        if not found:
            return f"No change of {self.least:g} % and more in {series} series{self._short()}."
        one, change = found[0]
        return (
            f"{len(found)} change{'s' * (len(found) > 1)} in {series} series, the largest {_ratio(one, change).said(3)}: "
            f"{one.kernel}, {self._where(one, change)}{self._short()}."
        )

    def _short(self):
        short = sum(len(one.values) < 2 * FEWEST for one in self.history.series)
        return f"; {short} of them with fewer than {2 * FEWEST} runs, where none can be seen" if short else ""

    @staticmethod
    def _where(series, change):
        point = series.points[change.place]
        return f"from {point.date:%Y-%m-%d %H:%M}, revision {point.revision}"

    def changes_table(self):
        table = Table("changes", "Changes", corner="kernel", decimals={"new / old": 3})
        for place, (one, change) in enumerate(self.history.changes(), 1):
            name = one.kernel + (f" #{place}" if one.kernel in table.rows else "")
            point, what = one.points[change.place], f"change of {one.kernel} on {machine_words(one.machine)}"
            table.put_cells(
                name,
                {
                    "machine": Cell(str(self.history.machines.index(one.machine) + 1), "", "derived", what),
                    "new / old": _ratio(one, change),
                    "from": Cell(f"{point.date:%Y-%m-%d %H:%M}", "", "derived", what),
                    "revision": Cell(point.revision, "", "derived", what),
                    "last before": Cell(one.points[change.place - 1].revision, "", "derived", what),
                    "remark": Cell(self._remark(one, change), "", "derived", what),
                },
            )
            table.tones[name, "new / old"] = "bad" if change.ratio > 1 else "good"
        return table

    def _remark(self, series, change):
        """A library's code is not ours: where it changed at the same place, the machine or the library did. Places are good
        to a run."""
        others = [
            other.kernel
            for other, its in self.history.changes()
            if other.machine == series.machine
            and other.kernel.startswith("peers_")
            and self._are_beside(series, series.points[change.place], other.points[its.place])
            and (its.ratio > 1) == (change.ratio > 1)
        ]
        words = []
        if series.kernel.startswith("peers_"):
            words = ["a library, not this project's code"]
        elif others:
            words = [f"the machine? {others[0]} changed there too"]
        return "; ".join(words + moved(series, change.place))

    def _are_beside(self, series, one, other):
        """Are two points the same one of the machine's, or neighbours?"""
        order = self.history.orders[series.machine]
        return abs(order[one.paths] - order[other.paths]) <= 1

    def page(self, drawn):
        page = Page("History").add(f"**{self.verdict()}**")
        page.heading("Machines").bullets(
            (f"{machine_words(machine)}: {_runs(runs)}" for machine, runs in self._dates()),
            numbered=True,
        )
        if self.history.changes():
            page.heading("Changes").table(self.changes_table(), titled=False, remarks=False)
        page.heading("How to read this").add(
            "A point is the geometric mean of a kernel's rows, each over its own median over all "
            f"{'runs' if self.by == 'date' else 'commits'}; higher is slower. Lines are the levels between changes. A change "
            f"needs {FEWEST} points on either side, of many series more, {self.least:g} % at least, and ranks that runs in any order "
            "would give on fewer than one page of a hundred. Of a kernel those rows count that most points have; points that "
            "lack one of them drop out and are named below."
        )
        if drawn:
            for number, machine in enumerate(self.history.machines, 1):
                page.heading(f"Machine {number}: {machine_words(machine)}")
                for place, one in enumerate(self.history.series):
                    if one.machine == machine:
                        page.add(
                            Drawing(
                                drawing(chart(one, self.by), f"series{place}"), f"{one.kernel} over time", self._caption(one)
                            )
                        )
        if self.history.doubts:
            page.heading("What to doubt").bullets(self.history.doubts)
        if self.history.left_out:
            page.heading("Left out").bullets(f"`{path.replace('`', ' ')}`: {why}" for path, why in self.history.left_out)
        return page

    def _dates(self):
        for machine in self.history.machines:
            yield machine, [run.date for run in self.history.runs if run.machine == machine]

    def _caption(self, series):
        found = [f"{_ratio(series, change).said(3)} {self._where(series, change)}" for change in series.changes]
        return f"{series.kernel}, {len(series.rows)} {'row' if len(series.rows) == 1 else 'rows'}: {'; '.join(found) or 'no change'}"

    def csv(self):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for one in self.history.series:
            changes = {change.place: change.ratio for change in one.changes}
            for place, (point, value) in enumerate(zip(one.points, one.values)):
                words = [
                    machine_words(one.machine),
                    one.kernel,
                    point.date.isoformat(),
                    point.revision,
                    " ".join(point.paths),
                ]
                change = f"{changes[place]:.6g}" if place in changes else ""
                writer.writerow([*words, f"{math.exp(value):.6g}", len(one.rows), change])
        return out.getvalue()

    def files(self):
        return {
            PAGE: html(self.page(True), "History: eiebench"),
            SUMMARY: markdown(self.page(False)),
            CSV: self.csv(),
        } | otava.files(self.history)


def _ratio(series, change):
    return Cell(change.ratio, "x", "derived", f"level after over level before: {series.kernel}")


def chart(series, by):
    """As SVG: points over their order, levels, changes."""
    values = [math.exp(value) for value in series.values]
    with matplotlib.rc_context(STYLE | {"svg.fonttype": "none"}):
        figure = Figure(figsize=(9, 1.9), layout="constrained")
        axes = figure.subplots()
        axes.plot(range(len(values)), values, "o", color=INK, markersize=3.5)
        ends = [0, *(change.place for change in series.changes), len(values)]
        for begin, end in zip(ends, ends[1:]):
            level = sorted(values[begin:end])[(end - begin) // 2]
            axes.plot([begin - 0.4, end - 0.6], [level, level], color=LEVEL, linewidth=1.6)
        for change in series.changes:
            axes.axvline(change.place - 0.5, color=LINE, linewidth=0.8, linestyle="--")
        axes.set_ylim(min(0.95, *values) - 0.01, max(1.05, *values) + 0.01)
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_title(series.kernel, loc="left", fontsize=10)
        axes.set_ylabel("time / median")
        if by == "date" and len(_days(series)) == 1:
            axes.set_xlabel(f"time of {series.points[0].date:%Y-%m-%d}")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _tick(series, at, by)))
        axes.grid(axis="y", color="#ededed")
        out = io.BytesIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _days(series):
    return {point.date.date() for point in series.points}


def _tick(series, at, by):
    if at != int(at) or not 0 <= at < len(series.points):
        return ""
    point = series.points[int(at)]
    if by == "commit":
        return point.revision[:8]
    return f"{point.date:%H:%M}" if len(_days(series)) == 1 else f"{point.date:%Y-%m-%d}"


def main(arguments=None):
    parser = Parser(
        "history",
        description="How kernels' times went over many results files of `eie bench`, and where they changed.",
        epilog="example: ./run history results/local --by commit --out history",
    )
    history_options.add(parser)
    options = parser.parse_args(arguments)
    out = options.out or "history"
    try:
        order = commits_in_order(".") if options.by == "commit" else None
        found = history(options.paths, globs(options), options.least / 100, order, options.hosts)
    except InputError as error:
        print(f"history: {error}", file=sys.stderr)
        return 2
    page = HistoryPage(found, options.least, options.by)
    try:
        write(out, page.files())
    except OSError as error:
        print(f"history: cannot write to {out}: {error.strerror or error}", file=sys.stderr)
        return 3
    if not options.quiet:
        print(page.verdict())
        for path, why in found.left_out:
            print(f"left out: {path}: {why}")
        for text in found.doubts:
            print(f"to doubt: {text}")
        print(f"Page: {os.path.join(out, PAGE)}")
    return 0
