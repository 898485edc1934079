"""Draws Fig. 6 from the two tables of fig6.py. Same input, same picture, byte for byte."""

import io

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from matplotlib.patheffects import withStroke  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

from fig6 import agrees  # noqa: E402
from modelrows import MEAN_ROW  # noqa: E402
from published import EIE, LAYERS, MEAN  # noqa: E402

# Okabe and Ito's palette for colour-blind readers: one hue a platform, pale dense, full compressed.
PUBLISHED_COLOURS = {
    "CPU compressed": "#E69F00",
    "GPU dense": "#A6D4F2", "GPU compressed": "#0072B2",
    "mGPU dense": "#A9DCCB", "mGPU compressed": "#009E73",
    "EIE": "#111111",
}
MODEL_COLOURS = ("#D55E00", "#CC79A7")
HOST_COLOURS = ("#E69F00", "#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#D55E00")
HALO = [withStroke(linewidth=3, foreground="white")]  # keeps numbers legible over bars
HOST_BARS = 6  # kernels in the lower panel; the table has them all
STYLE = {"font.size": 12, "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.8,
         "svg.hashsalt": "eiebench", "svg.fonttype": "path"}


def draw(published_table, host_table, published):
    """{"png": bytes, "svg": bytes}; host_table may be None."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(13, 10.2), layout="constrained")
        upper, lower = figure.subplots(2, 1)
        _published_panel(upper, published_table, published)
        if host_table is None:
            _empty_panel(lower)
        else:
            _host_panel(lower, host_table)
        return {"png": _bytes(figure, "png", dpi=110, metadata={"Software": None}),
                "svg": _bytes(figure, "svg", metadata={"Date": None, "Creator": None})}


def _bytes(figure, kind, **options):
    out = io.BytesIO()
    figure.savefig(out, format=kind, **options)
    return out.getvalue()


def _published_panel(axes, table, published):
    series = [(name, name + (" (Table IV)" if name == "EIE" else ""), colour, None)
              for name, colour in PUBLISHED_COLOURS.items()]
    models = [column for column in table.columns if ", " in column and table.get(MEAN_ROW, column).is_number]
    series += [(column, column.replace(", ", "\nsuite "), colour, "///")
               for column, colour in zip(models, MODEL_COLOURS)]
    places, legend = _bars(axes, table, series, labelled=("EIE",))
    _printed_marks(axes, places["EIE"], legend, table, published)
    _title(axes, "EIE and published platforms: speed-up over CPU dense, batch 1 (Core i7-5930K, Table IV)",
           "solid: derived from cited wall times of Table IV; hatched: modelled, expected model time")
    axes.set_ylabel("speed-up (log)")


def _host_panel(axes, table):
    def mean(column):
        return table.get(MEAN_ROW, column).value

    best = {}
    for column in table.columns:
        kernel = column.partition("@")[0]
        if column != "EIE" and mean(column) > mean(best.get(kernel, column)) - 1e-12:
            best[kernel] = column
    shown = sorted(best.values(), key=mean, reverse=True)[:HOST_BARS]
    series = [(column, column, colour, None) for column, colour in zip(shown, HOST_COLOURS)]
    series += [("EIE", "EIE (Table IV, published)", PUBLISHED_COLOURS["EIE"], None)]
    top = series[0][0]
    _bars(axes, table, series, labelled=(top, "EIE") if top != "EIE" else ("EIE",))
    left_out = len(best) - len(shown)
    more = f"; {left_out} slower kernels left out" if left_out else ""
    _title(axes, f"Another baseline, this host: speed-up over its own dense {table.baseline.name}, batch 1",
           f"measured wall time, cache {table.cache}, best thread count of each kernel{more}; EIE's time is cited")
    axes.set_ylabel("speed-up (log)")


def _title(axes, title, subtitle):
    axes.set_title(title + "\n", loc="left", fontweight="bold")
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=11)


def _empty_panel(axes):
    axes.set_axis_off()
    axes.text(0.5, 0.5, "This host: no complete dense baseline at batch 1 in the results file.",
              ha="center", va="center", transform=axes.transAxes)


def _bars(axes, table, series, labelled):
    """Grouped bars from 1x, means set apart; returns {series: {row: (x, value)}} and the legend."""
    rows = LAYERS + (MEAN_ROW,)
    width = 0.84 / len(series)
    places, values, legend = {}, [], []
    for index, (column, label, colour, hatch) in enumerate(series):
        places[column] = {}
        for place, row in enumerate(rows):
            cell = table.get(row, column)
            if cell is None or not cell.is_number:
                continue
            x = place + (0.25 if row == MEAN_ROW else 0) + (index - (len(series) - 1) / 2) * width
            places[column][row] = (x, cell.value)
            values.append(cell.value)
            axes.bar(x, cell.value - 1, width * 0.92, bottom=1, color="white" if hatch else colour,
                     edgecolor=colour, hatch=hatch, linewidth=0.8)
            if column in labelled:
                _value(axes, x, cell.value)
        legend.append(Patch(facecolor="white" if hatch else colour, edgecolor=colour, hatch=hatch, label=label))
    axes.set_yscale("log")
    axes.set_ylim(min(values + [1]) / 1.8, max(values) * 3)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.axhline(1, color="#444444", linewidth=0.9)
    axes.axvline(len(LAYERS) - 0.375, color="#BBBBBB", linewidth=0.9)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.8)
    axes.set_xlim(-0.55, len(rows) - 0.2)
    axes.set_xticks([place + (0.25 if row == MEAN_ROW else 0) for place, row in enumerate(rows)],
                    [row.replace(" ", "\n") for row in rows])
    axes.tick_params(axis="x", length=0)
    _legend(axes, legend)
    return places, legend


def _legend(axes, handles):
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=11,
                handlelength=1.2, labelspacing=0.7)


def _value(axes, x, value):
    text = f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    above = value >= 1
    axes.annotate(text, (x, value), xytext=(0, 3 if above else -3), textcoords="offset points",
                  ha="center", va="bottom" if above else "top", fontsize=9.5,
                  path_effects=HALO, zorder=6)


def _printed_marks(axes, places, legend, table, published):
    """A diamond at the label that the paper prints, where Table IV gives another number."""
    marked = False
    for row, (x, _) in places.items():
        printed = published.speedup_label(EIE, "actual", MEAN if row == MEAN_ROW else row)
        if agrees(printed, table.get(row, "EIE")):
            continue
        axes.plot([x], [printed.value], marker="D", markersize=5.5, color="white", markeredgecolor="#D00000",
                  markeredgewidth=1.4, linestyle="none", zorder=5)
        axes.annotate(f"printed {printed.text}", (x, table.get(row, "EIE").value), xytext=(0, 16),
                      textcoords="offset points", ha="center", va="bottom", fontsize=9.5, color="#D00000",
                      path_effects=HALO, zorder=6)
        marked = True
    if marked:
        _legend(axes, legend + [Line2D([], [], marker="D", color="white", markeredgecolor="#D00000",
                                       linestyle="none", label="label printed in Fig. 6")])
