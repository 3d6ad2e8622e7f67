"""All that a site's calls on clusters work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from almanac.core.ports import NodeDesk, NodeReport
from almanac.sites.openstack.capacity import Capacity
from almanac.sites.openstack.data import Data
from almanac.sites.openstack.doors import Doors
from almanac.sites.openstack.layout import Render
from almanac.sites.openstack.leases import Leases
from almanac.sites.openstack.machines import Machine, Machines
from almanac.sites.openstack.network import Network
from almanac.sites.openstack.records import Records
from almanac.sites.openstack.settings import OpenStackSettings


class UserData(Protocol):
    """Renders what a machine's first boot does."""

    def __call__(self, url: str, cluster: str, node: str, join_token: str) -> str:
        """Cloud-config that joins the desk at ``url`` with a one-time token."""


@dataclass(frozen=True)
class Ground:
    """A site's parts.

    Attributes:
        render: what runs on a node.
        user_data: what a machine's first boot does.
        began: when this process began to look: silence before that says nothing about a machine.
        data: what machines can mount.
    """

    settings: OpenStackSettings
    leases: Leases
    capacity: Capacity
    machines: Machines
    network: Network
    desk: NodeDesk
    records: Records
    doors: Doors
    render: Render
    user_data: UserData
    clock: Callable[[], datetime]
    began: datetime
    data: Data

    def reports(self, cluster: str) -> dict[str, NodeReport]:
        """What a cluster's machines last told, by node."""
        return {one.node: one for one in self.desk.reports() if one.cluster == cluster}

    def standing(self, cluster: str) -> dict[str, Machine]:
        """A cluster's machines by node, without those that are being deleted."""
        return {one.node: one for one in self.machines.all() if one.cluster == cluster and not one.leaving}


def lost(ground: Ground, machine: Machine | None, report: NodeReport | None, now: datetime) -> str:
    """Why another machine has to take a node's place, in words; empty while there is hope."""
    if machine is None:
        return "its machine is gone"
    if machine.broken:
        return machine.broken
    if report is None:
        return "its machine isn't expected any more"
    if report.seen_at is None:
        late = now - max(machine.created_at, ground.began) > ground.settings.join_within
        return "its machine never joined" if late else ""
    silent = now - max(report.seen_at, ground.began)
    minutes = int(silent.total_seconds() // 60)
    return f"its machine has said nothing for {minutes} minutes" if silent > ground.settings.lost_after else ""


def silent(ground: Ground, report: NodeReport, now: datetime) -> bool:
    """Whether a machine that had joined isn't heard of."""
    return report.seen_at is not None and now - max(report.seen_at, ground.began) > ground.settings.silent_after


def reasons(lacking: Mapping[str, str]) -> str:
    """Why nodes are lost, as sentences."""
    return " ".join(f"{node}: {why.rstrip('.')}." for node, why in sorted(lacking.items()))
