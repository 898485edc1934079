"""What `./run report` and `./run reproduce` end with: one screen that says which numbers to trust, and where the rest is."""

import textwrap
from dataclasses import replace

import baselines
import quiet
from cells import partial_mean, ratio
from headline import ratio_text
from hostrows import headline_view
from modelrows import model_kernels
from opencl import ACTUAL_OVER, OVER, WALL
from published import EIE, LAYERS, PLATFORMS
from references import BEST, DENSE, SPARSE
from speed import NINE

LINES, COLUMNS = 25, 100
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
        above = _lines(f"Machine: {quiet.machine(self._results)}")
        above += [_line(f"Quiet:   {text}") for text in quiet.quiet(self._results)[:1]]
        above += [_line(f"Limits:  {text}") for text in quiet.limits(self._results)[:1]]
        above += [_line(f"Could see differences above {quiet.resolution_words(self._results)}"), ""]
        above += self.headline()
        below = [f"{what + ':':10}{where}" for what, where in paths]
        warnings = self.warnings()
        room = LINES - len(above) - len(below)
        if len(warnings) > room:
            warnings = warnings[:room - 1] + [f"and {len(warnings) - room + 1} more warnings: see the report"]
        return "\n".join(above + [_line("! " + text) for text in warnings] + below)

    def headline(self):
        lines = [_row(HEADER)] if self._views else []
        names = []
        for view in self._views:
            for threads in view.thread_counts():
                lines.append(_row(self._cpu(view, threads)))
                found = view.reference_names(DENSE, threads)
                names.append((found, f"b{view.batch} {threads}t"))
        if self._opencl.table:
            count = sum(self._opencl.table.get(layer, WALL).is_number for layer in LAYERS)
            wall, over, actual = (_of(count, self._opencl.mean(column)) for column in (WALL, OVER, ACTUAL_OVER))
            lines.append(_row((f"OpenCL, batch 1 hot, {count}/{len(LAYERS)}", wall, over, "", actual)))
        return lines + self._paper() + _names(names) + [_line(text) for text in self._gpus.summary()]

    def _cpu(self, view, threads):
        layers = view.best_per_layer(threads)
        times = [cell for cell, _ in layers]
        actual = [ratio(time, eie, "this host / EIE actual, Table IV")
                  for time, eie in zip(times, self._published.times(EIE, "actual"))]
        count = sum(cell.is_number for cell in times)
        means = [_of(count, partial_mean(cells, NINE)) for cells in (
            times, view.over(DENSE, layers, threads), view.over(SPARSE, layers, threads), actual)]
        return f"batch {view.batch} {view.cache}, {threads} thread{'s' * (threads > 1)}, {count}/{len(LAYERS)}", *means

    def _paper(self):
        row = f"{next(iter(PLATFORMS))} dense, batch 1"
        printed, recomputed = (ratio_text(self._speeds.get(row, column)) for column in ("printed", "EIE actual"))
        models = [f"{ratio_text(self._speeds.get(row, f'{kernel}, paper'))} ({kernel.rpartition('_')[2]})"
                  for kernel in model_kernels(self._results)]
        return [_line(f"EIE over the paper's CPU: printed {printed}, Table IV {recomputed}, model "
                      + (", ".join(models) or "without a row"))]

    def warnings(self):
        """Most important first; one line each."""
        texts = [] if self._results.rows else ["The results file has no usable row: only published numbers follow"]
        for view in self._views:
            for threads in view.thread_counts():
                texts += [f"weak baseline, batch {view.batch}, {text}"
                          for text in baselines.weak(view, threads, self._results)]
        for words, found in (("wide", quiet.wide), ("", quiet.disturbed), ("doubt", quiet.doubts)):
            texts += [f"{words}: {text}" if words else text for text in found(self._results)]
        return texts + [f"missing: {text}" for text in self._missing]


def _of(count, cell):
    """A row's label says how many layers it has: a mean says so where it has fewer."""
    return replace(cell, layers=0) if cell.layers == count else cell


def _names(pairs):
    """The libraries behind best dense; groups that share them share a line."""
    where = {}
    for names, place in pairs:
        where.setdefault(names or "none", []).append(place)
    return [line for names, places in where.items() for line in _lines(f"Best dense, {', '.join(places)}: {names}")]


def _line(text):
    return textwrap.shorten(text, COLUMNS, placeholder=" ...")


def _lines(text):
    return textwrap.wrap(text, COLUMNS, subsequent_indent=" " * len("Machine: "), max_lines=2, placeholder=" ...")


def _row(cells):
    texts = [cell if isinstance(cell, str) else "-" if not cell.is_number else
             " ".join(filter(None, (cell.digits() + cell.unit.replace("us", ""), cell.margin(),
                                    f"({cell.layers})" if cell.layers else "")))
             for cell in cells]
    parts = [texts[0].ljust(WIDTHS[0])] + [text.rjust(width) for text, width in zip(texts[1:], WIDTHS[1:])]
    return "".join(parts)[:COLUMNS].rstrip()
