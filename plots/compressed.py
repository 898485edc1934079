"""A compressed layer's ledger and its results as one comparison.

    python3 plots/compressed.py LEDGER.json BENCH.json

Measures nothing. Exit codes: 0 good, 2 usage or bad input.
"""

import json
import sys

sys.dont_write_bytecode = True

BASELINE = "peers_openblas_sgemv"


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"compressed.py: {path}: {fault}\n")
        raise SystemExit(2) from None


def stage_rows(layer):
    errors = layer["errors"]
    known = {"pruned": errors["pruned_relative_frobenius"], "shared": errors["shared_relative_frobenius"]}
    for stage in layer["stages"]:
        error = known.get(stage["stage"], known["shared"] if stage["stage"] == "huffman" else 0)
        yield (f"| {stage['stage']} | {stage['bytes']:,.0f} | {stage['bits_per_weight']:.3f} | {stage['rate_x']:.1f}x | "
               f"{stage['padding_bytes']:,.0f} | {error:.4g} |")


def time_rows(layer, rows):
    """The fastest exact kernel and the dense baseline for each cache mode and thread count; then EIE's designs."""
    groups = {}
    for row in rows:
        if row["eie_layer"] == layer["name"] and row["eie_time_source"] == "wall":
            groups.setdefault((row["eie_cache"], row["eie_threads"]), []).append(row)
    for (cache, threads), group in sorted(groups.items()):
        dense = next((row for row in group if row["eie_kernel"] == BASELINE), None)
        exact = [row for row in group if "exact" in row["eie_flags"]]
        best = min(exact, key=lambda row: row["eie_median_ns"], default=None)
        for row in (dense, best):
            if row:
                over = f"{dense['eie_median_ns'] / row['eie_median_ns']:.1f}x" if dense else "-"
                yield (f"| {row['eie_kernel']} | {cache}, {threads} threads | {row['eie_median_ns'] / 1e3:.2f} m | {over} | "
                       "not measured |")
    for estimate in layer["estimates"]:
        yield (f"| {estimate['device']} | - | {estimate['expected_us']:.4g} e | - | "
               f"{estimate['energy_constant_power_uj']:.4g} e |")


def main():
    if len(sys.argv) != 3:
        sys.stderr.write("compressed.py: needs a ledger and a results file\n")
        raise SystemExit(2)
    ledger, bench = load(sys.argv[1]), load(sys.argv[2])
    for layer in ledger["layers"]:
        print(f"\n## {layer['name']}: {layer['outputs']} x {layer['inputs']}, {layer['nonzeros']:,} of "
              f"{layer['weights']:,} weights, {layer['clusters']} of them different\n")
        print("| stage | bytes | bits per weight | rate | padding, bytes | error of the weights |\n|---|---|---|---|---|---|")
        print("\n".join(stage_rows(layer)))
        print("\n| what | where | us per input | over dense | uJ per input |\n|---|---|---|---|---|")
        print("\n".join(time_rows(layer, bench["benchmarks"])))
    for row in bench["eie_missing"][:12]:
        print(f"- no number: {row['name']}: {row['eie_status']}: {row['eie_reason']}")
    print("\nm: measured here, wall time, batch 1, median. e: modelled. Times \"over dense\": against OpenBLAS's sgemv of the "
          "same cache mode and threads.")


if __name__ == "__main__":
    main()
