"""Book, offer, accept, cancel, release, and look at bookings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from almanac.core.bookings import Booking, BookingStatus, BookingTarget
from almanac.core.catalogue import name_nodes, placements_of
from almanac.core.errors import AlmanacError, Conflict, StaleOffer, WrongState
from almanac.core.resources import Holder
from almanac.services import lifecycle, limits
from almanac.services.calendars import Calendars, Change
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.lookup import ENDABLE, changeable, fresh, new_id, status_of, visible
from almanac.services.making import Maker
from almanac.services.requests import BookingFilter, BookingRequest, spoken
from almanac.services.rules import Rules
from almanac.services.showing import Showing, promise
from almanac.services.views import BookingView
from almanac.services.wishes import Wishes
from almanac.storage.database import Database
from almanac.storage.unit import Unit

_PAGE = 100


class Bookings:
    """The booking desk. ``notify`` wakes the loop."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        maker: Maker,
        showing: Showing,
        wishes: Wishes,
        rules: Rules,
        notify: Callable[[], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._maker = maker
        self._showing = showing
        self._wishes = wishes
        self._rules = rules
        self._notify = notify

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
        with self._wishes.noting(caller, request, now):
            made = self._repeated(caller, key, now) or self._made(caller, request, now, key)
        self._notify()
        return made

    def _made(self, caller: Caller, request: BookingRequest, now: datetime, key: str | None) -> BookingView:
        try:
            return self._maker.make(caller, request, now, key=key)
        except AlmanacError:
            made = self._repeated(caller, key, now)
            if made is None:  # otherwise it met what its own twin, sent at the same time, had just taken
                raise
            return made

    def offer(self, caller: Caller, request: BookingRequest, now: datetime) -> BookingView:
        """Hold a concrete answer to a request until it expires; ``accept`` makes it a booking.

        Raises:
            NoCapacity and the rest: as ``book``.
        """
        with self._wishes.noting(caller, request, now):
            return self._maker.make(caller, request, now, held_for=self._rules.offer_held_for)

    def accept(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """Make an offer a booking.

        Raises:
            StaleOffer: it has expired, or was accepted before.
            WrongState: it waits for an approval instead.
            QuotaExceeded: the project's grant doesn't cover it any more.
            NotFound, Forbidden: it isn't the caller's.
        """
        offer = changeable(self._database, caller, booking_id)
        with self._calendars.changing(offer.site, now) as change:
            found = open_offer(change.unit, booking_id, now)
            if found.approval:
                raise WrongState(
                    f"{booking_id} waits for the approval of a lead of {found.project} or an operator: {found.approval}.",
                    hint=f"They give it with: almanac approve {booking_id}",
                )
            booking = self.confirm(change, found, now, caller.person)
            view = self._showing.one(change.unit, booking, now)
            told = promise(view, now)
            lifecycle.tell(change.unit, booking, now, "accepted", "The offer was accepted.", caller.person, told)
        self._notify()
        return view

    def confirm(self, change: Change, offer: Booking, now: datetime, actor: str) -> Booking:
        """Make a standing offer a booking, in a transaction of the caller's, who tells people.

        Raises:
            QuotaExceeded: the project's grant doesn't cover it any more.
        """
        booking = replace(offer, target=BookingTarget.CONFIRMED, expires_at=None)
        # An offer holds no node-hours: others may have taken them since.
        limits.check(change.unit, booking, now, require_grants=self._rules.require_grants, new=False)
        held = change.unit.claims.for_holder(offer.id)
        claims = [replace(claim, holder=Holder.BOOKING, expires_at=None) for claim in held]
        change.unit.bookings.replace(booking)
        change.unit.claims.replace(offer.id, claims)
        change.reload(offer.id)
        nodes = name_nodes(placements_of(claims, self._catalogue.flavors(booking.site, now)))
        data = self._catalogue.profile_or_plain(booking.profile).data
        lifecycle.confirm(change.unit, booking, nodes, data, now, actor)
        return booking

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

    # --- ending ----------------------------------------------------------------------------------------------------------

    def cancel(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """Give up a booking that hasn't begun (or an offer); everything is refunded.

        Raises:
            WrongState: it has begun or is over.
            NotFound, Forbidden: it isn't the caller's.
        """
        asked = changeable(self._database, caller, booking_id)
        with self._calendars.changing(asked.site, now) as change:
            booking = self.cancel_in(change, booking_id, now, caller.person)
            view = self._showing.one(change.unit, booking, now)
        self._notify()
        return view

    def cancel_in(self, change: Change, booking_id: str, now: datetime, actor: str) -> Booking:
        """Cancel in a transaction of the caller's, which may change the booking; again is no error.

        Raises:
            WrongState: it has begun or is over.
        """
        booking = fresh(change.unit, booking_id)
        state = status_of(change.unit, booking, now)
        if state is BookingStatus.CANCELLED:
            return booking
        if state is BookingStatus.OFFERED:
            booking = withdraw(change, booking, now)
        elif booking.target is BookingTarget.CONFIRMED and now < booking.window.start:
            booking = self._end(change, booking, BookingTarget.CANCELLED, actor, now, free=True)
        else:
            hint = f"almanac release {booking_id}" if state in ENDABLE else f"almanac show {booking_id}"
            raise WrongState(f"{booking_id} can't be cancelled: it is {state}.", hint=hint)
        lifecycle.tell(change.unit, booking, now, "cancelled", "Cancelled; everything was refunded.", actor)
        return booking

    def release(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """End a booking that has begun, early; what wasn't used is refunded. Files are saved first.

        One whose cluster is built already is cancelled if it hasn't begun: people may use it by then.

        Raises:
            WrongState: it is still to come (then cancel it) or was never confirmed.
            NotFound, Forbidden: it isn't the caller's.
        """
        asked = changeable(self._database, caller, booking_id)
        with self._calendars.changing(asked.site, now) as change:
            booking = fresh(change.unit, booking_id)
            state = status_of(change.unit, booking, now)
            if state in {BookingStatus.ENDING, BookingStatus.ENDED, BookingStatus.CANCELLED}:
                return self._showing.one(change.unit, booking, now)
            to_come = now < booking.window.start
            if state not in ENDABLE or (to_come and state is BookingStatus.BOOKED):
                hint = f"almanac cancel {booking_id}" if to_come else f"almanac show {booking_id}"
                raise WrongState(f"{booking_id} can't be released: it is {state}.", hint=hint)
            if to_come:
                booking = self.cancel_in(change, booking_id, now, caller.person)
            else:
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


def open_offer(unit: Unit, booking_id: str, now: datetime) -> Booking:
    """An offer that stands, inside a write transaction.

    Raises:
        StaleOffer: it has expired, or was accepted or withdrawn.
    """
    found = fresh(unit, booking_id)
    if found.target is not BookingTarget.OFFERED:
        raise StaleOffer(f"{booking_id} was accepted or withdrawn already.", hint=f"almanac show {booking_id}")
    if found.expires_at is not None and found.expires_at <= now:
        again = f"almanac book {found.profile} --for {spoken(found.window.duration).replace(' ', '')}"
        raise StaleOffer(f"The offer {booking_id} expired at {found.expires_at:%H:%M} UTC.", hint=f"Ask again: {again}")
    return found


def withdraw(change: Change, offer: Booking, now: datetime) -> Booking:
    """Take back a standing offer; whoever does it tells people."""
    change.drop(offer.id)
    gone = replace(offer, target=BookingTarget.CANCELLED, ended_at=now)
    change.unit.bookings.replace(gone)
    return gone
