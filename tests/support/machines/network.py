"""The network of one run's machines: a bridge in a namespace of its own, with one way in and out.

::

    this host                | namespace "hub"        | one namespace per machine
    alm<run> (gateway) <=====> door -- bridge -- p1 <=====> eth0 (the port's address)
                             |               \\- p2 <=====> eth0

The gateway's address is all that machines see of this host, and only Almanac's port of it (see ``firewall``). Machines have
no default route. Interfaces vanish with their namespaces, namespaces are found by the run's name.
"""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Interface, IPv4Network

from tests.support.machines.shell import ToolFailed, run

BRIDGE = "br0"
DOOR = "door"


class SubnetTaken(Exception):
    """Another run on this host has the same addresses."""


class Hub:
    """A run's bridge.

    Args:
        name: of the run; short, as interfaces are named after it.
        subnet: the machines' subnet, as Neutron knows it.
        gateway: this host's address in it.
    """

    def __init__(self, name: str, subnet: IPv4Network, gateway: str) -> None:
        self._namespace = f"alm-{name}"
        self._subnet = subnet
        taken = run("ip", "-o", "route", "show", "root", str(subnet)).strip()
        if taken:
            raise SubnetTaken(f"{subnet} is routed on this host already: {taken}")
        ours = f"alm{name}"
        run("ip", "netns", "add", self._namespace)
        self._ip("link", "add", BRIDGE, "type", "bridge")
        self._ip("link", "set", BRIDGE, "up")
        run("ip", "link", "add", ours, "type", "veth", "peer", "name", DOOR, "netns", self._namespace)
        self._ip("link", "set", DOOR, "master", BRIDGE, "up")
        run("ip", "address", "add", f"{gateway}/{subnet.prefixlen}", "dev", ours)
        run("ip", "link", "set", ours, "up")

    def plug(self, port: str, address: str, mac: str) -> str:
        """A namespace whose only way out is an interface with this address.

        Args:
            port: the bridge's end; unique in the run, at most 15 characters.

        Returns:
            The namespace's path.
        """
        machine = f"{self._namespace}-{port}"
        run("ip", "netns", "add", machine)
        self._ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", machine)
        self._ip("link", "set", port, "master", BRIDGE, "up")
        inside = IPv4Interface(f"{address}/{self._subnet.prefixlen}")
        for command in (
            ("link", "set", "eth0", "address", mac),
            ("address", "add", str(inside), "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            run("ip", "-n", machine, *command)
        return f"/run/netns/{machine}"

    def unplug(self, port: str) -> None:
        """Take a machine off the network; gone already is fine."""
        with contextlib.suppress(ToolFailed):
            run("ip", "netns", "delete", f"{self._namespace}-{port}")
        with contextlib.suppress(ToolFailed):  # the namespace may live a moment longer than its name
            self._ip("link", "delete", port)

    def cut(self, port: str) -> None:
        """Pull a machine's plug, leaving it running."""
        self._ip("link", "set", port, "down")

    def mend(self, port: str) -> None:
        """Put the plug back."""
        self._ip("link", "set", port, "up")

    def guard(self, rules: str) -> None:
        """Load a firewall's rules for the bridge, in place of what was loaded before."""
        run("ip", "netns", "exec", self._namespace, "nft", "-f", "-", given=rules)

    def _ip(self, *command: str) -> None:
        run("ip", "-n", self._namespace, *command)


def clear(name: str) -> None:
    """Remove all of a run's namespaces, and thereby its interfaces."""
    for line in run("ip", "netns", "list").splitlines():
        namespace = line.split(" ")[0]
        if namespace == f"alm-{name}" or namespace.startswith(f"alm-{name}-"):
            run("ip", "netns", "delete", namespace)
    with contextlib.suppress(ToolFailed):
        run("ip", "link", "delete", f"alm{name}")
