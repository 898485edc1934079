"""Measured energy of devices with a meter: what a row has, or the word that says why there is none."""

from plots.core.cells import Cell, percent
from plots.core.grid import Table
from plots.core.load import one_line


def device_energy(results):
    """A list with the table, or an empty one: no row of a device that could have a meter."""
    table = Table(
        "device_energy", "Energy of devices: one product, whole board, uJ per input vector; mean power, W", corner="layer"
    )
    reasons = {}
    for row in results.rows:
        state, name = row.raw.get("eie_energy_state"), f"{row.kernel} on {row.device}"
        line = f"{row.layer}, suite {row.suite}, batch {row.batch}"
        if (
            not isinstance(state, str) or row.is_model or _is_processor(results, row.device) or table.get(line, name)
        ):  # the row of the other clock is the same plan's
            continue
        joules, watts, why = energy_cells(row)
        if why:
            reasons.setdefault((state, why), set()).add(row.device)
        table.put(line, name, joules)
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
