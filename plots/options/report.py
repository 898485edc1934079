"""Options of `report`, and of `gpus`, which takes one file."""

from plots.options.values import percent

DIFFER_PERCENT = 3.0


def add(parser, several=True):
    parser.add_argument("results", metavar="RESULTS.json", **_files(several))
    parser.add_argument("--out", metavar="DIR", help="folder of the pages (default: folder report beside the results)")
    parser.add_argument("--data", metavar="DIR", help="folder with paper/ (default: data of the repository)")
    if several:
        parser.add_argument(
            "--differ",
            type=percent,
            default=DIFFER_PERCENT,
            metavar="PERCENT",
            help="of several equal machines: what is slower or faster than its siblings by more is named (default: %(default)g)",
        )
    parser.add_argument("--quiet", action="store_true", help="write files, print nothing")
    parser.add_argument("--no-pictures", action="store_true", help="tables and text only, which is quicker")


def _files(several):
    return (
        {
            "nargs": "+",
            "help": "one file, or several for one page with a column a machine; parts of a matrix on one machine are one",
        }
        if several
        else {}
    )
