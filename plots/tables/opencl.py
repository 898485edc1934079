"""OpenCL on this host's processor: the best kernel of each layer beside the fastest dense rows and the published EIE."""

from plots.core.cells import Cell, missing, ratio
from plots.core.grid import Table
from plots.core.headline import Headline
from plots.core.means import partial_mean
from plots.core.published import EIE, LAYERS
from plots.core.references import BEST, DENSE
from plots.tables.hostrows import OTHER_RUN, SUITE, HostView, cell_of, exclusion, host_columns
from plots.tables.modelrows import MEAN_ROW
from plots.tables.speed import NINE

PREFIX, CACHE = "opencl:", "hot"
NAME = f"opencl_{SUITE}_batch1_{CACHE}"
KERNEL, WALL, DEVICE, OVER, ACTUAL_OVER = "kernel", "wall us", "device us", "over best dense", "EIE actual over it"
TITLE = f"OpenCL, this host's processor: batch 1, cache {CACHE}, " + NINE


def on_processor(results):
    """OpenCL devices of the results file that are this host's processor; one of unknown kind is."""
    facts = results.context.get("eie_devices")
    kinds = (
        {name: fact.get("type", "cpu") for name, fact in facts.items() if isinstance(fact, dict)}
        if isinstance(facts, dict)
        else {}
    )
    return sorted(
        {row.device for row in results.rows if row.device.startswith(PREFIX) and kinds.get(row.device, "cpu") == "cpu"}
    )


class Opencl:
    """Batch 1, hot; `table` is None where no exact kernel of such a device has a number."""

    def __init__(self, results, published):
        self.table, self._published = None, published
        view, devices = HostView(results, CACHE, published), on_processor(results)
        columns = [
            column
            for column in host_columns(results, SUITE, 1, CACHE)
            if column.device in devices
            and column.time_source == "wall"
            and not exclusion(view.rows(column))
            and view.is_exact(column)
        ]
        chosen = view.fastest(columns, "exact OpenCL kernel ran {}")
        if any(column for _, column in chosen):
            self.threads = max(view.thread_counts(), default=0)
            self.words = view.thread_words(self.threads)
            self.references = view.reference_names(DENSE, self.threads)
            self._fill(results, view, chosen)

    def _fill(self, results, view, chosen):
        table = self.table = Table(NAME, f"OpenCL on this host's processor, suite {SUITE}, batch 1, cache {CACHE}")
        over = view.over(DENSE, chosen, self.threads)
        actual = self._published.times(EIE, "actual")
        for index, (layer, (time, column)) in enumerate(zip(LAYERS, chosen)):
            table.put(
                layer,
                KERNEL,
                Cell(column.kernel, "", "measured", f"fastest by the wall's clock on {column.device}") if column else time,
            )
            table.put(layer, WALL, time)
            row = (
                results.one(
                    suite=SUITE,
                    layer=layer,
                    kernel=column.kernel,
                    device=column.device,
                    batch=1,
                    cache=CACHE,
                    time_source="device",
                )
                if column
                else None
            )
            table.put(layer, DEVICE, cell_of(row, layer) if column else time)
            table.put(layer, OVER, over[index])
            table.put(layer, ACTUAL_OVER, ratio(time, actual[index], "best OpenCL kernel, wall time / EIE actual, Table IV"))
        for column in (WALL, DEVICE, OVER, ACTUAL_OVER):
            table.put(
                MEAN_ROW,
                column,
                partial_mean(
                    [table.get(layer, column) for layer in LAYERS], f"{NINE}: best OpenCL kernel for each layer, {column}"
                ),
            )
        table.put(MEAN_ROW, KERNEL, missing("none", "measured", "kernels have no mean"))
        table.notes.append(
            f"The fastest exact kernel of each layer by the wall's clock. Best dense: on {self.words}, hot: "
            f"{self.references or 'none'}; it was timed in another group of the run, so how the machine "
            "drifts is in the ratio."
        )
        others = [layer for layer, cell in zip(LAYERS, over) if cell.is_number and OTHER_RUN in cell.source]
        if others:
            table.notes.append(f"OpenCL's row and the best dense row were {OTHER_RUN}: {', '.join(others)}.")

    def mean(self, column):
        return self.table.get(MEAN_ROW, column)

    def headline(self):
        head = Headline(TITLE, ["value"])
        head.put_row("best exact OpenCL kernel for each layer, wall time", [self.mean(WALL)])
        head.put_row("the same, device time", [self.mean(DEVICE)])
        head.put_row(f"faster than {BEST[DENSE]} on {self.words}", [self.mean(OVER)])
        head.put_row("EIE (published actual) faster than it", [self.mean(ACTUAL_OVER)])
        head.notes += self.table.notes + [f"Kernels and layers: {NAME}.csv."]
        return head
