"""Bookings at a real cloud, from the asking to nothing left: what leases and servers there are, and what people are told."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from tests.support.cloud import Leftovers
from tests.support.crossing import BROKEN, LOST, crossing
from tests.support.outpost import HOUR, mixed

from almanac.core.bookings import BookingStatus
from almanac.services import reconcile

pytestmark = [pytest.mark.cloud, pytest.mark.alone, pytest.mark.timeout(900)]

MINUTE = timedelta(minutes=1)


def standing(clusters: int) -> Leftovers:
    """What there is of a project with so many clusters of two nodes."""
    one = {"leases": 1, "servers": 2, "flavors": 1, "aggregates": 1, "ports": 2, "security_groups": 1}
    return Leftovers(**{name: number * clusters for name, number in one.items()})


def test_two_almanacs_in_one_project_leave_each_other_alone_even_one_that_has_lost_its_database(
    outposts, tenant, tmp_path
):
    ours, theirs = outposts(name="ours"), outposts(name="theirs")
    mine, other = ours.book(), theirs.book()
    ours.becomes(mine, BookingStatus.READY)
    theirs.becomes(other, BookingStatus.READY)
    assert tenant.running.leftovers(tenant.project) == standing(clusters=2)
    ours.close()
    for file in (tmp_path / "ours").glob("nodes.db*"):
        file.unlink()
    ours = outposts(name="ours")
    ours.until(lambda: not (ours.leases(mine) or ours.servers(mine)), "orphans stay")
    for _ in range(3):
        theirs.app.reconciler.tick()
    assert tenant.running.leftovers(tenant.project) == standing(clusters=1)
    assert theirs.view(other).status is BookingStatus.READY
    theirs.end(other)


@pytest.mark.parametrize(
    ("ahead", "start_in"), [(MINUTE, None), (-MINUTE, timedelta(seconds=10))], ids=["ahead", "behind"]
)
def test_a_clock_that_is_a_minute_off_costs_nobody_anything(outposts, ahead, start_in):
    almanac = outposts(ahead=ahead)
    later = almanac.book(start=almanac.clock() + HOUR)
    soon = almanac.book(start=start_in and almanac.clock() + start_in)
    almanac.becomes(soon, BookingStatus.READY)
    for booking in (soon, later):
        view, [lease] = almanac.view(booking), almanac.leases(booking)
        begins, ends = (datetime.fromisoformat(f"{lease[name]}Z") for name in ("start_date", "end_date"))
        assert begins <= view.start - ahead + MINUTE  # by the cloud's clock
        assert ends >= view.end - ahead + almanac.sky.settings.drain
        almanac.end(booking)


def test_a_mixed_booking_whose_second_flavor_is_full_is_refused_whole_and_in_words(outposts, tenant, monkeypatch):
    monkeypatch.setattr(reconcile, "NO_ROOM_TRIES", 2)  # else it takes a minute
    tenant.limit(cores=-1, instances=-1, ram=-1)
    almanac = outposts(profile=mixed(workers=60))
    tomorrow = almanac.book(start=almanac.clock() + 24 * HOUR)
    waiting = almanac.until(lambda: (view := almanac.view(tomorrow)).reason and view, "nobody is told")
    assert waiting.status is BookingStatus.BOOKED
    heard = [waiting.reason, almanac.told(tomorrow)]
    almanac.end(tomorrow)
    today = almanac.book()
    failed = almanac.becomes(today, BookingStatus.FAILED)
    for reason in (*heard, failed.reason, almanac.told(today)):
        assert "no room to lease 60 x m.small: Not enough hosts available. Another time" in reason
    assert failed.node_hours == 0
    almanac.until(lambda: not tenant.left(), "something is left")


def test_leases_deleted_behind_our_back_come_back_with_their_machines_and_the_person_is_told(outposts, tenant):
    almanac = outposts()
    booking = almanac.book()
    almanac.becomes(booking, BookingStatus.READY)
    before = almanac.servers(booking)
    for lease in almanac.leases(booking):
        tenant.cloud.remove("reservation", f"/leases/{lease['id']}", "delete a lease")
    almanac.until(lambda: "mending: " in almanac.told(booking), "nobody is told")
    assert "head: its machine is gone. worker-1: its machine is gone." in almanac.told(booking)
    almanac.becomes(booking, BookingStatus.READY)
    after = almanac.servers(booking)
    assert after.keys() == before.keys()
    assert not {one["id"] for one in after.values()} & {one["id"] for one in before.values()}
    almanac.end(booking)


def test_refused_put_off_and_lost_answers_cost_time_and_nothing_else(outposts, tenant):
    with ExitStack() as roads:
        met = troubled(tenant, roads, 5, LOST, 429, 503, LOST, 500, LOST)
        almanac = outposts()
        booking = almanac.book()
        almanac.becomes(booking, BookingStatus.READY)
        assert tenant.running.leftovers(tenant.project) == standing(clusters=1)
        almanac.end(booking)
        assert all(each[LOST] >= 1 for each in met)
        almanac.close()


def test_deletes_that_are_carried_out_and_answered_with_an_error_or_not_at_all_leave_nothing(outposts, tenant):
    with ExitStack() as roads:
        met = troubled(tenant, roads, 1, BROKEN, LOST, method="DELETE")
        almanac = outposts()
        booking = almanac.book()
        almanac.becomes(booking, BookingStatus.READY)
        almanac.end(booking)
        assert [each[BROKEN] for each in met] == [1, 1, 1]
        assert [each[LOST] for each in met][:2] == [1, 1]  # a lease is seen to be gone before its second
        assert almanac.view(booking).status is BookingStatus.ENDED
        almanac.close()


def troubled(tenant, roads: ExitStack, every: int, *troubles: object, method: str = "") -> list[Counter[object]]:
    """Bad roads to Nova, Neutron and Blazar while the stack is open; what is met on each."""
    met = []
    for service, name in (("compute", "nova"), ("network", "neutron"), ("reservation", "blazar")):
        direct = tenant.cloud.endpoint(service)
        cloud = tenant.running.stack.url(name)
        url, road = roads.enter_context(crossing(cloud, every, *troubles, method=method))
        met.append(road.met)
        redirect(tenant, service, direct.replace(cloud, url))
    return met


def redirect(tenant, service: str, url: str) -> None:
    """Let the project's entry say where a service is."""
    with tenant.project.clouds_yaml.open("a") as entry:
        entry.write(f"    {service}_endpoint_override: {url}\n")
