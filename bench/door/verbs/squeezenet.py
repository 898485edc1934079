"""./run squeezenet: one image through SqueezeNet's convolutions, measured, modelled and beside libraries, and its page."""

import json
import os

from bench.door.arguments import DATED, Parser, number_from
from bench.door.messages import say
from bench.door.programs import must
from bench.door.project import (
    EIE,
    PLOTS,
    PUBLISHED,
    build,
    install,
    is_filled,
    make_folder,
    published,
    results_folder,
)

DRAWN = "drawn:1"
EXACT = "cpu_auto,avx512_batch_pairs,avx512_dense_words"
PEERS = "peers_openblas_sgemm,peers_onednn_int8,peers_onednn_convolution,peers_onednn_convolution_int8"
SWEEP = ("--samples", "all", "--pes", "16,32,64,128,256", "--groups", "1,2,4,8,16", "--queue", "8")
DEVICE = "eie-64pe-45nm"
REPEATS = "50"  # of the image by eie run


def options_of(arguments):
    parser = Parser(
        "squeezenet",
        "One image through the published SqueezeNet: each convolution on this machine's exact kernels, on oneDNN's and "
        "OpenBLAS's, and on EIE's model; PEs in groups; Winograd's products; squeezenet.md. Some 10 minutes.",
        usage="./run squeezenet [IMAGE] [OPTIONS] | ./run squeezenet FOLDER [--out DIR]",
        epilog="example: ./run squeezenet cat.png --network compressed_SqueezeNet.net",
    )
    parser.add_argument(
        "image",
        nargs="?",
        metavar="IMAGE",
        help="PNG, JPEG, ... (default: an image that is drawn); a FOLDER of an earlier run: only its page",
    )
    parser.add_argument("--network", metavar="FILE", help=f"weights or layers (default: {PUBLISHED} of EIE_MODELS)")
    parser.add_argument(
        "--threads", type=number_from(1, 4096, int), metavar="N", help="of kernels and libraries (default: all)"
    )
    parser.add_budget(None, "for timing kernels (default: 4m); least samples take their time, however short this is")
    parser.add_out(DATED)
    options = parser.parse(arguments)
    if options.image is not None and os.path.isdir(options.image):
        for name in ("network", "threads", "budget"):
            if getattr(options, name):
                parser.error(f"{options.image} is a folder, of which only the page is made: leave --{name} out")
        return options
    options.network = published(parser, options.network)
    if options.image is not None and not is_filled(options.image):
        parser.error(f"{options.image}: no such file")
    return options


def page(folder, out):
    must(*PLOTS, "squeezenet", folder, "--out", f"{out}/squeezenet.md")


def bench_words(layers, names, options):
    """The rows: exact kernels and the model on all layers, libraries on one of each convolution."""
    threads = ("--threads", str(options.threads or "all"), "--cache", "hot")
    matrices = (
        ("--batch", "64,positions", *threads, "--device", "cpu", "--kernel", EXACT),
        ("--batch", "positions", "--kernel", "model_eie_cycle,model_eie_analytic", "--device", DEVICE),
        ("--batch", "positions", *threads, "--layer", ",".join(names), "--kernel", PEERS),
    )
    words = []
    for matrix in matrices:
        words += [*(["--also"] if words else []), "--suite", layers, *matrix]
    return [*words, "--budget", options.budget or "4m"]


def measure(options, out):
    network, image, layers = options.network, DRAWN, f"{out}/squeezenet.safetensors"
    if options.image:
        must(*PLOTS, "ppm", "--out", out, "--", options.image)
        image = f"{out}/{os.path.basename(options.image)}.ppm"
    threads = ("--threads", str(options.threads)) if options.threads else ()
    must(EIE, "run", network, image, "--save", layers, "--columns", *threads)
    must(EIE, "run", layers, image, *threads, "--repeat", REPEATS, "--json", f"{out}/run.json")
    must(EIE, "run", network, image, *threads, "--float", "--repeat", REPEATS, "--json", f"{out}/float.json")
    must(EIE, "winograd", network, image, "--json", f"{out}/winograd.json")
    if network.endswith(".net"):  # its weights at the poster's bits, as a file
        stored = (f"{out}/stored.safetensors", "--ledger", f"{out}/file.json")
        must(EIE, "compress", network, "--tensor", "*", "--bits", "6", "--form", "huffman", "-o", *stored)
    with open(f"{out}/run.json", encoding="utf-8") as file:
        names = [step["name"] for step in json.load(file)["steps"] if "positions" in step]
    must(EIE, "explore", "--suite", layers, "--layer", ",".join(names), *SWEEP, "--out", f"{out}/explore.json", "--quiet")
    must(EIE, "bench", *bench_words(layers, names, options), "--out", f"{out}/bench.json")


def main(arguments):
    options = options_of(arguments)
    if options.image is not None and os.path.isdir(options.image):
        install("python")
        page(options.image, make_folder(options.out or options.image))
        return
    install("build", "python", "peers")
    build("release")
    out = results_folder(options.out)
    say(f"one image through SqueezeNet (results: {out})")
    measure(options, out)
    page(out, out)
