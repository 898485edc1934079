"""A compressed layer's ledger and its results as one comparison.

    python3 -m plots compressed LEDGER.json BENCH.json

Measures nothing. Exit codes: 0 good, 2 usage or bad input.
"""

import json
import sys

from plots.core.cells import Cell
from plots.core.load import InputError, load, one_line
from plots.core.references import BEST, DENSE, SPARSE, References, group_of, library_of
from plots.tables.hostrows import cell_of, exclusion


def load_ledger(path):
    try:
        with open(path, encoding="utf-8") as file:
            ledger = json.load(file)
        return [layer | {"name": str(layer["name"])} for layer in ledger["layers"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InputError(f"{path}: no ledger of eie compress: {one_line(fault)}") from None


def stage_rows(layer):
    errors = layer["errors"]
    known = {"pruned": errors["pruned_relative_frobenius"], "shared": errors["shared_relative_frobenius"]}
    for stage in layer["stages"]:
        error = known.get(stage["stage"], known["shared"] if stage["stage"] == "huffman" else 0)
        yield (
            f"| {stage['stage']} | {stage['bytes']:,.0f} | {stage['bits_per_weight']:.3f} | {stage['rate_x']:.1f}x | "
            f"{stage['padding_bytes']:,.0f} | {error:.4g} |"
        )


def time_rows(layer, results):
    """The fastest dense and sparse float32 row and the fastest exact kernel for each cache mode and thread count, then
    EIE's designs."""
    references, groups = References(results), {}
    for row in results.rows:
        if (row.layer, row.time_source, row.device) == (layer["name"], "wall", "cpu"):
            groups.setdefault((row.cache, row.threads), []).append(row)
    for (cache, threads), rows in sorted(groups.items()):
        exact = [row for row in rows if "exact" in row.flags and not exclusion([row])]
        shown = [
            (f"{BEST[kind]}: {library_of(row)}", row)
            for kind in (DENSE, SPARSE)
            for row in [references.of_group(group_of(rows[0]), kind)]
            if row
        ]
        shown += [(row.kernel, row) for row in [min(exact, key=lambda row: row.median_ns, default=None)] if row]
        for words, row in shown:
            yield (
                f"| {words} | {cache}, {threads} thread{'s' * (threads > 1)} | {cell_of(row, row.layer).shown()} | "
                f"{_over(references, row, DENSE)} | {_over(references, row, SPARSE)} | not measured |"
            )
    for estimate in layer["estimates"]:
        yield (
            f"| {estimate['device']} | - | {estimate['expected_us']:.4g} e | - | - | "
            f"{estimate['energy_constant_power_uj']:.4g} e |"
        )


def _over(references, row, kind):
    found = references.over(row, kind)
    return Cell(found[1].value, "x", "derived", BEST[kind], low=found[1].low, high=found[1].high).shown() if found else "-"


def page(layers, results):
    for layer in layers:
        yield (
            f"\n## {layer['name']}: {layer['outputs']} x {layer['inputs']}, {layer['nonzeros']:,} of "
            f"{layer['weights']:,} weights, {layer['clusters']} of them different\n"
        )
        yield "| stage | bytes | bits per weight | rate | padding, bytes | error of the weights |\n|---|---|---|---|---|---|"
        yield from stage_rows(layer)
        yield "\n| what | where | us per input | over best dense | over best sparse | uJ per input |\n|---|---|---|---|---|---|"
        yield from time_rows(layer, results)
    for row in results.missing[:12]:
        yield f"- no number: {row.label()}: {row.status}: {row.reason}"
    yield (
        "\nm: measured here, wall time, batch 1, median; +- half of its 95 % interval. e: modelled. d: derived. Best dense, "
        "best sparse: the fastest float32 rows of the same cache mode and threads, named with library and code path."
    )


def main():
    if len(sys.argv) != 3:
        sys.stderr.write("compressed: needs a ledger and a results file\n")
        return 2
    try:
        lines = list(page(load_ledger(sys.argv[1]), load(sys.argv[2])))
    except InputError as error:
        sys.stderr.write(f"compressed: {error}\n")
        return 2
    except (KeyError, TypeError, ValueError) as fault:
        sys.stderr.write(f"compressed: {sys.argv[1]}: not a whole ledger: {type(fault).__name__}: {one_line(fault)}\n")
        return 2
    print("\n".join(lines))
    return 0
