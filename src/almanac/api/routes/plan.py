"""Demand and the plan: what is held ahead, why, and the dials. For operators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path

from almanac.api import fields as f
from almanac.api import plan_models as m
from almanac.api.dependencies import App, Now, Who
from almanac.api.errors import documented
from almanac.services.plan_views import PlaceView, PlansView, PlanView

router = APIRouter(tags=["plan"], responses=documented(401, 403))

_BODY = documented(400, 404, 413, 422)
Source = Annotated[str, Path(min_length=2, max_length=40, pattern=f.NAME, examples=["last-year"])]


@router.get("/plan", summary="What is held ahead, and why")
def plan(app: App, caller: Who, now: Now) -> m.Plans:
    """Each profile's plan: held, booked and forecast in the past week and the coming one. For operators.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/plan`
    """
    return _plans(app.plan_desk.look(caller, now))


@router.post("/plan/what-if", summary="What other dials would hold", responses=_BODY)
def try_dials(body: m.DialsBody, app: App, caller: Who, now: Now) -> m.Plans:
    """The plans that other dials would make. Nothing is changed; it works while nothing is held ahead, too. For operators.

    Example: `{"missing": 10, "floor": {"spark-small": 1}}`
    """
    return _plans(app.plan_desk.try_out(caller, now, **body.given()))


@router.put("/plan/dials", summary="Turn the dials", responses=_BODY | documented(409))
def turn_dials(body: m.DialsBody, app: App, caller: Who, now: Now) -> m.Plans:
    """Change some dials; the plans follow within seconds. For operators.

    Example: `{"missing": 10, "floor": {"spark-small": 1}}`
    """
    return _plans(app.plan_desk.turn(caller, now, **body.given()))


@router.get("/demand", response_model=list[m.DemandSource], summary="Where demand is known from")
def demand_sources(app: App, caller: Who) -> object:
    """Almanac's own demand, and imported traces. For operators.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/demand`
    """
    return app.history.sources(caller)


@router.put("/demand/{source}", response_model=m.DemandSource, summary="Import demand", responses=_BODY)
def put_demand(source: Source, body: m.DemandBody, app: App, caller: Who, now: Now) -> object:
    """Take demand from elsewhere as a profile's, in place of what this source told before. For operators.

    Example: `{"profile": "spark-small", "start": "2027-02-01T00:00Z", "walk_in": [0, 2, null, 1]}`
    """
    return app.history.take(caller, source, body.profile, body.start, body.kinds(), now)


@router.delete("/demand/{source}", status_code=204, summary="Forget imported demand", responses=documented(422))
def forget_demand(source: Source, app: App, caller: Who, now: Now) -> None:
    """Let go of an imported trace; one that isn't there is fine. For operators.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/demand/last-year`
    """
    app.history.forget(caller, source, now)


def _plans(view: PlansView) -> m.Plans:
    return m.Plans(
        enabled=view.enabled,
        dials=m.DialsShown.of(view.dials),
        turned_at=view.turned_at,
        turned_by=view.turned_by,
        plans=[_plan(each) for each in view.plans],
    )


def _plan(view: PlanView) -> m.ProfilePlan:
    return m.ProfilePlan(**asdict(view) | {"places": [_place(each) for each in view.places]})


def _place(view: PlaceView) -> m.Place:
    place = view.place
    facts = {name: getattr(place, name) for name in ("id", "site", "bought", "reason", "cost", "cost_without")}
    start, end = place.window.start, place.window.end
    return m.Place(start=start, end=end, state=view.state, trouble=view.trouble, **facts)
