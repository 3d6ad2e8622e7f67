"""What a person asked for, and what follows from it and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from almanac.core.windows import Window


class BookingTarget(StrEnum):
    """Intent. Only people and rules write it."""

    OFFERED = "offered"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    RELEASED = "released"


class Phase(StrEnum):
    """Fact, for leases and clusters alike. Only the loop writes it.

    ABSENT: nothing made yet. STARTING: some of it may exist. READY: usable (a lease: held).
    STOPPING: being ended. GONE: nothing left at the site. FAILED: a permanent error; what was made is being ended or gone.
    """

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    GONE = "gone"
    FAILED = "failed"


class BookingStatus(StrEnum):
    """What people see. Derived from target, cluster phase and time; never stored."""

    OFFERED = "offered"
    EXPIRED = "expired"
    BOOKED = "booked"
    BUILDING = "building"
    READY = "ready"
    ENDING = "ending"
    ENDED = "ended"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking (or, while ``target`` is OFFERED, an offer held until ``expires_at``).

    Attributes:
        id: such as ``b-7k3m9q2x``.
        window: what the person asked for.
        claim_window: the window widened by build and teardown; what is really taken.
        workers: Spark workers, fixed when booked or resized.
        ended_at: when it really ended: released, cancelled or run out; None before.
        approval: why it needs a lead's or an operator's approval; while it is an offer it waits for that. Empty: it needs none.
    """

    id: str
    project: str
    owner: str
    profile: str
    site: str
    seats: int
    workers: int
    window: Window
    claim_window: Window
    target: BookingTarget
    created_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    title: str = ""
    approval: str = ""


def status(booking: Booking, phase: Phase | None, now: datetime) -> BookingStatus:
    """The status that people see.

    Args:
        booking: the booking.
        phase: its cluster's phase; None while it has no cluster.
        now: aware UTC.
    """
    if booking.target is BookingTarget.OFFERED:
        expired = booking.expires_at is not None and booking.expires_at <= now
        return BookingStatus.EXPIRED if expired else BookingStatus.OFFERED
    if booking.target is BookingTarget.CANCELLED:
        return BookingStatus.CANCELLED
    if phase is Phase.FAILED:
        return BookingStatus.FAILED
    over = booking.target is BookingTarget.RELEASED or booking.window.end <= now
    if over:
        return BookingStatus.ENDED if phase in {None, Phase.GONE} else BookingStatus.ENDING
    if phase is Phase.READY:
        return BookingStatus.READY
    waiting = phase in {None, Phase.ABSENT} and now < booking.claim_window.start
    return BookingStatus.BOOKED if waiting else BookingStatus.BUILDING
