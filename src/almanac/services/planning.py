"""The plan of the running Almanac: each hour, and when bookings have changed, forecast -> leases to hold -> rows.

It is made off the booking path: it reads one snapshot, computes for as long as it takes, and writes in one short
transaction that takes no pool, so that nobody who books waits for it. The loop carries the rows out.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.catalogue import Profile
from almanac.core.demand_hours import floor_hour
from almanac.core.errors import AlmanacError, NotOffered
from almanac.core.plan import HOUR, Held, Ints, Plan, Problem, SiteTerms
from almanac.core.plan_places import Place, carried
from almanac.core.plan_reasons import lacks, sentences
from almanac.core.plan_room import Taken
from almanac.core.windows import Window
from almanac.planning.planner import plan as best
from almanac.planning.solver import Unsolved
from almanac.services.catalogue import Catalogue
from almanac.services.demand import DemandHistory
from almanac.services.dials import Dials
from almanac.services.expecting import AHEAD, Expected, Expecting
from almanac.services.leads import Leads
from almanac.services.savings import Savings
from almanac.services.standing import Terms, standing
from almanac.storage.database import Database
from almanac.storage.rows import DemandSpanRow, PlanHourRow, PlanRow
from almanac.storage.unit import Unit

log = logging.getLogger(__name__)

COALESCED = timedelta(seconds=30)
"""Bookings that change within this are planned for together."""

Solver = Callable[[Problem], Plan]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A plan for one profile, with what it was made from.

    Attributes:
        demand: places wanted for walk-ins, shape (hours,).
        booked: places that bookings made ahead stand on, shape (hours,).
        level: the quantile of the forecast that ``demand`` is.
        standing: places that are bought or stand on bookings and warm clusters, shape (hours,).
        plan: in slots; None where no site offers the profile or the solver failed: what is bought stays then.
        places: to be held, bought ones included.
        saved: what ``Savings`` says; None where it isn't looked at, or nothing can be told yet.
    """

    profile: str
    expected: Expected
    demand: Ints
    booked: Ints
    standing: Ints
    level: float
    plan: Plan | None
    places: tuple[Place, ...]
    basis: str
    saved: Mapping[str, Any] | None = None

    @property
    def hour(self) -> PlanHourRow:
        """The present hour, to be kept."""
        middle, high = (round(float(self.expected.at(level)[0]), 2) for level in (0.5, self.level))
        return PlanHourRow(self.profile, self.expected.start, int(self.standing[0]), int(self.booked[0]), middle, high)

    @property
    def facts(self) -> dict[str, Any]:
        """JSON-ready, for those who look at it."""
        score = self.expected.score
        return {
            "start": self.expected.start.isoformat(),
            "levels": list(self.expected.levels),
            "quantiles": np.round(self.expected.quantiles, 2).tolist(),
            "demand": self.demand.tolist(),
            "booked": self.booked.tolist(),
            "standing": self.standing.tolist(),
            "held": [] if self.plan is None else self.plan.held().tolist(),
            "cost": None if self.plan is None else round(self.plan.cost, 4),
            "sentences": [] if self.plan is None else list(sentences(self.plan)),
            "lacks": [] if self.plan is None else list(lacks(self.plan)),
            "short": self.plan is not None and not self.plan.met,
            "saved": self.saved,
            "score": None
            if score is None
            else {
                "skill": round(score.skill, 4),
                "loss": round(score.loss, 4),
                "shadow_loss": round(score.shadow_loss, 4),
                "cover": {str(level): round(share, 4) for level, share in score.cover.items()},
                "origins": score.origins,
            },
        }


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What the database knows, read at once."""

    bookings: Sequence[Booking]
    warm: Sequence[tuple[str, Held]]
    places: Sequence[Place]
    taken: Sequence[Taken]

    def bought(self, profile: str, now: datetime) -> list[Place]:
        """What was asked for and isn't over."""
        return [p for p in self.places if p.profile == profile and p.bought and p.window.end > now]

    def warm_of(self, profile: str) -> list[Held]:
        """What its warm clusters hold."""
        return [held for of, held in self.warm if of == profile]

    def others(self, profile: str) -> list[Taken]:
        """What is taken by all but the profile's bookings, places and warm clusters."""
        own = {booking.id for booking in self.bookings if booking.profile == profile}
        own |= {place.id for place in self.places if place.profile == profile}
        own |= {held.id for held in self.warm_of(profile)}
        return [each for each in self.taken if each.holder not in own]


class Planning:
    """Makes plans, one per profile."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        leads: Leads,
        history: DemandHistory,
        dials: Callable[[], Dials],
        solve: Solver = best,
        savings: Savings | None = None,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._terms = Terms(catalogue, leads)
        self._history = history
        self._expecting = Expecting(history)
        self._solve = solve
        self._savings = savings
        self._dials = dials
        self._made_at: datetime | None = None
        self._made_by: tuple[Dials, tuple[DemandSpanRow, ...]] | None = None
        self._seen = -1

    def look(self, now: datetime) -> bool:
        """Make the plans anew if it is time: a new hour has begun, or bookings, dials or imported demand have changed.

        Returns:
            Whether plans were made.
        """
        newest, told = self._newest_event(), (self._dials(), self._history.imports())
        made_at = self._made_at
        if made_at is not None and timedelta(0) <= now - made_at and told == self._made_by:
            same = newest == self._seen and floor_hour(made_at) == floor_hour(now)
            if same or now - made_at < COALESCED:
                return False
        self.make(now)
        self._made_at, self._made_by, self._seen = now, told, newest
        return True

    def make(self, now: datetime) -> list[Outcome]:
        """Make the plan of every profile that somebody may want, and write it down; others have none any more."""
        snapshot, dials = self._read(now), self._dials()
        made = self._all(dials, snapshot, now, keep=True)
        for outcome in made:
            self._write(outcome, snapshot, now)
        self._forget_others({profile.name for profile in self._wanted(snapshot, dials)})
        return made

    def what_if(self, dials: Dials, now: datetime) -> list[Outcome]:
        """The plans that other dials would make; nothing is written."""
        return self._all(dials, self._read(now), now)

    def _all(self, dials: Dials, snapshot: _Snapshot, now: datetime, *, keep: bool = False) -> list[Outcome]:
        """Every profile's plan, in the catalogue's order: each leaves to those before it what they are to hold."""
        made: list[Outcome] = []
        planned: list[Taken] = []
        for profile in self._wanted(snapshot, dials):
            outcome = self._tried(profile, dials, snapshot, planned, now, keep=keep)
            if outcome is not None:
                made.append(outcome)
                planned += self._terms.taken(profile, (each for each in outcome.places if not each.bought), now)
        return made

    def _newest_event(self) -> int:
        with self._database.read() as unit:
            return unit.events.last_id()

    def _read(self, now: datetime) -> _Snapshot:
        horizon = Window.lasting(floor_hour(now), AHEAD * HOUR)
        with self._database.read() as unit:
            bookings = unit.bookings.list(targets={BookingTarget.CONFIRMED}, overlapping=horizon)
            claims = [claim for site in self._catalogue.names for claim in unit.claims.current(site, now)]
            taken = [Taken(claim.site, claim.window, claim.resources, claim.holder_id) for claim in claims]
            return _Snapshot(bookings, _warm(unit), unit.plans.places(), taken)

    def _wanted(self, snapshot: _Snapshot, dials: Dials) -> list[Profile]:
        """Profiles that were asked for, that have a floor, or of which something is held."""
        names = {*self._history.profiles(), *dials.floor, *(place.profile for place in snapshot.places)}
        return [profile for profile in self._catalogue.all_profiles if profile.name in names]

    def _tried(
        self,
        profile: Profile,
        dials: Dials,
        snapshot: _Snapshot,
        planned: Sequence[Taken],
        now: datetime,
        *,
        keep: bool,
    ) -> Outcome | None:
        """A profile's plan; None when its sites have never answered: what is bought stays as it is."""
        expected = self._expecting.of(profile.name, dials, now, keep=keep)
        demand = _demand(expected, profile.name, dials)
        bought = snapshot.bought(profile.name, now)
        try:
            terms = self._terms.of(profile, now, [*snapshot.others(profile.name), *planned], AHEAD)
        except NotOffered as nowhere:
            basis, none = f"{expected.basis} {nowhere.message}", np.zeros_like(demand)
            return Outcome(profile.name, expected, demand, none, none, dials.quantile, None, tuple(bought), basis)
        except AlmanacError as error:
            log.warning("%s isn't planned for: %s", profile.name, error.message)
            return None
        found = standing(profile, (t.site for t in terms), snapshot.bookings, snapshot.warm_of(profile.name), bought)
        problem = Problem(floor_hour(now), now, terms, demand, self._missing(terms, dials), found.firm, found.held)
        booked: Ints = np.sum([problem.firm_slots(each.site) for each in terms], axis=0)
        there: Ints = np.sum([problem.held_slots(each.site) for each in terms], axis=0)
        made = Outcome(
            profile.name, expected, demand, booked, there, dials.quantile, None, tuple(bought), expected.basis
        )
        try:
            plan = self._solve(problem)
        except Unsolved as error:
            return replace(made, basis=f"{expected.basis} {error} What is held stays.")
        notice = {each.site: each.lead_time for each in terms}
        wanted = carried(plan, bought, profile.name, notice.__getitem__, _new_id, now, HOUR)
        saved = self._savings.of(profile, terms[0].site, now) if keep and self._savings is not None else None
        return replace(made, plan=plan, places=tuple(wanted), saved=saved)

    @staticmethod
    def _missing(terms: Sequence[SiteTerms], dials: Dials) -> float:
        """The price of a missing place: so many times what the cheapest site asks for one."""
        return dials.missing * min(each.price for each in terms)

    def _write(self, outcome: Outcome, snapshot: _Snapshot, now: datetime) -> None:
        row = PlanRow(outcome.profile, now, outcome.expected.failed, outcome.basis, outcome.facts)
        before = snapshot.bought(outcome.profile, now)
        with self._database.write() as unit:
            unit.plans.note_hour(outcome.hour)
            # The loop may have bought places meanwhile: then this plan doesn't know of them, and the next one will.
            fresh = [p for p in unit.plans.places(outcome.profile) if p.bought and p.window.end > now]
            if {place.id for place in fresh} == {place.id for place in before}:
                unit.plans.put(row, outcome.places)

    def _forget_others(self, wanted: Collection[str]) -> None:
        with self._database.read() as unit:
            over = any(plan.profile not in wanted for plan in unit.plans.all())
        if over:
            with self._database.write() as unit:
                unit.plans.keep_only(wanted)


def _demand(expected: Expected, profile: str, dials: Dials) -> Ints:
    """Places to hold for walk-ins: the quantile that is worth it, between floor and ceiling; shape (hours,).

    Counts are at or below a quantile if they are at or below its whole part; rounding to the nearest is on the safe side,
    and doesn't take the blur around nothing for somebody.
    """
    wanted = np.floor(expected.at(dials.quantile) + 0.5).astype(np.int64)
    ceiling = dials.ceiling.get(profile)
    return np.clip(wanted, dials.floor.get(profile, 0), ceiling)


def _warm(unit: Unit) -> list[tuple[str, Held]]:
    """What warm clusters hold, by profile."""
    leases = {lease.id: lease for lease in unit.leases.unfinished()}
    rows = [row for row in unit.clusters.unfinished() if row.booking_id is None and row.lease_id in leases]
    return [(row.profile, Held(row.id, row.site, leases[row.lease_id].window, 1, pinned=True)) for row in rows]


def _new_id() -> str:
    return f"l-{secrets.token_hex(5)}"
