"""What waits for a decision: for mine as a lead or an operator, and what of my own waits for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.api.dependencies import BookingId
from almanac.core.errors import AlmanacError
from almanac.portal import streams
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading
from almanac.portal.streams import Part
from almanac.services.views import BookingView

router = APIRouter(prefix="/approvals")


class DecisionForm(BaseModel):
    """A decision on a booking, or on all of its series that waits; ``reason`` is told to its person when it is no."""

    whole: bool = False
    reason: Annotated[str, Field(max_length=120, pattern=fields.TEXT)] = ""


@router.get("")
def approvals(reader: Reading) -> HTMLResponse:
    """What waits."""
    return _show(reader)


@router.get("/live", response_class=EventSourceResponse)
async def live(reader: Reading) -> AsyncIterator[ServerSentEvent]:
    """What waits, as it changes."""
    async for event in streams.live(reader, _look):
        yield event


@router.post("/{booking}/approve")
def approve(booking: BookingId, form: Annotated[DecisionForm, Form()], reader: Posting) -> Response:
    """Let it be booked."""
    return _decided(
        reader, booking, form, lambda each: reader.app.approvals.approve(reader.caller, each.id, reader.now)
    )


@router.post("/{booking}/decline")
def decline(booking: BookingId, form: Annotated[DecisionForm, Form()], reader: Posting) -> Response:
    """Give its capacity back, and tell its person why."""
    reason = form.reason.strip()
    return _decided(
        reader, booking, form, lambda each: reader.app.approvals.decline(reader.caller, each.id, reason, reader.now)
    )


def _decided(reader: Reader, booking: str, form: DecisionForm, decide: Callable[[BookingView], object]) -> Response:
    asked = reader.app.bookings.get(reader.caller, booking, reader.now)
    try:
        for each in _together(reader, asked) if form.whole else [asked]:
            decide(each)
    except AlmanacError as error:
        return _show(reader, error)
    return reader.go("/approvals")


def _together(reader: Reader, asked: BookingView) -> list[BookingView]:
    """All of the booking's series that waits for the same decision."""
    pending = reader.app.approvals.pending(reader.caller, reader.now)
    return [each for each in pending if each.series == asked.series] if asked.series else [asked]


def _show(reader: Reader, error: AlmanacError | None = None) -> HTMLResponse:
    told = {"error": error, "hint": hint_of(error) if error else ""}
    return reader.page("approvals.html", error.status if error else 200, **told, **_pending(reader))


def _look(reader: Reader) -> Part:
    return Part(reader.render("_approvals.html", **_pending(reader)))


def _pending(reader: Reader) -> dict[str, object]:
    """What waits, as the templates know it."""
    pending = reader.app.approvals.pending(reader.caller, reader.now)
    asked = [each for each in pending if reader.caller.leads(each.project)]
    in_series = [each.series for each in asked if each.series]
    return {
        "asked": asked,
        "own": [each for each in pending if not reader.caller.leads(each.project)],
        "together": {series: in_series.count(series) for series in in_series},
    }
