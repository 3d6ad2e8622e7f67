"""Guessing passwords is slow, by address and by account; yet no stranger can lock anybody out.

- A browser that its person signed in with before (it has a cookie that says so) is counted alone: nobody else fills its bucket.
- Other tries are counted by address, and by account and address together.
- When an account meets many failures from everywhere, an address that is new to it still has a try or two, and then waits long.

Tries are counted before the password is compared, so that many at once are no way around it, and forgiven if it was right.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from almanac.api.slowdown import FailureLimit, LeakyBucket
from almanac.core.errors import Forbidden, NotSignedIn

_TOO_MANY = "Too many failed sign-ins."


class Attempts:
    """Tries to sign in with a password.

    Args:
        addresses: failures by address, of every way to sign in.
    """

    def __init__(self, addresses: FailureLimit) -> None:
        self._addresses = addresses
        self._devices = LeakyBucket(_TOO_MANY, 10, timedelta(seconds=30))
        self._accounts = LeakyBucket(_TOO_MANY, 30, timedelta(minutes=1))
        self._calm = LeakyBucket(_TOO_MANY, 5, timedelta(seconds=30))
        self._wary = LeakyBucket(_TOO_MANY, 2, timedelta(minutes=5))

    @contextmanager
    def counted(self, person: str, address: str, device: str | None, now: datetime) -> Iterator[None]:
        """Around one try: it counts unless it succeeds.

        Args:
            person: the account that is tried.
            address: where from.
            device: the browser, if the account's person has signed in with it before.
            now: the present.

        Raises:
            SlowDown: there were too many; this one was not made.
        """
        with ExitStack() as taken:
            for bucket, caller in self._buckets(person, address, device, now):
                bucket.take(caller, now)
                taken.callback(bucket.forgive, caller)
            try:
                if device is None:
                    self._accounts.add(person, now)
                    taken.callback(self._accounts.forgive, person)
                yield
            except (NotSignedIn, Forbidden):
                taken.pop_all()
                raise

    def _buckets(self, person: str, address: str, device: str | None, now: datetime) -> list[tuple[LeakyBucket, str]]:
        if device is not None:
            return [(self._devices, device)]
        pairs = self._wary if self._accounts.full(person, now) else self._calm
        return [(self._addresses, address), (pairs, f"{person} {address}")]


def source(host: str) -> str:
    """What is one address: of IPv6, where one customer has many, the first 64 bits."""
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else host
