"""Calendar feeds: a secret URL by which a calendar program reads somebody's bookings, or a project's."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from almanac.core.bookings import Booking
from almanac.core.errors import NotFound, QuotaExceeded
from almanac.core.windows import Window
from almanac.services import tokens
from almanac.services.caller import Caller
from almanac.services.feed_calendar import Entry, calendar_of
from almanac.services.sessions import unlimited
from almanac.services.showing import Showing
from almanac.storage.database import Database
from almanac.storage.rows import FeedRow, PersonRow
from almanac.storage.unit import Unit

BACK, AHEAD = timedelta(days=60), timedelta(days=366)
"""How far a feed looks."""
MOST_EVENTS = 1000
"""Of what has ended, and of the rest: the soonest. A calendar of so many is half a megabyte."""
MAX_FEEDS = 20
"""Of one person."""
NO_CHANGE = frozenset({"building", "mending", "ready", "warned", "gone"})
"""Events that leave a booking as calendars know it."""
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed of one's own, without its secret; ``project`` None: one's own bookings."""

    id: str
    project: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed just made; its secret is shown this once."""

    id: str
    project: str | None
    created_at: datetime
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A calendar, and a tag that changes with it."""

    content: bytes
    tag: str


class Feeds:
    """Makes, lists, revokes and reads feeds."""

    def __init__(self, database: Database, showing: Showing) -> None:
        self._database = database
        self._showing = showing

    def make(self, caller: Caller, project: str | None, now: datetime) -> NewFeed:
        """A feed of the caller's bookings, or of all of a project's.

        Raises:
            Forbidden: their token is limited.
            NotFound: they don't see the project.
            QuotaExceeded: they have too many feeds.
        """
        unlimited(caller)
        if project is not None:
            caller.can_see(project)
        secret = secrets.token_urlsafe(32)
        with self._database.write() as unit:
            unit.people.get_person(caller.person)  # locks: of two at once, the second counts the first
            if project is not None and unit.people.get_project(project) is None:
                raise NotFound(f"There is no project {project}.", hint="Check the spelling.")
            if len(unit.feeds.of(caller.person)) >= MAX_FEEDS:
                raise QuotaExceeded(f"You have {MAX_FEEDS} feeds.", hint="Revoke one: almanac feed revoke FEED")
            row = FeedRow(tokens.mint().id, tokens.hashed(secret), caller.person, now, project)
            unit.feeds.add(row)
        return NewFeed(row.id, project, now, secret)

    def mine(self, caller: Caller) -> list[FeedView]:
        """The caller's feeds, oldest first.

        Raises:
            Forbidden: their token is limited.
        """
        unlimited(caller)
        with self._database.read() as unit:
            return [FeedView(row.id, row.project, row.created_at) for row in unit.feeds.of(caller.person)]

    def revoke(self, caller: Caller, feed: str, now: datetime) -> None:
        """End one of the caller's feeds, at once.

        Raises:
            Forbidden: their token is limited.
            NotFound: they have none of that id.
        """
        unlimited(caller)
        with self._database.write() as unit:
            if not unit.feeds.revoke(caller.person, feed, now):
                raise NotFound(f"You have no feed {feed}.", hint="almanac feed list")

    def read(self, secret: str, url: str, now: datetime) -> Reading:
        """What a calendar program reads.

        Args:
            secret: the URL's.
            url: where people reach Almanac, for links; empty: none.
            now: aware UTC.

        Raises:
            NotFound: unknown, revoked, or its person may not see that any more: which is not told.
        """
        with self._database.read() as unit:
            found = unit.feeds.find(tokens.hashed(secret)) if _SHAPE.fullmatch(secret) else None
            if found is None or not tokens.matches(secret, found[0].hash) or not _allowed(*found):
                raise NotFound("There is no such feed.", hint="Make a new one: almanac feed add")
            feed = found[0]
            entries = self._entries(unit, _bookings(unit, feed, now), now)
        content = calendar_of(feed.id, f"Almanac: {feed.project or feed.person}", entries, url)
        return Reading(content, hashlib.sha256(content).hexdigest()[:32])

    def _entries(self, unit: Unit, bookings: Sequence[Booking], now: datetime) -> list[Entry]:
        changes = unit.events.changes([booking.id for booking in bookings], NO_CHANGE)
        return [
            Entry(view, *changes.get(view.id, (0, view.created_at))) for view in self._showing.many(unit, bookings, now)
        ]


def _allowed(feed: FeedRow, person: PersonRow, role: str | None) -> bool:
    if feed.revoked_at is not None or person.disabled_at is not None:
        return False
    return feed.project is None or role is not None or person.operator


def _bookings(unit: Unit, feed: FeedRow, now: datetime) -> list[Booking]:
    owner = feed.person if feed.project is None else None
    looks = (Window(now - BACK, now), Window(now, now + AHEAD))
    found = [
        booking
        for window in looks
        for booking in unit.bookings.list(owner=owner, project=feed.project, overlapping=window, limit=MOST_EVENTS)
    ]
    return list({booking.id: booking for booking in found}.values())
