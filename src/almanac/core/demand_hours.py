"""From what bookings used to the demand of each hour, booked and walk-in told apart.

It is counted in places: a place is a cluster of a profile at its smallest, which is what a lease is bought for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np

from almanac.core.demand import HOUR_S, hourly_peak, hourly_sum
from almanac.core.windows import Window

AHEAD = timedelta(hours=1)
"""What is asked for at least this long before its start is booked; what comes later the plan can't have known."""


class Kind(StrEnum):
    """How demand comes."""

    BOOKED = "booked"
    WALK_IN = "walk_in"


@dataclass(frozen=True, slots=True)
class Use:
    """Places of a profile that were used.

    Attributes:
        asked_at: when they were asked for.
        window: from when they were wanted until they were let go.
    """

    profile: str
    places: int
    asked_at: datetime
    window: Window

    @property
    def kind(self) -> Kind:
        """Whether the plan could know of it."""
        return Kind.BOOKED if self.window.start - self.asked_at >= AHEAD else Kind.WALK_IN


@dataclass(frozen=True, slots=True)
class DemandHour:
    """The demand of one hour for one profile.

    Attributes:
        hour: its beginning, aware UTC.
        peak: the most places in use at once.
        arrivals: places that were begun.
    """

    profile: str
    kind: Kind
    hour: datetime
    peak: int
    arrivals: int


def places(nodes: int, smallest: int) -> int:
    """How many places a cluster of so many nodes is, where the profile's smallest has ``smallest``."""
    return -(-nodes // smallest)


def floor_hour(instant: datetime) -> datetime:
    """The full hour at or before an instant, UTC."""
    return datetime.fromtimestamp(instant.timestamp() // HOUR_S * HOUR_S, UTC)


def by_the_hour(uses: Iterable[Use], span: Window) -> list[DemandHour]:
    """The demand of each hour of a span in which there was any, by profile, kind and hour.

    Args:
        uses: all that overlap the span.
        span: whole hours.
    """
    groups: dict[tuple[str, Kind], list[Use]] = defaultdict(list)
    for use in uses:
        groups[use.profile, use.kind].append(use)
    return [hour for of in sorted(groups) for hour in _hours(*of, groups[of], span)]


def _hours(profile: str, kind: Kind, uses: list[Use], span: Window) -> Iterable[DemandHour]:
    origin, hours = span.start, span.duration // timedelta(hours=1)
    begun = np.array([(use.window.start - origin) // timedelta(seconds=1) for use in uses], np.int64)
    ended = np.array([-((origin - use.window.end) // timedelta(seconds=1)) for use in uses], np.int64)
    size = np.array([use.places for use in uses], np.int64)
    # What began before the span is in use from its beginning, and is no arrival in it.
    first = np.maximum(begun, 0)
    peaks = hourly_peak(first, ended - first, size, hours)
    came = hourly_sum(begun[begun >= 0], size[begun >= 0], hours)
    for hour in np.flatnonzero(peaks + came):
        yield DemandHour(profile, kind, origin + int(hour) * timedelta(hours=1), int(peaks[hour]), int(came[hour]))
