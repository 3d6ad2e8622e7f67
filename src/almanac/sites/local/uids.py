"""A user id of its own for each cluster, allocated once per machine, whatever the number of Almanacs on it.

The registry is a directory with one file per taken uid, changed under a lock. A file names the cluster's run directory;
when that is gone and nothing runs as the uid, the uid is free again, so that a deleted state directory leaks none. As whom
any process runs is never given: an Almanac in another root directory has another registry.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from almanac.core.ports import Temporary
from almanac.sites.folder import Folder
from almanac.sites.local import lock, processes

REGISTRY = Path("/var/lib/almanac/uids")
FIRST, COUNT = 64100, 800


def allocate(run_dir: Path, registry: Path = REGISTRY, first: int = FIRST, count: int = COUNT) -> int:
    """The uid of a run directory: the one that it has, else a free one.

    Raises:
        Temporary: all are taken.
    """
    registry.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(registry) as folder:
        held = taken(registry)
        known = {path: uid for uid, path in held.items()}
        if str(run_dir) in known:
            return known[str(run_dir)]
        busy = processes.users()
        for uid in range(first, first + count):
            if uid not in busy and _is_free(uid, held):
                folder.write(str(uid), str(run_dir).encode())
                return uid
    raise Temporary(f"All {count} user ids from {first} on are taken by clusters.")


def of(run_dir: Path, registry: Path = REGISTRY) -> int | None:
    """The uid that a run directory has; None when it has none."""
    return next((uid for uid, path in taken(registry).items() if path == str(run_dir)), None)


def taken(registry: Path = REGISTRY) -> dict[int, str]:
    """Uid -> run directory, of all that are taken."""
    if not registry.is_dir():
        return {}
    return {int(file.name): file.read_text() for file in registry.iterdir() if file.name.isdigit()}


def free(run_dir: Path, registry: Path = REGISTRY) -> None:
    """Give a run directory's uid back; not having one is fine."""
    if not registry.is_dir():
        return
    with _locked(registry) as folder:
        for uid, owner in taken(registry).items():
            if owner == str(run_dir):
                folder.remove(str(uid))


def _is_free(uid: int, held: dict[int, str]) -> bool:
    """Whether nobody has it: no cluster that is still there, and no account."""
    if uid in held and Path(held[uid]).exists():
        return False
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return True
    return False


@contextmanager
def _locked(registry: Path) -> Iterator[Folder]:
    fd = lock.take(registry / "lock", patience=30)
    if fd is None:
        raise Temporary(f"{registry / 'lock'} has been held for half a minute.")
    try:
        with Folder(registry) as folder:
            yield folder
    finally:
        lock.release(fd)
