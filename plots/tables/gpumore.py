"""Further tables of one CUDA device, for who has one: weights from the memory, how each number was taken, the energy of a
busy GPU, batch by batch, and OpenCL on the same card."""

from plots.core.cells import Cell, missing, ratio
from plots.core.load import one_line
from plots.core.means import partial_mean
from plots.core.published import LAYERS
from plots.tables.deviceenergy import energy_cells
from plots.tables.gpurows import COLD, beside, put_means
from plots.tables.hostrows import cell_of, number_cell
from plots.tables.modelrows import MEAN_ROW

SGEMV, CSR_MV, SGEMM, CSR_MM = "peers_cublas_sgemv", "peers_cusparse_csr_mv", "peers_cublas_sgemm", "peers_cusparse_csr_mm"
HALF, INT8 = "peers_cublas_half", "peers_cublaslt_int8"
LEVELS = {"l2": "l2_bytes_per_s", "dram": "dram_bytes_per_s"}
SPEEDS = {"l2": "read from the L2 cache", "dram": "read from the memory"}  # words of the ceilings


class More:
    """`make(name, title, groups)` makes a table of the device; `eie`: {layer: time}, `energies`: EIE's, by layer."""

    def __init__(self, device, eie, make, energies):
        self.device, self._eie, self._make = device, eie, make
        self._energies = dict(zip(LAYERS, energies))
        self.cold = self._cold() if device.has(1, "device", COLD) else None
        self.how = self._how()
        self.busy = self._busy() if device.has(1, "chain") else None
        self.sweep = self._sweep() if len(device.batches()) > 1 else None
        self.crossover = self._crossover() if self.sweep else None
        self.opencl = self._opencl() if device.same_card() else None

    def all(self):
        return [table for table in (self.cold, self.how, self.busy, self.sweep, self.crossover, self.opencl) if table]

    def lines(self):
        """What they come to, a sentence each."""
        return self._cold_line() + self._busy_line() + self._crossings()

    # ---- weights from the memory ----

    def _cold(self):
        clock = "chain" if self.device.has(1, "chain", COLD) else "device"
        table = self._make(
            "cold",
            f"Batch 1, weights from the memory, {clock} time: us per input vector",
            [
                [("kernel", "fastest\nexact kernel"), ("us", "ours\nus"), ("copies", "\ncopies")],
                [("cuBLAS sgemv, us", "cuBLAS\nsgemv us"), ("cuSPARSE CSR, us", "cuSPARSE\nCSR us")],
                [("over cuBLAS", "over\ncuBLAS"), ("over cuSPARSE", "over\ncuSPARSE"), ("hot, us", "hot\nus")],
            ],
        )
        for layer in LAYERS:
            row = self.device.ours(layer, 1, clock, COLD)
            ours = cell_of(row, layer)
            table.put(layer, "kernel", _name(row, ours))
            table.put(layer, "us", ours)
            table.put(layer, "copies", number_cell(row, layer, "eie_copies", "", 1, "copies that take turns"))
            for column, over, kernel in (
                ("cuBLAS sgemv, us", "over cuBLAS", SGEMV),
                ("cuSPARSE CSR, us", "over cuSPARSE", CSR_MV),
            ):
                peer = self.device.row(kernel, layer, 1, clock, COLD)
                table.put(layer, column, cell_of(peer, layer))
                table.put(layer, over, ratio(beside(peer, row, layer), ours, f"{kernel} / ours, cold, {clock}, {layer}"))
            table.put(layer, "hot, us", cell_of(self.device.ours(layer, 1, clock), layer))
        put_means(table, f"batch 1, weights from the memory, {clock} time")
        table.notes.append(
            "Copies of the weights take turns, twice as many bytes of them as the L2 cache has, so that each call reads its "
            "weights from the memory, a compressed layer as a dense matrix does that is larger than the cache anyway."
        )
        return table

    def _cold_line(self):
        if not self.cold:
            return []
        cells = [(words, self.cold.get(MEAN_ROW, words)) for words in ("over cuBLAS", "over cuSPARSE")]
        said = [f"{cell.shown()} {words}" for words, cell in cells if cell]
        return [f"With weights from the memory on all sides: {', '.join(said)}"] if said else []

    # ---- how each number was taken ----

    def _how(self):
        clock = "chain" if self.device.has(1, "chain") else "device"
        table = self._make(
            "how",
            f"Batch 1: how the numbers were taken, and what memory gave ({clock} time)",
            [
                [
                    ("kernel", "fastest\nexact kernel"),
                    ("MB a call", "MB\na call"),
                    ("weights in", "weights\nin"),
                    ("GB/s", "\nGB/s"),
                    ("share of what was measured", "share\n%"),
                ],
                [
                    ("SM clock, MHz", "SM\nMHz"),
                    ("held down", "held\ndown %"),
                    ("launch: ours", "launch\nours"),
                    ("launch: cuBLAS", "launch\ncuBLAS"),
                    ("launch: cuSPARSE", "launch\ncuSPARSE"),
                ],
            ],
        )
        most = self.device.ceilings()
        for layer in LAYERS:
            row = self.device.ours(layer, 1, clock)
            time = cell_of(row, layer)
            table.put(layer, "kernel", _name(row, time))
            size = number_cell(row, layer, "eie_bytes", "MB", 1e-6, "bytes of a call")
            level = one_line(row.raw.get("eie_resident", "")) if row is not None and row.usable else ""
            table.put(layer, "MB a call", size)
            table.put(layer, "weights in", _words(row, layer, "eie_resident"))
            speed = _scaled(ratio(size, time, f"bytes / time, {layer}", "GB/s"), 1e3)
            table.put(layer, "GB/s", speed)
            ceiling = most.get(SPEEDS.get(level)) or missing("absent", "measured", f"no ceiling of {level or 'a level'}")
            table.put(
                layer, "share of what was measured", _scaled(ratio(speed, ceiling, f"GB/s / ceiling, {layer}", "%"), 100)
            )
            table.put(layer, "SM clock, MHz", number_cell(row, layer, "eie_board_sm_clock_hz", "MHz", 1e-6, "SM clock"))
            table.put(layer, "held down", _held_down(row, layer))
            for name, which in (
                ("ours", self.device.ours(layer, 1, "device")),
                ("cuBLAS", self.device.row(SGEMV, layer, 1, "device")),
                ("cuSPARSE", self.device.row(CSR_MV, layer, 1, "device")),
            ):
                table.put(layer, f"launch: {name}", _words(which, layer, "eie_cuda_device_launch"))
        table.notes += [
            "Launch: how the calls of the device's time were made. In a graph what the host does is not in it; launched "
            "plainly, because the library's calls cannot be recorded, it is.",
            "Held down: samples behind which power or heat held the clocks down; they are taken again, and count only where "
            "no others could be had. A GPU whose clocks move between calls can be held by nvidia-smi -lgc.",
        ]
        return table

    # ---- energy ----

    def _busy(self):
        table = self._make(
            "energy_busy",
            "Batch 1: energy of one product on a busy GPU (calls in a chain), uJ, whole board",
            [
                [("kernel", "fastest\nexact kernel"), ("uJ", "ours\nuJ"), ("W", "ours\nW")],
                [("cuBLAS sgemv, uJ", "cuBLAS\nuJ"), ("cuSPARSE CSR, uJ", "cuSPARSE\nuJ")],
                [("EIE, uJ", "EIE\nuJ"), ("EIE over GPU", "GPU\n/ EIE")],
                [
                    ("one by one, uJ", "one by one\nours uJ"),
                    ("cuBLAS one by one, uJ", "one by one\ncuBLAS uJ"),
                    ("cuSPARSE one by one, uJ", "one by one\ncuSPARSE uJ"),
                ],
            ],
        )
        for layer in LAYERS:
            row = self.device.ours(layer, 1, "chain")
            joules, watts = _energy(row, layer)
            table.put(layer, "kernel", _name(row, cell_of(row, layer)))
            table.put(layer, "uJ", joules)
            table.put(layer, "W", watts)
            for column, kernel, clock in (
                ("cuBLAS sgemv, uJ", SGEMV, "chain"),
                ("cuSPARSE CSR, uJ", CSR_MV, "chain"),
                ("cuBLAS one by one, uJ", SGEMV, "device"),
                ("cuSPARSE one by one, uJ", CSR_MV, "device"),
            ):
                table.put(layer, column, _energy(self.device.row(kernel, layer, 1, clock), layer)[0])
            table.put(layer, "one by one, uJ", _energy(self.device.ours(layer, 1, "device"), layer)[0])
            table.put(layer, "EIE, uJ", self._energies[layer])
            table.put(layer, "EIE over GPU", ratio(joules, self._energies[layer], f"busy GPU / EIE, energy, {layer}"))
        put_means(table, "batch 1, energy in a chain")
        table.notes.append(
            "The board's energy while calls follow each other without a gap, idle power and memory included. One by one: the "
            "same kernel called and waited for each time, when the board mostly idles."
        )
        return table

    def _busy_line(self):
        mean = self.busy and self.busy.get(MEAN_ROW, "EIE over GPU")
        if not mean:
            return []
        who = "EIE needs" if mean.value >= 1 else "the GPU needs"
        times = mean.shown() if mean.value >= 1 else f"1 / {mean.shown()}"
        return [f"Energy of a product on a busy GPU: {self.busy.get(MEAN_ROW, 'uJ').shown()} uJ; {who} {times} less"]

    # ---- batch by batch ----

    def _sweep(self):
        table = self._make(
            "sweep",
            "Batch by batch, device time: us per input vector, geometric means of the layers",
            [
                [("ours, us", "ours\nus"), ("dense float, us", "dense\nfloat us"), ("cuSPARSE, us", "cuSPARSE\nus")],
                [("over dense float", "over\ndense"), ("over cuSPARSE", "over\ncuSPARSE"), ("over EIE", "over\nEIE")],
                [
                    ("faster than half on", "faster than\nhalf on"),
                    *([("faster than int8 on", "faster than\nint8 on")] if self.device.knows(INT8) else []),
                    ("faster than EIE on", "faster than\nEIE on"),
                    ("uJ an input, busy", "busy GPU\nuJ an input"),
                ],
            ],
        )
        table.corner = "inputs a call"
        for batch in self.device.batches():
            dense, sparse = (SGEMV, CSR_MV) if batch == 1 else (SGEMM, CSR_MM)
            rows = {layer: self.device.ours(layer, batch, "device") for layer in LAYERS}
            ours = {layer: cell_of(row, layer) for layer, row in rows.items()}
            peers = {
                kernel: {layer: cell_of(self.device.row(kernel, layer, batch, "device"), layer) for layer in LAYERS}
                for kernel in (dense, sparse, HALF, INT8)
            }
            where = f"batch {batch}, device time"
            overs = {
                kernel: [
                    ratio(beside(self.device.row(kernel, layer, batch, "device"), rows[layer], layer), ours[layer], where)
                    for layer in LAYERS
                ]
                for kernel in (dense, sparse)
            }
            energies = [_energy(self.device.ours(layer, batch, "chain"), layer)[0] for layer in LAYERS]
            table.put_cells(
                str(batch),
                {
                    "ours, us": partial_mean(ours.values(), f"ours, {where}"),
                    "dense float, us": partial_mean(peers[dense].values(), f"{dense}, {where}"),
                    "cuSPARSE, us": partial_mean(peers[sparse].values(), f"{sparse}, {where}"),
                    "over dense float": partial_mean(overs[dense], f"{dense} / ours, {where}"),
                    "over cuSPARSE": partial_mean(overs[sparse], f"{sparse} / ours, {where}"),
                    "over EIE": partial_mean(
                        [ratio(self._eie[layer], ours[layer], f"EIE actual / ours, {where}") for layer in LAYERS],
                        f"EIE actual / ours, {where}",
                    ),
                    "faster than half on": _faster(ours, peers[HALF], f"{HALF} and ours, {where}"),
                    "faster than EIE on": _faster(ours, self._eie, f"EIE actual and ours, {where}"),
                    "uJ an input, busy": partial_mean(energies, f"ours, energy in a chain, batch {batch}"),
                },
            )
            if self.device.knows(INT8):
                table.put(str(batch), "faster than int8 on", _faster(ours, peers[INT8], f"{INT8} and ours, {where}"))
        table.notes.append(
            "Half precision and int8 round the weights and enter no mean: here it is counted on how many layers ours, which "
            "is exact, takes less time. EIE takes one input at a time. Energy: of a call in a chain / inputs, whole board."
        )
        return table

    def _crossover(self):
        """Layer by layer, from which of the measured batches on somebody takes less time an input."""
        dense = {batch: SGEMV if batch == 1 else SGEMM for batch in self.device.batches()}
        peers = [("dense float", dense), ("half", dict.fromkeys(dense, HALF))]
        if self.device.knows(INT8):
            peers.append(("int8", dict.fromkeys(dense, INT8)))
        table = self._make(
            "crossover",
            "Device time an input: from which batch on a dense library is faster than ours, and ours than EIE",
            [
                [(f"{name} from batch", f"{name}\nfrom batch") for name, _ in peers]
                + [("ours beats EIE from batch", "ours beats EIE\nfrom batch")]
            ],
        )
        for layer in LAYERS:
            ours = {batch: cell_of(self.device.ours(layer, batch, "device"), layer) for batch in dense}
            for name, kernels in peers:
                theirs = {
                    batch: cell_of(self.device.row(kernel, layer, batch, "device"), layer)
                    for batch, kernel in kernels.items()
                }
                table.put(layer, f"{name} from batch", _from_batch(theirs, ours, f"{name} and ours, device time, {layer}"))
            eie = dict.fromkeys(dense, self._eie[layer])
            table.put(
                layer, "ours beats EIE from batch", _from_batch(ours, eie, f"ours and EIE actual, device time, {layer}")
            )
        table.notes.append(
            "The least of the measured batches from which on it is so at every larger one; never: not at the largest. EIE "
            "takes one input at a time. Half and int8 are approximate."
        )
        return table

    def _crossings(self):
        """Where the exact kernels and dense half precision, or EIE, change places."""
        said = []
        for column, whom in (("faster than half on", "dense half precision"), ("faster than EIE on", "the published EIE")):
            counts = [(batch, self.sweep.get(str(batch), column)) for batch in self.device.batches()] if self.sweep else []
            words = [f"{cell.value} at batch {batch}" for batch, cell in counts if not cell.reason]
            if words:
                said.append(f"Layers on which ours is faster an input than {whom}: {', '.join(words)}")
        return said

    # ---- OpenCL ----

    def _opencl(self):
        table = self._make(
            "opencl",
            "Batch 1, wall time: CUDA and OpenCL on the same card, us per input vector",
            [
                [("CUDA, us", "CUDA\nus"), ("OpenCL kernel", "fastest OpenCL\nkernel")],
                [("OpenCL, us", "OpenCL\nus"), ("CUDA over OpenCL", "CUDA over\nOpenCL")],
            ],
        )
        (name, *_) = self.device.same_card()
        for layer in LAYERS:
            row = self.device.on_opencl(name, layer, "wall")
            cuda, other = cell_of(self.device.ours(layer, 1, "wall"), layer), cell_of(row, layer)
            table.put(layer, "CUDA, us", cuda)
            table.put(layer, "OpenCL kernel", _name(row, other))
            table.put(layer, "OpenCL, us", other)
            table.put(layer, "CUDA over OpenCL", ratio(other, cuda, f"OpenCL / CUDA, wall time, {layer}"))
        put_means(table, "batch 1, wall time, OpenCL")
        table.notes.append(f"OpenCL: `{one_line(name)}`, the same card by its place on the bus.")
        return table


def _name(row, time):
    if row is None or not time.is_number:
        return missing(time.value, "measured", time.source, "", time.reason)
    return Cell(row.kernel, "", "measured", f"the fastest exact kernel of {row.label()}, {row.time_source} time")


def _words(row, layer, key):
    time = cell_of(row, layer)
    if not time.is_number:
        return missing(time.value, "measured", time.source, "", time.reason)
    word = row.raw.get(key)
    if not isinstance(word, str):
        return missing("absent", "measured", f"{row.label()}: no {key}", "", f"the row has no {key}")
    return Cell(one_line(word), "", "measured", f"{key}, {row.label()}")


def _scaled(cell, factor):
    return Cell(factor * cell.value, cell.unit, "derived", cell.source) if cell.is_number else cell


def _held_down(row, layer):
    time = cell_of(row, layer)
    if not time.is_number:
        return missing(time.value, "measured", time.source, "", time.reason)
    held = row.raw.get("eie_disturbed_ns")
    count, kept = len(held) if isinstance(held, list) else 0, len(row.samples)
    return Cell(100 * count / (count + kept), "%", "measured", f"samples apart / all, {row.label()}")


def _energy(row, layer):
    """uJ and W of a row, or why not."""
    time = cell_of(row, layer)
    if not time.is_number or not isinstance(row.raw.get("eie_energy_state"), str):
        why = time.reason or "the row has no eie_energy_state"
        word = missing("absent" if time.is_number else time.value, "measured", why, "uJ", why)
        return word, word
    joules, watts, why = energy_cells(row)
    if why:
        joules = watts = missing(joules.value, "measured", joules.source, "uJ", why)
    return joules, watts


def _faster(ours, theirs, what):
    """On how many of the layers with both numbers ours takes less time."""
    both = [layer for layer in LAYERS if ours[layer].is_number and theirs[layer].is_number]
    if not both:
        return missing("missing", "derived", what, "", "no layer has both")
    count = sum(ours[layer].value < theirs[layer].value for layer in both)
    return Cell(f"{count} of {len(both)}", "", "derived", what)


def _from_batch(these, those, what):
    """From which batch on `these` take less time than `those`, {batch: cell}; a cell."""
    both = sorted(batch for batch in these if these[batch].is_number and those[batch].is_number)
    if not both:
        return missing("missing", "derived", what, "", "no batch has both")
    first = None
    for batch in reversed(both):
        if these[batch].value >= those[batch].value:
            break
        first = batch
    return Cell("never" if first is None else str(first), "", "derived", what)
