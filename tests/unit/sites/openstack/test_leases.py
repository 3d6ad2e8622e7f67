"""Orders as leases, where Blazar lies, is slow, or knows no such thing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from almanac.core.ports import LeaseOrder, LeaseState, NoRoom, Permanent, PlacedNode, Temporary
from almanac.core.resources import Flavor, Resources
from almanac.core.windows import Window
from almanac.sites.openstack.blazar import Blazar, BlazarLease, Busy, UnknownKind
from almanac.sites.openstack.book import Book
from almanac.sites.openstack.errors import Answer
from almanac.sites.openstack.leases import Leases
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

NOW = datetime(2026, 12, 1, 10, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEAD = PlacedNode("head", "head", Flavor("m.medium", Resources(4, 8192, 40)), "quota")
WORKER = PlacedNode("worker-1", "worker", Flavor("m.small", Resources(2, 4096, 20)), "quota")
ORDER = LeaseOrder("l-1", Window.lasting(NOW, HOUR), (HEAD, WORKER))
LATER = replace(ORDER, window=Window.lasting(NOW + HOUR, HOUR))


class Stage:
    """A Blazar in memory: ``trouble`` is met by the creates to come, each after the lease was made if it is Temporary."""

    def __init__(self):
        self.there = []
        self.trouble = []
        self.kinds = []
        self.silent = False

    def leases(self, _now):
        if self.silent:
            raise Temporary("Blazar could not list leases")
        return tuple(self.there)

    def lease(self, lease, _now):
        return next(one for one in self.there if one.id == lease)

    def create(self, name, window, wanted, amount, now):
        self.kinds.append(wanted.kind)
        met = self.trouble.pop(0) if self.trouble else None
        if isinstance(met, (NoRoom, UnknownKind)):
            raise met
        number, started = f"id-{len(self.kinds)}", window.start <= now
        status = "ACTIVE" if started else "PENDING"
        made = BlazarLease(number, name, window, status, f"r-{number}", wanted.kind.value, amount, started, True)
        self.there.append(made)
        if met is not None:
            raise met
        return made

    def get_stuck(self):
        """Its manager is killed while it starts everything."""
        facts = {"status": "STARTING", "started": False, "stuck": True}
        self.there = [replace(one, trouble="Blazar has left the lease in STARTING.", **facts) for one in self.there]

    def delete(self, lease):
        if self.lease(lease, NOW).stuck:
            raise Busy("Blazar is starting or ending a lease just now.")
        self.there = [one for one in self.there if one.id != lease]


class Case:
    """Leases over such a Blazar, on a clock that stands still until it is moved."""

    def __init__(self, directory, kind=LeaseKind.AUTO):
        self.now = NOW
        self.stage = Stage()
        self.book = Book(directory)
        settings = OpenStackSettings("sky", "debian", lease_kind=kind)
        reserved = kind is not LeaseKind.NONE
        self.leases = Leases(
            self.stage, self.book, settings, lambda name: f"id of {name}", lambda: reserved, lambda: self.now
        )

    def hold(self, order=ORDER):
        return list(self.leases.hold(order))

    def seen(self):
        return {one.id: one for one in self.leases.seen(self.now)}.get("l-1")


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def test_a_held_order_is_seen_as_it_was_ordered(case):
    assert case.hold() == [{"lease": "l-1"}, {"lease": "l-1"}]
    seen = case.seen()
    assert (seen.state, seen.window, seen.whole, seen.reason) == (LeaseState.ACTIVE, ORDER.window, True, "")
    assert case.leases.active("l-1") == {"m.medium": [("r-id-1", 1)], "m.small": [("r-id-2", 1)]}
    case.now = ORDER.window.end
    assert case.seen().state is LeaseState.ENDED
    with pytest.raises(Permanent, match="has ended"):
        case.leases.active("l-1")


def test_a_lease_that_was_made_in_spite_of_an_error_is_found_and_not_made_again(case):
    case.stage.trouble = [Temporary("Internal Server Error")]
    with pytest.raises(Temporary):
        case.hold()
    assert not case.seen().whole
    case.hold()
    assert len(case.stage.there) == 2
    assert case.seen().whole


def test_a_useless_reservation_is_exchanged_for_another_and_the_rest_stays(case):
    case.hold()
    assert case.leases.exchange("l-1", [HEAD.flavor, WORKER.flavor], "r-id-2")
    assert case.leases.active("l-1") == {"m.medium": [("r-id-1", 1)], "m.small": [("r-id-3", 1)]}
    assert case.seen().whole


def test_a_useless_reservation_stays_where_there_is_no_room_for_another(case):
    case.hold()
    case.stage.trouble = [NoRoom("Not enough hosts available")]
    assert not case.leases.exchange("l-1", [HEAD.flavor, WORKER.flavor], "r-id-2")
    assert case.leases.active("l-1") == {"m.medium": [("r-id-1", 1)], "m.small": [("r-id-2", 1)]}
    assert not case.leases.exchange("l-1", [HEAD.flavor, WORKER.flavor], "r-gone")


def test_what_is_left_in_nova_of_a_reservation_that_was_given_up_is_named_for_a_week(case):
    case.book.note("4f3f55bd-4d3a-4e93-b679-94c08ba622f6", NOW)
    [left] = case.leases.leftovers()
    assert "the flavor and the aggregate 4f3f55bd-4d3a-4e93-b679-94c08ba622f6 in Nova" in left
    assert "2026-12-01 10:00 UTC" in left
    case.now += timedelta(days=8)
    assert case.leases.leftovers() == ()


def test_all_or_nothing(case):
    case.stage.trouble = [None, NoRoom("Not enough hosts available")]
    with pytest.raises(NoRoom):
        case.hold()
    assert (case.stage.there, case.seen(), case.book.entries()) == ([], None, {})


def test_what_was_held_stays_when_more_can_not_be_had(case):
    case.hold(LATER)
    case.stage.trouble = [NoRoom("Not enough hosts available")] * 2
    with pytest.raises(NoRoom):
        case.hold(replace(LATER, nodes=(HEAD, WORKER, replace(WORKER, name="worker-2"))))
    assert case.seen().whole
    assert sorted(one.amount for one in case.stage.there if one.usable) == [1, 1]


def test_what_runs_is_not_lost_because_more_can_not_be_had(case):
    case.hold()
    case.stage.trouble = [NoRoom("Not enough hosts available")]
    with pytest.raises(Temporary, match=r"Not enough hosts available\. What is held stays"):
        case.hold(replace(ORDER, nodes=(HEAD, WORKER, replace(WORKER, name="worker-2"))))
    assert (case.seen().whole, case.seen().state) == (True, LeaseState.ACTIVE)
    assert len(case.stage.there) == 2
    case.hold(replace(ORDER, nodes=(HEAD, WORKER, replace(WORKER, name="worker-2"))))
    assert len(case.stage.there) == 3


def test_the_first_kind_that_the_cloud_knows_is_used_and_remembered(case):
    case.stage.trouble = [UnknownKind("not supported")]
    case.hold()
    assert case.stage.kinds == [LeaseKind.FLAVOR, LeaseKind.INSTANCE, LeaseKind.INSTANCE]
    assert case.leases.kind() is LeaseKind.INSTANCE


def test_a_cloud_that_knows_no_kind_is_told_so(case):
    case.stage.trouble = [UnknownKind("not supported")] * 3
    with pytest.raises(Permanent, match="not supported"):
        case.hold()


def test_what_is_over_can_not_be_held(case):
    case.now = ORDER.window.end
    with pytest.raises(Permanent, match="before it could begin"):
        case.hold()


def test_a_lease_that_does_not_last_is_noticed_at_once(case):
    made = case.stage.create

    def made_and_broken(*order):
        one = made(*order)
        case.stage.there[-1] = replace(one, started=False, trouble="Blazar shows the lease in ERROR.")
        return one

    case.stage.create = made_and_broken
    with pytest.raises(Temporary, match="did not last"):
        case.hold()
    case.stage.create = made
    case.hold()
    assert case.seen().whole
    assert len(case.stage.there) == 2


def test_a_lease_stuck_in_its_start_is_said_replaced_and_told_to_the_operator(case):
    case.hold()
    case.stage.get_stuck()
    seen = case.seen()
    assert (seen.state, seen.whole, seen.reason) == (
        LeaseState.PENDING,
        False,
        "Blazar has left the lease in STARTING.",
    )
    case.hold()
    assert (case.seen().state, case.seen().whole) == (LeaseState.ACTIVE, True)
    left = case.leases.leftovers()
    assert len(left) == 2
    assert left[0].startswith("Blazar has left the lease id-1 (almanac/")
    assert "in STARTING and won't end it: until 2026-12-01 11:01 UTC it may keep 1 node from others." in left[0]
    case.stage.silent = True
    assert case.leases.leftovers() == left
    case.stage.silent = False
    case.leases.give_back({"lease": "l-1"})
    assert case.seen() is None
    assert [one.id for one in case.stage.there] == ["id-1", "id-2"]


def test_what_is_left_of_an_order_that_nobody_knows_and_can_not_be_ended_is_no_orphan(case):
    case.hold()
    case.stage.get_stuck()
    case.stage.there = [replace(one, started=True) for one in case.stage.there]
    assert case.seen().whole
    case.leases.give_back({"lease": "l-1"})
    assert case.seen() is None


def test_a_cluster_that_shrank_makes_its_order_one_to_be_held_anew(case):
    case.hold()
    case.hold(replace(ORDER, nodes=(HEAD, WORKER, replace(WORKER, name="worker-2"))))
    case.hold()
    of = {one.amount: one.reservation for one in case.stage.there if one.name.endswith("m.small")}
    assert len(case.stage.there) == 3
    everything = {one.reservation for one in case.stage.there}
    [busy] = case.leases.seen(case.now, everything)
    [free] = case.leases.seen(case.now, everything - {of[1]})
    assert (busy.whole, free.whole, free.state) == (True, False, LeaseState.ACTIVE)


def test_without_reservations_nothing_can_be_left(tmp_path):
    assert Case(tmp_path, LeaseKind.NONE).leases.leftovers() == ()


def test_an_order_waits_until_all_of_it_is_active(case):
    case.hold(LATER)
    assert case.seen().state is LeaseState.PENDING
    with pytest.raises(Temporary, match="isn't active yet"):
        case.leases.active("l-1")
    with pytest.raises(Temporary, match="no lease l-9"):
        case.leases.active("l-9")


def test_a_flavor_that_is_no_more_wanted_is_given_back(case):
    case.hold()
    case.hold(replace(ORDER, nodes=(HEAD,)))
    assert [one.name.rpartition("/")[2] for one in case.stage.there] == ["m.medium"]


def test_a_half_made_lease_alone_is_no_order(case):
    name = f"almanac/{case.book.instance}/l-1/m.small"
    half = BlazarLease("half", name, ORDER.window, "CREATING", "", "", 0, False, False, "left in CREATING")
    case.stage.there.append(half)
    assert case.seen() is None
    case.leases.give_back({"lease": "l-1"})
    assert case.stage.there == []


def test_best_effort_is_in_the_book_alone(tmp_path):
    case = Case(tmp_path, LeaseKind.NONE)
    case.hold(LATER)
    assert (case.stage.there, case.seen().state, case.seen().window) == ([], LeaseState.PENDING, LATER.window)
    with pytest.raises(Temporary, match="isn't active yet"):
        case.leases.active("l-1")
    case.now = LATER.window.start
    assert (case.seen().state, case.leases.active("l-1")) == (LeaseState.ACTIVE, None)
    case.leases.give_back({"lease": "l-1"})
    assert case.seen() is None


class Api:
    """A cloud that answers requests one after the other."""

    name = "sky"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def ask(self, _service, method, path, body=None, **_query):
        self.asked.append((method, path, body))
        return self.answers.pop(0)


class Nothing:
    def reservation(self, _amount):
        return {}


@pytest.mark.parametrize(("collisions", "made"), [(2, True), (4, False)])
def test_a_creation_that_collided_with_anothers_is_asked_for_again_and_what_it_left_is_told(collisions, made):
    said = "Failed to create resource class 'CUSTOM_RESERVATION_4F3F55BD_4D3A_4E93_B679_94C08BA622F6'"
    lease = {"id": "1", "name": "n", "start_date": "2026-12-01T10:02:00", "end_date": "2026-12-01T11:00:00"}
    api = Api(*[Answer(500, {"error_message": said})] * collisions, Answer(201, {"lease": lease}))
    left = []
    blazar = Blazar(api, left.append)
    refused = nullcontext() if made else pytest.raises(Temporary, match="Failed to create resource class")
    with stamina.set_testing(True, attempts=4), refused:
        assert blazar.create("n", Window(NOW, NOW + HOUR), Nothing(), 1, NOW).id == "1"
    assert left == ["4f3f55bd-4d3a-4e93-b679-94c08ba622f6"] * collisions


def test_a_clock_that_is_behind_the_clouds_does_no_harm():
    late = Answer(400, {"error_message": "Start date must be later than current date"})
    lease = {"id": "1", "name": "n", "start_date": "2026-12-01T10:02:00", "end_date": "2026-12-01T11:00:00"}
    api = Api(late, Answer(201, {"lease": lease | {"status": "PENDING", "reservations": [], "events": []}}))
    window = Window(NOW.replace(minute=1, second=0), NOW + HOUR)

    Blazar(api).create("n", window, Nothing(), 1, NOW)
    assert [body["start_date"] for _, _, body in api.asked] == ["2026-12-01 10:01", "now"]
