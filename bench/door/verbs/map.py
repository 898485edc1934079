"""./run map: where dense, sparse and compressed kernels win on this machine."""

import argparse
import os
import re

from bench.door.arguments import Parser, number_from
from bench.door.messages import die, say
from bench.door.programs import call, must
from bench.door.project import EIE, PLOTS, build, install, is_filled, results_folder
from plots.options import map as map_options

SHARE = number_from(1e-6, 1)
MEASURING = ("sizes", "weights", "activations", "batch", "threads", "cache", "budget", "resume")


def _list_of(pattern, example, check=None):
    """A type for argparse: a comma list that is handed on as it is written."""

    def parse(text):
        words = text.split(",")
        if not all(re.fullmatch(pattern, word, re.ASCII) for word in words) or len(words) > 16:
            raise argparse.ArgumentTypeError(f"'{text}' is no list of up to 16 (try {example})")
        for word in words if check else ():
            check(word)
        return text

    return parse


SIZES = _list_of(r"[1-9]\d{0,8}(x[1-9]\d{0,8})?", "1024,4096x1000")
SHARES = _list_of(r"[\d.]+(e-?\d+)?", "0.01,0.1,1", SHARE)
BATCHES = _list_of(r"[1-9]\d*", "1,64", number_from(1, 1024, int))
THREADS = _list_of(r"all|[1-9]\d{0,4}", "all")


def options_of(arguments):
    parser = Parser(
        "map",
        "Measures a grid of layers by size, densities of weights and inputs, and batch, goes on where the winner changes, "
        "and draws which form of a layer is fastest where: map.md, map.png, map.csv. Ctrl-C keeps what is measured.",
        usage="./run map [OPTIONS] | ./run map MAP.json [--out DIR]",
        epilog="example: ./run map --sizes 1024,4096 --budget 5m",
    )
    parser.add_argument("file", nargs="?", metavar="MAP.json", help="only draw a map that is there, of whatever machine")
    map_options.add_further(parser)
    parser.add_budget(None, "for measuring (default: 4m); the grid takes its time, however short this is")
    parser.add_argument("--resume", metavar="DIR", help="go on with the map in that folder, which was interrupted")
    parser.add_argument("--sizes", type=SIZES, metavar="LIST", help="N or INPUTSxOUTPUTS (default: 256,1024,4096)")
    parser.add_argument("--weights", type=SHARES, metavar="LIST", help="shares of the weights that are not 0")
    parser.add_argument("--activations", type=SHARES, metavar="LIST", help="shares of the inputs that are not 0")
    parser.add_argument("--batch", type=BATCHES, metavar="LIST", help="inputs per call (default: 1,64)")
    parser.add_argument("--threads", type=THREADS, metavar="N", help="or all (default)")
    parser.add_argument("--cache", choices=("hot", "llc", "dram"), help="where weights come from (default: hot)")
    options = parser.parse(arguments)
    given = [name for name in MEASURING if getattr(options, name) is not None]
    if options.file and given:
        parser.error(f"MAP.json is only drawn: leave --{given[0]} out")
    if options.resume and options.out:
        parser.error("--resume goes on in its own folder: leave --out out")
    if options.resume and not is_filled(f"{options.resume}/map.json"):
        parser.error(f"--resume: {options.resume} holds no map.json")
    if options.file and not os.path.exists(options.file):
        parser.error(f"{options.file}: no such file")
    return options


def measure(options):
    """The folder of the map, measured, and the exit code."""
    out = options.resume or results_folder(options.out)
    further = [word for name in MEASURING[:-1] if getattr(options, name) for word in (f"--{name}", getattr(options, name))]
    say(f"measuring on this machine (results: {out}; Ctrl-C keeps what is measured)")
    code = call(EIE, "map", "--out", f"{out}/map.json", *(["--resume"] if options.resume else []), *further)
    if not is_filled(f"{out}/map.json"):
        die("nothing was measured", code or 3)
    return out, code


def main(arguments):
    options = options_of(arguments)
    if options.file:
        install("python")
        further = ("--out", options.out) if options.out else ()
        must(*PLOTS, "map", options.file, *further)
        return
    install("build", "python", "peers")
    build("release")
    out, code = measure(options)
    must(*PLOTS, "map", f"{out}/map.json")
    raise SystemExit(code)
