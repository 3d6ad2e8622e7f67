"""Profiles: what people book. The built-in ones are sized from a site's capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from almanac.core.errors import BadRequest
from almanac.core.ports import PlacedNode
from almanac.core.resources import Flavor, NodeGroup


@dataclass(frozen=True, slots=True)
class Profile:
    """A catalogue entry that people book.

    Attributes:
        head: flavor of the head node (Spark master, Connect server, notebooks).
        worker: flavor of the workers; empty for a plain notebook without Spark.
        workers: fewest workers.
        max_workers: most workers; between the two they follow the seats.
        seats_per_worker: seats that one worker serves.
        max_seats: most seats in one booking.
        max_duration: longest booking.
        idle_after: unused for this long, a started booking is released (after a warning); None never.
        no_show_after: never used for this long after its start, likewise.
        warn_before: how long before such a release, and before the end, people are warned.
        warm: clusters kept ready for walk-ins.
        sites: site names that offer it; empty means all that have its flavors.
    """

    name: str
    title: str
    head: str
    worker: str = ""
    workers: int = 0
    max_workers: int = 0
    seats_per_worker: int = 1
    max_seats: int = 1
    max_duration: timedelta = timedelta(hours=12)
    idle_after: timedelta | None = timedelta(hours=2)
    no_show_after: timedelta | None = timedelta(minutes=45)
    warn_before: timedelta = timedelta(minutes=10)
    warm: int = 0
    sites: tuple[str, ...] = ()

    def workers_for(self, seats: int) -> int:
        """Workers that a number of seats needs, between the profile's bounds."""
        if not self.worker:
            return 0
        return max(self.workers, min(self.max_workers, -(-seats // self.seats_per_worker)))

    def groups(self, seats: int, flavors: Mapping[str, Flavor]) -> tuple[NodeGroup, ...]:
        """The node groups for a number of seats.

        Raises:
            BadRequest: fewer than one seat, or more than the profile has.
            KeyError: the site lacks one of the profile's flavors.
        """
        if not 1 <= seats <= self.max_seats:
            raise BadRequest(
                f"{self.name} has 1 to {self.max_seats} seats; {seats} were asked for.",
                hint=f"Ask for at most {self.max_seats}, or choose a profile with more seats (almanac profiles).",
            )
        head = NodeGroup("head", flavors[self.head], 1)
        if not self.worker:
            return (head,)
        return (head, NodeGroup("worker", flavors[self.worker], self.workers_for(seats)))


def name_nodes(placed: tuple[tuple[NodeGroup, str, int], ...]) -> tuple[PlacedNode, ...]:
    """Name the nodes of ``(group, host, count)`` parts: ``head``, ``worker-1``, ``worker-2``, ..."""
    nodes: list[PlacedNode] = []
    numbers: dict[str, int] = {}
    for group, host, count in placed:
        for _ in range(count):
            numbers[group.role] = numbers.get(group.role, 0) + 1
            name = group.role if group.role == "head" else f"{group.role}-{numbers[group.role]}"
            nodes.append(PlacedNode(name, group.role, group.flavor, host))
    return tuple(nodes)
