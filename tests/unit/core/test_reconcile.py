"""The reconcile decision: lists of actions, no mocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.bookings import Phase
from almanac.core.ports import ClusterState, LeaseState, Observation, SeenCluster, SeenLease
from almanac.core.reconcile import (
    ANY_MOMENT,
    STUCK_AFTER,
    Desired,
    EndOrphan,
    GiveBack,
    Hold,
    Prepare,
    Record,
    Start,
    Stop,
    WantedCluster,
    WantedLease,
    decide,
    look_soon,
)
from almanac.core.resources import Resources
from almanac.core.windows import Window

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(minutes=1)
ROOM = {("local", "host"): Resources(8, 8192, 100, 0)}
WINDOW = Window(BEFORE, NOW + timedelta(hours=1))
LEASE = WantedLease("l", "local", wanted=True, phase=Phase.READY, window=WINDOW, handle={"l": 1}, changed_at=BEFORE)
CLUSTER = WantedCluster(
    "c",
    "local",
    "l",
    wanted=True,
    phase=Phase.READY,
    handle={"c": 1},
    spec_applied=True,
    build_at=BEFORE,
    takes={"host": Resources(4, 4096, 0, 0)},
    changed_at=BEFORE,
)
ACTIVE = SeenLease("l", LeaseState.ACTIVE, WINDOW, {"l": 1})
RUNS = SeenCluster("c", ClusterState.READY, {"c": 1})


def acts(leases=(LEASE,), clusters=(CLUSTER,), seen_leases=(ACTIVE,), seen=(RUNS,), room=ROOM, now=NOW, prepares=()):
    observed = {"local": Observation(NOW - timedelta(seconds=1), tuple(seen_leases), tuple(seen))}
    return decide(Desired(leases, clusters, room, prepares), observed, now)


def test_nothing_to_do_but_to_record():
    assert acts() == [Record("c", RUNS)]


def test_a_site_that_did_not_answer_is_left_alone():
    assert decide(Desired((LEASE,), (CLUSTER,), ROOM), {}, NOW) == []


@pytest.mark.parametrize("changed_at", [NOW, NOW - timedelta(seconds=1)])
def test_rows_changed_since_the_observation_began_wait(changed_at):
    late = replace(CLUSTER, wanted=False, changed_at=changed_at)
    assert acts(clusters=(late,)) == []


def test_backing_off_waits():
    assert acts(clusters=(replace(CLUSTER, wanted=False, not_before=NOW + timedelta(seconds=1)),)) == []
    assert acts(clusters=(replace(CLUSTER, wanted=False, not_before=NOW),)) == [Stop("c", {"c": 1})]


# --- leases


@pytest.mark.parametrize("phase", [Phase.ABSENT, Phase.STARTING])
def test_a_wanted_lease_is_held(phase):
    assert acts(leases=(replace(LEASE, phase=phase),), clusters=(), seen_leases=(), seen=()) == [Hold("l")]


def test_a_lease_lost_behind_our_back_is_held_again():
    assert acts(seen_leases=(), seen=(), clusters=()) == [Hold("l")]


def test_a_lease_in_error_is_given_back_and_held_anew():
    broken = replace(ACTIVE, state=LeaseState.ERROR)
    assert acts(seen_leases=(broken,), clusters=(), seen=()) == [GiveBack("l", {"l": 1}, again=True)]


def test_a_lease_of_which_a_part_was_lost_is_held_again_while_its_cluster_goes_on():
    lame = replace(ACTIVE, whole=False, reason="It burns.")
    assert acts(seen_leases=(lame,)) == [Hold("l", "It burns."), Record("c", RUNS)]


def test_why_a_lease_is_asked_for_again_is_said_once():
    lame, again = replace(ACTIVE, whole=False, reason="It burns."), replace(LEASE, phase=Phase.STARTING)
    assert acts(leases=(again,), clusters=(), seen_leases=(lame,), seen=()) == [Hold("l")]


def test_a_lease_is_given_back_only_when_its_cluster_is_gone():
    unwanted = replace(LEASE, wanted=False)
    ending = replace(CLUSTER, wanted=False)
    assert acts(leases=(unwanted,), clusters=(ending,)) == [Stop("c", {"c": 1})]
    assert acts(leases=(unwanted,), clusters=(), seen=()) == [GiveBack("l", {"l": 1})]


# --- clusters


ABSENT = replace(CLUSTER, phase=Phase.ABSENT, handle=None, spec_applied=False)


def test_a_build_starts_at_its_time_inside_an_active_lease():
    assert acts(clusters=(ABSENT,), seen=()) == [Start("c", "build")]
    early = replace(ABSENT, build_at=NOW + timedelta(seconds=1))
    assert acts(clusters=(early,), seen=()) == []
    pending = replace(ACTIVE, state=LeaseState.PENDING)
    assert acts(clusters=(ABSENT,), seen=(), seen_leases=(pending,)) == []


def test_what_is_new_needs_no_younger_look():
    new = replace(LEASE, phase=Phase.ABSENT, handle=None, changed_at=NOW)
    coming = replace(ABSENT, changed_at=NOW)
    assert acts((new,), (coming,), (), (), prepares=("local",)) == [Hold("l"), Prepare("c")]
    assert (
        acts((replace(new, handle={"l": 1}),), (replace(coming, handle={"c": 1}),), (), (), prepares=("local",)) == []
    )


PENDING = replace(ACTIVE, state=LeaseState.PENDING)


@pytest.mark.parametrize("seen_leases", [(PENDING,), ()], ids=["pending", "not there yet"])
def test_while_its_lease_begins_a_cluster_is_prepared_where_that_helps(seen_leases):
    assert acts(clusters=(ABSENT,), seen=(), seen_leases=seen_leases, prepares=("local",))[-1] == Prepare("c")
    assert Prepare("c") not in acts(clusters=(ABSENT,), seen=(), seen_leases=seen_leases, prepares=("cave",))
    early = replace(ABSENT, build_at=NOW + timedelta(seconds=1))
    assert Prepare("c") not in acts(clusters=(early,), seen=(), seen_leases=seen_leases, prepares=("local",))
    assert acts(clusters=(ABSENT,), seen=(), prepares=("local",)) == [Start("c", "build")]


@pytest.mark.parametrize(
    ("handle", "seen"), [({"c": 1}, ()), (None, (RUNS,))], ids=["handle saved", "killed before its handle was saved"]
)
def test_a_cluster_is_prepared_once_and_built_when_its_lease_is_active(handle, seen):
    prepared = replace(ABSENT, handle=handle)
    assert acts(clusters=(prepared,), seen=seen, seen_leases=(PENDING,), prepares=("local",)) == []
    assert acts(clusters=(prepared,), seen=seen, prepares=("local",)) == [Start("c", "build")]


def test_what_is_prepared_has_its_room_and_nobody_else_gets_it():
    prepared, second = replace(ABSENT, handle={"c": 1}), replace(ABSENT, id="d")
    tight = {("local", "host"): Resources(4, 8192, 100, 0)}
    assert acts(clusters=(second, prepared), seen=(), room=tight) == [Start("c", "build")]
    neighbour = replace(CLUSTER, id="old", lease="x", wanted=False, phase=Phase.STOPPING)
    waits = acts(clusters=(neighbour, ABSENT), seen=(), seen_leases=(PENDING,), room=tight, prepares=("local",))
    assert waits == [Stop("old", {"c": 1})]


def test_what_was_only_prepared_ends_like_any_other():
    unwanted = replace(ABSENT, wanted=False, handle={"c": 1})
    assert acts(clusters=(unwanted,), seen=(), seen_leases=(PENDING,)) == [Stop("c", {"c": 1})]


def soon(lease=LEASE, seen_leases=(ACTIVE,), cluster=CLUSTER):
    observed = {"local": Observation(NOW - timedelta(seconds=1), tuple(seen_leases), (RUNS,))}
    return look_soon(Desired((lease,), (cluster,), ROOM), observed, NOW)


def test_a_lease_that_begins_is_looked_for_soon_and_one_that_is_late_is_not():
    due = replace(LEASE, window=Window(NOW, NOW + timedelta(hours=1)))
    assert soon(due, (PENDING,))
    assert soon(due, ())
    assert soon(replace(due, window=Window(NOW + ANY_MOMENT / 2, WINDOW.end)), (PENDING,))
    assert not soon(replace(due, window=Window(NOW + ANY_MOMENT, WINDOW.end)), (PENDING,))
    assert not soon(replace(due, window=Window(NOW - ANY_MOMENT, WINDOW.end)), (PENDING,))
    assert not soon(due)
    assert not soon(replace(due, wanted=False), (PENDING,))
    assert not soon(replace(due, site="cave"), (PENDING,))


def test_rows_that_wait_for_a_younger_look_get_one_soon():
    assert soon(cluster=replace(CLUSTER, changed_at=NOW))
    assert not soon(cluster=replace(CLUSTER, site="cave", changed_at=NOW))


def test_a_build_waits_while_a_teardown_next_door_is_slow():
    neighbour = replace(
        CLUSTER, id="old", lease="x", wanted=False, phase=Phase.STOPPING, takes={"host": Resources(6, 0, 0, 0)}
    )
    assert acts(clusters=(neighbour, ABSENT), seen=()) == [Stop("old", {"c": 1})]
    gone = replace(neighbour, phase=Phase.GONE, handle=None)
    assert acts(clusters=(gone, ABSENT), seen=()) == [Start("c", "build")]


def test_two_builds_share_the_room_that_there_is():
    second = replace(ABSENT, id="d")
    third = replace(ABSENT, id="e")
    assert acts(clusters=(ABSENT, second, third), seen=()) == [Start("c", "build"), Start("d", "build")]


@pytest.mark.parametrize(
    ("phase", "why"), [(Phase.STARTING, "resume"), (Phase.READY, "gone")], ids=["killed in a build", "vanished"]
)
def test_a_cluster_that_is_not_there_is_started_again(phase, why):
    assert acts(clusters=(replace(CLUSTER, phase=phase),), seen=()) == [Start("c", why)]


def test_a_dead_cluster_is_mended():
    dead = replace(RUNS, state=ClusterState.DEAD)
    assert acts(seen=(dead,)) == [Record("c", dead), Start("c", "dead")]


def test_a_cluster_that_lacks_a_machine_is_mended_at_once():
    lame = replace(RUNS, state=ClusterState.DEGRADED, whole=False)
    assert acts(seen=(lame,)) == [Record("c", lame), Start("c", "broken")]


def test_a_changed_spec_converges():
    assert acts(clusters=(replace(CLUSTER, spec_applied=False),)) == [Record("c", RUNS), Start("c", "converge")]


@pytest.mark.parametrize("state", [ClusterState.STARTING, ClusterState.DEGRADED])
@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.READY])
def test_what_is_not_ready_and_makes_no_progress_is_started_again(phase, state):
    still = replace(CLUSTER, phase=phase, changed_at=NOW - STUCK_AFTER - timedelta(seconds=1))
    slow = replace(RUNS, state=state)
    assert acts(clusters=(still,), seen=(slow,)) == [Record("c", slow), Start("c", "stuck")]
    assert acts(clusters=(still,)) == [Record("c", RUNS)]
    moving = replace(still, changed_at=BEFORE)
    assert acts(clusters=(moving,), seen=(slow,)) == [Record("c", slow)]


def test_a_failed_cluster_is_not_started_but_what_is_left_of_it_is_stopped():
    failed = replace(CLUSTER, phase=Phase.FAILED)
    assert acts(clusters=(failed,), seen=()) == []
    assert acts(clusters=(replace(failed, wanted=False),)) == [Stop("c", {"c": 1})]


def test_an_unwanted_cluster_that_was_never_made_ends_without_the_site():
    assert acts(clusters=(replace(ABSENT, wanted=False),), seen=()) == [Stop("c", None)]


def test_what_no_row_wants_is_ended():
    stray = SeenCluster("x", ClusterState.READY, {"x": 1})
    loose = SeenLease("y", LeaseState.ACTIVE, WINDOW, {"y": 1})
    assert acts(seen=(RUNS, stray), seen_leases=(ACTIVE, loose)) == [
        EndOrphan("local", {"x": 1}, lease=False, id="x"),
        EndOrphan("local", {"y": 1}, lease=True, id="y"),
        Record("c", RUNS),
    ]


def test_stops_come_first_then_holds_then_starts():
    ending = replace(CLUSTER, id="old", wanted=False, takes={"host": Resources(1, 0, 0, 0)})
    coming = replace(LEASE, id="m", phase=Phase.ABSENT)
    kinds = [type(action) for action in acts(leases=(LEASE, coming), clusters=(ABSENT, ending), seen=())]
    assert kinds == [Stop, Hold, Start]
