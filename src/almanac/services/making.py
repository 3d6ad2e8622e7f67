"""Making bookings and offers: choose a site, place, check quotas, write everything; alone or as a step of something larger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.catalogue import Profile, claims_for, name_nodes
from almanac.core.placement import Candidate, Offer, Request, earliest
from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.services import lifecycle, limits
from almanac.services.calendars import Calendars, Change, Joint
from almanac.services.caller import Caller
from almanac.services.carrying import Carrying
from almanac.services.catalogue import Catalogue
from almanac.services.choosing import NO_ROOM, Ask
from almanac.services.finding import Finder
from almanac.services.lookup import new_id
from almanac.services.requests import BookingRequest, check_duration, project_for, start_of
from almanac.services.rules import Rules
from almanac.services.showing import Showing, promise
from almanac.services.views import BookingView
from almanac.services.warm import Taken, WarmPool
from almanac.storage.rows import ClusterRow

_AT_LEAST = timedelta(hours=1)
"""So long what needs an approval is held for it, however soon it starts."""

Opener = Callable[[str, datetime], AbstractContextManager[Change]]


class Maker:
    """Makes bookings and offers."""

    def __init__(
        self,
        catalogue: Catalogue,
        calendars: Calendars,
        warm: WarmPool,
        carrying: Carrying,
        finder: Finder,
        showing: Showing,
        rules: Rules,
    ) -> None:
        self._catalogue = catalogue
        self._calendars = calendars
        self._warm = warm
        self._carrying = carrying
        self._finder = finder
        self._showing = showing
        self._rules = rules

    def make(
        self,
        caller: Caller,
        request: BookingRequest,
        now: datetime,
        *,
        key: str | None = None,
        held_for: timedelta | None = None,
        joint: Joint | None = None,
    ) -> BookingView:
        """Make a booking, or an offer if it is to be held for a time, or if it needs an approval.

        Args:
            caller: who asks.
            request: what, when, for how long.
            now: aware UTC.
            key: the caller's own key of this request.
            held_for: how long an offer is held; None for a booking.
            joint: the transaction of which it is a step; None: it is one of its own.

        Raises:
            NoCapacity: no site has room; ``details['refusal']`` says what is short and what would fit.
            QuotaExceeded, BadWindow, BadRequest, UnknownProfile, NotFound, Forbidden, SiteTrouble: as they say.
        """
        project = project_for(caller, request.project)
        profile = self._catalogue.profile(request.profile)
        check_duration(profile, request.duration)
        start = start_of(request.start, now)
        ask = Ask(profile, request.seats, Window.lasting(start, request.duration), project, request.site, request.data)
        changing, unit = (self._calendars.changing, None) if joint is None else (joint.changing, joint.unit)
        choice = self._finder.choose(ask, now, unit)
        draft = Booking(
            id=new_id(caller.person, key or ""),
            project=project,
            owner=caller.person,
            profile=profile.name,
            site="",
            seats=request.seats,
            workers=profile.workers_for(request.seats),
            window=ask.window,
            claim_window=ask.window,
            target=BookingTarget.CONFIRMED,
            created_at=now,
            title=request.title,
        )
        for site in choice.sites:
            with changing(site, now) as change:
                candidate = self._finder.candidate(site, profile, change.calendar, now)
                if start <= now:
                    # What stands ready or is held already needs none of the site's lead time.
                    claim_window = replace(candidate, lead_time=timedelta(0)).claim_window(ask.window, now)
                    at_once = replace(draft, site=site, claim_window=claim_window)
                    at_once = self._as_offer(at_once, profile, caller, held_for, now)
                    view = self._handed_over(change, at_once, choice.why(site), now)
                    if view is not None:
                        return view
                found = self._place(candidate, request, start, now)
                if found is None:
                    choice = choice.refused(site, NO_ROOM)
                    continue
                found = self._sparing(change, found, profile, now)
                placed = replace(draft, site=site, window=found.window, claim_window=found.claim_window)
                booking = self._as_offer(placed, profile, caller, held_for, now)
                return self._write(change, booking, found, choice.why(site), now)
        raise self._finder.refused(ask, now, unit)

    def _as_offer(
        self, draft: Booking, profile: Profile, caller: Caller, held_for: timedelta | None, now: datetime
    ) -> Booking:
        """What needs an approval is an offer until it has it; a lead's or an operator's own booking has it."""
        nodes = lifecycle.nodes_of(draft)
        why = profile.approve_above.exceeded(draft.seats, draft.window.duration, nodes)
        if why and not caller.leads(draft.project):
            until = min(now + self._rules.approval_held_for, max(draft.window.start, now + _AT_LEAST))
            return replace(draft, target=BookingTarget.OFFERED, expires_at=until, approval=why)
        if held_for is None:
            return draft
        return replace(draft, target=BookingTarget.OFFERED, expires_at=now + held_for)

    @staticmethod
    def _place(candidate: Candidate, request: BookingRequest, start: datetime, now: datetime) -> Offer | None:
        """A place at exactly the asked time (or as soon after it as the site's lead time allows)."""
        soonest = max(start, now + candidate.lead_time)
        return earliest(candidate, Request(request.seats, request.duration), start, now, not_after=soonest)

    def _sparing(self, change: Change, found: Offer, profile: Profile, now: datetime) -> Offer:
        """The same on hosts where nothing has to give way for it, if there are such."""
        giving = change.unit.claims.giving_way(found.site, found.claim_window)
        if not giving:
            return found
        groups = profile.groups(found.seats, self._catalogue.flavors(found.site, now))
        with change.beside(giving) as everything:
            placed = everything.place(groups, found.claim_window)
        return found if placed is None else replace(found, placements=placed)

    def _write(self, change: Change, booking: Booking, found: Offer, why: str, now: datetime) -> BookingView:
        """In one transaction: check quotas, take the place, write everything.

        The checks come before the first write, so a step that is refused has written nothing.
        """
        limits.check(change.unit, booking, now, require_grants=self._rules.require_grants, new=True)
        offered = booking.target is BookingTarget.OFFERED
        holder = Holder.OFFER if offered else Holder.BOOKING
        change.unit.bookings.add(booking)
        claims = claims_for(
            booking.site, found.placements, booking.claim_window, holder, booking.id, booking.expires_at
        )
        change.put(booking.id, claims)
        if offered:
            message = f"{_offered(booking)}{_at_site(change, booking, why)}"
            lifecycle.tell(change.unit, booking, now, "offered", message, booking.owner)
            return self._showing.made(booking, None, now, why)
        nodes, data = name_nodes(found.placements), self._data(booking)
        cluster = lifecycle.confirm(change.unit, booking, nodes, data, now, booking.owner)
        return self._tell(change, booking, cluster, "", why, now)

    def _tell(
        self, change: Change, booking: Booking, cluster: ClusterRow | None, how: str, why: str, now: datetime
    ) -> BookingView:
        """Tell people of a booking just made, and keep what they are promised."""
        view = self._showing.made(booking, cluster, now, why)
        message = f"Booked {booking.profile}{how}{_at_site(change, booking, why)}"
        lifecycle.tell(change.unit, booking, now, "booked", message, booking.owner, promise(view, now))
        return view

    def _handed_over(self, change: Change, booking: Booking, why: str, now: datetime) -> BookingView | None:
        """A booking that begins now on a cluster that stands ready, or on a place that the plan holds; None if none will do."""
        if booking.target is BookingTarget.OFFERED:
            return None
        taken = self._warm.find(change.unit, change.calendar, booking) or self._carrying.find(
            change.unit, change.calendar, booking, change.capacity.limits
        )
        if taken is None:
            return None
        limits.check(change.unit, booking, now, require_grants=self._rules.require_grants, new=True)
        change.unit.bookings.add(booking)
        if isinstance(taken, Taken):
            self._warm.give(change.unit, taken, booking, now)
            change.put(booking.id, taken.claims)
            lifecycle.hold_in_ledger(change.unit, booking, now, booking.owner)
            cluster = change.unit.clusters.for_booking(booking.id)
            return self._tell(change, booking, cluster, " from the warm pool", why, now)
        self._carrying.give(change.unit, taken)
        change.put(booking.id, taken.claims)
        data = self._data(booking)
        cluster = lifecycle.confirm(change.unit, booking, taken.nodes, data, now, booking.owner, taken.lease)
        return self._tell(change, booking, cluster, " in capacity held ahead", why, now)

    def _data(self, booking: Booking) -> tuple[str, ...]:
        return self._catalogue.profile(booking.profile).data


def _offered(booking: Booking) -> str:
    until = f"{booking.expires_at:%Y-%m-%d %H:%M} UTC"
    if booking.approval:
        return f"Held until {until} for the approval of a lead of {booking.project} or an operator: {booking.approval}"
    return f"Offered until {until}"


def _at_site(change: Change, booking: Booking, why: str) -> str:
    """Where a booking is, why there, and whether that is reserved; the end of a sentence, and more."""
    best_effort = "" if change.capacity.reserved else " Best effort, not reserved."
    return f" at {booking.site}{f': {why}' if why else ''}.{best_effort}"
