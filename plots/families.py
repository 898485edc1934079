"""This host's kernels by family beside the libraries: what each instruction set gains, and over what."""

from cells import geometric_mean, mean_ratio, missing, ratio
from grid import Table
from hostrows import HostView, headline_caches
from published import LAYERS
from speed import NINE

BATCHES = (1, 64)
STREAM = "_eie_stream"  # the kernels that read the format as it lies in the file
FOLDERS = {"scalar": "scalar C", "avx2": "AVX2", "avx512": "AVX-512"}
LIBRARY = "peers_"
SPARSE = {1: "peers_mkl_csr_mv", 64: "peers_mkl_csr_mm"}  # the paper's sparse baseline on its CPU


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
    table = Table(f"families_batch{view.batch}_{view.cache}",
                  f"Kernels by family and libraries, suite paper, batch {view.batch}{per_input}, cache {view.cache}, "
                  f"wall time, {NINE}", corner="family")
    for threads in view.thread_counts():
        _at_threads(table, view, threads)
    table.fill("not run at this thread count")
    table.notes.append("A family takes its fastest exact kernel on each layer. Prepacked: the weights were laid out "
                       "anew once, which is not in the time; on the EIE stream: they are read as the file has them. Least: "
                       "the layer on which the family is worst against the library that is fastest there; below 1x the "
                       "library is faster. Libraries compute in float32 (oneDNN: int8) and stop at W a.")
    return table


def _at_threads(table, view, threads):
    words = view.thread_words(threads)
    families, libraries = {}, {}
    for column in view.cpu_columns(threads):
        library = column.kernel.startswith(LIBRARY)
        if library or view.is_exact(column):
            (libraries if library else families).setdefault(family_of(column.kernel), []).append(column)
    sparse = next(iter(libraries.get(SPARSE[view.batch], [])), None)
    floats = [column for columns in libraries.values() for column in columns if view.is_float(column)]
    for name, columns in sorted(families.items(), key=lambda item: _order(item[0])) + sorted(libraries.items()):
        best = view.fastest(columns)
        times = [cell for cell, _ in best]
        table.put(name, f"{words}: us", geometric_mean(times, f"{NINE}: {name}, {words}"))
        table.put(name, f"{words}: over OpenBLAS", mean_ratio(
            [view.dense_times_for(column, threads)[index] if column else cell
             for index, (cell, column) in enumerate(best)], times, f"dense OpenBLAS / {name}, {words}"))
        table.put(name, f"{words}: over MKL CSR", mean_ratio(
            view.times_beside(sparse, best) if sparse else
            [missing("missing", "measured", f"no {SPARSE[view.batch]} on {words}", "us", "MKL's CSR did not run")]
            * len(LAYERS), times, f"{SPARSE[view.batch]} / {name}, {words}"))
        table.put(name, f"{words}: least", missing("none", "derived", "libraries are what it is measured by", "x")
                  if name in libraries else _least(view, best, floats, words))


def _order(name):
    """Scalar first, the stream before the prepacked, the choosers last."""
    folders = list(FOLDERS.values())
    folder = name.partition(",")[0]
    return folders.index(folder) if folder in folders else len(folders), name.endswith("prepacked"), name


def _least(view, best, libraries, words):
    """The smallest ratio of a layer's fastest library over the family, with the layer's and library's names."""
    found = []
    for index, (time, _) in enumerate(best):
        others = [(view.times_beside(column, best)[index], column) for column in libraries]
        others = [(cell, column) for cell, column in others if cell.is_number]
        if others and time.is_number:
            cell, column = min(others, key=lambda pair: pair[0].value)
            found.append(ratio(cell, time, f"{LAYERS[index]}, {words}: {column.kernel} / {time.source}"))
    if len(found) < len(LAYERS):
        return missing("incomplete", "derived", "not every layer ran beside a library", "x")
    return min(found, key=lambda cell: cell.value)
