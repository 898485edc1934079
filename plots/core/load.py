"""Reads one results file of `eie bench` (Google Benchmark JSON with keys of our own) and checks it.

Anything that is wrong raises InputError with one line that says what and where.
"""

import contextlib
import json
import math
import os
import select
import stat
import statistics
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

import numpy

from plots.core import drift

FORMAT = "1"
STATUSES = ("ok", "unsupported", "skipped", "mismatch", "suspect", "error")
PROVENANCES = ("measured", "modelled", "simulated")
TEXT_KEYS = (
    "eie_suite",
    "eie_layer",
    "eie_layer_hash",
    "eie_kernel",
    "eie_device",
    "eie_cache",
    "eie_time_source",
    "eie_status",
)
COUNT_KEYS = ("eie_batch", "eie_threads")
LEAST_NS, MOST_NS = 1e-6, 1e21  # what can be a time: ratios of ratios stay finite
FEWEST_SAMPLES = 6  # for an interval, as in bench/measure/stats.h
FEWEST_OF_VISIT = 3  # for a median that says something of a visit
MOST_COUNT = 10**9  # inputs of a batch, threads
LEAST, MOST = 1e-60, 1e60  # what can be another number that is not 0

TIME_KEYS = (
    "eie_median_ns",
    "eie_part_baseline_ns",
    "eie_theoretical_ns",
    "eie_ci95_low_ns",
    "eie_ci95_high_ns",
    "eie_min_ns",
)


MOST_WORDS = 600  # characters of a message: what a file holds may be long


class InputError(Exception):
    """Bad input; the message is one line, and not endless."""

    def __init__(self, message):
        super().__init__(message if len(message) <= MOST_WORDS else message[:MOST_WORDS] + "...")


@dataclass(frozen=True)
class Row:
    suite: str
    layer: str
    layer_hash: str
    kernel: str
    device: str
    batch: int
    threads: int
    cache: str
    time_source: str
    status: str
    reason: str
    provenance: str
    flags: frozenset
    median_ns: float | None  # None: a row without a usable number
    raw: dict
    drift: float | None = None  # how far the rows of its file move from visit to visit; None: not known
    file: str = field(default="", compare=False)

    @property
    def usable(self):
        return self.median_ns is not None

    @property
    def is_model(self):
        return self.time_source == "model"

    @property
    def samples(self):
        return self.raw["eie_samples_ns"]

    @cached_property
    def visits(self):
        """{number of a visit of its group: (undisturbed samples, disturbed ones) from there}, those that were set apart
        too; None: the file knows no visits."""
        if "eie_visits" not in self.raw:
            return None
        found, disturbed = {}, set(self.raw.get("eie_disturbed_at", ()))
        numbers = [
            visit for visit, count in zip(self.raw["eie_visits"], self.raw["eie_visit_samples"]) for _ in range(count)
        ]
        for place, (visit, sample) in enumerate(zip(numbers, self.samples)):
            found.setdefault(visit, ([], []))[place in disturbed].append(sample)
        for visit, sample in zip(self.raw.get("eie_disturbed_visits", ()), self.raw.get("eie_disturbed_ns", ())):
            found.setdefault(visit, ([], []))[1].append(sample)
        return found

    @cached_property
    def counted(self):
        """(logarithms of the medians, variances of their errors, numbers of samples) of the visits as they count in the
        row's own median; of visits with fewer samples than FEWEST_OF_VISIT only where there is no other. Empty: the file
        knows no visits."""
        counts = self.raw["eie_visit_samples"] if "eie_visits" in self.raw else ()
        parts = [numpy.log(self.samples[end - count : end]) for count, end in zip(counts, accumulate(counts))]
        parts = [part for part in parts if len(part) >= FEWEST_OF_VISIT] or parts
        return (
            numpy.array([numpy.median(part) for part in parts]),
            [drift.median_error(part) for part in parts],
            [len(part) for part in parts],
        )

    @property
    def sampled_interval(self):
        """(low, high) of the median's 95 % interval in nanoseconds as the samples have it, without drift; None without
        one, or from too few samples."""
        if not self.is_model and len(self.samples) < FEWEST_SAMPLES:
            return None
        ends = self.number("eie_ci95_low_ns"), self.number("eie_ci95_high_ns")
        return None if None in ends else (min(ends[0], self.median_ns), max(ends[1], self.median_ns))

    @cached_property
    def interval(self):
        """The same with what is known of the drift between visits: the row's own visits, and the run's drift."""
        ends = self.sampled_interval
        if ends is None or self.is_model:
            return ends
        logs, errors, counts = self.counted
        half = drift.half_width(logs, errors, counts, self.drift) if len(logs) else 0.0
        return min(ends[0], self.median_ns * math.exp(-half)), max(ends[1], self.median_ns * math.exp(half))

    def number(self, key):
        """A further number of the row, or None; what no measurement gives is bad input."""
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        least, most = (LEAST_NS, MOST_NS) if key in TIME_KEYS else (LEAST, MOST)
        if not (least <= value <= most or value == 0 and key not in TIME_KEYS):
            where = f"{self.file}: " if self.file else ""
            raise InputError(f"{where}{self.label()}: {key} is {short(value)}, which cannot be")
        return float(value)

    def label(self):
        place = f"{self.threads} threads" if self.threads else self.device
        return f"{self.suite}/{self.layer}, {self.kernel}, {place}, batch {self.batch}, {self.cache}"


@dataclass(frozen=True)
class Results:
    path: str
    context: dict
    rows: tuple  # rows with a usable number, in file order
    missing: tuple  # all others
    drift: float | None = None  # standard deviation of a median's logarithm between visits; None: not known
    kept: dict = field(default_factory=dict, compare=False)  # what is computed of all rows, once

    @cached_property
    def _indexes(self):
        return {}

    def _index(self, names):
        """{values of these attributes: the rows that have them}"""
        if names not in self._indexes:
            found = self._indexes[names] = {}
            for row in self.rows + self.missing:
                found.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
        return self._indexes[names]

    def select(self, **wanted):
        """Usable and missing rows whose attributes equal the wanted ones."""
        return list(self._index(tuple(wanted)).get(tuple(wanted.values()), ()))

    def one(self, **wanted):
        """The one such row, or None. Among several (impossible for a whole key) the first."""
        return next(iter(self.select(**wanted)), None)


def load(path):
    return of_document(path, *read_document(path))


def of_document(path, context, lists):
    """What a results file holds whose context and arrays of rows these are."""
    rows, missing, seen = [], [], {}
    for array, entries in lists.items():
        for index, raw in enumerate(entries):
            where = f"{path}: {array}[{index}]"
            row = _row(raw, where, usable_expected=array == "benchmarks")
            key = (row.suite, row.layer, row.kernel, row.device, row.batch, row.threads, row.cache, row.time_source)
            if key in seen:
                raise InputError(f"{where}: same key as {seen[key]}: {row.label()}, {row.time_source}")
            seen[key] = f"{array}[{index}]"
            (rows if row.usable else missing).append(row)
    moved = drift.of_run([row.counted[:2] for row in rows if not row.is_model])
    return Results(
        str(path), context, tuple(replace(row, drift=moved, file=str(path)) for row in rows), tuple(missing), moved
    )


PIPE_WAIT_S = 5  # for the first writer of a named pipe


def _read_text(path):
    """A file's text; of a pipe what its writer gives. What has no end is refused, and so is a pipe without a writer."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # of a pipe: without waiting for a writer
    begin = b""
    with open(file, "rb") as stream:
        mode = os.fstat(file).st_mode
        if (stat.S_ISCHR(mode) and not os.isatty(file)) or stat.S_ISBLK(mode):
            raise InputError(f"{path}: is a device, not a file")
        if stat.S_ISFIFO(mode) and not select.select([file], [], [], PIPE_WAIT_S)[0]:
            with contextlib.suppress(BlockingIOError):  # the writer is there and has not written yet
                begin = os.read(file, 65536)
                if not begin:
                    raise InputError(f"{path}: is a pipe that nobody writes to")
        os.set_blocking(file, True)
        text = (begin + stream.read()).decode()
    if text.startswith("version https://git-lfs"):
        raise InputError(f"{path}: is a Git LFS pointer, not the file that it stands for: run 'git lfs pull'")
    return text


def read_json(path):
    """What a JSON file holds. Half a character, which no output could show, is a question mark."""
    try:
        text = _read_text(path)
        document = json.loads(text, parse_constant=_no_constant)
        if "\\ud" in text or "\\uD" in text:
            document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
        return document
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {one_line(error)}") from None


def is_newer(found, known):
    """Whether a format is what a later version would write: `known` ("1", "eie-explore-1") with a larger number at its
    end."""
    prefix = known.rstrip("0123456789")
    own, digits = known[len(prefix) :], found[len(prefix) :] if isinstance(found, str) and found.startswith(prefix) else ""
    return digits.isascii() and digits.isdigit() and digits[0] != "0" and (len(digits), digits) > (len(own), own)


def check_format(path, key, found, known, what):
    """InputError unless a file, of which `what` says what it should be, has the format that is known here."""
    if is_newer(found, known):
        raise InputError(f"{path}: written by a newer version of eie: {key} is {found!r}, this one reads {known!r}")
    if found != known:
        raise InputError(f"{path}: not {what}: {key} is {found!r}, not {known!r}")


def read_document(path):
    """(context, {array: rows}) of a results file, its rows unchecked: for of_document."""
    document = read_json(path)
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("context"), dict)
        or not isinstance(document.get("benchmarks"), list)
    ):
        raise InputError(f"{path}: not a results file of `eie bench`: no context or no benchmarks")
    context = document["context"]
    check_format(path, "context.eie_format", context.get("eie_format"), FORMAT, "a results file of `eie bench`")
    if not isinstance(document.get("eie_missing"), list):
        raise InputError(f"{path}: no array eie_missing; was the file cut by another tool?")
    return context, {"benchmarks": document["benchmarks"], "eie_missing": document["eie_missing"]}


def _row(raw, where, usable_expected):
    if not isinstance(raw, dict):
        raise InputError(f"{where}: not an object")
    for key in TEXT_KEYS:
        _need(isinstance(raw.get(key), str), where, key, "a string")
        _need(raw[key] or key == "eie_layer_hash", where, key, "not empty")
    for key in COUNT_KEYS:
        value = raw.get(key)
        _need(is_number(value) and 0 <= value <= MOST_COUNT and value == int(value), where, key, "a whole number")
    _need(raw["eie_batch"] >= 1, where, "eie_batch", "at least 1")
    status = raw["eie_status"]
    _need(status in STATUSES, where, "eie_status", "one of " + ", ".join(STATUSES))
    reason = raw.get("eie_reason") or ""
    _need(isinstance(reason, str), where, "eie_reason", "a string")
    flags = raw.get("eie_flags", [] if not usable_expected else None)
    _need(isinstance(flags, list) and all(isinstance(flag, str) for flag in flags), where, "eie_flags", "a list of words")
    provenance = raw.get("eie_provenance")
    if provenance is None and not usable_expected:
        provenance = "modelled" if raw["eie_time_source"] == "model" else "measured"
    _need(provenance in PROVENANCES, where, "eie_provenance", "one of " + ", ".join(PROVENANCES))
    median = None
    if usable_expected and status == "ok":
        median = raw.get("eie_median_ns")
        _need(
            is_number(median) and LEAST_NS <= median <= MOST_NS,
            where,
            "eie_median_ns",
            f"a time between {LEAST_NS:g} and {MOST_NS:g}",
        )
        median = float(median)
        _check_samples(raw, median, where)
    elif not reason:
        raise InputError(f"{where}: status {status} without eie_reason")
    return Row(
        raw["eie_suite"],
        raw["eie_layer"],
        raw["eie_layer_hash"],
        raw["eie_kernel"],
        raw["eie_device"],
        int(raw["eie_batch"]),
        int(raw["eie_threads"]),
        raw["eie_cache"],
        raw["eie_time_source"],
        status,
        one_line(reason),
        provenance,
        frozenset(flags),
        median,
        raw,
    )


def _check_samples(raw, median, where):
    """Nobody believes a median that its samples contradict."""
    samples = raw.get("eie_samples_ns")
    if samples is None and "eie_samples_ns" not in raw and raw["eie_time_source"] == "model":
        return
    times(raw, "eie_samples_ns", where)
    if not math.isclose(statistics.median(samples), median, rel_tol=1e-6):
        raise InputError(f"{where}: eie_median_ns is not the median of eie_samples_ns")
    for key in ("eie_disturbed_ns", "eie_run_medians_ns", "eie_run_lows_ns"):
        if key in raw:
            times(raw, key, where)
    _check_ends(raw, where)
    if "eie_part_baseline_ns" in raw:
        _need(is_time(raw["eie_part_baseline_ns"]), where, "eie_part_baseline_ns", "a time")
    _check_visits(raw, len(samples), where)


def _check_ends(raw, where):
    low, high = (raw[key] if is_number(raw.get(key)) else None for key in ("eie_ci95_low_ns", "eie_ci95_high_ns"))
    if None not in (low, high) and low > high:
        raise InputError(f"{where}: eie_ci95_low_ns lies above eie_ci95_high_ns")


def _check_visits(raw, samples, where):
    places = raw.get("eie_disturbed_at", [])
    _need(
        isinstance(places, list)
        and all(type(place) is int and 0 <= place < samples for place in places)
        and len(set(places)) == len(places),
        where,
        "eie_disturbed_at",
        "a list of places among eie_samples_ns",
    )
    if "eie_visits" not in raw:
        return
    visits, counts = raw["eie_visits"], raw.get("eie_visit_samples")
    _need(_are_counts(visits) and visits == sorted(set(visits)), where, "eie_visits", "a list of rising numbers from 1")
    _need(
        _are_counts(counts) and len(counts) == len(visits) and sum(counts) == samples,
        where,
        "eie_visit_samples",
        "how many of eie_samples_ns each visit gave",
    )
    if "eie_disturbed_ns" in raw or "eie_disturbed_visits" in raw:
        apart = raw.get("eie_disturbed_visits")
        _need(
            _are_counts(apart) and len(apart) == len(raw.get("eie_disturbed_ns", ())),
            where,
            "eie_disturbed_visits",
            "the visit of each of eie_disturbed_ns",
        )


def _are_counts(values):
    return isinstance(values, list) and len(values) > 0 and all(type(value) is int and value >= 1 for value in values)


def times(raw, key, where):
    """A list of times of a row, checked."""
    values = raw.get(key)
    if not isinstance(values, list) or not values or not all(map(is_time, values)):
        raise InputError(f"{where}: {key} is missing or not a list of times")
    return values


def is_time(value):
    return type(value) in (int, float) and LEAST_NS <= value <= MOST_NS


def one_line(text):
    return " ".join(str(text).split())


def _need(condition, where, key, what):
    if not condition:
        raise InputError(f"{where}: {key} is missing or not {what}")


def short(value):
    """A number as a message shows it, however many digits it has."""
    try:
        return f"{float(value):g}"
    except OverflowError:
        return "huge"


def is_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")
