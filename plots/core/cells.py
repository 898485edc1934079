"""A cell: a value with its unit, where it comes from, and how it is shown.

Every number of the report is a Cell, from the file it was read in to the line that prints it, so none
can lose its provenance on the way. A missing number is a Cell too: shown as "-", with the reason in a
note; the CSV file has a word for it.
"""

import math
from dataclasses import dataclass

# Provenance and the letter that stands for it in the terminal and in Markdown.
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


LETTERS = "Letters: c cited, m measured here, e modelled, s simulated, d derived, k calibrated, a assumed."
WIDE = 0.10  # half width of an interval beyond which a number is marked
DISTURBED = "~"  # marks a ratio that disturbed samples count in
EXACT = ("cited", "modelled", "simulated", "calibrated", "assumed")  # what has no scatter


@dataclass(frozen=True)
class Cell:
    value: float | str  # a number, words, or the word that stands for a missing number in the CSV
    unit: str  # "us", "x", "%", ... or "" for words and counts
    provenance: str  # a key of MARKS
    source: str  # where the value was read, from what it was derived, or why there is none
    text: str = ""  # the digits that the source prints; empty: three significant digits
    reason: str = ""  # why the number is missing, in short; empty: it is not
    low: float | None = None  # the ends of its 95 % interval
    high: float | None = None
    least: float | None = None  # of the samples behind a median
    layers: int = 0  # of nine, where a mean has fewer
    unsure: bool = False  # it scatters, and nothing tells by how much: too few samples
    blind: bool = False  # a mean of such cells alone
    disturbed: bool = False  # a ratio that disturbed samples count in, for want of others

    def __post_init__(self):
        if self.provenance not in MARKS:
            raise ValueError(f"unknown provenance {self.provenance!r}")
        if not self.source:
            raise ValueError(f"cell without a source: {self.value!r}")
        if not isinstance(self.value, str) and not math.isfinite(self.value):
            raise ValueError(f"cell without a finite value: {self.source}")
        if (self.low is None) != (self.high is None) or self.low is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"not an interval about {self.value}: {self.source}")

    @property
    def is_number(self):
        return not isinstance(self.value, str)

    @property
    def half_width(self):
        """Of the interval, as a share of the value; None: no interval."""
        return None if self.low is None else (self.high - self.low) / 2 / self.value

    def margin(self):
        """ "+-0.8 %", with "!" where it is wide and "~" where disturbed samples count; "+-?" for a mean of which nothing
        tells how sure it is; "" without an interval."""
        half = self.half_width
        text = "" if half is None else f"+-{_percent(half)} %" + ("!" if half > WIDE else "")
        return (text or "+-?" * self.blind) + DISTURBED * self.disturbed

    @property
    def is_unsure(self):
        return self.is_number and (self.unsure or self.low is None and self.provenance == "measured")

    def digits(self, decimals=None):
        """The value alone. `decimals` are the column's; printed digits beyond them are kept."""
        if not self.is_number:
            return "-" if self.reason else self.value
        if not self.text:
            return number_text(self.value, decimals)
        printed = len(self.text.partition(".")[2])
        return number_text(float(self.text), max(printed, decimals or 0), sign=self.text.startswith("+"))

    def shown(self, decimals=None):
        """With its unit where that is short, its interval, its minimum, and the mark of its provenance."""
        if not self.is_number:
            return self.digits()
        text = self.digits(decimals) + {"x": "x", "%": " %"}.get(self.unit, "")
        least = f"min {number_text(self.least)}" if self.least is not None else ""
        return " ".join(filter(None, (text, self.margin(), least, self.of_nine(), MARKS[self.provenance])))

    def said(self, decimals=None):
        """Within a sentence: with its unit, and the letter in brackets."""
        if not self.is_number:
            return self.digits()
        unit = self.unit if self.unit == "x" else f" {self.unit}" if self.unit else ""
        return f"{self.digits(decimals)}{unit} ({MARKS[self.provenance]})"

    def of_nine(self):
        return f"({self.layers} of 9)" if self.layers else ""


def said_together(cells, joint, decimals=None, names=None):
    """Several of one unit and provenance within a sentence: both stand behind the last; `names` before each."""
    if len({(cell.unit, cell.provenance) for cell in cells}) != 1:
        raise ValueError(f"no one unit and provenance: {', '.join(cell.source for cell in cells)}")
    texts = [cell.digits(decimals) for cell in cells[:-1]] + [cells[-1].said(decimals)]
    return joint.join(" ".join(words) for words in zip(names, texts)) if names else joint.join(texts)


def percent(share, source, provenance="derived"):
    """A share as a cell."""
    return Cell(100 * share, "%", provenance, source)


def _percent(share):
    percent = 100 * share
    return f"{percent:.1f}" if percent < 9.95 else f"{percent:,.0f}"


def number_text(value, decimals=None, sign=False):
    """Three significant digits, or fixed decimals; five digits and more are grouped, what is very small or large gets an
    exponent."""
    if value and not (1e-9 if decimals is not None else 1e-3) <= abs(value) < 1e12:
        return f"{value:{'+' if sign else ''}.2e}"
    if decimals is None:
        value = float(f"{value:.2e}")
        decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    group = "," if abs(value) >= 10000 else ""
    return format(value, f"{'+' if sign else ''}{group}.{decimals}f")


def missing(word, provenance, source, unit="", reason=""):
    return Cell(word, unit, provenance, source, reason=reason or source)


def cited(text, unit, source):
    """A cell for a number as the source prints it; its digits are kept."""
    return Cell(float(text), unit, "cited", source, text=text)


def ratio(over, under, what, unit="x"):
    """over / under; `what` names both ends."""
    for cell in (over, under):
        if not cell.is_number:
            return missing(cell.value, "derived", f"{what}: {cell.source}", unit, cell.reason)
    if under.value == 0:
        return missing(
            "undefined", "derived", f"{what}: the denominator is zero: {under.source}", unit, "the denominator is zero"
        )
    value = over.value / under.value
    return Cell(value, unit, "derived", what, **interval(value, [(over, 1), (under, -1)]))


def interval(value, factors):
    """The ends of the interval of a product of powers, from [(cell, exponent)]: logarithms add in quadrature; those of
    cells with disturbed samples add plainly, because a busy machine makes all of them wrong in the same direction. What
    has no scatter adds none; where a measured factor's interval is unknown, so is the product's."""
    marks = {"disturbed": any(cell.disturbed for cell, _ in factors)}
    if any(cell.is_unsure for cell, _ in factors):
        return marks | {"unsure": True}
    if all(cell.low is None for cell, _ in factors):
        return marks
    quiet, disturbed = (
        [_logs(cell, exponent) for cell, exponent in factors if cell.low is not None and cell.disturbed == kind]
        for kind in (False, True)
    )
    below, above = (math.hypot(sum(ends[side] for ends in disturbed), *(ends[side] for ends in quiet)) for side in (0, 1))
    return marks | {"low": value * math.exp(-below), "high": value * math.exp(above)}


def _logs(cell, exponent):
    """How far the ends of the cell's power lie below and above it, in logarithms."""
    ends = math.log(cell.value / cell.low), math.log(cell.high / cell.value)
    return [abs(exponent) * end for end in (ends if exponent > 0 else ends[::-1])]


def per_second(time, unit):
    """How often a second a time in microseconds fits."""
    return (
        Cell(1e6 / time.value, unit, "derived", f"1 / time: {time.source}", **interval(1e6 / time.value, [(time, -1)]))
        if time.is_number
        else missing(time.value, "derived", f"1 / time: {time.source}", unit, time.reason)
    )


def deviation(ours, published, what, decimals=1):
    """How far `ours` lies from `published`, in percent with its sign."""
    quotient = ratio(ours, published, what, "%")
    if not quotient.is_number:
        return quotient
    percent = round(100.0 * (quotient.value - 1.0), 6) + 0.0
    return Cell(percent, "%", provenance_of([ours]), what, text=signed(percent, decimals))


def difference(ours, published, what, unit, decimals=1):
    """ours - published, with its sign."""
    value = ours.value - published.value
    return Cell(value, unit, provenance_of([ours]), what, text=signed(value, decimals))


def signed(value, decimals):
    """With its sign, but for what rounds to 0."""
    text = f"{value:+.{decimals}f}"
    return text if float(text) else text[1:]


def provenance_of(cells):
    """What follows from calibrated cells alone agrees by construction too."""
    return "calibrated" if all(cell.provenance == "calibrated" for cell in cells) else "derived"
