"""Signing in and out: with a password, a one-time link, or one's institution."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.api import cookies, fields
from almanac.api.cookies import Cookie
from almanac.api.dependencies import App, Now
from almanac.api.signing import SameOrigin, Visit, Visiting
from almanac.core.errors import AlmanacError, BadRequest, NotSignedIn
from almanac.factory import Almanac
from almanac.portal import pages
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, go
from almanac.services.passwords import MAX_LENGTH, MIN_LENGTH
from almanac.services.sessions import NewSession

router = APIRouter()

MAX_NEXT = 6000
MAX_THEN = 500
"""What the way over an institution carries."""
Next = Annotated[str, Query(max_length=MAX_NEXT)]


class PasswordForm(BaseModel):
    """A name and its password."""

    person: Annotated[str, Field(max_length=80)] = ""
    password: Annotated[str, Field(max_length=MAX_LENGTH)] = ""
    next: Annotated[str, Field(max_length=MAX_NEXT)] = "/"


class LinkForm(BaseModel):
    """A one-time token, and how its person wants to sign in from now on."""

    one_time_token: Annotated[str, Field(max_length=200)] = ""
    display_name: Annotated[str, Field(max_length=80, pattern=fields.TEXT)] = ""
    password: Annotated[str, Field(max_length=MAX_LENGTH)] = ""
    again: Annotated[str, Field(max_length=MAX_LENGTH)] = ""


def local_path(path: str) -> str:
    """The path, if it is one of ours; else home. Nobody is sent to another site."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\", "/sign-in")) and path.isprintable()
    return path if ours and path.isascii() else "/"


@router.get("/sign-in")
def form(request: Request, app: App, now: Now, next: Next = "/") -> Response:  # noqa: A002 - the parameter's name
    """The ways to sign in; on to the page for who is signed in already."""
    if _is_signed_in(request, app, now):
        return go(request, local_path(next))
    return _form(app, PasswordForm(next=next))


@router.post("/sign-in", dependencies=[SameOrigin])
def with_password(form: Annotated[PasswordForm, Form()], visit: Visiting) -> Response:
    """Begin a session with a password."""
    person = form.person.strip().lower()
    try:
        with visit.counted(person):
            new = visit.app.sign_in.with_password(person, form.password, visit.browser, visit.now)
    except AlmanacError as error:
        return _form(visit.app, form, error)
    return _begun(visit, new, local_path(form.next))


@router.get("/sign-in/link")
def link_form() -> HTMLResponse:
    """Where one-time links lead: their token is in the fragment, which no server sees."""
    return _link_form(LinkForm())


@router.post("/sign-in/link", dependencies=[SameOrigin])
def with_link(form: Annotated[LinkForm, Form()], visit: Visiting) -> Response:
    """Redeem a one-time token: set a password and begin a session."""
    try:
        if form.password != form.again:
            raise BadRequest("The two passwords differ.", hint="Type the same one twice.")
        new = visit.app.sign_in.with_link(form.one_time_token.strip(), form.password, visit.browser, visit.now)
    except AlmanacError as error:
        return _link_form(form, error)
    if form.display_name.strip():
        caller = visit.app.sessions.find(new.cookie, visit.now).caller
        visit.app.particulars.change(caller, display_name=form.display_name.strip())
    return _begun(visit, new, "/")


@router.post("/sign-out")
def sign_out(reader: Posting) -> Response:
    """End the browser's session."""
    reader.app.sessions.end(reader.caller, reader.session, reader.now)
    answer = reader.go("/sign-in")
    cookies.drop(reader.request, answer, Cookie.SESSION)
    return answer


def _begun(visit: Visit, new: NewSession, path: str) -> Response:
    answer = go(visit.request, path)
    Visit(visit.request, answer, visit.app, visit.now).begun(new)
    return answer


def _is_signed_in(request: Request, app: Almanac, now: Now) -> bool:
    try:
        app.sessions.find(cookies.read(request, Cookie.SESSION), now)
    except NotSignedIn:
        return False
    return True


def _form(app: Almanac, form: PasswordForm, error: AlmanacError | None = None) -> HTMLResponse:
    following = local_path(form.next)
    then = following if len(following) <= MAX_THEN else "/"
    context = {
        "person": form.person,
        "next": following,
        "typed": following.startswith("/again?"),
        "institution": app.institution.policy.title if app.institution else "",
        "departure": f"/api/v1/sign-in/institution?then={quote(then, safe='')}",
    }
    return _page("sign_in.html", context, error)


def _link_form(form: LinkForm, error: AlmanacError | None = None) -> HTMLResponse:
    told = {"token": form.one_time_token, "display_name": form.display_name, "shortest": MIN_LENGTH}
    return _page("sign_in_link.html", told, error)


def _page(template: str, context: dict[str, object], error: AlmanacError | None) -> HTMLResponse:
    hint = hint_of(error) if error else ""
    return pages.page(template, {**context, "error": error, "hint": hint}, error.status if error else 200)
