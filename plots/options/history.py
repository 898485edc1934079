"""Options of `history`."""

from plots.options.values import percent

LEAST_PERCENT = 3.0


def add(parser):
    parser.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="results files, or folders that are looked through")
    parser.add_argument("--out", metavar="DIR", help="folder of the pages (default: history in the current folder)")
    parser.add_argument(
        "--by",
        choices=("date", "commit"),
        default="date",
        help="in the order of the runs' dates, or of their commits in this repository, whose runs then count together "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--kernel",
        nargs="+",
        action="append",
        default=[],
        metavar="GLOB",
        help="only these kernels; names or globs, also as a comma list",
    )
    parser.add_argument(
        "--least",
        type=percent,
        default=LEAST_PERCENT,
        metavar="PERCENT",
        help="a change of a kernel's mean below this is not named (default: %(default)g)",
    )
    parser.add_argument("--hosts", action="store_true", help="each host's name is a machine of its own")
    parser.add_argument("--quiet", action="store_true", help="write files, print nothing")
