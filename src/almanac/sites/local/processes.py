"""Processes, found by what they carry rather than by remembered ids. Standard library only: the keeper loads this module."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TAG = "ALMANAC_TAG"
"""The environment variable by which everything that a cluster started is known: ``<instance>/<cluster>``."""

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def running() -> Iterator[int]:
    """The ids of all processes in sight."""
    for entry in os.listdir(_PROC):  # noqa: PTH208 - names only, on a path that is read often
        if entry.isdigit():
            yield int(entry)


def has_tag(pid: int, tag: str) -> bool:
    """Whether a process carries the tag; ``tag`` may be ``<instance>/`` for any cluster of an instance."""
    wanted = f"{TAG}={tag}".encode()
    try:
        entries = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    whole = not tag.endswith("/")
    return any(entry == wanted if whole else entry.startswith(wanted) for entry in entries)


def tagged(tag: str) -> list[int]:
    """Live processes that carry the tag."""
    return [pid for pid in running() if has_tag(pid, tag)]


def users() -> set[int]:
    """The uids as whom processes run."""
    return {uid for pid in running() if (uid := _user(pid)) is not None}


def runs_as(pid: int, uid: int) -> bool:
    """Whether a process runs as a uid."""
    return _user(pid) == uid


def _user(pid: int) -> int | None:
    """A process's real uid; None when it has ended, reaped or not."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return None if fields["State"].startswith("Z") else int(fields["Uid"].split()[0])


def end(pid: int, still: Callable[[int], bool], sig: signal.Signals = signal.SIGKILL) -> None:
    """Signal a process if ``still(pid)`` holds once its id can't be reused any more."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if still(pid):
            signal.pidfd_send_signal(handle, sig)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def end_all(find: Callable[[], list[int]], still: Callable[[int], bool], patience: float = 10.0) -> list[int]:
    """Kill what ``find`` finds until it finds nothing; returns what is left after ``patience`` seconds."""
    until = time.monotonic() + patience
    while (left := find()) and time.monotonic() < until:
        for pid in left:
            end(pid, still)
        time.sleep(0.02)
    return left


def cpu_seconds(below: int) -> dict[tuple[int, str], float]:
    """CPU seconds used so far by each live descendant of a process, keyed by id and start time."""
    parents: dict[int, int] = {}
    used: dict[int, tuple[str, float]] = {}
    for pid in running():
        try:
            stat = (_PROC / str(pid) / "stat").read_text()
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        parents[pid] = int(fields[1])
        used[pid] = fields[19], (int(fields[11]) + int(fields[12])) / _TICKS
    return {(pid, used[pid][0]): used[pid][1] for pid in used if pid != below and _descends(pid, below, parents)}


def _descends(pid: int, above: int, parents: dict[int, int]) -> bool:
    for _ in range(len(parents)):
        if pid == above:
            return True
        if pid not in parents:
            return False
        pid = parents[pid]
    return False
