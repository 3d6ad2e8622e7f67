"""Bookings that recur: the dates of a series in its people's local time, and what an edit means for each of them.

A series is laid out in local time and only then turned into UTC, so 10:00 stays 10:00 across daylight saving. An occurrence
is known by the local date on which the rule puts it, whatever is moved later: no occurrence is lost, none comes twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from typing import Literal

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule

from almanac.core.errors import BadRequest, NotFound
from almanac.core.local_time import settle, zone_named
from almanac.core.windows import Window

MOST = 200
"""Occurrences in one series."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Frequency(StrEnum):
    """How often, at its simplest."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Scope(StrEnum):
    """Which occurrences a change is for: one, this and the following ones, or all. What has begun always stays."""

    ONE = "one"
    FOLLOWING = "following"
    ALL = "all"


class Policy(StrEnum):
    """What to take of what doesn't fit in whole: every occurrence that fits, or all or nothing."""

    WHAT_FITS = "what_fits"
    ALL_OR_NOTHING = "all_or_nothing"


_FREQUENCIES: Mapping[Frequency, Literal[1, 2, 3]] = {
    Frequency.DAILY: DAILY,
    Frequency.WEEKLY: WEEKLY,
    Frequency.MONTHLY: MONTHLY,
}
_UNITS = {Frequency.DAILY: "day", Frequency.WEEKLY: "week", Frequency.MONTHLY: "month"}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The rule.

    Attributes:
        frequency: daily, weekly or monthly; a month without the day has no occurrence.
        every: 2 means every second day, week or month.
        weekdays: only on these, 0 for Monday; empty: as the frequency has it.
        until: the last local date that may have one. Either this or ``times``.
        times: how many occurrences, left-out ones included.
    """

    frequency: Frequency
    every: int = 1
    weekdays: tuple[int, ...] = ()
    until: date | None = None
    times: int | None = None

    @property
    def words(self) -> str:
        """Such as ``every 2 weeks on Mon and Wed until 2027-06-01``."""
        unit = _UNITS[self.frequency]
        often = self.frequency.value if self.every == 1 else f"every {self.every} {unit}s"
        days = [_DAYS[day] for day in self.weekdays]
        on = f" on {', '.join(days[:-1])}{' and ' if days[:-1] else ''}{days[-1]}" if days else ""
        return f"{often}{on} {f'until {self.until}' if self.until else f'{self.times} times'}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a series takes place.

    Attributes:
        first: naive local start of the first occurrence.
        length: elapsed time of each, also where the clocks change in the middle.
        zone: a name in the IANA database.
        recurrence: the rule.
        left_out: dates of it without an occurrence.
        moved: naive local starts of those that are elsewhere than the rule has them, by the rule's date.
        resized: seats of those that have another number, by the rule's date.
    """

    first: datetime
    length: timedelta
    zone: str
    recurrence: Recurrence
    left_out: frozenset[date] = frozenset()
    moved: Mapping[date, datetime] = field(default_factory=dict)
    resized: Mapping[date, int] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Such as ``weekly until 2027-06-01 at 10:00 (Europe/Madrid)``."""
        return f"{self.recurrence.words} at {self.first:%H:%M} ({self.zone})"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a series.

    Attributes:
        date: the local date on which the rule puts it; with the series it is its name for good.
        window: when it is, or was to be.
        booking_id: its booking; None for one that didn't fit or was left out.
        left_out: nobody wants it (any more).
        note: how daylight saving was understood, or why it didn't fit.
    """

    date: date
    window: Window
    seats: int = 1
    booking_id: str | None = None
    left_out: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """What the occurrences of a series have in common.

    Attributes:
        id: such as ``s-7k3m9q2x4a``.
        zone: the time zone in which it was asked for.
        rule: the schedule as it was made, in words.
        site: the only site that would do; None for any.
        data: label of the data that it works on; None for the profile's.
    """

    id: str
    project: str
    owner: str
    profile: str
    title: str
    zone: str
    rule: str
    created_at: datetime
    site: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to occurrences; None leaves a thing as it is.

    Attributes:
        start: the naive local start that the named occurrence gets; others move by as many days, and to the same clock time.
    """

    start: datetime | None = None
    length: timedelta | None = None
    seats: int | None = None
    title: str | None = None


def occurrences(schedule: Schedule, seats: int = 1) -> tuple[Occurrence, ...]:
    """All dates of a schedule, in order, left-out ones included.

    Raises:
        BadRequest: no date, more than ``MOST``, an unknown zone, or an exception that is no date of it.
    """
    zone = zone_named(schedule.zone)
    starts = {start.date(): start for start in _starts(schedule)}
    strangers = sorted((schedule.left_out | schedule.moved.keys() | schedule.resized.keys()) - starts.keys())
    if strangers:
        raise BadRequest(
            f"{strangers[0]} is no date of this series.", hint=f"Its dates: {_some(sorted(starts))}. Name one of them."
        )
    found = []
    for day, start in starts.items():
        settled = settle(schedule.moved.get(day, start), zone)
        window = Window.lasting(settled.at, schedule.length)
        wanted = schedule.resized.get(day, seats)
        found.append(Occurrence(day, window, wanted, left_out=day in schedule.left_out, note=settled.note))
    return tuple(found)


def _starts(schedule: Schedule) -> list[datetime]:
    rule = schedule.recurrence
    if (rule.until is None) == (rule.times is None):
        raise BadRequest("A series ends somewhere.", hint="Say either until which date or how many times.")
    dates = rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=schedule.first,
        interval=rule.every,
        byweekday=rule.weekdays or None,
        until=None if rule.until is None else datetime.combine(rule.until, time.max),
        count=rule.times,
    )
    found = list(islice(dates, MOST + 1))
    if not found:
        raise BadRequest("This series has no date.", hint="Let it end after it begins.")
    if len(found) > MOST:
        raise BadRequest(f"This series has more than {MOST} dates.", hint="Let it end sooner, and make another.")
    return found


def _some(days: Sequence[date]) -> str:
    first = ", ".join(map(str, days[:4]))
    return f"{first}, ..." if len(days) > 4 else first


def affected(
    known: Sequence[Occurrence], scope: Scope, day: date | None, now: datetime
) -> tuple[list[Occurrence], list[Occurrence]]:
    """The occurrences that a change is for, and those among them that stay because they have begun.

    Args:
        known: all of the series, by date.
        scope: one, this and the following, or all.
        day: the date of the named one; only ``all`` can do without.
        now: aware UTC.

    Raises:
        BadRequest: no date where one is needed.
        NotFound: the series has no such date.
    """
    if day is None and scope is not Scope.ALL:
        raise BadRequest("Which occurrence?", hint="Name its date, or change all of them.")
    if day is not None and day not in {each.date for each in known}:
        raise NotFound(f"{day} is no date of this series.", hint=f"Its dates: {_some([each.date for each in known])}.")
    meant = [each for each in known if not each.left_out and _meant(each, scope, day)]
    begun = [each for each in meant if each.booking_id is not None and each.window.start <= now]
    return [each for each in meant if each.window.start > now], begun


def _meant(each: Occurrence, scope: Scope, day: date | None) -> bool:
    if scope is Scope.ALL or day is None:
        return True
    return each.date == day if scope is Scope.ONE else each.date >= day


def edited(each: Occurrence, named: Occurrence, edit: Edit, zone_name: str) -> Occurrence:
    """An occurrence as an edit wants it, without its booking.

    Args:
        each: the occurrence.
        named: the one that the edit names, as it was before.
        edit: the change.
        zone_name: the series' time zone.
    """
    length, note, start = edit.length or each.window.duration, "", each.window.start
    if edit.start is not None:
        zone = zone_named(zone_name)
        was = named.window.start.astimezone(zone)
        days = edit.start.date() - was.date()
        local = datetime.combine(each.window.start.astimezone(zone).date() + days, edit.start.time())
        settled = settle(local, zone)
        start, note = settled.at, settled.note
    return Occurrence(each.date, Window.lasting(start, length), edit.seats or each.seats, note=note)


def in_order(changes: Sequence[tuple[Occurrence, Occurrence]]) -> list[tuple[Occurrence, Occurrence]]:
    """Changes (before, after) in the order in which none is in the next one's way: the last first if they move later."""
    later = any(after.window.start > before.window.start for before, after in changes)
    return sorted(changes, key=lambda change: change[0].window.start, reverse=later)
