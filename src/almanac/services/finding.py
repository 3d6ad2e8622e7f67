"""When and where a profile could be had, and why it can't be had as asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from almanac.core import placement
from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile
from almanac.core.errors import NoCapacity
from almanac.core.placement import Candidate, Request
from almanac.core.refusals import Refusal
from almanac.core.windows import Window
from almanac.services.calendars import Calendars
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.leads import Leads
from almanac.services.requests import AvailabilityQuery, BookingRequest, check_duration, start_of
from almanac.services.views import AvailabilityView, OfferView

_LOOK_AHEAD = timedelta(days=28)


class Finder:
    """Looks at the calendars; writes nothing."""

    def __init__(self, catalogue: Catalogue, calendars: Calendars, leads: Leads) -> None:
        self._catalogue = catalogue
        self._calendars = calendars
        self._leads = leads

    def candidate(self, site: str, profile: Profile, calendar: Calendar, now: datetime) -> Candidate:
        """A site as a candidate for a profile, with its limits and the measured build lead."""
        limits = self._catalogue.limits(site, now)
        flavors = self._catalogue.flavors(site, now)
        return Candidate(
            site,
            calendar,
            lambda seats: profile.groups(seats, flavors),
            before=self._leads.lead(site, profile.name, now),
            after=limits.teardown,
            lead_time=limits.lead_time,
            minimum_lease=limits.minimum_lease,
        )

    def availability(self, _caller: Caller, query: AvailabilityQuery, now: datetime) -> AvailabilityView:
        """The next windows at full size, the largest size now, and what is short now if it doesn't fit now.

        Raises:
            UnknownProfile, BadWindow, BadRequest, NotFound, SiteTrouble: as they say.
        """
        profile = self._catalogue.profile(query.profile)
        check_duration(profile, query.duration)
        within = query.within or Window.lasting(now, _LOOK_AHEAD)
        start = max(now, start_of(within.start, now) if within.start > now else now)
        request = Request(query.seats, query.duration)
        sites = self._catalogue.offering(profile, now, query.site)
        with self._candidates(profile, sites, now) as candidates:
            candidates[0].groups(query.seats)  # checks the number of seats
            searched = Window(start, max(within.end, start + timedelta(seconds=1)))
            found = placement.offers(candidates, request, searched, now, query.limit)
            whole = Request(profile.max_seats, query.duration)
            largest = max(placement.largest(each, whole, start, now) for each in candidates)
            at_start = placement.offer_at(candidates, request, start, now)
        offers = tuple(self._offer(offer, profile, now) for offer in found)
        refusal = at_start.to_json() if isinstance(at_start, Refusal) else None
        return AvailabilityView(offers, largest, refusal)

    def refused(self, profile: Profile, request: BookingRequest, start: datetime, now: datetime) -> NoCapacity:
        """The error that says what is short, when, and what would fit instead; other sites are looked at too."""
        sites = self._catalogue.offering(profile, now, request.site)
        everywhere = self._catalogue.offering(profile, now)
        others = [site for site in everywhere if site not in sites]
        with self._candidates(profile, sites, now) as asked, self._candidates(profile, others, now) as elsewhere:
            answer = placement.offer_at(asked, Request(request.seats, request.duration), start, now, elsewhere)
        if not isinstance(answer, Refusal):  # somebody cancelled between the two looks
            return NoCapacity("It was full a moment ago, and there is room now.", hint="Ask again.")
        hint = " ".join(alternative.message for alternative in answer.alternatives)
        return NoCapacity(
            answer.message, hint=hint or "See almanac sites for what there is.", details={"refusal": answer.to_json()}
        )

    @contextmanager
    def _candidates(self, profile: Profile, sites: Sequence[str], now: datetime) -> Iterator[list[Candidate]]:
        """The sites as candidates, in the order of preference; their calendars don't change meanwhile."""
        with ExitStack() as stack:
            # Locks are taken in the order of names, so that two such looks can't wait for each other.
            calendars = {site: stack.enter_context(self._calendars.looking(site, now)) for site in sorted(sites)}
            yield [self.candidate(site, profile, calendars[site], now) for site in sites]

    def _offer(self, offer: placement.Offer, profile: Profile, now: datetime) -> OfferView:
        return OfferView(
            offer.site,
            offer.window.start,
            offer.window.end,
            offer.seats,
            profile.workers_for(offer.seats),
            self._catalogue.reserved(offer.site, now),
        )
