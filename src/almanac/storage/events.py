"""Events: what happened, in the order in which it became true."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from almanac.storage.repository import Repository
from almanac.storage.rows import EventRow
from almanac.storage.tables import events

_FIELDS = tuple(field.name for field in fields(EventRow) if field.name != "id")
_ADD = insert(events)
_FOR_BOOKING = select(events).where(events.c.booking_id == bindparam("booking")).order_by(events.c.id)
_SINCE = select(events).where(events.c.id > bindparam("after")).order_by(events.c.id).limit(bindparam("at_most"))
_CHANGES = select(events.c.booking_id, func.count(), func.max(events.c.at)).group_by(events.c.booking_id)
_LAST_ID = select(func.coalesce(func.max(events.c.id), 0))
_LOCK = select(func.pg_advisory_xact_lock(0x616C6D61, 1))


class Events(Repository):
    """An append-only feed. Readers may ask for what came after an id and miss nothing.

    On PostgreSQL a later id can be committed before an earlier one, and a reader in between would miss the earlier for
    ever. So events are written last in their transaction, under a lock that is held until the commit: ids are in the
    order of commits, and as that lock is always the last one taken, it can't deadlock.
    """

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        super().__init__(connection, writing=writing)
        self._pending: list[EventRow] = []

    def append(self, *rows: EventRow) -> None:
        """Append events; they get their ids, and are seen, when the transaction commits.

        Raises:
            RuntimeError: in a read transaction.
        """
        if not self._writing:
            raise RuntimeError("Events are appended in write transactions.")
        self._pending += rows

    @property
    def pending(self) -> int:
        """How many were appended and aren't written yet."""
        return len(self._pending)

    @property
    def told(self) -> tuple[EventRow, ...]:
        """What was appended and isn't written yet."""
        return tuple(self._pending)

    def forget(self, kept: int) -> None:
        """Append only the first so many of the pending ones."""
        del self._pending[kept:]

    def flush(self) -> None:
        """Write what was appended. Called once, as the last thing before the commit."""
        if not self._pending:
            return
        if self._on_postgres:
            self._connection.execute(_LOCK)
        self._connection.execute(_ADD, [{name: getattr(row, name) for name in _FIELDS} for row in self._pending])
        self._pending.clear()

    def for_booking(self, booking_id: str) -> list[EventRow]:
        """A booking's events, oldest first."""
        return [EventRow(*row) for row in self._rows(_FOR_BOOKING, booking=booking_id)]

    def changes(self, booking_ids: Collection[str], leaving_out: Collection[str]) -> dict[str, tuple[int, datetime]]:
        """How often something happened to each of these bookings, and when last.

        Args:
            booking_ids: which bookings; those to which nothing happened are left out.
            leaving_out: kinds of events that don't count.
        """
        of_these = self._among(events.c.booking_id, booking_ids)
        statement = _CHANGES.where(of_these, events.c.kind.not_in(sorted(leaving_out)))
        return {booking or "": (count, last) for booking, count, last in self._connection.execute(statement)}

    def since(self, event_id: int, limit: int = 1000) -> list[EventRow]:
        """The events after that id (0: from the start), oldest first."""
        return [EventRow(*row) for row in self._rows(_SINCE, after=event_id, at_most=limit)]

    def last_id(self) -> int:
        """The latest event's id; 0 before the first."""
        return self._connection.execute(_LAST_ID).scalar_one()
