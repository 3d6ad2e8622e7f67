"""Terms as lines of a form."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from almanac.core.errors import BadRequest
from almanac.core.windows import Window
from almanac.forecasting.terms import Term
from almanac.portal.term_lines import read, written

MADRID = ZoneInfo("Europe/Madrid")
EASTER = Term(Window(datetime(2027, 3, 19, 23, tzinfo=UTC), datetime(2027, 4, 4, 22, tzinfo=UTC)), "easter", 0.3)
EXAM = Term(Window(datetime(2027, 3, 10, 7, tzinfo=UTC), datetime(2027, 3, 10, 11, tzinfo=UTC)), "exams", 2.0)


def test_whole_days_are_days_and_the_rest_instants():
    assert written((EASTER, EXAM), MADRID).splitlines() == [
        "easter 2027-03-20 2027-04-04 0.3",
        "exams 2027-03-10T07:00:00+00:00 2027-03-10T11:00:00+00:00 2",
    ]
    assert written((), MADRID) == ""


@pytest.mark.parametrize("zone", [MADRID, ZoneInfo("UTC"), ZoneInfo("America/New_York")])
def test_what_was_written_is_read_again(zone):
    assert read(written((EASTER, EXAM), zone), zone) == (EXAM, EASTER)


def test_without_a_factor_demand_is_as_usual_until_it_is_learnt():
    assert read("exams 2027-03-10T08:00 2027-03-10T12:00", MADRID) == (Term(EXAM.window, "exams", 1.0),)
    assert read(" \n\n", MADRID) == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("easter", "Line 2 of the terms isn't understood: easter"),
        ("easter 2027-03-20 2027-03-40", "Line 2"),
        ("easter 2027-03-20 2027-03-21T10:00", "Line 2"),
        ("easter 2027-03-20 2027-03-19", "Line 2 of the terms: 2027-03-19 is before 2027-03-20"),
        ("easter 0001-01-01 2027-03-19", "Line 2 of the terms: .* is no time to plan for"),
        ("easter 2027-03-20T11:00 2027-03-20T10:00", "Line 2"),
        ("easter 2027-03-20 2027-03-21 0", "Line 2 of the terms: The factor"),
        ("easter 2027-03-20 2027-03-21 nan", "Line 2 of the terms: The factor"),
        ("easter 2027-03-20 2027-03-21 much", "Line 2"),
        ("easter 2027-03-20 2027-03-21 1 2", "Line 2"),
        ("Easter! 2027-03-20 2027-03-21", "Line 2"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(line, told):
    with pytest.raises(BadRequest, match=told):
        read(f"exams 2027-03-10 2027-03-10\n{line}", MADRID)


def test_more_than_a_plan_takes_is_refused():
    with pytest.raises(BadRequest, match="201 terms"):
        read("x 2027-03-10 2027-03-10\n" * 201, MADRID)
