"""The form that books again and again: how it repeats, which dates are wanted, and what to take where one doesn't fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from almanac.core.catalogue import Profile
from almanac.core.errors import BadRequest
from almanac.core.series import Frequency, Recurrence, Schedule, occurrences
from almanac.core.windows import utc
from almanac.portal.booking_form import BookForm
from almanac.portal.local_times import LocalTimes
from almanac.services.series import SeriesRequest
from almanac.services.series_views import PlanView, VerdictView

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_OTHER = r"^$|^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9T:.\-]{16,26} [0-9]{1,5}$"


class RepeatForm(BookForm):
    """A booking, or a series of them.

    Attributes:
        repeat: empty for only once.
        days: weekdays of a weekly series, 0 for Monday; none: the first one's.
        until: the last date, or empty. Either this or ``times``.
        chosen: whether ``dates`` says which dates are wanted; all are, before anybody has seen them.
        instead: other windows and seats that were chosen for dates that don't fit, as ``Option.value``.
    """

    repeat: Literal["", "daily", "weekly", "monthly"] = ""
    every: Annotated[int, Field(ge=1, le=99)] = 1
    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(default_factory=list, max_length=7)
    until: Annotated[str, Field(max_length=10)] = ""
    times: Annotated[str, Field(pattern=r"^[0-9]{0,4}$")] = ""
    chosen: bool = False
    dates: list[date] = Field(default_factory=list, max_length=400)
    instead: list[Annotated[str, Field(pattern=_OTHER)]] = Field(default_factory=list, max_length=400)

    def series(self, times: LocalTimes) -> SeriesRequest:
        """What the form asks for; it repeats.

        Raises:
            BadRequest: a time or date is none, the series doesn't end, or it has no or too many dates.
        """
        schedule = Schedule(times.local(self.start), self.lasts, times.zone.key, self._recurrence())
        if self.chosen:
            every = {each.date for each in occurrences(schedule)}
            left_out = every - set(self.dates)
            if left_out == every:
                raise BadRequest("No date is chosen.", hint="Leave the tick at one of them at least.")
            schedule = replace(schedule, left_out=frozenset(left_out))
        moved, resized = {}, {}
        for value in filter(None, self.instead):
            day, start, seats = _read(value)
            moved[day], resized[day] = start, seats
        schedule = replace(schedule, moved=moved, resized=resized)
        project, site = self.project or None, self.site or None
        return SeriesRequest(self.profile, schedule, self.seats, project, site, self.title.strip())

    def _recurrence(self) -> Recurrence:
        if not self.repeat:
            raise BadRequest("It isn't said how it repeats.", hint="Choose daily, weekly or monthly.")
        frequency = Frequency(self.repeat)
        days = tuple(sorted(set(self.days))) if frequency is Frequency.WEEKLY else ()
        try:
            until = date.fromisoformat(self.until) if self.until else None
        except ValueError:
            raise BadRequest(f"{self.until!a} is not a date.", hint="Write the last date like 2027-06-01.") from None
        return Recurrence(frequency, self.every, days, until, int(self.times) if self.times else None)


@dataclass(frozen=True, slots=True)
class Option:
    """Something that would fit instead of a date that doesn't."""

    date: date
    start: datetime
    end: datetime
    seats: int
    local: datetime

    @property
    def value(self) -> str:
        """As a form sends it."""
        return f"{self.date} {self.local.isoformat()} {self.seats}"


@dataclass(frozen=True, slots=True)
class Row:
    """A date of a series that is about to be booked.

    Attributes:
        verdict: None for one that nobody wants.
        taken: the ``Option.value`` that was chosen for it; empty for as it was asked for.
    """

    date: date
    start: datetime
    end: datetime
    seats: int
    verdict: VerdictView | None
    options: tuple[Option, ...]
    taken: str


def options(verdict: VerdictView, site: str, times: LocalTimes) -> list[Option]:
    """What could be taken instead of a date that doesn't fit, at the series' site if it has one."""
    found = []
    for each in verdict.alternatives:
        start, end = (utc(datetime.fromisoformat(each[edge])) for edge in ("start", "end"))
        if not site or each["site"] == site:
            local = start.astimezone(times.zone).replace(tzinfo=None)
            found.append(Option(verdict.date, start, end, each["seats"], local))
    return found


def node_hours(verdict: VerdictView, profile: Profile) -> float:
    """What a date that fits costs."""
    return (verdict.end - verdict.start) * (1 + profile.workers_for(verdict.seats)) / timedelta(hours=1)


def rows(form: RepeatForm, request: SeriesRequest, plan: PlanView, times: LocalTimes) -> list[Row]:
    """All dates of a series with what a plan says of them, those that nobody wants included."""
    verdicts = {each.date: each for each in plan.verdicts}
    taken = {value.partition(" ")[0]: value for value in form.instead if value}
    found = []
    for each in occurrences(request.schedule, request.seats):
        told = verdicts.get(each.date)
        start, end = (told.start, told.end) if told else (each.window.start, each.window.end)
        choices = tuple(options(told, form.site, times)) if told else ()
        found.append(Row(each.date, start, end, each.seats, told, choices, taken.get(each.date.isoformat(), "")))
    return found


def _read(value: str) -> tuple[date, datetime, int]:
    day, start, seats = value.split(" ")
    try:
        return date.fromisoformat(day), datetime.fromisoformat(start), int(seats)
    except ValueError:
        raise BadRequest(
            "What was chosen instead is no time.", hint="Choose one of those that the page offers."
        ) from None
