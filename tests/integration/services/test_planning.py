"""The running Almanac's plan: from demand and bookings to places that are to be held, and why."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest
from tests.support.rig import ADA, MINUTE, SECOND, T0, Rig

from almanac.core.demand_hours import Kind
from almanac.core.errors import BadRequest, UnknownProfile
from almanac.core.plan import Plan, Problem
from almanac.core.plan_places import Place
from almanac.core.ports import NoRoom
from almanac.core.windows import Window
from almanac.forecasting.score import score
from almanac.forecasting.series import HOUR, Series
from almanac.forecasting.terms import Term
from almanac.loop import Foresight
from almanac.planning.solver import Unsolved
from almanac.services.caller import Caller
from almanac.services.demand import DemandHistory
from almanac.services.dials import Dials
from almanac.services.leads import Leads
from almanac.services.plan_views import place_view
from almanac.services.planning import Planning
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules

OPERATOR = Caller("op", operator=True)
WEEKS = 6
LUNCH = range(12, 15)


@pytest.fixture
def history(rig: Rig) -> DemandHistory:
    return DemandHistory(rig.app.database, rig.app.catalogue)


def planning(rig: Rig, history: DemandHistory, dials: Dials | None = None, **more) -> Planning:
    database, catalogue = rig.app.database, rig.app.catalogue
    return Planning(database, catalogue, Leads(database, catalogue), history, lambda: dials or Dials(), **more)


def lunches(rig: Rig, history: DemandHistory, people: float = 3.0) -> None:
    """Weeks in which so many came from 12 to 15 each day, and nobody else."""
    start = T0 - WEEKS * 168 * HOUR
    values = np.array([people if (start + h * HOUR).hour in LUNCH else 0.0 for h in range(WEEKS * 168)])
    history.put(OPERATOR, "lunches", "spark", {Kind.WALK_IN: Series(start, values, values >= 0)}, rig.clock())
    history.record(rig.clock())


def only(found):
    (one,) = found
    return one


def rows(rig: Rig):
    with rig.app.database.read() as unit:
        return unit.plans.all(), unit.plans.places()


def test_what_usually_comes_is_held_for_when_it_comes(rig, history) -> None:
    lunches(rig, history)
    made = only(planning(rig, history).make(rig.clock()))
    held = made.plan.held()
    noon = [hour for hour in range(len(held)) if (made.expected.start + hour * HOUR).hour in LUNCH]
    night = [hour for hour in range(len(held)) if (made.expected.start + hour * HOUR).hour < 6]
    assert held[noon].min() >= 3
    assert held[night].max() == 0
    assert made.expected.score.skill >= 0


def test_the_plan_is_kept_in_rows_with_reasons_and_the_shadows_score(rig, history) -> None:
    lunches(rig, history)
    planning(rig, history).make(rig.clock())
    plans, places = rows(rig)
    plan = only(plans)
    assert (plan.profile, plan.made_at, plan.failed) == ("spark", T0, False)
    assert plan.basis == "6 weeks of history."
    assert {"skill", "loss", "shadow_loss"} <= set(plan.facts["score"])
    assert len(plan.facts["demand"]) == len(plan.facts["held"]) == len(plan.facts["booked"]) == 168
    assert all(place.reason.startswith("Buy ") and "forecast in" in place.reason for place in places)
    assert all(place.due_at < place.window.start for place in places)
    assert not any(place.bought for place in places)


def test_without_history_only_the_floor_counts_and_that_is_said(rig, history) -> None:
    history.record(rig.clock())
    assert planning(rig, history).make(rig.clock()) == []
    made = only(planning(rig, history, Dials(floor={"spark": 2})).make(rig.clock()))
    assert set(made.demand.tolist()) == {2}
    assert "no history yet" in made.basis
    assert made.plan.held()[1:].min() == 2


def test_a_forecast_that_fails_falls_back_to_the_floor_and_says_so(rig, history, monkeypatch) -> None:
    lunches(rig, history)

    def broken(*_):
        raise FloatingPointError

    monkeypatch.setattr("almanac.services.expecting.forecast", broken)
    planning(rig, history, Dials(floor={"spark": 1})).make(rig.clock())
    plan = only(rows(rig)[0])
    assert plan.failed
    assert plan.basis == "The forecast failed (FloatingPointError): only bookings and the floor count."
    assert set(plan.facts["demand"]) == {1}


def test_a_plan_that_cannot_be_solved_leaves_what_is_there(rig, history) -> None:
    lunches(rig, history)

    def never(_: Problem) -> Plan:
        raise Unsolved("The plan has no optimum: Infeasible.")

    made = only(planning(rig, history, solve=never).make(rig.clock()))
    assert made.plan is None
    assert made.basis.endswith("The plan has no optimum: Infeasible. What is held stays.")


def test_a_booking_made_ahead_is_firm_and_needs_no_second_lease(rig, history) -> None:
    history.record(rig.clock())
    request = BookingRequest("spark", 2 * HOUR, start=T0 + 5 * HOUR, seats=6, site="sky")
    rig.app.bookings.book(ADA, request, rig.clock())
    made = only(planning(rig, history, Dials(floor={"spark": 1})).make(rig.clock()))
    assert made.booked.max() == 2
    assert made.booked.tolist().index(2) == 4  # its build begins a little before its bell
    assert made.plan.held()[5] == 3
    assert not any("booked:" in place.reason for place in made.places)


def test_walk_ins_that_are_there_are_part_of_what_was_forecast(rig, history) -> None:
    history.record(rig.clock())
    rig.app.bookings.book(ADA, BookingRequest("spark", 4 * HOUR, site="sky"), rig.clock())
    made = only(planning(rig, history, Dials(floor={"spark": 1})).make(rig.clock()))
    assert made.booked.max() == 0
    assert made.plan.held()[1:4].tolist() == [1, 1, 1]
    assert min(place.window.start for place in made.places) >= T0 + 4 * HOUR


def test_a_ceiling_and_too_small_sites_limit_what_is_held(rig, history) -> None:
    lunches(rig, history, people=30.0)
    made = only(planning(rig, history, Dials(ceiling={"spark": 2})).make(rig.clock()))
    assert made.plan.held().max() == 2
    short = only(planning(rig, history).make(rig.clock()))
    assert short.facts["short"]
    assert any("gives no more than" in told for told in short.facts["sentences"])


def test_what_other_profiles_booked_isnt_planned_again_and_thats_said(rig, history) -> None:
    # A head and three workers: 7 of sky's 10 cores.
    request = BookingRequest("spark", 2 * HOUR, start=T0 + 30 * HOUR, seats=6, site="sky")
    rig.app.bookings.book(ADA, request, rig.clock())
    notebook = only(planning(rig, history, Dials(floor={"notebook": 5})).make(rig.clock()))
    assert notebook.plan.held()[30:32].tolist() == [3, 3]
    assert notebook.plan.held()[34:].min() == 5
    assert any("sky has room for 3 beside others" in told for told in notebook.facts["lacks"])


def test_profiles_together_plan_no_more_than_there_is(rig, history) -> None:
    spark, notebook = planning(rig, history, Dials(floor={"notebook": 4, "spark": 9})).make(rig.clock())
    at_sky = spark.plan.slots[spark.plan.sites.index("sky")]
    assert (3 * at_sky + notebook.plan.held())[1:].max() <= 10
    assert spark.plan.held()[1:].min() > 0
    assert notebook.facts["short"]


def test_dials_are_tried_before_they_are_applied(rig, history) -> None:
    lunches(rig, history)
    service = planning(rig, history)
    service.make(rig.clock())
    before = rows(rig)
    tried = only(service.what_if(Dials(floor={"spark": 2}), rig.clock()))
    assert tried.plan.cost > before[0][0].facts["cost"]
    assert rows(rig) == before


def test_trying_a_dial_scores_nothing_anew(rig, history, monkeypatch) -> None:
    lunches(rig, history)
    scored = []
    monkeypatch.setattr("almanac.services.expecting.score", lambda known: scored.append(known) or score(known))
    service = planning(rig, history)
    made = only(service.make(rig.clock()))
    tried = only(service.what_if(Dials(missing=5.0), rig.clock()))
    assert tried.expected.score == made.expected.score
    assert tried.demand.sum() < made.demand.sum()
    assert len(scored) == 1
    rig.clock.advance(timedelta(days=1))
    history.record(rig.clock())
    service.make(rig.clock())
    assert len(scored) == 2


def test_plans_are_made_each_hour_and_together_for_bookings_that_change(rig, history) -> None:
    history.record(rig.clock())
    service = planning(rig, history, Dials(floor={"spark": 1}))

    def looked(later: timedelta) -> bool:
        rig.clock.advance(later)
        return service.look(rig.clock())

    assert looked(MINUTE)
    assert not looked(MINUTE)
    rig.app.bookings.book(ADA, BookingRequest("spark", HOUR, start=T0 + 5 * HOUR), rig.clock())
    assert looked(MINUTE)
    rig.app.bookings.book(ADA, BookingRequest("spark", HOUR, start=T0 + 8 * HOUR), rig.clock())
    assert not looked(MINUTE / 4)
    assert looked(MINUTE / 4)
    assert not looked(MINUTE)
    assert looked(HOUR)


def test_imported_demand_and_terms_are_planned_for_at_once(rig, history) -> None:
    history.record(rig.clock())
    dials = Dials()
    service = Planning(
        rig.app.database, rig.app.catalogue, Leads(rig.app.database, rig.app.catalogue), history, lambda: dials
    )

    def most(*, anew: bool = True) -> int:
        rig.clock.advance(SECOND)
        assert service.look(rig.clock()) is anew
        return max((max(plan.facts["demand"]) for plan in rows(rig)[0]), default=0)

    assert most() == 0
    lunches(rig, history, people=2.0)
    few = most()
    assert most(anew=False) == few >= 2
    lunches(rig, history, people=6.0)  # the same hours, told again
    many = most()
    assert many > few
    dials = Dials(terms=(Term(Window.lasting(T0, 2 * WEEKS * 168 * HOUR), "holiday", 0.1),))
    assert most() < few
    dials = Dials()
    assert most() == many
    history.forget(OPERATOR, "lunches", rig.clock())
    assert most() == 0


def test_an_operator_sees_what_a_site_refuses_and_why(rig) -> None:
    for faults in rig.faults.values():
        faults.fail("hold", NoRoom("A competitor has it."), times=None)
    app = rig.another(Rules(plan=Dials(floor={"spark": 1})))

    def states() -> set[tuple[str, str]]:
        (plan,) = app.plan_desk.look(OPERATOR, rig.clock()).plans
        return {(str(each.state), each.trouble) for each in plan.places}

    app.planning.make(rig.clock())
    assert states() == {("planned", "")}
    for _ in range(3):
        rig.clock.advance(MINUTE)
        app.reconciler.tick()
    assert any(state == "asked for" and "A competitor has it." in trouble for state, trouble in states())
    for faults in rig.faults.values():
        faults.clear()
    for _ in range(40):
        rig.clock.advance(MINUTE)
        app.reconciler.tick()
        app.planning.look(rig.clock())
    assert ("held", "") in states()
    app.database.close()


def test_a_place_without_room_says_so() -> None:
    late = Place("l-1", "spark", "sky", Window.lasting(T0, HOUR), due_at=T0)
    assert place_view(late, None, T0, T0).state == "planned"
    assert place_view(late, None, T0, T0 + MINUTE).state == "no room yet"
    assert place_view(late, None, T0 + MINUTE, T0 + MINUTE).state == "planned"


def test_what_nobody_wants_any_more_has_no_plan(rig, history) -> None:
    lunches(rig, history)
    service = planning(rig, history)
    service.make(rig.clock())
    history.forget(OPERATOR, "lunches", rig.clock())
    service.make(rig.clock())
    service.make(rig.clock())
    assert rows(rig) == ([], [])


def test_who_imported_demand_and_forgot_it_is_written_down(rig, history) -> None:
    lunches(rig, history)
    for _ in range(2):
        history.forget(OPERATOR, "lunches", rig.clock())
    with rig.app.database.read() as unit:
        told = [(event.actor, event.message) for event in unit.events.since(0) if event.kind == "demand"]
    assert told == [
        ("op", "Demand of spark was imported as lunches: 6.0 weeks."),
        ("op", "Demand from lunches was forgotten."),
    ]


def test_the_hour_before_moves_a_forecast_that_serves_for_a_day(rig, history) -> None:
    lunches(rig, history)
    service = planning(rig, history)
    calm = only(service.make(rig.clock())).expected
    for _ in range(5):
        rig.app.bookings.book(ADA, BookingRequest("spark", 30 * MINUTE), rig.clock())
    for _ in range(12):
        rig.clock.advance(5 * MINUTE)
        history.record(rig.clock())
    moved = only(service.make(rig.clock())).expected
    assert moved.start == calm.start + HOUR
    assert moved.at(0.5)[0] > calm.at(0.5)[1] + 2
    assert moved.at(0.5)[30] == pytest.approx(calm.at(0.5)[31], abs=0.1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"missing": 1.0}, "can't cost 1 times"),
        ({"missing": float("nan")}, "can't cost nan"),
        ({"at_once": 1.0}, "can't be promised"),
        ({"floor": {"spark": -1}}, "The floor of spark is -1"),
        ({"floor": {"spark": 3}, "ceiling": {"spark": 2}}, "its ceiling 2"),
        ({"ceiling": {"spark": -1}}, "below 0"),
        ({"zone": "Mars/Olympus"}, "is not a time zone"),
    ],
)
def test_dials_that_make_no_sense_are_refused(wrong, told) -> None:
    with pytest.raises(BadRequest, match=told):
        Dials(**wrong)


def test_the_running_almanac_acts_on_its_plan(rig) -> None:
    app = rig.another(Rules(plan=Dials(floor={"spark": 1})))
    looking = Foresight(app, "here", look_s=0.01)
    looking.start()
    try:
        while not rows(rig)[1]:
            time.sleep(0.01)
    finally:
        looking.stop()
    for _ in range(10):
        rig.clock.advance(MINUTE)
        app.reconciler.tick()
    assert [place.bought for place in rows(rig)[1]] == [True]
    with app.database.write() as unit:
        unit.plans.clear()
    rig.clock.advance(MINUTE)
    app.reconciler.tick()
    with app.database.read() as unit:
        assert unit.leases.planned("sky") == unit.leases.planned("cave") == []
    app.database.close()


def test_a_floor_for_no_profile_is_refused(rig) -> None:
    with pytest.raises(UnknownProfile, match="no profile spork"):
        rig.another(Rules(plan=Dials(floor={"spork": 1})))
