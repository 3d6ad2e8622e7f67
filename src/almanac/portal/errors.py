"""Errors as pages: what happened, what would work, and a way on."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from almanac.api.errors import HttpError, explain
from almanac.core.errors import AlmanacError, NotSignedIn
from almanac.portal import pages, streams
from almanac.portal.reader import go

SECRET_FIELDS = frozenset({"csrf", "password", "again", "old", "new", "one_time_token", "key"})
"""Fields that aren't kept over a sign-in: secrets, and what belongs to one page of one session."""


def install(app: FastAPI) -> None:
    """Make every error of the app a page."""

    @app.exception_handler(NotSignedIn)
    async def signed_out(request: Request, _: NotSignedIn) -> Response:
        if "text/event-stream" in request.headers.get("accept", ""):
            return streams.signed_out()
        return go(request, f"/sign-in?{urlencode({'next': await _afterwards(request)})}")

    @app.exception_handler(AlmanacError)
    async def expected(_: Request, error: AlmanacError) -> HTMLResponse:
        return error_page(error)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> HTMLResponse:
        return error_page(_worded(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> HTMLResponse:
        explained = explain(error.errors())
        return error_page(AlmanacError(explained.message, hint="Go back, mend it and send it again."), 422)


def error_page(error: AlmanacError, status: int | None = None) -> HTMLResponse:
    """The page that tells an error, which needs nothing that may be broken."""
    return pages.page("error.html", {"error": error, "hint": hint_of(error)}, status or error.status)


def hint_of(error: AlmanacError) -> str:
    """What would work, as far as it is for somebody in a browser: not a command for a terminal."""
    return "" if "almanac " in error.hint or "--" in error.hint else error.hint


async def _afterwards(request: Request) -> str:
    """Where to go after signing in: the same page, or the form again with what was typed."""
    path = request.url.path
    if request.method in {"GET", "HEAD"}:
        return f"{path}?{request.url.query}" if request.url.query else path
    form = await request.form()
    typed = [
        (name, value) for name, value in form.multi_items() if isinstance(value, str) and name not in SECRET_FIELDS
    ]
    return f"/again?{urlencode([('_to', path), *typed])}"


def _worded(error: HTTPException) -> AlmanacError:
    told = HttpError(error.status_code, f"{error.detail}.")
    if error.status_code == 404:
        told.message, told.hint = "There is no such page.", "Check the address, or start from the home page."
    elif error.status_code == 405:
        told.message, told.hint = "That page takes no such request.", "Start from the home page."
    return told
