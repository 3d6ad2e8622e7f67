"""The form that books: what it takes and what it offers."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.core.errors import BadRequest
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

    def near(self, times: LocalTimes) -> BookingRequest:
        """As ``request``; for now, if its start isn't a time."""
        try:
            return self.request(times)
        except BadRequest:
            return self.model_copy(update={"start": ""}).request(times)


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
