"""Signing in and out with a browser."""

from __future__ import annotations

from fastapi import APIRouter

from almanac.api import cookies
from almanac.api import sign_in_models as m
from almanac.api.cookies import Cookie
from almanac.api.errors import documented
from almanac.api.signing import SameOrigin, Session, Visiting
from almanac.services.sessions import NewSession, SignedIn

router = APIRouter(tags=["sign-in"])


@router.get("/sign-in/ways", response_model=m.Ways, summary="How can I sign in?")
def ways() -> m.Ways:
    """What a sign-in page offers. Needs no token.

    Example: `curl $ALMANAC_URL/api/v1/sign-in/ways`
    """
    return m.Ways(password=True, institution=None)


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
