"""Bookings as people see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, BookingStatus, Phase, status
from almanac.services.catalogue import Catalogue
from almanac.services.duties import verdict_of
from almanac.services.leads import Leads
from almanac.services.lifecycle import nodes_of
from almanac.services.views import BookingView, Progress
from almanac.storage.rows import ClusterRow
from almanac.storage.unit import Unit

PROMISED = "promised"
"""Where the event that makes a booking keeps when it was to be ready."""
_LIVE = {BookingStatus.BUILDING, BookingStatus.READY}


class Showing:
    """Makes views of bookings and their clusters."""

    def __init__(self, catalogue: Catalogue, leads: Leads) -> None:
        self._catalogue = catalogue
        self._leads = leads

    def one(self, unit: Unit, booking: Booking, now: datetime) -> BookingView:
        """The view of one booking."""
        return self.many(unit, [booking], now)[0]

    def made(self, booking: Booking, cluster: ClusterRow | None, now: datetime, why: str) -> BookingView:
        """The view of a booking that was just made, with its cluster if it has one, and why it is at its site."""
        return replace(self._view(booking, cluster, now), why=why)

    def many(self, unit: Unit, bookings: Sequence[Booking], now: datetime) -> list[BookingView]:
        """The views of several bookings, in their order."""
        clusters: Mapping[str, ClusterRow] = unit.clusters.for_bookings([booking.id for booking in bookings])
        series = unit.series.of_bookings([booking.id for booking in bookings])
        views = [self._view(booking, clusters.get(booking.id), now) for booking in bookings]
        return [replace(view, series=series.get(view.id)) for view in views]

    def _view(self, booking: Booking, cluster: ClusterRow | None, now: datetime) -> BookingView:
        state = status(booking, cluster.phase if cluster else None, now)
        ready_at = cluster.ready_at if cluster else None
        return BookingView(
            id=booking.id,
            project=booking.project,
            owner=booking.owner,
            profile=booking.profile,
            site=booking.site,
            seats=booking.seats,
            workers=booking.workers,
            title=booking.title,
            start=booking.window.start,
            end=booking.window.end,
            status=state,
            created_at=booking.created_at,
            expires_at=booking.expires_at if state in {BookingStatus.OFFERED, BookingStatus.EXPIRED} else None,
            ended_at=booking.ended_at,
            reserved=self._catalogue.reserved(booking.site, now),
            node_hours=_node_hours(booking, state, ready_at),
            progress=_progress(cluster) if cluster and state is BookingStatus.BUILDING else None,
            ready_at=ready_at,
            eta=_eta(booking, cluster, state, self._leads.lead(booking.site, booking.profile, now), now),
            reason=cluster.last_error if cluster else None,
            warning=self._warning(booking, cluster, state, now),
            price_per_hour=self._catalogue.price(booking.site, booking.profile, booking.seats, now),
            approval=booking.approval,
            data=self._data(booking, now),
        )

    def _data(self, booking: Booking, now: datetime) -> Mapping[str, str]:
        labels = self._catalogue.profile_or_plain(booking.profile).data
        return self._catalogue.data(labels, (booking.site,), now) if labels else {}

    def _warning(self, booking: Booking, cluster: ClusterRow | None, state: BookingStatus, now: datetime) -> str | None:
        if cluster is None or state not in _LIVE:
            return None
        found = verdict_of(self._catalogue.profile_or_plain(booking.profile), booking, cluster)
        return found.warning(booking.id) if found.warn_at <= now else None


def promise(view: BookingView, now: datetime) -> dict[str, str]:
    """What the event that makes a booking says of when it is to be ready, for its receipt."""
    return {PROMISED: (view.eta or max(now, view.start)).isoformat()}


def _progress(cluster: ClusterRow) -> Progress:
    return Progress(cluster.done, cluster.total, cluster.doing or "Waiting for its capacity")


def _node_hours(booking: Booking, state: BookingStatus, ready_at: datetime | None) -> float:
    """What it is to cost, or, once it has ended, what it cost."""
    start, end = booking.window.start, booking.window.end
    if state in {BookingStatus.ENDING, BookingStatus.ENDED, BookingStatus.CANCELLED, BookingStatus.FAILED}:
        if ready_at is None or booking.ended_at is None:
            return 0.0
        start, end = max(start, ready_at), booking.ended_at
    return round(max(0.0, (end - start).total_seconds()) * nodes_of(booking) / 3600, 4)


def _eta(
    booking: Booking, cluster: ClusterRow | None, state: BookingStatus, lead: timedelta, now: datetime
) -> datetime | None:
    if state is BookingStatus.BOOKED or (
        state is BookingStatus.BUILDING and (cluster is None or cluster.phase is Phase.ABSENT)
    ):
        return max(booking.window.start, now + lead) if booking.claim_window.start <= now else booking.window.start
    if state is BookingStatus.BUILDING and cluster is not None:
        return max(now, (cluster.build_started_at or now) + lead)
    return None
