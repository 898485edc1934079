"""Deep Compression's tables beside what `eie compress` makes of generated layers of the same shape, density and bits.

    python3 -m plots deepcomp list                      the layers, one a line: what `./run deepcomp` hands to eie compress
    python3 -m plots deepcomp report FOLDER [--out FILE]    the page from FOLDER/NETWORK-LAYER-packed.json and -huffman.json;
                                                        beside FILE.md stands FILE.csv, every cell with its source

Measures nothing. Exit codes: 0 good, 2 usage or bad input, 3 the output could not be written.
"""

import os
import sys

from plots.compression.ledger import quantity, read_ledger
from plots.core.cells import LETTERS, Cell, cited, deviation, missing, ratio, said_together, signed
from plots.core.commandline import Parser
from plots.core.grid import Table, csv_of
from plots.core.load import InputError, one_line
from plots.core.markdown import markdown
from plots.core.networks import (
    HUFFMAN_BYTES,
    HUFFMAN_RATE,
    LAYERS_RATE,
    PACKED_RATE,
    PRINTED_RATE,
    TABLE,
    TOTAL_RATE,
)
from plots.core.output import DATA, write
from plots.core.page import Page
from plots.core.published import Published

NETWORKS = ("LeNet-300-100", "LeNet-5", "AlexNet", "VGG-16")
POSTER = {"alexnet": "AlexNet", "vggnet": "VGG-16", "googlenet": None, "squeezenet": None}
FLOAT_BYTES = 4

# Shapes [outputs, inputs] of the networks as they are known: the papers print weight counts only.
SHAPES = {
    "LeNet-300-100": {"ip1": (300, 784), "ip2": (100, 300), "ip3": (10, 100)},
    "LeNet-5": {"conv1": (20, 25), "conv2": (50, 500), "ip1": (500, 800), "ip2": (10, 500)},
    "AlexNet": {
        "conv1": (96, 363),
        "conv2": (256, 1200),
        "conv3": (384, 2304),
        "conv4": (384, 1728),
        "conv5": (256, 1728),
        "fc6": (4096, 9216),
        "fc7": (4096, 4096),
        "fc8": (1000, 4096),
    },
    "VGG-16": {
        "conv1_1": (64, 27),
        "conv1_2": (64, 576),
        "conv2_1": (128, 576),
        "conv2_2": (128, 1152),
        "conv3_1": (256, 1152),
        "conv3_2": (256, 2304),
        "conv3_3": (256, 2304),
        "conv4_1": (512, 2304),
        "conv4_2": (512, 4608),
        "conv4_3": (512, 4608),
        "conv5_1": (512, 4608),
        "conv5_2": (512, 4608),
        "conv5_3": (512, 4608),
        "fc6": (4096, 25088),
        "fc7": (4096, 4096),
        "fc8": (1000, 4096),
    },
}
NEAR_PCT = 3  # beyond it a layer's line says where the gap is from
KEPT_FROM_PCT = 20  # from here rounding of the kept percentage moves a size by 2.5 % at most
WORST = 3  # layers named
MISCOUNTED = "conv1_1"  # its count is printed as 2K
TOTAL = "total"
KEPT, PRINTED, OURS, OFF, TO_TOTAL = "kept", "printed", "ours", "ours to printed", "layers to total"
NOWHERE = "the densities of the network's layers are not published"


def derived(value, unit, source, text=""):
    return Cell(value, unit, "derived", source, text=text)


def count(number, source):
    return derived(number, "", source, text=str(number))


class Printed:
    """What Deep Compression prints of its networks, and what follows from that alone."""

    def __init__(self, published):
        self.rows, self.networks = published.network_layers, published.networks

    def layers(self, network=None):
        return [row for row in self.rows if row["layer"] != TOTAL and network in (None, row["network"])]

    def total(self, network):
        return next(row for row in self.rows if row["network"] == network and row["layer"] == TOTAL)

    def dense_bytes(self, network):
        return FLOAT_BYTES * sum(number(row, "weights") for row in self.layers(network))

    def rate_by_bits(self, network):
        """By printed counts, kept percentages and bits: no fillers, no codebook."""
        small = sum(number(row, "weights") * bits_percent(row, True) / 100 for row in self.layers(network))
        return derived(
            self.dense_bytes(network) / (FLOAT_BYTES * small),
            "x",
            f"32 bits / (kept x (bits of a weight + of an index), Huffman-coded), layer by layer: {self.source(network)}",
        )

    def share_by_sizes(self, network, weights=None):
        """In percent of 32 bits a weight, by the printed sizes of the layers; `weights`: of a row, else as printed."""
        weights = weights or (lambda row: number(row, "weights"))
        rows = self.layers(network)
        small = sum(weights(row) * number(row, "size_huffman_pct") for row in rows)
        return derived(
            small / sum(map(weights, rows)),
            "%",
            f"printed size of each layer x its weights, over all: {self.source(network)}",
        )

    def rate_by_sizes(self, network, weights=None):
        return rate_of(self.share_by_sizes(network, weights))

    def source(self, network):
        return self.layers(network)[0]["source"]


def number(row, key):
    return float(row[key])


def shape_of(row):
    return SHAPES[row["network"]][row["layer"]]


def real_weights(row):
    outputs, inputs = shape_of(row)
    return outputs * inputs


def bits_percent(row, huffman):
    """Kept percentage x bits of an entry / 32."""
    ending = "_huffman" if huffman else ""
    bits = number(row, f"weight_bits{ending}") + number(row, f"index_bits{ending}")
    return number(row, "weights_kept_pct") * bits / 32


def rate_of(share):
    return derived(100 / share.value, "x", f"100 % / {share.source}")


class Ledger:
    """Of one layer in one form."""

    def __init__(self, folder, row, form):
        self.path = os.path.join(folder, f"{row['network']}-{row['layer']}-{form}.json")
        try:
            ledger = read_ledger(self.path)
            (layer,) = ledger["layers"]
            stages = {stage["stage"]: stage["bytes"] for stage in layer["stages"]}
            self.weights, self.shared_bytes = quantity(layer, "weights", 1), quantity(stages, "shared", 1)
            self.nonzeros, self.fillers = quantity(layer, "nonzeros", 1), quantity(layer, "fillers")
            self.file_bytes = quantity(ledger, "file_bytes", 1)
        except (ValueError, KeyError, TypeError) as fault:
            raise InputError(f"{self.path}: no ledger of eie compress: {one_line(fault)}") from None

    @property
    def source(self):
        return os.path.basename(self.path)

    def size(self):
        return Cell(self.file_bytes, "bytes", "measured", f"file_bytes of {self.source}")

    def share(self, size, what):
        """In percent of 32 bits a weight."""
        return derived(100 * size / (FLOAT_BYTES * self.weights), "%", f"{what} / (4 x weights): {self.source}")


class DeepCompression:
    """Tables and page; raises InputError."""

    def __init__(self, published, folder):
        self._published, self._printed = published, Printed(published)
        self.networks = Table(TABLE, "Four networks", corner="network")
        self.layers, self._deviations = {}, {}
        for network in NETWORKS:
            self._network(network, folder)
        self.networks.decimals = {column: 1 for column in self.networks.columns if "rate" in column} | {
            PRINTED_RATE: 0,
            "dense, MB": 2,
            "printed total": 2,
            "sum of the printed layers": 2,
            HUFFMAN_BYTES: 0,
            "printed, bytes": 0,
        }
        self.poster = self._poster()

    def tables(self):
        return [self.networks, *self.layers.values(), self.poster]

    def _network(self, network, folder):
        printed, row = self._printed, self._printed.networks[network]
        table = self.layers[network] = Table(network, network)
        self._deviations[network] = {}
        sums = dict.fromkeys(("dense", "packed", "huffman"), 0)
        for layer in printed.layers(network):
            ledgers = {form: Ledger(folder, layer, form) for form in ("packed", "huffman")}
            self._layer(table, network, layer, **ledgers)
            sums["dense"] += FLOAT_BYTES * ledgers["packed"].weights
            for form, ledger in ledgers.items():
                sums[form] += ledger.file_bytes
        table.decimals = {
            KEPT: 0,
            "kept x bits": 2,
            OURS: 2,
            "Huffman, ours": 2,
            "packed file, bytes": 0,
            "Huffman file, bytes": 0,
        }
        dense = Cell(sums["dense"], "bytes", "derived", f"4 bytes x the weights of all layers: {network}")
        packed, huffman = (
            Cell(sums[form], "bytes", "measured", f"files that eie compress wrote, {form}: {network}")
            for form in ("packed", "huffman")
        )
        total = cited(printed.total(network)["size_huffman_pct"], "%", printed.total(network)["source"])
        shown = {
            "dense, MB": derived(printed.dense_bytes(network) / 1e6, "MB", f"4 bytes x printed counts: {row['source']}"),
            "rate from kept % and bits": printed.rate_by_bits(network),
            "sum of the printed layers": printed.share_by_sizes(network),
            LAYERS_RATE: printed.rate_by_sizes(network),
            "printed total": total,
            TOTAL_RATE: rate_of(total),
            TO_TOTAL: deviation(printed.share_by_sizes(network), total, f"sum of the printed layers / {total.source}"),
            PRINTED_RATE: cited(row["rate_huffman_x"], "x", row["source"]),
            PACKED_RATE: ratio(dense, packed, f"dense bytes / packed files: {network}"),
            HUFFMAN_RATE: ratio(dense, huffman, f"dense bytes / Huffman files: {network}"),
            HUFFMAN_BYTES: huffman,
            "printed, bytes": Cell(1000 * number(row, "size_after_kb"), "bytes", "cited", row["source"]),
        }
        self.networks.put_cells(network, shown)

    def _layer(self, table, network, row, packed, huffman):
        name, source = row["layer"], row["source"]
        ours, printed = packed.share(packed.shared_bytes, "stage shared, bytes"), cited(row["size_pct"], "%", source)
        off = deviation(ours, printed, f"ours / {source}")
        if number(row, "weights_kept_pct") >= KEPT_FROM_PCT and name != MISCOUNTED:
            self._deviations[network][name] = off
        shown = {
            "weights": count(packed.weights, "outputs x inputs: {} x {}".format(*shape_of(row))),
            KEPT: cited(row["weights_kept_pct"], "%", source),
            "bits of a weight": cited(row["weight_bits"], "bits", source),
            "bits of an index": cited(row["index_bits"], "bits", source),
            "kept x bits": derived(bits_percent(row, False), "%", f"kept x bits / 32: {source}"),
            PRINTED: printed,
            OURS: ours,
            OFF: off,
            "packed file, bytes": packed.size(),
            "Huffman, printed": cited(row["size_huffman_pct"], "%", source),
            "Huffman, ours": huffman.share(huffman.file_bytes, "whole file, bytes"),
            "Huffman file, bytes": huffman.size(),
        }
        table.put_cells(name, shown)
        why = reason(row, packed, off.value)
        table.put(name, "where the gap is from", Cell(why, "", "derived", off.source))

    def deviations(self, network):
        """How far the layers lie from the printed sizes whose printed percentage says enough."""
        found = self._deviations[network]
        worst = sorted(found, key=lambda layer: -abs(found[layer].value))[:WORST]
        if len(found) == 1:
            return (
                f"The one layer that keeps at least {KEPT_FROM_PCT} %, {worst[0]}, deviates from the printed size by "
                f"{found[worst[0]].said()}."
            )
        sizes = [abs(cell.value) for cell in found.values()]
        mean = derived(sum(sizes) / len(sizes), "%", f"mean of the deviations without their signs: {network}")
        return (
            f"The {len(found)} layers that keep at least {KEPT_FROM_PCT} % ({MISCOUNTED} apart) deviate from the printed size by "
            f"{mean.said(1)} in the mean, without signs; most: {', '.join(f'{layer} {found[layer].said()}' for layer in worst)}."
        )

    def _poster(self):
        """Sizes as the poster prints them beside the rates of the networks whose layers are printed."""
        table = Table("poster", "The poster's table", corner="network")
        for key, network in POSTER.items():
            before, after = (self._published.poster_cell(f"size_{when}_{key}") for when in ("before", "after"))
            row = next(row["item"] for row in self._published.poster if row["key"] == f"rate_{key}").partition(" ")[0]
            none = missing("cited only", "cited", NOWHERE, "x", f"cited only, {NOWHERE}")
            table.put_cells(
                row,
                {
                    "MB before": before,
                    "MB after": after,
                    PRINTED_RATE: self._published.poster_cell(f"rate_{key}"),
                    "rate of these sizes": ratio(before, after, "the poster's sizes"),
                    LAYERS_RATE: self.networks.get(network, LAYERS_RATE) if network else none,
                    "compressed here, rate": self.networks.get(network, HUFFMAN_RATE) if network else none,
                    "compressed here, MB": Cell(size.value / 1e6, "MB", "measured", size.source)
                    if network and (size := self.networks.get(network, HUFFMAN_BYTES))
                    else none,
                },
            )
        table.decimals = dict.fromkeys(("rate of these sizes", LAYERS_RATE, "compressed here, rate"), 1) | {
            "compressed here, MB": 2
        }
        table.notes.append(
            "GoogleNet's and SqueezeNet's sizes are cited only: nothing says how dense their layers are, so none are "
            "compressed here. `results/SQUEEZENET.md` has what `eie compress` makes of SqueezeNet's published file."
        )
        return table

    def contradiction(self):
        """VGG-16's printed total and its printed layers do not go together."""
        vgg, printed = "VGG-16", self._printed
        exact = printed.share_by_sizes(vgg, real_weights)
        cells = (self.networks.get(vgg, column) for column in ("printed total", TOTAL_RATE, PRINTED_RATE))
        total, rate, claimed = (cell.said(decimals) for cell, decimals in zip(cells, (2, 1, 0)))
        layers, layers_rate = (
            self.networks.get(vgg, column).said(decimals)
            for column, decimals in (("sum of the printed layers", 2), (LAYERS_RATE, 1))
        )
        others = " and ".join(
            f"{network}'s {self.networks.get(network, TO_TOTAL).said()}"
            for network in NETWORKS
            if network not in (vgg, "LeNet-5")
        )
        return (
            f"**VGG-16's total contradicts its layers.** The total row prints {total}, which is {rate} and the claimed "
            f"{claimed}; the layers above it add up to {layers}, {layers_rate}, with the printed counts, and to "
            f"{exact.said(2)}, {rate_of(exact).said(1)}, with the layers' real numbers of weights. Sizes are printed to a hundredth of a "
            "percent, so rounding does not bridge that; which of the two is right the paper does not say. LeNet-5's layers are "
            f"{self.networks.get('LeNet-5', TO_TOTAL).said()} off its total, {others}."
        )

    def page(self, file):
        """`file`: the CSV file beside it, or ""."""
        page = Page("Deep Compression: printed, recomputed, compressed here").add(
            __doc__.split("\n")[0],
            f"{LETTERS} Measured are the bytes of files that `eie compress` wrote. The layers are generated: shapes and kept "
            "percentages are the paper's, the weights are drawn from a near-normal distribution and pruned by magnitude, so "
            "that places are random. Files hold fillers, codebook and header. *Ours* is counted before Huffman, with fillers "
            "and a codebook of 32-bit weights, without the file's header; *Huffman, ours* is the whole file. Percentages are "
            "of 32 bits a weight.",
        )
        page.heading(self.networks.title).table(self.networks, titled=False, file=file)
        page.add(
            "A network's rates differ since percentages, bits and counts are printed rounded, and since the one from kept "
            "percentages and bits leaves out fillers and codebooks. Huffman sizes of trained weights cannot be had from drawn "
            "ones: runs and codes of another distribution code otherwise.",
            self.contradiction(),
        )
        for network, table in self.layers.items():
            page.heading(network)
            if self._deviations[network]:
                page.add(self.deviations(network))
            page.table(table, titled=False, file=file)
        return page.heading(self.poster.title).table(self.poster, titled=False, file=file)


def reason(row, ledger, off):
    """Why a size need not agree, or what is open."""
    if abs(off) <= NEAR_PCT:
        return ""
    if row["layer"] == MISCOUNTED:
        return f"its count is printed as 2K, the layer has {count(ledger.weights, ledger.source).said()} weights"
    kept = cited(row["weights_kept_pct"], "%", row["source"])
    half = 0.5 if kept.value == int(kept.value) else 0.05
    ends = [derived(end, "%", kept.source, f"{end:g}") for end in (kept.value - half, kept.value + half)]
    share = 100 * half / kept.value
    shares = [derived(end, "%", kept.source, signed(end, 0)) for end in (-share, share)]
    words = [
        f"kept is printed as {kept.said()}, which is {said_together(ends, ' to ')}: {said_together(shares, ' to ')}",
    ]
    fillers = derived(100 * ledger.fillers / max(ledger.nonzeros, 1), "%", f"fillers / non-zeros: {ledger.source}")
    if fillers.value >= 1 and off > 0:
        words.append(f"{fillers.said(1)} fillers at random places; trained weights lie closer together")
    if off < -share:
        words.append("smaller than the rounding explains: open")
    return "; ".join(words)


def listed(printed):
    """What `./run deepcomp` hands to eie compress, a line a layer: name, input, density, bits, run bits."""
    for row in printed.layers():
        outputs, inputs = shape_of(row)
        kept = f"{number(row, 'weights_kept_pct') / 100:g}"
        yield f"{row['network']}-{row['layer']} normal:{outputs}x{inputs} {kept} {row['weight_bits']} {row['index_bits']}"


def main(arguments=None):
    parser = Parser("deepcomp", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=Parser)
    verbs.add_parser("list")
    reporter = verbs.add_parser("report")
    reporter.add_argument("folder", help="with the ledgers")
    reporter.add_argument("--out", metavar="FILE.md", help="the page; its cells go into FILE.csv")
    options = parser.parse_args(arguments)
    try:
        published = Published(DATA)
        if options.verb == "list":
            print("\n".join(listed(Printed(published))))
            return 0
        found = DeepCompression(published, options.folder)
    except InputError as error:
        print(f"deepcomp: {error}", file=sys.stderr)
        return 2
    if not options.out:
        print(markdown(found.page("")), end="")
        return 0
    folder, name = os.path.split(os.path.abspath(options.out))
    file = os.path.splitext(name)[0] + ".csv"
    try:
        write(folder, {name: markdown(found.page(file)), file: csv_of(found.tables())})
    except OSError as error:
        print(f"deepcomp: cannot write {options.out}: {error.strerror or error}", file=sys.stderr)
        return 3
    return 0
