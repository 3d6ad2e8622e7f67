"""How a refusal is told in place: what was refused and why, what would work instead, and ways on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from almanac.core.errors import AlmanacError, NoCapacity, QuotaExceeded
from almanac.core.refusals import shortage
from almanac.core.windows import Window, utc
from almanac.portal.booking_form import BookForm
from almanac.portal.errors import hint_of
from almanac.portal.local_times import LocalTimes
from almanac.portal.reader import Reader
from almanac.services.requests import BookingRequest
from almanac.services.views import BookingView
from almanac.services.waiting import WaitRequest

PATIENCE = (timedelta(0), timedelta(days=1), timedelta(days=7))
"""How much later than asked for somebody who waits may be served."""


@dataclass(frozen=True, slots=True)
class Way:
    """A page that helps on."""

    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal as a page tells it.

    Attributes:
        fitting: what would be booked instead, each as a button.
        waits: whether waiting for it may be worth while.
        ways: pages that help on.
    """

    message: str
    hint: str
    fitting: tuple[BookingView, ...] = ()
    waits: bool = False
    ways: tuple[Way, ...] = ()


def told(reader: Reader, form: BookForm, error: AlmanacError) -> Told:
    """A refusal of a form, with what would work instead."""
    said = said_of(error, reader.times)
    asked = form.near(reader.times)
    fitting = reader.app.trials.instead(reader.caller, asked, error, reader.now)
    waits = isinstance(error, NoCapacity) and reader.app.waiting.worth(
        reader.caller, wait_request(asked, PATIENCE[1], reader.now), reader.now
    )
    return Told(said.message, "" if fitting else said.hint, tuple(fitting), waits, _ways(form, error))


def said_of(error: AlmanacError, times: LocalTimes) -> Told:
    """What was refused and why, on the person's clock."""
    if "refusal" not in error.details:
        return Told(error.message, hint_of(error))
    refusal = error.details["refusal"]
    lack = shortage(refusal["limiting"], refusal["short"])
    start, end = (utc(datetime.fromisoformat(refusal["interval"][edge])) for edge in ("start", "end"))
    return Told(f"{refusal['site']} has no room for that: {lack}, {times.span(start, end)}.", "")


def wait_request(asked: BookingRequest, patience: timedelta, now: datetime) -> WaitRequest:
    """The same, to be waited for: at its time, or so much later."""
    within = Window.lasting(asked.start or now, asked.duration + patience)
    return WaitRequest(asked.profile, asked.duration, within, asked.seats, asked.project, asked.site, asked.title)


def _ways(form: BookForm, error: AlmanacError) -> tuple[Way, ...]:
    asked = {"profile": form.profile, "seats": form.seats, "lasts_s": max(60, form.lasts_s), "project": form.project}
    ways = [
        Way("Change what you ask for", f"/book?{urlencode(asked | {'start': form.start, 'site': form.site})}"),
        Way("See when it is free", f"/calendar?{urlencode(asked)}"),
    ]
    if isinstance(error, QuotaExceeded):
        return (Way("Give back a booking of yours", "/bookings"), Way("See what is left", "/projects"), *ways)
    return tuple(ways)
