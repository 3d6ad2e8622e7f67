"""Who looks at a page: a signed-in person, their clock, and the page that they are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from almanac.api import cookies, forgery
from almanac.api.cookies import Cookie
from almanac.api.dependencies import App, Now
from almanac.core.errors import NotSignedIn
from almanac.factory import Almanac
from almanac.portal import pages
from almanac.portal.local_times import LocalTimes, known_zone
from almanac.portal.navigation import entries
from almanac.services.caller import Caller
from almanac.services.particulars import ParticularsView

ZONE_COOKIE = "almanac_zone"
"""The browser's time zone, which the page's script writes down; whoever has none set sees times in it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A signed-in person and what they asked for.

    Attributes:
        cookie: the browser's session, for looking again while a stream is open.
        csrf: goes with every form.
    """

    request: Request
    app: Almanac
    now: datetime
    caller: Caller
    session: str
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    particulars: ParticularsView

    @property
    def times(self) -> LocalTimes:
        """Their clock."""
        return LocalTimes(known_zone(self.particulars.zone, browser_zone(self.request)), self.now)

    def times_at(self, site: str) -> LocalTimes | None:
        """The site's clock, where it tells another time than theirs."""
        return self.times.beside(self.app.catalogue.terms(site).zone)

    @property
    def htmx(self) -> bool:
        """Whether only a part of the page is asked for."""
        return "hx-request" in self.request.headers

    def context(self, **more: object) -> dict[str, object]:
        """What every template knows."""
        told: dict[str, object] = {
            "path": self.request.url.path,
            "person": self.particulars.display_name or self.caller.person,
            "caller": self.caller,
            "csrf": self.csrf,
            "theme": self.particulars.theme.value,
            "times": self.times,
            "times_at": self.times_at,
            "now": self.now,
        }
        return {**told, **more}

    def page(self, template: str, status: int = 200, /, **more: object) -> HTMLResponse:
        """A page for them."""
        navigation = entries(self.app, self.caller, self.now)
        return pages.page(template, self.context(navigation=navigation, **more), status)

    def render(self, template: str, /, **more: object) -> str:
        """A part of a page for them."""
        return pages.render(template, self.context(**more))

    def go(self, path: str) -> Response:
        """On to another page of ours."""
        return go(self.request, path)


def go(request: Request, path: str) -> Response:
    """On to another page of ours, for a browser and for HTMX."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def browser_zone(request: Request) -> str:
    """The time zone that the browser said it is in; empty if it didn't."""
    return request.cookies.get(ZONE_COOKIE, "")


def _reader(request: Request, app: App, now: Now) -> Reader:
    cookie = cookies.read(request, Cookie.SESSION)
    if not cookie:
        raise NotSignedIn("You are not signed in.", hint="Sign in.")
    found = app.sessions.find(cookie, now)
    particulars = app.particulars.of(found.caller)
    return Reader(request, app, now, found.caller, found.session, cookie, found.csrf_token, particulars)


Reading = Annotated[Reader, Depends(_reader)]
"""The signed-in person; without one, the way to the sign-in page."""


async def _sent(request: Request) -> str:
    forgery.check_same_origin(request)  # before anything is said about who is asking
    return str((await request.form()).get("csrf", ""))


def _poster(sent: Annotated[str, Depends(_sent)], reader: Reading) -> Reader:
    forgery.check_token(reader.request, sent, reader.csrf)
    return reader


Posting = Annotated[Reader, Depends(_poster)]
"""The signed-in person who sent a form of ours."""
