"""Receipts of bookings, and the same again."""

from __future__ import annotations

from fastapi import APIRouter

from almanac.api import models as m
from almanac.api import receipt_models as r
from almanac.api.dependencies import App, BookingId, Now
from almanac.api.errors import documented
from almanac.api.routes.bookings import IdempotencyKey
from almanac.api.signing import Someone
from almanac.services.receipts import Receipt
from almanac.services.views import BookingView

router = APIRouter(tags=["bookings"], responses=documented(401))


@router.get(
    "/bookings/{booking}/receipt", response_model=r.Receipt, summary="Receipt", responses=documented(404, 409, 422)
)
def receipt(booking: BookingId, app: App, caller: Someone, now: Now) -> Receipt:
    """What became of a booking: how soon it was ready, how long it was used, its cost, what was saved, why it ended.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/receipt`
    """
    return app.receipts.of(caller, booking, now)


@router.post(
    "/bookings/{booking}/again",
    status_code=201,
    response_model=m.Booking,
    summary="Book the same again",
    responses=documented(400, 403, 404, 409, 413, 422),
)
def book_again(
    booking: BookingId, body: r.AgainBody, app: App, caller: Someone, now: Now, idempotency_key: IdempotencyKey = None
) -> BookingView:
    """Book for yourself what another booking was: profile, length, seats, project, site and title; now or at a time.

    Example: `{"start": "2027-03-08T10:00:00Z"}`
    """
    return app.receipts.again(caller, booking, now, start=body.start, key=idempotency_key)
