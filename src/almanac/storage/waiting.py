"""The waiting list."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from almanac.core.waiting import Waiting
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository, by_key
from almanac.storage.tables import waiting
from almanac.storage.types import UtcDateTime

Found = list[Waiting]  # inside the class, ``list`` is the method

_C = waiting.c
_ADD = insert(waiting)
_BY_ID = by_key(waiting)
_REPLACE = update(waiting).where(_C.id == bindparam("key"))
_OPEN = select(waiting).where(_C.closed_at.is_(None)).order_by(_C.turn_at, _C.asked_at, _C.id)
_WANTED = (
    select(waiting)
    .where(
        _C.window_start < bindparam("end", type_=UtcDateTime()),
        _C.window_end > bindparam("start", type_=UtcDateTime()),
        or_(_C.closed_at.is_(None), _C.closed_at > bindparam("start", type_=UtcDateTime())),
    )
    .order_by(_C.asked_at, _C.id)
)
_LATEST = 100


class Line(Repository):
    """Requests that wait for room, or did."""

    def add(self, entry: Waiting) -> None:
        """Add one."""
        self._connection.execute(_ADD, _values(entry))

    def get(self, waiting_id: str) -> Waiting | None:
        """The entry, locked in a write transaction; None if there is none."""
        row = self._locked(_BY_ID, key=waiting_id).one_or_none()
        return None if row is None else _waiting(row)

    def replace(self, entry: Waiting) -> None:
        """Write all of it anew.

        Raises:
            NotFound: no entry has its id.
        """
        values = _values(entry)
        self._replace(_REPLACE, values.pop("id"), values)

    def open(self) -> list[Waiting]:
        """All that are in the line, in the order of their turns."""
        return [_waiting(row) for row in self._rows(_OPEN)]

    def wanted(self, within: Window) -> Found:
        """Those whose window shares an instant with this one, and who waited then; the oldest first."""
        return [_waiting(row) for row in self._rows(_WANTED, start=within.start, end=within.end)]

    def list(self, *, owner: str | None = None, projects: Collection[str] | None = None) -> list[Waiting]:
        """Those of a person, or of some projects, or all: the open ones and the latest others, by turn."""
        conditions = [] if owner is None else [_C.owner == owner]
        if projects is not None:
            conditions.append(_C.project.in_(sorted(projects)))
        latest = select(_C.id).where(*conditions).order_by(_C.asked_at.desc()).limit(_LATEST)
        statement = select(waiting).where(*conditions, or_(_C.closed_at.is_(None), _C.id.in_(latest)))
        return [_waiting(row) for row in self._connection.execute(statement.order_by(_C.turn_at, _C.asked_at, _C.id))]


def _values(entry: Waiting) -> dict[str, Any]:
    return {
        "id": entry.id,
        "project": entry.project,
        "owner": entry.owner,
        "profile": entry.profile,
        "seats": entry.seats,
        "duration_s": round(entry.duration.total_seconds()),
        "window_start": entry.within.start,
        "window_end": entry.within.end,
        "asked_at": entry.asked_at,
        "turn_at": entry.turn_at,
        "title": entry.title,
        "site": entry.site,
        "data": entry.data,
        "passed": entry.passed,
        "missed": entry.missed,
        "offer_id": entry.offer_id,
        "closed_at": entry.closed_at,
        "outcome": entry.outcome,
    }


def _waiting(row: AnyRow) -> Waiting:
    return Waiting(
        id=row.id,
        project=row.project,
        owner=row.owner,
        profile=row.profile,
        seats=row.seats,
        duration=timedelta(seconds=row.duration_s),
        within=Window(row.window_start, row.window_end),
        asked_at=row.asked_at,
        turn_at=row.turn_at,
        title=row.title,
        site=row.site,
        data=row.data,
        passed=row.passed,
        missed=row.missed,
        offer_id=row.offer_id,
        closed_at=row.closed_at,
        outcome=row.outcome,
    )
