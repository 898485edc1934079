"""The numbers of the reproduction book as cells: the paper's, and those of sweeps of the accelerator model."""

import math

from plots.core.cells import Cell, cited, ratio
from plots.core.means import geometric
from plots.core.published import EIE, LAYERS, PLATFORMS

MATCHED, ROWS = "paper-matched", "paper-rows"
SUITES = (MATCHED, ROWS)
REAL, FC8 = "real", "alexnet-fc8"
DEPTHS = (2, 4, 8, 16, 32, 64, 128, 256)
PREDICTED_DEPTHS = DEPTHS[:6]
CALIBRATED_DEPTH = 256  # where the rows of suite paper-rows were set to Fig. 8's bar
WIDTHS = (32, 64, 128, 256, 512)
PES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
NINE = "nine layers"


class Numbers:
    """From the sweeps: `queue` (depths), `scale` (PEs and widths), `large` (the 28 nm design)."""

    def __init__(self, published, queue, scale, large):
        self.published, self.queue, self.scale, self.large = published, queue, scale, large
        self.has_real = REAL in queue.suites

    # ---- the model -------------------------------------------------------------------------------

    def time(self, suite, layer, depth=8):
        return simulated(self.queue.one(suite, layer, queue_depth=depth), "time_us", "us")

    def balance(self, suite, layer, depth=8):
        word = "calibrated" if (suite, depth) == (ROWS, CALIBRATED_DEPTH) else "simulated"
        return simulated(self.queue.one(suite, layer, queue_depth=depth), "load_balance", "%", 100, word)

    def at_pes(self, suite, layer, pes, key):
        """A share of the model, in percent."""
        return simulated(self.scale.one(suite, layer, pes=pes), key, "%", 100)

    def speedup(self, suite, layer, pes):
        """Over one PE."""
        one, many = (simulated(self.scale.one(suite, layer, pes=count), "cycles", "cycles") for count in (1, pes))
        return ratio(one, many, f"cycles on one PE / on {pes}, {layer}, suite {suite}")

    def reads(self, layer, width):
        return simulated(self.scale.one(ROWS, layer, line_bits=width), "spmat_line_reads", "reads")

    def energy(self, layer, kind):
        """Of one product on suite paper-rows, uJ."""
        return simulated(self.queue.one(ROWS, layer), f"energy_{kind}_j", "uJ", 1e6)

    # ---- the paper -------------------------------------------------------------------------------

    def actual(self, layer):
        return self.published.time(EIE, "actual", layer)

    def theoretical(self, layer):
        return self.published.time(EIE, "theoretical", layer)

    def cpu(self, layer):
        return self.published.time(PLATFORMS["CPU"], "dense", layer)

    def shape(self, layer, key, unit=""):
        row = self.published.layers[layer]
        return cited(row[key], unit, row["source"])

    # ---- both ------------------------------------------------------------------------------------

    def balances(self, suite, layers=LAYERS, depths=PREDICTED_DEPTHS):
        """[(ours, Fig. 8's bar)]"""
        return [
            (self.balance(suite, layer, depth), self.published.load_balance(layer, depth))
            for layer in layers
            for depth in depths
        ]

    def time_error(self, suite):
        return error_of(
            ((self.time(suite, layer), self.actual(layer)) for layer in LAYERS), f"Table IV, suite {suite}, {NINE}"
        )

    def balance_error(self, suite, layers=LAYERS):
        return rms_of(self.balances(suite, layers), f"Fig. 8, suite {suite}, depths 2 to 64, {', '.join(layers)}")


def simulated(point, key, unit, factor=1, word="simulated"):
    """A number of a point of a sweep."""
    return Cell(factor * point[key], unit, word, f"eie explore: {key}, {_where(point)}")


def _where(point):
    own = "" if point["technology"] == "own" else f", {point['technology']}"
    rows = f"; rows calibrated to Fig. 8 at depth {CALIBRATED_DEPTH}" if point["suite"] == ROWS else ""
    return (
        f"suite {point['suite']}, {point['layer']}, {point['pes']} PEs, depth {point['queue_depth']}, lines of "
        f"{point['line_bits']} bits{own}{rows}"
    )


def error_of(pairs, what):
    """Error of a set of (model, paper): exp(mean of |ln(model / paper)|) - 1, in percent."""
    ratios = [ours.value / theirs.value for ours, theirs in pairs]
    percent = round(100 * (geometric(max(ratio, 1 / ratio) for ratio in ratios) - 1), 9)
    return Cell(percent, "%", "derived", f"error of {len(ratios)} numbers: {what}")


def rms_of(pairs, what):
    """Root mean square of the differences, in points."""
    squares = [(ours.value - theirs.value) ** 2 for ours, theirs in pairs]
    value = math.sqrt(sum(squares) / len(squares))
    return Cell(value, "points", "derived", f"root mean square of {len(squares)} differences: {what}")


def product(cells, what, unit, factor=1.0):
    return Cell(factor * math.prod(cell.value for cell in cells), unit, "derived", what)


def total(cells, what, unit, factor=1.0):
    return Cell(factor * sum(cell.value for cell in cells), unit, "derived", what)
