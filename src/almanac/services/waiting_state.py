"""How a request on the waiting list stands, and what its person is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from almanac.core.bookings import BookingTarget
from almanac.core.waiting import MISSES, Outcome, Waiting, in_line
from almanac.services import lifecycle
from almanac.services.caller import Caller, not_found
from almanac.services.requests import spoken
from almanac.storage.rows import EventRow
from almanac.storage.unit import Unit

_TOLD = {
    Outcome.SERVED: "What was waited for is booked.",
    Outcome.WITHDRAWN: "Withdrawn from the waiting list.",
    Outcome.MISSED: f"Left the waiting list: {MISSES} offers were not accepted in time. Ask again to wait again.",
    Outcome.OVER: "Left the waiting list: it can't end in its window any more.",
    Outcome.REFUSED: "Left the waiting list: it was not approved, or its person may not book in the project any more.",
}


@dataclass(frozen=True, slots=True)
class WaitingView:
    """A request that waits, as people see it.

    Attributes:
        start, end: the window in which it may be.
        state: ``waiting``, ``offered``, or how it ended.
        place: in the line, from 1; None once it has left it.
        offer: the offer that it has, or the booking that came of it.
    """

    id: str
    project: str
    owner: str
    profile: str
    seats: int
    duration: timedelta
    start: datetime
    end: datetime
    title: str
    asked_at: datetime
    state: str
    place: int | None
    offer: str | None

    @property
    def duration_s(self) -> int:
        """Its length in seconds."""
        return round(self.duration.total_seconds())


def close(unit: Unit, entry: Waiting, outcome: Outcome, now: datetime, actor: str = lifecycle.ALMANAC) -> Waiting:
    """Take an entry out of the line, and tell its person why."""
    closed = replace(entry, closed_at=now, outcome=outcome)
    unit.waiting.replace(closed)
    tell(unit, closed, now, f"waiting_{outcome}", _TOLD[outcome], actor)
    return closed


def tell(
    unit: Unit,
    entry: Waiting,
    now: datetime,
    kind: str,
    message: str,
    actor: str = lifecycle.ALMANAC,
    booking: str | None = None,
) -> None:
    """An event for the entry's person; ``data`` names them, and the entry."""
    data = {"waiting": entry.id, "person": entry.owner}
    unit.events.append(EventRow(now, kind, actor, message, booking_id=booking, project=entry.project, data=data))


def words(entry: Waiting) -> str:
    """What an entry waits for."""
    seats = f"{entry.seats} seat{'' if entry.seats == 1 else 's'}"
    within = f"{entry.within.start:%Y-%m-%d %H:%M} to {entry.within.end:%Y-%m-%d %H:%M} UTC"
    return f"{entry.profile}, {seats}, {spoken(entry.duration)} within {within}"


def visible_entry(unit: Unit, caller: Caller, waiting_id: str) -> Waiting:
    """The entry, if the caller sees its project.

    Raises:
        NotFound: there is none, or it isn't theirs to see.
    """
    found = unit.waiting.get(waiting_id)
    if found is None or not caller.sees(found.project):
        raise not_found(f"request {waiting_id}")
    return found


def view_of_entry(unit: Unit, entry: Waiting, now: datetime) -> WaitingView:
    """An entry as people see it."""
    line = [each.id for each in in_line(unit.waiting.open())]
    return WaitingView(
        entry.id,
        entry.project,
        entry.owner,
        entry.profile,
        entry.seats,
        entry.duration,
        entry.within.start,
        entry.within.end,
        entry.title,
        entry.asked_at,
        _state_of(unit, entry, now),
        line.index(entry.id) + 1 if entry.id in line else None,
        entry.offer_id,
    )


def _state_of(unit: Unit, entry: Waiting, now: datetime) -> str:
    if entry.outcome is not None:
        return entry.outcome.value
    offer = unit.bookings.get(entry.offer_id) if entry.offer_id else None
    if offer is None or (offer.target is BookingTarget.OFFERED and offer.expires_at and offer.expires_at <= now):
        return "waiting"
    return {BookingTarget.OFFERED: "offered", BookingTarget.CANCELLED: "waiting"}.get(offer.target, "served")
