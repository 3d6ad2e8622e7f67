"""Leases: capacity to be held, and what is."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository, by_key
from almanac.storage.rows import LeaseRow, LeaseTarget
from almanac.storage.tables import UNFINISHED_LEASE, leases

_C = leases.c
_PLAIN = tuple(field.name for field in fields(LeaseRow) if field.name != "window")
_BY_ID = by_key(leases)
_ADD = insert(leases)
_FOR_HOLDER = select(leases).where(_C.holder_id == bindparam("holder_key")).order_by(_C.created_at, _C.id)
_UNFINISHED = select(leases).where(UNFINISHED_LEASE).order_by(_C.created_at, _C.id)

_PLANNED = (
    select(leases)
    .where(
        UNFINISHED_LEASE,
        _C.site == bindparam("at_site"),
        _C.holder == Holder.PLAN,
        _C.target == LeaseTarget.HELD,
    )
    .order_by(_C.created_at, _C.id)
)


class Leases(Repository):
    """Capacity held at sites for bookings and warm clusters."""

    def add(self, row: LeaseRow) -> None:
        """Add a lease with a new id."""
        self._connection.execute(_ADD, _values(row))

    def get(self, lease_id: str) -> LeaseRow | None:
        """The lease, locked in a write transaction; None if there is none."""
        row = self._locked(_BY_ID, key=lease_id).one_or_none()
        return None if row is None else _lease(row)

    def for_holder(self, holder_id: str) -> list[LeaseRow]:
        """A booking's or a warm cluster's leases, oldest first, locked in a write transaction."""
        return [_lease(row) for row in self._locked(_FOR_HOLDER, holder_key=holder_id)]

    def unfinished(self) -> list[LeaseRow]:
        """Those that aren't gone, or shouldn't be; oldest first."""
        return [_lease(row) for row in self._rows(_UNFINISHED)]

    def planned(self, site: str) -> list[LeaseRow]:
        """What the plan holds at a site, or wants held; oldest first."""
        return [_lease(row) for row in self._rows(_PLANNED, at_site=site)]

    def record(
        self,
        lease_id: str,
        changed_at: datetime,
        *,
        window: Window | None = None,
        if_window: Window | None = None,
        if_order: str | None = None,
        **facts: Any,  # noqa: ANN401 - values of any column
    ) -> bool:
        """Write some columns only, so that the loop's facts and people's intent never overwrite each other.

        Args:
            lease_id: the lease's.
            changed_at: aware UTC.
            window: a new window.
            if_window: write only while the window is still this one.
            if_order: write only while the order is still this one.
            facts: column name -> value.

        Returns:
            Whether there was such a row.
        """
        statement = update(leases).where(_C.id == lease_id)
        if if_order is not None:
            statement = statement.where(_C.order == if_order)
        if if_window is not None:
            statement = statement.where(_C.window_start == if_window.start, _C.window_end == if_window.end)
        if window is not None:
            facts |= {"window_start": window.start, "window_end": window.end}
        return self._connection.execute(statement.values(changed_at=changed_at, **facts)).rowcount == 1


def _values(row: LeaseRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _PLAIN}
    return {**values, "window_start": row.window.start, "window_end": row.window.end}


def _lease(row: AnyRow) -> LeaseRow:
    id_, holder, holder_id, site, order, start, end, *rest = row
    return LeaseRow(id_, holder, holder_id, site, order, Window(start, end), *rest)
