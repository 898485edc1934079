"""Which rows of a results file are compared with which: baselines, candidates, columns."""

import math

from plots.core.cells import Cell, missing
from plots.core.load import one_line
from plots.core.means import geometric
from plots.core.published import LAYERS
from plots.core.references import BEST, DENSE, References, apart, kind_of, library_of, named

SUITE = "paper"
USUAL_TARGET = 0.02  # of `eie bench`
OTHER_RUN = "last visited in different runs of this file"
CACHE_ORDER = ("llc", "dram", "hot", "none")  # the first that is there is the one for headlines


def cell_of(row, layer, unit="us", least=False):
    """Time of a row for one input vector, in microseconds; missing where there is none. `least`: with the minimum."""
    if row is None:
        return missing(
            "not run",
            "measured",
            f"no row for {layer} in the results file",
            unit,
            "not run: no such row in the results file",
        )
    where = f"{row.label()}, {row.time_source} time"
    if not row.usable:
        return missing(
            row.status, row.provenance, f"{where}: {row.status}: {row.reason}", unit, f"{row.status}: {row.reason}"
        )
    scatter = {}
    if row.provenance == "measured":
        scatter = {name: time / 1e3 / row.batch for name, time in zip(("low", "high"), row.interval or ())} or {
            "unsure": True
        }
        if least:
            scatter["least"] = min(row.samples) / 1e3 / row.batch
    if row.batch == 1:
        return Cell(
            row.median_ns / 1e3,
            unit,
            row.provenance,
            f"results file: median of {where}" if row.provenance == "measured" else f"results file: {where}",
            **scatter,
        )
    return Cell(
        row.median_ns / 1e3 / row.batch,
        unit,
        "derived",
        f"{row.provenance} time of the whole batch / {row.batch}: {where}",
        **scatter,
    )


def number_cell(row, layer, key, unit, scale, what, provenance=None):
    """A further number of a row as a cell."""
    time = cell_of(row, layer, unit)
    if not time.is_number:
        return time
    value = row.number(key)
    if value is None:
        return missing("absent", row.provenance, f"{row.label()}: no {key} in this row", unit, f"the row has no {key}")
    return Cell(value * scale, unit, provenance or row.provenance, f"results file: {what}, {row.label()}")


def repeating(row):
    """The command that repeats a row, with the time that its samples took as its budget; "" where the file has none."""
    again = row.raw.get("eie_again")
    if not isinstance(again, str) or not again.strip():
        return ""
    line = f"./run {one_line(again)}" if again.startswith("eie ") else one_line(again)
    if not row.usable or row.is_model or "--budget" in line:
        return line
    seconds = sum(row.samples) + sum(row.raw.get("eie_disturbed_ns", ()))
    target = row.number("eie_target")
    own = f" --target {round(100 * target, 6)}" if target and abs(target - USUAL_TARGET) > 1e-9 else ""
    return f"{line} --budget {max(1, math.ceil(seconds / 1e9))}{own}"


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
        wanted = dict(
            suite=suite,
            batch=batch,
            cache=cache,
            kernel=self.kernel,
            threads=self.threads,
            device=self.device,
            time_source=self.time_source,
        )
        return {row.layer: row for row in results.select(**wanted)}


def host_groups(results):
    """(suite, batch, cache) of all rows that are not a model's; the headline group's kind first."""
    groups = {(row.suite, row.batch, row.cache) for row in results.rows + results.missing if not row.is_model}
    rank = {name: index for index, name in enumerate(CACHE_ORDER)}
    return sorted(groups, key=lambda group: (group[0] != SUITE, group[0], group[1], rank.get(group[2], len(rank)), group[2]))


def host_columns(results, suite, batch, cache):
    """Columns of a host table, sorted by kernel, device and threads."""
    columns = {}
    for row in results.select(suite=suite, batch=batch, cache=cache):
        if not row.is_model:
            column = HostColumn(row)
            columns[column.key] = column
    return [columns[key] for key in sorted(columns, key=lambda key: (key[0], key[2], key[1], key[3]))]


def exclusion(rows):
    """ "" or the word why a column with these rows stands in no mean and no headline."""
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
    """The host as headlines and Table IV show it, or None: the first of the cache modes in which a kernel compares with
    a dense row on the most layers at one thread count."""
    views = [HostView(results, cache, published, batch) for cache in headline_caches(results, batch)]
    return max(views, key=HostView.compares, default=None)


def kernel_words(pairs):
    """ "a" or "a on 1 thread; b on all 4 threads" from (kernel, words for the thread count) pairs."""
    names = {name for name, _ in pairs}
    return names.pop() if len(names) == 1 else "; ".join(f"{name} on {words}" for name, words in pairs)


def same_run(row, baseline):
    """Of two runs in one file only one's baseline tells how fast the machine was."""
    return row is None or baseline is None or row.raw.get("eie_run") == baseline.raw.get("eie_run")


def may_compare_apart(row, baseline):
    """Rows of two groups: of one run; or both of visits, since a row's run is the last that added to it."""
    return same_run(row, baseline) or row.usable and baseline.usable and None not in (row.visits, baseline.visits)


class HostView:
    """The paper's suite at one batch in one cache mode: what headlines, Table IV and Fig. 6 need.

    Only equal thread counts are ever compared: whoever asks, asks for one thread count.
    """

    def __init__(self, results, cache, published, batch=1):
        self.cache, self.batch, self.references = cache, batch, References(results)
        self._context, self._published = results.context, published
        columns = host_columns(results, SUITE, batch, cache)
        self._rows = {column.key: column.rows(results, SUITE, batch, cache) for column in columns}
        self._all_columns = columns
        self._columns = [column for column in columns if not exclusion(self._rows[column.key].values())]
        self._times = {}

    def times(self, column):
        """Of each layer; kept, as they are asked for over and over."""
        if column.key not in self._times:
            self._times[column.key] = tuple(cell_of(self._rows[column.key].get(layer), layer) for layer in LAYERS)
        return self._times[column.key]

    def rows(self, column):
        return list(self._rows[column.key].values())

    def row(self, column, layer):
        """Of the column, which may be None, on this layer; or None."""
        return self._rows[column.key].get(layer) if column else None

    def columns(self):
        """Columns that may stand in a headline: nothing of them excluded, and a number on some layer."""
        return [column for column in self._columns if any(cell.is_number for cell in self.times(column))]

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
        """On how many layers, at the thread count with the most, does a kernel compare with the dense reference?"""
        return max(
            (
                sum(cell.is_number for cell in self.over(DENSE, self.best_per_layer(threads), threads))
                for threads in self.thread_counts()
            ),
            default=0,
        )

    def _group(self, layer, threads):
        return SUITE, layer, self.batch, self.cache, threads

    def reference(self, kind, threads):
        """For each layer the fastest dense or sparse float32 row, or None."""
        return [self.references.of_group(self._group(layer, threads), kind) for layer in LAYERS]

    def reference_names(self, kind, threads):
        return named(self.reference(kind, threads))

    def reference_times(self, kind, threads):
        return [
            cell_of(row, layer) if row else self.none(kind, layer, threads)
            for layer, row in zip(LAYERS, self.reference(kind, threads))
        ]

    def over(self, kind, chosen, threads):
        """For each layer how many times faster the row of `chosen` ([(time, column or None)]) is than the fastest
        dense or sparse row beside it."""
        return [
            self._over(kind, layer, time, self.row(column, layer), threads) for layer, (time, column) in zip(LAYERS, chosen)
        ]

    def _over(self, kind, layer, time, row, threads):
        if row is None or not row.usable:
            return time
        if row.threads == threads:
            found = self.references.over(row, kind)
        else:  # a device, which has no threads
            reference = self.references.of_group(self._group(layer, threads), kind)
            found = (reference, apart(reference, row)) if reference and may_compare_apart(row, reference) else None
        if found:
            reference, ratio = found
            further = (
                f", {OTHER_RUN}" * (not same_run(row, reference))
                + ", disturbed samples count, for want of others" * ratio.disturbed
            )
            return Cell(
                ratio.value,
                "x",
                "derived",
                f"{reference.kernel} = {library_of(reference)}, {reference.label()}, "
                f"{reference.time_source} time / {row.kernel}, {row.time_source} time{further}",
                low=ratio.low,
                high=ratio.high,
                unsure=ratio.low is None,
                disturbed=ratio.disturbed,
            )
        if self.references.of_group(self._group(layer, threads), kind) is None:
            return self.none(kind, layer, threads)
        return missing(
            "missing",
            "measured",
            f"{layer}, {row.kernel}: {BEST[kind]} is of another run",
            "x",
            f"{BEST[kind]} is of another run",
        )

    def none(self, kind, layer, threads):
        """The cell that says why there is no reference on a layer: it has no row, or one that counts nowhere."""
        words = f"no {kind} float32 row of {{}} on {self.thread_words(threads)}"
        bad = [
            row
            for column in self._all_columns
            if column.threads == threads
            for row in [self.row(column, layer)]
            if row and not row.usable and kind_of(row) == kind
        ]
        why = f": {bad[0].kernel} is {bad[0].status}" if bad else ""
        return missing(
            "missing", "measured", words.format(layer) + why, "us", words.format(layer if bad else "its group") + why
        )

    def best(self, threads):
        """The exact compressed CPU kernel that is fastest over the most layers, or None: by the geometric mean of its
        times over the least one of each layer."""
        least = {layer: cell.value for layer, (cell, _) in zip(LAYERS, self.best_per_layer(threads)) if cell.is_number}

        def rank(column):
            slower = [cell.value / least[layer] for layer, cell in zip(LAYERS, self.times(column)) if cell.is_number]
            return -len(slower), geometric(slower)

        return min((column for column in self._compressed(threads) if column in self.columns()), default=None, key=rank)

    def alone(self, column):
        """A column as a choice of each layer."""
        return [(time, column) for time in self.times(column)]

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
            best.append(
                min(times, key=lambda pair: pair[0].value)
                if times
                else (
                    missing("missing", "measured", f"no {words.format(layer)}", "us", f"no {words.format('on this layer')}"),
                    None,
                )
            )
        return best

    def cpu_columns(self, threads):
        """All columns of the CPU at this thread count; of those that count nowhere only the approximate ones."""
        return [
            column
            for column in self._all_columns
            if column.device == "cpu"
            and column.threads == threads
            and exclusion(self._rows[column.key].values()) in ("", "approximate")
        ]

    def is_exact(self, column):
        return all("exact" in row.flags for row in self._rows[column.key].values())

    def is_float(self, column):
        return all("float32" in row.flags and "approximate" not in row.flags for row in self._rows[column.key].values())

    def _compressed(self, threads):
        """Exact columns on the CPU that do fewer multiplications than the dense product."""
        return [
            column
            for column in self._columns
            if column.device == "cpu"
            and column.threads == threads
            and all("exact" in row.flags for row in self._rows[column.key].values())
            and not self._is_dense(column)
        ]

    def _is_dense(self, column):
        for row in self._rows[column.key].values():
            shape = self._published.layers.get(row.layer)
            if shape is None or not row.usable:
                continue
            useful, padding = row.number("eie_macs_useful"), row.number("eie_macs_padding")
            if (
                useful is None
                or padding is None
                or useful + padding >= int(shape["inputs"]) * int(shape["outputs"]) * self.batch
            ):
                return True
        return False
