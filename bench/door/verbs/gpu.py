"""./run gpu: the GPUs of this machine."""

import os
import shutil
import sys

from bench.door.arguments import DATED, Parser, number_from, sizes
from bench.door.messages import die
from bench.door.programs import call
from bench.door.project import EIE, PYTHON, build, has_library, install, results_folder, with_real

SCRIPT = "bench/door/gpu.sh"  # the whole flow, which a bundle has too
DRIVERS = "/dev/nvidiactl", "/dev/dxg"


def sizes_or_none(text):
    return text if text == "none" else sizes(text)


def main(arguments):
    parser = Parser(
        "gpu",
        "The NVIDIA GPUs of this machine: their kernels checked and measured beside cuBLAS and cuSPARSE and, where the "
        "driver has it, OpenCL; then looked through by compute-sanitizer. On a machine without network or compiler: "
        "gpu.sh of the bundle (./run bundle).",
        epilog="Without an nvcc it is fetched from PyPI (130 MB; the libraries 610 MB); CUDACXX names another.",
    )
    parser.add_budget("4m", "time for measuring batch 1, and once more for batch 64 (default: %(default)s)")
    parser.add_out(DATED)
    parser.add_argument("--resume", metavar="DIR", help="go on with a run that was interrupted")
    parser.add_argument("--device", metavar="NAMES", help="comma list of names or globs of devices (default: one a model)")
    parser.add_argument("--batches", metavar="LIST", type=sizes, help="inputs per call (default: 1,64)")
    parser.add_argument(
        "--sweep", metavar="LIST", type=sizes_or_none, help="others, in the least time each; none: no others"
    )
    parser.add_argument("--no-sanitizer", action="store_true", help="leave compute-sanitizer out")
    parser.add_argument("--limit", metavar="SECONDS", type=number_from(1, 999999, int), help="end within so long")
    options = parser.parse(arguments)
    if options.out is not None and options.resume is not None:
        parser.error("--resume names the folder: no --out")
    if options.resume is not None and not os.path.isdir(options.resume):
        parser.error(f"no folder '{options.resume}' to go on with")
    if not (any(map(os.path.exists, DRIVERS)) or shutil.which("nvidia-smi") or has_library("libcuda.so.1")):
        die("no NVIDIA driver is here (/dev/nvidiactl, libcuda.so.1): ./run gpu is for machines with an NVIDIA GPU")
    install("build", "loader", "python", "peers", "cuda")
    build("release")
    here = os.getcwd()
    words = ["bash", SCRIPT, "--eie", f"{here}/{EIE}", "--plots", f"{here}/plots", "--python", f"{here}/{PYTHON}"]
    words += ["--suite", with_real("paper"), "--budget", options.budget]
    words += ["--out", options.resume or results_folder(options.out)]
    for name in ("device", "batches", "sweep", "limit"):
        if getattr(options, name) is not None:
            words += [f"--{name}", str(getattr(options, name))]
    if options.no_sanitizer:
        words += ["--no-sanitizer"]
    sys.exit(call(*words))
