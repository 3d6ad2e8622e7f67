"""Signing in and out with a browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse

from almanac.api import cookies
from almanac.api import sign_in_models as m
from almanac.api.cookies import Cookie
from almanac.api.dependencies import App
from almanac.api.errors import documented
from almanac.api.signing import SameOrigin, Session, Visit, Visiting
from almanac.core.errors import NotFound
from almanac.services.institution import Institution
from almanac.services.oidc import JOURNEY_LASTS, Answer
from almanac.services.sessions import NewSession, SignedIn

router = APIRouter(tags=["sign-in"])

Then = Annotated[
    str, Query(max_length=500, pattern=r"^/([A-Za-z0-9._~%?&=+:@,;!$'()*#\-][A-Za-z0-9._~%?&=+:@,;!$'()*#/\-]*)?$")
]
"""A path of our own: never another site's address."""
Told = Annotated[str, Query(max_length=4000)]
_REDIRECT: dict[int | str, dict[str, Any]] = {303: {"description": "On to the next page."}}


@router.get("/sign-in/ways", response_model=m.Ways, summary="How can I sign in?")
def ways(app: App) -> m.Ways:
    """What a sign-in page offers. Needs no token.

    Example: `curl $ALMANAC_URL/api/v1/sign-in/ways`
    """
    return m.Ways(password=True, institution=app.institution.policy.title if app.institution else None)


@router.post(
    "/sign-in/password",
    response_model=m.Session,
    summary="Sign in with a password",
    dependencies=[SameOrigin],
    responses=documented(400, 401, 403, 413, 422, 429),
)
def with_password(body: m.PasswordSignInBody, visit: Visiting) -> NewSession:
    """Begin a session: a cookie, which scripts can't read, and a token against forged requests.

    Example: `{"person": "ada", "password": "violet cepheids pulsate"}`
    """
    with visit.counted(body.person):
        new = visit.app.sign_in.with_password(body.person, body.password, visit.browser, visit.now)
    return visit.begun(new)


@router.post(
    "/sign-in/link",
    response_model=m.Session,
    summary="Sign in with a one-time link",
    dependencies=[SameOrigin],
    responses=documented(400, 401, 403, 413, 422),
)
def with_link(body: m.LinkSignInBody, visit: Visiting) -> NewSession:
    """Redeem a one-time token, from the first start or an invitation: set your password and begin a session.

    It works exactly once. Sessions that you had end. Nobody guesses 256 bits, so tries aren't counted.
    Example: `{"one_time_token": "alm_...", "password": "violet cepheids pulsate"}`
    """
    new = visit.app.sign_in.with_link(body.one_time_token, body.password, visit.browser, visit.now)
    return visit.begun(new)


@router.get(
    "/sign-in/institution",
    status_code=303,
    response_class=RedirectResponse,
    summary="Sign in with your institution",
    responses=_REDIRECT | documented(404, 422),
)
def depart(visit: Visiting, then: Then = "/") -> RedirectResponse:
    """Send the browser to the institution, which sends it back. `then` is the page that it is to see afterwards.

    Example: `https://almanac.example.org/api/v1/sign-in/institution?then=/bookings`
    """
    departure = _institution(visit).depart(_back(visit), then, visit.now)
    answer = RedirectResponse(departure.url, 303)
    cookies.write(visit.request, answer, Cookie.JOURNEY, departure.journey, JOURNEY_LASTS)
    return answer


@router.get(
    "/sign-in/institution/back",
    status_code=303,
    response_class=RedirectResponse,
    summary="Come back from your institution",
    responses=_REDIRECT | documented(401, 403, 404, 409, 422),
)
def arrive(visit: Visiting, state: Told = "", code: Told = "", error: Told = "", iss: Told = "") -> RedirectResponse:
    """Where the institution sends the browser back to: begins the session. Works once, in the browser that left.

    Example: `https://almanac.example.org/api/v1/sign-in/institution/back?state=...&code=...`
    """
    journey = cookies.read(visit.request, Cookie.JOURNEY)
    told = Answer(state, code, error, iss)
    new, then = _institution(visit).arrive(told, journey, _back(visit), visit.browser, visit.now)
    answer = RedirectResponse(then, 303)
    cookies.drop(visit.request, answer, Cookie.JOURNEY)
    replace(visit, response=answer).begun(new)
    return answer


def _institution(visit: Visit) -> Institution:
    if visit.app.institution is None:
        raise NotFound("No institution signs people in here.", hint="Sign in with a password or a one-time link.")
    return visit.app.institution


def _back(visit: Visit) -> str:
    """Where the institution sends the browser back to; the same in both halves of the flow, and registered there."""
    url = str(visit.request.url_for("arrive"))
    public = _institution(visit).policy.public_url
    return f"{public}{urlsplit(url).path}" if public else url


@router.get("/session", response_model=m.Session, summary="The browser's session", responses=documented(401))
def session(found: Session) -> m.Session:
    """Who the browser is signed in as, and the token that its requests carry; 401 when the session has ended.

    Example: `curl -b cookies.txt $ALMANAC_URL/api/v1/session`
    """
    return _session_of(found)


@router.post("/sign-out", status_code=204, summary="Sign out", responses=documented(401, 403))
def sign_out(visit: Visiting, found: Session) -> None:
    """End the browser's session.

    Example: `curl -X POST -b cookies.txt -H "X-CSRF-Token: ..." $ALMANAC_URL/api/v1/sign-out`
    """
    visit.app.sessions.end(found.caller, found.session, visit.now)
    cookies.drop(visit.request, visit.response, Cookie.SESSION)


def _session_of(found: SignedIn) -> m.Session:
    return m.Session(person=found.caller.person, csrf_token=found.csrf_token, expires_at=found.expires_at)
