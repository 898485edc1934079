"""How near this host's kernels come to what the machine can do: the measured ceilings and each row's roofline bound.

A row's roofline bound is the least time that the measured ceilings allow it: for its bytes at its level of memory, for
its multiplications at the peak of its arithmetic, or, of kernels that go through columns, for adding product by
product to sums in memory. C measures the ceilings and computes the bound.
"""

from plots.core.cells import Cell, missing
from plots.core.grid import Table
from plots.core.load import MOST_COUNT, InputError, is_number
from plots.core.published import LAYERS
from plots.tables.hostrows import SUITE, host_columns, host_groups, number_cell

LEVELS = ("l1", "l2", "l3", "dram")
BOUNDS = LEVELS + ("arithmetic", "adds", "launch")  # launch: of devices
WORDS = {level: f"bytes ({'memory' if level == 'dram' else level.upper()})" for level in LEVELS}
WORDS |= {"arithmetic": "multiply-adds"}  # the others are called by their own names
ADDS = "random places"
ADDS_MEAN = (
    '"Additions one by one" is how fast products are added to sums in memory, each at another place, as kernels do that go '
    "through the columns of the weights."
)
MOST_PER_S = 1e21
MOST_NS = 1e12
POOL = {"a run of no work": "run_ns", "a barrier": "barrier_ns"}
NONE = "this results file has no measured ceilings (context.eie_runs)"


class Ceilings:
    """Bandwidths and peaks of all runs of a results file; of several runs the best."""

    def __init__(self, results):
        self.bandwidth, self.peak = {}, {}  # {(threads, level): Cell}, {(threads, operation): Cell}
        self.adds = {}  # {(threads, ADDS): Cell}; older files have none
        self.pool = {}  # {(threads, what): Cell}
        self.runs = _list(results.context, "eie_runs", results.path)
        for number, run in enumerate(self.runs):
            where = f"{results.path}: context.eie_runs[{number}]"
            for entry in _list(run, "eie_ceilings", where):
                self._add(self.bandwidth, entry, "level", "bytes_per_s", "bytes/s", where)
            for entry in _list(run, "eie_peaks", where):
                self._add(self.peak, entry, "operation", "macs_per_s", "MAC/s", where)
            for entry in _list(run, "eie_adds", where):
                named = entry | {"places": ADDS} if isinstance(entry, dict) else entry
                self._add(self.adds, named, "places", "adds_per_s", "add/s", where)
            for entry in _list(run, "eie_pool", where):
                self._add_pool(entry, where)

    def _add(self, found, entry, name, key, unit, where):
        value, threads = (entry.get(word) if isinstance(entry, dict) else None for word in (key, "threads"))
        if (
            not is_number(value)
            or not 0 < value <= MOST_PER_S
            or type(threads) is not int
            or not 0 < threads <= MOST_COUNT
            or not isinstance(entry.get(name), str)
        ):
            raise InputError(f"{where}: a ceiling without threads, {name} or {key} between 0 and {MOST_PER_S:g}")
        size = entry.get("working_set_bytes")
        source = f"context.eie_runs, loop {entry.get('loop', 'unnamed')}" + (f", {size} bytes" if size else "")
        best = found.get((threads, entry[name]))
        if best is None or value > best.value:
            found[threads, entry[name]] = Cell(float(value), unit, "measured", source)

    def _add_pool(self, entry, where):
        threads = entry.get("threads") if isinstance(entry, dict) else None
        for what, key in POOL.items():
            value = entry.get(key) if isinstance(entry, dict) else None
            if not is_number(value) or not 0 < value <= MOST_NS or type(threads) is not int or not 0 < threads <= MOST_COUNT:
                raise InputError(f"{where}: eie_pool without threads, or {key} not between 0 and {MOST_NS:g}")
            best = self.pool.get((threads, what))
            if best is None or value < best.value:
                self.pool[threads, what] = Cell(float(value), "ns", "measured", f"context.eie_runs, eie_pool, {key}")

    def of(self, found, threads):
        """{level or operation: Cell} at this thread count."""
        return {name: cell for (count, name), cell in found.items() if count == threads}


def _list(holder, key, where):
    value = holder.get(key, []) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise InputError(f"{where}: {key} is not a list")
    return value


def ceilings_table(ceilings):
    table = Table("ceilings", "Measured ceilings of this host", corner="ceiling")
    for title, found, unit in (
        ("read", ceilings.bandwidth, "GB/s"),
        ("multiply-add", ceilings.peak, "GMAC/s"),
        ("add at", ceilings.adds, "Gadd/s"),
    ):
        for threads, name in sorted(found, key=lambda key: (_rank(key[1]), key[0])):
            cell = found[threads, name]
            table.put(
                f"{title} {name}, {unit}",
                f"{threads} thread{'' if threads == 1 else 's'}",
                Cell(cell.value / 1e9, unit, cell.provenance, cell.source),
            )
    for threads, what in sorted(ceilings.pool):
        cell = ceilings.pool[threads, what]
        table.put(
            f"thread pool: {what}, us",
            f"{threads} thread{'' if threads == 1 else 's'}",
            Cell(cell.value / 1e3, "us", cell.provenance, cell.source),
        )
    table.columns.sort(key=lambda column: int(column.partition(" ")[0]))
    table.fill("not measured at this thread count")
    if not table.rows:
        table.put("bandwidths and peaks", "this host", missing("absent", "measured", NONE))
        return table
    table.notes.append(
        "The best of several loops, each over a working set that fits the level; additions go to sums in 16 KiB, "
        "one by one or by 16 at different places. They make the roofline bound "
        "of a row; a row that is more than 1.15 times faster than its level's ceiling is suspect. The "
        "thread pool's own cost is the least of several tries and in no bound."
    )
    return table


def _rank(name):
    return (BOUNDS.index(name), "") if name in BOUNDS else (len(BOUNDS), name)


def bound_tables(results):
    """For each suite, batch and cache mode the share of its roofline bound that each kernel reaches."""
    tables = []
    for suite, batch, cache in host_groups(results):
        rows = results.select(suite=suite, batch=batch, cache=cache)
        if suite != SUITE or not any(row.number("eie_floor_share") for row in rows if not row.is_model):
            continue
        table = Table(
            f"bound_{suite}_batch{batch}_{cache}",
            f"Share of the roofline bound, suite {suite}, batch {batch}, cache {cache}: bound / median time",
        )
        for column in host_columns(results, suite, batch, cache):
            found = column.rows(results, suite, batch, cache)
            for layer in LAYERS:
                share = number_cell(
                    found.get(layer), layer, "eie_floor_share", "%", 100, "roofline bound / median", "derived"
                )
                table.put(layer, column.name, share)
            table.put("set by", column.name, _bounds(found))
        table.notes.append(
            "100 % is as fast as the measured ceilings allow. Set by: what sets the bound, by layer where it differs: "
            "bytes at the bandwidth of a level, multiply-adds in registers, or adds to sums in memory, where the kernel "
            "goes through columns."
        )
        tables.append(table)
    return tables


def bound_words(name):
    """What a row's eie_floor_bound is called on a page."""
    return WORDS.get(name, name)


def _bounds(rows):
    bounds = {layer: rows[layer].raw.get("eie_floor_bound") for layer in LAYERS if layer in rows and rows[layer].usable}
    names = [name for name in BOUNDS if name in bounds.values()]
    words = (
        bound_words(names[0])
        if len(names) == 1
        else "; ".join(
            f"{bound_words(name)}: {', '.join(layer for layer in bounds if bounds[layer] == name)}" for name in names
        )
    )
    return (
        Cell(words, "", "derived", "results file: eie_floor_bound")
        if words
        else missing("absent", "measured", "no eie_floor_bound in these rows", reason="the rows have no eie_floor_bound")
    )


def points_table(results):
    """Every measured row of the paper's suite as a point of the roofline; CSV only."""
    table = Table("roofline_points", "Points of the roofline", corner="row")
    for row in results.rows:
        if row.suite == SUITE and not row.is_model:
            for column, cell in point(row).items():
                table.put(row.label() + f", {row.time_source}", column, cell)
    return table


def point(row):
    """MACs per byte, MAC/s and the roofline bound of a row."""
    useful, padding, moved = (row.number(key) for key in ("eie_macs_useful", "eie_macs_padding", "eie_bytes"))
    absent = missing("absent", "measured", f"{row.label()}: no eie_macs_useful, eie_macs_padding or eie_bytes")
    cells = {"MACs per byte": absent, "MAC/s": absent}
    if None not in (useful, padding, moved) and useful + padding > 0 and moved > 0:
        macs = useful + padding
        cells = {
            "MACs per byte": Cell(macs / moved, "MAC/B", "derived", "(useful + padding MACs) / eie_bytes"),
            "MAC/s": Cell(macs / (row.median_ns * 1e-9), "MAC/s", "derived", "(useful + padding MACs) / median time"),
        }
    for column, key, unit, factor in (
        ("floor (us)", "eie_floor_ns", "us", 1e-3),
        ("share", "eie_floor_share", "%", 100),
        ("copies", "eie_copies", "", 1),
        ("run", "eie_run", "", 1),
    ):
        cells[column] = number_cell(row, row.layer, key, unit, factor, key)
    for column, key in (("set by", "eie_floor_bound"), ("level", "eie_resident"), ("again", "eie_again")):
        words = row.raw.get(key)
        cells[column] = (
            Cell(bound_words(words) if column == "set by" else words, "", row.provenance, f"results file: {key}")
            if isinstance(words, str) and words
            else missing("absent", row.provenance, f"{row.label()}: no {key} in this row")
        )
    return cells


def roofline_rows(results):
    """The rows that the picture shows: measured on the CPU, with a usable number; references tell nothing about it."""
    return [
        row
        for row in results.rows
        if row.suite == SUITE
        and row.device == "cpu"
        and not row.is_model
        and "reference" not in row.flags
        and point(row)["MAC/s"].is_number
    ]
