"""Leases on this machine: small durable files. The machine is ours anyway; a lease says for when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from almanac.core.ports import Handle, LeaseOrder, LeaseState, SeenLease
from almanac.core.windows import Window
from almanac.sites.folder import Folder


def write(directory: Path, order: LeaseOrder) -> Handle:
    """Write a lease down; the same id again replaces its window."""
    window = [order.window.start.isoformat(), order.window.end.isoformat()]
    with Folder(directory) as folder:
        folder.write_json(f"{order.id}.json", {"id": order.id, "window": window})
    return {"lease": order.id}


def held(directory: Path, lease: str) -> bool:
    """Whether there is such a lease."""
    with Folder(directory) as folder:
        return folder.has(f"{lease}.json")


def remove(directory: Path, handle: Handle) -> None:
    """Remove a lease; already gone is fine."""
    with Folder(directory) as folder:
        folder.remove(f"{handle['lease']}.json")


def seen(directory: Path, now: datetime) -> tuple[SeenLease, ...]:
    """All leases, each with its state at ``now``."""
    found = []
    with Folder(directory) as folder:
        for file in sorted(directory.glob("*.json")):
            lease = folder.read_json(file.name)
            if lease is not None:
                window = Window(*(datetime.fromisoformat(instant) for instant in lease["window"]))
                found.append(SeenLease(lease["id"], _state(window, now), window, {"lease": lease["id"]}))
    return tuple(found)


def _state(window: Window, now: datetime) -> LeaseState:
    if now < window.start:
        return LeaseState.PENDING
    return LeaseState.ACTIVE if now < window.end else LeaseState.ENDED
