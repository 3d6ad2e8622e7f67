"""What one local site stands on: its directories, its settings, and where each cluster's things lie."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath

from almanac.core.ports import ClusterSpec, Permanent, PlacedNode
from almanac.sites.folder import Folder
from almanac.sites.local import cgroups, lock, processes, uids
from almanac.sites.local.data import Mounts
from almanac.sites.local.isolation import Isolation
from almanac.sites.local.launch import LOCK, STOP
from almanac.spark.layout import Layout
from almanac.spark.runtime import Runtime
from almanac.spark.service import Service

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
RECORD, SAVED = "cluster.json", "saved.json"

Render = Callable[[ClusterSpec, PlacedNode, Layout], tuple[Service, ...]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set.

    Attributes:
        network: ``closed`` (a network per cluster, leading nowhere) or ``open`` (the machine's).
        cpu_allocation_ratio: cores offered per core of the machine.
        memory_reserve_mib: memory kept for the machine and Almanac.
        disk_reserve_gib: disk space kept free.
        drain: how long notebooks and Spark Connect may take to end by themselves.
        save_cap_gib: how much one seat may save.
        uid_registry: where taken uids are noted, machine-wide.
        first_uid: of those given to clusters.
        mounts: data that clusters see where their profile asks for it, by label.
    """

    network: str = "closed"
    cpu_allocation_ratio: float = 4.0
    memory_reserve_mib: int = 1024
    disk_reserve_gib: int = 2
    drain: timedelta = timedelta(seconds=15)
    save_cap_gib: float = 20.0
    uid_registry: Path = uids.REGISTRY
    first_uid: int = uids.FIRST
    mounts: Mounts = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """One cluster's directory: files of the keeper's and, below ``node``, all that belongs to the cluster's user."""

    id: str
    control: Path

    @property
    def node(self) -> Path:
        """Everything that services write."""
        return self.control / "node"

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.control / "logs"

    def home(self, seat: str) -> PurePosixPath:
        """A seat's home, relative to ``node``."""
        return PurePosixPath("homes", seat)

    @property
    def exists(self) -> bool:
        """Whether there is such a cluster."""
        return self.control.is_dir()

    @property
    def alive(self) -> bool:
        """Whether its keeper lives."""
        return lock.held(self.control / LOCK)

    @property
    def ending(self) -> bool:
        """Whether it was told to stop."""
        return (self.control / STOP).exists()

    @property
    def saved(self) -> bool:
        """Whether its files have been saved, so that it only remains to be removed."""
        return (self.control / SAVED).exists()

    def folder(self) -> Folder:
        """Its control directory, opened."""
        return Folder(self.control)


@dataclass(frozen=True)
class Ground:
    """Directories and settings of a site. ``runtime`` is called at each build: an archive may have come since."""

    state: Path
    runtime: Callable[[], Runtime]
    render: Render
    isolation: Isolation
    settings: Settings
    instance: str = field(default="")

    @classmethod
    def prepare(
        cls, state: Path, runtime: Callable[[], Runtime], render: Render, isolation: Isolation, settings: Settings
    ) -> Ground:
        """Make the directories; the instance's name is made at first use and kept."""
        state = state.resolve()
        for name, mode in {"": 0o711, "clusters": 0o711, "ending": 0o700, "leases": 0o700, "storage": 0o700}.items():
            (state / name).mkdir(mode=mode, parents=True, exist_ok=True)
        (state / "shared").mkdir(mode=0o755, exist_ok=True)
        return cls(state, runtime, render, isolation, settings, _instance(state))

    @property
    def storage(self) -> Path:
        """People's files between bookings."""
        return self.state / "storage"

    @property
    def shared(self) -> Path:
        """Data sets that every cluster reads."""
        return self.state / "shared"

    @property
    def leases(self) -> Path:
        """One file per lease."""
        return self.state / "leases"

    def tag(self, cluster: str) -> str:
        """What a cluster's processes carry."""
        return f"{self.instance}/{cluster}"

    def place(self, cluster: str) -> Place:
        """Where a cluster's things are.

        Raises:
            Permanent: the id can't be a directory's name.
        """
        if not _ID.fullmatch(cluster):
            raise Permanent(f"{cluster!r} can't be a cluster's id: letters, digits, dots and dashes only, up to 63.")
        return Place(cluster, self.state / "clusters" / cluster)

    def places(self) -> Iterator[Place]:
        """All clusters."""
        for control in sorted((self.state / "clusters").iterdir()):
            yield Place(control.name, control)

    def groups(self, cluster: str, memory_mib: int = 0, cores: int = 0, processes: int = 0) -> list[cgroups.Group]:
        """A cluster's control groups; the caps matter only to who makes them."""
        if not self.isolation.groups:
            return []
        return cgroups.plan(self.isolation.groups, f"{self.instance}-{cluster}", memory_mib, cores, processes)

    def give_uid(self, place: Place) -> int | None:
        """The uid that a cluster has or is given now; None where clusters share Almanac's."""
        if not self.isolation.own_uid:
            return None
        return uids.allocate(place.control, self.settings.uid_registry, self.settings.first_uid)

    def uid(self, place: Place) -> int | None:
        """The uid that a cluster has, if any."""
        return uids.of(place.control, self.settings.uid_registry) if self.isolation.own_uid else None

    def free_uid(self, place: Place) -> None:
        """Give its uid back."""
        if self.isolation.own_uid:
            uids.free(place.control, self.settings.uid_registry)

    def kill(self, place: Place, uid: int | None) -> list[int]:
        """End all of a cluster's processes, and return what is left.

        In namespaces they end with their keeper. Elsewhere one that has shed the tag is known by its uid; only there,
        since an Almanac in another root directory may have given the same uid to a cluster of its own.
        """
        tag = self.tag(place.id)
        by_uid = uid is not None and not self.isolation.namespaces

        def still(pid: int) -> bool:
            return processes.has_tag(pid, tag) or (by_uid and processes.runs_as(pid, uid or 0))

        return processes.end_all(lambda: [pid for pid in processes.running() if still(pid)], still)

    def sweep(self) -> None:
        """Delete what removals that were broken off have left."""
        for leftover in (self.state / "ending").iterdir():
            for directory, _, _ in os.walk(leftover):  # people may have taken their own right to write away
                Path(directory).chmod(0o700)
            shutil.rmtree(leftover)


def _instance(state: Path) -> str:
    with Folder(state) as folder:
        found = folder.read("instance")
        if found is None:
            aside = f".instance.{os.getpid()}"
            folder.write(aside, secrets.token_hex(6).encode())
            try:
                os.link(aside, "instance", src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
            except FileExistsError:
                pass
            finally:
                folder.remove(aside)
            found = folder.read("instance")
    return (found or b"").decode()
