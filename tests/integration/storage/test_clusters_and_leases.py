"""Clusters and leases, kept and found again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.samples import HOUR, NOW, a_booking, a_cluster, a_lease, hours

from almanac.core.bookings import Phase
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, ClusterTarget, LeaseRow, LeaseTarget

FULL_CLUSTER = a_cluster(
    booking_id="b-1",
    secrets="gAAAA-encrypted",
    phase=Phase.READY,
    handle={"pids": [1, 2], "host": {"é": None}},
    endpoints={"connect": "127.0.0.1:15002"},
    done=4,
    total=5,
    doing="Waiting for the last worker.",
    attempts=2,
    not_before=NOW + HOUR,
    last_error="No route to host.",
    build_started_at=NOW,
    ready_at=NOW + HOUR,
    gone_at=NOW + 2 * HOUR,
    last_active=NOW + HOUR,
    spec_applied=True,
    warned="idle",
)
FULL_LEASE = a_lease(
    target=LeaseTarget.RETURNED,
    phase=Phase.STOPPING,
    handle={"id": "7"},
    attempts=3,
    not_before=NOW,
    last_error="Conflict.",
)
GONE = {"target": ClusterTarget.GONE, "phase": Phase.GONE}


@pytest.fixture
def booked(peopled: Database) -> Database:
    """A database with the bookings b-1 and b-2."""
    with peopled.write() as unit:
        unit.bookings.add(a_booking("b-1"))
        unit.bookings.add(a_booking("b-2"))
    return peopled


@pytest.mark.parametrize("row", [a_cluster(), FULL_CLUSTER])
def test_a_cluster_comes_back_as_it_was(booked: Database, row: ClusterRow) -> None:
    with booked.write() as unit:
        unit.clusters.add(row)
        assert unit.clusters.get("c-1") == row
        assert unit.clusters.for_lease("l-1") == row
    with booked.read() as unit:
        assert unit.clusters.get("c-1") == row
        assert unit.clusters.get("c-2") is None
        assert unit.clusters.for_lease("l-2") is None


def test_secrets_are_not_printed() -> None:
    assert "gAAAA" not in repr(FULL_CLUSTER)


def test_some_of_a_cluster_can_be_recorded(booked: Database) -> None:
    with booked.write() as unit:
        unit.clusters.add(a_cluster())
        assert unit.clusters.record("c-1", NOW + HOUR, phase=Phase.STARTING, handle={"pid": 1})
        assert unit.clusters.record("c-1", NOW + HOUR, if_spec=a_cluster().spec, spec_applied=True)
        assert not unit.clusters.record("c-1", NOW + HOUR, if_spec="another", spec_applied=False)
        assert not unit.clusters.record("c-9", NOW)
        assert unit.clusters.get("c-1") == a_cluster(
            changed_at=NOW + HOUR, phase=Phase.STARTING, handle={"pid": 1}, spec_applied=True
        )


def test_a_booking_has_one_cluster_and_a_lease_too(booked: Database) -> None:
    with booked.write() as unit:
        unit.clusters.add(a_cluster("c-1", booking_id="b-1"))
    for second in (a_cluster("c-2", lease_id="l-2", booking_id="b-1"), a_cluster("c-2", booking_id="b-2")):
        with pytest.raises(IntegrityError), booked.write() as unit:
            unit.clusters.add(second)


def test_clusters_are_found_by_booking_however_many(booked: Database) -> None:
    mine, yours = a_cluster("c-1", booking_id="b-1"), a_cluster("c-2", lease_id="l-2", booking_id="b-2")
    with booked.write() as unit:
        for row in (mine, yours, a_cluster("c-3", lease_id="l-3")):
            unit.clusters.add(row)
        assert unit.clusters.for_booking("b-2") == yours
        assert unit.clusters.for_booking("b-3") is None
        many = [f"b-{number}" for number in range(100_000)]
        assert unit.clusters.for_bookings(many) == {"b-1": mine, "b-2": yours}
        assert unit.clusters.for_bookings(["b-1"]) == {"b-1": mine}
        assert unit.clusters.for_bookings([]) == {}


@pytest.mark.parametrize(
    ("changes", "unfinished"),
    [
        ({}, True),
        ({"target": ClusterTarget.GONE, "phase": Phase.STOPPING}, True),
        ({"phase": Phase.GONE}, True),
        ({"target": ClusterTarget.GONE, "phase": Phase.FAILED, "handle": {"pid": 1}}, True),
        ({"target": ClusterTarget.GONE, "phase": Phase.FAILED}, False),
        (GONE, False),
    ],
)
def test_a_cluster_is_unfinished_until_nothing_of_it_is_left(booked: Database, changes: Any, unfinished: bool) -> None:
    row = a_cluster(**changes)
    with booked.write() as unit:
        unit.clusters.add(row)
        assert unit.clusters.unfinished() == ([row] if unfinished else [])


def test_the_warm_pool_is_what_is_ready_and_has_no_booking(booked: Database) -> None:
    ready = {"phase": Phase.READY, "ready_at": NOW}
    rows = {
        "c-newer": {**ready, "ready_at": NOW + HOUR},
        "c-older": ready,
        "c-building": {"phase": Phase.STARTING},
        "c-leaving": {**ready, "target": ClusterTarget.GONE},
        "c-booked": {**ready, "booking_id": "b-1"},
        "c-elsewhere": {**ready, "site": "simulated"},
        "c-larger": {**ready, "profile": "spark-large"},
    }
    with booked.write() as unit:
        for number, (name, changes) in enumerate(rows.items()):
            unit.clusters.add(a_cluster(name, lease_id=f"l-{number}", **changes))
        assert [row.id for row in unit.clusters.warm_ready("local", "spark-small")] == ["c-older", "c-newer"]


@pytest.mark.parametrize("row", [a_lease(), FULL_LEASE])
def test_a_lease_comes_back_as_it_was(database: Database, row: LeaseRow) -> None:
    with database.write() as unit:
        unit.leases.add(row)
        assert unit.leases.get("l-1") == row
    with database.read() as unit:
        assert unit.leases.get("l-1") == row
        assert unit.leases.get("l-2") is None


def test_some_of_a_lease_can_be_recorded(database: Database) -> None:
    later = NOW + HOUR
    with database.write() as unit:
        unit.leases.add(a_lease())
        assert unit.leases.record("l-1", later, window=hours(1, 9), phase=Phase.ABSENT)
        assert unit.leases.record("l-1", later, if_window=hours(1, 9), phase=Phase.READY)
        assert not unit.leases.record("l-1", later, if_window=hours(1, 3), phase=Phase.GONE)
        assert not unit.leases.record("l-9", later)
        assert unit.leases.get("l-1") == a_lease(window=hours(1, 9), phase=Phase.READY, changed_at=later)


def test_leases_are_found_by_holder_and_until_they_are_gone(database: Database) -> None:
    first, second = a_lease("l-2"), a_lease("l-1", created_at=NOW + HOUR)
    returned = a_lease("l-3", holder_id="b-2", target=LeaseTarget.RETURNED, phase=Phase.GONE)
    with database.write() as unit:
        for row in (second, first, returned):
            unit.leases.add(row)
        assert unit.leases.for_holder("b-1") == [first, second]
        assert unit.leases.for_holder("b-2") == [returned]
        assert unit.leases.unfinished() == [first, second]
