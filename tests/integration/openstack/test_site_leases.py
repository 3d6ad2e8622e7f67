"""Orders as leases of a real Blazar."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.sky import again

from almanac.core.ports import LeaseOrder, LeaseState, NoRoom, PlacedNode
from almanac.core.resources import Flavor, Resources
from almanac.core.windows import Window
from almanac.sites.openstack.blazar import Blazar
from almanac.sites.openstack.book import Book
from almanac.sites.openstack.leases import Leases
from almanac.sites.openstack.settings import LeaseKind

pytestmark = [pytest.mark.cloud, pytest.mark.alone, pytest.mark.timeout(900)]

HOUR = timedelta(hours=1)
SMALL = Flavor("m.small", Resources(2, 4096, 20))
MEDIUM = Flavor("m.medium", Resources(4, 8192, 40))


def clock() -> datetime:
    return datetime.now(UTC)


class Desk:
    """A project's leases, by a book in a directory."""

    def __init__(self, tenant, directory, kind=LeaseKind.AUTO):
        flavors = tenant.cloud.call("compute", "GET", "/flavors/detail", "list flavors")["flavors"]
        ids = {flavor["name"]: flavor["id"] for flavor in flavors}
        self.tenant = tenant
        self.blazar = Blazar(tenant.cloud)
        self.book = Book(directory)
        settings = tenant.settings(lease_kind=kind)
        self.leases = Leases(self.blazar, self.book, settings, ids.__getitem__, lambda: True, clock)

    def give_back(self):
        again(lambda: self.leases.give_back({"lease": "l-1"}))

    def hold(self, order):
        return again(lambda: list(self.leases.hold(order)))[-1]

    def seen(self, order="l-1"):
        return {one.id: one for one in self.leases.seen(clock())}.get(order)

    def parts(self):
        return sorted(
            (one.name.rsplit("/", 1)[1], one.amount, one.window) for one in self.blazar.leases(clock()) if not one.over
        )

    def wait(self, state, order="l-1"):
        deadline = time.monotonic() + 300
        while (seen := self.seen(order)) is None or seen.state is not state:
            assert time.monotonic() < deadline, (seen, self.tenant.leases())
            time.sleep(0.5)
        return seen


@pytest.fixture
def tenant(shared):
    return shared


@pytest.fixture
def desk(tenant, tmp_path):
    (tmp_path / "site").mkdir()
    return Desk(tenant, tmp_path / "site")


def later(hours=30, length=HOUR):
    """A window in the future, in whole minutes."""
    return Window.lasting(clock().replace(second=0, microsecond=0) + timedelta(hours=hours), length)


def order(window, small=1, medium=0, name="l-1"):
    nodes = [PlacedNode(f"s-{number}", "worker", SMALL, "x") for number in range(small)]
    nodes += [PlacedNode(f"m-{number}", "worker", MEDIUM, "x") for number in range(medium)]
    return LeaseOrder(name, window, tuple(nodes))


def widened(window):
    """What Blazar holds for a window in whole minutes: from a minute earlier."""
    return window.padded(before=timedelta(minutes=1))


def test_a_mixed_order_is_one_lease_per_flavor_and_is_held_once(desk):
    window = later()
    assert desk.hold(order(window, small=2, medium=1)) == {"lease": "l-1"}
    desk.hold(order(window, small=2, medium=1))
    assert desk.parts() == [("m.medium", 1, widened(window)), ("m.small", 2, widened(window))]
    seen = desk.seen()
    assert (seen.state, seen.window, seen.whole) == (LeaseState.PENDING, window, True)
    desk.give_back()
    desk.give_back()
    assert (desk.tenant.left(), desk.seen()) == ("", None)


def test_a_mixed_order_whose_second_half_has_no_room_leaves_nothing_behind(desk):
    with pytest.raises(NoRoom, match="Not enough hosts"):
        desk.hold(order(later(), small=500, medium=1))
    assert (desk.tenant.left(), desk.seen(), desk.book.entries()) == ("", None, {})


def test_a_future_order_takes_another_window_and_size(desk):
    window = later()
    desk.hold(order(window))
    longer = window.padded(after=HOUR)
    desk.hold(order(longer, small=3))
    assert desk.parts() == [("m.small", 3, widened(longer))]
    earlier = Window(window.start - HOUR, window.end)
    desk.hold(order(earlier, medium=1))
    assert desk.parts() == [("m.medium", 1, widened(earlier)), ("m.small", 1, widened(earlier))]
    desk.hold(order(earlier, small=0, medium=1))
    assert desk.parts() == [("m.medium", 1, widened(earlier))]
    assert (desk.seen().window, desk.seen().whole) == (earlier, True)


def test_a_future_order_that_finds_no_more_room_keeps_what_it_had(desk):
    window = later()
    desk.hold(order(window))
    with pytest.raises(NoRoom):
        desk.hold(order(window.padded(after=HOUR), small=500))
    assert desk.parts() == [("m.small", 1, widened(window))]
    assert (desk.seen().window, desk.seen().whole) == (window, True)


def test_a_running_order_is_shortened_lengthened_and_grown_while_its_lease_stays(desk):
    start = clock()
    desk.hold(order(Window.lasting(start, HOUR)))
    desk.wait(LeaseState.ACTIVE)
    [first] = desk.blazar.leases(clock())
    for length in (0.5, 2, 3):
        desk.hold(order(Window.lasting(start, length * HOUR)))
        # Where another test has its hosts later, Blazar doesn't lengthen it, and one that follows does the rest.
        [same] = [one for one in desk.blazar.leases(clock()) if one.id == first.id]
        assert (same.usable, same.started) == (True, True)
        assert (desk.seen().window, desk.seen().whole) == (Window.lasting(start, length * HOUR), True)
    desk.hold(order(Window.lasting(start, 3 * HOUR), small=3))
    assert desk.seen().whole
    desk.wait(LeaseState.ACTIVE)
    assert sorted(amount for _, amount in desk.leases.active("l-1")["m.small"]) == [1, 2]


def test_a_lease_deleted_behind_our_back_is_missed_and_comes_back(desk):
    window = later()
    desk.hold(order(window, small=1, medium=1))
    victim = next(lease for lease in desk.blazar.leases(clock()) if lease.name.endswith("m.small"))
    desk.blazar.delete(victim.id)
    assert not desk.seen().whole
    desk.hold(order(window, small=1, medium=1))
    assert desk.seen().whole
    assert len(desk.parts()) == 2


def test_a_lease_in_error_is_replaced(desk):
    window = later()
    desk.hold(order(window))
    [lease] = desk.tenant.leases()
    # Blazar 18 puts a flavor's lease that hasn't begun into ERROR when its dates are changed.
    desk.tenant.cloud.ask(
        "reservation", "PUT", f"/leases/{lease['id']}", {"end_date": f"{window.end + HOUR:%Y-%m-%d %H:%M}"}
    )
    seen = desk.seen()
    assert not seen.whole
    assert "ERROR" in seen.reason
    desk.hold(order(window))
    assert desk.seen().whole
    assert len(desk.tenant.leases()) == 1


def test_two_almanacs_in_one_project_leave_each_other_alone(desk, tenant, tmp_path):
    (tmp_path / "other").mkdir()
    other = Desk(tenant, tmp_path / "other")
    window = later()
    desk.hold(order(window))
    assert other.seen() is None
    other.hold(order(window))
    assert len(tenant.leases()) == 2
    other.give_back()
    assert desk.seen().whole


def test_a_lost_book_still_shows_what_is_held(desk):
    window = later()
    desk.hold(order(window))
    desk.book.remove("l-1")
    assert desk.seen().window == widened(window)
    desk.leases.give_back(desk.seen().handle)
    assert desk.tenant.left() == ""


def test_other_kinds_of_reservation(tenant, tmp_path):
    for kind in (LeaseKind.INSTANCE, LeaseKind.HOST):
        (tmp_path / kind.name).mkdir()
        desk = Desk(tenant, tmp_path / kind.name, kind)
        window = later(hours=100)
        desk.hold(order(window, small=2))
        [lease] = tenant.leases()
        desk.hold(order(window.padded(after=HOUR), small=2))
        assert [one["id"] for one in tenant.leases()] == [lease["id"]]
        assert desk.parts() == [("m.small", 2, widened(window.padded(after=HOUR)))]
        desk.give_back()
        assert tenant.left() == ""
