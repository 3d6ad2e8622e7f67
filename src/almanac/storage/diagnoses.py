"""What is kept of why bookings' jobs took as long as they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select

from almanac.storage.repository import Repository
from almanac.storage.rows import DiagnosisRow
from almanac.storage.tables import diagnoses

_D = diagnoses.c
_ADD = insert(diagnoses)
_OF = select(diagnoses).where(_D.booking_id == bindparam("key")).order_by(_D.application)
_REMOVE = delete(diagnoses).where(_D.booking_id == bindparam("key"))
_DUE = select(_D.booking_id).where(_D.due).order_by(_D.at, _D.booking_id).limit(1)


class Diagnoses(Repository):
    """Of bookings that are over; a booking's rows are written together."""

    def want(self, booking_id: str, now: datetime) -> None:
        """A booking's is to be made, unless there is one."""
        row = DiagnosisRow(booking_id, "", now, due=True, facts={})
        self._connection.execute(self._insert(diagnoses).on_conflict_do_nothing(), asdict(row))

    def due(self) -> str | None:
        """The booking that has waited longest for its diagnosis; None: there is none such."""
        booking: str | None = self._rows(_DUE).scalar_one_or_none()
        return booking

    def put(self, booking_id: str, rows: Sequence[DiagnosisRow]) -> None:
        """Put these in place of what there is of a booking."""
        self._connection.execute(_REMOVE, {"key": booking_id})
        if rows:
            self._connection.execute(_ADD, [asdict(row) for row in rows])

    def of(self, booking_id: str) -> list[DiagnosisRow]:
        """What there is of a booking, by application."""
        return [DiagnosisRow(*row) for row in self._rows(_OF, key=booking_id)]
