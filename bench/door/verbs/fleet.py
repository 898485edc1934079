"""./run fleet: the matrix on many machines, by ReFrame or by a job array of Slurm."""

import argparse
import os

from bench.door.arguments import Parser, time_text
from bench.door.messages import die
from bench.door.programs import become
from bench.door.project import LOG, PYTHON, build, install, results_folder
from plots.options import fleet

MARK = "-- bundle: "


def main(arguments):
    parser = Parser(
        "fleet",
        "The matrix on many machines: a visit is a layer at a batch on so many threads or a device, checked and timed there by "
        "the bundle, so that nothing is installed on them. The results go to ./run report.",
        epilog="Behind --: options of reframe, or of sbatch. Example: ./run fleet --site mysite.py --system cluster --out fleet -- --distribute=idle",
    )
    fleet.add(parser)
    own, further = fleet.split(arguments)
    options = parser.parse(own)
    for name in ("bundle", "site", "reference"):
        path = getattr(options, name)
        if path and not os.path.exists(path):
            die(f"fleet: --{name} {path}: is not there", 2)
    try:
        time_text(options.budget)
    except argparse.ArgumentTypeError as error:
        die(f"fleet: --budget: {error}", 2)
    install("build", "python", *(["fleet"] if options.by == "reframe" else []))
    places = ["--bundle", options.bundle or _made_bundle(), "--out", results_folder(options.out)]
    become(PYTHON, "-B", "-m", "bench.fleet", *own, *places, "--", *further)


def _made_bundle():
    build("bundle")
    with open(LOG, encoding="utf-8", errors="replace") as log:
        made = [line for line in log if line.startswith(MARK) and ": " in line[len(MARK) :]]
    folder = made[-1][len(MARK) :].split(": ")[0] if made else ""
    if not os.path.isfile(os.path.join(folder, "eie")):
        die("fleet: the bundle was built and is not found")
    return folder
