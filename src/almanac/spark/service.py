"""One process on a node, defined once and rendered by every site (child process or systemd unit)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class File:
    """A file that a service needs, written before it starts; mode 0600 unless said otherwise."""

    path: str
    content: str = field(repr=False)
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class Service:
    """One supervised process.

    Attributes:
        name: unique in its cluster, such as ``master``, ``worker-1``, ``connect``, ``notebook-seat-1``.
        argv: the command; holds no secret.
        env: its environment, whole; may hold secrets, so it is never printed.
        files: written before the start.
        dirs: directories made before the start, mode 0700, parents included.
        ports: port name -> port that it listens on.
        ready: the port name whose listening means ready; None when running is enough.
        after: names of services that it needs, and which end after it; they may run on another node of the cluster.
        gated: whether it may be started before those are ready, because it waits for them itself (see ``spark.gate``).
        cwd: working directory; one of ``dirs``.
        memory_mib: its share of the node's memory, for a site that can cap it; None for no cap of its own.
        once: it does one thing and ends; ended is ready, and how it ended matters to nobody.
        awaited: whether the cluster is ready only when this is.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[File, ...] = ()
    dirs: tuple[str, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    ready: str | None = None
    after: tuple[str, ...] = ()
    gated: bool = False
    cwd: str = ""
    memory_mib: int | None = None
    once: bool = False
    awaited: bool = True
