"""A map as a page, a picture and a CSV file.

    python3 -m plots map MAP.json [--out DIR]

Exit codes: 0 good; 2 usage or bad input; 3 the output could not be written.
"""

import csv
import io
import os
import sys

from plots.core.cells import Cell
from plots.core.commandline import Parser
from plots.core.context import context_lines
from plots.core.grid import Table
from plots.core.load import InputError, one_line
from plots.core.markdown import markdown
from plots.core.output import write
from plots.core.page import Figure, Page
from plots.map.picture import CLEAR, picture
from plots.map.points import CLOSE, COMPRESSED, DENSE, EIE, FORMS, INT8, SPARSE, break_even, percent, read_map
from plots.options import map as map_options

PAGE, CSV, NAME = "map.md", "map.csv", "map"
HEADER = [
    "inputs",
    "outputs",
    "batch",
    "weights",
    "activations",
    "form",
    "kernel",
    "us",
    "low_us",
    "high_us",
    "weight_bytes",
    "fastest_here",
    "provenance",
]
BUSY = 0.5
BREAK_EVENS = {
    "sparse float32 pays up to": (SPARSE,),
    "sparse or compressed pays up to": (SPARSE, COMPRESSED),
}


def title(found):
    cpu = one_line(found.results.context.get("eie_cpu_name") or "a processor without a name")
    plural = "s" * (found.threads > 1)
    where = {"hot": "one copy of the weights, used again and again", "llc": "weights from the last-level cache"}.get(
        found.cache, "weights from memory"
    )
    return f"{cpu}, {found.threads} thread{plural}, {where}"


def kernel_of(row):
    chosen = row.raw.get("eie_chosen_kernel")
    return f"{row.kernel} ({one_line(chosen)})" if isinstance(chosen, str) else row.kernel


def csv_of(found):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for point in found.points:
        for form in (*FORMS, EIE):
            row = point.best.get(form)
            if row is None:
                continue
            ends = row.interval or (None, None)
            times = ["" if time is None else f"{time / 1e3:.8g}" for time in (row.median_ns, *ends)]
            bytes_ = row.number("eie_prepared_bytes")
            key = [point.inputs, point.outputs, point.batch, f"{point.weights:.4g}", f"{point.activations:.4g}"]
            size = "" if not bytes_ else f"{bytes_:.0f}"
            writer.writerow([*key, form, kernel_of(row), *times, size, int(form == point.winner), row.provenance])
    return out.getvalue()


def lead(found):
    """A sentence for each batch: which forms win where."""
    for batch in sorted({point.batch for point in found.points}):
        its = [point for point in found.points if point.batch == batch]
        wins = {form: sum(point.winner == form for point in its) for form in FORMS}
        counts = ", ".join(f"{form} at {wins[form]}" for form in sorted(FORMS, key=wins.get, reverse=True) if wins[form])
        close = sum(point.is_close for point in its)
        eie = [point.eie for point in its if point.eie is not None]
        ahead = f" EIE, as modelled, would be faster than the fastest here at {sum(e > 1 for e in eie)}." if eie else ""
        near = f"; at {close} of them the next form is too close to call" if close else ""
        yield f"**{batch} input{'s' * (batch > 1)} a call**: of {len(its)} points fastest is {counts}{near}.{ahead}"


def disturbance(found):
    """Sentences on how quiet the machine was."""
    shares = [
        row.number("eie_disturbed_share") or 0.0 for point in found.points for row in point.best.values() if not row.is_model
    ]
    busy = sum(share >= BUSY for share in shares)
    cell = Cell(100 * sum(shares) / len(shares), "%", "measured", "eie_disturbed_share of the fastest rows, mean")
    yield f"Of the samples behind the times shown, counters call {cell.said(0)} disturbed by others at work"
    if busy:
        yield (
            f"{busy} of these {len(shares)} times rest on samples most of which were disturbed: where that is so, forms that "
            "need all threads at once or much memory look slower than they are"
        )


def _lines(points):
    """{inputs' density: its points, by weight density}; lines of one point say nothing."""
    found = {}
    for point in points:
        found.setdefault(point.activations, []).append(point)
    return {
        density: sorted(line, key=lambda point: point.weights) for density, line in sorted(found.items()) if len(line) > 1
    }


def break_even_table(found):
    table = Table("break_even", "Break-even", corner="size, inputs a call, inputs that are not 0")
    for (inputs, outputs, batch), points in found.panels.items():
        for density, line in _lines(points).items():
            row = f"{inputs} x {outputs}, {batch}, {percent(density)}"
            for column, forms in BREAK_EVENS.items():
                words = break_even(line, *forms).words()
                table.put(row, column, Cell(words, "", "derived", f"{' or '.join(forms)} over {DENSE}, map.csv"))
            for point, which in ((line[0], "fewest"), (line[-1], "most")):
                if point.gain is not None:
                    source = f"dense float32 over the faster of sparse float32 and compressed at {percent(point.weights)}"
                    table.put(row, f"gain at the {which} weights", Cell(point.gain, "x", "derived", source))
    if table.rows:
        table.fill("dense or the other side was not measured there")
    return table


def page(found):
    its = Page("Break-even map").add(f"Which form of a layer is fastest where: {title(found)}.").bullets(lead(found))
    its.add(Figure(f"{NAME}.png", "which form of a layer is fastest, by size, batch and densities"))
    its.heading("How to read this").bullets(
        (
            "Each panel is one size of a fully-connected layer at one number of inputs a call. To the right more weights are "
            "left after pruning, upwards more of the inputs are not 0. A colour says which form is fastest there.",
            f"Dots were measured; the surface belongs to the dot next to it. Full colour: {CLEAR:g} times and more ahead of the "
            f"next form; pale: less than {CLOSE:g} times, which another run may turn round.",
            "**dense float32**: all weights, zeros too (libraries, our own). **sparse float32**: weights that are not 0, with "
            f"their places (CSR). **{COMPRESSED}**: our exact kernels on 16 shared weights in 16-bit fixed point. **{INT8}**: "
            "all weights in 8 bits, rounded; it computes a little less than what was asked.",
            "**EIE** runs nowhere here: its time is modelled (the chip of 2016 at 800 MHz, one input after the other, whether "
            "the layer fits its memories or not). The number above a panel is its speed over the fastest form here.",
        )
    )
    table = break_even_table(found)
    if table.rows:
        its.heading("From which density on").add(
            "Leaving weights out against dense float32, along each line of weight densities: the last density at which it was "
            "clearly faster, and the first one at which it was clearly slower; sparse float32 alone, and whichever is faster, it "
            "or compressed, which also shares weights and skips inputs that are 0, and so may gain where no weight is 0. A tie: "
            f"less than {CLOSE:g} times apart, or 95 % intervals that meet; another run may call it otherwise. The intervals are "
            "of one visit and know nothing of what changes between two. The gains are those of the faster one, by medians."
        ).table(table, titled=False)
    if found.without:
        its.heading("What is missing").bullets(
            f"{point.inputs} x {point.outputs}, batch {point.batch}, {percent(point.weights)} of the weights, "
            f"{percent(point.activations)} of the inputs: nothing could be measured"
            for point in found.without
        )
    its.heading("How quiet the machine was").bullets(disturbance(found))
    its.heading("Where this is from").bullets(context_lines(found.results))
    return its.add(f"All points, with kernels, times and their 95 % intervals: [{CSV}]({CSV}).")


def files(found):
    words = title(found)
    return {
        PAGE: markdown(page(found)),
        CSV: csv_of(found),
        f"{NAME}.png": picture(found, words, "png"),
        f"{NAME}.svg": picture(found, words, "svg"),
    }


def main(arguments=None):
    parser = Parser("map", description="A break-even map of `eie map` as a page, a picture and a CSV file.")
    map_options.add(parser)
    options = parser.parse_args(arguments)
    out = options.out or os.path.dirname(options.file) or "."
    try:
        found = read_map(options.file)
    except InputError as error:
        print(f"map: {error}", file=sys.stderr)
        return 2
    try:
        write(out, files(found))
    except OSError as error:
        print(f"map: cannot write to {out}: {error.strerror or error}", file=sys.stderr)
        return 3
    for line in lead(found):
        print(line.replace("**", ""))
    print(f"Page: {os.path.join(out, PAGE)}, picture: {os.path.join(out, NAME + '.png')}")
    return 0
