"""A booking as it changes, as server-sent events."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from almanac.api import fields as f
from almanac.api import models as m
from almanac.api.dependencies import App, BearerToken, BookingId
from almanac.api.errors import documented
from almanac.core.bookings import BookingStatus
from almanac.core.errors import AlmanacError
from almanac.services.views import BookingView

router = APIRouter(tags=["bookings"], responses=documented(401))

SETTLED = frozenset(
    {
        BookingStatus.READY,
        BookingStatus.EXPIRED,
        BookingStatus.ENDED,
        BookingStatus.CANCELLED,
        BookingStatus.FAILED,
    }
)
SOON = timedelta(minutes=1)
QUICK_S, SLOW_S = 0.2, 2.0
"""Seconds between two looks: while something is about to happen, and otherwise."""

Look = Callable[[], BookingView]


def _looker(booking: BookingId, app: App, token: BearerToken) -> Look:
    """Looks at the booking, asking anew who is asking: a token that dies ends its streams too."""

    def look() -> BookingView:
        now = app.clock()
        return app.bookings.get(app.accounts.authenticate(token, now), booking, now)

    return look


def _first(look: Annotated[Look, Depends(_looker)]) -> BookingView:
    """The first look happens before the stream begins, so that its errors are ordinary answers."""
    return look()


@router.get(
    "/bookings/{booking}/watch",
    response_class=EventSourceResponse,
    summary="Watch a booking",
    responses=documented(404, 422),
)
async def watch(
    app: App,
    look: Annotated[Look, Depends(_looker)],
    first: Annotated[BookingView, Depends(_first)],
    wait_s: Annotated[int | None, Query(ge=0, le=f.YEAR_S, description="End the stream after this long.")] = None,
) -> AsyncIterator[m.Booking]:
    """The booking now and after each change, until it is ready or over (or `wait_s` seconds have passed).

    Each event's data is a booking; comments in between keep the connection open.
    Example: `curl -N -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/watch`
    """
    clock = asyncio.get_running_loop().time
    deadline = math.inf if wait_s is None else clock() + wait_s
    view = first
    yield m.Booking.model_validate(view)
    while view.status not in SETTLED and clock() < deadline:
        await asyncio.sleep(_pause_s(view, app.clock()))
        try:
            seen = await run_in_threadpool(look)
        except AlmanacError:
            return
        if seen != view:
            view = seen
            yield m.Booking.model_validate(view)


def _pause_s(view: BookingView, now: datetime) -> float:
    waiting = view.status in {BookingStatus.BOOKED, BookingStatus.OFFERED} and view.start > now + SOON
    return SLOW_S if waiting else QUICK_S
