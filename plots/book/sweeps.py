"""Files of `eie explore`."""

from plots.core.load import LEAST, MOST, InputError, check_format, is_number, read_json

FORMAT = "eie-explore-1"
KEYS = ("suite", "layer", "pes", "queue_depth", "line_bits")
TEXTS = ("suite", "layer", "arithmetic", "technology")
FLAGS = ("pareto_left",)
ERRORS = ("relative_rms_error",)  # 0 where arithmetic is exact


class _Row(dict):
    """A point, a design or a precision; what it lacks, or has in another form than a number above 0, is bad input where it
    is asked for."""

    def __init__(self, row, where):
        if not isinstance(row, dict):
            raise InputError(f"{where}: not an object")
        super().__init__(row)
        self._where = where

    def __getitem__(self, key):
        value, good = self.get(key), is_quantity
        if key in TEXTS:
            good = is_text
        elif key in FLAGS:
            good = is_flag
        elif key in ERRORS:
            good = is_error
        if not good(value):
            raise InputError(f"{self._where}: {key} is missing or not {good.__doc__}")
        return value


def is_quantity(value):
    """a number above 0"""
    return is_number(value) and LEAST <= value <= MOST


def is_error(value):
    """a number of 0 or more"""
    return value == 0 and is_number(value) or is_quantity(value)


def is_text(value):
    """a text"""
    return isinstance(value, str) and value != ""


def is_flag(value):
    """true or false"""
    return isinstance(value, bool)


class Sweep:
    """The points of one file in the design's own technology, by suite, layer, PEs, queue depth and line width."""

    def __init__(self, path):
        self.path = path
        whole = read_json(path)
        if not isinstance(whole, dict):
            raise InputError(f"{path}: not a file of eie explore")
        check_format(path, "format", whole.get("format"), FORMAT, "a file of eie explore")
        self.rows, self.designs = self._list(whole, "points"), self._list(whole, "designs")
        self.points = {tuple(row[key] for key in KEYS): row for row in self.rows if row["technology"] == "own"}
        self.precision = {
            (row["suite"], row["layer"], row["arithmetic"]): row
            for row in self._list({"precision": []} | whole, "precision")
        }
        self.suites = list(dict.fromkeys(row["suite"] for row in self.rows))

    def _list(self, whole, name):
        if not isinstance(whole.get(name), list):
            raise InputError(f"{self.path}: {name} is missing or not a list")
        return [_Row(row, f"{self.path}: {name}[{index}]") for index, row in enumerate(whole[name])]

    def one(self, suite, layer, pes=64, queue_depth=8, line_bits=64):
        key = (suite, layer, pes, queue_depth, line_bits)
        if key not in self.points:
            raise InputError(f"{self.path}: no point {', '.join(str(part) for part in key)}")
        return self.points[key]
