"""The form that books: what it takes, what it offers, and how a refusal is told in place."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.core.errors import AlmanacError
from almanac.core.refusals import shortage
from almanac.core.windows import utc
from almanac.portal.errors import hint_of
from almanac.portal.local_times import LocalTimes
from almanac.services.caller import Caller
from almanac.services.requests import BookingRequest

USUAL = timedelta(hours=2)
_LENGTHS = tuple(timedelta(hours=hours) for hours in (1, 2, 4, 8, 12, 24, 72, 168))


class BookForm(BaseModel):
    """What to book.

    Attributes:
        start: local time or ISO 8601; empty for now.
        key: of this form: sent twice, it books once.
    """

    profile: fields.Label
    lasts_s: Annotated[int, Field(ge=1, le=fields.YEAR_S)] = int(USUAL.total_seconds())
    start: Annotated[str, Field(max_length=40)] = ""
    seats: Annotated[int, Field(ge=1, le=10_000)] = 1
    project: Annotated[str, Field(max_length=40)] = ""
    site: Annotated[str, Field(max_length=40)] = ""
    title: fields.Title = ""
    key: Annotated[str, Field(max_length=80, pattern=r"^[A-Za-z0-9._:\-]*$")] = ""

    @property
    def lasts(self) -> timedelta:
        """The length asked for."""
        return timedelta(seconds=self.lasts_s)

    def request(self, times: LocalTimes) -> BookingRequest:
        """What the form asks for.

        Raises:
            BadRequest: its start is not a time.
        """
        return BookingRequest(
            self.profile,
            self.lasts,
            times.read(self.start),
            self.seats,
            self.project or None,
            self.site or None,
            self.title.strip(),
        )


@dataclass(frozen=True, slots=True)
class Fitting:
    """Something near the request that fits, as a button."""

    start: datetime
    end: datetime
    seats: int
    site: str

    @property
    def lasts_s(self) -> int:
        """Its length."""
        return int((self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal as a page tells it."""

    message: str
    hint: str
    fitting: tuple[Fitting, ...]


def told(error: AlmanacError, times: LocalTimes) -> Told:
    """What was refused and why, on the person's clock, and what would fit instead."""
    if "refusal" not in error.details:
        return Told(error.message, hint_of(error), ())
    refusal = error.details["refusal"]
    fitting = tuple(
        Fitting(_instant(one["start"]), _instant(one["end"]), one["seats"], one["site"])
        for one in refusal["alternatives"]
    )
    lack = shortage(refusal["limiting"], refusal["short"])
    when = times.span(_instant(refusal["interval"]["start"]), _instant(refusal["interval"]["end"]))
    return Told(f"{refusal['site']} has no room for that: {lack}, {when}.", "", fitting)


def lengths(longest: timedelta) -> list[timedelta]:
    """Lengths to choose from, up to the longest that a profile allows."""
    return [*(length for length in _LENGTHS if length < longest), longest]


def preset(longest: timedelta) -> timedelta:
    """The length that is chosen before anybody chooses."""
    return min(USUAL, longest)


def projects_of(caller: Caller) -> list[str]:
    """The projects that could pay, the likeliest first."""
    return sorted(caller.roles, key=lambda name: (name != "default", name))


def payer(caller: Caller, asked: str) -> str | None:
    """The project that pays: the one asked for, else the likeliest; None for who is in none."""
    return asked or next(iter(projects_of(caller)), None)


def new_key() -> str:
    """A key of one form."""
    return secrets.token_urlsafe(12)


def _instant(written: str) -> datetime:
    return utc(datetime.fromisoformat(written))
