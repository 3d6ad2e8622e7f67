"""Notices, and which of them are still to be mailed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from almanac.storage.repository import Repository, by_key
from almanac.storage.rows import NoticeRow
from almanac.storage.tables import notices
from almanac.storage.types import UtcDateTime

_N = notices.c
_FIELDS = tuple(field.name for field in fields(NoticeRow) if field.name != "id")
_NOW = bindparam("now", type_=UtcDateTime())
_BY_ID = by_key(notices)
_UNREAD = select(func.count()).select_from(notices).where(_N.person == bindparam("of_person"), _N.read_at.is_(None))
_DUE = select(_N.id).where(_N.due_at.is_not(None), _N.due_at <= _NOW).order_by(_N.due_at, _N.id)
_CLAIM = (
    update(notices)
    .where(_N.id == bindparam("the_notice"), _N.due_at <= _NOW)
    .values(due_at=bindparam("until", type_=UtcDateTime()), tries=_N.tries + 1)
)
_OUTBOX = select(func.count()).where(_N.due_at.is_not(None))
_TROUBLE = (
    select(_N.trouble).where(_N.due_at.is_not(None), _N.trouble != "").order_by(_N.due_at.desc(), _N.id.desc()).limit(1)
)
_PURGE = delete(notices).where(_N.at < _NOW, _N.due_at.is_(None))


@dataclass(frozen=True, slots=True)
class Outbox:
    """Mail that isn't with the mail server yet: how much, and what is in the way of the latest."""

    waiting: int
    trouble: str


class Notices(Repository):
    """What people are told. Of one happening a person has at most one notice, whoever writes it how often."""

    def add(self, rows: Sequence[NoticeRow]) -> None:
        """Add those that aren't there yet."""
        if rows:
            ordered = sorted(rows, key=lambda row: (row.person, row.key))  # two writers can't wait for each other
            statement = self._insert(notices).on_conflict_do_nothing(index_elements=["person", "key"])
            self._connection.execute(statement, [{name: getattr(row, name) for name in _FIELDS} for row in ordered])

    def known(self, keys: Collection[str]) -> set[tuple[str, str]]:
        """(person, key) of those with one of these keys."""
        found = select(_N.person, _N.key).where(self._among(_N.key, keys))
        return {(row.person, row.key) for row in self._connection.execute(found)}

    def of(self, person: str, *, unread: bool = False, before: int | None = None, limit: int) -> list[NoticeRow]:
        """A person's notices, the newest first.

        Args:
            person: whose.
            unread: only those that weren't read.
            before: only those older than that id, for the next page.
            limit: at most so many.
        """
        statement = select(notices).where(_N.person == person)
        if unread:
            statement = statement.where(_N.read_at.is_(None))
        if before is not None:
            statement = statement.where(_N.id < before)
        return [NoticeRow(*row) for row in self._connection.execute(statement.order_by(_N.id.desc()).limit(limit))]

    def unread(self, person: str) -> int:
        """How many a person hasn't read."""
        return int(self._rows(_UNREAD, of_person=person).scalar_one())

    def read(self, person: str, up_to: int | None, now: datetime) -> None:
        """A person has read their notices up to an id; None: all."""
        statement = update(notices).where(_N.person == person, _N.read_at.is_(None)).values(read_at=now)
        self._connection.execute(statement if up_to is None else statement.where(_N.id <= up_to))

    def due(self, now: datetime, limit: int) -> list[int]:
        """Those whose mail is to be tried, the most overdue first."""
        return list(self._connection.execute(_DUE.limit(limit), {"now": now}).scalars())

    def claim(self, notice_id: int, now: datetime, until: datetime) -> NoticeRow | None:
        """Take a notice to mail it; None if somebody else was quicker.

        Who takes it has until then. If they are killed before they say how it went, it is due again.
        """
        if self._connection.execute(_CLAIM, {"the_notice": notice_id, "now": now, "until": until}).rowcount != 1:
            return None
        return NoticeRow(*self._rows(_BY_ID, key=notice_id).one())

    def record(self, notice_id: int, **facts: Any) -> None:  # noqa: ANN401 - values of any column
        """Write how its mail went."""
        self._connection.execute(update(notices).where(_N.id == notice_id).values(**facts))

    def outbox(self) -> Outbox:
        """What is still to be mailed."""
        waiting: int = self._rows(_OUTBOX).scalar_one()
        return Outbox(waiting, self._rows(_TROUBLE).scalar_one_or_none() or "")

    def purge(self, before: datetime) -> None:
        """Forget what was told before an instant and isn't to be mailed any more."""
        self._connection.execute(_PURGE, {"now": before})
