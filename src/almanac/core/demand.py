"""Demand: sessions wanted over time, how many at once, and how much of it a plan should hold capacity for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from almanac.core.errors import BadRequest

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HOUR_S = 3600
NOBODY = -1


class Forecaster(Protocol):
    """What the coming hours are likely to ask for."""

    def __call__(self, demand: Floats, first: int, levels: tuple[float, ...]) -> Floats:
        """Quantiles of the hours that follow.

        Args:
            demand: past hours without gaps, shape (hours,); it may be empty.
            first: the hour of ``demand[0]`` counted from a Monday at midnight, local time.
            levels: quantiles in rising order, each between 0 and 1.

        Returns:
            Shape (168, levels), not below 0, rising along the levels.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Sessions in the order of arrival; each array has the shape (sessions,).

    Attributes:
        origin: what seconds are counted from, aware UTC.
        arrival: when each is wanted, in seconds, >= 0.
        duration: how long it lasts, in seconds, > 0.
        size: how many slots it takes, > 0.
        group: who came together, a code >= 0; ``NOBODY`` where that isn't known.
    """

    origin: datetime
    arrival: Ints
    duration: Ints
    size: Ints
    group: Ints

    def __post_init__(self) -> None:
        if len({len(each) for each in (self.arrival, self.duration, self.size, self.group)}) != 1:
            raise BadRequest("Every session has an arrival, a duration, a size and a group.")
        if not len(self):
            raise BadRequest("There is no session in it.")
        if (np.diff(self.arrival) < 0).any() or self.arrival[0] < 0:
            raise BadRequest("Sessions come in the order of their arrival, none before the origin.")
        if (self.duration <= 0).any() or (self.size <= 0).any():
            raise BadRequest("A session lasts longer than nothing and takes at least one slot.")

    def __len__(self) -> int:
        return len(self.arrival)

    def of(self, chosen: Flags) -> Sessions:
        """Some of them (at least one)."""
        return Sessions(self.origin, self.arrival[chosen], self.duration[chosen], self.size[chosen], self.group[chosen])


def hourly_peak(arrival: Ints, duration: Ints, size: Ints, hours: int) -> Ints:
    """The most slots in use at once in each hour, exactly, shape (hours,); half-open, so one may follow another."""
    time = np.concatenate((arrival, arrival + duration, np.arange(hours) * HOUR_S))
    change = np.concatenate((size, -size, np.zeros(hours, np.int64)))
    # Ends and starts at one instant are one step; an hour's own mark opens it with what goes on from before.
    instants, place = np.unique(time, return_inverse=True)
    level = np.cumsum(np.bincount(place, weights=change).astype(np.int64))
    inside = instants < hours * HOUR_S
    peaks = np.zeros(hours, np.int64)
    np.maximum.at(peaks, instants[inside] // HOUR_S, level[inside])
    return peaks


def hourly_sum(arrival: Ints, size: Ints, hours: int) -> Ints:
    """Slots asked for in each hour, shape (hours,)."""
    inside = arrival < hours * HOUR_S
    return np.bincount(arrival[inside] // HOUR_S, weights=size[inside], minlength=hours).astype(np.int64)


def service_quantile(holding: float, shortfall: float) -> float:
    """The newsvendor's quantile of demand to hold for, ``1 - c / lambda``.

    Args:
        holding: price of one slot held for an hour.
        shortfall: price of one slot missing for an hour; at or below ``holding`` nothing is worth holding.
    """
    return max(0.0, 1.0 - holding / shortfall)


def persisting(quantiles: Floats, off: float, share: float = 0.7, fading: float = 0.7) -> Floats:
    """Quantiles of the coming hours, moved by what the last hour was off its median: part of that lasts, less each hour.

    Args:
        quantiles: shape (hours, levels), the next hour first.
        off: the last hour's demand less the median that was expected for it.
        share: of it that the next hour keeps.
        fading: what each further hour keeps of that.
    """
    kept = off * share * fading ** np.arange(len(quantiles))
    return np.maximum(quantiles + kept[:, None], 0)
