"""Around every request: security headers, and one quiet answer for what nobody expected."""

from __future__ import annotations

import logging
import secrets

from starlette.datastructures import MutableHeaders
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
    """ASGI middleware: adds the security headers and turns unexpected exceptions into a 500 with an incident id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("incident %s: %s %s", incident, scope["method"], scope["path"])
            if started:  # half an answer is out: only a broken connection still tells the client
                raise
            error = InternalError(
                f"Something went wrong inside Almanac (incident {incident}).",
                hint=f"Try again; if it stays, tell your operator the incident: `{incident}` is in the log.",
                details={"incident": incident},
            )
            await answer(error)(scope, receive, guarded)
