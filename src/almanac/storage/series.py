"""Series and their occurrences."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from almanac.core.errors import Conflict
from almanac.core.series import Occurrence, Series
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository, by_key
from almanac.storage.tables import occurrences, series

_S, _O = series.c, occurrences.c
_BY_ID = by_key(series)
_OCCURRENCES = select(occurrences).where(_O.series_id == bindparam("key")).order_by(_O.date)
_ADD_OCCURRENCE = insert(occurrences)
_REPLACE_OCCURRENCE = update(occurrences).where(_O.series_id == bindparam("key"), _O.date == bindparam("day"))
_REPLACE = update(series).where(_S.id == bindparam("key"))


class AllSeries(Repository):
    """What recurs. Occurrences are never removed, so none is lost."""

    def add(self, made: Series, dates: Iterable[Occurrence]) -> None:
        """Add a series with its occurrences.

        Raises:
            Conflict: its id is taken: the same request was made twice at once.
        """
        statement = self._insert(series).on_conflict_do_nothing().returning(_S.id)
        if self._connection.execute(statement, asdict(made)).one_or_none() is None:
            raise Conflict(f"There is already a series {made.id}.", hint="Ask again.")
        self._connection.execute(_ADD_OCCURRENCE, [{"series_id": made.id, **_values(each)} for each in dates])

    def get(self, series_id: str) -> Series | None:
        """The series, locked in a write transaction; None if there is none."""
        row = self._locked(_BY_ID, key=series_id).one_or_none()
        return None if row is None else Series(*row)

    def replace(self, changed: Series) -> None:
        """Write what the occurrences have in common anew.

        Raises:
            NotFound: no series has its id.
        """
        values = asdict(changed)
        self._replace(_REPLACE, values.pop("id"), values)

    def occurrences(self, series_id: str) -> list[Occurrence]:
        """All of a series, by date."""
        return [_occurrence(row) for row in self._rows(_OCCURRENCES, key=series_id)]

    def replace_occurrence(self, series_id: str, changed: Occurrence) -> None:
        """Write all of an occurrence anew; its date is its name."""
        values = _values(changed)
        self._connection.execute(_REPLACE_OCCURRENCE.values(values), {"key": series_id, "day": values.pop("date")})

    def list(self, *, owner: str | None = None, projects: Collection[str] | None = None) -> list[Series]:
        """Those of a person, or of some projects, or all; the newest first."""
        statement = select(series).order_by(_S.created_at.desc(), _S.id)
        if owner is not None:
            statement = statement.where(_S.owner == owner)
        if projects is not None:
            statement = statement.where(_S.project.in_(sorted(projects)))
        return [Series(*row) for row in self._connection.execute(statement)]

    def of_bookings(self, ids: Collection[str]) -> dict[str, str]:
        """The series that bookings belong to, by booking; those on their own are left out."""
        found = select(_O.booking_id, _O.series_id).where(self._among(_O.booking_id, ids))
        return {row.booking_id: row.series_id for row in self._connection.execute(found)}


def _values(each: Occurrence) -> dict[str, Any]:
    return {
        "date": each.date,
        "window_start": each.window.start,
        "window_end": each.window.end,
        "seats": each.seats,
        "booking_id": each.booking_id,
        "left_out": each.left_out,
        "note": each.note,
    }


def _occurrence(row: AnyRow) -> Occurrence:
    _, day, start, end, seats, booking_id, left_out, note = row
    return Occurrence(day, Window(start, end), seats, booking_id, left_out, note)
