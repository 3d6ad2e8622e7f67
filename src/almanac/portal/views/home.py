"""The home page: what could be started now, and what is mine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from almanac.core.bookings import BookingStatus
from almanac.core.errors import AlmanacError
from almanac.core.windows import Window
from almanac.portal import booking_form, refusals, streams
from almanac.portal.booking_form import BookForm
from almanac.portal.reader import Posting, Reader, Reading
from almanac.portal.refusals import Told
from almanac.portal.streams import Part
from almanac.portal.timeline import LIVE, WORDS, sentence, steps
from almanac.services.requests import FURTHEST, BookingFilter
from almanac.services.views import BookingView

router = APIRouter()

MOST_SHOWN = 12
JUST_ENDED = timedelta(hours=1)
"""Longer than files take to be saved: what ended before isn't looked at."""
_BUSY = frozenset({BookingStatus.BUILDING, BookingStatus.ENDING})


@router.get("/")
def home(reader: Reading) -> HTMLResponse:
    """Start something, or go on with what is mine."""
    return show(reader)


@router.post("/start")
def start(form: Annotated[BookForm, Form()], reader: Posting) -> Response:
    """Book what a card or a refusal's button says; a refusal is told in the card."""
    try:
        made = reader.app.bookings.book(reader.caller, form.request(reader.times), reader.now, form.key or None)
    except AlmanacError as error:
        return _refused(reader, form, error)
    return reader.go(f"/bookings/{made.id}")


@router.get("/platforms", response_class=EventSourceResponse)
async def platforms(reader: Reading) -> AsyncIterator[ServerSentEvent]:
    """My platforms as they change."""
    async for event in streams.live(reader, _platforms):
        yield event


def show(
    reader: Reader, refusal: Told | None = None, refused: BookForm | None = None, status: int = 200
) -> HTMLResponse:
    """The page; with a refusal, which is told in the card that it is about."""
    projects = booking_form.projects_of(reader.caller)
    payer = booking_form.payer(reader.caller, refused.project if refused else "")
    starts = reader.app.starting.starts(reader.caller, booking_form.USUAL, reader.now, payer)
    return reader.page(
        "home.html",
        status,
        starts=starts,
        platforms=mine(reader),
        projects=projects,
        refusal=refusal,
        form=refused,
        **helpers(),
    )


def mine(reader: Reader) -> list[BookingView]:
    """What is mine and not over, by start."""
    present = Window(reader.now - JUST_ENDED, reader.now + FURTHEST)
    wanted = BookingFilter(mine=True, statuses=LIVE, within=present, limit=MOST_SHOWN)
    return reader.app.bookings.list(reader.caller, wanted, reader.now)[0]


def helpers() -> dict[str, object]:
    """What templates about bookings call."""
    return {
        "words": WORDS,
        "steps": steps,
        "sentence": sentence,
        "lengths": booking_form.lengths,
        "preset": booking_form.preset,
        "new_key": booking_form.new_key,
    }


def _platforms(reader: Reader) -> Part:
    found = mine(reader)
    return Part(
        reader.render("_platforms.html", platforms=found, **helpers()), any(one.status in _BUSY for one in found)
    )


def _refused(reader: Reader, form: BookForm, error: AlmanacError) -> HTMLResponse:
    refusal = refusals.told(reader, form, error)
    if reader.htmx:
        return reader.page("_refusal.html", error.status, refusal=refusal, form=form, **helpers())
    return show(reader, refusal, form, error.status)
