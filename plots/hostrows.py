"""Which rows of a results file are compared with which: baselines, candidates, columns."""

from cells import Cell, geometric_mean, missing
from published import LAYERS

# This host's dense baseline, as MKL's GEMV at batch 1 and its GEMM at batch 64 are the paper's.
DENSE_BASELINE, DENSE_BASELINE_BATCHED = "peers_openblas_sgemv", "peers_openblas_sgemm"
SUITE = "paper"
CACHE_ORDER = ("llc", "dram", "hot", "none")  # the first that is there is the one for headlines


def dense_baseline(batch):
    return DENSE_BASELINE if batch == 1 else DENSE_BASELINE_BATCHED


def cell_of(row, layer, unit="us"):
    """Time of a row for one input vector, in microseconds; missing where there is none."""
    if row is None:
        return missing("not run", "measured", f"no row for {layer} in the results file", unit,
                       "not run: no such row in the results file")
    where = f"{row.label()}, {row.time_source} time"
    if not row.usable:
        return missing(row.status, row.provenance, f"{where}: {row.status}: {row.reason}", unit,
                       f"{row.status}: {row.reason}")
    if row.batch == 1:
        return Cell(row.median_ns / 1e3, unit, row.provenance, f"results file: median of {where}"
                    if row.provenance == "measured" else f"results file: {where}")
    return Cell(row.median_ns / 1e3 / row.batch, unit, "derived",
                f"{row.provenance} time of the whole batch / {row.batch}: {where}")


def number_cell(row, layer, key, unit, scale, what, provenance=None):
    """A further number of a row as a cell."""
    time = cell_of(row, layer, unit)
    if not time.is_number:
        return time
    value = row.number(key)
    if value is None:
        return missing("absent", row.provenance, f"{row.label()}: no {key} in this row", unit,
                       f"the row has no {key}")
    return Cell(value * scale, unit, provenance or row.provenance, f"results file: {what}, {row.label()}")


def part_baseline(row):
    """The dense baseline's time in the part of the group in which this row ran, per input; None: no parts."""
    time = row.number("eie_part_baseline_ns") if row is not None and row.usable else None
    if time is None:
        return None
    return Cell(time / 1e3 / row.batch, "us", "measured" if row.batch == 1 else "derived",
                f"results file: median of {dense_baseline(row.batch)} in part {row.raw.get('eie_part', '?')} of the "
                f"group of {row.label()}")


class HostColumn:
    """One kernel at one thread count (or on one device), cache mode and clock."""

    def __init__(self, row):
        self.kernel, self.threads, self.device = row.kernel, row.threads, row.device
        self.time_source = row.time_source

    @property
    def key(self):
        return self.kernel, self.threads, self.device, self.time_source

    @property
    def name(self):
        if self.device != "cpu":
            return f"{self.kernel} on {self.device} ({self.time_source})"
        return f"{self.kernel}@{self.threads}" + ("" if self.time_source == "wall" else f" ({self.time_source})")

    def rows(self, results, suite, batch, cache):
        wanted = dict(suite=suite, batch=batch, cache=cache, kernel=self.kernel, threads=self.threads,
                      device=self.device, time_source=self.time_source)
        return {row.layer: row for row in results.select(**wanted)}


def host_groups(results):
    """(suite, batch, cache) of all rows that are not a model's; the headline group's kind first."""
    groups = {(row.suite, row.batch, row.cache) for row in results.rows + results.missing
              if not row.is_model}
    rank = {name: index for index, name in enumerate(CACHE_ORDER)}
    return sorted(groups, key=lambda group: (group[0] != SUITE, group[0], group[1],
                                             rank.get(group[2], len(rank)), group[2]))


def host_columns(results, suite, batch, cache):
    """Columns of a host table, sorted by kernel, device and threads."""
    columns = {}
    for row in results.select(suite=suite, batch=batch, cache=cache):
        if not row.is_model:
            column = HostColumn(row)
            columns[column.key] = column
    return [columns[key] for key in sorted(columns, key=lambda key: (key[0], key[2], key[1], key[3]))]


def exclusion(rows):
    """"" or the word why a column with these rows stands in no mean and no headline."""
    for row in rows:
        for flag in ("reference", "approximate"):
            if flag in row.flags:
                return flag
        if row.status in ("suspect", "mismatch"):
            return row.status
    return ""


def headline_caches(results, batch=1):
    """Cache modes with the paper's suite at this batch on the host, best one for a headline first."""
    return [cache for suite, size, cache in host_groups(results) if suite == SUITE and size == batch]


def headline_view(results, published, batch=1):
    """The host as headlines and Table IV show it, or None: the first cache mode in which the dense baseline and
    a kernel have all layers at one thread count; where there is none, the first."""
    views = [HostView(results, cache, published, batch) for cache in headline_caches(results, batch)]
    return next((view for view in views if view.compares()), views[0] if views else None)


def kernel_words(pairs):
    """"a" or "a on 1 thread, b on all 4 threads" from (kernel, words for the thread count) pairs."""
    names = {name for name, _ in pairs}
    return names.pop() if len(names) == 1 else ", ".join(f"{name} on {words}" for name, words in pairs)


def same_run(row, baseline):
    """Of two runs in one file only one's baseline tells how fast the machine was."""
    return row is None or baseline is None or row.raw.get("eie_run") == baseline.raw.get("eie_run")


class HostView:
    """The paper's suite at one batch in one cache mode: what headlines, Table IV and Fig. 6 need.

    Only equal thread counts are ever compared: whoever asks, asks for one thread count.
    """

    def __init__(self, results, cache, published, batch=1):
        self.cache, self.batch = cache, batch
        self._context, self._published = results.context, published
        columns = host_columns(results, SUITE, batch, cache)
        self._rows = {column.key: column.rows(results, SUITE, batch, cache) for column in columns}
        self._all_columns = columns
        self._columns = [column for column in columns if not exclusion(self._rows[column.key].values())]

    def times(self, column):
        return [cell_of(self._rows[column.key].get(layer), layer) for layer in LAYERS]

    def rows(self, column):
        return list(self._rows[column.key].values())

    def complete(self):
        """Columns that may stand in a headline: every layer there, nothing excluded."""
        return [column for column in self._columns if all(cell.is_number for cell in self.times(column))]

    def thread_counts(self):
        """One thread and the most: the two at which kernels are compared."""
        counts = {column.threads for column in self._columns if column.device == "cpu"}
        return sorted({min(counts), max(counts)}) if counts else []

    def thread_words(self, threads):
        if threads == 1:
            return "1 thread"
        machine = {str(self._context.get(key)) for key in ("eie_cores", "eie_hardware_threads")}
        return f"all {threads} threads" if str(threads) in machine else f"{threads} threads"

    def compares(self):
        """Is there a thread count at which a kernel compares with the dense baseline on all layers?"""
        return any(self.dense(threads) and self.best(threads) for threads in self.thread_counts())

    def dense(self, threads):
        """The complete dense baseline at this thread count, or None."""
        return next((column for column in self.complete() if column.device == "cpu"
                     and column.kernel == dense_baseline(self.batch) and column.threads == threads), None)

    def dense_times_for(self, column, threads):
        """For each layer the time of the dense baseline with which this column's row compares. A group that was
        too large for the memory ran in parts, each with the baseline in it: only the same part compares."""
        base, rows = self.dense(threads), [self._rows[column.key].get(layer) for layer in LAYERS]
        times = [missing("missing", "measured", self.why_no_dense(threads), "us")] * len(LAYERS)
        if base:
            times = [time if same_run(row, self._rows[base.key].get(layer)) else missing(
                "missing", "measured", f"{layer}, {column.name}: the baseline is of another run", "us",
                "the baseline is of another run")
                for layer, row, time in zip(LAYERS, rows, self.times(base))]
        return [part_baseline(row) or time for row, time in zip(rows, times)]

    def why_no_dense(self, threads):
        """In words that end a sentence: the baseline has a row too few, or one that counts nowhere."""
        words = f"no dense OpenBLAS with all nine layers on {self.thread_words(threads)}"
        rows = next((self._rows[column.key] for column in self._all_columns if column.device == "cpu"
                     and column.kernel == dense_baseline(self.batch) and column.threads == threads), {})
        bad = [f"{layer} is {rows[layer].status}" for layer in LAYERS if layer in rows and not rows[layer].usable]
        return words + (f": its row {bad[0]}" if bad else "") + (f" ({len(bad)} such rows)" if len(bad) > 1 else "")

    def best(self, threads):
        """The exact compressed CPU kernel with the smallest geometric mean at this thread count, or None."""
        return min((column for column in self._compressed(threads) if column in self.complete()), default=None,
                   key=lambda column: geometric_mean(self.times(column), "times").value)

    def best_per_layer(self, threads):
        """For each layer the time, the column (or None) of the fastest exact compressed CPU kernel."""
        words = f"exact compressed kernel ran {{}} on {self.thread_words(threads)}"
        return self.fastest(self._compressed(threads), words)

    def fastest(self, columns, words="such kernel ran {}"):
        """For each layer the time and the column of the fastest of these; (why there is none, None)."""
        best = []
        for index, layer in enumerate(LAYERS):
            times = [(self.times(column)[index], column) for column in columns]
            times = [(cell, column) for cell, column in times if cell.is_number]
            best.append(min(times, key=lambda pair: pair[0].value) if times else
                        (missing("missing", "measured", f"no {words.format(layer)}", "us"), None))
        return best

    def cpu_columns(self, threads):
        """All columns of the CPU at this thread count; of those that count nowhere only the approximate ones."""
        return [column for column in self._all_columns if column.device == "cpu" and column.threads == threads
                and exclusion(self._rows[column.key].values()) in ("", "approximate")]

    def is_exact(self, column):
        return all("exact" in row.flags for row in self._rows[column.key].values())

    def is_float(self, column):
        return all("float32" in row.flags and "approximate" not in row.flags
                   for row in self._rows[column.key].values())

    def times_beside(self, column, best):
        """For each layer this column's time where it ran with the one of `best` ([(cell, column or None)])."""
        rows = self._rows[column.key]
        return [time if other is None or same_run(self._rows[other.key].get(layer), rows.get(layer)) else
                missing("missing", "measured", f"{layer}: {column.name} is of another run", "us", "of another run")
                for layer, time, (_, other) in zip(LAYERS, self.times(column), best)]

    def _compressed(self, threads):
        """Exact columns on the CPU that do fewer multiplications than the dense product."""
        return [column for column in self._columns if column.device == "cpu" and column.threads == threads
                and all("exact" in row.flags for row in self._rows[column.key].values())
                and not self._is_dense(column)]

    def _is_dense(self, column):
        for row in self._rows[column.key].values():
            shape = self._published.layers.get(row.layer)
            if shape is None or not row.usable:
                continue
            useful, padding = row.number("eie_macs_useful"), row.number("eie_macs_padding")
            if useful is None or padding is None \
                    or useful + padding >= int(shape["inputs"]) * int(shape["outputs"]) * self.batch:
                return True
        return False
