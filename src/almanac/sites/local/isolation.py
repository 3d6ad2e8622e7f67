"""How far this machine lets clusters be kept apart, found out by trying, and said in words."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from almanac.core.ports import Permanent
from almanac.sites.local import cgroups

UNSHARE = ("unshare", "--fork", "--pid", "--kill-child", "--mount", "--ipc", "--uts", "--mount-proc")
"""A keeper's own namespaces; its network namespace it makes itself, after it has opened the doors."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """What is in force.

    Attributes:
        own_uid: each cluster runs as a user of its own.
        namespaces: each cluster has its own processes, mounts and IPC.
        closed: each cluster has a network of its own that leads nowhere.
        groups: where control groups are mounted; empty when no caps can be set.
        missing: what isn't in force and why, in words.
    """

    own_uid: bool = False
    namespaces: bool = False
    closed: bool = False
    groups: Mapping[str, Path] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        kept = [
            ("a user of its own", self.own_uid),
            ("its own processes and files (namespaces)", self.namespaces),
            ("a network of its own that leads nowhere", self.closed),
            ("caps on memory, processor time and processes (control groups)", bool(self.groups)),
        ]
        having = [words for words, there in kept if there]
        if having:
            begin = f"Each cluster has {_listed(having)}; its seats share that. The scratch disk isn't capped."
        else:
            begin = "Clusters are kept apart only by their own directories, secrets and ports: they share one user."
        return " ".join([begin, *self.missing])


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def find_isolation(network: str = "closed") -> Isolation:
    """Try what this machine and this user allow.

    Args:
        network: ``closed`` for a network namespace per cluster; ``open`` to share the machine's network.

    Raises:
        Permanent: a tool that nothing works without is missing, or the setting is neither.
    """
    if network not in {"closed", "open"}:
        raise Permanent(f"The local site's network is {network!r}; it can be 'closed' or 'open'.")
    for tool in ("setsid", "setpriv"):
        if shutil.which(tool) is None:
            raise Permanent(f"The program {tool} is missing; it comes with the package util-linux.")
    if os.geteuid() != 0:
        return Isolation(missing=("Run Almanac as root for a user, namespaces and caps of each cluster's own.",))
    refused = _namespaces_refused()
    if refused:
        missing = f"Namespaces are not possible here ({refused})."
        return Isolation(own_uid=True, missing=(missing,))
    return _as_root(network)


def _as_root(network: str) -> Isolation:
    missing = []
    if network == "open":
        missing.append("The network is shared with this machine, as configured.")
    places = cgroups.hierarchies(Path("/proc/self/mountinfo").read_text())
    why = cgroups.trouble(places)
    if why:
        missing.append(f"Memory, processor time and processes are not capped: {why}.")
    return Isolation(
        own_uid=True,
        namespaces=True,
        closed=network == "closed",
        groups={} if why else places,
        missing=tuple(missing),
    )


def _namespaces_refused() -> str:
    """Why namespaces can't be made; empty when they can."""
    try:
        done = subprocess.run([*UNSHARE, "--net", "true"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"unshare ended with {done.returncode}"
