"""The ways in which each number of the poster can be reached from other numbers. Compares nothing: poster.py does."""

import math
from dataclasses import dataclass, replace

from plots.core.cells import Cell, cited, missing, per_second, ratio
from plots.core.load import InputError
from plots.core.means import geometric_mean
from plots.core.networks import (
    FLOATS,
    HUFFMAN_BYTES,
    HUFFMAN_RATE,
    LAYERS_RATE,
    PRINTED_RATE,
    SIX_BITS,
    TOTAL_RATE,
    Networks,
    SqueezeNet,
)
from plots.core.published import EIE, PLATFORMS, POWER_LAYERS
from plots.tables import decomposition, energy, fig7, speed
from plots.tables.hostrows import cell_of, number_cell
from plots.tables.modelrows import FC8, MEAN_ROW, MODEL_SUITES, model_names, model_row

CITED, OUT_OF_REACH = "cited", "out of reach"
CALIBRATED, BY_CONSTRUCTION = "calibrated", "by construction"  # agree whatever is true: they count nowhere
PRINT, OWN, HERE = "other printed numbers", "the poster's own arithmetic", "our model and the layers here"
NETWORKS = {"alexnet": "AlexNet", "vggnet": "VGG-16"}  # those that Deep Compression's tables have
SQUEEZENET = "squeezenet"
FLOAT_BYTES = 4
PADDING = {
    decomposition.PADDED: "Table III's densities, padding of Fig. 12",
    decomposition.TABLE3: "Table III's densities, no padding",
}
NO_IMAGENET = "measuring it takes ImageNet and a trained network, which are not here"
DRAWN = "drawn weights, whose codes and fillers take more bits than those of trained ones: results/DEEP_COMPRESSION.md"
SQUEEZED_AT = "results/SQUEEZENET.md"
ONLY_CITED = "the densities of its layers are not published, so that none can be compressed here"
ALONE, COMPRESSED_HERE = "the poster alone", "compressed here"
GIVEN = "a choice of the design: our model takes it as given"


@dataclass(frozen=True)
class Way:
    """One way to a number of the poster."""

    ours: Cell
    how: str
    label: str = ""  # tells it from the other ways
    verdict: str = ""  # empty: found by comparing
    estimate: bool = False
    rests_on: str = PRINT
    bars: "Bars | None" = None  # what it compares with, where that is not the poster's number


@dataclass(frozen=True)
class Bars:
    """The mean of six printed bars, and the least and greatest that their rounding allows."""

    mean: Cell
    low: float
    high: float


class Ways:
    def __init__(self, results, published):
        self._results, self._published, self._networks = results, published, Networks()
        self._squeezenet = SqueezeNet()
        self._factors = decomposition.decompositions(results, published)
        self.speeds = speed.speed_table(results, published)
        self._energies = energy.energy_table(results, published)

    def to(self, key):
        """All ways to the number with this key of poster.csv: by its own method or by that of its kind."""
        kind, _, name = key.rpartition("_")
        find = getattr(self, f"_{key}", None)
        if find:
            return find()
        find = getattr(self, f"_of_{kind}", None)
        if not find:
            raise InputError(f"poster.csv: nothing is known about {key}")
        return find(name)

    # ---- the chip ------------------------------------------------------------------------------

    def _technology(self):
        return [Way(self._published.design("technology_nm", "nm"), GIVEN, verdict=CITED)]

    def _pe_count(self):
        return [Way(self._published.design("pe_count", ""), GIVEN, verdict=CITED)]

    def _weight_bits(self):
        bits = next(row for row in self._published.platforms if row["platform"] == EIE)
        return [
            Way(
                cited(bits["quantisation"].partition("-")[0], "bit", bits["source"]),
                "the format of all layers here has 4-bit codes, by construction",
                verdict=CITED,
            )
        ]

    def _alu_bits(self):
        return [
            Way(
                missing("none", "cited", "by construction"),
                "all exact kernels here multiply 16 by 16 bits, by construction",
                verdict=CITED,
            )
        ]

    def _sram(self):
        design, pes = self._published.design, self._published.design("pe_count", "").value
        memories = [design(f"{name}_bytes_per_pe", "B") for name in ("spmat", "pointer", "activation")]
        weights = pes * memories[0].value
        every = pes * sum(memory.value for memory in memories)
        return [
            Way(
                derived(weights / 2**20, "MB", memories[0].source),
                f"{pes:g} PEs x {memories[0].value / 1024:g} KiB for weights, in MiB ({weights / 1e6:.2f} million bytes)",
                "weights",
            ),
            Way(
                derived(every / 2**20, "MB", "; ".join(memory.source for memory in memories)),
                f"{pes:g} x {every / pes / 1024:g} KiB with pointers and activations, in MiB ({every / 1e6:.1f} "
                "million bytes)",
                "all memories",
            ),
        ]

    def _max_model(self):
        entries = self._published.claim("pe_capacity_compressed").value * self._published.design("pe_count", "").value
        tenfold = self._published.claim("energy_factor_weight_sparsity")
        words = f"{entries:,.0f} entries on the chip"
        ways = [
            Way(
                derived(entries * tenfold.value / 1e6, "M weights", tenfold.source),
                f"{words} x {tenfold.shown()}: assumes a density of exactly {100 / tenfold.value:g} % and no padding",
                "at the claimed sparsity",
            )
        ]
        for source, table, rests_on in self._tables():
            mean = table.get(MEAN_ROW, decomposition.FOOTPRINT)
            dense = ratio(mean, Cell(0.5, "", "derived", "2 x entries"), f"inputs x outputs / entries, {source}")
            ways.append(
                Way(
                    _scaled(dense, entries / 1e6, "M weights"),
                    f"{words} x dense weights for each entry, "
                    f"as if one layer filled the chip; geometric mean of nine, {source}",
                    f"{source}, nine layers",
                    estimate=True,
                    rests_on=rests_on,
                )
            )
        return ways

    def _area(self):
        pe, node = self._published.pe_area("total", "total"), self._published.pe_area("lnzd", "lnzd_node")
        count, nodes = (self._published.design(key, "").value for key in ("pe_count", "lnzd_node_count"))
        return [
            Way(
                derived((count * pe.value + nodes * node.value) / 1e6, "mm2", pe.source),
                f"{count:g} x {pe.value:,.0f} um2 + {nodes:g} LNZD nodes x {node.value:g} um2; no layout here",
            )
        ]

    def _power(self):
        pe, node = self._published.pe_power("total", "total"), self._published.pe_power("lnzd", "lnzd_node")
        count, nodes = (self._published.design(key, "").value for key in ("pe_count", "lnzd_node_count"))
        with_nodes = count * pe.value + nodes * node.value
        ways = [
            Way(
                derived(count * pe.value, "mW", pe.source),
                f"{count:g} PEs x {pe.value:g} mW; with {nodes:g} LNZD nodes {with_nodes:.1f} mW; "
                "no power analysis of a layout here",
                "Table II",
            ),
            Way(
                _scaled(self._power_of_bars(), 1000, "mW"),
                "the power that the printed bars of Fig. 7 need: six layers, geometric mean",
                "Fig. 7",
            ),
        ]
        for kernel, name in model_names(self._results).items():
            row = model_row(self._results, kernel, "paper", "Alex-7")
            watts = ratio(
                number_cell(row, "Alex-7", "eie_energy_actions_j", "uJ", 1e6, "energy by action counts"),
                cell_of(row, "Alex-7"),
                f"energy by action counts / expected time, {kernel}",
                "W",
            )
            ways.append(
                Way(
                    _scaled(watts, 1000, "mW"),
                    "Alex-7 of suite paper: memory reads and operations counted, "
                    "times Table II's power for ideal activity / expected time",
                    f"{name}, action counts",
                    estimate=True,
                    rests_on=HERE,
                )
            )
        return ways

    def _power_of_bars(self):
        """E(CPU) / label is EIE's energy; over its time, its power."""
        published = self._published
        return geometric_mean(
            [
                ratio(
                    published.energy(PLATFORMS["CPU"], "dense", layer),
                    Cell(
                        published.energy_label(EIE, "actual", layer).value * published.time(EIE, "actual", layer).value,
                        "us",
                        "derived",
                        "label of Fig. 7 x time of Table IV",
                    ),
                    "power x time / (label x time)",
                    "W",
                )
                for layer in POWER_LAYERS
            ],
            "power x time of dense CPU / (EIE's label of Fig. 7 x its time of Table IV)",
        )

    def _throughput(self):
        time = self._published.time(EIE, "actual", "Alex-7")
        ways = [Way(derived(1e6 / time.value, "layers/s", time.source), f"1 / {time.shown()} us, Table IV", "Table IV")]
        for kernel, name in model_names(self._results).items():
            for suite in MODEL_SUITES:
                time = cell_of(model_row(self._results, kernel, suite, "Alex-7"), "Alex-7")
                ways.append(
                    _of_model(
                        per_second(time, "layers/s"),
                        "1 / expected time of Alex-7" + (f", {time.digits(2)} us" if time.is_number else ""),
                        name,
                        suite,
                    )
                )
        return ways

    # ---- factors -------------------------------------------------------------------------------

    def _static_sparsity(self):
        return self._of_densities(decomposition.COMPUTATION, "inputs x outputs / non-zero weights")

    def _factor_static_computation(self):
        return self._static_sparsity()[:1]

    def _factor_static_memory(self):
        padded = self._factors[decomposition.PADDED].get(MEAN_ROW, decomposition.POINTERS)
        return self._of_layers(decomposition.FOOTPRINT, "inputs x outputs / (2 x entries), column pointers left out") + [
            Way(
                padded,
                "the same with 16-bit pointers of all columns of all PEs; geometric mean",
                f"{PADDING[decomposition.PADDED]}, column pointers, nine layers",
                estimate=True,
            )
        ]

    def _dynamic_sparsity(self):
        return self._of_densities(decomposition.DYNAMIC, "inputs / active inputs; NeuralTalk's are all active")

    def _factor_dynamic(self):
        return self._dynamic_sparsity()[:2]

    def _factor_sharing(self):
        bits = self._weight_bits()[0].ours
        return [
            Way(
                derived(8 * FLOAT_BYTES / bits.value, "x", bits.source),
                f"{8 * FLOAT_BYTES}-bit weights / {bits.value:g}-bit codes, as its table of the chip has them",
                rests_on=OWN,
            )
        ]

    def _factor_sram(self):
        dram, sram = (self._published.operation_energy(key) for key in ("dram_read", "sram_32kb_read"))
        return [
            Way(
                self._published.claim("energy_factor_sram_instead_of_dram"),
                "the paper's text says the same",
                "text",
                verdict=CITED,
            ),
            Way(
                ratio(dram, sram, f"DRAM read / SRAM read: {dram.source}"),
                f"{dram.value:g} pJ for a read of DRAM / {sram.value:g} pJ for one of SRAM",
                "Table I",
            ),
        ]

    def _factor_product(self):
        claims = [self._published.poster_cell(f"factor_{name}") for name in ("static_memory", "dynamic", "sharing", "sram")]
        paper = self._published.claim("energy_factor_product")
        return [
            Way(
                derived(math.prod(cell.value for cell in claims), "x", "the poster's own factors"),
                " x ".join(cell.text for cell in claims),
                "its own factors",
                rests_on=OWN,
            ),
            Way(paper, f"{paper.source} multiplies pruning's computation instead of its footprint", "the paper"),
        ] + self._of_layers(decomposition.PRODUCT, "footprint x dynamic x sharing x memory (text), layer by layer")

    def _tables(self):
        return [(words, self._factors[name], PRINT) for name, words in PADDING.items()] + [
            ("suite paper", self._factors["paper"], HERE)
        ]

    def _of_densities(self, column, words):
        """Of printed densities; the layers of suite paper have them by construction, the real layer has its own."""
        ways = [way for way in self._of_layers(column, words) if not way.label.startswith(PADDING[decomposition.PADDED])]
        ways = [replace(way, label=way.label.replace(", no padding", "")) for way in ways]
        suite = [way for way in ways if way.label.startswith("suite paper")]
        return [way for way in ways if way not in suite] + [
            replace(
                way,
                label="suite paper",
                how=f"{words}; nine layers, generated at these densities",
                verdict=BY_CONSTRUCTION,
                estimate=False,
            )
            for way in suite[:1]
        ]

    def _of_layers(self, column, words):
        """Where no layer has the counts, one line says so."""
        ways = []
        for source, table, rests_on in self._tables():
            rows = {
                MEAN_ROW: (f"{source}, nine layers", "geometric mean"),
                decomposition.SIX_ROW: (f"{source}, AlexNet and VGG", "geometric mean"),
                FC8: (FC8, "the one real layer"),
            }
            found = [
                Way(table.get(row, column), f"{words}; {kind}", label, estimate=True, rests_on=rests_on)
                for row, (label, kind) in rows.items()
                if row in table.rows
            ]
            ways += found if any(way.ours.is_number for way in found) else found[:1]
        return ways

    # ---- speed and energy ----------------------------------------------------------------------

    def _of_speedup(self, name):
        row = f"{name.upper()} dense, batch 1"
        ways = [
            Way(self.speeds.get(row, "EIE actual"), "geometric mean of nine layers", "Table IV"),
            Way(
                self.speeds.get(row, speed.MIXED),
                "the same, but NT-We and NT-LSTM at queue depth 4: theoretical "
                "time of Table IV / load balance of Fig. 8; the other seven stay at depth 8",
                "mixed queue depths",
            ),
            Way(
                self.speeds.get(row, "EIE, Fig. 6 times"),
                "the same, but NT-We and NT-LSTM at the times that Fig. "
                "6's own labels need: tests nothing but the mean of the labels",
                "Fig. 6 times",
                verdict=CITED,
            ),
        ]
        for kernel, short in model_names(self._results).items():
            ways += [
                _of_model(
                    self.speeds.get(row, f"{kernel}, {suite}"),
                    "Table IV's baseline / expected time of the model",
                    short,
                    suite,
                )
                for suite in MODEL_SUITES
            ]
        return ways

    def _of_energy(self, name):
        row, bars = f"{name.upper()} dense", self._bars(name.upper())
        chip = energy.power_column(self._published.claim(energy.CHIP_POWERS[0]))
        ways = [
            Way(
                self._energies.get(row, "nine bars of Fig. 7"),
                "mean of nine printed bars; those of NeuralTalk rest on powers that the paper does not give",
                "Fig. 7",
                verdict=CITED,
            ),
            Way(
                self._energies.get(row, chip),
                f"{chip}, six layers; the rounding of their bars allows {bars.low:,.0f} to {bars.high:,.0f}",
                "printed powers and times",
                bars=bars,
            ),
        ]
        for kernel, short in model_names(self._results).items():
            for _, words in energy.KINDS:
                ways.append(
                    Way(
                        self._energies.get(row, f"{kernel}, paper, {words}"),
                        "energy of the model, six layers of suite paper",
                        f"{short}, {words}",
                        estimate=True,
                        rests_on=HERE,
                        bars=bars,
                    )
                )
        return ways

    def _bars(self, short):
        mean = self._energies.get(f"{short} dense", energy.SIX_BARS)
        pairs = [
            [fig7.bar_span(self._published, platform, matrix, layer) for layer in POWER_LAYERS]
            for platform, matrix in ((EIE, "actual"), (PLATFORMS[short], "dense"))
        ]
        low, high = (
            geometric_mean(
                [Cell(eie[one] / base[other], "x", "derived", mean.source) for eie, base in zip(*pairs)], mean.source
            ).value
            for one, other in ((1, 2), (2, 1))
        )
        return Bars(mean, low, high)

    # ---- compressed networks -------------------------------------------------------------------

    def _of_size_before(self, name):
        total = self._total(name)
        if name == SQUEEZENET:
            return [self._cited("squeezenet_size"), self._squeezed_before()]
        if total is None:
            return [Way(missing("none", "cited", "no table of layers"), ALONE, verdict=CITED)]
        return [
            Way(
                derived(float(total["weights"]) * FLOAT_BYTES / 1e6, "MB", total["source"]),
                f"{float(total['weights']) / 1e6:g} million weights of {FLOAT_BYTES} bytes, {total['source']}",
            )
        ]

    def _cited(self, key):
        cell = self._published.claim(key)
        return Way(cell, f"{cell.source} prints it", verdict=CITED)

    def _of_size_after(self, name):
        total = self._total(name)
        if name == SQUEEZENET:
            return self._squeezed()
        if total is None:
            return [Way(missing("none", "cited", "no table of layers"), f"{ALONE}; {ONLY_CITED}", verdict=CITED)]
        share, before = float(total["size_huffman_pct"]), self._published.poster_cell(f"size_before_{name}")
        return [
            Way(
                derived(float(total["weights"]) * FLOAT_BYTES / 1e6 * share / 100, "MB", total["source"]),
                f"{float(total['weights']) / 1e6:g} million weights of {FLOAT_BYTES} bytes x {share:g} %, {total['source']}",
                "share of the weights",
            ),
            Way(
                derived(before.value * share / 100, "MB", total["source"]),
                f"{before.text} MB, the poster's size before, x {share:g} %, {total['source']}",
                "share of the printed size",
            ),
            self._compressed_here(name),
        ]

    def _compressed_here(self, name):
        size = self._networks.cell(NETWORKS[name], HUFFMAN_BYTES)
        words = f"{size.digits(0)} bytes of Huffman-coded files" if size.is_number else "Huffman-coded files"
        return Way(
            Cell(size.value / 1e6, "MB", "measured", size.source) if size.is_number else size,
            f"{words} that `eie compress` makes of layers of the printed shapes, densities and bits; {DRAWN}",
            COMPRESSED_HERE,
            estimate=True,
            rests_on=HERE,
        )

    def _squeezed(self):
        claim, alexnet = self._published.claim, self._published.poster_cell("size_before_alexnet")
        below, least, most = (
            claim(f"squeezenet_{key}") for key in ("below_alexnet", "size_compressed_eie_least", "size_compressed_eie_most")
        )
        return [
            replace(self._cited("squeezenet_size_compressed"), label="SqueezeNet"),
            Way(
                ratio(alexnet, below, f"{alexnet.source} / {below.source}", "MB"),
                f"{alexnet.text} MB of AlexNet / {below.text}, {below.source}",
                "from AlexNet",
            ),
            Way(
                Cell(least.value / 1000, "MB", "cited", least.source),
                f"{least.source} cites {least.text} to {most.text} {most.unit}",
                "as EIE cites it",
                verdict=CITED,
            ),
            self._squeezed_here(),
        ]

    def _squeezed_before(self):
        size = self._squeezenet.bytes_of(FLOATS)
        return Way(
            Cell(size.value / 2**20, "MB", "derived", size.source) if size.is_number else size,
            f"all weights and biases of the published network, 4 bytes each, over 2^20: {SQUEEZED_AT}",
            "published network",
            rests_on=HERE,
        )

    def _squeezed_here(self):
        size = self._squeezenet.bytes_of(SIX_BITS)
        return Way(
            Cell(size.value / 2**20, "MB", "derived", size.source) if size.is_number else size,
            "the whole file that `eie compress` makes of the published weights at 6 bits, Huffman-coded, over 2^20 as the size "
            f"before (over 10^6 {size.value / 1e6 if size.is_number else 0:.2f}): {SQUEEZED_AT}",
            COMPRESSED_HERE,
            estimate=True,
            rests_on=HERE,
        )

    def _of_rate(self, name):
        before, after = (self._published.poster_cell(f"size_{when}_{name}") for when in ("before", "after"))
        return [
            Way(
                ratio(before, after, "the poster's sizes"),
                f"{before.text} MB / {after.text} MB, the poster's sizes"
                + (f"; {ONLY_CITED}" if name not in (*NETWORKS, SQUEEZENET) else ""),
                rests_on=OWN,
            )
        ] + (self._rates(NETWORKS[name]) if name in NETWORKS else [])

    def _rates(self, network):
        """By Deep Compression's tables, and of the network compressed here."""
        printed, total, layers, here = (
            self._networks.cell(network, column) for column in (PRINTED_RATE, TOTAL_RATE, LAYERS_RATE, HUFFMAN_RATE)
        )
        printed = replace(printed, text=printed.digits(0)) if printed.is_number else printed
        return [
            Way(printed, "Deep Compression Table 1 prints the same", "Deep Compression", verdict=CITED),
            Way(total, "100 % / the size that the total row of its table prints", "printed total"),
            Way(layers, "all weights / the printed sizes of the layers, added up", "printed layers"),
            Way(
                here,
                f"dense bytes / bytes of the Huffman-coded files; {DRAWN}",
                COMPRESSED_HERE,
                estimate=True,
                rests_on=HERE,
            ),
        ]

    def _of_accuracy_before(self, name):
        return self._accuracy(name, "top5_error_before_pct")

    def _of_accuracy_after(self, name):
        return self._accuracy(name, "top5_error_after_pct")

    def _accuracy(self, name, column):
        if name == SQUEEZENET:
            accuracy = self._cited("squeezenet_accuracy_top5")
            return [replace(accuracy, how=f"{accuracy.ours.source} prints {accuracy.ours.text} % for both; {NO_IMAGENET}")]
        if name not in NETWORKS:
            return [Way(missing("none", "cited", "no second source"), f"{ALONE}; {NO_IMAGENET}", verdict=OUT_OF_REACH)]
        network = self._published.networks[NETWORKS[name]]
        return [
            Way(
                derived(100 - float(network[column]), "%", network["source"]),
                f"100 % - {network[column]} % top-5 error, {network['source']}; {NO_IMAGENET}",
                verdict=CITED,
            )
        ]

    def _total(self, name):
        return next(
            (
                row
                for row in self._published.network_layers
                if row["network"] == NETWORKS.get(name) and row["layer"] == "total"
            ),
            None,
        )


def derived(value, unit, source):
    return Cell(value, unit, "derived", source)


def _scaled(cell, factor, unit):
    return Cell(cell.value * factor, unit, "derived", cell.source) if cell.is_number else cell


def _of_model(cell, how, name, suite):
    """The entries of suite paper-matched are made to fit Table IV: what follows from them agrees by construction."""
    label = f"{name}, suite {suite}"
    if suite == "paper" or not cell.is_number:
        return Way(cell, how, label, estimate=True, rests_on=HERE)
    return Way(
        replace(cell, provenance="calibrated"),
        f"{how}; entries calibrated to Table IV",
        label,
        verdict=CALIBRATED,
        rests_on=HERE,
    )
