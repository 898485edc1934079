"""./run compress: dense weights in, comparison table out."""

import sys

from bench.door.arguments import DATED, Parser
from bench.door.messages import say
from bench.door.programs import call, call_tee, must
from bench.door.project import EIE, PLOTS, build, install, is_filled, results_folder

NOT_HERE = ("--form", "--bits", "--run-bits", "-o", "--json", "--ledger")
OWN = ("--out", "--help", "-h")
FLAGS = ("--keep-codes", "--help", "-h")  # without a value


def options_of(arguments):
    """The parser's own options, and those of eie compress."""
    parser = Parser(
        "compress",
        "Dense weights to a compressed layer: pruned, shared, written, measured, and all that in one table.",
        usage="./run compress WEIGHTS [--out DIR] [OPTIONS]",
        epilog="OPTIONS are those of eie compress (./run eie compress --help), but for "
        + ", ".join(NOT_HERE)
        + ". example: ./run compress weights.npy --density 0.1",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help=".npy, .npz, .safetensors, .mtx (also .gz), .smtx or .net")
    parser.add_out(DATED + ": the layer, its ledger, bench.json, comparison.md")
    own, further, words = [], [], list(arguments)
    while words:
        word = words.pop(0)
        name = word.split("=")[0]
        if name in NOT_HERE:
            parser.error(f"{name} is for eie compress; kernels need a plain layer")
        taker = further if word.startswith("-") and name not in OWN else own
        taker.append(word)
        if word.startswith("-") and word not in FLAGS and not (word.startswith("--") and "=" in word):
            if not words:
                parser.error(f"{word} needs a value")
            taker.append(words.pop(0))
    return parser.parse(own), further


def main(arguments):
    options, further = options_of(arguments)
    install("build", "python", "peers")
    build("release")
    out = results_folder(options.out)
    layer, ledger = f"{out}/layer.safetensors", f"{out}/ledger.json"
    must(EIE, "compress", options.weights, "-o", layer, "--ledger", ledger, *further)
    say(f"measuring on this machine (results: {out})")
    with open(f"{out}/bench.txt", "w") as table:
        code = call(
            *(EIE, "bench", "--suite", layer, "--kernel", "default,*_float_*", "--cache", "hot,llc"),
            *("--budget", "60", "--quiet", "--out", f"{out}/bench.json"),
            stdout=table,
        )
    if is_filled(f"{out}/bench.json"):
        code = call_tee(*PLOTS, "compressed", ledger, f"{out}/bench.json", path=f"{out}/comparison.md") or code
    sys.exit(code)
