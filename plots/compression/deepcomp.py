"""Deep Compression's tables beside what `eie compress` makes of generated layers of the same shape, density and bits.

    python3 -m plots deepcomp list                      the layers, one a line: what `./run deepcomp` hands to eie compress
    python3 -m plots deepcomp report FOLDER [--out FILE]    tables from FOLDER/NETWORK-LAYER-packed.json and -huffman.json

Measures nothing. Exit codes: 0 good, 2 usage or bad input.
"""

import csv
import json
import pathlib
import sys

from plots.core.commandline import Parser

DATA = pathlib.Path(__file__).resolve().parents[2] / "data" / "paper"
NETWORKS = ["LeNet-300-100", "LeNet-5", "AlexNet", "VGG-16"]

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
NEAR_PCT, KEPT_FROM_PCT = 3, 20  # where a size is expected to agree


def read(name):
    with open(DATA / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def layers():
    return [row for row in read("deepcomp_layers.csv") if row["layer"] != "total"]


def number(row, key):
    return float(row[key])


def from_bits(row, huffman):
    """Bytes from the printed counts, kept percentages and bits: no fillers, no codebook."""
    ending = "_huffman" if huffman else ""
    bits = number(row, f"weight_bits{ending}") + number(row, f"index_bits{ending}")
    return number(row, "weights") * number(row, "weights_kept_pct") / 100 * bits / 8


def from_sizes(row):
    """Bytes from the printed size, in percent of 32 bits a weight."""
    return number(row, "weights") * 4 * number(row, "size_huffman_pct") / 100


def network_rates():
    """{network: (dense bytes, rate by bits, rate by sizes)}"""
    found = {}
    for network in NETWORKS:
        rows = [row for row in layers() if row["network"] == network]
        dense = sum(4 * number(row, "weights") for row in rows)
        found[network] = (
            dense,
            dense / sum(from_bits(row, True) for row in rows),
            dense / sum(from_sizes(row) for row in rows),
        )
    return found


def table(head, rows):
    return "\n".join(
        [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(map(str, row))} |" for row in rows)]
    )


def load(folder, row, form):
    path = folder / f"{row['network']}-{row['layer']}-{form}.json"
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
        (layer,) = ledger["layers"]
        stages = {stage["stage"]: stage for stage in layer["stages"]}
        return ledger, layer, stages
    except (OSError, ValueError, KeyError, TypeError) as fault:
        sys.stderr.write(f"deepcomp: {path}: no ledger of eie compress: {' '.join(str(fault).split())}\n")
        raise SystemExit(2) from None


def reason(row, layer, deviation):
    """Why a size need not agree, or what is open."""
    if abs(deviation) <= NEAR_PCT:
        return ""
    if row["layer"] == "conv1_1":
        return "its count is printed as 2K, the layer has 1,728 weights"
    kept = number(row, "weights_kept_pct")
    half = 0.5 if kept == int(kept) else 0.05
    words = [
        f"kept is printed as {kept:g} %, which is {kept - half:g} to {kept + half:g}: {-100 * half / kept:.0f} to "
        f"+{100 * half / kept:.0f} %"
    ]
    fillers = 100 * layer["fillers"] / max(layer["nonzeros"], 1)
    if fillers >= 1 and deviation > 0:
        words.append(f"{fillers:.1f} % fillers at random places; trained weights lie closer together")
    if deviation < -100 * half / kept:
        words.append("smaller than the rounding explains: open")
    return "; ".join(words)


def layer_table(folder, network):
    rows, within, expected, sums = [], 0, 0, [0, 0, 0]
    for row in (row for row in layers() if row["network"] == network):
        packed, layer, stages = load(folder, row, "packed")
        huffman, _, _ = load(folder, row, "huffman")
        ours = 100 * stages["shared"]["bytes"] / (4 * layer["weights"])
        printed = number(row, "size_pct")
        deviation = 100 * (ours / printed - 1)
        if number(row, "weights_kept_pct") >= KEPT_FROM_PCT and row["layer"] != "conv1_1":
            expected += 1
            within += abs(deviation) <= NEAR_PCT
        sums = [sums[0] + 4 * layer["weights"], sums[1] + packed["file_bytes"], sums[2] + huffman["file_bytes"]]
        rows.append(
            [
                row["layer"],
                f"{layer['weights']:,}",
                row["weights_kept_pct"],
                f"{row['weight_bits']} + {row['index_bits']}",
                f"{100 * from_bits(row, False) / (4 * number(row, 'weights')):.2f}",
                row["size_pct"],
                f"{ours:.2f}",
                f"{deviation:+.1f}",
                f"{packed['file_bytes']:,}",
                row["size_huffman_pct"],
                f"{100 * huffman['file_bytes'] / (4 * layer['weights']):.2f}",
                f"{huffman['file_bytes']:,}",
                reason(row, layer, deviation),
            ]
        )
    head = [
        "layer",
        "weights",
        "kept % (c)",
        "bits (c)",
        "kept x bits, % (d)",
        "printed % (c)",
        "ours % (m)",
        "ours to printed, %",
        "packed file, bytes (m)",
        "Huffman printed % (c)",
        "Huffman ours % (m)",
        "Huffman file, bytes (m)",
        "where the gap is from",
    ]
    return table(head, rows), within, expected, sums


def report(folder):
    printed = {row["network"]: row for row in read("deepcomp_networks.csv")}
    rates = network_rates()
    parts = [
        "# Deep Compression: printed, recomputed, made anew",
        __doc__.split("\n")[0],
        "Letters: c cited, d derived, m measured: bytes of files that `eie compress` wrote. The layers are generated: "
        "shapes and kept percentages are the paper's, the weights are drawn from a near-normal distribution and pruned "
        "by magnitude, so that places are random. Files hold fillers, codebook and header. `ours %` is counted before "
        "Huffman, with fillers and a codebook of 32-bit weights, without the file's header; `Huffman ours %` is the whole "
        "file.",
        "## Four networks",
    ]
    rows, blocks = [], []
    for network in NETWORKS:
        text, within, expected, sums = layer_table(folder, network)
        dense, by_bits, by_sizes = rates[network]
        rows.append(
            [
                network,
                f"{dense / 1e6:.2f}",
                f"{by_bits:.1f}x",
                f"{by_sizes:.1f}x",
                f"{printed[network]['rate_huffman_x']}x",
                f"{sums[0] / sums[1]:.1f}x",
                f"{sums[0] / sums[2]:.1f}x",
                f"{sums[2]:,}",
                f"{float(printed[network]['size_after_kb']) * 1000:,.0f}",
            ]
        )
        goal = (
            f"Layers that keep at least {KEPT_FROM_PCT} % (conv1_1 apart): {within} of {expected} within {NEAR_PCT} % "
            "of the printed size.\n\n"
            if expected
            else ""
        )
        blocks += [f"## {network}", goal + text]
    parts += [
        table(
            [
                "network",
                "dense MB (d)",
                "rate from kept % and bits (d)",
                "rate from printed layer sizes (d)",
                "rate printed (c)",
                "packed files (m)",
                "Huffman files (m)",
                "bytes of the Huffman files (m)",
                "bytes printed (c)",
            ],
            rows,
        ),
        "The three rates differ since percentages, bits and counts are printed rounded, and since the first leaves out "
        "fillers and codebooks. Huffman sizes of trained weights cannot be had from drawn ones: runs and codes of "
        "another distribution code otherwise.",
    ]
    parts += blocks + ["## The poster's table", poster_table()]
    return "\n\n".join(parts) + "\n"


def poster_table():
    """Sizes as the poster prints them; the networks of which the papers print the layers have a rate from these."""
    items = {}
    for row in read("poster.csv"):
        items[row["item"]] = row
    rates, rows = network_rates(), []
    for poster, network in (("AlexNet", "AlexNet"), ("VGGNet", "VGG-16"), ("GoogleNet", None), ("SqueezeNet", None)):
        original, small = (float(items[f"{poster} {what} size"]["value"]) for what in ("original", "compressed"))
        ours = (
            f"{rates[network][2]:.1f}x from the printed layer sizes"
            if network
            else "cited only"
            if poster == "GoogleNet"
            else "`eie compress` of the published file: results/NOTES.md"
        )
        rows.append(
            [
                poster,
                f"{original:g}",
                f"{small:g}",
                f"{items[f'{poster} compression']['value']}x",
                f"{original / small:.1f}x",
                ours,
            ]
        )
    return table(["network", "MB before (c)", "MB after (c)", "rate printed (c)", "rate of these sizes (d)", "here"], rows)


def main():
    parser = Parser(prog="deepcomp", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=Parser)
    verbs.add_parser("list")
    reporter = verbs.add_parser("report")
    reporter.add_argument("folder", type=pathlib.Path)
    reporter.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.verb == "list":
        for row in layers():
            outputs, inputs = SHAPES[row["network"]][row["layer"]]
            print(
                f"{row['network']}-{row['layer']}",
                f"normal:{outputs}x{inputs}",
                f"{number(row, 'weights_kept_pct') / 100:g}",
                row["weight_bits"],
                row["index_bits"],
            )
        return
    text = report(arguments.folder)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    else:
        print(text)
