"""What a keeper is told, as JSON-ready mappings: written by the site, read by the keeper. Standard library only."""

from __future__ import annotations

from typing import Any, TypedDict

LAUNCH, STATUS, PORTS, LOCK, STOP = "launch.json", "status.json", "ports.json", "lock", "stop"
"""Names of files in a cluster's control directory."""


class Bound(TypedDict):
    """A directory shown at another path.

    Attributes:
        source: its real path on the machine.
        target: where the cluster sees it.
        write: whether the cluster may write there.
    """

    source: str
    target: str
    write: bool


class Sandbox(TypedDict):
    """What sets a cluster apart when Almanac runs as root with namespaces.

    Attributes:
        state: Almanac's state directory, hidden.
        writable: directories shown read-write.
        readable: paths shown read-only.
        hidden: directories of data, which nobody sees where they lie.
        mounts: the data that this cluster sees.
        closed: whether the cluster gets a network of its own that leads nowhere.
        relay: the program that leads into it, from ``relay.find_program``.
    """

    state: str
    writable: list[str]
    readable: list[str]
    hidden: list[str]
    mounts: list[Bound]
    closed: bool
    relay: str


class Launch(TypedDict):
    """A keeper's orders.

    Attributes:
        cluster: its id.
        tag: the value of ALMANAC_TAG.
        uid: as whom services run; None for as whom the keeper runs.
        node: the directory that belongs to that uid.
        package: the directory from which ``almanac`` is imported.
        sandbox: None without namespaces.
        groups: control groups, as ``cgroups.Group`` lists.
        doors: endpoint -> port inside.
        services: ``spark.service.Service`` as JSON.
        idle_cpu_cores: use below this is idleness.
        drain_s: how long services may take to end by themselves.
    """

    cluster: str
    tag: str
    uid: int | None
    node: str
    package: str
    sandbox: Sandbox | None
    groups: list[tuple[str, dict[str, str], dict[str, str]]]
    doors: dict[str, int]
    services: list[dict[str, Any]]
    idle_cpu_cores: float
    drain_s: float


class Status(TypedDict):
    """What a keeper says.

    Attributes:
        state: ``starting``, ``ready``, ``degraded``, ``stopping`` or ``failed``.
        doing: what it waits for now, in words.
        reason: what is wrong, in words.
        done: services that are up, of ``total``.
        endpoints: endpoint -> port on the machine's 127.0.0.1.
        last_active: seconds since 1970; None if never.
        services: name -> how it fares.
        boot: which boot of the machine it is about.
    """

    state: str
    doing: str
    reason: str
    done: int
    total: int
    endpoints: dict[str, int]
    last_active: float | None
    services: dict[str, dict[str, Any]]
    boot: str | None
