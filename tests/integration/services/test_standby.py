"""How many clusters stand ready follows demand and the operator's promise, in places that the plan holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.support.rig import ADA, MINUTE, PROFILES, T0, Rig

from almanac.core.demand_hours import Kind
from almanac.core.plan_places import Place
from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.factory import Almanac
from almanac.forecasting.series import HOUR, Series
from almanac.forecasting.terms import Term
from almanac.services.caller import Caller
from almanac.services.dials import Dials
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.storage.rows import ClusterTarget, PlanRow

OPERATOR = Caller("op", operator=True)
WEEKS = 4


def mornings(rig: Rig, people: int) -> None:
    """Weeks in which so many asked for a notebook in each hour from 8 to 12."""
    start = T0 - WEEKS * 168 * HOUR
    values = np.array([people if 8 <= (start + h * HOUR).hour < 12 else 0 for h in range(WEEKS * 168)], np.float64)
    told = {Kind.WALK_IN: Series(start, values, values >= 0)}
    rig.app.history.put(OPERATOR, "mornings", "notebook", told, rig.clock())


def run(rig: Rig, app: Almanac, minutes: int, of: int = 2) -> None:
    for _ in range(minutes * of):
        rig.clock.advance(MINUTE / of)
        app.reconciler.tick()


def standing(app: Almanac, profile: str = "notebook") -> list:
    with app.database.read() as unit:
        rows = unit.clusters.unfinished()
    return [
        row for row in rows if row.booking_id is None and row.profile == profile and row.target is ClusterTarget.RUNNING
    ]


def settled(rig: Rig, **dials: object) -> int:
    """How many stand ready after some minutes under these dials."""
    app = rig.another(Rules(plan=Dials(**dials)))
    run(rig, app, 6)
    count = len(standing(app))
    app.database.close()
    return count


def test_as_many_stand_ready_as_will_be_asked_for_while_one_starts(rig) -> None:
    mornings(rig, 120)
    assert settled(rig) > 1


def test_a_higher_promise_keeps_more_ready(rig) -> None:
    mornings(rig, 120)
    assert settled(rig, at_once=0.6) < settled(rig, at_once=0.9999)


def test_a_ceiling_limits_it_and_the_catalogues_number_stands_in_any_case(rig) -> None:
    mornings(rig, 120)
    assert settled(rig, ceiling={"notebook": 0}) == 1
    assert settled(rig, ceiling={"notebook": 2}) == 2


def test_they_go_when_nobody_will_come_and_come_back(rig) -> None:
    mornings(rig, 120)
    app = rig.another(Rules(plan=Dials()))
    run(rig, app, 6)
    by_day = len(standing(app))
    rig.clock.advance(6 * HOUR)
    run(rig, app, 10)
    assert len(standing(app)) == 1 < by_day
    app.database.close()


def test_what_is_imported_and_told_of_the_calendar_counts_at_once(rig) -> None:
    app = rig.another(Rules(plan=Dials()))
    run(rig, app, 6)
    assert len(standing(app)) == 1
    mornings(rig, 120)
    run(rig, app, 6)
    by_day = len(standing(app))
    assert by_day > 2
    closed = Term(Window.lasting(T0 - HOUR, 10 * HOUR), "closed", 0.01)
    app.plan_desk.turn(OPERATOR, rig.clock(), terms=(closed,))
    run(rig, app, 10)
    assert len(standing(app)) < by_day
    app.database.close()


def test_those_who_come_now_count_although_nobody_was_expected(rig) -> None:
    app = rig.another(Rules(plan=Dials()))
    run(rig, app, 3)
    before = len(standing(app))
    for _ in range(4):
        booked = app.bookings.book(ADA, BookingRequest("notebook", HOUR), rig.clock())
        run(rig, app, 1)
        app.bookings.release(ADA, booked.id, rig.clock())
        run(rig, app, 1)
    assert len(standing(app)) > before
    app.database.close()


def test_a_broken_forecast_leaves_what_came_lately(rig, monkeypatch) -> None:
    mornings(rig, 120)

    def broken(*_):
        raise FloatingPointError

    monkeypatch.setattr("almanac.services.standby.forecast", broken)
    assert settled(rig) == 1


@pytest.mark.parametrize("hours", [2, 8])
def test_a_cluster_stands_ready_in_a_place_that_the_plan_holds(rig, hours) -> None:
    window = Window(T0, T0 + hours * HOUR)
    place = Place("l-held", "notebook", "sky", window, T0, "Because.")
    with rig.app.database.write() as unit:
        unit.plans.put(PlanRow("notebook", T0, False, "As the test says.", {}), [place])
    before = rig.another(profiles=[replace(each, warm=0) for each in PROFILES])
    run(rig, before, 2)
    before.database.close()
    for _ in range(90):
        rig.tick()
    (row,) = standing(rig.app)
    with rig.app.database.read() as unit:
        lease = unit.leases.get(row.lease_id)
        assert not unit.plans.places()
        assert {claim.holder for claim in unit.claims.for_holder(row.id)} == {Holder.WARM}
    assert row.lease_id == "l-held"
    assert lease.window.end - T0 >= timedelta(hours=5)
    assert row.ready_at is not None
    booked = rig.app.bookings.book(ADA, BookingRequest("notebook", HOUR), rig.clock())
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status == "ready"
