"""How a series and its occurrences stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from almanac.core.bookings import Booking, BookingTarget, status
from almanac.core.series import Occurrence, Series
from almanac.services.caller import Caller, not_found
from almanac.services.series_views import OccurrenceView, PlanView, SeriesView
from almanac.storage.rows import ClusterRow
from almanac.storage.unit import Unit


def known(unit: Unit, series_id: str) -> Series:
    """The series as it is inside a write transaction.

    Raises:
        NotFound: there is none.
    """
    found = unit.series.get(series_id)
    if found is None:
        raise not_found(f"series {series_id}")
    return found


def visible_series(unit: Unit, caller: Caller, series_id: str) -> Series:
    """The series, if the caller sees its project.

    Raises:
        NotFound: there is none, or it isn't theirs to see.
    """
    found = unit.series.get(series_id)
    if found is None or not caller.sees(found.project):
        raise not_found(f"series {series_id}")
    return found


def live(unit: Unit, each: Occurrence) -> Booking | None:
    """An occurrence's booking or offer, if that stands."""
    booking = unit.bookings.get(each.booking_id) if each.booking_id else None
    standing = booking is not None and booking.target in {BookingTarget.CONFIRMED, BookingTarget.OFFERED}
    return booking if standing else None


def was_cancelled(unit: Unit, each: Occurrence) -> bool:
    """Whether an occurrence's booking was called off by itself, or nobody approved it."""
    booking = unit.bookings.get(each.booking_id) if each.booking_id else None
    return booking is not None and booking.target is BookingTarget.CANCELLED


def view_of(unit: Unit, series: Series, now: datetime, plan: PlanView | None = None) -> SeriesView:
    """A series as people see it, with the plan of a change that was just made."""
    dates = unit.series.occurrences(series.id)
    ids = [each.booking_id for each in dates if each.booking_id]
    bookings, clusters = unit.bookings.some(ids), unit.clusters.for_bookings(ids)
    return SeriesView(
        series.id,
        series.project,
        series.owner,
        series.profile,
        series.title,
        series.zone,
        series.rule,
        series.created_at,
        tuple(_occurrence(each, bookings, clusters, now) for each in dates),
        plan,
    )


def _occurrence(
    each: Occurrence, bookings: Mapping[str, Booking], clusters: Mapping[str, ClusterRow], now: datetime
) -> OccurrenceView:
    booking = bookings.get(each.booking_id or "")
    if booking is None:
        window, site, state = each.window, "", "refused"
    else:
        cluster = clusters.get(booking.id)
        window, site, state = (
            booking.window,
            booking.site,
            status(booking, cluster.phase if cluster else None, now).value,
        )
    return OccurrenceView(
        each.date,
        window.start,
        window.end,
        each.seats,
        "left_out" if each.left_out else state,
        each.booking_id,
        site,
        each.note,
    )
