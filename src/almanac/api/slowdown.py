"""Slowing down who keeps failing to sign in, or calls too often. Bounded in memory, forgotten with the process."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from almanac.core.errors import AlmanacError


class SlowDown(AlmanacError):
    """Too many failed tries; ``details['retry_after_s']`` says how long to wait."""

    code = "slow_down"
    status = 429


class LeakyBucket:
    """A bucket per caller that leaks: so much at once, and so much over time.

    Args:
        too_many: what to say to whom it is too much, such as "Too many failed sign-ins from this address."
        burst: how often at once.
        leak: time after which one is forgiven.
        callers: callers remembered; the one that came longest ago is forgotten first.
    """

    def __init__(self, too_many: str, burst: int, leak: timedelta, callers: int = 4096) -> None:
        self._too_many = too_many
        self._burst = burst
        self._leak = leak
        self._callers = callers
        self._empty_at: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def check(self, caller: str, now: datetime) -> None:
        """Let pass a caller whose bucket isn't full.

        Raises:
            SlowDown: it is.
        """
        with self._lock:
            self._refuse(caller, now)

    def add(self, caller: str, now: datetime) -> None:
        """Count one."""
        with self._lock:
            self._count(caller, now)

    def take(self, caller: str, now: datetime) -> None:
        """Count one of a caller whose bucket isn't full: of many at once, no more pass than there is room for.

        Raises:
            SlowDown: it is full.
        """
        with self._lock:
            self._refuse(caller, now)
            self._count(caller, now)

    def forgive(self, caller: str) -> None:
        """Take one count back."""
        with self._lock:
            if caller in self._empty_at:
                self._empty_at[caller] -= self._leak

    def full(self, caller: str, now: datetime) -> bool:
        """Whether it is too much already."""
        with self._lock:
            return self._wait(caller, now) > timedelta(0)

    def _wait(self, caller: str, now: datetime) -> timedelta:
        return self._empty_at.get(caller, now) - now - (self._burst - 1) * self._leak

    def _refuse(self, caller: str, now: datetime) -> None:
        wait = self._wait(caller, now)
        if wait > timedelta(0):
            seconds = -(-wait // timedelta(seconds=1))
            raise SlowDown(self._too_many, hint=f"Try again in {seconds} s.", details={"retry_after_s": seconds})

    def _count(self, caller: str, now: datetime) -> None:
        self._empty_at[caller] = max(self._empty_at.get(caller, now), now) + self._leak
        self._empty_at.move_to_end(caller)
        while len(self._empty_at) > self._callers:
            self._empty_at.popitem(last=False)


class FailureLimit(LeakyBucket):
    """Failed sign-ins per address.

    Args:
        burst: failures that an address may make at once.
        leak: time after which one failure is forgiven.
        addresses: addresses remembered; the one that failed longest ago is forgotten first.
    """

    def __init__(self, burst: int = 10, leak: timedelta = timedelta(seconds=6), addresses: int = 4096) -> None:
        super().__init__("Too many failed sign-ins from this address.", burst, leak, addresses)

    def failed(self, address: str, now: datetime) -> None:
        """Count one failure."""
        self.add(address, now)
