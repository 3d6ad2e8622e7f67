"""Series: plan, book, look, edit, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from almanac.api import series_models as m
from almanac.api.dependencies import App, Now, SeriesId, Who
from almanac.api.errors import documented
from almanac.api.routes.bookings import IdempotencyKey
from almanac.services.series_views import PlanView, SeriesView

router = APIRouter(tags=["series"], responses=documented(401))

_MAKE = documented(400, 403, 404, 409, 413, 422)
_LOOK = documented(404, 422)
_CHANGE = documented(400, 403, 404, 409, 413, 422)

Mine = Annotated[bool, Query(description="Only your own; false: all that you see.")]


@router.post("/series-plans", response_model=m.SeriesPlan, summary="Would this series fit?", responses=_MAKE)
def plan_series(body: m.SeriesPlanBody, app: App, caller: Who, now: Now) -> PlanView:
    """A verdict on each occurrence, with what would fit instead; nothing is booked or held.

    Example: `{"profile": "spark-small", "first": "2027-03-02T10:00", "duration_s": 7200, "zone": "Europe/Madrid",
    "repeat": {"frequency": "weekly", "times": 12}}`
    """
    return app.series.plan(caller, body.request(), now)


@router.post("/series", status_code=201, response_model=m.Series, summary="Book a series", responses=_MAKE)
def book_series(
    body: m.SeriesBody, app: App, caller: Who, now: Now, idempotency_key: IdempotencyKey = None
) -> SeriesView:
    """Book every occurrence that fits (`what_fits`), or all or nothing. `plan` in the answer has the verdicts.

    Example: `{"profile": "spark-small", "first": "2027-03-02T10:00", "duration_s": 7200, "zone": "Europe/Madrid",
    "repeat": {"frequency": "weekly", "until": "2027-06-01"}, "policy": "all_or_nothing"}`
    """
    return app.series.make(caller, body.request(), body.policy, now, idempotency_key)


@router.get("/series", response_model=list[m.Series], summary="Series", responses=_LOOK)
def list_series(app: App, caller: Who, now: Now, mine: Mine = True) -> list[SeriesView]:
    """Your series, the newest first; with `mine=false` all that you see.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/series?mine=false"`
    """
    return app.series.list(caller, now, mine=mine)


@router.get("/series/{series}", response_model=m.Series, summary="A series", responses=_LOOK)
def get_series(series: SeriesId, app: App, caller: Who, now: Now) -> SeriesView:
    """A series with its occurrences and how each stands.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/series/s-7k3m9q2x4a`
    """
    return app.series.get(caller, series, now)


@router.post("/series/{series}/plan", response_model=m.SeriesPlan, summary="Would this edit fit?", responses=_CHANGE)
def plan_series_edit(series: SeriesId, body: m.SeriesEditPlanBody, app: App, caller: Who, now: Now) -> PlanView:
    """A verdict on each occurrence that the edit touches; nothing changes.

    Example: `{"scope": "following", "date": "2027-03-16", "start": "2027-03-17T14:00"}`
    """
    return app.series.plan_edit(caller, series, body.change(), now)


@router.post("/series/{series}/edit", response_model=m.Series, summary="Edit a series", responses=_CHANGE)
def edit_series(series: SeriesId, body: m.SeriesEditBody, app: App, caller: Who, now: Now) -> SeriesView:
    """Move, lengthen or resize one occurrence, this and the following, or all. One that doesn't fit stays as it was.

    Example: `{"scope": "one", "date": "2027-03-16", "start": "2027-03-17T14:00"}`
    """
    return app.series.edit(caller, series, body.change(), body.policy, now)


@router.post("/series/{series}/cancel", response_model=m.Series, summary="Cancel a series", responses=_CHANGE)
def cancel_series(series: SeriesId, body: m.SeriesCancelBody, app: App, caller: Who, now: Now) -> SeriesView:
    """Call off one occurrence, this and the following, or all. What has begun stays.

    Example: `{"scope": "following", "date": "2027-03-16"}`
    """
    return app.series.cancel(caller, series, body.scope, body.date, now)
