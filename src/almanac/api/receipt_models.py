"""What the API takes and gives about bookings that are over."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from almanac.api import fields as f
from almanac.api.models import In, Out
from almanac.core.bookings import BookingStatus

Span = Annotated[
    float,
    BeforeValidator(lambda length: length.total_seconds() if isinstance(length, timedelta) else length),
    Field(description="Seconds."),
]


class Readiness(Out):
    """How soon a booking was ready, beside what was promised when it was made."""

    promised_at: f.Moment
    ready_at: f.Moment | None = Field(description="null: it never was.")
    waited: Span | None = Field(
        serialization_alias="waited_s",
        description="Seconds from its start (of one for at once: from booking it) until it was ready.",
    )
    late: Span | None = Field(serialization_alias="late_s", description="Seconds after the promise; 0: it was kept.")


class Use(Out):
    """How long a booking could be used."""

    usable: Span = Field(serialization_alias="usable_s")
    idle: Span | None = Field(
        serialization_alias="idle_s", description="Seconds between its last use and its end; null: nobody knows."
    )


class Cost(Out):
    """A booking's lines of the ledger, summed, in node-hours."""

    held_h: f.Rounded
    charged_h: f.Rounded
    refunded_h: f.Rounded


class Saved(Out):
    """What was kept, and where in the site's storage."""

    what: str
    path: str


class Receipt(Out):
    """What became of a booking."""

    booking: str
    project: str
    owner: str
    profile: str
    site: str
    seats: int
    title: str
    status: BookingStatus
    start: f.Moment
    end: f.Moment
    ended_at: f.Moment
    ended_by: str = Field(description="A person, or almanac.")
    why: str = Field(description="Why it ended.")
    readiness: Readiness
    use: Use
    cost: Cost
    saved: list[Saved]
    is_saved: bool = Field(description="false: it is still being saved.")
    jobs: list[str] = Field(description="Why its jobs took as long as they did, a sentence for each Spark application.")


class AgainBody(In):
    """When to have the same again; without `start`: now."""

    model_config = ConfigDict(json_schema_extra={"example": {"start": "2027-03-08T10:00:00Z"}})

    start: f.Instant | None = None
