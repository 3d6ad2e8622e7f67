"""A local site with small services in Spark's place: real keepers, namespaces and files, ready in half a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from almanac.core.ports import (
    ClusterSecrets,
    ClusterSpec,
    ClusterState,
    Handle,
    LeaseOrder,
    PlacedNode,
    Seat,
    SeenCluster,
)
from almanac.core.resources import Flavor, Resources
from almanac.core.windows import Window
from almanac.sites.local import cgroups, processes, uids
from almanac.sites.local.ground import Settings
from almanac.sites.local.site import LocalSite
from almanac.spark.layout import Layout
from almanac.spark.runtime import Runtime
from almanac.spark.service import File, Service

T = TypeVar("T")
NODE = Flavor("node", Resources(1, 256))
SECRETS = ClusterSecrets("connect-secret", "spark-secret", "dWktdWktdWktdWktdWktdWktdWktdWktdWktdWktdWk=")
PATIENCE = 60.0


def open_to_all(path: str) -> bool:
    """Whether every user can walk to a path."""
    return all(above.stat().st_mode & 0o001 for above in Path(path).resolve().parents)


PYTHONS = (getattr(sys, "_base_executable", sys.executable), "/usr/bin/python3")
PYTHON = next((python for python in PYTHONS if Path(python).exists() and open_to_all(python)), PYTHONS[0])
"""For small services, which run as other users: where possible an interpreter that isn't in somebody's home."""
ROOT = os.geteuid() == 0


def runtime() -> Runtime:
    """As much of a runtime as small services need."""
    package = str(Path(cgroups.__file__).resolve().parents[3])
    return Runtime("/usr", 17, "/usr", PYTHON, "/usr", "", package)


def web(name: str, port: int, layout: Layout, **others) -> Service:
    """A service that listens: a web server that shows its own directory."""
    home = f"{layout.run}/{name}"
    return Service(
        name=name,
        argv=(PYTHON, "-S", "-m", "http.server", "--bind", "127.0.0.1", "--directory", home, str(port)),
        env={"PATH": "/usr/bin:/bin", "HOME": home, "SECRET": f"secret of {name}"},
        files=(File(f"{home}/hello.txt", f"I am {name}"),),
        dirs=(home,),
        cwd=home,
        **{"ready": "connect", "ports": {"connect": port}} | others,
    )


def small_services(cluster: ClusterSpec, node: PlacedNode, layout: Layout) -> tuple[Service, ...]:
    """Services of the same names, order and endpoints as a real cluster's."""
    if node.role == "worker":
        ports = {"worker": layout.ports[node.name]}
        return (web(node.name, layout.ports[node.name], layout, ports=ports, ready="worker", after=("master",)),)
    notebooks = [
        web(
            f"notebook-{seat.name}",
            layout.ports[f"notebook-{seat.name}"],
            layout,
            ports={"notebook": layout.ports[f"notebook-{seat.name}"]},
            ready="notebook",
        )
        for seat in cluster.seats
    ]
    if not cluster.workers:
        return tuple(notebooks)
    master = web("master", layout.ports["master"], layout, ports={"master": layout.ports["master"]}, ready="master")
    return (master, web("connect", layout.ports["connect"], layout, after=("master",)), *notebooks)


class Lab:
    """A site in a state directory of its own."""

    def __init__(self, state: Path, render=small_services, **settings) -> None:
        self.state = state
        self.settings = Settings(**{"drain": timedelta(seconds=5)} | settings)
        self.render = render
        self.site = self.reopen()

    def reopen(self) -> LocalSite:
        """Another Almanac takes over."""
        self.site = LocalSite("here", self.state, (NODE,), runtime, self.settings, self.render)
        return self.site

    def nodes(self, workers: int = 1) -> tuple[PlacedNode, ...]:
        """A head and workers."""
        host = self.site.capacity().hosts[0].name
        return (
            PlacedNode("head", "head", NODE, host),
            *(PlacedNode(f"worker-{n}", "worker", NODE, host) for n in range(1, workers + 1)),
        )

    def spec(
        self, cluster: str = "c-1", files: str | None = None, logs: str | None = None, workers: int = 1, seats: int = 1
    ):
        """A cluster, its lease held."""
        nodes = self.nodes(workers)
        list(self.site.hold(LeaseOrder("lease", Window.lasting(datetime.now(UTC), timedelta(hours=1)), nodes)))
        people = tuple(Seat(f"seat-{n}", f"token-{n}", files if n == 1 else None) for n in range(1, seats + 1))
        return ClusterSpec(cluster, "lease", "spark-small", nodes, people, SECRETS, logs, idle_cpu_cores=0.3)

    def start(self, spec: ClusterSpec) -> Handle:
        """Start it, up to the last checkpoint."""
        return list(self.site.start(spec))[-1]

    def stop(self, cluster: str = "c-1") -> list[Handle]:
        """Stop it, up to the last checkpoint."""
        return list(self.site.stop({"cluster": cluster}))

    def seen(self, cluster: str = "c-1") -> SeenCluster | None:
        """The cluster as it is seen."""
        return {seen.id: seen for seen in self.site.observe().clusters}.get(cluster)

    def until(self, found: Callable[[], T | None], what: str = "") -> T:
        """Look until something is found."""
        deadline = time.monotonic() + PATIENCE
        while not (answer := found()):
            assert time.monotonic() < deadline, f"{what}: {self.site.observe()} {self.logs()}"
            time.sleep(0.05)
        return answer

    def ready(self, cluster: str = "c-1") -> SeenCluster:
        """The cluster, once it is ready."""

        def look() -> SeenCluster | None:
            seen = self.seen(cluster)
            return seen if seen is not None and seen.state is ClusterState.READY else None

        return self.until(look, "never ready")

    def up(self, cluster: str = "c-1", **facts) -> SeenCluster:
        """Start a cluster and wait until it is ready."""
        self.start(self.spec(cluster, **facts))
        return self.ready(cluster)

    def given(self, spec: ClusterSpec, files: str, logs: str | None = None) -> ClusterSpec:
        """The same cluster, its first seat given to somebody."""
        first, *others = spec.seats
        return replace(spec, seats=(replace(first, files=files), *others), logs=logs)

    def logs(self, cluster: str = "c-1") -> dict[str, str]:
        """Its logs' ends."""
        return dict(self.site.logs({"cluster": cluster}, None, 8))

    def control(self, cluster: str = "c-1") -> Path:
        """Its control directory."""
        return self.state / "clusters" / cluster

    def home(self, cluster: str = "c-1", seat: str = "seat-1") -> Path:
        """A seat's home."""
        return self.control(cluster) / "node" / "homes" / seat

    def processes(self, cluster: str = "c-1", saying: str = "") -> list[int]:
        """Processes that carry the cluster's tag and have a text on their command line."""
        tagged = processes.tagged(f"{self.site.instance}/{cluster}" if cluster else f"{self.site.instance}/")
        return [pid for pid in tagged if saying.encode() in command(pid)]

    def left(self) -> list[str]:
        """Everything of this Almanac's that is left on the machine, clusters' records aside."""
        left = [f"process {pid}: {command(pid)!r}" for pid in self.processes("")]
        taken = uids.taken() if ROOT else {}
        left += [f"uid {uid}" for uid, path in taken.items() if path.startswith(f"{self.state.resolve()}/")]
        places = cgroups.hierarchies(Path("/proc/self/mountinfo").read_text()).values()
        left += [str(group) for place in places for group in (place / "almanac").glob(f"{self.site.instance}-*")]
        left += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.state) in line]
        left += [str(path) for path in (self.state / "clusters").iterdir()]
        return left + [str(path) for path in (self.state / "ending").iterdir()]

    def close(self) -> None:
        """End everything that a test left running."""
        for cluster in self.reopen().observe().clusters:
            list(self.site.stop(cluster.handle))


def command(pid: int) -> bytes:
    """A process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""
