"""./run deepcomp: Deep Compression's four networks, layer by layer."""

import os
import subprocess
import sys

from bench.door.arguments import Parser
from bench.door.messages import say
from bench.door.programs import must
from bench.door.project import EIE, PLOTS, build, install, make_folder, plots


def main(arguments):
    parser = Parser(
        "deepcomp", "Deep Compression's tables beside layers of the same shapes and densities, compressed here. Minutes."
    )
    parser.add_out("folder of DEEP_COMPRESSION.md and the ledgers (default: results/local/deepcomp)")
    out = parser.parse(arguments).out or "results/local/deepcomp"
    install("build", "python")
    build("release")
    make_folder(out)
    layer = f"{out}/layer.safetensors"
    with open(f"{out}/layers.txt", "w+", encoding="utf-8") as listed:
        must(*PLOTS, "deepcomp", "list", stdout=listed)
        listed.seek(0)
        for name, source, density, bits, run_bits in map(str.split, listed):
            for form in ("packed", "huffman"):
                must(
                    *(EIE, "compress", source, "--density", density, "--bits", bits, "--run-bits", run_bits),
                    *("--form", form, "--samples", "1", "--name", name, "-o", layer),
                    *("--ledger", f"{out}/{name}-{form}.json"),
                    stdout=subprocess.DEVNULL,
                )
    if os.path.exists(layer):
        os.remove(layer)
    code = plots("deepcomp", "report", out, "--out", f"{out}/DEEP_COMPRESSION.md")
    if code:
        sys.exit(code)
    say(f"{out}/DEEP_COMPRESSION.md")
