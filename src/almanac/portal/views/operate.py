"""The operator's page: sites, what is held there, and what is in trouble."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from almanac.api import fields
from almanac.core.resources import Resources
from almanac.portal.reader import Posting, Reading
from almanac.portal.timeline import WORDS

router = APIRouter(prefix="/operate")

Site = Annotated[str, Path(max_length=40, pattern=fields.LABEL)]


class DrainForm(BaseModel):
    """Whether new bookings are to be kept from a site."""

    drained: bool


@router.get("")
def operate(reader: Reading) -> HTMLResponse:
    """Everything that an operator answers for."""
    overview = reader.app.overseeing.overview(reader.caller, reader.now)
    troubles = reader.app.health.check(reader.now).troubles
    return reader.page("operate.html", overview=overview, troubles=troubles, words=WORDS, parts=parts)


@router.post("/sites/{site}/drain")
def drain(site: Site, form: Annotated[DrainForm, Form()], reader: Posting) -> Response:
    """Keep new bookings from a site, or let them go there again; what runs there goes on."""
    reader.caller.can_operate()
    reader.app.catalogue.set_drained(site, reader.now if form.drained else None)
    return reader.go("/operate")


def parts(total: Resources, free: Resources) -> list[tuple[str, int, int, str]]:
    """What a site has, by resource that it has any of: name, used, total, unit."""
    rows = (
        ("Cores", total.cores, free.cores, ""),
        ("Memory", total.memory_mib // 1024, free.memory_mib // 1024, "GiB"),
        ("Disk", total.disk_gib, free.disk_gib, "GiB"),
        ("GPUs", total.gpus, free.gpus, ""),
    )
    return [(name, max(0, whole - left), whole, unit) for name, whole, left, unit in rows if whole]
