"""./run classify: photographs in, classes out."""

import os
import sys
import tempfile

from bench.door.arguments import Parser, number_from
from bench.door.programs import call, hold_signals
from bench.door.project import EIE, PUBLISHED, build, install, plots, published


def options_of(arguments):
    parser = Parser(
        "classify",
        "What is in a photograph, by the published SqueezeNet in layers of 4 bits on exact integer kernels.",
        epilog="Everything else is in ./run eie run --help. example: ./run classify cat.png --classes names.txt",
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG, ...: what Pillow reads")
    parser.add_argument("--network", metavar="FILE", help=f"weights or layers (default: {PUBLISHED} of EIE_MODELS)")
    parser.add_argument("--classes", metavar="FILE", help="the classes' names, one a line")
    parser.add_argument("--top", type=number_from(1, 1000, int), default=5, metavar="N", help="classes of each (default 5)")
    parser.add_argument("--float", action="store_true", help="float32 with the weights as published")
    return parser, parser.parse(arguments, mixed=True)


def check_names(parser, images):
    """Two of one name would be one file."""
    names = [os.path.basename(path) for path in images]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        parser.error(f"two images are named '{twice}'")
    return [f"{name}.ppm" for name in names]


def main(arguments):
    parser, options = options_of(arguments)
    network = published(parser, options.network)
    names = check_names(parser, options.images)
    install("build", "python")
    build("release")
    hold_signals()
    with tempfile.TemporaryDirectory(prefix="eie-classify-") as folder:
        code = plots("ppm", "--out", folder, "--", *options.images)
        words = ["--top", str(options.top), *(["--float"] if options.float else [])]
        words += ["--classes", os.path.abspath(options.classes)] if options.classes else []
        code = code or call(os.path.abspath(EIE), "run", *words, "--", os.path.abspath(network), *names, cwd=folder)
    sys.exit(code)
