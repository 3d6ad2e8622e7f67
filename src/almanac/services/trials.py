"""What would become of a booking, seen by making it and undoing it; and what would work instead of one that was refused.

So what is told here was allowed a moment ago by everything that a booking must pass: room, grants, quotas, lengths and seats.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from almanac.core.catalogue import Profile
from almanac.core.errors import AlmanacError
from almanac.core.windows import utc
from almanac.services.calendars import Calendars, Joint
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.making import Maker
from almanac.services.requests import FURTHEST, GRACE, SHORTEST, BookingRequest, project_for
from almanac.services.views import BookingView

T = TypeVar("T")

MOST = 3
"""Suggestions: more would be a list to read."""
_TRIES = 20
_LATER = (timedelta(days=1), timedelta(days=7))
_STEP = timedelta(minutes=5)


class _Fits(Exception):
    """Undoes a booking that was made to see whether it can be."""

    def __init__(self, view: BookingView) -> None:
        super().__init__(view.id)
        self.view = view


class Trials:
    """Tries bookings; writes and holds nothing."""

    def __init__(self, catalogue: Catalogue, calendars: Calendars, maker: Maker) -> None:
        self._catalogue = catalogue
        self._calendars = calendars
        self._maker = maker

    def book(self, caller: Caller, request: BookingRequest, now: datetime) -> BookingView:
        """The booking, or the offer that waits for an approval, that would be made now.

        Raises:
            NoCapacity and the rest: as ``Bookings.book``.
        """
        with self._calendars.changing_all(now, keep=False) as joint:
            return self._maker.make(caller, request, now, joint=joint)

    def instead(self, caller: Caller, asked: BookingRequest, refused: AlmanacError, now: datetime) -> list[BookingView]:
        """Up to ``MOST`` bookings that could be made, the nearest to what was asked for first.

        Args:
            caller: who asked.
            asked: what was refused.
            refused: why; what it says would fit is tried first.
            now: aware UTC.
        """
        try:
            asked = replace(asked, project=project_for(caller, asked.project))
        except AlmanacError:  # then nothing near it works
            return []
        with self._calendars.changing_all(now, keep=False) as joint:
            near = _once(self._near(joint, caller, asked, refused, now), lambda request: request)
            tried = (self._try(joint, caller, request, now) for request in islice(near, _TRIES))
            fitting = _once((view for view in tried if view is not None), _facts)
            return list(islice(fitting, MOST))

    def _try(self, joint: Joint, caller: Caller, request: BookingRequest, now: datetime) -> BookingView | None:
        try:
            with joint.attempt():
                raise _Fits(self._maker.make(caller, request, now, joint=joint))
        except _Fits as fits:
            return fits.view
        except AlmanacError:
            return None

    def _near(
        self, joint: Joint, caller: Caller, asked: BookingRequest, refused: AlmanacError, now: datetime
    ) -> Iterator[BookingRequest]:
        """What is near to what was asked for, the nearest first."""
        profiles = {each.name: self._catalogue.profile(each.name) for each in self._offered(now)}
        for each in refused.details.get("refusal", {}).get("alternatives", ()):
            start, end = (utc(datetime.fromisoformat(each[edge])) for edge in ("start", "end"))
            yield replace(asked, duration=end - start, start=start, seats=each["seats"], site=each["site"])
        own = profiles.pop(asked.profile, None)
        if own is not None:
            mended = _mended(asked, own, now)
            yield mended
            yield from self._variants(joint, caller, mended, own, now)
        for other in profiles.values():
            yield _mended(replace(asked, profile=other.name, site=None), other, now)

    def _offered(self, now: datetime) -> list[Profile]:
        names = [each.name for each in self._catalogue.profiles(now) if each.sites]
        return [self._catalogue.profile(name) for name in names]

    def _variants(
        self, joint: Joint, caller: Caller, mended: BookingRequest, profile: Profile, now: datetime
    ) -> Iterator[BookingRequest]:
        if mended.site is not None:
            yield replace(mended, site=None)
        for project in sorted(caller.roles):
            yield replace(mended, project=project)
        for length in self._shorter(joint, mended, profile, now):
            yield replace(mended, duration=length)
        start = mended.start or now
        yield replace(mended, start=start + mended.duration)
        for later in _LATER:
            yield replace(mended, start=start + later)

    def _shorter(self, joint: Joint, mended: BookingRequest, profile: Profile, now: datetime) -> list[timedelta]:
        """Shorter lengths, the longest first: what the project's grants cover, and half."""
        nodes = 1 + profile.workers_for(mended.seats)
        sites = [mended.site] if mended.site else self._catalogue.names
        left = [
            joint.unit.ledger.balance(mended.project, site, mended.start or now).available
            for site in sites
            if mended.project is not None and joint.unit.ledger.metered(mended.project, site)
        ]
        lengths = {timedelta(seconds=seconds // nodes) // _STEP * _STEP for seconds in left} | {mended.duration / 2}
        return sorted((each for each in lengths if SHORTEST <= each < mended.duration), reverse=True)


def _mended(asked: BookingRequest, profile: Profile, now: datetime) -> BookingRequest:
    """The request within what the profile and the calendar allow."""
    start = asked.start
    if start is not None:
        start = None if start < now - GRACE else min(start, now + FURTHEST - timedelta(days=1))
    length = max(SHORTEST, min(asked.duration, profile.max_duration))
    return replace(asked, start=start, duration=length, seats=max(1, min(asked.seats, profile.max_seats)))


def _facts(view: BookingView) -> Hashable:
    """What two bookings have in common that are the same to their person."""
    return view.profile, view.project, view.site, view.start, view.end, view.seats


def _once(items: Iterator[T], key: Callable[[T], Hashable]) -> Iterator[T]:
    seen = set()
    for item in items:
        if key(item) not in seen:
            seen.add(key(item))
            yield item
