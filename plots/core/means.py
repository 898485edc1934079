"""The geometric mean: of numbers, and of cells, with its provenance and interval. There is no other in plots."""

import math
from dataclasses import replace

import numpy

from plots.core.cells import Cell, interval, missing, provenance_of, ratio


def geometric(values):
    """Of numbers above 0."""
    return float(numpy.exp(numpy.mean(numpy.log(list(values)))))


def geometric_mean(cells, what):
    """Over all the cells or not at all: a mean of fewer layers would be another quantity."""
    cells = list(cells)
    absent = [cell for cell in cells if not cell.is_number or cell.value <= 0]
    unit = next((cell.unit for cell in cells if cell.unit), "")
    if absent:
        why = f"{len(absent)} of {len(cells)} values missing or not above 0, first: {absent[0].source}"
        reasons = {cell.reason for cell in absent}
        all_alike = len(absent) == len(cells) and len(reasons) == 1
        return missing(
            "incomplete",
            "derived",
            f"geometric mean of {what}: {why}",
            unit,
            reasons.pop() if all_alike else f"no mean: {len(absent)} of {len(cells)} layers missing",
        )
    mean = geometric(cell.value for cell in cells)
    return Cell(mean, unit, provenance_of(cells), f"geometric mean of {what}", **_of_mean(mean, cells))


def _of_mean(mean, cells):
    """The interval of a mean. A cell that has none enters with the widest of the others: only where no cell has one is
    nothing known of the mean."""
    factors, unsure = [(cell, 1 / len(cells)) for cell in cells], [cell for cell in cells if cell.is_unsure]
    widths = [
        max(math.log(cell.value / cell.low), math.log(cell.high / cell.value)) for cell in cells if cell.low is not None
    ]
    if not unsure or not widths:
        return interval(mean, factors) | {"blind": bool(unsure)}
    widest = math.exp(max(widths))
    return interval(
        mean,
        [
            (
                replace(cell, low=cell.value / widest, high=cell.value * widest, unsure=False) if cell.is_unsure else cell,
                exponent,
            )
            for cell, exponent in factors
        ],
    )


def partial_mean(cells, what):
    """Over the cells that are there, and how many these are; for headlines, where some number is better than none."""
    cells = list(cells)
    there = [cell for cell in cells if cell.is_number and cell.value > 0]
    if not there or len(there) == len(cells):
        return geometric_mean(cells, what)
    absent = next(cell for cell in cells if cell not in there)
    return replace(
        geometric_mean(there, f"{what} ({len(there)} of {len(cells)} layers; {absent.source})"), layers=len(there)
    )


def mean_ratio(overs, unders, what, layers="nine layers"):
    return geometric_mean([ratio(over, under, what) for over, under in zip(overs, unders)], f"{layers}: {what}")
