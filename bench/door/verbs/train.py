"""./run train: Deep Compression whole, from first weights to a small file, and its page."""

import os

from bench.door import sweep
from bench.door.arguments import DATED, Parser, number_from, seeds_text
from bench.door.messages import say
from bench.door.programs import call, must
from bench.door.project import EIE, PLOTS, build, install, make_folder, results_folder

NETWORK, RECIPE = "lenet-300-100", "best"
PAGE = "TRAINING.md"


def options_of(arguments):
    parser = Parser(
        "train",
        "Trains a network on MNIST, prunes it while it learns on, shares its weights, stores it Huffman-coded and tests the "
        f"file: {PAGE} with errors, bytes and the paper's rows, beside the ledgers. Ctrl-C leaves checkpoints.",
        usage="./run train [NETWORK] [OPTIONS] | ./run train --sweep FILE [OPTIONS] | ./run train FOLDER [--out DIR]",
        epilog="example: ./run train lenet-300-100 --recipe paper --seeds 1..5 --data mnist",
    )
    parser.add_argument(
        "network",
        nargs="?",
        metavar="NETWORK",
        help=f"lenet-300-100, lenet-5 or a file (default: {NETWORK}); a FOLDER of ledgers: only its page",
    )
    parser.add_argument("--recipe", metavar="R", help=f"best, paper, eie, dsd, short, small or a file (default: {RECIPE})")
    parser.add_argument(
        "--sweep",
        metavar="FILE",
        help="a network by one recipe with many shares and bits, such as data/sweeps/lenet-300-100.json (default of --seeds: 1)",
    )
    parser.add_argument("--seeds", type=seeds_text, metavar="A..B", help="one or several (default: 1..5)")
    parser.add_argument("--data", metavar="DIR", help="folder of MNIST's four files (default: that of EIE_MNIST)")
    parser.add_argument("--threads", type=number_from(1, 1024, int), metavar="N", help="of the library, for each seed")
    parser.add_argument("--jobs", type=number_from(1, 1024, int), metavar="N", help="seeds at a time")
    parser.add_argument("--resume", action="store_true", help="go on where the checkpoints of --out end")
    parser.add_out(f"{DATED}; with --resume the one that was interrupted")
    options = parser.parse(arguments)
    further = ("recipe", "sweep", "seeds", "data", "threads", "jobs", "resume")
    if options.sweep and (options.network or options.recipe):
        parser.error("--sweep FILE names network and recipe: leave them out")
    if options.network is not None and os.path.isdir(options.network):
        for name in further:
            if getattr(options, name):
                parser.error(f"{options.network} is a folder of ledgers, of which only the page is made: leave --{name} out")
    elif options.resume and not (options.out and os.path.isdir(options.out)):
        parser.error("--resume: --out names the folder to go on in")
    elif not (options.data or os.environ.get("EIE_MNIST")):
        parser.error("no folder of MNIST's files: --data DIR, or EIE_MNIST")
    return options


def page(ledgers, out):
    must(*PLOTS, "train", ledgers, "--out", f"{out}/{PAGE}")


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def main(arguments):
    options = options_of(arguments)
    if options.network is not None and os.path.isdir(options.network):
        install("python")
        page(options.network, make_folder(options.out or options.network))
        return
    chosen = sweep.read(options.sweep) if options.sweep else None
    network, recipe = options.network or NETWORK, options.recipe or RECIPE
    install("build", "python")
    build("release")
    out = results_folder(options.out)
    name = f"{out}/{_stem(network)}-{_stem(recipe)}"
    say(f"training (results: {out}; Ctrl-C leaves checkpoints, --resume --out {out} goes on)")
    given = [(key, getattr(options, key)) for key in ("data", "threads", "jobs")]
    words = [word for key, value in given if value for word in (f"--{key}", str(value))]
    if chosen:
        sweep.run(chosen, options.seeds or "1", out, words)
        page(out, out)
        return
    code = call(
        *(EIE, "train", network, "--recipe", recipe, "--seeds", options.seeds or "1..5", *words),
        *(["--resume"] if options.resume else []),
        *("-o", f"{name}.safetensors", "--ledger", f"{name}.json"),
    )
    if code:
        raise SystemExit(code)
    page(out, out)
