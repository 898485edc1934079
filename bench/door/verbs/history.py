"""./run history: how kernels' times went over many results files."""

from bench.door.arguments import Parser
from bench.door.programs import become
from bench.door.project import PLOTS, install
from plots.options import history


def main(arguments):
    parser = Parser(
        "history",
        "A page with a chart for each machine and kernel over the runs of many results files, and where they changed; CSV "
        "files, also for Apache Otava. Exit code 0, changes or none. Needs Python and its packages, no build.",
        epilog="example: ./run history results/local --by commit --out history",
    )
    history.add(parser)
    parser.parse(arguments)
    install("python")
    become(*PLOTS, "history", *arguments)
