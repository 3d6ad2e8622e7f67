"""From what was asked for, to quantiles of what will be: local time, terms and gaps around the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from almanac.core.errors import BadRequest
from almanac.forecasting import profile_model
from almanac.forecasting.profiles import DAY, WEEK
from almanac.forecasting.series import Series
from almanac.forecasting.terms import Term, during, effect, kinds
from almanac.forecasting.wall import wall_hours, zone

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LEVELS = (0.5, 0.9, 0.95, 0.99)
MEMORY = 60 * WEEK
"""Long enough to remember the same term of last year."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Quantiles of demand in each of the coming hours.

    Attributes:
        start: the first hour ahead, UTC.
        levels: which quantiles, rising.
        quantiles: shape (hours, levels).
        basis: what it stands on, in words.
    """

    start: datetime
    levels: tuple[float, ...]
    quantiles: Floats
    basis: str

    def at(self, level: float) -> Floats:
        """One quantile of every hour, shape (hours,).

        Raises:
            BadRequest: it wasn't forecast.
        """
        if level not in self.levels:
            raise BadRequest(
                f"The quantile {level} wasn't forecast.", hint=f"There are {', '.join(map(str, self.levels))}."
            )
        return np.asarray(self.quantiles[:, self.levels.index(level)])


def forecast(
    history: Series, hours: int = WEEK, levels: Sequence[float] = LEVELS, local: str = "UTC", terms: Sequence[Term] = ()
) -> Forecast:
    """Forecast the hours after a history. Beyond a week the week repeats itself.

    Args:
        history: hourly demand with its unknown hours marked; it may be empty.
        hours: how far ahead.
        levels: quantiles in rising order, each between 0 and 1.
        local: the time zone that people's weeks follow.
        terms: what the calendar says, past and future.

    Raises:
        BadRequest: no hours, levels that don't rise or aren't between 0 and 1, an unknown time zone.
    """
    _check(hours, levels)
    history = history.since(max(0, len(history) - MEMORY))
    wall = wall_hours(history.start, len(history) + hours, zone(local))
    first, past, ahead = int(wall[0]), wall[: len(history)], wall[len(history) :]
    ordinary, factors = _made_ordinary(history, past - first, hours, terms)
    demand, known = _on_the_wall(ordinary, past - first)
    week = profile_model.quantiles(np.where(known, demand, _usual(demand, known)), first, levels, known)
    column = (ahead - first - len(demand)) % WEEK
    return Forecast(history.end, tuple(levels), week[column] * factors[:, None], _basis(history))


def _check(hours: int, levels: Sequence[float]) -> None:
    if hours < 1:
        raise BadRequest(f"A forecast for {hours} hours says nothing.", hint="Ask for one hour or more.")
    if not levels or not all(0 < low < 1 for low in levels) or sorted(set(levels)) != list(levels):
        raise BadRequest("Quantiles lie between 0 and 1 and rise.", hint="Ask for some such as 0.5, 0.9, 0.95, 0.99.")


def _made_ordinary(history: Series, place: Ints, hours: int, terms: Sequence[Term]) -> tuple[Series, Floats]:
    """The history as if no hour in it had been special, and how each hour ahead compares with a usual one."""
    length = len(history)
    marked = {kind: during(terms, kind, history.start, length + hours) for kind in kinds(terms)}
    values, known, factors = history.values.copy(), history.known.copy(), np.ones(hours)
    if not marked:
        return history, factors
    plain = history.known & ~np.logical_or.reduce(list(marked.values()))[:length]
    usual = _usual(*_on_the_wall(Series(history.start, history.values, plain), place))
    for kind, inside in marked.items():
        past = inside[:length]
        seen = past & history.known
        found = effect(history.values[seen], usual[place[seen]], kinds(terms)[kind])
        factors[inside[length:]] *= found.ahead
        if found.closed:
            known &= ~past
        else:
            values[past] /= found.past
    return Series(history.start, values, known), factors


def _on_the_wall(history: Series, place: Ints) -> tuple[Floats, Bools]:
    """Demand by hours of the wall clock, 0 where it isn't known, and where it is. In autumn the larger of two hours counts.

    Args:
        history: by true hours.
        place: the wall hour of each, counted from the first.
    """
    demand = np.full(int(place[-1]) + 1 if len(place) else 0, -1.0)
    np.maximum.at(demand, place[history.known], history.values[history.known])
    return np.maximum(demand, 0), demand >= 0


def _usual(demand: Floats, known: Bools) -> Floats:
    """The mean of the same hour of the week, or failing that of the day, or failing that of all hours that are known."""
    best = np.full(len(demand), demand.sum() / max(1, known.sum()))
    for cycle in (DAY, WEEK):
        slot = np.arange(len(demand)) % cycle
        count = np.bincount(slot, weights=known, minlength=cycle)
        total = np.bincount(slot, weights=demand, minlength=cycle)
        best = np.where(count[slot] > 0, total[slot] / np.maximum(count[slot], 1), best)
    return best


def _basis(history: Series) -> str:
    hours = int(history.known.sum())
    if not hours:
        return "There is no history yet: nothing is forecast, bookings and the floor count."
    if not history.values[history.known].any():
        return "Nothing has been asked for yet: nothing is forecast, bookings and the floor count."
    if hours < WEEK:
        return f"{_count(hours, 'hour')} of history: the hours of a day, in a wide band."
    unknown = len(history) - hours
    gaps = f"; {_count(unknown, 'hour')} are left out as unknown" if unknown else ""
    return f"{_count(hours // WEEK, 'week')} of history{gaps}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
