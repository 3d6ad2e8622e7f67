"""A clock that moves only when told to."""

from __future__ import annotations

from datetime import datetime, timedelta

from almanac.core.windows import utc


class SimulatedClock:
    """Call it for the time; ``advance`` it. It never goes back.

    Args:
        start: the first time that it shows, aware.
    """

    def __init__(self, start: datetime) -> None:
        self._now = utc(start)

    def __call__(self) -> datetime:
        """The time, aware UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on and return the new time.

        Raises:
            ValueError: ``by`` is negative.
        """
        if by < timedelta(0):
            raise ValueError(f"A clock doesn't go back (by {by}).")
        self._now += by
        return self._now
