"""Book, offer, accept, cancel, release, and look at bookings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from almanac.core.bookings import Booking, BookingStatus, BookingTarget
from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile, claims_for, name_nodes, placements_of
from almanac.core.errors import AlmanacError, Conflict, StaleOffer, WrongState
from almanac.core.placement import Offer, Request, earliest
from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.services import lifecycle, limits
from almanac.services.calendars import Calendars, Change
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.choosing import NO_ROOM, Ask
from almanac.services.finding import Finder
from almanac.services.leads import Leads
from almanac.services.lookup import ENDABLE, changeable, fresh, new_id, status_of, visible
from almanac.services.requests import BookingFilter, BookingRequest, check_duration, project_for, spoken, start_of
from almanac.services.rules import Rules
from almanac.services.showing import Showing
from almanac.services.views import BookingView
from almanac.services.warm import WarmPool
from almanac.storage.database import Database

_PAGE = 100


class Bookings:
    """The booking desk. ``notify`` wakes the loop."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        warm: WarmPool,
        finder: Finder,
        leads: Leads,
        rules: Rules,
        notify: Callable[[], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._warm = warm
        self._finder = finder
        self._rules = rules
        self._notify = notify
        self._showing = Showing(catalogue, leads)

    # --- making ----------------------------------------------------------------------------------------------------------

    def book(self, caller: Caller, request: BookingRequest, now: datetime, key: str | None = None) -> BookingView:
        """Book at once.

        Args:
            caller: who books.
            request: what, when, for how long.
            now: aware UTC.
            key: the caller's own key of this request; a repetition with the same key answers with the first one's booking.

        Raises:
            NoCapacity: no site has room; ``details['refusal']`` says what is short and what would fit.
            QuotaExceeded, BadWindow, BadRequest, UnknownProfile, NotFound, Forbidden, SiteTrouble: as they say.
        """
        made = self._repeated(caller, key, now)
        if made is None:
            try:
                made = self._make(caller, request, now, key, offer=False)
            except AlmanacError:
                made = self._repeated(caller, key, now)
                if made is None:  # otherwise it met what its own twin, sent at the same time, had just taken
                    raise
        self._notify()
        return made

    def offer(self, caller: Caller, request: BookingRequest, now: datetime) -> BookingView:
        """Hold a concrete answer to a request until it expires; ``accept`` makes it a booking.

        Raises:
            NoCapacity and the rest: as ``book``.
        """
        return self._make(caller, request, now, None, offer=True)

    def accept(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """Make an offer a booking.

        Raises:
            StaleOffer: it has expired, or was accepted before.
            QuotaExceeded: the project's grant doesn't cover it any more.
            NotFound, Forbidden: it isn't the caller's.
        """
        offer = changeable(self._database, caller, booking_id)
        with self._calendars.changing(offer.site, now) as change:
            found = fresh(change.unit, booking_id)
            if found.target is not BookingTarget.OFFERED:
                raise StaleOffer(f"{booking_id} was accepted or withdrawn already.", hint=f"almanac show {booking_id}")
            if found.expires_at is not None and found.expires_at <= now:
                again = f"almanac book {found.profile} --for {spoken(found.window.duration).replace(' ', '')}"
                raise StaleOffer(
                    f"The offer {booking_id} expired at {found.expires_at:%H:%M} UTC.", hint=f"Ask again: {again}"
                )
            booking = replace(found, target=BookingTarget.CONFIRMED, expires_at=None)
            # An offer holds no node-hours: others may have taken them since.
            limits.check(change.unit, booking, now, require_grants=self._rules.require_grants, new=False)
            held = change.unit.claims.for_holder(booking_id)
            claims = [replace(claim, holder=Holder.BOOKING, expires_at=None) for claim in held]
            change.unit.bookings.replace(booking)
            change.unit.claims.replace(booking_id, claims)
            change.reload(booking_id)
            nodes = name_nodes(placements_of(claims, self._catalogue.flavors(booking.site, now)))
            lifecycle.confirm(change.unit, booking, nodes, now, caller.person)
            lifecycle.tell(change.unit, booking, now, "accepted", "The offer was accepted.", caller.person)
            view = self._showing.one(change.unit, booking, now)
        self._notify()
        return view

    def _repeated(self, caller: Caller, key: str | None, now: datetime) -> BookingView | None:
        if key is None:
            return None
        with self._database.read() as unit:
            booking = unit.bookings.get(new_id(caller.person, key))
            if booking is not None and not caller.sees(booking.project):
                raise Conflict(
                    "This key belongs to another booking of yours.", hint="Send a new key with each request."
                )
            return self._showing.one(unit, booking, now) if booking is not None else None

    def _make(
        self, caller: Caller, request: BookingRequest, now: datetime, key: str | None, *, offer: bool
    ) -> BookingView:
        project = project_for(caller, request.project)
        profile = self._catalogue.profile(request.profile)
        check_duration(profile, request.duration)
        start = start_of(request.start, now)
        window = Window.lasting(start, request.duration)
        ask = Ask(profile, request.seats, window, project, request.site, request.data)
        choice = self._finder.choose(ask, now)
        for site in choice.sites:
            with self._calendars.changing(site, now) as change:
                found = self._place(change.calendar, site, profile, request, start, now)
                if found is None:
                    choice = choice.refused(site, NO_ROOM)
                    continue
                booking = Booking(
                    id=new_id(caller.person, key or ""),
                    project=project,
                    owner=caller.person,
                    profile=profile.name,
                    site=site,
                    seats=request.seats,
                    workers=profile.workers_for(request.seats),
                    window=found.window,
                    claim_window=found.claim_window,
                    target=BookingTarget.OFFERED if offer else BookingTarget.CONFIRMED,
                    created_at=now,
                    expires_at=now + self._rules.offer_held_for if offer else None,
                    title=request.title,
                )
                return self._write(change, booking, found, choice.why(site), now)
        raise self._finder.refused(ask, now)

    def _place(
        self, calendar: Calendar, site: str, profile: Profile, request: BookingRequest, start: datetime, now: datetime
    ) -> Offer | None:
        """A place at exactly the asked time (or as soon after it as the site's lead time allows)."""
        candidate = self._finder.candidate(site, profile, calendar, now)
        soonest = max(start, now + candidate.lead_time)
        return earliest(candidate, Request(request.seats, request.duration), start, now, not_after=soonest)

    def _write(self, change: Change, booking: Booking, found: Offer, why: str, now: datetime) -> BookingView:
        """In one transaction: check quotas, take a warm cluster or the place, write everything."""
        limits.check(change.unit, booking, now, require_grants=self._rules.require_grants, new=True)
        offered = booking.target is BookingTarget.OFFERED
        if not offered and booking.window.start <= now and self._from_warm_pool(change, booking, why, now):
            cluster = change.unit.clusters.for_booking(booking.id)
            return self._showing.made(booking, cluster, now, why)
        holder = Holder.OFFER if offered else Holder.BOOKING
        change.unit.bookings.add(booking)
        claims = claims_for(
            booking.site, found.placements, booking.claim_window, holder, booking.id, booking.expires_at
        )
        change.put(booking.id, claims)
        if offered:
            message = f"Offered until {booking.expires_at:%H:%M} UTC{_at_site(change, booking, why)}"
            lifecycle.tell(change.unit, booking, now, "offered", message, booking.owner)
            return self._showing.made(booking, None, now, why)
        cluster = lifecycle.confirm(change.unit, booking, name_nodes(found.placements), now, booking.owner)
        message = f"Booked {booking.profile}{_at_site(change, booking, why)}"
        lifecycle.tell(change.unit, booking, now, "booked", message, booking.owner)
        return self._showing.made(booking, cluster, now, why)

    def _from_warm_pool(self, change: Change, booking: Booking, why: str, now: datetime) -> bool:
        taken = self._warm.find(change.unit, change.calendar, booking)
        if taken is None:
            return False
        change.unit.bookings.add(booking)
        self._warm.give(change.unit, taken, booking, now)
        change.put(booking.id, taken.claims)
        lifecycle.hold_in_ledger(change.unit, booking, now, booking.owner)
        message = f"Booked {booking.profile} from the warm pool{_at_site(change, booking, why)}"
        lifecycle.tell(change.unit, booking, now, "booked", message, booking.owner)
        return True

    # --- ending ----------------------------------------------------------------------------------------------------------

    def cancel(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """Give up a booking that hasn't begun (or an offer); everything is refunded.

        Raises:
            WrongState: it has begun or is over.
            NotFound, Forbidden: it isn't the caller's.
        """
        asked = changeable(self._database, caller, booking_id)
        with self._calendars.changing(asked.site, now) as change:
            booking = fresh(change.unit, booking_id)
            state = status_of(change.unit, booking, now)
            if state is BookingStatus.CANCELLED:
                return self._showing.one(change.unit, booking, now)
            if state is BookingStatus.OFFERED:
                change.drop(booking_id)
                booking = replace(booking, target=BookingTarget.CANCELLED, ended_at=now)
                change.unit.bookings.replace(booking)
            elif booking.target is BookingTarget.CONFIRMED and now < booking.window.start:
                booking = self._end(change, booking, BookingTarget.CANCELLED, caller.person, now, free=True)
            else:
                hint = f"almanac release {booking_id}" if state in ENDABLE else f"almanac show {booking_id}"
                raise WrongState(f"{booking_id} can't be cancelled: it is {state}.", hint=hint)
            lifecycle.tell(change.unit, booking, now, "cancelled", "Cancelled; everything was refunded.", caller.person)
            view = self._showing.one(change.unit, booking, now)
        self._notify()
        return view

    def release(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """End a booking that has begun, early; what wasn't used is refunded. Files are saved first.

        Raises:
            WrongState: it hasn't begun (then cancel it) or was never confirmed.
            NotFound, Forbidden: it isn't the caller's.
        """
        asked = changeable(self._database, caller, booking_id)
        with self._calendars.changing(asked.site, now) as change:
            booking = fresh(change.unit, booking_id)
            state = status_of(change.unit, booking, now)
            if state in {BookingStatus.ENDING, BookingStatus.ENDED}:
                return self._showing.one(change.unit, booking, now)
            if state not in ENDABLE or now < booking.window.start:
                hint = f"almanac cancel {booking_id}" if now < booking.window.start else f"almanac show {booking_id}"
                raise WrongState(f"{booking_id} can't be released: it is {state}.", hint=hint)
            booking = self._end(change, booking, BookingTarget.RELEASED, caller.person, now)
            message = "Released; what was not used is refunded."
            lifecycle.tell(change.unit, booking, now, "released", message, caller.person)
            view = self._showing.one(change.unit, booking, now)
        self._notify()
        return view

    def _end(
        self, change: Change, booking: Booking, target: BookingTarget, actor: str, now: datetime, *, free: bool = False
    ) -> Booking:
        teardown = change.capacity.limits.teardown
        ended = lifecycle.end(change.unit, booking, now, target=target, teardown=teardown, free=free, actor=actor)
        change.reload(booking.id)
        return ended

    # --- looking ---------------------------------------------------------------------------------------------------------

    def get(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """One booking.

        Raises:
            NotFound: there is none, or the caller doesn't see its project.
        """
        with self._database.read() as unit:
            return self._showing.one(unit, visible(unit, caller, booking_id), now)

    def list(self, caller: Caller, wanted: BookingFilter, now: datetime) -> tuple[list[BookingView], str | None]:
        """A page of the bookings that the caller sees, by start, and the id to go on after (None: that was all).

        Raises:
            NotFound: a project that the caller doesn't see.
        """
        if wanted.project is not None:
            caller.can_see(wanted.project)
        found: list[BookingView] = []
        after = wanted.after
        if after is not None:
            with self._database.read() as unit:
                visible(unit, caller, after)
        while True:
            with self._database.read() as unit:
                page = unit.bookings.list(
                    owner=caller.person if wanted.mine else None,
                    project=wanted.project,
                    site=wanted.site,
                    projects=caller.projects,
                    overlapping=wanted.within,
                    after_id=after,
                    limit=max(_PAGE, wanted.limit + 1),
                )
                views = self._showing.many(unit, page, now)
            found += [view for view in views if not wanted.statuses or view.status in wanted.statuses]
            if len(found) > wanted.limit:
                return found[: wanted.limit], found[wanted.limit - 1].id
            if len(page) < max(_PAGE, wanted.limit + 1):
                return found, None
            after = page[-1].id


def _at_site(change: Change, booking: Booking, why: str) -> str:
    """Where a booking is, why there, and whether that is reserved; the end of a sentence, and more."""
    best_effort = "" if change.capacity.reserved else " Best effort, not reserved."
    return f" at {booking.site}{f': {why}' if why else ''}.{best_effort}"
