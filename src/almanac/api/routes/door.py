"""What the front door's proxy asks before it lets a request through to a cluster. Nobody else may.

A request that may pass is answered with where it goes and what is to be shown there; any other answer is passed on to who
asked. So this is no door for people, and it isn't in the OpenAPI document.
"""

from __future__ import annotations

import hmac
import re
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from almanac.api import cookies, forgery
from almanac.api.cookies import Cookie
from almanac.api.dependencies import App, Now
from almanac.api.errors import HttpError
from almanac.core.addresses import notebook_path
from almanac.core.errors import AlmanacError, NotSignedIn
from almanac.frontdoor import configuration as proxy
from almanac.services.door import Door
from almanac.services.routes import Kind, Proof, Shown, Target, Way

router = APIRouter()

_PATH = re.compile(r"/([ns])/([a-z0-9-]{2,40})/([a-z0-9-]{1,40})(/.*)?")
_KINDS = {"n": Kind.NOTEBOOK, "s": Kind.SPARK_UI}
_BOOKING = "x-almanac-booking"
_GRPC = "application/grpc"
_GRPC_STATUS = {401: 16, 403: 7, 404: 5, 409: 9, 503: 14}
"""HTTP status -> gRPC's code of the same meaning; 2 (unknown) for others."""


class Asked:
    """A request that waits at the door."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._headers = request.headers
        self.grpc = self._headers.get("content-type", "").startswith(_GRPC)
        self.method = self._headers.get("x-forwarded-method", "GET")
        self.uri = urlsplit(self._headers.get("x-forwarded-uri", "/"))
        self.peer = self._headers.get(proxy.PEER, "")

    @property
    def target(self) -> Target | None:
        """What it wants; None for what isn't behind the door."""
        if self.grpc:
            return Target(Kind.CONNECT, self._headers.get(_BOOKING, ""))
        found = _PATH.fullmatch(self.uri.path)
        return Target(_KINDS[found[1]], found[2], found[3]) if found else None

    @property
    def token_in_address(self) -> str:
        """A seat's token, as its link carries it."""
        return dict(parse_qsl(self.uri.query)).get("token", "")

    @property
    def proofs(self) -> list[Proof]:
        """All that it shows: what a program sends on purpose goes first, for a page the browser's own.

        Raises:
            Forged: nothing but cookies is shown, and another site's page made the browser send them.
        """
        sent = [*self._headers_proof(), (Shown.SEAT, self.token_in_address)]
        shown = [Proof(kind, value) for kind, value in sent if value]
        jar = ((Shown.SESSION, Cookie.SESSION), (Shown.SEAT, Cookie.SEAT))
        kept = [Proof(kind, cookies.read(self._request, cookie)) for kind, cookie in jar]
        kept = [] if self.grpc else [proof for proof in kept if proof.value]
        if kept and not shown and (self.method not in forgery.SAFE or self._headers.get(proxy.UPGRADE)):
            forgery.check_same_origin(self._request)
        return kept + shown if self.page else shown or kept

    def _headers_proof(self) -> list[tuple[Shown, str]]:
        scheme, _, value = self._headers.get("authorization", "").partition(" ")
        if scheme.lower() == "token":
            return [(Shown.SEAT, value)]
        if scheme.lower() != "bearer":
            return []
        return [(Shown.TOKEN if value.startswith("alm_") else Shown.BOOKING if self.grpc else Shown.SEAT, value)]

    @property
    def page(self) -> bool:
        """Whether a person looks for a page, rather than a program for data."""
        return self.method in forgery.SAFE and "text/html" in self._headers.get("accept", "")

    def seated(self, way: Way, seat: str) -> Response:
        """Take the token out of the address and history. Who isn't signed in keeps it in a cookie, for this seat alone."""
        rest = urlencode([(name, value) for name, value in parse_qsl(self.uri.query) if name != "token"])
        answer = RedirectResponse(f"{_plain(self.uri.path)}{f'?{rest}' if rest else ''}", HTTPStatus.SEE_OTHER)
        if way.proof == Proof(Shown.SEAT, self.token_in_address):
            cookies.write_seat(self._request, answer, way.proof.value, notebook_path(way.cluster, seat))
        return answer


def _door(app: App, request: Request) -> Door:
    """The door, for its own proxy; nobody else is told that there is one."""
    shown = request.headers.get(proxy.SECRET, "")
    if app.door is None or not hmac.compare_digest(shown.encode(), app.door.secret.encode()):
        raise HttpError(HTTPStatus.NOT_FOUND, "Not Found.")
    return app.door


@router.get("/door")
def door(request: Request, app: App, now: Now, here: Annotated[Door, Depends(_door)]) -> Response:
    """Whether a request may pass, and where to."""
    asked = Asked(request)
    target = asked.target
    try:
        if target is None:
            raise HttpError(HTTPStatus.NOT_FOUND, "There is no platform at this address.")
        way = app.routes.find(target, asked.proofs, now)
    except AlmanacError as error:
        return _refused(asked, error, here)
    if target.of != way.cluster and not asked.grpc:
        return _moved(asked, target, way)
    if asked.page and asked.token_in_address:
        return asked.seated(way, target.place)
    here.visits.came(asked.peer, target, way.proof)
    return Response(
        headers={proxy.UPSTREAM: way.upstream, proxy.PREFIX: way.prefix, proxy.CREDENTIALS: way.credentials}
    )


def _moved(asked: Asked, target: Target, way: Way) -> Response:
    """A booking's address leads to its cluster's."""
    path = _plain(asked.uri.path).replace(f"/{target.of}/", f"/{way.cluster}/", 1)
    query = f"?{asked.uri.query}" if asked.uri.query else ""
    return RedirectResponse(f"{path}{query}", HTTPStatus.TEMPORARY_REDIRECT)


def _plain(path: str) -> str:
    """A path that no browser takes for another host's."""
    return f"/{path.lstrip('/')}"


def _refused(asked: Asked, error: AlmanacError, here: Door) -> Response:
    """Words for a person, gRPC's own for Spark; who isn't signed in and looks for a page is sent to sign in."""
    if asked.grpc:
        said = {
            "grpc-status": str(_GRPC_STATUS.get(error.status, 2)),
            "grpc-message": quote(f"{error.message} {error.hint}", safe=" "),
        }
        return Response(headers=said, media_type=_GRPC)
    if isinstance(error, NotSignedIn) and asked.page:
        following = urlencode({"next": _plain(asked.uri.path)})
        return RedirectResponse(f"{here.addresses.url}/sign-in?{following}", HTTPStatus.SEE_OTHER)
    raise error
