"""Hour-of-week profiles at many past origins at once: what was usual, as it was known then.

Hours are counted on the wall clock from a Monday at midnight, so ``hour % 168`` is the hour of the week. A profile at an
origin is laid out by horizon: column ``h`` is the expectation for hour ``origin + h``, made of hours before the origin only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAY, WEEK = 24, 168
FAST, MIDDLE, SLOW = 2.0, 6.0, 15.0
"""Half-lives in weeks of the three memories."""
KERNEL = (0.25, 0.5, 0.25)
"""Neighbouring hours share what they know."""
SHRINKAGE = 0.4
"""How far an hour of the week is drawn to the usual hour of its kind of day (of work or of rest)."""
CLEARLY = 0.8
LEAST = 0.02
"""No hour is expected to stay quite empty."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """Expectations for the week after each of some origins; all arrays have the shape (origins, 168)."""

    fast: Floats
    middle: Floats
    slow: Floats


def profiles(demand: Floats, first: int, origins: Ints) -> Profiles:
    """The three profiles at each origin.

    Args:
        demand: hourly demand without gaps, at least one week of it.
        first: the hour of ``demand[0]`` on the wall clock, counted from a Monday at midnight.
        origins: indices into ``demand`` (its length is the present), each at least 168, the latest first.
    """
    columns = origins[:, None] + np.arange(WEEK)
    slot = (columns + first) % WEEK
    fast, middle, slow = (_smooth(memory(demand, half_life)[columns], slot) for half_life in (FAST, MIDDLE, SLOW))
    return Profiles(fast, _shrunk(middle, slot), slow)


def memory(demand: Floats, half_life: float) -> Floats:
    """For each hour, and those of one week more, the weighted mean of the same hour in all weeks before.

    Returns:
        Shape (len(demand) + 168,). The first week, before which nothing is known, repeats itself.
    """
    weeks = -(-len(demand) // WEEK)
    table = np.zeros((weeks + 1, WEEK))
    table.reshape(-1)[: len(demand)] = demand
    keep = 0.5 ** (1 / half_life)
    total, weight = np.zeros(WEEK), 0.0
    means = np.empty_like(table)
    for week in range(weeks + 1):
        means[week] = total / weight if weight else table[week]
        total, weight = keep * total + table[week], keep * weight + 1
    return means.reshape(-1)[: len(demand) + WEEK]


def _smooth(by_horizon: Floats, slot: Ints) -> Floats:
    """Blend neighbouring hours of the week, around the week's end too: nothing later than the origin leaks in."""
    by_slot = _by_slot(by_horizon, slot)
    before, here, after = KERNEL
    mixed = before * np.roll(by_slot, 1, axis=1) + here * by_slot + after * np.roll(by_slot, -1, axis=1)
    return np.asarray(np.maximum(np.take_along_axis(mixed, slot, axis=1), LEAST))


def _shrunk(by_horizon: Floats, slot: Ints) -> Floats:
    """Draw each hour to the mean of the same hour over days of work or of rest, half scaled to its own day's level."""
    days = _by_slot(by_horizon, slot).reshape(-1, 7, DAY)
    resting = _days_of_rest(days[0])
    usual = np.empty_like(days)
    for kind in (resting, ~resting):
        usual[:, kind] = days[:, kind].mean(axis=1, keepdims=True)
    usual *= (1 + days.mean(axis=2, keepdims=True) / usual.mean(axis=2, keepdims=True)) / 2
    mixed = ((1 - SHRINKAGE) * days + SHRINKAGE * usual).reshape(-1, WEEK)
    return np.asarray(np.take_along_axis(mixed, slot, axis=1))


def _days_of_rest(days: Floats) -> Bools:
    """Saturday and Sunday, unless two other days in a row clearly stand apart from the rest: weekends differ by country.

    Args:
        days: a profile, shape (7, 24), from Monday on.
    """
    pairs = [np.isin(np.arange(7), (first, (first + 1) % 7)) for first in range(7)]
    within = [sum(np.square(days[kind] - days[kind].mean(axis=0)).sum() for kind in (pair, ~pair)) for pair in pairs]
    best = int(np.argmin(within))
    return pairs[best if within[best] < CLEARLY * within[5] else 5]


def _by_slot(by_horizon: Floats, slot: Ints) -> Floats:
    by_slot = np.empty_like(by_horizon)
    np.put_along_axis(by_slot, slot, by_horizon, axis=1)
    return by_slot
