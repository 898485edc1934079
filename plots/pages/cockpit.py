"""What somebody decides by, of one machine: who it is, a verdict in a sentence, the few numbers of a first screen.

report.html and summary.md begin with it, and the page of several machines has its rows from here."""

import re

from plots.core.cells import WIDE, missing, percent, ratio
from plots.core.context import size_text
from plots.core.html import hover
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
ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)$")
FACT_SOURCES = (
    ("cores", "results file: context, eie_cores and eie_hardware_threads"),
    ("caches", "results file: context, eie_l1d_bytes, eie_l2_bytes and eie_l3_bytes"),
    ("memory", "results file: context, eie_memory_bytes"),
    ("features", "results file: context, eie_cpu_features"),
    ("system", "results file: context, eie_operating_system"),
    ("date", "results file: context, date"),
    ("revision", "results file: context, eie_revision"),
    (
        "quiet",
        "results file: context, eie_runs, quiet: the median time of a fixed loop over its least (derived); the share of time "
        "that the hypervisor took, and of samples that were set apart (measured); load averages of a minute (measured)",
    ),
    (
        "could see differences above",
        "median of the half widths of all rows' 95 % intervals x square root of 2, since two rows have an interval each "
        "(derived)",
    ),
    ("energy", "results file: eie_energy_state of the rows, else context, eie_host_energy"),
)


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

    def verdict_sources(self):
        """(number, where it is from) in the order of the verdict."""
        numbers = self.numbers(self.most())
        cells = [(numbers[TIME], None), (self.eie, 1)] + [
            (numbers[name], None) for name in (OVER_DENSE, OVER_SPARSE, BATCHED)
        ]
        return tuple((cell.said(decimals), hover(cell)) for cell, decimals in cells if cell.is_number)

    def trust(self):
        """What the warnings mean for the verdict: how sure its numbers are, and how many rows behind it are in doubt; ""
        without a verdict."""
        numbers = self.numbers(self.most())
        there = [numbers[name] for name in (OVER_DENSE, OVER_SPARSE, TIME, BATCHED) if numbers[name].is_number]
        if not numbers[TIME].is_number:
            return ""
        widths = [cell.half_width for cell in there if cell.half_width is not None]
        if len(widths) < len(there):
            sure = "How sure the numbers of the verdict are is unknown for want of samples: take them as hints"
        else:
            widest = percent(max(widths), "the widest interval of the verdict's numbers")
            narrow = max(widths) <= WIDE
            sure = f"The verdict's numbers are {'' if narrow else 'only '}known to +-{widest.said(1)} or better: " + (
                "they can be trusted that far, single rows less" if narrow else "run again, longer or on a quieter machine"
            )
        rows = self._behind()
        doubted = sum(bool(quiet.said_of(row)) for row in rows)
        disturbed = sum(row.raw.get("eie_disturbed_counted") is True for row in rows)
        return (
            f"{sure}; of the {len(rows)} rows behind them {doubted or 'none'} contradict{'s' * (doubted < 2)} others of the run "
            f"and {disturbed or 'none'} count{'s' * (disturbed < 2)} disturbed samples"
        )

    def _behind(self):
        """The rows that the numbers of a first screen are made of."""
        found, most = {}, self.most()
        for view in self.views.values():
            if view and most in view.thread_counts():
                best = [view.row(column, layer) for layer, (_, column) in zip(LAYERS, view.best_per_layer(most))]
                for row in best + view.reference(DENSE, most) + view.reference(SPARSE, most):
                    if row:
                        found[id(row)] = row
        return list(found.values())

    def cards(self):
        most = self.most()
        numbers = self.numbers(most)
        further = {
            OVER_DENSE: self.reference_names(DENSE) or "none ran",
            OVER_SPARSE: self.reference_names(SPARSE) or "none ran",
            TIME: f"EIE by its authors' simulation {self.eie.said(1)}; {EIE_OVER} {numbers[EIE_OVER].said()}",
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
            ("date", _date(one_line(context.get("date", "undated")))),
            ("revision", one_line(context.get("eie_revision", "unknown"))),
            ("quiet", "; ".join(quiet.quiet(self.results, quiet.LONG))),
            ("could see differences above", quiet.resolution_words(self.results)),
            ("energy", self.energy()),
        )
        return tuple((name, words) for name, words in pairs if words)

    def fact_sources(self):
        """(name, where it is from) of `facts`."""
        return FACT_SOURCES

    def name(self):
        return one_line(self.results.context.get("eie_cpu_name") or "unknown CPU")


def _threads(count):
    return f"{count} thread{'' if count == 1 else 's'}"


def _date(text):
    """To the minute, with its time zone."""
    minute, zone = text[: len("2000-01-01T00:00")].replace("T", " "), ZONE.search(text)
    return f"{minute} {'UTC' if zone[0] in ('Z', '+00:00') else zone[0]}" if zone else minute
