"""One's own account: what one says of oneself, the password, the browsers signed in."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.api.dependencies import SessionId
from almanac.api.signing import Visit, Visiting
from almanac.core.errors import AlmanacError, BadRequest
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading, browser_zone, go
from almanac.services.particulars import MAX_EMAIL, MAX_NAME, Theme
from almanac.services.passwords import MAX_LENGTH, MIN_LENGTH

router = APIRouter()


class AccountForm(BaseModel):
    """What one says of oneself."""

    display_name: Annotated[str, Field(max_length=MAX_NAME, pattern=fields.TEXT)] = ""
    email: Annotated[str, Field(max_length=MAX_EMAIL, pattern=fields.TEXT)] = ""
    zone: Annotated[str, Field(max_length=60)] = ""
    theme: Theme = Theme.SYSTEM


class PasswordForm(BaseModel):
    """The present password, and the new one twice."""

    old: Annotated[str, Field(max_length=MAX_LENGTH)] = ""
    new: Annotated[str, Field(max_length=MAX_LENGTH)] = ""
    again: Annotated[str, Field(max_length=MAX_LENGTH)] = ""


@router.get("/account")
def account(reader: Reading) -> HTMLResponse:
    """My account."""
    return _show(reader)


@router.post("/account")
def change(form: Annotated[AccountForm, Form()], reader: Posting) -> Response:
    """Change what I say of myself."""
    try:
        reader.app.particulars.change(
            reader.caller, display_name=form.display_name.strip(), email=form.email, zone=form.zone, theme=form.theme
        )
    except AlmanacError as error:
        return _show(reader, error, form)
    return reader.go("/account")


@router.post("/account/password")
def change_password(form: Annotated[PasswordForm, Form()], visit: Visiting, reader: Posting) -> Response:
    """Change my password; all my sessions end and a new one begins."""
    try:
        if form.new != form.again:
            raise BadRequest("The two new passwords differ.", hint="Type the same one twice.")
        with visit.counted(reader.caller.person):
            new = reader.app.sign_in.change_password(
                reader.caller, form.old or None, form.new, visit.browser, reader.now
            )
    except AlmanacError as error:
        return _show(reader, error)
    answer = go(reader.request, "/account")
    Visit(visit.request, answer, visit.app, visit.now).begun(new)
    return answer


@router.post("/account/sessions/{session}/end")
def end_session(session: SessionId, reader: Posting) -> Response:
    """Sign one of my browsers out."""
    reader.app.sessions.end(reader.caller, session, reader.now)
    return reader.go("/account")


def _show(reader: Reader, error: AlmanacError | None = None, form: AccountForm | None = None) -> HTMLResponse:
    told = reader.particulars
    return reader.page(
        "account.html",
        error.status if error else 200,
        form=form or AccountForm(display_name=told.display_name, email=told.email, zone=told.zone, theme=told.theme),
        zones=sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"),
        browser_zone=browser_zone(reader.request),
        has_password=told.has_password,
        shortest=MIN_LENGTH,
        sessions=reader.app.sessions.list(reader.caller, reader.now),
        this_session=reader.session,
        error=error,
        hint=hint_of(error) if error else "",
    )
