"""Table IV side by side: published, model, this host."""

from plots.core.cells import MARKS, deviation, missing, ratio
from plots.core.grid import Table
from plots.core.published import EIE, LAYERS, PLATFORMS
from plots.core.references import BEST, DENSE
from plots.tables.hostrows import cell_of, headline_view, kernel_words, number_cell
from plots.tables.modelrows import FC8, MEAN_ROW, model_kernels, model_row, model_theoretical, with_mean, with_partial_mean
from plots.tables.opencl import WALL, Opencl

EIE_ACTUAL = "EIE actual"


class _Beside:
    """The published columns of a table, and this host's."""

    def __init__(self, results, published, table):
        self.table, self._results, self._published = table, results, published

    def _host_columns(self, view):
        real = self._results.select(suite="real", layer=FC8, batch=view.batch, cache=view.cache)
        for threads in view.thread_counts():
            group = "real", FC8, view.batch, view.cache, threads
            reference = view.references.of_group(group, DENSE)
            self._host_column(
                f"{BEST[DENSE]}@{threads}",
                view.reference_times(DENSE, threads),
                (cell_of(reference, FC8) if reference else view.none(DENSE, FC8, threads)) if real else None,
            )
        for threads in view.thread_counts():
            column = view.best(threads)
            why = missing("missing", "measured", f"no exact compressed kernel on {view.thread_words(threads)}", "us")
            self._host_column(
                column.name if column else f"kernel@{threads}",
                view.times(column) if column else [why] * len(LAYERS),
                (cell_of(self._real_row(column, view), FC8) if column else why) if real else None,
            )
        best = [(view.best(threads), view.thread_words(threads)) for threads in view.thread_counts()]
        names = kernel_words([(column.kernel, words) for column, words in best if column])
        dense = kernel_words(
            [
                (view.reference_names(DENSE, threads) or "none", view.thread_words(threads))
                for threads in view.thread_counts()
            ]
        )
        self.table.notes.append(
            f"This host: wall time, cache {view.cache}, medians "
            f"({'m' if view.batch == 1 else 'of the whole batch, divided by it: d'}). {BEST[DENSE][0].upper()}"
            f"{BEST[DENSE][1:]}, float32: {dense}. kernel: best exact "
            f"compressed kernel by geometric mean{': ' if names else ''}{names}."
        )

    def _host_column(self, name, cells, below):
        with_partial_mean(self.table, name, cells, name)
        if below:
            self.table.put(FC8, name, below)

    def _real_row(self, column, view):
        return column.rows(self._results, "real", view.batch, view.cache).get(FC8)

    def _column(self, name, cells, below, decimals):
        with_mean(self.table, name, cells, name)
        if below:
            self.table.put(FC8, name, below)
        if decimals:
            self.table.decimals[name] = decimals


class BatchedSideBySide(_Beside):
    """Table IV's batch 64, per input, where the published GPU beats EIE on most dense layers."""

    BATCH = 64

    def __init__(self, results, published):
        super().__init__(
            results,
            published,
            Table(f"table4_batch{self.BATCH}", f"Table IV, batch {self.BATCH}: published and measured; us per input vector"),
        )
        for matrix in ("dense", "sparse"):
            for short, platform in PLATFORMS.items():
                self._column(f"{short} {matrix}", published.times(platform, matrix, self.BATCH), None, 1)
        self._column(EIE_ACTUAL, published.times(EIE, "actual"), None, 1)
        self._ratios()
        self.table.notes.append(
            "EIE takes one input at a time, so its batch 1 is shown. EIE / GPU, in x: how many times faster EIE is; "
            "below 1 the GPU is."
        )
        view = headline_view(results, published, self.BATCH)
        if view:
            self._host_columns(view)
        self.table.fill("no such number for this layer")

    def _ratios(self):
        for short in PLATFORMS:
            for matrix in ("dense", "sparse"):
                name = f"EIE over {short} {matrix}"
                for row in LAYERS + (MEAN_ROW,):
                    self.table.put(
                        row,
                        name,
                        ratio(
                            self.table.get(row, f"{short} {matrix}"),
                            self.table.get(row, EIE_ACTUAL),
                            f"{short} {matrix} batch {self.BATCH} per input, Table IV / EIE actual, batch 1, Table IV",
                        ),
                    )
                self.table.decimals[name] = 2


class SideBySide(_Beside):
    """Batch 1."""

    def __init__(self, results, published):
        super().__init__(
            results, published, Table("table4", "Table IV, batch 1: published, modelled, measured; us per input vector")
        )
        self._published_columns()
        for kernel in model_kernels(results)[:1]:
            self._model_columns(kernel)
        view = headline_view(results, published)
        if view:
            self._host_columns(view)
        opencl = Opencl(results, published).table
        if opencl:
            self._host_column("best OpenCL (wall)", [opencl.get(layer, WALL) for layer in LAYERS], None)
        self.table.fill("no such number for this layer")

    def _published_columns(self):
        for short, platform in PLATFORMS.items():
            self._column(
                f"{short} dense",
                self._published.times(platform, "dense"),
                missing("none", "cited", f"Table IV has no {FC8}", reason="Table IV does not have this layer"),
                1,
            )
        for matrix in ("theoretical", "actual"):
            self._column(
                f"EIE {matrix}", self._published.times(EIE, matrix), self._published.simulator_fc8(f"{matrix}_time"), 1
            )
        self.table.notes += [
            "CPU, GPU, mGPU: Core i7-5930K, Titan X, Tegra K1, dense float32, printed as wall time (c). EIE: 64 PEs, "
            "45 nm, 800 MHz, its authors' simulation (c); theo: perfect load balance; actual: with waiting."
        ]

    def _model_columns(self, kernel):
        for suite, name in (("paper", "model"), ("paper-matched", "matched")):
            rows = [model_row(self._results, kernel, suite, layer) for layer in LAYERS]
            real = (
                self._results.one(kernel=kernel, layer=FC8, device=EIE, batch=1, time_source="model")
                if suite == "paper"
                else None
            )
            kinds = [("expected", cell_of, EIE_ACTUAL)]
            if suite == "paper":
                kinds.insert(0, ("theoretical", model_theoretical, "EIE theoretical"))
            for kind, cell, against in kinds:
                column = f"{name} {kind}"
                below = (
                    cell(real, FC8)
                    if real
                    else missing("none", "modelled", f"{FC8} is not in suite {suite}", reason="not in this suite")
                )
                self._column(column, [cell(row, layer) for row, layer in zip(rows, LAYERS)], below, 2)
                for row in self.table.rows:
                    self.table.put(
                        row,
                        f"{column} deviation",
                        deviation(
                            self.table.get(row, column),
                            self.table.get(row, against),
                            f"{kernel}, suite {suite}, {kind} / {against}",
                        ),
                    )
        self.table.notes += [
            f"model: {kernel}, suite paper{self._model_mark(kernel)}; exp: expected, with waiting, compares with actual; dev: "
            "from EIE's column (d). matched: suite paper-matched, calibrated to EIE's theo, so only exp says something."
        ]
        self._fc8_note(kernel)

    def _model_mark(self, kernel):
        """The letters of what the rows themselves say they are: modelled or simulated."""
        rows = self._results.select(kernel=kernel, suite="paper", time_source="model")
        letters = sorted({MARKS[row.provenance] for row in rows if row.usable})
        return f" ({', '.join(letters)})" if letters else ""

    def _fc8_note(self, kernel):
        row = self._results.one(kernel=kernel, layer=FC8, device=EIE, batch=1, time_source="model")
        ours = number_cell(row, FC8, "eie_cycles", "cycles", 1, "cycles")
        if ours.is_number:
            theirs, time = (self._published.simulator_fc8(key) for key in ("actual_cycles", "actual_time"))
            off = deviation(ours, theirs, f"{kernel} on {FC8} / authors' simulator")
            self.table.notes.append(
                f"{FC8}: the real weights and one real input of AlexNet FC8, in no mean. EIE's columns: its authors' "
                f"simulator on it, {_noted(theirs)} cycles = {_noted(time)} us; the model: {_noted(ours, 1)} cycles, "
                f"{_noted(off)}."
            )


def _noted(cell, decimals=None):
    """For a sentence: the letter in brackets."""
    return f"{cell.digits(decimals)}{' %' if cell.unit == '%' else ''} ({MARKS[cell.provenance]})"
