"""The points of a map: which form of a layer is how fast at which densities, size and batch."""

import math
import re
from dataclasses import dataclass, field

from plots.core.load import InputError, Row, check_format, is_number, load

DENSE, INT8, SPARSE, COMPRESSED = "dense float32", "dense int8", "sparse float32", "compressed"
FORMS = (DENSE, INT8, SPARSE, COMPRESSED)  # that compete here
EIE = "EIE (modelled)"
FORMAT = "1"
CLOSE = 1.1  # times ahead below which another run may turn it round (EIE_TIE_TIMES)
SLOWER, TIE, FASTER = "slower", "tie", "faster"
SUITE = "shape"
NAME = re.compile(r"([1-9]\d{0,9})x([1-9]\d{0,7})-w([0-9][0-9.e-]{0,9})-a([0-9][0-9.e-]{0,9})", re.ASCII)


@dataclass
class Point:
    inputs: int
    outputs: int
    batch: int
    weights: float
    activations: float
    best: dict = field(default_factory=dict)  # form: the row that is fastest

    @property
    def panel(self):
        return self.inputs, self.outputs, self.batch

    def time(self, form):
        """Nanoseconds a call; infinite where there is no such row."""
        return self.best[form].median_ns if form in self.best else math.inf

    @property
    def winner(self):
        """Of the forms here; None where none has a number."""
        here = [form for form in FORMS if form in self.best]
        return min(here, key=self.time) if here else None

    @property
    def lead(self):
        """How many times longer the next form takes than the winner; None where there is no other."""
        others = [self.time(form) for form in FORMS if form in self.best and form != self.winner]
        return min(others) / self.time(self.winner) if others else None

    @property
    def is_close(self):
        """Whether the winner's interval and that of another form meet."""
        own = self.best[self.winner].interval
        others = (self.best[form].interval for form in FORMS if form in self.best and form != self.winner)
        return any(own is None or other is None or other[0] <= own[1] for other in others)

    @property
    def gain(self):
        """How many times faster leaving weights out is than dense float32; None where one side is missing."""
        return self.gain_of(SPARSE, COMPRESSED)

    def gain_of(self, *forms):
        """How many times faster the fastest of these forms is than dense float32; None where one side is missing."""
        fastest = min(map(self.time, forms))
        return self.time(DENSE) / fastest if DENSE in self.best and math.isfinite(fastest) else None

    def standing(self, *forms):
        """Of the fastest of these forms against dense float32: a tie where they are less than CLOSE times apart or their 95 %
        intervals meet; None where one side is missing."""
        gain = self.gain_of(*forms)
        if gain is None:
            return None
        one, other = self.best[DENSE], self.best[min((form for form in forms if form in self.best), key=self.time)]
        ends = [row.interval or (row.median_ns, row.median_ns) for row in (one, other)]
        if 1 / CLOSE < gain < CLOSE or ends[0][0] <= ends[1][1] and ends[1][0] <= ends[0][1]:
            return TIE
        return FASTER if gain > 1 else SLOWER

    @property
    def eie(self):
        """How many times faster EIE is, as modelled, than the winner; None where it is not known."""
        return self.time(self.winner) / self.time(EIE) if EIE in self.best and self.winner else None


@dataclass(frozen=True)
class Map:
    results: object  # plots.core.load.Results
    threads: int
    cache: str
    points: tuple  # those with a winner, by panel and densities
    without: tuple  # the others

    @property
    def panels(self):
        """{(inputs, outputs, batch): its points}, small layers first."""
        found = {}
        for point in sorted(self.points, key=lambda point: (point.batch, point.inputs * point.outputs, point.inputs)):
            found.setdefault(point.panel, []).append(point)
        return found


def form_of(row: Row):
    """None: a row that does not compete."""
    if row.is_model:
        return EIE if "estimate" in row.flags else None
    if row.time_source != "wall":
        return None
    if "exact" in row.flags:
        return COMPRESSED
    rounds = "approximate" in row.flags
    if "float32" not in row.flags or rounds and "dense" not in row.flags:
        return None
    if "dense" in row.flags:
        return INT8 if rounds else DENSE
    return SPARSE if "sparse" in row.flags else None


def _density(text):
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value <= 1 else None


def _point_of(row, path):
    found = NAME.fullmatch(row.layer)
    densities = (_density(found[3]), _density(found[4])) if found else (None,)
    if None in densities:
        raise InputError(f"{path}: {row.layer!r} of suite {SUITE} names no shape")
    return int(found[1]), int(found[2]), row.batch, *densities


def read_map(path):
    results = load(path)
    said = results.context.get("eie_map")
    if not isinstance(said, dict):
        raise InputError(f"{path}: holds results, but no map: eie map makes one")
    check_format(path, "context.eie_map.format", said.get("format"), FORMAT, "a map of `eie map`")
    threads, cache = said.get("threads"), said.get("cache")
    if not is_number(threads) or not isinstance(cache, str):
        raise InputError(f"{path}: context.eie_map has no threads or no cache")
    points = {}
    for row in results.rows + results.missing:
        if row.suite != SUITE or not row.is_model and (row.threads, row.cache) != (threads, cache):
            continue
        key = _point_of(row, path)
        point = points.setdefault(key, Point(*key))
        form = form_of(row)
        if form and row.usable and row.median_ns < point.time(form):
            point.best[form] = row
    order = sorted(points.values(), key=lambda point: (*point.panel, point.activations, point.weights))
    with_winner = tuple(point for point in order if point.winner)
    if not with_winner:
        raise InputError(f"{path}: the map has no point with a number")
    return Map(results, int(threads), cache, with_winner, tuple(point for point in order if not point.winner))


@dataclass(frozen=True)
class BreakEven:
    """Along one line of weight densities: the forms were clearly faster than dense float32 at `pays` and clearly slower at
    `not_at`, the first such density; None: at none of the line. `ties`: densities above `pays` and below `not_at` at which they
    were neither; `again`: those above `not_at` at which they were faster once more."""

    pays: float | None
    not_at: float | None
    ties: tuple = ()
    again: tuple = ()

    def _edge(self):
        if self.not_at is None:
            if self.pays is not None:
                return f"{percent(self.pays)}, the highest measured" if not self.ties else percent(self.pays)
            return "" if self.ties else "not known"
        if self.pays is None:
            return f"none, down to {percent(self.not_at)}" if not self.ties else f"not at {percent(self.not_at)}"
        return f"{percent(self.pays)} to {percent(self.not_at)}"

    def words(self):
        parts = [self._edge()]
        if self.ties:
            parts.append("a tie at " + ", ".join(map(percent, self.ties)))
        if self.again:
            parts.append("faster again at " + ", ".join(map(percent, self.again)))
        return "; ".join(filter(None, parts))


def break_even(line, *forms):
    """Of the faster of these forms, of points in the order of their weight density."""
    pays = not_at = None
    ties, again = [], []
    for point in line:
        standing = point.standing(*forms)
        if not_at is not None:
            again += [point.weights] * (standing == FASTER)
        elif standing == FASTER:
            pays, ties = point.weights, []
        elif standing == TIE:
            ties.append(point.weights)
        elif standing == SLOWER:
            not_at = point.weights
    return BreakEven(pays, not_at, tuple(ties), tuple(again))


def percent(share):
    return f"{100 * share:.3g} %"
