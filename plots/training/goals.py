"""The project's own goals for trained networks, each beside what was found."""

from dataclasses import dataclass, replace

from plots.core.cells import Cell, deviation, difference, missing
from plots.core.grid import Table
from plots.training.spread import Spread
from plots.training.tables import BYTES, FILE, LESS_DENSE, POINTS, RATE, spread

REACHED, MISSED = "reached", "missed"
WHOSE = "the project's goal"
MOST_ABOVE_POINTS, MOST_ABOVE_PCT = 0.05, 8  # of the recipe `paper` above what the paper prints


@dataclass(frozen=True)
class Goal:
    key: str  # of its remark in notes.csv
    network: str
    recipe: str
    words: str
    limit: Cell
    at_least: bool
    column: str  # of the seeds' table; CPU: the slowest seed


def _own(value, unit, decimals):
    return Cell(value, unit, "assumed", WHOSE, text=f"{value:.{decimals}f}")


def _paper_goals(printed, network):
    error = printed.network(network, "top1_error_after_pct", "%")
    size = printed.network(network, "size_after_kb", "kB")
    if error is None or size is None:
        return
    most = Cell(
        error.value + MOST_ABOVE_POINTS, "%", "derived", f"{WHOSE}: printed + {MOST_ABOVE_POINTS} points: {error.source}"
    )
    yield Goal(f"{network}-paper-error", network, "paper", "mean error", most, False, FILE)
    bytes_ = 10 * (100 + MOST_ABOVE_PCT) * size.value
    most = Cell(bytes_, "bytes", "derived", f"{WHOSE}: printed + {MOST_ABOVE_PCT} %: {size.source}", text=f"{bytes_:.0f}")
    yield Goal(f"{network}-paper-bytes", network, "paper", "mean bytes of the file", most, False, BYTES)


def goals(printed):
    small, large = "lenet-300-100", "lenet-5"
    yield Goal(f"{small}-rate", small, "best", "mean rate, whole file", _own(100, "x", 0), True, RATE)
    yield Goal(
        f"{small}-difference", small, "best", "mean paired difference to dense", _own(0.05, POINTS, 2), False, LESS_DENSE
    )
    yield Goal(f"{small}-error", small, "best", "mean error", _own(1.55, "%", 2), False, FILE)
    yield from _paper_goals(printed, small)
    yield Goal(
        f"{small}-time", small, "best", "one seed whole, the slowest, CPU seconds of one core", _own(90, "s", 0), False, ""
    )
    yield Goal(f"{large}-rate", large, "best", "mean rate, whole file", _own(100, "x", 0), True, RATE)
    yield Goal(f"{large}-error", large, "best", "mean error", _own(0.8, "%", 2), False, FILE)
    yield from _paper_goals(printed, large)
    yield Goal(
        f"{large}-time", large, "best", "one seed whole, the slowest, CPU seconds of one core", _own(600, "s", 0), False, ""
    )


def _found(goal, training):
    """The cell that is judged, and its standard error or None."""
    if not goal.column:
        slowest = Spread([seed.cpu_seconds for seed in training.seeds], "s", f"CPU seconds, {training.name}", 0)
        return slowest.rows()["greatest"], None
    its = spread(training, goal.column)
    mean = its.mean()
    if goal.column == BYTES:
        mean = replace(mean, text=f"{mean.value:.0f}")
    return mean, its.error() if its.error_value is not None else None


def _off(goal, found):
    if goal.limit.unit in ("%", POINTS):
        return difference(found, goal.limit, f"found - limit: {goal.limit.source}", POINTS, 3)
    return deviation(found, goal.limit, f"found / limit: {goal.limit.source}")


def verdict(goal, found):
    """By the numbers themselves, not as they are rounded."""
    reached = found.value >= goal.limit.value if goal.at_least else found.value <= goal.limit.value
    return REACHED if reached else MISSED


def goals_table(trainings, printed, remarks):
    """`remarks`: {key of a goal: what limits it}"""
    by_name = {(training.network, training.recipe): training for training in trainings if training.is_tested}
    table = Table("goals", "The goals", corner="goal", decimals={"standard error": 3})
    for goal in goals(printed):
        row = f"{goal.network}, `{goal.recipe}`: {goal.words}"
        training = by_name.get((goal.network, goal.recipe))
        asked = Cell("at least" if goal.at_least else "at most", "", "derived", WHOSE)
        if training is None:
            none = missing("not run", "measured", f"{goal.network} by recipe {goal.recipe}: no seed", reason="not run")
            table.put_cells(row, {"verdict": none, "found": none, "asked": asked, "limit": goal.limit})
            continue
        found, error = _found(goal, training)
        off = _off(goal, found)
        seeds = len(training.seeds)
        cells = {
            "verdict": Cell(verdict(goal, found), "", "derived", "found against the limit"),
            "found": found,
            "asked": asked,
            "limit": goal.limit,
            "off by": off,
            "unit": Cell(off.unit, "", "derived", "of the column before"),
            "seeds": Cell(seeds, "", "derived", f"seeds: {training.name}", text=str(seeds)),
        }
        if error is not None:
            cells["standard error"] = error
        if goal.key in remarks:
            cells["what limits it"] = Cell(remarks[goal.key], "", "derived", "notes.csv")
        table.put_cells(row, cells)
    return table
