"""Inside a cluster's own namespaces: what its processes can see and reach. Run by the keeper as root, before any service.

``unshare`` has already given the keeper its own process, mount, IPC and UTS namespaces. Standard library only: the keeper
loads this module.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from almanac.sites.local.launch import Bound

_LIBC = ctypes.CDLL(None, use_errno=True)
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC = 0x1, 0x2, 0x4, 0x20, 0x1000, 0x4000
_NEWNET = 0x40000000
_NO_NEW_PRIVS, _CHILD_SUBREAPER = 38, 36
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_PRIVATE = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - these are replaced, not used


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """The system call of that name.

    Raises:
        OSError: it failed.
    """
    arguments = (source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(_LIBC.mount(*arguments), f"mount on {target}")


def become_subreaper() -> None:
    """Orphans among this process's descendants become its children, so that it can end them."""
    _check(_LIBC.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def covers(state: str, needs: Iterable[str], more: Iterable[str] = ()) -> list[str]:
    """The directories to hide behind an empty one: the private ones, Almanac's state, and what bars the way to a need.

    Args:
        state: Almanac's state directory.
        needs: paths that services read; an ancestor that others can't traverse is covered, and the need shown in it.
        more: other directories to hide.
    """
    wanted = {path for path in _PRIVATE if Path(path).is_dir()} | {os.path.realpath(state)}
    wanted |= {os.path.realpath(path) for path in more if Path(path).is_dir()}
    for need in needs:
        barrier = next((str(a) for a in reversed(Path(need).parents) if not a.stat().st_mode & 0o001), None)
        if barrier is not None:
            wanted.add(os.path.realpath(barrier))
    return sorted(path for path in wanted if not any(_inside(path, other) for other in wanted if other != path))


def _inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def furnish(
    state: str,
    writable: Sequence[str],
    readable: Sequence[str],
    user: Mapping[str, Any],
    hidden: Sequence[str] = (),
    mounts: Sequence[Bound] = (),
) -> None:
    """Hide what isn't this cluster's business and show, at the same paths, what it needs.

    Args:
        state: Almanac's state directory.
        writable: directories bound back read-write.
        readable: files and directories bound back read-only; those that don't exist are left out.
        user: ``name`` and ``uid`` of the cluster's own account.
        hidden: directories of data that aren't shown where they lie.
        mounts: data that is shown where clusters look for it; nothing else is there, then.

    Raises:
        OSError: a mount failed.
    """
    real = [os.path.realpath(path) for path in readable]
    shown = {path: True for path in (*readable, *real) if Path(path).exists()} | dict.fromkeys(writable, False)
    sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in shown}
    data = [os.open(bound["source"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for bound in mounts]
    covered = covers(state, shown, [*hidden, *_tops(mounts)])
    for cover in covered:
        mode = "1777" if cover in _PRIVATE[:3] else "0755"
        mount("tmpfs", cover, "tmpfs", _NOSUID | _NODEV, f"mode={mode},size=2g")
    for path in sorted(shown):
        if any(_inside(path, cover) for cover in covered):
            _show(path, sources[path], read_only=shown[path])
        os.close(sources[path])
    for bound, source in zip(mounts, data, strict=True):
        _show_data(bound, source)
        os.close(source)
    _add_user(str(user["name"]), int(user["uid"]))


def _show(path: str, source: int, read_only: bool) -> None:
    if not Path(path).exists():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if Path(f"/proc/self/fd/{source}").is_dir():
            Path(path).mkdir()
        else:
            Path(path).touch()
    mount(f"/proc/self/fd/{source}", path, flags=_BIND | _REC)
    mount("none", path, flags=_REMOUNT | _BIND | _NOSUID | _NODEV | (_RDONLY if read_only else 0))


def _tops(mounts: Sequence[Bound]) -> set[str]:
    """The directories that targets are in, made where the machine has none: a mount needs a place to be."""
    tops = {str(Path(bound["target"]).parent) for bound in mounts}
    for top in tops:
        Path(top).mkdir(mode=0o755, parents=True, exist_ok=True)
    return tops


def _show_data(bound: Bound, source: int) -> None:
    """Without what is mounted below the source: the flags of this mount wouldn't hold there."""
    Path(bound["target"]).mkdir()
    mount(f"/proc/self/fd/{source}", bound["target"], flags=_BIND)
    mount("none", bound["target"], flags=_REMOUNT | _BIND | _NOSUID | _NODEV | (0 if bound["write"] else _RDONLY))


def _add_user(name: str, uid: int) -> None:
    """A passwd entry that only this cluster sees: the JVM and the shell want one; nothing in /etc is touched."""
    entries = Path("/etc/passwd").read_text()
    own = Path("/run/almanac-passwd")
    own.write_text(f"{entries.rstrip()}\n{name}:x:{uid}:{uid}:Almanac cluster:/nonexistent:/usr/sbin/nologin\n")
    own.chmod(0o644)
    mount(str(own), "/etc/passwd", flags=_BIND)
    mount("none", "/etc/passwd", flags=_REMOUNT | _BIND | _RDONLY)


class Doors:
    """Listening sockets on the machine's loopback, held by a keeper that lives in a network of its own.

    A socket belongs to the network namespace in which it was made, so one made outside and accepted on inside is the
    only way in, and no way out.
    """

    def __init__(self, closed: bool) -> None:
        """Leave the machine's network for a new one with only ``lo``, when ``closed``."""
        self._outside = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if closed:
            _check(_LIBC.unshare(_NEWNET), "unshare(CLONE_NEWNET)")
            _bring_up("lo")
        self._inside = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def open(self, preferred: int | None) -> socket.socket:
        """A socket listening on the machine's 127.0.0.1, on the preferred port if that is free."""
        _check(_LIBC.setns(self._outside, _NEWNET), "setns")
        try:
            return listen(preferred, patience=1.0)
        finally:
            _check(_LIBC.setns(self._inside, _NEWNET), "setns")


def listen(preferred: int | None, patience: float = 0.0) -> socket.socket:
    """A socket listening on 127.0.0.1, on the preferred port if that is free, else on one that the kernel chooses.

    Args:
        preferred: None for any.
        patience: seconds to wait for it: what held it before may not be quite gone.
    """
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    until = time.monotonic() + patience
    while not _bound(door, preferred or 0):
        if time.monotonic() >= until:
            door.bind(("127.0.0.1", 0))
            break
        time.sleep(0.02)
    door.listen(128)
    return door


def _bound(door: socket.socket, port: int) -> bool:
    try:
        door.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", interface.encode(), _IFF_UP))
