"""./run bencher: results or counts for Bencher."""

from bench.door.arguments import Parser
from bench.door.programs import become
from bench.door.project import PLOTS, install
from plots.options import bencher


def main(arguments):
    parser = Parser(
        "bencher",
        "Results of eie bench or counts of eie count as Bencher's metric format, for bencher run --adapter json. Needs Python "
        "and its packages, no build.",
        epilog="example: ./run bencher results.json --out metrics.json",
    )
    bencher.add(parser)
    parser.parse(arguments)
    install("python")
    become(*PLOTS, "bencher", *arguments)
