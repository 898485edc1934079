"""A comparison as test cases (junit.py): what its exit code is made of fails, what it could not tell is skipped."""

from plots.compare.judging import CHOICE, DIFFERS, UNKNOWN
from plots.compare.junit import Case, junit
from plots.compare.matching import label, status

UNTOLD = (DIFFERS, "ambiguous", UNKNOWN)
NO_VERDICT = {
    CHOICE: "another kernel was chosen",
    "baseline": "others are judged against it, and it is not judged itself",
    "ratio": "two machines: no verdict",
}


def junit_of(comparison):
    cases = [_judged(comparison, row) for row in comparison.rows]
    matched = comparison.matched
    cases += [_failed(row, "missing in the new file") for row in matched.missing]
    cases += [_failed(row, "another layer under the same name") for _, row in matched.other_layer]
    for before, row in matched.statuses:
        if row.status == "mismatch" or (before, row) in comparison.lost:
            cases.append(_failed(row, f"{status(row)}: {row.reason}" if row.reason else status(row)))
    if comparison.is_slower and not comparison.count("slower"):
        cases.append(Case("all rows", "mean", failure=comparison.verdict()))
    return junit("eie bench", cases)


def _judged(comparison, row):
    words = f"{row.verdict}, new / old {row.used.value:.3f}"
    why = NO_VERDICT.get(row.verdict, "")
    if not why and (row in comparison.blind or row.verdict in UNTOLD):
        why = _blindness(comparison)
    return Case(
        row.new.kernel,
        label(row.new),
        failure=words if row.verdict == "slower" else "",
        skipped=f"{words}; {why}" if why else "",
        output=words,
    )


def _blindness(comparison):
    return "these files could not tell" if comparison.power is None else f"could not have seen {comparison.power:g} %"


def _failed(row, why):
    return Case(row.kernel, label(row), failure=why)
