"""What a fleet needs of a results file of `eie bench`: the rows with a number, and what eie's own check said of the others."""

import json

BAD = ("mismatch", "error", "suspect")  # of a row's status: the check failed, or the kernel did
KEY = ("suite", "layer", "layer_hash", "kernel", "device", "batch", "threads", "cache", "time_source")


def read(path):
    """(context, rows with a number, the others); ValueError for what is no results file."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    if not isinstance(document, dict) or document.get("context", {}).get("eie_format") != "1":
        raise ValueError(f"{path}: not a results file of eie bench")
    return document["context"], document["benchmarks"], document["eie_missing"]


def key(row):
    return tuple(row[f"eie_{name}"] for name in KEY)


def faults(missing):
    """[words] of the rows that eie refused to give a number, for a fault of theirs."""
    return [
        f"{row['eie_kernel']}, {row['eie_cache']}: {row['eie_status']}: {row.get('eie_reason', '')}"
        for row in missing
        if row["eie_status"] in BAD
    ]


def name_of(row):
    """Of a row among those of one visit: the kernel, and what a visit may have several of."""
    parts = [row["eie_kernel"], row["eie_cache"], f"{row['eie_threads']}t"]
    parts += [row["eie_device"]] if row["eie_device"] != "cpu" else []
    parts += [row["eie_time_source"]] if row["eie_time_source"] != "wall" else []
    return "_".join(parts)


def times_us(rows):
    """{name: (time in us, key)}, medians as eie has them."""
    return {name_of(row): (row["eie_median_ns"] / 1e3, key(row)) for row in rows}


def references_us(path):
    """{key: time in us} of a results file."""
    return {key(row): row["eie_median_ns"] / 1e3 for row in read(path)[1]}
