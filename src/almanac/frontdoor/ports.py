"""The door's ports, which stay the same from one start to the next, so that an address that a person has stays good."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from pathlib import Path

USUAL = (8480, 8481)
"""Of the entrance and of the platforms."""


def choose(kept: Path, host: str, wanted: tuple[int, int]) -> tuple[int, int]:
    """The two ports.

    Args:
        kept: a file in which they are kept.
        host: the address to listen at.
        wanted: the operator's; 0: the one of the last start, else the usual one, else any that is free.
    """
    before = _read(kept)
    with ExitStack() as held:
        chosen = tuple(
            port or _free(held, host, (last, usual)) for port, last, usual in zip(wanted, before, USUAL, strict=True)
        )
    if chosen != before:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_text(json.dumps(chosen))
    return chosen[0], chosen[1]


def _read(kept: Path) -> tuple[int, int]:
    try:
        first, second = json.loads(kept.read_text())
        return int(first), int(second)
    except (OSError, ValueError, TypeError):
        return 0, 0


def _free(held: ExitStack, host: str, candidates: tuple[int, ...]) -> int:
    """The first candidate that is free, else any free port; it is held until both are chosen."""
    for port in filter(None, candidates):
        try:
            held.enter_context(listening(host, port))
        except OSError:
            continue
        return port
    return int(held.enter_context(listening(host, 0)).getsockname()[1])


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there, alone.

    Raises:
        OSError: another does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
