"""Machine, build, libraries and command of a results file as a few readable lines."""

from plots.core.load import one_line

SIZES = {"eie_l1d_bytes": "L1d", "eie_l2_bytes": "L2", "eie_l3_bytes": "L3", "eie_memory_bytes": "memory"}
GROUPS = (  # title: (words around the value, key)
    (
        "Machine",
        (
            ("{}", "eie_cpu_name"),
            ("{} cores", "eie_cores"),
            ("{} hardware threads", "eie_hardware_threads"),
            ("{} NUMA nodes", "eie_numa_nodes"),
            ("{} MHz", "mhz_per_cpu"),
            ("features {}", "eie_cpu_features"),
            ("without {}", "eie_isa_mask"),
        ),
    ),
    (
        "Memory",
        tuple((words + " {}", key) for key, words in SIZES.items())
        + (("transparent huge pages {}", "eie_transparent_huge_pages"), ("asked for: {}", "eie_huge_pages")),
    ),
    (
        "System",
        (
            ("{}", "eie_operating_system"),
            ("governor {}", "eie_governor"),
            ("frequency scaling {}", "cpu_scaling_enabled"),
            ("load average {}", "load_avg"),
        ),
    ),
    (
        "Build",
        (
            ("eiebench {}", "eie_version"),
            ("revision {}", "eie_revision"),
            ("{}", "eie_compiler"),
            ("{}", "eie_compiler_flags"),
            ("{}", "eie_build_type"),
            ("Google Benchmark {}", "eie_google_benchmark"),
        ),
    ),
    ("Energy", (("{}", "eie_host_energy"),)),
    ("Command", (("`{}`", "eie_command"),)),
    ("Date", (("{}", "date"),)),
)
HIDDEN = {"eie_runs", "host_name", "executable", "caches", "library_build_type", "eie_format", "num_cpus", "eie_map"}


def context_lines(results):
    context = results.context
    lines = []
    for title, keys in GROUPS:
        parts = [words.format(_text(key, context[key])) for words, key in keys if context.get(key) not in (None, "", [])]
        lines += [f"{title}: {', '.join(parts)}"] if parts else []
    lines += _run_lines(context.get("eie_runs"))
    libraries = sorted({_library(row) for row in results.rows if isinstance(row.raw.get("eie_library"), str)})
    lines += [f"Library: {text}" for text in libraries]
    known = HIDDEN | {key for _, keys in GROUPS for _, key in keys}
    others = [f"{key} {_text(key, value)}" for key, value in sorted(context.items()) if key not in known]
    return lines + ([f"Further: {', '.join(others)}"] if others else [])


def _run_lines(runs):
    """A line for each run that wrote into the file; rows name theirs by its number."""
    lines = []
    for number, run in enumerate(runs if isinstance(runs, list) else []):
        parts = [
            words.format(_text(key, run[key]))
            for words, key in (("{}", "date"), ("`{}`", "command"), ("load average {}", "load_avg"))
            if run.get(key)
        ]
        parts += _doctor_parts(run.get("doctor"))
        lines += [f"Run {number}: {', '.join(parts)}"] if parts else []
    return lines


def _doctor_parts(checks):
    """What a look at the machine before the run found to be known; nothing where all was good, or nobody looked."""
    keys = ("check", "state", "seen")
    checks = [
        check
        for check in (checks if isinstance(checks, list) else [])
        if isinstance(check, dict) and all(isinstance(check.get(key), str) for key in keys)
    ]
    for state, words in (("bad", "would spoil it"), ("warning", "to be known")):
        found = [check for check in checks if check["state"] == state]
        if found:
            yield f"{words}: " + "; ".join(f"{one_line(check['check'])}: {one_line(check['seen'])}" for check in found)


def _library(row):
    core = row.raw.get("eie_library_core")
    tried = row.raw.get("eie_library_tried")
    parts = (
        [row.kernel]
        + ([f"runs its {one_line(core)} code"] if core else [])
        + ([f"tried, time over the best: {one_line(tried)}"] if isinstance(tried, str) and tried else [])
    )
    return f"{one_line(row.raw['eie_library'])} ({', '.join(parts)})"


def _text(key, value):
    if key in SIZES and isinstance(value, (int, float)):
        return size_text(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " / ".join(_text(key, item) for item in value)
    return f"{value:.3g}" if isinstance(value, float) else one_line(value)


def size_text(size_bytes):
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if size_bytes >= size:
            return f"{size_bytes / size:.3g} {unit}"
    return f"{size_bytes / 1024:.3g} KiB"
