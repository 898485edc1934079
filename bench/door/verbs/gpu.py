"""./run gpu: the GPUs of this machine."""

import glob
import os
import re
import shutil
import sys

from bench.door.arguments import DATED, Parser
from bench.door.messages import die, say, tell
from bench.door.programs import call, call_tee, output
from bench.door.project import (
    EIE,
    build,
    has_library,
    install,
    is_filled,
    make_folder,
    results_folder,
    with_real,
    write_report,
)

SANITIZERS = ("memcheck", "racecheck", "synccheck", "initcheck")
LIBRARIES = "peers_cublas_*,peers_cusparse_*"


def devices_of(start):
    """Names of the devices that begin so, and the lines that eie list has for them."""
    lines = [line for line in output(EIE, "list", "devices")[0].splitlines() if line.startswith(start)]
    return [line.split(" ")[0] for line in lines], lines


def compute_sanitizer():
    found = [shutil.which("compute-sanitizer") or ""]
    for place in ("/usr/local/cuda*", ".venv/lib/python3.*/site-packages/nvidia/cu*"):
        found += sorted(glob.glob(place + "/bin/compute-sanitizer"))
    return next(filter(None, found), None)


def sanitize(folder):
    """compute-sanitizer's four looks at every CUDA kernel; false where one finds something. It follows the processes that
    eie makes; what it says of each stands in a file of its own."""
    program, good = compute_sanitizer(), True
    if not program:
        tell("no compute-sanitizer here: this look at the kernels is left out")
        return True
    for tool in SANITIZERS:
        say(f"compute-sanitizer: {tool}")
        for old in glob.glob(f"{folder}/{tool}-*.txt"):
            os.remove(old)
        with open(f"{folder}/{tool}.txt", "w") as table:
            code = call(
                *(program, "--tool", tool, "--target-processes", "all", "--log-file", f"{folder}/{tool}-%p.txt"),
                *(EIE, "check", "--cases", "0", "--device", "cuda:*", "--kernel", "cuda_*", "--timeout", "10m"),
                stdout=table,
            )
        good = good and code == 0
        said = []
        for path in sorted(glob.glob(f"{folder}/{tool}-*.txt")):
            with open(path, errors="replace") as file:
                said += file.read().splitlines()
        if any(re.search("SUMMARY: [1-9]", line) for line in said):
            print(*[line for line in said if "=========" in line][:20], sep="\n", file=sys.stderr)
            good = False
            continue
        looked = sum("SUMMARY: " in line for line in said)
        if looked:
            print(f"{tool}: nothing found in {looked} processes")
        else:
            tell(f"{tool} saw no kernel")
            good = False
    return good


def measure(out, devices, budget):
    """Batch 1 and 64 on the devices; then the chip, as its models have it, and this machine's processor, on the same
    layers."""
    gpu = ["--suite", with_real("paper"), "--device", devices, "--cache", "hot"]
    gpu += ["--kernel", f"cuda_*,opencl_*,{LIBRARIES},peers_clblast_*"]
    matrices = (
        [*gpu, "--batch", "1"],
        [*gpu, "--batch", "64", "--resume"],
        ["--suite", "paper", "--cache", "hot", "--kernel", "model_*,cpu_auto,peers_openblas_sgemv", "--resume"],
    )
    with open(f"{out}/bench.txt", "a") as table:
        for matrix in matrices:
            code = call(EIE, "bench", *matrix, "--budget", budget, "--out", f"{out}/bench.json", stdout=table)
            if code:
                return code
    return 0


def main(arguments):
    parser = Parser(
        "gpu",
        "The NVIDIA GPUs of this machine: their kernels checked, looked through by compute-sanitizer, and measured beside "
        "cuBLAS and cuSPARSE and, where the driver has it, OpenCL.",
        epilog="Without an nvcc it is fetched from PyPI (130 MB; the libraries 610 MB); CUDACXX names another.",
    )
    parser.add_budget("4m", "time for measuring batch 1, and once more for batch 64 (default: %(default)s)")
    parser.add_out(DATED)
    options = parser.parse(arguments)
    if not (os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/dxg") or has_library("libcuda.so.1")):
        die("no NVIDIA driver is here (/dev/nvidiactl, libcuda.so.1): ./run gpu is for machines with an NVIDIA GPU")
    install("build", "loader", "python", "peers", "cuda")
    build("release")
    devices, lines = devices_of("cuda:")
    if devices == ["cuda:none"]:
        die(re.sub("^.*CUDA: ", "", lines[0]).rstrip())
    out = results_folder(options.out)
    make_folder(f"{out}/sanitizer")
    say(f"checking the kernels on {','.join(devices)}")
    code = call_tee(EIE, "check", "--device", "cuda:*", "--kernel", f"cuda_*,{LIBRARIES}", path=f"{out}/check.txt")
    if code:
        die("a kernel is wrong: nothing is measured", code)
    if not sanitize(f"{out}/sanitizer"):
        die(f"compute-sanitizer: see {out}/sanitizer", 1)
    devices += devices_of("opencl:nvidia")[0]  # NVIDIA's OpenCL, where the driver has one: the same device
    say(f"measuring, at most about {options.budget} for batch 1 and for batch 64 each (results: {out})")
    code = measure(out, ",".join(devices), options.budget)
    if not is_filled(f"{out}/bench.json"):
        sys.exit(code)
    write_report(out)
    if code:
        die(f"eie bench ended with exit code {code}: see the rows without a number above", code)
