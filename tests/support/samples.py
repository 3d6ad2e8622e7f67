"""Examples of everything that the database keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.ledger import LineKind
from almanac.core.resources import Claim, Holder, Resources
from almanac.core.windows import Window
from almanac.storage.database import Database
from almanac.storage.rows import (
    ClusterRow,
    EventRow,
    LeaseRow,
    LedgerRow,
    PersonRow,
    ProjectRow,
    TokenRow,
)

NOW = datetime(2026, 10, 3, 10, 0, 0, 123456, tzinfo=UTC)
"""Microseconds, because they must survive."""
HOUR = timedelta(hours=1)


def hours(start: float, end: float) -> Window:
    """The window from ``NOW + start`` to ``NOW + end`` hours."""
    return Window(NOW + start * HOUR, NOW + end * HOUR)


def a_booking(booking_id: str = "b-1", **changes: Any) -> Booking:
    """A confirmed booking of two hours that begins in an hour."""
    window = changes.get("window", hours(1, 3))
    booking = Booking(
        id=booking_id,
        project="gaia",
        owner="ada",
        profile="spark-small",
        site="local",
        seats=2,
        workers=3,
        window=window,
        claim_window=window.padded(timedelta(minutes=5), timedelta(minutes=1)),
        target=BookingTarget.CONFIRMED,
        created_at=NOW,
        title="Åström's stars",
    )
    return replace(booking, **changes)


def a_claim(holder_id: str = "b-1", **changes: Any) -> Claim:
    """A claim on half a big host."""
    taken = Resources(8, 3_000_000, 5_000_000, 1)
    claim = Claim("local", "host-1", "worker", "w4", 2, taken, hours(1, 3), Holder.BOOKING, holder_id)
    return replace(claim, **changes)


def a_cluster(cluster_id: str = "c-1", **changes: Any) -> ClusterRow:
    """A cluster that nothing has been done about yet."""
    row = ClusterRow(
        id=cluster_id,
        profile="spark-small",
        site="local",
        lease_id="l-1",
        spec='{"nodes": []}',
        created_at=NOW,
        changed_at=NOW,
        build_at=NOW + HOUR,
    )
    return replace(row, **changes)


def a_lease(lease_id: str = "l-1", **changes: Any) -> LeaseRow:
    """A lease that nothing has been done about yet."""
    row = LeaseRow(
        id=lease_id,
        holder=Holder.BOOKING,
        holder_id="b-1",
        site="local",
        order='{"nodes": []}',
        window=hours(1, 3),
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(row, **changes)


def an_event(**changes: Any) -> EventRow:
    """Ada booked."""
    return replace(EventRow(at=NOW, kind="booked", actor="ada", message="Booked by ada."), **changes)


def a_line(kind: LineKind = LineKind.HOLD, node_seconds: int = 3600, **changes: Any) -> LedgerRow:
    """A line of Gaia's account at the local site."""
    line = LedgerRow(NOW, NOW, "gaia", "local", kind, node_seconds, "almanac")
    return replace(line, **changes)


def a_grant(node_seconds: int, period: Window, **changes: Any) -> LedgerRow:
    """A grant for Gaia at the local site."""
    return a_line(LineKind.GRANT, node_seconds, period=period, counts_at=period.start, **changes)


def a_token(name: str = "t-1", **changes: Any) -> TokenRow:
    """Ada's token, of that id."""
    row = TokenRow(name, f"hash of {name}", "ada", "lead", "laptop", NOW)
    return replace(row, **changes)


def with_people(database: Database) -> None:
    """Add ada and grace, and the projects gaia and euclid, so that rows may speak of them."""
    with database.write() as unit:
        for name in ("ada", "grace"):
            unit.people.add_person(PersonRow(name, NOW))
        for name in ("gaia", "euclid"):
            unit.people.add_project(ProjectRow(name, name.title(), NOW))
