"""Control groups, version 2 or 1: caps on a cluster's memory, processor time and number of processes.

They lie below ``almanac/`` at the root of each hierarchy, as container engines do it, so that they outlive the session or
unit that Almanac was started from. Standard library only: the keeper loads this module.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD_US = 100_000


class Group(NamedTuple):
    """One directory and the values to write into its files, in order.

    Attributes:
        directory: the group's.
        limits: from the beginning.
        settled: once the cluster is up. Its processor time is weighed from the beginning but capped only then: a start
            is the one time when a cluster can use more cores than it was given, and on a calm machine nobody else does.
    """

    directory: str
    limits: dict[str, str]
    settled: dict[str, str]


def hierarchies(mountinfo: str) -> dict[str, Path]:
    """Where each controller is mounted, from the text of ``/proc/self/mountinfo``.

    Version 1 has a directory per controller. Version 2 has one for all, under the key ``unified``, and counts only when no
    version 1 is there.
    """
    found: dict[str, Path] = {}
    unified: Path | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        place = Path(before.split(" ")[4])
        if kind == "cgroup2":
            unified = place
        elif kind == "cgroup":
            found |= {name: place for name in CONTROLLERS if name in options.split(",")}
    if not found and unified is not None:
        return {"unified": unified}
    return found


def trouble(places: Mapping[str, Path]) -> str:
    """Why no cap can be set here; empty when all can."""
    if not places:
        return "no control groups are mounted"
    if "unified" in places:
        offered = (places["unified"] / "cgroup.controllers").read_text().split()
        missing = [name for name in CONTROLLERS if name not in offered]
    else:
        missing = [name for name in CONTROLLERS if name not in places]
    if missing:
        return f"the control groups lack {', '.join(missing)}"
    try:
        for place in places.values():
            _parent(place)
    except OSError as error:
        return f"control groups can't be made here ({error.strerror})"
    return ""


def _parent(place: Path) -> Path:
    parent = place / "almanac"
    parent.mkdir(exist_ok=True)
    if (place / "cgroup.subtree_control").exists():
        for directory in (place, parent):
            (directory / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))
    # Else all clusters together would weigh as much as one busy process outside.
    cores = os.cpu_count() or 1
    _limit(parent, {"cpu.shares": str(1024 * cores), "cpu.weight": str(min(10_000, 100 * cores))})
    return parent


def plan(places: Mapping[str, Path], name: str, memory_mib: int, cores: int, processes: int) -> list[Group]:
    """The groups of one cluster.

    Args:
        places: from ``hierarchies``.
        name: of the cluster's group, unique on the machine.
        memory_mib: cap in MiB.
        cores: cap in cores.
        processes: cap on processes and threads together.
    """
    memory, quota = str(memory_mib * 2**20), str(cores * _PERIOD_US)
    if "unified" in places:
        limits = {
            "memory.max": memory,
            "memory.swap.max": "0",
            "cpu.weight": str(min(10_000, 100 * cores)),
            "pids.max": str(processes),
        }
        settled = {"cpu.max": f"{quota} {_PERIOD_US}"}
        return [Group(str(places["unified"] / "almanac" / name), limits, settled)]
    caps = {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": quota}
    return [
        Group(str(places["memory"] / "almanac" / name), {"memory.limit_in_bytes": memory}, {}),
        Group(str(places["cpu"] / "almanac" / name), {"cpu.shares": str(1024 * cores)}, caps),
        Group(str(places["pids"] / "almanac" / name), {"pids.max": str(processes)}, {}),
    ]


def join(groups: Sequence[Group]) -> None:
    """Make the groups and move this process into them; its children are born there.

    Raises:
        OSError: the machine refused.
    """
    for group in groups:
        directory = Path(group.directory)
        _parent(directory.parents[1])
        directory.mkdir(exist_ok=True)
        _limit(directory, group.limits)
        (directory / "cgroup.procs").write_text("0")


def settle(groups: Sequence[Group]) -> None:
    """Set all caps of a cluster that is up, or has grown or shrunk.

    Raises:
        OSError: the machine refused, as it does when a cluster uses more memory than it may from now on.
    """
    for group in groups:
        _limit(Path(group.directory), group.settled | group.limits)


def _limit(directory: Path, limits: Mapping[str, str]) -> None:
    for file, value in limits.items():
        if (directory / file).exists():  # swap accounting is optional
            (directory / file).write_text(value)


def remove(groups: Sequence[Group], patience: float = 5.0) -> None:
    """Remove groups whose processes have ended; already gone is fine.

    Args:
        groups: from ``plan``.
        patience: seconds to wait for the last process's very end.

    Raises:
        OSError: something still runs in one.
    """
    until = time.monotonic() + patience
    for group in groups:
        while Path(group.directory).exists():
            try:
                Path(group.directory).rmdir()
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)


def tidy(places: Mapping[str, Path]) -> None:
    """Remove the common parents when no cluster of any Almanac is left in them."""
    for place in places.values():
        try:
            (place / "almanac").rmdir()
        except OSError:
            continue
