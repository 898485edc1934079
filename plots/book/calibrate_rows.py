"""Sets the one number of each layer of suite paper-rows: the unevenness of rows at which the accelerator model's load
balance at queue depth 256 is Fig. 8's bar. Everything else is suite paper-matched's. Prints the suite's file.

    python3 -m plots calibrate-rows [--eie build/release/eie] [--data data] > data/suites/paper-rows.json

The search runs the model only (eie explore); it takes a minute or two.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from plots.core.commandline import Parser
from plots.core.published import LAYERS, Published

DEPTH = 256
MOST = 1000  # permille
SUMMARY = (
    "As suite paper-matched, and one number a layer more, calibrated: the unevenness of rows, set to Fig. 8's "
    "load balance at queue depth 256"
)


def balance(eie, suite, layer, permille, folder):
    """Load balance in percent of one layer at depth 256."""
    path = os.path.join(folder, "trial.json")
    found = dict(next(entry for entry in suite["layers"] if entry["name"] == layer))
    if permille:
        found["row_unevenness_permille"] = permille
    with open(path, "w", encoding="utf-8") as file:
        json.dump(suite | {"layers": [found], "samples": 1}, file)
    out = os.path.join(folder, "trial-out.json")
    subprocess.run(
        [eie, "explore", "--suite", path, "--queue", str(DEPTH), "--threads", "1", "--quiet", "--out", out], check=True
    )
    with open(out, encoding="utf-8") as file:
        return 100 * json.load(file)["points"][0]["load_balance"]


def calibrate(eie, suite, layer, target, folder):
    """The permille whose balance lies nearest to the target: bisection, then the neighbours."""
    tried = {0: balance(eie, suite, layer, 0, folder)}
    low, high = 0, MOST
    while high - low > 1:
        middle = (low + high) // 2
        tried[middle] = balance(eie, suite, layer, middle, folder)
        if tried[middle] > target:
            low = middle
        else:
            high = middle
    del tried[0]
    return min(tried.items(), key=lambda item: (abs(item[1] - target), item[0]))


def main():
    parser = Parser("calibrate-rows", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eie", default="build/release/eie")
    parser.add_argument("--data", default="data")
    options = parser.parse_args()
    published = Published(options.data)
    with open(os.path.join(options.data, "suites", "paper-matched.json"), encoding="utf-8") as file:
        suite = json.load(file)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for layer in LAYERS:
            target = published.load_balance(layer, DEPTH).value
            permille, reached = calibrate(options.eie, suite, layer, target, folder)
            entry = dict(next(entry for entry in suite["layers"] if entry["name"] == layer))
            source = entry.pop("source")
            entry["row_unevenness_permille"] = permille
            entry["source"] = source.split(";")[0] + (
                f"; counts of suite paper-matched; rows calibrated: at queue depth {DEPTH} the model's load balance is "
                f"{reached:.2f} %, Fig. 8's bar {target:g} %"
            )
            lines.append("    " + json.dumps(entry))
            print(f"{layer}: {permille} permille, {reached:.2f} % for {target:g} %", file=sys.stderr)
    head = {key: value for key, value in suite.items() if key not in ("summary", "layers")}
    head["default_matrix"] = False
    print(
        "{\n"
        + ",\n".join(
            f"  {json.dumps(key)}: {json.dumps(value)}"
            for key, value in ({"format": head.pop("format"), "summary": SUMMARY} | head).items()
        )
        + ',\n  "layers": [\n'
        + ",\n".join(lines)
        + "\n  ]\n}"
    )
