"""The plan as an operator sees it, and turns its dials: shown, tried, applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from almanac.core.demand_hours import Kind, floor_hour
from almanac.core.errors import WrongState
from almanac.core.plan import HOUR
from almanac.forecasting.series import Series
from almanac.services.caller import Caller
from almanac.services.demand import DemandHistory
from almanac.services.dials import Dials
from almanac.services.kept_dials import KeptDials, Turned
from almanac.services.plan_views import Past, PlaceState, PlaceView, PlansView, PlanView, place_view, plan_view
from almanac.services.planning import Outcome, Planning
from almanac.storage.database import Database

PAST = 168
"""Hours that are looked back."""


class PlanDesk:
    """For operators: reasons name bookings of every project.

    Args:
        database: where plans are kept.
        planning: makes them.
        history: what was asked for.
        dials: by which they are made.
        enabled: whether anything is held by them.
    """

    def __init__(
        self, database: Database, planning: Planning, history: DemandHistory, dials: KeptDials, *, enabled: bool
    ) -> None:
        self._database = database
        self._planning = planning
        self._history = history
        self._dials = dials
        self._enabled = enabled

    def look(self, caller: Caller, now: datetime) -> PlansView:
        """The plans in force, with the past week beside the coming one.

        Raises:
            Forbidden: not an operator.
        """
        caller.can_operate()
        with self._database.read() as unit:
            rows, wanted = unit.plans.all(), unit.plans.places()
            sites = {place.site for place in wanted}
            leases = {lease.holder_id: lease for site in sites for lease in unit.leases.planned(site)}
        plans = [
            plan_view(
                row.profile,
                row.made_at,
                row.basis,
                row.facts,
                failed=row.failed,
                past=self._past(row.profile, now),
                places=[place_view(p, leases.get(p.id), row.made_at, now) for p in wanted if p.profile == row.profile],
            )
            for row in rows
        ]
        return self._shown(self._dials.now(), plans)

    def expected(self, profile: str) -> tuple[datetime, Sequence[float]] | None:
        """The first hour, and the median of what is expected of walk-ins in it and each after; None without a plan.

        It is for everybody: it tells of nobody.
        """
        with self._database.read() as unit:
            row = next((row for row in unit.plans.all() if row.profile == profile and not row.failed), None)
        if row is None:
            return None
        return datetime.fromisoformat(row.facts["start"]), [levels[0] for levels in row.facts["quantiles"]]

    def try_out(self, caller: Caller, now: datetime, **dials: object) -> PlansView:
        """The plans that other dials would make; nothing is changed. It works while nothing is held by plans, too.

        Args:
            caller: an operator.
            now: aware UTC.
            dials: those to be changed, by name; None leaves one as it is.

        Raises:
            Forbidden: not an operator.
            BadRequest, UnknownProfile: as ``KeptDials.changed``.
        """
        caller.can_operate()
        tried = self._dials.changed(**dials)
        return self._shown(Turned(tried), [_tried(made, now) for made in self._planning.what_if(tried, now)])

    def turn(self, caller: Caller, now: datetime, **dials: object) -> PlansView:
        """Change some dials; the plans follow within seconds.

        Raises:
            Forbidden: not an operator.
            WrongState: nothing is held by plans.
            BadRequest, UnknownProfile: as ``KeptDials.changed``.
        """
        caller.can_operate()
        changed: Dials = self._dials.changed(**dials)
        if not self._enabled:
            raise WrongState(
                "Nothing is held ahead by a plan, so its dials turn nothing.",
                hint="Set planning.enabled = true in almanac.toml and restart; a what-if works without.",
            )
        self._dials.turn(caller, changed, now)
        return self.look(caller, now)

    def _shown(self, turned: Turned, plans: Sequence[PlanView]) -> PlansView:
        return PlansView(self._enabled, turned.dials, turned.at, turned.person, plans)

    def _past(self, profile: str, now: datetime) -> Past:
        start = floor_hour(now) - PAST * HOUR
        with self._database.read() as unit:
            hours = {row.hour: row for row in unit.plans.hours(profile, start)}
        kept = [hours.get(start + hour * HOUR) for hour in range(PAST)]
        return Past(
            start,
            held=[None if row is None else row.held for row in kept],
            booked=[None if row is None else row.booked for row in kept],
            walk_ins=_at(self._history.peaks(profile, Kind.WALK_IN, now), start),
            middle=[None if row is None else row.middle for row in kept],
            high=[None if row is None else row.high for row in kept],
        )


def _at(series: Series, start: datetime) -> list[int | None]:
    """The demand of the hours from ``start`` on, None where it isn't known."""
    place = np.arange(PAST) + (start - series.start) // HOUR
    inside = (place >= 0) & (place < len(series))
    told = [bool(known) for known in inside]
    return [
        int(series.values[at]) if known and series.known[at] else None for at, known in zip(place, told, strict=True)
    ]


def _tried(made: Outcome, now: datetime) -> PlanView:
    places = [PlaceView(place, PlaceState.PLANNED) for place in made.places if not place.bought]
    return plan_view(made.profile, now, made.basis, made.facts, failed=made.expected.failed, places=places)
