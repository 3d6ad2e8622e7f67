"""Looks into event logs: one at a time of each, however many people wait for it, and none that blocks them for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from almanac.core.errors import AlmanacError
from almanac.core.ports import Events
from almanac.diagnosis.diagnose import Diagnosis
from almanac.diagnosis.finding import Found, opened
from almanac.diagnosis.findings import Platform
from almanac.services.asking import Asking, NoAnswerYet

PATIENCE_S = 3.0
REST = 3
"""A log that grows is read again after so many times what reading it took: even a long one takes a quarter of a core."""
_MOST_KNOWN = 100


class NoDiagnosis(AlmanacError):
    """There is nothing to diagnose a booking by, now or for good."""

    code = "no_diagnosis"
    status = 409


class StillReading(AlmanacError):
    """A long event log is being read."""

    code = "still_reading"
    status = 503


class LogReader(Protocol):
    """What makes a diagnosis of a log."""

    def diagnose(self, parts: Mapping[str, int], platform: Platform) -> Diagnosis:
        """See ``monitoring.event_log_reader.EventLogReader``."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Attributes:
        stamp: of the log then: its size and when it was changed.
        at: when it was asked for.
        rests_until: until when it is good enough, by the process's own clock.
    """

    stamp: tuple[int, int]
    at: datetime
    rests_until: float
    diagnosis: Diagnosis


class Looks:
    """Reads the logs of running bookings, and remembers what was seen as long as nothing was added.

    Args:
        reader: reads them.
        patience_s: how long somebody waits for a first look.
    """

    def __init__(self, reader: LogReader, patience_s: float = PATIENCE_S) -> None:
        self._reader = reader
        self._asking: Asking[Look] = Asking(patience_s)
        self._known: dict[str, Look] = {}
        self._lock = threading.Lock()

    def look(self, booking: str, place: Events, log: Found, platform: Callable[[], Platform], now: datetime) -> Look:
        """The newest that is known of a log; while a newer one is being read, the one before.

        Args:
            booking: whose it is.
            place: where it lies.
            log: it.
            platform: tells what is known of where it ran, when it is read.
            now: aware UTC.

        Raises:
            StillReading: it is read for the first time, and that takes long.
            NoDiagnosis: it is gone since it was found.
            BadEventLog: it is none.
        """
        key = f"{booking}/{log.application}"
        known = self._known.get(key)
        stamp = (log.size, log.changed_ns)
        if known is not None and (known.stamp == stamp or time.monotonic() < known.rests_until):
            return known
        try:
            seen = self._asking.ask(key, lambda: self._read(place, log, platform, now))
        except NoAnswerYet:
            if known is not None:
                return known
            raise StillReading(
                f"The event log of {booking} is long: it is being read.", hint="Look again in a moment."
            ) from None
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = seen
            while len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]
        return seen

    def _read(self, place: Events, log: Found, platform: Callable[[], Platform], now: datetime) -> Look:
        began = time.monotonic()
        found = self.read(place, log, platform())
        ended = time.monotonic()
        return Look((log.size, log.changed_ns), now, ended + REST * (ended - began), found)

    def read(self, place: Events, log: Found, platform: Platform) -> Diagnosis:
        """A log's diagnosis, however long that takes.

        Raises:
            NoDiagnosis, BadEventLog: as ``look``.
        """
        try:
            with opened(place.safe, place.below, log) as parts:
                return self._reader.diagnose(parts, platform)
        except FileNotFoundError:
            raise NoDiagnosis("The event log is gone.", hint="It may have been saved meanwhile: look again.") from None
