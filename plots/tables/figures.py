"""Draws Fig. 6 and 7 from the tables of fig6.py and fig7.py. Same input, same picture, byte for byte."""

import io

import matplotlib
from PIL import Image

matplotlib.use("Agg")
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullLocator

from plots.core.cells import WIDE
from plots.core.drawing import Figure
from plots.core.html import hover
from plots.core.published import EIE, LAYERS, MEAN, POWER_LAYERS
from plots.tables.fig6 import agrees
from plots.tables.modelrows import MEAN_ROW, MODEL_SUITES

# Okabe and Ito's palette for colour-blind readers: one hue a platform, pale dense, full compressed.
PUBLISHED_COLOURS = {
    "CPU compressed": "#E69F00",
    "GPU dense": "#A6D4F2",
    "GPU compressed": "#0072B2",
    "mGPU dense": "#A9DCCB",
    "mGPU compressed": "#009E73",
    "EIE": "#222222",
}
MODEL_MARKS = (("o", "#D55E00", -1), ("D", "#F0E442", 1))  # suite paper, suite paper-matched; the side they stand
ENERGY_MARKS = (("o", "#D55E00", -1), ("s", "#D55E00", -1), ("D", "#F0E442", 1), ("^", "#F0E442", 1))  # and the kind
HOST_COLOURS = ("#CC79A7", "#56B4E9", "#E69F00", "#009E73", "#0072B2", "#D55E00", "#F0E442", "#999999")
HOST_BARS = 4  # kernels in a lower panel, two panels at most; their tables have them all
LONGEST_DEVICE = 24
LONGEST_NAME = 36
MEAN_GAP = 0.35
HALO = [withStroke(linewidth=2.5, foreground="white")]  # keeps numbers legible over bars and lines
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "eiebench",
    "svg.fonttype": "path",
}
WIDTH, UPPER, LOWER = 9.0, 5.0, 3.3  # inches; 9 inches at 160 dpi stay readable at 900 pixels
ROWS = LAYERS + (MEAN_ROW,)


def speed_figure(published_table, host_tables, published):
    """Fig. 6; without host tables one panel says so."""
    heights = [UPPER] + ([LOWER] * len(host_tables) or [1.0])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        figure.get_layout_engine().set(hspace=0.06)
        upper, *lower = figure.subplots(len(heights), 1, height_ratios=heights)
        _speed_panel(upper, published_table, published)
        for axes, table in zip(lower, host_tables):
            _host_panel(axes, table, host_tables)
        if not host_tables:
            _empty_panel(lower[0])
        return figure


def energy_figure(table):
    """Fig. 7."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, UPPER + 0.3), layout="constrained")
        _energy_panel(figure.subplots(), table)
        return figure


def picture(figure):
    """{"png": bytes, "svg": bytes}"""
    with matplotlib.rc_context(STYLE):
        return {
            "png": _few_colours(_bytes(figure, "png", dpi=160, pil_kwargs={"compress_level": 0})),
            "svg": _bytes(figure, "svg", metadata={"Date": None, "Creator": None}),
        }


def _bytes(figure, kind, **options):
    out = io.BytesIO()
    figure.savefig(out, format=kind, **options)
    return out.getvalue()


def _few_colours(png):
    """A palette instead of true colour: half the size, no visible difference."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _speed_panel(axes, table, published):
    def text(row):
        printed = published.speedup_label(EIE, "actual", MEAN if row == MEAN_ROW else row)
        value = value_text(table.get(row, "EIE").value)
        return value if agrees(printed, table.get(row, "EIE")) else f"(printed {printed.text})\n{value}"

    models = [column for column in table.columns if ", " in column and table.get(MEAN_ROW, column).is_number]
    marks = [
        (column, f"{_model(column)}, suite {column.partition(', ')[2]}", *mark) for mark, column in zip(MODEL_MARKS, models)
    ]
    _published_bars(axes, table, "", marks, text)
    put_title(
        axes,
        "EIE and the published platforms: speed-up over dense CPU (Core i7-5930K), batch 1",
        "bars: derived from the cited times of Table IV (EIE: its authors' simulation); marks: modelled, expected time",
    )


def _energy_panel(axes, table):
    models = [
        column
        for column in table.columns
        if column.split(", ")[1] in MODEL_SUITES and any(table.get(row, column).is_number for row in ROWS)
    ]
    marks = [
        (column, f"{_model(column)}, {column.partition(', ')[2].replace('paper-', '')}", *mark)
        for mark, column in zip(ENERGY_MARKS, models)
    ]
    axes.axvspan(len(POWER_LAYERS) - 0.5, len(LAYERS) - 0.32, color="#F4F4F4", zorder=0)
    _published_bars(axes, table, ", printed", marks, lambda row: f"{table.get(row, 'EIE, printed').value:,.0f}")
    axes.text(
        (len(POWER_LAYERS) + len(LAYERS) - 0.82) / 2,
        0.98,
        "powers not printed: cited only",
        ha="center",
        va="top",
        fontsize=8.5,
        color="#444444",
        transform=axes.get_xaxis_transform(),
    )
    put_title(
        axes,
        "EIE and the published platforms: energy efficiency over dense CPU (Core i7-5930K), batch 1",
        "bars: cited labels of Fig. 7 (EIE: the chip without DRAM); marks: CPU's printed power x time / modelled energy",
    )


def _published_bars(axes, table, suffix, marks, text):
    """A bar for each platform, EIE's with marks of the model and a number over it."""
    eie = "EIE" + suffix
    handles = bars(
        axes,
        table,
        [(name + suffix, colour) for name, colour in PUBLISHED_COLOURS.items()],
        wide=eie,
        labels={name + suffix: name for name in PUBLISHED_COLOURS},
    )
    for column, label, *mark in marks:
        handles.append(_model_marks(axes, table, column, label, *mark))
    columns = [column for column, *_ in marks]
    for place, row in enumerate(ROWS):
        highest = max(table.get(row, column).value for column in [eie] + columns if table.get(row, column).is_number)
        put_label(axes, _x(place, row) + 0.28, highest, text(row), lift=6)
    values = _values(table, [name + suffix for name in PUBLISHED_COLOURS] + columns)
    frame(axes, min(values + [1]) / 1.7, max(values) * 3.2)
    axes.text(3.5, 0.9, "CPU dense = 1x", ha="center", va="top", fontsize=9)  # no bar goes down there
    put_legend(axes, handles, columns=4)


def _model(column):
    kernel = column.partition(", ")[0]
    return "model" if kernel == "model_eie_analytic" else kernel


def _model_marks(axes, table, column, label, marker, colour, side):
    style = dict(
        marker=marker,
        color=colour,
        markeredgecolor="#222222",
        markeredgewidth=0.8,
        linestyle="none",
        markersize={"o": 5.5, "D": 4.8}.get(marker, 5.2),
    )
    for place, row in enumerate(ROWS):
        cell = table.get(row, column)
        if cell.is_number:
            axes.plot([_x(place, row) + 0.3 + side * 0.065], [cell.value], zorder=5, **style)
    return Line2D([], [], label=label, **style)


def _host_panel(axes, table, host_tables):
    shown = _shown_kernels(table)
    kernels = list(dict.fromkeys(_kernel(column) for each in host_tables for column in _shown_kernels(each)))
    colour_of = dict(zip(kernels, HOST_COLOURS))
    series = [(column, colour_of[_kernel(column)]) for column in shown] + [("EIE", PUBLISHED_COLOURS["EIE"])]
    handles = bars(
        axes,
        table,
        series,
        labels={column: f"{shortened(_kernel(column))} (measured)" for column in shown}
        | {"EIE": "EIE (derived: best dense measured / Table IV)"},
    )
    for place, row in enumerate(ROWS):
        there = [column for column in shown if table.get(row, column).is_number]
        fastest = max(there, default="EIE", key=lambda column: table.get(row, column).value)
        for index, (column, _) in enumerate(series):
            if column in (fastest, "EIE") and table.get(row, column).is_number:
                cell, x = table.get(row, column), bar_x(place, row, index, len(series))
                high = cell.value if cell.high is None else max(cell.value, cell.high)
                put_label(axes, x, high if cell.value >= 1 else cell.value, value_text(cell.value) + wide_mark(cell))
    _error_bars(axes, table, [column for column, _ in series])
    values = [value for each in host_tables for value in _values(each, _shown_kernels(each) + ["EIE"])]
    frame(axes, min(values + [1]) / 2.6, max(values) * 3)
    left_out = len(table.columns) - 1 - len(shown)
    more = f"; {left_out} further kernels left out" if left_out else ""
    put_title(
        axes,
        f"{table.title.partition(':')[0]}: speed-up over its own fastest dense float32 row, equal threads, batch 1",
        f"{table.title.rpartition(', ')[2].rstrip(')')}, wall time{more}; best dense on this host = 1x, another "
        "baseline than above",
    )
    put_legend(axes, handles, columns=3 if max((len(_kernel(column)) for column in shown), default=0) < 30 else 2)


def _error_bars(axes, table, columns):
    """The 95 % intervals, where there are any."""
    for index, column in enumerate(columns):
        there = [(place, row, table.get(row, column)) for place, row in enumerate(ROWS)]
        there = [
            (bar_x(place, row, index, len(columns)), cell)
            for place, row, cell in there
            if cell.is_number and cell.low is not None
        ]
        if there:
            values = [cell.value for _, cell in there]
            axes.errorbar(
                [x for x, _ in there],
                values,
                [[cell.value - cell.low for _, cell in there], [cell.high - cell.value for _, cell in there]],
                fmt="none",
                ecolor="#444444",
                elinewidth=0.8,
                capsize=1.5,
                zorder=5,
            )


def wide_mark(cell):
    """ "!" where the interval is wide, as in the tables."""
    return "!" if cell.half_width is not None and cell.half_width > WIDE else ""


def _shown_kernels(table):
    """The fastest columns; a device with two clocks has two."""
    columns = [column for column in table.columns if column != "EIE" and table.get(MEAN_ROW, column).is_number]
    return sorted(columns, key=lambda column: table.get(MEAN_ROW, column).value, reverse=True)[:HOST_BARS]


def _kernel(column):
    """The name in the legend: without the thread count, a device's name cut short."""
    name, on, device = column.partition(" on ")
    if not on:
        return name.partition("@")[0]
    device, _, clock = device.rpartition(" (")
    return f"{name} on {device.rpartition(':')[2][:LONGEST_DEVICE]} ({clock}"


def _empty_panel(axes):
    axes.set_axis_off()
    axes.text(
        0.5,
        0.5,
        "This host: no complete dense baseline at batch 1 in the results file.",
        ha="center",
        va="center",
        transform=axes.transAxes,
    )


def _x(place, row):
    return place + (MEAN_GAP if row == MEAN_ROW else 0)


def bar_x(place, row, index, count):
    width = 0.8 / count
    return _x(place, row) + (index - (count - 1) / 2) * width


def bars(axes, table, series, labels=None, wide=None, bottom=1):
    """Grouped bars from `bottom`; returns the handles of the legend. `wide` has a double bar at the right."""
    handles = []
    for index, (column, colour) in enumerate(series):
        for place, row in enumerate(ROWS):
            cell = table.get(row, column)
            if not cell.is_number:
                continue
            if wide:
                x, width = (_x(place, row) + 0.3, 0.24) if column == wide else (_x(place, row) - 0.36 + index * 0.115, 0.105)
            else:
                x, width = bar_x(place, row, index, len(series)), 0.74 / len(series)
            (bar,) = axes.bar(x, cell.value - bottom, width, bottom=bottom, color=colour)
            axes.figure.sources.append((bar, f"{row}, {(labels or {}).get(column, column)}: {cell.shown()}: {hover(cell)}"))
        handles.append(Patch(facecolor=colour, label=(labels or {}).get(column, column)))
    return handles


def _values(table, columns):
    return [table.get(row, column).value for row in ROWS for column in columns if table.get(row, column).is_number]


def frame(axes, lowest, highest, unit="x", base=1):
    """A logarithmic axis for the nine layers and their mean; bars stand on `base`."""
    axes.set_yscale("log")
    axes.set_ylim(lowest, highest)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: (f"{value:,.10g}" if value >= 10000 else f"{value:g}") + unit)
    )
    axes.yaxis.set_minor_locator(NullLocator())
    axes.axhline(base, color="#222222", linewidth=0.9)
    axes.axvline(len(LAYERS) - 0.32, color="#BBBBBB", linewidth=0.9)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.8)
    axes.set_xlim(-0.5, len(ROWS) - 0.5 + MEAN_GAP)
    axes.set_xticks(
        [_x(place, row) for place, row in enumerate(ROWS)], ["geo. mean" if row == MEAN_ROW else row for row in ROWS]
    )
    axes.tick_params(axis="x", length=0)


def put_title(axes, title, subtitle):
    axes.set_title(f"{title}\n", loc="left", fontweight="bold", fontsize=11, x=-0.055)
    axes.text(-0.055, 1.025, subtitle, transform=axes.transAxes, fontsize=9, color="#444444")


def put_legend(axes, handles, columns):
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08),
        frameon=False,
        fontsize=9,
        ncols=columns,
        handlelength=1.2,
        columnspacing=1.6,
        labelspacing=0.35,
    )


def shortened(name):
    """A kernel's name as a picture shows it: a plug-in's may be of any length."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def value_text(value):
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def put_label(axes, x, value, text, lift=2, base=1):
    above = value >= base
    axes.annotate(
        text,
        (x, value),
        xytext=(0, lift if above else -lift),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        fontsize=8.5,
        linespacing=1.05,
        path_effects=HALO,
        zorder=6,
    )
