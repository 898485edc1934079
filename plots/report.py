"""Turns one results file of `eie bench` into tables, Fig. 6 and the headline. Measures nothing.

    python3 plots/report.py RESULTS.json [--out DIR] [--data DIR] [--quiet]

Exit codes: 0 good, 2 usage or bad input, 3 the output could not be written.
"""

import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import fig6  # noqa: E402
import headline  # noqa: E402
import hosttables  # noqa: E402
import papertables  # noqa: E402
from load import InputError, load, one_line  # noqa: E402
from modelrows import model_kernels  # noqa: E402
from published import Published  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MACHINE_KEYS = (("processor", "eie_cpu_name"), ("CPU features", "eie_cpu_features"), ("cores", "eie_cores"),
                ("date", "date"), ("revision", "eie_revision"), ("compiler", "eie_compiler"),
                ("flags", "eie_compiler_flags"), ("build type", "eie_build_type"), ("OpenBLAS", "eie_openblas"),
                ("governor", "eie_governor"), ("energy", "eie_host_energy"))
HIDDEN_KEYS = {"host_name", "executable", "caches", "library_build_type", "eie_format"}

CONTAINS = """\
- Times of this host are medians over repetitions of one call, in wall time. They contain all work that
  depends on the inputs: finding the non-zero inputs, the product, bias, activation and rounding. They do
  not contain the preparation of the weights, nor copying inputs in and outputs out.
- Rows of float32 libraries compute the product alone, without bias, activation and rounding.
- cache hot repeats one copy of the weights; cache llc rotates copies so that the private caches do not
  hold them.
- The published CPU, GPU and mGPU times are those of Table IV. Copies to the GPU are not in them, and at
  batch 64 they are per input vector. Their sparse versions are float CSR.
- EIE's published times are its authors' simulation. Like the model's they contain no cost for inputs or
  outputs beyond the register files, none for loading weights, and no DRAM.
- Reference, approximate and suspect rows, and real layers, are in no mean and no headline."""


def build(results, published):
    """All tables in reading order, the two of Fig. 6, and the headline lines."""
    tables = [papertables.table3(results, published), papertables.table4_published(published)]
    tables += [papertables.table4_model(results, published, kernel) for kernel in model_kernels(results)]
    tables += hosttables.host_tables(results)
    upper, lower = fig6.fig6_published(results, published), fig6.fig6_host(results, published)
    tables += [upper, fig6.fig6_labels(upper, published)] + ([lower] if lower else [])
    speed, host = headline.speed_table(results, published), headline.host_table(results, published)
    energy = headline.energy_table(results, published)
    tables += [speed, host, energy, headline.per_layer_energy(results, published),
               papertables.table5(results, published)]
    other = papertables.table_other_designs(results)
    tables += ([other] if other.rows else []) + [hosttables.table_missing(results)]
    lines = {"Speed": headline.speed_lines(speed, published), "Speed, this host": headline.host_lines(host, results),
             "Energy": headline.energy_lines(energy, results)}
    return tables, upper, lower, lines


def context_lines(context):
    known = [key for _, key in MACHINE_KEYS]
    lines = [f"- {words}: {_text(context[key])}" for words, key in MACHINE_KEYS if key in context]
    lines += [f"- {key}: {_text(value)}" for key, value in sorted(context.items())
              if key not in known and key not in HIDDEN_KEYS]
    absent = [words for words, key in MACHINE_KEYS if key not in context]
    return lines + ([f"- not in the file: {', '.join(absent)}"] if absent else [])


def _text(value):
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return one_line(value)


def warnings(results):
    lines = [] if results.rows else ["The results file has no usable row: only published and recomputed "
                                     "numbers follow."]
    lines += [] if model_kernels(results) else ["No row of the accelerator model."]
    note = hosttables.baseline_note(results)
    return lines + ([note] if note else [])


def markdown(results, tables, lines):
    parts = ["# EIE: published, modelled, measured", f"From `{os.path.basename(results.path)}`: "
             f"{len(results.rows)} usable rows, {len(results.missing)} without a number. The letter after a "
             "value says where it comes from; the legend stands under each table."]
    parts += [f"**{warning}**" for warning in warnings(results)]
    for title, texts in lines.items():
        parts += [f"## {title}", "\n".join(f"- {text}" for text in texts)]
    parts += ["## Fig. 6", "![Speed-up over dense CPU, published and this host](fig6_speedup.png)",
              "Upper panel: over the published CPU. Lower panel: over this host, which is another baseline; "
              "bars of the two panels do not compare. The numbers stand in fig6_speedup.csv and fig6_host.csv.",
              "## Tables"]
    parts += [table.markdown() for table in tables]
    parts += ["## Where the numbers come from", "\n".join(context_lines(results.context)),
              "What the numbers contain, and what they do not:", CONTAINS]
    return "\n\n".join(parts) + "\n"


def terminal(results, tables, lines, out):
    parts = warnings(results) + [table.terminal() + "\n" for table in tables if table.in_terminal]
    for title, texts in lines.items():
        parts += [title, "-" * len(title)] + texts + [""]
    parts += ["Context", "-------"] + context_lines(results.context) + ["", f"Written to {out}/report.md"]
    return "\n".join(parts)


def write(folder, files):
    """Each file whole or not at all: under a temporary name first, then renamed."""
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        handle, temporary = tempfile.mkstemp(prefix="." + name, dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, os.path.join(folder, name))
        except BaseException:
            os.unlink(temporary)
            raise


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="report.py", description="Tables, Fig. 6 and headline from one "
                                     "results file of `eie bench`, beside the published numbers.",
                                     epilog="example: python3 plots/report.py results.json --out report")
    parser.add_argument("results", metavar="RESULTS.json")
    parser.add_argument("--out", metavar="DIR", help="output folder (default: folder report beside the results)")
    parser.add_argument("--data", metavar="DIR", default=os.path.join(REPOSITORY, "data"),
                        help="folder with paper/ (default: data of the repository)")
    parser.add_argument("--quiet", action="store_true", help="write files, print nothing")
    options = parser.parse_args(arguments)
    out = options.out or os.path.join(os.path.dirname(os.path.abspath(options.results)), "report")
    try:
        results = load(options.results)
        published = Published(options.data)
        tables, upper, lower, lines = build(results, published)
    except InputError as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 2
    import figures  # late: matplotlib is slow to load, and bad input needs none of it

    pictures = figures.draw(upper, lower, published)
    files = {f"fig6_speedup.{kind}": data for kind, data in pictures.items()}
    files |= {f"{table.name}.csv": table.csv() for table in tables}
    files["report.md"] = markdown(results, tables, lines)
    try:
        write(out, files)
    except OSError as error:
        print(f"report.py: cannot write to {out}: {error.strerror or error}", file=sys.stderr)
        return 3
    if not options.quiet:
        print(terminal(results, tables, lines, out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
