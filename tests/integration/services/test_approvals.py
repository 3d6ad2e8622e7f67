"""What is above a profile's limits is held until a lead or an operator has decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support import truths
from tests.support.rig import ADA, PROFILES, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.catalogue import Above
from almanac.core.errors import Forbidden, NoCapacity, NotFound, QuotaExceeded, StaleOffer, WrongState
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules

HOUR = timedelta(hours=1)
LENA = Caller("lena", roles={"gaia": Role.LEAD})
MIA = Caller("mia", roles={"gaia": Role.MEMBER})
STRANGER = Caller("eve", roles={"euclid": Role.LEAD})
OPERATOR = Caller("root", operator=True)


@pytest.fixture
def app(rig: Rig):
    """Almanac with limits on its profile."""
    limited = replace(PROFILES[0], approve_above=Above(seats=4, length=3 * HOUR, nodes=3))
    made = rig.another(Rules(approval_held_for=24 * HOUR), (limited, PROFILES[1]))
    yield made
    made.database.close()
    for truth in (truths.never_overbooked, truths.claims_cover_bookings, truths.ledger_balances, truths.events_explain):
        truth(rig)


def ask(app, clock, caller=ADA, **more):
    facts = {"duration": HOUR, "seats": 6, "site": "cave", "start": clock() + 48 * HOUR}
    return app.bookings.book(caller, BookingRequest("spark", **{**facts, **more}), clock())


def last(app, booking) -> str:
    return app.access.events(ADA, booking.id)[-1].message


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"seats": 4}, ""),
        ({"seats": 4, "duration": 3 * HOUR}, ""),
        ({"seats": 5}, "5 seats (more than 4), 4 nodes (more than 3)"),
        ({"seats": 1, "duration": 4 * HOUR}, "4 h (more than 3)"),
    ],
)
def test_only_what_is_above_a_limit_waits(app, rig, more, why):
    made = ask(app, rig.clock, **more)
    assert made.approval == why
    assert (made.status is BookingStatus.OFFERED) == bool(why)


def test_it_holds_its_capacity_until_it_is_approved(app, rig):
    made = ask(app, rig.clock)
    assert made.expires_at == rig.clock() + 24 * HOUR
    assert "approval of a lead of gaia or an operator" in last(app, made)
    with pytest.raises(NoCapacity):
        ask(app, rig.clock)
    assert [each.id for each in app.approvals.pending(LENA, rig.clock())] == [made.id]
    assert [each.id for each in app.approvals.pending(ADA, rig.clock())] == [made.id]
    assert app.approvals.pending(MIA, rig.clock()) == app.approvals.pending(STRANGER, rig.clock()) == []
    approved = app.approvals.approve(LENA, made.id, rig.clock())
    assert approved.status is BookingStatus.BOOKED
    assert last(app, made).startswith("Approved by lena")
    assert app.approvals.pending(LENA, rig.clock()) == []
    with pytest.raises(StaleOffer):
        app.approvals.approve(LENA, made.id, rig.clock())


def test_declined_with_a_reason(app, rig):
    made = ask(app, rig.clock)
    declined = app.approvals.decline(OPERATOR, made.id, "The grant is for others", rig.clock())
    assert declined.status is BookingStatus.CANCELLED
    assert last(app, made) == "Declined by root: The grant is for others."
    with pytest.raises(StaleOffer):
        app.approvals.decline(OPERATOR, made.id, "", rig.clock())


def test_it_expires_when_nobody_decides(app, rig):
    made = ask(app, rig.clock)
    rig.clock.advance(24 * HOUR)
    with pytest.raises(StaleOffer):
        app.approvals.approve(LENA, made.id, rig.clock())
    app.reconciler.tick()
    assert last(app, made) == "Nobody approved it in time."


def test_what_starts_soon_is_held_for_an_hour_at_least(app, rig):
    assert ask(app, rig.clock, start=None).expires_at == rig.clock() + HOUR


def test_nobody_approves_their_own(app, rig):
    made = ask(app, rig.clock)
    for caller in (ADA, MIA):
        with pytest.raises(Forbidden):
            app.approvals.approve(caller, made.id, rig.clock())
    with pytest.raises(NotFound):
        app.approvals.approve(STRANGER, made.id, rig.clock())
    with pytest.raises(WrongState, match="waits for the approval"):
        app.bookings.accept(ADA, made.id, rig.clock())


def test_a_leads_own_booking_has_its_approval(app, rig):
    with app.database.write() as unit:
        unit.people.set_member("gaia", "ada", "lead")
    assert ask(app, rig.clock, Caller("ada", roles={"gaia": Role.LEAD})).status is BookingStatus.BOOKED


def test_an_offer_within_the_limits_needs_none(app, rig):
    offer = app.bookings.offer(ADA, BookingRequest("spark", HOUR, seats=1), rig.clock())
    with pytest.raises(WrongState, match="needs no approval"):
        app.approvals.approve(LENA, offer.id, rig.clock())


def test_nobody_grows_past_a_limit_alone(app, rig):
    made = ask(app, rig.clock, seats=4, duration=3 * HOUR)
    with pytest.raises(Forbidden, match="needs an approval"):
        app.changes.extend(ADA, made.id, rig.clock(), by=HOUR)
    with pytest.raises(Forbidden, match="needs an approval"):
        app.changes.resize(ADA, made.id, rig.clock(), 6)
    assert app.changes.extend(LENA, made.id, rig.clock(), by=HOUR).end == made.end + HOUR
    assert app.changes.resize(ADA, made.id, rig.clock(), 2).seats == 2
    assert app.changes.resize(LENA, made.id, rig.clock(), 6).seats == 6


def test_an_approval_does_not_overdraw_a_grant(app, rig):
    rig.grant("cave", 6)
    first, second = ask(app, rig.clock), ask(app, rig.clock, start=rig.clock() + 60 * HOUR)
    app.approvals.approve(LENA, first.id, rig.clock())
    with pytest.raises(QuotaExceeded):
        app.approvals.approve(LENA, second.id, rig.clock())
