"""What Blazar leaves behind and this account can't remove, in words for whoever runs it."""

from __future__ import annotations

from datetime import datetime, timedelta

from almanac.sites.openstack.blazar import BlazarLease

TOLD_FOR = timedelta(days=7)
"""Members see neither aggregates nor others' flavors, so nobody tells us when these are gone."""
_GUIDE = "(docs: how-to/operate-an-openstack-site)"


def in_blazar(lease: BlazarLease) -> str:
    """A lease that was cut off in the midst of a change."""
    return (
        f"Blazar has left the lease {lease.id} ({lease.name}) in {lease.status} and won't end it: until "
        f"{lease.window.end:%Y-%m-%d %H:%M} UTC it may keep {_nodes(lease.amount)} from others. "
        f"Whoever runs Blazar can end it {_GUIDE}."
    )


def in_nova(reservation: str, since: datetime) -> str:
    """A flavor and an aggregate of a reservation that was never made."""
    return (
        f"Blazar may have left the flavor and the aggregate {reservation} in Nova, when Placement failed it "
        f"{since:%Y-%m-%d %H:%M} UTC. They hold nothing; whoever runs Nova can remove them {_GUIDE}."
    )


def _nodes(amount: int) -> str:
    return "1 node" if amount == 1 else f"{amount or 'some'} nodes"
