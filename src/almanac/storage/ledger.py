"""The ledger: append-only lines; balances are sums."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, insert, or_, select

from almanac.core.ledger import LineKind
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository
from almanac.storage.rows import Balance, LedgerRow
from almanac.storage.tables import ledger
from almanac.storage.types import UtcDateTime

_C = ledger.c
_AT = bindparam("at_instant", type_=UtcDateTime())
_PLAIN = tuple(field.name for field in fields(LedgerRow) if field.name not in {"id", "period"})
_ADD = insert(ledger)
_GRANT = ledger.alias("covering")
_COVERED = exists().where(
    _GRANT.c.project == _C.project,
    _GRANT.c.site == _C.site,
    _GRANT.c.kind == LineKind.GRANT,
    _GRANT.c.period_start <= _AT,
    _GRANT.c.period_end > _AT,
    _GRANT.c.period_start <= _C.counts_at,
    _GRANT.c.period_end > _C.counts_at,
)
_SUMS = (
    select(_C.kind, func.sum(_C.node_seconds))
    .where(
        _C.project == bindparam("of_project"),
        _C.site == bindparam("at_site"),
        or_(
            and_(_C.kind == LineKind.GRANT, _C.period_start <= _AT, _C.period_end > _AT),
            and_(_C.kind != LineKind.GRANT, _COVERED),
        ),
    )
    .group_by(_C.kind)
)
_METERED = select(
    exists().where(_C.project == bindparam("of_project"), _C.site == bindparam("at_site"), _C.kind == LineKind.GRANT)
)


class Ledger(Repository):
    """Node-seconds granted, held, charged and refunded."""

    def append(self, *rows: LedgerRow) -> None:
        """Append lines."""
        if rows:
            self._connection.execute(_ADD, [_values(row) for row in rows])

    def lines(
        self, *, project: str | None = None, site: str | None = None, booking_id: str | None = None
    ) -> list[LedgerRow]:
        """Lines that meet every condition given, oldest first."""
        equal = ((_C.project, project), (_C.site, site), (_C.booking_id, booking_id))
        conditions = [column == value for column, value in equal if value is not None]
        return [_line(row) for row in self._connection.execute(select(ledger).where(*conditions).order_by(_C.id))]

    def metered(self, project: str, site: str) -> bool:
        """Whether the project has ever had a grant at the site, so that what it books there is counted against grants."""
        values = {"of_project": project, "at_site": site}
        return bool(self._connection.execute(_METERED, values).scalar_one())

    def balance(self, project: str, site: str, at: datetime) -> Balance:
        """The project's account over the grants whose period contains ``at`` and the lines that count in them."""
        values = {"of_project": project, "at_site": site, "at_instant": at}
        sums: dict[LineKind, int] = dict.fromkeys(LineKind, 0)
        sums |= {kind: int(total) for kind, total in self._connection.execute(_SUMS, values)}
        held = sums[LineKind.HOLD] - sums[LineKind.CHARGE] - sums[LineKind.REFUND]
        return Balance(granted=sums[LineKind.GRANT], held=held, charged=sums[LineKind.CHARGE])


def _values(row: LedgerRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _PLAIN}
    start, end = (row.period.start, row.period.end) if row.period else (None, None)
    return {**values, "period_start": start, "period_end": end}


def _line(row: AnyRow) -> LedgerRow:
    at, counts_at, project, site, kind, node_seconds, actor, booking_id, start, end, note, id_ = row
    period = None if start is None else Window(start, end)
    return LedgerRow(at, counts_at, project, site, kind, node_seconds, actor, booking_id, period, note, id_)
