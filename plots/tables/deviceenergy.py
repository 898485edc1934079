"""Energy of devices with a meter, and of the processor: what a row has, or the word that says why there is none."""

from plots.core.cells import Cell, missing, number_text, percent
from plots.core.grid import Table
from plots.core.load import one_line
from plots.core.references import DENSE, kind_of

CPU = "cpu"
ONE, PER_J, ABOVE = "uJ an inference", "inferences per J", "above idle, uJ"
CHOSEN = ("best dense", "best compressed")


def device_energy(results):
    """A list with the table, or an empty one: no row of a device that could have a meter."""
    table = Table(
        "device_energy",
        "Energy of devices: one inference (an input vector), whole board, uJ; inferences per J; mean power, W",
        corner="layer",
    )
    reasons = {}
    for row in results.rows:
        state, name = row.raw.get("eie_energy_state"), f"{row.kernel} on {row.device}"
        line = f"{row.layer}, suite {row.suite}, batch {row.batch}"
        if (
            not isinstance(state, str)
            or row.is_model
            or row.device == CPU
            or _is_processor(results, row.device)
            or table.get(line, name)
        ):  # the row of the other clock is the same plan's
            continue
        joules, watts, why = energy_cells(row)
        if why:
            reasons.setdefault((state, why), set()).add(row.device)
        table.put(line, name, joules)
        table.put(line, f"{name}, per J", per_joule(joules))
        table.put(line, f"{name}, W", watts)
    if not table.rows:
        return []
    table.fill("no such row")
    table.notes.append(
        "The counter is the whole board's, with its memory and with what it draws when idle, and calls "
        "are made one after the other as for the wall's clock: it is no energy of the chip alone, and "
        "no published platform's is taken so."
    )
    table.notes += _idle_notes(results)
    table.notes += [
        f"{state} ({', '.join(sorted(devices))}): {why.rstrip('.')}." for (state, why), devices in reasons.items()
    ]
    return [table]


def energy_cells(row):
    """uJ per input vector and W of a row with a state; of both the state's word, and why, where there is no number."""
    joules, watts, error = (row.number(key) for key in ("eie_energy_j", "eie_power_w", "eie_energy_relative_error"))
    state = row.raw["eie_energy_state"]
    if state != "measured" or joules is None or watts is None:
        why = one_line(row.raw.get("eie_energy_reason") or "the row does not say why")
        return (*[Cell(one_line(state), "", "measured", f"{why}: {row.label()}")] * 2, why)
    where = f"results file: {one_line(row.raw.get('eie_energy_source', 'energy'))}, {row.label()}" + (
        "" if error is None else f", within {percent(error, 'eie_energy_relative_error').said()}"
    )
    batch = "" if row.batch == 1 else f", of the whole batch / {row.batch}"
    return (
        Cell(joules / row.batch * 1e6, "uJ", "derived" if batch else "measured", where + batch),
        Cell(watts, "W", "measured", where),
        "",
    )


def per_joule(joules):
    """Inferences per joule, from microjoules an inference."""
    if not joules.is_number or joules.value <= 0:
        word = joules.value if not joules.is_number else "undefined"
        return missing(word, joules.provenance, f"1 / energy: {joules.source}", "1/J", joules.reason)
    return Cell(1e6 / joules.value, "1/J", "derived", f"1 / energy: {joules.source}")


def assumed_cells(row):
    """uJ per input vector and W by the power that the user gave, or (None, None)."""
    joules, watts = row.number("eie_assumed_energy_j"), row.number("eie_assumed_power_w")
    if joules is None or watts is None:
        return None, None
    where = f"assumed: a meter's reading, given by --power {number_text(watts)}, {row.label()}"
    batch = "" if row.batch == 1 else f" / {row.batch}"
    return (
        Cell(joules / row.batch * 1e6, "uJ", "assumed", f"{where}, x median time of a call{batch}"),
        Cell(watts, "W", "assumed", where),
    )


# ---- the processor -----------------------------------------------------------------------------


def processor_kind(rows):
    """Where the numbers of this host's energy are from: "measured", where a meter brought one for any row; else "assumed",
    where its user gave a power; else ""."""
    rows = [row for row in rows if row.device == CPU and row.usable and not row.is_model]
    if any(row.raw.get("eie_energy_state") == "measured" for row in rows):
        return "measured"
    return "assumed" if any(row.number("eie_assumed_energy_j") is not None for row in rows) else ""


def processor_cells(row, kind):
    """{column: cell} of a row of the processor: its energy, and that of each domain that the meter tells apart."""
    state = row.raw.get("eie_energy_state")
    if kind == "assumed" and row.number("eie_assumed_energy_j") is not None:
        joules, watts = assumed_cells(row)
    elif isinstance(state, str):
        joules, watts, _ = energy_cells(row)
    else:
        return {}
    cells = {ONE: joules, PER_J: per_joule(joules), "W": watts}
    above = row.number("eie_energy_above_idle_j")
    if kind == "measured" and above is not None:
        source = f"energy - idle power x time, {row.label()}"
        cells[ABOVE] = Cell(above / row.batch * 1e6, "uJ", "derived", source)
    domains = row.raw.get("eie_energy_domains")
    for name, domain in domains.items() if isinstance(domains, dict) else ():
        if isinstance(domain, dict):
            cells[f"{one_line(name)}, uJ"] = _domain_cell(row, one_line(name), domain)
    return cells


def _domain_cell(row, name, domain):
    joules, where = domain.get("j"), f"results file: eie_energy_domains, {name}, {row.label()}"
    if domain.get("state") == "measured" and isinstance(joules, (int, float)) and not isinstance(joules, bool):
        batch = f", of the whole batch / {row.batch}" if row.batch > 1 else ""
        return Cell(joules / row.batch * 1e6, "uJ", "derived" if batch else "measured", where + batch)
    return Cell(one_line(domain.get("state") or "absent"), "", "measured", f"{one_line(domain.get('reason') or where)}")


def processor_energy(results):
    """A list with the table, or an empty one: nobody could measure anything, and no power was given."""
    kind = processor_kind(results.rows)
    rows = [row for row in results.rows if row.device == CPU and not row.is_model]
    once = str(results.context.get("eie_host_energy")).partition(":")[0]  # said of the host, not again of every row
    said = {row.raw.get("eie_energy_state") for row in rows} - {None, once}
    if not kind and not said:
        return []
    table = Table(
        "processor_energy", "Energy of the processor: one inference (an input vector); the fastest rows", corner="row"
    )
    for row in _chosen(rows):
        name = f"{row.kernel} on {row.device}@{row.threads}, {row.layer}, suite {row.suite}, batch {row.batch}, cache {row.cache}"
        table.put_cells(name, processor_cells(row, kind))
    table.fill("the row has no such number")
    table.notes += _processor_notes(rows, kind)
    return [table] if table.rows else []


def _chosen(rows):
    """Of each layer, batch and cache mode on the most threads: the fastest dense float32 row, and the fastest exact one of
    the compressed form. rows.csv has all."""
    most, best = {}, {}
    for row in rows:
        group = (row.suite, row.layer, row.batch, row.cache)
        most[group] = max(most.get(group, 0), row.threads)
    for row in rows:
        group = (row.suite, row.layer, row.batch, row.cache)
        kind = (
            CHOSEN[0]
            if kind_of(row) == DENSE
            else CHOSEN[1]
            if "exact" in row.flags and "reference" not in row.flags
            else ""
        )
        if not kind or row.threads != most[group]:
            continue
        other = best.get((group, kind))
        if other is None or row.median_ns < other.median_ns:
            best[group, kind] = row
    return list(best.values())


def _processor_notes(rows, kind):
    notes, reasons = [], {}
    sources = {row.raw.get("eie_energy_source") for row in rows if row.raw.get("eie_energy_state") == "measured"}
    for source in sorted(one_line(source) for source in sources if isinstance(source, str)):
        notes.append(f"{source[0].upper()}{source[1:]}.")
    if kind == "measured":
        notes.append(
            "Domains are not added up: core and uncore lie in the package, psys holds all, dram is apart from the package. "
            "Idle power is in all of them; above idle: without what the processor draws between calls."
        )
    if kind == "assumed":
        notes.append(
            "Power is what a meter showed, as its reader gave it (--power), for all rows alike; energy is power x time."
        )
    for row in rows:
        state = row.raw.get("eie_energy_state")
        if isinstance(state, str) and state != "measured":
            why = one_line(row.raw.get("eie_energy_reason") or "the row does not say why")
            reasons[state, why] = reasons.get((state, why), 0) + 1
    return notes + [f"{state} ({count} rows): {why.rstrip('.')}." for (state, why), count in reasons.items()]


def _is_processor(results, device):
    """Of a processor under OpenCL nobody expects a board's meter."""
    devices = results.context.get("eie_devices")
    facts = devices.get(device) if isinstance(devices, dict) else None
    return isinstance(facts, dict) and facts.get("type") == "cpu" and "board" not in facts


def _idle_notes(results):
    idle = {}
    for row in results.rows:
        watts = row.number("eie_idle_power_w")
        if watts is not None:
            idle.setdefault(row.device, Cell(watts, "W", "measured", f"eie_idle_power_w, {row.label()}"))
    return [
        f"{device} draws {watts.said()} without a call, its clocks still those of work."
        for device, watts in sorted(idle.items())
    ]
