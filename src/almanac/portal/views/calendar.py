"""The calendar: who has what, and from when a platform could be had; choosing there leads to the form that books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.core.bookings import BookingStatus
from almanac.core.capacity import StartRange
from almanac.core.errors import AlmanacError, BadRequest
from almanac.core.local_time import settle
from almanac.core.windows import Window
from almanac.portal import booking_form, lanes, refusals
from almanac.portal.local_times import LocalTimes
from almanac.portal.reader import Reader, Reading
from almanac.portal.rush import rushes, within
from almanac.portal.timeline import WORDS
from almanac.services.requests import AvailabilityQuery, BookingFilter
from almanac.services.views import BookingView, ProfileView

router = APIRouter()

DAYS = 7
MOST_SHOWN = 1000
MOST_LISTED = 10
"""Bookings of a day that its list tells unless it is asked for all of them."""
_SHOWN = frozenset(BookingStatus) - {BookingStatus.CANCELLED, BookingStatus.EXPIRED}
_MORNING = 9
_SHORTEST = timedelta(minutes=15)
"""A gap between starts that is shorter than this isn't worth a line."""


class Wanted(BaseModel):
    """What the calendar is asked for.

    Attributes:
        profile: empty for the first that is offered.
        site: empty for all.
        day: a day of the week to show; empty for today.
        whole: a day whose list is to tell all its bookings.
    """

    profile: Annotated[str, Field(max_length=40)] = ""
    site: Annotated[str, Field(max_length=40)] = ""
    seats: Annotated[int, Field(ge=1, le=10_000)] = 1
    lasts_s: Annotated[int, Field(ge=60, le=fields.YEAR_S)] = int(booking_form.USUAL.total_seconds())
    project: Annotated[str, Field(max_length=40)] = ""
    day: Annotated[str, Field(max_length=10)] = ""
    whole: Annotated[str, Field(max_length=10)] = ""

    @property
    def lasts(self) -> timedelta:
        """The length asked for."""
        return timedelta(seconds=self.lasts_s)


Asked = Annotated[Wanted, Query()]


@dataclass(frozen=True, slots=True)
class Line:
    """A part of a day in which starts are free.

    Attributes:
        words: from when to when, on the person's clock.
        suggested: a start that people like: in the morning, if it is one of them.
    """

    words: str
    suggested: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A day as the list below the calendar tells it.

    Attributes:
        name: as addresses have it, such as ``2027-03-01``.
        more: how many bookings it has besides those that are told.
    """

    name: str
    start: datetime
    end: datetime
    lines: tuple[Line, ...]
    bookings: tuple[BookingView, ...]
    more: int


@router.get("/calendar")
def calendar(wanted: Asked, reader: Reading) -> HTMLResponse:
    """A week of what is booked and of what could be."""
    offered = [profile for profile in reader.app.catalogue.profiles(reader.now) if profile.sites]
    chosen = next((one for one in offered if one.name == wanted.profile), offered[0] if offered else None)
    error: AlmanacError | None = None
    try:
        monday = week_of(wanted.day, reader.times)
    except BadRequest as wrong:
        error, monday = wrong, week_of("", reader.times)
    marks = midnights(monday, reader.times)
    free: tuple[StartRange, ...] = ()
    if chosen is not None and error is None:
        try:
            free = starts(reader, chosen, wanted, Window(marks[0], marks[-1]))
        except AlmanacError as refused:
            error = refused
    booked = bookings(reader, wanted, Window(marks[0], marks[-1]))
    expected = reader.app.plan_desk.expected(chosen.name) if chosen else None
    busy = within(rushes(*expected), Window(max(reader.now, marks[0]), marks[-1])) if expected else []
    return reader.page(
        "calendar.html",
        error.status if error else 200,
        wanted=wanted,
        chosen=chosen,
        offered=offered,
        sites=sorted({site for profile in offered for site in profile.sites}),
        projects=booking_form.projects_of(reader.caller),
        choices=sorted({*booking_form.lengths(chosen.max_duration if chosen else wanted.lasts), wanted.lasts}),
        monday=monday,
        earlier=monday - timedelta(days=DAYS),
        later=monday + timedelta(days=DAYS),
        days=[day_of(reader, Window(*each), free, booked, wanted.whole) for each in pairwise(marks)],
        busy=busy,
        rushes=lambda day: within(busy, Window(day.start, day.end)),
        shown=shown(reader, marks, free, booked, busy),
        most=MOST_SHOWN if len(booked) == MOST_SHOWN else None,
        told=refusals.said_of(error, reader.times) if error else None,
        words=WORDS,
    )


def week_of(day: str, times: LocalTimes) -> date:
    """The Monday of a day's week.

    Raises:
        BadRequest: that is no day.
    """
    try:
        chosen = date.fromisoformat(day) if day else times.now.astimezone(times.zone).date()
        monday = chosen - timedelta(days=chosen.weekday())
        if not fields.EARLIEST.year < monday.year < fields.LATEST.year - 1:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadRequest(f"{ascii(day)[:20]} is not a day.", hint="Write one such as 2027-03-01.") from None
    return monday


def midnights(monday: date, times: LocalTimes) -> list[datetime]:
    """Where the days of a week begin in the person's zone, and where the last ends; a day may have 23 or 25 hours."""
    days = (monday + timedelta(days=number) for number in range(DAYS + 1))
    return [settle(datetime(day.year, day.month, day.day), times.zone).at for day in days]  # noqa: DTZ001 - local


def starts(reader: Reader, profile: ProfileView, wanted: Wanted, week: Window) -> tuple[StartRange, ...]:
    """From when it could be had, at any of the sites."""
    query = AvailabilityQuery(
        profile.name,
        wanted.lasts,
        wanted.seats,
        week,
        wanted.site or None,
        project=booking_form.payer(reader.caller, wanted.project),
    )
    return union(
        each for found in reader.app.finder.starts(reader.caller, query, reader.now).values() for each in found
    )


def union(ranges: Iterable[StartRange]) -> tuple[StartRange, ...]:
    """Ranges that overlap made one, in the order of time."""
    merged: list[StartRange] = []
    for each in sorted(ranges, key=lambda one: one.first):
        if merged and each.first <= merged[-1].last:
            merged[-1] = StartRange(merged[-1].first, max(merged[-1].last, each.last))
        else:
            merged.append(each)
    return tuple(merged)


def bookings(reader: Reader, wanted: Wanted, week: Window) -> list[BookingView]:
    """What the person sees of the week's bookings: those of their projects."""
    asked = BookingFilter(statuses=_SHOWN, within=week, limit=MOST_SHOWN, site=wanted.site or None)
    return reader.app.bookings.list(reader.caller, asked, reader.now)[0]


def day_of(reader: Reader, day: Window, free: Sequence[StartRange], booked: Sequence[BookingView], whole: str) -> Day:
    """What of a week is in a day; what is over isn't free."""
    times = reader.times
    cut = (StartRange(max(each.first, day.start, times.now), min(each.last, day.end)) for each in free)
    lines = tuple(line_of(each, day.start, day.end, times) for each in cut if each.last - each.first >= _SHORTEST)
    name = times.field(day.start)[:10]
    found = [each for each in booked if each.start < day.end and day.start < each.end]
    listed = found if name == whole else sorted(mine_first(reader, found)[:MOST_LISTED], key=lambda one: one.start)
    return Day(name, day.start, day.end, lines, tuple(listed), len(found) - len(listed))


def mine_first(reader: Reader, booked: Iterable[BookingView]) -> list[BookingView]:
    """The person's own before the others, each by start."""
    return sorted(booked, key=lambda one: (one.owner != reader.caller.person, one.start))


def line_of(free: StartRange, start: datetime, end: datetime, times: LocalTimes) -> Line:
    """Free starts of a day, in words and as a suggestion."""
    words = [f"from {times.clock(free.first)}"] if free.first > start else []
    words += [f"until {times.clock(free.last)}"] if free.last < end else []
    local = start.astimezone(times.zone)
    nine = settle(datetime(local.year, local.month, local.day, _MORNING), times.zone).at  # noqa: DTZ001 - local
    return Line(" ".join(words) or "all day", max(free.first, min(nine, free.last)))


def shown(
    reader: Reader,
    marks: Sequence[datetime],
    free: Sequence[StartRange],
    booked: Sequence[BookingView],
    busy: Sequence[Window],
) -> dict[str, object]:
    """What the script draws; all times are the person's, without an offset: the calendar knows no zones."""
    times = reader.times
    backgrounds: list[dict[str, object]] = [
        {"start": times.field(each.first), "end": times.field(each.last), "display": "background"}
        for each in free
        if each.last > each.first
    ]
    backgrounds += [
        {
            "start": times.field(each.start),
            "end": times.field(each.end),
            "display": "background",
            "classNames": ["rush"],
        }
        for each in busy
    ]
    beside, left = lanes.laid_out(mine_first(reader, booked))
    events = [
        {
            "start": times.field(each.start),
            "end": times.field(each.end),
            "title": f"{each.title or each.profile}, {each.owner}",
            "classNames": ["mine" if each.owner == reader.caller.person else "theirs", each.status.value],
            "extendedProps": {"to": f"/bookings/{each.id}"},
        }
        for each in beside
    ]
    more = [
        {
            "start": times.field(each.start),
            "end": times.field(each.end),
            "title": f"{each.count} more",
            "classNames": ["more"],
            "extendedProps": {"to": f"#day-{times.field(each.start)[:10]}"},
        }
        for each in lanes.bundles(left, marks)
    ]
    return {
        "events": [*backgrounds, *events, *more],
        "monday": times.field(marks[0])[:10],
        "now": times.field(reader.now),
    }
