"""./run compare: what became slower or faster."""

from bench.door.arguments import Parser, number_from
from bench.door.programs import become
from bench.door.project import PYTHON, install


def main(arguments):
    parser = Parser(
        "compare",
        "Compares two results files of eie bench, row by row. Exit code 1: a row is slower, or a mismatch. Needs Python and "
        "its packages, no build.",
        epilog="example: ./run compare old.json new.json --threshold 10 --kernel 'avx512_*'",
    )
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.add_argument(
        "--threshold", type=number_from(0, 1000), metavar="PERCENT", help="a change up to this is none (default: 5)"
    )
    parser.add_argument(
        "--kernel",
        nargs="+",
        action="append",
        metavar="GLOB",
        help="only these kernels; names or globs, also as a comma list",
    )
    parser.add_argument("--absolute", action="store_true", help="judge by new / old, not against a dense baseline")
    parser.add_argument("--across-machines", action="store_true", help="two machines: ratios, but no verdicts")
    parser.add_argument("--json", metavar="FILE", help="the same for machines")
    parser.parse(arguments)
    install("python")
    become(PYTHON, "-m", "plots", "compare", *arguments)
