"""./run compare: what became slower or faster."""

from bench.door.arguments import Parser
from bench.door.programs import become
from bench.door.project import PLOTS, install
from plots.options import compare


def main(arguments):
    parser = Parser(
        "compare",
        "Compares results files of eie bench, one or several a side, row by row. Exit code 1: a row is slower, or a mismatch; "
        "4: the files could not tell. Needs Python and its packages, no build.",
        usage="./run compare [OPTIONS] OLD.json NEW.json\n       ./run compare [OPTIONS] --old FILE... --new FILE...",
        epilog="example: ./run compare old.json new.json --threshold 10 --kernel 'avx512_*'",
    )
    compare.add(parser)
    compare.check(parser, parser.parse(arguments))
    install("python")
    become(*PLOTS, "compare", *arguments)
