"""What a results file says that cannot all be true, and no row alone shows: sentences for a reader who has to doubt it."""

import datetime
import math

from plots.core.load import is_number, one_line

MOST_AHEAD = datetime.timedelta(days=1)  # clocks and time zones
MOST_SHARE = 1.25  # of a bound whose ceiling was measured as well; more no noise explains
MOST_NAMED = 3


def contradictions(results):
    return [*_of_date(results), *_of_threads(results), *_of_bounds(results)]


def _of_date(results):
    text = results.context.get("date")
    try:
        date = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return
    now = datetime.datetime.now(date.tzinfo)
    if date > now + MOST_AHEAD:
        yield f"the file is dated {one_line(text)}, which is still to come"


def _of_threads(results):
    every = results.context.get("eie_hardware_threads", results.context.get("num_cpus"))
    if not is_number(every) or every < 1:
        return
    rows = [row for row in results.rows if not row.is_model and row.threads > every]
    if rows:
        yield f"the machine has {every:g} hardware thread{'s' * (every != 1)}, and {_some(rows)} ran on more"


def _of_bounds(results):
    rows = [row for row in results.rows if not row.is_model and (row.number("eie_floor_share") or 0) > MOST_SHARE]
    if rows:
        most = max(row.number("eie_floor_share") for row in rows)
        yield f"{_some(rows)} took less time than the bound allows, up to {most:.3g} times its speed"
    rows = [
        row
        for row in results.rows
        for floor, share in [(row.number("eie_floor_ns"), row.number("eie_floor_share"))]
        if not row.is_model and None not in (floor, share) and not math.isclose(share * row.median_ns, floor, rel_tol=1e-3)
    ]
    if rows:
        yield f"{_some(rows)} ha{'s' if len(rows) == 1 else 've'} a share of the bound that is not the bound over the time"


def _some(rows):
    words = "; ".join(row.label() for row in rows[:MOST_NAMED])
    return words + (f"; and {len(rows) - MOST_NAMED} more rows" if len(rows) > MOST_NAMED else "")
