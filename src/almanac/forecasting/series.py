"""Demand by the hour: how many slots were in use at once, what was asked for, and which hours are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from almanac.core.demand import HOUR_S, NOBODY, Sessions, hourly_peak, hourly_sum
from almanac.core.demand_hours import floor_hour
from almanac.core.errors import BadRequest
from almanac.core.windows import Window, utc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HOUR = timedelta(hours=1)
CROWD = 15
"""So many sessions of one group within a clock hour are a class or a workshop: what should have been booked."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One number for each hour.

    Attributes:
        start: the first hour, UTC.
        values: shape (hours,), not below 0; what stands in an hour that isn't known means nothing.
        known: shape (hours,); false during an outage, or where a trace has a gap.

    Raises:
        BadRequest: a start within an hour, lengths that differ, or a known value that is no demand.
    """

    start: datetime
    values: Floats
    known: Bools

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start))
        if self.start != floor_hour(self.start):
            raise BadRequest(
                f"{self.start.isoformat()} is within an hour.", hint="Hourly demand starts at a full hour."
            )
        if len(self.values) != len(self.known):
            raise BadRequest(f"{len(self.values)} values, but {len(self.known)} hours.")
        told = self.values[self.known]
        if not np.isfinite(told).all() or (told < 0).any():
            raise BadRequest("Demand is a number that isn't below 0.", hint="Mark hours that aren't known as such.")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end(self) -> datetime:
        """The hour after the last."""
        return self.start + len(self) * HOUR

    def until(self, hours: int) -> Series:
        """Its first hours."""
        return Series(self.start, self.values[:hours], self.known[:hours])

    def since(self, hour: int) -> Series:
        """What is left without its first hours."""
        return Series(self.start + hour * HOUR, self.values[hour:], self.known[hour:])

    def without(self, outages: Iterable[Window]) -> Series:
        """The same, with every hour that an outage touches unknown."""
        known = self.known.copy()
        for outage in outages:
            first = (outage.start - self.start) // HOUR
            last = -((self.start - outage.end) // HOUR)
            known[max(0, first) : max(0, last)] = False
        return replace(self, known=known)


def concurrency(sessions: Sessions, outages: Iterable[Window] = (), chosen: Bools | None = None) -> Series:
    """The most slots in use at once in each hour, exactly, from the first arrival's hour to the last's.

    Args:
        sessions: all, whose hours count.
        outages: of which nothing is known.
        chosen: which of them count, shape (sessions,); None: all.
    """
    start, shift, hours = _span(sessions)
    which = slice(None) if chosen is None else chosen
    peaks = hourly_peak(sessions.arrival[which] - shift, sessions.duration[which], sessions.size[which], hours)
    return _series(start, peaks.astype(np.float64), outages)


def arrivals(sessions: Sessions, outages: Iterable[Window] = ()) -> Series:
    """Slots asked for in each hour, from the first arrival's hour to the last's."""
    start, shift, hours = _span(sessions)
    return _series(start, hourly_sum(sessions.arrival - shift, sessions.size, hours).astype(np.float64), outages)


def crowds(sessions: Sessions, least: int = CROWD) -> Bools:
    """Which sessions came as a crowd: one group asking for ``least`` slots or more in one clock hour; shape (sessions,).

    What is left is residual demand, of the kind that a forecast can know about.
    """
    hour = sessions.arrival // HOUR_S
    _, place = np.unique(np.stack((sessions.group, hour)), axis=1, return_inverse=True)
    together = np.bincount(place, weights=sessions.size)[place]
    return np.asarray((together >= least) & (sessions.group != NOBODY))


def _span(sessions: Sessions) -> tuple[datetime, int, int]:
    """The first hour, its distance from the origin in seconds, and the number of hours."""
    first = sessions.origin + timedelta(seconds=int(sessions.arrival[0]))
    start = floor_hour(first)
    shift = round((start - sessions.origin).total_seconds())
    return start, shift, int(sessions.arrival[-1] - shift) // HOUR_S + 1


def _series(start: datetime, values: Floats, outages: Iterable[Window]) -> Series:
    return Series(start, values, np.ones(len(values), np.bool_)).without(outages)
