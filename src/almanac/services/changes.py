"""Changing a booking: extend it (and how far it could be), shorten it, change its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from almanac.core.bookings import Booking, BookingStatus, BookingTarget, Phase
from almanac.core.catalogue import claims_for, name_nodes, placements_of
from almanac.core.errors import BadRequest, BadWindow, Forbidden, NoCapacity, WrongState
from almanac.core.ledger import node_seconds
from almanac.core.resources import Claim, Holder, NodeGroup
from almanac.core.windows import Window, utc
from almanac.services import lifecycle, limits
from almanac.services.calendars import Calendars, Change
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.leads import Leads
from almanac.services.lookup import ENDABLE, changeable, fresh, status_of, visible
from almanac.services.records import Plan, dump_nodes, seat_files
from almanac.services.requests import SHORTEST, spoken
from almanac.services.rules import Rules
from almanac.services.showing import Showing
from almanac.services.vault import Vault
from almanac.services.views import BookingView, ExtensionView
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, LeaseTarget


class Changes:
    """Changes to bookings that are booked, being built or running. ``notify`` wakes the loop."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        vault: Vault,
        leads: Leads,
        rules: Rules,
        notify: Callable[[], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._vault = vault
        self._rules = rules
        self._notify = notify
        self._showing = Showing(catalogue, leads)

    def extension(self, caller: Caller, booking_id: str, now: datetime) -> ExtensionView:
        """How long a booking could be extended, on the capacity that it has.

        Raises:
            WrongState: it isn't one that can be extended.
            NotFound: there is none, or the caller doesn't see it.
        """
        with self._database.read() as unit:
            booking = visible(unit, caller, booking_id)
            self._check_open(booking, status_of(unit, booking, now))
            claims = unit.claims.for_holder(booking_id)
        with self._calendars.looking(booking.site, now) as calendar:
            until, limited_by = self._reach(booking, claims, calendar.latest_end, now)
        return ExtensionView(until if until > booking.window.end else None, limited_by)

    def extend(
        self,
        caller: Caller,
        booking_id: str,
        now: datetime,
        *,
        by: timedelta | None = None,
        until: datetime | None = None,
    ) -> BookingView:
        """Let a booking end later, all of it or not at all.

        Raises:
            BadWindow: the new end isn't later.
            NoCapacity: it can't go on so long; the hint says until when it could.
            QuotaExceeded, WrongState, NotFound, Forbidden: as they say.
        """

        def check(change: Change, before: Booking, after: Booking) -> None:
            if after.window.end <= before.window.end:
                hint = f"Give a later end, or shorten it: almanac shorten {booking_id} --until ..."
                raise BadWindow(f"It ends at {before.window.end:%Y-%m-%d %H:%M} UTC already.", hint=hint)
            self._check_reach(change, before, after.window.end, now)
            self._check_approved(caller, after)
            extra = node_seconds(lifecycle.nodes_of(before), before.window.end, after.window.end)
            require = self._rules.require_grants
            limits.check(change.unit, after, now, require_grants=require, new=False, extra=extra)

        return self._move_end(caller, booking_id, now, lambda booking: _new_end(booking, by, until, sign=1), check)

    def shorten(
        self,
        caller: Caller,
        booking_id: str,
        now: datetime,
        *,
        by: timedelta | None = None,
        until: datetime | None = None,
    ) -> BookingView:
        """Let a booking end earlier; the rest is refunded.

        Raises:
            BadWindow: the new end isn't earlier, or not after now and its start.
            WrongState, NotFound, Forbidden: as they say.
        """

        def end(booking: Booking) -> datetime:
            asked = _new_end(booking, by, until, sign=-1)
            if asked >= booking.window.end:
                hint = f"Give an earlier end, or extend it: almanac extend {booking_id} --until ..."
                raise BadWindow(f"It ends at {booking.window.end:%Y-%m-%d %H:%M} UTC already.", hint=hint)
            if asked < max(booking.window.start + SHORTEST, now):
                over = (
                    f"almanac release {booking_id}" if now >= booking.window.start else f"almanac cancel {booking_id}"
                )
                raise BadWindow("That would leave nothing of it.", hint=f"To end it: {over}")
            return asked

        return self._move_end(caller, booking_id, now, end, lambda *_: None)

    def _move_end(
        self,
        caller: Caller,
        booking_id: str,
        now: datetime,
        end: Callable[[Booking], datetime],
        check: Callable[[Change, Booking, Booking], None],
    ) -> BookingView:
        """Give a booking another end, in one transaction, if ``check(change, before, after)`` lets it pass."""
        asked = changeable(self._database, caller, booking_id)
        with self._calendars.changing(asked.site, now) as change:
            before = self._open(change, booking_id, now)
            after = self._with_end(before, end(before), change)
            check(change, before, after)
            self._write_window(change, before, after, now, caller.person)
            kind = "extended" if after.window.end > before.window.end else "shortened"
            message = f"{kind.capitalize()} to {after.window.end:%Y-%m-%d %H:%M} UTC."
            lifecycle.tell(change.unit, after, now, kind, message, caller.person)
            view = self._showing.one(change.unit, after, now)
        self._notify()
        return view

    def resize(self, caller: Caller, booking_id: str, now: datetime, seats: int) -> BookingView:
        """Change the number of seats, and with it the workers; a running cluster grows or shrinks as it runs.

        Raises:
            BadRequest: not a number of seats that the profile has.
            NoCapacity: there is no room for more workers.
            QuotaExceeded, WrongState, NotFound, Forbidden: as they say.
        """
        asked = changeable(self._database, caller, booking_id)
        profile = self._catalogue.profile(asked.profile)
        groups = profile.groups(seats, self._catalogue.flavors(asked.site, now))
        with self._calendars.changing(asked.site, now) as change:
            booking = self._open(change, booking_id, now)
            other = replace(booking, seats=seats, workers=profile.workers_for(seats))
            if seats > booking.seats:
                self._check_approved(caller, other)
            extra = max(0, other.workers - booking.workers) * node_seconds(
                1, max(now, booking.window.start), booking.window.end
            )
            limits.check(change.unit, other, now, require_grants=self._rules.require_grants, new=False, extra=extra)
            self._write_size(change, booking, other, groups, caller.person, now)
            message = f"Resized to {seats} seat{'s' if seats != 1 else ''} and {other.workers} workers."
            lifecycle.tell(change.unit, other, now, "resized", message, caller.person)
            view = self._showing.one(change.unit, other, now)
        self._notify()
        return view

    # --- windows ---------------------------------------------------------------------------------------------------------

    def _reach(
        self,
        booking: Booking,
        claims: list[Claim],
        latest_end: Callable[[list[Claim], datetime], datetime],
        now: datetime,
    ) -> tuple[datetime, str]:
        """The latest end of its window, and what limits it."""
        profile = self._catalogue.profile_or_plain(booking.profile)
        teardown = booking.claim_window.end - booking.window.end
        most = max(now, booking.window.start) + profile.max_duration
        reach = latest_end(claims, most + teardown) - teardown
        if reach >= most:
            return most, f"{profile.name} can be booked for at most {spoken(profile.max_duration)} at a time"
        return reach, "other bookings need the capacity then"

    def _check_reach(self, change: Change, booking: Booking, end: datetime, now: datetime) -> None:
        claims = change.unit.claims.for_holder(booking.id)
        reach, limited_by = self._reach(booking, claims, change.calendar.latest_end, now)
        if end > reach:
            could = f"almanac extend {booking.id} --until {reach:%Y-%m-%dT%H:%MZ}"
            raise NoCapacity(
                f"It can't go on until {end:%Y-%m-%d %H:%M} UTC: {limited_by}.",
                hint=could if reach > booking.window.end else "Book again for later: almanac free " + booking.profile,
                details={"until": reach.isoformat() if reach > booking.window.end else None},
            )

    @staticmethod
    def _with_end(booking: Booking, end: datetime, change: Change) -> Booking:
        site = change.capacity.limits
        claim_end = max(end + site.teardown, booking.claim_window.start + site.minimum_lease)
        return replace(
            booking,
            window=Window(booking.window.start, end),
            claim_window=Window(booking.claim_window.start, claim_end),
        )

    @staticmethod
    def _write_window(change: Change, before: Booking, after: Booking, now: datetime, actor: str) -> None:
        claims = [
            replace(claim, window=Window(claim.window.start, after.claim_window.end))
            for claim in change.unit.claims.for_holder(before.id)
        ]
        lifecycle.change_window(change.unit, before, after, claims, now, actor)
        change.reload(before.id)

    # --- sizes -----------------------------------------------------------------------------------------------------------

    def _write_size(
        self, change: Change, before: Booking, after: Booking, groups: tuple[NodeGroup, ...], actor: str, now: datetime
    ) -> None:
        cluster = change.unit.clusters.for_booking(before.id)
        built = cluster is not None and cluster.phase is not Phase.ABSENT
        claims = self._grown(change, before, after, groups, now) if built else self._placed_anew(change, after, groups)
        if after.target is BookingTarget.OFFERED:
            holder, expires_at = Holder.OFFER, after.expires_at
            claims = [replace(claim, holder=holder, expires_at=expires_at) for claim in claims]
        if built:
            lifecycle.charge_elapsed(change.unit, before, now, actor)
        change.unit.bookings.replace(after)
        change.unit.claims.replace(before.id, claims)
        change.reload(before.id)
        if cluster is not None:
            self._write_spec(change, after, cluster, claims, now)
            lifecycle.hold_in_ledger(change.unit, after, now, actor)

    def _placed_anew(self, change: Change, after: Booking, groups: tuple[NodeGroup, ...]) -> list[Claim]:
        """Nothing stands yet: any hosts will do."""
        with change.without(after.id) as calendar:
            placed = calendar.place(groups, after.claim_window)
        if placed is None:
            raise self._no_room(after)
        return claims_for(after.site, placed, after.claim_window, Holder.BOOKING, after.id)

    def _grown(
        self, change: Change, before: Booking, after: Booking, groups: tuple[NodeGroup, ...], now: datetime
    ) -> list[Claim]:
        """What stands stays where it is: workers are added where there is room, or the last ones go."""
        claims = change.unit.claims.for_holder(before.id)
        more = after.workers - before.workers
        if more < 0:
            return _without_workers(claims, -more)
        if more == 0:
            return claims
        worker = NodeGroup("worker", groups[-1].flavor, more)
        window = Window(max(now, before.claim_window.start), before.claim_window.end)
        placed = change.calendar.place((worker,), window)
        if placed is None:
            raise self._no_room(after)
        # All claims of a holder share one window; the time before now is past and takes nothing from anybody.
        added = claims_for(before.site, placed, before.claim_window, Holder.BOOKING, before.id)
        return [*claims, *added]

    @staticmethod
    def _no_room(after: Booking) -> NoCapacity:
        return NoCapacity(
            f"There is no room for {after.workers} workers until {after.window.end:%Y-%m-%d %H:%M} UTC.",
            hint="Ask for fewer seats, or see when there is room: "
            f"almanac free {after.profile} --seats {after.seats} --for {spoken(after.window.duration).replace(' ', '')}",
        )

    def _write_spec(
        self, change: Change, after: Booking, cluster: ClusterRow, claims: list[Claim], now: datetime
    ) -> None:
        nodes = name_nodes(placements_of(claims, self._catalogue.flavors(after.site, now)))
        files = seat_files(after.project, after.owner, after.id, after.seats)
        plan = Plan(nodes, files, lifecycle.logs_of(after), Plan.loads(cluster.spec).data)
        facts: dict[str, Any] = {"spec": plan.dumps(), "spec_applied": False}
        if cluster.secrets is not None:
            facts["secrets"] = self._vault.seal(self._vault.with_seats(self._vault.open(cluster.secrets), tuple(files)))
        change.unit.clusters.record(cluster.id, now, **facts)
        for lease in change.unit.leases.for_holder(after.id):
            if lease.target is LeaseTarget.HELD:
                change.unit.leases.record(lease.id, now, order=dump_nodes(nodes), phase=Phase.ABSENT)

    # --- checks ----------------------------------------------------------------------------------------------------------

    def _check_approved(self, caller: Caller, after: Booking) -> None:
        profile = self._catalogue.profile_or_plain(after.profile)
        above = profile.approve_above.exceeded(after.seats, after.window.duration, lifecycle.nodes_of(after))
        if above and not caller.leads(after.project):
            raise Forbidden(
                f"{profile.name} needs an approval for that: {above}.",
                hint=f"A lead of {after.project} or an operator can make this change for you.",
            )

    def _open(self, change: Change, booking_id: str, now: datetime) -> Booking:
        booking = fresh(change.unit, booking_id)
        self._check_open(booking, status_of(change.unit, booking, now))
        return booking

    @staticmethod
    def _check_open(booking: Booking, state: BookingStatus) -> None:
        if state not in ENDABLE and state is not BookingStatus.OFFERED:
            raise WrongState(
                f"{booking.id} can't be changed: it is {state}.",
                hint=f"Book again: almanac book {booking.profile} --for 2h",
            )


def _new_end(booking: Booking, by: timedelta | None, until: datetime | None, sign: int) -> datetime:
    if (by is None) == (until is None):
        raise BadRequest("Say either by how much or until when.", hint="--by 1h, or --until 16:00")
    if until is not None:
        return utc(until)
    if by is None or by <= timedelta(0):
        raise BadWindow("The change must be longer than nothing.", hint="--by 30m")
    return booking.window.end + sign * by


def _without_workers(claims: list[Claim], fewer: int) -> list[Claim]:
    """The claims less the last ``fewer`` workers."""
    kept: list[Claim] = []
    for claim in reversed(claims):
        gone = min(fewer, claim.count) if claim.role == "worker" else 0
        fewer -= gone
        if claim.count > gone:
            count = claim.count - gone
            one = placements_of((claim,), {})[0].group.flavor.resources
            kept.insert(0, replace(claim, count=count, resources=one * count))
    return kept
