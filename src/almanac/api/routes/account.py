"""One's own account: particulars, password, sessions."""

from __future__ import annotations

from fastapi import APIRouter

from almanac.api import sign_in_models as m
from almanac.api.dependencies import App, Now, PathName, SessionId
from almanac.api.errors import documented
from almanac.api.signing import Someone, Visiting
from almanac.services.particulars import ParticularsView
from almanac.services.sessions import NewSession, SessionView

router = APIRouter(tags=["account"], responses=documented(401, 403))

_BODY = documented(400, 413, 422)


@router.get("/account", response_model=m.Account, summary="My account")
def account(app: App, caller: Someone) -> ParticularsView:
    """What you say of yourself.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/account`
    """
    return app.particulars.of(caller)


@router.patch("/account", response_model=m.Account, summary="Change my account", responses=_BODY)
def change_account(body: m.AccountBody, app: App, caller: Someone) -> ParticularsView:
    """Change how you are called, where mail reaches you, which notices are mailed, your time zone or theme.

    What is left out stays.

    Example: `{"zone": "Europe/London", "theme": "dark"}`
    """
    return app.particulars.change(
        caller,
        display_name=body.display_name,
        email=body.email,
        zone=body.zone,
        theme=body.theme,
        muted=body.muted,
    )


@router.put(
    "/account/password", response_model=m.Session, summary="Change my password", responses=_BODY | documented(409, 429)
)
def change_password(body: m.PasswordBody, visit: Visiting, caller: Someone) -> NewSession:
    """Change your password, or set your first. All your sessions end and a new one begins; tokens live on.

    Example: `{"old": "violet cepheids pulsate", "new": "miras pulsate slowly"}`
    """
    with visit.counted(caller.person):
        new = visit.app.sign_in.change_password(caller, body.old, body.new, visit.browser, visit.now)
    return visit.begun(new)


@router.get("/account/sessions", response_model=list[m.AccountSession], summary="My sessions")
def list_sessions(app: App, caller: Someone, now: Now) -> list[SessionView]:
    """The browsers that you are signed in with.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/account/sessions`
    """
    return app.sessions.list(caller, now)


@router.delete("/account/sessions/{session}", status_code=204, summary="End a session", responses=documented(404, 422))
def end_session(session: SessionId, app: App, caller: Someone, now: Now) -> None:
    """Sign one of your browsers out, at once.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/account/sessions/k3m9q2xa`
    """
    app.sessions.end(caller, session, now)


@router.put("/people/{person}/email", status_code=204, summary="Confirm an address", responses=_BODY | documented(404))
def confirm_email(person: PathName, body: m.EmailBody, app: App, caller: Someone) -> None:
    """Say what a person's e-mail address is; their institution's sign-in may be linked by it. For operators.

    Example: `{"email": "ada@example.org"}`
    """
    app.particulars.confirm_email(caller, person, body.email)
