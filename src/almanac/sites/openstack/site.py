"""The Site port on a project in an OpenStack cloud."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from almanac.core.ports import ClusterSpec, Events, Handle, LeaseOrder, LeaseState, NodeDesk, Observation, SiteCapacity
from almanac.core.resources import Resources
from almanac.sites.openstack import building, ending, seeing
from almanac.sites.openstack.blazar import Blazar
from almanac.sites.openstack.book import Book
from almanac.sites.openstack.capacity import Capacity
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.covering import whole_minutes
from almanac.sites.openstack.data import Data
from almanac.sites.openstack.doors import Doors
from almanac.sites.openstack.ground import Ground, UserData
from almanac.sites.openstack.layout import Render
from almanac.sites.openstack.leases import Leases
from almanac.sites.openstack.machines import Machine, Machines
from almanac.sites.openstack.network import Network
from almanac.sites.openstack.records import Records
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings
from almanac.sites.openstack.user_data import render
from almanac.spark.services import services_for

_FRESH = timedelta(seconds=0.5)
"""While something is built the loop looks five times a second; the cloud is asked twice."""
_FRESHER = timedelta(seconds=0.2)
"""A lease that is due begins within a turn of Blazar's own loop, and somebody waits for it."""
_DUE_FOR = timedelta(seconds=15)
"""So long after it was asked for or was to begin; then Blazar has much to do, and isn't asked more often for it."""
_ORPHANS_EVERY = timedelta(minutes=1)


class OpenStackSite:
    """Fills ``core.ports.Site`` with leases, machines and ports of one project.

    Two Almanacs may share a project: each has a short random name, kept in its state directory, which everything carries.

    Args:
        name: the site's name.
        settings: the operator's.
        desk: where machines get their orders and report.
        state: a directory of this site's own; made if missing.
        clock: aware UTC.
        services: what runs on a node.
        user_data: what a machine's first boot does; None: it starts the agent.
    """

    def __init__(
        self,
        name: str,
        settings: OpenStackSettings,
        desk: NodeDesk,
        state: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        services: Render = services_for,
        user_data: UserData | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cloud = Cloud(settings)
        book = Book(state)
        self.instance = book.instance
        machines = Machines(self._cloud, settings, book.instance)
        blazar = Blazar(self._cloud, left=lambda reservation: book.note(reservation, clock()))
        leases = Leases(blazar, book, settings, self._flavor_id, self._reserved, clock, lambda: _places(machines.all()))
        self._ground = Ground(
            settings=settings,
            leases=leases,
            capacity=Capacity(self._cloud, settings, leases.kind, self._ours),
            machines=machines,
            network=Network(self._cloud, settings, book.instance),
            desk=desk,
            records=Records(state),
            doors=Doors(state),
            render=services,
            user_data=user_data or _agents(settings),
            clock=clock,
            began=clock(),
            data=Data(self._cloud, settings.mounts),
        )
        self._settings = settings
        self._seen: Observation | None = None
        self._held_at = self._ground.began
        self._changes = 0
        self._orphans: set[str] = set()
        self._orphans_at: datetime | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The site's name."""
        return self._name

    def capacity(self) -> SiteCapacity:
        """Hosts or the quota, flavors and limits, as of now."""
        found = self._ground.capacity.look(self._name)
        return replace(found, mounts=self._ground.data.places, leftovers=self._ground.leases.leftovers())

    def observe(self) -> Observation:
        """All leases and clusters that carry this Almanac's name; at most half a second old."""
        with self._lock:
            changes, seen = self._changes, self._seen
        if seen is not None and self._clock() - seen.began < self._fresh(seen):
            return seen
        began = self._clock()
        machines = self._ground.machines.all()
        leases = self._ground.leases.seen(began, _places(machines))
        found = seeing.clusters(self._ground, machines, self._look_for_orphans(began))
        seen = Observation(began, leases, found)
        with self._lock:
            self._seen = seen if changes == self._changes else None
        return seen

    def hold(self, order: LeaseOrder) -> Iterator[Handle]:
        """Lease capacity, or change what is leased; see ``core.ports.Site``."""
        yield from self._changing(self._ground.leases.hold(order))
        self._held_at = self._clock()

    def give_back(self, handle: Handle) -> None:
        """End an order's leases; gone already is fine."""
        try:
            self._ground.leases.give_back(handle)
        finally:
            self._changed()

    def prepare(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Its security group and ports, while Blazar starts its lease; see ``core.ports.Site``."""
        return self._changing(building.prepare(self._ground, cluster))

    def start(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Build, converge or mend; see ``core.ports.Site``."""
        return self._changing(building.start(self._ground, cluster))

    def stop(self, handle: Handle) -> Iterator[Handle]:
        """Drain, save, remove; see ``core.ports.Site``."""
        return self._changing(ending.stop(self._ground, handle))

    def logs(self, handle: Handle, service: str | None, tail: int) -> Mapping[str, str]:
        """The last lines of each service's log, or of one's, as its machine last sent them."""
        cluster = str(handle["cluster"])
        kept = self._ground.records.read(cluster)
        found: dict[str, str] = {}
        for node in kept.nodes if kept is not None else ():
            for name, text in self._ground.desk.logs(cluster, node).items():
                if service in {None, name}:
                    found[name] = "\n".join(text.splitlines()[-tail:]) if tail > 0 else ""
        return found

    def events(self, handle: Handle) -> Events | None:  # noqa: ARG002 - the port's
        """None: they are on the cluster's own machines, which send them when they end."""
        return None

    def close(self) -> None:
        """End what runs on this machine for it; all else goes on."""
        self._ground.doors.close()
        self._cloud.close()

    def _fresh(self, seen: Observation) -> timedelta:
        """How old what was seen may become: less while a lease is to begin any moment."""
        pending = [one.window for one in seen.leases if one.state is LeaseState.PENDING]
        due = [max(whole_minutes(one, self._settings.early).start, self._held_at) for one in pending]
        return _FRESHER if any(timedelta(0) <= seen.began - one < _DUE_FOR for one in due) else _FRESH

    def _changing(self, steps: Iterator[Handle]) -> Iterator[Handle]:
        """What was seen before a change says nothing after any of its steps."""
        try:
            for handle in steps:
                self._changed()
                yield handle
        finally:
            self._changed()

    def _changed(self) -> None:
        with self._lock:
            self._changes += 1
            self._seen = None
            self._orphans.clear()

    def _look_for_orphans(self, now: datetime) -> set[str]:
        """Clusters of which only ports or groups are left: rare, so the network is asked once in a while."""
        if self._orphans_at is None or now - self._orphans_at >= _ORPHANS_EVERY:
            found = self._ground.network.clusters()
            with self._lock:
                self._orphans, self._orphans_at = found, now
        return set(self._orphans)

    def _flavor_id(self, name: str) -> str:
        return str(self._ground.capacity.flavor(name)["id"])

    def _reserved(self) -> bool:
        return self._settings.lease_kind is not LeaseKind.NONE and self._cloud.has("reservation")

    def _ours(self) -> Resources:
        return sum((one.resources for one in self._ground.machines.all()), Resources())


def _places(machines: Iterable[Machine]) -> set[str]:
    """The reservations in which they stand."""
    return {machine.reservation for machine in machines}


def _agents(settings: OpenStackSettings) -> UserData:
    """User-data that starts the agent, which trusts the authority that the settings name."""

    def rendered(url: str, cluster: str, node: str, join_token: str) -> str:
        ca = settings.ca_file.read_text() if settings.ca_file else ""
        return render(url, cluster, node, join_token, ca=ca)

    return rendered
