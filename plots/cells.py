"""A cell: a value with its unit, where it comes from, and how it is shown.

Every number of the report is a Cell, from the file it was read in to the line that prints it, so none
can lose its provenance on the way. A missing number is a Cell too: words stand in place of the value
and the source says why.
"""

import math
from dataclasses import dataclass

# Provenance and the letter that stands after a value in the terminal and in Markdown.
MARKS = {
    "measured": "m",
    "simulated": "s",
    "modelled": "e",
    "cited": "c",
    "derived": "d",
    "calibrated": "k",
    "assumed": "a",
}

MEANINGS = {
    "measured": "measured on this host",
    "simulated": "simulated cycle by cycle",
    "modelled": "modelled (an estimate)",
    "cited": "cited from the literature",
    "derived": "derived from other cells",
    "calibrated": "calibrated: made to agree by construction",
    "assumed": "assumed",
}


@dataclass(frozen=True)
class Cell:
    value: float | str  # a number, or the words that stand in its place
    unit: str  # "us", "x", "%", ... or "" for words and counts
    provenance: str  # a key of MARKS
    source: str  # where the value was read, from what it was derived, or why there is none
    text: str = ""  # the value as it shall be shown; empty: two decimals (one from 1000 on)

    def __post_init__(self):
        if self.provenance not in MARKS:
            raise ValueError(f"unknown provenance {self.provenance!r}")
        if not self.source:
            raise ValueError(f"cell without a source: {self.value!r}")
        if not isinstance(self.value, str) and not math.isfinite(self.value):
            raise ValueError(f"cell without a finite value: {self.source}")

    @property
    def is_number(self):
        return not isinstance(self.value, str)

    def plain(self):
        """The value with its unit where the unit is short, without the mark."""
        if not self.is_number:
            return self.value
        text = self.text or number_text(self.value)
        return text + {"x": "x", "%": " %"}.get(self.unit, "")

    def shown(self):
        return f"{self.plain()} {MARKS[self.provenance]}"


def number_text(value):
    if value != 0 and abs(value) < 0.1:
        return f"{value:.3g}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.2f}"


def missing(words, provenance, why, unit=""):
    return Cell(words, unit, provenance, why)


def cited(text, unit, source):
    """A cell for a number as the source prints it; its digits are kept."""
    return Cell(float(text), unit, "cited", source, text=text)


def ratio(over, under, what, unit="x"):
    """over / under; `what` names both ends."""
    for cell in (over, under):
        if not cell.is_number:
            return missing(cell.value, "derived", f"{what}: {cell.source}", unit)
    if under.value == 0:
        return missing("undefined", "derived", f"{what}: the denominator is zero: {under.source}", unit)
    return Cell(over.value / under.value, unit, "derived", what)


def deviation(ours, published, what):
    """How far `ours` lies from `published`, in percent with its sign."""
    quotient = ratio(ours, published, what, "%")
    if not quotient.is_number:
        return quotient
    percent = round(100.0 * (quotient.value - 1.0), 6) + 0.0
    text = f"{percent:+.1f}" if abs(percent) >= 0.05 else "0.0"
    return Cell(percent, "%", _from([ours]), what, text=text)


def _from(cells):
    """What follows from calibrated cells alone agrees by construction too."""
    return "calibrated" if all(cell.provenance == "calibrated" for cell in cells) else "derived"


def geometric_mean(cells, what):
    """Over all the cells or not at all: a mean of fewer layers would be another quantity."""
    cells = list(cells)
    absent = [cell for cell in cells if not cell.is_number or cell.value <= 0]
    unit = next((cell.unit for cell in cells if cell.unit), "")
    if absent or not cells:
        why = "no rows"
        if absent:
            why = f"{len(absent)} of {len(cells)} values missing or not above 0, first: {absent[0].source}"
        return missing("incomplete", "derived", f"geometric mean of {what}: {why}", unit)
    mean = math.exp(sum(math.log(cell.value) for cell in cells) / len(cells))
    return Cell(mean, unit, _from(cells), f"geometric mean of {what}")
