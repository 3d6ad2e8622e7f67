"""How a booking is put into the database, changed there and ended: the rows and lines that always go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, BookingTarget, Phase
from almanac.core.ledger import Account, Entry, account, charge_so_far, rebalance, settle
from almanac.core.ports import PlacedNode
from almanac.core.resources import Claim, Holder
from almanac.core.windows import Window
from almanac.services.records import Plan, dump_nodes, seat_files
from almanac.storage.rows import ClusterRow, ClusterTarget, EventRow, LeaseRow, LeaseTarget, LedgerRow
from almanac.storage.unit import Unit

ALMANAC = "almanac"
"""The actor of what no person did."""

_NOTHING: Mapping[str, str] = {}
_SOON = timedelta(minutes=1)
"""What begins within this is built as soon as its site has the lease: a site's lead time is a bound, and often too long."""


def tell(
    unit: Unit,
    booking: Booking,
    now: datetime,
    kind: str,
    message: str,
    actor: str = ALMANAC,
    data: Mapping[str, str] = _NOTHING,
) -> None:
    """Append an event of a booking."""
    unit.events.append(EventRow(now, kind, actor, message, booking_id=booking.id, project=booking.project, data=data))


def nodes_of(booking: Booking) -> int:
    """Nodes that a booking pays for: its head and its workers."""
    return 1 + booking.workers


def account_of(unit: Unit, booking: str) -> Account:
    """A booking's ledger lines, summed."""
    return account((line.kind, line.node_seconds, line.at) for line in unit.ledger.lines(booking_id=booking))


def write_lines(unit: Unit, booking: Booking, entries: Sequence[Entry], at: datetime, actor: str) -> None:
    """Append a booking's ledger lines."""
    for entry in entries:
        unit.ledger.append(
            LedgerRow(
                at,
                booking.window.start,
                booking.project,
                booking.site,
                entry.kind,
                entry.node_seconds,
                actor,
                booking.id,
            )
        )


def confirm(
    unit: Unit,
    booking: Booking,
    nodes: Sequence[PlacedNode],
    data: tuple[str, ...],
    now: datetime,
    actor: str,
    held: LeaseRow | None = None,
) -> ClusterRow:
    """Write what a new booking needs beside its claims: a cluster and a lease for the loop, and the ledger's hold.

    Args:
        unit: the transaction.
        booking: the booking.
        nodes: where its cluster is to stand.
        data: labels of the data that it works on.
        now: aware UTC.
        actor: who made it.
        held: a lease of these nodes that becomes the booking's; None: it gets a new one.
    """
    key, plan = booking.id[2:], _plan(booking, nodes, data)
    lease = held or LeaseRow(
        f"l-{key}", Holder.BOOKING, booking.id, booking.site, dump_nodes(nodes), booking.claim_window, now, now
    )
    cluster = ClusterRow(
        f"c-{key}",
        booking.profile,
        booking.site,
        lease.id,
        plan.dumps(),
        created_at=now,
        changed_at=now,
        build_at=now if booking.claim_window.start - now < _SOON else booking.claim_window.start,
        booking_id=booking.id,
    )
    if held is None:
        unit.leases.add(lease)
    else:
        window = Window(held.window.start, booking.claim_window.end)
        unit.leases.record(held.id, now, holder=Holder.BOOKING, holder_id=booking.id, window=window, phase=Phase.ABSENT)
    unit.clusters.add(cluster)
    write_lines(unit, booking, rebalance(Account(), nodes_of(booking), booking.window), now, actor)
    return cluster


def _plan(booking: Booking, nodes: Sequence[PlacedNode], data: tuple[str, ...]) -> Plan:
    files = seat_files(booking.project, booking.owner, booking.id, booking.seats)
    return Plan(tuple(nodes), files, logs_of(booking), data)


def hold_in_ledger(unit: Unit, booking: Booking, now: datetime, actor: str) -> None:
    """Hold, or give back, so that the ledger holds what the rest of the booking needs."""
    write_lines(unit, booking, rebalance(account_of(unit, booking.id), nodes_of(booking), booking.window), now, actor)


def logs_of(booking: Booking) -> str:
    """Where a booking's logs are kept, relative to the site's storage."""
    return f"{booking.project}/people/{booking.owner}/bookings/{booking.id}/logs"


def change_window(
    unit: Unit, before: Booking, after: Booking, claims: Sequence[Claim], now: datetime, actor: str
) -> None:
    """Write a longer or shorter window: booking, claims, lease and ledger."""
    unit.bookings.replace(after)
    unit.claims.replace(before.id, claims)
    for lease in unit.leases.for_holder(before.id):
        if lease.target is LeaseTarget.HELD:
            unit.leases.record(lease.id, now, window=after.claim_window, phase=Phase.ABSENT)
    if after.target is BookingTarget.CONFIRMED:
        hold_in_ledger(unit, after, now, actor)


def end(
    unit: Unit,
    booking: Booking,
    now: datetime,
    *,
    target: BookingTarget,
    teardown: timedelta,
    free: bool = False,
    actor: str = ALMANAC,
) -> Booking:
    """End a confirmed booking: settle its ledger, free its capacity after the teardown, tell the loop to tear down.

    Args:
        unit: the transaction; the site's pool must have been touched in it.
        booking: a confirmed booking.
        now: aware UTC; the booking ends at the earlier of this and its window's end.
        target: CANCELLED or RELEASED.
        teardown: how long its capacity stays taken.
        free: refund everything that wasn't charged yet (it failed, or never began).
        actor: who ended it.
    """
    ended_at = min(now, booking.window.end)
    cluster = unit.clusters.for_booking(booking.id)
    ready_at = cluster.ready_at if cluster is not None else None
    usable_from = None if free or ready_at is None else max(ready_at, booking.window.start)
    write_lines(
        unit, booking, settle(account_of(unit, booking.id), nodes_of(booking), usable_from, ended_at), now, actor
    )
    ended = replace(booking, target=target, ended_at=ended_at)
    unit.bookings.replace(ended)
    _free_claims(unit, booking, cluster, now, teardown)
    if cluster is not None:
        unit.clusters.record(cluster.id, now, target=ClusterTarget.GONE, not_before=None)
    for lease in unit.leases.for_holder(booking.id):
        unit.leases.record(lease.id, now, target=LeaseTarget.RETURNED, not_before=None)
    return ended


def _free_claims(unit: Unit, booking: Booking, cluster: ClusterRow | None, now: datetime, teardown: timedelta) -> None:
    """Nothing was built: free at once. Else the teardown still takes the capacity; `gone` frees what is left of it."""
    built = cluster is not None and cluster.phase not in {Phase.ABSENT, Phase.GONE}
    if not built:
        unit.claims.remove(booking.id)
        return
    end_at = now + teardown
    shorter = [
        replace(claim, window=replace(claim.window, end=min(claim.window.end, end_at)))
        for claim in unit.claims.for_holder(booking.id)
        if claim.window.start < end_at
    ]
    unit.claims.replace(booking.id, shorter)


def charge_elapsed(unit: Unit, booking: Booking, now: datetime, actor: str) -> None:
    """Charge the time used so far at the present size; to be done before a running booking changes size."""
    cluster = unit.clusters.for_booking(booking.id)
    if cluster is None or cluster.ready_at is None or now <= booking.window.start:
        return
    usable_from = max(cluster.ready_at, booking.window.start)
    write_lines(
        unit, booking, charge_so_far(account_of(unit, booking.id), nodes_of(booking), usable_from, now), now, actor
    )
