"""Extending, shortening and resizing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.rig import ADA, MINUTE, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.errors import BadRequest, BadWindow, NoCapacity, WrongState
from almanac.core.ledger import LineKind
from almanac.services.lifecycle import account_of
from almanac.services.requests import BookingRequest

HOUR = timedelta(hours=1)


def book(rig: Rig, **more):
    request = BookingRequest("spark", **{"duration": HOUR, "site": "cave", **more})
    return rig.app.bookings.book(ADA, request, rig.clock())


def ready(rig: Rig, booking: str):
    for _ in range(120):
        rig.tick()
        view = rig.app.bookings.get(ADA, booking, rig.clock())
        if view.status is BookingStatus.READY:
            return view
    pytest.fail(f"{booking} is {view.status}")


def lease_end(rig: Rig, booking: str):
    return next(lease.window.end for lease in rig.sites["cave"].observe().leases if lease.id == f"l-{booking[2:]}")


def test_how_long_could_i_extend(rig):
    first = book(rig, seats=6)
    free = rig.app.changes.extension(ADA, first.id, rig.clock())
    assert free.until == max(rig.clock(), first.start) + 12 * HOUR
    assert "12 h" in free.limited_by
    neighbour = book(rig, seats=6, start=first.end + 2 * HOUR)
    bounded = rig.app.changes.extension(ADA, first.id, rig.clock())
    assert first.end < bounded.until < neighbour.start
    assert "other bookings" in bounded.limited_by
    with pytest.raises(NoCapacity) as refused:
        rig.app.changes.extend(ADA, first.id, rig.clock(), until=neighbour.start)
    assert f"--until {bounded.until:%Y-%m-%dT%H:%MZ}" in refused.value.hint
    longer = rig.app.changes.extend(ADA, first.id, rig.clock(), until=bounded.until)
    assert longer.end == bounded.until
    assert rig.app.changes.extension(ADA, first.id, rig.clock()).until is None


def test_the_lease_follows_the_window(rig):
    booked = book(rig)
    ready(rig, booked.id)
    before = lease_end(rig, booked.id)
    rig.app.changes.extend(ADA, booked.id, rig.clock(), by=HOUR)
    rig.tick()
    assert lease_end(rig, booked.id) == before + HOUR
    rig.app.changes.shorten(ADA, booked.id, rig.clock(), by=90 * MINUTE)
    rig.tick()
    assert lease_end(rig, booked.id) == before - 30 * MINUTE
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY


def test_a_shortened_booking_ends_at_its_new_end_and_is_refunded(rig):
    rig.grant("cave", 100)
    booked = book(rig, duration=4 * HOUR)
    shorter = rig.app.changes.shorten(ADA, booked.id, rig.clock(), until=rig.clock() + 30 * MINUTE)
    with rig.app.database.read() as unit:
        assert account_of(unit, booked.id).outstanding == 2 * (shorter.end - shorter.start).total_seconds()
    rig.clock.advance(30 * MINUTE)
    for _ in range(5):
        rig.tick()
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.ENDED


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({}, BadRequest, "--by 1h"),
        ({"by": HOUR, "until": True}, BadRequest, "--by 1h"),
        ({"by": timedelta(0)}, BadWindow, "--by 30m"),
        ({"by": -HOUR}, BadWindow, "--by 30m"),
    ],
)
def test_unclear_changes(rig, how, error, words):
    booked = book(rig)
    how = {**how, "until": booked.end} if "until" in how else how
    for change in (rig.app.changes.extend, rig.app.changes.shorten):
        with pytest.raises(error) as refused:
            change(ADA, booked.id, rig.clock(), **how)
        assert words in refused.value.hint


def test_changes_in_the_wrong_direction(rig):
    booked = book(rig)
    ready(rig, booked.id)
    with pytest.raises(BadWindow) as refused:
        rig.app.changes.extend(ADA, booked.id, rig.clock(), until=booked.end - MINUTE)
    assert "almanac shorten" in refused.value.hint
    with pytest.raises(BadWindow) as refused:
        rig.app.changes.shorten(ADA, booked.id, rig.clock(), until=booked.end + MINUTE)
    assert "almanac extend" in refused.value.hint
    with pytest.raises(BadWindow) as refused:
        rig.app.changes.shorten(ADA, booked.id, rig.clock(), by=2 * HOUR)
    assert "almanac release" in refused.value.hint


def test_an_ended_booking_does_not_change(rig):
    booked = book(rig)
    ready(rig, booked.id)
    rig.app.bookings.release(ADA, booked.id, rig.clock())
    for change in (
        lambda: rig.app.changes.extend(ADA, booked.id, rig.clock(), by=HOUR),
        lambda: rig.app.changes.resize(ADA, booked.id, rig.clock(), 2),
        lambda: rig.app.changes.extension(ADA, booked.id, rig.clock()),
    ):
        with pytest.raises(WrongState) as refused:
            change()
        assert "almanac book spark" in refused.value.hint


def test_resizing_before_the_build_places_anew(rig):
    booked = book(rig, start=rig.clock() + HOUR)
    larger = rig.app.changes.resize(ADA, booked.id, rig.clock(), 6)
    assert (larger.seats, larger.workers) == (6, 3)
    with pytest.raises(NoCapacity):
        book(rig, start=rig.clock() + HOUR, seats=1)
    assert rig.app.changes.resize(ADA, booked.id, rig.clock(), 1).workers == 1
    with pytest.raises(BadRequest, match="1 to 6 seats"):
        rig.app.changes.resize(ADA, booked.id, rig.clock(), 7)


def test_a_running_cluster_grows_and_shrinks_and_pays_for_each_size(rig):
    rig.grant("cave", 100)
    booked = book(rig)
    view = ready(rig, booked.id)
    rig.clock.advance(10 * MINUTE)
    rig.app.changes.resize(ADA, booked.id, rig.clock(), 6)
    for _ in range(120):
        rig.tick()
    seats = rig.app.access.connection(ADA, booked.id, rig.clock()).seats
    assert [seat.name for seat in seats] == [f"seat-{n}" for n in range(1, 7)]
    with rig.app.database.read() as unit:
        first_charge = next(line for line in unit.ledger.lines(booking_id=booked.id) if line.kind is LineKind.CHARGE)
    used = (first_charge.at - max(view.ready_at, booked.start)).total_seconds()
    assert first_charge.node_seconds == 2 * used
    rig.app.changes.resize(ADA, booked.id, rig.clock(), 1)
    for _ in range(3):
        rig.tick()
    rig.app.bookings.release(ADA, booked.id, rig.clock())
    with rig.app.database.read() as unit:
        final = account_of(unit, booked.id)
    assert final.outstanding == 0
    assert final.charged < final.held


def test_growing_beyond_the_room_changes_nothing(rig):
    booked = book(rig)
    ready(rig, booked.id)
    book(rig)
    with pytest.raises(NoCapacity, match="no room for 3 workers") as refused:
        rig.app.changes.resize(ADA, booked.id, rig.clock(), 6)
    assert "almanac free spark --seats 6" in refused.value.hint
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).seats == 1
