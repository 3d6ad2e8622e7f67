"""How a series and its occurrences stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from almanac.core.bookings import Booking, BookingTarget, status
from almanac.core.series import Occurrence, Series
from almanac.services.caller import Caller, Role, not_found
from almanac.services.requests import BookingRequest
from almanac.services.series_views import OccurrenceView, PlanView, SeriesView
from almanac.services.views import BookingView
from almanac.storage.rows import ClusterRow, EventRow
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


def request_for(series: Series, each: Occurrence) -> BookingRequest:
    """What booking an occurrence asks for."""
    return BookingRequest(
        series.profile,
        each.window.duration,
        each.window.start,
        each.seats,
        series.project,
        series.site,
        series.title,
        series.data,
    )


def as_booked(wanted: Occurrence, made: BookingView) -> Occurrence:
    """An occurrence with the booking that was made for it."""
    return replace(wanted, booking_id=made.id, window=replace(wanted.window, start=made.start, end=made.end))


def on_behalf(caller: Caller, series: Series) -> Caller:
    """The series' owner, with the approval of the lead or operator who changes it for them."""
    role = Role.LEAD if caller.leads(series.project) else Role.MEMBER
    return Caller(series.owner, roles={series.project: role})


def tell_of_series(unit: Unit, series: Series, now: datetime, kind: str, message: str, actor: str) -> None:
    """An event for the series' person, beside those of its bookings; ``data`` names them, and the series."""
    data = {"series": series.id, "person": series.owner}
    unit.events.append(EventRow(now, kind, actor, message, project=series.project, data=data))
