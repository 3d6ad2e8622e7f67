"""Where things lie on a cloud machine, the same on each, and what each is told to do there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from almanac.core.addresses import notebook_path
from almanac.core.ports import ClusterSpec, PlacedNode
from almanac.sites.endpoints import doors
from almanac.spark.layout import Layout, fixed_ports
from almanac.spark.runtime import Runtime
from almanac.spark.service import Service

Render = Callable[[ClusterSpec, PlacedNode, Layout], tuple[Service, ...]]
"""What runs on a node."""

_NO_MOUNTS: Mapping[str, str] = {}
OPT = "/opt/almanac"
VAR = "/var/lib/almanac"
SYSTEM_MIB = (128, 512)
"""Least and most that is kept for the machine's own system and the agent: a sixteenth; the services share the rest."""
RUNTIME = Runtime(
    java_home=f"{OPT}/java",
    java_version=17,
    spark_home=f"{OPT}/spark",
    python=f"{OPT}/venv/bin/python",
    conf_dir=f"{OPT}/conf",
    class_path=f"{OPT}/conf/:{OPT}/spark/jars/*",
    package=f"{OPT}/package",
)


def layout(
    cluster: ClusterSpec, node: PlacedNode, address: str, head: str, mounts: Mapping[str, str] = _NO_MOUNTS
) -> Layout:
    """Addresses, ports and paths of one machine; ``mounts`` are those of the site."""
    ports = fixed_ports(cluster, cluster.head) | fixed_ports(cluster, node)
    return Layout(
        runtime=RUNTIME,
        address=address,
        head=head,
        ports=ports,
        run=f"{VAR}/run/{cluster.id}",
        scratch=f"{VAR}/scratch",
        homes={seat.name: home(seat.name) for seat in cluster.seats} if node.role == "head" else {},
        mounts={label: mounts[label] for label in cluster.data if label in mounts},
        urls={seat.name: notebook_path(cluster.id, seat.name) for seat in cluster.seats},
    )


def home(seat: str) -> str:
    """A seat's home directory."""
    return f"{VAR}/home/{seat}"


def usable(cluster: ClusterSpec) -> ClusterSpec:
    """The cluster with the memory that its services may have: a machine's system needs some of it."""
    return replace(cluster, nodes=tuple(_usable(node) for node in cluster.nodes))


def _usable(node: PlacedNode) -> PlacedNode:
    resources, (least, most) = node.flavor.resources, SYSTEM_MIB
    kept = max(least, min(most, resources.memory_mib // 16))
    less = replace(resources, memory_mib=max(0, resources.memory_mib - kept))
    return replace(node, flavor=replace(node.flavor, resources=less))


def services(
    render: Render, cluster: ClusterSpec, addresses: Mapping[str, str], mounts: Mapping[str, str] = _NO_MOUNTS
) -> dict[str, tuple[Service, ...]]:
    """What runs on each node.

    Args:
        render: what runs on a node.
        cluster: what is wanted.
        addresses: node -> address.
        mounts: label -> path of the data that the site can mount.

    Raises:
        Permanent: a flavor is too small for its role.
    """
    fitted = usable(cluster)
    head = addresses[fitted.head.name]
    return {
        node.name: render(fitted, node, layout(fitted, node, addresses[node.name], head, mounts))
        for node in fitted.nodes
    }


def door_ports(render: Render, cluster: ClusterSpec) -> dict[str, int]:
    """Endpoint -> port of what the head shows. Addresses don't matter for that."""
    nowhere = {node.name: "0.0.0.0" for node in cluster.nodes}  # noqa: S104 - a placeholder; nothing listens there
    return doors(services(render, cluster, nowhere)[cluster.head.name])


def orders(
    cluster: ClusterSpec, node: PlacedNode, wanted: tuple[Service, ...], mounts: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What a machine is told; see ``almanac.node.orders``."""
    seats = cluster.seats if node.role == "head" else ()
    return {
        "services": [asdict(service) for service in wanted],
        "seats": {seat.name: {"home": home(seat.name), "files": seat.files} for seat in seats},
        "logs": cluster.logs,
        "idle_cpu_cores": cluster.idle_cpu_cores,
        "stop": False,
        "mounts": [dict(mount) for mount in mounts],
    }


def last_orders(seats: Mapping[str, str | None], logs: str | None) -> dict[str, Any]:
    """What a machine is told at the end: run nothing more, save, and say so."""
    kept = {name: {"home": home(name), "files": files} for name, files in seats.items()}
    return {"services": [], "seats": kept, "logs": logs, "idle_cpu_cores": 0.0, "stop": True}
