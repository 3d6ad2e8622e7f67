"""Who is asking, by token or by session: for the portal's routes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from almanac.api import cookies, forgery
from almanac.api.attempts import Attempts, source
from almanac.api.cookies import Cookie
from almanac.api.dependencies import App, Now, bearer
from almanac.core.errors import NotSignedIn
from almanac.factory import Almanac
from almanac.services.caller import Caller
from almanac.services.sessions import LASTS, NewSession, SignedIn

KNOWN_FOR = timedelta(days=366)
"""How long a browser is known again."""


def _session(request: Request, app: App, now: Now) -> SignedIn:
    cookie = cookies.read(request, Cookie.SESSION)
    if not cookie:
        raise NotSignedIn("You are not signed in.", hint="Sign in, or send the header Authorization: Bearer TOKEN.")
    found = app.sessions.find(cookie, now)
    if request.method not in forgery.SAFE:
        forgery.check_token(request, request.headers.get(forgery.CSRF_HEADER, ""), found.csrf_token)
    return found


Session = Annotated[SignedIn, Depends(_session)]
"""The browser's session; 401 without one, 403 for a request that may be forged."""


def _someone(
    request: Request, app: App, now: Now, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Caller:
    """A token goes first: a program that sends one needs no session and no token against forgery."""
    if credentials is not None:
        return app.accounts.authenticate(credentials.credentials, now)
    return _session(request, app, now).caller


Someone = Annotated[Caller, Depends(_someone)]
"""The caller, by token or session; 401 without either, 403 for a request that may be forged."""


def _same_origin(request: Request) -> None:
    forgery.check_same_origin(request)


SameOrigin = Depends(_same_origin)
"""For what begins a session: another site's page must not sign a browser in as somebody else."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser at the door: where it comes from, what it has, and what it is given."""

    request: Request
    response: Response
    app: Almanac
    now: datetime

    @property
    def browser(self) -> str:
        """What it calls itself, as text that any database holds."""
        said = self.request.headers.get("user-agent", "")
        return "".join(character for character in said if character.isprintable())[:200]

    def counted(self, person: str) -> AbstractContextManager[None]:
        """Around a try to tell a person's password.

        Raises:
            SlowDown: there were too many.
        """
        attempts: Attempts = self.request.app.state.attempts
        address = source(self.request.client.host if self.request.client else "")
        device = self.app.devices.known(cookies.read(self.request, Cookie.DEVICE), person)
        return attempts.counted(person, address, device, self.now)

    def begun(self, new: NewSession) -> NewSession:
        """Give the browser its session instead of the one that it may have, and know it again."""
        self.app.sessions.sign_out(cookies.read(self.request, Cookie.SESSION), self.now)
        cookies.write(self.request, self.response, Cookie.SESSION, new.cookie, LASTS)
        cookies.write(self.request, self.response, Cookie.DEVICE, self.app.devices.remember(new.person), KNOWN_FOR)
        return new


def _visit(request: Request, response: Response, app: App, now: Now) -> Visit:
    return Visit(request, response, app, now)


Visiting = Annotated[Visit, Depends(_visit)]
