"""A few beside each other, and how many more: nothing overlaps in a lane, and nothing is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from almanac.core.windows import Window
from almanac.portal.lanes import LANES, Bundle, bundles, laid_out

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)
MARKS = [MONDAY + timedelta(days=day) for day in range(8)]


def span(start_h: float, lasting_h: float) -> Window:
    return Window.lasting(MONDAY + timedelta(hours=start_h), timedelta(hours=lasting_h))


spans = st.lists(st.builds(span, st.floats(0, 167), st.floats(0.1, 30)), max_size=40)


def test_those_that_come_first_are_shown_and_the_others_counted():
    ordered = [span(10, 2), span(11, 2), span(10, 1), span(10.5, 4), span(12, 1), span(11, 1.5)]
    fitting, left = laid_out(ordered)
    assert fitting == ordered[:5]
    assert left == ordered[5:]
    nine, noon = MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=12)
    assert list(bundles(left, MARKS)) == [Bundle(nine, noon, 1), Bundle(noon, noon + timedelta(hours=3), 1)]


def test_back_to_back_is_one_lane():
    assert laid_out([span(hour, 1) for hour in (3, 1, 0, 2)])[1] == []


def test_a_day_of_23_hours_ends_with_a_shorter_part():
    marks = [MONDAY, MONDAY + timedelta(hours=23)]
    assert [each.end for each in bundles([span(0, 23)], marks)][-1] == marks[-1]


@given(spans)
def test_never_more_beside_each_other_than_there_are_lanes(wanted):
    fitting, left = laid_out(wanted)
    assert len(fitting) + len(left) == len(wanted)
    for one in fitting:
        assert sum(other.contains(one.start) for other in fitting) <= LANES
    for one in left:
        beside = [other for other in fitting if other.start < one.end and one.start < other.end]
        assert len(beside) >= LANES


@given(spans)
def test_all_that_is_left_in_the_week_is_counted(wanted):
    for one in wanted:
        counted = list(bundles([one], MARKS))
        assert counted[0].start <= one.start < counted[0].end
        assert all(each.count == 1 for each in counted)
