"""Notices follow from events, and are written in the transaction that writes those: of both or neither there is a trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from almanac.core.bookings import Booking
from almanac.services.notices import NoticeKind, wants_mail
from almanac.storage.rows import EventRow, NoticeRow
from almanac.storage.unit import Unit

_OWNER: Mapping[str, tuple[NoticeKind, str]] = {
    "ready": (NoticeKind.READY, "{what} is ready"),
    "warned": (NoticeKind.ENDING, "{what} is about to end"),
    "ended": (NoticeKind.RELEASED, "{what} has ended"),
    "released": (NoticeKind.RELEASED, "{what} was released"),
    "cancelled": (NoticeKind.RELEASED, "{what} was cancelled"),
    "failed": (NoticeKind.FAILED, "{what} failed"),
    "your_turn": (NoticeKind.PROMOTED, "There is room for {what}"),
    "approved": (NoticeKind.APPROVAL_DECIDED, "{what} is approved"),
    "declined": (NoticeKind.APPROVAL_DECIDED, "{what} was declined"),
    "expired": (NoticeKind.APPROVAL_DECIDED, "{what} was not approved in time"),
}
"""What a booking's owner is told of an event, unless they did it themselves."""
_ASKED = "offered"
_ONLY_WITH_APPROVAL = frozenset({_ASKED, "expired"})
"""These concern an approval only if the booking needed one."""


class Teller:
    """Writes notices; ``mailing``: whether there is a mail server to take them."""

    def __init__(self, *, mailing: bool) -> None:
        self._mailing = mailing

    def follow(self, unit: Unit, events: Sequence[EventRow]) -> None:
        """Write the notices of a transaction's events, inside it."""
        named = [event for event in events if event.booking_id and event.kind in {*_OWNER, _ASKED}]
        if not named:
            return
        bookings = unit.bookings.some({event.booking_id for event in named if event.booking_id})
        found = [(event, bookings[event.booking_id]) for event in named if event.booking_id in bookings]
        about = [
            (event, booking) for event, booking in found if booking.approval or event.kind not in _ONLY_WITH_APPROVAL
        ]
        asked = [(event, booking) for event, booking in about if event.kind == _ASKED]
        own = [_of_owner(event, booking) for event, booking in about if event.kind != _ASKED]
        self.tell(unit, [*(row for row in own if row is not None), *_of_deciders(unit, asked)])

    def tell(self, unit: Unit, rows: Iterable[NoticeRow]) -> None:
        """Write notices that aren't there yet, to be mailed where their people want that."""
        told = list(rows)
        if not told:
            return
        particulars = unit.sign_in.all_particulars({row.person for row in told})
        mailed = [
            replace(row, due_at=row.at)
            if self._mailing and wants_mail(particulars[row.person], NoticeKind(row.kind))
            else row
            for row in told
        ]
        unit.notices.add(mailed)


def what(booking: Booking) -> str:
    """A booking in a few words: its title or profile, and its id."""
    return f"{booking.title or booking.profile} ({booking.id})"


def _of_owner(event: EventRow, booking: Booking) -> NoticeRow | None:
    if event.actor == booking.owner:
        return None
    kind, subject = _OWNER[event.kind]
    said = subject.format(what=what(booking))
    return _row(event, booking.owner, booking.id, kind, said, event.message)


def _of_deciders(unit: Unit, asked: Sequence[tuple[EventRow, Booking]]) -> list[NoticeRow]:
    """One notice of all that waits for the same approval: of a series, not of each occurrence."""
    series = unit.series.of_bookings([booking.id for _, booking in asked])
    together: dict[str, list[tuple[EventRow, Booking]]] = defaultdict(list)
    for event, booking in asked:
        together[series.get(booking.id, booking.id)].append((event, booking))
    rows = []
    for name, each in together.items():
        event, booking = each[0]
        more = f" and {len(each) - 1} more of the series" if len(each) > 1 else ""
        subject = f"{booking.owner} asks for approval of {what(booking)}{more}"
        rows += [
            _row(event, person, name, NoticeKind.APPROVAL_ASKED, subject, event.message, booking.id)
            for person in _deciders(unit, booking)
        ]
    return rows


def _deciders(unit: Unit, booking: Booking) -> list[str]:
    """The project's leads; where it has none, the operators."""
    members = unit.people.members(booking.project).items()
    leads = [person for person, role in members if role == "lead" and person != booking.owner]
    if leads:
        return leads
    return [person.name for person in unit.people.persons() if person.operator and person.disabled_at is None]


def _row(
    event: EventRow, person: str, subject_of: str, kind: NoticeKind, subject: str, message: str, booking: str = ""
) -> NoticeRow:
    key = f"{event.kind}:{subject_of}:{event.at.isoformat()}"
    return NoticeRow(event.at, person, key, kind, subject, message, booking or subject_of)
