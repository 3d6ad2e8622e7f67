"""Reminders: a day and an hour before a booking begins."""

from __future__ import annotations

from datetime import datetime, timedelta

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.windows import Window
from almanac.services.notices import NoticeKind
from almanac.services.telling import Teller, what
from almanac.storage.database import Database
from almanac.storage.rows import NoticeRow

BEFORE = {
    NoticeKind.REMINDER_HOUR: (timedelta(hours=1), "an hour"),
    NoticeKind.REMINDER_DAY: (timedelta(days=1), "a day"),
}
"""How long before, the shortest first, and in words."""


class Reminders:
    """Writes the reminders that are due. Each is written once, whoever looks how often."""

    def __init__(self, database: Database, teller: Teller) -> None:
        self._database = database
        self._teller = teller

    def look(self, now: datetime) -> None:
        """Remind people of what begins soon."""
        soon = Window.lasting(now, max(before for before, _ in BEFORE.values()))
        with self._database.read() as unit:
            found = unit.bookings.list(targets=[BookingTarget.CONFIRMED], overlapping=soon)
            due = [row for booking in found if (row := _due(booking, now)) is not None]
            known = unit.notices.known([row.key for row in due])
        new = {row.booking_id: row for row in due if (row.person, row.key) not in known}
        if not new:
            return
        with self._database.write() as unit:
            # It may have been moved or called off since the look.
            fresh = unit.bookings.some([booking for booking in new if booking is not None])
            self._teller.tell(unit, [row for booking in fresh.values() if (row := _due(booking, now)) is not None])


def _due(booking: Booking, now: datetime) -> NoticeRow | None:
    """The shortest reminder whose time has come; none of what was booked later than that."""
    start = booking.window.start
    if booking.target is not BookingTarget.CONFIRMED or start <= now:
        return None
    for kind, (before, words) in BEFORE.items():
        if start - before <= now:
            if booking.created_at > start - before:
                return None
            key = f"{kind}:{booking.id}:{start.isoformat()}"
            message = f"It begins at {start:%Y-%m-%d %H:%M} UTC."
            subject = f"{what(booking)} begins within {words}"
            return NoticeRow(now, booking.owner, key, kind, subject, message, booking.id)
    return None
