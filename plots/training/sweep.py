"""Shares and bits of one network varied, from the ledgers of `./run train --sweep`: what each point comes to, and the curves of
Deep Compression's Fig. 6 and 7."""

import statistics
from dataclasses import dataclass

import matplotlib

from plots.core.cells import Cell
from plots.core.drawing import Figure
from plots.core.grid import Table
from plots.training.curve import COLOURS, GREY, STYLE, rate_axis, save
from plots.training.ledgers import words_of_seeds
from plots.training.printed import PAPER_NAMES
from plots.training.spread import Spread
from plots.training.tables import BYTES, DENSE, FILE, LESS_DENSE, POINTS, RATE, rate_of, spread

PRUNED, UNTUNED = "pruned", "validation, shared and not yet tuned"


@dataclass(frozen=True)
class Point:
    """Seeds trained with the same shares and bits."""

    training: object  # plots.training.ledgers.Training

    @property
    def kept(self):
        """Shares by layer."""
        return tuple(layer.kept / layer.weights for layer in self.training.seeds[0].layers)

    @property
    def kept_pct(self):
        return 100 * statistics.fmean(seed.kept for seed in self.training.seeds) / self.training.weights

    @property
    def is_whole(self):
        """Whether nothing was pruned."""
        return all(layer.kept == layer.weights for seed in self.training.seeds for layer in seed.layers)

    @property
    def bits(self):
        """Of all layers; None where they differ."""
        bits = {layer.code_bits for layer in self.training.seeds[0].layers}
        return bits.pop() if len(bits) == 1 else None

    @property
    def rate(self):
        return statistics.fmean(rate_of(self.training, seed) for seed in self.training.seeds)

    @property
    def losses(self):
        """Of the file, in points of error above dense, by seed."""
        return [seed.test.file_pct - seed.test.first_pct for seed in self.training.seeds]

    def _pruned(self, seed):
        return [phase for phase in seed.phases if phase.kind == "prune" and phase.test_pct is not None]

    @property
    def pruned_losses(self):
        """Of the network pruned and retrained, in floats; None where no phase pruned."""
        found = [(self._pruned(seed), seed.test.first_pct) for seed in self.training.seeds]
        return [phases[-1].test_pct - dense for phases, dense in found] if all(phases for phases, _ in found) else None

    @property
    def pruned_rate(self):
        """In bytes, of that network: 4 a weight and bias, and the places as in the file."""
        training = self.training
        places = statistics.fmean(
            sum(seed.parts.get(part, 0) for part in ("header", "tables", "runs")) for seed in training.seeds
        )
        kept = statistics.fmean(seed.kept for seed in training.seeds)
        return training.dense_bytes / (4 * (kept + training.parameters - training.weights) + places)


def points_of(trainings):
    """{network: its points, few weights first, then few bits}"""
    found = {}
    for training in trainings:
        if training.is_tested and training.is_shared:
            found.setdefault(training.network, []).append(Point(training))
    return {network: sorted(its, key=lambda point: (point.kept_pct, point.bits or 0)) for network, its in found.items()}


# ---- the table -----------------------------------------------------------------------------------


def _words(text, source):
    return Cell(text, "", "derived", source)


def sweep_table(network, points):
    table = Table(f"{network}-sweep", f"{PAPER_NAMES.get(network, network)}, shares and bits", corner="kept, bits")
    for point in points:
        training = point.training
        cells = {
            "weights kept": Cell(point.kept_pct, "%", "derived", f"kept / weights: {training.name}"),
            "seeds": _words(words_of_seeds(training.seeds), training.name),
        }
        for column in (DENSE, FILE, LESS_DENSE):
            cells[column] = spread(training, column).mean()
        if len(training.seeds) > 1:
            cells["standard error"] = spread(training, LESS_DENSE).error()
        if point.pruned_losses is not None:
            source = f"after pruning, test, less dense: {training.name}"
            cells[f"{PRUNED}, less dense"] = Spread(point.pruned_losses, POINTS, source, 3, True).mean()
        untuned = [seed.phases[-1].shared_validation_pct for seed in training.seeds]
        if None not in untuned:
            cells[UNTUNED] = Spread(untuned, "%", f"{UNTUNED}: {training.name}", 3).mean()
        cells |= {column: spread(training, column).mean() for column in (BYTES, RATE)}
        shares = "/".join(f"{100 * share:.3g}" for share in point.kept)
        table.put_cells(f"{shares} %, {point.bits or 'several'}", cells)
    table.decimals = {
        "weights kept": 2,
        DENSE: 3,
        FILE: 3,
        "standard error": 3,
        UNTUNED: 3,
        BYTES: 0,
        RATE: 1,
    }
    return table


# ---- the picture ---------------------------------------------------------------------------------


def series_of(points):
    """The shares of which there are most bits, pruned and whole, and the bits of which there are most shares:
    {name: its points}."""

    def most(groups):
        return max(groups.values(), key=lambda group: (len(group), -group[0].kept_pct), default=[])

    by_shares, by_bits = {}, {}
    for point in points:
        if point.bits is not None:
            by_shares.setdefault((point.is_whole, point.kept), []).append(point)
            if not point.is_whole:
                by_bits.setdefault(point.bits, []).append(point)
    return {
        "whole": most({key: its for key, its in by_shares.items() if key[0]}),
        "pruned": most({key: its for key, its in by_shares.items() if not key[0]}),
        "shares": most(by_bits),
    }


def _line(axes, xs, losses, colour, words, style="-", marker="s", face=None):
    means = [statistics.fmean(its) for its in losses]
    for x, its in zip(xs, losses):
        axes.plot([x, x], [min(its), max(its)], "-", color=colour, linewidth=1.2, zorder=2)
    axes.plot(xs, means, style, marker=marker, color=colour, mfc=face or colour, ms=5, linewidth=1.2, label=words, zorder=3)


def _finish(axes, words, place):
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    axes.set_ylabel("error above dense on the test set, points", fontsize=8)
    axes.grid(True, color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(words, fontsize=9)
    axes.legend(fontsize=7, frameon=False, loc=place)


def _rates(axes, series, network, seeds):
    shares, whole = series["shares"], series["whole"]
    if whole:
        its = sorted(whole, key=lambda point: point.rate)
        words = f"shared alone, {its[-1].bits} to {its[0].bits} bits"
        _line(axes, [p.rate for p in its], [p.losses for p in its], COLOURS[1], words, marker="o")
    if shares:
        pruned = sorted((p for p in shares if p.pruned_losses is not None), key=lambda point: point.pruned_rate)
        words = "pruned alone, floats (bytes derived)"
        xs, losses = [p.pruned_rate for p in pruned], [p.pruned_losses for p in pruned]
        _line(axes, xs, losses, COLOURS[2], words, "--", "^", "white")
        its = sorted(shares, key=lambda point: point.rate)
        _line(axes, [p.rate for p in its], [p.losses for p in its], COLOURS[0], f"pruned, and shared at {its[0].bits} bits")
    rate_axis(axes)
    axes.set_xlabel("rate: dense over compressed, in bytes", fontsize=8)
    _finish(axes, f"{PAPER_NAMES.get(network, network)}, {seeds}: as the paper's Fig. 6", "upper left")


def _bits(axes, series):
    for name, colour, style, marker in (("whole", COLOURS[1], "--", "o"), ("pruned", COLOURS[0], "-", "s")):
        its = sorted(series[name], key=lambda point: point.bits)
        if its:
            words = "all weights" if name == "whole" else f"{its[0].kept_pct:.2g} % of the weights"
            _line(axes, [p.bits for p in its], [p.losses for p in its], colour, words, style, marker)
    axes.set_xticks(range(2, 9))
    axes.set_xlabel("bits of a code", fontsize=8)
    _finish(axes, "as its Fig. 7: pruned or not, shared at so many bits", "upper right")


def picture(trainings, kind="png"):
    """As bytes; None where there is nothing to draw."""
    found = points_of(trainings)
    if not found:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.8, 7.8 * len(found)), layout="constrained", facecolor="white")
        panels = figure.subplots(2 * len(found), 1, squeeze=False).reshape(len(found), 2)
        for (upper, lower), (network, points) in zip(panels, found.items()):
            series = series_of(points)
            numbers = sorted({seed.number for point in points for seed in point.training.seeds})
            _rates(upper, series, network, f"seed{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}")
            _bits(lower, series)
        return save(figure, kind)
