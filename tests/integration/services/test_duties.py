"""What the clock and the sites bring about: warnings, releases, failures, the warm pool."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.rig import ADA, MINUTE, SECOND, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.ports import NoRoom, Permanent, Temporary
from almanac.services.reconcile import NO_ROOM_TRIES, backoff
from almanac.services.requests import BookingRequest

HOUR = timedelta(hours=1)


def book(rig: Rig, profile="spark", **more):
    request = BookingRequest(profile, **{"duration": 8 * HOUR, "site": "cave", **more})
    return rig.app.bookings.book(ADA, request, rig.clock())


def view(rig: Rig, booking: str):
    return rig.app.bookings.get(ADA, booking, rig.clock())


def ticks(rig: Rig, count: int = 120) -> None:
    for _ in range(count):
        rig.tick()


def skip(rig: Rig, away: timedelta) -> None:
    """Let the time pass in minutes."""
    for _ in range(away // MINUTE):
        rig.clock.advance(MINUTE)
        rig.app.reconciler.tick()


def kinds(rig: Rig, booking: str) -> list[str]:
    return [event.kind for event in rig.app.access.events(ADA, booking)]


def test_a_no_show_is_warned_once_and_released(rig):
    booked = book(rig)
    ticks(rig)
    skip(rig, 36 * MINUTE)
    assert "Nobody has used it yet" in view(rig, booked.id).warning
    skip(rig, 12 * MINUTE)
    assert view(rig, booked.id).status is BookingStatus.ENDED
    found = kinds(rig, booked.id)
    assert found.count("warned") == 1
    assert found[-2:] == ["released", "gone"]


def test_use_keeps_it_and_idleness_ends_it(rig):
    booked = book(rig)
    ticks(rig)
    skip(rig, 40 * MINUTE)
    rig.worlds["cave"].use(f"c-{booked.id[2:]}", rig.clock())
    skip(rig, 100 * MINUTE)
    assert view(rig, booked.id).status is BookingStatus.READY
    skip(rig, 12 * MINUTE)
    assert "looks unused" in view(rig, booked.id).warning
    skip(rig, 10 * MINUTE)
    assert view(rig, booked.id).status is BookingStatus.ENDED


def test_the_end_is_announced_and_extending_withdraws_the_warning(rig):
    booked = book(rig, duration=30 * MINUTE)
    ticks(rig)
    skip(rig, 20 * MINUTE)
    assert f"almanac extend {booked.id}" in view(rig, booked.id).warning
    rig.app.changes.extend(ADA, booked.id, rig.clock(), by=5 * MINUTE + HOUR)
    skip(rig, 2 * MINUTE)
    assert "ends at" not in (view(rig, booked.id).warning or "")


def test_a_permanent_error_fails_the_booking_and_refunds_it(rig):
    rig.grant("cave", 100)
    rig.faults["cave"].fail("start", Permanent("the image is gone"))
    booked = book(rig)
    ticks(rig, 60)
    failed = view(rig, booked.id)
    assert (failed.status, failed.reason) == (BookingStatus.FAILED, "the image is gone")
    assert failed.node_hours == 0
    assert "failed" in kinds(rig, booked.id)
    assert rig.sites["cave"].observe().clusters == ()
    assert rig.sites["cave"].observe().leases == ()
    with rig.app.database.read() as unit:
        assert unit.ledger.balance("gaia", "cave", rig.clock()).available == 100 * 3600


def test_temporary_trouble_is_tried_again_and_told(rig):
    rig.faults["cave"].fail("start", Temporary("the API is busy"), times=2)
    booked = book(rig)
    reasons = set()
    for _ in range(60):
        rig.tick()
        reasons.add(view(rig, booked.id).reason)
    assert "the API is busy" in reasons
    ticks(rig)
    assert view(rig, booked.id).status is BookingStatus.READY


def test_no_room_at_the_site_is_believed_in_the_end(rig):
    rig.faults["cave"].fail("hold", NoRoom("a competitor took it"), times=NO_ROOM_TRIES)
    booked = book(rig)
    skip(rig, 10 * MINUTE)
    failed = view(rig, booked.id)
    assert failed.status is BookingStatus.FAILED
    assert "The site cave doesn't hold the capacity: a competitor took it. Another time" in failed.reason


def test_what_is_not_held_long_before_it_begins_is_told_at_once_and_when_it_is(rig):
    rig.faults["cave"].fail("hold", NoRoom("a competitor took it"), times=2)
    booked = book(rig, start=rig.clock() + 24 * HOUR)
    ticks(rig, 4)
    waiting = view(rig, booked.id)
    assert waiting.status is BookingStatus.BOOKED
    assert "a competitor took it" in waiting.reason
    assert kinds(rig, booked.id)[-1] == "waiting"
    ticks(rig, 10)
    assert view(rig, booked.id).reason is None
    assert kinds(rig, booked.id)[-1] == "held"


def test_capacity_that_is_lost_before_its_time_is_told_and_had_again(rig, monkeypatch):
    booked = book(rig, start=rig.clock() + 24 * HOUR)
    ticks(rig)
    site = rig.app.catalogue.site("cave")
    whole = site.observe

    def lame():
        seen = whole()
        return replace(seen, leases=tuple(replace(one, whole=False, reason="It got stuck.") for one in seen.leases))

    with monkeypatch.context() as patched:
        patched.setattr(site, "observe", lame)
        rig.faults["cave"].fail("hold", Temporary("the API is busy"), times=1)
        skip(rig, MINUTE)
        told = rig.app.access.events(ADA, booked.id)[-1]
        assert (told.kind, told.message) == ("mending", "It got stuck. Another is asked for.")
        assert "the API is busy" in view(rig, booked.id).reason
    skip(rig, 2 * MINUTE)
    assert kinds(rig, booked.id)[-2:] == ["mending", "held"]
    assert view(rig, booked.id).reason is None


def test_a_dead_cluster_is_mended_and_its_people_told(rig):
    booked = book(rig)
    ticks(rig)
    rig.worlds["cave"].kill(f"c-{booked.id[2:]}")
    ticks(rig)
    assert view(rig, booked.id).status is BookingStatus.READY
    assert "mending" in kinds(rig, booked.id)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (3, 8), (10, 60)])
def test_backoff_doubles_up_to_a_minute(attempts, seconds):
    assert backoff(attempts, None) == seconds * SECOND
    assert backoff(attempts, 3 * SECOND) == 3 * SECOND


# --- the warm pool: one notebook stands ready at `sky`


def warm(rig: Rig):
    with rig.app.database.read() as unit:
        return [row for row in unit.clusters.unfinished() if row.booking_id is None and row.target == "running"]


def test_a_walk_in_gets_a_warm_cluster_at_once_and_the_pool_is_refilled(rig):
    ticks(rig)
    [ready] = warm(rig)
    booked = book(rig, "notebook", site="sky", duration=HOUR)
    assert booked.status is BookingStatus.READY
    assert rig.app.access.connection(ADA, booked.id, rig.clock()).seats
    ticks(rig)
    assert view(rig, booked.id).status is BookingStatus.READY
    with rig.app.database.read() as unit:
        mine = unit.clusters.for_booking(booked.id)
    assert mine.id == ready.id
    assert mine.spec_applied
    assert len(warm(rig)) == 1
    rig.app.bookings.release(ADA, booked.id, rig.clock())
    ticks(rig, 10)
    assert ready.id not in {cluster.id for cluster in rig.sites["sky"].observe().clusters}


def test_a_booking_that_needs_the_room_gets_it_from_the_warm_pool(rig):
    ticks(rig)
    [first] = warm(rig)
    booked = [book(rig, site="sky", seats=6, duration=HOUR) for _ in range(1)]
    booked.append(book(rig, site="sky", seats=1, duration=HOUR))
    ticks(rig, 200)
    assert all(view(rig, each.id).status is BookingStatus.READY for each in booked)
    for cluster in warm(rig):
        assert cluster.id != first.id or len(booked) < 2


def test_a_drained_site_keeps_no_new_warm_clusters(rig):
    rig.app.catalogue.set_drained("sky", rig.clock())
    ticks(rig)
    assert warm(rig) == []
