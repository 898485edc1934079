"""./run even: filters of even size beside odd ones, trained alike, as layers of EIE and on this machine; and their page."""

import json
import os
import subprocess

from bench.door.arguments import Parser, number_from, seeds_text
from bench.door.messages import die, say
from bench.door.programs import must
from bench.door.project import EIE, PLOTS, build, install, is_filled, make_folder

RECIPE, PAGE, OUT = "short", "EVEN_FILTERS.md", "results/local/even"
LAYERS, ROWS = "layers", "bench.json"  # a folder of the results, the file in it
FILTERS = ("5x5", "4x4-symmetric", "4x4-plain", "3x3", "2x2-symmetric", "2x2-plain")
FILTERS += ("2x2-wide", "4x4-wide", "6x6-symmetric", "6x6-plain")  # wide: as many products as the next odd size
LAYERS_OF = ("2x2-symmetric", "3x3", "4x4-symmetric", "5x5", "6x6-symmetric")  # plain ones have the same shapes
KEPT = {"conv1": 0.66, "conv2": 0.12, "fc1": 0.08, "fc2": 0.19}  # Deep Compression, Table 3
KERNELS = "cpu_auto,peers_openblas_sgem*,model_eie_cycle"
DEVICES = "cpu,eie-64pe-45nm"


def options_of(arguments):
    parser = Parser(
        "even",
        f"Trains LeNet-5 with filters of 2 x 2 to 6 x 6 by the recipe `{RECIPE}`, compresses the layers of the first seed to "
        "4-bit codes, measures them here and on the model of EIE, a product an output position, and makes "
        f"{PAGE}. What is there already is kept: called again with the same --out it goes on; {LAYERS}/{ROWS}, once removed, is "
        "measured again.",
        usage="./run even [FILTERS...] [OPTIONS] | ./run even FOLDER [--out DIR]",
        epilog="example: ./run even --seeds 1..3 --data mnist",
    )
    parser.add_argument(
        "filters",
        nargs="*",
        metavar="FILTERS",
        help=f"of {', '.join(FILTERS)} (default: all); a FOLDER of ledgers: only its page",
    )
    parser.add_argument("--seeds", type=seeds_text, default="1..3", metavar="A..B", help="one or several (default: 1..3)")
    parser.add_argument("--data", metavar="DIR", help="folder of MNIST's four files (default: that of EIE_MNIST)")
    parser.add_argument("--threads", type=number_from(1, 1024, int), default=1, metavar="N", help="of OpenBLAS (default 1)")
    parser.add_argument("--no-bench", action="store_true", help="train alone")
    parser.add_out(f"folder of the results (default: {OUT})")
    options = parser.parse(arguments, mixed=True)
    if len(options.filters) == 1 and os.path.isdir(options.filters[0]):
        return options
    unknown = next((name for name in options.filters if name not in FILTERS), None)
    if unknown:
        parser.error(f"no filters '{unknown}', and no folder; there are {', '.join(FILTERS)}")
    if not (options.data or os.environ.get("EIE_MNIST")):
        parser.error("no folder of MNIST's files: --data DIR, or EIE_MNIST")
    return options


def train(options, out):
    """Seed by seed, all networks of one before those of the next; what has a ledger is done."""
    first, _, last = options.seeds.partition("..")
    for seed in range(int(first), int(last or first) + 1):
        for filters in options.filters or FILTERS:
            name = f"{out}/lenet-5-{filters}-{seed}"
            if is_filled(f"{name}.json"):
                continue
            say(f"training lenet-5-{filters}, seed {seed}")
            must(
                *(EIE, "train", f"lenet-5-{filters}", "--recipe", RECIPE, "--seeds", str(seed)),
                *("--threads", str(options.threads), "--jobs", "1"),
                *(["--data", options.data] if options.data else []),
                *("--resume", "-o", f"{name}.safetensors", "--ledger", f"{name}.json"),
            )


def layers_of(path):
    """What a ledger says of each layer: (name, products an image, share of their inputs that are not 0)."""
    try:
        with open(path, encoding="utf-8") as file:
            layers = json.load(file)["seeds"][0]["layers"]
        return [(layer["name"], int(layer["positions"]), layer["active_pct"] / 100) for layer in layers]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        die(f"{path}: no ledger of eie train with positions and active inputs", 2)


def compress(source, name, density, samples, active, path):
    must(
        *(EIE, "compress", source, "--tensor", f"{name}.weight", "--name", name, "--density", f"{density:g}"),
        *("--bits", "4", "--run-bits", "4", "--samples", str(samples), "--active", f"{active:.4f}", "-o", path),
        *("--activation", "none" if name == "fc2" else "relu", "--no-bias"),  # EIE has none
        stdout=subprocess.DEVNULL,
    )


def bench(seed, out):
    """Layers of the networks of one seed: all weights, and the greatest of them without retraining."""
    files, folder = {}, f"{out}/{LAYERS}"
    for filters in LAYERS_OF:
        name = f"{out}/lenet-5-{filters}-{seed}"
        if not is_filled(f"{name}.safetensors") or not is_filled(f"{name}.json"):
            continue
        make_folder(folder)
        for layer, positions, active in layers_of(f"{name}.json"):
            for form, density in (("dense", 1), ("pruned", KEPT[layer])):
                file = f"{filters[:3]}-{form}-{layer}.safetensors"
                compress(f"{name}.safetensors", layer, density, positions, active, f"{folder}/{file}")
                files.setdefault(positions, []).append(file)
    if not files:
        say(f"no network of seed {seed} is in {out}: no layer is measured")
        return
    words = []
    for positions, names in files.items():
        words += ["--also"] if words else []
        words += ["--suite", ",".join(names), "--batch", str(positions), "--kernel", KERNELS, "--device", DEVICES]
        words += ["--threads", "1", "--cache", "hot"]
    must(os.path.abspath(EIE), "bench", *words, "--budget", "2m", "--out", ROWS, cwd=folder)


def page(ledgers, out):
    must(*PLOTS, "even", ledgers, "--out", f"{out}/{PAGE}")


def main(arguments):
    options = options_of(arguments)
    if len(options.filters) == 1 and options.filters[0] not in FILTERS:
        install("python")
        page(options.filters[0], make_folder(options.out or options.filters[0]))
        return
    install("build", "python")
    build("release")
    out = make_folder(options.out or OUT)
    say(f"results: {out}; called again it goes on")
    train(options, out)
    if not options.no_bench and not is_filled(f"{out}/{LAYERS}/{ROWS}"):
        bench(options.seeds.partition("..")[0], out)
    page(out, out)
