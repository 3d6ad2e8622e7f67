"""What the API takes and gives, as pydantic models; the services' frozen dataclasses stay behind them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from almanac.api import fields as f
from almanac.core.bookings import BookingStatus
from almanac.core.windows import Window
from almanac.services.caller import Role


class In(BaseModel):
    """A request body: unknown fields are refused, so that a typing error isn't silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """An answer, read from the attributes of a service's view."""

    model_config = ConfigDict(from_attributes=True)


# --- signing in ---------------------------------------------------------------------------------------------------


class SignInBody(In):
    """A one-time token, from the first start or an invitation."""

    one_time_token: Annotated[str, StringConstraints(pattern=f.TOKEN, max_length=80)]


class SignedIn(Out):
    """A token to keep; it is shown this once."""

    token: str
    person: str
    expires_at: f.Moment


class Me(Out):
    """Who the token stands for, within the token's limits."""

    person: str
    operator: bool
    projects: dict[str, Role] = Field(description="Role in each project that the token reaches.")


class Loop(Out):
    """Almanac's loop, which builds and ends clusters."""

    alive: bool
    beat_at: f.Moment | None


class Health(Out):
    """Whether Almanac is up."""

    status: Literal["ok"]
    version: str
    loop: Loop


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

    profile: f.Name
    duration_s: f.Seconds
    seats: f.Seats = 1
    within: WindowBody | None = None
    site: f.Name | None = None
    limit: Annotated[int, Strict(), Field(ge=1, le=50)] = 5

    @property
    def duration(self) -> timedelta:
        """How long."""
        return timedelta(seconds=self.duration_s)


class Slot(Out):
    """A window that fits; nothing is held."""

    site: str
    start: f.Moment
    end: f.Moment
    seats: int
    workers: int
    reserved: bool


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

    profile: f.Name
    duration_s: f.Seconds
    start: f.Instant | None = None
    seats: f.Seats = 1
    project: f.Name | None = None
    site: f.Name | None = None
    title: f.Title = ""

    @property
    def duration(self) -> timedelta:
        """How long."""
        return timedelta(seconds=self.duration_s)


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
    reserved: bool
    node_hours: f.Rounded
    progress: Progress | None
    ready_at: f.Moment | None
    eta: f.Moment | None = Field(description="When it is expected to be ready.")
    reason: str | None = Field(description="Why it failed, or its last trouble.")
    warning: str | None = Field(description="What is about to happen to it.")


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


class Logs(Out):
    """The last lines of each service's log."""

    services: dict[str, str]


class Event(Out):
    """Something that happened to a booking."""

    at: f.Moment
    kind: str
    actor: str
    message: str


# --- people, projects, tokens, ledger -------------------------------------------------------------------------------


class TokenBody(In):
    """A new token. Without `role`, `project` or `expires_in_s`: as far as your own, for 90 days."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "nightly pipeline", "role": "member", "project": "gaia"}}
    )

    name: Annotated[f.Title, Field(min_length=1, max_length=60)]
    role: Role | None = None
    project: f.Name | None = None
    expires_in_s: f.Seconds | None = None


class Token(Out):
    """A token of yours, without its secret."""

    id: str
    name: str
    role: Role = Field(description="The most that it lets you do.")
    project: str | None = Field(description="The only project that it reaches; null for all of yours.")
    created_at: f.Moment
    expires_at: f.Moment | None


class NewToken(Token):
    """A token just made; `token` is shown this once."""

    token: str


class PersonBody(In):
    """A new person. They sign in with an invitation."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "ada", "operator": False}})

    name: f.Name
    operator: Annotated[bool, Strict()] = False


class Person(Out):
    """A local account."""

    name: str
    operator: bool
    disabled: bool
    created_at: f.Moment


class Invitation(Out):
    """A one-time token, shown this once; its person redeems it at `/sign-in`."""

    one_time_token: str
    person: str
    expires_at: f.Moment


class ProjectBody(In):
    """A new project; null means no limit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "gaia", "title": "Gaia variability", "max_nodes": 20, "max_bookings_per_person": 3}
        }
    )

    name: f.Name
    title: f.Title = ""
    max_nodes: f.Count | None = None
    max_bookings_per_person: f.Count | None = None


class Project(Out):
    """People who share bookings, quotas and grants."""

    name: str
    title: str
    created_at: f.Moment
    max_nodes: int | None
    max_bookings_per_person: int | None
    members: dict[str, Role]


class MemberBody(In):
    """A person's role in a project."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "member"}})

    role: Literal[Role.MEMBER, Role.LEAD]


class GrantBody(In):
    """Node-hours for a project at a site over a period."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "site": "local",
                "node_hours": 500,
                "start": "2027-01-01T00:00:00Z",
                "end": "2027-07-01T00:00:00Z",
            }
        }
    )

    site: f.Name
    node_hours: f.Hours
    start: f.Instant
    end: f.Instant

    def window(self) -> Window:
        """Its period.

        Raises:
            BadWindow: the end isn't after the start.
        """
        return Window(self.start, self.end)


class Grant(Out):
    """Node-hours given."""

    project: str
    site: str
    node_hours: f.Rounded
    start: f.Moment
    end: f.Moment
    granted_at: f.Moment
    granted_by: str


class Balance(Out):
    """A project's account at a site, in node-hours."""

    project: str
    site: str
    granted_h: f.Rounded
    held_h: f.Rounded
    charged_h: f.Rounded
    available_h: f.Rounded | None = Field(description="null: not metered.")


class Line(Out):
    """One line of the ledger."""

    at: f.Moment
    project: str
    site: str
    kind: Literal["grant", "hold", "charge", "refund"]
    node_hours: f.Rounded
    booking: str | None
    actor: str
    note: str


class Ledger(Out):
    """Balances, and the newest of the lines that they are sums of."""

    balances: list[Balance]
    lines: list[Line]
