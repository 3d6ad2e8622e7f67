"""What is seen of a cluster, from what was asked for, servers and reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.ports import ClusterState, NodeReport
from almanac.core.resources import Resources
from almanac.sites.openstack import seeing
from almanac.sites.openstack.ground import Ground
from almanac.sites.openstack.machines import Machine
from almanac.sites.openstack.records import Record, Records
from almanac.sites.openstack.settings import OpenStackSettings

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
KEPT = Record(
    "c-1",
    "l-1",
    {"head": "head", "worker-1": "worker"},
    {"head": ("master", "connect"), "worker-1": ("worker-1",)},
    {"seat-1": None},
    None,
    {"connect": 15002},
    head="10.0.0.5",
    asked=True,
)
HEAD = Machine("1", "c-1", "head", "ACTIVE", "", False, LONG_AGO, "", Resources())
WORKER = replace(HEAD, id="2", node="worker-1")
HEARD = NodeReport("c-1", "head", 1, 1, NOW, {"master": "ready", "connect": "ready"}, last_active=NOW)
UNHEARD = replace(HEARD, seen_at=None, services={})
HEARD_WORKER = NodeReport("c-1", "worker-1", 1, 1, NOW, {"worker-1": "ready"})


@dataclass
class Told:
    """A desk that only has reports."""

    said: tuple[NodeReport, ...]

    def reports(self):
        return self.said


class NoDoors:
    """Doors that lead nowhere, on the ports that they lead to."""

    def keep(self, _cluster, leads):
        return {name: port for name, (_, port) in leads.items()}


@pytest.fixture
def look(tmp_path):
    records = Records(tmp_path)

    def looks(kept=KEPT, machines=(HEAD, WORKER), reports=(HEARD, HEARD_WORKER), began=LONG_AGO, orphans=frozenset()):
        records.write(kept)
        settings = OpenStackSettings("sky", "debian")
        ground = Ground(
            settings, None, None, None, None, Told(reports), records, NoDoors(), None, None, lambda: NOW, began, None
        )
        return {one.id: one for one in seeing.clusters(ground, machines, set(orphans))}

    return looks


def test_ready_when_every_machine_runs_what_it_should(look):
    seen = look()["c-1"]
    assert (seen.state, seen.done, seen.total, seen.whole) == (ClusterState.READY, 5, 5, True)
    assert (seen.endpoints, seen.last_active) == ({"connect": "127.0.0.1:15002"}, NOW)
    assert (seen.doing, seen.reason) == ("", "")


@pytest.mark.parametrize(
    ("facts", "state", "doing"),
    [
        ({"kept": replace(KEPT, asked=False), "machines": (), "reports": ()}, "starting", "head is being asked for"),
        (
            {"machines": (replace(HEAD, status="BUILD"), WORKER), "reports": (UNHEARD, HEARD_WORKER)},
            "starting",
            "building the machine head",
        ),
        ({"reports": (UNHEARD, HEARD_WORKER)}, "starting", "head is booting"),
        (
            {"reports": (replace(HEARD, services={"master": "ready"}, doing="Connect."), HEARD_WORKER)},
            "starting",
            "Connect.",
        ),
        ({"reports": (replace(HEARD, wanted=2), HEARD_WORKER)}, "starting", "new orders"),
    ],
)
def test_on_the_way_it_says_what_it_waits_for(look, facts, state, doing):
    seen = look(began=NOW, **facts)["c-1"]
    assert seen.state == state
    assert doing in seen.doing
    assert seen.done < seen.total or "orders" in doing


@pytest.mark.parametrize(
    ("facts", "state", "why"),
    [
        ({"machines": (HEAD,)}, ClusterState.DEGRADED, "worker-1: its machine is gone."),
        ({"machines": (WORKER,)}, ClusterState.DEAD, "head: its machine is gone."),
        ({"machines": (HEAD, replace(WORKER, leaving=True))}, ClusterState.DEGRADED, "gone"),
        (
            {"machines": (HEAD, replace(WORKER, status="ERROR", fault="No valid host"))},
            ClusterState.DEGRADED,
            "No valid host",
        ),
        ({"reports": (HEARD,)}, ClusterState.DEGRADED, "isn't expected"),
        ({"reports": (replace(HEARD, seen_at=None), HEARD_WORKER)}, ClusterState.DEAD, "never joined"),
        ({"reports": (HEARD, replace(HEARD_WORKER, seen_at=LONG_AGO))}, ClusterState.DEGRADED, "for 60 minutes"),
    ],
)
def test_a_machine_that_will_not_do_is_missed(look, facts, state, why):
    seen = look(**facts)["c-1"]
    assert (seen.state, seen.whole) == (state, False)
    assert why in seen.reason


def test_silence_while_nobody_listened_says_nothing(look):
    away = (replace(HEARD, seen_at=LONG_AGO), replace(HEARD_WORKER, seen_at=LONG_AGO))
    seen = look(reports=away, began=NOW - timedelta(seconds=5))["c-1"]
    assert (seen.state, seen.whole) == (ClusterState.READY, True)
    late = look(reports=(replace(HEARD, seen_at=None), HEARD_WORKER), began=NOW - timedelta(seconds=5))["c-1"]
    assert late.whole


def test_what_was_ready_and_lost_a_service_is_degraded(look):
    assert look()["c-1"].state is ClusterState.READY
    seen = look(reports=(replace(HEARD, services={"master": "ready", "connect": "failed"}), HEARD_WORKER))["c-1"]
    assert (seen.state, seen.whole) == (ClusterState.DEGRADED, True)


def test_trouble_that_a_machine_tells_of_is_told_on(look):
    seen = look(reports=(replace(HEARD, trouble="Its disk is full."), HEARD_WORKER))["c-1"]
    assert seen.reason == "head: Its disk is full."


def test_what_nobody_knows_is_dead(look):
    stray = replace(HEAD, id="9", cluster="c-9")
    seen = look(machines=(HEAD, WORKER, stray), orphans={"c-8"})
    assert {cluster: one.state for cluster, one in seen.items() if cluster != "c-1"} == {
        "c-8": ClusterState.DEAD,
        "c-9": ClusterState.DEAD,
    }
    assert seen["c-9"].handle == {"cluster": "c-9"}
