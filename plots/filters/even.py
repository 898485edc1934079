"""LeNet-5 with filters of even size beside odd ones, from ledgers of `eie train` and rows of `eie bench`: a page and its
cells.

    python3 -m plots even FOLDER [--out FILE.md]

Exit codes: 0 good; 2 usage or bad input; 3 the output could not be written.
"""

import math
import os
import re
import sys
from dataclasses import dataclass

from plots.core.cells import LETTERS, Cell, cited, missing, percent, ratio
from plots.core.commandline import Parser
from plots.core.context import context_lines
from plots.core.evenfilters import COLUMN as IN_WORDS
from plots.core.evenfilters import TABLE as VERDICTS
from plots.core.grid import Table, csv_of
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.output import written
from plots.core.page import Page
from plots.filters.measured import NOT_MEASURED, counted, host_time, model_time, read_layers, utilisation
from plots.options import even as even_options
from plots.training.ledgers import Training, read_folder
from plots.training.spread import Spread

NETWORK = re.compile(r"lenet-5-(\d)x\1(?:-(plain|symmetric|wide))?")
CLAIM = "Yao et al., ICLR workshop 2016, abstract"
CLAIMED = cited("1.4", "x", CLAIM), cited("2", "x", CLAIM)
LESS, MORE, EQUAL = "fewer-products", "more-products", "equal-products"  # than the odd filters next to them
PAIRS = {  # the even ones' paddings, how much larger the odd size is, the table's title
    LESS: (("plain", "symmetric"), 1, "Even filters one smaller than odd ones"),
    MORE: (("plain", "symmetric"), -1, "Even filters one larger than odd ones"),
    EQUAL: (("wide",), 1, "Even filters with the products of odd ones"),
}
BETTER, WORSE, SAME, UNKNOWN = "fewer errors", "more errors", "no difference proven", "one seed: no verdict"
MEANING = {"gain": BETTER, "loss": WORSE, "no gain seen": SAME}
CONTEXT = ("Machine:", "System:", "Build:", "Library:", "Date:")  # of what stands around rows
CLOSE_POINTS = 0.1  # what this page calls comparable


@dataclass(frozen=True)
class Filters:
    size: int
    padding: str  # "plain", "symmetric", "wide" (symmetric, more channels), "" of odd sizes
    training: Training

    @property
    def name(self):
        return f"{self.size} x {self.size}" + (f", {self.padding}" if self.padding else "")

    @property
    def short(self):
        return f"{self.size}x{self.size}"

    def macs(self, convolutions=False):
        """Of an image, in millions."""
        layers = [layer for layer in self.training.seeds[0].layers if not convolutions or layer.positions > 1]
        what = "outputs x inputs x positions, " + ("convolutions" if convolutions else "all layers")
        return Cell(sum(layer.macs for layer in layers) / 1e6, "M", "derived", f"{what}: {self.training.network}")

    def errors(self):
        return {seed.number: seed.test.file_pct for seed in self.training.seeds}

    def validation(self):
        return {seed.number: seed.validation_pct for seed in self.training.seeds}


def read_filters(folder):
    """By size, plain before symmetric; raises InputError."""
    found = []
    for training in read_folder(folder):
        match = NETWORK.fullmatch(training.network)
        if not match:
            raise InputError(f"{folder}: {training.network} is none of these networks, lenet-5-SIZExSIZE")
        if any(layer.macs is None for layer in training.seeds[0].layers):
            raise InputError(f"{folder}: {training.name}: a ledger without the positions of its layers")
        if not training.is_tested:
            raise InputError(f"{folder}: {training.name}: the test set was not opened")
        found.append(Filters(int(match[1]), match[2] or "", training))
    if len({its.training.recipe_sha256 for its in found}) > 1:
        raise InputError(f"{folder}: networks that were trained by different recipes")
    if not found:
        raise InputError(f"{folder}: no ledger of eie train")
    return sorted(found, key=lambda its: (its.size, its.padding))


@dataclass(frozen=True)
class Pair:
    even: Filters
    odd: Filters

    @property
    def name(self):
        return f"{self.even.name}, against {self.odd.name}"

    def saved(self, convolutions):
        what = "products of odd / of even filters, " + ("convolutions" if convolutions else "all layers")
        return ratio(self.odd.macs(convolutions), self.even.macs(convolutions), f"{what}: {self.name}")

    def spread(self, values):
        """Even less odd, seed by seed, of the seeds that both have; None where there are none."""
        even, odd = values(self.even), values(self.odd)
        shared = [number for number in even if number in odd]
        words = f"even - odd on equal seeds: {self.name}"
        return (
            Spread([round(even[number] - odd[number], 6) for number in shared], "points", words, 3, True) if shared else None
        )


class Even:
    """All that the page says; raises InputError."""

    def __init__(self, folder):
        self.filters = read_filters(folder)
        self.layers, self.results = read_layers(folder)
        odd = {its.size: its for its in self.filters if not its.padding}
        self.pairs = {
            kind: [
                Pair(its, odd[its.size + step]) for its in self.filters if its.padding in paddings and its.size + step in odd
            ]
            for kind, (paddings, step, _) in PAIRS.items()
        }

    def _layers(self, filters, form, convolutions=False):
        return [
            layer
            for layer in self.layers
            if (layer.filters, layer.form) == (filters.short, form) and (layer.positions > 1 or not convolutions)
        ]

    # ---- what was trained

    def networks(self):
        table = Table("networks", "The networks", corner="filters", decimals={"seeds": 0, "weights": 0, "CPU seconds": 0})
        for its in self.filters:
            name, seeds = its.training.name, its.training.seeds
            error = Spread(its.errors().values(), "%", f"test of the file, {name}", 3)
            rows = error.rows()
            table.put_cells(
                its.name,
                {
                    "products, M": its.macs(),
                    "of these in convolutions, M": its.macs(convolutions=True),
                    "weights": Cell(its.training.weights, "", "derived", f"of all layers: {name}"),
                    "seeds": Cell(len(seeds), "", "derived", f"seeds: {name}", text=str(len(seeds))),
                    "error": rows["mean"],
                    "least": rows["least"],
                    "greatest": rows["greatest"],
                    "validation": Spread(its.validation().values(), "%", f"validation, {name}", 3).mean(),
                    "CPU seconds": Spread(
                        [seed.cpu_seconds for seed in seeds], "s", f"CPU seconds a seed, {name}", 0
                    ).mean(),
                },
            )
        table.decimals |= dict.fromkeys(("error", "validation"), 3)
        table.decimals |= {"products, M": 2, "of these in convolutions, M": 2, "least": 2, "greatest": 2}
        return table

    def seeds(self):
        table = Table("seeds", "Seeds", corner="filters")
        for its in self.filters:
            for seed in its.training.seeds:
                source = f"test of the file, seed {seed.number}: {seed.source}"
                table.put(its.name, f"seed {seed.number}", Cell(seed.test.file_pct, "%", "measured", source))
                table.decimals[f"seed {seed.number}"] = 2
        table.fill("this seed was not trained")
        return table

    # ---- even against odd

    def against(self, kind):
        table = Table(kind, PAIRS[kind][2], corner="filters")
        for pair in self.pairs[kind]:
            cells = {"products": pair.saved(False), "in convolutions": pair.saved(True)}
            test, validation = pair.spread(Filters.errors), pair.spread(Filters.validation)
            if test is None:
                none = missing("none", "derived", f"no seed of both: {pair.name}", reason="no seed that both have")
                table.put_cells(pair.name, cells | {"error, even less odd": none})
                continue
            rows = test.rows()
            cells |= {"error, even less odd": rows["mean"], "least": rows["least"], "greatest": rows["greatest"]}
            if test.error_value is not None:
                cells["standard error"] = test.error()
            cells["the same, validation"] = validation.mean()
            cells["verdict"] = Cell(MEANING.get(test.verdict(), UNKNOWN), "", "derived", "Student's t, 95 %")
            table.put_cells(pair.name, cells)
        table.decimals = {"products": 2, "in convolutions": 2}
        return table

    def line(self):
        """Even filters against as many products of odd ones: between both neighbours, straight over the products' logarithm."""
        table = Table("line", "Even filters against the line between the odd ones next to them", corner="filters")
        odd = {its.size: its for its in self.filters if not its.padding}
        for its in self.filters:
            if its.padding not in ("plain", "symmetric") or not {its.size - 1, its.size + 1} <= odd.keys():
                continue
            low, high = odd[its.size - 1], odd[its.size + 1]
            share = math.log(its.macs().value / low.macs().value) / math.log(high.macs().value / low.macs().value)
            even, below, above = its.errors(), low.errors(), high.errors()
            seeds = [seed for seed in even if seed in below and seed in above]
            if not seeds:
                continue
            line = [below[seed] + share * (above[seed] - below[seed]) for seed in seeds]
            words = f"{its.name}, between {low.name} and {high.name}"
            less = Spread(
                [even[seed] - value for seed, value in zip(seeds, line)], "points", f"even - line: {words}", 3, True
            )
            cells = {
                "error": Spread([even[seed] for seed in seeds], "%", its.name, 3).mean(),
                "of the line": Spread(line, "%", f"line over the products' logarithm: {words}", 3).mean(),
                "even less line": less.mean(),
            }
            cells |= {} if less.error_value is None else {"standard error": less.error()}
            table.put_cells(
                words, cells | {"verdict": Cell(MEANING.get(less.verdict(), UNKNOWN), "", "derived", "Student's t, 95 %")}
            )
        table.decimals = dict.fromkeys(("error", "of the line", "standard error"), 3)
        return table

    def costs(self):
        """What the even network of a pair costs, odd over even: above 1 is a gain."""
        table = Table("costs", "What that saves: odd over even", corner="filters")
        for even, odd in dict.fromkeys((pair.even.short, pair.odd.short) for pair in self.pairs[LESS]):
            smaller, larger = (next(its for its in self.filters if its.short == short) for short in (even, odd))
            row = f"{even} against {odd}"
            table.put(row, "products", Pair(smaller, larger).saved(False))
            for form in ("dense", "pruned"):
                for words, time in (
                    ("EIE", model_time),
                    ("here, exact", lambda layers: host_time(layers, "exact")),
                    ("here, OpenBLAS", lambda layers: host_time(layers, "library")),
                ):
                    column = f"{words}, {form}"
                    if words.endswith("OpenBLAS") and form == "pruned":
                        continue  # which cannot leave zeros out
                    both = [self._layers(its, form) for its in (larger, smaller)]
                    cell = ratio(time(both[0]), time(both[1]), f"{column}: {row}") if all(both) else NOT_MEASURED
                    table.put(row, column, cell)
        table.decimals = dict.fromkeys(table.columns, 2)
        return table

    # ---- on EIE and here

    def machine(self):
        table = Table("eie", "An image on EIE of 64 PEs, and here", corner="filters, weights")
        for its in {its.short: its for its in self.filters}.values():
            for form in ("dense", "pruned"):
                layers = self._layers(its, form)
                if layers:
                    table.put_cells(
                        f"{its.short}, {form}",
                        self._costs_of(layers)
                        | {"PEs in use, convolutions": utilisation(self._layers(its, form, convolutions=True))},
                    )
        table.decimals = {"entries": 0, "products in PEs": 0, "columns sent": 0, "cycles": 0, "PEs in use": 1}
        table.decimals |= {"PEs in use, convolutions": 1, "EIE, us": 1, "here, exact, us": 1, "here, OpenBLAS, us": 1}
        return table

    def layer_by_layer(self):
        table = Table("layers", "Layer by layer", corner="filters, weights, layer")
        for layer in sorted(self.layers, key=lambda layer: (layer.filters, layer.form)):
            positions = Cell(layer.positions, "", "derived", f"output positions of {layer.label}", text=str(layer.positions))
            table.put_cells(layer.label, {"positions": positions} | self._costs_of([layer]))
        table.decimals = self.machine().decimals
        return table

    def _costs_of(self, layers):
        where = f"{layers[0].filters}, {layers[0].form}, {' + '.join(layer.name for layer in layers)}"
        entries = sum(int(layer.model.number("eie_entries") or 0) for layer in layers)
        return {
            "entries": Cell(entries, "", "derived", f"entries with padding: {where}"),
            "products in PEs": counted(layers, "eie_entries_active", "entries that are worked on"),
            "columns sent": counted(layers, "eie_columns_active", "columns whose input is not 0"),
            "cycles": counted(layers, "eie_cycles", "cycles"),
            "PEs in use": utilisation(layers),
            "EIE, us": model_time(layers),
            "here, exact, us": host_time(layers, "exact"),
            "here, OpenBLAS, us": host_time(layers, "library"),
        }

    # ---- the page

    def tables(self):
        found = [self.verdicts(), self.networks(), *map(self.against, PAIRS), self.line(), self.seeds()]
        return found + ([self.costs(), self.machine(), self.layer_by_layer()] if self.layers else [])

    def verdicts(self):
        """A sentence for each pair, the claim's parts one by one."""
        table = Table(VERDICTS, "What came of it", corner="filters")
        if self.pairs[LESS]:
            table.put("the claim", IN_WORDS, Cell(self._claim(), "", "derived", "the sentences below"))
        for kind, pairs in self.pairs.items():
            for pair in pairs:
                test = pair.spread(Filters.errors)
                words = f"**{pair.even.name} against {pair.odd.name}**: {_products(pair, kind)}; "
                words += _said(test) if test else "no seed that both have"
                table.put(
                    pair.name, IN_WORDS, Cell(f"{words}.", "", "derived", "products, and errors of both on equal seeds")
                )
        line = self.line()
        for row in line.rows:
            less, verdict = (line.get(row, column) for column in ("even less line", "verdict"))
            words = f"**{row}**, at as many products on the line of odd sizes: error {less.said()}: {verdict.value}."
            table.put(row, IN_WORDS, Cell(words, "", "derived", "table line"))
        return table

    def machine_sentences(self):
        """What the pairs cost, and what holds EIE up."""
        costs, machine = self.costs(), self.machine()
        for row in costs.rows:
            even, _, odd = row.split()
            if not costs.get(row, "EIE, dense").is_number:
                continue
            times = ", ".join(
                f"{column} {costs.get(row, column).said(2)}" for column in costs.columns if column != "products"
            )
            use = [machine.get(f"{short}, dense", "PEs in use").said(1) for short in (even, odd)]
            yield (
                f"**{row}**, odd over even, whole network: products {costs.get(row, 'products').said(2)}; {times}. PEs in use, dense: "
                f"{use[0]}, odd {use[1]}."
            )
        for row in (row for row in machine.rows if row.endswith("pruned")):
            columns, cycles = (machine.get(row, column) for column in ("columns sent", "cycles"))
            dense = machine.get(row.replace("pruned", "dense"), "cycles")
            share = ratio(columns, cycles, f"columns sent / cycles: {row}")
            saved = ratio(dense, cycles, f"cycles of dense / of pruned weights: {row}")
            yield f"{row}: columns are {percent(share.value, share.source).said(0)} of EIE's cycles; pruning saves {saved.said(2)}."

    def _claim(self):
        found = {True: [], False: []}
        for pair in self.pairs[LESS]:
            test, saved = pair.spread(Filters.errors), pair.saved(False).value
            holds = test is not None and test.mean_value <= CLOSE_POINTS and _is_claimed(saved)
            found[holds].append(pair.even.name)
        parts = [
            f"{words} for {'; '.join(found[holds])}"
            for holds, words in ((True, "holds"), (False, "does not hold"))
            if found[holds]
        ]
        return f"**Fewer products at comparable accuracy** {', '.join(parts)} (each against the next odd size)."

    def sentences(self):
        table = self.verdicts()
        return [table.get(row, IN_WORDS).value for row in table.rows]

    def page(self, file):
        claim = f"{CLAIMED[0].digits()} to {CLAIMED[1].said()}"
        page = Page("Filters of even size beside odd ones").add(
            "LeNet-5 (20 and 50 channels) with filters of 2 x 2 to 6 x 6, trained by one short dense recipe, `short`, which was "
            "committed before the test images were opened and in which nothing was tuned; `./run even` makes this page. All networks "
            "are padded to the same 28 x 28 and 14 x 14 outputs a channel, so that they differ in products and weights alone. "
            "*Plain*: an even filter's odd row and column of zeros stand below and to the right. *Symmetric*: in each quarter of "
            "conv2's input channels towards another corner (Wu et al., NeurIPS 2019); conv1 has one input channel and is plain. *Wide*: symmetric, with "
            "channels for as many products as the next odd size.",
            f"{LETTERS} Errors are of the 10,000 test images, *validation* of 5,000 set apart. The claim (reference 6 of the poster; "
            f"{CLAIM}): even filters need {claim} fewer FLOPs at comparable accuracy, and at equal FLOPs reach a higher one.",
        )
        page.heading("What came of it").bullets(self.sentences())
        page.add(
            "A difference is called where the 95 % interval by Student's t over the seeds' pairs leaves 0 out; with three seeds that "
            f"asks for much. *Comparable* means here: a mean of at most {CLOSE_POINTS} points more, ten images of the 10,000; "
            "*holds* is said of that mean, which the interval of a few seeds, wider than that, does not prove."
        )
        for table in (self.networks(), *map(self.against, PAIRS), self.line(), self.seeds()):
            if table.rows:
                page.table(table, file=file)
        if self.layers:
            self._machine(page, file)
        page.heading("Where this is from").bullets(self._origins())
        return page

    def _machine(self, page, file):
        page.heading("On EIE and on this machine").add(
            "Layers of the first seed in 4-bit codes with 4-bit runs, each output position a product, as many at once as an image "
            "has; inputs drawn with the share of zeros that the trained network has in that layer. *dense*: all weights. *pruned*: the "
            "greatest 66, 12, 8 and 19 % of conv1, conv2, fc1 and fc2 (Deep Compression's shares for LeNet-5), **not retrained**: these "
            "are counts and times, no errors. Even sizes with symmetric padding; plain padding has the same shapes. EIE sends a column "
            "a cycle, whatever its entries: *PEs in use* is the share of their cycles in which PEs multiply. Times here are least samples, "
            "one thread.",
        )
        page.bullets(self.machine_sentences())
        for table in (self.costs(), self.machine(), self.layer_by_layer()):
            page.table(table, file=file)
        page.bullets(line for line in context_lines(self.results) if line.startswith(CONTEXT))

    def _origins(self):
        for its in self.filters:
            training = its.training
            yield (
                f"{training.network}: {training.data}, {training.images} images learnt, {training.validation} set apart; recipe "
                f"{training.recipe}, SHA-256 {training.recipe_sha256[:12]}; revision {training.seeds[0].revision}; {training.library}, "
                f"path {training.core}; {', '.join(training.sources)}"
            )


def _is_claimed(saved):
    """At least what the claim begins with, in all layers."""
    return saved >= CLAIMED[0].value


def _products(pair, kind):
    if kind != LESS:
        more = ratio(pair.even.macs(), pair.odd.macs(), f"products of even / of odd filters: {pair.name}")
        return f"{more.said(2)} the products"
    saved = pair.saved(False)
    words = f"{saved.said(2)} fewer products ({pair.saved(True).said(2)} in the convolutions), "
    return words + ("as claimed" if _is_claimed(saved.value) else "outside the claim")


def _said(test):
    """A difference of errors within a sentence."""
    words = f"error {test.mean().said()}"
    if test.error_value is not None:
        words += f", standard error {test.error().said(3)}, {len(test.values)} seeds"
    close = "comparable" if test.mean_value <= CLOSE_POINTS else f"not comparable (beyond {CLOSE_POINTS} points)"
    return f"{words}: {close}; {MEANING.get(test.verdict(), UNKNOWN)}"


def main(arguments=None):
    parser = Parser("even", description="Ledgers of `./run even` as a page, and its cells as CSV.")
    even_options.add(parser)
    options = parser.parse_args(arguments)
    try:
        found = Even(options.folder)
        if not options.out:
            print(markdown(found.page("")), end="")
            return 0
        name = os.path.basename(options.out)
        cells = os.path.splitext(name)[0] + ".csv"
        made = {name: markdown(found.page(cells)), cells: csv_of(found.tables())}
    except InputError as error:
        print(f"even: {error}", file=sys.stderr)
        return 2
    if not written("even", options.out, made):
        return 3
    for sentence in found.sentences():
        print(sentence.replace("**", ""))
    print(f"Page: {options.out}")
    return 0
