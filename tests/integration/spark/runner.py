"""A throw-away supervisor: starts services in order, waits until they listen, ends what it started."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from pathlib import Path

from almanac.core.catalogue import name_nodes
from almanac.core.ports import ClusterSecrets, ClusterSpec, Seat
from almanac.core.resources import Flavor, NodeGroup, Resources
from almanac.spark.layout import Layout, port_names
from almanac.spark.runtime import Runtime
from almanac.spark.service import Service
from almanac.spark.services import services_for

HEAD = Flavor("head", Resources(cores=1, memory_mib=2048))
WORKER = Flavor("worker", Resources(cores=1, memory_mib=1280))


def make_spec(workers: int = 1, seats: int = 1, cluster: str = "b-test") -> ClusterSpec:
    groups = [(NodeGroup("head", HEAD, 1), "here", 1)]
    if workers:
        groups.append((NodeGroup("worker", WORKER, workers), "here", workers))
    return ClusterSpec(
        id=cluster,
        lease=cluster,
        profile="spark-small",
        nodes=name_nodes(tuple(groups)),
        seats=tuple(Seat(f"seat-{i + 1}", secrets.token_urlsafe(24)) for i in range(seats)),
        secrets=ClusterSecrets(
            connect_token=secrets.token_urlsafe(24),
            spark_secret=secrets.token_urlsafe(32),
            ui_key=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        ),
    )


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class Cluster:
    """A cluster on loopback, in one directory."""

    def __init__(self, spec: ClusterSpec, runtime: Runtime, root: Path, data: str = "") -> None:
        self.spec, self.root = spec, root
        names = list(dict.fromkeys(name for node in spec.nodes for name in port_names(spec, node)))
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.layout = Layout(
            runtime=runtime,
            address="127.0.0.1",
            head="127.0.0.1",
            ports=self.ports,
            run=str(root / "run"),
            scratch=str(root / "scratch"),
            homes={seat.name: str(root / "home" / seat.name) for seat in spec.seats},
            data=data,
        )
        services = [s for node in spec.nodes for s in services_for(spec, node, self.layout)]
        self.services = {service.name: service for service in services}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"sc://localhost:{self.ports['connect']}/;token={self.spec.secrets.connect_token}"

    def start(self, *names: str) -> None:
        """Start these services (all, if none is named), each when those before it listen."""
        waiting = [self.services[name] for name in names or self.services]
        while waiting:
            ready = [s for s in waiting if all(self._is_ready(self.services[a]) for a in s.after)]
            for service in ready:
                waiting.remove(service)
                self._spawn(service)
            self._check()
            time.sleep(0.01)
        for name in names or self.services:
            self.wait(name)

    def wait(self, name: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not self._is_ready(self.services[name]):
            self._check()
            assert time.monotonic() < end, f"{name} isn't ready:\n{self.log(name)}"
            time.sleep(0.01)

    def log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text()

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything; executors are their worker's children and in its session, kernels in sessions of their own."""
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _spawn(self, service: Service) -> None:
        for directory in service.dirs:
            Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in service.files:
            with open(os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file.mode), "w") as f:
                f.write(file.content)
        with (self.root / f"{service.name}.log").open("ab") as log:
            self.processes[service.name] = subprocess.Popen(
                service.argv,
                env=dict(service.env),
                cwd=service.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_ready(self, service: Service) -> bool:
        if service.name not in self.processes:
            return False
        if service.ready is None:
            return True
        try:
            socket.create_connection(("127.0.0.1", service.ports[service.ready]), 0.2).close()
        except OSError:
            return False
        return True

    def _check(self) -> None:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended with {process.returncode}:\n{self.log(name)}"
