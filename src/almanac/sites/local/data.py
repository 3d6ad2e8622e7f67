"""Shared data on this machine: which directories clusters see, and what hinders it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from almanac.core.ports import Temporary
from almanac.sites.local.launch import Bound
from almanac.spark.layout import data_path

UNMOUNTED = "Shared data is read where it lies, not at /data, and only its permissions keep it from being changed."
"""Said where clusters have no mounts of their own."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory that clusters see, where their profile asks for it.

    Attributes:
        source: the directory on this machine.
        write: whether they may write there.
    """

    source: Path
    write: bool = False

    @property
    def real(self) -> str:
        """The directory itself, links followed: they lead where the operator's eyes are, not the cluster's."""
        return os.path.realpath(self.source)


Mounts = Mapping[str, Mount]
"""Label -> what lies there."""


def trouble(label: str, mount: Mount) -> str:
    """Why it can't be mounted now, in words; empty when it can."""
    if not mount.source.exists():
        return f"{label} can't be mounted: {mount.source} isn't there."
    if not mount.source.is_dir():
        return f"{label} can't be mounted: {mount.source} is no directory."
    return ""


def concern(label: str, mount: Mount) -> str:
    """What clusters, which run as users of their own, can't do there; empty when they can do what they are to."""
    mode = mount.source.stat().st_mode
    if mode & 0o005 != 0o005:
        return f"{label}: only some users may read {mount.source}; clusters run as others (chmod o+rx)."
    if mount.write and not mode & 0o002:
        return f"{label}: {mount.source} is for writing, but only some users may (chmod 1777 lets clusters)."
    return ""


def places(mounts: Mounts, namespaces: bool) -> dict[str, str]:
    """Label -> the path at which clusters find it: ``/data/<label>``, or where it lies when they have no mounts of their own."""
    return {label: data_path(label) if namespaces else mount.real for label, mount in mounts.items()}


def asked(mounts: Mounts, labels: Iterable[str]) -> dict[str, Mount]:
    """Those of a site's mounts that a cluster asks for.

    Raises:
        Temporary: one of them isn't there at present.
    """
    found = {label: mounts[label] for label in labels if label in mounts}
    hindrances = [why for label, mount in found.items() if (why := trouble(label, mount))]
    if hindrances:
        raise Temporary(" ".join(hindrances))
    return found


def bound(mounts: Mounts) -> list[Bound]:
    """What a keeper is told to mount in its cluster."""
    return [{"source": mount.real, "target": data_path(label), "write": mount.write} for label, mount in mounts.items()]


def hidden(mounts: Mounts) -> list[str]:
    """Directories that no cluster sees where they lie: whoever asks for them sees them at ``/data``."""
    return sorted({mount.real for mount in mounts.values() if mount.source.is_dir()})
