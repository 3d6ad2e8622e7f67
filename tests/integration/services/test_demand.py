"""Demand history: written down hour by hour from bookings, with imported traces beside it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from tests.support.rig import ADA, MINUTE, T0, Rig

from almanac.core.demand_hours import Kind
from almanac.core.errors import BadRequest, Forbidden, NoCapacity, NotOffered, UnknownProfile
from almanac.core.windows import Window
from almanac.forecasting.series import HOUR, Series
from almanac.services.caller import Caller, Role
from almanac.services.demand import DemandHistory
from almanac.services.requests import BookingRequest
from almanac.services.waiting import WaitRequest

OPERATOR = Caller("op", operator=True)


@pytest.fixture
def history(rig: Rig) -> DemandHistory:
    return DemandHistory(rig.app.database, rig.app.catalogue)


def book(rig: Rig, hours: float, start=None, **more) -> str:
    request = BookingRequest("spark", hours * HOUR, start=start, site="sky", **more)
    return rig.app.bookings.book(ADA, request, rig.clock()).id


def live(rig: Rig, history: DemandHistory, hours: float) -> None:
    """Let time pass, the loop's way."""
    for _ in range(round(hours * 12)):
        rig.clock.advance(5 * MINUTE)
        rig.app.reconciler.tick()
        history.record(rig.clock())


def series(hours: int, value: float = 2.0, start=T0) -> Series:
    return Series(start, np.full(hours, value), np.ones(hours, np.bool_))


def test_walk_ins_and_bookings_are_written_down_apart(rig, history) -> None:
    history.record(rig.clock())
    book(rig, 1)
    book(rig, 2, start=T0 + 2 * HOUR, seats=3)
    live(rig, history, 5)
    walked = history.peaks("spark", Kind.WALK_IN, rig.clock())
    booked = history.peaks("spark", Kind.BOOKED, rig.clock())
    assert walked.start == booked.start == T0
    assert walked.values.tolist() == [1, 0, 0, 0, 0]
    assert booked.values.tolist() == [0, 0, 2, 0, 0]  # three nodes are two places; nobody came, so it was let go of
    assert walked.known.all()
    assert history.profiles() == ("spark",)


def test_what_was_cancelled_or_offered_in_vain_is_no_demand(rig, history) -> None:
    history.record(rig.clock())
    gone = book(rig, 1, start=T0 + HOUR)
    rig.app.bookings.cancel(ADA, gone, rig.clock())
    request = BookingRequest("spark", HOUR, start=T0 + 2 * HOUR, site="sky")
    rig.app.bookings.offer(ADA, request, rig.clock())
    live(rig, history, 4)
    assert not history.peaks("spark", Kind.BOOKED, rig.clock()).values.any()


def test_what_is_given_back_early_counts_until_then(rig, history) -> None:
    history.record(rig.clock())
    live(rig, history, 2 / 3)
    booked = book(rig, 3)
    live(rig, history, 1 / 6)
    rig.app.bookings.release(ADA, booked, rig.clock())
    live(rig, history, 7 / 6)
    assert history.peaks("spark", Kind.WALK_IN, rig.clock()).values.tolist() == [1, 0]


def test_while_nobody_looked_nothing_is_known(rig, history) -> None:
    history.record(rig.clock())
    live(rig, history, 1)
    rig.clock.advance(2 * HOUR)
    live(rig, history, 2)
    assert history.peaks("spark", Kind.WALK_IN, rig.clock()).known.tolist() == [True, False, False, False, True]


def others(rig: Rig, count: int, hours: float = 3) -> None:
    """Fill the site."""
    for _ in range(count):
        book(rig, hours)


def walked(rig: Rig, history: DemandHistory) -> list[float]:
    return history.peaks("spark", Kind.WALK_IN, rig.clock()).values.tolist()


def test_who_is_refused_wanted_something_and_once_however_often_they_ask(rig, history) -> None:
    history.record(rig.clock())
    others(rig, 3)
    bea = Caller("bea", roles={"gaia": Role.MEMBER})
    request = BookingRequest("spark", HOUR, site="sky")
    for _ in range(3):
        with pytest.raises(NoCapacity):
            rig.app.bookings.book(bea, request, rig.clock())
        with pytest.raises(NoCapacity):
            rig.app.bookings.offer(bea, request, rig.clock())
        rig.clock.advance(MINUTE)
    live(rig, history, 2)
    assert walked(rig, history)[0] == 4


def test_a_drained_site_takes_nothing_from_demand(rig, history) -> None:
    history.record(rig.clock())
    rig.app.catalogue.set_drained("sky", rig.clock())
    with pytest.raises(NotOffered):
        book(rig, 1)
    rig.app.catalogue.set_drained("sky", None)
    rig.clock.advance(30 * MINUTE)
    history.record(rig.clock())
    rig.clock.advance(5 * MINUTE)
    book(rig, 1)
    live(rig, history, 1)
    assert walked(rig, history)[0] == 1


def test_what_no_site_will_ever_have_is_no_demand(rig, history) -> None:
    with pytest.raises(NoCapacity):
        book(rig, 1, seats=6, start=None) and book(rig, 1, seats=6)
    with rig.app.database.read() as unit:
        wanted = unit.demand.wishes(Window.lasting(T0, HOUR))
    assert [wish.workers for wish in wanted] == [3]  # it fits while nobody is there
    with rig.app.database.write() as unit:
        assert not unit.demand.wish(wanted[0])


def test_who_waits_wants_it_until_they_get_it(rig, history) -> None:
    history.record(rig.clock())
    others(rig, 3, hours=2)
    wait = WaitRequest("spark", 2 * HOUR, Window.lasting(T0, 12 * HOUR), site="sky")
    entry = rig.app.waiting.wait(ADA, wait, rig.clock())
    live(rig, history, 1)
    rig.app.waiting.withdraw(ADA, entry.id, rig.clock())
    live(rig, history, 1)
    assert walked(rig, history) == [4, 0]  # the others never came, and were let go of


def test_a_short_restart_is_no_outage(rig, history) -> None:
    history.record(rig.clock())
    live(rig, history, 1)
    rig.clock.advance(4 * MINUTE)
    again = DemandHistory(rig.app.database, rig.app.catalogue)
    live(rig, again, 2)
    assert again.peaks("spark", Kind.WALK_IN, rig.clock()).known.all()


def test_bookings_from_before_anybody_counted_are_counted(rig, history) -> None:
    book(rig, 1)
    for _ in range(24):
        rig.clock.advance(HOUR)
        rig.app.reconciler.tick()
    rig.clock.advance(timedelta(weeks=9))
    assert [history.record(rig.clock()) for _ in range(4)] == [True, True, False, False]
    found = history.peaks("spark", Kind.WALK_IN, rig.clock())
    assert (found.start, found.end) == (T0, rig.clock())
    assert found.values.sum() == 1


def test_without_any_demand_there_is_an_empty_history(rig, history) -> None:
    assert len(history.peaks("spark", Kind.WALK_IN, rig.clock())) == 0
    history.record(rig.clock())
    assert len(history.peaks("spark", Kind.WALK_IN, rig.clock())) == 0


def test_a_trace_counts_until_almanacs_own_begins_and_several_add_up(rig, history) -> None:
    early = T0 - 4 * HOUR
    history.put(OPERATOR, "old", "spark", {Kind.WALK_IN: series(6, start=early)}, rig.clock())
    history.put(OPERATOR, "older", "spark", {Kind.WALK_IN: series(2, 3.0, early)}, rig.clock())
    history.record(rig.clock())
    live(rig, history, 2)
    found = history.peaks("spark", Kind.WALK_IN, rig.clock())
    assert found.start == early
    assert found.values.tolist() == [5, 5, 2, 2, 0, 0]
    assert len(history.peaks("notebook", Kind.WALK_IN, rig.clock())) == 2


def test_a_trace_is_replaced_by_its_name_and_let_go_of(rig, history) -> None:
    for value in (2.0, 7.0):
        history.put(OPERATOR, "old", "spark", {Kind.WALK_IN: series(1, value, T0 - HOUR)}, rig.clock())
    assert history.peaks("spark", Kind.WALK_IN, rig.clock()).values.tolist() == [7]
    history.forget(OPERATOR, "old", rig.clock())
    assert len(history.peaks("spark", Kind.WALK_IN, rig.clock())) == 0


def test_what_a_trace_does_not_know_stays_unknown(rig, history) -> None:
    known = np.array([True, False, False, True, False])
    demand = Series(T0 - 5 * HOUR, np.full(5, 2.0), known)
    history.put(OPERATOR, "old", "spark", {Kind.WALK_IN: demand}, rig.clock())
    assert history.peaks("spark", Kind.WALK_IN, rig.clock()).known.tolist() == known.tolist()


def test_imports_that_make_no_sense_are_refused(rig, history) -> None:
    good = {Kind.WALK_IN: series(2)}
    with pytest.raises(Forbidden):
        history.put(ADA, "old", "spark", good, rig.clock())
    with pytest.raises(UnknownProfile):
        history.put(OPERATOR, "old", "no-such", good, rig.clock())
    with pytest.raises(BadRequest, match="Almanac's own"):
        history.put(OPERATOR, "almanac", "spark", good, rig.clock())
    with pytest.raises(BadRequest, match="no hours"):
        history.put(OPERATOR, "old", "spark", {Kind.WALK_IN: series(0)}, rig.clock())
    with pytest.raises(BadRequest, match="same ones"):
        history.put(OPERATOR, "old", "spark", good | {Kind.BOOKED: series(3)}, rig.clock())
    with pytest.raises(BadRequest, match="is kept"):
        history.forget(OPERATOR, "almanac", rig.clock())
    with pytest.raises(Forbidden):
        history.forget(ADA, "old", rig.clock())
