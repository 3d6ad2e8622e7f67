"""How long before the bell a build starts, from measured builds."""

from __future__ import annotations

from datetime import datetime, timedelta

from almanac.core.rules import build_lead
from almanac.services.catalogue import Catalogue
from almanac.storage.database import Database

_FRESH = timedelta(seconds=30)


class Leads:
    """Build leads by site and profile, at most 30 s old: bookings ask for one each."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._known: dict[tuple[str, str], tuple[datetime, timedelta]] = {}

    def lead(self, site: str, profile: str, now: datetime) -> timedelta:
        """The p95 of the last measured builds (or the site's estimate) and a margin."""
        known = self._known.get((site, profile))
        if known is not None and timedelta(0) <= now - known[0] < _FRESH:
            return known[1]
        with self._database.read() as unit:
            seconds = unit.sites.build_seconds(site, profile)
        lead = build_lead(seconds, self._catalogue.limits(site, now).build)
        self._known[site, profile] = (now, lead)
        return lead
