"""Why a booking's jobs are slow: live while it runs, kept when it has ended, and beside another run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from almanac.api.dependencies import BookingId
from almanac.api.diagnosis_models import DiagnosisQuery
from almanac.core.errors import AlmanacError
from almanac.core.windows import Window
from almanac.diagnosis import words
from almanac.diagnosis.diagnose import StageTime
from almanac.portal import streams
from almanac.portal.errors import hint_of
from almanac.portal.reader import Reader, Reading
from almanac.portal.streams import Part
from almanac.portal.timeline import LIVE
from almanac.services.diagnoses import DiagnosisView
from almanac.services.looks import NoDiagnosis, StillReading
from almanac.services.requests import BookingFilter
from almanac.services.views import BookingView

router = APIRouter(prefix="/bookings/{booking}/diagnosis")

MOST_STAGES, MOST_OFFERED = 15, 30
_LATELY = timedelta(days=92)
Asked = Annotated[DiagnosisQuery, Query()]


@router.get("")
def diagnosis(booking: BookingId, asked: Asked, reader: Reading) -> HTMLResponse:
    """The diagnosis as of now; while the booking runs it goes on."""
    view = reader.app.bookings.get(reader.caller, booking, reader.now)
    told = _told(reader, view, asked)
    error = told["error"]
    return reader.page(
        "diagnosis.html",
        error.status if isinstance(error, AlmanacError) and view.status not in LIVE else 200,
        others=_others(reader, view, asked),
        moving=view.status in LIVE and view.workers > 0,
        query=reader.request.url.query,
        **told,
    )


def _seen(booking: BookingId, reader: Reading) -> BookingView:
    """The first look happens before a stream begins, so that its errors are ordinary answers."""
    return reader.app.bookings.get(reader.caller, booking, reader.now)


@router.get("/live", response_class=EventSourceResponse)
async def live(
    asked: Asked, reader: Reading, view: Annotated[BookingView, Depends(_seen)]
) -> AsyncIterator[ServerSentEvent]:
    """The diagnosis as the event log grows."""

    def look(reader: Reader) -> Part:
        now = reader.app.bookings.get(reader.caller, view.id, reader.now)
        return Part(reader.render("_diagnosis.html", **_told(reader, now, asked)), over=now.status not in LIVE)

    async for event in streams.live(reader, look):
        yield event


def _told(reader: Reader, view: BookingView, asked: DiagnosisQuery) -> dict[str, object]:
    """What the templates know: the diagnosis, or why there is none."""
    found: DiagnosisView | None = None
    error: AlmanacError | None = None
    try:
        found = reader.app.diagnoses.of(reader.caller, asked.which(view.id), reader.now, asked.earlier)
    except (NoDiagnosis, StillReading) as trouble:
        error = trouble
    return {
        "booking": view,
        "asked": asked,
        "found": found,
        "error": error,
        "hint": hint_of(error) if error else "",
        "longest": _longest(found) if found else [],
        "bar": _bar(found) if found else [],
        "say": words,
    }


def _longest(found: DiagnosisView) -> list[StageTime]:
    return sorted(found.diagnosis.stages, key=lambda stage: -stage.wall_s)[:MOST_STAGES]


def _bar(found: DiagnosisView) -> list[tuple[str, float, float]]:
    """What tasks spent their time on, one beside the other: its name, where it begins and how wide it is, in percent."""
    parts, start = [], 0.0
    for name, share in words.shares(found.diagnosis.spent).items():
        wide = round(100 * max(0.0, share), 2)
        parts.append((words.PARTS[name], start, wide))
        start += wide
    return parts


def _others(reader: Reader, view: BookingView, asked: DiagnosisQuery) -> list[tuple[str, str]]:
    """Bookings to compare with, the newest first: mine with Spark, and the one that is compared with already."""
    lately = BookingFilter(mine=True, within=Window(reader.now - _LATELY, reader.now), limit=MOST_OFFERED)
    mine = reader.app.bookings.list(reader.caller, lately, reader.now)[0]
    ran = [one for one in mine if one.workers and one.ready_at and one.id != view.id]
    newest = sorted(ran, key=lambda one: one.start, reverse=True)
    offered = {one.id: f"{one.title or one.profile}, {reader.times.moment(one.start)}" for one in newest}
    return [*({asked.before: asked.before} | offered if asked.before else offered).items()]
