"""Draws the roofline of this host: each kernel's useful multiply-adds per second over those per byte, under the measured
ceilings; one named point a kernel. Same input, same picture, byte for byte."""

import math
from dataclasses import dataclass, replace

import matplotlib
import numpy
from matplotlib.lines import Line2D

from plots.core.cells import Cell, said_together
from plots.core.drawing import Figure, spread, uncrossed
from plots.core.html import hover
from plots.core.means import geometric
from plots.core.references import DENSE, kind_of
from plots.tables.ceilings import LEVELS
from plots.tables.figures import HALO, STYLE, shortened

DENSE_COLOUR, FLOAT_COLOUR, EXACT_COLOUR = "#222222", "#0072B2", "#D55E00"
KINDS = (  # (words, colour, marker): float32 rows that multiply everything, those that skip, and exact compressed ones
    ("dense float32", DENSE_COLOUR, "s"),
    ("other float32", FLOAT_COLOUR, "D"),
    ("integers, exact or rounded", EXACT_COLOUR, "o"),
)
MOST = 24  # kernels in a panel; slower ones are left out
ROOF, PEAK = "#222222", "#888888"
WIDTH, HEIGHT, FURTHER = 6.6, 5.6, 4.6  # inches; panels are one above the other, for narrow screens
NAME_POINTS = 9.0  # from one name to the next
TOGETHER_POINTS = 6.0  # points of a page within which points count as one spot
COLUMN = 1.05  # where the names begin, as a share of a panel's width
CLEAR_POINTS = 9.0  # of a label from points and from lines that are not its own
ADDS_WORDS = "additions one by one"
CACHES = ("llc", "dram", "hot")  # the first that a panel has rows of is its own


@dataclass(frozen=True)
class Point:
    """One kernel: geometric means over its layers."""

    kernel: str
    kind: int  # place in KINDS
    macs_per_byte: float
    macs_per_s: float
    layers: int

    def source(self):
        rate = Cell(self.macs_per_s / 1e9, "G useful multiply-adds/s", "derived", self.kernel).said()
        density = Cell(self.macs_per_byte, "useful multiply-adds/B", "derived", self.kernel).said()
        return (
            f"{self.kernel}: {rate}, {density}: geometric means over {self.layers} layers of eie_macs_useful / eie_median_ns "
            "and of eie_macs_useful / eie_bytes of its rows"
        )


def roofline_figure(rows, ceilings, only=None):
    """One panel for one thread and one for the most, or for `only` these; without rows one panel says so."""
    threads = sorted({row.threads for row in rows})
    threads = sorted({threads[0], threads[-1]}) if threads else []
    threads = [count for count in threads if only in (None, count)]
    found = {count: kernel_points(rows, count) for count in threads}
    found = {count: points for count, points in found.items() if points[1]}
    with matplotlib.rc_context(STYLE):
        height = HEIGHT + FURTHER * (len(found) - 1) if found else 1.2
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(max(1, len(found)), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        if not found:
            panels[0].set_axis_off()
            panels[0].text(0.5, 0.5, "This host: no measured row of suite paper at batch 1.", ha="center", va="center")
            return figure
        _limits(panels, [point for _, points in found.values() for point in points], ceilings, found)
        left_out = 0
        for axes, (count, (cache, points)) in zip(panels, found.items()):
            left_out = max(left_out, len(points) - MOST)
            _points(axes, points[:MOST])
            axes.set_title(f"{count} thread{'' if count == 1 else 's'}, cache {cache}", fontsize=10, loc="left")
            axes.set_ylabel("useful multiply-adds per second")
        panels[-1].set_xlabel("useful multiply-adds per byte")
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
        for axes, (_, points) in zip(panels, found.values()):
            _names(axes, points[:MOST])
        figure.draw_without_rendering()  # the names have taken of the panels' width
        for axes, (count, (_, points)) in zip(panels, found.items()):
            _roofs(axes, ceilings, count, points[:MOST])
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
        len(rows),
    )


def _put_title(figure, title, subtitle):
    """Above all panels: as a part of the first one it would push the others aside."""
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontweight="bold", fontsize=11)
    figure.text(0.01, 1 - 0.31 / figure.get_figheight(), subtitle, fontsize=9, color="#444444", va="top").set_in_layout(
        False
    )


def _limits(panels, points, ceilings, threads):
    xs, ys = [point.macs_per_byte for point in points], [point.macs_per_s for point in points]
    level = ceilings.peak | ceilings.adds
    peaks = [cell.value for (count, _), cell in level.items() if count in threads]
    panels[0].set_xscale("log")
    panels[0].set_yscale("log")
    panels[0].set_xlim(min(xs) / 8, max(xs) * 2.5)  # the left has the labels of the ceilings
    panels[0].set_ylim(min(ys) / 2.5, max(ys + peaks) * 2.5)
    for axes in panels:
        axes.set_axisbelow(True)
        axes.grid(color="#EDEDED", linewidth=0.8)


def _roofs(axes, ceilings, threads, points):
    """Draws the ceilings, each with its label where neither points nor other lines are."""
    bandwidth = ceilings.of(ceilings.bandwidth, threads)
    peaks = ceilings.of(ceilings.peak, threads)
    adds = {ADDS_WORDS: cell for cell in ceilings.of(ceilings.adds, threads).values()}
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    highest = max((cell.value for cell in peaks.values()), default=top)
    levels, slants = _close(peaks | adds), _close(bandwidth)
    for group in levels:
        for peak, name in group:
            (line,) = axes.plot([low, high], [peak.value] * 2, color=PEAK, linewidth=1, linestyle="--", zorder=1)
            axes.figure.sources.append((line, f"{name}: {hover(peak)}"))
    for name in [level for level in LEVELS if level in bandwidth]:
        speed = bandwidth[name].value
        end = min(high, highest / speed)
        (line,) = axes.plot([low, end], [speed * low, speed * end], color=ROOF, linewidth=1.1, zorder=1)
        axes.figure.sources.append((line, f"{name.upper()}: {hover(bandwidth[name])}"))
    places = [(point.macs_per_byte, point.macs_per_s) for point in points]
    heights = [group[-1][0].value for group in levels]
    for group in slants:
        speed = group[-1][0].value
        words = _group_words([(cell, name.upper()) for cell, name in reversed(group)], "GB/s")
        start, end = max(low, bottom / speed), min(high, highest / speed)
        others = places + [(x, height) for height in heights for x in _between(low, high)]
        others += [(x, x * other[0][0].value) for other in slants if other is not group for x in _between(low, high)]
        below = group is slants[0]  # above it points are many: those of kernels that are as fast as memory lets them
        if below:
            speed = group[0][0].value
        _label(axes, words, [(x, x * speed) for x in _between(start, end)], others, _slope(axes), "#000000", below)
    for group, height in zip(levels, heights):
        others = places + [(x, x * cell.value) for slant in slants for cell, _ in slant for x in _between(low, high)]
        spots = [(x, height) for x in _between(low, high)]
        _label(axes, _group_words(group, "GMAC/s"), spots, others, 0, "#555555")
    if not bandwidth and not peaks:
        words = "no ceilings measured " + (f"on {threads} threads" if ceilings.runs else "in this file")
        axes.text(0.5, 0.9, words, ha="center", va="top", transform=axes.transAxes, fontsize=9, color="#444444")


def _between(low, high, count=60):
    """From one end to the other, evenly in logarithms."""
    return [low * (high / low) ** (place / count) for place in range(count + 1)]


def _label(axes, words, spots, others, degrees, color, below=False):
    """Words along a line of which these are spots, just above it or below, at the first spot where they keep clear of
    `others`."""
    scale = axes.figure.dpi / 72
    pixels = axes.transData.transform
    box, taken = axes.get_window_extent(), pixels(others) if others else numpy.empty((0, 2))
    along = numpy.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    beside = numpy.array([-along[1], along[0]]) * (-1 if below else 1)
    length = 4.7 * len(words) * scale  # of the words, roughly
    best, chosen = -1.0, spots[0]
    for spot in spots:
        start = pixels(spot) + along * 8 * scale
        end = start + along * length
        if end[0] > box.x1 or end[1] > box.y1:
            break
        if min(start[1], end[1]) + 10 * scale * min(beside[1], 0) < box.y0:
            continue
        line = numpy.array([start + (end - start) * share + beside * 5.5 * scale for share in numpy.linspace(0, 1, 12)])
        away = min((float(numpy.min(numpy.hypot(*(taken - place).T))) for place in line if len(taken)), default=1e9)
        if away > best:
            best, chosen = away, spot
        if away >= CLEAR_POINTS * scale:
            break
    shift = along * 8 + beside * 2
    axes.annotate(
        words,
        chosen,
        xytext=tuple(shift),
        textcoords="offset points",
        ha="left",
        va="top" if below else "bottom",
        rotation=degrees,
        rotation_mode="anchor",
        fontsize=8,
        color=color,
        path_effects=HALO,
        zorder=3,
    )


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
        (mark,) = axes.plot(
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
        axes.figure.sources.append((mark, point.source()))


def _names(axes, points):
    """Each kernel's name in a column right of the panel, as near to its own height as the others let it; a line to it from
    its point. Points that lie on one spot have one line, to a bracket about their names."""
    bottom, top = axes.get_ylim()
    spots = _spots(axes, points)
    height = axes.get_window_extent().height / axes.figure.dpi * 72  # points of a page
    step = min(NAME_POINTS, 0.94 * height / max(1, len(points))) * math.log10(top / bottom) / height
    ends = axes.transAxes.inverted().transform(axes.transData.transform([_middle(spot) for spot in spots]))

    def heights(order):
        wanted = []
        for index in order:
            spot = spots[index]
            middle = math.log10(_middle(spot)[1])
            wanted += [middle + (len(spot) - 1) / 2 * step - place * step for place in range(len(spot))]
        return spread(wanted, step, math.log10(bottom) + step, math.log10(top) - step / 2)

    def middles(order):
        found, first = [], 0
        places = heights(order)
        for index in order:
            part = places[first : first + len(spots[index])]
            found.append((COLUMN - 0.02, (sum(part) / len(part) - math.log10(bottom)) / math.log10(top / bottom)))
            first += len(part)
        return found

    order = uncrossed([tuple(end) for end in ends], middles)
    places, edges, across = iter(heights(order)), middles(order), axes.get_yaxis_transform()
    for index, (x, _) in zip(order, edges):
        own = [next(places) for _ in spots[index]]
        for point, place in zip(spots[index], own):
            axes.text(
                COLUMN,
                10**place,
                shortened(point.kernel),
                transform=across,
                fontsize=min(7.5, 0.86 * NAME_POINTS),
                va="center",
                ha="left",
                zorder=5,
            )
        style = {"color": "#999999", "linewidth": 0.5}
        if len(own) > 1:
            ends = 10 ** (own[0] + step / 3), 10 ** (own[-1] - step / 3)
            axes.vlines(x, *ends, transform=across, clip_on=False, colors=style["color"], linewidth=0.8)
        axes.annotate(
            "",
            _middle(spots[index]),
            xytext=(x, 10 ** (sum(own) / len(own))),
            textcoords=across,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "shrinkA": 0, "shrinkB": 3, **style},
        )


def _spots(axes, points):
    """Points by the spot that they lie on, the highest first."""
    reach, spots = TOGETHER_POINTS * axes.figure.dpi / 72, []
    for point in points:
        place = axes.transData.transform((point.macs_per_byte, point.macs_per_s))
        for spot in spots:
            last = axes.transData.transform((spot[-1].macs_per_byte, spot[-1].macs_per_s))
            if math.dist(place, last) < reach:
                spot.append(point)
                break
        else:
            spots.append([point])
    return spots


def _middle(spot):
    return geometric(point.macs_per_byte for point in spot), geometric(point.macs_per_s for point in spot)


def _handles(found):
    kinds = {point.kind for _, points in found.values() for point in points[:MOST]}
    return [
        Line2D([], [], linestyle="none", label=words, color=colour, marker=marker, markersize=5)
        for kind, (words, colour, marker) in enumerate(KINDS)
        if kind in kinds
    ]
