"""A trace from elsewhere as demand that forecasts learn from: what should have been booked told apart."""

from __future__ import annotations

from datetime import datetime, timedelta

from almanac.core.demand_hours import Kind, floor_hour
from almanac.core.errors import BadRequest
from almanac.forecasting.forecast import MEMORY
from almanac.forecasting.series import Series, concurrency, crowds
from almanac.forecasting.traces import Trace

_WEEK = timedelta(weeks=1)


def by_kind(trace: Trace) -> dict[Kind, Series]:
    """The places of each hour, crowds as booked and everybody else as walk-ins; hours of an hourly trace are walk-ins.

    Raises:
        BadRequest: it tells of nothing.
    """
    if trace.sessions is not None:
        crowd = crowds(trace.sessions)
        series = {
            Kind.BOOKED: concurrency(trace.sessions, trace.outages, crowd),
            Kind.WALK_IN: concurrency(trace.sessions, trace.outages, ~crowd),
        }
    elif trace.hourly is not None:
        series = {Kind.WALK_IN: trace.hourly}
    else:
        raise BadRequest("The trace tells of no session and of no hour.")
    return {kind: each.since(max(0, len(each) - MEMORY)) for kind, each in series.items()}


def moved_up(series: Series, now: datetime) -> Series:
    """The same, moved by whole weeks so that it ends within the last one: an old trace as if it were of these months."""
    return Series(series.start + (floor_hour(now) - series.end) // _WEEK * _WEEK, series.values, series.known)


def hours(series: Series) -> list[int | None]:
    """Whole places by the hour, rounded up; None where it isn't known."""
    return [
        int(-(-value // 1)) if known else None
        for value, known in zip(series.values.tolist(), series.known.tolist(), strict=True)
    ]
