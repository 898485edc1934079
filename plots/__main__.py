"""python3 -m plots VERB [ARGUMENTS]: tables, pictures and pages from the files of `eie`. Exit codes: 0 good, 2 usage or
bad input, 3 the output could not be written; `compare` also has 1 and 4."""

import importlib
import sys

sys.dont_write_bytecode = True

from plots.core.commandline import leave

VERBS = {
    "report": "pages.report",
    "poster": "pages.poster",
    "gpus": "pages.gpus",
    "compare": "compare.compare",
    "bencher": "compare.bencher",
    "counts": "compare.counts",
    "history": "history.history",
    "map": "map.page",
    "train": "training.page",
    "even": "filters.even",
    "merge": "compare.merge",
    "reproduction": "book.reproduction",
    "calibrate-rows": "book.calibrate_rows",
    "compressed": "compression.compressed",
    "deepcomp": "compression.deepcomp",
    "ppm": "images.ppm",
    "squeezenet": "convolution.page",
}


def usage():
    if sys.argv[1:2] in (["--help"], ["-h"], ["help"]):
        print("usage: python3 -m plots VERB [ARGUMENTS]\nverbs: " + ", ".join(VERBS))
        return 0
    print("plots: a verb is needed: " + ", ".join(VERBS), file=sys.stderr)
    return 2


def verb():
    return importlib.import_module("plots." + VERBS[sys.argv[0]]).main()


if __name__ == "__main__":
    known = sys.argv[1:2] and sys.argv[1] in VERBS
    if known:
        del sys.argv[0]  # the verb says whose message it is
    leave(verb if known else usage)
