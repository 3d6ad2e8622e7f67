"""What the server answers, typed. Times are aware; lengths are timedeltas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from almanac.core.bookings import BookingStatus

LIVE = frozenset({BookingStatus.BOOKED, BookingStatus.BUILDING, BookingStatus.READY, BookingStatus.ENDING})
"""Statuses of a booking that still is or will be something."""

OVER = frozenset({BookingStatus.EXPIRED, BookingStatus.ENDED, BookingStatus.CANCELLED, BookingStatus.FAILED})
"""Statuses that a booking never leaves."""


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Attributes:
        profile: a name that ``Client.profiles`` lists.
        duration: its length.
        start: aware; None for now.
        project: None where one has only one.
        site: None for any.
        data: label of the data that it works on, which sites that have it come first for; None for the profile's.
    """

    profile: str
    duration: timedelta
    start: datetime | None = None
    seats: int = 1
    project: str | None = None
    site: str | None = None
    title: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Health:
    """Whether the server lives, whether its loop has ticked lately (``loop["alive"]``), and what mail waits.

    Attributes:
        door: ``url`` and ``trouble`` (empty while it is open) of its front door; None if it has none.
        metrics: ``trouble`` of what collects live metrics (empty while none are missing); None if nothing does.
    """

    status: str
    version: str
    loop: Mapping[str, Any]
    mail: Mapping[str, Any] = field(default_factory=dict)
    door: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SignIn:
    """A token for a person, shown once."""

    token: str = field(repr=False)
    person: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Me:
    """Who the token stands for, and their role in each project."""

    person: str
    operator: bool
    projects: Mapping[str, str]


@dataclass(frozen=True)
class Flavor:
    """The shape of a node."""

    flavor: str
    cores: int
    memory_mib: int
    disk_gib: int = 0
    gpus: int = 0


@dataclass(frozen=True)
class Profile:
    """A catalogue entry that people book."""

    name: str
    title: str
    sites: tuple[str, ...]
    workers: int
    max_workers: int
    max_seats: int
    seats_per_worker: int
    head: Flavor
    worker: Flavor | None
    max_duration_s: int
    warm: int = 0
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def max_duration(self) -> timedelta:
        """The longest booking."""
        return timedelta(seconds=self.max_duration_s)


@dataclass(frozen=True)
class Site:
    """Somewhere nodes come from; resources are by name.

    Attributes:
        trouble: why it can't be used now.
        leftovers: for operators: what whoever runs the site has to remove there, and how.
    """

    name: str
    reserved: bool
    isolation: str
    drained: bool
    trouble: str | None
    hosts: tuple[Mapping[str, Any], ...]
    total: Mapping[str, int]
    free_now: Mapping[str, int]
    data: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interval:
    """The half-open window ``[start, end)``."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Slot:
    """A window that fits: what ``free`` lists. ``why`` is what speaks for its site, or against it, beside the others."""

    site: str
    start: datetime
    end: datetime
    seats: int
    workers: int
    reserved: bool
    price_per_hour: float = 0
    why: str = ""


@dataclass(frozen=True)
class Alternative:
    """What would fit instead of what was refused."""

    kind: str
    message: str
    start: datetime
    end: datetime
    site: str
    seats: int


@dataclass(frozen=True)
class Refusal:
    """Why there is no room: the limiting resource, when, how much is short, and what would fit."""

    message: str
    limiting: str = ""
    interval: Interval | None = None
    short: float = 0
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class Availability:
    """When a profile fits, and how many seats at most from now."""

    offers: tuple[Slot, ...]
    largest_now: int
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Progress:
    """How far a build is: ``done`` of ``total`` services, and what it waits for."""

    done: int
    total: int
    doing: str = ""


@dataclass(frozen=True)
class Booking:
    """A booking (or an offer, while its status is ``offered``).

    Attributes:
        reserved: whether its capacity is truly held; otherwise best effort.
        price_per_hour: of all its nodes, in the operator's unit.
        why: why it is at its site; told once, when it is made.
        approval: why it needs an approval, for which it waits while it is offered; empty when it needs none.
        series: the series that it is an occurrence of; None for one on its own.
        data: label of the data that it works on -> where its cluster finds it; empty where its site doesn't mount it.
    """

    id: str
    project: str
    owner: str
    profile: str
    site: str
    seats: int
    workers: int
    title: str
    start: datetime
    end: datetime
    status: BookingStatus
    created_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    reserved: bool = True
    progress: Progress | None = None
    ready_at: datetime | None = None
    eta: datetime | None = None
    reason: str | None = None
    warning: str | None = None
    node_hours: float = 0
    price_per_hour: float = 0
    why: str = ""
    approval: str = ""
    series: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether it still is or will be something."""
        return self.status in LIVE

    @property
    def over(self) -> bool:
        """Whether its status won't change any more."""
        return self.status in OVER


@dataclass(frozen=True)
class BookingPage:
    """Some bookings, and where the next ones begin."""

    bookings: tuple[Booking, ...]
    next: str | None = None


@dataclass(frozen=True)
class Extension:
    """How long a booking could be extended (None: not at all), and what limits it."""

    until: datetime | None
    limited_by: str = ""


@dataclass(frozen=True)
class SeatAddress:
    """Where one seat's notebook is; the URL holds its token."""

    name: str
    notebook_url: str = field(repr=False)


@dataclass(frozen=True)
class Connection:
    """How to use a running cluster; ``connect_url`` is empty for a plain notebook. Holds secrets."""

    connect_url: str | None = field(repr=False)
    seats: tuple[SeatAddress, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    spark_ui_url: str | None = None


@dataclass(frozen=True)
class Logs:
    """The last lines of each service's log."""

    services: Mapping[str, str]


@dataclass(frozen=True)
class Event:
    """Something that happened to a booking, and who did it."""

    at: datetime
    kind: str
    actor: str
    message: str


@dataclass(frozen=True)
class Balance:
    """Node-hours of a project at a site; ``available_h`` is None where nothing limits it."""

    project: str
    site: str
    granted_h: float
    held_h: float
    charged_h: float
    available_h: float | None = None


@dataclass(frozen=True)
class LedgerLine:
    """One line of the ledger: a grant, hold, charge or refund."""

    at: datetime
    project: str
    site: str
    kind: str
    node_hours: float
    booking: str | None
    actor: str
    note: str


@dataclass(frozen=True)
class Ledger:
    """Balances, and the lines that they are the sums of."""

    balances: tuple[Balance, ...]
    lines: tuple[LedgerLine, ...] = ()


@dataclass(frozen=True)
class Token:
    """An API token, without its secret."""

    id: str
    name: str
    role: str
    project: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class NewToken:
    """A token just made; ``token`` is shown this once."""

    id: str
    name: str
    token: str = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True)
class Invitation:
    """A one-time token with which a person signs in."""

    one_time_token: str = field(repr=False)
    person: str
    expires_at: datetime


@dataclass(frozen=True)
class Person:
    """A local account."""

    name: str
    operator: bool
    disabled: bool


@dataclass(frozen=True)
class Project:
    """People who share bookings, quotas and grants."""

    name: str
    title: str
    max_nodes: int | None
    max_bookings_per_person: int | None
    members: Mapping[str, str]


@dataclass(frozen=True)
class Grant:
    """Node-hours given to a project at a site over a period."""

    project: str
    site: str
    node_hours: float
    start: datetime
    end: datetime
