"""What capacity is made of: the resource vector, flavors, hosts and the claims on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from almanac.core.windows import Window


@dataclass(frozen=True, slots=True)
class Resources:
    """A vector of cores (count), memory (MiB), scratch disk (GiB) and GPUs (count)."""

    cores: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    gpus: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(a + b for a, b in zip(self.vector, other.vector, strict=True)))

    def __sub__(self, other: Resources) -> Resources:
        return Resources(*(a - b for a, b in zip(self.vector, other.vector, strict=True)))

    def __mul__(self, count: int) -> Resources:
        return Resources(*(a * count for a in self.vector))

    @property
    def vector(self) -> tuple[int, int, int, int]:
        """The four numbers, in the order of ``RESOURCE_NAMES``."""
        return (self.cores, self.memory_mib, self.disk_gib, self.gpus)

    def fits_in(self, room: Resources) -> bool:
        """Whether every component is at most the room's."""
        return all(a <= b for a, b in zip(self.vector, room.vector, strict=True))


RESOURCE_NAMES = ("cores", "memory_mib", "disk_gib", "gpus")


@dataclass(frozen=True, slots=True)
class Flavor:
    """The shape of a node at a site.

    Attributes:
        name: unique at its site.
        resources: what one node of it takes from its host.
        nvme: whether the scratch disk is node-local NVMe.
    """

    name: str
    resources: Resources
    nvme: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """A bin of capacity: a hypervisor, or a quota seen as one big bin."""

    name: str
    resources: Resources


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """``count`` nodes (>= 1) of one flavor, in one role (``head`` or ``worker``)."""

    role: str
    flavor: Flavor
    count: int


class Holder(StrEnum):
    """What kind of thing holds a claim."""

    BOOKING = "booking"
    OFFER = "offer"
    WARM = "warm"
    PLAN = "plan"

    @property
    def gives_way(self) -> bool:
        """Whether bookings are placed as if it weren't there."""
        return self in {Holder.WARM, Holder.PLAN}


@dataclass(frozen=True, slots=True)
class Claim:
    """The part of one host that nodes of one group take over a window.

    Attributes:
        site: the site's name.
        host: the host's name there.
        role: the node group's role.
        flavor: the flavor's name.
        count: nodes on this host, >= 1.
        resources: what they take together (``count`` x the flavor's).
        window: from the start of the build to the end of the teardown.
        holder: what kind of thing holds it.
        holder_id: the booking's (an offer is a booking to be), the warm cluster's or the planned place's id.
        expires_at: for an offer, when it stops counting; otherwise None.
    """

    site: str
    host: str
    role: str
    flavor: str
    count: int
    resources: Resources
    window: Window
    holder: Holder
    holder_id: str
    expires_at: datetime | None = None
