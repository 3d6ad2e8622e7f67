"""Is it up, who am I, and how I get a token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from almanac.api import account_models as m
from almanac.api.dependencies import App, Now, Who
from almanac.api.errors import documented
from almanac.api.slowdown import FailureLimit
from almanac.core.errors import NotSignedIn
from almanac.services.accounts import NewToken
from almanac.services.health import Health

router = APIRouter(tags=["session"])


def _limit(request: Request) -> FailureLimit:
    limit: FailureLimit = request.app.state.sign_in_failures
    return limit


@router.get("/health", response_model=m.Health, summary="Is Almanac up?")
def health(app: App, now: Now) -> Health:
    """Say whether the server and its loop live. Needs no token.

    Example: `curl $ALMANAC_URL/api/v1/health`
    """
    return app.health.check(now)


@router.post("/sign-in", response_model=m.SignedIn, summary="Sign in", responses=documented(400, 401, 413, 422, 429))
def sign_in(
    body: m.SignInBody, request: Request, app: App, now: Now, limit: Annotated[FailureLimit, Depends(_limit)]
) -> NewToken:
    """Redeem a one-time token, from the first start or an invitation, for a token. It works exactly once.

    Example: `curl $ALMANAC_URL/api/v1/sign-in --json '{"one_time_token": "alm_..."}'`
    """
    address = request.client.host if request.client else ""
    limit.check(address, now)
    try:
        return app.accounts.sign_in(body.one_time_token, now)
    except NotSignedIn:
        limit.failed(address, now)
        raise


@router.get("/me", summary="Who am I?", responses=documented(401))
def me(caller: Who) -> m.Me:
    """Who the token stands for and their role in each project, within the token's limits.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/me`
    """
    return m.Me(person=caller.person, operator=caller.operator, projects=dict(caller.roles))
