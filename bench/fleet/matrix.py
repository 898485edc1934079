"""The matrix of a fleet: its visits, each a layer at a batch on so many threads or a device, and what `eie` is called with.

A plan is a JSON file: {"program", "visits": [{"name", "suite", "layer", "batch", "place"}], "kernel", "cache", "budget",
"results", "references", "tolerance"}; `place` is "threads=2", "threads=all" or "device=cuda:*". Both ways, ReFrame's and
the job array's, call what words() says.
"""

import fnmatch
import json
import os
import re
import subprocess

PLAN = "plan.json"
CACHES = ("hot", "llc", "dram")


class MatrixError(Exception):
    """Bad input, in one line."""


def program_of(bundle):
    path = os.path.abspath(os.path.join(bundle, "eie"))
    if not os.access(path, os.X_OK):
        raise MatrixError(f"{bundle}: no bundle: it has no program eie")
    return path


def listed(program, what):
    """What `eie list` knows of: layers or kernels."""
    done = subprocess.run([program, "list", what, "--json"], stdout=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        raise MatrixError(f"{program} list {what} ended with exit code {done.returncode}")
    return json.loads(done.stdout)


def layers(program, suite, names):
    """Those of the suite that a comma list of names or globs takes, in the suite's order."""
    own = [layer["name"] for layer in listed(program, "layers") if layer["suite"] == suite]
    if not own:
        raise MatrixError(f"--suite {suite}: the bundle has no such suite")
    globs = [name for name in names.split(",") if name]
    for glob in globs:
        if not any(fnmatch.fnmatchcase(name, glob) for name in own):
            raise MatrixError(f"--layer {glob}: suite {suite} has no such layer")
    if not globs:
        raise MatrixError("--layer names no layer")
    return [name for name in own if any(fnmatch.fnmatchcase(name, glob) for glob in globs)]


def places(threads, devices):
    """["threads=N", ..., "device=NAME", ...]; threads: all where neither is said."""
    counts = [count for count in (threads if threads is not None else "" if devices else "all").split(",") if count]
    for count in counts:
        if count != "all" and not (count.isascii() and count.isdigit() and 1 <= int(count) <= 10**6):
            raise MatrixError(f"--threads {count}: no number of threads")
    found = [f"threads={count if count == 'all' else int(count)}" for count in counts]
    found += [f"device={name}" for name in devices.split(",") if name]
    if not found:
        raise MatrixError("neither --threads nor --device names a place")
    return found


def batches(text):
    found = [count for count in text.split(",") if count]
    for count in found:
        if not (count.isascii() and count.isdigit() and 1 <= int(count) <= 1024):
            raise MatrixError(f"--batch {count}: no number of inputs from 1 to 1024")
    if not found:
        raise MatrixError("--batch names no number")
    return [int(count) for count in found]


def _check_kernels(program, names):
    known = [kernel["name"] for kernel in listed(program, "kernels")]
    globs = names.split(",")
    for glob in globs:
        if glob != "default" and not any(fnmatch.fnmatchcase(name, glob) for name in known):
            raise MatrixError(f"--kernel {glob}: the bundle has no such kernel")


def check_folder(out, plan):
    """A job array goes on in a folder of the same plan alone: a visit of that name would count though it is another."""
    path = os.path.join(out, PLAN)
    if not os.path.exists(path):
        return
    try:
        known = read(path)
    except ValueError:
        known = None
    if known != plan:
        raise MatrixError(f"--out {out} has results of another matrix, or of other options")


def make(options):
    """The plan that the options ask for."""
    program = program_of(options.bundle)
    _check_kernels(program, options.kernel)
    for mode in options.cache.split(","):
        if mode not in CACHES:
            raise MatrixError(f"--cache {mode}: not one of {', '.join(CACHES)}")
    visits = [
        {
            "name": name_of(options.suite, layer, batch, place),
            "suite": options.suite,
            "layer": layer,
            "batch": batch,
            "place": place,
        }
        for batch in batches(options.batch)
        for place in places(options.threads, options.device)
        for layer in layers(program, options.suite, options.layer)
    ]
    names = [visit["name"] for visit in visits]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise MatrixError(f"visit {twice} is asked for twice")
    return {
        "program": program,
        "visits": visits,
        "kernel": options.kernel,
        "cache": options.cache,
        "budget": options.budget,
        "results": os.path.abspath(os.path.join(options.out, "results")),
        "references": os.path.abspath(options.reference) if options.reference else None,
        "tolerance": options.tolerance / 100,
    }


def name_of(suite, layer, batch, place):
    return re.sub(r"[^A-Za-z0-9=.+-]", "_", f"{suite}-{layer}-b{batch}-{place}")


def words(plan, visit):
    """The arguments of `eie` for a visit, but for --out."""
    kind, _, value = visit["place"].partition("=")
    on_threads = kind == "threads"
    found = ["bench", "--quiet", "--suite", visit["suite"], "--layer", visit["layer"], "--batch", str(visit["batch"])]
    found += ["--kernel", plan["kernel"], "--device", "cpu" if on_threads else value]
    found += ["--threads", value, "--cache", plan["cache"]] if on_threads else ["--cache", "hot"]
    return found + ["--budget", plan["budget"]]


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write(path, document):
    """Whole or not at all."""
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    os.replace(temporary, path)
