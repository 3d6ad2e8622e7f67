"""Approvals: what is above a profile's limits is held as an offer until a lead or an operator has decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from almanac.core.bookings import Booking
from almanac.core.errors import WrongState
from almanac.services import lifecycle
from almanac.services.bookings import Bookings, open_offer, withdraw
from almanac.services.calendars import Calendars, Change
from almanac.services.caller import Caller
from almanac.services.lookup import visible
from almanac.services.showing import Showing, promise
from almanac.services.views import BookingView
from almanac.storage.database import Database


class Approvals:
    """Decides on bookings that wait for it. ``notify`` wakes the loop."""

    def __init__(
        self,
        database: Database,
        calendars: Calendars,
        bookings: Bookings,
        showing: Showing,
        notify: Callable[[], None],
    ) -> None:
        self._database = database
        self._calendars = calendars
        self._bookings = bookings
        self._showing = showing
        self._notify = notify

    def pending(self, caller: Caller, now: datetime) -> list[BookingView]:
        """What waits for the caller's decision, and what of their own waits for one; the first to expire first."""
        with self._database.read() as unit:
            waiting = unit.bookings.awaiting_approval(now)
            return self._showing.many(unit, [each for each in waiting if caller.owns(each.project, each.owner)], now)

    def to_decide(self, caller: Caller, now: datetime) -> int:
        """How many wait for the caller's decision."""
        with self._database.read() as unit:
            return sum(caller.leads(each.project) for each in unit.bookings.awaiting_approval(now))

    def approve(self, caller: Caller, booking_id: str, now: datetime) -> BookingView:
        """Make it a booking.

        Raises:
            StaleOffer: it has expired, or was decided before.
            WrongState: it doesn't wait for an approval.
            QuotaExceeded: the project's grant doesn't cover it any more.
            NotFound, Forbidden: it isn't the caller's to decide.
        """
        with self._deciding(caller, booking_id, now) as (change, offer):
            booking = self._bookings.confirm(change, offer, now, caller.person)
            message = f"Approved by {caller.person}: {offer.approval}."
            view = self._showing.one(change.unit, booking, now)
            lifecycle.tell(change.unit, booking, now, "approved", message, caller.person, promise(view, now))
        self._notify()
        return view

    def decline(self, caller: Caller, booking_id: str, reason: str, now: datetime) -> BookingView:
        """Give its capacity back, and tell its person why.

        Raises:
            StaleOffer, WrongState, NotFound, Forbidden: as ``approve``.
        """
        with self._deciding(caller, booking_id, now) as (change, offer):
            booking = withdraw(change, offer, now)
            message = f"Declined by {caller.person}: {reason or 'no reason was given'}."
            lifecycle.tell(change.unit, booking, now, "declined", message, caller.person)
            view = self._showing.one(change.unit, booking, now)
        self._notify()
        return view

    @contextmanager
    def _deciding(self, caller: Caller, booking_id: str, now: datetime) -> Iterator[tuple[Change, Booking]]:
        with self._database.read() as unit:
            asked = visible(unit, caller, booking_id)
        caller.can_lead(asked.project)
        with self._calendars.changing(asked.site, now) as change:
            offer = open_offer(change.unit, booking_id, now)
            if not offer.approval:
                raise WrongState(
                    f"{booking_id} needs no approval.", hint=f"Its person takes it with: almanac accept {booking_id}"
                )
            yield change, offer
