"""Around every request: security headers, bodies that are too large, and one quiet answer for what nobody expected."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from almanac.api.errors import answer
from almanac.core.errors import AlmanacError

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Answers hold tokens: never stored, framed, sniffed or sent on."""


class InternalError(AlmanacError):
    """A defect of Almanac's own; the traceback is in the log, under the same incident."""

    code = "internal"
    status = 500


class Guard:
    """ASGI middleware: security headers, a limit on bodies, and a 500 with an incident id for unexpected exceptions.

    FastAPI's own limit on bodies answers an announced length in plain text; every error here has one shape.

    Args:
        app: what it guards.
        max_body: bytes that a request may have.
        streamed: beginnings of paths whose handlers take bodies piece by piece and have limits of their own.
        larger: bytes that a request to a path that begins so may have instead.
        headers: goes with every answer; what a handler itself set of them stays.
        tell: makes the answer to what nobody expected.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body: int,
        streamed: tuple[str, ...] = (),
        larger: Mapping[str, int] | None = None,
        headers: Mapping[str, str] = SECURITY_HEADERS,
        tell: Callable[[AlmanacError], ASGIApp] = answer,
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._streamed = streamed
        self._larger = larger or {}
        self._headers = headers
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            limited = receive if scope["path"].startswith(self._streamed) else self._limited(receive, scope["path"])
            await self._app(scope, limited, guarded)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("incident %s: %s %s", incident, scope["method"], _route(scope))
            if started:  # half an answer is out: only a broken connection still tells the client
                raise
            await self._tell(_unexpected(incident))(scope, receive, guarded)

    def _limited(self, receive: Receive, path: str) -> Receive:
        """``receive``, until it has given more than the limit; then the HTTP error that FastAPI lets through."""
        left = next((most for begin, most in self._larger.items() if path.startswith(begin)), self._max_body)

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")
            return message

        return limited


def _route(scope: Scope) -> str:
    """The route that was asked for, without what its path holds: a feed's is a secret."""
    return str(getattr(scope.get("route"), "path", "no route"))


def _unexpected(incident: str) -> InternalError:
    return InternalError(
        f"Something went wrong inside Almanac (incident {incident}).",
        hint=f"Try again; if it stays, tell your operator the incident: {incident} is in the log.",
        details={"incident": incident},
    )
