"""What the API takes and gives about the catalogue and bookings; the services' frozen dataclasses stay behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from almanac.api import fields as f
from almanac.core.bookings import BookingStatus
from almanac.core.windows import Window
from almanac.services.requests import AvailabilityQuery, BookingFilter, BookingRequest


class In(BaseModel):
    """A request body: unknown fields are refused, so that a typing error isn't silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """An answer, read from the attributes of a service's view."""

    model_config = ConfigDict(from_attributes=True)


# --- catalogue ----------------------------------------------------------------------------------------------------


class Resources(Out):
    """Cores, memory, scratch disk and GPUs."""

    cores: int
    memory_mib: int
    disk_gib: int
    gpus: int


class Node(Resources):
    """The shape of a node."""

    flavor: str


class Profile(Out):
    """What people book."""

    name: str
    title: str
    sites: list[str] = Field(description="Sites that offer it now.")
    workers: int
    max_workers: int
    seats_per_worker: int
    max_seats: int
    head: Node
    worker: Node | None
    max_duration_s: int
    warm: int = Field(description="Clusters kept ready for walk-ins.")
    data: dict[str, str] = Field(description="Data that it works on -> path in its clusters; empty: not mounted.")


class Host(Out):
    """A bin of capacity."""

    name: str
    resources: Resources


class Site(Out):
    """Somewhere nodes come from."""

    name: str
    reserved: bool = Field(description="Whether capacity is truly held ahead of time; otherwise best effort.")
    isolation: str
    drained: bool
    trouble: str | None
    hosts: list[Host]
    total: Resources
    free_now: Resources
    data: list[str] = Field(description="Labels of the data that lies there.")
    mounts: dict[str, str] = Field(description="Data that can be mounted there -> path in clusters that ask for it.")
    leftovers: list[str] = Field(description="For operators: what whoever runs the site has to remove there, and how.")


# --- availability -------------------------------------------------------------------------------------------------


class WindowBody(In):
    """The half-open window `[start, end)`."""

    start: f.Instant
    end: f.Instant

    def window(self) -> Window:
        """As the core knows it.

        Raises:
            BadWindow: the end isn't after the start.
        """
        return Window(self.start, self.end)


class AvailabilityBody(In):
    """When could it be?"""

    model_config = ConfigDict(json_schema_extra={"example": {"profile": "spark-small", "duration_s": 7200, "seats": 1}})

    profile: f.Label
    duration_s: f.Seconds
    seats: f.Seats = 1
    within: WindowBody | None = None
    site: f.Label | None = None
    project: f.Name | None = None
    data: f.Data | None = None
    limit: Annotated[int, Strict(), Field(ge=1, le=50)] = 5

    def query(self) -> AvailabilityQuery:
        """As the service knows it.

        Raises:
            BadWindow: `within` ends before it starts.
        """
        within = self.within.window() if self.within else None
        duration = timedelta(seconds=self.duration_s)
        return AvailabilityQuery(
            self.profile, duration, self.seats, within, self.site, self.limit, self.project, self.data
        )


class Slot(Out):
    """A window that fits; nothing is held."""

    site: str
    start: f.Moment
    end: f.Moment
    seats: int
    workers: int
    reserved: bool = Field(description="Whether its capacity would be truly held; otherwise best effort.")
    price_per_hour: f.Price
    why: str = Field(description="What speaks for this site, or against it, beside the others.")


class Availability(Out):
    """When it could be, and why not now."""

    offers: list[Slot]
    largest_now: int = Field(description="Most seats that could start now; 0 for none.")
    refusal: dict[str, Any] | None = Field(description="What is short now, when, by how much, and what would fit.")


# --- bookings -----------------------------------------------------------------------------------------------------


class BookingBody(In):
    """What to book. Without `start`: now. Without `project`: your only one, or `default`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "profile": "spark-small",
                "duration_s": 7200,
                "start": "2027-03-01T10:00:00Z",
                "title": "Gaia proper motions",
            }
        }
    )

    profile: f.Label
    duration_s: f.Seconds
    start: f.Instant | None = None
    seats: f.Seats = 1
    project: f.Name | None = None
    site: f.Label | None = None
    title: f.Title = ""
    data: f.Data | None = None

    def request(self) -> BookingRequest:
        """As the service knows it."""
        duration = timedelta(seconds=self.duration_s)
        return BookingRequest(
            self.profile, duration, self.start, self.seats, self.project, self.site, self.title, self.data
        )


class MoveEndBody(In):
    """A new end: `by_s` seconds from the present one, or `until` a time. Exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["by_s"]}, {"required": ["until"]}], "example": {"by_s": 3600}}
    )

    by_s: f.Seconds | None = None
    until: f.Instant | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.by_s is None) == (self.until is None):
            raise PydanticCustomError("one_of", "give exactly one of by_s and until")
        return self

    @property
    def by(self) -> timedelta | None:
        """The difference, if that was given."""
        return None if self.by_s is None else timedelta(seconds=self.by_s)


class ResizeBody(In):
    """A new number of seats; the workers follow them."""

    model_config = ConfigDict(json_schema_extra={"example": {"seats": 4}})

    seats: f.Seats


class BookingQuery(In):
    """Which bookings to list."""

    mine: bool = Field(True, description="Only your own; false: all that you see.")
    project: f.Name | None = None
    status: list[BookingStatus] = Field(default=[], max_length=len(BookingStatus), description="Only in one of these.")
    since: f.Instant | None = Field(None, alias="from", description="Only those that end after it.")
    until: f.Instant | None = Field(None, alias="to", description="Only those that start before it.")
    limit: int = Field(100, ge=1, le=500)
    after: f.Id | None = Field(None, description="`next` of the page before.")
    site: f.Label | None = None

    def filter(self) -> BookingFilter:
        """As the service knows it.

        Raises:
            BadWindow: `to` isn't after `from`.
        """
        bounded = self.since is not None or self.until is not None
        within = Window(self.since or f.EARLIEST, self.until or f.LATEST) if bounded else None
        statuses = frozenset(self.status)
        return BookingFilter(self.mine, self.project, statuses, within, self.limit, self.after, self.site)


class Progress(Out):
    """How far a build is."""

    done: int
    total: int
    doing: str


class Booking(Out):
    """A booking; while its status is `offered`, an offer held until `expires_at`."""

    id: str = Field(examples=["b-7k3m9q2x"])
    project: str
    owner: str
    profile: str
    site: str
    seats: int
    workers: int
    title: str
    start: f.Moment
    end: f.Moment
    status: BookingStatus
    created_at: f.Moment
    expires_at: f.Moment | None
    ended_at: f.Moment | None
    reserved: bool = Field(description="Whether its capacity is truly held; otherwise best effort.")
    node_hours: f.Rounded
    progress: Progress | None
    ready_at: f.Moment | None
    eta: f.Moment | None = Field(description="When it is expected to be ready.")
    reason: str | None = Field(description="Why it failed, or its last trouble.")
    warning: str | None = Field(description="What is about to happen to it.")
    price_per_hour: f.Price
    why: str = Field(description="Why it is at this site; told once, when it is made.")
    approval: str = Field(
        description="Why it needs an approval, for which it waits while it is offered; empty: it needs none."
    )
    series: str | None = Field(description="The series that it is an occurrence of.")
    data: dict[str, str] = Field(description="Data that it works on -> path in its cluster; empty: not mounted there.")


class Bookings(Out):
    """Bookings by start, and where the next page begins."""

    bookings: list[Booking]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last.")


class Extension(Out):
    """How long a booking could be extended."""

    until: f.Moment | None = Field(description="null: not at all.")
    limited_by: str


class Seat(Out):
    """One seat's notebook."""

    name: str
    notebook_url: str


class Connection(Out):
    """How to use a ready booking. Its URLs carry tokens: they are the booking's keys."""

    connect_url: str | None = Field(description="For any Spark Connect client; null for a plain notebook.")
    seats: list[Seat]
    environment: dict[str, str]
    spark_ui_url: str | None = Field(
        default=None, description="Spark's own pages; null for a plain notebook, and where there is no front door."
    )


class Logs(Out):
    """The last lines of each service's log."""

    services: dict[str, str]


class Event(Out):
    """Something that happened to a booking."""

    at: f.Moment
    kind: str
    actor: str
    message: str
