"""Both doors in one application: pages for browsers, and the HTTP API beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from almanac.api.app import BASE, MAX_BODY
from almanac.api.app import create_app as create_api
from almanac.api.middleware import SECURITY_HEADERS, Guard
from almanac.api.routes import sign_in as api_sign_in
from almanac.factory import Almanac
from almanac.portal import errors, pages
from almanac.portal.views import (
    account,
    again,
    approvals,
    book,
    booking,
    calendar,
    capacity,
    confirm_email,
    diagnosis,
    home,
    metrics,
    notices,
    operate,
    projects,
    series,
    sign_in,
    tokens,
    waiting,
)

HEADERS = SECURITY_HEADERS | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}
"""Pages load nothing from elsewhere, run no script of their own text, and are framed by nobody."""

TOPICS = (
    sign_in,
    home,
    calendar,
    book,
    booking,
    series,
    waiting,
    approvals,
    metrics,
    diagnosis,
    notices,
    tokens,
    projects,
    operate,
    capacity,
    account,
    confirm_email,
    again,
)


def create_app(almanac: Almanac | None) -> Doors:
    """The ASGI application.

    Args:
        almanac: the composed application; tests put theirs into ``state.almanac`` later.
    """
    api = create_api(almanac)  # type: ignore[arg-type]
    return Doors(api, create_portal(api))


def create_portal(api: FastAPI) -> FastAPI:
    """The pages, on the same Almanac and with the same counts of failed tries as the API."""
    portal = FastAPI(title="Almanac", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    portal.state = api.state
    for topic in TOPICS:
        portal.include_router(topic.router)
    for path, endpoint in _WAY_OF_INSTITUTIONS.items():
        portal.add_api_route(path, endpoint, methods=["GET"], response_class=Response)
    portal.mount("/static", Static(directory=pages.STATIC, check_dir=False))
    errors.install(portal)
    portal.add_middleware(Guard, max_body=MAX_BODY, headers=HEADERS, tell=errors.error_page)
    return portal


_WAY_OF_INSTITUTIONS: dict[str, Callable[..., Any]] = {
    f"{BASE}/sign-in/institution": api_sign_in.depart,
    f"{BASE}/sign-in/institution/back": api_sign_in.arrive,
}
"""Browsers go this way through the API, whose address institutions know; what goes wrong on it is told by pages."""


class Static(StaticFiles):
    """Our own files; their addresses change with their content, so that browsers may keep them."""

    def file_response(self, *args: object, **options: object) -> Response:
        """A file, kept for a year."""
        answer = super().file_response(*args, **options)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = f"public, max-age={pages.LONGEST_CACHED_S}, immutable"
        return answer


class Doors:
    """Sends each request to its door: what lies under ``/api/`` to the API, all else to the portal.

    Attributes:
        state: of both.
    """

    def __init__(self, api: FastAPI, portal: FastAPI) -> None:
        self._api: ASGIApp = api
        self._portal: ASGIApp = portal
        self.state = api.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "/api/")
        to_api = path.startswith("/api/") and not (path in _WAY_OF_INSTITUTIONS and _is_browser(scope))
        await (self._api if to_api else self._portal)(scope, receive, send)


def _is_browser(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
