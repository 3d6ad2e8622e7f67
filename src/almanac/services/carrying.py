"""Carrying the plan out: its places are bought, prolonged and let go, given to walk-ins, and give way to bookings.

A place is a lease without a cluster. Its claims give way as a warm cluster's do: bookings are placed as if they weren't
there, and what is in the way of one ends before that begins.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, Phase
from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile, claims_for, name_nodes
from almanac.core.errors import AlmanacError
from almanac.core.plan_places import Place
from almanac.core.ports import Limits, PlacedNode
from almanac.core.resources import Claim, Holder, Resources
from almanac.core.windows import Window
from almanac.services.calendars import Calendars, Change
from almanac.services.catalogue import Catalogue
from almanac.services.records import dump_nodes, load_nodes
from almanac.storage.database import Database
from almanac.storage.rows import LeaseRow, LeaseTarget
from almanac.storage.unit import Unit

log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=20)
"""A place for which there was no room is tried again after this."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Held:
    """A held place chosen for a booking, with the claims that it will be."""

    lease: LeaseRow
    nodes: tuple[PlacedNode, ...]
    claims: list[Claim]


@dataclass(frozen=True, slots=True)
class _State:
    """What is decided from, at one site; while it stays the same there is nothing to do."""

    version: int
    places: tuple[Place, ...]
    leases: tuple[LeaseRow, ...]


class Carrying:
    """Brings the leases of places to what the plan's rows say. Without rows it does nothing."""

    def __init__(self, database: Database, catalogue: Catalogue, calendars: Calendars) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._settled: dict[str, _State] = {}
        self._tried: dict[str, datetime] = {}

    def adjust(self, now: datetime) -> None:
        """Let go of what is in the way, over or not wanted any more; prolong and buy what is due."""
        for site, state in self._states().items():
            tried = self._tried.get(site)
            patient = tried is not None and timedelta(0) <= now - tried < _AGAIN
            waits = any(_due(place, now) for place in state.places) and not patient
            over = any(lease.window.end <= now for lease in state.leases)
            if state == self._settled.get(site) and not waits and not over:
                continue
            try:
                if state.leases or state.places:
                    self._tried[site] = now
                    with self._calendars.changing(site, now) as change:
                        self._adjust_site(change, site, now)
                self._settled[site] = self._states()[site]
            except AlmanacError as error:
                log.debug("the planned places at %s are left as they are: %s", site, error.message)

    def _states(self) -> dict[str, _State]:
        """Of each site."""
        with self._database.read() as unit:
            places = unit.plans.places()
            return {site: _state(unit, site, places) for site in self._catalogue.names}

    def find(self, unit: Unit, firm: Calendar, draft: Booking, limits: Limits) -> Held | None:
        """A held place that will do for a booking that starts now: of its nodes, for long enough, in nobody's way."""
        of_profile = {place.id for place in unit.plans.places(draft.profile) if place.bought}
        for lease in unit.leases.planned(draft.site) if of_profile else ():
            mine = lease.holder_id in of_profile
            long_enough = limits.extendable or lease.window.end >= draft.claim_window.end
            if not mine or not long_enough or lease.phase is not Phase.READY or lease.window.start > draft.window.start:
                continue
            nodes = load_nodes(lease.order)
            claims = [
                replace(claim, window=draft.claim_window, holder=Holder.BOOKING, holder_id=draft.id)
                for claim in unit.claims.for_holder(lease.holder_id)
            ]
            if len(nodes) == 1 + draft.workers and _free(firm, claims):
                return Held(lease, nodes, claims)
        return None

    @staticmethod
    def give(unit: Unit, taken: Held) -> None:
        """Make a place a booking's, in the booking's own transaction; ``lifecycle.confirm`` does the lease."""
        unit.claims.remove(taken.lease.holder_id)
        unit.plans.drop(taken.lease.holder_id)

    @staticmethod
    def lend(change: Change, room: Calendar, site: str, profile: Profile, window: Window) -> Held | None:
        """A held place for a cluster that is to stand ready over a window, as far as the place can be prolonged to it.

        Args:
            change: the transaction.
            room: everything that is claimed, places included.
            site: where.
            profile: whose cluster.
            window: from now until it would be too old.
        """
        unit, limits = change.unit, change.capacity.limits
        of_profile = {place.id for place in unit.plans.places(profile.name) if place.bought}
        for lease in unit.leases.planned(site):
            if lease.holder_id not in of_profile or lease.phase is not Phase.READY or lease.window.start > window.start:
                continue
            claims = unit.claims.for_holder(lease.holder_id)
            longer = limits.extendable and bool(claims) and lease.window.end < window.end
            end = room.latest_end(claims, window.end) if longer else lease.window.end
            if claims and end - window.start >= profile.max_duration:
                shown = [replace(claim, window=Window(lease.window.start, end)) for claim in claims]
                return Held(lease, load_nodes(lease.order), shown)
        return None

    def _adjust_site(self, change: Change, site: str, now: datetime) -> None:
        unit, capacity = change.unit, change.capacity
        places = {place.id: place for place in unit.plans.places() if place.site == site}
        current = unit.claims.current(site, now)
        # What is ready is worth more than what is merely held: places make room for warm clusters, too.
        before = [claim for claim in current if claim.holder is not Holder.PLAN]
        room = Calendar(capacity.hosts, before, gap=capacity.limits.gap)
        self._keep_what_fits(unit, site, places, [claim for claim in current if claim.holder is Holder.PLAN], room, now)
        if self._catalogue.drained(site, now):
            return
        for place in places.values():
            if _due(place, now):
                self._buy(change, room, place, now)

    def _keep_what_fits(
        self, unit: Unit, site: str, places: Mapping[str, Place], claims: Iterable[Claim], room: Calendar, now: datetime
    ) -> None:
        """Keep, in the order in which they were bought, the places that the plan wants and no booking is in the way of."""
        of: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            of[claim.holder_id].append(claim)
        kept = {
            lease.holder_id
            for lease in unit.leases.planned(site)
            if self._keep(unit, lease, places.get(lease.holder_id), of[lease.holder_id], room, now)
        }
        bought = {place.id for place in places.values() if place.bought}
        for gone in (bought | set(of)) - kept:
            unit.plans.drop(gone)
            unit.claims.remove(gone)

    @staticmethod
    def _keep(
        unit: Unit,
        lease: LeaseRow,
        place: Place | None,
        claims: Sequence[Claim],
        room: Calendar,
        now: datetime,
    ) -> bool:
        """Give a lease the window that its place has, cut to where a booking needs the room; False: it goes."""
        end = _end(room, claims, place.window.end, now) if place is not None and claims else now
        if end <= now:
            unit.leases.record(lease.id, now, target=LeaseTarget.RETURNED, not_before=None)
            return False
        window = Window(lease.window.start, end)
        shown = [replace(claim, window=window) for claim in claims]
        for claim in shown:
            room.add(claim)
        if window != lease.window:
            unit.claims.replace(lease.holder_id, shown)
            unit.leases.record(lease.id, now, window=window, phase=Phase.ABSENT)
        return True

    def _buy(self, change: Change, room: Calendar, place: Place, now: datetime) -> None:
        """Ask for a place where everything leaves room; where nothing does, it is tried again."""
        profile = self._catalogue.profile(place.profile)
        groups = profile.groups(1, self._catalogue.flavors(place.site, now))
        window = Window(max(now, place.window.start), place.window.end)
        placed = room.place(groups, window)
        if placed is None or not change.unit.plans.mark_bought(place.id):
            return
        claims = claims_for(place.site, placed, window, Holder.PLAN, place.id)
        order = dump_nodes(name_nodes(placed))
        change.unit.claims.add_all(claims)
        change.unit.leases.add(LeaseRow(place.id, Holder.PLAN, place.id, place.site, order, window, now, now))
        for claim in claims:
            room.add(claim)


def _state(unit: Unit, site: str, places: Iterable[Place]) -> _State:
    here = tuple(place for place in places if place.site == site)
    return _State(unit.sites.pool_version(site), here, tuple(unit.leases.planned(site)))


def _due(place: Place, now: datetime) -> bool:
    return not place.bought and place.due_at <= now < place.window.end


def _free(room: Calendar, claims: Sequence[Claim]) -> bool:
    """Whether claims that aren't in a calendar fit into it."""
    if not claims:
        return False
    free = room.free(claims[0].window)
    return all(need.fits_in(free.get(host, Resources())) for host, need in _by_host(claims).items())


def _by_host(claims: Iterable[Claim]) -> dict[str, Resources]:
    sums: dict[str, Resources] = {}
    for claim in claims:
        sums[claim.host] = sums.get(claim.host, Resources()) + claim.resources
    return sums


def _end(room: Calendar, claims: Sequence[Claim], wanted: datetime, now: datetime) -> datetime:
    """Until when claims that aren't in a calendar may stay: ``wanted``, or sooner where a booking needs the room."""
    begin = max(now, claims[0].window.start)
    first = [replace(claim, window=Window.lasting(begin, _INSTANT)) for claim in claims]
    if begin >= wanted or not _free(room, first):
        return now
    return min(wanted, room.latest_end(first, wanted))
