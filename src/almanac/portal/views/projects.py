"""Projects: what each was given, holds and has used."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from almanac.portal.reader import Reading

router = APIRouter()

NEWEST = 60
"""Lines of the ledger on the page."""


@router.get("/projects")
def projects(reader: Reading) -> HTMLResponse:
    """The accounts of the projects that I see, and the newest lines of their ledger."""
    ledger = reader.app.ledger.view(reader.caller, reader.now)
    return reader.page("projects.html", balances=ledger.balances, lines=ledger.lines[:NEWEST])
