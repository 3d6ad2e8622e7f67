"""People, projects, members, grants and draining sites."""

from __future__ import annotations

from fastapi import APIRouter

from almanac.api import account_models as m
from almanac.api.dependencies import App, Now, PathName, SiteName, Who
from almanac.api.errors import documented
from almanac.services.accounts import Invitation, PersonView
from almanac.services.projects import GrantView, ProjectView

router = APIRouter(tags=["admin"], responses=documented(401))

_BODY = documented(400, 413, 422)


@router.get("/people", response_model=list[m.Person], summary="Everybody", responses=documented(403))
def list_people(app: App, caller: Who) -> list[PersonView]:
    """All accounts by name. For operators.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/people`
    """
    return app.accounts.people(caller)


@router.post(
    "/people", status_code=201, response_model=m.Person, summary="Add a person", responses=_BODY | documented(403, 409)
)
def add_person(body: m.PersonBody, app: App, caller: Who, now: Now) -> PersonView:
    """Make an account, or bring a disabled one back. Then invite the person. For operators.

    Example: `{"name": "ada"}`
    """
    return app.accounts.add_person(caller, body.name, now, operator=body.operator)


@router.post(
    "/people/{person}/invite",
    status_code=201,
    response_model=m.Invitation,
    summary="Invite a person",
    responses=documented(403, 404, 409, 422),
)
def invite(person: PathName, app: App, caller: Who, now: Now) -> Invitation:
    """A one-time token by which the person signs in, valid for 7 days; earlier ones die. For operators.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/people/ada/invite`
    """
    return app.accounts.invite(caller, person, now)


@router.delete(
    "/people/{person}", status_code=204, summary="Disable a person", responses=documented(403, 404, 409, 422)
)
def disable_person(person: PathName, app: App, caller: Who, now: Now) -> None:
    """Close an account: all its tokens are dead at once. Its bookings run on until somebody ends them. For operators.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/people/ada`
    """
    app.accounts.disable_person(caller, person, now)


@router.get("/projects", response_model=list[m.Project], summary="Projects")
def list_projects(app: App, caller: Who) -> list[ProjectView]:
    """The projects that you see, with members and quotas.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/projects`
    """
    return app.projects.projects(caller)


@router.post(
    "/projects",
    status_code=201,
    response_model=m.Project,
    summary="Add a project",
    responses=_BODY | documented(403, 409),
)
def add_project(body: m.ProjectBody, app: App, caller: Who, now: Now) -> ProjectView:
    """Make a project. For operators.

    Example: `{"name": "gaia", "title": "Gaia variability", "max_nodes": 20, "max_bookings_per_person": 3}`
    """
    return app.projects.add_project(
        caller,
        body.name,
        now,
        title=body.title,
        max_nodes=body.max_nodes,
        max_bookings_per_person=body.max_bookings_per_person,
    )


@router.put(
    "/projects/{project}/quotas",
    response_model=m.Project,
    summary="Change quotas",
    responses=_BODY | documented(403, 404),
)
def set_quotas(project: PathName, body: m.QuotasBody, app: App, caller: Who) -> ProjectView:
    """Give a project other quotas; one left out is no limit, and what is booked already stays. For operators.

    Example: `{"max_nodes": 40, "max_bookings_per_person": 3}`
    """
    quotas = {"max_nodes": body.max_nodes, "max_bookings_per_person": body.max_bookings_per_person}
    return app.projects.set_quotas(caller, project, **quotas)


@router.put(
    "/projects/{project}/members/{person}",
    response_model=m.Project,
    summary="Let a person in",
    responses=_BODY | documented(403, 404),
)
def set_member(project: PathName, person: PathName, body: m.MemberBody, app: App, caller: Who) -> ProjectView:
    """Let a person into a project, or change their role in it. For its leads and operators.

    Example: `{"role": "lead"}`
    """
    return app.projects.set_member(caller, project, person, body.role)


@router.delete(
    "/projects/{project}/members/{person}",
    status_code=204,
    summary="Take a person out",
    responses=documented(403, 404, 422),
)
def remove_member(project: PathName, person: PathName, app: App, caller: Who) -> None:
    """Take a person out of a project; their bookings stay. For its leads and operators.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/projects/gaia/members/ada`
    """
    app.projects.remove_member(caller, project, person)


@router.get(
    "/projects/{project}/grants", response_model=list[m.Grant], summary="Grants", responses=documented(404, 422)
)
def list_grants(project: PathName, app: App, caller: Who) -> list[GrantView]:
    """The node-hours given to a project, oldest first.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/projects/gaia/grants`
    """
    return app.projects.grants(caller, project)


@router.post(
    "/projects/{project}/grants",
    status_code=201,
    response_model=m.Grant,
    summary="Grant node-hours",
    responses=_BODY | documented(403, 404),
)
def add_grant(project: PathName, body: m.GrantBody, app: App, caller: Who, now: Now) -> GrantView:
    """Give a project node-hours at a site over a period; from then on it is metered there. For operators.

    Example: `{"site": "local", "node_hours": 500, "start": "2027-01-01T00:00Z", "end": "2027-07-01T00:00Z"}`
    """
    return app.projects.add_grant(caller, project, body.site, body.node_hours, body.window(), now)


@router.post("/sites/{site}/drain", status_code=204, summary="Drain a site", responses=documented(403, 404, 422))
def drain(site: SiteName, app: App, caller: Who, now: Now) -> None:
    """Place no further bookings at a site; what is booked there goes on. For operators.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/sites/local/drain`
    """
    caller.can_operate()
    app.catalogue.set_drained(site, now)


@router.post("/sites/{site}/undrain", status_code=204, summary="Use a site again", responses=documented(403, 404, 422))
def undrain(site: SiteName, app: App, caller: Who) -> None:
    """Place bookings at a drained site again. For operators.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/sites/local/undrain`
    """
    caller.can_operate()
    app.catalogue.set_drained(site, None)
