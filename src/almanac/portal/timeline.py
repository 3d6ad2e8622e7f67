"""Where a booking is on its way, as steps that a page shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from almanac.core.bookings import BookingStatus
from almanac.portal.local_times import LocalTimes
from almanac.services.views import BookingView

WORDS = {
    BookingStatus.OFFERED: "Offered",
    BookingStatus.EXPIRED: "Expired",
    BookingStatus.BOOKED: "Booked",
    BookingStatus.BUILDING: "Getting ready",
    BookingStatus.READY: "Ready",
    BookingStatus.ENDING: "Ending",
    BookingStatus.ENDED: "Ended",
    BookingStatus.CANCELLED: "Cancelled",
    BookingStatus.FAILED: "Failed",
}
"""How a page calls each status."""

LIVE = frozenset(
    {
        BookingStatus.OFFERED,
        BookingStatus.BOOKED,
        BookingStatus.BUILDING,
        BookingStatus.READY,
        BookingStatus.ENDING,
    }
)
"""What isn't over."""

SHOWN = (BookingStatus.BOOKED, BookingStatus.BUILDING, BookingStatus.READY, BookingStatus.ENDED)
_PLACE = {
    BookingStatus.OFFERED: BookingStatus.BOOKED,
    BookingStatus.EXPIRED: BookingStatus.BOOKED,
    BookingStatus.CANCELLED: BookingStatus.BOOKED,
    BookingStatus.FAILED: BookingStatus.BUILDING,
    BookingStatus.ENDING: BookingStatus.ENDED,
}


class Mark(StrEnum):
    """How far a step is."""

    DONE = "done"
    CURRENT = "current"
    TO_COME = "to-come"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way."""

    title: str
    mark: Mark


def steps(view: BookingView) -> list[Step]:
    """The way from booked to ended, with where this booking is on it."""
    here = SHOWN.index(_PLACE.get(view.status, view.status))
    return [
        Step(WORDS[view.status] if number == here else WORDS[status], _mark(view.status, number, here))
        for number, status in enumerate(SHOWN)
    ]


def _mark(status: BookingStatus, number: int, here: int) -> Mark:
    if number < here:
        return Mark.DONE
    if number > here:
        return Mark.TO_COME
    if status in {BookingStatus.FAILED, BookingStatus.CANCELLED, BookingStatus.EXPIRED}:
        return Mark.FAILED
    return Mark.DONE if status is BookingStatus.ENDED else Mark.CURRENT


def sentence(view: BookingView, times: LocalTimes) -> str:
    """What is going on, in one sentence."""
    match view.status:
        case BookingStatus.OFFERED:
            until = f" It is held until {times.moment(view.expires_at)}." if view.expires_at else ""
            return f"Waits for an approval: {view.approval}.{until}" if view.approval else f"An offer.{until}"
        case BookingStatus.BOOKED:
            return f"It will be ready {_by(view, times)}."
        case BookingStatus.BUILDING:
            doing = view.progress.doing if view.progress else "Its build is about to begin"
            return f"{doing[:1].upper()}{doing[1:]}; ready {_by(view, times)}."
        case BookingStatus.READY:
            return f"Yours until {times.moment(view.end)}."
        case BookingStatus.ENDING:
            return "Files and logs are being saved."
        case BookingStatus.FAILED:
            return f"It failed: {view.reason or 'its cluster could not be built'}"
        case _:
            ended = view.ended_at or view.end
            return f"{WORDS[view.status]} {times.moment(ended)}."


def _by(view: BookingView, times: LocalTimes) -> str:
    return times.wait(view.eta or view.start)
