"""The tables of one CUDA device beside the published EIE: times, energy, batch 64, and what they come to."""

from plots.core.cells import Cell, missing, ratio
from plots.core.grid import Table
from plots.core.load import one_line
from plots.core.means import geometric_mean
from plots.core.published import EIE, LAYERS
from plots.tables.ceilings import bound_words
from plots.tables.deviceenergy import energy_cells
from plots.tables.energy import published_energy
from plots.tables.gpumore import More
from plots.tables.gpurows import COUNT_ROW, beside, put_means
from plots.tables.hostrows import cell_of, number_cell
from plots.tables.modelrows import MEAN_ROW, with_mean

SGEMV, CSR_MV = "peers_cublas_sgemv", "peers_cusparse_csr_mv"
SGEMM, HALF, CSR_MM = "peers_cublas_sgemm", "peers_cublas_half", "peers_cusparse_csr_mm"
INT8 = "peers_cublaslt_int8"
BATCH, BATCHED = 64, "cuda_batch_groups"
HALF_COLUMN, INT8_COLUMN = "cuBLAS half (approximate), us", "cublasLt int8 (approximate), us"
INT8_WORDS = (INT8_COLUMN, "int8 us\n(approx.)")
TITLES = {"device": "device time", "wall": "wall time", "chain": "a call in a chain, device time"}
GPU, CHIP_WORD = "GPU", "EIE"
POWER = "chip_power_text"
CHIP = "EIE published"
IN_SHORT, FASTER = "batch 1, device time", "layers on which the GPU is faster than EIE"
OVERS = {"over cuBLAS sgemv": "over cuBLAS", "over cuSPARSE CSR": "over cuSPARSE", "over the published EIE": "over EIE"}
MEANS = (
    f'Means are geometric, over the layers that have the number (row "{COUNT_ROW}"); means of times over other '
    "layers do not compare, the mean of the ratios does."
)


class DeviceTables:
    """`groups`: how a terminal shows them, {table's name: groups of (column, two-line header)}."""

    def __init__(self, device, published, stem):
        self.device, self.stem, self.groups = device, stem, {}
        self._published = published
        self._eie = dict(zip(LAYERS, published.times(EIE, "actual")))
        self.times = self._times("device")
        self.wall = self._times("wall")
        self.chain = self._times("chain") if device.has(1, "chain") else None
        self.energy = self._energy()
        self.batched = self._batched()
        self.ceilings = self._ceilings()
        self.short = self._in_short()
        self.more = More(device, self._eie, self._table, published_energy(published, published.claim(POWER), LAYERS))

    def all(self):
        chain = [self.chain] if self.chain else []
        more = self.more.all()
        return [self.times, *chain, self.wall, *more, self.energy, self.batched, self.ceilings, self.short]

    def shown(self):
        """Those that a page shows as tables; what they come to stands there in sentences."""
        return [table for table in self.all()[:-1] if table.rows]

    def _table(self, name, title, groups):
        table = Table(f"gpu_{name}_{self.stem}", title)
        self.groups[table.name] = groups
        return table

    def _times(self, clock):
        on_device = clock != "wall"
        ours = [
            ("kernel", "fastest\nexact kernel"),
            ("us", "ours\nus"),
            ("cuBLAS sgemv, us", "cuBLAS\nsgemv us"),
            ("cuSPARSE CSR, us", "cuSPARSE\nCSR us"),
            (HALF_COLUMN, "half us\n(approx.)"),
            ("over cuBLAS", "over\ncuBLAS"),
            ("over cuSPARSE", "over\ncuSPARSE"),
        ]
        chip = [("over EIE", "over\nEIE"), ("faster", "\nfaster")]
        int8 = self._int8_words()
        more = (
            [
                *int8,
                ("bound, us", "bound\nus"),
                ("set by", "bound\nset by"),
                ("share of the bound", "share\n%"),
                (f"{CHIP}, us", "EIE\npubl. us"),
            ]
            + chip
            if on_device
            else int8
            + chip
            + [
                ("of it on the device, us", "device\nus"),
                ("empty launch, us", "launch\nus"),
                ("launched as", "launched\nas"),
            ]
        )
        table = self._table(f"batch1_{clock}", f"Batch 1, {TITLES[clock]}: us per input vector", [ours, more])
        for layer in LAYERS:
            row = self.device.ours(layer, 1, clock)
            ours = self._ours(table, layer, row)
            self._libraries(
                table,
                layer,
                clock,
                row,
                ours,
                (
                    ("cuBLAS sgemv, us", "over cuBLAS", SGEMV),
                    ("cuSPARSE CSR, us", "over cuSPARSE", CSR_MV),
                    (HALF_COLUMN, None, HALF),
                    *self._int8_column(),
                ),
            )
            if on_device:
                table.put(
                    layer, "bound, us", number_cell(row, layer, "eie_floor_ns", "us", 1e-3, "roofline bound", "derived")
                )
                table.put(layer, "set by", _words(row, layer, "eie_floor_bound", bound_words))
                table.put(
                    layer,
                    "share of the bound",
                    number_cell(row, layer, "eie_floor_share", "%", 100, "roofline bound / median", "derived"),
                )
            self._against_chip(table, layer, ours, self._eie[layer], clock, show=on_device)
            if not on_device:
                kernel = row.kernel if row is not None else ""
                table.put(layer, "of it on the device, us", cell_of(self.device.row(kernel, layer, 1, "device"), layer))
                table.put(
                    layer,
                    "empty launch, us",
                    number_cell(row, layer, "eie_launch_ns", "us", 1e-3, "an empty kernel, wall time"),
                )
                table.put(layer, "launched as", _words(row, layer, "eie_cuda_launch"))
        self._means(table, f"batch 1, {clock} time")
        _no_mean_of_approximate(table)
        self._winner_of_means(table, "over EIE", "faster")
        table.notes.append(MEANS)
        if clock == "chain":
            table.notes.append(
                "A chain is many calls one after the other in one graph, its time divided by how many: what a call costs a "
                "busy GPU, without its launch. Nobody gets an answer in that time."
            )
        if on_device:
            table.notes += self._left_out() + self._places() if clock == "device" else []
            table.notes.append(
                "Bound: the least time that the measured ceilings of this device allow the kernel's bytes, "
                "or its launch; 100 % is as fast as these allow."
            )
        else:
            table.notes.append(
                "Wall time is from enqueueing until waiting has returned. An empty launch is what no kernel "
                "can save: the same for a kernel that does nothing. The time on the device is another "
                "clock's, of the same calls."
            )
        return table

    def _int8_words(self):
        return [INT8_WORDS] if self.device.knows(INT8) else []

    def _int8_column(self):
        return [(INT8_COLUMN, None, INT8)] if self.device.knows(INT8) else []

    def _ours(self, table, layer, row):
        self._kernel(table, layer, row)
        table.put(layer, "us", cell_of(row, layer))
        return table.get(layer, "us")

    def _kernel(self, table, layer, row):
        if row is not None and row.usable:
            table.put(
                layer,
                "kernel",
                Cell(row.kernel, "", "measured", f"the fastest exact kernel of {row.label()}, {row.time_source} time"),
            )
        else:
            why = cell_of(row, layer)
            table.put(layer, "kernel", missing(why.value, "measured", why.source, "", why.reason))

    def _libraries(self, table, layer, clock, row, ours, libraries, batch=1):
        for column, over, kernel in libraries:
            peer = self.device.row(kernel, layer, batch, clock)
            table.put(layer, column, cell_of(peer, layer))
            if over:
                table.put(
                    layer,
                    over,
                    ratio(
                        beside(peer, row, layer), ours, f"{kernel} / {row.kernel if row else 'ours'}, {clock} time, {layer}"
                    ),
                )

    def _against_chip(self, table, layer, ours, chip, clock, show=True):
        if show:
            table.put(layer, f"{CHIP}, us", chip)
        over = ratio(chip, ours, f"EIE actual, Table IV (simulated by its authors) / {ours.source}, {clock} time")
        table.put(layer, "over EIE", over)
        table.put(layer, "faster", _winner(over))

    def _means(self, table, what):
        put_means(table, what)

    def _winner_of_means(self, table, column, winner):
        mean = table.get(MEAN_ROW, column)
        if mean:
            table.put(MEAN_ROW, winner, _winner(mean))

    def _left_out(self):
        rows = {}
        for row in self.device.without_number(1, "device"):
            rows.setdefault((row.kernel, row.status), []).append(row.layer)
        return [f"Left out: {kernel} on {', '.join(layers)}: {status}." for (kernel, status), layers in rows.items()]

    def _places(self):
        """Where the weights lie in the hot loop, by the rows themselves."""
        parts = []
        for name, find in (
            ("ours", lambda layer: self.device.ours(layer, 1, "device")),
            ("cuBLAS", lambda layer: self.device.row(SGEMV, layer, 1, "device")),
            ("cuSPARSE", lambda layer: self.device.row(CSR_MV, layer, 1, "device")),
        ):
            places = {}
            for layer in LAYERS:
                row = find(layer)
                if row is not None and row.usable and isinstance(row.raw.get("eie_resident"), str):
                    places.setdefault(one_line(row.raw["eie_resident"]), []).append(layer)
            if places:
                parts.append(
                    f"{name} in " + ", in ".join(f"{place} on {_layers(layers)}" for place, layers in sorted(places.items()))
                )
        return [f"Where the weights lie in the hot loop: {'; '.join(parts)}."] if parts else []

    def _energy(self):
        chip = self._published.claim(POWER)
        table = self._table(
            "energy",
            "Batch 1: energy of one product, whole board against EIE's chip",
            [
                [
                    ("kernel", "fastest\nexact kernel"),
                    ("uJ a call", "GPU\nuJ"),
                    ("W", "GPU\nW"),
                    ("idle, W", "idle\nW"),
                    ("idle share", "idle\nshare %"),
                    ("above idle, uJ", "above\nidle uJ"),
                ],
                [("EIE, uJ", "EIE\nuJ"), ("EIE over GPU", "GPU\n/ EIE"), ("needs less", "needs\nless")],
            ],
        )
        states = {}
        for layer, theirs in zip(LAYERS, published_energy(self._published, chip, LAYERS)):
            row = self.device.ours(layer, 1, "device")
            ours = self._energy_of(table, layer, row, states)
            table.put(layer, "EIE, uJ", theirs)
            what = f"energy of the board / EIE {chip.text} W x actual time of Table IV, {layer}"
            over = (
                ratio(ours, theirs, what)
                if ours.is_number or ours.reason
                else missing(ours.value, "derived", f"{what}: {ours.source}", "x", f"energy {ours.value}")
            )
            table.put(layer, "EIE over GPU", over)
            table.put(layer, "needs less", _winner(over, above=CHIP_WORD, below=GPU))
        self._means(table, "batch 1, energy")
        mean = table.get(MEAN_ROW, "EIE over GPU")
        if mean:
            table.put(MEAN_ROW, "needs less", _winner(mean, above=CHIP_WORD, below=GPU))
        table.notes += [
            f"GPU: the whole board with its memory and with what it draws when idle, in the calls of the kernel that is "
            f"fastest by device time. EIE: {chip.text} W (c; the paper's text and Table V) x actual time of Table IV, the "
            "chip alone without DRAM; the labels of Fig. 7 rest on the abstract's "
            f'{self._published.claim("chip_power_abstract").text} W. "EIE over GPU" is how many times less '
            "energy EIE needs; below 1x the GPU needs less.",
            "Idle share: what the board draws without a call / what it draws in the calls; above idle: the rest of its "
            "energy.",
        ]
        table.notes += [f"{state} on {_layers(layers)}: {why.rstrip('.')}." for (state, why), layers in states.items()]
        return table

    def _energy_of(self, table, layer, row, states):
        self._kernel(table, layer, row)
        time = cell_of(row, layer)
        if not time.is_number or not isinstance(row.raw.get("eie_energy_state"), str):
            why = (
                time
                if not time.is_number
                else missing(
                    "absent", "measured", f"{row.label()}: no eie_energy_state", "uJ", "the row has no eie_energy_state"
                )
            )
            joules = watts = missing(why.value, "measured", why.source, "uJ", why.reason)
        else:
            joules, watts, why = energy_cells(row)
            if why:
                states.setdefault((joules.value, why), []).append(layer)
        idle = number_cell(row, layer, "eie_idle_power_w", "W", 1, "power without a call")
        share = (
            ratio(idle, watts, f"eie_idle_power_w / eie_power_w, {layer}", "%")
            if watts.is_number or watts.reason
            else missing(watts.value, "derived", watts.source, "%", f"energy {watts.value}")
        )
        share = Cell(100 * share.value, "%", "derived", share.source) if share.is_number else share
        above = (
            Cell(joules.value - joules.value * share.value / 100, "uJ", "derived", f"energy x (1 - idle share), {layer}")
            if joules.is_number and share.is_number
            else missing("missing", "derived", f"energy x (1 - idle share), {layer}: {share.source}", "uJ", share.reason)
        )
        for column, cell in (
            ("uJ a call", joules),
            ("W", watts),
            ("idle, W", idle),
            ("idle share", share),
            ("above idle, uJ", above),
        ):
            table.put(layer, column, cell)
        return joules

    def _batched(self):
        table = self._table(
            f"batch{BATCH}",
            f"Batch {BATCH}, device time: us per input vector (call / {BATCH})",
            [
                [
                    ("kernel", "fastest\nexact kernel"),
                    ("us", "ours\nus"),
                    (f"{BATCHED}, us", "batch\ngroups us"),
                    ("cuBLAS sgemm, us", "cuBLAS\nsgemm us"),
                    ("cuSPARSE SpMM, us", "cuSPARSE\nSpMM us"),
                    (HALF_COLUMN, "half us\n(approx.)"),
                ],
                [
                    *self._int8_words(),
                    ("over sgemm", "over\nsgemm"),
                    ("over SpMM", "over\nSpMM"),
                    (f"{CHIP}, us", "EIE b1\npubl. us"),
                    ("over EIE", "over\nEIE"),
                    ("faster", "\nfaster"),
                ],
            ],
        )
        for layer in LAYERS:
            row = self.device.ours(layer, BATCH, "device")
            ours = self._ours(table, layer, row)
            table.put(layer, f"{BATCHED}, us", cell_of(self.device.row(BATCHED, layer, BATCH, "device"), layer))
            self._libraries(
                table,
                layer,
                "device",
                row,
                ours,
                (
                    ("cuBLAS sgemm, us", "over sgemm", SGEMM),
                    ("cuSPARSE SpMM, us", "over SpMM", CSR_MM),
                    (HALF_COLUMN, None, HALF),
                    *self._int8_column(),
                ),
                BATCH,
            )
            self._against_chip(table, layer, ours, self._eie[layer], "device")
        self._means(table, f"batch {BATCH}, device time per input")
        self._winner_of_means(table, "over EIE", "faster")
        _no_mean_of_approximate(table)
        table.notes += [
            MEANS,
            "Half precision and int8 are approximate: their sums are not those of the layer, and they enter no mean. "
            "EIE takes one input at a time, so its batch 1 is shown.",
        ]
        return table

    def _ceilings(self):
        table = self._table("ceilings", "What this device was measured to do", [[("best", "best\n")]])
        table.corner = "ceiling"
        for words, cell in self.device.ceilings().items():
            table.put(f"{words}, {cell.unit}", "best", cell)
        table.notes.append(
            "What a launch costs by itself, on either clock, and what the two levels of memory give; the "
            "best of all runs of this file. The roofline bounds follow from these."
        )
        return table

    def _in_short(self):
        """What the tables come to at batch 1, by device time; no number where a layer is missing."""
        table = Table(f"gpu_short_{self.stem}", "In short: batch 1, device time", corner="geometric mean of nine layers")
        for row, column in OVERS.items():
            table.put(row, IN_SHORT, self._mean(self.times, column))
        table.put("us", IN_SHORT, self._mean(self.times, "us"))
        table.put(f"{CHIP}, us", IN_SHORT, geometric_mean(self._eie.values(), "nine layers: EIE actual, Table IV"))
        table.put(FASTER, IN_SHORT, self._won())
        return table

    def _won(self):
        """On how many of the layers with a number the GPU is faster than EIE."""
        winners = {layer: self.times.get(layer, "faster") for layer in LAYERS}
        compared = [layer for layer in LAYERS if not winners[layer].reason]
        others = [layer for layer in compared if winners[layer].value != GPU]
        source = f'column "faster" of {self.times.name}'
        if not compared:
            return missing("missing", "derived", source, "", "no layer has a time")
        words = f"{len(compared) - len(others)} of {len(compared)}" + (f", not on {', '.join(others)}" if others else "")
        return Cell(words, "", "derived", source)

    def _mean(self, table, column):
        """The mean of all nine layers; where some are missing why, and what it is of those there are."""
        count, mean = table.get(COUNT_ROW, column), table.get(MEAN_ROW, column)
        if count is None:
            return missing(
                "missing",
                "derived",
                f"no layer has {column}, batch 1, device time",
                "",
                "no layer has both" if column.startswith("over ") else "no layer has a time",
            )
        return (
            mean
            if count.value == len(LAYERS)
            else missing(
                "incomplete",
                "derived",
                f"{count.text} of {len(LAYERS)} layers: {column}",
                mean.unit,
                f"only {count.text} of {len(LAYERS)} layers, their mean is {mean.shown()}",
            )
        )

    def short_lines(self):
        """The same as sentences."""
        return [
            *(f"Over {row.partition(' ')[2]}: {self._short(row)}" for row in OVERS),
            f"Time: {self._short('us', ' us')}; EIE's published {self._short(f'{CHIP}, us', ' us')}",
            f"Layers on which the GPU is faster than the published EIE: {self._short(FASTER)}",
            *self._chain_line(),
            *self.more.lines(),
        ]

    def _chain_line(self):
        """What the same kernels come to on a busy device."""
        if not self.chain:
            return []
        means = [(words, self.chain.get(MEAN_ROW, words)) for words in ("us", "over cuBLAS", "over cuSPARSE", "over EIE")]
        count = self.chain.get(COUNT_ROW, "us")
        return (
            [
                "In a chain, without the launch: "
                + ", ".join(f"{cell.shown()} {words}" for words, cell in means if cell)
                + ("" if count is None or count.value == len(LAYERS) else f" ({count.text} of {len(LAYERS)} layers)")
            ]
            if any(cell for _, cell in means)
            else []
        )

    def one_line(self):
        return ", ".join(
            [f"{self._short(row)} {row}" for row in OVERS]
            + [f"faster than the published EIE on {self._short(FASTER)} layers"]
        )

    def _short(self, row, unit=""):
        cell = self.short.get(row, IN_SHORT)
        return f"- ({cell.reason})" if cell.reason else cell.shown() + unit

    def drawn(self):
        """What the picture shows: like the first table, but means of all nine layers or none."""
        table = Table("", self.device.title)
        for column in ("us", "cuBLAS sgemv, us", "cuSPARSE CSR, us", f"{CHIP}, us", "bound, us"):
            with_mean(table, column, [self.times.get(layer, column) for layer in LAYERS], column)
        return table


def _no_mean_of_approximate(table):
    why = "approximate rows enter no mean"
    for column in (HALF_COLUMN, INT8_COLUMN):
        if (MEAN_ROW, column) in table.cells:
            table.put(MEAN_ROW, column, missing("none: approximate", "derived", why, "us", why))
            del table.cells[COUNT_ROW, column]


def _winner(over, above=GPU, below=CHIP_WORD):
    if not over.is_number:
        return missing(over.value, "derived", over.source, "", over.reason)
    return Cell(above if over.value > 1 else below if over.value < 1 else "equal", "", "derived", over.source)


def _words(row, layer, key, said=str):
    """A word of a usable row."""
    time = cell_of(row, layer)
    if not time.is_number:
        return missing(time.value, time.provenance, time.source, "", time.reason)
    words = row.raw.get(key)
    return (
        Cell(one_line(said(words)), "", row.provenance, f"results file: {key}, {row.label()}")
        if isinstance(words, str) and words
        else missing("absent", "measured", f"{row.label()}: no {key} in this row", reason=f"the row has no {key}")
    )


def _layers(layers):
    return f"all {len(LAYERS)} layers" if len(layers) == len(LAYERS) else ", ".join(layers)
