"""A control group per machine, in every hierarchy of this host.

Without one of its own a machine's systemd would take this host's root group for its own, and two machines' units of the
same name would share a group: stopping one would kill the other's. The group is also how a machine is ended to the last
process, whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = "almanac-machines"
_PATIENCE = 10.0
_SHARES = {"cpu.shares": 16384, "cpu.weight": 1600}
"""Sixteen times the usual: a group has the weight of one process beside those that are in none, and this has whole machines."""


def make(name: str, memory_mib: int) -> list[Path]:
    """The groups of ``name`` (such as ``<run>/<machine>``) in all hierarchies, made where they are missing.

    Args:
        name: relative to the tests' own group.
        memory_mib: the most memory that all in it may use together.

    Returns:
        The files into which a process writes its id to join.
    """
    made = [_made(place, f"{ROOT}/{name}") for place in _hierarchies()]
    shares = ((place / ROOT / file, share) for place in _hierarchies() for file, share in _SHARES.items())
    for file, share in shares:
        if file.exists():
            file.write_text(str(share))
    limits = (group / limit for group in made for limit in ("memory.max", "memory.limit_in_bytes"))
    for limit in limits:
        if limit.exists():
            limit.write_text(str(memory_mib * 2**20))
    return [group / "cgroup.procs" for group in made]


def _made(place: Path, name: str) -> Path:
    group = place
    for part in name.split("/"):
        above, group = group, group / part
        if (above / "cgroup.controllers").exists():
            offered = (above / "cgroup.controllers").read_text().split()
            (above / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in offered))
        group.mkdir(exist_ok=True)
        for inherited in ("cpuset.cpus", "cpuset.mems"):  # version 1 admits nobody before they are set
            if (above / inherited).exists() and not (above / "cgroup.controllers").exists():
                (group / inherited).write_text((above / inherited).read_text())
    return group


def end(name: str) -> None:
    """Kill whatever runs in the groups of ``name`` and those below it, and remove them; gone already is fine.

    Raises:
        TimeoutError: something doesn't end.
    """
    deadline = time.monotonic() + _PATIENCE
    while left := [group for place in _hierarchies() for group in _deepest_first(place / ROOT / name)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Processes in {left[0]} don't end.")
        for group in left:  # a process may be in some hierarchies' groups only: it has just begun to join
            _kill(group)
        for group in left:
            with contextlib.suppress(OSError):  # busy for as long as a dead process isn't reaped
                group.rmdir()
        time.sleep(0.01)


def _kill(group: Path) -> None:
    try:
        inside = (group / "cgroup.procs").read_text().split()
    except OSError:
        return
    for pid in inside:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _deepest_first(group: Path) -> Iterator[Path]:
    if not group.is_dir():
        return
    for below in group.iterdir():
        if below.is_dir():
            yield from _deepest_first(below)
    yield group


def _hierarchies() -> list[Path]:
    """Where control groups are mounted: one directory (version 2), or several (version 1, and 2 beside it)."""
    mounts = [line.partition(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [Path(before.split(" ")[4]) for before, _, after in mounts if after.split(" ")[0] in {"cgroup", "cgroup2"}]
