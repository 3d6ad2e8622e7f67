"""Tokens of one's own."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from almanac.api import account_models as m
from almanac.api.dependencies import App, Now, TokenId, Who
from almanac.api.errors import documented
from almanac.services.accounts import NewToken, TokenView

router = APIRouter(prefix="/tokens", tags=["tokens"], responses=documented(401))


@router.get("", response_model=list[m.Token], summary="My tokens")
def list_tokens(app: App, caller: Who, now: Now) -> list[TokenView]:
    """Your live tokens, without their secrets, as far as the token that you use reaches.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/tokens`
    """
    return app.accounts.tokens(caller, now)


@router.post(
    "",
    status_code=201,
    response_model=m.NewToken,
    summary="Make a token",
    responses=documented(400, 403, 404, 409, 413, 422),
)
def create_token(body: m.TokenBody, app: App, caller: Who, now: Now) -> NewToken:
    """Make a further token for yourself, such as one for a pipeline that reaches one project. It is shown this once.

    It never reaches further than the token that you use.
    Example: `{"name": "nightly", "role": "member", "project": "gaia", "expires_in_s": 2592000}`
    """
    lasts = None if body.expires_in_s is None else timedelta(seconds=body.expires_in_s)
    return app.accounts.create_token(caller, body.name, now, role=body.role, project=body.project, lasts=lasts)


@router.delete("/{token}", status_code=204, summary="Revoke a token", responses=documented(404, 422))
def revoke_token(token: TokenId, app: App, caller: Who, now: Now) -> None:
    """Kill one of your tokens (as an operator anybody's), at once.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/tokens/k3m9q2xa`
    """
    app.accounts.revoke_token(caller, token, now)
