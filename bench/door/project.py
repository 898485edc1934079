"""What the verbs share: the program, what `run` installs and builds for them, folders of results."""

import datetime
import os
import subprocess

from bench.door.messages import die
from bench.door.programs import call, must, output

EIE = "build/release/eie"
PYTHON = ".venv/bin/python"
PLOTS = (PYTHON, "-m", "plots")
PUBLISHED = "squeezenet/compressed_SqueezeNet.net"  # within EIE_MODELS
LOG = "build/log.txt"  # of the last build


def install(*groups):
    """What is missing of these, by run's names: build, test, check, cross, loader, count; python (.venv); peers, opencl,
    cuda, browser, fleet (ReFrame), slurm. Ends the verb where that fails, but for peers, opencl, browser,
    fleet and slurm."""
    must("./run", "--install", *groups)


def try_python():
    """Makes .venv; where it cannot be made, the reason, else nothing."""
    reason, code = output("./run", "--try-python")
    return reason.strip() or "no reason is known" if code else ""


def build(preset, folder=".", target=""):
    """All of it, or one target."""
    must("./run", "--build", preset, folder, *([target] if target else []))


def with_real(suites):
    """The suites, and that of the real layers where they are there."""
    return suites + (",real" if os.environ.get("EIE_MODELS") else "")


def published(parser, network):
    """The file of a network that is named, else the published SqueezeNet."""
    if not network and not os.environ.get("EIE_MODELS"):
        parser.error("needs --network FILE, or EIE_MODELS")
    return network or os.path.join(os.environ["EIE_MODELS"], PUBLISHED)


def commit_of(verb, name):
    """Of a revision; None: the working tree. Ends the verb where there is none of that name."""
    if name in (".", "work"):
        return None
    commit, code = output("git", "rev-parse", "--verify", "--quiet", name + "^{commit}", stderr=subprocess.DEVNULL)
    if code:
        die(f"{verb}: no revision '{name}' here", 2)
    return commit.strip()


def make_folder(path):
    try:
        os.makedirs(path, exist_ok=True)
    except OSError:
        die(f"{path} cannot be made")
    return path


def results_folder(path):
    return make_folder(path or f"results/local/{datetime.datetime.now():%Y-%m-%dT%H%M%S}")


def is_filled(path):
    return os.path.isfile(path) and os.path.getsize(path) > 0


def has_library(start):
    """Whether the dynamic loader knows a library whose file name begins so."""
    listed, _ = output("/sbin/ldconfig", "-p")
    return any(line.startswith("\t" + start) for line in listed.splitlines())


def plots(*arguments, **further):
    return call(*PLOTS, *arguments, **further)


def write_report(out):
    if plots("report", f"{out}/bench.json", "--out", out):
        die("the report failed")
