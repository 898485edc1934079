"""Turns results files of `eie bench` into tables, pictures, headlines and pages. Measures nothing.

    python3 -m plots report RESULTS.json [RESULTS.json ...] [--out DIR] [--data DIR] [--quiet]

One file: report.html and summary.md for who decides, report.md with every table, CSV files, pictures. Several: report.html
and summary.md with a column a machine, machines.csv.

Exit codes: 0 good, 2 usage or bad input, 3 the output could not be written.
"""

import os
import sys

from plots.core.commandline import Parser
from plots.core.html import html
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.output import DATA, write_report
from plots.core.published import Published
from plots.core.references import DENSE, kind_of
from plots.fleet.parallel import over
from plots.fleet.parts import joined, place_of
from plots.options import report as report_options
from plots.pages import document, front, gpus, machines
from plots.pages.cockpit import Cockpit
from plots.pages.lastscreen import LastScreen
from plots.pages.poster import poster_page
from plots.tables import (
    ceilings,
    counters,
    decomposition,
    deviceenergy,
    energy,
    everyrow,
    families,
    fig6,
    fig7,
    hostspeed,
    hosttables,
    papertables,
    quiet,
    speed,
    ways,
)
from plots.tables.modelrows import model_kernels
from plots.tables.opencl import Opencl
from plots.tables.table4 import BatchedSideBySide, SideBySide
from plots.tables.table5 import table5


class Report:
    """Everything that is shown, on the last screen, in report.md or in the picture."""

    def __init__(self, results, published):
        self.results, self.published, self.opencl = results, published, Opencl(results, published)
        self.table4 = SideBySide(results, published)
        self.batched = BatchedSideBySide(results, published)
        self.table3 = papertables.table3(results, published)
        self.fig6 = fig6.fig6_published(results, published)
        self.fig6_host = fig6.fig6_host(results, published)
        self.fig7 = fig7.fig7_table(results, published)
        speeds, hosts = speed.speed_table(results, published), hostspeed.host_table(results, published)
        energies = energy.energy_table(results, published)
        self.headlines = [
            speed.speed_headline(speeds, results, published),
            *hostspeed.host_headlines(hosts, results, published),
            *([self.opencl.headline()] if self.opencl.table else []),
            energy.energy_headline(energies, results, published),
        ]
        factors = decomposition.decompositions(results, published)
        self.headlines[-1].notes.insert(1, fig7.label_words(fig7.label_counts(self.fig7, published)))
        self.headlines.append(decomposition.decomposition_headline(factors))
        self.doubts = quiet.wide(results) + quiet.disturbed(results) + quiet.doubts(results)
        self.missing = hosttables.missing_lines(results)
        self.unmeasured = hosttables.unmeasured_lines(results)
        fig7.put_host(self.fig7, results, published)
        self.ceilings = ceilings.Ceilings(results)
        bounds, counted = ceilings.bound_tables(results), counters.counter_tables(results)
        self.counters = counters.every_row(results)
        self.points = ceilings.points_table(results)
        self.gpus = gpus.Gpus(results, published)
        self.cockpit = Cockpit(results, published)
        self.ways = ways.Ways(results, published)
        self.machine_speed = ways.machine_speed(results, published)
        self.machine_energy = ways.machine_energy(results, published)
        self.lines = everyrow.lines(results)
        other = papertables.table_other_designs(results)
        self.sections = {
            "Tables IV and III side by side": [self.table4.table, self.batched.table, self.table3],
            "Speed tables": [speeds, hosts]
            + ([self.opencl.table] if self.opencl.table else [])
            + families.family_tables(results, published),
            "Energy tables": [
                energies,
                energy.per_layer_energy(results, published),
                energy.counts_table(results),
                self.fig7,
                fig7.implied_powers(published),
            ],
            "Claimed energy factors": list(factors.values()),
            "Published and modelled in full": [papertables.table4_published(published)]
            + [papertables.table4_model(results, published, kernel) for kernel in model_kernels(results)]
            + [self.fig6, fig6.fig6_labels(self.fig6, published), table5(results, published)]
            + ([other] if other.rows else []),
            "This host in full": hosttables.host_tables(results)
            + deviceenergy.processor_energy(results)
            + deviceenergy.device_energy(results)
            + self.fig6_host,
            "Ceilings of this host": [ceilings.ceilings_table(self.ceilings)] + bounds,
            **({"Counters of this host": counted} if counted else {}),
            "Rows without a number": [hosttables.table_missing(results)],
        }
        self.last_screen = LastScreen(results, published, self.opencl, speeds, self.missing, self.gpus)

    def files(self, drawn=True, svgs=()):
        """All but the pictures; `drawn`: these are next to report.md. `svgs`: {name: SVG} for report.html."""
        tables = [table for tables in self.sections.values() for table in tables]
        own = [self.points, everyrow.table(self.lines), self.machine_speed, self.machine_energy, *self.ways.tables()]
        own += [self.counters] if self.counters.rows else []
        return (
            {f"{table.name}.csv": table.csv() for table in tables + own}
            | {
                "report.md": markdown(
                    document.document(
                        self.results,
                        quiet.head(self.results),
                        _warnings(self.results),
                        self.headlines,
                        {
                            "What to doubt": self.doubts,
                            "What is missing": self.missing + self.unmeasured or [front.NOTHING_MISSING],
                        },
                        self.sections,
                        drawn,
                        self._further_pages(),
                    )
                ),
                "POSTER.md": markdown(poster_page(self.results, self.published)),
                front.PAGE: html(front.front_page(self, dict(svgs)), f"{self.cockpit.name()}: eiebench"),
                front.SUMMARY: markdown(front.summary_page(self, self._beside())),
            }
            | (self.gpus.files(drawn) if self.gpus.devices else {})
        )

    def _beside(self):
        return (
            [("Everything on one page", front.PAGE), ("Every table", "report.md"), ("The poster's numbers", "POSTER.md")]
            + ([("GPUs", gpus.PAGE)] if self.gpus.devices else [])
            + [("Every row", f"{everyrow.NAME}.csv")]
        )

    def _further_pages(self):
        return (
            [f"[{gpus.PAGE}]({gpus.PAGE}): {gpus.TITLE} CUDA devices of this file beside the published EIE."]
            if self.gpus.devices
            else []
        )

    def terminal(self, out, drawn=True):
        paths = (
            [("Page", front.PAGE), ("Report", "report.md"), ("Poster", "POSTER.md")]
            + ([("GPUs", gpus.PAGE)] if self.gpus.devices else [])
            + ([("Pictures", "*.png")] if drawn else [])
        )
        return self.last_screen.text([(what, os.path.join(out, name)) for what, name in paths])


def _warnings(results):
    lines = [] if results.rows else ["The results file has no usable row: only published and recomputed numbers follow."]
    lines += [] if model_kernels(results) else ["No row of the accelerator model."]
    if not any(kind_of(row) == DENSE for row in results.rows):
        lines.append("No usable dense float32 row: this host has no dense baseline in this file.")
    return lines


def drawings(report, results, published):
    """{name: figure}, all but that of the GPUs."""
    from plots.tables import (
        figures,  # late: matplotlib is slow to load, and bad input needs none of it
        roofline,
    )

    return {
        "fig6_speedup": figures.speed_figure(report.fig6, report.fig6_host, published),
        "fig7_energy": figures.energy_figure(report.fig7),
        "roofline": roofline.roofline_figure(ceilings.roofline_rows(results), report.ceilings),
    }


def page_drawings(report):
    """{name: figure} of those that only report.html has."""
    from plots.tables import pagefigures, roofline

    view, energies = report.ways.view, report.machine_energy
    where = f"this host: cache {view.cache}, {view.thread_words(report.ways.threads)}" if view else ""
    kind = deviceenergy.processor_kind(report.results.rows)
    return {
        "roofline": roofline.roofline_figure(ceilings.roofline_rows(report.results), report.ceilings, report.cockpit.most()),
        "machine_speed": pagefigures.machine_figure(
            report.machine_speed, "", "speed-up over dense CPU, batch 1", f"{where}, measured" if where else ""
        ),
        "machine_energy": pagefigures.machine_figure(
            energies,
            ", printed",
            "energy efficiency over dense CPU, batch 1",
            (f"{where}, {'power assumed' if kind == 'assumed' else kind}")
            if ways.HOST_BEST in energies.columns
            else "this host has no bar: no meter measured its energy",
        ),
        "ways": pagefigures.ways_figure(report.ways.scaling, report.ways.batches, report.ways.modes),
        "costs": pagefigures.costs_figure(report.ways.caches, report.ways.prepare),
    }


def inlined(figures):
    """{name: SVG} for report.html."""
    from plots.tables.pagefigures import inline

    return {name: inline(figure) for name, figure in figures.items()}


def pictures(report, figures):
    """{file name: bytes}"""
    from plots.tables.figures import picture

    return {
        f"{name}.{kind}": data for name, figure in figures.items() for kind, data in picture(figure).items()
    } | report.gpus.pictures()


def main(arguments=None):
    parser = Parser(
        "report",
        description="Tables, pictures, headlines and pages from results files of `eie bench`, beside the published numbers. "
        "Several files: a page with a column a machine.",
        epilog="example: python3 -m plots report results.json --out report",
    )
    report_options.add(parser)
    options = parser.parse_args(arguments)
    out = options.out or os.path.join(os.path.dirname(os.path.abspath(options.results[0])), "report")
    try:
        published = Published(options.data or DATA)
        whole = _whole(options.results)
        if whole is None:
            files, said = machines.files(options.results, published, out, options.differ, not options.no_pictures)
        else:
            files, said = _of_one(whole, published, out, not options.no_pictures)
    except InputError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    try:
        write_report(out, files)
    except OSError as error:
        print(f"report: cannot write to {out}: {error.strerror or error}", file=sys.stderr)
        return 3
    if not options.quiet:
        print(said)
    return 0


def _whole(paths):
    """The one machine's results that these files are, or None."""
    if len(paths) > 1:
        places = over(place_of, paths)
        if len(set(places)) > 1 or places[0] is None:
            return None
    runs = joined(paths)
    return runs[0] if len(runs) == 1 else None


def _of_one(results, published, out, drawn):
    """({file: content}, what to say)"""
    report = Report(results, published)
    figures = drawings(report, results, published) if drawn else {}
    files = report.files(drawn, inlined(page_drawings(report)) if drawn else {})
    return files | (pictures(report, figures) if drawn else {}), report.terminal(out, drawn)
