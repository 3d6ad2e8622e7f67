"""Notices: what people are told of their bookings, in the portal and, if they like, by mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from almanac.services.caller import Caller
from almanac.services.sessions import unlimited
from almanac.storage.database import Database
from almanac.storage.rows import NoticeRow, ParticularsRow


class NoticeKind(StrEnum):
    """What a notice is about. Of each, a person chooses whether it is mailed; ADDRESS always is.

    REMINDER_DAY, REMINDER_HOUR: a booking begins within a day, an hour. READY: it can be used. ENDING: it is about to end.
    RELEASED: it has ended, or somebody else called it off. FAILED: it can't be had. PROMOTED: there is room for what waited.
    APPROVAL_ASKED, APPROVAL_DECIDED: for who decides; for who asked. ADDRESS: is this your e-mail address?
    """

    REMINDER_DAY = "reminder_day"
    REMINDER_HOUR = "reminder_hour"
    READY = "ready"
    ENDING = "ending"
    RELEASED = "released"
    FAILED = "failed"
    PROMOTED = "promoted"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_DECIDED = "approval_decided"
    ADDRESS = "address"


MUTABLE = tuple(kind for kind in NoticeKind if kind is not NoticeKind.ADDRESS)
"""Kinds whose mail a person may do without."""


KEPT = timedelta(days=180)
"""After so long a notice is forgotten, read or not."""
_TIDY_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice as its person sees it.

    Attributes:
        mailed_at: when the mail server took it; None: not mailed (yet).
        trouble: why its mail isn't there yet, or never will be.
    """

    id: int
    at: datetime
    kind: NoticeKind
    subject: str
    message: str
    booking: str | None
    read_at: datetime | None
    mailed_at: datetime | None
    trouble: str


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Some notices, the newest first; how many are unread in all; where the next page begins (None: that was all)."""

    notices: tuple[NoticeView, ...]
    unread: int
    next: int | None


class Notices:
    """Everybody's notices: each their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tidied_at: datetime | None = None

    def list(self, caller: Caller, *, unread: bool = False, before: int | None = None, limit: int = 50) -> NoticePage:
        """A page of the caller's notices.

        Args:
            caller: whose.
            unread: only those that they haven't read.
            before: ``next`` of the page before.
            limit: at most so many.

        Raises:
            Forbidden: their token is limited.
        """
        unlimited(caller)
        with self._database.read() as unit:
            found = unit.notices.of(caller.person, unread=unread, before=before, limit=limit + 1)
            count = unit.notices.unread(caller.person)
        following = found[limit - 1].id if len(found) > limit else None
        return NoticePage(tuple(_view(row) for row in found[:limit]), count, following)

    def read(self, caller: Caller, up_to: int | None, now: datetime) -> None:
        """The caller has read their notices up to an id (None: all of them); again is no error.

        Raises:
            Forbidden: their token is limited.
        """
        unlimited(caller)
        with self._database.write() as unit:
            unit.notices.read(caller.person, up_to, now)

    def tidy(self, now: datetime) -> None:
        """Forget what is long ago; looked at once a day."""
        if self._tidied_at is None or now - self._tidied_at >= _TIDY_EVERY:
            with self._database.write() as unit:
                unit.notices.purge(now - KEPT)
            self._tidied_at = now


def muted(row: ParticularsRow) -> tuple[NoticeKind, ...]:
    """The kinds that somebody doesn't want mailed."""
    return tuple(kind for kind in MUTABLE if kind.value in row.muted.split(","))


def wants_mail(row: ParticularsRow, kind: NoticeKind) -> bool:
    """Whether a notice of this kind is to be mailed to somebody, and can be."""
    if kind is NoticeKind.ADDRESS:
        return bool(row.email) and not row.email_confirmed
    return bool(row.email) and row.email_confirmed and kind not in muted(row)


def _view(row: NoticeRow) -> NoticeView:
    return NoticeView(
        row.id,
        row.at,
        NoticeKind(row.kind),
        row.subject,
        row.message,
        row.booking_id,
        row.read_at,
        row.sent_at,
        row.trouble,
    )
