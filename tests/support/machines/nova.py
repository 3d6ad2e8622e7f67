"""What the cloud has booted for a project, as its administrator sees it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from openstack.connection import Connection
from tests.support.machines.firewall import Rule

_TRUSTED_FOR = 15
"""So many looks without details, each of which costs Nova's and Neutron's APIs a quarter of a second of a core."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has a port.

    Attributes:
        status: Nova's word, such as ``ACTIVE``.
        groups: the security groups of its port; None where port security is off.
    """

    id: str
    name: str
    status: str
    memory_mib: int
    address: str
    mac: str
    groups: frozenset[str] | None
    user_data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subnet:
    """The machines' addresses, and the one at which the way out is."""

    addresses: IPv4Network
    gateway: str


class Project:
    """One project's servers: while there are the same, and all are up, what was seen last is trusted for some looks.

    Args:
        admin: an administrator's connection: only administrators may read others' user-data.
        project: the project's id.
    """

    def __init__(self, admin: Connection, project: str) -> None:
        self._admin = admin
        self._project = project
        self._ids: frozenset[str] = frozenset()
        self._servers: list[Server] = []
        self._rules: list[Rule] = []
        self._looks = 0

    def subnet(self) -> Subnet:
        """The project's only subnet."""
        found = [s for s in self._admin.network.subnets(project_id=self._project) if s.ip_version == 4]
        if len(found) != 1:
            raise LookupError(f"A project with one subnet is needed; {self._project} has {len(found)}.")
        return Subnet(IPv4Network(found[0].cidr), found[0].gateway_ip)

    def servers(self) -> list[Server]:
        """All servers that have their port, in any state."""
        mine = {"all_projects": True, "project_id": self._project}
        self._looks -= 1
        if self._looks < 0 or self._ids != {one.id for one in self._admin.compute.servers(details=False, **mine)}:
            found = list(self._admin.compute.servers(**mine))
            ports = {p.device_id: p for p in self._admin.network.ports(project_id=self._project)} if found else {}
            self._servers = [_server(one, ports[one.id]) for one in found if one.id in ports]
            self._rules = []
            self._ids = frozenset(one.id for one in self._servers)
            self._looks = _TRUSTED_FOR if all(one.status == "ACTIVE" for one in self._servers) else 0
        return self._servers

    def rules(self) -> list[Rule]:
        """What the project's security groups let in; a cluster's are there before its first server is."""
        if not self._rules:
            self._rules = list(_rules(self._admin.network.security_group_rules(project_id=self._project)))
        return self._rules


def _server(server: Any, port: Any) -> Server:
    return Server(
        id=server.id,
        name=server.name,
        status=server.status,
        memory_mib=server.flavor.ram,
        address=port.fixed_ips[0]["ip_address"],
        mac=port.mac_address,
        groups=frozenset(port.security_group_ids) if port.is_port_security_enabled else None,
        user_data=base64.b64decode(server.user_data or ""),
    )


def _rules(rules: Iterable[Any]) -> Iterable[Rule]:
    for rule in rules:
        incoming = rule.direction == "ingress" and rule.ether_type == "IPv4"
        if incoming and rule.protocol in {None, "tcp", "6", "any", "0"}:
            first, last = rule.port_range_min, rule.port_range_max
            ports = (first or 0, last or 65535) if first is not None or last is not None else None
            yield Rule(rule.security_group_id, ports, rule.remote_ip_prefix, rule.remote_group_id)
