"""How this host's time goes with threads, batch, cache mode, and what preparing costs: means over the nine layers of the
paper's suite. pagefigures.py draws them."""

from plots.core.cells import Cell, missing, ratio
from plots.core.grid import Table
from plots.core.means import partial_mean
from plots.core.published import EIE, LAYERS, PLATFORMS
from plots.core.references import BEST, DENSE, SPARSE
from plots.tables.fig6 import fig6_published
from plots.tables.fig7 import HOST_BEST, HOST_DENSE, fig7_table, put_host
from plots.tables.hostrows import CACHE_ORDER, SUITE, HostView, headline_caches, headline_view, number_cell
from plots.tables.modelrows import with_partial_mean

KERNELS = 6  # the fastest exact compressed ones, beside the best dense and the best sparse float32 rows
NINE = "nine layers of suite paper"
PREPARE, RUN, PAYS = "prepare (ms)", "run (us)", "calls until it pays"


class Ways:
    def __init__(self, results, published):
        self._results, self._published = results, published
        self.view = headline_view(results, published)
        self.threads = self._threads()
        self.modes = {"threads": self.view.cache if self.view else "", "batch": ""}  # the cache mode of each table
        self.scaling = self._scaling()
        self.batches = self._batches()
        self.caches = self._caches()
        self.prepare = self._prepare()

    def tables(self):
        return [table for table in (self.scaling, self.batches, self.caches, self.prepare) if table.rows]

    def _threads(self):
        counts = self.view.thread_counts() if self.view else []
        return counts[-1] if counts else 0

    def _kernels(self, view, threads):
        """The fastest exact compressed columns, by their means."""
        times = [(self._mean(view, column), column) for column in view.cpu_columns(threads) if _counts(view, column)]
        times = [(time, column) for time, column in times if time.is_number]
        return [column for _, column in sorted(times, key=lambda pair: (pair[0].value, pair[1].name))]

    def _mean(self, view, column):
        return partial_mean(view.times(column), f"{NINE}: {column.name}, batch {view.batch}, cache {view.cache}")

    def _series(self, view, threads, kernels):
        """{name: mean time}: best dense, best sparse, and these kernels."""
        found = {
            BEST[kind]: partial_mean(
                view.reference_times(kind, threads),
                f"{NINE}: {BEST[kind]} of each, {threads} threads, batch {view.batch}, cache {view.cache}",
            )
            for kind in (DENSE, SPARSE)
        }
        columns = {column.kernel: column for column in view.cpu_columns(threads)}
        return found | {
            name: self._mean(view, columns[name]) if name in columns else _none(name, threads) for name in kernels
        }

    def _names(self, view, threads):
        return [column.kernel for column in self._kernels(view, threads)[:KERNELS]]

    def _scaling(self):
        table = Table(
            "ways_threads",
            f"Time over threads, batch 1, cache {self.view.cache}, us, geometric mean of {NINE}" if self.view else "Threads",
            corner="threads",
        )
        if self.threads:
            names = self._names(self.view, self.threads)
            counts = {
                row.threads for row in self._results.rows if row.suite == SUITE and row.device == "cpu" and row.threads
            }
            for threads in sorted(counts):
                table.put_cells(str(threads), self._series(self.view, threads, names))
        return table

    def _batches(self):
        """In the cache mode that the most batches have."""
        sizes = sorted({row.batch for row in self._results.rows if row.suite == SUITE and not row.is_model})
        modes = {cache: [size for size in sizes if cache in headline_caches(self._results, size)] for cache in CACHE_ORDER}
        cache = max(CACHE_ORDER, key=lambda mode: (len(modes[mode]), -CACHE_ORDER.index(mode)))
        self.modes["batch"] = cache
        table = Table(
            "ways_batch",
            f"Time of one input over the batch, cache {cache}, {self.threads} threads, us, geometric mean of {NINE}",
            corner="batch",
        )
        views = [HostView(self._results, cache, self._published, size) for size in modes[cache]] if self.threads else []
        if views:
            names = list(dict.fromkeys(name for view in views for name in self._names(view, self.threads)[: KERNELS // 2]))
            for view in views:
                table.put_cells(str(view.batch), self._series(view, self.threads, names))
        return table

    def _caches(self):
        table = Table(
            "ways_cache",
            f"Where the weights lie, batch 1, {self.threads} threads, us, geometric mean of {NINE}",
            corner="kernel",
        )
        modes = [cache for cache in ("hot", "llc", "dram") if cache in headline_caches(self._results)]
        if self.threads and modes:
            names = self._names(self.view, self.threads)
            for cache in modes:
                view = HostView(self._results, cache, self._published)
                for name, cell in self._series(view, self.threads, names).items():
                    table.put(name, cache, cell)
        return table

    def _prepare(self):
        table = Table(
            "ways_prepare",
            f"What preparing costs, batch 1, cache {self.view.cache}, {self.threads} threads, geometric mean of {NINE}"
            if self.view
            else "Preparing",
            corner="kernel",
        )
        if not self.threads:
            return table
        dense = self._series(self.view, self.threads, [])[BEST[DENSE]]
        for column in self._kernels(self.view, self.threads):
            rows = [self.view.row(column, layer) for layer in LAYERS]
            cells = [
                number_cell(row, layer, "eie_prepare_ns", "ms", 1e-6, "eie_prepare_ns") for row, layer in zip(rows, LAYERS)
            ]
            run = self._mean(self.view, column)
            prepare = partial_mean(cells, f"{NINE}: prepare, {column.name}")
            table.put_cells(column.kernel, {PREPARE: prepare, RUN: run, PAYS: _pays(prepare, run, dense)})
        table.notes.append(
            "Preparing (repacking, compiling, allocating) is once per plan and in no other time; it is measured once, so no "
            "interval is known. Calls until it pays: preparing over what one call saves against the best dense float32 row, "
            "whose own preparing is not counted."
        )
        return table


def _counts(view, column):
    return view.is_exact(column) and not view.is_float(column)


def _none(name, threads):
    return missing("not run", "measured", f"{name} has no row on {threads} threads", "us")


def _pays(prepare, run, dense):
    what = "preparing / (best dense - run)"
    for cell in (prepare, run, dense):
        if not cell.is_number:
            return missing("none", "derived", f"{what}: {cell.source}", "calls", cell.reason)
    if run.value >= dense.value:
        return missing("never", "derived", f"{what}: no call is faster than best dense", "calls")
    return Cell(1e3 * prepare.value / (dense.value - run.value), "calls", "derived", what, unsure=True)


def machine_speed(results, published):
    """Fig. 6 with this machine's rows over the same base: the published CPU's dense time of each layer."""
    table, view = fig6_published(results, published), headline_view(results, published)
    table.name, table.title = "machine_speed", "Speed-up over the published CPU dense times, with this machine"
    if not view or not view.thread_counts():
        return table
    threads = view.thread_counts()[-1]
    base = published.times(PLATFORMS["CPU"], "dense")
    for name, times in (
        (HOST_DENSE, view.reference_times(DENSE, threads)),
        (HOST_BEST, [time for time, _ in view.best_per_layer(threads)]),
    ):
        what = f"CPU dense batch 1, Table IV / {name}, batch 1, cache {view.cache}, {view.thread_words(threads)}"
        with_partial_mean(table, name, [ratio(over, under, what) for over, under in zip(base, times)], what)
    return table


def machine_energy(results, published):
    """The same of energy; without a meter the table has no column of this host."""
    table = put_host(fig7_table(results, published), results, published)
    table.name, table.title = "machine_energy", "Energy efficiency over the published CPU dense, with this machine"
    return table


def published_mean(published):
    """EIE's actual time, geometric mean of the nine layers."""
    return partial_mean(published.times(EIE, "actual"), "nine layers: EIE actual, Table IV")
