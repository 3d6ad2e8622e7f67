"""Where one node's services live, which a site chooses, and how much memory each gets, which the flavor decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from almanac.core.ports import ClusterSpec, Permanent, PlacedNode
from almanac.spark.runtime import Runtime

MASTER_MIB = 192
"""A master or worker daemon whole: 96 MiB of heap, the rest is the JVM's own."""
DAEMON_HEAP_MIB = 96
DRIVER_HEAP_MIB = 512
"""Below 472 MiB the Connect server refuses to start."""
DRIVER_OWN_MIB = 320
EXECUTOR_HEAP_MIB = 480
"""Below 450 MiB an executor refuses to start."""
EXECUTOR_OWN_MIB = 224
MOST_SLOTS_PER_CORE = 8
"""Each slot takes its part of the executor's memory."""
DATA = "/data"
"""Where the nodes of a cluster find the data that its profile asks for; scratch is never there."""
SEAT_MIB = 192
"""A JupyterLab server and one kernel that has just met Spark."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses, ports and paths of one node, as its site chose them. All paths are absolute.

    Attributes:
        runtime: the machine's Java, Spark and Python.
        address: this node's address, on which its services listen.
        head: the head node's address, the same in every layout of a cluster.
        ports: port name -> port, at least the names of ``port_names``.
        run: this cluster's own directory: configuration, event log, work; the same path on every node of the cluster,
            not shared with other clusters.
        scratch: for shuffles and spills; node-local.
        homes: seat name -> that seat's home directory (head only).
        data: read-only data set directory; empty for none.
        mounts: label of the data that the cluster works on -> where it is on every node.
        urls: seat name -> path under which a proxy shows the notebook, such as ``/n/b-7k3m9q2x/``; ``/`` by default.
    """

    runtime: Runtime
    address: str
    head: str
    ports: Mapping[str, int]
    run: str
    scratch: str
    homes: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    mounts: Mapping[str, str] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)


def data_path(label: str) -> str:
    """Where nodes mount the data of a label."""
    return f"{DATA}/{label}"


def data_environment(layout: Layout) -> dict[str, str]:
    """What tells services where data is: ``ALMANAC_DATA`` for the site's own, ``ALMANAC_DATA_GAIA_DR3`` for ``gaia-dr3``."""
    told = {f"ALMANAC_DATA_{label.upper().replace('-', '_')}": path for label, path in layout.mounts.items()}
    return ({"ALMANAC_DATA": layout.data} if layout.data else {}) | told


def port_names(cluster: ClusterSpec, node: PlacedNode) -> tuple[str, ...]:
    """The ports that a node needs; a worker also has to know the head's ``master``."""
    if node.role == "worker":
        return ("master", node.name, f"{node.name}-ui")
    seats = tuple(f"notebook-{seat.name}" for seat in cluster.seats)
    if not cluster.workers:
        return seats
    return ("master", "master-ui", "connect", "connect-ui", *seats)


def fixed_ports(cluster: ClusterSpec, node: PlacedNode) -> dict[str, int]:
    """Ports for a node that has its addresses to itself (a network namespace, a virtual machine)."""
    known = {"master": 7077, "master-ui": 8080, "connect": 15002, "connect-ui": 4040}
    worker = {node.name: 7078, f"{node.name}-ui": 8081}
    seats = {f"notebook-{seat.name}": 8888 + i for i, seat in enumerate(cluster.seats)}
    return {name: (known | worker | seats)[name] for name in port_names(cluster, node)}


@dataclass(frozen=True, slots=True)
class WorkerSize:
    """What one worker offers: one executor that fills it.

    Attributes:
        cores: of the flavor.
        slots: tasks that it runs at once.
        heap_mib: the executor's.
    """

    cores: int
    slots: int
    heap_mib: int


@dataclass(frozen=True, slots=True)
class HeadSize:
    """How a head's memory is shared out. ``driver_heap_mib`` is 0 on a head without Spark."""

    driver_heap_mib: int
    seat_mib: int


def worker_size(cluster: ClusterSpec, node: PlacedNode) -> WorkerSize:
    """One executor per worker, inside the flavor: a sixth of the memory is left to the executor's own and to Python.

    It has a slot per core, or more where there are more seats. Spark's fair scheduler breaks ties by name, so with fewer
    slots than busy pools the last by name wait for ever; with a slot for each, and one for clients without a pool,
    everybody's tasks run and the operating system shares the cores out. The number doesn't depend on the other workers:
    they come and go while executors of one size run.

    Raises:
        Permanent: the flavor is too small for an executor.
    """
    total = node.flavor.resources.memory_mib
    room = total - MASTER_MIB
    heap = min(room - EXECUTOR_OWN_MIB, room * 5 // 6)
    if heap < EXECUTOR_HEAP_MIB or node.flavor.resources.cores < 1:
        least = MASTER_MIB + EXECUTOR_OWN_MIB + EXECUTOR_HEAP_MIB
        raise Permanent(f"Flavor {node.flavor.name} has {total} MiB; a Spark worker needs 1 core and {least} MiB.")
    cores, seats = node.flavor.resources.cores, len(cluster.seats)
    pools = seats + 1 if seats > 1 else 1
    return WorkerSize(cores, max(cores, min(pools, MOST_SLOTS_PER_CORE * cores)), heap)


def head_size(cluster: ClusterSpec) -> HeadSize:
    """Master and Connect server first (its heap a quarter of the whole, up to 8 GiB), then equal parts to the seats.

    Raises:
        Permanent: the flavor is too small for so many seats.
    """
    flavor, seats = cluster.head.flavor, len(cluster.seats)
    total = flavor.resources.memory_mib
    if not cluster.workers:
        heap = spark = 0
    else:
        heap = max(DRIVER_HEAP_MIB, min(8192, total // 4))
        spark = heap + DRIVER_OWN_MIB + MASTER_MIB
    seat = (total - spark) // seats
    if seat < SEAT_MIB and heap > DRIVER_HEAP_MIB:
        heap = max(DRIVER_HEAP_MIB, heap - (SEAT_MIB - seat) * seats)
        seat = (total - heap - DRIVER_OWN_MIB - MASTER_MIB) // seats
    if seat < SEAT_MIB:
        least = (DRIVER_HEAP_MIB + DRIVER_OWN_MIB + MASTER_MIB if cluster.workers else 0) + SEAT_MIB * seats
        raise Permanent(f"Flavor {flavor.name} has {total} MiB; a head with {seats} seat(s) needs {least} MiB.")
    return HeadSize(heap, seat)
