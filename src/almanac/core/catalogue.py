"""Profiles: what people book. The built-in ones are sized from a site's capacity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.errors import BadRequest
from almanac.core.packing import Placement
from almanac.core.ports import PlacedNode
from almanac.core.resources import Claim, Flavor, Holder, NodeGroup, Resources
from almanac.core.windows import Window

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Above:
    """Limits up to which a booking needs nobody's approval; None is no limit.

    Attributes:
        seats: most seats.
        length: longest booking.
        nodes: most nodes, head and workers.
    """

    seats: int | None = None
    length: timedelta | None = None
    nodes: int | None = None

    def exceeded(self, seats: int, length: timedelta, nodes: int) -> str:
        """What is above which limit, such as ``30 seats (more than 20)``; empty when nothing is."""
        told = []
        if self.seats is not None and seats > self.seats:
            told.append(f"{seats} seats (more than {self.seats})")
        if self.length is not None and length > self.length:
            told.append(f"{length / _HOUR:g} h (more than {self.length / _HOUR:g})")
        if self.nodes is not None and nodes > self.nodes:
            told.append(f"{nodes} nodes (more than {self.nodes})")
        return ", ".join(told)


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
        data: labels of the data that it works on; sites where all of it lies come first, and what such a site can mount
            is at ``/data/<label>`` on every node.
        approve_above: what is above needs a project lead's or an operator's approval.
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
    data: tuple[str, ...] = ()
    approve_above: Above = Above()

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
            has = "one seat" if self.max_seats == 1 else f"1 to {self.max_seats} seats"
            raise BadRequest(
                f"{self.name} has {has}; {seats} were asked for.",
                hint=f"Ask for at most {self.max_seats}, or choose a profile with more seats (almanac profiles).",
            )
        head = NodeGroup("head", flavors[self.head], 1)
        if not self.worker:
            return (head,)
        return (head, NodeGroup("worker", flavors[self.worker], self.workers_for(seats)))


def name_nodes(placements: Iterable[Placement]) -> tuple[PlacedNode, ...]:
    """The nodes of placements, named ``head``, ``worker-1``, ``worker-2``, ..."""
    nodes: list[PlacedNode] = []
    numbers: Counter[str] = Counter()
    for placed in placements:
        role = placed.group.role
        for _ in range(placed.count):
            numbers[role] += 1
            name = role if role == "head" else f"{role}-{numbers[role]}"
            nodes.append(PlacedNode(name, role, placed.group.flavor, placed.host))
    return tuple(nodes)


def claims_for(
    site: str,
    placements: Iterable[Placement],
    window: Window,
    holder: Holder,
    holder_id: str,
    expires_at: datetime | None = None,
) -> list[Claim]:
    """The claims that placements are, for a holder over a window."""
    return [
        Claim(
            site,
            placed.host,
            placed.group.role,
            placed.group.flavor.name,
            placed.count,
            placed.group.flavor.resources * placed.count,
            window,
            holder,
            holder_id,
            expires_at,
        )
        for placed in placements
    ]


def placements_of(claims: Iterable[Claim], flavors: Mapping[str, Flavor]) -> tuple[Placement, ...]:
    """The placements that claims are; a flavor that the site has dropped since is known from its claim."""
    return tuple(
        Placement(
            NodeGroup(claim.role, flavors.get(claim.flavor) or _flavor_of(claim), claim.count), claim.host, claim.count
        )
        for claim in claims
    )


def _flavor_of(claim: Claim) -> Flavor:
    return Flavor(claim.flavor, Resources(*(amount // claim.count for amount in claim.resources.vector)))
