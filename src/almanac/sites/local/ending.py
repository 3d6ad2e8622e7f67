"""Ending a cluster, step by step: drain, end, save, remove. Repeatable from anywhere.

Files are saved after the last process has ended: nothing changes under the copy, and what a closing notebook still wrote is
in it. A machine that was restarted in between only finds fewer processes to end.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from almanac.core.ports import Handle, Temporary
from almanac.sites.folder import Folder
from almanac.sites.local import cgroups, people, trees
from almanac.sites.local.explained import explained
from almanac.sites.local.ground import RECORD, SAVED, Ground, Place
from almanac.sites.local.launch import STOP

_GRACE = 5.0
EVENTS = PurePosixPath("run/connect/events")
"""Where Spark writes event logs, relative to ``node``."""


def stop(ground: Ground, handle: Handle) -> Iterator[Handle]:
    """End the cluster; see ``core.ports.Site.stop``."""
    place = ground.place(str(handle["cluster"]))
    with explained(f"end {place.id}"):
        if place.exists and not place.saved:
            yield from _end_and_save(ground, place, handle)
        remove(ground, place)
        yield handle


def _end_and_save(ground: Ground, place: Place, handle: Handle) -> Iterator[Handle]:
    with place.folder() as folder:
        folder.write(STOP, b"")
        yield handle
        end_processes(ground, place)
        yield handle
        record: dict[str, Any] = folder.read_json(RECORD) or {"seats": {}, "logs": None}
        for seat, files in record["seats"].items():
            if files is not None:
                _save(ground, place, folder, seat, files)
                yield handle
        if record["logs"] is not None:
            _keep_logs(ground, place, record["logs"])
            yield handle
        folder.write_json(SAVED, {"at": time.time()})


def end_processes(ground: Ground, place: Place) -> None:
    """Let the keeper drain and end; then kill what is left.

    Raises:
        Temporary: something doesn't end.
    """
    with place.folder() as folder:
        folder.write(STOP, b"")
    until = time.monotonic() + ground.settings.drain.total_seconds() + _GRACE
    while place.alive and time.monotonic() < until:
        time.sleep(0.05)
    left = ground.kill(place, ground.uid(place))
    if left:
        raise Temporary(f"{len(left)} processes of {place.id} don't end.")


def _save(ground: Ground, place: Place, folder: Folder, seat: str, files: str) -> None:
    kept = people.checked(files)
    desk = people.Desk(folder, seat, place.node, place.home(seat), ground.storage, kept)
    left_out = desk.save(place.id, int(ground.settings.save_cap_gib * 2**30))
    if left_out:
        text = f"Not saved, because one seat may save {ground.settings.save_cap_gib:g} GiB:\n" + "\n".join(left_out)
        with Folder(ground.storage / kept) as storage:
            storage.write(f"NOT SAVED (from {place.id}).txt", os.fsencode(text))


def _keep_logs(ground: Ground, place: Place, logs: str) -> None:
    target = ground.storage / people.checked(logs)
    with explained(f"keep the logs of {place.id}"):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with trees.opened(target) as kept:
            trees.tidy(kept)
            with trees.opened(place.logs) as written:
                _copy_all(written, kept, PurePosixPath())
            try:
                with trees.opened(place.node, EVENTS) as events:
                    _copy_all(events, kept, PurePosixPath("events"))
            except (FileNotFoundError, NotADirectoryError):
                return


def _copy_all(source: int, target: int, below: PurePosixPath) -> None:
    for path, _ in trees.walk(source):
        trees.copy(source, path, target, below / path)


def remove(ground: Ground, place: Place) -> None:
    """Remove all traces but what was saved. The directory goes by one rename, so a cluster is there or it isn't."""
    if place.exists:
        end_processes(ground, place)
    cgroups.remove(ground.groups(place.id))
    cgroups.tidy(ground.isolation.groups)
    if place.exists:
        place.control.rename(ground.state / "ending" / f"{place.id}.{secrets.token_hex(4)}")
    ground.sweep()
    ground.free_uid(place)
