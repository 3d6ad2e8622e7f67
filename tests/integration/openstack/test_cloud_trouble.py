"""Bookings at a cloud in trouble: they come to be in the end or say why not, and nothing of them is left."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.support.outpost import HOUR, PAIR, Outpost
from tests.support.rig import ADA
from tests.support.tenant import Tenant

from almanac.core.bookings import BookingStatus
from almanac.core.errors import NoCapacity
from almanac.core.windows import Window
from almanac.services.requests import AvailabilityQuery
from almanac.sites.openstack import blazar

pytestmark = [pytest.mark.cloud, pytest.mark.turn(-2), pytest.mark.timeout(900)]

elsewhere = pytest.mark.xdist_group("unlucky bookings")
"""They mostly wait, so some have another unlucky cloud: in one after the other the tier would take much longer."""

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FAST = replace(PAIR, head="m.nvme", worker="m.nvme")
"""All that the only host with a fast disk has room for."""


@pytest.fixture
def running(unlucky_cloud):
    return unlucky_cloud


@elsewhere
def test_a_worker_on_a_dead_host_is_told_of_and_comes_back_when_nova_finds_it_a_place(outposts, running):
    almanac = outposts(silent_after=4 * SECOND, lost_after=8 * SECOND)
    booking = almanac.book()
    almanac.becomes(booking, BookingStatus.READY)
    first = almanac.servers(booking)["worker-1"]["id"]
    with ExitStack() as hosts:
        for number in range(1, running.stack.hosts + 1):
            hosts.enter_context(running.host_down(f"host{number:03d}"))
        almanac.sky.agents.mute.add("worker-1")
        almanac.until(lambda: "mending: " in almanac.told(booking), "nobody is told")
        assert "worker-1: its machine has said nothing for" in almanac.told(booking)
        almanac.until(lambda: "No valid host" in (almanac.view(booking).reason or ""), "Nova's refusal isn't told")
        assert "Nova shows the machine worker-1 in ERROR" in almanac.view(booking).reason
    almanac.sky.agents.mute.clear()
    almanac.becomes(booking, BookingStatus.READY)
    assert almanac.servers(booking)["worker-1"]["id"] != first
    almanac.end(booking)


def test_a_cloud_that_a_competitor_filled_is_said_at_once_and_had_when_he_leaves(outposts, running, tmp_path):
    (tmp_path / "competitor").mkdir()
    competitor, almanac = Tenant(running, tmp_path / "competitor"), outposts()
    now = almanac.clock()
    competitor.take_all_hosts(Window(now + 23 * HOUR, now + 26 * HOUR))
    booking = almanac.book(start=now + 24 * HOUR)
    almanac.until(lambda: "waiting: " in almanac.told(booking), "nobody is told")
    assert "The site sky doesn't hold the capacity: Blazar has no room" in almanac.view(booking).reason
    assert almanac.leases(booking) == []
    competitor.close()
    almanac.until(lambda: "held: " in almanac.told(booking), "it isn't asked for again")
    assert [lease["status"] for lease in almanac.leases(booking)] == ["PENDING"]
    assert almanac.view(booking).reason is None
    almanac.end(booking)


@elsewhere
def test_back_to_back_bookings_of_all_there_is_both_run_though_blazar_misses_the_seconds_start(
    outposts, running, tenant
):
    tenant.limit(cores=16, instances=2, ram=2**16)
    almanac = outposts(profile=FAST)
    first = almanac.book(duration=150 * SECOND)
    second = almanac.book(start=next_start(almanac), duration=5 * MINUTE)
    with pytest.raises(NoCapacity):
        almanac.book(duration=MINUTE)
    almanac.becomes(first, BookingStatus.READY)
    [ahead] = almanac.until(lambda: almanac.leases(second), "the second is never held")
    almanac.becomes(first, BookingStatus.ENDED)
    almanac.until(lambda: not (almanac.leases(first) or almanac.servers(first)), "something of the first is left")
    with running.without("blazar-manager"):
        almanac.until(lambda: almanac.clock() > almanac.view(second).start + 5 * SECOND, "time stands still")
        assert almanac.view(second).status is not BookingStatus.READY
    almanac.becomes(second, BookingStatus.READY)
    assert [lease["id"] for lease in almanac.leases(second)] == [ahead["id"]]
    assert len(almanac.servers(second)) == 2
    almanac.end(second)


def next_start(almanac: Outpost) -> datetime:
    """When all is free again, as a person is told."""
    wanted = AvailabilityQuery(almanac.profile.name, MINUTE)
    return almanac.app.finder.availability(ADA, wanted, almanac.clock()).offers[0].start


def test_a_lease_that_never_ends_its_start_is_replaced_and_its_operator_told_what_to_do(
    outposts, running, tenant, monkeypatch
):
    monkeypatch.setattr(blazar, "STUCK_AFTER", 30 * SECOND)
    almanac = outposts()
    soon = (almanac.clock() + 100 * SECOND).replace(second=0, microsecond=0) + MINUTE
    booking = almanac.book(start=soon)
    [stuck] = almanac.until(lambda: almanac.leases(booking), "it is never held")
    assert stuck["status"] == "PENDING"
    with running.frozen("nova-api"):
        almanac.until(lambda: almanac.leases(booking)[0]["status"] == "STARTING", "it never starts")
        running.kill("blazar-manager")
    running.start("blazar-manager")
    almanac.becomes(booking, BookingStatus.READY)
    assert "mending: Blazar has left the lease in STARTING. Another is asked for." in almanac.told(booking)
    almanac.end(booking)
    assert [lease["id"] for lease in tenant.leases()] == [stuck["id"]]
    [left] = almanac.app.catalogue.sites(almanac.clock() + MINUTE)[0].leftovers
    assert f"Blazar has left the lease {stuck['id']}" in left
    running.end_half_made(tenant.project)
    assert almanac.app.catalogue.sites(almanac.clock() + 2 * MINUTE)[0].leftovers == ()
