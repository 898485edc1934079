"""The report as a page."""

import os

from plots.core.cells import LETTERS
from plots.core.context import context_lines
from plots.core.page import Contents, Figure, Page
from plots.tables.ceilings import ADDS_MEAN

CONTAINS = (
    "**The nine layers are generated.** They have the shapes and densities of Table III and random positions and "
    "weights, not the trained weights. `alexnet-fc8` is real, listed apart and in no mean.",
    "**Batch 1, one layer.** Each time is one matrix-vector product; no network, no latency of a whole request. "
    "Batch 64, where shown, is per input vector: time of the call / 64. EIE takes one input at a time, so its "
    "batch-1 time is compared with the others' batch 64.",
    "**Best dense and best sparse** are of each layer, batch, cache mode and thread count the fastest float32 row "
    "of this run, dense or CSR, whichever library's or our own, that passed its bound; each ratio says whose. "
    "Ratios are formed within the visits in which both rows were timed, interleaved, and of undisturbed samples "
    "of both; `~` marks a ratio, or a mean with one, that no such visit has, so that all samples of the common "
    "visits count, disturbed ones too: its interval reaches to the quotient with the least of them, and in a mean "
    "such widths add up. *Weak baseline* is said where best dense stays below 70 % of the measured bandwidth of "
    "the level that its weights can live in (batch 1; memory, where they are more than half of the L3 that the "
    "system reports) or 60 % of the measured float32 peak (larger batches, 600 inputs and more): a good library "
    "would make the ratio smaller.",
    "**+-** is half the width of a 95 % interval, `!` beside it marks more than 10 %. It holds the samples, how a "
    "row's or a ratio's visits differ, and how far the run's rows have moved between visits, which counts for a "
    "row that was visited once. Where that is not known the report's head says so. A mean takes a layer without "
    "an interval as wide as the widest of the others; `+-?` has nothing to go by. `min` is the least sample. `(7 "
    "of 9)` is a mean over the layers that have a number.",
    "**Cache.** `hot` repeats one copy of the weights, so that what fits into the caches stays there; a larger "
    "dense copy (Alex-6, VGG-6) may still stream from memory; `llc` rotates copies so that the private caches do "
    "not hold them. Times of this host are medians over repetitions, in wall time.",
    "**A kernel's time contains** all work that depends on the inputs: finding the non-zero inputs, the product, "
    "bias, activation, rounding. It does not contain preparing the weights or copying inputs and outputs.",
    "**Library peers** compute in float32 and stop at W a: no bias, activation or rounding.",
    "**Equal threads.** This host's kernels are compared at the same thread count only: 1 with 1, all with all.",
    "**Published CPU, GPU and mGPU times** are Table IV's, printed as wall time. The authors' public harness of "
    "2015 timed the CPU with process CPU time, which adds up over threads; whether the CPU times of Table IV were "
    "taken so is unknown. Copies to the GPU are not in them; the sparse versions are float CSR, without 4-bit "
    "weights and without the zeros of the inputs.",
    "**EIE's published times are its authors' simulation.** They contain no cost for inputs or outputs beyond the "
    "register files, none for loading weights, and no DRAM. The model shares this.",
    "**The model's expected time is an estimate in closed form with nothing fitted.** Suite `paper` predicts from "
    "Table III; the theoretical times of suite `paper-matched` are calibrated to Table IV.",
    "**Energy** of EIE is the chip without DRAM; that of the CPU is socket and DRAM. This host's energy is "
    "measured only where there is a number. Fig. 7's bars of NeuralTalk are cited: no paper prints the powers "
    "behind them, and those that they imply count as reproduced nowhere.",
    "**Claimed energy factors** multiply as if they were independent; the products say what would be saved at "
    "most, not what was measured.",
    "**Ceilings** of this host are the best of several loops, and a row's roofline bound is the least time that they allow.",
    "Reference, approximate and suspect rows, and real layers, are in no mean and no headline.",
)

MARKS_TEXT = (
    f'{LETTERS} `-` is a missing number; the reason is given under the table. "3x faster" means a third of the time.'
)
PICTURES = (  # section, file, alternative text, what it shows
    (
        "Fig. 6",
        "fig6_speedup",
        "Speed-up over dense CPU: published, modelled, and this host",
        "Upper panel: over the published CPU; bars are derived from the cited times of Table IV, marks are the model. "
        "Lower panels: this host's measured times over its own fastest dense float32 row, a library's or our own, with the "
        "same number of threads; EIE's bars there are this host's measured dense times over EIE's cited ones. Lines are 95 % "
        "intervals, `!` marks those wider than 10 %. That is another baseline: bars of different panels do not compare.",
    ),
    (
        "Fig. 7",
        "fig7_energy",
        "Energy efficiency over dense CPU: published and modelled",
        "Bars are the printed labels, over the published CPU. Those of the six AlexNet and VGG layers can be recomputed "
        "from printed powers and times; the paper gives no powers for NeuralTalk. Marks: the CPU's printed power x time "
        "over the model's energy.",
    ),
    (
        "Roofline",
        "roofline",
        "Useful multiply-adds per second over useful multiply-adds per byte, one point a kernel, with measured ceilings",
        "A point a kernel: geometric means over the layers of suite paper of useful multiply-adds (weight and input both "
        "non-zero) per second, over those per byte read or written. Lines are what this host did at best, by level of memory "
        f"and by kind of arithmetic. {ADDS_MEAN} `roofline_points.csv` has every layer's point, with padding.",
    ),
)


def document(results, trust, warnings, headlines, remarks, sections, drawn=True, pages=()):
    """The page. `trust`: sentences on how far the run is to be trusted; `remarks`: {heading: sentences}; `sections`:
    {heading: [table]}; `drawn`: the pictures are next to the file; `pages`: sentences on further pages."""
    page = Page("EIE: published, modelled, measured")
    page.add(
        f"From `{os.path.basename(results.path)}`: {len(results.rows)} usable rows, {len(results.missing)} without "
        f"a number. {MARKS_TEXT}",
    )
    page.bullets(trust).add(*(f"**{warning}**" for warning in warnings), Contents()).heading("Headline")
    for headline in headlines:
        page.table(headline)
    for heading, texts in remarks.items():
        page.heading(heading, 3).bullets(texts or ["Nothing that the run itself shows."])
    page.add("[POSTER.md](POSTER.md) goes through every number of the poster with which this project began.", *pages)
    for section, stem, words, text in PICTURES if drawn else ():
        page.heading(section).add(Figure(f"{stem}.png", words), f"{text} Vector version: [{stem}.svg]({stem}.svg).")
    for heading, tables in sections.items():
        page.heading(heading)
        for table in tables:
            page.table(table, file=f"{table.name}.csv")
    page.heading("What the numbers contain and what they do not").bullets(CONTAINS)
    return page.heading("Machine and build").bullets(context_lines(results))
