"""A cluster on loopback in one directory, for minutes: to train the class-data archive, and for tests.

Bookings never run like this; sites supervise, isolate and mend.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from types import TracebackType
from typing import Self

from almanac.core.ports import ClusterSecrets, ClusterSpec, PlacedNode, Seat
from almanac.core.resources import Flavor, Resources
from almanac.spark.layout import Layout, port_names
from almanac.spark.runtime import Runtime
from almanac.spark.service import Service
from almanac.spark.services import services_for

LOOPBACK = "127.0.0.1"
HEAD = Flavor("trial-head", Resources(cores=1, memory_mib=2048))
WORKER = Flavor("trial-worker", Resources(cores=1, memory_mib=1280))
_PORTS = range(12000, 32000)
"""Below those that Linux gives to outgoing connections, of which any could take a port before its service does."""


class TrialFailed(Exception):
    """A service ended or never listened; the message has the end of its log."""


def trial_spec(workers: int = 1, seats: int = 1, name: str = "trial", hosts: Sequence[str] = ()) -> ClusterSpec:
    """A small cluster with fresh secrets.

    Args:
        workers: how many.
        seats: how many.
        name: the cluster's.
        hosts: loopback addresses for the workers in turn; all on one, Spark sees one machine.
    """
    addresses = islice(cycle(hosts or (LOOPBACK,)), workers)
    worker_nodes = (PlacedNode(f"worker-{n}", "worker", WORKER, host) for n, host in enumerate(addresses, 1))
    return ClusterSpec(
        id=name,
        lease=name,
        profile="trial",
        nodes=(PlacedNode("head", "head", HEAD, LOOPBACK), *worker_nodes),
        seats=tuple(Seat(f"seat-{i + 1}", secrets.token_urlsafe(24)) for i in range(seats)),
        secrets=ClusterSecrets(
            connect_token=secrets.token_urlsafe(24),
            spark_secret=secrets.token_urlsafe(32),
            ui_key=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        ),
    )


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A free loopback port for each name, all different; nothing holds them until they are used."""
    with ExitStack() as held:
        free = (port for port in random.sample(_PORTS, len(_PORTS)) if _holds(held, port))
        return dict(zip(names, free, strict=False))


def _holds(held: ExitStack, port: int) -> bool:
    """Whether the port was free; it is held then."""
    try:
        held.enter_context(socket.create_server((LOOPBACK, port)))
    except OSError:
        return False
    return True


class Trial:
    """Runs the services of a cluster as children that don't outlive this process. A context manager.

    Args:
        spec: the cluster; its nodes' hosts are the addresses that they listen on.
        runtime: this machine's.
        root: an existing directory for everything that it writes.
        data: directory of data sets.
        extra: added to every service's environment.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        runtime: Runtime,
        root: Path,
        data: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.spec, self.root, self._extra = spec, root, dict(extra or {})
        self.ports = free_ports(dict.fromkeys(name for node in spec.nodes for name in port_names(spec, node)))
        self.layout = Layout(
            runtime=runtime,
            address=LOOPBACK,
            head=LOOPBACK,
            ports=self.ports,
            run=str(root / "run"),
            scratch=str(root / "scratch"),
            homes={seat.name: str(root / "home" / seat.name) for seat in spec.seats},
            data=data,
        )
        self.services: dict[str, Service] = {}
        self._addresses: dict[str, str] = {}
        for node in spec.nodes:
            for service in services_for(spec, node, replace(self.layout, address=node.host)):
                self.services[service.name], self._addresses[service.name] = service, node.host
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._up: set[str] = set()

    @property
    def remote(self) -> str:
        """The Spark Connect URL without its token."""
        return f"sc://localhost:{self.ports['connect']}/"

    @property
    def url(self) -> str:
        """The Spark Connect URL with its token."""
        return f"{self.remote};token={self.spec.secrets.connect_token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, *names: str, seconds: float = 180) -> None:
        """Start these services (all, if none is named), each as soon as those before it listen; wait for all.

        Raises:
            TrialFailed: one ended, or the time is over.
        """
        waiting = [self.services[name] for name in names or self.services]
        deadline, started = time.monotonic() + seconds, [service.name for service in waiting]
        while waiting or not all(map(self._is_up, started)):
            for service in [s for s in waiting if all(map(self._is_up, s.after))]:
                waiting.remove(service)
                self._spawn(service)
            self._check(deadline)
            time.sleep(0.01)

    def log(self, name: str) -> str:
        """All that a service has written."""
        return (self.root / f"{name}.log").read_text()

    def kill(self, name: str) -> None:
        """Kill a service with -9, its children (executors) too."""
        process = self.processes.pop(name)
        self._up.discard(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything that was started, the last first."""
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()
        self._up.clear()

    def _spawn(self, service: Service) -> None:
        for directory in service.dirs:
            Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in service.files:
            Path(file.path).touch(mode=0o600)
            Path(file.path).write_text(file.content)
            Path(file.path).chmod(file.mode)
        with (self.root / f"{service.name}.log").open("ab") as log:
            self.processes[service.name] = subprocess.Popen(
                [*_dying_with_us(), *service.argv],
                env={**service.env, **self._extra},
                cwd=service.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_up(self, name: str) -> bool:
        """Whether it has been ready since it was started; a JVM that has been found so isn't bothered again."""
        if name not in self._up and self._listens(self.services[name]):
            self._up.add(name)
        return name in self._up

    def _listens(self, service: Service) -> bool:
        if service.name not in self.processes:
            return False
        if service.once:
            return not service.awaited or self.processes[service.name].poll() is not None
        if service.ready is None:
            return True
        try:
            address = self._addresses[service.name], service.ports[service.ready]
            socket.create_connection(address, 0.2).close()
        except OSError:
            return False
        return True

    def _check(self, deadline: float) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None and not self.services[name].once:
                raise TrialFailed(f"{name} ended with {process.returncode}:\n{self.log(name)[-2000:]}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"{name}:\n{self.log(name)[-1000:]}" for name in self.processes)
            raise TrialFailed(f"The services took too long.\n{logs}")


def _dying_with_us() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()
