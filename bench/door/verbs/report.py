"""./run report: tables and pictures of a results file again."""

from bench.door.arguments import Parser
from bench.door.programs import become
from bench.door.project import PLOTS, install
from plots.options import report


def main(arguments):
    parser = Parser(
        "report",
        "Tables, pictures and headlines from one results file of eie bench, beside the published numbers. Needs Python and "
        "its packages, no build.",
        epilog="example: ./run report results.json --out report",
    )
    report.add(parser)
    parser.parse(arguments)
    install("python")
    become(*PLOTS, "report", *arguments)
