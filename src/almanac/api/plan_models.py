"""What the API takes and gives about demand and the plan."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, Strict, model_validator

from almanac.api import fields as f
from almanac.api.models import In, Out
from almanac.core.demand_hours import Kind
from almanac.core.windows import Window
from almanac.forecasting.forecast import MEMORY
from almanac.forecasting.terms import Term
from almanac.services.dials import Dials
from almanac.services.plan_views import PlaceState

MAX_DEMAND_BODY = 1024 * 1024
"""Bytes; sixty weeks of hours, twice, with room to spare."""

_Hours = Annotated[list[int | None], Field(description="One for each hour, the first first; null: not known.")]
_Shares = Annotated[list[float | None], Field(description="One for each hour, the first first; null: not known.")]

# --- the plan ---------------------------------------------------------------------------------------------------------


class TermBody(In):
    """A stretch of time with a demand of its own; how much each kind matters is learnt."""

    start: f.Instant
    end: f.Instant
    kind: f.Label
    factor: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0

    def term(self) -> Term:
        """As the forecast knows it.

        Raises:
            BadWindow: the end isn't after the start.
        """
        return Term(Window(self.start, self.end), self.kind, self.factor)


_Places = Annotated[dict[f.Label, f.Count], Field(max_length=100)]


class DialsBody(In):
    """Dials to be turned; those left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"example": {"missing": 30, "floor": {"spark-small": 2}}})

    missing: Annotated[
        float | None, Field(gt=1, le=10_000, description="Price of a place missing for an hour, of one held for it.")
    ] = None
    at_once: Annotated[
        float | None, Field(gt=0, lt=1, description="Share of those without a booking who are to start at once.")
    ] = None
    floor: Annotated[_Places | None, Field(description="Places always held, by profile.")] = None
    ceiling: Annotated[_Places | None, Field(description="Most places held for walk-ins, by profile.")] = None
    zone: Annotated[
        str | None,
        Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9+_/\-]+$", description="Whose clock weeks follow."),
    ] = None
    terms: Annotated[list[TermBody] | None, Field(max_length=200)] = None

    def given(self) -> dict[str, object]:
        """By name, as the service knows them.

        Raises:
            BadWindow: a term that ends before it starts.
        """
        terms = None if self.terms is None else tuple(each.term() for each in self.terms)
        return {name: getattr(self, name) for name in type(self).model_fields} | {"terms": terms}


class TermShown(Out):
    """A stretch of time with a demand of its own."""

    start: f.Moment
    end: f.Moment
    kind: str
    factor: float


class DialsShown(Out):
    """The dials by which plans are made."""

    missing: float
    at_once: float
    floor: dict[str, int]
    ceiling: dict[str, int]
    zone: str
    terms: list[TermShown]

    @classmethod
    def of(cls, dials: Dials) -> Self:
        """As people see them."""
        terms = [
            TermShown(start=each.window.start, end=each.window.end, kind=each.kind, factor=each.factor)
            for each in dials.terms
        ]
        facts = {name: getattr(dials, name) for name in cls.model_fields if name != "terms"}
        return cls(terms=terms, **facts)


class Past(Out):
    """Hours that are over: what was held, and what was expected and came of those without a booking."""

    start: f.Moment
    held: _Hours
    booked: _Hours
    walk_ins: _Hours
    middle: _Shares
    high: _Shares


class Coming(Out):
    """The present hour and those after it."""

    start: f.Moment
    levels: list[float] = Field(description="Quantiles of the forecast, rising.")
    quantiles: list[list[float]] = Field(description="Of each hour, as many as levels.")
    demand: list[int] = Field(description="Places wanted for walk-ins.")
    booked: list[int] = Field(description="Places that bookings made ahead stand on.")
    held: list[int] = Field(description="Places to be held; empty where there is no plan but what is bought.")


class Quality(Out):
    """How good such forecasts were, beside last week again."""

    skill: float
    loss: float
    shadow_loss: float
    cover: dict[str, float] = Field(description="Share of the hours at or below each quantile.")
    origins: int


class Saved(Out):
    """What was held, and what others would have held for the same people, in place-hours."""

    since: f.Moment
    hours: int
    held: float
    static_peak: float
    reactive: float
    headroom: int
    at_once: float


class Place(Out):
    """A place that the plan wants held."""

    id: str
    site: str
    start: f.Moment
    end: f.Moment
    bought: bool
    state: Annotated[PlaceState, Field(description="Due and without room; asked for at its site; held by it.")]
    trouble: Annotated[str, Field(description="Why its site doesn't hold it yet, as far as that is known.")]
    reason: str
    cost: float
    cost_without: float


class ProfilePlan(Out):
    """A profile's plan, counted in places: clusters of it at its smallest."""

    profile: str
    made_at: f.Moment
    basis: str = Field(description="What the forecast stands on.")
    failed: bool = Field(description="The forecast failed: only bookings and the floor count.")
    sentences: list[str]
    short: bool
    lacks: list[str] = Field(description="Of the sentences, those that say what is short, when and why.")
    cost: float | None
    coming: Coming
    past: Past | None
    places: list[Place]
    score: Quality | None
    saved: Saved | None


class Plans(Out):
    """All plans, and the dials by which they are made."""

    enabled: bool
    dials: DialsShown
    turned_at: f.Moment | None
    turned_by: str | None
    plans: list[ProfilePlan]


# --- demand -----------------------------------------------------------------------------------------------------------

_Demand = Annotated[
    list[Annotated[int, Strict(), Field(ge=0, le=1_000_000)] | None],
    Field(min_length=1, max_length=MEMORY, description="Most places at once, hour by hour; null: not known."),
]


class DemandBody(In):
    """Demand of past hours, by kind; a kind left out is none at all."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"profile": "spark-small", "start": "2027-02-01T00:00Z", "walk_in": [0, 2, 1]}}
    )

    profile: f.Label
    start: f.Instant
    walk_in: _Demand | None = None
    booked: _Demand | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.walk_in is None and self.booked is None:
            raise ValueError("give walk_in, booked or both")
        return self

    def kinds(self) -> dict[Kind, list[int | None]]:
        """Those given."""
        given = {Kind.WALK_IN: self.walk_in, Kind.BOOKED: self.booked}
        return {kind: values for kind, values in given.items() if values is not None}


class DemandSource(Out):
    """Somewhere that demand is known from: Almanac's own, or an imported trace."""

    source: str
    profile: str = Field(description="The one that a trace is about; empty for all.")
    start: f.Moment
    until: f.Moment
