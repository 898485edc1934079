"""What `./run report` and `./run reproduce` end with: one screen that says which numbers to trust, and where the rest is."""

import textwrap
from dataclasses import replace

from plots.core.cells import ratio
from plots.core.headline import ratio_text
from plots.core.means import partial_mean
from plots.core.published import EIE, LAYERS, PLATFORMS
from plots.core.references import BEST, DENSE, SPARSE, library_of, named
from plots.pages.screen import TOGETHER
from plots.tables import baselines, quiet
from plots.tables.hostrows import headline_view
from plots.tables.modelrows import model_kernels
from plots.tables.opencl import ACTUAL_OVER, OVER, WALL
from plots.tables.speed import NINE

LINES, COLUMNS = 25, 100
FEWEST_WARNINGS = 4  # lines that long names of libraries make room for
LONGEST_NAME = 80  # of the CPU
HEADER = ("best exact kernel of each layer", "us an input", f"over {BEST[DENSE]}", f"over {BEST[SPARSE]}", "EIE over it")
WIDTHS = (31, 15, 20, 20, 14)  # 100 together
BATCHES = (1, 64)


class LastScreen:
    def __init__(self, results, published, opencl, speeds, missing, gpus):
        self._results, self._published = results, published
        self._views = [view for view in (headline_view(results, published, batch) for batch in BATCHES) if view]
        self._opencl, self._speeds, self._missing, self._gpus = opencl, speeds, missing, gpus

    def text(self, paths):
        """`paths`: (what, where) pairs; these lines are as long as they are."""
        above = _lines(f"Machine: {quiet.machine(self._results, LONGEST_NAME)}")
        for words, texts in (
            ("Quiet:   ", quiet.quiet(self._results)),
            ("Limits:  ", quiet.limits(self._results)),
            ("Visits:  ", [quiet.moved(self._results)]),
        ):
            above += [line for text in texts[:1] if text for line in _lines(words + text)]
        above += [f"Could see differences above {quiet.resolution_words(self._results)}", ""] + self.headline()
        below = [f"{what + ':':10}{where}" for what, where in paths]
        room = max(0, LINES - len(above) - len(below))
        names = self._names(library_of)
        if len(names) > room - FEWEST_WARNINGS:
            names = self._names(_library)[:room]
        return "\n".join((above + names)[: max(0, LINES - len(below))] + self._shown(room - len(names)) + below)

    def _shown(self, room):
        """The warnings that fit whole, and how many do not."""
        lines, left = [], 0
        texts = self.warnings()
        for number, text in enumerate(texts):
            wrapped = _lines(text, "! ", "  ")
            last = number == len(texts) - 1 and not left  # else a line must be left to count the others
            if len(lines) + len(wrapped) <= room - (not last):
                lines += wrapped
            else:
                left += 1
        words = "and {} more" if lines else "{}"
        return lines + [f"! {words.format(left)} warning{'s' * (left > 1)}: see the report"] * (left > 0 and room > 0)

    def headline(self):
        lines = [_row(HEADER)] if self._views else []
        for view in self._views:
            lines += [_row(self._cpu(view, threads)) for threads in view.thread_counts()]
        if self._opencl.table:
            count = sum(self._opencl.table.get(layer, WALL).is_number for layer in LAYERS)
            wall, over, actual = (_of(count, self._opencl.mean(column)) for column in (WALL, OVER, ACTUAL_OVER))
            lines.append(_row((f"OpenCL, batch 1 hot, {count}/{len(LAYERS)}", wall, over, "", actual)))
        return lines + self._paper() + [line for text in self._gpus.summary() for line in _lines(text)]

    def _cpu(self, view, threads):
        layers = view.best_per_layer(threads)
        times = [cell for cell, _ in layers]
        actual = [
            ratio(time, eie, "this host / EIE actual, Table IV")
            for time, eie in zip(times, self._published.times(EIE, "actual"))
        ]
        count = sum(cell.is_number for cell in times)
        means = [
            _of(count, partial_mean(cells, NINE))
            for cells in (times, view.over(DENSE, layers, threads), view.over(SPARSE, layers, threads), actual)
        ]
        return f"batch {view.batch} {view.cache}, {threads} thread{'s' * (threads > 1)}, {count}/{len(LAYERS)}", *means

    def _names(self, words):
        """The libraries behind best dense, each in the `words` for a row; groups that share them share a line."""
        where = {}
        for view in self._views:
            for threads in view.thread_counts():
                names = named(view.reference(DENSE, threads), words) or "none"
                where.setdefault(names, []).append(f"b{view.batch} {threads}t")
        return [line for names, places in where.items() for line in _lines(f"Best dense, {', '.join(places)}: {names}")]

    def _paper(self):
        row = f"{next(iter(PLATFORMS))} dense, batch 1"
        printed, recomputed = (ratio_text(self._speeds.get(row, column)) for column in ("printed", "EIE actual"))
        models = [
            f"{ratio_text(self._speeds.get(row, f'{kernel}, paper'))} {kernel.rpartition('_')[2]}"
            for kernel in model_kernels(self._results)
        ]
        return _lines(
            f"EIE over the paper's CPU: printed {printed}, Table IV {recomputed}, model "
            + (", ".join(models) or "without a row")
        )

    def warnings(self, plain=False):
        """What is to doubt, in one line of counts; then the most important. `plain`: in words for everybody."""
        texts = [] if self._results.rows else ["The results file has no usable row: only published numbers follow"]
        counts = quiet.counts(self._results, plain)
        texts += [counts] if counts else []
        for view in self._views:
            for threads in view.thread_counts():
                texts += [
                    f"weak baseline, batch {view.batch}, {text}" for text in baselines.weak(view, threads, self._results)
                ]
        return (
            texts
            + [f"doubt: {text}" for text in quiet.doubts(self._results, together=True)]
            + [f"missing: {text}" for text in self._missing]
        )


def _of(count, cell):
    """A row's label says how many layers it has: a mean says so where it has fewer."""
    return replace(cell, layers=0) if cell.layers == count else cell


def _library(row):
    """Without version and code path, where there is no room for them."""
    return library_of(row).partition(" ")[0]


def _lines(text, first="", further=" " * len("Machine: ")):
    return [
        line.replace("\xa0", " ")
        for line in textwrap.wrap(
            TOGETHER.sub("\xa0", text), COLUMNS, initial_indent=first, subsequent_indent=further, break_on_hyphens=False
        )
    ]


def _row(cells):
    texts = [
        cell
        if isinstance(cell, str)
        else "-"
        if not cell.is_number
        else " ".join(
            filter(
                None, (cell.digits() + cell.unit.replace("us", ""), cell.margin(), f"({cell.layers})" if cell.layers else "")
            )
        )
        for cell in cells
    ]
    parts = [texts[0].ljust(WIDTHS[0])] + [" " + text.rjust(width - 1) for text, width in zip(texts[1:], WIDTHS[1:])]
    return "".join(parts).rstrip()
