"""Blazar's JSON, and what is asked of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.windows import Window
from almanac.sites.openstack.blazar import Wanted, parse
from almanac.sites.openstack.settings import LeaseKind

NOW = datetime(2026, 11, 22, 15, 3, tzinfo=UTC)
LINE = {
    "id": "fe4650d0",
    "resource_id": "52ba14aa",
    "resource_type": "flavor:instance",
    "status": "active",
    "amount": 2,
}
LEASE = {
    "id": "f0076c78",
    "name": "almanac/0a1b2c3d/l-1/half",
    "start_date": "2026-11-22T15:02:00.000000",
    "end_date": "2026-11-22T15:04:00.000000",
    "status": "ACTIVE",
    "degraded": False,
    "created_at": "2026-11-22 15:02:22",
    "updated_at": "2026-11-22 15:02:25",
    "reservations": [LINE],
    "events": [{"event_type": "start_lease"}, {"event_type": "end_lease"}],
}


def test_an_active_lease():
    lease = parse(LEASE, NOW)
    assert lease.window == Window.lasting(datetime(2026, 11, 22, 15, 2, tzinfo=UTC), timedelta(minutes=2))
    assert (lease.reservation, lease.amount, lease.kind) == ("fe4650d0", 2, "flavor:instance")
    assert (lease.started, lease.usable, lease.over, lease.trouble) == (True, True, False, "")


def test_a_lease_of_hosts_counts_hosts():
    line = {"id": "h", "resource_id": "r", "resource_type": "physical:host", "status": "pending", "min": 3, "max": 3}
    lease = parse(LEASE | {"status": "PENDING", "reservations": [line]}, NOW)
    assert (lease.amount, lease.started, lease.usable) == (3, False, True)


@pytest.mark.parametrize(
    ("facts", "line", "usable", "says"),
    [
        ({"status": "ERROR"}, {"status": "error"}, False, "ERROR"),
        ({"status": "ERROR"}, {}, True, "ERROR"),
        ({}, {"missing_resources": True}, True, "host"),
        ({"status": "PENDING"}, {"status": "pending", "missing_resources": True}, False, "host"),
        ({"status": "UPDATING"}, {"status": "pending"}, True, ""),
        ({"status": "UPDATING", "updated_at": "2026-11-22 14:00:00"}, {"status": "pending"}, False, "UPDATING"),
        ({"status": "TERMINATED"}, {"status": "deleted"}, False, ""),
    ],
)
def test_a_lease_in_trouble_is_usable_only_while_it_runs(facts, line, usable, says):
    lease = parse(LEASE | facts | {"reservations": [LINE | line]}, NOW)
    assert lease.usable is usable
    assert says in lease.trouble


def test_a_creation_that_was_cut_off_is_hopeless_once_no_request_can_be_at_it():
    half = LEASE | {"status": "CREATING", "updated_at": None, "events": [], "reservations": []}
    young, old = parse(half, NOW), parse(half, NOW + timedelta(minutes=2))
    assert (young.in_making, young.hopeless, young.usable) == (True, False, False)
    assert (old.in_making, old.hopeless, old.usable) == (False, True, False)


def test_a_deletion_that_was_cut_off_is_hopeless_too():
    going = LEASE | {"status": "DELETING"}
    young, old = parse(going, NOW), parse(going, NOW + timedelta(minutes=4))
    assert (young.over, young.hopeless, old.over, old.hopeless) == (True, False, True, True)


@pytest.mark.parametrize(("line", "hopeless"), [("pending", True), ("active", False)])
def test_a_start_that_was_cut_off_can_not_be_ended_and_is_of_use_only_where_it_had_come_far(line, hopeless):
    starting = LEASE | {"status": "STARTING", "reservations": [LINE | {"status": line}]}
    young, old = parse(starting, NOW), parse(starting, NOW + timedelta(minutes=4))
    assert (young.cut_off, young.broken) == (False, False)
    assert (old.cut_off, old.hopeless, old.usable) == (True, hopeless, not hopeless)
    assert old.trouble == "Blazar has left the lease in STARTING."


def test_what_is_asked_for():
    def asks(kind):
        return Wanted(kind, "flavor-id", 4, 8192, 40).reservation(3)

    flavor = {"resource_type": "flavor:instance", "flavor_id": "flavor-id", "amount": 3, "affinity": None}
    assert asks(LeaseKind.FLAVOR) == flavor
    assert asks(LeaseKind.INSTANCE) == {
        "resource_type": "virtual:instance",
        "amount": 3,
        "vcpus": 4,
        "memory_mb": 8192,
        "disk_gb": 40,
        "affinity": None,
        "resource_properties": "",
    }
    hosts = asks(LeaseKind.HOST)
    assert (hosts["min"], hosts["max"]) == (3, 3)
    assert json.loads(hosts["hypervisor_properties"]) == ["and", [">=", "$vcpus", "4"], [">=", "$memory_mb", "8192"]]
