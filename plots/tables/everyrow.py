"""Every row of a results file, with what a reader sorts and chooses rows by."""

from dataclasses import dataclass

from plots.core.cells import Cell, missing
from plots.core.grid import Table
from plots.core.references import BEST, DENSE, SPARSE, References, library_of
from plots.tables import counters
from plots.tables.ceilings import bound_words
from plots.tables.deviceenergy import CPU, processor_cells, processor_kind
from plots.tables.hostrows import cell_of, number_cell, repeating

NAME = "rows"
TIME, SHARE, PER_WEIGHT, PREPARE = "us an input", "share of the bound", "ns a weight", "prepare (ms)"
OVER = {kind: f"x over {words}" for kind, words in BEST.items()}


@dataclass(frozen=True)
class Line:
    row: object
    cells: dict  # {column: cell}
    bound: str  # what sets the row's roofline bound; "" where the file does not say
    again: str  # the command that repeats it


def lines(results):
    """Of all rows: those that were measured, models, and those without a number."""
    references, counted = References(results), counters.has_counters(results)
    return [
        _line(row, references, counted) for row in sorted(results.rows, key=lambda row: row.is_model) + list(results.missing)
    ]


def _line(row, references, counted):
    bound = row.raw.get("eie_floor_bound")
    cells = {
        TIME: cell_of(row, row.layer),
        **{OVER[kind]: _over(row, kind, references) for kind in (DENSE, SPARSE)},
        SHARE: number_cell(row, row.layer, "eie_floor_share", "%", 100, "eie_floor_share"),
        PER_WEIGHT: _per_weight(row),
        **(counters.row_cells(row) if counted else {}),
        PREPARE: number_cell(row, row.layer, "eie_prepare_ns", "ms", 1e-6, "eie_prepare_ns"),
    }
    return Line(row, cells, bound_words(bound) if isinstance(bound, str) and bound else "", repeating(row))


def _over(row, kind, references):
    """How many times faster than the best of its kind in its own group and run."""
    if not row.usable:
        return cell_of(row, row.layer, "x")
    if row.is_model:
        return missing("none", row.provenance, "a model has no row of this host to compare with", "x")
    if row.device != "cpu":
        return missing("none", "measured", "a device has no thread count that a CPU's row could be compared at", "x")
    found = references.over(row, kind)
    if not found:
        return missing("none", "measured", f"no {BEST[kind]} float32 row beside it", "x")
    reference, ratio = found
    return Cell(
        ratio.value,
        "x",
        "derived",
        "it is that row itself" if reference is row else f"{_name(reference)} / this row",
        low=ratio.low,
        high=ratio.high,
        unsure=ratio.low is None,
        disturbed=ratio.disturbed,
    )


def _name(row):
    library = library_of(row)
    return row.kernel if library == row.kernel else f"{row.kernel} = {library}"


def _per_weight(row):
    """Time for one input vector over the layer's non-zero weights."""
    time, weights = cell_of(row, row.layer, "ns"), row.number("eie_nonzeros")
    if not time.is_number:
        return time
    if not weights:
        return missing("absent", row.provenance, f"{row.label()}: no eie_nonzeros in this row", "ns", "no eie_nonzeros")
    scale = 1e3 / weights
    ends = {} if time.low is None else {"low": time.low * scale, "high": time.high * scale}
    return Cell(
        time.value * scale, "ns", "derived", "time for one input / eie_nonzeros", unsure=time.unsure and not ends, **ends
    )


def table(found):
    """For the CSV file: all numbers of all rows."""
    every = Table(NAME, "Every row", corner="row")
    kind = processor_kind([line.row for line in found])
    for line in found:
        name = f"{line.row.label()}, {line.row.time_source}"
        every.put_cells(name, line.cells)
        if line.row.usable and line.row.device == CPU and kind:
            every.put_cells(name, processor_cells(line.row, kind))
        every.put(name, "status", Cell(line.row.status, "", line.row.provenance, "results file: eie_status"))
        for column, words, key in (("set by", line.bound, "eie_floor_bound"), ("again", line.again, "eie_again")):
            every.put(
                name,
                column,
                Cell(words, "", line.row.provenance, f"results file: {key}")
                if words
                else missing("absent", line.row.provenance, f"no {key} in this row"),
            )
    return every
