"""Slowing down who keeps failing to sign in. Bounded in memory, per address, forgotten with the process."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from almanac.core.errors import AlmanacError


class SlowDown(AlmanacError):
    """Too many failed tries; ``details['retry_after_s']`` says how long to wait."""

    code = "slow_down"
    status = 429


class FailureLimit:
    """A leaky bucket of failures per address.

    Args:
        burst: failures that an address may make at once.
        leak: time after which one failure is forgiven.
        addresses: addresses remembered; the one that failed longest ago is forgotten first.
    """

    def __init__(self, burst: int = 10, leak: timedelta = timedelta(seconds=6), addresses: int = 4096) -> None:
        self._burst = burst
        self._leak = leak
        self._addresses = addresses
        self._empty_at: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def check(self, address: str, now: datetime) -> None:
        """Let pass an address that may try.

        Raises:
            SlowDown: it failed too often.
        """
        with self._lock:
            wait = self._empty_at.get(address, now) - now - (self._burst - 1) * self._leak
        if wait > timedelta(0):
            seconds = -(-wait // timedelta(seconds=1))
            raise SlowDown(
                "Too many failed sign-ins from this address.",
                hint=f"Try again in {seconds} s.",
                details={"retry_after_s": seconds},
            )

    def failed(self, address: str, now: datetime) -> None:
        """Count one failure."""
        with self._lock:
            self._empty_at[address] = max(self._empty_at.get(address, now), now) + self._leak
            self._empty_at.move_to_end(address)
            while len(self._empty_at) > self._addresses:
                self._empty_at.popitem(last=False)
