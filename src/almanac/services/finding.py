"""When and where a profile could be had, and why it can't be had as asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from almanac.core import placement
from almanac.core.capacity import Calendar, StartRange
from almanac.core.catalogue import Profile
from almanac.core.choosing import Choice
from almanac.core.errors import NoCapacity, QuotaExceeded
from almanac.core.placement import Candidate, Request
from almanac.core.refusals import Refusal
from almanac.core.windows import Window
from almanac.services.calendars import Calendars
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.choosing import Ask, Chooser
from almanac.services.leads import Leads
from almanac.services.requests import AvailabilityQuery, check_duration, project_for, start_of
from almanac.services.views import AvailabilityView, OfferView
from almanac.storage.unit import Unit

_LOOK_AHEAD = timedelta(days=28)


class Finder:
    """Looks at the calendars; writes nothing."""

    def __init__(self, catalogue: Catalogue, calendars: Calendars, leads: Leads, chooser: Chooser) -> None:
        self._catalogue = catalogue
        self._calendars = calendars
        self._leads = leads
        self._chooser = chooser

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

    def choose(self, ask: Ask, now: datetime, unit: Unit | None = None) -> Choice:
        """The sites that something could go to, and what speaks for each; see ``Chooser.choose``."""
        return self._chooser.choose(ask, now, unit)

    def availability(self, caller: Caller, query: AvailabilityQuery, now: datetime) -> AvailabilityView:
        """The next windows at full size, the largest size now, and what is short now if it doesn't fit now.

        Raises:
            UnknownProfile, BadWindow, BadRequest, NotFound, NotOffered, QuotaExceeded, SiteTrouble: as they say.
        """
        profile = self._catalogue.profile(query.profile)
        check_duration(profile, query.duration)
        within = query.within or Window.lasting(now, _LOOK_AHEAD)
        start = max(now, start_of(within.start, now) if within.start > now else now)
        request = Request(query.seats, query.duration)
        window, project = Window.lasting(start, query.duration), _payer(caller, query.project)
        choice = self._chooser.choose(Ask(profile, query.seats, window, project, query.site, query.data), now)
        with self._candidates(profile, choice.sites, now) as candidates:
            searched = Window(start, max(within.end, start + timedelta(seconds=1)))
            found = placement.offers(candidates, request, searched, now, query.limit)
            whole = Request(profile.max_seats, query.duration)
            largest = max(placement.largest(each, whole, start, now) for each in candidates)
            at_start = placement.offer_at(candidates, request, start, now)
        offers = tuple(self._offer(offer, profile, choice, now) for offer in found)
        refusal = at_start.to_json() if isinstance(at_start, Refusal) else None
        return AvailabilityView(offers, largest, refusal)

    def starts(self, caller: Caller, query: AvailabilityQuery, now: datetime) -> dict[str, tuple[StartRange, ...]]:
        """By site, every start from which it would fit; ``query.within`` says where to look, its limit isn't heeded.

        Raises:
            UnknownProfile, BadWindow, BadRequest, NotFound, NotOffered, QuotaExceeded, SiteTrouble: as they say.
        """
        profile = self._catalogue.profile(query.profile)
        check_duration(profile, query.duration)
        within = query.within or Window.lasting(now, _LOOK_AHEAD)
        if within.end <= now:
            return {}
        window, project = Window.lasting(max(now, within.start), query.duration), _payer(caller, query.project)
        choice = self._chooser.choose(Ask(profile, query.seats, window, project, query.site, query.data), now)
        request, searched = Request(query.seats, query.duration), Window(window.start, within.end)
        with self._candidates(profile, choice.sites, now) as candidates:
            return {each.site: placement.starts(each, request, searched, now) for each in candidates}

    def refused(self, ask: Ask, now: datetime, unit: Unit | None = None) -> NoCapacity:
        """The error that says what is short, when, and what would fit instead; other sites are looked at too."""
        request = Request(ask.seats, ask.window.duration)
        sites = self._chooser.choose(ask, now, unit).sites
        others = [site for site in self._elsewhere(ask, now, unit) if site not in sites]
        # All at once, as locks are taken in the order of names.
        with self._candidates(ask.profile, (*sites, *others), now) as candidates:
            asked, elsewhere = candidates[: len(sites)], candidates[len(sites) :]
            answer = placement.offer_at(asked, request, ask.window.start, now, elsewhere)
        if not isinstance(answer, Refusal):  # somebody cancelled between the two looks
            return NoCapacity("It was full a moment ago, and there is room now.", hint="Ask again.")
        hint = " ".join(alternative.message for alternative in answer.alternatives)
        return NoCapacity(
            answer.message, hint=hint or "See almanac sites for what there is.", details={"refusal": answer.to_json()}
        )

    def places(self, ask: Ask, within: Window, now: datetime, limit: int) -> tuple[placement.Offer, ...]:
        """The first places inside a window, over all sites, the earliest first; the ask's own window isn't looked at.

        Raises:
            NotFound, NotOffered, QuotaExceeded, BadRequest, SiteTrouble: as ``choose``.
        """
        sites = self._chooser.choose(ask, now).sites
        with self._candidates(ask.profile, sites, now) as candidates:
            return placement.offers(candidates, Request(ask.seats, ask.window.duration), within, now, limit)

    def could_ever(self, ask: Ask, now: datetime) -> bool:
        """Whether any site that could take it is large enough with nothing booked.

        Raises:
            NotFound, NotOffered, QuotaExceeded, BadRequest, SiteTrouble: as ``choose``.
        """
        sites = self._chooser.choose(ask, now).sites
        with self._candidates(ask.profile, sites, now) as candidates:
            short = [each.calendar.shortfall(each.groups(ask.seats), ask.window) for each in candidates]
        return any(shortfall is None or shortfall.ever for shortfall in short)

    def _elsewhere(self, ask: Ask, now: datetime, unit: Unit | None) -> tuple[str, ...]:
        """Where it could go without the wish."""
        try:
            return self._chooser.choose(replace(ask, wish=None), now, unit).sites
        except QuotaExceeded:
            return ()

    @contextmanager
    def _candidates(self, profile: Profile, sites: Sequence[str], now: datetime) -> Iterator[list[Candidate]]:
        """The sites as candidates, in the order of preference; their calendars don't change meanwhile."""
        with ExitStack() as stack:
            # Locks are taken in the order of names, so that two such looks can't wait for each other.
            calendars = {site: stack.enter_context(self._calendars.looking(site, now)) for site in sorted(sites)}
            yield [self.candidate(site, profile, calendars[site], now) for site in sites]

    def _offer(self, offer: placement.Offer, profile: Profile, choice: Choice, now: datetime) -> OfferView:
        return OfferView(
            offer.site,
            offer.window.start,
            offer.window.end,
            offer.seats,
            profile.workers_for(offer.seats),
            self._catalogue.reserved(offer.site, now),
            choice.price(offer.site),
            choice.why(offer.site),
        )


def _payer(caller: Caller, asked: str | None) -> str | None:
    """The project whose grants count: the one asked for, else the caller's only one."""
    if asked is not None:
        return project_for(caller, asked)
    return next(iter(caller.roles)) if len(caller.roles) == 1 else None
