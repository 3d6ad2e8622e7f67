"""The waiting list, and approvals."""

from __future__ import annotations

from fastapi import APIRouter

from almanac.api import models
from almanac.api import series_models as m
from almanac.api.dependencies import App, BookingId, Now, WaitingId, Who
from almanac.api.errors import documented
from almanac.api.routes.series import Mine
from almanac.services.views import BookingView
from almanac.services.waiting_state import WaitingView

router = APIRouter(responses=documented(401))

_MAKE = documented(400, 403, 404, 409, 413, 422)
_LOOK = documented(404, 422)
_CHANGE = documented(403, 404, 409, 422)


@router.post(
    "/waiting", status_code=201, response_model=m.Waiting, tags=["waiting"], summary="Wait for room", responses=_MAKE
)
def wait(body: m.WaitBody, app: App, caller: Who, now: Now) -> WaitingView:
    """Join the waiting list. When there is room you get an offer, which is held for a while.

    Example: `{"profile": "spark-small", "duration_s": 7200,
    "within": {"start": "2027-03-08T08:00:00Z", "end": "2027-03-12T18:00:00Z"}}`
    """
    return app.waiting.wait(caller, body.request(), now)


@router.get("/waiting", response_model=list[m.Waiting], tags=["waiting"], summary="Who waits", responses=_LOOK)
def list_waiting(app: App, caller: Who, now: Now, mine: Mine = True) -> list[WaitingView]:
    """Your requests on the waiting list, and the latest that were; with `mine=false` all that you see.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/waiting`
    """
    return app.waiting.list(caller, now, mine=mine)


@router.get("/waiting/{waiting}", response_model=m.Waiting, tags=["waiting"], summary="One that waits", responses=_LOOK)
def get_waiting(waiting: WaitingId, app: App, caller: Who, now: Now) -> WaitingView:
    """A request on the waiting list: its place in the line, or its offer.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/waiting/w-7k3m9q2x4a`
    """
    return app.waiting.get(caller, waiting, now)


@router.delete(
    "/waiting/{waiting}", response_model=m.Waiting, tags=["waiting"], summary="Wait no longer", responses=_CHANGE
)
def withdraw(waiting: WaitingId, app: App, caller: Who, now: Now) -> WaitingView:
    """Leave the waiting list.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/waiting/w-7k3m9q2x4a`
    """
    return app.waiting.withdraw(caller, waiting, now)


@router.get("/approvals", response_model=list[models.Booking], tags=["approvals"], summary="What waits for an approval")
def list_approvals(app: App, caller: Who, now: Now) -> list[BookingView]:
    """What waits for your decision, and what of your own waits for one; the first to expire first.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/approvals`
    """
    return app.approvals.pending(caller, now)


@router.post(
    "/bookings/{booking}/approve",
    response_model=models.Booking,
    tags=["approvals"],
    summary="Approve",
    responses=_CHANGE,
)
def approve(booking: BookingId, app: App, caller: Who, now: Now) -> BookingView:
    """Make a booking of what was held for an approval. For leads of its project and operators.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/approve`
    """
    return app.approvals.approve(caller, booking, now)


@router.post(
    "/bookings/{booking}/decline",
    response_model=models.Booking,
    tags=["approvals"],
    summary="Decline",
    responses=_CHANGE | documented(400, 413),
)
def decline(booking: BookingId, body: m.DeclineBody, app: App, caller: Who, now: Now) -> BookingView:
    """Give back what was held for an approval, and tell its person why.

    Example: `{"reason": "The class needs the cluster that day"}`
    """
    return app.approvals.decline(caller, booking, body.reason, now)
