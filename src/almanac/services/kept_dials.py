"""The plan's dials as they are now: what an operator turned them to last, until then what the settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from almanac.core.windows import Window
from almanac.forecasting.terms import Term
from almanac.services.caller import Caller
from almanac.services.dials import Dials
from almanac.storage.database import Database
from almanac.storage.rows import DialsRow, EventRow

NAMES = ("missing", "at_once", "floor", "ceiling", "zone", "terms")


@dataclass(frozen=True, slots=True)
class Turned:
    """The dials, and who turned them last, when; nobody while they are the settings'."""

    dials: Dials
    at: datetime | None = None
    person: str | None = None


class KeptDials:
    """Reads and turns them.

    Args:
        database: where they are kept.
        first: the settings'.
        check: raises when there is no profile of a name.
    """

    def __init__(self, database: Database, first: Dials, check: Callable[[str], object]) -> None:
        self._database = database
        self._first = first
        self._check = check

    def now(self) -> Turned:
        """The dials that count."""
        with self._database.read() as unit:
            row = unit.plans.dials()
        return Turned(self._first) if row is None else Turned(from_json(row.facts), row.at, row.person)

    def changed(self, **given: Any) -> Dials:  # noqa: ANN401 - values of any dial
        """The present dials with some of them changed; nothing is written.

        Args:
            given: by name; None leaves a dial as it is.

        Raises:
            BadRequest: dials that make no sense.
            UnknownProfile: a floor or ceiling for no profile.
        """
        for name in (*(given.get("floor") or ()), *(given.get("ceiling") or ())):
            self._check(name)
        return replace(self.now().dials, **{name: value for name, value in given.items() if value is not None})

    def turn(self, caller: Caller, dials: Dials, now: datetime) -> Turned:
        """Let other dials count from now on; the plan is made anew within seconds.

        Raises:
            Forbidden: not an operator.
        """
        caller.can_operate()
        before = self.now().dials
        if dials != before:
            told = f"The plan's dials were turned: {_differences(before, dials)}."
            with self._database.write() as unit:
                unit.plans.turn(DialsRow(now, caller.person, to_json(dials)))
                unit.events.append(EventRow(now, "dials", caller.person, told))
        return self.now()


def to_json(dials: Dials) -> dict[str, Any]:
    """As they are kept and shown."""
    terms = [
        {"start": t.window.start.isoformat(), "end": t.window.end.isoformat(), "kind": t.kind, "factor": t.factor}
        for t in dials.terms
    ]
    return {
        "missing": dials.missing,
        "at_once": dials.at_once,
        "floor": dict(dials.floor),
        "ceiling": dict(dials.ceiling),
        "zone": dials.zone,
        "terms": terms,
    }


def from_json(facts: Mapping[str, Any]) -> Dials:
    """The reverse of ``to_json``; dials that an earlier version didn't know are as they come."""
    known = {name: facts[name] for name in NAMES if name in facts}
    return Dials(**known | {"terms": tuple(_term(each) for each in facts.get("terms", ()))})


def _term(facts: Mapping[str, Any]) -> Term:
    window = Window(datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"]))
    return Term(window, facts["kind"], facts["factor"])


def _differences(before: Dials, after: Dials) -> str:
    old, new = to_json(before), to_json(after)
    return "; ".join(f"{name} {_said(new[name])} (was {_said(old[name])})" for name in NAMES if old[name] != new[name])


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in sorted(value.items())) or "none"
    return f"{len(value)} stretches" if isinstance(value, list) else f"{value}"
