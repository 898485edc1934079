"""The CUDA devices of a results file: which row stands for whom on which layer."""

from plots.core.cells import Cell, missing
from plots.core.load import InputError, is_number, one_line
from plots.core.means import geometric_mean
from plots.core.published import LAYERS
from plots.tables.ceilings import MOST_NS, MOST_PER_S, Ceilings
from plots.tables.families import LIBRARY
from plots.tables.hostrows import SUITE, cell_of, may_compare_apart
from plots.tables.modelrows import MEAN_ROW

PREFIX = "cuda:"
COUNT_ROW = "layers in the mean"
HOT, COLD = "hot", "dram"  # one copy of the weights; copies that take turns and that no cache of the device holds
NOT_RUN = ("skipped", "unsupported")
NEVER_OURS = {"approximate", "reference", "estimate"}
UNTOLD = ("title", "uuid", "pci", "energy_counter", "reason")  # of a device; the energy table has the last two
CEILINGS = {  # key of eie_device_ceilings: (words, unit, factor, the best of several runs, most)
    "launch_device_ns": ("empty kernel, device time", "us", 1e-3, min, MOST_NS),
    "graph_device_ns": ("empty kernel as a graph, device time", "us", 1e-3, min, MOST_NS),
    "launch_wall_ns": ("empty kernel, wall time", "us", 1e-3, min, MOST_NS),
    "graph_chain_ns": ("empty kernel in a chain, device time", "us", 1e-3, min, MOST_NS),
    "graph_wall_ns": ("empty kernel as a graph, wall time", "us", 1e-3, min, MOST_NS),
    "l2_bytes_per_s": ("read from the L2 cache", "GB/s", 1e-9, max, MOST_PER_S),
    "dram_bytes_per_s": ("read from the memory", "GB/s", 1e-9, max, MOST_PER_S),
}


def cuda_devices(results):
    """Names of the CUDA devices on which something ran; where there is none, rows are only skipped."""
    return sorted(
        {row.device for row in results.rows + results.missing if row.device.startswith(PREFIX) and row.status not in NOT_RUN}
    )


def why_none(results):
    """Words of the rows that were skipped for want of a device, or ""."""
    return next((row.reason for row in results.missing if row.device.startswith(PREFIX)), "")


class Device:
    """The paper's suite on one CUDA device."""

    def __init__(self, results, name):
        self.name, self.title = name, name
        self._results = results
        self._rows = {}
        for row in results.select(suite=SUITE, device=name):
            self._rows.setdefault((row.layer, row.batch, row.time_source, row.cache), {})[row.kernel] = row
        facts = results.context.get("eie_devices")
        self._facts = facts.get(name) if isinstance(facts, dict) and isinstance(facts.get(name), dict) else {}
        if isinstance(self._facts.get("title"), str):
            self.title = one_line(self._facts["title"])

    def row(self, kernel, layer, batch, clock, cache=HOT):
        return self._rows.get((layer, batch, clock, cache), {}).get(kernel)

    def has(self, batch, clock, cache=HOT):
        return any((layer, batch, clock, cache) in self._rows for layer in LAYERS)

    def knows(self, kernel):
        """Has it a row of this kernel, with a number or without?"""
        return any(kernel in rows for rows in self._rows.values())

    def batches(self):
        return sorted({batch for _, batch, _, cache in self._rows if cache == HOT})

    def same_card(self):
        """Names of the devices of OpenCL that are the same card: by its place on the bus."""
        devices = self._results.context.get("eie_devices")
        devices = devices if isinstance(devices, dict) else {}
        return sorted(
            name
            for name, facts in devices.items()
            if name.startswith("opencl:") and _pci_of(facts) and _pci_of(facts) == _pci_of(self._facts)
        )

    def on_opencl(self, name, layer, clock):
        """The fastest exact row of another device on the layer, batch 1, or None."""
        rows = self._results.select(suite=SUITE, device=name, layer=layer, batch=1, cache=HOT, time_source=clock)
        return min((row for row in rows if _is_ours(row) and row.usable), key=lambda row: row.median_ns, default=None)

    def ours(self, layer, batch, clock, cache=HOT):
        """The fastest exact kernel that is no library's; where none has a number, one that says why, or None."""
        rows = [row for _, row in sorted(self._rows.get((layer, batch, clock, cache), {}).items()) if _is_ours(row)]
        return min((row for row in rows if row.usable), key=lambda row: row.median_ns, default=next(iter(rows), None))

    def without_number(self, batch, clock):
        """The rows of our exact kernels that were to run and have no number."""
        return [
            row
            for layer in LAYERS
            for row in self._rows.get((layer, batch, clock, HOT), {}).values()
            if _is_ours(row) and not row.usable and row.status not in NOT_RUN
        ]

    def facts(self):
        """What the file says of the device and of its board, [(key, words)]."""
        board = self._facts.get("board")
        pairs = list(self._facts.items()) + (list(board.items()) if isinstance(board, dict) else [])
        return [
            (key, {True: "on", False: "off"}[value] if isinstance(value, bool) else one_line(value))
            for key, value in pairs
            if key not in UNTOLD and not isinstance(value, (dict, list)) and value not in ("", None)
        ]

    def ceilings(self):
        """{words: Cell} of what the device was measured to do; of several runs the best."""
        found = {}
        for number, run in enumerate(Ceilings(self._results).runs):
            entry = run.get("eie_device_ceilings", {}) if isinstance(run, dict) else None
            where = f"{self._results.path}: context.eie_runs[{number}]: eie_device_ceilings"
            if not isinstance(entry, dict) or not isinstance(entry.get(self.name, {}), dict):
                raise InputError(f"{where} is no object")
            for key, (words, unit, factor, best, most) in CEILINGS.items():
                value = entry.get(self.name, {}).get(key)
                if value is None:
                    continue
                if not is_number(value) or not 0 < value <= most:
                    raise InputError(f"{where}: {key} is not between 0 and {most:g}")
                cell = Cell(value * factor, unit, "measured", f"context.eie_runs, eie_device_ceilings, {key}")
                found[words] = best(found.get(words, cell), cell, key=lambda each: each.value)
        return found


def _pci_of(facts):
    """A card's place on the bus, or ""."""
    if not isinstance(facts, dict):
        return ""
    board = facts.get("board")
    found = facts.get("pci") or (board.get("pci") if isinstance(board, dict) else "")
    return found if isinstance(found, str) else ""


def put_means(table, what):
    """A row with the geometric means of the layers that have a number, and one with how many these are."""
    for column in list(table.columns):
        numbers = [cell for cell in (table.get(layer, column) for layer in LAYERS) if cell and cell.is_number]
        if not numbers:
            continue
        count = Cell(len(numbers), "", "derived", f"layers that have it: {column}, {what}", text=str(len(numbers)))
        table.put(COUNT_ROW, column, count)
        table.put(MEAN_ROW, column, geometric_mean(numbers, f"{len(numbers)} layers: {column}, {what}"))
    table.rows = list(LAYERS) + [row for row in (MEAN_ROW, COUNT_ROW) if row in table.rows]


def _is_ours(row):
    return not row.kernel.startswith(LIBRARY) and "exact" in row.flags and not NEVER_OURS & row.flags


def beside(row, ours, layer):
    """The row's time where it compares with ours."""
    cell = cell_of(row, layer)
    return (
        cell
        if not cell.is_number or may_compare_apart(ours, row)
        else missing("missing", "measured", f"{layer}: {row.label()} is of another run", "us", "of another run")
    )
