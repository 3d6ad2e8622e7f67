"""The machines of one project: booted when Nova says so, gone when Nova says so."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException
from tests.support.machines import firewall, network, runs
from tests.support.machines.door import Door
from tests.support.machines.firewall import Plugged, Rule
from tests.support.machines.image import Image
from tests.support.machines.machine import Machine
from tests.support.machines.nova import Server, Subnet

LOOK_EVERY_S = 1.0


class Servers(Protocol):
    """Where it is known which servers there are: ``nova.Project``."""

    def subnet(self) -> Subnet:
        """The machines' addresses."""

    def servers(self) -> list[Server]:
        """All servers, in any state."""

    def rules(self) -> list[Rule]:
        """What security groups let in."""


class Machines:
    """Boots a project's servers as machines on this host, while its context lasts.

    Args:
        project: whose servers; it has one subnet.
        image: what the machines boot.

    Attributes:
        run: the name by which all that this makes on this host is found.
        url: where machines reach Almanac.
        gateway: this host's address among the machines.
        skew: by how much the clocks of machines booted from now on are ahead.
        trouble: why the cloud couldn't be asked the last time; empty when it could.
    """

    def __init__(self, project: Servers, image: Image | None = None) -> None:
        self._project = project
        self._image = image or Image()
        self.skew = timedelta(0)
        self.trouble = ""
        subnet = project.subnet()
        self.gateway = subnet.gateway
        self.run = runs.begin()
        try:
            self._hub = network.Hub(self.run, subnet.addresses, self.gateway)
            self._door = Door(self.gateway)
        except BaseException:
            runs.clear(self.run)
            raise
        self.url = f"http://{self.gateway}:{self._door.port}"
        self._machines: dict[str, Machine] = {}
        self._servers: dict[str, Server] = {}
        self._made = 0
        self._guarded = ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="machines", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watcher.join()
        self._door.close()
        for machine in self._machines.values():
            machine.kill()
        runs.clear(self.run)

    def lead_to(self, port: int | None) -> None:
        """Almanac listens on this port of this host's loopback; None: it doesn't."""
        self._door.leads_to = port

    @property
    def names(self) -> list[str]:
        """The machines that there are, on or off, by their servers' names."""
        with self._lock:
            return sorted(machine.hostname for machine in self._machines.values())

    def machine(self, name: str) -> Machine:
        """The machine of a server, by its name; raises LookupError."""
        with self._lock:
            for machine in self._machines.values():
                if machine.hostname == name:
                    return machine
        raise LookupError(f"No machine {name}; there are {', '.join(self.names) or 'none'}. {self.trouble}")

    def cut(self, name: str) -> None:
        """Take a machine off the network while it runs on."""
        self._hub.cut(self.machine(name).port)

    def mend(self, name: str) -> None:
        """Put it back on the network."""
        self._hub.mend(self.machine(name).port)

    def told(self) -> str:
        """The end of every machine's journal, for a failed test's message."""
        with self._lock:
            there = list(self._machines.values())
        return "\n".join(f"--- {machine.hostname}\n{machine.told()}" for machine in there)

    def _watch(self) -> None:
        while True:
            try:
                self.look()
                self.trouble = ""
            except (SDKException, ClientException) as error:  # tests stop the cloud's services on purpose
                self.trouble = f"The cloud doesn't answer: {error}"
            if self._over.wait(LOOK_EVERY_S):
                return

    def look(self) -> None:
        """Look at Nova once and do what it says."""
        servers = {server.id: server for server in self._project.servers()}
        with self._lock:
            for id_ in self._machines.keys() - servers.keys():
                self._scrap(id_)
            for server in servers.values():
                if server.id not in self._machines and server.status == "ACTIVE":
                    self._make(server)
                elif server.id in self._machines:
                    self._follow(server)
            if self._machines:
                self._guard()

    def _make(self, server: Server) -> None:
        self._made += 1
        port = f"p{self._made}"
        namespace = self._hub.plug(port, server.address, server.mac)
        machine = Machine(self.run, port, server.name, namespace, server.memory_mib)
        machine.install(replace(self._image, skew=self.skew), server.id, server.user_data)
        self._machines[server.id], self._servers[server.id] = machine, server
        self._guard()
        machine.power_on()

    def _follow(self, server: Server) -> None:
        """Somebody stopped or started a server through Nova."""
        before, self._servers[server.id] = self._servers[server.id], server
        if before.status != "SHUTOFF" and server.status == "SHUTOFF":
            self._machines[server.id].power_off()
        elif before.status == "SHUTOFF" and server.status == "ACTIVE":
            self._machines[server.id].power_on()

    def _scrap(self, id_: str) -> None:
        machine = self._machines.pop(id_)
        self._servers.pop(id_)
        machine.scrap()
        self._hub.unplug(machine.port)

    def _guard(self) -> None:
        """Load the firewall anew where security groups or machines have changed."""
        plugged = [
            Plugged(self._machines[server.id].port, server.address, server.groups) for server in self._servers.values()
        ]
        rules = firewall.rules(plugged, self._project.rules(), self.gateway, self._door.port)
        if rules != self._guarded:
            self._hub.guard(rules)
            self._guarded = rules
