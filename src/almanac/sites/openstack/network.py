"""A cluster's security group, its machines' ports and its head's floating address, found again by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import stamina

from almanac.core.ports import Permanent
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.settings import OpenStackSettings

HEAD = "head"


@dataclass(frozen=True, slots=True)
class Port:
    """A machine's place in the network."""

    id: str
    node: str
    address: str


class Network:
    """The network side of one Almanac's clusters in one project.

    Args:
        cloud: the project.
        settings: the operator's.
        instance: this Almanac's short name.
    """

    def __init__(self, cloud: Cloud, settings: OpenStackSettings, instance: str) -> None:
        self._cloud = cloud
        self._settings = settings
        self._prefix = f"almanac/{instance}/"
        self._network: Mapping[str, Any] | None = None

    def group(self, cluster: str, doors: Iterable[int]) -> str:
        """The id of a cluster's security group, made or completed.

        Its machines reach each other on every port, and from outside only the doors are open, for whom the settings name.

        Args:
            cluster: the cluster's id.
            doors: TCP ports.
        """
        found = self._named("security-groups", "security_groups", f"{self._prefix}{cluster}")
        if found:
            group = found[0]
        else:
            wanted = {"name": f"{self._prefix}{cluster}", "description": f"Almanac: cluster {cluster}"}
            group = self._make("security-groups", "security_group", wanted)
        there = {_facts(rule) for rule in group["security_group_rules"]}
        missing = [rule for rule in self._rules(group["id"], doors) if _facts(rule) not in there]
        if missing:
            body = {"security_group_rules": missing}
            self._cloud.call("network", "POST", "/security-group-rules", "open ports", body)
        return str(group["id"])

    def _rules(self, group: str, doors: Iterable[int]) -> Iterator[dict[str, Any]]:
        base = {"security_group_id": group, "direction": "ingress"}
        for version in ("IPv4", "IPv6"):
            yield base | {"ethertype": version, "remote_group_id": group}
        for cidr in self._settings.door_cidrs or self._own_cidrs():
            version = "IPv6" if ":" in cidr else "IPv4"
            for first, last in spans(doors):
                ports = {"protocol": "tcp", "port_range_min": first, "port_range_max": last}
                yield base | {"ethertype": version, "remote_ip_prefix": cidr} | ports

    def ports(self, cluster: str) -> dict[str, Port]:
        """A cluster's ports by node."""
        return {port.node: port for port in self.all_ports(cluster)}

    def all_ports(self, cluster: str) -> list[Port]:
        """A cluster's ports; a node has several when the answer to a request was lost."""
        prefix = f"{self._prefix}{cluster}/"
        found = self._cloud.call("network", "GET", "/ports", "list ports")["ports"]
        return [_port(port) for port in found if str(port["name"]).startswith(prefix)]

    def port(self, cluster: str, node: str, group: str) -> Port:
        """Make one machine's port."""
        return self.add_ports(cluster, [node], group)[node]

    def add_ports(self, cluster: str, nodes: Sequence[str], group: str) -> dict[str, Port]:
        """Make machines' ports, so that their addresses are known before they are."""
        if not nodes:
            return {}
        network = self._network_id()
        wanted = [
            {"name": f"{self._prefix}{cluster}/{node}", "network_id": network, "security_groups": [group]}
            for node in nodes
        ]
        made = self._cloud.call("network", "POST", "/ports", "make ports", {"ports": wanted})["ports"]
        return {port.node: port for port in map(_port, made)}

    def floating(self, port: Port) -> str:
        """The floating address of a port, made where the settings ask for one; empty where they don't."""
        if not self._settings.floating_network:
            return ""
        found = self._cloud.call("network", "GET", "/floatingips", "list addresses", port_id=port.id)["floatingips"]
        if not found:
            outside = self._find_network(self._settings.floating_network)
            wanted = {"floating_network_id": outside["id"], "port_id": port.id, "description": self._prefix}
            found = [self._make("floatingips", "floatingip", wanted)]
        return str(found[0]["floating_ip_address"])

    def remove_port(self, port: Port) -> None:
        """Remove a port and its floating address."""
        if self._settings.floating_network:
            found = self._cloud.call("network", "GET", "/floatingips", "list addresses", port_id=port.id)
            for address in found["floatingips"]:
                self._cloud.remove("network", f"/floatingips/{address['id']}", "give an address back")
        # Neutron forbids it, as if by policy, while Nova is just writing to it: its server was made or deleted a moment ago.
        for attempt in stamina.retry_context(on=Permanent, attempts=6, wait_initial=0.25, wait_max=2.0):
            with attempt:
                self._cloud.remove("network", f"/ports/{port.id}", "remove a port")

    def remove_group(self, cluster: str) -> None:
        """Remove a cluster's security group, or several if a request was repeated."""
        for group in self._named("security-groups", "security_groups", f"{self._prefix}{cluster}"):
            self._cloud.remove("network", f"/security-groups/{group['id']}", "remove a security group")

    def clusters(self) -> set[str]:
        """Clusters of which there are ports or groups."""
        ports = self._cloud.call("network", "GET", "/ports", "list ports")["ports"]
        groups = self._cloud.call("network", "GET", "/security-groups", "list groups")["security_groups"]
        names = [str(one["name"]) for one in (*ports, *groups)]
        return {name.removeprefix(self._prefix).split("/")[0] for name in names if name.startswith(self._prefix)}

    def _own_cidrs(self) -> list[str]:
        found = self._cloud.call("network", "GET", "/subnets", "list subnets", network_id=self._network_id())
        return [str(subnet["cidr"]) for subnet in found["subnets"]]

    def _named(self, path: str, kind: str, name: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self._cloud.call("network", "GET", f"/{path}", f"list {path}", name=name)[kind]
        return found

    def _make(self, path: str, kind: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        made: Mapping[str, Any] = self._cloud.call("network", "POST", f"/{path}", f"make a {kind}", {kind: wanted})[
            kind
        ]
        return made

    def _network_id(self) -> str:
        if self._network is None:
            self._network = self._find_network(self._settings.network)
        return str(self._network["id"])

    def _find_network(self, wanted: str) -> Mapping[str, Any]:
        """A network by name or id, or the only one that isn't external."""
        found = self._cloud.call("network", "GET", "/networks", "list networks")["networks"]
        if wanted:
            chosen = [one for one in found if wanted in {one["id"], one["name"]}]
        else:
            chosen = [one for one in found if not one.get("router:external")]
        if len(chosen) != 1:
            names = ", ".join(sorted(str(one["name"]) for one in found)) or "none"
            raise Permanent(
                f"The site's settings must name one network for machines: there are {names}, and "
                + (f"{len(chosen)} of them are '{wanted}'." if wanted else f"{len(chosen)} of them would do.")
            )
        network: Mapping[str, Any] = chosen[0]
        return network


def spans(ports: Iterable[int]) -> list[tuple[int, int]]:
    """Ports as ranges without holes: 8888, 8889, 15002 are (8888, 8889) and (15002, 15002)."""
    found: list[tuple[int, int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return found


def _facts(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    names = (
        "direction",
        "ethertype",
        "protocol",
        "port_range_min",
        "port_range_max",
        "remote_ip_prefix",
        "remote_group_id",
    )
    return tuple(rule.get(name) for name in names)


def _port(port: Mapping[str, Any]) -> Port:
    address = str(port["fixed_ips"][0]["ip_address"]) if port["fixed_ips"] else ""
    return Port(str(port["id"]), str(port["name"]).rsplit("/", 1)[1], address)
