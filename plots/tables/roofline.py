"""Draws the roofline of this host: each kernel's useful multiply-adds per second over those per byte, under the measured
ceilings; one named point a kernel. Same input, same picture, byte for byte."""

import math
from dataclasses import dataclass, replace

import matplotlib
from matplotlib.lines import Line2D

from plots.core.cells import said_together
from plots.core.drawing import Figure, spread
from plots.core.means import geometric
from plots.core.references import DENSE, kind_of
from plots.tables.ceilings import LEVELS
from plots.tables.figures import HALO, STYLE, WIDTH, shortened

DENSE_COLOUR, FLOAT_COLOUR, EXACT_COLOUR = "#222222", "#0072B2", "#D55E00"
KINDS = (  # (words, colour, marker): float32 rows that multiply everything, those that skip, and exact compressed ones
    ("dense float32", DENSE_COLOUR, "s"),
    ("other float32", FLOAT_COLOUR, "D"),
    ("integers, exact or rounded", EXACT_COLOUR, "o"),
)
MOST = 24  # kernels in a panel; slower ones are left out
ROOF, PEAK = "#222222", "#888888"
HEIGHT, NARROW = 5.6, 6.4  # inches
NAME_POINTS = 9.0  # from one name to the next
LABELS = 0.7  # how much wider than its points a panel is, as a share of the points' decades: names stand at the right
CACHES = ("llc", "dram", "hot")  # the first that a panel has rows of is its own


@dataclass(frozen=True)
class Point:
    """One kernel: geometric means over its layers."""

    kernel: str
    kind: int  # place in KINDS
    macs_per_byte: float
    macs_per_s: float


def roofline_figure(rows, ceilings, only=None):
    """One panel for one thread and one for the most, or for `only` these; without rows one panel says so."""
    threads = sorted({row.threads for row in rows})
    threads = sorted({threads[0], threads[-1]}) if threads else []
    threads = [count for count in threads if only in (None, count)]
    found = {count: kernel_points(rows, count) for count in threads}
    found = {count: points for count, points in found.items() if points[1]}
    with matplotlib.rc_context(STYLE):
        size = (WIDTH if len(found) != 1 else NARROW, HEIGHT if found else 1.2)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, max(1, len(found)), sharex=True, sharey=True, squeeze=False)[0]
        if not found:
            panels[0].set_axis_off()
            panels[0].text(0.5, 0.5, "This host: no measured row of suite paper at batch 1.", ha="center", va="center")
            return figure
        _limits(panels, [point for _, points in found.values() for point in points], ceilings, found)
        slanted, left_out = [], 0
        for axes, (count, (cache, points)) in zip(panels, found.items()):
            slanted += _roofs(axes, ceilings, count)
            left_out = max(left_out, len(points) - MOST)
            _points(axes, points[:MOST])
            axes.set_title(f"{count} thread{'' if count == 1 else 's'}, cache {cache}", fontsize=10, loc="left")
            axes.set_xlabel("useful multiply-adds per byte")
        panels[0].set_ylabel("useful multiply-adds per second")
        _put_title(
            figure,
            "This host: what each kernel does, under what the machine can do"
            if len(found) > 1
            else "What each kernel does, under what the machine can do",
            "batch 1, geometric means of the layers of suite paper"
            + ("; lines: measured ceilings" if ceilings.runs else "")
            + (f"; {left_out} slower kernels left out" if left_out > 0 else ""),
        )
        figure.legend(handles=_handles(found), loc="outside lower center", frameon=False, fontsize=9, ncols=3)
        figure.draw_without_rendering()
        for axes, text in slanted:
            text.set_rotation(_slope(axes))
        for axes, (_, points) in zip(panels, found.values()):
            _names(axes, points[:MOST])
        return figure


def kernel_points(rows, threads):
    """(cache mode, points of its kernels, the fastest first): batch 1, useful multiply-adds alone."""
    for cache in CACHES:
        layers = {}
        for row in rows:
            if (row.threads, row.batch, row.cache) == (threads, 1, cache) and _useful(row):
                layers.setdefault(row.kernel, []).append(row)
        most = max(map(len, layers.values()), default=0)
        points = [_point(kernel, found) for kernel, found in layers.items() if len(found) == most]
        if points:
            return cache, sorted(points, key=lambda point: (-point.macs_per_s, point.kernel))
    return "", []


def _useful(row):
    useful, moved = row.number("eie_macs_useful"), row.number("eie_bytes")
    return bool(useful and moved)


def _point(kernel, rows):
    useful = [row.number("eie_macs_useful") for row in rows]
    return Point(
        kernel,
        2 if "float32" not in rows[0].flags else 0 if kind_of(rows[0]) == DENSE else 1,
        geometric(macs / row.number("eie_bytes") for macs, row in zip(useful, rows)),
        geometric(macs / (row.median_ns * 1e-9) for macs, row in zip(useful, rows)),
    )


def _put_title(figure, title, subtitle):
    """Above all panels: as a part of the first one it would push the others aside."""
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontweight="bold", fontsize=11)
    figure.text(0.01, 0.945, subtitle, fontsize=9, color="#444444", va="top").set_in_layout(False)


def _limits(panels, points, ceilings, threads):
    xs, ys = [point.macs_per_byte for point in points], [point.macs_per_s for point in points]
    level = ceilings.peak | ceilings.adds
    peaks = [cell.value for (count, _), cell in level.items() if count in threads]
    panels[0].set_xscale("log")
    panels[0].set_yscale("log")
    low, high = min(xs) / 8, max(xs) * 1.5  # the left has the labels of the bandwidths
    panels[0].set_xlim(low, high * (high / low) ** LABELS)
    panels[0].set_ylim(min(ys) / 2.5, max(ys + peaks) * 2.5)
    for axes in panels:
        axes.set_axisbelow(True)
        axes.grid(color="#EDEDED", linewidth=0.8)


def _roofs(axes, ceilings, threads):
    """Draws the ceilings; returns the labels that want the slope of a bandwidth line."""
    bandwidth = ceilings.of(ceilings.bandwidth, threads)
    peaks = ceilings.of(ceilings.peak, threads)
    adds = {"added one by one": cell for cell in ceilings.of(ceilings.adds, threads).values()}
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    highest = max((cell.value for cell in peaks.values()), default=top)
    for group in _close(peaks | adds):
        for peak, _ in group:
            axes.plot(
                [low, low * (high / low) ** (1 / (1 + LABELS))],
                [peak.value] * 2,
                color=PEAK,
                linewidth=1,
                linestyle="--",
                zorder=1,
            )
        words = _group_words(group, "GMAC/s")
        axes.annotate(
            words,
            (low, group[-1][0].value),
            xytext=(3, 2),
            ha="left",
            va="bottom",
            textcoords="offset points",
            fontsize=8,
            color="#555555",
            path_effects=HALO,
        )
    slanted = []
    for name in [level for level in LEVELS if level in bandwidth]:
        speed = bandwidth[name].value
        end = min(low * (high / low) ** (1 / (1 + LABELS)), highest / speed)
        axes.plot([low, end], [speed * low, speed * end], color=ROOF, linewidth=1.1, zorder=1)
    for group in _close(bandwidth):
        highest_of = group[-1][0].value
        start = max(low, bottom / highest_of)
        words = _group_words([(speed, name.upper()) for speed, name in reversed(group)], "GB/s")
        slanted.append(
            (
                axes,
                axes.annotate(
                    words,
                    (start, start * highest_of),
                    xytext=(6, 7),
                    textcoords="offset points",
                    ha="left",
                    va="bottom",
                    rotation_mode="anchor",
                    fontsize=8,
                    path_effects=HALO,
                    zorder=3,
                ),
            )
        )
    if not bandwidth and not peaks:
        words = "no ceilings measured " + (f"on {threads} threads" if ceilings.runs else "in this file")
        axes.text(0.5, 0.9, words, ha="center", va="top", transform=axes.transAxes, fontsize=9, color="#444444")
    return slanted


def _close(ceilings):
    """Ceilings by their height, (cell, name); those too near for labels of their own share a group."""
    groups = []
    for name, cell in sorted(ceilings.items(), key=lambda item: (item[1].value, item[0])):
        if groups and cell.value < groups[-1][-1][0].value * 1.4:
            groups[-1].append((cell, name))
        else:
            groups.append([(cell, name)])
    return groups


def _group_words(group, unit):
    cells, names = zip(*group)
    return said_together([replace(cell, value=cell.value / 1e9, unit=unit) for cell in cells], ", ", names=names)


def _slope(axes):
    """Degrees on the page of a line of slope 1 in both logarithms."""
    box = axes.get_window_extent()
    decades = [math.log10(high / low) for low, high in (axes.get_xlim(), axes.get_ylim())]
    return math.degrees(math.atan2(box.height / decades[1], box.width / decades[0]))


def _points(axes, points):
    for point in points:
        _, colour, marker = KINDS[point.kind]
        axes.plot(
            [point.macs_per_byte],
            [point.macs_per_s],
            linestyle="none",
            marker=marker,
            markersize=5,
            color=colour,
            alpha=0.9,
            zorder=4,
            gid=f"point-{point.kernel}",
        )


def _names(axes, points):
    """Each kernel's name in a column at the right, as near to its own height as the others let it, and a line to it."""
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    height = axes.get_window_extent().height / axes.figure.dpi * 72  # points of a page
    step = min(NAME_POINTS, 0.94 * height / max(1, len(points))) * math.log10(top / bottom) / height
    wanted = [math.log10(point.macs_per_s) for point in points]
    places = spread(wanted, step, math.log10(bottom) + step, math.log10(top) - step / 2)
    edge = low * (high / low) ** (1 / (1 + LABELS) + 0.06)
    for point, place in zip(points, places):
        axes.annotate(
            shortened(point.kernel),
            (point.macs_per_byte, point.macs_per_s),
            xytext=(edge, 10**place),
            textcoords="data",
            fontsize=min(7.5, 0.86 * NAME_POINTS),
            va="center",
            ha="left",
            zorder=5,
            arrowprops={
                "arrowstyle": "-",
                "color": "#999999",
                "linewidth": 0.5,
                "shrinkA": 0,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def _handles(found):
    kinds = {point.kind for _, points in found.values() for point in points[:MOST]}
    return [
        Line2D([], [], linestyle="none", label=words, color=colour, marker=marker, markersize=5)
        for kind, (words, colour, marker) in enumerate(KINDS)
        if kind in kinds
    ]
