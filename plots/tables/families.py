"""This host's kernels by family beside the libraries: what each instruction set gains, and over what."""

from plots.core.cells import missing
from plots.core.grid import Table
from plots.core.means import partial_mean
from plots.core.published import LAYERS
from plots.core.references import BEST, DENSE, SPARSE
from plots.tables.hostrows import HostView, headline_caches
from plots.tables.speed import NINE

BATCHES = (1, 64)
STREAM = "_eie_stream"  # the kernels that read the format as it lies in the file
FOLDERS = {"scalar": "scalar C", "avx2": "AVX2", "avx512": "AVX-512"}
LIBRARY = "peers_"


def family_of(kernel):
    """The words under which a kernel stands: folder and form; libraries and choosers stand for themselves."""
    words = FOLDERS.get(kernel.partition("_")[0])
    if not words:
        return kernel
    return words + (", on the EIE stream" if kernel.endswith(STREAM) else ", prepacked")


def family_tables(results, published):
    tables = []
    for batch in BATCHES:
        for cache in headline_caches(results, batch):
            view = HostView(results, cache, published, batch)
            if view.thread_counts():
                tables.append(_table(view))
    return tables


def _table(view):
    per_input = "" if view.batch == 1 else " per input"
    table = Table(
        f"families_batch{view.batch}_{view.cache}",
        f"Kernels by family and libraries, suite paper, batch {view.batch}{per_input}, cache {view.cache}, "
        f"wall time, {NINE}",
        corner="family",
    )
    for threads in view.thread_counts():
        _at_threads(table, view, threads)
    table.fill("not run at this thread count")
    table.notes.append(
        "A family takes its fastest exact kernel on each layer. Prepacked: the weights were laid out "
        "once beforehand, which is not in the time; on the EIE stream: they are read as the file has them. Least: "
        "the layer on which the family is worst against the float32 row that is fastest there; below 1x "
        "that one is faster. Float32 kernels and libraries (oneDNN: int8) stop at W a."
    )
    table.notes += [
        f"{BEST[kind][0].upper()}{BEST[kind][1:]} on {view.thread_words(threads)}: "
        f"{view.reference_names(kind, threads) or 'none'}."
        for kind in (DENSE, SPARSE)
        for threads in view.thread_counts()
    ]
    return table


def _at_threads(table, view, threads):
    words = view.thread_words(threads)
    families, libraries = {}, {}
    for column in view.cpu_columns(threads):
        library = column.kernel.startswith(LIBRARY) or view.is_float(column)
        if library or view.is_exact(column):
            (libraries if library else families).setdefault(
                column.kernel if library else family_of(column.kernel), []
            ).append(column)
    for name, columns in sorted(families.items(), key=lambda item: _order(item[0])) + sorted(libraries.items()):
        best = view.fastest(columns)
        table.put(name, f"{words}: us", partial_mean([cell for cell, _ in best], f"{NINE}: {name}, {words}"))
        overs = {kind: view.over(kind, best, threads) for kind in (DENSE, SPARSE)}
        for kind, cells in overs.items():
            table.put(name, f"{words}: over {BEST[kind]}", partial_mean(cells, f"{NINE}: {BEST[kind]} / {name}, {words}"))
        table.put(
            name,
            f"{words}: least",
            missing("none", "derived", "libraries are what it is measured by", "x") if name in libraries else _least(overs),
        )


def _order(name):
    """Scalar first, the stream before the prepacked, the choosers last."""
    folders = list(FOLDERS.values())
    folder = name.partition(",")[0]
    return folders.index(folder) if folder in folders else len(folders), name.endswith("prepacked"), name


def _least(overs):
    """The smallest ratio over the fastest float32 row of a layer; its source names both."""
    found = [
        min(cells, key=lambda cell: cell.value)
        for of_layer in zip(*overs.values())
        for cells in [[cell for cell in of_layer if cell.is_number]]
        if cells
    ]
    return (
        min(found, key=lambda cell: cell.value)
        if len(found) == len(LAYERS)
        else missing("incomplete", "derived", "not every layer ran beside a float32 row", "x")
    )
