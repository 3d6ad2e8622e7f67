"""Questions to sites, with a limit to waiting: a site that hangs holds up nobody else's bookings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import timedelta
from typing import Generic, TypeVar

from almanac.core.ports import Temporary

T = TypeVar("T")

HANGS_AFTER = timedelta(seconds=30)
"""A site that is asked something and silent for so long is in trouble; until then it is only slow."""


class NoAnswerYet(Temporary):
    """The question is open; ``waited`` says since when."""

    def __init__(self, reason: str, waited: timedelta) -> None:
        super().__init__(reason)
        self.waited = waited

    @property
    def hangs(self) -> bool:
        """Whether that is too long to be slowness."""
        return self.waited >= HANGS_AFTER


class Asking(Generic[T]):
    """Asks one kind of question, at most once at a time of each site.

    A question that isn't answered in time stays open: its answer, however late, is the next one's.

    Args:
        patience_s: how long an asker waits.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._open: dict[str, tuple[Future[T], float]] = {}
        self._lock = threading.Lock()

    def ask(self, site: str, question: Callable[[], T]) -> T:
        """The answer to the question, or to the one asked before and not answered then.

        Raises:
            NoAnswerYet: as it says.
            SiteError: what the site says.
        """
        future, since = self._opened(site, question)
        # However many ask, and however often: nobody waits for one question longer than that.
        answered, _ = wait([future], max(0.0, since + self._patience_s - time.monotonic()))
        if not answered:
            waited = time.monotonic() - since
            raise NoAnswerYet(f"{site} has been silent for {waited:.0f} s", timedelta(seconds=waited))
        self._close(site, future)
        return future.result()

    def _opened(self, site: str, question: Callable[[], T]) -> tuple[Future[T], float]:
        with self._lock:
            if site in self._open:
                return self._open[site]
            future: Future[T] = Future()
            since = time.monotonic()
            self._open[site] = (future, since)
        # Daemons: a site that hangs mustn't keep Almanac from ending.
        threading.Thread(target=_answer, args=(future, question), name=f"asking-{site}", daemon=True).start()
        return future, since

    def _close(self, site: str, future: Future[T]) -> None:
        with self._lock:
            if self._open.get(site, (None,))[0] is future:
                del self._open[site]


def _answer(future: Future[T], question: Callable[[], T]) -> None:
    try:
        answer = question()
    except BaseException as error:  # noqa: BLE001 - raised where it was asked
        future.set_exception(error)
    else:
        future.set_result(answer)
