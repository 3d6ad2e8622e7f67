"""What could be started now: every profile with when it would be ready and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.errors import AlmanacError
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.finding import Finder
from almanac.services.leads import Leads
from almanac.services.requests import GRACE, AvailabilityQuery
from almanac.services.views import OfferView, ProfileView
from almanac.storage.database import Database


@dataclass(frozen=True, slots=True)
class StartView:
    """A profile as it could be started.

    Attributes:
        offer: the next window; None if there is none in the coming days.
        ready_at: when it would be ready: for one that starts now its measured build from now, else its start.
        trouble: why there is no offer; empty when there is one.
    """

    profile: ProfileView
    offer: OfferView | None = None
    ready_at: datetime | None = None
    trouble: str = ""


class Starting:
    """Looks for the next start of each profile; writes and holds nothing."""

    def __init__(self, database: Database, catalogue: Catalogue, finder: Finder, leads: Leads) -> None:
        self._database = database
        self._catalogue = catalogue
        self._finder = finder
        self._leads = leads

    def starts(self, caller: Caller, lasts: timedelta, now: datetime, project: str | None = None) -> list[StartView]:
        """Every profile that some site offers, for this long or as long as the profile allows.

        Args:
            caller: who would book.
            lasts: the length wanted.
            now: aware UTC.
            project: whose quota counts; None means the caller's only one.
        """
        offered = [profile for profile in self._catalogue.profiles(now) if profile.sites]
        return [self._start(caller, profile, min(lasts, profile.max_duration), now, project) for profile in offered]

    def _start(
        self, caller: Caller, profile: ProfileView, lasts: timedelta, now: datetime, project: str | None
    ) -> StartView:
        query = AvailabilityQuery(profile.name, lasts, limit=1, project=project)
        try:
            found = self._finder.availability(caller, query, now).offers
        except AlmanacError as error:
            return StartView(profile, trouble=error.message)
        if not found:
            return StartView(profile, trouble="There is no room for it in the coming days.")
        return StartView(profile, found[0], self._ready_at(profile, found[0], now))

    def _ready_at(self, profile: ProfileView, offer: OfferView, now: datetime) -> datetime:
        if offer.start > now + GRACE:
            return offer.start
        with self._database.read() as unit:
            warm = unit.clusters.warm_ready(offer.site, profile.name)
        return now if warm else now + self._leads.lead(offer.site, profile.name, now)
