"""What every site keeps to. The loop relies on nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from almanac.core.ports import ClusterState, Handle, LeaseState, NoRoom, Permanent, SiteError, Temporary
from almanac.core.windows import Window


def last(handles: Iterable[Handle]) -> Handle:
    """Run a call to its end; its last handle, as the database gives it back."""
    return through_json(list(handles)[-1])


def through_json(handle: Handle) -> Handle:
    """What a database makes of it."""
    restored = json.loads(json.dumps(handle))
    assert restored == handle
    return restored


def cut(handles: Iterator[Handle], checkpoints: int) -> list[Handle]:
    """Run a call only up to a checkpoint (or trouble), as a killed Almanac does; the handles that were saved."""
    saved: list[Handle] = []
    with suppress(Temporary):
        for handle in islice(handles, checkpoints):
            saved.append(through_json(handle))  # noqa: PERF401 - what was saved before the trouble stays
    return saved


def checkpoints(bench, call: str) -> int:
    """How many checkpoints starting or stopping a cluster has here."""
    bench.held()
    started = bench.start(bench.spec())
    stopped = bench.again(lambda: list(bench.site.stop(started[-1])))
    return len(started) if call == "start" else len(stopped)


def test_capacity_is_sane(bench):
    capacity = bench.site.capacity()
    assert capacity.site == bench.site.name
    assert len({host.name for host in capacity.hosts}) == len(capacity.hosts) > 0
    assert len({flavor.name for flavor in capacity.flavors}) == len(capacity.flavors) > 0
    assert all(min(host.resources.vector) >= 0 and host.resources.cores > 0 for host in capacity.hosts)
    for flavor in capacity.flavors:
        assert any(flavor.resources.fits_in(host.resources) for host in capacity.hosts)
    limits = capacity.limits
    assert min(limits.gap, limits.lead_time, limits.minimum_lease, limits.build, limits.teardown) >= timedelta(0)
    assert capacity.isolation


def test_an_untouched_site_shows_nothing(bench):
    before = bench.clock()
    seen = bench.site.observe()
    assert (seen.leases, seen.clusters) == ((), ())
    assert before <= seen.began <= bench.clock()


def test_a_held_lease_is_seen_and_becomes_active(bench):
    order = bench.order()
    handle = last(bench.hold(order))
    seen = bench.lease(order.id)
    assert seen.window == order.window
    assert through_json(seen.handle) == handle
    assert bench.eventually(lambda: bench.lease(order.id, LeaseState.ACTIVE))


def test_a_lease_in_the_future_is_pending(bench):
    later = Window.lasting(bench.clock() + timedelta(hours=3), timedelta(hours=1))
    bench.hold(replace(bench.order(), window=later))
    assert bench.lease("lease-1").state is LeaseState.PENDING


def test_holding_twice_is_one_lease(bench):
    order = bench.order()
    first = last(bench.hold(order))
    bench.reopen()
    assert last(bench.hold(order)) == first
    assert bench.ids() == ({order.id}, set())


def test_a_lease_that_was_asked_for_again_with_a_later_end_has_it(bench):
    order = bench.held()
    if not bench.site.capacity().limits.extendable:
        with pytest.raises(Permanent):
            bench.hold(replace(order, window=order.window.padded(after=timedelta(hours=1))))
        return
    longer = replace(order, window=order.window.padded(after=timedelta(hours=1)))
    bench.hold(longer)
    assert bench.lease(order.id, LeaseState.ACTIVE).window == longer.window


def test_an_ended_lease_is_seen_and_can_be_held_anew(bench):
    limits = bench.site.capacity().limits
    short = Window.lasting(bench.clock(), limits.lead_time + max(limits.minimum_lease, timedelta(seconds=2)))
    order = replace(bench.order(), window=short)
    bench.hold(order)
    while bench.clock() < short.end:
        bench.wait(timedelta(seconds=1))
    assert bench.lease(order.id, LeaseState.ENDED)
    bench.hold(replace(order, window=short.padded(after=timedelta(hours=1))))
    bench.eventually(lambda: bench.lease(order.id, LeaseState.ACTIVE))


def test_a_shortened_lease_ends_earlier(bench):
    order = bench.held()
    shorter = replace(order, window=Window(order.window.start, order.window.end - timedelta(minutes=30)))
    bench.hold(shorter)
    assert bench.lease(order.id).window == shorter.window


def test_giving_back_twice_is_fine(bench):
    handle = last(bench.hold(bench.order()))
    bench.give_back(handle)
    assert bench.ids() == (set(), set())
    bench.reopen()
    bench.give_back(handle)


def test_what_was_given_back_can_be_held_again(bench):
    bench.give_back(last(bench.hold(bench.order())))
    bench.held()
    assert bench.ids() == ({"lease-1"}, set())


def test_only_what_is_there_is_seen(bench):
    bench.held()
    bench.start(bench.spec())
    assert bench.ids() == ({"lease-1"}, {"cluster-1"})
    bench.reopen()
    assert bench.ids() == ({"lease-1"}, {"cluster-1"})


def test_more_than_a_host_has_is_refused(bench):
    order = bench.order()
    head = order.nodes[0]
    hosts = {host.name: host.resources for host in bench.site.capacity().hosts}
    too_many = 1 + max(
        have // need for have, need in zip(hosts[head.host].vector, head.flavor.resources.vector, strict=True) if need
    )
    crowd = tuple(replace(head, name=f"node-{number}", role="worker") for number in range(too_many))
    with pytest.raises((NoRoom, Permanent)):
        list(bench.site.hold(replace(order, nodes=(head, *crowd))))
    assert bench.ids() == (set(), set())


def test_a_cluster_needs_a_lease(bench):
    with pytest.raises(SiteError):
        list(bench.site.start(bench.spec(lease="nobody's")))
    assert bench.ids() == (set(), set())


def test_preparing_needs_no_lease_and_shows_that_it_starts(bench):
    for handle in bench.site.prepare(bench.spec()):
        assert bench.reopen().observe().clusters[0].handle == through_json(handle)
        assert bench.cluster("cluster-1", ClusterState.STARTING)
    bench.end({"cluster": "cluster-1"})
    assert bench.ids() == (set(), set())


def test_what_was_prepared_is_what_starts(bench):
    bench.held()
    list(bench.site.prepare(bench.spec()))
    list(bench.reopen().prepare(bench.spec()))
    bench.start(bench.spec())
    before = bench.ready()
    list(bench.site.prepare(bench.spec()))
    assert bench.ready().endpoints == before.endpoints
    assert bench.ids() == ({"lease-1"}, {"cluster-1"})


def test_a_preparation_that_was_cut_anywhere_is_completed_by_a_start_and_can_be_stopped(bench):
    bench.held()
    total = len(list(bench.site.prepare(bench.spec())))
    bench.end({"cluster": "cluster-1"})
    for cut_after in range(1, total + 1):
        saved = cut(bench.reopen().prepare(bench.spec()), cut_after)
        bench.reopen()
        bench.end(saved[-1])
        assert bench.ids() == ({"lease-1"}, set()), f"stopped after checkpoint {cut_after} of {total}"
        cut(bench.site.prepare(bench.spec()), cut_after)
        bench.reopen()
        bench.start(bench.spec())
        bench.ready()
        bench.end({"cluster": "cluster-1"})


def test_a_cluster_becomes_ready_with_endpoints(bench):
    bench.held()
    handles = [through_json(handle) for handle in bench.start(bench.spec())]
    assert len(handles) >= 2
    seen = bench.ready()
    assert seen.done == seen.total > 0
    host, port = seen.endpoints["connect"].rsplit(":", 1)
    assert host
    assert 0 < int(port) < 65536
    assert seen.endpoints["notebook:seat-1"].startswith("http://")
    assert seen.reason == ""


def test_progress_only_grows(bench):
    bench.held()
    bench.start(bench.spec())
    done = []

    def ready() -> bool | None:
        seen = bench.cluster("cluster-1")
        done.append(seen.done)
        assert 0 <= seen.done <= seen.total
        assert seen.state is ClusterState.READY or seen.doing
        return seen.state is ClusterState.READY or None

    assert bench.eventually(ready)
    assert done == sorted(done)


def test_starting_twice_is_one_cluster(bench):
    bench.held()
    bench.start(bench.spec())
    bench.reopen()
    bench.start(bench.spec())
    first = bench.ready()
    bench.start(bench.spec())
    again = bench.cluster("cluster-1", ClusterState.READY)
    assert again.endpoints == first.endpoints
    assert bench.ids() == ({"lease-1"}, {"cluster-1"})


def test_a_start_that_was_cut_anywhere_is_completed_by_the_next(bench):
    total = checkpoints(bench, "start")
    for cut_after in range(1, total):
        assert len(cut(bench.reopen().start(bench.spec()), cut_after)) == cut_after
        bench.reopen()
        bench.start(bench.spec())
        bench.ready()
        bench.end(bench.cluster("cluster-1").handle)


def test_a_start_that_was_cut_anywhere_can_be_stopped(bench):
    total = checkpoints(bench, "start")
    for cut_after in range(1, total + 1):
        saved = cut(bench.reopen().start(bench.spec()), cut_after)
        bench.reopen()
        bench.end(saved[-1])
        assert bench.ids() == ({"lease-1"}, set()), f"stopped after checkpoint {cut_after} of {total}"


def test_a_stop_that_was_cut_anywhere_is_completed_by_the_next(bench):
    total = checkpoints(bench, "stop")
    for cut_after in range(1, total + 1):
        started = last(bench.start(bench.spec()))
        saved = cut(bench.site.stop(started), cut_after)
        bench.reopen()
        bench.end(saved[-1])
        assert bench.ids() == ({"lease-1"}, set()), f"cut after checkpoint {cut_after} of {total}"


def test_stopping_twice_is_fine(bench):
    bench.held()
    handle = last(bench.start(bench.spec()))
    bench.ready()
    bench.end(handle)
    bench.reopen()
    bench.end(handle)
    assert bench.ids() == ({"lease-1"}, set())


def test_every_handle_of_a_cluster_ends_it(bench):
    bench.held()
    handles = [through_json(handle) for handle in bench.start(bench.spec())]
    bench.ready()
    bench.reopen()
    bench.end(handles[0])
    assert bench.ids() == ({"lease-1"}, set())


def test_a_warm_cluster_is_handed_over_without_a_new_build(bench):
    bench.held()
    warm = bench.spec()
    bench.start(warm)
    before = bench.ready()
    bench.start(bench.named(warm))
    after = bench.ready()
    assert after.endpoints["connect"] == before.endpoints["connect"]
    assert bench.ids() == ({"lease-1"}, {"cluster-1"})


def test_a_new_process_finds_a_ready_cluster(bench):
    bench.held()
    handle = last(bench.start(bench.spec()))
    before = bench.ready()
    bench.reopen()
    after = bench.cluster("cluster-1", ClusterState.READY)
    assert (after.endpoints, after.done, after.total) == (before.endpoints, before.done, before.total)
    bench.end(handle)


def test_logs_are_bounded_and_by_service(bench):
    bench.held()
    handle = last(bench.start(bench.spec()))
    bench.ready()
    everything = bench.site.logs(handle, None, 5)
    assert everything
    assert all(len(text.splitlines()) <= 5 for text in everything.values())
    service = next(iter(everything))
    assert set(bench.site.logs(handle, service, 1)) == {service}
    assert len(bench.site.logs(handle, service, 1)[service].splitlines()) <= 1


def test_logs_of_a_cluster_that_is_gone_are_no_surprise(bench):
    bench.held()
    handle = last(bench.start(bench.spec()))
    bench.end(handle)
    try:
        assert isinstance(bench.site.logs(handle, None, 5), dict)
    except SiteError as error:
        assert str(error)  # noqa: PT017 (either is allowed)


def test_what_never_was_is_gone_already(bench):
    bench.give_back({"lease": "lease-9"})
    bench.end({"cluster": "cluster-9"})
    assert bench.ids() == (set(), set())


def test_an_unknown_host_is_a_site_error_or_no_matter(bench):
    order = bench.order()
    elsewhere = replace(order, nodes=tuple(replace(node, host="nowhere") for node in order.nodes))
    try:
        list(bench.site.hold(elsewhere))
    except SiteError as error:
        assert "nowhere" in str(error)  # noqa: PT017 (a site that sells no hosts needn't care)
