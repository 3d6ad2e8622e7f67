"""A plan as a page tells it: the hours that are over and those to come, day by day, and what other dials would change."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby

from almanac.core.demand_hours import floor_hour
from almanac.portal.local_times import LocalTimes
from almanac.services.plan_views import PlansView, PlanView

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour in places; None where it isn't known.

    Attributes:
        at: its beginning.
        booked: places that bookings made ahead stand on.
        held: all that are held, those of bookings included.
        middle: what was expected to be in use: booked, and the median of the forecast beside it.
        high: booked, and the quantile of the forecast that is held for.
        wanted: what was in use or asked for; None for hours to come.
        tried: what would be held by the dials that are tried.
    """

    at: datetime
    booked: float | None = None
    held: float | None = None
    middle: float | None = None
    high: float | None = None
    wanted: float | None = None
    tried: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of such hours: the most of each but of ``held``, whose place-hours are summed."""

    start: datetime
    booked: float | None
    held: float | None
    middle: float | None
    high: float | None
    wanted: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """What a plan holds in the coming week.

    Attributes:
        place_hours: all that is held.
        most: places at once.
        cost: in the operator's unit; None without a plan.
        short: whether something that is wanted can't be had.
    """

    place_hours: int
    most: int
    cost: float | None
    short: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What other dials would change for a profile; ``before`` is None where nothing is held by a plan yet."""

    profile: str
    before: Week | None
    after: Week | None


def hours(
    plan: PlanView, quantile: float, now: datetime, back: int, ahead: int, tried: PlanView | None = None
) -> list[Hour]:
    """The hours around the present one, in order.

    Args:
        plan: a profile's.
        quantile: of the forecast, that is held for.
        now: aware UTC; a plan that was made in an earlier hour begins with this one.
        back: hours that are over.
        ahead: hours to come, the present one included.
        tried: the same profile's with other dials.
    """
    present = floor_hour(now)
    other = _held(tried) if tried is not None else {}
    over = [hour for hour in _past(plan) if present - back * _HOUR <= hour.at < present]
    coming = [hour for hour in _coming(plan, quantile, other) if present <= hour.at < present + ahead * _HOUR]
    return [*over, *coming]


def days(hours: Iterable[Hour], times: LocalTimes) -> list[Day]:
    """Each day of some hours on a person's calendar."""
    by_date = groupby(hours, lambda hour: hour.at.astimezone(times.zone).date())
    return [_day(list(of_day)) for _, of_day in by_date]


def columns(hours: Sequence[Hour]) -> dict[str, list[float | None]]:
    """By name as a script draws it, ``at`` in seconds since 1970; the last hour once more, at its end."""
    if not hours:
        return {}
    rows = [asdict(hour) for hour in hours]
    ended = [*rows, rows[-1] | {"at": hours[-1].at + _HOUR}]
    drawn = {name: [row[name] for row in ended] for name in rows[0]}
    return drawn | {"at": [row["at"].timestamp() for row in ended]}


def effects(found: PlansView, tried: PlansView) -> list[Effect]:
    """What the dials that are tried would change, by profile."""
    before = {plan.profile: plan for plan in found.plans}
    return [Effect(plan.profile, _week(before.get(plan.profile)), _week(plan)) for plan in tried.plans]


def _past(plan: PlanView) -> Iterable[Hour]:
    past = plan.past
    if past is None:
        return
    rows = zip(past.booked, past.held, past.middle, past.high, past.walk_ins, strict=True)
    for number, (booked, held, middle, high, came) in enumerate(rows):
        beside = (_sum(booked, each) for each in (middle, high, came))
        yield Hour(past.start + number * _HOUR, booked, held, *beside)


def _coming(plan: PlanView, quantile: float, tried: Mapping[datetime, int]) -> Iterable[Hour]:
    coming = plan.coming
    level = min(bisect_left(coming.levels, quantile), len(coming.levels) - 1)
    held: Sequence[int | None] = coming.held or [None] * len(coming.booked)
    for number, (booked, there, expected) in enumerate(zip(coming.booked, held, coming.quantiles, strict=True)):
        at = coming.start + number * _HOUR
        middle, high = booked + expected[0], booked + expected[level]
        yield Hour(at, booked, there, middle, high, tried=tried.get(at))


def _held(plan: PlanView) -> dict[datetime, int]:
    return {plan.coming.start + number * _HOUR: held for number, held in enumerate(plan.coming.held)}


def _day(hours: Sequence[Hour]) -> Day:
    held = [hour.held for hour in hours if hour.held is not None]
    most = (_most(getattr(hour, name) for hour in hours) for name in ("middle", "high", "wanted"))
    return Day(hours[0].at, _most(hour.booked for hour in hours), sum(held) if held else None, *most)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if other is None else (one or 0) + other


def _week(plan: PlanView | None) -> Week | None:
    if plan is None or not plan.coming.held:
        return None
    return Week(sum(plan.coming.held), max(plan.coming.held), plan.cost, plan.short)
