"""Who does what the reconciler decided: in order, or side by side so that one slow teardown holds up nobody's build.

Each site has hands of its own: one that hangs keeps none from another's work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

log = logging.getLogger(__name__)

Work = Callable[[], None]


class Hands(Protocol):
    """Does work by subject (a cluster or a lease), never two works of one subject at once."""

    def busy(self) -> frozenset[str]:
        """Subjects that are being worked on."""

    def do(self, site: str, subject: str, work: Work) -> None:
        """Do the work at a site, now or soon; drop it when its subject is busy: the next tick decides anew."""

    def close(self) -> None:
        """Wait for what is being done."""


class InOrder:
    """Does each work at once, in the caller's thread: for tests and simulations."""

    def busy(self) -> frozenset[str]:
        """Nothing, ever."""
        return frozenset()

    def do(self, _site: str, _subject: str, work: Work) -> None:
        """Do it now."""
        work()

    def close(self) -> None:
        """Nothing to wait for."""


class SideBySide:
    """Does works in threads.

    Args:
        hands: how many works at once at each site.
        done: called after each, from its thread.
    """

    def __init__(self, hands: int, done: Callable[[], None]) -> None:
        self._hands = hands
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._done = done
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def busy(self) -> frozenset[str]:
        """Subjects that are being worked on, or wait for a hand."""
        with self._lock:
            return frozenset(self._busy)

    def do(self, site: str, subject: str, work: Work) -> None:
        """Do it soon, unless its subject is busy."""
        with self._lock:
            if subject in self._busy:
                return
            self._busy.add(subject)
            if site not in self._pools:
                self._pools[site] = ThreadPoolExecutor(self._hands, thread_name_prefix=f"almanac-hand-{site}")
            pool = self._pools[site]
        pool.submit(self._work, subject, work)

    def close(self) -> None:
        """Wait for what is being done; what only waits for a hand is left to the next Almanac."""
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in pools:
            pool.shutdown()

    def _work(self, subject: str, work: Work) -> None:
        try:
            work()
        except Exception:  # the next tick looks again, whatever this work met
            log.exception("work on %s failed", subject)
        finally:
            with self._lock:
                self._busy.discard(subject)
            self._done()
