"""What the API takes and gives about series, the waiting list and approvals."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, Strict, model_validator
from pydantic_core import PydanticCustomError

from almanac.api import fields as f
from almanac.api.models import In, Out, WindowBody
from almanac.core.series import MOST, Edit, Frequency, Policy, Recurrence, Schedule, Scope
from almanac.services.series import SeriesChange, SeriesRequest
from almanac.services.series_views import Finding
from almanac.services.waiting import WaitRequest


def _near(day: date) -> date:
    if not f.EARLIEST.date() <= day < f.LATEST.date():
        raise PydanticCustomError("day_range", "a date lies between the years 2000 and 2199")
    return day


def _real(written: str) -> str:
    """Refuse what the pattern lets through and no calendar has."""
    try:
        datetime.fromisoformat(written)
    except ValueError:
        raise PydanticCustomError("local_time", "there is no such date") from None
    return written


Day = Annotated[
    date,
    Field(json_schema_extra={"format": "date"}, description="A local date.", examples=["2027-03-08"]),
    AfterValidator(_near),
]
LOCAL = r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$"
Local = Annotated[
    str,
    Field(
        pattern=LOCAL, description="A local time without an offset, in the series' zone.", examples=["2027-03-01T10:00"]
    ),
    AfterValidator(_real),
]
Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        pattern=r"^[A-Za-z][A-Za-z0-9_+\-/]*$",
        description="A name in the IANA database.",
        examples=["Europe/Madrid"],
    ),
]
Weekday = Annotated[int, Strict(), Field(ge=0, le=6, description="0 is Monday.")]


class RecurrenceBody(In):
    """How it recurs, and either `until` which date or how many `times`."""

    frequency: Frequency
    every: Annotated[int, Strict(), Field(ge=1, le=99, description="2: every second day, week or month.")] = 1
    weekdays: list[Weekday] = Field(default=[], max_length=7, description="Only on these; empty: as the first one.")
    until: Day | None = Field(None, description="The last date that may have one.")
    times: Annotated[int, Strict(), Field(ge=1, le=MOST)] | None = None

    def recurrence(self) -> Recurrence:
        """As the core knows it."""
        return Recurrence(self.frequency, self.every, tuple(sorted(set(self.weekdays))), self.until, self.times)


class MovedBody(In):
    """A date that is elsewhere than the rule has it."""

    date: Day
    start: Local


_SERIES_EXAMPLE: dict[str, JsonValue] = {
    "profile": "spark-small",
    "first": "2027-03-02T10:00",
    "duration_s": 7200,
    "zone": "Europe/Madrid",
    "repeat": {"frequency": "weekly", "until": "2027-06-01"},
    "left_out": ["2027-03-23"],
    "title": "Galaxies II",
}


class SeriesPlanBody(In):
    """What to book again and again. Without `project`: your only one, or `default`."""

    model_config = ConfigDict(json_schema_extra={"example": _SERIES_EXAMPLE})

    profile: f.Label
    first: Local
    duration_s: f.Seconds
    zone: Zone
    repeat: RecurrenceBody
    left_out: list[Day] = Field(default=[], max_length=MOST, description="Dates of it without an occurrence.")
    moved: list[MovedBody] = Field(default=[], max_length=MOST)
    seats: f.Seats = 1
    project: f.Name | None = None
    site: f.Label | None = None
    title: f.Title = ""
    data: f.Data | None = None

    def request(self) -> SeriesRequest:
        """As the service knows it."""
        schedule = Schedule(
            datetime.fromisoformat(self.first),
            timedelta(seconds=self.duration_s),
            self.zone,
            self.repeat.recurrence(),
            frozenset(self.left_out),
            {each.date: datetime.fromisoformat(each.start) for each in self.moved},
        )
        return SeriesRequest(self.profile, schedule, self.seats, self.project, self.site, self.title, self.data)


class SeriesBody(SeriesPlanBody):
    """A series to book, and what to take of it when it doesn't fit in whole."""

    model_config = ConfigDict(json_schema_extra={"example": {**_SERIES_EXAMPLE, "policy": "what_fits"}})

    policy: Policy = Policy.WHAT_FITS


class SeriesEditPlanBody(In):
    """A change to one occurrence, this and the following, or all. `start` is the named one's; others move as far."""

    model_config = ConfigDict(json_schema_extra={"example": {"scope": "all", "seats": 2}})

    scope: Scope
    date: Day | None = Field(None, description="The occurrence that it starts from; not needed for `all`.")
    start: Local | None = None
    duration_s: f.Seconds | None = None
    seats: f.Seats | None = None
    title: f.Title | None = None

    @model_validator(mode="after")
    def _named_where_needed(self) -> Self:
        if self.date is None and (self.scope is not Scope.ALL or self.start is not None):
            raise PydanticCustomError("named", "name the occurrence by its date")
        return self

    def change(self) -> SeriesChange:
        """As the service knows it."""
        length = None if self.duration_s is None else timedelta(seconds=self.duration_s)
        start = None if self.start is None else datetime.fromisoformat(self.start)
        return SeriesChange(self.scope, self.date, Edit(start, length, self.seats, self.title))


class SeriesEditBody(SeriesEditPlanBody):
    """A change, and what to take of it when it doesn't fit in whole."""

    policy: Policy = Policy.WHAT_FITS


class SeriesCancelBody(In):
    """What to call off."""

    model_config = ConfigDict(json_schema_extra={"example": {"scope": "all"}})

    scope: Scope
    date: Day | None = Field(None, description="The occurrence that it starts from; not needed for `all`.")


class Verdict(Out):
    """What became, or would become, of an occurrence: what booking it alone, after the ones before it, says."""

    date: date
    start: f.Moment
    end: f.Moment
    seats: int
    finding: Finding
    booking: str | None
    site: str
    approval: str = Field(description="Why it waits for an approval; empty: it doesn't.")
    note: str = Field(description="How a local time that doesn't exist or comes twice was understood.")
    code: str = Field(description="Of the refusal.")
    message: str
    hint: str
    alternatives: list[dict[str, Any]] = Field(description="What would fit instead.")


class SeriesPlan(Out):
    """Verdicts by date."""

    verdicts: list[Verdict]
    fitting: int
    total: int
    summary: str = Field(examples=["10 of 12 fit; alternatives for 2."])


class Occurrence(Out):
    """One date of a series; the rule's date is its name for good."""

    date: date
    start: f.Moment
    end: f.Moment
    seats: int
    state: str = Field(description="Its booking's status, `refused` for one that didn't fit, or `left_out`.")
    booking: str | None
    site: str
    note: str


class Series(Out):
    """A series of bookings."""

    id: str = Field(examples=["s-7k3m9q2x4a"])
    project: str
    owner: str
    profile: str
    title: str
    zone: str
    rule: str = Field(description="Its schedule as it was made, in words.")
    created_at: f.Moment
    occurrences: list[Occurrence]
    plan: SeriesPlan | None = Field(description="The verdicts of the change that this answers.")


# --- waiting ------------------------------------------------------------------------------------------------------


class WaitBody(In):
    """What to wait for, anywhere in the window `within`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "profile": "spark-small",
                "duration_s": 7200,
                "within": {"start": "2027-03-08T08:00:00Z", "end": "2027-03-12T18:00:00Z"},
            }
        }
    )

    profile: f.Label
    duration_s: f.Seconds
    within: WindowBody
    seats: f.Seats = 1
    project: f.Name | None = None
    site: f.Label | None = None
    title: f.Title = ""
    data: f.Data | None = None

    def request(self) -> WaitRequest:
        """As the service knows it.

        Raises:
            BadWindow: `within` ends before it starts.
        """
        length, within = timedelta(seconds=self.duration_s), self.within.window()
        return WaitRequest(self.profile, length, within, self.seats, self.project, self.site, self.title, self.data)


class Waiting(Out):
    """A request that waits for room, or did."""

    id: str = Field(examples=["w-7k3m9q2x4a"])
    project: str
    owner: str
    profile: str
    seats: int
    duration_s: int
    start: f.Moment
    end: f.Moment
    title: str
    asked_at: f.Moment
    state: str = Field(description="`waiting`, `offered`, `served`, `withdrawn`, `missed`, `over` or `refused`.")
    place: int | None = Field(description="In the line, from 1.")
    offer: str | None = Field(description="Its offer, to be accepted, or the booking that came of it.")


# --- approvals ----------------------------------------------------------------------------------------------------


class DeclineBody(In):
    """Why not."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "The class needs the cluster that day"}})

    reason: f.Title = ""
