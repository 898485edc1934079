"""What the processor's counters say of the rows (`eie bench --counters`): cycles a weight beside what the ceilings allow,
and what explains a kernel. C counts; sums over layers and quotients are formed here."""

from dataclasses import replace

from plots.core.cells import Cell, missing
from plots.core.grid import Table
from plots.core.load import one_line
from plots.tables.hostrows import cell_of, host_columns, host_groups

NAME = "counters"
CYCLES, BOUND, IPC = "cycles a weight", "cycles a weight at the bound", "instructions a cycle"
COUNTED = "counted"  # how much of the time, at least
WEIGHT, CYCLE, TIME = "weight", "cycle", "time"
QUOTIENTS = {  # column: (event, over what, scale, unit)
    CYCLES: ("cycles", WEIGHT, 1, "cycles"),
    "instructions a weight": ("instructions", WEIGHT, 1, "instructions"),
    IPC: ("instructions", CYCLE, 1, "instructions"),
    "L1d misses, a thousand weights": ("l1d_misses", WEIGHT, 1e3, "misses"),
    "LLC misses, a thousand weights": ("llc_misses", WEIGHT, 1e3, "misses"),
    "dTLB misses, a thousand weights": ("dtlb_misses", WEIGHT, 1e3, "misses"),
    "branch misses, a thousand weights": ("branch_misses", WEIGHT, 1e3, "misses"),
    "frontend stalls, of the cycles": ("frontend_stalls", CYCLE, 100, "%"),
    "backend stalls, of the cycles": ("backend_stalls", CYCLE, 100, "%"),
    "GHz": ("cycles", TIME, 1, "GHz"),
    "ns on cores a weight": ("task_clock_ns", WEIGHT, 1, "ns"),
}
EVENTS = tuple(dict.fromkeys(event for event, *_ in QUOTIENTS.values()))
ROW_COLUMNS = (CYCLES, BOUND, IPC)  # of the table of every row
NOT_ASKED = "no counters were asked for (eie bench --counters)"
NOTE = (
    "Counted in user mode by a pass of its own after the samples, on all threads of the process, their waiting with it; "
    "cycles of several threads add up. Weights are the layer's non-zero ones, times the batch; of several layers counts and "
    "weights are added up before they are divided. Cycles at the bound: the counted ones times the share of the bound, which "
    "is what they would be were the row as fast as this run's ceilings allow."
)


def has_counters(results):
    return any(_state(row) for row in results.rows)


def _state(row):
    state = row.raw.get("eie_counters_state")
    return one_line(state) if isinstance(state, str) and state else ""


def row_cells(row):
    """{column: cell} of one row, for the table of every row; where there is no number, why."""
    return {column: _cell([row], column) for column in ROW_COLUMNS}


def every_row(results):
    """For the CSV file: all that was counted, a line a row."""
    table = Table(NAME, "Counters, every row", corner="row")
    for row in results.rows:
        if _state(row) and not row.is_model:
            name = f"{row.label()}, {row.time_source}"
            table.put(name, "state", Cell(_state(row), "", "measured", "results file: eie_counters_state"))
            table.put_cells(name, {column: _cell([row], column) for column in (*QUOTIENTS, BOUND, COUNTED)})
    return table


def counter_tables(results):
    """For each suite, batch and cache mode a line a kernel; a list, empty where no row was counted."""
    tables = [_group_table(results, suite, batch, cache) for suite, batch, cache in host_groups(results)]
    tables = [table for table in tables if table.rows]
    for table in tables[:1]:
        table.notes.insert(0, NOTE)
    return tables


def _group_table(results, suite, batch, cache):
    table = Table(
        f"{NAME}_{suite}_batch{batch}_{cache}",
        f"Counters, suite {suite}, batch {batch}, cache {cache}: cycles a weight (in brackets: at the bound), and what "
        "explains them",
        corner="kernel",
    )
    lines, rows = {}, []
    for column in host_columns(results, suite, batch, cache):
        found = [row for row in column.rows(results, suite, batch, cache).values() if row.usable and _state(row)]
        if found and column.device == "cpu":
            rows += found
            lines[column.name] = {name: _cell(found, name) for name in (CYCLES, BOUND, *QUOTIENTS, COUNTED)}
    kept = {name for cells in lines.values() for name, cell in cells.items() if cell.is_number} | {CYCLES}
    kept -= {COUNTED} if all(cells[COUNTED].value == 100 for cells in lines.values() if cells[COUNTED].is_number) else set()
    for name, cells in lines.items():
        for column, cell in cells.items():
            if column in kept:  # why is said once, below
                table.put(name, column, cell if cell.is_number else replace(cell, reason=cell.value))
    if BOUND in kept:
        table.brackets[CYCLES] = BOUND
    if lines:
        table.notes += _why(rows)
    return table


def _cell(rows, column):
    """Of one row, or of several of one kernel together: the quotient of the sums over those that have both."""
    for row in rows:
        if not row.usable:
            return cell_of(row, row.layer)
    if column == COUNTED:
        return _counted(rows)
    event, over, scale, unit = QUOTIENTS[CYCLES if column == BOUND else column]
    pairs = [(_count(row, event), _whole(row, over), row) for row in rows]
    if column == BOUND:
        pairs = [(_product(count, row.number("eie_floor_share")), whole, row) for count, whole, row in pairs]
    pairs = [(count, whole) for count, whole, _ in pairs if count is not None and whole]
    if not pairs:
        return _none(rows[0], event, unit, column)
    counts, wholes = zip(*pairs)
    layers = "" if len(rows) == 1 else f", {len(pairs)} of {len(rows)} layers added up"
    what = f"eie_counted_{event}" + " x eie_floor_share" * (column == BOUND)
    return Cell(scale * sum(counts) / sum(wholes), unit, "derived", f"results file: {what} a {over}{layers}")


def _count(row, event):
    return row.number(f"eie_counted_{event}") if _state(row) else None


def _whole(row, over):
    if over == CYCLE:
        return _count(row, "cycles")
    if over == TIME:  # nanoseconds, so that cycles over it are GHz
        return _count(row, "task_clock_ns")
    return _product(row.number("eie_nonzeros"), row.batch)


def _product(one, other):
    return None if None in (one, other) else one * other


def _counted(rows):
    """The least share of the time that a counter of these rows ran for."""
    shares = [1.0]
    for row in rows:
        ran = row.raw.get("eie_counters_ran")
        for share in ran.values() if isinstance(ran, dict) else ():
            shares += [share] if isinstance(share, (int, float)) and 0 < share <= 1 else []
    if all(_count(row, event) is None for row in rows for event in EVENTS):
        return _none(rows[0], "cycles", "%", COUNTED)
    return Cell(100 * min(shares), "%", "measured", "results file: eie_counters_ran, the least of it")


def _none(row, event, unit, column):
    state = _state(row)
    if not state:
        return missing("not counted", row.provenance, NOT_ASKED, unit)
    if column == BOUND and _count(row, event) is not None:
        return missing("absent", "measured", f"{row.label()}: no eie_floor_share in this row", unit, "the row has no bound")
    word, why = next(((word, why) for names, word, why in _reasons(row) if event in names), ("absent", ""))
    return missing(
        word, "measured", f"{row.label()}: {word}: {why}" if why else word, unit, f"{word}: {why}" if why else word
    )


def _reasons(row):
    """[(events, word, reason)] of what the row has no number of."""
    others = row.raw.get("eie_counters_without")
    found = []
    for one in others if isinstance(others, list) else []:
        if isinstance(one, dict) and isinstance(one.get("events"), list):
            names = tuple(one_line(name) for name in one["events"])
            found.append((names, one_line(one.get("state", "")), one_line(one.get("reason", "")).rstrip(".")))
    said = {name for names, *_ in found for name in names}
    own = tuple(event for event in EVENTS if event not in said and _count(row, event) is None)
    word = _state(row) if _state(row) != "measured" else "absent"  # else a number would be there, or an entry
    why = one_line(row.raw.get("eie_counters_reason", "")).rstrip(".")
    return ([(own, word, why)] if own else []) + found


def _why(rows):
    """A sentence for each reason: which events it is of, and in how many rows."""
    places = {}
    for row in rows:
        for names, word, why in _reasons(row):
            places.setdefault((names, word, why), []).append(row)
    return [
        f"{word} ({', '.join(names)}; {len(found)} row{'' if len(found) == 1 else 's'}){f': {why}' if why else ''}."
        for (names, word, why), found in places.items()
    ]
