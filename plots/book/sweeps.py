"""Files of `eie explore`, and the papers' tables as plain rows: what the reproduction book is made of."""

import csv
import json
import math
import os

from plots.core.load import InputError

FORMAT = "eie-explore-1"
KEYS = ("suite", "layer", "pes", "queue_depth", "line_bits")


class Sweep:
    """The points of one file in the design's own technology, by suite, layer, PEs, queue depth and line width."""

    def __init__(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                whole = json.load(file)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if not isinstance(whole, dict) or whole.get("format") != FORMAT:
            raise InputError(f"{path}: not a file of eie explore ({FORMAT})")
        try:
            self.device, self.rows, self.designs = whole["device"], whole["points"], whole["designs"]
            self.points = {tuple(row[key] for key in KEYS): row for row in self.rows if row["technology"] == "own"}
            self.precision = {(row["suite"], row["layer"], row["arithmetic"]): row for row in whole.get("precision", [])}
            self.suites = list(dict.fromkeys(row["suite"] for row in self.rows))
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: a point lacks {error}") from None
        self.path = path

    def one(self, suite, layer, pes=64, queue_depth=8, line_bits=64):
        key = (suite, layer, pes, queue_depth, line_bits)
        if key not in self.points:
            raise InputError(f"{self.path}: no point {', '.join(str(part) for part in key)}")
        return self.points[key]


def paper_rows(data, name):
    path = os.path.join(data, "paper", name + ".csv")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def error_of(pairs):
    """Error of a set of (model, paper): exp(mean of |ln(model / paper)|) - 1, in percent."""
    pairs = list(pairs)
    return 100 * (math.exp(sum(abs(math.log(ours / theirs)) for ours, theirs in pairs) / len(pairs)) - 1)


def rms_of(pairs):
    """Root mean square of the differences."""
    pairs = list(pairs)
    return math.sqrt(sum((ours - theirs) ** 2 for ours, theirs in pairs) / len(pairs))


def geomean(values):
    values = list(values)
    return math.exp(sum(math.log(value) for value in values) / len(values))


def off(ours, theirs, decimals=1):
    return f"{100 * (ours / theirs - 1):+.{decimals}f} %"
