"""What you are told, and whether mail reaches you."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from almanac.api import notice_models as m
from almanac.api.dependencies import App, Now
from almanac.api.errors import documented
from almanac.api.signing import Someone
from almanac.services.notices import NoticePage

router = APIRouter(tags=["notices"], responses=documented(401, 403))

_BODY = documented(400, 413, 422)


@router.get("/notices", response_model=m.NoticePage, summary="My notices", responses=documented(422))
def list_notices(app: App, caller: Someone, asked: Annotated[m.NoticeQuery, Query()]) -> NoticePage:
    """What you were told, the newest first: reminders, "ready", "about to end", approvals and so on.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/notices?unread=true"`
    """
    return app.notices.list(caller, unread=asked.unread, before=asked.before, limit=asked.limit)


@router.post("/notices/read", status_code=204, summary="I have read them", responses=_BODY)
def read_notices(body: m.ReadBody, app: App, caller: Someone, now: Now) -> None:
    """Say that you have read your notices, up to one or all.

    Example: `{"up_to": 42}`
    """
    app.notices.read(caller, body.up_to, now)


@router.post("/account/email/ask", response_model=m.Address, summary="Mail me a link", responses=documented(409))
def ask_to_confirm_email(app: App, caller: Someone, now: Now) -> dict[str, str]:
    """Mail a link to your e-mail address, which confirms that you read what comes there.

    Example: `curl -X POST -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/account/email/ask`
    """
    return {"email": app.addresses.ask(caller, now)}


@router.post("/account/email/confirm", response_model=m.Address, summary="Confirm my address", responses=_BODY)
def confirm_own_email(body: m.ConfirmBody, app: App, caller: Someone, now: Now) -> dict[str, str]:
    """Confirm your e-mail address with what was mailed there.

    Example: `{"token": "gAAAAAB..."}`
    """
    return {"email": app.addresses.confirm(caller, body.token, now)}
