"""A plan's hours and days as the page of capacity tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from almanac.core.plan_places import Place
from almanac.core.windows import Window
from almanac.portal.local_times import LocalTimes
from almanac.portal.plan_hours import Day, Effect, Hour, Week, columns, days, effects, hours
from almanac.portal.views.capacity import Held, held, share
from almanac.services.dials import Dials
from almanac.services.plan_views import Coming, Past, PlaceState, PlaceView, PlansView, PlanView

NOW = datetime(2027, 3, 1, 10, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRESENT = datetime(2027, 3, 1, 10, tzinfo=UTC)


def plan(*, held=(2, 3), start=PRESENT, past=None):
    coming = Coming(start, (0.5, 0.9), ((0.5, 1.5), (1.0, 2.0)), (1, 2), (1, 0), held)
    return PlanView("spark-small", NOW, "Weeks.", False, (), False, 7.0, coming, past=past)


def test_expectations_stand_on_what_is_booked():
    assert hours(plan(), 0.9, NOW, 24, 24) == [
        Hour(PRESENT, booked=1, held=2, middle=1.5, high=2.5),
        Hour(PRESENT + HOUR, booked=0, held=3, middle=1.0, high=2.0),
    ]


@pytest.mark.parametrize(("quantile", "high"), [(0.5, 1.5), (0.8, 2.5), (0.95, 2.5)])
def test_a_quantile_that_the_plan_doesnt_know_is_the_next_that_it_does(quantile, high):
    assert hours(plan(), quantile, NOW, 1, 1)[0].high == high


def test_the_past_stands_before_and_unknown_stays_unknown():
    past = Past(PRESENT - 2 * HOUR, (None, 4), (None, 1), (2, None), (None, 0.5), (None, 1.5))
    both = hours(plan(past=past), 0.9, NOW, 2, 1)
    assert both[:2] == [
        Hour(PRESENT - 2 * HOUR, wanted=2),
        Hour(PRESENT - HOUR, booked=1, held=4, middle=1.5, high=2.5),
    ]
    assert hours(plan(past=past), 0.9, NOW, 1, 1) == both[1:]


def test_an_old_plan_begins_with_the_present_hour():
    old = plan(start=PRESENT - HOUR)
    assert [hour.at for hour in hours(old, 0.9, NOW, 24, 24)] == [PRESENT]
    assert hours(plan(start=PRESENT - 9 * HOUR), 0.9, NOW, 24, 24) == []


def test_what_is_tried_stands_beside_and_may_not_be_there():
    assert [hour.tried for hour in hours(plan(), 0.9, NOW, 1, 2, plan(held=(5, 6)))] == [5, 6]
    assert [hour.tried for hour in hours(plan(), 0.9, NOW, 1, 2, plan(held=()))] == [None, None]
    assert [hour.held for hour in hours(plan(held=()), 0.9, NOW, 1, 2)] == [None, None]


def test_days_are_the_readers():
    times = LocalTimes(ZoneInfo("Pacific/Auckland"), NOW)
    some = [Hour(PRESENT + number * HOUR, booked=number, held=2) for number in range(3)]
    assert days(some, times) == [
        Day(PRESENT, booked=0, held=2, middle=None, high=None, wanted=None),
        Day(PRESENT + HOUR, booked=2, held=4, middle=None, high=None, wanted=None),
    ]
    assert days([Hour(PRESENT)], times)[0].held is None


def test_the_last_hour_is_drawn_to_its_end():
    drawn = columns([Hour(PRESENT, held=2)])
    assert drawn["at"] == [PRESENT.timestamp(), (PRESENT + HOUR).timestamp()]
    assert drawn["held"] == [2, 2]
    assert columns([]) == {}


def test_effects_are_told_by_profile():
    found = PlansView(True, Dials(), None, None, (plan(),))
    tried = PlansView(True, Dials(), None, None, (plan(held=(5, 6)),))
    now, then = Week(5, 3, 7.0, False), Week(11, 6, 7.0, False)
    assert effects(found, tried) == [Effect("spark-small", now, then)]
    nothing = PlansView(False, Dials(), None, None, ())
    assert effects(nothing, tried) == [Effect("spark-small", None, then)]
    assert effects(nothing, PlansView(False, Dials(), None, None, (plan(held=()),)))[0].after is None


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (19, 100, "81 % less than"),
        (112, 100, "12 % more than"),
        (100.2, 100, "as much as"),
        (0, 0, "as much as"),
        (3, 0, "more than"),
    ],
)
def test_amounts_are_compared_in_words(part, whole, said):
    assert share(part, whole) == said


def test_alike_places_are_told_together_with_what_became_of_them():
    now, later, last = (Window.lasting(PRESENT + begin * HOUR, 2 * HOUR) for begin in (0, 3, 9))
    lunch, soon = {"reason": "Lunch.", "cost": 2, "cost_without": 60}, {"reason": "Soon.", "bought": True}
    places = [
        PlaceView(Place("l-1", "spark-small", "sky", later, due_at=NOW, **lunch), PlaceState.PLANNED),
        PlaceView(Place("l-2", "spark-small", "sky", now, due_at=NOW, reason="Now.", cost=1), PlaceState.HELD),
        PlaceView(Place("l-3", "spark-small", "sky", later, due_at=NOW, **lunch), PlaceState.PLANNED),
        PlaceView(Place("l-4", "spark-small", "sky", later, due_at=NOW, **lunch), PlaceState.NO_ROOM),
        PlaceView(Place("l-5", "spark-small", "sky", later, due_at=NOW, **soon), PlaceState.ASKED_FOR),
        PlaceView(Place("l-6", "spark-small", "sky", later, due_at=NOW, **soon), PlaceState.ASKED_FOR, "Refused."),
        PlaceView(Place("l-7", "spark-small", "sky", last, due_at=NOW), PlaceState.PLANNED),
    ]
    assert held(places, PRESENT + 9 * HOUR) == [
        Held("sky", now, 1, PlaceState.HELD, "", "Now.", 1, 0),
        Held("sky", later, 1, PlaceState.ASKED_FOR, "", "Soon.", 0, 0),
        Held("sky", later, 1, PlaceState.ASKED_FOR, "Refused.", "Soon.", 0, 0),
        Held("sky", later, 1, PlaceState.NO_ROOM, "", "Lunch.", 2, 60),
        Held("sky", later, 2, PlaceState.PLANNED, "", "Lunch.", 4, 120),
    ]
