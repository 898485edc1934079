"""Options of `counts`, which `./run count` hands on."""

import argparse
import fnmatch
import os

LIMIT_PERCENT = 1.0


def add(parser):
    parser.add_argument(
        "--limit",
        type=limit,
        action="append",
        default=[],
        metavar="[KERNELS=]PERCENT",
        help=f"so many instructions more are none; for all kernels or those of a glob, the last that fits counts (default: "
        f"{LIMIT_PERCENT:g})",
    )
    parser.add_argument("--json", metavar="FILE", help="the comparison for machines")
    parser.add_argument("--junit", metavar="FILE", help="the same as JUnit's XML: a test case a row")
    parser.add_argument("--markdown", action="store_true", help="print Markdown, for the summary of a CI step")


def check(parser, options, inputs=()):
    """No output overwrites an input or the other one."""
    named = [path for path in (options.json, options.junit) if path]
    taken = [os.path.realpath(path) for path in inputs]
    for path in named:
        if os.path.realpath(path) in taken:
            parser.error(f"{path} would overwrite another file of this call")
        taken.append(os.path.realpath(path))


def limit(text):
    """(glob of kernels, percent)"""
    kernels, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = None
    if value is None or not 0 <= value <= 1000 or ("=" in text and not kernels):
        raise argparse.ArgumentTypeError(f"'{text}' is neither a number from 0 to 1000 nor KERNELS=NUMBER")
    return kernels or "*", value


def limit_for(limits, kernel):
    fitting = [value for glob, value in limits if fnmatch.fnmatchcase(kernel, glob)]
    return fitting[-1] if fitting else LIMIT_PERCENT


def words(options):
    """The options as words of a command line again."""
    given = [word for glob, value in options.limit for word in ("--limit", f"{glob}={value:.17g}")]
    for name in ("json", "junit"):
        given += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    return given + ["--markdown"] * options.markdown
