"""Reports beside the work, so that this machine is heard of while it installs, formats or copies for minutes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from almanac.node.desk import Desk, Later, Refused, Wrong

log = logging.getLogger(__name__)

BUSY_S, CALM_S = 1.0, 2.0
_LONGEST_WORDS = 1000


@dataclass
class Status:
    """What is told. The work sets it, field by field; the reporter reads it."""

    revision: int = 0
    services: Mapping[str, str] = field(default_factory=dict)
    doing: str = ""
    trouble: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    active_at: float | None = None
    saved_at: float | None = None
    calm: bool = False

    def told(self) -> dict[str, Any]:
        """As it is sent: times as ages, so that a wrong clock does no harm."""
        now = time.monotonic()
        return {
            "revision": self.revision,
            "services": dict(self.services),
            "doing": self.doing[:_LONGEST_WORDS],
            "trouble": self.trouble[:_LONGEST_WORDS].replace("\0", "?"),
            "facts": dict(self.facts),
            "finished": self.finished,
            "idle_s": None if self.active_at is None else now - self.active_at,
            "saved_s": None if self.saved_at is None else now - self.saved_at,
        }


class Reporter(threading.Thread):
    """Reports for ever.

    Attributes:
        wanted: number of the newest orders; 0 before any was heard of.
        ready: what is ready anywhere in the cluster.
        refused_since: since when Almanac doesn't know this machine any more (``time.monotonic``); None while it does.
    """

    def __init__(self, desk: Desk, status: Status) -> None:
        super().__init__(name="reporter", daemon=True)
        self._desk = desk
        self._status = status
        self._now = threading.Event()
        self._complaint = ""
        self.wanted = 0
        self.ready: frozenset[str] = frozenset()
        self.refused_since: float | None = None
        self.heard = threading.Event()

    def report_now(self) -> None:
        """There is news."""
        self._now.set()

    def run(self) -> None:
        """Report now and then."""
        while True:
            self._report()
            self._now.wait(CALM_S if self._status.calm else BUSY_S)
            self._now.clear()

    def _report(self) -> None:
        try:
            self.wanted, self.ready = self._desk.report(self._status.told())
        except Refused as refused:
            self.refused_since = self.refused_since or time.monotonic()
            self._complain(str(refused))
        except (Later, Wrong) as error:
            self._complain(str(error))
        else:
            self.refused_since = None
            self._complain("")
        self.heard.set()

    def _complain(self, about: str) -> None:
        if about and about != self._complaint:
            log.warning("%s", about)
        self._complaint = about
