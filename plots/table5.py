"""Table V: platforms, designs and this host on one layer."""

from cells import Cell, cited, missing, ratio
from energy import KINDS
from grid import Table
from hostrows import SUITE, cell_of, headline_view, number_cell
from hosttables import host_energy
from modelrows import model_kernels, model_row
from published import EIE, LAYERS, PLATFORMS


def table5(results, published):
    table = Table("table5_platforms", "Table V: platforms on AlexNet FC7 (Alex-7), batch 1", corner="platform")
    keys = {"technology_nm": ("technology (nm)", "nm"), "clock_mhz": ("clock (MHz)", "MHz"),
            "area_mm2": ("area (mm2)", "mm2"), "power_w": ("power (W)", "W"),
            "throughput_frames_per_s": ("frames/s", "frames/s"),
            "energy_efficiency_frames_per_j": ("frames/J", "frames/J")}
    for platform in published.platforms:
        name, source = platform["platform"], platform["source"]
        cells = {}
        for key, (column, unit) in keys.items():
            text = platform.get(key) or ""
            cells[key] = cited(text, unit, source) if text \
                else missing("not printed", "cited", f"{source}: no value", unit, "not printed in Table V")
            table.put(name, column, cells[key])
        table.put(name, "frames/s from Table IV", _table5_throughput(name, published))
        table.put(name, "frames/J from frames/s and W",
                  ratio(cells["throughput_frames_per_s"], cells["power_w"],
                        f"printed throughput / printed power, {source}", "frames/J"))
    _table5_model(table, results)
    _table5_host(table, results, published)
    table.decimals = {"frames/s": 0, "frames/s from Table IV": 0, "frames/J": 0, "frames/J from frames/s and W": 2}
    table.fill("does not apply, or not known for this row")
    table.notes.append("TrueNorth ran a TIMIT LSTM, not Alex-7. Throughput of this host and of the model is 1 / "
                       "time of Alex-7 in suite paper. The model's power is its energy over its expected time, its frames/J "
                       "1 / energy: once with the energy from action counts, once at constant power.")
    return table


def _table5_throughput(name, published):
    if name not in list(PLATFORMS.values()) + [EIE]:
        return missing("not in Table IV", "derived", f"Table IV has no times of {name}", "frames/s",
                       "Table IV has no times of this platform")
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
                table.put(name, "area (mm2)", number_cell(row, "Alex-7", "eie_area_mm2", "mm2", 1, "area"))
                table.put(name, "frames/s", _per_second(time))
                if energy.is_number and energy.value > 0:
                    table.put(name, "power (W)", Cell(energy.value / (time.value * 1e-6), "W", "derived",
                                                      f"energy by {words} / expected time, {row.label()}"))
                    table.put(name, "frames/J", Cell(1 / energy.value, "frames/J", "derived",
                                                     f"1 / energy by {words}, {row.label()}"))


def _table5_host(table, results, published):
    view = headline_view(results, published)
    for threads in view.thread_counts() if view else ():
        for column in filter(None, (view.dense(threads), view.best(threads))):
            name = f"this host: {column.name}"
            table.put(name, "frames/s", _per_second(view.times(column)[LAYERS.index("Alex-7")]))
            table.put(name, "power (W)", host_energy(results, "W"))


def _per_second(time):
    return Cell(1e6 / time.value, "frames/s", "derived", f"1 / time: {time.source}")
