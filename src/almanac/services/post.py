"""The post: takes notices that are due to the mail server, one at a time, and tries again what didn't get there.

What is guaranteed: a notice is handed to the mail server at least once unless the server refuses it or stays away for three
days, and exactly once unless Almanac is killed (or the connection lost) between the server's last word and the commit after it.
Then it is handed over again, under the same Message-ID, by which mailboxes know it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from almanac.core.bookings import BookingTarget
from almanac.mail.letters import Letter
from almanac.mail.smtp import Deferred, Down, Refused
from almanac.services.letters import LetterWriter
from almanac.services.notices import NoticeKind, wants_mail
from almanac.services.reminders import BEFORE
from almanac.storage.database import Database
from almanac.storage.rows import NoticeRow, ParticularsRow
from almanac.storage.unit import Unit

log = logging.getLogger(__name__)

BATCH = 20
"""Letters of one look."""
HELD_FOR = timedelta(minutes=5)
"""Who takes a notice has it for so long; handing one over takes less, however slow the server."""
PATIENCE = timedelta(days=3)
"""After so long a letter is given up."""
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
"""How long a mail server in trouble is left alone: at first, and doubling up to this."""
_LONGEST_WAIT = timedelta(hours=1)
"""Between two tries of a letter that the server puts off."""


class Takes(Protocol):
    """A mail server; see ``mail.smtp.MailServer.send``."""

    def send(self, letter: Letter) -> None:
        """Take a letter, or raise ``Refused``, ``Deferred`` or ``Down``."""


class Post:
    """Delivers. Several may run on one database: each notice is one's at a time."""

    def __init__(self, database: Database, server: Takes, writer: LetterWriter, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._server = server
        self._writer = writer
        self._clock = clock
        self._shut_until: datetime | None = None
        self._pause = _PAUSE

    def look(self) -> bool:
        """Deliver some of what is due.

        Returns:
            Whether there may be more.
        """
        now = self._clock()
        if self._shut_until is not None and now < self._shut_until:
            return False
        with self._database.read() as unit:
            due = unit.notices.due(now, BATCH)
        for notice in due:
            if not self._deliver(notice):
                return False
        return len(due) == BATCH

    def _deliver(self, notice_id: int) -> bool:
        """One notice. Returns whether the server goes on taking letters."""
        now = self._clock()
        with self._database.write() as unit:
            row = unit.notices.claim(notice_id, now, now + HELD_FOR)
            letter = None if row is None else self._letter(unit, row, now)
        if row is None or letter is None:
            return True
        try:
            self._server.send(letter)
        except Refused as refused:
            self._record(row, due_at=None, trouble=f"Not mailed: {refused}.")
        except Deferred as put_off:
            wait = min(_LONGEST_WAIT, timedelta(minutes=2 ** min(row.tries, 6)))
            self._record(row, due_at=self._clock() + wait, trouble=f"Not mailed yet: {put_off}.")
        except Down as down:
            self._shut_until = self._clock() + self._pause
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
            log.warning("the mail server takes no mail: %s", down)
            self._record(row, due_at=self._shut_until, trouble=f"The mail server takes no mail: {down}.")
            return False
        else:
            self._shut_until, self._pause = None, _PAUSE
            self._record(row, due_at=None, sent_at=self._clock(), trouble="")
        return True

    def _letter(self, unit: Unit, row: NoticeRow, now: datetime) -> Letter | None:
        """The letter of a notice that was just taken; None, and said why, if it isn't to be mailed any more."""
        reader = unit.sign_in.all_particulars({row.person})[row.person]
        trouble = _too_late(unit, row, reader, now)
        if trouble is None:
            bookings = unit.bookings.some({row.booking_id} if row.booking_id else ())
            return self._writer.write(row, bookings.get(row.booking_id or ""), reader, now)
        unit.notices.record(row.id, due_at=None, trouble=trouble)
        return None

    def _record(self, row: NoticeRow, **facts: datetime | str | None) -> None:
        with self._database.write() as unit:
            unit.notices.record(row.id, **facts)


def _too_late(unit: Unit, row: NoticeRow, reader: ParticularsRow, now: datetime) -> str | None:
    """Why a notice isn't to be mailed any more; None: it is."""
    kind = NoticeKind(row.kind)
    if now - row.at > PATIENCE:
        return f"Given up: {row.trouble or 'it took too long.'}"
    if not wants_mail(reader, kind):
        return "Not mailed: the address or the choice of mail has changed."
    if kind in BEFORE and row.booking_id is not None:
        booking = unit.bookings.some([row.booking_id]).get(row.booking_id)
        if booking is None or booking.target is not BookingTarget.CONFIRMED or booking.window.start <= now:
            return "Not mailed: the booking has begun, or was called off."
    person = unit.people.get_person(row.person)
    if person is None or person.disabled_at is not None:
        return "Not mailed: the account is disabled."
    return None
