"""Ending a cluster: its machines save people's files and stop, then everything is removed. Repeatable from anywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from almanac.core.ports import Handle, NodeReport, Temporary
from almanac.sites.openstack import layout
from almanac.sites.openstack.building import gone, wait_while
from almanac.sites.openstack.ground import Ground, silent
from almanac.sites.openstack.machines import Machine
from almanac.sites.openstack.records import Record

log = logging.getLogger(__name__)

_SAVING_S = 15.0
"""What takes longer is looked at again by a later call, so that no hand waits for one cluster."""


def stop(ground: Ground, handle: Handle) -> Iterator[Handle]:
    """End the cluster; see ``core.ports.Site.stop``.

    Raises:
        Temporary: its machines still save, or the cloud still deletes them.
    """
    cluster = str(handle["cluster"])
    kept, standing = ground.records.read(cluster), ground.standing(cluster)
    if kept is not None:
        since = ground.records.mark(cluster, "ending", ground.clock())
        told = _tell(ground, kept, standing)
        yield handle
        _drain(ground, cluster, told, since)
        yield handle
    for machine in standing.values():
        ground.machines.delete(machine)
    gone(ground, [one for one in ground.machines.all() if one.cluster == cluster])
    yield handle
    for port in ground.network.all_ports(cluster):
        ground.network.remove_port(port)
    ground.network.remove_group(cluster)
    ground.doors.shut(cluster)
    ground.desk.forget(cluster)
    ground.records.remove(cluster)
    yield handle


def _tell(ground: Ground, kept: Record, standing: Mapping[str, Machine]) -> list[str]:
    """Tell every machine that has joined to save and stop; the others have nothing to save."""
    told = []
    for node, report in ground.reports(kept.id).items():
        if report.seen_at is None or node not in standing or standing[node].broken:
            continue
        head = kept.nodes.get(node) == "head"
        ground.desk.direct(kept.id, node, layout.last_orders(kept.seats if head else {}, kept.logs))
        told.append(node)
    return told


def _drain(ground: Ground, cluster: str, told: list[str], since: datetime) -> None:
    """Wait for the machines that were told, as long as they answer and the limit isn't reached.

    Raises:
        Temporary: they are still saving.
    """

    def busy() -> list[str]:
        now, heard = ground.clock(), ground.reports(cluster)
        if now - since > ground.settings.drain:
            return []
        return [node for node in told if node in heard and _saves(ground, heard[node], since, now)]

    if wait_while(lambda: bool(busy()), _SAVING_S):
        raise Temporary(f"People's files are being saved on {', '.join(busy())}.", timedelta(seconds=1))
    unfinished = [node for node in told if not ground.reports(cluster)[node].finished]
    if unfinished:
        log.warning("%s: %s did not say that all was saved, and is not waited for any more", cluster, unfinished)


def _saves(ground: Ground, report: NodeReport, since: datetime, now: datetime) -> bool:
    """Whether a machine is still at it. Silence counts from when it was told."""
    heard = max(report.seen_at or since, since)
    return not report.finished and not (silent(ground, report, now) and now - heard > ground.settings.silent_after)
