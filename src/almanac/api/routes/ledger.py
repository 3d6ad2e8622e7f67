"""Node-hours: granted, held, charged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from almanac.api import account_models as m
from almanac.api import fields as f
from almanac.api.dependencies import App, Now, Who
from almanac.api.errors import documented
from almanac.services.ledger import LedgerView

router = APIRouter(prefix="/ledger", tags=["ledger"])


@router.get("", response_model=m.Ledger, summary="Node-hours", responses=documented(401, 404, 422))
def ledger(
    app: App,
    caller: Who,
    now: Now,
    project: Annotated[f.Name | None, Query()] = None,
    site: Annotated[f.Label | None, Query()] = None,
) -> LedgerView:
    """What your projects were given, hold and have used at each site, and the newest 500 ledger lines.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/ledger?project=gaia"`
    """
    return app.ledger.view(caller, now, project=project, site=site)
