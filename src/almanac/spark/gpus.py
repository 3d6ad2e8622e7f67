"""GPUs as Spark knows them: a worker finds its own, its executor has them all, and every task sees one.

A task's GPU is in ``pyspark.TaskContext.get().resources()["gpu"].addresses``.
"""

from __future__ import annotations

from almanac.core.ports import ClusterSpec, PlacedNode
from almanac.spark.layout import worker_size
from almanac.spark.service import File

DISCOVERY = """\
#!/bin/sh
# Tells Spark the addresses of this machine's GPUs.
addresses=$(nvidia-smi --query-gpu=index --format=csv,noheader | sed 's/.*/"&"/' | paste -s -d , -)
printf '{"name": "gpu", "addresses": [%s]}' "$addresses"
"""


def worker_properties(node: PlacedNode, script: str) -> dict[str, str]:
    """A worker's settings; none on a flavor without GPUs.

    Args:
        node: the worker's.
        script: path of the discovery script.
    """
    gpus = node.flavor.resources.gpus
    if not gpus:
        return {}
    return {"spark.worker.resource.gpu.amount": str(gpus), "spark.worker.resource.gpu.discoveryScript": script}


def worker_files(node: PlacedNode, script: str) -> tuple[File, ...]:
    """The discovery script; none on a flavor without GPUs."""
    return (File(script, DISCOVERY, 0o700),) if node.flavor.resources.gpus else ()


def application_properties(cluster: ClusterSpec) -> dict[str, str]:
    """The application's settings; none unless every worker has GPUs.

    Tasks share: each takes a part of a GPU such that no slot stays empty for want of one.
    """
    gpus = min((node.flavor.resources.gpus for node in cluster.workers), default=0)
    if not gpus:
        return {}
    slots = max(worker_size(cluster, node).slots for node in cluster.workers)
    return {
        "spark.executor.resource.gpu.amount": str(gpus),
        "spark.task.resource.gpu.amount": _part(-(-slots // gpus)),
    }


def _part(sharers: int) -> str:
    """One ``sharers``-th of a GPU, rounded down: Spark takes 1 or at most a half, and rounds the sharers down too."""
    return "1" if sharers == 1 else str(int(1e6 / sharers) / 1e6)
