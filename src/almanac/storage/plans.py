"""Plans and the places that they want held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from almanac.core.plan_places import Place
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository
from almanac.storage.rows import PlanRow
from almanac.storage.tables import places, plans

_C = places.c
_ALL = select(plans).order_by(plans.c.profile)
_PLACES = select(places).order_by(_C.window_start, _C.window_end, _C.site, _C.id)
_PLACES_OF = _PLACES.where(_C.profile == bindparam("of_profile"))
_REMOVE = delete(places).where(_C.profile == bindparam("of_profile"))
_ADD = insert(places)
_BUY = update(places).where(_C.id == bindparam("key")).values(bought=True)
_DROP = delete(places).where(_C.id == bindparam("key"))


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
