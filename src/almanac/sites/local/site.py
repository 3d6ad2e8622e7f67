"""The local site: this machine as one host, and real clusters on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from almanac.core.ports import (
    ClusterSpec,
    Events,
    Handle,
    LeaseOrder,
    Limits,
    NoRoom,
    Observation,
    SiteCapacity,
)
from almanac.core.resources import RESOURCE_NAMES, Flavor, Resources
from almanac.sites.local import building, data, ending, leases, machine, seeing
from almanac.sites.local.explained import explained
from almanac.sites.local.ground import Ground, Render, Settings
from almanac.sites.local.isolation import find_isolation
from almanac.spark.runtime import Runtime
from almanac.spark.services import services_for

LIMITS = Limits(build=timedelta(seconds=30), teardown=timedelta(seconds=30))


class LocalSite:
    """Fills ``core.ports.Site`` with processes on this machine. Every fact is in files, so a new one takes over at once."""

    def __init__(
        self,
        name: str,
        state_dir: Path,
        flavors: tuple[Flavor, ...],
        runtime: Callable[[], Runtime],
        settings: Settings | None = None,
        render: Render = services_for,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Look around the machine and make the state directory.

        Args:
            name: the site's name.
            state_dir: where everything of this site lies; one Almanac's own.
            flavors: that it offers.
            runtime: finds Java, Spark and Python; called at each build.
            settings: the operator's.
            render: what runs on a node.
            clock: aware UTC now.

        Raises:
            Permanent: a tool is missing that nothing works without, or a setting is wrong.
        """
        self._name = name
        self._flavors = flavors
        self._clock = clock
        settings = settings or Settings()
        isolation = find_isolation(settings.network)
        self._ground = Ground.prepare(state_dir, runtime, render, isolation, settings)
        self._ground.sweep()
        self._host = machine.find_host(
            self._ground.state, settings.cpu_allocation_ratio, settings.memory_reserve_mib, settings.disk_reserve_gib
        )

    @property
    def name(self) -> str:
        """The site's name."""
        return self._name

    @property
    def instance(self) -> str:
        """The random name of this Almanac, which everything that it starts carries."""
        return self._ground.instance

    @property
    def storage(self) -> Path:
        """Where people's files are between bookings."""
        return self._ground.storage

    @property
    def shared(self) -> Path:
        """Data sets that every cluster reads, at this same path."""
        return self._ground.shared

    def capacity(self) -> SiteCapacity:
        """This machine as one host, measured when Almanac started: what clusters use since is claimed, not gone."""
        kept, mounts = self._ground.isolation, self._ground.settings.mounts
        isolation = f"{kept} {data.UNMOUNTED}" if mounts and not kept.namespaces else str(kept)
        where = data.places(mounts, kept.namespaces)
        return SiteCapacity(self._name, (self._host,), self._flavors, LIMITS, isolation=isolation, mounts=where)

    def observe(self) -> Observation:
        """All leases and clusters, from files and locks alone."""
        began = self._clock()
        with explained("look at the clusters"):
            return Observation(began, leases.seen(self._ground.leases, began), seeing.clusters(self._ground))

    def hold(self, order: LeaseOrder) -> Iterator[Handle]:
        """Write the lease down.

        Raises:
            NoRoom: it is more than the whole machine.
        """
        needs, room = sum((node.flavor.resources for node in order.nodes), Resources()), self._host.resources
        short = [
            f"{need} {name} of {have}"
            for name, need, have in zip(RESOURCE_NAMES, needs.vector, room.vector, strict=True)
            if need > have
        ]
        if short:
            raise NoRoom(f"The lease needs more than this machine has: {', '.join(short)}.")
        with explained(f"hold {order.id}"):
            yield leases.write(self._ground.leases, order)

    def give_back(self, handle: Handle) -> None:
        """Remove the lease; already gone is fine."""
        with explained("give the lease back"):
            leases.remove(self._ground.leases, handle)

    def prepare(self, cluster: ClusterSpec) -> Iterator[Handle]:  # noqa: ARG002 - the port's
        """Nothing: a cluster here needs nothing that takes time without a lease."""
        return iter(())

    def start(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Build, converge or mend; see ``core.ports.Site``."""
        return building.start(self._ground, cluster)

    def stop(self, handle: Handle) -> Iterator[Handle]:
        """Drain, save, remove; see ``core.ports.Site``."""
        return ending.stop(self._ground, handle)

    def logs(self, handle: Handle, service: str | None, tail: int) -> Mapping[str, str]:
        """The last lines of each service's log, or of one's; nothing for what isn't there."""
        with explained("read the logs"):
            return seeing.logs(self._ground.place(str(handle["cluster"])), service, tail)

    def events(self, handle: Handle) -> Events | None:
        """Where the cluster's user lets Spark write them."""
        place = self._ground.place(str(handle["cluster"]))
        return Events(place.node, ending.EVENTS) if place.exists else None
