"""How far a results file can be trusted: the machine, how quiet it was, what could be seen, what is to doubt."""

import math
import re
import statistics

from plots.core.cells import WIDE, Cell, number_text, percent, said_together
from plots.core.context import size_text
from plots.core.contradictions import contradictions as impossible
from plots.core.load import is_number, one_line
from plots.core.references import References
from plots.tables.baselines import notes, paths

CACHES = (("eie_l1d_bytes", "L1d"), ("eie_l2_bytes", "L2"), ("eie_l3_bytes", "L3"))
MOST_ROWS = 6  # named in a sentence
SHORT = ("probe", "its best", "steal", "samples disturbed")  # words of how quiet a run was, where a line is short
LONG = ("a fixed loop took in the middle", "its least time", "the hypervisor took", "samples set apart as disturbed")
NAMED_OF_GROUP = 2  # of rows of which the same is said
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def machine(results, longest=None):
    """CPU, cores, caches, date, revision; `longest`: so many characters of the CPU's name at most."""
    context = results.context
    caches = [f"{name} {size_text(context[key])}" for key, name in CACHES if is_number(context.get(key))]
    parts = [str(context.get("eie_cpu_name", "unknown CPU"))[:longest]]
    parts += [f"{context['eie_cores']} cores"] if context.get("eie_cores") else []
    parts += caches + [str(context.get("date", "undated"))[: len("2000-01-01")]]
    return ", ".join(one_line(part) for part in parts + [f"revision {context.get('eie_revision', 'unknown')}"])


def _runs(results):
    runs = results.context.get("eie_runs")
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def limits(results):
    """What a CPU quota or a cpuset left of the machine; one sentence a run that says so."""
    found = []
    for run in _runs(results):
        limit = run.get("limits")
        if not isinstance(limit, dict):
            continue
        parts = [f"a CPU quota of {number_text(limit['cpu_quota'])} cores"] if is_number(limit.get("cpu_quota")) else []
        cores, whole = limit.get("cores"), results.context.get("num_cpus")
        if is_number(cores) and is_number(whole) and cores < whole:
            parts += [f"the CPU set {one_line(limit.get('cpuset', 'unknown'))}"]
        if parts:
            found.append(
                f"{' and '.join(parts)} left {number_text(cores) if is_number(cores) else 'few'} of "
                f"{number_text(whole) if is_number(whole) else 'the'} cores"
            )
    return list(dict.fromkeys(text[0].upper() + text[1:] + "." for text in found))


def quiet(results, words=SHORT):
    """How quiet the machine was, one sentence a run, in these words; how much was set apart."""
    runs = [(number, run["quiet"]) for number, run in enumerate(_runs(results)) if isinstance(run.get("quiet"), dict)]
    return [
        ("" if len(runs) == 1 else f"run {number}: ") + text
        for number, state in runs
        for text in [", ".join(_quiet_parts(state, words))]
        if text
    ] or ["not recorded"]


def _quiet_parts(state, words):
    probe, of_probe, steal, disturbed = words
    best, middle = state.get("probe_best_ns"), state.get("probe_median_ns")
    if is_number(best) and is_number(middle) and best > 0:
        yield f"{probe} {Cell(middle / best, 'x', 'derived', 'median of the probe / its best').said()} {of_probe}"
    for key, name in (("steal_share", steal), ("disturbed_share", disturbed)):
        if is_number(state.get(key)):
            yield f"{name} {percent(state[key], f'eie_runs, quiet, {key}', 'measured').said(1)}"
    loads = [
        Cell(state[key][0], "", "measured", f"eie_runs, quiet, {key}")
        for key in ("load_begin", "load_end")
        if isinstance(state.get(key), list) and state[key] and is_number(state[key][0])
    ]
    if loads:
        yield f"load {said_together(loads, ' to ', 1)}"


def disturbed(results):
    """Sentences on samples that were set apart, and on rows where they had to count."""
    rows = measured(results)
    recorded = [row for row in rows if "eie_disturbed_share" in row.raw or "eie_disturbed_ns" in row.raw]
    apart = [len(row.raw.get("eie_disturbed_ns", ())) for row in rows]
    every = sum(apart) + sum(len(row.samples) for row in rows)
    counted = disturbed_rows(results)
    lines = (
        [
            f"Samples left out as disturbed: {percent(sum(apart) / every, 'samples left out / all samples').said(1)}, "
            f"{sum(apart)} of {every}, from {sum(map(bool, apart))} of {len(rows)} rows."
        ]
        if recorded
        else []
    )
    if counted:
        lines.append(f"{_count(counted)} too few undisturbed samples, so the disturbed ones count ({_named(counted)}).")
    return lines


def disturbed_rows(results):
    """Those in whose medians disturbed samples count."""
    return [row for row in results.rows if row.raw.get("eie_disturbed_counted") is True]


def _count(rows):
    return "1 row has" if len(rows) == 1 else f"{len(rows)} rows have"


def _named(rows):
    labels = list(dict.fromkeys(row.label() for row in rows))  # wall and device time share one
    return "; ".join(labels[:MOST_ROWS]) + (f"; and {len(labels) - MOST_ROWS} more" if len(labels) > MOST_ROWS else "")


def measured(results):
    return [row for row in results.rows if not row.is_model]


def half_width(row):
    """Of the interval about its median, as a share; None: it has none."""
    return (row.interval[1] - row.interval[0]) / 2 / row.median_ns if row.interval else None


def resolution(results):
    """The smallest difference between two rows that the run could see, as a share; None: no intervals. A difference of
    two equally wide medians has the square root of two times their half width."""
    widths = [width for row in measured(results) for width in [half_width(row)] if width is not None]
    return math.sqrt(2) * statistics.median(widths) if widths else None


def resolution_words(results):
    share = resolution(results)
    return (
        "unknown: the rows have no intervals"
        if share is None
        else f"{percent(share, 'half widths of the intervals').said(1)} between two rows, by the median width of their intervals"
    )


def moved(results):
    """How many rows were visited once, and what of the drift between visits is in the intervals; one sentence, "" for a
    file without measured rows."""
    rows = measured(results)
    once = sum(len(row.visits or (0,)) == 1 for row in rows)
    if not rows:
        return ""
    count = f"{once} of {len(rows)} rows {'was' if once == 1 else 'were'} visited once"
    if results.drift is None:
        return f"{count}: how far rows move between visits is unknown, and not in their intervals."
    drift = percent(results.drift, "rows visited again")
    return f"{count}: their intervals include the {drift.said(1)} by which rows visited again have moved."


def moved_ratios(results):
    """The same of ratios; "" where `moved` says that nothing is known."""
    if results.drift is None:
        return ""
    drift = References(results).drift
    return (
        "How far ratios within visits move from visit to visit is unknown, and not in their intervals."
        if drift is None
        else f"Ratios within visits have moved by {percent(drift, 'ratios of rows visited again').said(1)} from visit to "
        "visit; their intervals include that."
    )


def wide(results):
    """Sentences on rows whose interval is wide, and on those that fell short of their target."""
    found, short = wide_rows(results), off_target(results)
    of_all = f"of {len(measured(results))} rows"
    return [
        text
        for rows, text in (
            (
                found,
                f"{len(found)} {of_all} have an interval wider than +-{100 * WIDE:.0f} % (marked !). "
                f"The widest: {_named(found)}.",
            ),
            (short, f"{len(short)} {of_all} are wider than their target; --resume continues with them."),
        )
        if rows
    ]


def wide_rows(results):
    """The widest first."""
    widths = [(width, row) for row in measured(results) for width in [half_width(row)] if width is not None]
    return [row for width, row in sorted(widths, key=lambda pair: -pair[0]) if width > WIDE]


def off_target(results):
    """Rows that the run would go on with: by their samples alone, as it goes itself."""
    return [
        row
        for row in measured(results)
        for ends in [row.sampled_interval]
        if ends and (ends[1] - ends[0]) / 2 / row.median_ns > (row.number("eie_target") or math.inf)
    ]


def counts(results, plain=False):
    """One line of how many rows there are of each kind of doubt, `plain`: in words that need no explanation; "" without
    one."""
    words = (
        ("known no better than", "wider than the run was asked for", "with disturbed samples for want of others")
        if plain
        else ("wide", "off target", "disturbed")
    )
    limit = f"+-{100 * WIDE:.0f} %"
    found = (
        (wide_rows(results), f"{words[0]} {limit}" if plain else f"{words[0]} ({limit})"),
        (off_target(results), words[1]),
        (disturbed_rows(results), words[2]),
    )
    parts = [f"{len(rows)} {words}" for rows, words in found if rows]
    parts = [f"of {len(measured(results))} rows {', '.join(parts)}"] if parts else []
    count = len(contradictions(results))
    return ", ".join(parts + ([f"{count} contradiction{'s' * (count > 1)}"] if count else []))


def contradictions(results):
    """What contradicts itself, in the words of the run and of its rows, and in the file's numbers."""
    lines = _of_file(results)
    lines += [f"{row.label()}: {text}." for row in results.rows for text in said_of(row)]
    lines += [f"{row.label()}: {text}." for row in results.rows for text in _failed_visit(row)]
    return list(dict.fromkeys(lines))


def _of_file(results):
    """What its numbers contradict, and what its runs say."""
    lines = [f"{text[0].upper()}{text[1:]}." for text in impossible(results)]
    return lines + [f"{one_line(text).rstrip('.')}." for run in _runs(results) for text in _texts(run.get("doubts"))]


def said_of(row):
    """What a row says against itself or others; sentences without their stop."""
    return [one_line(text).rstrip(".") for text in _texts(row.raw.get("eie_doubt"))]


def _failed_visit(row):
    words = row.raw.get("eie_failed_visit")
    return [f"a later visit brought no number: {one_line(words).rstrip('.')}"] if isinstance(words, str) else []


def grouped(results):
    """The same for few lines: rows of which the same is said, but for its numbers, share one."""
    groups = {}
    for row in results.rows:
        for text in said_of(row) + _failed_visit(row):
            groups.setdefault(NUMBER.sub("#", text), {}).setdefault(row.label(), text)
    lines = []
    for found in groups.values():
        texts = list(found.values())
        if len(found) == 1:
            lines.append(f"{next(iter(found))}: {texts[0]}.")
        else:
            names = list(found)[:NAMED_OF_GROUP]
            more = len(found) - len(names)
            lines.append(f"{len(found)} rows: {_with_ranges(texts)}: {'; '.join(names)}{f'; and {more} more' * (more > 0)}.")
    return list(dict.fromkeys(_of_file(results) + lines))


def _with_ranges(texts):
    """The sentence that they share, numbers that differ as "from to"."""
    columns = list(zip(*(NUMBER.findall(text) for text in texts)))
    ends = iter([(min(column, key=float), max(column, key=float)) for column in columns])
    return NUMBER.sub(lambda _: " to ".join(dict.fromkeys(next(ends))), texts[0])


def _texts(value):
    return [text for text in value if isinstance(text, str) and text.strip()] if isinstance(value, list) else []


def doubts(results, together=False):
    """What contradicts itself, or `together` in few lines; libraries that run code for an older CPU, or say that they do."""
    return (grouped(results) if together else contradictions(results)) + paths(results) + notes(results)


def head(results):
    """The lines with which a report begins."""
    return (
        [f"Machine: {machine(results)}."]
        + [f"Quiet: {text}." for text in quiet(results)]
        + limits(results)
        + [f"Smallest difference that this run could see: {resolution_words(results)}."]
        + [text for text in (moved(results), moved_ratios(results)) if text]
        + disturbed(results)
    )
