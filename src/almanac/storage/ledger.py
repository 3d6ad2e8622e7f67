"""The ledger: append-only lines; balances are sums."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import bindparam, exists, func, insert, select

from almanac.core.ledger import LineKind
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository
from almanac.storage.rows import Balance, LedgerRow
from almanac.storage.tables import GRANT, ledger
from almanac.storage.types import UtcDateTime

_C = ledger.c
_moment = partial(bindparam, type_=UtcDateTime())
_AT = _moment("at_instant")
_PLAIN = tuple(field.name for field in fields(LedgerRow) if field.name not in {"id", "period"})
_ADD = insert(ledger)
_IN_ACCOUNT = (_C.project == bindparam("of_project"), _C.site == bindparam("at_site"))
# Grants that share an instant cover one interval together.
_COVER = select(func.min(_C.period_start), func.max(_C.period_end), func.sum(_C.node_seconds)).where(
    *_IN_ACCOUNT, GRANT, _C.period_start <= _AT, _C.period_end > _AT
)
_SUMS = (
    select(_C.kind, func.sum(_C.node_seconds))
    .where(*_IN_ACCOUNT, _C.counts_at >= _moment("since"), _C.counts_at < _moment("until"))
    .group_by(_C.kind)
)
_METERED = select(exists().where(*_IN_ACCOUNT, GRANT))


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
        """Whether the project has ever had a grant at the site, so that what it books there counts against grants."""
        return bool(self._rows(_METERED, of_project=project, at_site=site).scalar_one())

    def balance(self, project: str, site: str, at: datetime) -> Balance:
        """The project's account over the grants whose period contains ``at`` and the lines that count in them."""
        account = {"of_project": project, "at_site": site}
        since, until, granted = self._rows(_COVER, **account, at_instant=at).one()
        if granted is None:
            return Balance()
        sums = dict.fromkeys(LineKind, 0)
        sums |= {kind: int(total) for kind, total in self._rows(_SUMS, **account, since=since, until=until)}
        held = sums[LineKind.HOLD] - sums[LineKind.CHARGE] - sums[LineKind.REFUND]
        return Balance(granted=int(granted), held=held, charged=sums[LineKind.CHARGE])


def _values(row: LedgerRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _PLAIN}
    start, end = (row.period.start, row.period.end) if row.period else (None, None)
    return {**values, "period_start": start, "period_end": end}


def _line(row: AnyRow) -> LedgerRow:
    at, counts_at, project, site, kind, node_seconds, actor, booking_id, start, end, note, id_ = row
    period = None if start is None else Window(start, end)
    return LedgerRow(at, counts_at, project, site, kind, node_seconds, actor, booking_id, period, note, id_)
