"""./run report: tables and pictures of a results file again."""

from bench.door.arguments import Parser
from bench.door.programs import become
from bench.door.project import PYTHON, install


def main(arguments):
    parser = Parser(
        "report",
        "Tables, pictures and headlines from one results file of eie bench, beside the published numbers. Needs Python and "
        "its packages, no build.",
        epilog="example: ./run report results.json --out report",
    )
    parser.add_argument("results", metavar="RESULTS.json")
    parser.add_out("folder of the pages (default: folder report beside the results)")
    parser.add_argument("--data", metavar="DIR", help="folder with paper/ (default: data of the repository)")
    parser.add_argument("--quiet", action="store_true", help="write files, print nothing")
    parser.add_argument("--no-pictures", action="store_true", help="tables and text only, which is quicker")
    parser.parse(arguments)
    install("python")
    become(PYTHON, "-m", "plots", "report", *arguments)
