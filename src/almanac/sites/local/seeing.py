"""What is there now, from files and locks alone: quick, and right whoever wrote them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from almanac.core.ports import ClusterState, SeenCluster
from almanac.sites.endpoints import address
from almanac.sites.local.ground import Ground, Place
from almanac.sites.local.launch import STATUS
from almanac.sites.local.watched import telling_line

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_LONGEST_LINE = 400
_STATES = {"starting": ClusterState.STARTING, "ready": ClusterState.READY}


def clusters(ground: Ground) -> tuple[SeenCluster, ...]:
    """All clusters of this Almanac."""
    found = []
    for place in ground.places():
        try:
            found.append(_cluster(place))
        except FileNotFoundError:
            continue  # removed since it was listed
    return tuple(found)


def _cluster(place: Place) -> SeenCluster:
    alive = place.alive
    with place.folder() as folder:
        status: Mapping[str, Any] = folder.read_json(STATUS) or {}
    last = status.get("last_active")
    return SeenCluster(
        id=place.id,
        state=_STATES.get(status.get("state", ""), ClusterState.DEGRADED) if alive else ClusterState.DEAD,
        handle={"cluster": place.id},
        done=status.get("done", 0) if alive else 0,
        total=status.get("total", 0),
        doing=_doing(place, status) if alive else "",
        reason=status.get("reason", "") if alive else _why_dead(place, status),
        endpoints={name: address(name, port) for name, port in status.get("endpoints", {}).items()},
        last_active=None if last is None else datetime.fromtimestamp(last, UTC),
    )


def _doing(place: Place, status: Mapping[str, Any]) -> str:
    return "It is ending." if place.ending else str(status.get("doing", ""))


def _why_dead(place: Place, status: Mapping[str, Any]) -> str:
    if not status:
        return "It has not been started yet."
    if status.get("state") == "failed":
        return str(status["reason"])
    if status.get("boot") != _BOOT.read_text().strip():
        return "The machine was restarted."
    said = telling_line(_tail(place.logs / "keeper.log", 20).encode())
    return f"Its keeper is gone. It said last: {said}" if said else "Its keeper is gone: it was killed."


def logs(place: Place, service: str | None, tail: int) -> dict[str, str]:
    """The last lines of each log, or of one service's."""
    if not place.logs.is_dir() or tail < 1:
        return {}
    found = {}
    for file in sorted(place.logs.glob("*.log")):
        if service in {None, file.stem}:
            found[file.stem] = _tail(file, tail)
    return found


def _tail(file: Path, lines: int) -> str:
    try:
        with file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - lines * _LONGEST_LINE))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
