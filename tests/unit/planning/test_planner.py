"""The lease plan, on examples small enough to check by hand. tests/property holds it against an exhaustive search."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almanac.core.errors import BadRequest
from almanac.core.plan import Firm, Held, Lease, Problem, Return, SiteTerms
from almanac.core.plan_leases import Cutter, is_whole, whole
from almanac.core.plan_program import program
from almanac.core.plan_reasons import sentences
from almanac.core.windows import Window
from almanac.planning.planner import plan
from almanac.planning.solver import Unsolved, solve

T0 = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLOUD = SiteTerms("cloud", quota=10, overhead=0.5)


def window(first: int, stop: int) -> Window:
    return Window(T0 + first * HOUR, T0 + stop * HOUR)


def problem(demand: list[int], terms: tuple[SiteTerms, ...] = (CLOUD,), **more) -> Problem:
    return Problem(T0, T0, terms, np.array(demand), 10.0, **more)


def test_demand_is_held_when_it_is_there_and_not_before():
    found = plan(problem([0, 0, 3, 3, 0]))
    assert found.slots.tolist() == [[0, 0, 3, 3, 0]]
    assert found.buy == (Lease("cloud", window(2, 4), 3, (), 2, 7.5, 60.0),)
    assert (found.cost, found.met, found.integral) == (7.5, True, True)


def test_a_short_lull_is_bridged_where_a_new_start_costs_more():
    assert plan(problem([2, 1, 2], (replace(CLOUD, overhead=1.5),))).slots.tolist() == [[2, 2, 2]]
    assert plan(problem([2, 1, 2])).slots.tolist() == [[2, 1, 2]]


def test_a_lease_lasts_its_minimum():
    found = plan(problem([0, 2, 0, 0, 0], (replace(CLOUD, minimum=3 * HOUR),)))
    assert [(lease.window, lease.slots) for lease in found.buy] == [(window(1, 4), 2)]


def test_the_cheaper_site_first_and_the_rest_at_the_other():
    dear = SiteTerms("dear", quota=10, price=2.0)
    found = plan(problem([12, 12], (CLOUD, dear)))
    assert found.slots.tolist() == [[10, 10], [2, 2]]


def test_what_others_leave_limits_a_site_hour_by_hour_and_is_said():
    found = plan(problem([2, 2, 2], (replace(CLOUD, room=(2, 0, 12)),)))
    assert found.slots.tolist() == [[2, 0, 2]]
    assert sentences(found)[0].endswith("lacks up to 2 places: cloud has room for none beside others.")


def test_what_others_leave_is_told_for_each_hour():
    with pytest.raises(BadRequest, match="one number for each step"):
        problem([2, 2, 2], (replace(CLOUD, room=(2, 0)),))


def test_a_moments_notice_is_no_notice_of_nothing():
    found = plan(problem([2, 2], (replace(CLOUD, lead_time=timedelta(seconds=7)),)))
    assert sentences(found)[0].endswith("the forecast lacks up to 2 places: cloud wants a moment's notice.")


def test_what_a_site_can_no_longer_deliver_in_time_is_short_and_said():
    found = plan(problem([2, 2, 2, 2], (replace(CLOUD, lead_time=90 * timedelta(minutes=1)),)))
    assert found.slots.tolist() == [[0, 0, 2, 2]]
    assert sentences(found)[0] == (
        "From 2026-05-04 00:00 to 02:00 UTC the forecast lacks up to 2 places: cloud wants 1 h 30 min notice."
    )


def test_a_quota_that_is_too_small_is_used_up_and_said_and_bookings_come_first():
    firm = (Firm("b-1", "cloud", window(1, 2), 8),)
    found = plan(problem([5, 5, 5], firm=firm))
    assert found.slots.tolist() == [[5, 10, 5]]
    assert [(short.window, short.slots, short.firm) for short in found.shortages] == [(window(1, 2), 3, False)]
    assert "cloud gives no more than 10" in sentences(found)[0]


def test_a_booking_that_cannot_be_held_is_a_firm_shortage():
    found = plan(problem([0, 0], firm=(Firm("b-1", "cloud", window(0, 1), 12),)))
    assert found.slots.tolist() == [[10, 0]]
    assert sentences(found)[0].startswith("From 2026-05-04 00:00 to 01:00 UTC bookings lack up to 2 places")


def test_demand_that_is_worth_less_than_a_lease_is_left_short():
    found = plan(replace(problem([1, 0]), shortfall_price=1.2))
    assert found.slots.tolist() == [[0, 0]]
    assert "more would cost more than it is worth" in sentences(found)[0]


def test_each_lease_names_its_bookings_and_its_forecast_hours():
    firm = (Firm("b-1", "cloud", window(1, 3), 4),)
    found = plan(problem([0, 2, 2, 2], firm=firm))
    four, two = sorted(found.buy, key=lambda lease: -lease.slots)
    assert (four.bookings, four.forecast_steps) == (("b-1",), 2)
    assert (two.window, two.slots, two.forecast_steps) == (window(1, 4), 2, 3)
    assert sentences(found)[0].startswith("Buy 4 places at cloud from 2026-05-04 01:00 to 03:00 UTC (booked: b-1")


def test_what_a_booking_stands_on_is_never_touched():
    held = (Held("l-1", "cloud", window(0, 4), 4, pinned=True), Held("l-2", "cloud", window(0, 4), 3))
    found = plan(problem([0, 0, 0, 0], held=held))
    assert found.slots.tolist() == [[4, 4, 4, 4]]
    assert found.give_back == (Return("l-2", "cloud", 3, T0),)
    assert sentences(found) == ("Give back 3 places of l-2 at cloud from 2026-05-04 00:00 UTC.",)


def test_a_lease_that_may_not_be_returned_stays():
    held = (Held("l-1", "cloud", window(0, 3), 2),)
    assert plan(problem([0, 0, 0, 0], (replace(CLOUD, returnable=False),), held=held)).slots.tolist() == [[2, 2, 2, 0]]


def test_a_lease_is_returned_only_after_its_minimum_and_one_not_begun_at_once():
    terms = (replace(CLOUD, minimum=2 * HOUR),)
    held = (Held("l-1", "cloud", window(0, 4), 2), Held("l-2", "cloud", window(2, 4), 5))
    found = plan(problem([0, 0, 0, 0], terms, held=held))
    assert found.slots.tolist() == [[2, 2, 0, 0]]
    assert found.give_back == (Return("l-1", "cloud", 2, T0 + 2 * HOUR), Return("l-2", "cloud", 5, T0 + 2 * HOUR))


def test_what_is_held_goes_on_rather_than_being_started_anew():
    held = (Held("l-1", "cloud", window(-1, 2), 3),)
    found = plan(problem([3, 3, 2, 2], held=held))
    assert found.buy == (Lease("cloud", window(2, 4), 2, (), 2, 4.0, 40.0, adjoins="l-1"),)
    assert sentences(found)[0].startswith("Continue l-1 with 2 places at cloud")


def test_a_quota_that_shrank_takes_nothing_away():
    held = (Held("l-1", "cloud", window(0, 2), 12, pinned=True),)
    assert plan(problem([15, 15], held=held)).slots.tolist() == [[12, 12]]


def test_three_sites_over_four_weeks_are_whole_and_met():
    random = np.random.default_rng(5)
    asked = (("a", 1.0, 4), ("b", 1.3, 2), ("c", 2.0, 1))
    terms = tuple(SiteTerms(name, 30, price, 0.2, least * HOUR) for name, price, least in asked)
    found = plan(Problem(T0, T0, terms, random.poisson(25, 672), 10.0))
    assert found.integral
    assert found.met
    assert (found.slots <= 30).all()


def test_a_fractional_solution_is_rounded_up_and_its_leases_last_their_minimum():
    assert not is_whole(np.array([[0.5]]))
    assert whole(np.array([0.5, 2.0000000001, 0.0])).tolist() == [1, 2, 0]
    cutter = Cutter(problem([0, 0, 0, 0]), replace(CLOUD, minimum=3 * HOUR), whole(np.array([0.5, 0.5, 0.0, 0.0])))
    assert cutter.slots.tolist() == [1, 1, 1, 0]
    assert [lease.window for lease in cutter.leases()] == [window(0, 3)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"terms": ()}, "at least one site"),
        ({"terms": (CLOUD, CLOUD)}, "at least one site"),
        ({"firm": (Firm("b-1", "moon", window(0, 1), 1),)}, "no terms for moon"),
        ({"demand": np.array([-1])}, "not below 0"),
        ({"demand": np.array([], np.int64)}, "not below 0"),
        ({"shortfall_price": 0.0}, "above 0"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(change, said):
    with pytest.raises(BadRequest, match=said):
        replace(problem([1]), **change)


def test_terms_that_make_no_sense_are_refused():
    with pytest.raises(BadRequest, match="The terms of cloud"):
        SiteTerms("cloud", quota=-1)


def test_a_program_without_an_optimum_is_said():
    good = program(problem([1]))
    with pytest.raises(Unsolved, match="no optimum"):
        solve(replace(good, high=np.full(len(good.high), -1.0)))
