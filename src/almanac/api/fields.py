"""Field types of the API: each bounded, so that nothing reaches a service or the database that it can't hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainSerializer, Strict
from pydantic_core import PydanticCustomError

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
YEAR_S = 366 * 24 * 3600

NAME = r"^[a-z0-9][a-z0-9.\-]{0,38}[a-z0-9]$"
LABEL = r"^[a-z0-9][a-z0-9.\-]{0,39}$"
ID = r"^[a-z0-9][a-z0-9\-]{1,39}$"
TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"
TOKEN = r"^alm_[a-z0-9]{8}_[A-Za-z0-9_\-]{43}$"  # noqa: S105 (a pattern, not a token)
KEY = r"^[A-Za-z0-9._:\-]{1,80}$"
CURSOR = r"^[A-Za-z0-9_\-]{1,200}$"


def _written(value: object) -> object:
    """Refuse numbers as times: 7 would silently mean seven seconds into 1970."""
    if not isinstance(value, str | datetime):
        raise PydanticCustomError(
            "instant", "a time is written in ISO 8601 with its offset, such as 2027-03-01T10:00:00Z"
        )
    return value


def _in_range(value: datetime) -> datetime:
    """The time in UTC; compared before conversion, because the ends of ``datetime``'s range don't convert."""
    if not EARLIEST <= value < LATEST:
        raise PydanticCustomError("instant_range", "a time lies between the years 2000 and 2199")
    return value.astimezone(UTC)


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_written, json_schema_input_type=AwareDatetime),
    AfterValidator(_in_range),
    Field(description="ISO 8601 with an offset.", examples=["2027-03-01T10:00:00Z"]),
]
"""A time that somebody sends: ISO 8601 with an offset; becomes UTC."""

Moment = Annotated[datetime, Field(description="UTC.", examples=["2027-03-01T10:00:00Z"])]
"""A time that the API tells, in UTC."""

Name = Annotated[
    str,
    Field(
        min_length=2,
        max_length=40,
        pattern=NAME,
        description="2 to 40 of a-z, 0-9, dots and dashes; ends are letters or digits.",
    ),
]
Label = Annotated[str, Field(min_length=1, max_length=40, pattern=LABEL, description="As the catalogue names it.")]
Id = Annotated[str, Field(min_length=2, max_length=40, pattern=ID)]
Data = Annotated[
    str,
    Field(
        max_length=40,
        pattern=rf"{LABEL}|^$",
        description="Label of the data that it works on: sites that have it come first. Empty: none, whatever the profile says.",
    ),
]
Title = Annotated[str, Field(max_length=120, pattern=TEXT, description="Free text, one line.")]
Seconds = Annotated[int, Strict(), Field(ge=1, le=YEAR_S)]
Seats = Annotated[int, Strict(), Field(ge=1, le=10_000)]
Count = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
Hours = Annotated[
    float,
    Field(gt=0, le=100_000_000, allow_inf_nan=False),
]
Price = Annotated[float, Field(description="Of all its nodes for an hour, in the operator's unit.")]
Rounded = Annotated[float, PlainSerializer(lambda hours: round(hours, 4), return_type=float)]
"""Hours that the API tells: to a third of a second."""
