"""Results files of a fleet that does not exist, for tests and for `report` over many files: made from one measured file.

    .venv/bin/python tests/python/fleet_files.py FOLDER [--machines 100] [--parts 5] [--slow 7:8] [--source RESULTS.json]

Each machine moves by a scatter of its own, each of its rows by a further one; --slow N:PERCENT makes one slower. All files say
that they are generated (context.eie_generated).
"""

import argparse
import json
import pathlib
import random

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "results/xeon-emerald-rapids-2-cores/bench.json"
GENERATED = "times of one measured file with scatter drawn for each machine and row (tests/python/fleet_files.py)"
TIMES = ("real_time", "cpu_time", "eie_median_ns", "eie_min_ns", "eie_max_ns", "eie_mad_ns", "eie_ci95_low_ns")
TIMES += ("eie_ci95_high_ns", "eie_samples_ns", "eie_disturbed_ns")
MACHINE_SCATTER, ROW_SCATTER = 0.005, 0.015  # standard deviations of logarithms


def slower(row, factor):
    """The row with all its times so many times longer."""
    changed = dict(row)
    for key in TIMES:
        if key in row:
            changed[key] = [time * factor for time in row[key]] if isinstance(row[key], list) else row[key] * factor
    for key in ("eie_floor_share",):
        if key in row:
            changed[key] = row[key] / factor
    return changed


def machine(document, host, change, draw):
    """The document of one machine whose times are `change` times those of the source."""
    own = change * draw.lognormvariate(0, MACHINE_SCATTER)
    rows = [
        row if row["eie_time_source"] == "model" else slower(row, own * draw.lognormvariate(0, ROW_SCATTER))
        for row in document["benchmarks"]
    ]
    return document | {
        "context": document["context"] | {"host_name": host, "eie_generated": GENERATED},
        "benchmarks": rows,
    }


def parts_of(document, count):
    """The document as `count` files that share its rows out by layer."""
    names = sorted({(row["eie_suite"], row["eie_layer"]) for row in document["benchmarks"]})
    part = {name: place % count for place, name in enumerate(names)}
    for number in range(count):
        lists = {
            array: [row for row in document[array] if part.get((row["eie_suite"], row["eie_layer"]), 0) == number]
            for array in ("benchmarks", "eie_missing")
        }
        yield document | lists


def write(folder, machines=100, parts=5, slow=(), source=SOURCE, seed=1):
    """The paths of the files. `slow`: {number of a machine: percent}."""
    document, draw, paths = json.loads(pathlib.Path(source).read_text(encoding="utf-8")), random.Random(seed), []
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(machines):
        made = machine(document, f"node{number:03}", 1 + dict(slow).get(number, 0) / 100, draw)
        for place, part in enumerate(parts_of(made, parts)):
            paths.append(folder / f"node{number:03}-{place}.json")
            paths[-1].write_text(json.dumps(part), encoding="utf-8")
    return paths


def _slow(text):
    number, percent = text.split(":")
    return int(number), float(percent)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--slow", type=_slow, action="append", default=[], metavar="N:PERCENT")
    parser.add_argument("--source", default=SOURCE)
    options = parser.parse_args()
    paths = write(options.folder, options.machines, options.parts, options.slow, options.source)
    print(f"{len(paths)} files in {options.folder}")


if __name__ == "__main__":
    main()
