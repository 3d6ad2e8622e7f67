"""Clusters that are prepared while their lease begins: at the cave, where a lease takes half a minute."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.rig import ADA

from almanac.core.bookings import BookingStatus, Phase
from almanac.core.ports import NoRoom, Permanent, SiteError, Temporary
from almanac.services.requests import BookingRequest

LEAD = timedelta(seconds=30)
BUILD = timedelta(seconds=15)


def book(rig):
    """A walk-in, and the id of its cluster."""
    request = BookingRequest("spark", timedelta(hours=1), site="cave")
    booked = rig.app.bookings.book(ADA, request, rig.clock())
    return booked, f"c-{booked.id[2:]}"


def row(rig, cluster):
    with rig.app.database.read() as unit:
        return unit.clusters.get(cluster)


def ticks(rig, number):
    for _ in range(number):
        rig.tick()


def ready(rig):
    """The lease begins, and the build has its time."""
    for wait in (LEAD, BUILD):
        rig.clock.advance(wait)
        ticks(rig, 3)


def present(rig):
    return {seen.id for seen in rig.eyes["cave"].observe().clusters}


def told(rig, booking):
    return [event.kind for event in rig.app.access.events(ADA, booking)]


def status(rig, booking):
    return rig.app.bookings.get(ADA, booking, rig.clock()).status


def test_a_cluster_is_prepared_at_once_and_built_when_its_lease_begins(rig):
    booked, cluster = book(rig)
    ticks(rig, 2)
    prepared = row(rig, cluster)
    assert present(rig) == {cluster}
    assert (prepared.phase, prepared.handle["cluster"]) == (Phase.ABSENT, cluster)
    assert "building" not in told(rig, booked.id)
    ready(rig)
    built = row(rig, cluster)
    assert status(rig, booked.id) is BookingStatus.READY
    assert built.secrets == prepared.secrets
    with rig.worlds["cave"].open() as world:
        assert built.build_started_at >= world.leases[built.lease_id].active_from
    assert told(rig, booked.id).count("building") == 1


@pytest.mark.parametrize(
    "trouble", [Temporary("Neutron is away."), Permanent("Neutron refuses."), NoRoom("No address.")]
)
def test_whatever_is_in_the_way_of_preparing_the_start_deals_with_it(rig, caplog, trouble: SiteError):
    caplog.set_level("INFO")
    rig.faults["cave"].fail("prepare", trouble)
    booked, cluster = book(rig)
    ticks(rig, 1)
    assert f"{cluster} could not be prepared at cave: {trouble}" in caplog.text
    ready(rig)
    assert status(rig, booked.id) is BookingStatus.READY


def test_a_booking_that_is_cancelled_while_its_cluster_is_prepared_leaves_nothing(rig):
    booked, cluster = book(rig)
    ticks(rig, 2)
    rig.app.bookings.cancel(ADA, booked.id, rig.clock())
    ticks(rig, 4)
    assert (present(rig), rig.eyes["cave"].observe().leases) == (set(), ())
    assert row(rig, cluster).phase is Phase.GONE


def test_a_lease_that_is_refused_takes_what_was_prepared_with_it(rig):
    rig.faults["cave"].fail("hold", Permanent("Blazar refuses."), times=None)
    booked, cluster = book(rig)
    ticks(rig, 4)
    assert present(rig) == set()
    assert status(rig, booked.id) is BookingStatus.FAILED
    assert row(rig, cluster).phase is Phase.FAILED
