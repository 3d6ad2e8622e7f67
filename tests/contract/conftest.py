"""The sites that the contract suite runs on, each on a bench: ways to look again, to wait, to order what fits there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.cloud import running_cloud
from tests.support.lab import Lab
from tests.support.sky import Sky
from tests.support.tenant import Tenant

from almanac.core.ports import (
    ClusterSecrets,
    ClusterSpec,
    ClusterState,
    Handle,
    LeaseOrder,
    LeaseState,
    Limits,
    PlacedNode,
    Seat,
    SeenCluster,
    SeenLease,
    Site,
    Temporary,
)
from almanac.core.resources import Flavor, Host, Resources
from almanac.core.windows import Window
from almanac.sites.simulated import SimulatedClock, SimulatedSite, World

T = TypeVar("T")
SECRETS = ClusterSecrets("c" * 43, "s" * 43, "dWktdWktdWktdWktdWktdWktdWktdWktdWktdWktdWk=")


@dataclass
class Bench:
    """A site under test.

    Attributes:
        opens: makes a site object on the same state, as a new process would.
        nodes: a head and a worker that fit.
        clock: aware UTC.
        wait: lets time pass.
        patience: how long a cluster may take to become ready.
    """

    opens: Callable[[], Site]
    nodes: tuple[PlacedNode, ...]
    clock: Callable[[], datetime]
    wait: Callable[[timedelta], object]
    patience: timedelta
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.site = self.opens()

    def reopen(self) -> Site:
        """Almanac restarts."""
        self.site = self.opens()
        return self.site

    def eventually(self, found: Callable[[], T | None]) -> T:
        """Look until something is found; give up after ``patience``."""
        deadline = self.clock() + self.patience
        while (answer := found()) is None:
            assert self.clock() < deadline, f"not within {self.patience}: {self.site.observe()}"
            self.wait(timedelta(seconds=0.5))
        return answer

    def order(self, lease: str = "lease-1") -> LeaseOrder:
        """A lease for the nodes, from now."""
        return LeaseOrder(lease, Window.lasting(self.clock(), timedelta(hours=1)), self.nodes)

    def held(self, lease: str = "lease-1") -> LeaseOrder:
        """A lease that is held and active."""
        order = self.order(lease)
        self.hold(order)
        self.eventually(lambda: self.lease(lease, LeaseState.ACTIVE))
        return order

    def spec(self, cluster: str = "cluster-1", lease: str = "lease-1", files: str | None = None) -> ClusterSpec:
        """A cluster on those nodes with one seat."""
        seat = Seat("seat-1", token="t" * 43, files=files)
        return ClusterSpec(cluster, lease, "spark-small", self.nodes, (seat,), SECRETS)

    def named(self, spec: ClusterSpec, files: str = "gaia/people/ada", logs: str = "gaia/logs/b-1") -> ClusterSpec:
        """The same cluster once somebody has it."""
        return replace(spec, seats=tuple(replace(seat, files=files) for seat in spec.seats), logs=logs)

    def lease(self, lease: str, state: LeaseState | None = None) -> SeenLease | None:
        """A lease, if it is seen (in that state)."""
        found = {seen.id: seen for seen in self.site.observe().leases}.get(lease)
        return found if found is not None and state in {None, found.state} else None

    def cluster(self, cluster: str, state: ClusterState | None = None) -> SeenCluster | None:
        """A cluster, if it is seen (in that state)."""
        found = {seen.id: seen for seen in self.site.observe().clusters}.get(cluster)
        return found if found is not None and state in {None, found.state} else None

    def ready(self, cluster: str = "cluster-1") -> SeenCluster:
        """The cluster, once it is ready."""
        return self.eventually(lambda: self.cluster(cluster, ClusterState.READY))

    def ids(self) -> tuple[set[str], set[str]]:
        """The leases and the clusters that are there."""
        seen = self.site.observe()
        return {lease.id for lease in seen.leases}, {cluster.id for cluster in seen.clusters}

    def again(self, call: Callable[[], T]) -> T:
        """Do something as the loop does: once more while the site says that it takes its time."""
        deadline = self.clock() + self.patience
        while True:
            try:
                return call()
            except Temporary:
                assert self.clock() < deadline, f"not within {self.patience}: {self.site.observe()}"
                self.wait(timedelta(seconds=0.5))

    def hold(self, order: LeaseOrder) -> list[Handle]:
        """Hold a lease; the handles of the call that came to its end."""
        return self.again(lambda: list(self.site.hold(order)))

    def give_back(self, handle: Handle) -> None:
        """Give a lease back."""
        self.again(lambda: self.site.give_back(handle))

    def start(self, spec: ClusterSpec) -> list[Handle]:
        """Start a cluster; the handles of the call that came to its end."""
        return self.again(lambda: list(self.site.start(spec)))

    def end(self, handle: Handle) -> None:
        """End a cluster."""
        self.again(lambda: list(self.site.stop(handle)))

    def clean(self) -> None:
        """End everything, as the suite leaves no process behind."""
        seen = self.reopen().observe()
        for cluster in seen.clusters:
            self.end(cluster.handle)
        for lease in seen.leases:
            self.give_back(lease.handle)


def simulated(tmp_path: Path) -> Bench:
    """The simulated site, its state in a file so that a new object is like a new process."""
    clock = SimulatedClock(datetime(2026, 3, 1, 9, tzinfo=UTC))
    node = Flavor("node", Resources(4, 8192, 100))
    hosts = [Host("sky-1", Resources(8, 16384, 200)), Host("sky-2", Resources(8, 16384, 200))]
    limits = Limits(gap=timedelta(minutes=1), lead_time=timedelta(seconds=5), minimum_lease=timedelta(minutes=5))

    def opens() -> Site:
        return SimulatedSite("sky", hosts, [node], limits, clock, world=World(tmp_path / "world.json"))

    nodes = (PlacedNode("head", "head", node, "sky-1"), PlacedNode("worker-1", "worker", node, "sky-2"))
    return Bench(opens, nodes, clock, clock.advance, timedelta(minutes=2))


def local(tmp_path: Path) -> Bench:
    """The local site, real processes and all, with small services in Spark's place."""
    lab = Lab(tmp_path / "state")

    def wait(duration: timedelta) -> None:
        time.sleep(min(0.1, duration.total_seconds()))

    return Bench(lab.reopen, lab.nodes(workers=1), lambda: datetime.now(UTC), wait, timedelta(minutes=1))


@pytest.fixture(scope="session")
def tenant(tmp_path_factory) -> Iterator[Tenant]:
    """A project in a real cloud, for all tests together: each has another Almanac in it."""
    with running_cloud() as cloud:
        made = Tenant(cloud, tmp_path_factory.mktemp("project"))
        yield made
        made.close()


@pytest.fixture
def openstack(tenant, tmp_path: Path) -> Iterator[Bench]:
    """Real leases and servers; the servers only say that services run."""
    sky = Sky(tenant, tmp_path)

    def wait(duration: timedelta) -> None:
        time.sleep(max(1.0, duration.total_seconds()))  # each look costs four services

    yield Bench(sky.reopen, sky.nodes_of(workers=1), sky.clock, wait, timedelta(minutes=7))
    sky.close()
    left = tenant.left()
    tenant.sweep()
    assert left == ""


SITES = [
    "simulated",
    "local",
    pytest.param("openstack", marks=[pytest.mark.cloud, pytest.mark.alone, pytest.mark.timeout(900)]),
]


@pytest.fixture(params=SITES)
def bench(request, tmp_path):
    benches = {"simulated": simulated, "local": local}
    own = benches.get(request.param)
    made = own(tmp_path) if own else request.getfixturevalue(request.param)
    yield made
    made.clean()
    assert made.ids() == (set(), set())
