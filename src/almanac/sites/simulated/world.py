"""What exists at a simulated site, whether or not Almanac is running."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import RLock

from pydantic import TypeAdapter

from almanac.core.ports import LeaseState, PlacedNode
from almanac.core.windows import Window


@dataclass(slots=True)
class LeaseRecord:
    """A lease.

    Attributes:
        tag: whose it is.
        active_from: when it becomes active: its start, or later when it was asked for without enough notice.
    """

    id: str
    tag: str
    window: Window
    nodes: tuple[PlacedNode, ...]
    active_from: datetime

    def state(self, now: datetime) -> LeaseState:
        """As of now."""
        if now >= self.window.end:
            return LeaseState.ENDED
        return LeaseState.PENDING if now < self.active_from else LeaseState.ACTIVE


@dataclass(slots=True)
class ServiceRecord:
    """A process: up from ``up_at`` on (None: never); ``down`` says why it isn't up any more."""

    up_at: datetime | None
    down: str = ""

    def is_up(self, now: datetime) -> bool:
        """Whether it runs and answers."""
        return self.up_at is not None and self.up_at <= now

    def trouble(self, now: datetime) -> str:
        """Why it is down; empty when it is up, or hasn't been up yet."""
        return "" if self.is_up(now) else self.down

    def log(self, name: str, now: datetime) -> list[str]:
        """The lines that it has written so far."""
        lines = [f"{name}: starting"]
        if self.down:
            lines.append(f"{name}: {self.down}")
        if self.up_at is not None and self.up_at <= now:
            lines.append(f"{self.up_at.isoformat()} {name}: up")
        return lines


@dataclass(slots=True)
class ClusterRecord:
    """A cluster.

    Attributes:
        tag: whose it is.
        step: the last step of ``start`` or ``stop`` that was done.
        seats: seat name -> where its files are kept.
        logs: where its logs are saved at the end.
        services: by name, in the order in which they come up.
        builds: how often it was built from nothing.
        dead: why nothing of it runs; empty while something does.
        ahead: whether it was only prepared, so that nothing of it stands in a lease yet.
    """

    id: str
    tag: str
    lease: str
    step: str
    nodes: tuple[PlacedNode, ...]
    seats: dict[str, str | None]
    logs: str | None
    services: dict[str, ServiceRecord] = field(default_factory=dict)
    builds: int = 1
    dead: str = ""
    last_active: datetime | None = None
    ahead: bool = False


@dataclass(slots=True)
class State:
    """All of it.

    Attributes:
        leases: by id, ended ones included until they are given back.
        clusters: by id.
        saved: what clusters saved before they went (people's files, logs) -> when.
        lost: files that went with a cluster that was never stopped -> when.
    """

    leases: dict[str, LeaseRecord] = field(default_factory=dict)
    clusters: dict[str, ClusterRecord] = field(default_factory=dict)
    saved: dict[str, datetime] = field(default_factory=dict)
    lost: dict[str, datetime] = field(default_factory=dict)

    def settle(self, now: datetime) -> None:
        """Clusters end with their lease, whoever still wanted them: what they hadn't saved is lost."""
        for cluster in list(self.clusters.values()):
            if cluster.ahead:
                continue
            lease = self.leases.get(cluster.lease)
            if lease is None or lease.state(now) is LeaseState.ENDED:
                del self.clusters[cluster.id]
                if cluster.step != "saved":
                    self.lost.update({files: now for files in cluster.seats.values() if files})


_STATE = TypeAdapter(State)


class World:
    """The state, in memory or in a file. Several sites, one after the other or with other tags, may share it.

    Args:
        path: a JSON file that outlives the process; None keeps the state in this object.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._memory = State()
        self._lock = RLock()

    @contextmanager
    def open(self) -> Iterator[State]:
        """The state, to be read and changed by one caller at a time; changes are kept unless an error is raised."""
        with self._lock:
            if self._path is None:
                yield self._memory
                return
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                state = _STATE.validate_json(self._path.read_bytes()) if self._path.exists() else State()
                yield state
                self._replace(_STATE.dump_json(state, indent=1))

    def _replace(self, content: bytes) -> None:
        assert self._path is not None  # noqa: S101 (only called with one)
        written = self._path.with_suffix(".new")
        written.write_bytes(content)
        os.replace(written, self._path)  # noqa: PTH105 (atomic: a reader sees the old file or the new one)

    def use(self, cluster: str, at: datetime) -> None:
        """Somebody uses a cluster."""
        with self.open() as state:
            state.clusters[cluster].last_active = at

    def kill(self, cluster: str, reason: str = "its head node is gone") -> None:
        """A cluster dies, all of it."""
        with self.open() as state:
            state.clusters[cluster].dead = reason

    def degrade(
        self, cluster: str, service: str, until: datetime | None = None, reason: str = "exited with status 137"
    ) -> None:
        """One service of a cluster goes down until its supervisor has it up again (None: until the cluster is mended)."""
        with self.open() as state:
            state.clusters[cluster].services[service] = ServiceRecord(until, down=reason)

    def lose_lease(self, lease: str) -> None:
        """A lease vanishes, and what ran in it with it."""
        with self.open() as state:
            del state.leases[lease]
