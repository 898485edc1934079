"""A compressed layer's ledger and its results as one comparison.

    python3 -m plots compressed LEDGER.json BENCH.json

Measures nothing. Exit codes: 0 good, 2 usage or bad input.
"""

import os
import sys

from plots.compression.ledger import checked, quantity, read_ledger
from plots.core.cells import LETTERS, Cell, missing
from plots.core.grid import Table
from plots.core.load import InputError, load, one_line
from plots.core.markdown import markdown
from plots.core.page import Page
from plots.core.references import BEST, DENSE, SPARSE, References, group_of, library_of
from plots.tables.hostrows import cell_of, exclusion

OVERS = {kind: f"over {words}" for kind, words in BEST.items()}
TIME, ENERGY, PADDING = "us per input", "uJ per input", "padding, bytes"
USES = {
    "weights_bytes": "of it weights",
    "pointers_bytes": "of it column pointers",
    "samples_bytes": "of it sample inputs",
    "bias_bytes": "of it the bias",
    "header_bytes": "of it the header",
}
LOST = {"weights_lost": "weights", "inputs_lost": "sample inputs", "biases_lost": "biases"}
MOST_MISSING = 12  # rows without a number that are named


def load_ledger(path):
    try:
        ledger = read_ledger(path)
        return ledger | {"layers": [layer | {"name": str(layer["name"])} for layer in ledger["layers"]]}
    except (KeyError, TypeError) as fault:
        raise InputError(f"{path}: no ledger of eie compress: {one_line(fault)}") from None


class Ledger:
    """One layer of a ledger as cells; raises KeyError, TypeError or ValueError where it is not whole."""

    def __init__(self, layer, path):
        self._layer, self._where = layer, f"{os.path.basename(path)}, {layer['name']}"

    def cell(self, value, what, unit="", provenance="measured"):
        return Cell(float(checked(value, what)), unit, provenance, f"{what}: {self._where}")

    def count(self, key):
        return self.cell(self._layer[key], key).said(0)

    def words(self):
        layer = self._layer
        return (
            f"{layer['outputs']} x {layer['inputs']}, {self.count('nonzeros')} of {self.count('weights')} weights, "
            f"{self.count('clusters')} of them different"
        )

    def stages(self):
        """Sizes and errors from step to step."""
        errors = self._layer["errors"]
        known = {"pruned": errors["pruned_relative_frobenius"], "shared": errors["shared_relative_frobenius"]}
        table = Table("", "Sizes", corner="stage", decimals={"bytes": 0, "bits per weight": 3, "rate": 1, PADDING: 0})
        for stage in self._layer["stages"]:
            name = stage["stage"]
            error = known.get(name, known["shared"] if name == "huffman" else 0)
            table.put_cells(
                name,
                {
                    "bytes": self.cell(stage["bytes"], f"stage {name}, bytes", "bytes"),
                    "bits per weight": self.cell(stage["bits_per_weight"], f"stage {name}, bytes / weights", "", "derived"),
                    "rate": self.cell(stage["rate_x"], f"dense bytes / bytes of stage {name}", "x", "derived"),
                    PADDING: self.cell(stage["padding_bytes"], f"stage {name}, padding_bytes", "bytes"),
                    "error of the weights": self.cell(error, f"stage {name}, relative Frobenius norm"),
                },
            )
        return table

    def lost(self):
        """Sentences on what 16-bit fixed point and float32 do not hold; older ledgers say less."""
        fixed, below = self._layer.get("layer", {}), self._layer.get("below_float32", {})
        for key, words in LOST.items():
            if fixed.get(key):
                yield f"{self.cell(fixed[key], key).said(0)} {words} became 0 in 16-bit fixed point."
        for words, number in below.items():
            if number:
                yield f"{self.cell(number, 'below_float32').said(0)} {words} are below what float32 holds."

    def estimates(self):
        """(device, its cells)"""
        for estimate in self._layer["estimates"]:
            device = estimate["device"]
            none = missing(
                "none", "modelled", f"{device} is estimated", reason="the chip is estimated, not a row of this run"
            )
            yield (
                f"{device}, estimated",
                {
                    TIME: self.cell(estimate["expected_us"], f"{device}, expected time", "us", "modelled"),
                    OVERS[DENSE]: none,
                    OVERS[SPARSE]: none,
                    ENERGY: self.cell(
                        estimate["energy_constant_power_uj"], f"{device}, constant power x expected time", "uJ", "modelled"
                    ),
                },
            )


def times(name, ledger, results):
    """The fastest dense and sparse float32 row and the fastest exact kernel for each cache mode and thread count, then
    EIE's designs."""
    references, groups = References(results), {}
    table = Table("", "Times", corner="what, where")
    for row in results.rows:
        if (row.layer, row.time_source, row.device) == (name, "wall", "cpu"):
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
            table.put_cells(
                f"{words}, {cache}, {threads} thread{'s' * (threads > 1)}",
                {TIME: cell_of(row, row.layer)}
                | {column: _over(references, row, kind) for kind, column in OVERS.items()}
                | {ENERGY: missing("not measured", "measured", row.label(), "uJ", "the processor's energy is not measured")},
            )
    for device, cells in ledger.estimates():
        table.put_cells(device, cells)
    return table


def _over(references, row, kind):
    found = references.over(row, kind)
    if not found:
        return missing("missing", "derived", row.label(), "x", f"no {kind} float32 row beside it")
    reference, over = found
    source = f"{reference.kernel} = {library_of(reference)} / {row.label()}"
    scatter = {"low": over.low, "high": over.high, "unsure": over.low is None, "disturbed": over.disturbed}
    return Cell(over.value, "x", "derived", source, **scatter)


def file_sizes(path, ledger):
    """What was given, the file that it became, and what the file is made of; None of an older ledger."""
    if "file_uses" not in ledger:
        return None
    where = os.path.basename(path)
    types = " and ".join(sorted({layer["input_type"] for layer in ledger["layers"]}))
    table = Table("", "The file", corner="what", decimals={"bytes": 0, "rate": 2})

    def put(row, size, what):
        table.put(row, "bytes", Cell(float(checked(size, what)), "bytes", "measured", f"{what}: {where}"))

    put(f"weights as given ({types})", ledger["input_bytes"], "input_bytes")
    put("file", ledger["file_bytes"], "file_bytes")
    table.put("file", "rate", Cell(float(quantity(ledger, "rate_x")), "x", "derived", f"input_bytes / file_bytes: {where}"))
    for key, words in USES.items():
        put(words, ledger["file_uses"][key], f"file_uses, {key}")
    return table


def page(path, whole, results):
    made = Page()
    for layer in whole["layers"]:
        ledger = Ledger(layer, path)
        made.heading(layer["name"]).add(ledger.words())
        made.bullets(ledger.lost())
        made.table(ledger.stages(), titled=False).table(times(layer["name"], ledger, results), titled=False)
    sizes = file_sizes(path, whole)
    if sizes:
        made.table(sizes)
    made.bullets(f"No number: {row.label()}: {row.status}: {row.reason}" for row in results.missing[:MOST_MISSING])
    return made.add(
        f"{LETTERS} Times are medians in wall time, batch 1; +- is half of the 95 % interval. Best dense, best sparse: the "
        "fastest float32 rows of the same cache mode and threads, named with library and code path."
    )


def main():
    if len(sys.argv) != 3:
        sys.stderr.write("compressed: needs a ledger and a results file\n")
        return 2
    try:
        text = markdown(page(sys.argv[1], load_ledger(sys.argv[1]), load(sys.argv[2])))
    except InputError as error:
        sys.stderr.write(f"compressed: {error}\n")
        return 2
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        words = InputError(f"{sys.argv[1]}: not a whole ledger: {type(fault).__name__}: {one_line(fault)}")
        sys.stderr.write(f"compressed: {words}\n")
        return 2
    print(text, end="")
    return 0
