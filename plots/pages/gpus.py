"""Can a GPU beat the chip that beat it? CUDA devices of a results file beside the published EIE. Measures nothing.

    python3 -m plots gpus RESULTS.json [--out DIR] [--data DIR] [--quiet] [--no-pictures]

Exit codes: 0 good, 2 usage or bad input, 3 no row of a CUDA device, or the output could not be written.
"""

import os
import re
import sys

from plots.core.cells import LETTERS
from plots.core.commandline import Parser
from plots.core.load import InputError, load
from plots.core.markdown import markdown
from plots.core.output import DATA, write
from plots.core.page import Figure, Page
from plots.core.published import Published
from plots.options import report
from plots.pages import document, screen
from plots.tables.gpurows import Device, cuda_devices, why_none
from plots.tables.gputables import DeviceTables

TITLE = "Can a GPU beat the chip that beat it?"
PAGE, PICTURE = "GPU.md", "gpu_batch1"
LONGEST_STEM = 80
CONTAINS = [
    "The weights lie on the device before the first call, repacked once, and so do the inputs; outputs stay there. No "
    "number contains a copy to or from the host, or the repacking.",
    "Device time is from an event before the call to one after it; what an empty kernel takes between the two is in it. "
    "Wall time is from enqueueing until waiting has returned: the launch is in it.",
    "Cache mode hot: one copy of the weights, used over and over. Weights that fit into the device's L2 cache stay there, "
    "as EIE's stay in its SRAM; larger ones come from the memory with each call. The notes say which are where.",
    "Our kernels work on the compressed layer and end with bias, activation and rounding, bit for bit as the reference. "
    "The libraries compute in float32 and stop at W a: cuBLAS on the dense matrix, cuSPARSE on CSR; neither uses "
    "the zeros of the inputs.",
    "EIE: 64 PEs, 45 nm, 800 MHz; its times are its authors' simulation (Table IV, actual) and contain no loading of "
    "weights, no DRAM and no launch. It takes one input at a time.",
    "A row that is suspect, missing or approximate enters no mean and no ratio. A ratio needs both rows from one "
    "run. A device's headline needs all nine layers; with fewer, the mean of those is given with the reason.",
    "The layers are generated: shapes and densities of Table III, random places and weights.",
]


class Gpus:
    """All CUDA devices of a results file; raises InputError. Without a device `devices` is empty."""

    def __init__(self, results, published):
        self.results, self.devices = results, []
        stems = set()
        for name in cuda_devices(results):
            stem = re.sub(r"[^A-Za-z0-9_.-]", "-", name.partition(":")[2])[:LONGEST_STEM]
            while stem in stems:
                stem += "-"
            stems.add(stem)
            self.devices.append(DeviceTables(Device(results, name), published, stem))

    def files(self, drawn=True):
        """The page and the tables; `drawn`: the picture is next to them."""
        return {f"{table.name}.csv": table.csv() for each in self.devices for table in each.all()} | {
            PAGE: markdown(self.page(drawn and self.has_times()))
        }

    def has_times(self):
        return bool(self.drawn())

    def pictures(self):
        """{name: bytes}; none without a time at batch 1."""
        if not self.has_times():
            return {}
        from plots.tables import (
            figures,  # late: matplotlib is slow to load
            gpufigure,
        )

        return {f"{PICTURE}.{kind}": data for kind, data in figures.picture(gpufigure.times_figure(self.drawn())).items()}

    def drawn(self):
        """The tables of the picture: of devices with a measured time at batch 1."""
        tables = [each.drawn() for each in self.devices]
        return [
            table
            for table in tables
            if any(cell.is_number and cell.provenance == "measured" for cell in table.cells.values())
        ]

    def page(self, drawn):
        page = Page(TITLE).add(
            f'From `{os.path.basename(self.results.path)}`. {document.MARKS_TEXT} "A over B" is how '
            "many times faster A is, ours over all that is named; below 1x it is slower.",
        )
        if drawn:
            page.add(
                Figure(f"{PICTURE}.png", "Time of one product at batch 1: our kernels, the libraries, EIE"),
                f"Vector version: [{PICTURE}.svg]({PICTURE}.svg).",
            )
        for each in self.devices:
            page.heading(each.device.title).add(_facts(each.device))
            page.add(
                f"Geometric means of nine layers, batch 1, device time ([{each.short.name}.csv]({each.short.name}.csv)):"
            )
            page.bullets(each.short_lines())
            for table in each.shown():
                page.table(table, file=f"{table.name}.csv")
        return page.heading("What the numbers contain").bullets(CONTAINS)

    def summary(self):
        """One line a device: what its tables come to."""
        return [f"{TITLE} {each.device.title}: {each.one_line()}" for each in self.devices]

    def terminal_short(self, width):
        return [
            line
            for each in self.devices
            for line in screen.lines([f"{TITLE} {each.device.title}, {each.device.name}"], width, "")
            + screen.lines(each.short_lines(), width, "  - ")
            + [""]
        ]

    def terminal(self, out, drawn=True):
        width = screen.columns()
        parts = self.terminal_short(width)
        for each in self.devices:
            for table in each.shown():
                parts += screen.lines([f"{each.device.title}. {table.title}"], width, "")
                parts += screen.table(table, each.groups[table.name], width, "us")
                parts += screen.lines(table.notes + table.gaps(), width, "  - ") + [""]
        parts += ["What the numbers contain"] + screen.lines(CONTAINS, width, "  - ") + [""]
        parts += screen.lines([LETTERS], width, "") + [f"Page:    {os.path.join(out, PAGE)}"]
        parts += [f"Picture: {os.path.join(out, PICTURE + '.png')}"] if drawn and self.has_times() else []
        return "\n".join(parts)


def _facts(device):
    pairs = [f"{key} {words}" for key, words in device.facts()]
    return f"`{device.name}`" + (f": {', '.join(pairs)}." if pairs else ".")


def main(arguments=None):
    parser = Parser(
        "gpus",
        description="CUDA devices of a results file of `eie bench` beside the published EIE.",
        epilog="example: python3 -m plots gpus results.json --out report",
    )
    report.add(parser, several=False)
    options = parser.parse_args(arguments)
    out = options.out or os.path.join(os.path.dirname(os.path.abspath(options.results)), "report")
    try:
        gpus = Gpus(load(options.results), Published(options.data or DATA))
    except InputError as error:
        print(f"gpus: {error}", file=sys.stderr)
        return 2
    if not gpus.devices:
        why = why_none(gpus.results)
        print(f"gpus: {options.results} has no row of a CUDA device" + (f": {why}" if why else ""), file=sys.stderr)
        return 3
    drawn = not options.no_pictures
    try:
        write(out, gpus.files(drawn) | (gpus.pictures() if drawn else {}))
    except OSError as error:
        print(f"gpus: cannot write to {out}: {error.strerror or error}", file=sys.stderr)
        return 3
    if not options.quiet:
        print(gpus.terminal(out, drawn))
    return 0
