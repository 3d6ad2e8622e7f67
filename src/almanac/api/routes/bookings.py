"""Offers and bookings: make, look, change, end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query

from almanac.api import fields as f
from almanac.api import models as m
from almanac.api.dependencies import App, BookingId, Now, Who
from almanac.api.errors import documented
from almanac.services.views import BookingView, ConnectionView, EventView, ExtensionView

router = APIRouter(tags=["bookings"], responses=documented(401))

_MAKE = documented(400, 403, 404, 409, 413, 422)
_LOOK = documented(404, 422)
_CHANGE = documented(403, 404, 409, 422)
_CHANGE_BODY = _CHANGE | documented(400, 413)

IdempotencyKey = Annotated[
    str | None,
    Header(pattern=f.KEY, max_length=80, description="The same key from the same person gives the same booking."),
]
Service = Annotated[str | None, Query(pattern=f.NAME, min_length=2, max_length=40, description="Only this one's.")]


@router.post("/offers", status_code=201, response_model=m.Booking, summary="Get an offer", responses=_MAKE)
def offer(body: m.BookingBody, app: App, caller: Who, now: Now) -> BookingView:
    """A concrete answer to a request, held until its `expires_at`. Accept it to make it a booking.

    Example: `{"profile": "spark-small", "duration_s": 7200, "start": "2027-03-01T10:00:00Z"}`
    """
    return app.bookings.offer(caller, body.request(), now)


@router.post("/offers/{offer}/accept", response_model=m.Booking, summary="Accept an offer", responses=_CHANGE)
def accept(offer: BookingId, app: App, caller: Who, now: Now) -> BookingView:
    """Turn an offer into a booking. A stale offer is refused with 409 `stale_offer`.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/offers/b-7k3m9q2x/accept`
    """
    return app.bookings.accept(caller, offer, now)


@router.post("/bookings", status_code=201, response_model=m.Booking, summary="Book", responses=_MAKE)
def book(body: m.BookingBody, app: App, caller: Who, now: Now, idempotency_key: IdempotencyKey = None) -> BookingView:
    """Book at once. Without `start`: from now on. No room is answered with 409 `no_capacity`, which says what would fit.

    Example: `{"profile": "spark-small", "duration_s": 7200}`
    """
    return app.bookings.book(caller, body.request(), now, idempotency_key)


@router.get("/bookings", summary="Bookings", responses=_LOOK)
def list_bookings(
    app: App,
    caller: Who,
    now: Now,
    asked: Annotated[m.BookingQuery, Query()],
) -> m.Bookings:
    """Your bookings by start; with `mine=false` all that you see.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/bookings?mine=false&status=ready"`
    """
    found, following = app.bookings.list(caller, asked.filter(), now)
    return m.Bookings.model_validate({"bookings": found, "next": following})


@router.get("/bookings/{booking}", response_model=m.Booking, summary="A booking", responses=_LOOK)
def get_booking(booking: BookingId, app: App, caller: Who, now: Now) -> BookingView:
    """A booking with its status and, while it is built, its progress.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x`
    """
    return app.bookings.get(caller, booking, now)


@router.get(
    "/bookings/{booking}/extension",
    response_model=m.Extension,
    summary="How long could I extend?",
    responses=_CHANGE,
)
def extension(booking: BookingId, app: App, caller: Who, now: Now) -> ExtensionView:
    """Until when the booking could be extended, and what limits it.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/extension`
    """
    return app.changes.extension(caller, booking, now)


@router.post("/bookings/{booking}/extend", response_model=m.Booking, summary="Extend", responses=_CHANGE_BODY)
def extend(booking: BookingId, body: m.MoveEndBody, app: App, caller: Who, now: Now) -> BookingView:
    """End a booking later: by a length or until a time.

    Example: `{"by_s": 3600}` or `{"until": "2027-03-01T14:00:00Z"}`
    """
    return app.changes.extend(caller, booking, now, by=body.by, until=body.until)


@router.post("/bookings/{booking}/shorten", response_model=m.Booking, summary="Shorten", responses=_CHANGE_BODY)
def shorten(booking: BookingId, body: m.MoveEndBody, app: App, caller: Who, now: Now) -> BookingView:
    """End a booking earlier: by a length or until a time. What is unused is refunded.

    Example: `{"by_s": 1800}`
    """
    return app.changes.shorten(caller, booking, now, by=body.by, until=body.until)


@router.post("/bookings/{booking}/resize", response_model=m.Booking, summary="Resize", responses=_CHANGE_BODY)
def resize(booking: BookingId, body: m.ResizeBody, app: App, caller: Who, now: Now) -> BookingView:
    """Change the number of seats; the workers follow.

    Example: `{"seats": 4}`
    """
    return app.changes.resize(caller, booking, now, body.seats)


@router.post("/bookings/{booking}/cancel", response_model=m.Booking, summary="Cancel", responses=_CHANGE)
def cancel(booking: BookingId, app: App, caller: Who, now: Now) -> BookingView:
    """Call a booking (or an offer) off before it starts.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/cancel`
    """
    return app.bookings.cancel(caller, booking, now)


@router.post("/bookings/{booking}/release", response_model=m.Booking, summary="Release", responses=_CHANGE)
def release(booking: BookingId, app: App, caller: Who, now: Now) -> BookingView:
    """Give a running booking back early; files and logs are saved first, what is unused is refunded.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/release`
    """
    return app.bookings.release(caller, booking, now)


@router.get("/bookings/{booking}/connection", response_model=m.Connection, summary="Connect", responses=_CHANGE)
def connection(booking: BookingId, app: App, caller: Who, now: Now) -> ConnectionView:
    """The Spark Connect URL, the notebooks and the shell exports. While it is built: 409 `not_ready` with the progress.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/connection`
    """
    return app.access.connection(caller, booking, now)


@router.get("/bookings/{booking}/logs", summary="Logs", responses=_CHANGE)
def logs(
    booking: BookingId,
    app: App,
    caller: Who,
    service: Service = None,
    tail: Annotated[int, Query(ge=1, le=10_000, description="Lines of each.")] = 200,
) -> m.Logs:
    """The last lines of each service's log, or of one service's.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/logs?tail=50"`
    """
    return m.Logs(services=dict(app.access.logs(caller, booking, service, tail)))


@router.get("/bookings/{booking}/events", response_model=list[m.Event], summary="What happened", responses=_LOOK)
def events(booking: BookingId, app: App, caller: Who) -> list[EventView]:
    """What happened to a booking, oldest first.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/events`
    """
    return app.access.events(caller, booking)
