"""What the papers print: Deep Compression's rows of the two networks, others' networks, DSD's table."""

import csv
import os

from plots.core.cells import cited
from plots.core.load import InputError
from plots.core.published import Published

PAPER_NAMES = {"lenet-300-100": "LeNet-300-100", "lenet-5": "LeNet-5"}
TOTAL = "total"
DSD_TABLE = "overview "  # metrics of its Table 1 begin so


def _rows(path, *columns):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    for column in columns:
        if not rows or rows[0].get(column) is None:
            raise InputError(f"{path}: no rows or no column {column}")
    return rows


def _cited(row, column, unit, path):
    try:
        return cited(row[column], unit, row["source"])
    except (TypeError, ValueError):
        raise InputError(
            f"{path}: {column} is not a number, or there is no source: {', '.join(map(str, row.values()))}"
        ) from None


class Printed:
    """Raises InputError."""

    def __init__(self, data_dir):
        self._folder = os.path.join(data_dir, "paper")
        published = Published(data_dir)
        self._networks, self._layers = published.networks, published.network_layers

    def network(self, network, column, unit):
        """A number of Deep Compression's Table 1; None for a network that it does not have."""
        name = PAPER_NAMES.get(network)
        if name not in self._networks:
            return None
        return _cited(self._networks[name], column, unit, self._folder)

    def layer(self, network, place, column, unit):
        """Of the layer at that place (0 and up), or the total: Tables 2 and 3; None where there is none."""
        rows = [row for row in self._layers if row["network"] == PAPER_NAMES.get(network)]
        its = [row for row in rows if row["layer"] != TOTAL]
        if place == TOTAL:
            row = next((row for row in rows if row["layer"] == TOTAL), None)
        else:
            row = its[place] if place < len(its) else None
        return None if row is None else _cited(row, column, unit, self._folder)

    def others(self, network):
        """[(method, error, rate, what the rate counts)]"""
        path = os.path.join(self._folder, "lenet_pruning.csv")
        return [
            (row["method"], _cited(row, "error_pct", "%", path), _cited(row, "rate_x", "x", path), row["counted"])
            for row in _rows(path, "network", "method", "error_pct", "rate_x", "counted", "source")
            if row["network"] == PAPER_NAMES.get(network)
        ]

    def dsd(self):
        """{(network, metric): (before, after, improvement)} of DSD's Table 1"""
        path, found = os.path.join(self._folder, "dsd_results.csv"), {}
        for row in _rows(path, "network", "metric", "phase", "value", "abs_improvement_printed", "source"):
            if row["metric"].startswith(DSD_TABLE):
                found.setdefault((row["network"], row["metric"].removeprefix(DSD_TABLE)), {})[row["phase"]] = row
        return {
            key: (
                _cited(phases["Baseline"], "value", "", path),
                _cited(phases["DSD"], "value", "", path),
                _cited(phases["DSD"], "abs_improvement_printed", "", path),
            )
            for key, phases in found.items()
            if {"Baseline", "DSD"} <= phases.keys()
        }
