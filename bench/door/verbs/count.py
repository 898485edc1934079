"""./run count: the instructions of two revisions."""

import os
import shutil
import subprocess
import sys

from bench.door.arguments import Parser
from bench.door.messages import die, say
from bench.door.programs import call, call_together, hold_signals, ignore_signals, output
from bench.door.project import EIE, build, commit_of, install, make_folder, plots
from plots.options import counts

KEPT = "build/count"
KEPT_NAMES = ("a.json", "b.json")
SUITE = "data/suites/count.json"


def options_of(arguments):
    parser = Parser(
        "count",
        "Builds two revisions (. is the working tree) and counts the instructions of one call of each kernel of the "
        "processor: by valgrind's callgrind up to AVX2, by single steps beyond. Equal code has equal counts, however busy the "
        "machine. Exit code 1: a kernel has more instructions than its limit allows, or is wrong; 3: a row was lost.",
        usage="./run count REV_A REV_B [--kernel NAMES] [--layer NAMES] [--limit [KERNELS=]PERCENT ...]\n"
        "                   [--json FILE] [--junit FILE] [--markdown]",
        epilog=f"The layers are those of {SUITE} of this folder, for both. The counts stay in {KEPT}. "
        "example: ./run count main . --limit 2 --limit 'scalar_*=0'",
    )
    parser.add_argument("revisions", nargs="*", metavar="REV", help="two of them")
    parser.add_argument("--kernel", metavar="NAMES", help="as in eie count: a comma list of names or globs")
    parser.add_argument("--layer", metavar="NAMES", help="the same of layers")
    counts.add(parser)
    options = parser.parse(arguments, mixed=True)
    counts.check(parser, options)
    if len(options.revisions) != 2:
        die("count needs two revisions; '.' is the working tree", 2)
    options.commits = [commit_of("count", name) for name in options.revisions]
    options.further = ["--suite", os.path.abspath(SUITE)]
    for name in ("kernel", "layer"):
        options.further += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    return options


def programs_of(options, folder):
    """The same commit twice is one program."""
    made = {}
    for side, commit in enumerate(options.commits):
        if commit in made:
            continue
        tree = f"{folder}/{side}" if commit else "."
        if commit and call("git", "worktree", "add", "--quiet", "--detach", tree, commit):
            die(f"no worktree for {options.revisions[side]}")
        build("release", tree, "eie")
        made[commit] = os.path.normpath(f"{tree}/{EIE}")
        said, _ = output(made[commit], "--help")
        if "\n  count " not in said:
            die(f"count: the program of {options.revisions[side]} is from before it could count", 2)
    return [made[commit] for commit in options.commits]


def count(options, folder, programs):
    paths = [f"{folder}/{name}" for name in KEPT_NAMES]
    say(f"counting {options.revisions[0]} and {options.revisions[1]}")
    codes = call_together(
        *((program, "count", *options.further, "--out", path) for program, path in zip(programs, paths)),
        stdout=subprocess.DEVNULL,
    )
    for path, code in zip(paths, codes):
        if code > 3 or code == 2 or not os.path.exists(path):
            sys.exit(code or 3)
    try:
        for path, name in zip(paths, KEPT_NAMES):
            os.replace(path, f"{KEPT}/{name}")
    except OSError:
        die(f"{KEPT} cannot be written")
    return plots("counts", *(f"{KEPT}/{name}" for name in KEPT_NAMES), *counts.words(options))


def clean(folder):
    ignore_signals()
    for side in (0, 1):
        if os.path.exists(f"{folder}/{side}"):
            call("git", "worktree", "remove", "--force", "--force", f"{folder}/{side}", stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)
    if not os.listdir(KEPT):
        os.rmdir(KEPT)


def main(arguments):
    options = options_of(arguments)
    install("build", "count", "python")
    hold_signals()
    folder = make_folder(f"{KEPT}/{os.getpid()}")
    try:
        code = count(options, folder, programs_of(options, folder))
    finally:
        clean(folder)
    sys.exit(code)
