"""The one long-running loop: elected, woken by changes, at most one tick at a time; and what is done beside it."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from datetime import datetime

from almanac.factory import Almanac
from almanac.services.health import LOOP, SILENT_AFTER

log = logging.getLogger(__name__)

FORESIGHT = "foresight"
"""The election of the one that plans."""
ARCHIVIST = "archivist"
"""The election of the one that keeps what bookings leave behind."""
MESSENGER = "messenger"
"""The election of the one that reminds people and delivers their mail."""


class Loop:
    """Ticks while it leads; a second Almanac on the same database stands by.

    Args:
        app: the composed application.
        tick_s: longest wait between two ticks, in seconds.
        holder: who leads; the same after a restart, so that nobody waits for a dead leader's time to run out.
            At most one process may live under a name: the server holds its state directory's lock.
    """

    def __init__(self, app: Almanac, tick_s: float, holder: str) -> None:
        self._app = app
        self._tick_s = tick_s
        self._wake = app.wake
        self._stop = threading.Event()
        self._holder = holder
        self._thread = threading.Thread(target=self._run, name="almanac-loop", daemon=True)

    def start(self) -> None:
        """Start the loop's thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 30) -> None:
        """Ask it to stop after the present tick, and wait for that."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._app.reconciler.close()
        with self._app.database.write() as unit:
            unit.sites.resign(LOOP, self._holder)

    def _run(self) -> None:
        while not self._stop.is_set():
            busy = self._turn()
            self._wake.wait(0.2 if busy else self._tick_s)
            self._wake.clear()

    def _turn(self) -> bool:
        """One tick if this process leads. Returns whether something is under way, so that the next comes sooner."""
        try:
            now = self._app.clock()
            with self._app.database.write() as unit:
                leads = unit.sites.lead(LOOP, self._holder, now, SILENT_AFTER)
            return leads and self._app.reconciler.tick()
        except Exception:  # the loop outlives whatever a tick meets; the next tick looks again
            log.exception("tick failed")
            return False


class Beside(ABC):
    """Something that is looked after in a thread of its own, so that neither bookings nor the loop wait for it.

    Args:
        app: the composed application.
        post: the election of the one that does it.
        holder: who leads; see ``Loop``.
        look_s: seconds between two looks; most of them find nothing to do.
    """

    def __init__(self, app: Almanac, post: str, holder: str, look_s: float) -> None:
        self._app = app
        self._post = post
        self._holder = holder
        self._look_s = look_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"almanac-{post}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 30) -> None:
        """Ask it to stop after the present look, and wait for that."""
        self._stop.set()
        self._thread.join(timeout_s)
        with self._app.database.write() as unit:
            unit.sites.resign(self._post, self._holder)

    @abstractmethod
    def look(self, now: datetime) -> bool:
        """Do what is due. Returns whether there is more."""

    def _run(self) -> None:
        while not self._stop.is_set():
            again = self._turn()
            self._stop.wait(0.2 if again else self._look_s)

    def _turn(self) -> bool:
        """One look if this process leads. Returns whether there is more."""
        try:
            now = self._app.clock()
            with self._app.database.write() as unit:
                leads = unit.sites.lead(self._post, self._holder, now, SILENT_AFTER)
            return leads and self.look(now)
        except Exception:  # as with the loop: the next look is another chance
            log.exception("looking after the %s failed", self._post)
        return False


class Foresight(Beside):
    """Writes demand down and makes plans."""

    def __init__(self, app: Almanac, holder: str, look_s: float = 5.0) -> None:
        super().__init__(app, FORESIGHT, holder, look_s)

    def look(self, now: datetime) -> bool:
        """Write down one piece of demand, or plan."""
        if self._app.history.record(now):
            return True
        if self._app.planning is not None and self._app.planning.look(now):
            self._app.wake.set()
        return False


class Messenger(Beside):
    """Reminds people of what begins soon, and takes notices to the mail server."""

    def __init__(self, app: Almanac, holder: str, look_s: float = 2.0) -> None:
        super().__init__(app, MESSENGER, holder, look_s)

    def look(self, now: datetime) -> bool:
        """Write the reminders that are due, and deliver some of what is to be mailed."""
        self._app.reminders.look(now)
        self._app.notices.tidy(now)
        return self._app.post is not None and self._app.post.look()


class Archivist(Beside):
    """Keeps why the jobs of bookings that are over took as long as they did: people may delete the logs."""

    def __init__(self, app: Almanac, holder: str, look_s: float = 2.0) -> None:
        super().__init__(app, ARCHIVIST, holder, look_s)

    def look(self, now: datetime) -> bool:
        """Keep one booking's diagnosis."""
        return self._app.diagnoses.keep(now)
