"""Options of `history`."""

import argparse

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
    parser.add_argument("--quiet", action="store_true", help="write files, print nothing")


def globs(options):
    return [glob for texts in options.kernel for text in texts for glob in text.split(",")]


def percent(text):
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 1000")
    return value
