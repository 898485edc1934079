"""The picture of a map: a panel for each size and batch, coloured by what is fastest there."""

import io

import matplotlib
import numpy
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plots.core.drawing import Figure
from plots.map.points import CLOSE, COMPRESSED, DENSE, FORMS, INT8, SPARSE, percent

# Okabe and Ito's colours, which nearly all eyes tell apart.
COLOURS = {DENSE: "#0072B2", INT8: "#CC79A7", SPARSE: "#E69F00", COMPRESSED: "#009E73"}
LIGHT = {DENSE, COMPRESSED}  # dark enough for white letters
CLEAR = 1.5  # times ahead of the next form
SHADES = {CLEAR: 1.0, CLOSE: 0.62, 1.0: 0.3}  # how much of the colour
WIDE, HIGH = 160, 100  # cells of a panel's raster
STEP = 4  # of these cells one is looked at for a place for words
WORDS_WIDE = 1.6  # what a cell to the side counts less than one up or down
FITS = 12  # cells from a region's edge: where there are fewer, no words fit
STYLE = {"font.size": 9, "svg.hashsalt": "eiebench", "svg.fonttype": "none"}
INK = "#222222"


def shade(lead):
    return next(share for least, share in SHADES.items() if lead is None or lead >= least or least == 1.0)


class _Axis:
    """A density as it is drawn: its logarithm, a little beyond the ends."""

    def __init__(self, values):
        self.values = sorted(set(values))
        low, high = numpy.log10(self.values[0]), numpy.log10(self.values[-1])
        pad = 0.04 * (high - low) if high > low else 0.2
        self.low, self.high = low - pad, high + pad

    def cells(self, count):
        edges = numpy.linspace(self.low, self.high, count + 1)
        return (edges[1:] + edges[:-1]) / 2

    def unit(self, values):
        return (numpy.asarray(values) - self.low) / (self.high - self.low)

    def ticks(self, values):
        """Those of the grid, as long as their names do not touch."""
        kept = []
        for value in sorted(values):
            if not kept or numpy.log10(value / kept[-1]) > 0.13 * (self.high - self.low):
                kept.append(value)
        return kept


def _nearest(points, x, y):
    """For each cell of the raster the number of the measured point that is next to it."""
    across, up = numpy.meshgrid(x.unit(x.cells(WIDE)), y.unit(y.cells(HIGH)))
    distances = [
        (across - x.unit(numpy.log10(point.weights))) ** 2 + (up - y.unit(numpy.log10(point.activations))) ** 2
        for point in points
    ]
    return numpy.argmin(distances, axis=0)


def _paint(axes, points, nearest, x, y):
    colours = [1 - shade(point.lead) * (1 - numpy.array(to_rgb(COLOURS[point.winner]))) for point in points]
    axes.imshow(
        numpy.array(colours)[nearest],
        origin="lower",
        extent=(x.low, x.high, y.low, y.high),
        aspect="auto",
        interpolation="nearest",
    )


def _edges(axes, values, nearest, x, y, **how):
    """Lines where a value of the points changes."""
    field = numpy.array(values, dtype=float)[nearest]
    if field.min() < field.max():
        for level in sorted(set(values))[:-1]:
            axes.contour(x.cells(WIDE), y.cells(HIGH), field, levels=[level + 0.5], **how)


def _middle(inside):
    """(row, column) of the cell of a region that is farthest from its edge, and how far, in cells; a panel is wider than
    high, and so are words."""
    framed = numpy.pad(inside[::STEP, ::STEP], 1)
    own, others = numpy.argwhere(framed), numpy.argwhere(~framed)
    if not len(own):
        return None
    away = ((own[:, None, :] - others[None, :, :]) / (1, WORDS_WIDE)) ** 2
    distances = numpy.sqrt(away.sum(axis=2)).min(axis=1)
    best = distances.argmax()
    row, column = (own[best] - 1) * STEP
    return row, column, distances[best] * STEP


def _name(axes, form, points, nearest, x, y):
    """The form's name in its largest region, and how far it is ahead."""
    its = numpy.array([point.winner == form for point in points])
    place = _middle(its[nearest])
    if place is None or place[2] < FITS:
        return
    leads = sorted(point.lead for point in points if point.winner == form and point.lead is not None)
    words = form.replace(" ", "\n", 1)
    if leads:
        low, high = _times(leads[0]), _times(leads[-1])
        words += f"\n{low} ahead" if low == high else f"\n{low} to {high}\nahead"
    pale = shade(points[nearest[place[0], place[1]]].lead) < 1
    axes.text(
        x.cells(WIDE)[place[1]],
        y.cells(HIGH)[place[0]],
        words,
        ha="center",
        va="center",
        fontsize=7,
        color="white" if form in LIGHT and not pale else INK,
        clip_on=True,
    )


def _times(ratio):
    return f"{ratio:.2g}x" if ratio < 0.995 else f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def _eie_words(points):
    ratios = sorted(point.eie for point in points if point.eie is not None)
    if not ratios:
        return ""
    low, high = _times(ratios[0]), _times(ratios[-1])
    return f"EIE, modelled: {low}" + ("" if low == high else f" to {high}") + " as fast"


def _panel(axes, points):
    x, y = _Axis([point.weights for point in points]), _Axis([point.activations for point in points])
    nearest = _nearest(points, x, y)
    _paint(axes, points, nearest, x, y)
    _edges(axes, [FORMS.index(point.winner) for point in points], nearest, x, y, colors="white", linewidths=1.2)
    leads = [int(point.eie is not None and point.eie > 1) for point in points]
    _edges(axes, leads, nearest, x, y, colors=INK, linewidths=1.4, linestyles="--")
    axes.plot(
        numpy.log10([point.weights for point in points]),
        numpy.log10([point.activations for point in points]),
        ".",
        color=INK,
        markersize=2.5,
    )
    for form in FORMS:
        _name(axes, form, points, nearest, x, y)
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    for axis, scale in ((axes.xaxis, x), (axes.yaxis, y)):
        ticks = scale.ticks(scale.values)
        axis.set_ticks(numpy.log10(ticks), [percent(tick) for tick in ticks])
    axes.tick_params(labelsize=7)
    axes.set_title(_eie_words(points), fontsize=7.5, color=INK)


def _legend(figure, found):
    forms = [form for form in FORMS if any(point.winner == form for point in found.points)]
    handles = [Patch(facecolor=COLOURS[form], label=form) for form in forms]
    handles += [
        Patch(facecolor="#555555", label=f"full colour: {CLEAR:g}x and more ahead"),
        Patch(facecolor="#d0d0d0", label=f"pale: less than {CLOSE:g}x ahead"),
        Line2D([], [], color=INK, marker=".", linestyle="", label="measured point"),
    ]
    if any(0 < sum(point.eie is not None and point.eie > 1 for point in its) < len(its) for its in found.panels.values()):
        handles.append(Line2D([], [], color=INK, linestyle="--", label="EIE, modelled, draws level"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3 if len({point.panel[2] for point in found.points}) > 1 else 2,
        fontsize=7.5,
        frameon=False,
    )


def picture(found, title, kind):
    """As bytes of an SVG or PNG file."""
    panels = found.panels
    sizes = sorted({panel[:2] for panel in panels}, key=lambda size: (size[0] * size[1], size))
    batches = sorted({panel[2] for panel in panels})
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(max(5.6, 0.8 + 2.6 * len(batches)), 1.7 + 2.3 * len(sizes)), layout="constrained", facecolor="white"
        )
        grid = figure.subplots(len(sizes), len(batches), squeeze=False)
        for line, size in zip(grid, sizes):
            for axes, batch in zip(line, batches):
                panel = (*size, batch)
                if panel in panels:
                    _panel(axes, panels[panel])
                else:
                    axes.set_axis_off()
        for axes, batch in zip(grid[0], batches):
            axes.set_title(f"{batch} input{'s' * (batch > 1)} a call\n{axes.get_title()}", fontsize=8.5)
        for line, size in zip(grid, sizes):
            line[0].set_ylabel(f"{size[0]} inputs, {size[1]} outputs\n\ninputs that are not 0", fontsize=8)
        for axes in grid[-1]:
            axes.set_xlabel("weights that are not 0", fontsize=8)
        figure.suptitle(f"Which form of a layer is fastest where\n{title}", fontsize=9.5)
        _legend(figure, found)
        out = io.BytesIO()
        further = {"metadata": {"Date": None, "Creator": None}} if kind == "svg" else {"dpi": 160}
        figure.savefig(out, format=kind, **further)
    return out.getvalue()
