"""Tables of this host: its kernels, its energy, and the rows that have no number."""

from plots.core.cells import Cell, missing, number_text
from plots.core.grid import Table
from plots.core.means import partial_mean
from plots.core.published import LAYERS
from plots.tables.counters import has_counters
from plots.tables.deviceenergy import assumed_cells, energy_cells, processor_kind
from plots.tables.hostrows import SUITE, cell_of, exclusion, headline_caches, host_columns, host_groups, repeating
from plots.tables.modelrows import MEAN_ROW

BATCHES, CACHES = (1, 64), ("hot", "llc", "dram")  # that a whole run of suite paper has


def host_tables(results):
    """Every measured kernel of this host; one table for each suite, batch and cache mode."""
    groups = host_groups(results)
    paper_groups = {group[1:] for group in groups if group[0] == SUITE}
    tables = []
    for suite, batch, cache in groups:
        if suite == "real" and (batch, cache) in paper_groups:
            continue  # stands below the line of the paper's suite
        time = "us" if batch == 1 else "us per input vector (call / batch)"
        table = Table(
            f"host_{suite}_batch{batch}_{cache}", f"This host: suite {suite}, batch {batch}, cache {cache}, {time}"
        )
        for column in host_columns(results, suite, batch, cache):
            _host_column(table, results, column, suite, batch, cache)
            if suite == SUITE:
                for layer, row in column.rows(results, "real", batch, cache).items():
                    table.put(f"{layer} (real)", column.name, cell_of(row, layer, least=True))
        table.fill("not run: no such row in the results file")
        table.notes.append(
            "kernel@threads, wall time where nothing else is said. Means say how many of the nine layers "
            "they have and leave out reference, approximate and suspect rows. Real layers are below "
            "the mean and not in it."
        )
        if _inputs_of_8_bits(results.select(suite=suite, batch=batch, cache=cache)):
            table.notes.append(
                "Inputs have 8 bits. EIE has 16 and the libraries of Table IV take float32: no time here compares with theirs."
            )
        tables.append(table)
    return tables


def _inputs_of_8_bits(rows):
    """Do the loaded inputs of every row fit 8 bits, signed or not? False where a file does not say."""
    ranges = [[row.raw.get(f"eie_{end}_input") for end in ("least", "largest")] for row in rows if not row.is_model]
    return bool(ranges) and all(
        all(isinstance(end, int) for end in ends) and (0 <= ends[0] and ends[1] <= 255 or -128 <= ends[0] and ends[1] <= 127)
        for ends in ranges
    )


def _host_column(table, results, column, suite, batch, cache):
    rows = column.rows(results, suite, batch, cache)
    in_group = {row.layer for row in results.select(suite=suite, batch=batch, cache=cache) if not row.is_model}
    layers = LAYERS if in_group & set(LAYERS) else ()  # all nine, even where one has no row at all
    others = sorted(set(rows) - set(LAYERS))
    for layer in layers:
        table.put(layer, column.name, cell_of(rows.get(layer), layer, least=True))
    if layers:
        what = f"nine layers, suite {suite}: {column.name}, batch {batch}, cache {cache}"
        excluded = exclusion(rows.values())
        mean = (
            missing(
                f"none: {excluded}",
                "derived",
                f"{what}: {excluded} rows enter no mean",
                "us",
                f"{excluded} rows enter no mean",
            )
            if excluded
            else partial_mean([table.get(layer, column.name) for layer in LAYERS], what)
        )
        table.put(MEAN_ROW, column.name, mean)
    for layer in others:
        table.put(layer, column.name, cell_of(rows[layer], layer, least=True))


def host_energy(results, unit, row=None):
    """Of this host's row, which may be None, the mean power (unit W), or the energy of one product (uJ); where no meter
    brought any, the same by the power that the user gave; else the word for why there is none, with the reason."""
    state = row.raw.get("eie_energy_state") if row and row.usable else None
    if row and row.usable and processor_kind(results.rows) == "assumed":
        joules, watts = assumed_cells(row)
        found = watts if unit == "W" else joules
        if found:
            return found
    if isinstance(state, str):
        joules, watts, why = energy_cells(row)
        found = watts if unit == "W" else joules
        return found if found.is_number else _no_energy(found.value, found.source, why, unit)
    words = results.context.get("eie_host_energy")
    if not isinstance(words, str) or not words:
        words = "unavailable: the results file says nothing about energy"
    state, _, why = (part.strip() for part in words.partition(":"))
    if state == "measured":  # of other rows
        return _no_energy("not run", f"context eie_host_energy: {words}", f"no such row has it ({why})", unit)
    return _no_energy(state, f"context eie_host_energy: {why or words}", why, unit)


def _no_energy(state, source, why, unit):
    return missing(
        state, "measured", source, unit, f"this host's energy is {state}: {why}" if why else f"this host's energy: {state}"
    )


def table_missing(results):
    """Rows without a number; rows that differ only in the layer share a line."""
    table = Table("missing_rows", f"Rows without a usable number: {len(results.missing)}", corner="kernel")
    groups = {}
    for row in _worst_first(results.missing):
        place = f"{row.threads} threads" if row.threads else row.device
        key = (
            f"{row.kernel}, {place}, batch {row.batch}, cache {row.cache}, suite {row.suite}, {row.time_source} time",
            row.status,
            row.reason,
            row.provenance,
        )
        groups.setdefault(key, []).append(row)
    for number, ((place, status, reason, provenance), rows) in enumerate(groups.items(), 1):
        name = f"{number}. {place}"
        again = list(filter(None, map(repeating, rows)))
        columns = {
            "status": status,
            "reason": reason,
            "layers": ", ".join(map(_layer_words, rows)),
            "again": next(iter(again), ""),
        }
        for column, words in columns.items():
            if words:
                table.put(name, column, Cell(words, "", provenance, "results file, eie_missing"))
    table.fill("the results file has no command that repeats it")
    return table


def _worst_first(rows):
    """In file order, but first what went wrong: what merely cannot run here is no news."""
    order = {status: rank for rank, status in enumerate(("mismatch", "error", "suspect"))}
    return sorted(rows, key=lambda row: order.get(row.status, len(order)))


def _layer_words(row):
    """A suspect row has a time: it is shown here and nowhere else."""
    time = row.number("eie_median_ns") if row.status == "suspect" else None
    return row.layer if time is None else f"{row.layer} ({number_text(time / 1e3)} us)"


def missing_lines(results):
    """One line for each set of layers without rows, and one for each status and reason; missing_rows.csv has
    every row that is there."""
    return _absent_lines(results) + _reason_lines(results)


def unmeasured_lines(results):
    """What a run can measure of suite paper and this file has nothing of, with why or how it is asked for."""
    found = []
    for batch in BATCHES:
        caches = headline_caches(results, batch)
        absent = [cache for cache in CACHES if cache not in caches]
        if absent:
            modes = ",".join(absent)
            found.append(
                f"Batch {batch}, cache {' and '.join(absent)}: no row of suite {SUITE}: not asked for (`./run eie bench --suite "
                f"{SUITE} --batch {batch} --cache {modes} --also ...`)."
            )
    energy = host_energy(results, "uJ")
    if processor_kind(results.rows) != "measured":
        why = (
            f"{energy.value}; the reason is given with the energy headlines"
            if energy.reason
            else "none: its power is assumed"
        )
        found.append(f"Energy measured on this host: {why}.")
    if not has_counters(results):
        found.append("Counters (cycles, instructions, misses): no row has any.")
    return found


def _absent_lines(results):
    """Layers of the nine that have no row, where the same kernel has rows of other ones."""
    seen = {}
    for row in results.rows + results.missing:
        if row.suite != "real":
            key = (row.suite, row.kernel, row.device, row.batch, row.threads, row.cache, row.time_source)
            seen.setdefault(key, set()).add(row.layer)
    groups = {}
    for (suite, kernel, *_), layers in sorted(seen.items()):
        absent = tuple(layer for layer in LAYERS if layer not in layers)
        if absent and len(absent) < len(LAYERS):
            groups.setdefault((suite, absent), []).append(kernel)
    return [
        f"{', '.join(sorted(set(kernels)))}: {_rows(len(kernels) * len(absent))} absent: suite {suite} has no row "
        f"of {', '.join(absent)} there."
        for (suite, absent), kernels in groups.items()
    ]


def _rows(count):
    return f"{count} row{'' if count == 1 else 's'}"


def _reason_lines(results):
    groups = {}
    for row in _worst_first(results.missing):
        groups.setdefault((row.status, row.reason), []).append(row.kernel)
    return [
        f"{', '.join(sorted(set(kernels)))}: {_rows(len(kernels))} {status}: {reason.rstrip('.')}."
        for (status, reason), kernels in groups.items()
    ]
