"""Options of `compare`."""

import argparse
import os

from plots.options.values import percent

THRESHOLD_PERCENT = 5.0
FAMILY_PERCENT = 1.0


def add(parser):
    parser.add_argument("files", nargs="*", metavar="FILE", help="OLD.json NEW.json: one run of each side")
    parser.add_argument("--old", nargs="+", default=[], metavar="FILE", help="several runs of the old side")
    parser.add_argument(
        "--new", nargs="+", default=[], metavar="FILE", help="several of the new one; as many, measured in turn: pairs"
    )
    parser.add_argument(
        "--floor", nargs="+", default=[], metavar="FILE", help="runs of one program: how far rows scatter from run to run"
    )
    parser.add_argument(
        "--power",
        type=percent,
        metavar="PERCENT",
        help="exit code 4 where so large a slowdown of a row could not have been seen",
    )
    parser.add_argument(
        "--family-error",
        type=share,
        default=FAMILY_PERCENT,
        metavar="PERCENT",
        help="chance that any row of an unchanged program is called slower or faster (default: %(default)g)",
    )
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
    parser.add_argument("--markdown", action="store_true", help="print Markdown, for the summary of a CI step")
    parser.add_argument("--json", metavar="FILE", help="the same for machines")
    parser.add_argument("--junit", metavar="FILE", help="the same as JUnit's XML: a test case a row")


def check(parser, options):
    """What no option shows alone. Then options.old and options.new are the files of both sides."""
    if options.files and (options.old or options.new):
        parser.error(f"'{options.files[0]}' is of no side: --old and --new name all files")
    if options.files:
        if len(options.files) != 2:
            parser.error(
                f"OLD.json and NEW.json are needed, '{options.files[-1]}' is file {len(options.files)}; several of a side: "
                "--old FILES --new FILES"
            )
        options.old, options.new = options.files[:1], options.files[1:]
    if not options.old or not options.new:
        parser.error("files of both sides are needed: OLD.json NEW.json, or --old FILES --new FILES")
    if options.floor and len(options.old) + len(options.new) > 2:
        parser.error("--floor is for one file a side: several tell themselves how far they scatter")
    taken = [os.path.realpath(path) for path in options.old + options.new + options.floor]
    for path in filter(None, (options.json, options.junit)):
        if os.path.realpath(path) in taken:
            parser.error(f"{path} would overwrite a results file or the other output")
        taken.append(os.path.realpath(path))


def share(text):
    value = percent(text)
    if not 0 < value <= 50:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0 up to 50")
    return value
