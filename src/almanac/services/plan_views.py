"""What doors show of the plan: frozen, JSON-shaped. Numbers by the hour are lists, the first hour first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from almanac.core.bookings import Phase
from almanac.core.plan_places import Place
from almanac.services.dials import Dials
from almanac.storage.rows import LeaseRow

_PATIENCE = timedelta(minutes=1)
"""What was due for longer than this and isn't asked for found no room; the loop tries again."""


@dataclass(frozen=True, slots=True)
class Past:
    """Hours that are over; None where it isn't known.

    Attributes:
        start: the first hour.
        held: the most places that were held.
        booked: of these, the ones that bookings made ahead stood on.
        walk_ins: the most places that walk-ins used or wanted at once.
        middle: the median that was forecast of them.
        high: the quantile that was held for.
    """

    start: datetime
    held: Sequence[int | None]
    booked: Sequence[int | None]
    walk_ins: Sequence[int | None]
    middle: Sequence[float | None]
    high: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Coming:
    """The present hour and those after it.

    Attributes:
        start: the present hour.
        levels: which quantiles of the forecast, rising.
        quantiles: of each hour, as many as levels.
        demand: places wanted for walk-ins: the quantile that is worth it, between floor and ceiling.
        booked: places that bookings made ahead stand on.
        held: places to be held; empty when there is no plan but what is bought.
    """

    start: datetime
    levels: Sequence[float]
    quantiles: Sequence[Sequence[float]]
    demand: Sequence[int]
    booked: Sequence[int]
    held: Sequence[int]


@dataclass(frozen=True, slots=True)
class Quality:
    """How good such forecasts were; see ``docs/explanation/forecast.md``.

    Attributes:
        skill: share of the shadow's loss that the forecast avoids.
        cover: share of the hours at or below each quantile.
        origins: forecasts that were looked at.
    """

    skill: float
    loss: float
    shadow_loss: float
    cover: Mapping[str, float]
    origins: int


@dataclass(frozen=True, slots=True)
class Saved:
    """What was held, beside what others would have held for the same people, in place-hours.

    Attributes:
        since: the first of these hours.
        hours: how many.
        held: by the plan, bookings included.
        static_peak: always as many as were ever in use at once.
        reactive: an autoscaler of the same service; its ``headroom`` was found with hindsight.
        at_once: share of those without a booking whom that autoscaler serves at once.
    """

    since: datetime
    hours: int
    held: float
    static_peak: float
    reactive: float
    headroom: int
    at_once: float


class PlaceState(StrEnum):
    """What came of a place that the plan wants held."""

    PLANNED = "planned"
    NO_ROOM = "no room yet"
    ASKED_FOR = "asked for"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A place that the plan wants held.

    Attributes:
        state: it was due and found no room; its site was asked for it; its site holds it for its window.
        trouble: why its site doesn't hold it yet, as far as that is known.
    """

    place: Place
    state: PlaceState
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A profile's plan, counted in places: clusters of it at its smallest.

    Attributes:
        basis: what the forecast stands on, in words.
        failed: whether the forecast failed, so that only bookings and the floor count.
        sentences: what is bought, why, and what is short.
        short: whether something that is wanted can't be had.
        lacks: of the sentences, those that say what, when and why.
        cost: of what is held in the coming hours, in the operator's unit; None without a plan.
        places: to be held beside bookings, by start.
    """

    profile: str
    made_at: datetime
    basis: str
    failed: bool
    sentences: Sequence[str]
    short: bool
    cost: float | None
    coming: Coming
    lacks: Sequence[str] = ()
    past: Past | None = None
    places: Sequence[PlaceView] = ()
    score: Quality | None = None
    saved: Saved | None = None


@dataclass(frozen=True, slots=True)
class PlansView:
    """All plans, and the dials by which they are made.

    Attributes:
        enabled: whether capacity is held by them at all.
        turned_at: when somebody turned the dials last; None while they are the settings'.
    """

    enabled: bool
    dials: Dials
    turned_at: datetime | None
    turned_by: str | None
    plans: Sequence[PlanView]


def plan_view(profile: str, made_at: datetime, basis: str, facts: Mapping[str, Any], **more: Any) -> PlanView:  # noqa: ANN401 - of any field
    """A plan as its row's facts tell it."""
    score, saved = facts["score"], facts.get("saved")
    start = datetime.fromisoformat(facts["start"])
    coming = Coming(start, facts["levels"], facts["quantiles"], facts["demand"], facts["booked"], facts["held"])
    return PlanView(
        profile=profile,
        made_at=made_at,
        basis=basis,
        sentences=facts["sentences"],
        short=facts["short"],
        lacks=facts.get("lacks", ()),
        cost=facts["cost"],
        coming=coming,
        score=None if score is None else Quality(**score),
        saved=None if saved is None else Saved(**saved | {"since": datetime.fromisoformat(saved["since"])}),
        **{"failed": False} | more,
    )


def place_view(place: Place, lease: LeaseRow | None, made_at: datetime, now: datetime) -> PlaceView:
    """A place with what came of it.

    Args:
        place: of a plan.
        lease: the one that it is held by, or is to be.
        made_at: when the plan was made.
        now: aware UTC.
    """
    if lease is not None:
        held = lease.phase is Phase.READY
        return PlaceView(place, PlaceState.HELD if held else PlaceState.ASKED_FOR, lease.last_error or "")
    late = not place.bought and max(place.due_at, made_at) + _PATIENCE <= now
    return PlaceView(place, PlaceState.NO_ROOM if late else PlaceState.PLANNED)
