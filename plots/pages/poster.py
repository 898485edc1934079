"""Every number of the poster with which this project began, on one page: reproduced, cited or out of reach.

    python3 -m plots poster RESULTS.json --out results/POSTER.md

Exit codes: 0 good, 2 usage or bad input, 3 the output could not be written.
"""

import os
import sys
from collections import Counter
from dataclasses import replace

from plots.core.cells import LETTERS, Cell, deviation, missing
from plots.core.commandline import Parser
from plots.core.evenfilters import verdicts as even_filters
from plots.core.grid import Table
from plots.core.headline import ratio_text
from plots.core.load import InputError, load
from plots.core.markdown import markdown
from plots.core.output import DATA, write
from plots.core.page import Page
from plots.core.published import Published
from plots.tables import fig7, speed
from plots.tables.posterways import BY_CONSTRUCTION, CALIBRATED, CITED, HERE, OUT_OF_REACH, OWN, Ways

REPRODUCED, CONSISTENT, CONTRADICTED = "reproduced", "consistent", "contradicted"
VERDICTS = (REPRODUCED, CONSISTENT, CONTRADICTED, CALIBRATED, BY_CONSTRUCTION, CITED, OUT_OF_REACH)
ESTIMATE_PERCENT = 10
VERDICTS_MEAN = (
    "**reproduced**: arithmetic on other printed numbers gives the poster's digits; or an estimate (our model, generated "
    f"layers, rounded densities; marked `~`) comes within {ESTIMATE_PERCENT} %.",
    "**consistent**: the poster's own numbers give this one; that says nothing about the world.",
    "**contradicted**: the other number does not follow. Where that is an estimate, the estimate may be at fault.",
    "**calibrated**, **by construction**: made to agree, so that agreement means nothing; they count nowhere.",
    "**cited**: it is taken from print as it is; nothing here tests it.",
    "**out of reach**: it could be tested, but not here, or not with this results file; the line says why.",
)
SEVERAL_WAYS = (
    "Several ways to one number have a line each, so a number can be reproduced in one way and contradicted in another. "
    "Trailing zeros of a number of three digits and more do not count as digits. Letters stand for where a number comes "
    f"from: {LETTERS.partition(': ')[2]}"
)
SECTIONS = {
    "The chip": ("technology", "throughput", "power"),
    "Claimed savings": ("factor",),
    "Speed and energy": ("speedup", "energy"),
    "Compressed networks": ("size", "rate", "accuracy"),
}
EVEN_FILTERS = "Filters of even size (reference 6)"
EVEN_FILTERS_CLAIM = (
    "The poster cites that even filters need fewer FLOPs at comparable accuracy, 1.4 to 2x (c) by the abstract. Measured here on "
    "LeNet-5 and MNIST, trained by `eie train`: results/EVEN_FILTERS.md has seeds, layers, EIE's cycles and times."
)
SIX_BARS = "Six bars of Fig. 7: energy on AlexNet and VGG alone"  # what nobody claimed as one number


def judge(way, claimed):
    if way.verdict == CITED or way.verdict and way.ours.is_number:
        return way.verdict
    if not way.ours.is_number:
        return OUT_OF_REACH
    if way.estimate:
        agrees = abs(way.ours.value / claimed.value - 1) <= ESTIMATE_PERCENT / 100
    elif way.bars:
        agrees = way.bars.low <= way.ours.value <= way.bars.high
    else:
        agrees = rounds_to(way.ours.value, claimed.text)
    return CONTRADICTED if not agrees else CONSISTENT if way.rests_on == OWN else REPRODUCED


def rounds_to(value, printed):
    """Are the printed digits what the value rounds to? 24000 stands for two digits, 10 for two, 4.8 for two."""
    decimals = len(printed.partition(".")[2])
    zeros = 0 if decimals else len(printed) - len(printed.rstrip("0"))
    step = 10.0 ** (-decimals or min(zeros, max(0, len(printed) - 2)))
    return abs(value - float(printed)) <= step / 2 * (1 + 1e-9)


class Poster:
    def __init__(self, results, published):
        self._published, ways = published, Ways(results, published)
        self._speeds = ways.speeds
        self._labels = fig7.label_words(fig7.label_counts(fig7.fig7_table(results, published), published))
        self.ways = {row["key"]: ways.to(row["key"]) for row in published.poster}
        self.verdicts = {
            key: [judge(way, way.bars.mean if way.bars else published.poster_cell(key)) for way in ways]
            for key, ways in self.ways.items()
        }

    def tables(self):
        """A table for each section; every way of every number is a row."""
        heads = {key: title for title, keys in SECTIONS.items() for key in keys}
        tables, title = {}, ""
        for number in self._published.poster:
            key = number["key"]
            title = heads.get(key, heads.get(key.partition("_")[0], title))
            table = tables.setdefault(title, Table(name="", title=title, corner="number"))
            if any(way.bars for way in self.ways[key]):
                self._put(tables.setdefault(SIX_BARS, Table(name="", title=SIX_BARS, corner="number")), number, True)
            self._put(table, number, False)
        return list(tables.values())

    def _put(self, table, number, of_bars):
        """Ways that test the poster's number, or those that test the six bars."""
        key, poster = number["key"], self._published.poster_cell(number["key"])
        unit = f" ({poster.unit})" if poster.unit not in ("", "x", "%") else ""
        for index, (way, verdict) in enumerate(zip(self.ways[key], self.verdicts[key])):
            if bool(way.bars) != of_bars:
                continue
            claimed = replace(way.bars.mean, text=f"{way.bars.mean.value:.0f}") if way.bars else poster
            row = f"{number['item']}{unit}" if index == 0 else f"{number['item']}{unit}: {way.label}"
            ours = _digits(way.ours, claimed)
            off = (
                deviation(ours, claimed, f"ours / {claimed.source}")
                if ours.is_number
                else missing(ours.value, "derived", ours.source, reason=ours.reason)
            )
            how = (
                ("~ " if way.estimate else "")
                + (f"{way.label}: " if way.label and index == 0 else "")
                + way.how
                + ("" if ours.is_number or way.verdict else f": {ours.reason}")
            )
            for column, cell in (
                ("mean of the bars" if way.bars else "claimed", claimed),
                ("ours", ours),
                ("deviation", off),
                ("verdict", Cell(verdict, "", "derived", how)),
                ("how", Cell(how, "", "derived", how)),
            ):
                table.put(row, column, cell)

    def summary(self):
        """Counts of numbers by their first way, of lines by our model, and those with two answers by name."""
        items = {row["key"]: row["item"] for row in self._published.poster}
        lines = [self._first_ways(), self._lines_of_ours()]
        for title, both in (
            ("Contradicted by every way that tests it", {CONTRADICTED}),
            ("Reproduced in one way, contradicted in another", {REPRODUCED, CONTRADICTED}),
        ):
            names = [items[key] for key in items if self._tested(key) == both]
            lines += [f"{title}: {'; '.join(names)}."] if names else []
        return lines

    def _first_ways(self):
        """No number's first way is ours."""
        first = Counter(verdicts[0] for verdicts in self.verdicts.values())
        measured = sum(ways[0].ours.provenance == "measured" for ways in self.ways.values())
        return (
            f"{len(self.ways)} numbers, by the first way of each: {first[REPRODUCED]} follow from other printed "
            f"numbers (rounded densities within {ESTIMATE_PERCENT} %), {first[CONSISTENT]} are the poster's own arithmetic (consistent), {first[CONTRADICTED]} are "
            f"contradicted by other printed numbers, {first[CITED]} are cited, {first[OUT_OF_REACH]} are out of "
            f"reach, {measured or 'none'} is measured here."
        )

    def _lines_of_ours(self):
        ours = Counter(
            verdict
            for key, verdicts in self.verdicts.items()
            for way, verdict in zip(self.ways[key], verdicts)
            if way.rests_on == HERE
        )
        return (
            f"Of the further lines by our model or the layers that are here, {ours[REPRODUCED]} agree within "
            f"{ESTIMATE_PERCENT} % and {ours[CONTRADICTED]} do not; {ours[CALIBRATED]} calibrated ones and "
            f"{ours[BY_CONSTRUCTION]} by construction count nowhere."
        )

    def _tested(self, key):
        """The verdicts of the ways that test the poster's own number, not one of fewer layers."""
        return {
            verdict
            for way, verdict in zip(self.ways[key], self.verdicts[key])
            if way.bars is None and verdict in (REPRODUCED, CONTRADICTED)
        }

    def caveats(self):
        """What the poster leaves out, said beside it."""

        def over(matrix, batch, column="EIE actual"):
            return ratio_text(self._speeds.get(f"GPU {matrix}, batch {batch}", column))

        return [
            "The speed-ups are over *dense* baselines at *batch 1*. Against the sparse GPU EIE is "
            f"{over('sparse', 1)} faster; at batch 64 it is {over('dense', 64)} as fast as the dense GPU, which is "
            f"the faster one on {self._speeds.get('GPU dense, batch 64', speed.FASTER).shown()} of nine layers.",
            self._labels,
        ]


def _digits(cell, claimed):
    """Digits enough to see a deviation from the claimed number."""
    if not cell.is_number or cell.text:
        return cell
    size = abs(cell.value)
    decimals = max(len(claimed.text.partition(".")[2]), 0 if size >= 1000 else 2)
    return replace(cell, text=f"{cell.value:.{decimals}f}")


def poster_page(results, published):
    poster = Poster(results, published)
    page = Page("Every number of the poster").add(
        "The poster by EIE's authors with which this project began, number by number. Made by `python3 -m plots poster` from "
        f"`{os.path.basename(results.path)}` ({results.context.get('date', 'undated')}, revision "
        f"{results.context.get('eie_revision', 'unknown')}); report.md of the same file has the tables.",
    )
    page.bullets(VERDICTS_MEAN).add(SEVERAL_WAYS).heading("In short").bullets(poster.summary() + poster.caveats())
    for table in poster.tables():
        page.heading(table.title).table(table, titled=False, remarks=False)
    page.heading(EVEN_FILTERS).add(EVEN_FILTERS_CLAIM)
    return page.bullets(even_filters() or ["not measured here yet: `./run even` does it."])


def main(arguments=None):
    parser = Parser(
        "poster",
        description="Every number of the EIE poster: reproduced, cited or out of reach.",
        epilog="example: python3 -m plots poster results.json --out POSTER.md",
    )
    parser.add_argument("results", metavar="RESULTS.json")
    parser.add_argument("--out", metavar="FILE", default="POSTER.md")
    parser.add_argument("--data", metavar="DIR", default=DATA, help="folder with paper/ and devices/")
    options = parser.parse_args(arguments)
    try:
        page = markdown(poster_page(load(options.results), Published(options.data)))
    except InputError as error:
        print(f"poster: {error}", file=sys.stderr)
        return 2
    folder, name = os.path.split(os.path.abspath(options.out))
    try:
        write(folder, {name: page})
    except OSError as error:
        print(f"poster: cannot write {options.out}: {error.strerror or error}", file=sys.stderr)
        return 3
    return 0
