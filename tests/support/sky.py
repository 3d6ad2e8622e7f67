"""An OpenStack site in a project of its own, with machines that only say that they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.fernet import Fernet
from tests.support.agents import Agents
from tests.support.tenant import Tenant

from almanac.core.ports import ClusterSecrets, ClusterSpec, LeaseOrder, PlacedNode, Seat, Temporary
from almanac.core.windows import Window
from almanac.factory import wall_clock
from almanac.services.nodes import Nodes
from almanac.services.vault import Vault
from almanac.sites.openstack.site import OpenStackSite
from almanac.storage.database import Database

T = TypeVar("T")
HOUR = timedelta(hours=1)
PATIENCE_S = 400.0
SECRETS = ClusterSecrets("c" * 43, "s" * 43, "dWktdWktdWktdWktdWktdWktdWktdWktdWktdWktdWk=")


def again(call: Callable[[], T]) -> T:
    """Do something as the loop does: again while the site says that it may come."""
    for _ in range(60):
        try:
            return call()
        except Temporary as trouble:
            time.sleep(min(5.0, (trouble.retry_after or timedelta(seconds=1)).total_seconds()))
    raise AssertionError("it never comes")


def until(found: Callable[[], T | None], what: str = "it doesn't come") -> T:
    """Look until something is found, whatever trouble the site has meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := again(found)):
        assert time.monotonic() < deadline, what
        time.sleep(1.0)  # each look costs four services
    return answer


class Sky:
    """A site, its desk and what is at the other side of it.

    Args:
        tenant: the project.
        directory: for state and database.
        clock: Almanac's, which may go wrong.
        settings: of the site, where they differ from the usual.
    """

    def __init__(self, tenant: Tenant, directory: Path, clock: Callable[[], datetime] = wall_clock, **settings) -> None:
        self.tenant = tenant
        self.clock = clock
        self.settings = tenant.settings(**{"drain": timedelta(seconds=20)} | settings)
        self._state = directory / "sky"
        self.database = Database(f"sqlite:///{directory / 'nodes.db'}")
        self.database.migrate()
        self.vault = Vault(Fernet.generate_key())
        self.nodes = Nodes(self.database, self.vault, clock, directory / "storage")
        self.site: OpenStackSite | None = None
        self.agents = Agents(self.nodes, self.servers_up)
        self.reopen()

    def reopen(self) -> OpenStackSite:
        """Another Almanac takes over; what ran in the first one's process has ended with it."""
        if self.site is not None:
            self.site.close()
        desk = self.nodes.desk("sky", "http://127.0.0.1:8080")
        self.site = OpenStackSite("sky", self.settings, desk, self._state, self.clock, user_data=self.agents.user_data)
        return self.site

    def servers_up(self) -> dict[str, str]:
        """The names of the project's servers that are up, by their ids: of a list without details, which is cheap."""
        found = self.tenant.cloud.call("compute", "GET", "/servers", "list servers", status="ACTIVE")["servers"]
        return {str(one["id"]): str(one["name"]) for one in found}

    def nodes_of(self, workers: int = 1, head: str = "m.small") -> tuple[PlacedNode, ...]:
        """A head and workers that fit; of one flavor unless the head's is another, which costs Blazar another lease."""
        capacity = self.site.capacity()
        flavors = {flavor.name: flavor for flavor in capacity.flavors}
        host = capacity.hosts[0].name
        first = PlacedNode("head", "head", flavors[head], host)
        return (first, *(PlacedNode(f"worker-{n}", "worker", flavors["m.small"], host) for n in range(1, workers + 1)))

    def order(self, workers: int = 1, start: timedelta = timedelta(0), head: str = "m.small") -> LeaseOrder:
        """The lease of a head and workers, for an hour from now, or from then."""
        return LeaseOrder("l-1", Window.lasting(self.clock() + start, HOUR), self.nodes_of(workers, head))

    def spec(self, workers: int = 1, seats: int = 1) -> ClusterSpec:
        """A cluster in that lease."""
        people = tuple(Seat(f"seat-{number}", "t" * 43) for number in range(1, seats + 1))
        return ClusterSpec("c-1", "l-1", "spark-small", self.nodes_of(workers), people, SECRETS)

    def end(self) -> None:
        """Everything of the site's ends, as another Almanac finds it."""
        seen = again(self.reopen().observe)
        for cluster in seen.clusters:
            again(lambda handle=cluster.handle: list(self.site.stop(handle)))
        for lease in seen.leases:
            again(lambda handle=lease.handle: self.site.give_back(handle))

    def close(self) -> None:
        """End what a test left running on this machine."""
        self.agents.close()
        if self.site is not None:
            self.site.close()
        self.database.close()
