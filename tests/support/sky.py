"""An OpenStack site in a project of its own, with machines that only say that they run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet
from tests.support.agents import Agents
from tests.support.tenant import Tenant

from almanac.core.ports import PlacedNode
from almanac.factory import wall_clock
from almanac.services.nodes import Nodes
from almanac.services.vault import Vault
from almanac.sites.openstack.machines import Machines
from almanac.sites.openstack.site import OpenStackSite
from almanac.storage.database import Database


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
        self.agents = Agents(self.nodes, self.machines)
        self.reopen()

    def reopen(self) -> OpenStackSite:
        """Another Almanac takes over; what ran in the first one's process has ended with it."""
        if self.site is not None:
            self.site.close()
        desk = self.nodes.desk("sky", "http://127.0.0.1:8080")
        self.site = OpenStackSite("sky", self.settings, desk, self._state, self.clock, user_data=self.agents.user_data)
        return self.site

    def machines(self):
        """The site's servers."""
        if self.site is None:
            return []
        return Machines(self.tenant.cloud, self.settings, self.site.instance).all()

    def nodes_of(self, workers: int = 1) -> tuple[PlacedNode, ...]:
        """A head and workers that fit."""
        capacity = self.site.capacity()
        flavors = {flavor.name: flavor for flavor in capacity.flavors}
        host = capacity.hosts[0].name
        head = PlacedNode("head", "head", flavors["m.medium"], host)
        return (head, *(PlacedNode(f"worker-{n}", "worker", flavors["m.small"], host) for n in range(1, workers + 1)))

    def close(self) -> None:
        """End what a test left running on this machine."""
        self.agents.close()
        if self.site is not None:
            self.site.close()
        self.database.close()
