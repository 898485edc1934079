"""What somebody decides by, of one machine: who it is, a verdict in a sentence, the few numbers of a first screen.

report.html and summary.md begin with it, and the page of several machines has its rows from here."""

from plots.core.cells import Cell, missing, ratio
from plots.core.context import size_text
from plots.core.load import is_number, one_line
from plots.core.means import partial_mean
from plots.core.page import Card
from plots.core.published import EIE, LAYERS
from plots.core.references import DENSE, SPARSE, library_of, named
from plots.tables import quiet
from plots.tables.deviceenergy import processor_kind
from plots.tables.hostrows import headline_view
from plots.tables.hosttables import host_energy
from plots.tables.speed import NINE
from plots.tables.ways import published_mean

TIME, OVER_DENSE, OVER_SPARSE = "batch 1, time of a layer", "batch 1 over best dense", "batch 1 over best sparse"
EIE_OVER, BATCHED = "EIE over batch 1", "batch 64, time of an input"
NUMBERS = (OVER_DENSE, OVER_SPARSE, TIME, EIE_OVER, BATCHED)
LESS_IS_BETTER = (TIME, EIE_OVER, BATCHED)
BATCHES = (1, 64)


class Cockpit:
    def __init__(self, results, published):
        self.results, self.published = results, published
        self.views = {batch: headline_view(results, published, batch) for batch in BATCHES}
        self.eie = published_mean(published)
        self._numbers = {}

    def thread_counts(self):
        """One and the most, of either batch."""
        return sorted({count for view in self.views.values() if view for count in view.thread_counts()})

    def most(self):
        return max(self.thread_counts(), default=0)

    def numbers(self, threads):
        """{name of NUMBERS: cell}, each a mean over the nine layers of the best exact compressed kernel of each."""
        if threads not in self._numbers:
            self._numbers[threads] = self._at(threads)
        return self._numbers[threads]

    def _at(self, threads):
        found = {}
        for batch, view in self.views.items():
            if not view or threads not in view.thread_counts():
                why = f"no measured row of suite paper at batch {batch} on {_threads(threads)}"
                cell = missing("not run", "measured", why)
                found |= dict.fromkeys((TIME, OVER_DENSE, OVER_SPARSE, EIE_OVER) if batch == 1 else (BATCHED,), cell)
                continue
            layers = view.best_per_layer(threads)
            times = [cell for cell, _ in layers]
            what = f"{NINE}: best exact compressed kernel of each, cache {view.cache}, {view.thread_words(threads)}"
            if batch == 1:
                over = [
                    ratio(time, eie, "this host / EIE actual, Table IV")
                    for time, eie in zip(times, self.published.times(EIE, "actual"))
                ]
                found[TIME] = partial_mean(times, what)
                found[OVER_DENSE] = partial_mean(view.over(DENSE, layers, threads), f"{what} over best dense")
                found[OVER_SPARSE] = partial_mean(view.over(SPARSE, layers, threads), f"{what} over best sparse")
                found[EIE_OVER] = partial_mean(over, f"{what}: time over EIE actual, Table IV")
            else:
                found[BATCHED] = partial_mean(times, f"{what}, time of the call / 64")
        return found

    def per_layer(self, batch, threads):
        """{layer: time of its best exact compressed kernel}"""
        view = self.views[batch]
        if not view or threads not in view.thread_counts():
            return {layer: missing("not run", "measured", f"no such row at batch {batch}", "us") for layer in LAYERS}
        return {layer: cell for layer, (cell, _) in zip(LAYERS, view.best_per_layer(threads))}

    def reference_names(self, kind, batch=1):
        """Whose rows these are, and of how many layers; without versions."""
        view = self.views[batch]
        if not view or not view.thread_counts():
            return ""
        return named(view.reference(kind, view.thread_counts()[-1]), lambda row: library_of(row).partition(" ")[0])

    def verdict(self):
        """The sentence that a reader takes away."""
        numbers = self.numbers(self.most())
        if not numbers[TIME].is_number:
            return "No verdict: this file has no measured row of suite paper at batch 1 on this processor."
        view = self.views[1]
        parts = [
            f"At batch 1 on {view.thread_words(self.most())}, cache {view.cache}, the best exact compressed kernels take "
            f"**{numbers[TIME].said()}** a layer, geometric mean, where EIE's authors simulated {self.eie.said(1)}"
        ]
        over = [
            f"**{numbers[name].said()}** as fast as the best {kind} float32 rows"
            for name, kind in ((OVER_DENSE, DENSE), (OVER_SPARSE, SPARSE))
            if numbers[name].is_number
        ]
        parts += [f"they are {' and '.join(over)} of this run"] if over else []
        if numbers[BATCHED].is_number:
            parts.append(f"at batch 64 an input takes **{numbers[BATCHED].said()}**")
        return "; ".join(parts) + "."

    def cards(self):
        most = self.most()
        numbers = self.numbers(most)
        further = {
            OVER_DENSE: self.reference_names(DENSE) or "none ran",
            OVER_SPARSE: self.reference_names(SPARSE) or "none ran",
            TIME: f"EIE by its authors' simulation {self.eie.said(1)}; {_beside(numbers[EIE_OVER])}",
            BATCHED: f"cache {self.views[64].cache}" if self.views[64] else "not measured",
        }
        return tuple(
            Card(
                name,
                numbers[name],
                tuple(line for line in (f"on {_threads(most)}; {further[name]}", *self._with_one(name)) if line),
            )
            for name in (OVER_DENSE, OVER_SPARSE, TIME, BATCHED)
        )

    def _with_one(self, name):
        counts = self.thread_counts()
        if len(counts) < 2:
            return ()
        cell = self.numbers(counts[0])[name]
        return (f"{_threads(counts[0])}: {cell.said()} {cell.margin()}",) if cell.is_number else ()

    def energy(self):
        """The energy of this host, or why there is none."""
        view = self.views[1]
        if view and view.thread_counts():
            chosen = view.best_per_layer(view.thread_counts()[-1])
            joules = [host_energy(self.results, "uJ", view.row(column, layer)) for layer, (_, column) in zip(LAYERS, chosen)]
            mean = partial_mean(joules, f"{NINE}: energy of the best exact compressed kernel of each")
            if mean.is_number:
                words = "a layer, its power assumed" if processor_kind(self.results.rows) == "assumed" else "a layer"
                return " ".join(filter(None, ("this host needs", mean.said(), mean.margin(), words, mean.of_nine())))
        found = host_energy(self.results, "uJ")
        return found.reason

    def facts(self):
        """(name, words) pairs for the head of a page."""
        context = self.results.context
        caches = [f"{name} {size_text(context[key])}" for key, name in quiet.CACHES if is_number(context.get(key))]
        cores = [str(context.get("eie_cores", "unknown"))]
        if context.get("eie_hardware_threads") not in (None, context.get("eie_cores")):
            cores.append(f"{one_line(context['eie_hardware_threads'])} hardware threads")
        memory = context.get("eie_memory_bytes")
        pairs = (
            ("cores", one_line(", ".join(cores))),
            ("caches", ", ".join(caches)),
            ("memory", size_text(memory) if is_number(memory) else ""),
            ("features", one_line(context.get("eie_cpu_features") or "").replace(",", ", ")),
            ("system", one_line(context.get("eie_operating_system") or "")),
            ("date", one_line(context.get("date", "undated"))[: len("2000-01-01T00:00")].replace("T", " ")),
            ("revision", one_line(context.get("eie_revision", "unknown"))),
            ("quiet", "; ".join(quiet.quiet(self.results))),
            ("could see differences above", quiet.resolution_words(self.results)),
            ("energy", self.energy()),
        )
        return tuple((name, words) for name, words in pairs if words)

    def name(self):
        return one_line(self.results.context.get("eie_cpu_name") or "unknown CPU")


def _threads(count):
    return f"{count} thread{'' if count == 1 else 's'}"


def _beside(cell):
    if not cell.is_number:
        return "no ratio"
    if cell.value >= 1:
        return f"EIE is {cell.said()} as fast"
    return f"this machine is {Cell(1 / cell.value, 'x', cell.provenance, cell.source).said()} as fast"
