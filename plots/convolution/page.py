"""One image through a network's convolutions: a page and its cells.

    python3 -m plots squeezenet FOLDER [--out FILE.md]

Exit codes: 0 good; 2 usage or bad input; 3 the output could not be written.
"""

import os
import sys

from plots.convolution.files import CYCLE, FLOAT, INT8, Convolutions, image_ns
from plots.convolution.tables import (
    file_table,
    groups_table,
    image_table,
    layers_table,
    limits_table,
    whole_table,
    winograd_table,
)
from plots.core.cells import LETTERS, Cell, ratio, said_together
from plots.core.commandline import Parser
from plots.core.context import context_lines
from plots.core.grid import csv_of
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.output import written
from plots.core.page import Page
from plots.options import squeezenet as options_of_page

PAGE = "squeezenet.md"
FURTHER = ("Build:", "Command:", "Date:")  # of what stands around further rows


def _sum(found, pick, terms, provenance, what):
    rows = found.rows_of(pick, terms)
    return Cell(sum(map(image_ns, rows)) / 1e6, "ms", provenance, what) if rows else None


def lead(found):
    """What came of it, in sentences."""
    terms = sum(layer.terms for layer in found.layers)
    ours = {count: _sum(found, found.exact, count, "measured", f"bench.json, {count} terms") for count in (1, 2)}
    eie = _sum(found, lambda name: found.row(name, CYCLE), 1, "simulated", CYCLE)
    dense = sum(layer.macs for layer in found.layers)
    active = sum(found.active(layer.name) for layer in found.layers)
    pruned = sum(found.pruned(layer.name) for layer in found.layers)
    counts = [Cell(count / 1e6, "M", "measured", "bench.json, first terms") for count in (dense, pruned, active)]
    yield f"Multiplications for the image: {said_together(counts, ', ', 1, ('dense', 'by pruned weights', 'active'))}."
    if eie:
        both = _sum(found, lambda name: found.row(name, CYCLE), 2, "simulated", CYCLE)
        words = f"EIE as published (64 PEs, 800 MHz): {_speed(eie)}"
        yield words + (f"; {terms} layers {_speed(both)}." if both and terms > len(found.layers) else ".")
    if terms > len(found.layers):
        yield (
            f"One layer of 4 bits a convolution ({len(found.layers)} layers) is not near enough to the weights by the bound of "
            f"`eie run`; with sums of two where it asks for them there are {terms}. What has {len(found.layers)} is what the "
            "first ones alone would take."
        )
    for kernel, words in ((FLOAT, "float32"), (INT8, "int8")):
        yield from _against(found, kernel, words, ours)


def _speed(time):
    return f"{time.said()}, {Cell(1e3 / time.value, 'images/s', 'derived', '1 / ' + time.source).said()}"


def _against(found, kernel, words, ours):
    """The layers that `eie run` takes, with im2col too, then the first ones alone."""
    there = _sum(found, lambda name: found.row(name, kernel), 1, "measured", kernel)
    if there is None:
        return
    terms = sum(layer.terms for layer in found.layers)
    for count, layers in ((2, terms), (1, len(found.layers))):
        if count == 1 and terms == len(found.layers):
            continue
        its = ratio(ours[count], there, f"{layers} layers here / oneDNN {words}")
        wins = sum(
            sum(image_ns(found.exact(name)) for name in layer.names[:count]) <= image_ns(found.row(layer.name, kernel))
            for layer in found.layers
        )
        line = (
            f"Exact integers here, {layers} layers of 4 bits, products alone: {ours[count].said()}; oneDNN's own convolutions in "
            f"{words}: {there.said()}; here {its.said()} of that time, and no slower on {wins} of {len(found.layers)} convolutions"
        )
        if count == 2 and found.columns_ns:
            all_of_it = Cell(found.columns_ns / 1e6, "ms", "measured", "run.json, convolutions with im2col and copies")
            its = ratio(all_of_it, there, f"{layers} layers with im2col here / oneDNN {words}")
            line += f". With im2col and copies, which oneDNN's need not: {all_of_it.said()}, {its.said()} of that time"
        yield line + "."


HOW = (
    "Times are those of the convolutions alone, one after the other; each is the least of its row's samples for all positions "
    "of the image (rows at other batches: times positions over batch). Sums of least times are what a quiet machine would take.",
    "*here*: the fastest exact row of each layer, bit for bit what EIE computes, with bias, activation and rounding. Layers of "
    "4 bits; where one is not near enough it is the sum of two (`bench/run/share.h`).",
    "oneDNN's convolutions take the image as it is; all others, ours too, take the columns of im2col, which only the row *with "
    "im2col* counts: the convolutions of `eie run`, with im2col, copies and the sums of two. Libraries compute without bias and activation; int8 rounds weights, and its image when "
    "it is loaded, outside of the time, as the layer before would have.",
    "EIE: `model_eie_cycle` follows every column of every position on the published design; energy is its power (Table II) "
    "times its time. A column costs a cycle in each PE even where the PE has no entry of it: *bubbles*.",
)


def page(found):
    threads = sorted({row.threads for row in found.results.rows if row.threads})
    its = Page("SqueezeNet, one image")
    its.add(f"The image: {os.path.basename(found.image)}; threads: {', '.join(map(str, threads))}. {LETTERS}")
    its.bullets(lead(found))
    tables = [image_table(found), whole_table(found), layers_table(found), limits_table(found)]
    its.heading("One image").table(tables[0], titled=False)
    its.heading("How to read this").bullets(HOW)
    if tables[1].rows:
        its.heading("The whole network").add(
            "`eie run` with im2col, pools, concatenations and the average, in blocks of positions handed to the threads."
        ).table(tables[1], titled=False)
    its.heading("Layer by layer").table(tables[2], titled=False)
    its.heading("What limits").add(
        "A layer is faster here where the share of multiplications that is left (weights and inputs not 0) lies below the ratio "
        "of both sides' multiplications a second: the column *even at*."
    ).table(tables[3], titled=False)
    if found.sweep:
        tables.append(groups_table(found))
        its.heading("Processing elements in groups").add(
            "Groups take one position each, and each holds all weights. More PEs in one group find no rows in layers of 16 to 64 "
            "outputs; in groups they do. KiB: the entries of all groups; mm2: as many published PEs, whose memories hold far "
            "more than this network needs."
        ).table(tables[-1], titled=False)
    if found.winograd:
        tables.append(winograd_table(found))
        its.heading("Winograd").add(
            "Multiplications of the 3 x 3 layers before over those behind F(2x2, 3x3), without the transforms' additions: above "
            "1 it would save. *dense, inputs*: dense weights, inputs that are not 0; *active*: both not 0, what EIE does. What is "
            "not 0 and how many weights differ: before > behind."
        ).table(tables[-1], titled=False)
    if found.file:
        tables.append(file_table(found))
        its.heading("The weights as a file").add(
            "The published weights re-clustered at 6 bits a weight and Huffman-coded, as the authors' poster states its size."
        ).table(tables[-1], titled=False)
    its.heading("Where this is from").bullets(context_lines(found.results))
    for further in found.further:
        lines = [line for line in context_lines(further) if line.startswith(FURTHER)]
        its.add(f"Further rows, {os.path.basename(further.path)}:").bullets(lines)
    return its, tables


def main(arguments=None):
    parser = Parser("squeezenet", description="One image through SqueezeNet's convolutions as a page and a CSV file.")
    options_of_page.add(parser)
    options = parser.parse_args(arguments)
    out = options.out or os.path.join(options.folder, PAGE)
    try:
        found = Convolutions(options.folder)
        its, tables = page(found)
    except (InputError, KeyError, TypeError, AttributeError) as error:
        words = str(error) if isinstance(error, InputError) else f"{options.folder}: a file lacks {error}"
        print(f"squeezenet: {words}", file=sys.stderr)
        return 2
    stem = os.path.splitext(os.path.basename(out))[0]
    its.add(f"All cells with their sources: [{stem}.csv]({stem}.csv).")
    if not written("squeezenet", out, {os.path.basename(out): markdown(its), f"{stem}.csv": csv_of(tables)}):
        return 3
    for line in lead(found):
        print(line)
    print(f"Page: {out}")
    return 0
