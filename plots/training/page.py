"""Networks trained, pruned, shared and coded by eie train, from their ledgers: a page, its cells, and a picture.

    python3 -m plots train FOLDER [--out FILE.md]

Exit codes: 0 good; 2 usage or bad input; 3 the output could not be written.
"""

import os
import sys
from dataclasses import replace

from plots.core.cells import LETTERS, Cell, missing, said_together
from plots.core.commandline import Parser
from plots.core.grid import Table, csv_of
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.output import DATA, written
from plots.core.page import Figure, Page
from plots.options import train as train_options
from plots.training.curve import drawn, picture
from plots.training.goals import goals_table
from plots.training.ledgers import read_folder, words_of_seeds
from plots.training.notes import read_notes
from plots.training.printed import PAPER_NAMES, Printed
from plots.training.spread import Spread
from plots.training.sweep import picture as sweep_picture
from plots.training.sweep import points_of, sweep_table
from plots.training.tables import (
    BYTES,
    CONTROL,
    CPU,
    DENSE,
    FILE,
    LESS_CONTROL,
    LESS_DENSE,
    RATE,
    VALIDATION,
    bytes_table,
    every_phase_table,
    layers_table,
    paper_layers_table,
    paper_table,
    phases_table,
    seeds_table,
    spread,
)

CHOICE = "choice"  # folder of the ledgers that recipes were chosen by
SWEEP = "sweep"  # folder of those of ./run train --sweep
NO_LEDGER = "no ledger of eie train"


class Training:
    """All that the page says; raises InputError."""

    def __init__(self, folder, data_dir=DATA):
        self.printed, self.notes = Printed(data_dir), read_notes(folder)
        self.trainings = read_folder(folder)
        self.candidates, self.swept = (
            read_folder(path) if os.path.isdir(path) else []
            for path in (os.path.join(folder, name) for name in (CHOICE, SWEEP))
        )
        if not self.trainings and not self.swept:
            raise InputError(f"{folder}: {NO_LEDGER}")
        self.hidden = [every_phase_table(training) for training in self.trainings]

    def picture(self):
        return picture(self.trainings, self.printed)

    # ---- at the top

    def summary(self):
        table = Table("summary", "What came of it", corner="network, recipe", decimals={"seeds": 0})
        for training in self.trainings:
            seeds = len(training.seeds)
            row = {"seeds": Cell(seeds, "", "derived", f"seeds: {training.name}", text=str(seeds))}
            its = (DENSE, FILE, LESS_DENSE) if training.is_tested else (VALIDATION,)
            for column in its + ((BYTES, RATE) if training.is_shared else ()) + (CPU,):
                row[column] = spread(training, column).mean()
                if column == LESS_DENSE and seeds > 1:
                    row["standard error"] = spread(training, column).error()
            table.put_cells(training.name, row)
        table.decimals |= {DENSE: 3, FILE: 3, "standard error": 3, BYTES: 0, RATE: 1, CPU: 0}
        for row in table.rows:
            for column in table.columns:
                if table.get(row, column) is None:
                    why = (
                        "one seed has no error of its mean"
                        if column == "standard error"
                        else "floats: no weights are shared"
                    )
                    table.put(row, column, missing("none", "derived", why))
        return table

    def openings(self):
        table = Table("openings", "Openings of the test set", corner="network, recipe, seeds")
        for training in self.trainings:
            for source in training.sources if training.is_tested else ():
                seeds = [seed for seed in training.seeds if seed.source == source]
                errors = Spread([seed.test.file_pct for seed in seeds], "%", f"test of the file: {source}", 3)
                dense = Spread([seed.test.first_pct for seed in seeds], "%", f"test of dense: {source}", 3)
                table.put_cells(
                    f"{training.name}, {words_of_seeds(seeds)}",
                    {
                        "revision": _words(seeds[0].revision, source),
                        "recipe's SHA-256": _words(training.recipe_sha256[:12], source),
                        DENSE: dense.mean(),
                        FILE: errors.mean(),
                        "ledger": _words(source, source),
                    },
                )
        table.decimals = {DENSE: 3, FILE: 3}
        return table

    def choice(self):
        """Validation errors only: none of these opened the test set."""
        table = Table("choice", "What the recipe was chosen from", corner="candidate")
        for training in self.candidates:
            dense = [seed.phases[0].validation_pct for seed in training.seeds]
            file = [seed.validation_pct for seed in training.seeds]
            less = Spread(
                [a - b for a, b in zip(file, dense)], "points", f"validation, file - dense: {training.name}", 3, True
            )
            cells = {
                "kept": _words(_kept_words(training), training.recipe),
                "epochs": _words("+".join(str(phase.epochs) for phase in training.seeds[0].phases), training.recipe),
                "seeds": _words(words_of_seeds(training.seeds), training.recipe),
                DENSE: Spread(dense, "%", f"validation, dense: {training.name}", 3).mean(),
                FILE: Spread(file, "%", f"validation, file: {training.name}", 3).mean(),
                LESS_DENSE: less.mean(),
            }
            if len(training.seeds) > 1:
                cells["standard error"] = less.error()
            cells |= {column: spread(training, column).mean() for column in (BYTES, RATE, CPU)}
            tried = self.notes["candidate"].get(training.recipe)
            if tried:
                cells["what was tried"] = _words(tried, "notes.csv")
            table.put_cells(training.name, cells)
        table.decimals = {DENSE: 3, FILE: 3, "standard error": 3, BYTES: 0, RATE: 1, CPU: 0}
        return table

    # ---- DSD

    def dsd_table(self):
        table = Table("dsd-paper", "DSD's table, of other networks", corner="network, metric")
        for (network, metric), (before, after, improvement) in self.printed.dsd().items():
            table.put_cells(f"{network}, {metric}", {"dense": before, "DSD": after, "better by": improvement})
        return table

    def tables(self):
        found = []
        if self.trainings:
            found = [self.summary(), goals_table(self.trainings, self.printed, self.notes["limit"]), self.openings()]
        if self.candidates:
            found.append(self.choice())
        found += [sweep_table(network, points) for network, points in points_of(self.swept).items()]
        for training in self.trainings:
            found += _tables_of(training, self.printed)
        if any(training.has_control for training in self.trainings):
            found.append(self.dsd_table())
        return found + self.hidden

    def page(self, file, figure, swept=""):
        """`figure` and `swept`: files of the two pictures, "" where there is none."""
        page = Page("Deep Compression whole: trained, pruned, shared, coded").add(
            "Networks that `eie train` trained, pruned, shared and stored, from its ledgers; `./run train` makes this page.",
            f"{LETTERS} Errors are of the test images (10,000 of MNIST), where nothing else is said, of the file as it is read back from "
            "disk; *validation*: of images set apart from the others (5,000 of the 60,000), on which every choice was made. A rate is 4 bytes a "
            "parameter, biases too, over the bytes of the whole file. Seconds are CPU seconds: the machine was busy. One seed "
            "tells little: on 10,000 images an error near 1.5 % has a binomial deviation of 0.12 points.",
        )
        if self.trainings:
            page.heading("What came of it").table(self.summary(), titled=False, file=file)
        page.bullets(_lead(training) for training in self.trainings if training.is_tested)
        if figure:
            page.heading("Error against rate").add(
                Figure(figure, "error on the test set against the rate of compression, by network, recipe and phase"),
                "After Deep Compression's Fig. 6. Lines join what the phases of a recipe left; the last step, from pruned to "
                "file, is sharing, tuning and coding: what the paper's Fig. 7 asks, whether pruned weights can be shared at few "
                "bits. Rates in weights are not rates in bytes: they count no places, so that the two kinds of marks must not be "
                "compared.",
            )
        self._sweep(page, file, swept)
        if self.trainings:
            goals = goals_table(self.trainings, self.printed, self.notes["limit"])
            page.heading("The goals").add("Judged by the numbers, not as they are rounded.").table(
                goals, titled=False, file=file
            )
        page.heading("Openings of the test set").add(
            "Recipes were committed before; every opening is listed, also those that came out badly. A seed's test set is opened "
            "once, after its last phase, and nothing was run again."
        )
        if self.openings().rows:
            page.table(self.openings(), titled=False, file=file)
        page.bullets([*self.notes["opening"].values(), *_swept_openings(self.swept)])
        if self.candidates:
            page.heading("What the recipe was chosen from").add(
                "On validation images only, with seeds of their own; the test set stayed closed (`--no-test`)."
            ).table(self.choice(), titled=False, file=file)
        for training in self.trainings:
            self._training(page, training, file)
        page.heading("Where this is from").bullets(
            [_origin(training, ", ".join(training.sources)) for training in self.trainings]
            + [_origin(*its) for its in _by_origin(self.swept)]
        )
        return page

    def _sweep(self, page, file, figure):
        found = points_of(self.swept)
        if not found:
            return
        page.heading("Shares and bits").add(
            "One recipe with its shares and bits varied (`./run train --sweep`; `data/sweeps`), all points trained as long and from "
            "the same dense networks; no point was chosen or left out by its error. *Kept*: of each layer. Beside it, of the "
            "network that was pruned and retrained and is still in floats, how far its error lies above dense; and the validation "
            "error of the shared weights before their centroids learnt. A difference of two errors on the same 10,000 images has a "
            "deviation of some 0.1 points by itself: a single seed's below 0.2 says nothing."
        )
        if figure:
            page.add(
                Figure(figure, "error above dense against the rate in bytes, and against the bits of a code"),
                "After Deep Compression's Fig. 6 and 7. Bars go from the least to the greatest of the seeds. *Pruned alone* has no "
                "file: its bytes are 4 a weight and bias, and header, tables and places of the file with the same weights. "
                "*Shared alone* retrains all weights as long as pruned ones are retrained. Fig. 7 asks whether pruned weights need "
                "more bits than all of them.",
            )
        for network, points in found.items():
            page.table(sweep_table(network, points), titled=len(found) > 1, file=file)

    def _training(self, page, training, file):
        page.heading(f"{PAPER_NAMES.get(training.network, training.network)}, recipe `{training.recipe}`")
        page.add(f"Kept of each layer: {_kept_words(training)}.")
        if training.has_control:
            page.add(_dsd_verdict(training))
        for table in _tables_of(training, self.printed):
            page.table(table, file=file)
        if training.has_control:
            page.table(self.dsd_table(), file=file).add(
                "**Other networks and other data**: nothing of that table is about the networks here, and it compares DSD with the "
                "baseline, not with a control that was trained as long.",
            )


def _tables_of(training, printed):
    found = [seeds_table(training), phases_table(training)]
    if training.is_shared:
        found += [layers_table(training), bytes_table(training), paper_table(training, printed)]
        if training.recipe == "paper":
            found.append(paper_layers_table(training, printed))
    return [table for table in found if table is not None]


def _words(text, source):
    return Cell(text, "", "derived", source)


def _kept_words(training):
    """In percent, layer by layer, of the recipe's last pruning."""
    shares = [phase.get("kept") for phase in training.phases_text() if phase.get("kind") == "prune"]
    if not shares:
        return "all"
    its = shares[-1] if isinstance(shares[-1], list) else [shares[-1]]
    return "/".join(str(round(100 * share, 3)) for share in its if isinstance(share, (int, float))) + " %"


def _lead(training):
    """The sentence of a training."""
    dense, file, less = (spread(training, column) for column in (DENSE, FILE, LESS_DENSE))
    words = f"**{training.name}**: {dense.mean().said()} dense, {file.mean().said()} from the file, {less.mean().said()}"
    if less.error_value is not None:
        words += f", standard error {less.error().said(3)}"
    if training.is_shared:
        words += f"; {spread(training, BYTES).mean().said(0)}, {spread(training, RATE).mean().said(1)}"
    alone = [sum(getattr(seed.test, side) for seed in training.seeds) for side in ("only_first", "only_file")]
    return words + f". Images that dense alone gets wrong: {alone[0]}, the file alone: {alone[1]}, all seeds together."


def _dsd_verdict(training):
    its = spread(training, LESS_CONTROL)
    mean = replace(its.mean(), source=its.source)
    words = (
        f"**{its.verdict().capitalize()}.** DSD less its control, of the same epochs and rates without a mask: {mean.said()}"
    )
    if its.error_value is not None:
        ends = said_together(its.interval(), " to ")
        words += f", standard error {its.error().said(3)}, 95 % interval {ends}, {len(training.seeds)} seeds, paired"
    dense, control, file = (spread(training, column).mean() for column in (DENSE, CONTROL, FILE))
    less = spread(training, LESS_DENSE)
    words += f". Dense {dense.said()}, DSD {file.said()}, control {control.said()}"
    words += f"; DSD less dense {less.mean().said()}"
    if less.error_value is not None:
        words += f", standard error {less.error().said(3)}"
    return words + ". A gain or a loss is called where the interval leaves 0 out."


def _swept_openings(trainings):
    """A line for each network: that every point opened it, for each seed."""
    for network, points in points_of(trainings).items():
        seeds = [seed for point in points for seed in point.training.seeds]
        numbers = sorted({seed.number for seed in seeds})
        yield (
            f"Sweep of {network}, recipe `{points[0].training.recipe.split(',')[0]}`: {len(points)} points with {len(seeds)} trained "
            f"networks (seed{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}), opened once for each, after its last "
            f"phase; revision {', '.join(sorted({seed.revision for seed in seeds}))}. All results stand under *Shares and bits*; "
            "nothing was chosen by them."
        )


def _by_origin(trainings):
    """(one of them, where they are) for all that differ in shares and bits alone."""
    found = {}
    for training in trainings:
        name = f"{training.recipe.split(',')[0]}, shares and bits varied"
        found.setdefault((training.network, *training.alike), []).append(replace(training, recipe=name))
    return [(its[0], f"{len(its)} points in {SWEEP}/") for its in found.values()]


def _origin(training, where):
    threads = f"{training.threads} thread{'s' * (training.threads > 1)} a seed"
    return (
        f"{training.name}: {training.data}, {training.images} images learnt, {training.validation} set apart; {training.library}, "
        f"path {training.core}, {threads}; {where}"
    )


def files(found, path):
    """{name: content} of the page and the files next to it."""
    name = os.path.basename(path)
    stem = os.path.splitext(name)[0]
    drawings = {f"{stem}.png": found.picture(), f"{stem}-SWEEP.png": sweep_picture(found.swept)}
    drawings = {name: drawing for name, drawing in drawings.items() if drawing}
    page = found.page(f"{stem}.csv", *(name if name in drawings else "" for name in (f"{stem}.png", f"{stem}-SWEEP.png")))
    return {name: markdown(page), f"{stem}.csv": csv_of(found.tables()), **drawings}


def main(arguments=None):
    parser = Parser("train", description="Ledgers of `eie train` as a page, its cells as CSV, and a picture.")
    train_options.add(parser)
    options = parser.parse_args(arguments)
    try:
        found = Training(options.folder)
        if not options.out:
            print(markdown(found.page("", "")), end="")
            return 0
        made = files(found, options.out)
    except InputError as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    if not written("train", options.out, made):
        return 3
    for training in found.trainings:
        if training.is_tested:
            print(_lead(training).replace("**", ""))
    print(f"Page: {options.out}" + (f", picture: {os.path.splitext(options.out)[0]}.png" if drawn(found.trainings) else ""))
    return 0
