"""Draws the times at batch 1 on CUDA devices beside the published EIE. Same input, same picture, byte for byte."""

import matplotlib
from matplotlib.lines import Line2D

from plots.core.drawing import Figure
from plots.tables.figures import (
    HALO,
    LOWER,
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
    value_text,
)

SERIES = (
    ("cuBLAS sgemv, us", PUBLISHED_COLOURS["GPU dense"], "cuBLAS sgemv (measured)"),
    ("cuSPARSE CSR, us", PUBLISHED_COLOURS["GPU compressed"], "cuSPARSE CSR (measured)"),
    ("us", "#D55E00", "fastest exact kernel (measured)"),
    ("EIE published, us", PUBLISHED_COLOURS["EIE"], "EIE, Table IV (cited, simulated by its authors)"),
)
OURS, BOUND = "us", "bound, us"
LABELLED = {OURS: -0.04, "EIE published, us": 0.04}  # neighbours: their numbers move apart
HEIGHT = LOWER + 0.9


def times_figure(tables):
    """A panel for each device, all on one axis."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT * len(tables)), layout="constrained")
        figure.get_layout_engine().set(hspace=0.06)
        values = [cell.value for table in tables for cell in table.cells.values() if cell.is_number]
        lowest, highest = min(values) / 2, max(values) * 2
        for axes, table in zip(figure.subplots(len(tables), 1, squeeze=False)[:, 0], tables):
            _panel(axes, table, lowest, highest)
        return figure


def _panel(axes, table, lowest, highest):
    handles = bars(
        axes,
        table,
        [(column, colour) for column, colour, _ in SERIES],
        bottom=lowest,
        labels={column: label for column, _, label in SERIES},
    )
    for place, row in enumerate(ROWS):
        for index, (column, *_) in enumerate(SERIES):
            cell = table.get(row, column)
            if column in LABELLED and cell.is_number:
                put_label(
                    axes,
                    bar_x(place, row, index, len(SERIES)) + LABELLED[column],
                    cell.value,
                    value_text(cell.value),
                    base=lowest,
                )
        bound, middle = table.get(row, BOUND), bar_x(place, row, [name for name, *_ in SERIES].index(OURS), len(SERIES))
        if bound.is_number:
            axes.plot(
                [middle - 0.11, middle + 0.11],
                [bound.value] * 2,
                color="#222222",
                linewidth=1.6,
                zorder=5,
                path_effects=HALO,
                solid_capstyle="butt",
            )
    frame(axes, lowest, highest, " us", base=lowest)
    put_title(
        axes,
        f"{table.title[:60]}: one product, batch 1, device time",
        "us, logarithmic: shorter is faster; a mean stands only where all nine layers have a number",
    )
    handles.append(Line2D([], [], color="#222222", linewidth=1.6, label="roofline bound of that kernel (derived)"))
    put_legend(axes, handles, columns=3)
