"""Tokens of one's own: made, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.api.dependencies import TokenId
from almanac.core.errors import AlmanacError
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading
from almanac.services.accounts import NewToken
from almanac.services.caller import Role

router = APIRouter()


class TokenForm(BaseModel):
    """A token to make; an empty role or project means no limit."""

    name: Annotated[str, Field(max_length=60, pattern=fields.TEXT)] = ""
    role: Annotated[str, Field(pattern=r"^(member|lead|)$")] = ""
    project: Annotated[str, Field(max_length=40)] = ""
    days: Annotated[int, Field(ge=1, le=366)] = 90


@router.get("/tokens")
def tokens(reader: Reading) -> HTMLResponse:
    """My tokens, and a form for another."""
    return _show(reader)


@router.post("/tokens")
def create(form: Annotated[TokenForm, Form()], reader: Posting) -> HTMLResponse:
    """Make a token; its secret is on the answer to this form and nowhere else."""
    try:
        made = reader.app.accounts.create_token(
            reader.caller,
            form.name.strip() or "unnamed",
            reader.now,
            role=Role(form.role) if form.role else None,
            project=form.project or None,
            lasts=timedelta(days=form.days),
        )
    except AlmanacError as error:
        return _show(reader, form, error=error)
    return _show(reader, made=made)


@router.post("/tokens/{token}/revoke")
def revoke(token: TokenId, reader: Posting) -> Response:
    """Kill a token at once."""
    reader.app.accounts.revoke_token(reader.caller, token, reader.now)
    return reader.go("/tokens")


def _show(
    reader: Reader, form: TokenForm | None = None, made: NewToken | None = None, error: AlmanacError | None = None
) -> HTMLResponse:
    return reader.page(
        "tokens.html",
        error.status if error else 200,
        tokens=reader.app.accounts.tokens(reader.caller, reader.now),
        form=form or TokenForm(),
        made=made,
        error=error,
        hint=hint_of(error) if error else "",
    )
