"""Several results files as one page: a column a machine, headline numbers first, then layers; what differs stands on top.

Numbers of two machines stand side by side and no ratio of them is formed: `compare` judges two files."""

import math
import os
from functools import partial

from plots.compare.evidence import low
from plots.compare.matching import MACHINE_KEYS, key
from plots.core.cells import LETTERS, Cell, missing
from plots.core.grid import Table, csv_of
from plots.core.html import drawing, hover, html
from plots.core.load import InputError, is_number, one_line
from plots.core.markdown import markdown
from plots.core.page import Column, Contents, Drawing, Entry, Lead, Listing, Page, Warnings
from plots.core.published import LAYERS
from plots.fleet.parallel import over
from plots.fleet.parts import copies, grouped, joined, place_of
from plots.pages import equals
from plots.pages.cockpit import BATCHES, LESS_IS_BETTER, NUMBERS, Cockpit
from plots.pages.front import LAST, LEAST, PAGE, SUMMARY
from plots.tables import quiet
from plots.tables.ceilings import Ceilings

CSV = "machines.csv"
MOST_WITH_LAYERS = 8  # machines whose layers the page shows; with more, machines.csv has them
MOST_NUMBERS = 12  # of machines in a sentence
LONGEST = 40  # characters of a machine's name in a column's head
SOFTWARE = (
    ("version", "eie_version"),
    ("compiler", "eie_compiler"),
    ("compiler flags", "eie_compiler_flags"),
    ("build", "eie_build_type"),
    ("masked instruction sets", "eie_isa_mask"),
    ("huge pages", "eie_huge_pages"),
    ("transparent huge pages", "eie_transparent_huge_pages"),
    ("governor", "eie_governor"),
    ("NUMA nodes", "eie_numa_nodes"),
    ("environment", "eie_environment"),
)
CHART_WORDS = "The headline numbers on all threads, a panel a number, a line a machine"
CHART_CAPTION = (
    "On all threads of each machine; geometric means of nine layers, lines are 95 % intervals. Each panel says on which side the "
    "better ones are; blue is as good as the best, orange as bad as the worst, grey neither, or all of them meet."
)
ALWAYS = ("CPU", "date", "revision")  # each machine states them, alike or not
EQUAL = (*MACHINE_KEYS, "eie_cpu_features", "eie_isa_mask", "eie_binary_sha256", "eie_revision")  # of equal machines


class Machine:
    """What the page needs of one machine's results; the rows themselves are not kept."""

    def __init__(self, results, published):
        cockpit = Cockpit(results, published)
        most = cockpit.most()
        self.path, self.threads = results.path, most
        self.label = self.name = cockpit.name()[:LONGEST]
        self.host = one_line(results.context.get("host_name") or equals.UNKNOWN)
        self.kind = tuple(one_line(results.context.get(name)) for name in EQUAL)
        self.generated = one_line(results.context.get("eie_generated") or "")
        self.times = _times(results)
        self.revision = one_line(results.context.get("eie_revision", "unknown"))
        self.facts = {"CPU": cockpit.name(), "host": self.host} | dict(cockpit.facts()) | _software(results)
        self.facts["libraries"] = _libraries(results)
        self.suites = _suites(results)
        self.numbers = {"all threads": cockpit.numbers(most)} | ({"1 thread": cockpit.numbers(1)} if most > 1 else {})
        self.layers = {batch: cockpit.per_layer(batch, most) for batch in BATCHES}
        self.ceilings = _ceilings(results, most)
        self.counts = quiet.counts(results, plain=True)
        self.usable, self.missing = len(results.rows), len(results.missing)
        self.is_empty = most == 0


def _times(results):
    """{what a row is: the logarithm of the tenth percentile of its samples}, of rows that were measured on the processor."""
    rows = [row for row in results.rows if not row.is_model and row.device == "cpu"]
    return {key(row): math.log(low(row.samples)) for row in rows}


def _software(results):
    found = {name: results.context.get(key) for name, key in SOFTWARE}
    return {name: one_line(value) for name, value in found.items() if value not in (None, "", {}, [])}


def _libraries(results):
    names = {one_line(row.raw["eie_library"]) for row in results.rows if isinstance(row.raw.get("eie_library"), str)}
    return ", ".join(sorted(names)) or "none"


def _suites(results):
    """{(suite, layer): hash}: what was multiplied."""
    return {(row.suite, row.layer): row.layer_hash for row in results.rows}


def _ceilings(results, threads):
    ceilings = Ceilings(results)
    found = ceilings.of(ceilings.bandwidth, threads) | ceilings.of(ceilings.peak, threads)
    scales = {"bytes/s": "GB/s", "MAC/s": "GMAC/s"}
    return {
        f"ceiling {name}, {scales[cell.unit]}": Cell(cell.value / 1e9, scales[cell.unit], cell.provenance, cell.source)
        for name, cell in found.items()
    }


def read(paths, published):
    """The machines of these files; files that are parts of one matrix, measured on one machine, are one."""
    seen = set()
    for path in paths:
        if os.path.realpath(path) in seen:
            raise InputError(f"{path}: given twice")
        seen.add(os.path.realpath(path))
    twins = copies(paths)
    if twins:
        raise InputError(f"{twins[0]}: holds the same samples as {twins[1]}")
    places = over(place_of, paths)
    found = over(partial(_machines, published=published), grouped(paths, places))
    machines = [machine for group in found for machine in group]
    for place, machine in enumerate(machines, 1):
        machine.label = f"{place}. {machine.name}"
    return machines


def _machines(paths, published):
    return [Machine(results, published) for results in joined(paths)]


def files(paths, published, out, differ, drawn=True):
    """({file: content}, what to say). `differ`: how much equal machines may, in percent; `drawn`: with the chart."""
    machines = read(paths, published)
    siblings = equals.judged(machines, differ)
    heads, layers = _headlines(machines), _layers(machines)
    title = f"{len(machines)} machines"
    content = {
        PAGE: html(_page(title, machines, heads, layers, siblings, _chart(heads) if drawn else ""), f"{title}: eiebench"),
        SUMMARY: markdown(_summary(title, machines, heads, siblings)),
        CSV: csv_of([_facts(machines), heads, *siblings.tables(), *layers]),
    }
    lines = [f"{machine.label}: {machine.facts['date']}, revision {machine.revision}" for machine in machines]
    lines += [f"! {text}" for text in siblings.warnings() + warnings(machines)]
    lines += siblings.sentences()
    lines += [
        f"{what + ':':10}{os.path.join(out, name)}" for what, name in (("Page", PAGE), ("Summary", SUMMARY), ("Cells", CSV))
    ]
    return content, "\n".join(lines)


def _chart(heads):
    """The headline numbers by machine as SVG."""
    from plots.tables.pagefigures import inline, machines_figure  # late: matplotlib is slow to load

    return inline(machines_figure(heads, [(f"{name}, all threads", name, name in LESS_IS_BETTER) for name in NUMBERS]))


def warnings(machines):
    """What keeps two columns from being compared."""
    found = _generated(machines)
    revisions = _groups(machines, lambda machine: machine.revision)
    if len(revisions) > 1:
        found.append(f"Revisions differ, so kernels do too: {_words(revisions)}")
    clashes = _clashes(machines)
    if clashes:
        found.append(f"Layers of the same name differ in content ({', '.join(clashes)}): their times do not compare")
    threads = _groups(machines, lambda machine: str(machine.threads))
    if len(threads) > 1:
        found.append(f"All threads are not as many everywhere: {_words(threads)}")
    found += [
        f"{machine.label}: no measured row of suite paper on its processor" for machine in machines if machine.is_empty
    ]
    counts = _groups([machine for machine in machines if machine.counts], lambda machine: machine.counts)
    return found + [f"{_whose(machines, places)}: {words}" for words, places in counts.items()]


def _whose(machines, places):
    """One by its label; several by their numbers, of many some."""
    if len(places) == 1:
        return next(machine.label for machine in machines if machine.label.startswith(f"{places[0]}. "))
    more = len(places) - MOST_NUMBERS
    return f"machines {', '.join(places[:MOST_NUMBERS])}" + (f" and {more} more, each" if more > 0 else ", each")


def _generated(machines):
    made = _groups([machine for machine in machines if machine.generated], lambda machine: machine.generated)
    return [
        f"{len(places)} of {len(machines)} machines are generated, not measured: {words}" for words, places in made.items()
    ]


def _groups(machines, value):
    """{value: the places of the machines that have it}"""
    found = {}
    for machine in machines:
        found.setdefault(value(machine), []).append(machine.label.partition(".")[0])
    return found


def _words(groups):
    return "; ".join(f"{value} ({', '.join(places)})" for value, places in groups.items())


def _clashes(machines):
    """Layers whose hash is not the same in all files that have them."""
    hashes = {}
    for machine in machines:
        for place, value in machine.suites.items():
            hashes.setdefault(place, set()).add(value)
    return sorted({f"{suite}/{layer}" for (suite, layer), values in hashes.items() if len(values) > 1})


def _facts(machines):
    table = Table("machines", "The machines", corner="")
    names = list(dict.fromkeys(name for machine in machines for name in machine.facts))
    for name in names:
        for machine in machines:
            words = machine.facts.get(name, "not recorded")
            table.put(name, machine.label, Cell(words, "", "measured", f"{machine.path}: context"))
    return table


def _differing(facts):
    """(a table of what differs and of what each has to state, sentences on what is alike)"""
    table, alike = Table("", "What differs", corner=""), []
    for name in facts.rows:
        values = {facts.get(name, column).value for column in facts.columns}
        if len(values) > 1 or name in ALWAYS:
            for column in facts.columns:
                table.put(name, column, facts.get(name, column))
        else:
            alike.append(f"{name}: {values.pop()}")
    return table, alike


def _headlines(machines):
    table = Table("headlines", "Headline numbers, geometric means of nine layers", corner="number")
    for threads in ("all threads", "1 thread"):
        for name in NUMBERS:
            for machine in machines:
                cell = machine.numbers.get(threads, machine.numbers["all threads"])[name]
                table.put(f"{name}, {threads}", machine.label, cell)
            _mark(table, f"{name}, {threads}", name in LESS_IS_BETTER)
    for name in list(dict.fromkeys(name for machine in machines for name in machine.ceilings)):
        for machine in machines:
            absent = missing("absent", "measured", "no such ceiling in the file")
            table.put(name, machine.label, machine.ceilings.get(name, absent))
        _mark(table, name, False)
    table.notes.append(
        "The best exact compressed kernel of each layer. All threads: the most that a file has. Over best dense and best "
        "sparse: each within its own machine and run; a large ratio may mean a weak library."
    )
    return table


def _layers(machines):
    tables = []
    for batch in BATCHES:
        words = "us" if batch == 1 else "us per input"
        table = Table(
            f"layers_batch{batch}", f"Best exact compressed kernel of each layer, batch {batch}, all threads, {words}"
        )
        for layer in LAYERS:
            for machine in machines:
                table.put(layer, machine.label, machine.layers[batch][layer])
            _mark(table, layer, True)
        tables.append(table)
    return tables


def _mark(table, row, less_is_better):
    """The best and the worst of a row, where their intervals lie apart; whose interval meets that of the best is as good,
    and likewise of the worst; who meets both gets no mark."""
    there = [(table.get(row, column), column) for column in table.columns if table.get(row, column).is_number]
    if len(there) < 2:
        return
    ends = [end(there, key=lambda pair: pair[0].value)[0] for end in (min, max)]
    best, worst = ends if less_is_better else ends[::-1]
    if best.value == worst.value or _meet(best, worst):
        return
    for cell, column in there:
        good, bad = _meet(cell, best), _meet(cell, worst)
        if good != bad:
            table.tones[row, column] = "good" if good else "bad"


def _meet(cell, other):
    """Do their intervals? Without intervals: are they equal?"""
    ends = [(one.value, one.value) if one.low is None else (one.low, one.high) for one in (cell, other)]
    return ends[0][0] <= ends[1][1] and ends[1][0] <= ends[0][1]


def _page(title, machines, heads, layers, siblings, svg):
    facts, alike = _differing(_facts(machines))
    page = Page(title).add(
        Lead(_lead(machines, heads)), Warnings(tuple(siblings.warnings() + warnings(machines))), Contents()
    )
    page.heading("What differs").table(facts, titled=False)
    if alike:
        page.add(f"Alike everywhere: {'; '.join(alike)}.")
    siblings.put(page, CSV)
    page.heading("Headlines")
    if svg:
        page.add(Drawing(drawing(svg, "machines"), CHART_WORDS, CHART_CAPTION))
    page.table(heads, titled=False, file=CSV)
    page.add(
        "Upward and downward triangles mark the best and the worst of a row, and those whose 95 % interval meets theirs; none "
        "where the intervals of the best and the worst meet."
    )
    if len(machines) > MOST_WITH_LAYERS:
        page.heading("Sorted by a number").add(_sortable(machines, heads))
        return page.add(f"With more than {MOST_WITH_LAYERS} machines the layers stand in [{CSV}]({CSV}) alone.")
    page.heading("Layers")
    for table in layers:
        page.table(table, file=CSV)
    return page


def _lead(machines, heads):
    row = f"{NUMBERS[2]}, all threads"
    there = [(heads.get(row, machine.label), machine) for machine in machines]
    there = [(cell, machine) for cell, machine in there if cell.is_number]
    if not there:
        return "None of these files has a measured row of suite paper at batch 1."
    (best, first), (worst, last) = (end(there, key=lambda pair: pair[0].value) for end in (min, max))
    if len(there) == 1:
        return f"One machine has a number: {first.label}, {best.said()} a layer at batch 1."
    return (
        f"A layer at batch 1 takes from **{best.said()}** ({first.label}) to **{worst.said()}** ({last.label}), geometric "
        "mean of the best exact compressed kernels of nine layers on all threads of each machine."
    )


def _sortable(machines, heads):
    rows = [f"{name}, all threads" for name in NUMBERS]
    columns = [Column("machine"), Column("date"), Column("revision", filtered=True), Column("threads", number=True)]
    columns += [Column(name, number=True, missing=LAST if name in LESS_IS_BETTER else LEAST) for name in NUMBERS]
    lines = [
        (
            Entry(machine.label, machine.path),
            Entry(machine.facts["date"]),
            Entry(machine.revision),
            Entry(str(machine.threads), order=machine.threads),
            *(_entry(heads.get(row, machine.label), heads.tones.get((row, machine.label), "")) for row in rows),
        )
        for machine in machines
    ]
    return Listing("machines", tuple(columns), tuple(lines), CSV, length=100)


def _entry(cell, tone):
    return Entry(cell.shown(), hover(cell), cell.value if is_number(cell.value) else None, tone)


def _summary(title, machines, heads, siblings):
    page = Page(f"{title}: summary").add(_lead(machines, heads)).bullets(siblings.warnings() + warnings(machines))
    page.bullets(siblings.sentences())
    page.heading("Headlines").table(
        _turned(heads, [f"{name}, all threads" for name in NUMBERS]), titled=False, remarks=False
    )
    page.bullets(
        f"{machine.label}: {machine.facts['date']}, revision {machine.revision}, {machine.usable} usable rows, "
        f"{machine.missing} without a number, from `{os.path.basename(machine.path)}`"
        for machine in machines
    )
    return page.add(f"Everything: [{PAGE}]({PAGE}), cells in [{CSV}]({CSV}). {LETTERS}")


def _turned(heads, rows):
    """A row a machine: a summary has to fit a page's width."""
    table = Table("", "", corner="machine")
    for machine in heads.columns:
        for row in rows:
            table.put(machine, row.removesuffix(", all threads"), heads.get(row, machine))
    return table
