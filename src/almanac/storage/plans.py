"""Plans and the places that they want held."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from almanac.core.plan_places import Place
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository
from almanac.storage.rows import DialsRow, PlanHourRow, PlanRow
from almanac.storage.tables import dials, places, plan_hours, plans
from almanac.storage.types import UtcDateTime

_C = places.c
_ALL = select(plans).order_by(plans.c.profile)
_PLACES = select(places).order_by(_C.window_start, _C.window_end, _C.site, _C.id)
_PLACES_OF = _PLACES.where(_C.profile == bindparam("of_profile"))
_REMOVE = delete(places).where(_C.profile == bindparam("of_profile"))
_ADD = insert(places)
_BUY = update(places).where(_C.id == bindparam("key")).values(bought=True)
_DROP = delete(places).where(_C.id == bindparam("key"))
_HOURS = (
    select(plan_hours)
    .where(
        plan_hours.c.profile == bindparam("of_profile"),
        plan_hours.c.hour >= bindparam("from_hour", type_=UtcDateTime()),
    )
    .order_by(plan_hours.c.hour)
)
_NEWEST_DIALS = select(dials.c.at, dials.c.person, dials.c.facts).order_by(dials.c.id.desc()).limit(1)


class Plans(Repository):
    """One plan per profile, the newest."""

    def all(self) -> list[PlanRow]:
        """By profile."""
        return [PlanRow(*row) for row in self._rows(_ALL)]

    def put(self, plan: PlanRow, wanted: Iterable[Place]) -> None:
        """Put a plan and its places in place of those before."""
        values = asdict(plan)
        statement = self._insert(plans).values(values)
        changed = {name: value for name, value in values.items() if name != "profile"}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["profile"], set_=changed))
        self._connection.execute(_REMOVE, {"of_profile": plan.profile})
        if rows := [_values(place) for place in wanted]:
            self._connection.execute(_ADD, rows)

    def clear(self) -> None:
        """Let no plan be in force: what was bought by one is given back."""
        for table in (places, plans):
            self._connection.execute(delete(table))

    def keep_only(self, profiles: Collection[str]) -> None:
        """Let the plans of all other profiles be no longer in force."""
        for table in (places, plans):
            self._connection.execute(delete(table).where(table.c.profile.not_in(profiles)))

    def mark_bought(self, place_id: str) -> bool:
        """Note that a place was asked for. Returns whether the plan still wants it."""
        return self._connection.execute(_BUY, {"key": place_id}).rowcount == 1

    def drop(self, place_id: str) -> None:
        """Remove a place; not knowing it is fine."""
        self._connection.execute(_DROP, {"key": place_id})

    def places(self, profile: str | None = None) -> list[Place]:
        """A profile's, or all, by start."""
        found = self._rows(_PLACES) if profile is None else self._rows(_PLACES_OF, of_profile=profile)
        return [_place(row) for row in found]

    def note_hour(self, row: PlanHourRow) -> None:
        """Note what an hour holds: the most that it held, and what was expected when it began."""
        statement = self._insert(plan_hours).values(asdict(row))
        most = {
            name: case((column < new, new), else_=column)
            for name, column, new in (
                ("held", plan_hours.c.held, statement.excluded.held),
                ("booked", plan_hours.c.booked, statement.excluded.booked),
            )
        }
        self._connection.execute(statement.on_conflict_do_update(index_elements=["profile", "hour"], set_=most))

    def hours(self, profile: str, since: datetime) -> list[PlanHourRow]:
        """A profile's hours from an instant on, in their order."""
        return [PlanHourRow(*row) for row in self._rows(_HOURS, of_profile=profile, from_hour=since)]

    # --- dials ---

    def turn(self, row: DialsRow) -> None:
        """Add what somebody chose; the newest counts."""
        self._connection.execute(insert(dials).values(asdict(row)))

    def dials(self) -> DialsRow | None:
        """What was chosen last; None before anything was."""
        row = self._rows(_NEWEST_DIALS).one_or_none()
        return None if row is None else DialsRow(*row)


def _values(place: Place) -> dict[str, Any]:
    return {
        "id": place.id,
        "profile": place.profile,
        "site": place.site,
        "window_start": place.window.start,
        "window_end": place.window.end,
        "due_at": place.due_at,
        "reason": place.reason,
        "cost": place.cost,
        "cost_without": place.cost_without,
        "bought": place.bought,
    }


def _place(row: AnyRow) -> Place:
    id_, profile, site, start, end, *rest = row
    return Place(id_, profile, site, Window(start, end), *rest)
