"""What the server answers about demand and the plan, typed. Lists are by the hour, the first hour first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Numbers = tuple[float | None, ...]


@dataclass(frozen=True)
class Term:
    """A stretch of time with a demand of its own: ``factor`` compared with usual weeks, as far as one knows."""

    kind: str
    start: datetime
    end: datetime
    factor: float

    @property
    def body(self) -> dict[str, object]:
        """As the API takes it."""
        start, end = (at.astimezone(UTC).isoformat() for at in (self.start, self.end))
        return {"kind": self.kind, "start": start, "end": end, "factor": self.factor}


@dataclass(frozen=True)
class Dials:
    """By which plans are made; see ``docs/reference/settings.md``."""

    missing: float
    at_once: float
    floor: Mapping[str, int]
    ceiling: Mapping[str, int]
    zone: str
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Past:
    """Hours that are over; None where it isn't known."""

    start: datetime
    held: Numbers
    booked: Numbers
    walk_ins: Numbers
    middle: Numbers
    high: Numbers


@dataclass(frozen=True)
class Coming:
    """The present hour and those after it; ``quantiles`` has as many numbers for each as there are ``levels``."""

    start: datetime
    levels: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    demand: tuple[int, ...]
    booked: tuple[int, ...]
    held: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A place that the plan wants held.

    Attributes:
        state: ``planned``, ``no room yet``, ``asked for`` or ``held``.
        trouble: why its site doesn't hold it yet, as far as that is known.
    """

    id: str
    site: str
    start: datetime
    end: datetime
    bought: bool
    reason: str
    cost: float
    cost_without: float
    state: str = "planned"
    trouble: str = ""


@dataclass(frozen=True)
class ProfilePlan:
    """A profile's plan, counted in places: clusters of it at its smallest."""

    profile: str
    made_at: datetime
    basis: str
    failed: bool
    sentences: tuple[str, ...]
    short: bool
    cost: float | None
    coming: Coming
    lacks: tuple[str, ...] = ()
    past: Past | None = None
    places: tuple[Place, ...] = ()
    score: Mapping[str, Any] | None = None
    saved: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plans:
    """All plans, and the dials by which they are made."""

    enabled: bool
    dials: Dials
    plans: tuple[ProfilePlan, ...]
    turned_at: datetime | None = None
    turned_by: str | None = None


@dataclass(frozen=True)
class DemandSource:
    """Somewhere that demand is known from."""

    source: str
    profile: str
    start: datetime
    until: datetime
