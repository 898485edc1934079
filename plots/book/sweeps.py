"""Files of `eie explore`."""

import json

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
