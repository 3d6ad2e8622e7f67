"""Bookings at a cloud in trouble: they come to be in the end or say why not, and nothing of them is left."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from tests.support.outpost import HOUR
from tests.support.tenant import Tenant

from almanac.core.bookings import BookingStatus
from almanac.core.windows import Window

pytestmark = [pytest.mark.cloud, pytest.mark.turn(-2), pytest.mark.timeout(900)]

SECOND = timedelta(seconds=1)


@pytest.fixture
def running(unlucky_cloud):
    return unlucky_cloud


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
