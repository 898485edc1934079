"""Draws the figures that only report.html has, from the tables of ways.py. Same input, same picture, byte for byte."""

import io
import re
from html import escape

import matplotlib
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from plots.core.cells import number_text
from plots.core.drawing import Figure
from plots.core.html import hover
from plots.core.references import BEST, DENSE, SPARSE
from plots.tables.figures import (
    PUBLISHED_COLOURS,
    ROWS,
    STYLE,
    WIDTH,
    bar_x,
    bars,
    frame,
    put_label,
    put_legend,
    put_title,
    shortened,
    value_text,
)
from plots.tables.ways import HOST_BEST, HOST_DENSE, PREPARE

HOST_COLOURS = {HOST_DENSE: "#F0B99A", HOST_BEST: "#D55E00"}
CACHE_COLOURS = {"hot": "#D55E00", "llc": "#0072B2", "dram": "#009E73"}
LINES = {BEST[DENSE]: ("#222222", "o", "--"), BEST[SPARSE]: ("#888888", "s", "--")}
FURTHER = (
    ("#D55E00", "o"),
    ("#0072B2", "D"),
    ("#009E73", "^"),
    ("#CC79A7", "v"),
    ("#E69F00", "P"),
    ("#56B4E9", "X"),
    ("#8B6508", "<"),
    ("#6A3D9A", ">"),
)
TONES = {"good": "#0072B2", "bad": "#D55E00"}
MACHINES_ACROSS, LINE = 3, 0.21  # panels of several machines beside each other; inches a machine
BARS = 14  # kernels of which preparing is drawn
LARGEST, SMALLEST = 10.0, 4.5  # rings that mark points of curves
LABEL_STEP, LABEL_LIFT = 1.3, 12  # numbers over neighbours of about one height: the higher one goes up by so many points
GROUP = re.compile(r'<g id="([^"]+)"[^>]*>')


def inline(figure):
    """As SVG whose words are text: smaller, and the page's reader can search them. What the figure knows of where its
    numbers are from opens as a box over them."""
    titles = {}
    for number, (artist, source) in enumerate(figure.sources):
        artist.set_gid(artist.get_gid() or f"number-{number}")
        titles[artist.get_gid()] = source
    out = io.BytesIO()
    with matplotlib.rc_context(STYLE | {"svg.fonttype": "none"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return GROUP.sub(
        lambda found: f"{found[0]}<title>{escape(titles[found[1]])}</title>" if found[1] in titles else found[0],
        out.getvalue().decode("utf-8"),
    ).encode("utf-8")


def machine_figure(table, suffix, words, subtitle):
    """Bars of the published platforms, EIE and this machine over the published CPU's dense time or energy."""
    series = [(f"{name}{suffix}", colour) for name, colour in PUBLISHED_COLOURS.items()]
    series += [(name, colour) for name, colour in HOST_COLOURS.items() if name in table.columns]
    names = {f"{name}{suffix}": name for name in PUBLISHED_COLOURS}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
        axes = figure.subplots()
        handles = bars(axes, table, series, names)
        for place, row in enumerate(ROWS):
            labelled = [
                (table.get(row, column).value, bar_x(place, row, index, len(series)))
                for index, (column, _) in enumerate(series)
                if column in (HOST_BEST, f"EIE{suffix}") and table.get(row, column).is_number
            ]
            values = [value for value, _ in labelled]
            for value, x in labelled:
                beside = value == max(values) and value < LABEL_STEP * min(values) and value > min(values)
                put_label(axes, x, value, value_text(value), lift=LABEL_LIFT if beside else 2)
        values = [table.get(row, column).value for row in ROWS for column, _ in series if table.get(row, column).is_number]
        frame(axes, min(values + [1]) / 1.7, max(values + [1]) * 3)
        axes.set_ylabel(words)
        put_title(axes, f"This host beside the published ones: {words}", subtitle)
        put_legend(axes, handles, columns=4)
        return figure


def ways_figure(scaling, batches, modes):
    """Time over threads and over the batch; `modes`: the cache mode of each."""
    with matplotlib.rc_context(STYLE):
        panels = [(table, name) for table, name in ((scaling, "threads"), (batches, "batch")) if table.rows]
        figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
        styles = _styles([table for table, _ in panels])
        found = {}
        for axes, (table, name) in zip(figure.subplots(1, max(1, len(panels)), squeeze=False)[0], panels):
            _curves(axes, table, styles, found)
            axes.set_xlabel(name)
            axes.set_ylabel("us an input")
            words = {"threads": "over threads, batch 1", "batch": "over the batch, all threads"}[name]
            axes.set_title(f"{words}, cache {modes[name]}", fontsize=10)
        figure.legend(
            handles=list(found.values()), loc="outside lower center", frameon=False, fontsize=9, ncols=3, handlelength=2.4
        )
        return figure


def _styles(tables):
    names = list(dict.fromkeys(column for table in tables for column in table.columns))
    own = [name for name in names if name not in LINES]
    return LINES | {name: (*FURTHER[place % len(FURTHER)], "-") for place, name in enumerate(own)}


def _marker_sizes(columns):
    """Of own kernels rings that become smaller, so that those on one spot are all seen."""
    own = [column for column in columns if column not in LINES]
    step = (LARGEST - SMALLEST) / max(1, len(own) - 1)
    return {column: LARGEST - place * step for place, column in enumerate(own)}


def _curves(axes, table, styles, found):
    xs = [int(row) for row in table.rows]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    sizes = _marker_sizes(table.columns)
    for column in table.columns:
        there = [(x, table.get(row, column)) for x, row in zip(xs, table.rows) if table.get(row, column).is_number]
        colour, marker, line = styles[column]
        if there:
            (curve,) = axes.plot(
                [x for x, _ in there],
                [cell.value for _, cell in there],
                line,
                color=colour,
                marker=marker,
                markersize=sizes.get(column, 5),
                markerfacecolor="none" if column in sizes else colour,
                linewidth=1.4,
                label=shortened(column),
            )
            found.setdefault(column, curve)
            for x, cell in there:
                (spot,) = axes.plot([x], [cell.value], "o", markersize=9, color=colour, alpha=0)
                axes.figure.sources.append((spot, f"{column}, {table.corner} {x}: {cell.shown()} us: {hover(cell)}"))
    axes.set_xlim(min(xs) / 1.3, max(xs) * 1.3)
    axes.xaxis.set_major_locator(FixedLocator(xs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    _plain_numbers(axes.yaxis)
    axes.set_axisbelow(True)
    axes.grid(color="#EDEDED", linewidth=0.8)


def _plain_numbers(axis):
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def costs_figure(caches, prepare):
    """Time by cache mode, and what preparing costs."""
    with matplotlib.rc_context(STYLE):
        shown = prepare.rows[:BARS]
        height = 1.4 + 0.3 * max(len(caches.rows), len(shown))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        left, right = figure.subplots(1, 2)
        count = max(1, len(caches.columns))
        for index, cache in enumerate(caches.columns):
            for place, row in enumerate(caches.rows):
                cell = caches.get(row, cache)
                if cell.is_number:
                    y = place + (index - (count - 1) / 2) * 0.8 / count
                    (bar,) = left.barh(
                        y,
                        cell.value,
                        0.72 / count,
                        color=CACHE_COLOURS.get(cache, "#888888"),
                        label=cache if place == 0 else None,
                    )
                    figure.sources.append((bar, f"{row}, {cache}: {cell.shown()} us: {hover(cell)}"))
                    _end(left, cell, y)
        for place, row in enumerate(shown):
            cell = prepare.get(row, PREPARE)
            if cell.is_number:
                (bar,) = right.barh(place, cell.value, 0.7, color="#0072B2")
                figure.sources.append((bar, f"{row}: {cell.shown()} ms: {hover(cell)}"))
                _end(right, cell, place)
        for axes, rows, words, title in (
            (left, caches.rows, "us an input, mean of nine layers", "where the weights lie"),
            (right, shown, "ms, once per plan, mean of nine layers", "preparing"),
        ):
            axes.set_yticks(range(len(rows)), map(shortened, rows), fontsize=8.5)
            axes.invert_yaxis()
            axes.set_xscale("log")
            axes.set_xlabel(words, fontsize=9)
            axes.set_title(title, fontsize=10)
            axes.margins(x=0.16)
            _plain_numbers(axes.xaxis)
            axes.tick_params(axis="x", labelsize=8)
        if caches.columns:
            handles, labels = left.get_legend_handles_labels()
            left.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, fontsize=9, ncols=3)
        return figure


def machines_figure(table, rows):
    """A panel a number, a line a machine: dots with their intervals. `rows`: (row of the table, its name, is less
    better)."""
    machines = table.columns
    across = min(MACHINES_ACROSS, len(rows))
    down = -(-len(rows) // across)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.2 + down * (1.1 + LINE * len(machines))), layout="constrained")
        panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
        for axes, (row, name, less) in zip(panels, rows):
            for place, machine in enumerate(machines):
                cell = table.get(row, machine)
                if cell.is_number:
                    ends = [cell.value] * 2 if cell.low is None else [cell.low, cell.high]
                    colour = TONES.get(table.tones.get((row, machine)), "#555555")
                    axes.plot(ends, [place] * 2, "-", color=colour, linewidth=2.5, solid_capstyle="butt")
                    (dot,) = axes.plot([cell.value], [place], "o", color=colour, markersize=5)
                    figure.sources.append((dot, f"{machine}, {name}: {cell.shown()} {cell.unit}: {hover(cell)}"))
                else:
                    axes.text(0.5, place, "-", transform=axes.get_yaxis_transform(), ha="center", va="center")
            unit = next((table.get(row, machine).unit for machine in machines if table.get(row, machine).unit), "")
            axes.set_title(f"{name}, {unit}" if unit and unit != "x" else name, fontsize=10)
            axes.set_xlabel("better: left" if less else "better: right", fontsize=8.5)
            axes.set_xscale("log")
            _few_ticks(axes)
            axes.set_axisbelow(True)
            axes.grid(color="#EDEDED", linewidth=0.8)
            axes.set_yticks(range(len(machines)), map(shortened, machines), fontsize=8.5)
            axes.set_ylim(len(machines) - 0.5, -0.5)
        for axes in panels[len(rows) :]:
            axes.set_axis_off()
        return figure


def _few_ticks(axes):
    """Of a logarithmic axis that may be much shorter or much longer than a decade."""
    low, high = axes.get_xlim()
    if high < 1.6 * low:  # room for two ticks, at the least
        axes.set_xlim(low / 1.25, high * 1.25)
        low, high = axes.get_xlim()
    steps = (1, 2, 5) if high < 60 * low else (1,)
    fine = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    ticks = [step * 10**power for power in range(-6, 10) for step in (fine if high < 4 * low else steps)]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(axis="x", labelsize=8)


def _end(axes, cell, y):
    axes.annotate(
        number_text(cell.value),
        (cell.value, y),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
    )
