"""Tables of one training: seeds, phases, layers, bytes, and the paper's row beside it."""

import statistics

from plots.core.cells import Cell, deviation, difference, missing, ratio
from plots.core.grid import Table
from plots.training.printed import TOTAL
from plots.training.spread import Spread

DENSE, FILE, LESS_DENSE, LESS_CONTROL, CONTROL = "dense", "file", "file less dense", "file less control", "control"
ONLY_DENSE, ONLY_FILE, ONLY_CONTROL = "wrong in dense alone", "wrong in the file alone", "wrong in the control alone"
BYTES, RATE, CPU = "bytes of the file", "rate", "CPU seconds"
VALIDATION = "validation, file"
POINTS = "points"
ERROR_DECIMALS = {"mean": 3, "standard deviation": 3, "standard error": 3}


def stem(training):
    return f"{training.network}-{training.recipe}"


def rate_of(training, seed):
    return training.dense_bytes / seed.bytes


def columns_of(training):
    """{column: (unit, decimals, sign, [a number a seed])}"""
    seeds = training.seeds
    columns = {}
    if training.is_tested:
        columns[DENSE] = "%", 2, False, [seed.test.first_pct for seed in seeds]
        for place, phase in enumerate(seeds[0].phases):
            if phase.kind == "prune" and all(seed.phases[place].test_pct is not None for seed in seeds):
                columns[f"after {phase.name}"] = "%", 2, False, [seed.phases[place].test_pct for seed in seeds]
        columns[FILE] = "%", 2, False, [seed.test.file_pct for seed in seeds]
        columns[LESS_DENSE] = POINTS, 2, True, [seed.test.file_pct - seed.test.first_pct for seed in seeds]
        columns[ONLY_DENSE] = "", 0, False, [seed.test.only_first for seed in seeds]
        columns[ONLY_FILE] = "", 0, False, [seed.test.only_file for seed in seeds]
    if training.has_control:
        columns[CONTROL] = "%", 2, False, [seed.control.first_pct for seed in seeds]
        columns[LESS_CONTROL] = POINTS, 2, True, [seed.control.file_pct - seed.control.first_pct for seed in seeds]
        columns[ONLY_CONTROL] = "", 0, False, [seed.control.only_first for seed in seeds]
        columns[f"{ONLY_FILE}, control right"] = "", 0, False, [seed.control.only_file for seed in seeds]
    columns[VALIDATION] = "%", 2, False, [seed.validation_pct for seed in seeds]
    if training.is_shared:
        columns[BYTES] = "bytes", 0, False, [seed.bytes for seed in seeds]
        columns[RATE] = "x", 1, False, [rate_of(training, seed) for seed in seeds]
    columns[CPU] = "s", 0, False, [seed.cpu_seconds for seed in seeds]
    return columns


def spread(training, column):
    unit, decimals, sign, values = columns_of(training)[column]
    finer = decimals + (unit in ("%", POINTS))
    return Spread(values, unit, f"{column}, {training.name}", finer, sign)


def seeds_table(training):
    table = Table(f"{stem(training)}-seeds", "Seeds", corner="seed")
    for column, (unit, decimals, sign, values) in columns_of(training).items():
        for seed, value in zip(training.seeds, values):
            derived = column in (LESS_DENSE, LESS_CONTROL, RATE)
            text = f"{value:+.2f}" if sign else ""
            source = f"{column}, seed {seed.number}: {seed.source}"
            table.put(str(seed.number), column, Cell(value, unit, "derived" if derived else "measured", source, text=text))
        for row, cell in spread(training, column).rows().items():
            table.put(row, column, cell)
        table.decimals[column] = decimals
    return table


def phases_table(training):
    """Means over the seeds."""
    table = Table(f"{stem(training)}-phases", "Phases", corner="phase")
    for place, phase in enumerate(training.seeds[0].phases):
        its = [seed.phases[place] for seed in training.seeds]
        _put_means(table, phase.name, its, training.name, f"mean of {len(its)} seeds", "derived")
    _decimals(table)
    return table


def every_phase_table(training):
    """For the CSV file: a row a seed and phase."""
    table = Table(f"{stem(training)}-every-phase", "Phases, seed by seed", corner="seed, phase")
    for seed in training.seeds:
        for phase in seed.phases:
            _put_means(table, f"{seed.number}, {phase.name}", [phase], seed.source, f"seed {seed.number}", "measured")
    _decimals(table)
    return table


def _put_means(table, row, phases, where, what, provenance):
    def put(column, unit, values):
        if None not in values:
            source = f"{column}, phase {phases[0].name}, {what}: {where}"
            table.put(row, column, Cell(statistics.fmean(values), unit, provenance, source))

    epochs = phases[0].epochs
    table.put(row, "epochs", Cell(epochs, "", "derived", f"the recipe's: {where}", text=str(epochs)))
    put("wall seconds", "s", [phase.seconds for phase in phases])
    put("CPU seconds", "s", [phase.cpu_seconds for phase in phases])
    put("loss", "", [phase.loss for phase in phases])
    put("validation", "%", [phase.validation_pct for phase in phases])
    put("test", "%", [phase.test_pct for phase in phases])
    put("validation, shared and not yet tuned", "%", [phase.shared_validation_pct for phase in phases])


def _decimals(table):
    table.decimals = {
        "epochs": 0,
        "wall seconds": 0,
        "CPU seconds": 1,
        "loss": 4,
        "validation": 3,
        "validation, shared and not yet tuned": 3,
        "test": 3,
    }


# ---- layers and bytes ----------------------------------------------------------------------------


def _mean_cell(values, unit, source):
    return Cell(statistics.fmean(values), unit, "derived", source)


def _layer_cells(training, place):
    its = [seed.layers[place] for seed in training.seeds]
    where = f"{its[0].name}, mean of {len(its)} seeds: {training.name}"
    weights = its[0].weights

    def mean(what, values, unit=""):
        return _mean_cell(values, unit, f"{what}, {where}")

    cells = {
        "weights": Cell(weights, "", "derived", f"outputs x inputs of {its[0].name}", text=str(weights)),
        "kept": mean("kept", [layer.kept for layer in its]),
        "kept, share": mean("kept / weights", [100 * layer.kept / weights for layer in its], "%"),
    }
    if all(layer.code_bits is not None for layer in its):
        cells |= {
            "bits of a code": mean("code_bits", [layer.code_bits for layer in its]),
            "entries": mean("entries", [layer.entries for layer in its]),
            "fillers": mean("fillers", [layer.fillers for layer in its]),
            "code, Huffman": mean("code_bits_huffman", [layer.code_bits_huffman for layer in its], "bits"),
            "run, Huffman": mean("run_bits_huffman", [layer.run_bits_huffman for layer in its], "bits"),
            "bytes": mean("bytes", [layer.bytes for layer in its], "bytes"),
            "of 32 bits a weight": mean("bytes / (4 x weights)", [25 * layer.bytes / weights for layer in its], "%"),
        }
    return cells


LAYER_DECIMALS = {
    "kept": 0,
    "kept, share": 2,
    "bits of a code": 0,
    "entries": 0,
    "fillers": 0,
    "code, Huffman": 2,
    "run, Huffman": 2,
    "bytes": 0,
    "of 32 bits a weight": 2,
}


def layers_table(training):
    table = Table(f"{stem(training)}-layers", "Layers", decimals=dict(LAYER_DECIMALS))
    for place, layer in enumerate(training.seeds[0].layers):
        table.put_cells(layer.name, _layer_cells(training, place))
    return table


def bytes_table(training):
    table = Table(f"{stem(training)}-bytes", "Bytes of the whole file", corner="part", decimals={"bytes": 1, "share": 1})
    means = {}
    for seed in training.seeds:
        for part, size in seed.parts.items():
            means.setdefault(part, []).append(size)
    total = statistics.fmean(seed.bytes for seed in training.seeds)
    what = f"mean of {len(training.seeds)} seeds: {training.name}"
    for part, sizes in means.items():
        size = sum(sizes) / len(training.seeds)
        table.put(part, "bytes", Cell(size, "bytes", "derived", f"{part}, {what}"))
        table.put(part, "share", Cell(100 * size / total, "%", "derived", f"{part} / whole file, {what}"))
    table.put("whole file", "bytes", Cell(total, "bytes", "derived", f"file_bytes, {what}"))
    table.put("whole file", "share", Cell(100.0, "%", "derived", "whole file / whole file"))
    return table


# ---- the paper's row -----------------------------------------------------------------------------

WHY_DENSE = "trained otherwise (dropout, decay, a cosine of the rate), on 55,000 of the 60,000 images"
WHY_ERROR = "as above, and retrained longer; the paper does not print its epochs"
WHY_BYTES = (
    "our file is whole, with header, biases and centroids; its runs need few fillers, codes go by their neighbours, and dead "
    "rows and columns are left out (`host/layer/network_file.h`)"
)
WHY_MORE = "our file is whole, with header, biases and centroids; whether the paper's bytes hold them is not said"
WHY_OTHERS = "fewer weights and bits than the paper's"


def paper_table(training, printed):
    """None where the paper has no such network."""
    if printed.network(training.network, "size_after_kb", "kB") is None or not training.is_tested:
        return None
    table = Table(f"{stem(training)}-paper", "Beside the paper's row", corner="")
    as_printed = training.recipe == "paper"
    size, rate = spread(training, BYTES).mean(), spread(training, RATE).mean()
    kilo = Cell(size.value / 1000, "kB", "derived", size.source)
    more = size.value > 1000 * printed.network(training.network, "size_after_kb", "kB").value
    why_bytes = WHY_MORE if more else WHY_BYTES if as_printed else f"{WHY_OTHERS}; {WHY_BYTES}"
    rows = (
        ("error, dense", spread(training, DENSE).mean(), "top1_error_before_pct", "%", WHY_DENSE),
        ("error, compressed", spread(training, FILE).mean(), "top1_error_after_pct", "%", WHY_ERROR),
        ("bytes, kB", kilo, "size_after_kb", "kB", why_bytes),
        ("rate", rate, "rate_huffman_x", "x", "follows from the bytes"),
    )
    for row, ours, column, unit, why in rows:
        paper = printed.network(training.network, column, unit)
        what = f"ours / {paper.source}"
        off = difference(ours, paper, what, POINTS, 2) if unit == "%" else deviation(ours, paper, what)
        cells = {"ours": ours, "printed": paper, "off by": off, "unit": _words(off.unit), "why": _words(why)}
        table.put_cells(row, cells)
    table.decimals = {"ours": 2, "printed": 0}
    return table


def _words(text):
    return Cell(text, "", "derived", "words")


def paper_layers_table(training, printed):
    """Sizes of the layers beside Deep Compression's Tables 2 and 3; None where there are none."""
    table = Table(
        f"{stem(training)}-paper-layers",
        "Layer by layer beside the paper's table",
        decimals={"code, ours": 2, "run, ours": 2},
    )
    for place, layer in enumerate(training.seeds[0].layers):
        cells = _layer_cells(training, place)
        size = printed.layer(training.network, place, "size_huffman_pct", "%")
        if size is None or "bytes" not in cells:
            return None
        ours = cells["of 32 bits a weight"]
        table.put_cells(
            layer.name,
            {
                "kept, ours": cells["kept, share"],
                "kept, printed": printed.layer(training.network, place, "weights_kept_pct", "%"),
                "code, ours": cells["code, Huffman"],
                "code, printed": printed.layer(training.network, place, "weight_bits_huffman", "bits"),
                "run, ours": cells["run, Huffman"],
                "run, printed": printed.layer(training.network, place, "index_bits_huffman", "bits"),
                "size, ours": ours,
                "size, printed": size,
                "off by": deviation(ours, size, f"ours / {size.source}"),
            },
        )
    total = printed.layer(training.network, TOTAL, "size_huffman_pct", "%")
    whole = spread(training, BYTES).mean()
    dense = Cell(training.dense_bytes, "bytes", "derived", "4 bytes a parameter")
    share = ratio(Cell(100 * whole.value, "bytes", "derived", whole.source), dense, "whole file / 4 bytes a parameter", "%")
    nothing = missing("none", "derived", "of layers only", reason="the whole file has no one such number")
    kept = statistics.fmean(seed.kept for seed in training.seeds)
    table.put_cells(
        "whole file",
        {
            "kept, ours": Cell(100 * kept / training.weights, "%", "derived", "kept / weights of all layers"),
            "kept, printed": printed.layer(training.network, TOTAL, "weights_kept_pct", "%"),
            **dict.fromkeys(("code, ours", "run, ours"), nothing),
            "code, printed": printed.layer(training.network, TOTAL, "weight_bits_huffman", "bits"),
            "run, printed": printed.layer(training.network, TOTAL, "index_bits_huffman", "bits"),
            "size, ours": share,
            "size, printed": total,
            "off by": deviation(share, total, f"ours / {total.source}"),
        },
    )
    return table
