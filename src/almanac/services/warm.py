"""The warm pool: clusters that stand ready, so that a walk-in starts at once.

A warm cluster's claim gives way to every booking: bookings are placed as if it weren't there, and one that is in the way
is taken down before the booking's build begins.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, Phase
from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile, claims_for, name_nodes
from almanac.core.errors import AlmanacError, NotOffered
from almanac.core.ports import PlacedNode
from almanac.core.resources import Claim, Holder, Resources
from almanac.core.windows import Window
from almanac.services import lifecycle
from almanac.services.calendars import Calendars
from almanac.services.carrying import Carrying
from almanac.services.catalogue import Catalogue
from almanac.services.choosing import Ask, Chooser
from almanac.services.records import Plan, dump_nodes, seat_files, seat_names
from almanac.services.standby import Standby
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, ClusterTarget, LeaseRow, LeaseTarget
from almanac.storage.unit import Unit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A warm cluster chosen for a booking, with the claims that it will be."""

    row: ClusterRow
    lease: LeaseRow
    plan: Plan
    claims: list[Claim]


class WarmPool:
    """Keeps as many clusters ready as ``Standby`` says, in places that the plan holds if there are, for walk-ins."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        chooser: Chooser,
        standby: Standby,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._chooser = chooser
        self._standby = standby

    def adjust(self, now: datetime) -> None:
        """Take down warm clusters that are in the way, too many or too old; make the missing ones where there is room."""
        standing = self._standing()
        some = self._standby.follows_demand or any(profile.warm for profile in self._catalogue.all_profiles)
        if not some and not standing:
            return
        for site in self._catalogue.names:
            try:
                self._adjust_site(site, [row for row in standing if row.site == site], now)
            except AlmanacError as error:
                log.debug("the warm pool at %s is left as it is: %s", site, error.message)

    def find(self, unit: Unit, firm: Calendar, draft: Booking) -> Taken | None:
        """A ready warm cluster that will do for a booking that starts now: of its size, for long enough, in nobody's way."""
        for row in unit.clusters.warm_ready(draft.site, draft.profile):
            plan = Plan.loads(row.spec)
            lease = unit.leases.get(row.lease_id)
            sized = len(plan.nodes) == 1 + draft.workers and len(plan.seats) == draft.seats
            if lease is None or lease.window.end < draft.claim_window.end or not sized:
                continue
            claims = [
                replace(claim, window=draft.claim_window, holder=Holder.BOOKING, holder_id=draft.id)
                for claim in unit.claims.for_holder(row.id)
            ]
            if _fits(firm, {}, claims):
                return Taken(row, lease, plan, claims)
        return None

    @staticmethod
    def give(unit: Unit, taken: Taken, booking: Booking, now: datetime) -> None:
        """Make a warm cluster the booking's, in the booking's own transaction."""
        files = seat_files(booking.project, booking.owner, booking.id, booking.seats)
        given = Plan(taken.plan.nodes, files, lifecycle.logs_of(booking), taken.plan.data)
        row = taken.row
        unit.clusters.record(
            row.id, now, booking_id=booking.id, spec=given.dumps(), spec_applied=False, last_active=None
        )
        # What the booking doesn't need of the lease goes back: later bookings count on it.
        window = Window(taken.lease.window.start, booking.claim_window.end)
        unit.leases.record(
            row.lease_id, now, holder=Holder.BOOKING, holder_id=booking.id, window=window, phase=Phase.ABSENT
        )
        unit.claims.remove(row.id)

    def take_down(self, now: datetime) -> None:
        """Let the loop take every warm cluster down; at a drained site none is made again."""
        for row in self._standing():
            self.drop(row, now)

    def _standing(self) -> list[ClusterRow]:
        with self._database.read() as unit:
            rows = unit.clusters.unfinished()
        return [row for row in rows if row.booking_id is None and row.target is ClusterTarget.RUNNING]

    def _adjust_site(self, site: str, standing: list[ClusterRow], now: datetime) -> None:
        drained = self._catalogue.drained(site, now)
        wanted = {each.name: self._wanted(site, each, standing, now) for each in self._catalogue.all_profiles}
        keep = self._drop_surplus(site, standing, wanted, now)
        for profile in self._catalogue.all_profiles:
            missing = 0 if drained else wanted[profile.name] - sum(row.profile == profile.name for row in keep)
            if missing > 0 and site in self._offered(profile, now):
                for _ in range(missing):
                    self._make(site, profile, now)

    def _wanted(self, site: str, profile: Profile, standing: Sequence[ClusterRow], now: datetime) -> int:
        """How many clusters of a profile should stand at a site."""
        if not self._standby.follows_demand or site not in self._offered(profile, now):
            return profile.warm
        of_profile = [row for row in standing if row.profile == profile.name]
        starting = sum(row.ready_at is None for row in of_profile)
        return self._standby.wanted(site, profile, len(of_profile), starting, now)

    def _offered(self, profile: Profile, now: datetime) -> Sequence[str]:
        """Where walk-ins go first; nowhere while no site offers it."""
        try:
            return self._chooser.choose(Ask(profile, 1, Window.lasting(now, profile.max_duration)), now).sites[:1]
        except NotOffered:
            return ()

    def _drop_surplus(
        self, site: str, standing: list[ClusterRow], wanted: Mapping[str, int], now: datetime
    ) -> list[ClusterRow]:
        """Drop what is in the way of firm claims, more than wanted, or near its lease's end; return what stays."""
        if not standing:
            return []
        keep: list[ClusterRow] = []
        taken: dict[str, Resources] = {}
        with self._calendars.looking(site, now) as firm, self._database.read() as unit:
            for row in sorted(standing, key=lambda each: each.created_at):
                claims = unit.claims.for_holder(row.id)
                surplus = sum(kept.profile == row.profile for kept in keep) >= wanted.get(row.profile, 0)
                old = not claims or claims[0].window.end - now < self._profile(row).max_duration / 2
                if not surplus and not old and _fits(firm, taken, claims):
                    keep.append(row)
                    taken = _with(taken, claims)
        for row in standing:
            if row not in keep:
                self.drop(row, now)
        return keep

    def _profile(self, row: ClusterRow) -> Profile:
        return self._catalogue.profile_or_plain(row.profile)

    def drop(self, row: ClusterRow, now: datetime) -> None:
        """Let the loop take a warm cluster down, unless a walk-in has just got it."""
        with self._calendars.changing(row.site, now) as change:
            fresh = change.unit.clusters.get(row.id)
            if fresh is not None and fresh.booking_id is None:
                change.unit.clusters.record(row.id, now, target=ClusterTarget.GONE, not_before=None)
                change.unit.leases.record(row.lease_id, now, target=LeaseTarget.RETURNED, not_before=None)
                change.unit.claims.remove(row.id)

    def _make(self, site: str, profile: Profile, now: datetime) -> None:
        """A new warm cluster in a place that the plan holds, or else where everything, other warm ones included, leaves room."""
        groups = profile.groups(1, self._catalogue.flavors(site, now))
        capacity = self._catalogue.capacity(site, now)
        span = profile.max_duration * 3 / 2 + capacity.limits.build + capacity.limits.teardown
        window = Window(now, now + max(span, timedelta(minutes=10)))
        with self._calendars.changing(site, now) as change:
            everything = Calendar(capacity.hosts, change.unit.claims.current(site, now), gap=capacity.limits.gap)
            lent = Carrying.lend(change, everything, site, profile, window)
            if lent is not None:
                _add(change.unit, profile, lent.lease, lent.nodes, lent.claims, now)
                return
            placed = everything.place(groups, window)
            if placed is None:
                return
            nodes = name_nodes(placed)
            claims = claims_for(site, placed, window, Holder.WARM, "")
            key = f"l-{secrets.token_hex(5)}"
            lease = LeaseRow(key, Holder.WARM, "", site, dump_nodes(nodes), window, now, now)
            _add(change.unit, profile, lease, nodes, claims, now)


def _add(
    unit: Unit,
    profile: Profile,
    lease: LeaseRow,
    nodes: tuple[PlacedNode, ...],
    claims: Sequence[Claim],
    now: datetime,
) -> None:
    """Write a warm cluster, its claims and its lease: a new one, or a place's that becomes its own."""
    cluster, window = f"c-{secrets.token_hex(5)}", claims[0].window
    if lease.holder is Holder.PLAN:
        unit.claims.remove(lease.holder_id)
        unit.plans.drop(lease.holder_id)
        phase = lease.phase if window == lease.window else Phase.ABSENT
        unit.leases.record(lease.id, now, holder=Holder.WARM, holder_id=cluster, window=window, phase=phase)
    else:
        unit.leases.add(replace(lease, holder_id=cluster))
    unit.claims.add_all(replace(claim, holder=Holder.WARM, holder_id=cluster) for claim in claims)
    plan = Plan(nodes, dict.fromkeys(seat_names(1)), data=profile.data)
    unit.clusters.add(ClusterRow(cluster, profile.name, lease.site, lease.id, plan.dumps(), now, now, now))


def _fits(firm: Calendar, kept: Mapping[str, Resources], claims: Sequence[Claim]) -> bool:
    """Whether warm claims still fit beside the firm ones and the warm ones kept so far (by host)."""
    if not claims:
        return False
    free = firm.free(claims[0].window)
    need = _with(kept, claims)
    return all(need[claim.host].fits_in(free.get(claim.host, Resources())) for claim in claims)


def _with(kept: Mapping[str, Resources], claims: Sequence[Claim]) -> dict[str, Resources]:
    sums = dict(kept)
    for claim in claims:
        sums[claim.host] = sums.get(claim.host, Resources()) + claim.resources
    return sums
