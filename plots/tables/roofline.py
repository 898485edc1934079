"""Draws the roofline of this host: each kernel's multiplications per second over those per byte, under the measured
ceilings. Same input, same picture, byte for byte."""

import math
from dataclasses import replace

import matplotlib
from matplotlib.lines import Line2D

from plots.core.cells import said_together
from plots.core.drawing import Figure
from plots.core.means import geometric
from plots.tables.ceilings import LEVELS, point
from plots.tables.figures import HALO, STYLE, WIDTH

CACHE_COLOURS = {"hot": "#D55E00", "llc": "#0072B2", "dram": "#009E73"}
SIZES, SIZE = {"hot": 4.5, "llc": 6.8, "dram": 9.2}, 5.5  # points, by cache mode and of others
OTHER_COLOUR = "#666666"
MARKERS = "os^DvPX*<>"  # one a kernel; further kernels are left out of the picture
ROOF, PEAK = "#222222", "#888888"
HEIGHT = 5.2


def roofline_figure(rows, ceilings):
    """One panel for one thread and one for the most; without rows one panel says so."""
    threads = sorted({row.threads for row in rows})
    threads = sorted({threads[0], threads[-1]}) if threads else []
    kernels = _fastest(rows)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT if rows else 1.2), layout="constrained")
        panels = figure.subplots(1, max(1, len(threads)), sharex=True, sharey=True, squeeze=False)[0]
        if not rows:
            panels[0].set_axis_off()
            panels[0].text(0.5, 0.5, "This host: no measured row of suite paper.", ha="center", va="center")
            return figure
        _limits(panels, rows, ceilings, threads)
        slanted = []
        for axes, count in zip(panels, threads):
            slanted += _roofs(axes, ceilings, count)
            _points(axes, [row for row in rows if row.threads == count], kernels)
            axes.text(
                0.03,
                0.98,
                f"{count} thread{'' if count == 1 else 's'}",
                va="top",
                fontweight="bold",
                transform=axes.transAxes,
            )
            axes.set_xlabel("multiply-adds per byte")
        panels[0].set_ylabel("multiply-adds per second")
        left_out = len({row.kernel for row in rows}) - len(kernels)
        _put_title(
            figure,
            panels[0],
            "This host: what each kernel does, under what the machine can do",
            "suite paper; useful and padding multiply-adds"
            + ("; lines: measured ceilings" if ceilings.runs else "")
            + (f"; {left_out} slower kernels left out" if left_out else ""),
        )
        figure.legend(
            handles=_handles(rows, kernels),
            loc="outside lower center",
            frameon=False,
            fontsize=9,
            ncols=3,
            handlelength=1.2,
            columnspacing=1.6,
            labelspacing=0.35,
        )
        figure.draw_without_rendering()
        for axes, text in slanted:
            text.set_rotation(_slope(axes))
        return figure


def _put_title(figure, axes, title, subtitle):
    """Above all panels: as a part of the first one it would push the others aside."""
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontweight="bold", fontsize=11)
    axes.annotate(
        subtitle,
        (0, 1),
        xytext=(-42, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
        color="#444444",
        annotation_clip=False,
    ).set_in_layout(False)


def _fastest(rows):
    """Kernels by the geometric mean of their times for one input, as many as there are markers."""
    times = {}
    for row in rows:
        times.setdefault(row.kernel, []).append(row.median_ns / row.batch)
    order = sorted(times, key=lambda kernel: geometric(times[kernel]))
    return sorted(order[: len(MARKERS)])


def _limits(panels, rows, ceilings, threads):
    xs = [point(row)["MACs per byte"].value for row in rows]
    ys = [point(row)["MAC/s"].value for row in rows]
    level = ceilings.peak | ceilings.adds
    peaks = [cell.value for (count, _), cell in level.items() if count in threads]
    panels[0].set_xscale("log")
    panels[0].set_yscale("log")
    panels[0].set_xlim(min(xs) / 12, max(xs) * 2.5)  # the left has the labels of the bandwidths
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
            axes.axhline(peak.value, color=PEAK, linewidth=1, linestyle="--", zorder=1)
        words = _group_words(group, "GMAC/s")
        axes.annotate(
            words,
            (high, group[-1][0].value),
            xytext=(-3, 2),
            ha="right",
            va="bottom",
            textcoords="offset points",
            fontsize=8,
            color="#555555",
            path_effects=HALO,
        )
    slanted = []
    for name in [level for level in LEVELS if level in bandwidth]:
        speed = bandwidth[name].value
        end = min(high, highest / speed)
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


def _points(axes, rows, kernels):
    """A row's cache modes often have one place: the later ones are smaller and lie on top."""
    for row in sorted(rows, key=lambda row: -SIZES.get(row.cache, SIZE)):
        if row.kernel in kernels:
            found = point(row)
            colour = CACHE_COLOURS.get(row.cache, OTHER_COLOUR)
            axes.plot(
                [found["MACs per byte"].value],
                [found["MAC/s"].value],
                linestyle="none",
                markersize=SIZES.get(row.cache, SIZE),
                marker=MARKERS[kernels.index(row.kernel)],
                markeredgecolor=colour,
                markeredgewidth=0.9,
                markerfacecolor=colour if row.batch == 1 else "white",
                alpha=0.85,
                zorder=4,
            )


def _handles(rows, kernels):
    def mark(label, **style):
        return Line2D([], [], linestyle="none", label=label, **{"markersize": SIZE} | style)

    handles = [mark(kernel, marker=MARKERS[index], color="#444444") for index, kernel in enumerate(kernels)]
    for cache in sorted({row.cache for row in rows}):
        handles.append(
            mark(
                f"cache {cache}", marker="s", color=CACHE_COLOURS.get(cache, OTHER_COLOUR), markersize=SIZES.get(cache, SIZE)
            )
        )
    batches = sorted({row.batch for row in rows if row.batch > 1})
    if batches:
        handles.append(
            mark(
                f"hollow: batch {', '.join(map(str, batches))}",
                marker="o",
                markerfacecolor="white",
                markeredgecolor="#444444",
            )
        )
    return handles
