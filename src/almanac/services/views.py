"""What doors show: frozen, JSON-shaped answers of the services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from almanac.core.bookings import BookingStatus
from almanac.core.resources import Resources


@dataclass(frozen=True, slots=True)
class Progress:
    """Services that are up, of how many, and what is being waited for."""

    done: int
    total: int
    doing: str


@dataclass(frozen=True, slots=True)
class BookingView:
    """A booking (or offer) as people see it.

    Attributes:
        reserved: whether its capacity is truly held, rather than best effort.
        eta: when it is expected to be ready; None once it is, or when it won't be.
        reason: why it failed, or the last trouble while it is being mended.
        warning: what is about to happen to it, in a sentence.
        node_hours: what it holds or was charged, in node-hours.
        price_per_hour: of all its nodes, in the operator's unit.
        why: why it is at this site, told once, when it is made; empty where there was no choice.
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
    expires_at: datetime | None
    ended_at: datetime | None
    reserved: bool
    node_hours: float
    progress: Progress | None = None
    ready_at: datetime | None = None
    eta: datetime | None = None
    reason: str | None = None
    warning: str | None = None
    price_per_hour: float = 0.0
    why: str = ""
    approval: str = ""
    series: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OfferView:
    """A window in which a request would fit; nothing is held.

    Attributes:
        reserved: whether its capacity would be truly held, rather than best effort.
        price_per_hour: of all its nodes, in the operator's unit.
        why: what speaks for this site, or against it, beside the others; empty where there is no choice.
    """

    site: str
    start: datetime
    end: datetime
    seats: int
    workers: int
    reserved: bool
    price_per_hour: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class AvailabilityView:
    """Answers to "when could I?".

    Attributes:
        offers: the next windows at full size, earliest first.
        largest_now: most seats that could start now for the asked duration; 0 for none.
        refusal: why it doesn't fit now, JSON-ready; None when it does.
    """

    offers: tuple[OfferView, ...]
    largest_now: int
    refusal: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """How long a booking could be extended: until when (None: not at all) and what limits it."""

    until: datetime | None
    limited_by: str


@dataclass(frozen=True, slots=True)
class SeatView:
    """One seat's notebook; the URL carries its token."""

    name: str
    notebook_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """How to use a ready booking.

    Attributes:
        connect_url: None for a plain notebook.
        spark_ui_url: the pages of its Spark; None for a plain notebook, and where there is no front door.
    """

    connect_url: str | None = field(repr=False)
    seats: tuple[SeatView, ...]
    environment: Mapping[str, str] = field(repr=False)
    spark_ui_url: str | None = None


@dataclass(frozen=True, slots=True)
class EventView:
    """Something that happened to a booking."""

    at: datetime
    kind: str
    actor: str
    message: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """A kind of node in a profile."""

    flavor: str
    resources: Resources


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile and where it is offered; ``data``: label -> where clusters find it, empty where none of the sites mounts it."""

    name: str
    title: str
    sites: tuple[str, ...]
    workers: int
    max_workers: int
    seats_per_worker: int
    max_seats: int
    head: NodeView
    worker: NodeView | None
    max_duration: timedelta
    warm: int
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site, what it has, and what is free of it now; ``data`` are labels of what lies there.

    Attributes:
        mounts: label -> where clusters find it, for what of it can be mounted.
        leftovers: what whoever runs the site has to remove there, in words for an operator.
    """

    name: str
    reserved: bool
    isolation: str
    drained: bool
    trouble: str | None
    hosts: tuple[tuple[str, Resources], ...]
    total: Resources
    free_now: Resources
    data: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BalanceView:
    """A project's account at a site, in node-hours; ``available_h`` None: not metered."""

    project: str
    site: str
    granted_h: float
    held_h: float
    charged_h: float
    available_h: float | None


@dataclass(frozen=True, slots=True)
class LedgerLineView:
    """One line of the ledger."""

    at: datetime
    project: str
    site: str
    kind: str
    node_hours: float
    booking: str | None
    actor: str
    note: str
