"""What the clock asks for: offers that expire, bookings that end, warnings, unused platforms, the warm pool.

Also what follows, for people and the ledger, when the loop finds a cluster ready, gone or failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from almanac.core.bookings import Booking, BookingTarget, Phase
from almanac.core.catalogue import Profile
from almanac.core.errors import SiteTrouble
from almanac.core.ports import NoRoom, SiteError
from almanac.core.rules import Reason, Verdict, verdict
from almanac.services import lifecycle
from almanac.services.calendars import Calendars, Change
from almanac.services.carrying import Carrying
from almanac.services.catalogue import Catalogue
from almanac.services.warm import WarmPool
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, ClusterTarget, EventRow, LeaseRow, LeaseTarget
from almanac.storage.unit import Unit

log = logging.getLogger(__name__)

_TOLD_AFTER = 2
"""Troubles in a row with a lease until its person is told: the first is mostly over a moment later."""
_ENDED = {
    Reason.END: ("ended", "The booking's time is over."),
    Reason.IDLE: ("released", "Released: it had not been used for {minutes} minutes."),
    Reason.NO_SHOW: ("released", "Released: nobody had used it {minutes} minutes after its start."),
}


class Duties:
    """The rules in time, each in a transaction of its own, each harmless when repeated.

    ``serve`` offers what is free to those who wait for it.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        warm: WarmPool,
        carrying: Carrying,
        serve: Callable[[datetime], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._warm = warm
        self._carrying = carrying
        self._serve = serve

    def perform(self, now: datetime) -> None:
        """Do what is due."""
        self._expire_offers(now)
        self._judge(now)
        self._serve(now)
        self._carrying.adjust(now)
        self._warm.adjust(now)

    def _expire_offers(self, now: datetime) -> None:
        with self._database.read() as unit:
            expired = unit.bookings.expired_offers(now)
        for offer in expired:
            with _unless_in_trouble(offer.site), self._calendars.changing(offer.site, now) as change:
                fresh = change.unit.bookings.get(offer.id)
                if fresh is not None and fresh.target is BookingTarget.OFFERED:
                    change.drop(offer.id)
                    change.unit.bookings.replace(replace(fresh, target=BookingTarget.CANCELLED, ended_at=now))
                    missed = "Nobody approved it in time." if offer.approval else "The offer was not accepted in time."
                    lifecycle.tell(change.unit, offer, now, "expired", missed)

    def _judge(self, now: datetime) -> None:
        """Warn about, and end, the bookings for which it is time."""
        with self._database.read() as unit:
            running = unit.bookings.due(now)
            clusters = unit.clusters.for_bookings([booking.id for booking in running])
        for booking in running:
            cluster = clusters.get(booking.id)
            found = self._verdict(booking, cluster)
            if found.end_at <= now:
                self._end(booking, found, now)
            elif cluster is not None and found.warn_at <= now and cluster.warned != _mark(found):
                self._warn(booking, cluster, found, now)

    def _verdict(self, booking: Booking, cluster: ClusterRow | None) -> Verdict:
        return verdict_of(self._catalogue.profile_or_plain(booking.profile), booking, cluster)

    def _warn(self, booking: Booking, cluster: ClusterRow, found: Verdict, now: datetime) -> None:
        with self._database.write() as unit:
            unit.clusters.record(cluster.id, now, warned=_mark(found))
            lifecycle.tell(unit, booking, now, "warned", found.warning(booking.id))

    def _end(self, booking: Booking, found: Verdict, now: datetime) -> None:
        profile = self._catalogue.profile_or_plain(booking.profile)
        limit = profile.idle_after if found.reason is Reason.IDLE else profile.no_show_after
        kind, message = _ENDED[found.reason]
        with _unless_in_trouble(booking.site), self._calendars.changing(booking.site, now) as change:
            fresh = change.unit.bookings.get(booking.id)
            if fresh is None or fresh.target is not BookingTarget.CONFIRMED or fresh.window.end != booking.window.end:
                return  # a person was quicker
            cluster = change.unit.clusters.for_booking(booking.id)
            if self._verdict(fresh, cluster).end_at > now:
                return
            self._finish(change, fresh, now)
            minutes = int((limit or timedelta(0)).total_seconds() // 60)
            lifecycle.tell(change.unit, fresh, now, kind, message.format(minutes=minutes))

    def _finish(self, change: Change, booking: Booking, now: datetime, *, free: bool = False) -> None:
        teardown = change.capacity.limits.teardown
        lifecycle.end(change.unit, booking, now, target=BookingTarget.RELEASED, teardown=teardown, free=free)
        change.reload(booking.id)

    # What the loop found:

    @staticmethod
    def _tell(unit: Unit, row: ClusterRow, kind: str, message: str, now: datetime) -> None:
        """Append an event of a cluster (and its booking)."""
        booking = unit.bookings.get(row.booking_id) if row.booking_id else None
        project = booking.project if booking else None
        unit.events.append(EventRow(now, kind, lifecycle.ALMANAC, message, row.booking_id, row.id, project))

    def preparing(self, cluster: str, new_secrets: Callable[[ClusterRow], str], now: datetime) -> ClusterRow | None:
        """A cluster is about to be prepared: its secrets are written down.

        Returns:
            The row to go by; None: it isn't wanted any more, or its build has begun.
        """
        with self._database.write() as unit:
            row = unit.clusters.get(cluster)
            if row is None or row.target is ClusterTarget.GONE or row.phase is not Phase.ABSENT:
                return None
            secrets = row.secrets or new_secrets(row)
            unit.clusters.record(cluster, now, secrets=secrets)
        return replace(row, secrets=secrets)

    def starting(
        self, cluster: str, why: str, new_secrets: Callable[[ClusterRow], str], now: datetime
    ) -> ClusterRow | None:
        """A cluster is about to be built, mended or converged: write that down, and tell its person of the first two.

        Returns:
            The row to go by: people may have changed it since it was decided. None: it isn't wanted any more.
        """
        with self._database.write() as unit:
            row = unit.clusters.get(cluster)
            if row is None or row.target is ClusterTarget.GONE:
                return None
            facts: dict[str, Any] = {
                "phase": Phase.READY if why == "converge" and row.phase is Phase.READY else Phase.STARTING,
                "secrets": row.secrets or new_secrets(row),
                "build_started_at": row.build_started_at or now,
                "spec_applied": False,  # until all of it is done: what is cut short is taken up again
            }
            unit.clusters.record(cluster, now, **facts)
            if why == "build":
                self._tell(unit, row, "building", "The cluster is being built.", now)
            elif why in {"dead", "gone", "broken"}:
                message = f"The cluster is being mended: {row.last_error or 'it had stopped'}"
                self._tell(unit, row, "mending", message, now)
        return replace(row, **facts)

    def ready(self, row: ClusterRow, facts: Mapping[str, Any], now: datetime) -> None:
        """A cluster became usable: write that down, measure the build and tell its person, all at once."""
        with self._database.write() as unit:
            unit.clusters.record(row.id, now, ready_at=row.ready_at or now, **facts)
            if row.ready_at is None and row.build_started_at is not None:
                seconds = (now - row.build_started_at).total_seconds()
                unit.sites.record_build(row.site, row.profile, seconds, now)
            self._tell(unit, row, "ready", "The cluster is ready.", now)

    def gone(self, row: ClusterRow, phase: Phase, now: datetime) -> None:
        """Nothing is left of a cluster: its secrets go, and what was still claimed for its teardown is free."""
        with self._calendars.changing(row.site, now) as change:
            change.unit.clusters.record(
                row.id,
                now,
                phase=phase,
                handle=None,
                secrets=None,
                endpoints={},
                gone_at=now,
                attempts=0,
                not_before=None,
            )
            change.drop(row.booking_id or row.id)
            if row.booking_id and row.ready_at:
                change.unit.diagnoses.want(row.booking_id, now)
            if row.phase not in {Phase.ABSENT, Phase.GONE}:
                self._tell(change.unit, row, "gone", "Files and logs are saved; the cluster is torn down.", now)

    def held(self, row: LeaseRow, now: datetime) -> None:
        """A site holds what a lease asked for, unless that has changed meanwhile; told where the trouble before was."""
        with self._database.write() as unit:
            ready: dict[str, Any] = {"phase": Phase.READY, "attempts": 0, "not_before": None, "last_error": None}
            unit.leases.record(row.id, now, if_window=row.window, if_order=row.order, **ready)
            cluster = unit.clusters.for_lease(row.id) if row.attempts >= _TOLD_AFTER else None
            if cluster is not None:
                self._explain(unit, cluster, None, now)
                self._tell(unit, cluster, "held", f"{row.site} holds its capacity now.", now)

    def lost(self, row: LeaseRow, why: str, now: datetime) -> LeaseRow:
        """A site no longer holds what it held: tell its person, who is told of the next word on it, too."""
        with self._database.write() as unit:
            cluster = unit.clusters.for_lease(row.id)
            if cluster is not None:
                self._explain(unit, cluster, why, now)
                self._tell(unit, cluster, "mending", f"{why} Another is asked for.", now)
        return replace(row, attempts=max(row.attempts, _TOLD_AFTER))

    def not_held(self, row: LeaseRow, error: SiteError, attempts: int, not_before: datetime, now: datetime) -> None:
        """A site doesn't hold a lease yet: write that down, and tell its person if it wasn't only a moment."""
        reason = _in_words(error, row.site)
        with self._database.write() as unit:
            unit.leases.record(row.id, now, attempts=attempts, not_before=not_before, last_error=reason)
            cluster = unit.clusters.for_lease(row.id) if row.target is LeaseTarget.HELD else None
            if cluster is None or attempts < _TOLD_AFTER:
                return
            self._explain(unit, cluster, reason, now)
            if attempts == _TOLD_AFTER:
                self._tell(unit, cluster, "waiting", f"{reason} It is asked for again by itself.", now)

    @staticmethod
    def _explain(unit: Unit, cluster: ClusterRow, reason: str | None, now: datetime) -> None:
        """What a cluster waits for before anything of it is there; later its site says that."""
        if cluster.phase is Phase.ABSENT:
            unit.clusters.record(cluster.id, now, last_error=reason)

    def fail_cluster(self, row: ClusterRow, reason: str, now: datetime) -> None:
        """A cluster can't be had: say why, refund, and let the loop end what was made."""
        with self._calendars.changing(row.site, now) as change:
            fresh = change.unit.clusters.get(row.id)
            if fresh is None or fresh.spec != row.spec or fresh.target is ClusterTarget.GONE:
                return  # resized, given to a walk-in or ended since it was tried: as it is now it may work
            booking = change.unit.bookings.get(row.booking_id) if row.booking_id else None
            if booking is not None and booking.target is BookingTarget.CONFIRMED:
                if booking.window.end <= now:
                    return  # its time ran out meanwhile, which is no failure: the next tick ends it
                self._finish(change, booking, now, free=row.ready_at is None)
                lifecycle.tell(change.unit, booking, now, "failed", reason)
            change.unit.clusters.record(row.id, now, phase=Phase.FAILED, target=ClusterTarget.GONE, last_error=reason)
            change.unit.leases.record(row.lease_id, now, target=LeaseTarget.RETURNED)

    def fail_lease(self, row: LeaseRow, error: SiteError, now: datetime) -> None:
        """The site won't hold the capacity: the cluster that would stand on it fails with it."""
        reason = _in_words(error, row.site)
        with self._database.read() as unit:
            cluster = unit.clusters.for_lease(row.id)
        if cluster is not None:
            self.fail_cluster(cluster, reason, now)
            return
        with self._database.write() as unit:
            unit.leases.record(row.id, now, target=LeaseTarget.RETURNED, last_error=reason)


@contextmanager
def _unless_in_trouble(site: str) -> Iterator[None]:
    """Leave a site's bookings for a later tick while nothing is known of it; other sites' go on."""
    try:
        yield
    except SiteTrouble as trouble:
        log.warning("bookings at %s are left for later: %s", site, trouble.message)


def _in_words(error: SiteError, site: str) -> str:
    """Why a site doesn't hold the capacity, and what would fit instead."""
    reason = f"The site {site} doesn't hold the capacity: {str(error).rstrip('.')}."
    instead = "Another time, fewer seats or another site may fit: almanac free shows what does."
    return f"{reason} {instead}" if isinstance(error, NoRoom) else reason


def verdict_of(profile: Profile, booking: Booking, cluster: ClusterRow | None) -> Verdict:
    """The first reason for which a booking would end; only a ready cluster can be unused."""
    if cluster is None or cluster.phase is not Phase.READY:
        return verdict(profile, booking.window, None, None)
    return verdict(profile, booking.window, cluster.ready_at, cluster.last_active)


def _mark(found: Verdict) -> str:
    """What people were warned of; a changed end is worth a new warning."""
    return f"{found.reason} {found.end_at.isoformat()}"
