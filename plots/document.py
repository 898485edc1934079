"""The report as Markdown, for reading on a code-hosting site."""

import os
import re

from context import context_lines

CONTAINS = """\
- **The nine layers are generated.** They have the shapes and densities of Table III and random positions
  and weights, not the trained weights. `alexnet-fc8` is real and stands apart, in no mean.
- **Batch 1, one layer.** Each time is one matrix-vector product; no network, no latency of a whole
  request. Batch 64, where shown, is per input vector.
- **Cache.** `hot` repeats one copy of the weights, so that what fits into the caches stays there; a larger
  dense copy (Alex-6, VGG-6) may still stream from memory; `llc`
  rotates copies so that the private caches do not hold them. Times of this host are medians over
  repetitions, in wall time.
- **A kernel's time contains** all work that depends on the inputs: finding the non-zero inputs, the product,
  bias, activation, rounding. It does not contain preparing the weights or copying inputs and outputs.
- **Library peers** compute in float32 and stop at W a: no bias, activation or rounding.
- **Equal threads.** This host's kernels are compared at the same thread count only: 1 with 1, all with all.
- **Published CPU, GPU and mGPU times** are Table IV's, printed as wall time. The authors' public harness of
  2015 timed the CPU with process CPU time, which adds up over threads; whether the CPU times of Table IV
  were taken so is unknown. Copies to the GPU are not in them; the sparse
  versions are float CSR, without 4-bit weights and without the zeros of the inputs.
- **EIE's published times are its authors' simulation.** They contain no cost for inputs or outputs beyond
  the register files, none for loading weights, and no DRAM. The model shares this.
- **The model's expected time is an estimate in closed form with nothing fitted.** Suite `paper` predicts
  from Table III; the theoretical times of suite `paper-matched` are calibrated to Table IV.
- **Energy** of EIE is the chip without DRAM; that of the CPU is socket and DRAM. This host's energy is
  measured only where a number stands.
- Reference, approximate and suspect rows, and real layers, are in no mean and no headline."""

LETTERS = "Letters: c cited, m measured here, e modelled, s simulated, d derived, k calibrated, a assumed."
MARKS_TEXT = (f"{LETTERS} `-` is a missing number; the reason stands under the table. \"3x faster\" means a third of "
              "the time.")
FIGURE = "![Speed-up over dense CPU: published, modelled, and this host](fig6_speedup.png)"
FIGURE_TEXT = ("Upper panel: over the published CPU; bars are derived from the cited times of Table IV, marks are the "
               "model. Lower panels: this host's measured times over its own dense OpenBLAS with the same number of "
               "threads; EIE's bars there are this host's measured dense times over EIE's cited ones. That is another "
               "baseline: bars of different panels do not compare. Vector version: [fig6_speedup.svg](fig6_speedup.svg).")


def markdown(results, warnings, headlines, missing, sections):
    """`missing`: sentences; `sections`: {heading: [table]}."""
    head = ["# EIE: published, modelled, measured",
            f"From `{os.path.basename(results.path)}`: {len(results.rows)} usable rows, {len(results.missing)} without "
            f"a number. {MARKS_TEXT}"]
    head += [f"**{warning}**" for warning in warnings]
    parts = ["## Headline"] + [head.markdown() for head in headlines]
    parts += ["### What is missing", "\n".join(f"- {text}" for text in missing)]
    parts += ["## Fig. 6", FIGURE, FIGURE_TEXT]
    for title, tables in sections.items():
        parts += [f"## {title}"] + [table.markdown() for table in tables]
    parts += ["## What the numbers contain and what they do not", CONTAINS,
              "## Machine and build", "\n".join(context_lines(results))]
    return "\n\n".join(head + _contents(parts) + parts) + "\n"


def _contents(parts):
    entries = []
    for part in parts:
        if part.startswith("## "):
            anchor = re.sub(r"[^\w\- ]", "", part[3:].lower()).replace(" ", "-")
            entries.append(f"- [{part[3:]}](#{anchor})")
    return ["## Contents", "\n".join(entries)]
