"""The tables of one image through a network's convolutions."""

from plots.convolution.files import CLOSED, CYCLE, FLOAT, INT8, MATMUL, SGEMM, image_ns, joules
from plots.core.cells import Cell, missing
from plots.core.grid import Table
from plots.core.networks import BYTES, FILE_TABLE, FLOATS, SIX_BITS

PEERS = {
    "oneDNN convolution, float32": FLOAT,
    "oneDNN convolution, int8": INT8,
    "OpenBLAS sgemm on im2col": SGEMM,
    "oneDNN int8 on im2col": MATMUL,
}
LEAST = "bench.json, least of the samples, sum over the convolutions"


def _put_image(table, name, rows, provenance, source, lacking=()):
    """A line of the sum table; without all rows one that names the layers which lack theirs."""
    if not rows and lacking:
        reason = f"no number of {', '.join(lacking)}; bench.json has the reason"
        table.put_cells(name, {"ms": missing("incomplete", provenance, source, reason=reason)})
    if not rows:
        return
    ns, energy = sum(map(image_ns, rows)), joules(rows)
    table.put_cells(
        name,
        {
            "ms": Cell(ns / 1e6, "ms", provenance, source),
            "images/s": Cell(1e9 / ns, "1/s", "derived", f"1 / time: {source}"),
            "J": Cell(energy, "J", _energy_basis(rows), f"energy of these rows: {source}")
            if energy is not None
            else missing("no meter", "derived", "no meter on this machine and no --power"),
        },
    )


def _energy_basis(rows):
    return "modelled" if rows[0].is_model else rows[0].raw.get("eie_energy_provenance", "measured")


def image_table(found):
    table = Table("image", "One image", corner="convolutions alone")
    terms = sum(layer.terms for layer in found.layers)
    for words, count in ((f"{len(found.layers)} layers", 1), (f"{terms} layers", 2)):
        if count == 2 and terms == len(found.layers):
            continue
        _put_image(
            table,
            f"EIE, {words}",
            found.rows_of(lambda name: found.row(name, CYCLE), count),
            "simulated",
            f"{CYCLE}: {LEAST}",
        )
        _put_image(table, f"here, exact, {words}", found.rows_of(found.exact, count), "measured", LEAST)
    if found.columns_ns:
        source = "run.json, least time of each convolution with im2col and copies, added up"
        table.put_cells(
            f"here, exact, {terms} layers, with im2col",
            {
                "ms": Cell(found.columns_ns / 1e6, "ms", "measured", source),
                "images/s": Cell(1e9 / found.columns_ns, "1/s", "derived", f"1 / time: {source}"),
                "J": missing("not metered", "derived", "eie run meters no energy"),
            },
        )
    _put_image(
        table,
        f"EIE, {len(found.layers)} layers, closed form",
        found.rows_of(lambda name: found.row(name, CLOSED)),
        "modelled",
        f"{CLOSED}: {LEAST}",
    )
    for words, kernel in PEERS.items():
        rows = found.rows_of(lambda name, kernel=kernel: found.row(name, kernel))
        names = [layer.names[0] for layer in found.layers]
        lacking = [name for name in names if not found.row(name, kernel)]
        _put_image(table, words, rows, "measured", LEAST, lacking if len(lacking) < len(names) else ())
    return table


def whole_table(found):
    """eie run: im2col, pools, concatenations and the average too."""
    table = Table("whole", "The whole network", corner="eie run")
    for words, run, name in (("integers", found.run, "run.json"), ("float32", found.floats, "float.json")):
        if run and run["images"]:
            seconds = sum(step.get("least_s", 0) for step in run["steps"])
            source = f"{name}: least time of each step, added up"
            cells = {
                "ms": Cell(1e3 * seconds, "ms", "measured", source),
                "threads": Cell(str(run["threads"]), "", "measured", name),
                "kernel": Cell(str(run["kernel"]), "", "measured", name),
            }
            table.put_cells(words, cells)
    return table


def _us(row, provenance, source):
    return Cell(image_ns(row) / 1e3, "us", provenance, source) if row else missing("not run", "derived", source)


def layers_table(found):
    table = Table("layers", "Layer by layer, one image")
    for layer in found.layers:
        exact, cycle = found.exact(layer.name), found.row(layer.name, CYCLE)
        source = f"bench.json, {layer.name}"
        cells = {
            "positions": Cell(layer.positions, "", "derived", "run.json"),
            "outputs": Cell(layer.outputs, "", "derived", "run.json"),
            "M dense": Cell(layer.macs / 1e6, "M", "derived", "positions x outputs x inputs"),
            "M pruned": Cell(found.pruned(layer.name) / 1e6, "M", "derived", f"{source}: weights x positions"),
            "M active": Cell(found.active(layer.name) / 1e6, "M", "measured", f"{source}: weights and inputs not 0"),
            "EIE us": _us(cycle, "simulated", f"{source}, {CYCLE}"),
        }
        if cycle:
            busy = cycle.number("eie_load_balance")
            bubbles = cycle.number("eie_pe_cycles_empty_column") / (64 * cycle.number("eie_cycles"))
            cells["PEs busy"] = Cell(100 * busy, "%", "simulated", f"{source}, {CYCLE}: entries / PE cycles")
            cells["bubbles"] = Cell(100 * bubbles, "%", "simulated", f"{source}, {CYCLE}: columns without an entry")
        cells["here us"] = _us(exact, "measured", source)
        for words, kernel in (("oneDNN f32 us", FLOAT), ("oneDNN int8 us", INT8), ("sgemm us", SGEMM)):
            cells[words] = _us(found.row(layer.name, kernel), "measured", f"{source}, {kernel}")
        table.put_cells(layer.name, cells)
    table.decimals = {"positions": 0, "outputs": 0, "PEs busy": 0, "bubbles": 0}
    return table


def limits_table(found):
    """Why a layer is slower or faster here: multiplications a second, and the share that has to be done."""
    table = Table("limits", "What limits")
    for layer in found.layers:
        exact = found.exact(layer.name)
        active = found.active(layer.name)
        rate, share = active / image_ns(exact), active / layer.macs
        source = f"bench.json, {layer.name}"
        cells = {
            "kernel": Cell(exact.raw.get("eie_chosen_kernel") or exact.kernel, "", "measured", source),
            "left": Cell(100 * share, "%", "measured", f"{source}: active / dense multiplications"),
            "here G/s": Cell(rate, "G/s", "measured", f"{source}: active multiplications a ns"),
        }
        for words, kernel in (("f32", FLOAT), ("int8", INT8)):
            row = found.row(layer.name, kernel)
            if not row:
                continue
            other = layer.macs / image_ns(row)
            cells[f"{words} G/s"] = Cell(other, "G/s", "measured", f"{source}, {kernel}: all multiplications a ns")
            cells[f"even with {words} at"] = Cell(
                min(100, 100 * rate / other), "%", "derived", "here / library: the share below which leaving out pays"
            )
            cells[f"here over {words}"] = Cell(image_ns(exact) / image_ns(row), "x", "derived", "time here / time there")
        table.put_cells(layer.name, cells)
    table.decimals = {"left": 0, "even with f32 at": 0, "even with int8 at": 0}
    return table


def groups_table(found):
    """Designs of the sweep: an image is the sum over the layers, one after the other."""
    table = Table("groups", "PEs in groups", corner="groups x PEs")
    names = {layer.name for layer in found.layers}
    designs = {}
    for point in found.sweep["points"]:
        if point["layer"] in names:
            designs.setdefault((point["pes"], point["groups"], point["queue_depth"]), []).append(point)
    for (pes, groups, depth), points in sorted(designs.items()):
        time = sum(point["time_us"] for point in points)
        theory = sum(point["theoretical_us"] for point in points)
        source = f"explore.json, {pes} PEs, {groups} groups, queue {depth}: sum over {len(points)} layers"
        sram = sum(point["spmat_bytes_all_pes"] for point in points)
        table.put_cells(
            f"{groups} x {pes // groups}, queue {depth}",
            {
                "ms": Cell(time / 1e3, "ms", "simulated", source),
                "images/s": Cell(1e6 / time, "1/s", "derived", f"1 / time: {source}"),
                "PEs busy": Cell(100 * theory / time, "%", "derived", f"entries / PE cycles: {source}"),
                "weights KiB": Cell(sram / 1024, "KiB", "derived", f"{source}: entries of all groups"),
                "mm2": Cell(points[0]["area_mm2"], "mm2", "modelled", f"{source}; the published PE's memories"),
            },
        )
    table.decimals = {"PEs busy": 0, "weights KiB": 0}
    return table


def file_table(found):
    """The weights as a file, at the 6 bits of the poster's size (plots/core/networks.py reads it)."""
    table = Table(FILE_TABLE, "The weights as a file", corner="weights and biases")
    dense = found.file["input_bytes"] + found.file["file_uses"]["bias_bytes"]
    source = "file.json, eie compress --bits 6 --form huffman"
    table.put(FLOATS, BYTES, Cell(dense, "bytes", "derived", f"{source}: 4 bytes a weight and bias"))
    table.put(SIX_BITS, BYTES, Cell(found.file["file_bytes"], "bytes", "measured", f"{source}: the whole file"))
    table.put(SIX_BITS, "rate", Cell(dense / found.file["file_bytes"], "x", "derived", source))
    table.fill("the other is compared with it")
    table.decimals = {BYTES: 0}
    return table


def winograd_table(found):
    table = Table("winograd", "Winograd's F(2x2, 3x3)")
    sums = {}
    for layer in found.winograd["layers"]:
        cells = {}
        for words, key in (
            ("dense", "dense"),
            ("pruned", "pruned"),
            ("dense, inputs", "dense_active"),
            ("active", "active"),
        ):
            direct, other = layer["direct"][key], layer["winograd"][key]
            sums.setdefault(words, [0, 0])
            sums[words][0] += direct
            sums[words][1] += other
            cells[words] = Cell(direct / other, "x", "measured", f"winograd.json, {layer['name']}: products before / behind")
        cells["weights not 0"] = Cell(
            f"{layer['weight_density']:.2f} > {layer['transformed_density']:.2f}", "", "measured", "winograd.json"
        )
        cells["inputs not 0"] = Cell(
            f"{layer['input_density']:.2f} > {layer['transformed_input_density']:.2f}", "", "measured", "winograd.json"
        )
        cells["different weights"] = Cell(
            f"{layer['values']} > {layer['transformed_values']}", "", "measured", "winograd.json"
        )
        table.put_cells(layer["name"], cells)
    for words, (direct, other) in sums.items():
        table.put("all", words, Cell(direct / other, "x", "measured", f"winograd.json: {direct} / {other} products"))
    for words in ("weights not 0", "inputs not 0", "different weights"):
        table.put("all", words, Cell("", "", "measured", "each layer's own"))
    return table
