"""Options of `compare`."""

import argparse
import os

THRESHOLD_PERCENT = 5.0


def add(parser):
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.add_argument(
        "--threshold",
        type=percent,
        default=THRESHOLD_PERCENT,
        metavar="PERCENT",
        help="a change up to this is none (default: %(default)g)",
    )
    parser.add_argument(
        "--kernel",
        nargs="+",
        action="append",
        default=[],
        metavar="GLOB",
        help="only these kernels; names or globs, also as a comma list",
    )
    parser.add_argument("--absolute", action="store_true", help="judge by new / old, not against a dense baseline")
    parser.add_argument("--across-machines", action="store_true", help="two machines: ratios, but no verdicts")
    parser.add_argument("--json", metavar="FILE", help="the same for machines")


def check(parser, options):
    """What no option shows alone."""
    if options.json and os.path.realpath(options.json) in map(os.path.realpath, (options.old, options.new)):
        parser.error(f"--json {options.json} would overwrite a results file")


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
