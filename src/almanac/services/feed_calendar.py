"""Bookings as a calendar that other programs read (RFC 5545): one event each, series' occurrences too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import STATUS, Calendar, Event

from almanac.core.bookings import BookingStatus
from almanac.services.views import BookingView
from almanac.version import VERSION

REFRESH = timedelta(minutes=15)
"""How often readers are asked to look again."""

STATUSES: Mapping[BookingStatus, STATUS] = {
    BookingStatus.OFFERED: STATUS.TENTATIVE,
    BookingStatus.EXPIRED: STATUS.CANCELLED,
    BookingStatus.CANCELLED: STATUS.CANCELLED,
    BookingStatus.FAILED: STATUS.CANCELLED,
}
"""What calendars call it; everything else is confirmed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A booking for a calendar.

    Attributes:
        changes: how often it was changed; calendars take the version with the most.
        changed_at: when last.
    """

    booking: BookingView
    changes: int
    changed_at: datetime


def calendar_of(feed: str, name: str, entries: Sequence[Entry], url: str) -> bytes:
    """The calendar's text: UTF-8, the same bytes for the same bookings.

    Args:
        feed: the feed's id.
        name: what people see it called.
        entries: in their order.
        url: where people reach Almanac; empty: events have no link.
    """
    product = f"-//Almanac//{VERSION}//EN"
    made = Calendar.new(prodid=product, uid=f"{feed}@almanac", name=name, refresh_interval=REFRESH)
    for entry in entries:
        made.add_component(_event(entry, url))
    text: bytes = made.to_ical()
    return text


def _event(entry: Entry, url: str) -> Event:
    booking = entry.booking
    return Event.new(
        uid=f"{booking.id}@almanac",
        sequence=entry.changes,
        stamp=entry.changed_at,
        created=booking.created_at,
        last_modified=entry.changed_at,
        start=booking.start,
        end=ends(booking),
        status=STATUSES.get(booking.status, STATUS.CONFIRMED),
        summary=booking.title or booking.profile,
        description=_description(booking),
        location=booking.site,
        url=f"{url}/bookings/{booking.id}" if url else None,
    )


def ends(booking: BookingView) -> datetime:
    """When a calendar shows its end: earlier than booked if it ended early, but not before it began."""
    if booking.ended_at is None or booking.ended_at <= booking.start:
        return booking.end
    return min(booking.end, booking.ended_at)


def _description(booking: BookingView) -> str:
    seats = f"{booking.seats} seat{'' if booking.seats == 1 else 's'}"
    lines = [f"{booking.id}: {booking.profile}, {seats}", f"{booking.owner} in {booking.project}"]
    return "\n".join([*lines, f"Series {booking.series}"] if booking.series else lines)
