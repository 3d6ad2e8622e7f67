"""The rules by which a simulated site accepts a lease."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from almanac.core.ports import LeaseOrder, LeaseState, Limits, NoRoom, Permanent, PlacedNode, Temporary
from almanac.core.resources import Host, Resources
from almanac.core.windows import Window
from almanac.sites.simulated.world import LeaseRecord, State


def accept(state: State, order: LeaseOrder, tag: str, hosts: Mapping[str, Host], limits: Limits, now: datetime) -> None:
    """Put the lease into the state, new or changed; nothing changes when it is there as ordered.

    Raises:
        Permanent: it can't be as ordered: unknown host, too short, over, can't be extended, someone else's id.
        Temporary: a cluster still uses a node that the changed lease no longer has.
        NoRoom: a host hasn't the room for it.
    """
    held = state.leases.get(order.id)
    if held is not None and held.tag != tag:
        raise Permanent(f"The lease {order.id} is someone else's.")
    if held is not None and (held.window, held.nodes) == (order.window, order.nodes):
        return
    if held is not None and held.state(now) is LeaseState.ENDED:
        held = None  # what has ended can't go on, but the rest of the order can be held anew
    _check_shape(order, hosts, limits)
    if held is not None:
        _check_change(state, held, order, limits, now)
    active_from = max(order.window.start, now + limits.lead_time)
    if held is not None:
        active_from = min(active_from, max(order.window.start, held.active_from))
    if active_from >= order.window.end:
        raise Permanent(f"The lease {order.id} ends {order.window.end:%Y-%m-%d %H:%M}, before it could begin.")
    _check_room(state, order, hosts, limits.gap)
    state.leases[order.id] = LeaseRecord(order.id, tag, order.window, order.nodes, active_from)


def check_inside(lease: LeaseRecord, nodes: Iterable[PlacedNode], others: Iterable[PlacedNode]) -> None:
    """Check that a lease has all the nodes of a cluster, beside those of the other clusters in it.

    Raises:
        Temporary: it hasn't; a larger order may be on its way.
    """
    wanted = _kinds(nodes) + _kinds(others)
    if missing := wanted - _kinds(lease.nodes):
        (host, flavor), count = missing.most_common(1)[0]
        raise Temporary(f"The lease {lease.id} lacks {count} {flavor} on {host} for this cluster.")


def _kinds(nodes: Iterable[PlacedNode]) -> Counter[tuple[str, str]]:
    return Counter((node.host, node.flavor.name) for node in nodes)


def _check_shape(order: LeaseOrder, hosts: Mapping[str, Host], limits: Limits) -> None:
    if not order.nodes:
        raise Permanent(f"The lease {order.id} has no nodes.")
    if unknown := {node.host for node in order.nodes} - hosts.keys():
        raise Permanent(f"No host {', '.join(sorted(unknown))} here; there are {', '.join(sorted(hosts))}.")
    if order.window.duration < limits.minimum_lease:
        raise Permanent(f"A lease lasts {limits.minimum_lease} at least; {order.window.duration} was asked for.")


def _check_change(state: State, held: LeaseRecord, order: LeaseOrder, limits: Limits, now: datetime) -> None:
    longer = order.window.end > held.window.end
    if longer and held.state(now) is LeaseState.ACTIVE and not limits.extendable:
        raise Permanent(f"The lease {held.id} runs already and can't be extended; order one that follows it.")
    in_use = [node for cluster in state.clusters.values() if cluster.lease == held.id for node in cluster.nodes]
    if taken := _kinds(in_use) - _kinds(order.nodes):
        (host, flavor), _ = taken.most_common(1)[0]
        raise Temporary(f"A cluster still uses a {flavor} on {host} in the lease {held.id}.")


def _check_room(state: State, order: LeaseOrder, hosts: Mapping[str, Host], gap: timedelta) -> None:
    """A lease takes its hosts for its window and the gap after it; the peak of their sum must fit."""
    others = [(lease.window.padded(after=gap), lease.nodes) for lease in state.leases.values() if lease.id != order.id]
    window = order.window.padded(after=gap)
    instants = [window.start, *(w.start for w, _ in others if window.contains(w.start))]
    for name in sorted({node.host for node in order.nodes}):
        for instant in instants:
            taken = _taken([(window, order.nodes), *others], name, instant)
            if not taken.fits_in(hosts[name].resources):
                raise NoRoom(f"{name} hasn't the room for the lease {order.id} at {instant:%Y-%m-%d %H:%M}.")


def _taken(leases: Iterable[tuple[Window, tuple[PlacedNode, ...]]], host: str, instant: datetime) -> Resources:
    nodes = (node for window, nodes in leases if window.contains(instant) for node in nodes if node.host == host)
    return sum((node.flavor.resources for node in nodes), Resources())
