"""A booking's live metrics: the same panels as in the terminal, drawn; and a link to what one sees now."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.api.dependencies import BookingId
from almanac.core.bookings import BookingStatus
from almanac.core.errors import AlmanacError
from almanac.monitoring.scales import Scale, scale_of
from almanac.portal.errors import hint_of
from almanac.portal.reader import Reader, Reading
from almanac.services.live import LineView, MetricsView, PanelView
from almanac.services.views import BookingView

router = APIRouter(prefix="/bookings/{booking}/metrics")

SPANS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 360))
_MOVING = frozenset({BookingStatus.BUILDING, BookingStatus.READY, BookingStatus.ENDING})


class Look(BaseModel):
    """Which time to show.

    Attributes:
        until: None for now, or until the booking ended.
    """

    span_s: Annotated[int, Field(ge=60, le=24 * 3600)] = 900
    until: fields.Instant | None = None

    @property
    def span(self) -> timedelta:
        """How much of it."""
        return timedelta(seconds=self.span_s)


@router.get("")
def metrics(booking: BookingId, look: Annotated[Look, Query()], reader: Reading) -> HTMLResponse:
    """The panels; while it runs they move, afterwards they stay."""
    view = reader.app.bookings.get(reader.caller, booking, reader.now)
    error: AlmanacError | None = None
    found: MetricsView | None = None
    try:
        found = _panels(reader, booking, look)
    except AlmanacError as trouble:
        error = trouble
    return reader.page(
        "metrics.html",
        error.status if error else 200,
        booking=view,
        look=look,
        spans=SPANS,
        moving=_moves(view, look),
        found=found,
        drawn=_drawn(found) if found else {},
        latest=_latest,
        scale=_scale,
        error=error,
        hint=hint_of(error) if error else "",
    )


@router.get("/data")
def data(booking: BookingId, look: Annotated[Look, Query()], reader: Reading) -> JSONResponse:
    """What the charts are drawn from, anew."""
    view = reader.app.bookings.get(reader.caller, booking, reader.now)
    return JSONResponse(_drawn(_panels(reader, booking, look)) | {"moving": _moves(view, look)})


def _panels(reader: Reader, booking: str, look: Look) -> MetricsView:
    return reader.app.live.panels(reader.caller, booking, look.span, look.until, reader.now)


def _moves(view: BookingView, look: Look) -> bool:
    return look.until is None and view.status in _MOVING


def _drawn(found: MetricsView) -> dict[str, object]:
    """As the script takes it: seconds since 1970, and each panel's lines over the same moments."""
    panels = {panel.key: _columns(panel) for panel in found.panels}
    return {"start": found.start.timestamp(), "end": found.end.timestamp(), "panels": panels}


def _columns(panel: PanelView) -> dict[str, object]:
    moments = sorted({moment for line in panel.lines for moment, _ in line.points})
    values = [dict(line.points) for line in panel.lines]
    scale = _scale(panel)
    return {
        "unit": panel.unit,
        "scale": asdict(scale),
        "names": [line.name for line in panel.lines],
        "latest": [scale.said(found[1]) if (found := _latest(line)) else "" for line in panel.lines],
        "columns": [[moment.timestamp() for moment in moments]] + [[one.get(at) for at in moments] for one in values],
    }


def _scale(panel: PanelView) -> Scale:
    """In which its numbers are written."""
    return scale_of(panel.unit, (value for line in panel.lines for _, value in line.points))


def _latest(line: LineView) -> tuple[datetime, float] | None:
    """The last number of a line; None where there is none."""
    return line.points[-1] if line.points else None
