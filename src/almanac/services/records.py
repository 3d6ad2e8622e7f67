"""Specs and orders as JSON text, for the database. Secrets never go through here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from almanac.core.ports import ClusterSpec, LeaseOrder, PlacedNode, Seat
from almanac.core.resources import Flavor, Resources
from almanac.core.windows import Window
from almanac.services.vault import Sealed


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster's spec without its secrets.

    Attributes:
        seats: seat name -> where its files are kept, relative to the site's storage; None while nobody has it.
        data: labels of the data that it works on.
    """

    nodes: tuple[PlacedNode, ...]
    seats: Mapping[str, str | None]
    logs: str | None = None
    data: tuple[str, ...] = ()

    @property
    def takes(self) -> dict[str, Resources]:
        """Resources by host."""
        sums: dict[str, Resources] = {}
        for node in self.nodes:
            sums[node.host] = sums.get(node.host, Resources()) + node.flavor.resources
        return sums

    def dumps(self) -> str:
        """As JSON text."""
        facts = {"nodes": _nodes(self.nodes), "seats": dict(self.seats), "logs": self.logs, "data": self.data}
        return json.dumps(facts)

    @classmethod
    def loads(cls, text: str) -> Plan:
        """From JSON text."""
        facts = json.loads(text)
        # A cluster that was planned before profiles had mounts has no data.
        return cls(_placed(facts["nodes"]), facts["seats"], facts["logs"], tuple(facts.get("data", ())))

    def spec(self, cluster: str, lease: str, profile: str, sealed: Sealed) -> ClusterSpec:
        """The whole spec, as sites take it."""
        seats = tuple(Seat(name, sealed.seats[name], files) for name, files in self.seats.items())
        return ClusterSpec(cluster, lease, profile, self.nodes, seats, sealed.cluster, self.logs, data=self.data)


def seat_names(seats: int) -> tuple[str, ...]:
    """``seat-1``, ``seat-2``, ..."""
    return tuple(f"seat-{number}" for number in range(1, seats + 1))


def seat_files(project: str, owner: str, booking: str, seats: int) -> dict[str, str | None]:
    """Where each seat's files are kept: the first is its owner's own, the others belong to the booking."""
    own = f"{project}/people/{owner}"
    return {n: own if n == "seat-1" else f"{own}/bookings/{booking}/{n}" for n in seat_names(seats)}


def dump_nodes(nodes: Sequence[PlacedNode]) -> str:
    """Placed nodes as JSON text, for a lease row."""
    return json.dumps(_nodes(nodes))


def load_order(lease: str, window: Window, nodes: str) -> LeaseOrder:
    """A lease order from its row."""
    return LeaseOrder(lease, window, _placed(json.loads(nodes)))


def load_nodes(nodes: str) -> tuple[PlacedNode, ...]:
    """Placed nodes from a lease row."""
    return _placed(json.loads(nodes))


def _nodes(nodes: Sequence[PlacedNode]) -> list[dict[str, Any]]:
    return [asdict(node) for node in nodes]


def _placed(nodes: Sequence[Mapping[str, Any]]) -> tuple[PlacedNode, ...]:
    return tuple(PlacedNode(n["name"], n["role"], _flavor(n["flavor"]), n["host"]) for n in nodes)


def _flavor(facts: Mapping[str, Any]) -> Flavor:
    return Flavor(facts["name"], Resources(**facts["resources"]), facts["nvme"])
