"""What the plan saved: what was held, beside what others would have held for the same people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from almanac.core.bookings import Booking
from almanac.core.catalogue import Profile
from almanac.core.demand import NOBODY, Sessions
from almanac.core.demand_hours import floor_hour, places
from almanac.core.rivals import Rivals
from almanac.core.windows import Window
from almanac.services.catalogue import Catalogue
from almanac.services.leads import Leads
from almanac.storage.database import Database
from almanac.storage.rows import PlanHourRow

BACK = timedelta(weeks=2)
"""So far is looked back: enough to tell, and a few seconds' work a day."""
_AT_LEAST = 48
"""Hours below which there is nothing to tell."""
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


Play = Callable[[Sessions, int, int, int, float], Rivals]
"""Plays others on sessions: start, minimum and teardown in seconds, the share served at once; the simulation's."""


class Savings:
    """Computed once a day for each profile, from what bookings used and what was noted as held."""

    def __init__(self, database: Database, catalogue: Catalogue, leads: Leads, play: Play) -> None:
        self._database = database
        self._catalogue = catalogue
        self._leads = leads
        self._play = play
        self._kept: dict[str, tuple[datetime, Mapping[str, Any] | None]] = {}

    def of(self, profile: Profile, site: str, now: datetime) -> Mapping[str, Any] | None:
        """A profile's, JSON-ready; None while there is too little to tell.

        Args:
            profile: of the catalogue.
            site: whose start-up times and minimum lease the others are charged.
            now: aware UTC.
        """
        kept = self._kept.get(profile.name)
        if kept is None or not timedelta(0) <= now - kept[0] < timedelta(days=1):
            kept = self._kept[profile.name] = (now, self._computed(profile, site, now))
        return kept[1]

    def _computed(self, profile: Profile, site: str, now: datetime) -> Mapping[str, Any] | None:
        end = floor_hour(now)
        with self._database.read() as unit:
            noted = [row for row in unit.plans.hours(profile.name, end - BACK) if row.hour < end]
            if not noted or (end - noted[0].hour) // _HOUR < _AT_LEAST:
                return None
            span = Window(noted[0].hour, end)
            used = [each for each in unit.bookings.used(span, span.start - BACK) if each.profile == profile.name]
            came, waited = unit.bookings.walk_ins(profile.name, span.start, end)
        if not used:
            return None
        limits = self._catalogue.limits(site, now)
        start = self._leads.lead(site, profile.name, now)
        found = self._play(
            _sessions(used, profile, span),
            start // _SECOND,
            limits.minimum_lease // _SECOND,
            limits.teardown // _SECOND,
            1 - waited / max(1, came),
        )
        since = span.start + found.first * _HOUR
        until = span.start + found.hours * _HOUR
        return {
            "since": since.isoformat(),
            "hours": found.hours - found.first,
            "held": float(_held(noted, since, until)),
            "static_peak": round(found.static_peak, 2),
            "reactive": round(found.reactive, 2),
            "headroom": found.headroom,
            "at_once": round(found.at_once, 4),
        }


def _sessions(used: Sequence[Booking], profile: Profile, span: Window) -> Sessions:
    """Who came within a span, cut to it, in the order in which they came."""
    smallest = 1 + profile.workers_for(1)
    rows = []
    for booking in used:
        begin = max(booking.window.start, span.start)
        end = min(booking.ended_at or booking.window.end, booking.window.end, span.end)
        seconds = max(1, (end - begin) // _SECOND)
        rows.append(((begin - span.start) // _SECOND, seconds, places(1 + booking.workers, smallest)))
    arrival, duration, size = np.array(sorted(rows), np.int64).T
    return Sessions(span.start, arrival, duration, size, np.full(len(rows), NOBODY))


def _held(noted: Sequence[PlanHourRow], since: datetime, until: datetime) -> int:
    """Place-hours over a time; in an hour that wasn't noted as many were held as in the one before."""
    total = 0
    for row, after in zip(noted, [*noted[1:], None], strict=True):
        end = min(until, after.hour if after is not None else until)
        total += row.held * max(0, (end - max(since, row.hour)) // _HOUR)
    return total
