"""What an operator looks at first: sites, the leases held there, and what is in trouble with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.bookings import BookingStatus, Phase
from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.services.bookings import Bookings
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.records import load_nodes
from almanac.services.requests import BookingFilter
from almanac.services.views import BookingView, SiteView
from almanac.storage.database import Database
from almanac.storage.rows import LeaseRow, LeaseTarget

RECENT = timedelta(days=2)
"""How far back a booking is still news."""
MOST = 200


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Capacity that a site holds for us, or is asked to.

    Attributes:
        holder: what it is for: a booking, a cluster kept ready, or the plan.
        nodes: how many it holds.
        state: ``asked for``, ``held``, ``being returned`` or ``failed``.
        trouble: what the site last said against it; empty when there is none.
    """

    id: str
    site: str
    holder: Holder
    holder_id: str
    nodes: int
    start: datetime
    end: datetime
    state: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that an operator answers for, at a moment.

    Attributes:
        leases: by start, at most ``MOST``.
        failures: bookings of the last days that failed, and live ones that are being mended; the newest first.
    """

    sites: tuple[SiteView, ...]
    leases: tuple[LeaseView, ...]
    failures: tuple[BookingView, ...]


class Overseeing:
    """Looks; changes nothing."""

    def __init__(self, database: Database, catalogue: Catalogue, bookings: Bookings) -> None:
        self._database = database
        self._catalogue = catalogue
        self._bookings = bookings

    def overview(self, caller: Caller, now: datetime) -> Overview:
        """Sites, leases and failures.

        Raises:
            Forbidden: the caller is no operator.
        """
        caller.can_operate()
        with self._database.read() as unit:
            rows = unit.leases.unfinished()
        leases = sorted(map(_lease, rows), key=lambda lease: (lease.start, lease.id))[:MOST]
        return Overview(tuple(self._catalogue.sites(now)), tuple(leases), self._failures(caller, now))

    def _failures(self, caller: Caller, now: datetime) -> tuple[BookingView, ...]:
        lately = Window(now - RECENT, now + timedelta(minutes=1))
        statuses = frozenset({BookingStatus.FAILED, BookingStatus.BUILDING, BookingStatus.READY})
        found, _ = self._bookings.list(caller, BookingFilter(statuses=statuses, within=lately, limit=MOST), now)
        news = [one for one in found if one.reason]
        return tuple(sorted(news, key=lambda one: one.ended_at or now, reverse=True))


def _lease(row: LeaseRow) -> LeaseView:
    window = row.window
    return LeaseView(
        row.id,
        row.site,
        row.holder,
        row.holder_id,
        len(load_nodes(row.order)),
        window.start,
        window.end,
        _state(row),
        row.last_error or "",
    )


def _state(row: LeaseRow) -> str:
    if row.phase is Phase.FAILED:
        return "failed"
    if row.target is LeaseTarget.RETURNED:
        return "being returned"
    return "held" if row.phase is Phase.READY else "asked for"
