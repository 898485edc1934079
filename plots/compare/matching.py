"""Which rows of two results files belong together, and whether the files may be compared at all."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from plots.core.load import InputError
from plots.core.references import DENSE, group_of, kind_of, named

MACHINE_KEYS = (
    "eie_cpu_name",
    "num_cpus",
    "eie_cores",
    "eie_hardware_threads",
    "eie_numa_nodes",
    "eie_l1d_bytes",
    "eie_l2_bytes",
    "eie_l3_bytes",
)
MACHINE_KEYS_NEEDED = ("eie_cpu_name", "num_cpus")
SETTING_KEYS = (
    "host_name",
    "eie_operating_system",
    "eie_compiler",
    "eie_compiler_flags",
    "eie_build_type",
    "eie_google_benchmark",
    "eie_isa_mask",
    "eie_governor",
    "eie_transparent_huge_pages",
    "eie_huge_pages",
    "eie_plugins",
)


@dataclass
class Matched:
    both: list = field(default_factory=list)  # (old, new), both with a number
    missing: list = field(default_factory=list)  # old rows without a new one
    added: list = field(default_factory=list)  # new rows without an old one
    other_layer: list = field(default_factory=list)  # (old, new) with different layer hashes
    statuses: list = field(default_factory=list)  # (old or None, new): status changed, or a mismatch
    numberless: int = 0  # rows that have no number in both files


def match(old, new, globs=()):
    olds, news = ({key(row): row for row in _selected(results, globs)} for results in (old, new))
    for glob in globs:
        if not any(fnmatchcase(row.kernel, glob) for row in list(olds.values()) + list(news.values())):
            raise InputError(f"--kernel '{glob}' matches no row of either file")
    if not olds.keys() & news.keys():
        raise InputError(f"{old.path} and {new.path} have no row in common" + (" for --kernel" if globs else ""))
    matched = Matched(
        missing=[row for place, row in olds.items() if place not in news],
        added=[row for place, row in news.items() if place not in olds],
    )
    for place in olds.keys() & news.keys():
        _sort_in(matched, olds[place], news[place])
    matched.statuses += [(None, row) for row in matched.added if row.status == "mismatch"]
    for rows in (matched.missing, matched.added):
        rows.sort(key=key)
    for pairs in (matched.both, matched.other_layer, matched.statuses):
        pairs.sort(key=lambda pair: key(pair[1]))
    return matched


def machine_differences(old, new):
    """["key: old -> new"] of what makes another machine of it."""
    for results in (old, new):
        for name in MACHINE_KEYS_NEEDED:
            if results.context.get(name) in (None, ""):
                raise InputError(f"{results.path}: context.{name} is missing: the machine is unknown")
    keys = MACHINE_KEYS
    if old.context.get("eie_isa_mask") == new.context.get("eie_isa_mask"):
        keys += ("eie_cpu_features",)  # a mask takes features away
    return _differences(old, new, keys)


def setting_differences(old, new):
    return _differences(old, new, SETTING_KEYS)


class Yardsticks:
    """For each group (suite, layer, batch, cache, threads) the dense float32 row that both files hold with equal library,
    version and code path, the fastest of several."""

    def __init__(self, old, new):
        olds, news = ({key(row): row for row in results.rows if kind_of(row) == DENSE} for results in (old, new))
        self.pairs = {}  # group: [(old, new)]
        self.groups = {group_of(row) for row in (*olds.values(), *news.values())}
        for place in sorted(olds.keys() & news.keys()):
            pair = olds[place], news[place]
            if _same_code(*pair) and pair[0].layer_hash == pair[1].layer_hash:
                self.pairs.setdefault(group_of(pair[0]), []).append(pair)
        for pairs in self.pairs.values():
            pairs.sort(key=lambda pair: (pair[0].median_ns * pair[1].median_ns, pair[0].kernel))

    def of_group(self, group):
        """(old, new) or None."""
        return next(iter(self.pairs.get(group, [])), None)

    def without(self):
        """How many groups have dense rows, but none that both files hold alike."""
        return len(self.groups - self.pairs.keys())

    def names(self):
        return named([pair[0] for group in self.pairs for pair in [self.of_group(group)]])


def _same_code(old, new):
    return all(old.raw.get(key) == new.raw.get(key) for key in ("eie_library", "eie_library_core"))


def status(row):
    """Its status; a row without a number is never ok."""
    return "error" if row.status == "ok" and not row.usable else row.status


def label(row):
    """The row in words that are safe to print."""
    text = row.label() + (f", {row.time_source} time" if row.time_source in ("device", "chain") else "")
    return printable(text)


def printable(text):
    return "".join(sign if sign.isprintable() else "?" for sign in str(text))


def _selected(results, globs):
    return [
        row for row in results.rows + results.missing if not globs or any(fnmatchcase(row.kernel, glob) for glob in globs)
    ]


def key(row):
    return (row.suite, row.layer, row.kernel, row.device, row.batch, row.threads, row.cache, row.time_source)


def _sort_in(matched, old, new):
    if old.layer_hash and new.layer_hash and old.layer_hash != new.layer_hash:
        matched.other_layer.append((old, new))
    elif old.usable and new.usable:
        matched.both.append((old, new))
    if status(old) != status(new) or new.status == "mismatch":
        matched.statuses.append((old, new))
    elif not new.usable:
        matched.numberless += 1


def _differences(old, new, keys):
    pairs = [(key, old.context.get(key), new.context.get(key)) for key in keys]
    return [
        f"{key.removeprefix('eie_')}: {printable(before)} -> {printable(after)}"
        for key, before, after in pairs
        if before != after and None not in (before, after)
    ]
