"""report.html and summary.md of one machine: what somebody decides by, then every row, then what stands behind it."""

import os
from dataclasses import replace

from plots.core.cells import LETTERS
from plots.core.context import context_lines
from plots.core.grid import Table
from plots.core.html import drawing, hover
from plots.core.page import (
    Cards,
    Column,
    Contents,
    Drawing,
    Entry,
    Facts,
    Lead,
    Listing,
    Page,
    Split,
    Warnings,
)
from plots.pages.document import CONTAINS
from plots.tables import counters, everyrow
from plots.tables.ceilings import ADDS_MEAN
from plots.tables.everyrow import OVER, PER_WEIGHT, PREPARE, SHARE, TIME

PAGE, SUMMARY = "report.html", "summary.md"
WARNINGS_OF_SUMMARY, WARNINGS_SHOWN = 6, 3
LAST, LEAST = 1e300, -1.0  # where rows without a number stand in the order of a column
WIDTHS = (("2 %", 0.02), ("5 %", 0.05), ("10 %", 0.1), ("20 %", 0.2))  # of intervals, to choose rows by
FACTORS = (("1x", 1), ("2x", 2), ("5x", 5), ("10x", 10), ("20x", 20))
OVER_MEANS = "A over B: how many times as fast A is as B."
READING = (
    "letters",
    "(m) measured here, (d) derived from measured or cited numbers: the box that opens over one says from which. "
    f"{OVER_MEANS} Ranges under the four numbers are 95 % intervals.",
)
NOTHING_MISSING = "Nothing: every layer has its rows, every row a number."
CAPTIONS = {
    "roofline": "A point a kernel: geometric means over the nine layers of useful multiply-adds (weight and input both "
    "non-zero) a second, over those per byte read or written. Lines: what this host did at best. A dense kernel stands "
    f"low since most of its multiply-adds meet a zero and do not count. {ADDS_MEAN}",
    "machine_speed": "Over the published CPU's dense time of each layer, batch 1. Bars of published platforms are derived "
    "from Table IV's cited times, EIE's from its authors' simulation, this host's from its measured wall times.",
    "machine_energy": "Over the published CPU's dense energy, batch 1. Published bars are the printed labels of Fig. 7; EIE "
    "is the chip without DRAM.",
    "ways": "Geometric means of nine layers. Best dense and best sparse are of each layer the fastest float32 row, whichever "
    "library's or our own. The two panels have the cache modes that their titles name, so their points at batch 1 differ.",
}
CACHES = {
    "hot": "hot repeats one copy of the weights",
    "llc": "llc keeps it out of the private caches",
    "dram": "dram keeps it out of all caches",
}
WORDS = {
    "roofline": "Useful multiply-adds per second over useful multiply-adds per byte, one point a kernel, under the ceilings",
    "machine_speed": "Speed-up over the published dense CPU: published platforms, EIE and this host",
    "machine_energy": "Energy efficiency over the published dense CPU: published platforms, EIE and this host",
    "ways": "Time of an input over threads and over the batch",
    "costs": "Time by cache mode, and time of preparing, by kernel",
}


def front_page(report, svgs):
    """`svgs`: {name of WORDS: SVG}; those that are not there are left out."""
    cockpit = report.cockpit
    page = Page(cockpit.name()).add(Facts((*cockpit.facts(), READING), cockpit.fact_sources()))
    page.add(Lead(cockpit.verdict(), cockpit.verdict_sources()))
    page.add(
        Split(
            (Cards(cockpit.cards()), Warnings(_warnings(report), WARNINGS_SHOWN)),
            _drawing(svgs, "roofline"),
        ),
        Contents(),
    )
    page.heading("Every row")
    page.add(
        "Click a column's head to sort. Over best dense and best sparse: within the visits in which both were timed, at the "
        "same layer, batch, cache mode and thread count. Share of the bound: the least time that this run's ceilings allow, "
        "over the median. ns a weight: time of an input over the layer's non-zero weights. Repeat: one click marks the whole "
        "command; its budget is the time that the row's own samples took, a second at least."
        + " Cycles are counted in user mode on all threads, in a pass after the samples; at the bound: times the share of it."
        * _counted(report.lines)
    )
    page.add(listing(report.lines, f"{everyrow.NAME}.csv"))
    page.heading("Beside the published ones")
    for name in ("machine_speed", "machine_energy"):
        page.add(*_drawing(svgs, name))
    page.add(f"{cockpit.energy()[0].upper()}{cockpit.energy()[1:]}.")
    for headline in report.headlines:
        page.table(headline)
    page.table(report.table4.table, file=f"{report.table4.table.name}.csv")
    page.heading("Threads, batch, caches, preparing")
    page.add(*_drawing(svgs, "ways"), *_drawing(svgs, "costs", _caches(report.ways.caches.columns)))
    for table in report.ways.tables():
        page.table(table, file=f"{table.name}.csv")
    page.heading("What is missing, and why")
    page.bullets(report.missing + report.unmeasured or [NOTHING_MISSING])
    missing = report.sections["Rows without a number"][0]
    if missing.rows:
        page.table(missing, file=f"{missing.name}.csv", remarks=False)
    page.heading("What to doubt").bullets(report.doubts or ["Nothing that the run itself shows."])
    page.heading("What the numbers contain and what they do not").bullets(CONTAINS)
    page.heading("Machine and build").bullets(context_lines(report.results))
    return page


def _warnings(report):
    """What they mean for the verdict first."""
    return tuple(filter(None, [report.cockpit.trust(), *report.last_screen.warnings(plain=True)]))


def _drawing(svgs, name, caption=""):
    """A tuple with the drawing, or an empty one."""
    return (Drawing(drawing(svgs[name], name), WORDS[name], caption or CAPTIONS[name]),) if name in svgs else ()


def _caches(caches):
    """What the cache modes are that a drawing has."""
    text = "; ".join(words for name, words in CACHES.items() if name in caches)
    return f"{text[:1].upper()}{text[1:]}." if text else "No cache mode was measured at batch 1."


def _counted(lines):
    return bool(lines) and counters.CYCLES in lines[0].cells


def listing(lines, file):
    words = ("suite", "layer", "kernel", "batch", "threads", "cache", "status", "provenance")
    columns = [Column(name, filtered=True) for name in words]
    columns += [Column(TIME, number=True, missing=LAST), Column("+-", number=True, missing=LAST, most=WIDTHS)]
    columns += [Column(OVER[kind], number=True, missing=LEAST, least=FACTORS) for kind in OVER]
    columns += [
        Column(SHARE, number=True, missing=LEAST),
        Column(PER_WEIGHT, number=True, missing=LAST),
        Column("repeat", code=True),
        *(Column(name, number=True, missing=LAST) for name in counters.ROW_COLUMNS * _counted(lines)),
        Column(PREPARE, number=True, missing=LAST),
        Column("set by", filtered=True),
        Column("device", filtered=True),
        Column("clock", filtered=True),
    ]
    return Listing(
        everyrow.NAME,
        tuple(columns),
        tuple(_entries(line) for line in lines),
        file,
        paper=f"On paper: the lines that the screen showed, of {len(lines)}; all of them are in {file}.",
    )


def _entries(line):
    row, cells = line.row, line.cells
    time = cells[TIME]
    half, label = time.half_width, row.label()
    names = (row.suite, row.layer, row.kernel, row.batch, row.threads or "", row.cache)
    return (
        *(Entry(str(name)) for name in names),
        Entry(row.status, row.reason),
        Entry(row.provenance),
        _number(time, label),
        Entry(time.margin() if time.is_number else "", order=half),
        *(_number(cells[OVER[kind]], label) for kind in OVER),
        _number(cells[SHARE], label),
        _number(cells[PER_WEIGHT], label),
        Entry(line.again, line.again),
        *(_number(cells[name], label) for name in counters.ROW_COLUMNS if name in cells),
        _number(cells[PREPARE], label),
        Entry(line.bound),
        Entry(row.device),
        Entry(row.time_source),
    )


def _number(cell, label):
    if not cell.is_number:
        return Entry("", cell.reason)
    unit = {"x": "x", "%": " %"}.get(cell.unit, "")
    source = cell.source.replace(f", {label}", "").partition(": median of ")[0]  # the row's own name is next to it
    return Entry(cell.digits() + unit, hover(replace(cell, source=source)), cell.value)


def summary_page(report, out_names):
    """One page of Markdown. `out_names`: (what, file) pairs of the files next to it."""
    cockpit = report.cockpit
    page = Page(f"{cockpit.name()}: summary").add(cockpit.verdict())
    page.bullets(f"{name}: {words}" for name, words in cockpit.facts())
    page.heading("Numbers").table(_numbers(cockpit), titled=False).add(OVER_MEANS)
    warnings = _warnings(report)
    page.heading("Warnings").bullets(warnings[:WARNINGS_OF_SUMMARY] or ["None."])
    if len(warnings) > WARNINGS_OF_SUMMARY:
        page.add(f"And {len(warnings) - WARNINGS_OF_SUMMARY} more in the report.")
    page.heading("Further").bullets(f"{what}: [{file}]({file})" for what, file in out_names)
    return page.add(f"From `{os.path.basename(report.results.path)}`. {LETTERS}")


def _numbers(cockpit):
    table = Table("", "Numbers", corner="geometric mean of nine layers")
    for threads in cockpit.thread_counts():
        for name, cell in cockpit.numbers(threads).items():
            table.put(name, f"{threads} thread{'' if threads == 1 else 's'}", cell)
    table.put("EIE, its authors' simulation", "published", cockpit.eie)
    return table
