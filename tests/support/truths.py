"""What must be true of an Almanac at all times, checked by brute force and not by its own arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tests.support.rig import HOSTS, Rig

from almanac.core.bookings import Booking, BookingTarget, Phase
from almanac.core.ledger import LineKind
from almanac.core.ports import ClusterState, SeenCluster
from almanac.core.resources import Resources
from almanac.core.windows import Window
from almanac.services.records import Plan, load_order
from almanac.sites.simulated.world import State
from almanac.storage.rows import ClusterRow, ClusterTarget, LeaseRow, LeaseTarget, LedgerRow
from almanac.storage.unit import Unit

MADE = {"booked", "offered"}
ENDED = {
    BookingTarget.CANCELLED: {"cancelled", "expired", "declined"},
    BookingTarget.RELEASED: {"released", "ended", "failed"},
}
TERMINAL = ENDED[BookingTarget.CANCELLED] | ENDED[BookingTarget.RELEASED]


def everything(unit: Unit) -> list[Booking]:
    """All bookings that ever were."""
    return unit.bookings.list()


def never_overbooked(rig: Rig) -> None:
    """At no instant from now on do the claims on a host exceed it; nor do the nodes that stand there now."""
    now = rig.clock()
    with rig.app.database.read() as unit:
        for site, hosts in HOSTS.items():
            claims = [claim for claim in unit.claims.current(site, now) if not claim.holder.gives_way]
            for host in hosts:
                here = [(claim.window, claim.resources) for claim in claims if claim.host == host.name]
                for instant in {now, *(window.start for window, _ in here if window.start > now)}:
                    taken = total(resources for window, resources in here if window.contains(instant))
                    assert taken.fits_in(host.resources), f"{host.name} is overbooked at {instant}: {taken}"
    for site, hosts in HOSTS.items():
        with rig.worlds[site].open() as state:
            nodes = [node for cluster in state.clusters.values() for node in cluster.nodes]
        for host in hosts:
            standing = total(node.flavor.resources for node in nodes if node.host == host.name)
            assert standing.fits_in(host.resources), f"too much stands on {host.name}: {standing}"


def total(each: Iterable[Resources]) -> Resources:
    """Their sum."""
    return sum(each, Resources())


def claims_cover_bookings(rig: Rig) -> None:
    """Every booking or offer that isn't over has a place for each of its nodes, over its whole claim window."""
    now = rig.clock()
    with rig.app.database.read() as unit:
        for booking in everything(unit):
            offered = booking.target is BookingTarget.OFFERED and booking.expires_at > now
            confirmed = booking.target is BookingTarget.CONFIRMED
            if not (offered or confirmed) or booking.claim_window.end <= now:
                continue
            claims = unit.claims.for_holder(booking.id)
            assert sum(claim.count for claim in claims) == 1 + booking.workers, f"{booking.id}: {claims}"
            assert {claim.window for claim in claims} == {booking.claim_window}, f"{booking.id}: {claims}"
            assert booking.claim_window.start <= booking.window.start
            assert booking.claim_window.end >= booking.window.end


def ledger_balances(rig: Rig) -> None:
    """Holds equal charges, refunds and what is outstanding; nothing is outstanding once a booking is over."""
    with rig.app.database.read() as unit:
        bookings = {booking.id: booking for booking in everything(unit)}
        clusters = unit.clusters.for_bookings(list(bookings))
        lines = unit.ledger.lines()
        for booking in bookings.values():
            _check_account(booking, clusters.get(booking.id), [line for line in lines if line.booking_id == booking.id])
        for project, site in {(line.project, line.site) for line in lines}:
            sums = summed(line for line in lines if (line.project, line.site) == (project, site))
            if sums[LineKind.GRANT]:
                balance = unit.ledger.balance(project, site, rig.clock())
                held = sums[LineKind.HOLD] - sums[LineKind.CHARGE] - sums[LineKind.REFUND]
                assert (balance.granted, balance.held) == (sums[LineKind.GRANT], held)
                assert balance.charged == sums[LineKind.CHARGE]
                assert balance.available >= 0, f"{project} has overdrawn its grant at {site}: {balance}"


def summed(lines: Iterable[LedgerRow]) -> Counter[LineKind]:
    """Node-seconds by kind."""
    sums: Counter[LineKind] = Counter()
    for line in lines:
        sums[line.kind] += line.node_seconds
    return sums


def _check_account(booking: Booking, cluster: ClusterRow | None, lines: list[LedgerRow]) -> None:
    sums = summed(lines)
    outstanding = sums[LineKind.HOLD] - sums[LineKind.CHARGE] - sums[LineKind.REFUND]
    assert outstanding >= 0, f"{booking.id}: {sums}"
    if booking.target is not BookingTarget.CONFIRMED:
        assert outstanding == 0, f"{booking.id} is over and still holds {outstanding}"
    else:
        charged_until = max((line.at for line in lines if line.kind is LineKind.CHARGE), default=booking.window.start)
        since = max(booking.window.start, charged_until)
        assert outstanding == node_seconds(1 + booking.workers, since, booking.window.end), f"{booking.id}: {sums}"
    if cluster is None or cluster.ready_at is None:
        assert sums[LineKind.CHARGE] == 0, f"{booking.id} was never usable and was charged"
        return
    end = booking.ended_at or booking.window.end
    most = node_seconds(max(4, 1 + booking.workers), max(cluster.ready_at, booking.window.start), end) + 4
    assert sums[LineKind.CHARGE] <= most, f"{booking.id} was charged for more than it had"


def node_seconds(nodes: int, start: datetime, end: datetime) -> int:
    """Whole node-seconds, rounded up."""
    return max(0, -(-nodes * ((end - start) // timedelta(microseconds=1)) // 1_000_000))


def events_explain(rig: Rig) -> None:
    """Each booking's events tell how it was made and how it ended, once each."""
    with rig.app.database.read() as unit:
        for booking in everything(unit):
            kinds = [event.kind for event in unit.events.for_booking(booking.id)]
            assert kinds[0] in MADE, f"{booking.id}: {kinds}"
            assert sum(kind in MADE for kind in kinds) == 1, f"{booking.id}: {kinds}"
            ends = [kind for kind in kinds if kind in TERMINAL]
            expected = ENDED.get(booking.target)
            assert len(ends) == (expected is not None), f"{booking.id} is {booking.target}: {kinds}"
            assert expected is None or ends[0] in expected, f"{booking.id} is {booking.target}: {kinds}"
            if kinds[0] == "offered" and booking.target is BookingTarget.CONFIRMED:
                assert kinds.count("accepted") + kinds.count("approved") == 1, f"{booking.id}: {kinds}"


def failures_have_cause(rig: Rig, causes: Iterable[str]) -> None:
    """A booking fails only for a reason that a site really gave."""
    with rig.app.database.read() as unit:
        for booking in everything(unit):
            for event in unit.events.for_booking(booking.id):
                caused = event.kind != "failed" or any(cause in event.message for cause in causes)
                assert caused, f"{booking.id} failed for no reason: {event.message}"


def builds_are_told(rig: Rig) -> None:
    """Whoever's cluster was ready has been told so; to be checked when all is quiet."""
    with rig.app.database.read() as unit:
        bookings = everything(unit)
        for booking_id, cluster in unit.clusters.for_bookings([booking.id for booking in bookings]).items():
            kinds = [event.kind for event in unit.events.for_booking(booking_id)]
            from_the_pool = cluster.id[2:] != booking_id[2:]
            if cluster.ready_at is not None and not from_the_pool:
                assert kinds.count("ready") >= 1, f"{booking_id}: {kinds}"
                assert kinds.count("building") >= 1, f"{booking_id}: {kinds}"
            if cluster.phase is Phase.READY:
                assert cluster.ready_at is not None, f"{booking_id} is ready since nobody knows when"


def unrest(rig: Rig) -> list[str]:
    """Where the sites differ from what the bookings want; empty when all is quiet."""
    return [line for site in HOSTS for line in _unrest_at(rig, site)]


def _unrest_at(rig: Rig, site: str) -> Iterator[str]:
    seen = rig.eyes[site].observe()
    with rig.app.database.read() as unit:
        leases = {row.id: row for row in unit.leases.unfinished() if row.site == site}
        clusters = {row.id: row for row in unit.clusters.unfinished() if row.site == site}
    yield from (f"leaked lease {lease.id}" for lease in seen.leases if lease.id not in leases)
    yield from (f"leaked cluster {cluster.id}" for cluster in seen.clusters if cluster.id not in clusters)
    with rig.worlds[site].open() as state:
        yield from (trouble for row in leases.values() if (trouble := _lease_trouble(row, state)))
        found = {cluster.id: cluster for cluster in seen.clusters}
        for row in clusters.values():
            if trouble := _cluster_trouble(row, found.get(row.id), state, rig.clock()):
                yield trouble


def _lease_trouble(row: LeaseRow, state: State) -> str:
    order = load_order(row.id, row.window, row.order)
    held = state.leases.get(row.id)
    if row.target is LeaseTarget.RETURNED or row.phase is not Phase.READY:
        return f"{row.id} is to be {row.target} and is {row.phase} ({row.last_error})"
    if held is None:
        return f"{row.id} isn't held"
    return "" if (held.window, held.nodes) == (order.window, order.nodes) else f"{row.id} isn't held as ordered"


def _cluster_trouble(row: ClusterRow, seen: SeenCluster | None, state: State, now: datetime) -> str:
    if row.target is ClusterTarget.GONE:
        return f"{row.id} is to be gone and is {row.phase} ({row.last_error})"
    if row.build_at > now:
        return f"{row.id} was built too early" if seen is not None or row.phase is not Phase.ABSENT else ""
    if seen is None or seen.state is not ClusterState.READY or row.phase is not Phase.READY:
        return f"{row.id} isn't ready but {row.phase} ({row.last_error})"
    plan, stands = Plan.loads(row.spec), state.clusters[row.id]
    as_specified = (stands.nodes, stands.seats) == (plan.nodes, dict(plan.seats))
    return "" if as_specified else f"{row.id} isn't as specified"


def nothing_lost(rig: Rig, known: dict[str, Window]) -> None:
    """Each booking that a person was told of is there, as told, or has an end that its events explain."""
    with rig.app.database.read() as unit:
        for booking_id, window in known.items():
            booking = unit.bookings.get(booking_id)
            assert booking is not None, f"{booking_id} is lost"
            assert booking.window == window, f"{booking_id} was moved to {booking.window}"
            if booking.target is BookingTarget.CONFIRMED:
                cluster = unit.clusters.for_booking(booking_id)
                assert cluster is not None, f"{booking_id} has no cluster"
                assert cluster.target is ClusterTarget.RUNNING, f"{booking_id}'s cluster is to be gone"
                lease = unit.leases.get(cluster.lease_id)
                assert lease is not None, f"{booking_id} has no lease"
                assert lease.target is LeaseTarget.HELD, f"{booking_id}'s lease is to be returned"
                assert lease.holder_id == booking_id
