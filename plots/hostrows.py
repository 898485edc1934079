"""Which rows of a results file are compared with which: baselines, candidates, columns."""

from cells import Cell, missing
from published import LAYERS

DENSE_BASELINE = "peers_openblas_sgemv"  # this host's dense baseline, as MKL GEMV is the paper's
SUITE = "paper"
CACHE_ORDER = ("llc", "dram", "hot", "none")  # the first that is there is the one for headlines


def cell_of(row, layer, unit="us"):
    """Time of a row for one input vector, in microseconds; words where there is none."""
    if row is None:
        return missing("not run", "measured", f"no row for {layer} in the results file", unit)
    where = f"{row.label()}, {row.time_source} time"
    if not row.usable:
        return missing(row.status, row.provenance, f"{where}: {row.status}: {row.reason}", unit)
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
        return missing("absent", row.provenance, f"{row.label()}: no {key} in this row", unit)
    return Cell(value * scale, unit, provenance or row.provenance, f"results file: {what}, {row.label()}")


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


def may_be_averaged(column, results, suite, batch, cache):
    """"" or the word why this column stands in no mean and no headline."""
    for row in column.rows(results, suite, batch, cache).values():
        for flag in ("reference", "approximate"):
            if flag in row.flags:
                return flag
        if row.status in ("suspect", "mismatch"):
            return row.status
    return ""


def headline_caches(results):
    """Cache modes with the paper's suite at batch 1 on the host, best one for a headline first."""
    return [cache for suite, batch, cache in host_groups(results) if suite == SUITE and batch == 1]


class HostView:
    """The paper's suite at batch 1 in one cache mode: what headlines and Fig. 6 need."""

    def __init__(self, results, cache, published):
        self.cache = cache
        self._results, self._published = results, published
        self._columns = host_columns(results, SUITE, 1, cache)

    def times(self, column):
        rows = column.rows(self._results, SUITE, 1, self.cache)
        return [cell_of(rows.get(layer), layer) for layer in LAYERS]

    def complete(self):
        """Columns that may stand in a headline: every layer there, nothing excluded."""
        return [column for column in self._columns
                if not may_be_averaged(column, self._results, SUITE, 1, self.cache)
                and all(cell.is_number for cell in self.times(column))]

    def dense(self):
        """The complete dense baseline columns, fewest threads first."""
        return sorted((column for column in self.complete()
                       if column.kernel == DENSE_BASELINE and column.device == "cpu"),
                      key=lambda column: column.threads)

    def compressed(self):
        """Complete, exact columns on the CPU that do fewer multiplications than the dense product."""
        return [column for column in self.complete()
                if column.device == "cpu" and self._is_exact(column) and not self._is_dense(column)]

    def _is_exact(self, column):
        rows = column.rows(self._results, SUITE, 1, self.cache).values()
        return all("exact" in row.flags for row in rows)

    def _is_dense(self, column):
        for row in column.rows(self._results, SUITE, 1, self.cache).values():
            shape = self._published.layers.get(row.layer)
            if shape is None:
                continue
            useful, padding = row.number("eie_macs_useful"), row.number("eie_macs_padding")
            if useful is None or padding is None \
                    or useful + padding >= int(shape["inputs"]) * int(shape["outputs"]):
                return True
        return False
