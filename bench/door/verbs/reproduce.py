"""./run reproduce: installs, builds, measures, and makes the report."""

import json
import os
import sys

from bench.door.arguments import DATED, Parser, watts_text
from bench.door.messages import die, say, tell
from bench.door.programs import call, output
from bench.door.project import (
    EIE,
    build,
    install,
    is_filled,
    results_folder,
    try_python,
    with_real,
    write_report,
)

SLOW_AT_64 = "*_eie_stream,*_float_*,peers_graphblas_*"


def options_of(arguments):
    parser = Parser(
        "reproduce",
        "Rebuilds the paper's comparison on this machine: installs what is missing, builds, measures batch 1 and 64, "
        "and prints the comparison. About ten minutes.",
        epilog="example: ./run reproduce --budget 1m --out results/local/first",
    )
    parser.add_budget(
        None, "time for measuring, or least (default: 6m, with --full 60m); every row is measured, however short it is"
    )
    parser.add_argument("--full", action="store_true", help="more layers, kernels and cache modes, for longer")
    parser.add_argument(
        "--power",
        type=watts_text,
        metavar="WATTS",
        help="what a meter at the wall shows while this runs: energy is then power x time, marked assumed, where no counter "
        "measures it",
    )
    parser.add_out(DATED)
    parser.add_argument(
        "--resume",
        metavar="DIR",
        help="go on with the run in DIR, which was interrupted; repeat its options (--full, --budget): what is left out is "
        "not measured",
    )
    options = parser.parse(arguments)
    if options.resume is not None:
        if not is_filled(f"{options.resume}/bench.json"):
            die(f"--resume: no {options.resume}/bench.json to go on with", 2)
        if options.out:
            die("reproduce: --resume names the folder; --out cannot name another", 2)
    options.budget = options.budget or ("60m" if options.full else "6m")
    return options


def opencl_processors():
    """OpenCL devices that are processors; those of GPUs are ./run gpu's."""
    try:
        devices = json.loads(output(EIE, "list", "devices", "--json")[0])
    except ValueError:
        devices = []
    names = [device["name"] for device in devices if device["kind"] == "opencl" and device.get("type") == "cpu"]
    return ",".join(names) or "opencl:none"


def matrices(full):
    """Of one run, so that each row of all gets its least first: the models; batch 1; many inputs at once; OpenCL. Kernels
    are those that do not leave themselves out (docs/add-kernel.md); with --full also slow ones."""
    opencl = opencl_processors()
    models = ["--suite", "paper-matched", "--kernel", "model_*"]
    if full:
        one = ["--suite", with_real("paper,paper-signed,paper-int8"), "--cache", "hot,llc,dram"]
        many = ["--suite", "paper,paper-signed,paper-int8"]
    else:
        one = ["--suite", with_real("paper"), "--kernel", "default"]
        many = ["--suite", "paper"]
    many += ["--batch", "64", "--cache", "hot", "--kernel", "default" + (f",{SLOW_AT_64}" if full else "")]
    devices = ["--suite", "paper", "--cache", "hot", "--kernel", "opencl_*", "--device", opencl]
    return [*models, "--also", *one, "--also", *many, "--also", *devices]


def main(arguments):
    options = options_of(arguments)
    install("build")
    reason = try_python()  # measured all the same
    later = f"the tables and pictures need Python packages: {reason}"
    if reason:
        tell(later)
    install("peers", "opencl")
    build("release")
    out = results_folder(options.resume or options.out)
    matrix = matrices(options.full)
    say(
        f"measuring on this machine: all rows, then for what is left of {options.budget} the uncertain ones again "
        f"(results: {out})"
    )
    resume = ["--resume"] if options.resume is not None else []
    power = ["--power", options.power] if options.power else []
    with open(f"{out}/bench.txt", "a") as table:
        further = ["--out", f"{out}/bench.json", *resume, *power]
        code = call(EIE, "bench", "--budget", options.budget, *matrix, *further, stdout=table)
    if not is_filled(f"{out}/bench.json"):  # eie has said why
        os.remove(f"{out}/bench.txt")
        if not os.listdir(out):
            os.rmdir(out)
        sys.exit(code)
    if code == 2:  # an older file there is not what was asked for
        sys.exit(2)
    if reason:
        if code:
            tell(f"eie bench ended with exit code {code}")
        die(f"the results are in {out}; {later}. Once they can be had: ./run report {out}/bench.json --out {out}")
    write_report(out)
    if code:
        die(f"eie bench ended with exit code {code}: see the rows without a number above", code)
