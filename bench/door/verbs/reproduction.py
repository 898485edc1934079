"""./run reproduction: the sweeps behind the book, on all cores, and the book. Under half a minute."""

import os
import shutil
import sys

from bench.door.arguments import Parser
from bench.door.messages import say
from bench.door.programs import must
from bench.door.project import EIE, build, install, plots, with_real

FOLDER = "build/reproduction"


def main(arguments):
    parser = Parser(
        "reproduction",
        "Makes the reproduction book: every table and figure of the paper beside the accelerator model. Under half a minute "
        "once built.",
    )
    parser.add_out("folder of REPRODUCTION.md (default: results)")
    out = parser.parse(arguments).out or "results"
    install("build", "python")
    build("release")
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    say("sweeping the accelerator model")
    suites = with_real("paper-matched,paper-rows")
    sweeps = {
        "queue": ["--suite", suites, "--queue", "2..256*2", "--precision"],
        "scale": [
            *("--suite", suites, "--pes", "1..256*2", "--line", "32..512*2"),
            *("--technology", "own,paper:28,stillmaker-baas:28"),
        ],
        "large": ["--suite", suites, "--device", "eie-256pe-28nm"],
        "space": [
            *("--suite", "paper-rows", "--pes", "16..256*2", "--queue", "2..64*2"),
            *("--line", "32..512*2", "--index", "3..5"),
        ],
    }
    files = []
    for name, options in sweeps.items():
        must(EIE, "explore", "--quiet", *options, "--out", f"{FOLDER}/{name}.json")
        files += [f"--{name}", f"{FOLDER}/{name}.json"]
    code = plots("reproduction", *files, "--out", out)
    if code:
        sys.exit(code)
    say(f"the book: {out}/REPRODUCTION.md")
