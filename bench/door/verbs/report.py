"""./run report: tables, pictures and pages of results files."""

from bench.door.arguments import Parser
from bench.door.programs import become
from bench.door.project import PLOTS, install
from plots.options import report


def main(arguments):
    parser = Parser(
        "report",
        "Tables, pictures and pages from results files of eie bench, beside the published numbers: report.html is one page "
        "for a decision, summary.md its short form. Several files: a column a machine. Needs Python and its packages, no "
        "build.",
        epilog="example: ./run report results.json --out report",
    )
    report.add(parser)
    parser.parse(arguments)
    install("python")
    become(*PLOTS, "report", *arguments)
