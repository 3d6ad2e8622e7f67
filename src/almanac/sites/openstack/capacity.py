"""What a project has to offer: Blazar's hosts where the account may see them, else its quota as one big host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from almanac.core.ports import Limits, Permanent, SiteCapacity
from almanac.core.resources import Flavor, Host, Resources
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.covering import gap
from almanac.sites.openstack.errors import error
from almanac.sites.openstack.flavors import offered, shape
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

QUOTA = "quota"
"""The name of the one big host."""
UNLIMITED = 2**20
ISOLATION = "virtual machines of its own for every cluster, in a security group that lets nobody else in"
_LEAD = timedelta(seconds=10)
_SHORTEST = timedelta(minutes=1)
_DELETION = timedelta(minutes=1)
"""Within this machines are deleted; the cloud's clock, by which leases end, may be as far ahead of ours."""


class Capacity:
    """A project's capacity.

    Args:
        cloud: the project.
        settings: the operator's.
        kind: how capacity is leased here.
        ours: what this Almanac's own machines take now.
    """

    def __init__(
        self,
        cloud: Cloud,
        settings: OpenStackSettings,
        kind: Callable[[], LeaseKind],
        ours: Callable[[], Resources],
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._kind = kind
        self._ours = ours
        self._flavors: dict[str, Mapping[str, Any]] = {}

    def look(self, name: str) -> SiteCapacity:
        """Hosts, flavors and limits, as of now.

        Raises:
            Permanent: the project can't hold a single machine.
        """
        kind = self._kind()
        found = [shape(flavor, self._settings.volume_gib) for flavor in self._all_flavors().values()]
        hosts = self._hosts(kind, found)
        whole_hosts = kind is LeaseKind.HOST and hosts[0].name != QUOTA
        flavors = offered(found, self._settings.flavors, hosts, whole_hosts)
        if not flavors:
            raise Permanent(
                f"No flavor of '{self._cloud.name}' is both named in the site's settings and within its quota. "
                "Its administrator can raise the quota; the setting 'flavors' says which are offered."
            )
        reserved = kind is not LeaseKind.NONE
        return SiteCapacity(name, tuple(hosts), tuple(flavors), self._limits(reserved), reserved, ISOLATION)

    def flavor(self, name: str) -> Mapping[str, Any]:
        """Nova's JSON of a flavor.

        Raises:
            Permanent: there is none of this name (any more).
        """
        found = self._flavors.get(name) or self._all_flavors().get(name)
        if found is None:
            raise Permanent(f"The cloud '{self._cloud.name}' has no flavor {name} (any more).")
        return found

    def _limits(self, reserved: bool) -> Limits:
        wanted = self._settings
        teardown = wanted.drain + _DELETION  # a lease that ended earlier would take machines that still save files
        if not reserved:
            return Limits(build=wanted.build, teardown=teardown, look_every=wanted.look_every)
        return Limits(
            gap(wanted.early),
            _LEAD,
            _SHORTEST,
            wanted.build,
            teardown,
            look_every=wanted.look_every,
            prepares=True,
        )

    def _all_flavors(self) -> Mapping[str, Mapping[str, Any]]:
        found = self._cloud.call("compute", "GET", "/flavors/detail", "list flavors")["flavors"]
        self._flavors = {flavor["name"]: flavor for flavor in found}
        return self._flavors

    def _hosts(self, kind: LeaseKind, flavors: list[Flavor]) -> list[Host]:
        """The hosts, unless the quota is less than they are together: then that is what limits us."""
        quota = self._quota(max((flavor.resources.gpus for flavor in flavors), default=0))
        hosts = self._blazar_hosts() if kind is not LeaseKind.NONE else []
        together = sum((host.resources for host in hosts), Resources())
        within = together.cores <= quota.cores and together.memory_mib <= quota.memory_mib
        return hosts if hosts and within else [Host(QUOTA, quota)]

    def _blazar_hosts(self) -> list[Host]:
        """The reservable hosts; none where the account may not list them."""
        answer = self._cloud.ask("reservation", "GET", "/os-hosts")
        if answer.status in {403, 404}:
            return []
        if not answer.ok:
            raise error(answer, "reservation", "list hosts", self._cloud.name)
        found = [host for host in answer.body["hosts"] if host.get("reservable", True)]
        return sorted((self._host(host) for host in found), key=lambda host: host.name)

    def _host(self, host: Mapping[str, Any]) -> Host:
        said = str(host.get(self._settings.gpu_property, ""))
        room = Resources(
            int(host["vcpus"]), int(host["memory_mb"]), int(host["local_gb"]), int(said) if said.isdigit() else 0
        )
        return Host(str(host["hypervisor_hostname"]), room)

    def _quota(self, gpus: int) -> Resources:
        """What the project may have, less what others use of it. Nova's quota limits neither disks nor GPUs."""
        told = self._cloud.call("compute", "GET", "/limits", "show the quota")["limits"]["absolute"]
        ours = self._ours()
        cores = _left(told["maxTotalCores"], told["totalCoresUsed"] - ours.cores)
        memory = _left(told["maxTotalRAMSize"], told["totalRAMUsed"] - ours.memory_mib)
        instances = _left(told["maxTotalInstances"], 0)
        return Resources(cores, memory, UNLIMITED, gpus * instances)


def _left(limit: int, used: int) -> int:
    return UNLIMITED if limit < 0 else max(0, limit - max(0, used))
