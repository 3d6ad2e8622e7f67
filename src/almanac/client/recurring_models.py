"""What the server answers about series and the waiting list, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from almanac.client.models import Alternative
from almanac.core.series import Policy


@dataclass(frozen=True)
class SeriesRequest:
    """A series to book.

    Attributes:
        profile: a name that ``Client.profiles`` lists.
        first: naive local start of the first occurrence, to the minute.
        duration: of each.
        zone: a name in the IANA database, such as ``Europe/Madrid``.
        frequency: ``daily``, ``weekly`` or ``monthly``.
        every: 2 means every second day, week or month.
        weekdays: only on these, 0 for Monday; empty: as the first one.
        until: the last date that may have one. Either this or ``times``.
        left_out: dates without an occurrence.
        moved: naive local starts of those that are elsewhere, by the rule's date.
    """

    profile: str
    first: datetime
    duration: timedelta
    zone: str
    frequency: str = "weekly"
    every: int = 1
    weekdays: tuple[int, ...] = ()
    until: date | None = None
    times: int | None = None
    left_out: tuple[date, ...] = ()
    moved: Mapping[date, datetime] = field(default_factory=dict)
    seats: int = 1
    project: str | None = None
    site: str | None = None
    title: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class SeriesChange:
    """An edit of some of a series' occurrences; None leaves a thing as it is.

    Attributes:
        scope: ``one``, ``following`` or ``all``.
        date: the occurrence that it starts from; ``all`` needs one only to move.
        start: naive local start of that one; the others move as far.
        policy: what to take of what doesn't fit in whole.
    """

    scope: str
    date: date | None = None
    start: datetime | None = None
    duration: timedelta | None = None
    seats: int | None = None
    title: str | None = None
    policy: Policy = Policy.WHAT_FITS


@dataclass(frozen=True)
class Verdict:
    """What became, or would become, of an occurrence: ``fits``, ``refused``, ``unchanged``, ``stays`` or ``cancelled``."""

    date: date
    start: datetime
    end: datetime
    seats: int
    finding: str
    booking: str | None = None
    site: str = ""
    approval: str = ""
    note: str = ""
    code: str = ""
    message: str = ""
    hint: str = ""
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class SeriesPlan:
    """Verdicts by date, and what they come to in words."""

    verdicts: tuple[Verdict, ...]
    fitting: int
    total: int
    summary: str


@dataclass(frozen=True)
class Occurrence:
    """One date of a series; ``state`` is its booking's status, ``refused`` or ``left_out``."""

    date: date
    start: datetime
    end: datetime
    seats: int
    state: str
    booking: str | None
    site: str
    note: str


@dataclass(frozen=True)
class Series:
    """A series of bookings; ``plan`` has the verdicts of the change that this answers."""

    id: str
    project: str
    owner: str
    profile: str
    title: str
    zone: str
    rule: str
    created_at: datetime
    occurrences: tuple[Occurrence, ...]
    plan: SeriesPlan | None = None


@dataclass(frozen=True)
class Waiting:
    """A request that waits for room, or did.

    Attributes:
        start, end: the window in which it may be.
        state: ``waiting``, ``offered``, ``served``, ``withdrawn``, ``missed``, ``over`` or ``refused``.
        place: in the line, from 1; None once it has left it.
        offer: its offer, to be accepted, or the booking that came of it.
    """

    id: str
    project: str
    owner: str
    profile: str
    seats: int
    duration_s: int
    start: datetime
    end: datetime
    title: str
    asked_at: datetime
    state: str
    place: int | None
    offer: str | None
