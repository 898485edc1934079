"""Error against compression, a panel a network: what each phase of each recipe left, and what others print (after Deep
Compression's Fig. 6)."""

import io
import statistics

import matplotlib
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from plots.core.drawing import Figure
from plots.training.printed import PAPER_NAMES
from plots.training.tables import rate_of

# Okabe and Ito's colours, which nearly all eyes tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY, INK = "#777777", "#222222"
STYLE = {"font.size": 9, "svg.hashsalt": "eiebench", "svg.fonttype": "none"}
RATES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def points(training):
    """[(rate, errors of the seeds, what it counts)], dense first: "dense"; "weights" where a phase left fewer; "bytes" of the
    file."""
    found = [(1.0, [seed.test.first_pct for seed in training.seeds], "dense")]
    kept = statistics.fmean(seed.kept for seed in training.seeds)
    for place, phase in enumerate(training.seeds[0].phases):
        errors = [seed.phases[place].test_pct for seed in training.seeds]
        if phase.kind == "prune" and None not in errors:
            found.append((training.weights / kept, errors, "weights"))
    rate = statistics.fmean(rate_of(training, seed) for seed in training.seeds)
    return [*found, (rate, [seed.test.file_pct for seed in training.seeds], "bytes")]


def drawn(trainings):
    """Those that belong into the picture, by network."""
    found = {}
    for training in trainings:
        if training.is_tested and training.is_shared:
            found.setdefault(training.network, []).append(training)
    return found


def _recipe(axes, training, colour, level):
    its = points(training)
    means = [statistics.fmean(errors) for _, errors, _ in its]
    axes.plot([rate for rate, _, _ in its], means, "-", color=colour, linewidth=1, zorder=2)
    for (rate, errors, kind), mean in zip(its, means):
        axes.plot([rate, rate], [min(errors), max(errors)], "-", color=colour, linewidth=1.2, zorder=3)
        face = colour if kind == "bytes" else "white"
        axes.plot(
            [rate], [mean], {"dense": "D", "weights": "o", "bytes": "s"}[kind], color=colour, mfc=face, ms=5.5, zorder=4
        )
    rate, mean = its[-1][0], means[-1]
    axes.annotate(
        f"{training.recipe}\n{rate:.0f}x, {mean:.2f} %",
        (rate, mean),
        textcoords="offset points",
        xytext=(7, -12 - 23 * level),  # names stand below each other
        fontsize=7.5,
        color=colour,
    )


def _others(axes, network, printed):
    for method, error, rate, counted in printed.others(network):
        axes.plot(
            [rate.value], [error.value], "^", color=GREY, mfc=GREY if counted == "bytes" else "white", ms=5.5, zorder=1
        )
        axes.annotate(
            method.replace(" (", "\n("),
            (rate.value, error.value),
            textcoords="offset points",
            xytext=(6, 2),
            fontsize=6.5,
            color=GREY,
        )
    before, after, rate = (
        printed.network(network, column, unit)
        for column, unit in (("top1_error_before_pct", "%"), ("top1_error_after_pct", "%"), ("rate_huffman_x", "x"))
    )
    if rate is not None:
        axes.plot([1, rate.value], [before.value, after.value], ":", color=INK, linewidth=1, zorder=1)
        axes.plot([1], [before.value], "D", color=INK, mfc="white", ms=5, zorder=1)
        axes.plot([rate.value], [after.value], "*", color=INK, ms=9, zorder=1)
        axes.annotate(
            "Deep Compression",
            (rate.value, after.value),
            textcoords="offset points",
            xytext=(7, 3),
            fontsize=7,
            color=INK,
        )


def rate_axis(axes):
    """Logarithmic, with the rates that a reader looks for."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(RATES))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(RATES, [f"{rate}x" for rate in RATES])


def save(figure, kind):
    """The picture's bytes, the same for the same content."""
    out = io.BytesIO()
    figure.savefig(out, format=kind, **({"metadata": {"Date": None, "Creator": None}} if kind == "svg" else {"dpi": 160}))
    return out.getvalue()


def _panel(axes, network, trainings, printed):
    _others(axes, network, printed)
    falling = sorted(trainings, key=lambda training: -points(training)[-1][0])
    for training, colour in zip(trainings, COLOURS):
        _recipe(axes, training, colour, falling.index(training))
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    rate_axis(axes)
    axes.set_xlim(low, high * 2.8)
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom - 0.12 * (top - bottom), top + 0.04 * (top - bottom))  # for the names
    axes.set_xlabel("rate: dense over compressed", fontsize=8)
    axes.set_ylabel("error on the test set, %", fontsize=8)
    axes.grid(True, color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    seeds = sorted({len(training.seeds) for training in trainings})
    words = " or ".join(map(str, seeds)) + (" seed" if seeds == [1] else " seeds")
    axes.set_title(f"{PAPER_NAMES.get(network, network)}, {words} a recipe", fontsize=9)


def _legend(figure, columns):
    def mark(marker, colour, face, words):
        return Line2D([], [], marker=marker, color=colour, mfc=face, linestyle="", label=words)

    handles = [
        mark("D", INK, "white", "dense"),
        mark("o", INK, "white", "pruned and retrained; rate in weights"),
        mark("s", INK, INK, "the file: shared, tuned, coded; rate in bytes"),
        Line2D([], [], color=INK, label="least to greatest of the seeds"),
        mark("*", INK, INK, "Deep Compression, printed; in bytes"),
        mark("^", GREY, "white", "others, as cited; rate in weights"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=7.5, frameon=False)


def picture(trainings, printed, kind="png"):
    """As bytes; None where nothing belongs into it."""
    panels = drawn(trainings)
    if not panels:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 4.1 * len(panels) + 0.6), layout="constrained", facecolor="white")
        for axes, (network, its) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels.items()):
            _panel(axes, network, its, printed)
        _legend(figure, 2)
        return save(figure, kind)
