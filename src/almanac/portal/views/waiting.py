"""What I wait for: my place in the line, what is held for me, and leaving."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from almanac.api import fields
from almanac.api.dependencies import WaitingId
from almanac.core.bookings import BookingStatus
from almanac.core.errors import AlmanacError
from almanac.portal import booking_form, refusals, streams
from almanac.portal.booking_form import BookForm
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading
from almanac.portal.streams import Part
from almanac.services.views import BookingView
from almanac.services.waiting_state import WaitingView

router = APIRouter(prefix="/waiting")

LATEST = 10
"""Of what waits no more."""
ENDED = {
    "served": "Booked",
    "withdrawn": "You left",
    "missed": "Two offers were not taken in time",
    "over": "There was no room in its time",
    "refused": "It was not approved, or you may not book in the project any more",
}
"""How a page calls each way to leave the line."""


class WaitForm(BookForm):
    """What to wait for: a booking that may begin so much later than it says."""

    patience_s: Annotated[int, Field(ge=0, le=fields.YEAR_S)] = 86_400


@dataclass(frozen=True, slots=True)
class Wait:
    """A request that waits, with what is held for it."""

    request: WaitingView
    offer: BookingView | None = None


@router.get("")
def waiting(reader: Reading) -> HTMLResponse:
    """What is held for me, what I wait for, and what became of the latest others."""
    return _show(reader)


@router.get("/live", response_class=EventSourceResponse)
async def live(reader: Reading) -> AsyncIterator[ServerSentEvent]:
    """What is held for me and what I wait for, as it changes."""
    async for event in streams.live(reader, _look):
        yield event


@router.post("")
def wait(form: Annotated[WaitForm, Form()], reader: Posting) -> Response:
    """Join the line; sent twice, one waits once."""
    try:
        asked = form.request(reader.times)
        request = refusals.wait_request(asked, timedelta(seconds=form.patience_s), reader.now)
        mine = reader.app.waiting.list(reader.caller, reader.now, mine=True)
        same = (asked.profile, asked.duration, asked.seats, request.within.end, asked.title)
        if not any((w.profile, w.duration, w.seats, w.end, w.title) == same for w in mine if w.place is not None):
            reader.app.waiting.wait(reader.caller, request, reader.now)
    except AlmanacError as error:
        told = refusals.told(reader, form, error)
        return _show(reader, error.status, refusal=told, form=form)
    return reader.go("/waiting")


@router.post("/{waiting}/leave")
def leave(waiting: WaitingId, reader: Posting) -> Response:
    """Wait no longer; what was held goes to the next in the line."""
    try:
        left = reader.app.waiting.withdraw(reader.caller, waiting, reader.now)
        held = _offer(reader, left)
        if held is not None and held.status is BookingStatus.OFFERED:
            reader.app.bookings.cancel(reader.caller, held.id, reader.now)
    except AlmanacError as error:
        return _show(reader, error.status, error=error)
    return reader.go("/waiting")


def again(request: WaitingView) -> str:
    """The form that would book what was waited for."""
    asked = {"profile": request.profile, "seats": request.seats, "lasts_s": max(60, request.duration_s)}
    return f"/book?{urlencode(asked | {'project': request.project})}"


def _show(
    reader: Reader,
    status: int = 200,
    *,
    error: AlmanacError | None = None,
    refusal: refusals.Told | None = None,
    form: BookForm | None = None,
) -> HTMLResponse:
    mine = reader.app.waiting.list(reader.caller, reader.now, mine=True)
    over = sorted((each for each in mine if each.place is None), key=lambda each: each.asked_at, reverse=True)
    return reader.page(
        "waiting.html",
        status,
        **_line(reader, mine),
        over=over[:LATEST],
        ended=ENDED,
        again=again,
        error=error,
        hint=hint_of(error) if error else "",
        refusal=refusal,
        form=form,
        new_key=booking_form.new_key,
    )


def _look(reader: Reader) -> Part:
    line = _line(reader, reader.app.waiting.list(reader.caller, reader.now, mine=True))
    return Part(reader.render("_waiting.html", **line))


def _line(reader: Reader, mine: Iterable[WaitingView]) -> dict[str, object]:
    """What is held and what waits, as the templates know it."""
    line = [Wait(each, _offer(reader, each)) for each in mine if each.place is not None]
    return {
        "held": [each for each in line if each.request.state == "offered"],
        "line": [each for each in line if each.request.state != "offered"],
    }


def _offer(reader: Reader, request: WaitingView) -> BookingView | None:
    """What is or was held for a request."""
    return reader.app.bookings.get(reader.caller, request.offer, reader.now) if request.offer else None
