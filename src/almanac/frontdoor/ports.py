"""The door's ports, which stay the same from one start to the next, so that an address that a person has stays good."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

USUAL = (8480, 8481)
"""Of the entrance and of the platforms."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The two ports.

    Attributes:
        entrance: of the entrance.
        platforms: of what people run.
        held: what holds those of them that were chosen, by port.
    """

    entrance: int
    platforms: int
    held: Mapping[int, socket.socket] = field(default_factory=dict)


def choose(kept: Path, host: str, wanted: tuple[int, int], usual: tuple[int, int] = USUAL) -> Ports:
    """The two ports, held from now on if they weren't the operator's choice.

    Args:
        kept: a file in which they are kept.
        host: the address to listen at.
        wanted: the operator's; 0: the one of the last start, else the usual one, else any that is free.
        usual: 0: any.
    """
    before = _read(kept)
    held: dict[int, socket.socket] = {}
    first, second = (
        port or _free(held, host, candidates) for port, *candidates in zip(wanted, before, usual, strict=True)
    )
    if (first, second) != before:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_text(json.dumps((first, second)))
    return Ports(first, second, held)


def _read(kept: Path) -> tuple[int, int]:
    try:
        first, second = json.loads(kept.read_text())
        return int(first), int(second)
    except (OSError, ValueError, TypeError):
        return 0, 0


def _free(held: dict[int, socket.socket], host: str, candidates: Iterable[int]) -> int:
    """The first candidate that is free, else any free port; it is held."""
    for port in filter(None, candidates):
        with suppress(OSError):
            return _kept(held, hold(host, port))
    return _kept(held, hold(host, 0))


def _kept(held: dict[int, socket.socket], holder: socket.socket) -> int:
    port = int(holder.getsockname()[1])
    held[port] = holder
    return port


def hold(host: str, port: int) -> socket.socket:
    """Keep a port for the proxy, also while that doesn't run: a socket that is bound there and never listens.

    The proxy listens at the same port, as it, too, sets ``SO_REUSEPORT``. Nobody else can.

    Args:
        host: an address of this machine.
        port: 0: any that is free.

    Raises:
        OSError: another program has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as first:  # of two who want it at once, one may listen
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder = socket.socket(family)
        try:
            for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR):
                holder.setsockopt(socket.SOL_SOCKET, option, 1)
            if family == socket.AF_INET6:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            holder.bind((host, first.getsockname()[1]))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # else others could bind beside it, and listen
        except OSError:
            holder.close()
            raise
    return holder
