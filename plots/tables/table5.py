"""Table V: platforms, designs and this host on one layer."""

from plots.core.cells import MARKS, Cell, cited, missing, number_text, per_second, ratio
from plots.core.grid import Table
from plots.core.published import EIE, LAYERS, PLATFORMS
from plots.core.references import BEST, DENSE
from plots.tables.energy import KINDS
from plots.tables.fig6 import agrees
from plots.tables.hostrows import SUITE, cell_of, headline_view, number_cell
from plots.tables.hosttables import host_energy
from plots.tables.modelrows import model_kernels, model_row

PER_AREA, PER_ENERGY = "frames/s/mm2", "frames/J"
PROJECTED = "eie-256pe-28nm"


def table5(results, published):
    table = Table("table5_platforms", "Table V: platforms on AlexNet FC7 (Alex-7), batch 1", corner="platform")
    words = {"platform_type": "kind", "memory_type": "memory", "quantisation": "arithmetic", "workload": "ran"}
    keys = {
        "technology_nm": ("technology (nm)", "nm"),
        "clock_mhz": ("clock (MHz)", "MHz"),
        "max_model_weights": ("largest model (weights)", "weights"),
        "area_mm2": ("area (mm2)", "mm2"),
        "power_w": ("power (W)", "W"),
        "throughput_frames_per_s": ("frames/s", "frames/s"),
        "area_efficiency_frames_per_s_per_mm2": (PER_AREA, "frames/s/mm2"),
        "energy_efficiency_frames_per_j": (PER_ENERGY, "frames/J"),
    }
    for platform in published.platforms:
        name, source = platform["platform"], platform["source"]
        for key, column in words.items():
            table.put(
                name,
                column,
                Cell(platform[key], "", "cited", source)
                if platform.get(key)
                else missing("not printed", "cited", f"{source}: no value", "", "not printed in Table V"),
            )
        cells = {}
        for key, (column, unit) in keys.items():
            text = platform.get(key) or ""
            cells[key] = (
                cited(text, unit, source)
                if text
                else missing("not printed", "cited", f"{source}: no value", unit, "not printed in Table V")
            )
            table.put(name, column, cells[key])
        table.put(name, "frames/s from Table IV", _table5_throughput(name, published))
        for column, key, what in ((PER_AREA, "area_mm2", "area"), (PER_ENERGY, "power_w", "power")):
            table.put(
                name,
                f"{column} recomputed",
                ratio(
                    cells["throughput_frames_per_s"], cells[key], f"printed throughput / printed {what}, {source}", column
                ),
            )
    table.notes += _inconsistencies(table, published)
    _table5_model(table, results)
    _table5_host(table, results, published)
    table.decimals = {
        "frames/s": 0,
        "frames/s from Table IV": 0,
        PER_ENERGY: 0,
        f"{PER_ENERGY} recomputed": 2,
        f"{PER_AREA} recomputed": 2,
        "largest model (weights)": 0,
    }
    table.fill("does not apply, or not known for this row")
    bounds = [platform["platform"] for platform in published.platforms if platform.get("max_model_is_upper_bound") == "yes"]
    table.notes.append(f"Largest model: the paper prints an upper bound for {', '.join(bounds)}.")
    table.notes.append(
        "TrueNorth ran a TIMIT LSTM, not Alex-7. Throughput of this host and of the model is 1 / "
        "time of Alex-7 in suite paper. The model's power is its energy over its expected time, its frames/J "
        "1 / energy: once with the energy from action counts, once at constant power."
    )
    return table


def _inconsistencies(table, published):
    """Printed numbers of Table V that do not follow from others of it."""
    notes = []
    for column in (PER_AREA, PER_ENERGY):
        for row in table.rows:
            printed, again = table.get(row, column), table.get(row, f"{column} recomputed")
            if printed.is_number and again.is_number and not agrees(printed, again):
                notes.append(f"{row}: {column} is printed as {_said(printed)}, its printed numbers give {_said(again)}.")
    for row in table.rows:
        printed, again = table.get(row, "frames/s"), table.get(row, "frames/s from Table IV")
        if again.is_number and not agrees(printed, again):
            notes.append(f"{row}: frames/s is printed as {_said(printed)}, Table IV gives {_said(again)}.")
    speed, clock = (
        ratio(table.get(PROJECTED, column), table.get(EIE, column), f"{PROJECTED} / {EIE}, {column}")
        for column in ("frames/s", "clock (MHz)")
    )
    more_pes = published.claim("speedup_256_over_64_pes")
    per_clock = ratio(speed, more_pes, "frames/s of the two designs / speed-up from 64 to 256 PEs")
    notes.append(
        f"{PROJECTED} is a projection: its frames/s is {speed.shown()} that of 64 PEs, {more_pes.shown()} of "
        f"it counted for four times the PEs, so {per_clock.shown()} for the clock; the printed clocks are "
        f"{clock.shown()} apart."
    )
    return notes


def _said(cell):
    return f"{cell.digits() if cell.text else number_text(cell.value, 2)} {MARKS[cell.provenance]}"


def _table5_throughput(name, published):
    if name not in list(PLATFORMS.values()) + [EIE]:
        return missing(
            "not in Table IV",
            "derived",
            f"Table IV has no times of {name}",
            "frames/s",
            "Table IV has no times of this platform",
        )
    time = published.time(name, "actual" if name == EIE else "dense", "Alex-7")
    return Cell(1e6 / time.value, "frames/s", "derived", f"1 / time of Alex-7: {time.source}")


def _table5_model(table, results):
    for kernel in model_kernels(results):
        for device in sorted({row.device for row in results.rows if row.kernel == kernel}):
            row = model_row(results, kernel, SUITE, "Alex-7", device)
            time = cell_of(row, "Alex-7")
            if not time.is_number:
                continue
            for key, words in reversed(KINDS):
                name = f"{kernel}, {device}, {words}"
                energy = number_cell(row, "Alex-7", key, "J", 1, f"energy by {words}")
                area = number_cell(row, "Alex-7", "eie_area_mm2", "mm2", 1, "area")
                table.put(name, "area (mm2)", area)
                table.put(name, "frames/s", per_second(time, "frames/s"))
                table.put(
                    name, PER_AREA, ratio(per_second(time, "frames/s"), area, f"frames/s / area, {row.label()}", PER_AREA)
                )
                if energy.is_number and energy.value > 0:
                    table.put(
                        name,
                        "power (W)",
                        Cell(
                            energy.value / (time.value * 1e-6),
                            "W",
                            "derived",
                            f"energy by {words} / expected time, {row.label()}",
                        ),
                    )
                    table.put(
                        name,
                        PER_ENERGY,
                        Cell(1 / energy.value, "frames/J", "derived", f"1 / energy by {words}, {row.label()}"),
                    )


def _table5_host(table, results, published):
    view = headline_view(results, published)
    for threads in view.thread_counts() if view else ():
        at = LAYERS.index("Alex-7")
        found = {f"{BEST[DENSE]}@{threads}": (view.reference_times(DENSE, threads)[at], view.reference(DENSE, threads)[at])}
        column = view.best(threads)
        found |= {column.name: (view.times(column)[at], view.row(column, "Alex-7"))} if column else {}
        for words, (time, row) in found.items():
            name = f"this host: {words}"
            table.put(name, "frames/s", per_second(time, "frames/s"))
            table.put(name, "power (W)", host_energy(results, "W", row))
            energy = host_energy(results, "uJ", row)
            if energy.is_number:
                table.put(name, PER_ENERGY, Cell(1e6 / energy.value, "frames/J", "derived", f"1 / energy: {energy.source}"))
