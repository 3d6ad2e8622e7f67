"""What is there now of each cluster: from what was asked for, Nova's servers and the machines' own reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from almanac.core.ports import ClusterState, NodeReport, SeenCluster
from almanac.sites.endpoints import address
from almanac.sites.openstack.ground import Ground, lost, reasons, silent
from almanac.sites.openstack.machines import Machine
from almanac.sites.openstack.records import Record

_UP = {"ready", "ended"}


def clusters(ground: Ground, machines: Sequence[Machine], orphans: set[str]) -> tuple[SeenCluster, ...]:
    """All clusters of this Almanac.

    Args:
        ground: the site.
        machines: all of our servers.
        orphans: clusters of which there are ports or groups.
    """
    now, kept = ground.clock(), ground.records.all()
    reports = ground.desk.reports()
    found = []
    for cluster in sorted(kept.keys() | {one.cluster for one in machines} | orphans):
        if cluster in kept:
            view = _View(ground, kept[cluster], machines, reports, now)
            found.append(view.seen())
        else:
            why = "Nobody here knows of this cluster any more."
            found.append(SeenCluster(cluster, ClusterState.DEAD, {"cluster": cluster}, reason=why))
    return tuple(found)


class _View:
    """One cluster, looked at once."""

    def __init__(
        self,
        ground: Ground,
        kept: Record,
        machines: Sequence[Machine],
        reports: Sequence[NodeReport],
        now: datetime,
    ) -> None:
        self._ground = ground
        self._kept = kept
        self._now = now
        self._machines = {one.node: one for one in machines if one.cluster == kept.id and not one.leaving}
        self._reports = {one.node: one for one in reports if one.cluster == kept.id and one.node in kept.nodes}

    def seen(self) -> SeenCluster:
        """What an observer sees."""
        lacking = self._lacking()
        up = self._up()
        state = self._state(lacking, up)
        return SeenCluster(
            id=self._kept.id,
            state=state,
            handle={"cluster": self._kept.id},
            done=self._joined() + sum(len(names) for names in up.values()),
            total=len(self._kept.nodes) + sum(len(names) for names in self._kept.awaited.values()),
            doing="" if state in {ClusterState.READY, ClusterState.DEAD} else self._doing(up),
            reason=self._reason(lacking),
            endpoints=self._endpoints(up),
            last_active=max((one.last_active for one in self._reports.values() if one.last_active), default=None),
            whole=not lacking,
        )

    def _lacking(self) -> dict[str, str]:
        """Nodes that need another machine, and why. Until all have been asked for, the next start is still on its way."""
        if not self._kept.asked:
            return {}
        found = {
            node: lost(self._ground, self._machines.get(node), self._reports.get(node), self._now)
            for node in self._kept.nodes
        }
        return {node: why for node, why in found.items() if why}

    def _up(self) -> dict[str, list[str]]:
        """Node -> awaited services that are up."""
        found = {}
        for node, names in self._kept.awaited.items():
            report = self._reports.get(node)
            told = report.services if report is not None and node in self._machines else {}
            found[node] = [name for name in names if told.get(name) in _UP]
        return found

    def _joined(self) -> int:
        return sum(one.seen_at is not None and node in self._machines for node, one in self._reports.items())

    def _state(self, lacking: Mapping[str, str], up: Mapping[str, list[str]]) -> ClusterState:
        if self._kept.head_node in lacking:
            return ClusterState.DEAD
        settled = self._ground.records.marked(self._kept.id, "ready")
        if lacking or (settled and (self._silent() or not self._complete(up))):
            return ClusterState.DEGRADED
        if not self._complete(up) or not self._current() or self._ending():
            return ClusterState.STARTING
        self._ground.records.mark(self._kept.id, "ready", self._now)
        return ClusterState.READY

    def _complete(self, up: Mapping[str, list[str]]) -> bool:
        return self._kept.asked and all(len(up[node]) == len(names) for node, names in self._kept.awaited.items())

    def _current(self) -> bool:
        """Whether every machine carries out its newest orders."""
        return all(one.revision >= one.wanted for one in self._reports.values())

    def _ending(self) -> bool:
        return self._ground.records.marked(self._kept.id, "ending")

    def _silent(self) -> list[str]:
        return [node for node, one in self._reports.items() if silent(self._ground, one, self._now)]

    def _reason(self, lacking: Mapping[str, str]) -> str:
        said = [reasons(lacking)] if lacking else []
        said += [f"{node} says nothing at the moment." for node in self._silent() if node not in lacking]
        said += [f"{node}: {one.trouble}" for node, one in sorted(self._reports.items()) if one.trouble]
        return " ".join(said)

    def _doing(self, up: Mapping[str, list[str]]) -> str:
        """What the first node that isn't done waits for, the head first."""
        if self._ending():
            return "It is ending."
        for node in sorted(self._kept.nodes, key=lambda name: (name != self._kept.head_node, name)):
            machine, report = self._machines.get(node), self._reports.get(node)
            if machine is None:
                return f"A machine for {node} is being asked for."
            if machine.status == "BUILD":
                return f"The cloud is building the machine {node}."
            if report is None or report.seen_at is None:
                return f"The machine {node} is booting."
            if len(up[node]) < len(self._kept.awaited[node]):
                return report.doing or f"Services are starting on {node}."
        return "Its machines are taking new orders."

    def _endpoints(self, up: Mapping[str, list[str]]) -> dict[str, str]:
        """Addresses on this machine of what the head shows, once the head runs anything."""
        if not self._kept.head or not up[self._kept.head_node] or self._ending():
            return {}
        leads = {name: (self._kept.head, port) for name, port in self._kept.doors.items()}
        ports = self._ground.doors.keep(self._kept.id, leads)
        return {name: address(name, port) for name, port in ports.items()}
