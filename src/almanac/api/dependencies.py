"""What handlers ask for: the application, the time, and who is asking."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from almanac.api import fields as f
from almanac.core.errors import NotSignedIn
from almanac.factory import Almanac
from almanac.services.caller import Caller

bearer = HTTPBearer(
    auto_error=False, bearerFormat="alm_<id>_<secret>", description="A token of yours (`almanac login`)."
)


async def _almanac(request: Request) -> Almanac:
    return cast("Almanac", request.app.state.almanac)


App = Annotated[Almanac, Depends(_almanac)]


async def _now(app: App) -> datetime:
    return app.clock()


Now = Annotated[datetime, Depends(_now)]


async def _token(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    if credentials is None:
        raise NotSignedIn(
            "The request carries no token.",
            hint="Sign in (almanac login), or send the header Authorization: Bearer TOKEN.",
        )
    return credentials.credentials


BearerToken = Annotated[str, Depends(_token)]


def _caller(app: App, now: Now, token: BearerToken) -> Caller:
    return app.accounts.authenticate(token, now)


Who = Annotated[Caller, Depends(_caller)]
"""The signed-in caller; 401 without one."""

BookingId = Annotated[str, Path(min_length=2, max_length=40, pattern=f.ID, examples=["b-7k3m9q2x"])]
SeriesId = Annotated[str, Path(min_length=2, max_length=40, pattern=f.ID, examples=["s-7k3m9q2x4a"])]
WaitingId = Annotated[str, Path(min_length=2, max_length=40, pattern=f.ID, examples=["w-7k3m9q2x4a"])]
TokenId = Annotated[str, Path(min_length=2, max_length=40, pattern=f.ID, examples=["k3m9q2xa"])]
SessionId = Annotated[str, Path(min_length=2, max_length=40, pattern=f.ID, examples=["k3m9q2xa"])]
FeedId = Annotated[str, Path(min_length=2, max_length=40, pattern=f.ID, examples=["k3m9q2xa"])]
PathName = Annotated[str, Path(min_length=2, max_length=40, pattern=f.NAME)]
SiteName = Annotated[str, Path(min_length=1, max_length=40, pattern=f.LABEL, examples=["local"])]
