"""Bookings, offers included."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.errors import Conflict, NotFound
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository, by_key
from almanac.storage.tables import bookings, clusters
from almanac.storage.types import UtcDateTime

Found = list[Booking]  # inside the class, ``list`` is the method
Conditions = list[ColumnElement[bool]]

_C = bookings.c
_NOW = bindparam("now", type_=UtcDateTime())
_BY_ID = by_key(bookings)
_ADD = {
    True: postgresql.insert(bookings).on_conflict_do_nothing().returning(_C.id),
    False: sqlite.insert(bookings).on_conflict_do_nothing().returning(_C.id),
}
_REPLACE = update(bookings).where(_C.id == bindparam("key"))
_EXPIRED = (
    select(bookings).where(_C.target == BookingTarget.OFFERED, _C.expires_at <= _NOW).order_by(_C.expires_at, _C.id)
)
_AWAITING = (
    select(bookings)
    .where(_C.target == BookingTarget.OFFERED, _C.expires_at > _NOW, _C.approval != "")
    .order_by(_C.expires_at, _C.id)
)
_DUE = (
    select(bookings)
    .where(_C.target == BookingTarget.CONFIRMED, _C.ended_at.is_(None), _C.window_start <= _NOW)
    .order_by(_C.window_start, _C.id)
)
_FIRST_START = select(func.min(_C.window_start)).where(_C.target != BookingTarget.OFFERED)
_USED = select(bookings).where(
    # An offer that nobody took is cancelled, too, but keeps the instant until which it stood.
    _C.target != BookingTarget.OFFERED,
    _C.expires_at.is_(None),
    _C.window_start >= bindparam("earliest", type_=UtcDateTime()),
    _C.window_start < bindparam("until", type_=UtcDateTime()),
    or_(
        _C.ended_at.is_(None),
        and_(_C.ended_at > _C.window_start, _C.ended_at > bindparam("since", type_=UtcDateTime())),
    ),
)
_WALK_INS = (
    select(_C.created_at, clusters.c.created_at)
    .select_from(bookings)
    .outerjoin(clusters, clusters.c.booking_id == _C.id)
    .where(
        _C.profile == bindparam("of_profile"),
        _C.target != BookingTarget.OFFERED,
        _C.window_start >= bindparam("since", type_=UtcDateTime()),
        _C.window_start < bindparam("until", type_=UtcDateTime()),
        _C.created_at >= bindparam("since", type_=UtcDateTime()),
    )
)
_COUNTS = or_(
    and_(_C.target == BookingTarget.OFFERED, _C.expires_at > _NOW),
    and_(_C.target == BookingTarget.CONFIRMED, _C.ended_at.is_(None), _C.window_end > _NOW),
)
_COUNT_LIVE = (
    select(func.count())
    .select_from(bookings)
    .where(_C.owner == bindparam("owner"), _C.project == bindparam("project"), _COUNTS)
)


class Bookings(Repository):
    """What people asked for."""

    def add(self, booking: Booking) -> None:
        """Add a booking.

        Raises:
            Conflict: its id is taken: the same request was made twice at once.
        """
        added = self._connection.execute(_ADD[self._on_postgres], _values(booking))
        if added.one_or_none() is None:
            raise Conflict(f"There is already a booking {booking.id}.", hint="Ask again.")

    def get(self, booking_id: str) -> Booking | None:
        """The booking, locked in a write transaction; None if there is none."""
        row = self._locked(_BY_ID, key=booking_id).one_or_none()
        return None if row is None else _booking(row)

    def some(self, ids: Collection[str]) -> dict[str, Booking]:
        """Those of these ids that there are, by id."""
        rows = self._connection.execute(select(bookings).where(self._among(_C.id, ids)))
        return {row.id: _booking(row) for row in rows}

    def replace(self, booking: Booking) -> None:
        """Write all of it anew.

        Raises:
            NotFound: no booking has its id.
        """
        values = _values(booking)
        self._replace(_REPLACE, values.pop("id"), values)

    def list(
        self,
        *,
        owner: str | None = None,
        project: str | None = None,
        projects: Collection[str] | None = None,
        site: str | None = None,
        targets: Collection[BookingTarget] | None = None,
        overlapping: Window | None = None,
        after_id: str | None = None,
        limit: int | None = None,
    ) -> Found:
        """Bookings that meet every condition given, by window start and id.

        Args:
            owner: only theirs.
            project: only of this project.
            projects: only of these projects; none of them, no booking.
            site: only at this site.
            targets: only with one of these targets.
            overlapping: only those whose window (as asked for) shares an instant with this one.
            after_id: only those after this booking in the order, for the next page.
            limit: at most so many; None for all.

        Raises:
            NotFound: there is no booking ``after_id``.
        """
        equal = ((_C.owner, owner), (_C.project, project), (_C.site, site))
        conditions: Conditions = [column == value for column, value in equal if value is not None]
        if projects is not None:
            conditions.append(_C.project.in_(sorted(projects)))
        if targets is not None:
            conditions.append(_C.target.in_(sorted(targets)))
        if overlapping is not None:
            conditions += (_C.window_start < overlapping.end, _C.window_end > overlapping.start)
        if after_id is not None:
            conditions.append(self._after(after_id))
        statement = select(bookings).where(*conditions).order_by(_C.window_start, _C.id).limit(limit)
        return [_booking(row) for row in self._connection.execute(statement)]

    def due(self, now: datetime) -> Found:
        """Confirmed bookings that have begun and have not been ended."""
        return [_booking(row) for row in self._connection.execute(_DUE, {"now": now})]

    def expired_offers(self, now: datetime) -> Found:
        """Offers that nobody accepted in time."""
        return [_booking(row) for row in self._rows(_EXPIRED, now=now)]

    def awaiting_approval(self, now: datetime) -> Found:
        """Offers that wait for a lead's or an operator's approval, the first to expire first."""
        return [_booking(row) for row in self._rows(_AWAITING, now=now)]

    def first_start(self) -> datetime | None:
        """When the first booking began, or is to begin; None without any."""
        first: datetime | None = self._rows(_FIRST_START).scalar_one()
        return first

    def used(self, within: Window, earliest: datetime) -> Found:
        """Those that people had at some time of a window (not those cancelled before they began), in no order.

        Args:
            within: the window.
            earliest: none that began before this is looked at, so that years of them needn't be.
        """
        found = self._rows(_USED, earliest=earliest, until=within.end, since=within.start)
        return [booking for row in found if (booking := _booking(row)).window.end > within.start]

    def walk_ins(self, profile: str, since: datetime, until: datetime) -> tuple[int, int]:
        """How many were made and began within a time, and how many of them found no cluster that stood ready."""
        found = self._rows(_WALK_INS, of_profile=profile, since=since, until=until).all()
        return len(found), sum(made is None or made >= asked for asked, made in found)

    def count_live(self, owner: str, project: str, now: datetime) -> int:
        """How many of a person's bookings in a project count against their quota.

        Those are standing offers, and confirmed bookings that aren't over.
        """
        values = {"owner": owner, "project": project, "now": now}
        return self._connection.execute(_COUNT_LIVE, values).scalar_one()

    def _after(self, booking_id: str) -> ColumnElement[bool]:
        last = self._rows(_BY_ID, key=booking_id).one_or_none()
        if last is None:
            raise NotFound(f"There is no booking {booking_id} to go on from.", hint="Start again from the first page.")
        return or_(_C.window_start > last.window_start, and_(_C.window_start == last.window_start, _C.id > last.id))


def _values(booking: Booking) -> dict[str, Any]:
    return {
        "id": booking.id,
        "project": booking.project,
        "owner": booking.owner,
        "profile": booking.profile,
        "site": booking.site,
        "seats": booking.seats,
        "workers": booking.workers,
        "window_start": booking.window.start,
        "window_end": booking.window.end,
        "claim_start": booking.claim_window.start,
        "claim_end": booking.claim_window.end,
        "target": booking.target,
        "created_at": booking.created_at,
        "expires_at": booking.expires_at,
        "ended_at": booking.ended_at,
        "title": booking.title,
        "approval": booking.approval,
    }


def _booking(row: AnyRow) -> Booking:
    return Booking(
        id=row.id,
        project=row.project,
        owner=row.owner,
        profile=row.profile,
        site=row.site,
        seats=row.seats,
        workers=row.workers,
        window=Window(row.window_start, row.window_end),
        claim_window=Window(row.claim_start, row.claim_end),
        target=row.target,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        title=row.title,
        approval=row.approval,
    )
