"""What is in a letter: the notice, its booking with times in the reader's zone, and how to have fewer of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from almanac.core.bookings import Booking
from almanac.core.errors import BadRequest
from almanac.core.local_time import zone_named
from almanac.mail.letters import Letter, one_line
from almanac.services.addresses import LASTS, Addresses
from almanac.services.notices import NoticeKind
from almanac.storage.rows import NoticeRow, ParticularsRow


class LetterWriter:
    """Writes letters.

    Args:
        addresses: makes the links that confirm addresses.
        public_url: where people reach Almanac; empty: letters name commands only.
    """

    def __init__(self, addresses: Addresses, public_url: str) -> None:
        self._addresses = addresses
        self._url = public_url

    def write(self, notice: NoticeRow, booking: Booking | None, reader: ParticularsRow, now: datetime) -> Letter:
        """The letter that tells a notice.

        Args:
            notice: what is told.
            booking: what it is about, as it is now.
            reader: to whom.
            now: aware UTC.
        """
        if notice.kind == NoticeKind.ADDRESS:
            lines = self._confirming(reader, now)
        else:
            about = self._about(booking, reader.zone) if booking else []
            lines = [one_line(notice.message), "", *about, *self._fewer(notice)]
        return Letter(_key(notice), reader.email, notice.subject, "".join(f"{line}\n" for line in lines), notice.at)

    def _about(self, booking: Booking, zone: str) -> list[str]:
        seats = f"{booking.seats} seat{'' if booking.seats == 1 else 's'}"
        link = f"{self._url}/bookings/{booking.id}" if self._url else f"almanac show {booking.id}"
        return [
            f"Booking: {one_line(f'{booking.id} {booking.title}')}",
            f"What:    {booking.profile} at {booking.site}, {seats}, for {booking.project}",
            *_times(booking, zone),
            f"Look:    {link}",
            "",
        ]

    def _fewer(self, notice: NoticeRow) -> Sequence[str]:
        where = f", or {self._url}/account" if self._url else ""
        return [
            f"You are {notice.person} at this Almanac. To do without such mail:",
            f"almanac notices mail --without {notice.kind}{where}",
        ]

    def _confirming(self, reader: ParticularsRow, now: datetime) -> list[str]:
        token = self._addresses.token(reader.person, reader.email, now)
        link = [f"{self._url}/confirm-email?token={quote(token)}", ""] if self._url else []
        return [
            f"{reader.person} at Almanac says that this is their e-mail address.",
            "If that isn't you, do nothing: no more mail will come.",
            "",
            f"If it is, open this within {round(LASTS.total_seconds() / 60)} minutes, signed in as {reader.person}:",
            "",
            *link,
            "Or in a terminal, run `almanac notices confirm` and paste:",
            "",
            token,
        ]


def _times(booking: Booking, zone: str) -> list[str]:
    """Its window in ISO 8601's order, which means the same everywhere, in the reader's zone and, if that is another, UTC."""
    start, end = booking.window.start, booking.window.end
    lines = [f"Time:    {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"]
    try:
        there = zone_named(zone) if zone else UTC
    except BadRequest:  # a zone that the machine has forgotten since
        return lines
    if start.astimezone(there).utcoffset() == end.astimezone(there).utcoffset() == UTC.utcoffset(None):
        return lines
    local = f"{start.astimezone(there):%Y-%m-%d %H:%M} to {end.astimezone(there):%Y-%m-%d %H:%M} {zone}"
    return [f"Time:    {local}", f"         {lines[0].removeprefix('Time:').strip()}"]


def _key(notice: NoticeRow) -> str:
    """The same for a notice each time it is sent, and no other's, whatever database it is in."""
    named = f"{notice.id} {notice.person} {notice.key} {notice.at.isoformat()}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]
