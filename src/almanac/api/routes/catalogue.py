"""What can be booked, where, and when."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from fastapi import APIRouter

from almanac.api import models as m
from almanac.api.dependencies import App, Now, Who
from almanac.api.errors import documented
from almanac.services.views import AvailabilityView, NodeView, ProfileView, SiteView

router = APIRouter(tags=["catalogue"], responses=documented(401))


@router.get("/profiles", summary="Profiles")
def profiles(app: App, _: Who, now: Now) -> list[m.Profile]:
    """What people book: shapes, seats and limits, and the sites that offer each.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/profiles`
    """
    return [_profile(view) for view in app.catalogue.profiles(now)]


@router.get("/sites", summary="Sites")
def sites(app: App, caller: Who, now: Now) -> list[m.Site]:
    """Where nodes come from, what each site has, and what is free of it now.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/sites`
    """
    return [_site(view, operator=caller.operator) for view in app.catalogue.sites(now)]


@router.post(
    "/availability",
    response_model=m.Availability,
    summary="When could it be?",
    responses=documented(400, 403, 404, 409, 413, 422),
)
def availability(body: m.AvailabilityBody, app: App, caller: Who, now: Now) -> AvailabilityView:
    """The next windows that fit, how many seats could start now, and what is short now, if anything. Holds nothing.

    Example: `{"profile": "spark-small", "duration_s": 7200, "seats": 2}`
    """
    return app.finder.availability(caller, body.query(), now)


def _profile(view: ProfileView) -> m.Profile:
    facts = asdict(view) | {"head": _node(view.head), "worker": _node(view.worker) if view.worker else None}
    return m.Profile(**facts, max_duration_s=view.max_duration // timedelta(seconds=1))


def _node(view: NodeView) -> m.Node:
    return m.Node(flavor=view.flavor, **asdict(view.resources))


def _site(view: SiteView, *, operator: bool) -> m.Site:
    hosts = [m.Host(name=name, resources=m.Resources(**asdict(resources))) for name, resources in view.hosts]
    return m.Site(**asdict(view) | {"hosts": hosts, "leftovers": view.leftovers if operator else ()})
