"""Options of `./run fleet`, for the door and for bench/fleet."""

import argparse

from plots.options.values import percent

WAYS = ("reframe", "array")


def split(words):
    """(options of `./run fleet`, those behind --: of reframe, or of sbatch)"""
    cut = words.index("--") if "--" in words else len(words)
    return words[:cut], words[cut + 1 :]


def add(parser):
    parser.add_argument("--suite", default="paper", metavar="NAME", help="suite of the layers (default: paper)")
    parser.add_argument("--layer", default="*", metavar="NAMES", help="comma list of names or globs (default: all)")
    parser.add_argument("--batch", default="1", metavar="LIST", help="inputs per call (default: 1)")
    parser.add_argument("--threads", metavar="LIST", help="thread counts, 'all' is every core (default: all)")
    parser.add_argument(
        "--device", default="", metavar="NAMES", help="comma list of devices such as 'cuda:*': visits of their own"
    )
    parser.add_argument("--kernel", default="default", metavar="NAMES", help="kernels, as eie bench has them")
    parser.add_argument("--cache", default="hot,llc", metavar="LIST", help="cache modes (default: hot,llc)")
    parser.add_argument("--budget", default="20s", metavar="TIME", help="of one visit (default: 20s); or least")
    parser.add_argument("--bundle", metavar="DIR", help="a bundle that the nodes can read (default: it is made)")
    parser.add_argument("--out", metavar="DIR", help="folder of the results (default: results/local/DATE)")
    parser.add_argument("--by", choices=WAYS, default="reframe", help="ReFrame's tests (default), or one job array of Slurm")
    parser.add_argument("--site", metavar="FILE", help="ReFrame's configuration of the machines (default: this one alone)")
    parser.add_argument("--system", metavar="NAME", help="which system of it (default: by the host's name)")
    parser.add_argument("--reference", metavar="FILE", help="results whose times are the references of ReFrame's tests")
    parser.add_argument(
        "--tolerance",
        type=percent,
        default=10.0,
        metavar="PERCENT",
        help="how much longer than its reference a row may take (default: %(default)g)",
    )
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=86400,
        metavar="SECONDS",
        help="of a job array: what has not ended by then is cancelled and missing (default: %(default)s)",
    )


def _seconds(text):
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return int(text)
