"""Bookings that are tried: what is told is what booking says, suggestions can be booked, and nothing of it stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support import truths
from tests.support.rig import ADA, MINUTE, Rig

from almanac.core.errors import AlmanacError, NoCapacity, QuotaExceeded
from almanac.services.caller import Caller
from almanac.services.requests import BookingFilter, BookingRequest

HOUR = timedelta(hours=1)
CAVE = BookingRequest("spark", 2 * HOUR, seats=6, site="cave")


def refusal(rig: Rig, request: BookingRequest, caller: Caller = ADA) -> AlmanacError:
    with pytest.raises(AlmanacError) as refused:
        rig.app.trials.book(caller, request, rig.clock())
    return refused.value


def sound(rig: Rig) -> None:
    truths.never_overbooked(rig)
    truths.claims_cover_bookings(rig)
    truths.ledger_balances(rig)
    truths.events_explain(rig)


@pytest.mark.parametrize("ahead", [None, 3 * HOUR])
def test_what_is_tried_is_what_is_booked_and_leaves_nothing(rig, ahead):
    request = replace(CAVE, start=rig.clock() + ahead if ahead else None)
    tried = [rig.app.trials.book(ADA, request, rig.clock()) for _ in range(3)]
    assert rig.app.bookings.list(ADA, BookingFilter(mine=True), rig.clock())[0] == []
    made = rig.app.bookings.book(ADA, request, rig.clock())
    facts = {(each.site, each.start, each.end, each.seats, each.node_hours) for each in (*tried, made)}
    assert len(facts) == 1
    sound(rig)


def test_what_is_suggested_instead_can_be_booked(rig):
    rig.app.bookings.book(ADA, CAVE, rig.clock())
    refused = refusal(rig, CAVE)
    assert isinstance(refused, NoCapacity)
    found = rig.app.trials.instead(ADA, CAVE, refused, rig.clock())
    assert 1 <= len(found) <= 3
    assert len({(each.site, each.profile, each.start, each.end, each.seats) for each in found}) == len(found)
    for each in found[:1]:
        request = BookingRequest(each.profile, each.end - each.start, each.start, each.seats, each.project, each.site)
        made = rig.app.bookings.book(ADA, request, rig.clock())
        assert (made.start, made.end, made.site) == (each.start, each.end, each.site)
    sound(rig)


def test_as_much_as_the_grant_covers_is_suggested(rig):
    rig.grant("cave", 5)
    refused = refusal(rig, replace(CAVE, duration=12 * HOUR))
    assert isinstance(refused, QuotaExceeded)
    found = rig.app.trials.instead(ADA, replace(CAVE, duration=12 * HOUR), refused, rig.clock())
    at_cave = max(each.end - each.start for each in found if each.site == "cave")
    with rig.app.database.read() as unit:
        left = unit.ledger.balance("gaia", "cave", rig.clock()).available
    longer = replace(CAVE, duration=at_cave + 10 * MINUTE)
    assert at_cave.total_seconds() <= left
    assert isinstance(refusal(rig, longer), QuotaExceeded)


def test_who_may_book_nowhere_is_suggested_nothing(rig):
    nobody = Caller("eve")
    assert rig.app.trials.instead(nobody, CAVE, refusal(rig, CAVE, nobody), rig.clock()) == []
