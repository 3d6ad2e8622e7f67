"""Finding a booking for somebody: whether they see it, whether they may change it, how it stands."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime

from almanac.core.bookings import Booking, BookingStatus, BookingTarget, status
from almanac.services.caller import Caller, not_found
from almanac.storage.database import Database
from almanac.storage.unit import Unit

ENDABLE = frozenset({BookingStatus.BOOKED, BookingStatus.BUILDING, BookingStatus.READY})
"""Statuses of a confirmed booking that isn't over."""


def new_id(person: str = "", key: str = "") -> str:
    """A booking's id, such as ``b-7k3m9q2x4a``: random (50 bits), or always the same for a person's own request key."""
    seed = hashlib.sha256(f"{person}\0{key}".encode()).digest() if key else secrets.token_bytes(10)
    return f"b-{base64.b32encode(seed)[:10].decode().lower()}"


def visible(unit: Unit, caller: Caller, booking_id: str) -> Booking:
    """The booking, if the caller sees its project.

    Raises:
        NotFound: there is none, or it isn't theirs to see.
    """
    booking = unit.bookings.get(booking_id)
    if booking is None or not caller.sees(booking.project):
        raise not_found(f"booking {booking_id}")
    return booking


def changeable(database: Database, caller: Caller, booking_id: str) -> Booking:
    """The booking, if it is the caller's to change.

    Raises:
        NotFound: there is none, or it isn't theirs to see.
        Forbidden: it is another member's.
    """
    with database.read() as unit:
        booking = visible(unit, caller, booking_id)
    caller.can_change(booking.project, booking.owner, f"booking {booking_id}")
    return booking


def fresh(unit: Unit, booking_id: str) -> Booking:
    """The booking as it is inside a write transaction."""
    booking = unit.bookings.get(booking_id)
    if booking is None:
        raise not_found(f"booking {booking_id}")
    return booking


def status_of(unit: Unit, booking: Booking, now: datetime) -> BookingStatus:
    """The booking's status."""
    if booking.target is BookingTarget.OFFERED:
        return status(booking, None, now)
    cluster = unit.clusters.for_booking(booking.id)
    return status(booking, cluster.phase if cluster else None, now)
