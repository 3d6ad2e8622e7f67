"""The Site port on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from random import Random

from almanac.core.ports import (
    ClusterSpec,
    Events,
    Handle,
    LeaseOrder,
    LeaseState,
    Limits,
    Observation,
    Permanent,
    SeenLease,
    SiteCapacity,
    Temporary,
)
from almanac.core.resources import Flavor, Host
from almanac.sites.simulated import clusters, leases
from almanac.sites.simulated.clusters import Sampler, measured_start
from almanac.sites.simulated.faults import Faults
from almanac.sites.simulated.world import ClusterRecord, LeaseRecord, State, World


class SimulatedSite:
    """A site whose leases and clusters follow a clock that it is given.

    It refuses what a real site refuses: too little room on a host (with the gap between leases), leases that are too
    short, clusters outside an active lease. A lease asked for without the lead time becomes active late. When a lease
    ends, whatever runs in it goes.

    Args:
        name: the site's name.
        hosts: its capacity.
        flavors: the shapes of its nodes.
        limits: what it asks of leases.
        clock: aware UTC time.
        faults: what is to go wrong.
        seed: the same seed, ids and calls give the same start-up times.
        start_seconds: draws how long a build takes.
        world: what exists there; share it between successive Almanacs (a restart), or between tags (a competitor).
        tag: marks what belongs to this Almanac.
        reserved: whether it says that it truly holds capacity ahead of time.
    """

    def __init__(  # noqa: PLR0913 (a site is described once, by keywords)
        self,
        name: str,
        hosts: Sequence[Host],
        flavors: Sequence[Flavor],
        limits: Limits,
        clock: Callable[[], datetime],
        faults: Faults | None = None,
        seed: int = 0,
        start_seconds: Sampler = measured_start,
        *,
        world: World | None = None,
        tag: str = "almanac",
        reserved: bool = True,
    ) -> None:
        self._capacity = SiteCapacity(
            name, tuple(hosts), tuple(flavors), limits, reserved, isolation="simulated: nothing really runs"
        )
        self._hosts = {host.name: host for host in hosts}
        self._clock = clock
        self._seed = seed
        self._start_seconds = start_seconds
        self._tag = tag
        self.faults = faults or Faults()
        self.world = world or World()

    @property
    def name(self) -> str:
        """The site's name."""
        return self._capacity.site

    def capacity(self) -> SiteCapacity:
        """Hosts, flavors and limits, as given."""
        self.faults.check("capacity", "")
        return self._capacity

    def observe(self) -> Observation:
        """Leases and clusters that carry the tag."""
        began = self._clock()
        self.faults.check("observe", "")
        with self.world.open() as state:
            now = self._clock()
            state.settle(now)
            return Observation(
                began,
                tuple(self._see_lease(lease, now) for lease in state.leases.values() if lease.tag == self._tag),
                tuple(
                    clusters.see(cluster, self._cluster_handle(cluster), f"{self.name}.invalid", now)
                    for cluster in state.clusters.values()
                    if cluster.tag == self._tag
                ),
            )

    def hold(self, order: LeaseOrder) -> Iterator[Handle]:
        """Hold capacity; a changed order under the same id changes the lease in place."""
        return self._steps("hold", order.id, [partial(self._hold, order)])

    def give_back(self, handle: Handle) -> None:
        """End a lease and what runs in it."""
        lease_id = _named(handle, "lease")
        self.faults.check("give_back", lease_id)
        with self.world.open() as state:
            if self._owns(state.leases.get(lease_id)):
                del state.leases[lease_id]
            state.settle(self._clock())
        self.faults.check("give_back", lease_id, done=True)

    def prepare(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Record it; see ``Limits.prepares``."""
        return self._steps("prepare", cluster.id, [partial(self._prepare, cluster)])

    def start(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Make it run as specified, in three steps: record, nodes, services."""
        return self._steps("start", cluster.id, [partial(self._start, cluster, step) for step in clusters.STEPS])

    def stop(self, handle: Handle) -> Iterator[Handle]:
        """End it in three steps: drain, save, remove."""
        cluster_id = _named(handle, "cluster")
        steps = ("drained", "saved", "gone")
        return self._steps("stop", cluster_id, [partial(self._stop, cluster_id, step) for step in steps])

    def logs(self, handle: Handle, service: str | None, tail: int) -> Mapping[str, str]:
        """What little each service has to say; nothing when the cluster is gone.

        Raises:
            Permanent: no such service.
        """
        cluster_id = _named(handle, "cluster")
        self.faults.check("logs", cluster_id)
        with self.world.open() as state:
            state.settle(self._clock())
            cluster = state.clusters.get(cluster_id)
            services = cluster.services if cluster is not None and self._owns(cluster) else {}
            if services and service is not None and service not in services:
                raise Permanent(f"No service {service} here; there are {', '.join(services)}.")
            now = self._clock()
            return {
                name: "\n".join(record.log(name, now)[-tail:])
                for name, record in services.items()
                if service in {None, name}
            }

    def events(self, handle: Handle) -> Events | None:  # noqa: ARG002 - the port's
        """None: no Spark runs here."""
        return None

    def _steps(self, call: str, subject: str, works: Sequence[Callable[[], Handle]]) -> Iterator[Handle]:
        for step, work in enumerate(works):
            self.faults.check(call, subject, step)
            handle = work()
            self.faults.check(call, subject, step, done=True)
            yield handle
        self.faults.check(call, subject, len(works))

    def _hold(self, order: LeaseOrder) -> Handle:
        with self.world.open() as state:
            now = self._clock()
            state.settle(now)
            leases.accept(state, order, self._tag, self._hosts, self._capacity.limits, now)
            return self._lease_handle(state.leases[order.id])

    def _prepare(self, spec: ClusterSpec) -> Handle:
        with self.world.open() as state:
            state.settle(self._clock())
            record = state.clusters.get(spec.id)
            if record is None:
                record = state.clusters[spec.id] = clusters.prepare(None, spec, self._tag)
                record.ahead = True
            return self._cluster_handle(record)

    def _start(self, spec: ClusterSpec, step: str) -> Handle:
        with self.world.open() as state:
            now = self._clock()
            state.settle(now)
            known = state.clusters.get(spec.id)
            if known is not None and not self._owns(known):
                raise Permanent(f"The cluster {spec.id} is someone else's.")
            self._check_lease(state, spec, now)
            record = state.clusters[spec.id] = clusters.prepare(known, spec, self._tag)
            if step != "prepared":
                clusters.give_nodes(record, spec)
            if step == "services":
                random = Random(f"{self._seed} {spec.id} {record.builds}")  # noqa: S311 (a simulation)
                seconds = self._start_seconds(random)
                clusters.run_services(record, spec, seconds, self.faults.sticks(spec.id), now)
            return self._cluster_handle(record)

    def _check_lease(self, state: State, spec: ClusterSpec, now: datetime) -> None:
        lease = state.leases.get(spec.lease)
        if lease is None or not self._owns(lease):
            raise Temporary(f"There is no lease {spec.lease} to start {spec.id} in.")
        if lease.state(now) is LeaseState.PENDING:
            raise Temporary(f"The lease {lease.id} isn't active yet.", lease.active_from - now)
        if lease.state(now) is LeaseState.ENDED:
            raise Permanent(f"The lease {lease.id} has ended.")
        others = [c for c in state.clusters.values() if c.lease == spec.lease and c.id != spec.id]
        leases.check_inside(lease, spec.nodes, (node for cluster in others for node in cluster.nodes))

    def _stop(self, cluster_id: str, step: str) -> Handle:
        handle = {"site": self.name, "cluster": cluster_id, "step": step}
        with self.world.open() as state:
            now = self._clock()
            state.settle(now)
            cluster = state.clusters.get(cluster_id)
            if cluster is None or not self._owns(cluster):
                return handle
            if step == "drained":
                cluster.dead = cluster.dead or "being stopped"
            if step == "saved":
                kept = [cluster.logs, *cluster.seats.values()]
                state.saved.update({path: now for path in kept if path})
            if step == "gone":
                del state.clusters[cluster_id]
            else:
                cluster.step = step
            return handle

    def _owns(self, record: LeaseRecord | ClusterRecord | None) -> bool:
        return record is not None and record.tag == self._tag

    def _see_lease(self, lease: LeaseRecord, now: datetime) -> SeenLease:
        return SeenLease(lease.id, lease.state(now), lease.window, self._lease_handle(lease))

    def _lease_handle(self, lease: LeaseRecord) -> Handle:
        return {"site": self.name, "lease": lease.id}

    def _cluster_handle(self, cluster: ClusterRecord) -> Handle:
        return {"site": self.name, "cluster": cluster.id, "step": cluster.step}


def _named(handle: Handle, key: str) -> str:
    value = handle.get(key)
    if not isinstance(value, str):
        raise Permanent(f"This handle names no {key}.")
    return value
