"""The port that every site fills, and the words that cross it.

A site never raises anything but ``Temporary``, ``Permanent`` or ``NoRoom`` to the loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from almanac.core.resources import Flavor, Host
from almanac.core.windows import Window

Handle = Mapping[str, Any]
"""JSON-ready facts by which a site finds what it made again; saved by the loop at every checkpoint."""


class SiteError(Exception):
    """Base of the three outcomes that a site may report besides success."""


class Temporary(SiteError):
    """Worth another try. ``retry_after`` is None when the site has no opinion."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Permanent(SiteError):
    """Won't ever work as asked; ``reason`` is shown to people as it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoRoom(SiteError):
    """The site itself refused for lack of capacity (a competitor took it, or it lied)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a site asks of leases and clusters.

    Attributes:
        gap: least time between two leases on the same host.
        lead_time: least time between asking for a lease and its start.
        minimum_lease: shortest lease.
        build: how long a build takes until measurements say otherwise (a p95).
        teardown: how long a teardown takes, saving included.
        extendable: whether a running lease can be extended in place.
        look_every: how often to look at it while nothing is on the move there; zero: at every tick.
        prepares: whether ``prepare`` has something to do while a lease isn't active yet.
    """

    gap: timedelta = timedelta(0)
    lead_time: timedelta = timedelta(0)
    minimum_lease: timedelta = timedelta(0)
    build: timedelta = timedelta(seconds=60)
    teardown: timedelta = timedelta(seconds=60)
    extendable: bool = True
    look_every: timedelta = timedelta(0)
    prepares: bool = False


@dataclass(frozen=True, slots=True)
class SiteCapacity:
    """A site's hosts, flavors and limits.

    Attributes:
        reserved: whether capacity is truly held ahead of time; if False, doors say "best effort, not reserved".
        isolation: in words, how clusters are kept apart here (shown by ``almanac sites``).
        mounts: label of the data that can be mounted here -> where clusters that ask for it find it.
        leftovers: what is broken here and can be removed by whoever runs the site alone, in words with what to do.
    """

    site: str
    hosts: tuple[Host, ...]
    flavors: tuple[Flavor, ...]
    limits: Limits = Limits()
    reserved: bool = True
    isolation: str = ""
    mounts: Mapping[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """One node of a cluster: its name in the cluster (``head``, ``worker-1``), role, flavor and host."""

    name: str
    role: str
    flavor: Flavor
    host: str


@dataclass(frozen=True, slots=True)
class LeaseOrder:
    """Capacity wanted at a site over a window: one lease."""

    id: str
    window: Window
    nodes: tuple[PlacedNode, ...]


@dataclass(frozen=True, slots=True)
class Seat:
    """One person's place in a cluster.

    Attributes:
        name: ``seat-1``, ``seat-2``, ...
        token: the notebook's token, secret.
        files: where this seat's files are kept between bookings, relative to the site's storage,
            such as ``gaia/people/ada``; None while nobody has it (a warm cluster).
    """

    name: str
    token: str = field(repr=False)
    files: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterSecrets:
    """Made at build, encrypted at rest, gone at teardown. Never printed, never on a command line."""

    connect_token: str = field(repr=False)
    spark_secret: str = field(repr=False)
    ui_key: str = field(repr=False)
    """JWS key of Spark's web UIs: 32 bytes, URL-safe base64."""


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """What a site is asked to run. ``start`` with the same id and a changed spec converges to it.

    Attributes:
        id: the tag by which the site finds it again.
        lease: the lease that it runs in, as ordered.
        nodes: at least a head; no worker means no Spark (a plain notebook).
        seats: at least one.
        secrets: see ClusterSecrets.
        logs: where logs go at teardown, relative to the site's storage; None for a warm cluster.
        idle_cpu_cores: use below this is idleness (an idle cluster burns about .03 cores).
        data: labels of the data that it works on; a site mounts on every node what it can of it (``SiteCapacity.mounts``).
    """

    id: str
    lease: str
    profile: str
    nodes: tuple[PlacedNode, ...]
    seats: tuple[Seat, ...]
    secrets: ClusterSecrets
    logs: str | None = None
    idle_cpu_cores: float = 0.15
    data: tuple[str, ...] = ()

    @property
    def head(self) -> PlacedNode:
        """The node that carries the master, Spark Connect and the notebooks."""
        return next(n for n in self.nodes if n.role == "head")

    @property
    def workers(self) -> tuple[PlacedNode, ...]:
        """The Spark workers' nodes."""
        return tuple(n for n in self.nodes if n.role == "worker")


class LeaseState(StrEnum):
    """A lease as a site sees it."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"
    ERROR = "error"


class ClusterState(StrEnum):
    """A cluster as a site sees it: STARTING (not yet all up), READY, DEGRADED (a service is down), DEAD (nothing runs)."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A lease found at the site by Almanac's tag.

    Attributes:
        whole: False when some of what was ordered isn't held (any more): ``hold`` brings it back, and what is held stays.
    """

    id: str
    state: LeaseState
    window: Window
    handle: Handle
    reason: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """A cluster found at the site by Almanac's tag.

    Attributes:
        done: services that are up; ``total`` of them; for progress bars.
        doing: what it waits for now, in words.
        reason: why it is degraded or dead.
        endpoints: ``connect`` ("host:port") and per seat ``notebook:<seat>`` ("http://host:port"), once known.
        last_active: when somebody last used it; None if never.
        whole: False when a machine of it is missing or broken: ``start`` brings another, and what runs stays.
    """

    id: str
    state: ClusterState
    handle: Handle
    done: int = 0
    total: int = 0
    doing: str = ""
    reason: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    last_active: datetime | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """What a site holds for this Almanac, at one moment. ``began`` is before the first look."""

    began: datetime
    leases: tuple[SeenLease, ...] = ()
    clusters: tuple[SeenCluster, ...] = ()


@dataclass(frozen=True, slots=True)
class Events:
    """Where the event logs of a cluster that runs on this machine are.

    Attributes:
        safe: a directory that only Almanac's own user can change.
        below: relative to it; from there on people can change everything, so no link may be followed.
    """

    safe: Path
    below: PurePosixPath


class Site(Protocol):
    """Somewhere nodes come from. Calls return soon: what takes long is seen by a later ``observe``."""

    @property
    def name(self) -> str:
        """The site's name, unique in this Almanac."""

    def capacity(self) -> SiteCapacity:
        """Hosts, flavors and limits, as of now."""

    def observe(self) -> Observation:
        """Everything here that carries this Almanac's tag, orphans included."""

    def hold(self, order: LeaseOrder) -> Iterator[Handle]:
        """Hold capacity; idempotent by ``order.id``, and with a changed window it converges to that (see ``Limits.extendable``).

        Yields a handle at every checkpoint, the last when it is held.
        """

    def give_back(self, handle: Handle) -> None:
        """End a lease. Already gone is success."""

    def prepare(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Make what ``start`` needs and no lease is needed for, so that it needn't be waited for then (see ``Limits.prepares``).

        Idempotent by ``cluster.id``; ``stop`` removes it. Yields a handle at every checkpoint; none where there is nothing to do.
        """

    def start(self, cluster: ClusterSpec) -> Iterator[Handle]:
        """Make it run as specified: create, converge or mend; idempotent by ``cluster.id``.

        Yields a handle at every checkpoint; returns before the cluster is ready.
        """

    def stop(self, handle: Handle) -> Iterator[Handle]:
        """Drain, save people's files and the logs, tear down, remove. Already gone is success; repeatable from any checkpoint."""

    def logs(self, handle: Handle, service: str | None, tail: int) -> Mapping[str, str]:
        """The last ``tail`` lines of each service's log, or of one service's."""

    def events(self, handle: Handle) -> Events | None:
        """Where Spark's event logs are while the cluster is there; None: not on this machine, so they come when it ends."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What a machine of a cluster last told of itself, or that it hasn't joined yet.

    Attributes:
        node: its name in the cluster.
        seen_at: when it last reported, by Almanac's clock, so that a node's wrong clock does no harm; None before it joined.
        revision: number of the orders that it carries out; ``wanted`` is that of the newest.
        services: service name -> ``starting``, ``ready``, ``ended`` or ``failed``.
        doing: what it waits for now, in words.
        trouble: why it can't go on, in words; empty when all is well.
        last_active: when somebody last used it; None if never.
        facts: what it found of itself: ``scratch`` (in words), ``gpus`` (count), ``cores``, ``memory_mib``.
        saved_at: when the people's files and logs were last saved whole; None if never.
        finished: it was told to stop, has saved everything and runs nothing any more.
    """

    cluster: str
    node: str
    wanted: int
    revision: int = 0
    seen_at: datetime | None = None
    services: Mapping[str, str] = field(default_factory=dict)
    doing: str = ""
    trouble: str = ""
    last_active: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    saved_at: datetime | None = None
    finished: bool = False


class NodeDesk(Protocol):
    """Where one site's machines get their orders and report, over the network and without a password.

    A machine boots with a short-lived join token, good for one use. It trades that for a token of its own, fetches its
    orders, carries them out and reports. Orders may hold secrets: they are encrypted at rest and gone with ``forget``.
    """

    @property
    def url(self) -> str:
        """Where machines reach Almanac, such as ``https://almanac.example.org``."""

    def invite(self, cluster: str, node: str, lifetime: timedelta) -> str:
        """Expect a machine: a new one-time join token, which voids what this node had before (its tokens, its report)."""

    def direct(self, cluster: str, node: str, orders: Mapping[str, Any]) -> int:
        """Set what an invited node is to do, whether it has joined or not.

        Args:
            cluster: the cluster's id.
            node: the node's name in it.
            orders: see ``almanac.node.orders``. The same orders again are no news.

        Returns:
            Their revision, from 1.
        """

    def reports(self) -> tuple[NodeReport, ...]:
        """Of every node that is expected or there."""

    def logs(self, cluster: str, node: str) -> Mapping[str, str]:
        """The last lines of each service's log, as the node last sent them."""

    def forget(self, cluster: str) -> None:
        """Void all tokens and orders of a cluster; not knowing it is fine."""
