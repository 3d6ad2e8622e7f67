"""Connections of the proxy, seen and ended from outside: Caddy has no order for that.

The proxy is this process's child, and Linux lets a process take a duplicate of its child's socket (``pidfd_getfd``, since
5.6). A socket that is shut down by one of its holders is shut for all, at once.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PIDFD_GETFD = 438
"""The same number on every architecture."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def peers(pid: int) -> frozenset[str]:
    """The far ends (``host:port``) of a child's connections; without those that can't be looked at."""
    with _sockets(pid) as found:
        return frozenset(peer for peer, _ in found)


def end(pid: int, unwelcome: Collection[str]) -> int:
    """End a child's connections with these far ends; returns how many."""
    ended = 0
    with _sockets(pid) as found:
        for peer, connection in found:
            if peer in unwelcome:
                with suppress(OSError):  # it has just ended by itself
                    connection.shutdown(socket.SHUT_RDWR)
                ended += 1
    return ended


@contextmanager
def _sockets(pid: int) -> Iterator[Iterator[tuple[str, socket.socket]]]:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        yield iter(())
        return
    try:
        yield _connected(process, pid)
    finally:
        os.close(process)


def _connected(process: int, pid: int) -> Iterator[tuple[str, socket.socket]]:
    for number in _socket_numbers(pid):
        copy = _LIBC.syscall(_PIDFD_GETFD, process, number, 0)
        if copy < 0:
            continue
        with socket.socket(fileno=copy) as connection:
            peer = _peer(connection)
            if peer:
                yield peer, connection


def _socket_numbers(pid: int) -> list[int]:
    numbers = []
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed since it was listed
                if str(entry.readlink()).startswith("socket:"):
                    numbers.append(int(entry.name))
    return numbers


def _peer(connection: socket.socket) -> str:
    """Empty for what isn't connected by TCP."""
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return ""
    try:
        host, port = connection.getpeername()[:2]
    except OSError:
        return ""
    host = host.removeprefix("::ffff:")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
