"""The pictures of the reproduction book, as PNG."""

import io
import math

import matplotlib

matplotlib.use("Agg")
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from plots.book.numbers import DEPTHS, FC8, MATCHED, PES, ROWS, WIDTHS
from plots.core.drawing import Figure, spread
from plots.core.published import EIE, LAYERS, PLATFORMS, POWER_LAYERS

PAPER, OURS, OTHER = "#222222", "#D55E00", "#0072B2"
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # ticks of logarithmic axes: no powers, no ".0"


WIDTH = 6.4  # inches; at a phone's width letters of 8 points stay readable


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def _grid(title, across, up):
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    figure.suptitle(title)
    figure.supylabel(up, fontsize=9)
    panels = figure.subplots(3, 3, sharex=True, sharey=True)
    panels[-1][1].set_xlabel(across, fontsize=9)  # not of the figure: the legend would lie over it
    return figure, panels.ravel()


def _legend(figure, panels, columns=3):
    """Below all panels, where no curve runs: each name once."""
    found = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            found.setdefault(label, handle)
    figure.legend(
        found.values(), found.keys(), loc="outside lower center", frameon=False, fontsize=8, ncols=columns, handlelength=2.4
    )


def _log2(axes, values):
    axes.set_xscale("log", base=2)
    axes.set_xticks(values)
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=7)


def _bars(title, layers, series, label):
    figure = Figure(figsize=(WIDTH, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(series)
    for index, (name, colour, values) in enumerate(series):
        axes.bar(
            [place + (index - (len(series) - 1) / 2) * width for place in range(len(layers))],
            values,
            width,
            label=name,
            color=colour,
        )
    axes.set_yscale("log")
    axes.set_xticks(range(len(layers)), layers, fontsize=8)
    axes.set_xlabel("layer")
    axes.set_ylabel(label)
    axes.set_title(title)
    _legend(figure, [axes], 2)
    return _png(figure)


def fig6(book):
    cpu = {layer: book.published.time(PLATFORMS["CPU"], "dense", layer).value for layer in LAYERS}
    return _bars(
        "Fig. 6: EIE over CPU dense, batch 1",
        LAYERS,
        (
            (
                "printed labels (cited)",
                PAPER,
                [book.published.speedup_label(EIE, "actual", layer).value for layer in LAYERS],
            ),
            (f"{MATCHED} (simulated)", OTHER, [cpu[layer] / book.time(MATCHED, layer).value for layer in LAYERS]),
            (f"{ROWS} (simulated, rows calibrated)", OURS, [cpu[layer] / book.time(ROWS, layer).value for layer in LAYERS]),
        ),
        "times faster",
    )


def fig7(book):
    cpu = {layer: book.published.energy(PLATFORMS["CPU"], "dense", layer).value for layer in POWER_LAYERS}
    points = {layer: book.queue.one(ROWS, layer) for layer in POWER_LAYERS}
    return _bars(
        "Fig. 7: EIE over CPU dense, energy, batch 1",
        POWER_LAYERS,
        (
            (
                "printed labels (cited)",
                PAPER,
                [book.published.energy_label(EIE, "actual", layer).value for layer in POWER_LAYERS],
            ),
            ("0.600 W x simulated time", OURS, [cpu[layer] / (0.6 * points[layer]["time_us"]) for layer in POWER_LAYERS]),
            ("actions x Table II", OTHER, [cpu[layer] / (1e6 * points[layer]["energy_left_j"]) for layer in POWER_LAYERS]),
            (
                "actions x Table I",
                "#009E73",
                [cpu[layer] / (1e6 * points[layer]["energy_table1_j"]) for layer in POWER_LAYERS],
            ),
        ),
        "times less energy",
    )


def _curves(axes, values, paper, matched, rows):
    axes.plot(values, paper, "o-", color=PAPER, markersize=3.5, label="paper (digitised)")
    axes.plot(values, matched, "--", color=OTHER, label=f"{MATCHED} (simulated)")
    axes.plot(values, rows, "-", color=OURS, label=f"{ROWS} (simulated, rows calibrated)")


def fig8(book):
    figure, panels = _grid("Fig. 8: load balance against queue depth, 64 PEs", "queue depth, entries", "load balance, %")
    for axes, layer in zip(panels, LAYERS):
        series = [
            [100 * book.queue.one(suite, layer, queue_depth=depth)["load_balance"] for depth in DEPTHS]
            for suite in (MATCHED, ROWS)
        ]
        _curves(axes, DEPTHS, [book.published.load_balance(layer, depth).value for depth in DEPTHS], *series)
        _log2(axes, DEPTHS[::2])
        axes.set_title(layer)
    if book.has_real:
        panels[2].plot(
            DEPTHS,
            [100 * book.queue.one("real", FC8, queue_depth=depth)["load_balance"] for depth in DEPTHS],
            ":",
            color="#009E73",
            linewidth=2,
            label="real fc8 (simulated)",
        )
    _legend(figure, panels, 2)
    return _png(figure)


def fig9(book):
    figure = Figure(figsize=(WIDTH, 7), layout="constrained")
    axes, other = figure.subplots(2, 1)
    axes.plot(WIDTHS, [book.published.spmat_reads(w).value for w in WIDTHS], "o-", color=PAPER, label="paper, left panel")
    axes.plot(
        WIDTHS, [book.reads("Alex-6", w).value for w in WIDTHS], "-", color=OURS, label=f"Alex-6 of {ROWS} (simulated)"
    )
    axes.set_yscale("log")
    axes.set_title("Fig. 9: Spmat reads")
    axes.set_ylabel("reads of one product")
    other.plot(
        WIDTHS,
        [sum(book.published.layer_read_energy(layer, w).value for layer in LAYERS) / 1e3 for w in WIDTHS],
        "o-",
        color=PAPER,
        label="paper, right panel",
    )
    for name, colour, pj in (
        ("right panel's pJ", OURS, {w: book.implied_energy(w).value for w in WIDTHS}),
        ("left panel's pJ", OTHER, {w: book.published.read_energy(w).value for w in WIDTHS}),
    ):
        other.plot(
            WIDTHS,
            [sum(1e-6 * book.reads(layer, w).value * pj[w] for layer in LAYERS) for w in WIDTHS],
            "-",
            color=colour,
            label=f"simulated reads x {name}",
        )
    other.set_title("read energy, sum of nine layers")
    other.set_ylabel("energy, uJ")
    for panel in (axes, other):
        _log2(panel, WIDTHS)
        panel.set_xlabel("width of the SRAM, bits")
    _legend(figure, (axes, other), 2)
    return _png(figure)


def fig10(book):
    kinds = ("float32", "fixed16-wide", "fixed16", "fixed8-wide", "fixed8")
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    for place, kind in enumerate(kinds):
        values = [book.queue.precision[MATCHED, layer, kind]["relative_rms_error"] for layer in LAYERS]
        axes.plot(
            range(len(LAYERS)),
            values,
            "o-",
            markersize=3.5,
            label=kind,
            color=("#222222", "#56B4E9", "#0072B2", "#E69F00", "#D55E00")[place],
        )
    axes.set_yscale("log")
    axes.set_xticks(range(len(LAYERS)), LAYERS, fontsize=8)
    axes.set_title("Fig. 10 as numerical error (simulated)")
    axes.set_xlabel("layer")
    axes.set_ylabel("relative rms error of the outputs")
    _legend(figure, [axes], 5)
    return _png(figure)


def figs11_13(book):
    figure = Figure(figsize=(WIDTH, 7.8), layout="constrained")
    panels = figure.subplots(3, 3, sharex=True)
    chosen = ("Alex-7", "VGG-6", "NT-We")
    for column, layer in enumerate(chosen):
        for row, (words, paper, ours) in enumerate(
            (
                (
                    "speed-up over one PE",
                    lambda pes: book.published.speedup_over_one_pe(layer, pes).value,
                    lambda suite, pes: book.speedup(suite, layer, pes).value,
                ),
                (
                    "real work, %",
                    lambda pes: book.published.real_work(layer, pes).value,
                    lambda suite, pes: 100 * book.scale.one(suite, layer, pes=pes)["real_work"],
                ),
                (
                    "load balance, %",
                    lambda pes: book.published.balance_at(layer, pes).value,
                    lambda suite, pes: 100 * book.scale.one(suite, layer, pes=pes)["load_balance"],
                ),
            )
        ):
            axes = panels[row][column]
            _curves(
                axes, PES, [paper(pes) for pes in PES], [ours(MATCHED, pes) for pes in PES], [ours(ROWS, pes) for pes in PES]
            )
            _log2(axes, PES[::2])
            if row == 0:
                axes.set_yscale("log", base=2)
                axes.yaxis.set_major_formatter(PLAIN)
                axes.set_title(layer)
                _lower_bounds(axes, book, layer)
            if row == 2:
                axes.set_xlabel("PEs")
            if column == 0:
                axes.set_ylabel(f"Fig. {11 + row}: {words}")
    _legend(figure, panels.ravel(), 2)
    return _png(figure)


def _lower_bounds(axes, book, layer):
    """Bars of Fig. 11 that end at the axis: what they stand for is at least so much."""
    clipped = [pes for pes in PES if book.published.is_least_speedup(layer, pes)]
    heights = [book.published.speedup_over_one_pe(layer, pes).value for pes in clipped]
    if clipped:
        axes.set_ylim(top=max(axes.get_ylim()[1], 2 * max(heights)))
        axes.plot(
            clipped,
            heights,
            "^",
            color=PAPER,
            markerfacecolor="white",
            markersize=7,
            zorder=4,
            label="paper: the bar ends at the axis, at least",
        )
        for pes, height in zip(clipped, heights):
            axes.annotate(
                "", (pes, height * 1.7), (pes, height * 1.15), arrowprops={"arrowstyle": "->", "color": PAPER, "lw": 0.9}
            )


EIE_DESIGN = {"pes": 64, "queue_depth": 8, "line_bits": 64, "index_bits": 4}
TICKS = [step * 10**power for power in range(-3, 7) for step in (1, 2, 3, 5, 7)]
ALIKE = 1.03  # designs of the front that differ in the queue alone share a name where their energy differs by no more
NAMES_BESIDE = 0.2  # of the decades of time, at the left, for the names


def design_name(row):
    """PEs, queue depth, line and index bits."""
    return "/".join(str(row[key]) for key in EIE_DESIGN)


def designs(sweep):
    figure = Figure(figsize=(WIDTH, 6.2), layout="constrained")
    axes = figure.subplots()
    rows = sorted(sweep.designs, key=lambda row: row["pareto_left"])
    shown = axes.scatter(
        [row["time_us"] for row in rows],
        [1e6 * row["energy_left_j"] for row in rows],
        c=[row["area_mm2"] for row in rows],
        s=14,
        cmap="viridis",
        edgecolors=["#D55E00" if row["pareto_left"] else "none" for row in rows],
    )
    figure.colorbar(shown, label="area, mm2")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(TICKS))
        axis.set_major_formatter(PLAIN)
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("time, us (geometric mean of nine layers)")
    axes.set_ylabel("energy, uJ (actions; Fig. 9's left panel)")
    axes.set_title(
        "Designs (simulated); ringed and named: Pareto front of time, energy, area; star: EIE's own\n"
        "names: PEs / queue depths, the deepest being the fastest / bits of a line / bits of an index",
        fontsize=8.5,
    )
    _name_designs(axes, rows)
    return _png(figure)


def _name_designs(axes, rows):
    """The Pareto front's names and EIE's, each left of the fastest design that it stands for: the front has no design
    there."""
    low, high = axes.get_xlim()
    bottom, top = axes.get_ylim()
    axes.set_xlim(low / (high / low) ** NAMES_BESIDE, high)
    own = [row for row in rows if all(row[key] == value for key, value in EIE_DESIGN.items())]
    axes.plot(
        [row["time_us"] for row in own], [1e6 * row["energy_left_j"] for row in own], "*", color="#D55E00", markersize=13
    )
    named = [(f"EIE: {design_name(row)}", [row]) for row in own]
    named += [
        (_group_name(group), group) for group in _alike([row for row in rows if row["pareto_left"] and row not in own])
    ]
    named.sort(key=lambda pair: -_energy(pair[1]))
    ends = math.log10(bottom), math.log10(top)
    step = (ends[1] - ends[0]) / 42
    places = spread([math.log10(_energy(group)) for _, group in named], step, ends[0] + step, ends[1] - step)
    for (name, group), place in zip(named, places):
        fastest = min(row["time_us"] for row in group)
        axes.annotate(
            name,
            (fastest, _energy(group)),
            xytext=(fastest / (high / low) ** 0.03, 10**place),
            fontsize=7.5,
            fontweight="bold" if group[0] in own else "normal",
            va="center",
            ha="right",
            arrowprops={"arrowstyle": "-", "color": "#999999", "lw": 0.5, "shrinkA": 0, "shrinkB": 3, "relpos": (1, 0.5)},
        )


def _energy(group):
    return 1e6 * group[0]["energy_left_j"]


def _alike(rows):
    """Groups of designs that differ in the queue alone and lie on one height."""
    groups = []
    for row in sorted(
        rows, key=lambda row: ([row[key] for key in EIE_DESIGN if key != "queue_depth"], row["energy_left_j"])
    ):
        last = groups[-1][0] if groups else None
        same = last and all(row[key] == last[key] for key in EIE_DESIGN if key != "queue_depth")
        if same and row["energy_left_j"] <= ALIKE * last["energy_left_j"]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _group_name(group):
    """As `design_name`, with all queue depths of the group: "4..64" where each is twice the one before."""
    pes, _, line, index = EIE_DESIGN
    depths = sorted(row["queue_depth"] for row in group)
    doubled = len(depths) > 2 and all(after == 2 * before for before, after in zip(depths, depths[1:]))
    depths = f"{depths[0]}..{depths[-1]}" if doubled else ",".join(map(str, depths))
    return f"{group[0][pes]}/{depths}/{group[0][line]}/{group[0][index]}"


def pictures(book, space):
    with matplotlib.rc_context(STYLE):
        return {
            "fig6.png": fig6(book),
            "fig7.png": fig7(book),
            "fig8.png": fig8(book),
            "fig9.png": fig9(book),
            "fig10.png": fig10(book),
            "fig11_13.png": figs11_13(book),
            "designs.png": designs(space),
        }
