"""Whether mail reaches somebody: where the link in the mail leads, and where a new one is asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.core.errors import AlmanacError
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading

router = APIRouter()


class ConfirmForm(BaseModel):
    """What was mailed; empty: a new link is wanted."""

    token: Annotated[str, Field(max_length=2000)] = ""


@router.get("/confirm-email")
def confirm_email(reader: Reading, token: Annotated[str, Query(max_length=2000)] = "") -> HTMLResponse:
    """My e-mail address: nothing happens before its person says so, as programs open the links in mails, too."""
    return _show(reader, token)


@router.post("/confirm-email")
def confirm(form: Annotated[ConfirmForm, Form()], reader: Posting) -> Response:
    """Confirm it, or have a link mailed."""
    try:
        if form.token:
            reader.app.addresses.confirm(reader.caller, form.token, reader.now)
            return reader.go("/confirm-email")
        asked = reader.app.addresses.ask(reader.caller, reader.now)
    except AlmanacError as error:
        return _show(reader, "", error)
    return _show(reader, "", asked=asked)


def _show(reader: Reader, token: str, error: AlmanacError | None = None, asked: str = "") -> HTMLResponse:
    mine = reader.app.particulars.of(reader.caller)
    facts = {"email": mine.email, "confirmed": mine.email_confirmed, "token": token, "asked": asked}
    hint = hint_of(error) if error else ""
    return reader.page("confirm_email.html", error.status if error else 200, error=error, hint=hint, **facts)
