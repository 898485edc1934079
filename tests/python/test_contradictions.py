"""Files whose numbers cannot all be true: refused, or named among what is to doubt, by every reader."""

import pytest
from conftest import DATA, fake_document
from test_compare import CONTEXT, STREAM, call, fails, results, row  # noqa: F401

from plots.compare import compare as compare_program
from plots.core.contradictions import contradictions
from plots.core.load import InputError, load
from plots.core.published import Published
from plots.pages.report import Report


def test_an_interval_whose_ends_are_exchanged(save, call):  # noqa: F811
    path = save(results(row(eie_ci95_low_ns=2957.0, eie_ci95_high_ns=952.0)), "a.json")
    with pytest.raises(InputError, match="eie_ci95_low_ns lies above eie_ci95_high_ns"):
        load(path)
    fails(call(compare_program, path, path), "eie_ci95_low_ns")


STORIES = {
    "a bound that was beaten": ({"eie_floor_share": 7.5}, {}, "took less time than the bound allows, up to 7.5 times"),
    "a share of another bound": ({"eie_floor_share": 0.5, "eie_floor_ns": 100.0}, {}, "is not the bound over the time"),
    "two threads on one": ({"eie_threads": 2}, {"eie_hardware_threads": 1}, "the machine has 1 hardware thread, and"),
    "a date to come": ({}, {"date": "2999-01-01T00:00:00+00:00"}, "the file is dated 2999-01-01"),
}


@pytest.mark.parametrize("what", STORIES)
def test_what_cannot_be_is_named_by_the_comparison(save, call, what):  # noqa: F811
    changes, context, words = STORIES[what]
    document = results(row(**changes))
    document["context"] = document["context"] | context
    (found,) = contradictions(load(save(document, "a.json")))
    assert words in found
    done = call(compare_program, save(document, "a.json"), save(document, "b.json"))
    assert f"to doubt, old: {found}" in done.out and f"to doubt, new: {found}" in done.out


def test_what_cannot_be_is_named_by_the_report(save):
    document = fake_document()
    assert contradictions(load(save(document))) == []
    document["context"] |= {"date": "2999-01-01T00:00:00+00:00"}
    document["benchmarks"][0]["eie_floor_share"] = 7.5
    report = Report(load(save(document)), Published(DATA))
    doubts = "\n".join(report.doubts)
    assert "The file is dated 2999-01-01" in doubts and "up to 7.5 times its speed" in doubts


def test_an_absurd_share_is_one_line(save, call):  # noqa: F811
    path = save(results(row(eie_floor_share=-5)), "a.json")
    fails(call(compare_program, path, path), "eie_floor_share")
