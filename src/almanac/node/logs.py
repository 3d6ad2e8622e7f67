"""Services' logs: their last lines while they run, all of them at the end."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from almanac.node.chores import pack_file
from almanac.node.desk import Desk
from almanac.node.errands import Helper
from almanac.node.orders import Orders
from almanac.node.parcel import END
from almanac.node.words import telling_line

_LONGEST, _KEPT = 16 * 2**20, 4 * 2**20
_LONGEST_TAIL = 16_000
_ALL_TAILS = 40_000
_EVENTS = "/events"
_NO_LIMIT = 1 << 40


class Logs:
    """One file per service, written by systemd, so only root can change it; and Spark's event logs, which are its user's.

    Args:
        directory: where services' logs are.
        events: a file of root's that remembers where event logs are: the orders to stop don't say.
    """

    def __init__(self, directory: Path, events: Path) -> None:
        self._directory = directory
        self._events = events

    def remember(self, orders: Orders) -> None:
        """Where event logs are: in whichever directories are called that."""
        found = [directory for service in orders.services for directory in service.dirs if directory.endswith(_EVENTS)]
        self._events.write_text(json.dumps(found))

    def tails(self, services: Iterable[str]) -> dict[str, str]:
        """The last lines of each log, together not too long for one call."""
        names = sorted(services)
        each = min(_LONGEST_TAIL, _ALL_TAILS // max(1, len(names)))
        return {name: self._end(name, each) for name in names}

    def telling_line(self, service: str) -> str:
        """The line that best says what went wrong."""
        return telling_line(self._end(service, 8192))

    def trim(self, service: str) -> None:
        """Let a log that has grown long keep only its end."""
        path = self._directory / f"{service}.log"
        if path.exists() and path.stat().st_size > _LONGEST:
            with path.open("r+b") as log:
                log.seek(-_KEPT, os.SEEK_END)
                kept = log.read(_KEPT)
                log.seek(0)
                log.truncate()
                log.write(kept)

    def send(self, desk: Desk, helper: Helper) -> None:
        """Have all logs kept, event logs too.

        Raises:
            ChoreFailed, Later, Refused, Wrong: it is tried again.
        """
        with tempfile.TemporaryFile() as parcel:
            for log in sorted(self._directory.glob("*.log")):
                pack_file(log.name, str(log), None, parcel)
            for directory in json.loads(self._events.read_text()) if self._events.exists() else ():
                self._pack_events(directory, helper, parcel)
            parcel.write(END)
            size = parcel.tell()
            parcel.seek(0)
            desk.save_logs(parcel, size)

    def _pack_events(self, directory: str, helper: Helper, parcel: BinaryIO) -> None:
        parcel.flush()
        nothing: dict[str, object] = {"known": {}, "base": {}, "complete": False, "cap": _NO_LIMIT}
        helper.write("pack", {**nothing, "home": directory, "prefix": "events/"}, parcel)
        parcel.seek(-len(END), os.SEEK_END)  # more follows

    def _end(self, service: str, most: int) -> str:
        try:
            with (self._directory / f"{service}.log").open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - most))
                data = log.read(most)
        except FileNotFoundError:
            return ""
        text = data.decode(errors="replace")
        return text if size <= most else text.partition("\n")[2]
