"""How a simulated cluster comes up, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

from almanac.core.ports import ClusterSpec, ClusterState, Handle, PlacedNode, SeenCluster
from almanac.sites.simulated.world import ClusterRecord, ServiceRecord

MEASURED_STARTS = (9.3, 9.5, 10.1, 11.2, 12.6, 13.4)
"""Seconds from asked to the first query, as measured with Spark 4.3.0 standalone, two workers, on four cores: the lean
start without and with the executors' late C2 compiler, each min, median and max."""

Sampler = Callable[[Random], float]
"""Draws how long one build takes, in seconds."""

STEPS = ("prepared", "nodes", "services")
"""What ``start`` does, in order; each ends in a checkpoint."""


def measured_start(random: Random) -> float:
    """One of the measured start-up times, in seconds."""
    return random.choice(MEASURED_STARTS)


def service_names(nodes: Iterable[PlacedNode], seats: Iterable[str]) -> list[str]:
    """The services of a cluster, in the order in which they come up; without workers there is no Spark."""
    workers = [node.name for node in nodes if node.role == "worker"]
    spark = ["master", *workers, "connect"] if workers else []
    return [*spark, *(f"notebook-{seat}" for seat in seats)]


def prepare(known: ClusterRecord | None, spec: ClusterSpec, tag: str) -> ClusterRecord:
    """The record to build on: the one that is there if any of it runs, else a fresh one."""
    if known is not None and not known.dead:
        return known
    return ClusterRecord(
        spec.id,
        tag,
        spec.lease,
        STEPS[0],
        nodes=(),
        seats=_seats(spec),
        logs=spec.logs,
        builds=1 if known is None else known.builds + 1,
    )


def give_nodes(record: ClusterRecord, spec: ClusterSpec) -> None:
    """Make it have the nodes of the spec; what ran on others is gone."""
    record.nodes = spec.nodes
    record.ahead = False
    if record.step == STEPS[0]:
        record.step = STEPS[1]


def run_services(record: ClusterRecord, spec: ClusterSpec, seconds: float, stuck: bool, now: datetime) -> None:
    """Make it run what the spec wants: start what is missing, mend what is down, leave alone what runs.

    Args:
        record: changed in place.
        spec: what to converge to.
        seconds: how long a build of all services takes; a part of them takes its share.
        stuck: whether the last of what is started now never comes up.
        now: aware UTC.
    """
    names = service_names(spec.nodes, (seat.name for seat in spec.seats))
    running = {n: s for n, s in record.services.items() if s.up_at is not None and not s.trouble(now)}
    missing = [name for name in names if name not in running]
    for position, name in enumerate(missing, start=1):
        running[name] = ServiceRecord(now + timedelta(seconds=seconds * position / len(names)))
    if missing and stuck:
        running[missing[-1]].up_at = None
    record.services = {name: running[name] for name in names}
    record.seats = _seats(spec)
    record.logs = spec.logs
    record.step = STEPS[2]


def _seats(spec: ClusterSpec) -> dict[str, str | None]:
    return {seat.name: seat.files for seat in spec.seats}


def see(record: ClusterRecord, handle: Handle, domain: str, now: datetime) -> SeenCluster:
    """What an observer sees of it now; its addresses are under ``<id>.<domain>``."""
    if record.step in STEPS[:2] or record.dead:
        total = len(record.services or service_names(record.nodes, record.seats))
        state = ClusterState.DEAD if record.dead else ClusterState.STARTING
        doing = "" if record.dead else f"waiting for the step after '{record.step}'"
        return SeenCluster(record.id, state, handle, total=total, doing=doing, reason=record.dead)
    up = [name for name, service in record.services.items() if service.is_up(now)]
    down = {name: trouble for name, service in record.services.items() if (trouble := service.trouble(now))}
    waiting = next((name for name in record.services if name not in up and name not in down), None)
    return SeenCluster(
        record.id,
        _state(down=bool(down), waiting=waiting is not None),
        handle,
        done=len(up),
        total=len(record.services),
        doing=f"waiting for {waiting}" if waiting else "",
        reason="; ".join(f"{name}: {reason}" for name, reason in down.items()),
        endpoints=_endpoints(up, f"{record.id}.{domain}"),
        last_active=record.last_active,
    )


def _state(*, down: bool, waiting: bool) -> ClusterState:
    if down:
        return ClusterState.DEGRADED
    return ClusterState.STARTING if waiting else ClusterState.READY


def _endpoints(up: Iterable[str], address: str) -> dict[str, str]:
    endpoints = {}
    for name in up:
        if name == "connect":
            endpoints["connect"] = f"{address}:15002"
        elif name.startswith("notebook-"):
            seat = name.removeprefix("notebook-")
            endpoints[f"notebook:{seat}"] = f"http://{address}:{8888 + len(endpoints)}"
    return endpoints
