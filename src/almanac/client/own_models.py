"""What the server answers about one's own feeds, receipts and notices, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from almanac.core.bookings import BookingStatus


@dataclass(frozen=True)
class Feed:
    """A calendar feed, without its secret; ``project`` None: of one's own bookings."""

    id: str
    project: str | None
    created_at: datetime


@dataclass(frozen=True)
class NewFeed:
    """A feed just made; who has its URL can read it."""

    id: str
    project: str | None
    created_at: datetime
    url: str = field(repr=False)


@dataclass(frozen=True)
class Readiness:
    """How soon it was ready: seconds waited, and seconds later than promised (None: it never was ready)."""

    promised_at: datetime
    ready_at: datetime | None
    waited_s: float | None
    late_s: float | None


@dataclass(frozen=True)
class Use:
    """Seconds that it could be used, and how many of them lay after its last use (None: nobody knows)."""

    usable_s: float
    idle_s: float | None


@dataclass(frozen=True)
class Cost:
    """Node-hours held, charged and refunded."""

    held_h: float
    charged_h: float
    refunded_h: float


@dataclass(frozen=True)
class Saved:
    """What was kept, and where in the site's storage."""

    what: str
    path: str


@dataclass(frozen=True)
class Receipt:
    """What became of a booking."""

    booking: str
    project: str
    owner: str
    profile: str
    site: str
    seats: int
    title: str
    status: BookingStatus
    start: datetime
    end: datetime
    ended_at: datetime
    ended_by: str
    why: str
    readiness: Readiness
    use: Use
    cost: Cost
    saved: tuple[Saved, ...]
    is_saved: bool
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notice:
    """Something that one is told. ``trouble`` is why its mail isn't there yet, or never will be."""

    id: int
    at: datetime
    kind: str
    subject: str
    message: str
    booking: str | None
    read_at: datetime | None
    mailed_at: datetime | None
    trouble: str


@dataclass(frozen=True)
class NoticePage:
    """Notices, the newest first; how many are unread in all; ``before`` of the next page (None: that was all)."""

    notices: tuple[Notice, ...]
    unread: int
    next: int | None


@dataclass(frozen=True)
class Account:
    """Where mail reaches one, and which notices aren't mailed."""

    person: str
    email: str
    email_confirmed: bool
    zone: str
    muted: tuple[str, ...]


@dataclass(frozen=True)
class Address:
    """An e-mail address."""

    email: str
