"""A project of a test's own in a running cloud, as Almanac's site uses it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.cloud import Cloud, Project

from almanac.core.windows import Window
from almanac.sites.openstack.cloud import Cloud as Site
from almanac.sites.openstack.settings import OpenStackSettings

USUAL = {"cores": 40, "instances": 20, "ram": 2**17}
"""Of Nova's quota."""


class Tenant:
    """A fresh project with a quota that tests can fill.

    Args:
        running: the cloud.
        directory: where the project's ``clouds.yaml`` is written.
        routed: whether floating addresses can be had.
    """

    def __init__(self, running: Cloud, directory: Path, *, routed: bool = False) -> None:
        self.running = running
        self.project: Project = running.project(directory, routed=routed)
        self.limit(**USUAL)
        self.cloud = Site(self.settings())

    def limit(self, **quota: int) -> None:
        """Set some of Nova's quota."""
        self.running.admin.compute.put(f"/os-quota-sets/{self.project.id}", json={"quota_set": quota})

    def settings(self, **wanted) -> OpenStackSettings:
        """Settings that use the project."""
        entry = {"cloud": self.project.name, "clouds_file": self.project.clouds_yaml}
        return OpenStackSettings(**entry | {"image": "debian-12"} | wanted)

    def leases(self) -> list[dict]:
        """The project's leases, as stock clients see them."""
        return self.cloud.call("reservation", "GET", "/leases", "list leases")["leases"]

    def take_all_hosts(self, window: Window) -> dict:
        """Lease every host whole, as a competitor would; the lease."""
        everything = {
            "resource_type": "physical:host",
            "min": self.running.stack.hosts,
            "max": self.running.stack.hosts,
            "hypervisor_properties": "",
            "resource_properties": "",
        }
        start, end = (f"{instant:%Y-%m-%d %H:%M}" for instant in (window.start, window.end))
        body = {"name": "all of it", "start_date": start, "end_date": end, "reservations": [everything], "events": []}
        return self.cloud.call("reservation", "POST", "/leases", "take all", body)["lease"]

    def servers(self) -> list[dict]:
        """The project's servers."""
        return self.cloud.call("compute", "GET", "/servers/detail", "list servers")["servers"]

    def left(self) -> str:
        """Everything that is in the project, its network aside; empty when nothing is."""
        left = self.running.leftovers(self.project)
        return str(left) if left else ""

    def sweep(self) -> None:
        """End what a test left in the project."""
        for lease in self.leases():
            self.cloud.ask("reservation", "DELETE", f"/leases/{lease['id']}")
        for server in self.servers():
            self.cloud.remove("compute", f"/servers/{server['id']}", "end a server")
        deadline = time.monotonic() + 300
        while self.servers() and time.monotonic() < deadline:
            time.sleep(0.5)
        for path, kind in (("ports", "ports"), ("security-groups", "security_groups")):
            found = self.cloud.call("network", "GET", f"/{path}", f"list {path}")[kind]
            for one in found:
                if one["name"].startswith("almanac/"):
                    self.cloud.remove("network", f"/{path}/{one['id']}", f"remove {path}")

    def close(self) -> None:
        """End everything in the project, and the project."""
        self.cloud.close()
        self.running.remove(self.project)
