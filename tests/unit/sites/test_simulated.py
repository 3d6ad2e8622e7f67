"""What the simulated site adds to the contract: its clock, its rules, its faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.ports import (
    ClusterSecrets,
    ClusterSpec,
    ClusterState,
    LeaseOrder,
    LeaseState,
    Limits,
    NoRoom,
    Permanent,
    PlacedNode,
    Seat,
    Temporary,
)
from almanac.core.resources import Flavor, Host, Resources
from almanac.core.windows import Window
from almanac.sites.simulated import Faults, Killed, SimulatedClock, SimulatedSite, World

T0 = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NODE = Flavor("node", Resources(4, 8192, 100))
HEAD = PlacedNode("head", "head", NODE, "h1")
WORKER = PlacedNode("worker-1", "worker", NODE, "h2")
NODES = (HEAD, WORKER)
SECRETS = ClusterSecrets("connect-token", "spark-secret", "ui-key")
SPEC = ClusterSpec("c1", "l1", "spark-small", NODES, (Seat("seat-1", "notebook-token", "gaia/people/ada"),), SECRETS)


@pytest.fixture
def clock():
    return SimulatedClock(T0)


@pytest.fixture
def make(clock):
    hosts = [Host("h1", NODE.resources), Host("h2", NODE.resources * 2)]

    def make(limits=None, **options):
        return SimulatedSite("sky", hosts, [NODE], limits or Limits(), clock, start_seconds=lambda _: 10, **options)

    return make


def order(start=T0, end=T0 + HOUR, lease="l1", nodes=NODES):
    return LeaseOrder(lease, Window(start, end), nodes)


def run(site, spec=SPEC, lease=None):
    list(site.hold(lease or order()))
    return list(site.start(spec))[-1]


def cluster(site):
    return next(iter(site.observe().clusters), None)


def test_a_clock_does_not_go_back(clock):
    with pytest.raises(ValueError, match="doesn't go back"):
        clock.advance(-MINUTE)


def test_leases_follow_the_clock(make, clock):
    site = make()
    list(site.hold(order(T0 + HOUR, T0 + 2 * HOUR)))
    states = []
    for _ in range(3):
        states.append(site.observe().leases[0].state)
        clock.advance(HOUR)
    assert states == [LeaseState.PENDING, LeaseState.ACTIVE, LeaseState.ENDED]


def test_services_come_up_one_by_one(make, clock):
    site = make()
    run(site)
    progress = []
    for _ in range(5):
        seen = cluster(site)
        progress.append((seen.done, seen.doing, seen.state))
        clock.advance(timedelta(seconds=2.5))
    assert progress == [
        (0, "waiting for master", ClusterState.STARTING),
        (1, "waiting for worker-1", ClusterState.STARTING),
        (2, "waiting for connect", ClusterState.STARTING),
        (3, "waiting for notebook-seat-1", ClusterState.STARTING),
        (4, "", ClusterState.READY),
    ]
    assert cluster(site).endpoints == {
        "connect": "c1.sky.invalid:15002",
        "notebook:seat-1": "http://c1.sky.invalid:8889",
    }


def test_start_up_times_are_drawn_from_the_seed(clock):
    def starts(seed):
        drawn = []
        site = SimulatedSite(
            "sky",
            [Host("h1", NODE.resources), Host("h2", NODE.resources)],
            [NODE],
            Limits(),
            clock,
            seed=seed,
            start_seconds=lambda random: drawn.append(random.random()) or 1,
        )
        run(site)
        return drawn

    assert starts(1) == starts(1)
    assert starts(1) != starts(2)


def test_a_notebook_has_no_spark(make, clock):
    site = make()
    run(site, replace(SPEC, nodes=(HEAD,)))
    clock.advance(MINUTE)
    assert cluster(site).endpoints.keys() == {"notebook:seat-1"}


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        (order(nodes=()), Permanent, "no nodes"),
        (order(nodes=(replace(HEAD, host="h9"),)), Permanent, "No host h9 here; there are h1, h2"),
        (order(T0, T0 + timedelta(seconds=30)), Permanent, "lasts 0:01:00 at least"),
        (order(T0 - HOUR, T0), Permanent, "before it could begin"),
        (order(nodes=(HEAD, replace(HEAD, name="worker-1"))), NoRoom, "h1 hasn't the room"),
    ],
)
def test_orders_that_cannot_be(make, wanted, error, text):
    site = make(Limits(minimum_lease=MINUTE))
    with pytest.raises(error, match=text):
        list(site.hold(wanted))
    assert site.observe().leases == ()


def test_hosts_are_full_only_while_they_are(make):
    site = make()
    list(site.hold(order(T0 + HOUR, T0 + 2 * HOUR, "first")))
    with pytest.raises(NoRoom):
        list(site.hold(order(T0, T0 + HOUR + MINUTE, "second")))
    list(site.hold(order(T0, T0 + HOUR, "before")))
    list(site.hold(order(T0 + 2 * HOUR, T0 + 3 * HOUR, "after")))
    assert len(site.observe().leases) == 3


def test_a_gap_is_kept_between_leases_of_a_full_host(make):
    site = make(Limits(gap=MINUTE))
    list(site.hold(order(T0 + HOUR, T0 + 2 * HOUR, "first")))
    for start, end in [(T0, T0 + HOUR), (T0 + 2 * HOUR, T0 + 3 * HOUR)]:
        with pytest.raises(NoRoom):
            list(site.hold(order(start, end, "second")))
    list(site.hold(order(T0, T0 + HOUR - MINUTE, "before")))
    list(site.hold(order(T0 + 2 * HOUR + MINUTE, T0 + 3 * HOUR, "after")))


def test_a_competitor_takes_room_but_is_not_seen(make):
    world = World()
    ours, theirs = make(world=world), make(world=world, tag="theirs")
    list(theirs.hold(order(lease="their lease")))
    with pytest.raises(NoRoom):
        list(ours.hold(order()))
    assert ours.observe().leases == ()
    with pytest.raises(Permanent, match="someone else's"):
        list(ours.hold(order(lease="their lease")))
    ours.give_back({"lease": "their lease"})
    assert len(theirs.observe().leases) == 1


def test_what_is_someone_elses_stays_theirs(make):
    world = World()
    ours, theirs = make(world=world), make(world=world, tag="theirs")
    handle = run(theirs, lease=order(nodes=(HEAD, WORKER, replace(WORKER, name="worker-2"))))
    with pytest.raises(Permanent, match="someone else's"):
        list(ours.start(SPEC))
    list(ours.stop(handle))
    assert ours.logs(handle, None, 5) == {}
    assert cluster(ours) is None
    assert cluster(theirs).state is ClusterState.STARTING


def test_without_notice_a_lease_begins_late(make, clock):
    site = make(Limits(lead_time=5 * MINUTE))
    list(site.hold(order()))
    with pytest.raises(Temporary, match="isn't active yet") as caught:
        list(site.start(SPEC))
    assert caught.value.retry_after == 5 * MINUTE
    clock.advance(5 * MINUTE)
    assert site.observe().leases[0].state is LeaseState.ACTIVE
    list(site.start(SPEC))


def test_a_site_that_cannot_extend_says_so_and_holds_anew(make, clock):
    site = make(Limits(extendable=False))
    list(site.hold(order(T0 + MINUTE, T0 + HOUR)))
    list(site.hold(order(T0 + MINUTE, T0 + 2 * HOUR)))
    clock.advance(2 * MINUTE)
    with pytest.raises(Permanent, match="order one that follows"):
        list(site.hold(order(T0 + MINUTE, T0 + 3 * HOUR)))
    clock.advance(2 * HOUR)
    list(site.hold(order(T0 + MINUTE, T0 + 3 * HOUR)))
    assert site.observe().leases[0].state is LeaseState.ACTIVE


def test_a_lease_keeps_the_nodes_that_a_cluster_uses(make):
    site = make()
    run(site)
    with pytest.raises(Temporary, match="still uses a node on h2"):
        list(site.hold(order(nodes=(HEAD,))))
    list(site.start(replace(SPEC, nodes=(HEAD,))))
    list(site.hold(order(nodes=(HEAD,))))


def test_a_cluster_stays_inside_its_lease(make, clock):
    site = make()
    with pytest.raises(Temporary, match="no lease l1"):
        list(site.start(SPEC))
    list(site.hold(order(nodes=(HEAD,))))
    with pytest.raises(Temporary, match="lacks 1 node on h2"):
        list(site.start(SPEC))
    list(site.start(replace(SPEC, nodes=(HEAD,))))
    with pytest.raises(Temporary, match="lacks 1 node on h1"):
        list(site.start(replace(SPEC, id="c2", nodes=(HEAD,))))
    clock.advance(HOUR)
    with pytest.raises(Permanent, match="has ended"):
        list(site.start(SPEC))


def test_a_grown_cluster_gets_only_what_it_lacks(make, clock):
    site = make()
    second = replace(WORKER, name="worker-2")
    run(site, lease=order(nodes=(*NODES, second)))
    clock.advance(MINUTE)
    list(site.start(replace(SPEC, nodes=(*NODES, second))))
    assert (cluster(site).done, cluster(site).doing) == (4, "waiting for worker-2")
    clock.advance(MINUTE)
    assert cluster(site).done == 5


def test_what_is_down_is_mended_and_what_is_dead_is_rebuilt(make, clock):
    site = make()
    run(site)
    clock.advance(MINUTE)
    site.world.degrade("c1", "connect")
    assert (cluster(site).state, cluster(site).reason) == (ClusterState.DEGRADED, "connect: exited with status 137")
    assert "exited" in site.logs({"cluster": "c1"}, "connect", 1)["connect"]
    clock.advance(HOUR / 4)
    assert cluster(site).state is ClusterState.DEGRADED
    list(site.start(SPEC))
    assert cluster(site).doing == "waiting for connect"
    clock.advance(MINUTE)
    assert cluster(site).state is ClusterState.READY
    site.world.kill("c1")
    assert (cluster(site).state, cluster(site).reason) == (ClusterState.DEAD, "its head node is gone")
    list(site.start(SPEC))
    assert cluster(site).done == 0


def test_a_supervisor_has_a_service_up_again(make, clock):
    site = make()
    run(site)
    clock.advance(MINUTE)
    site.world.degrade("c1", "connect", until=clock() + MINUTE)
    assert cluster(site).state is ClusterState.DEGRADED
    clock.advance(MINUTE)
    assert (cluster(site).state, cluster(site).reason) == (ClusterState.READY, "")


def test_a_cluster_that_sticks_never_becomes_ready(make, clock):
    site = make()
    site.faults.stick("c1")
    run(site)
    clock.advance(HOUR / 2)
    assert (cluster(site).state, cluster(site).doing) == (ClusterState.STARTING, "waiting for notebook-seat-1")
    site.faults.clear()
    list(site.start(SPEC))
    clock.advance(MINUTE)
    assert cluster(site).state is ClusterState.READY


def test_use_is_seen(make):
    site = make()
    run(site)
    assert cluster(site).last_active is None
    site.world.use("c1", T0 + MINUTE)
    assert cluster(site).last_active == T0 + MINUTE


def test_stopping_saves_first_and_an_ended_lease_saves_nothing(make, clock):
    site = make()
    list(site.stop(run(site, replace(SPEC, logs="gaia/logs/b-1"))))
    with site.world.open() as state:
        assert state.saved == {"gaia/people/ada": T0, "gaia/logs/b-1": T0}
    run(site)
    clock.advance(HOUR)
    assert cluster(site) is None
    with site.world.open() as state:
        assert state.lost == {"gaia/people/ada": T0 + HOUR}


def test_a_lost_lease_takes_its_cluster_with_it(make):
    site = make()
    run(site)
    site.world.lose_lease("l1")
    seen = site.observe()
    assert (seen.leases, seen.clusters) == ((), ())


def test_handles_of_something_else_are_refused(make):
    site = make()
    with pytest.raises(Permanent, match="names no cluster"):
        site.stop({"lease": "l1"})
    with pytest.raises(Permanent, match="names no lease"):
        site.give_back({"cluster": "c1"})


def test_logs_of_an_unknown_service_name_the_known_ones(make):
    handle = run(site := make())
    with pytest.raises(Permanent, match="there are master, worker-1, connect, notebook-seat-1"):
        site.logs(handle, "sparkle", 5)


def test_a_file_outlives_the_object(make, clock, tmp_path):
    run(make(world=World(tmp_path / "world.json")))
    clock.advance(MINUTE)
    site = make(world=World(tmp_path / "world.json"))
    assert cluster(site).state is ClusterState.READY
    assert "token" not in (tmp_path / "world.json").read_text()


@pytest.mark.parametrize("error", [Temporary("busy", MINUTE), Permanent("no"), NoRoom("full"), Killed()])
def test_faults_come_as_ordered_and_then_no_more(make, error):
    faults = Faults()
    faults.fail("observe", error, times=2)
    site = make(faults=faults)
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            site.observe()
        assert (caught.value.args, vars(caught.value)) == (error.args, vars(error))
    site.observe()
    assert faults.fired == 2


def test_a_fault_may_be_for_one_subject_and_for_ever(make):
    site = make()
    site.faults.fail("hold", NoRoom("full"), subject="l2", times=None)
    list(site.hold(order()))
    for _ in range(3):
        with pytest.raises(NoRoom):
            list(site.hold(order(lease="l2")))
    site.faults.clear()
    with pytest.raises(NoRoom, match="h1"):
        list(site.hold(order(lease="l2")))


@pytest.mark.parametrize(
    ("step", "done", "saved"), [(0, False, 0), (0, True, 0), (1, False, 1), (2, True, 2), (3, False, 3)]
)
def test_killed_between_every_pair_of_checkpoints(make, step, done, saved):
    site = make()
    list(site.hold(order()))
    site.faults.fail("start", Killed(), step=step, done=done)
    handles = []

    def start():
        for handle in site.start(SPEC):
            handles.append(handle)  # noqa: PERF402 (what came before the exception is wanted)

    with pytest.raises(Killed):
        start()
    assert len(handles) == saved
    assert (cluster(site) is None) is (step == 0 and not done)


def test_a_slow_call_takes_simulated_time(make, clock):
    site = make()
    site.faults.slow("observe", clock, MINUTE)
    assert site.observe().began == T0
    assert clock() == T0 + MINUTE
