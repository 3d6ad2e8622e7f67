"""Calendar feeds."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import and_, bindparam, insert, select, update

from almanac.storage.repository import Repository
from almanac.storage.rows import FeedRow, PersonRow
from almanac.storage.tables import feeds, members, people
from almanac.storage.types import UtcDateTime

_F = feeds.c
_WIDTH = len(feeds.c)
_ADD = insert(feeds)
_BY_HASH = (
    select(feeds, people, members.c.role)
    .join_from(feeds, people, people.c.name == _F.person)
    .outerjoin(members, and_(members.c.person == _F.person, members.c.project == _F.project))
    .where(_F.hash == bindparam("key"))
)
_OF = select(feeds).where(_F.person == bindparam("key"), _F.revoked_at.is_(None)).order_by(_F.created_at, _F.id)
_REVOKE = (
    update(feeds)
    .where(_F.id == bindparam("key"), _F.person == bindparam("of_person"), _F.revoked_at.is_(None))
    .values(revoked_at=bindparam("now", type_=UtcDateTime()))
)


class Feeds(Repository):
    """Who may read which bookings as a calendar."""

    def add(self, row: FeedRow) -> None:
        """Add a feed with a new id."""
        self._connection.execute(_ADD, asdict(row))

    def find(self, secret_hash: str) -> tuple[FeedRow, PersonRow, str | None] | None:
        """The feed of that hash, revoked or not, its person, and their role in its project; None if there is none."""
        row = self._rows(_BY_HASH, key=secret_hash).one_or_none()
        return None if row is None else (FeedRow(*row[:_WIDTH]), PersonRow(*row[_WIDTH:-1]), row[-1])

    def of(self, person: str) -> list[FeedRow]:
        """A person's feeds that aren't revoked, oldest first."""
        return [FeedRow(*row) for row in self._rows(_OF, key=person)]

    def revoke(self, person: str, feed_id: str, now: datetime) -> bool:
        """Revoke one of a person's feeds; False if there is none such."""
        return self._connection.execute(_REVOKE, {"key": feed_id, "of_person": person, "now": now}).rowcount == 1
