"""The panels of a booking with their numbers: asked for once, however many look."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.monitoring.panels import PANELS, Line, Panel
from almanac.services.caller import Caller
from almanac.services.lookup import visible
from almanac.services.monitoring import Monitoring
from almanac.storage.database import Database

POINTS = 60
"""Of a line."""
FRESH_FOR = timedelta(seconds=2)
_FORGOTTEN_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a chart: (moment, value) pairs; where there is no number, there is no pair."""

    name: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class PanelView:
    """A chart; see ``monitoring.panels.Panel``."""

    key: str
    title: str
    unit: str
    about: str
    lines: tuple[LineView, ...]


@dataclass(frozen=True, slots=True)
class MetricsView:
    """All panels of a booking over the window ``[start, end]``."""

    booking: str
    start: datetime
    end: datetime
    step_s: float
    panels: tuple[PanelView, ...]


@dataclass
class _Look:
    """One answer, being fetched or there."""

    lock: threading.Lock
    at: datetime
    view: MetricsView | None = None


class Live:
    """Looks at bookings' panels. Thirty viewers of one booking cost as much as one."""

    def __init__(self, database: Database, monitoring: Monitoring) -> None:
        self._database = database
        self._monitoring = monitoring
        self._looks: dict[tuple[str, timedelta, datetime | None], _Look] = {}
        self._lock = threading.Lock()

    def panels(
        self, caller: Caller, booking_id: str, span: timedelta, until: datetime | None, now: datetime
    ) -> MetricsView:
        """The panels over ``span`` until ``until`` (None: now, or until the booking ended).

        Raises:
            NotFound: there is none, or the caller doesn't see it.
            NoMetrics: there is no Prometheus now.
        """
        with self._database.read() as unit:
            booking = visible(unit, caller, booking_id)
        look = self._look((booking.id, span, until or booking.ended_at), now)
        with look.lock:
            if look.view is None or now - look.at > FRESH_FOR:
                look.view = self._fetched(booking.id, span, until or booking.ended_at or now)
                look.at = now
            return look.view

    def _look(self, key: tuple[str, timedelta, datetime | None], now: datetime) -> _Look:
        with self._lock:
            for old in [k for k, look in self._looks.items() if now - look.at > _FORGOTTEN_AFTER]:
                del self._looks[old]
            return self._looks.setdefault(key, _Look(threading.Lock(), now))

    def _fetched(self, booking: str, span: timedelta, end: datetime) -> MetricsView:
        step = max(1.0, span.total_seconds() / POINTS)
        start = end - span
        panels = tuple(self._panel(booking, panel, start, end, step) for panel in PANELS)
        return MetricsView(booking, start, end, step, panels)

    def _panel(self, booking: str, panel: Panel, start: datetime, end: datetime, step: float) -> PanelView:
        lines: list[LineView] = []
        for line in panel.lines:
            parameters = {
                "query": line.expression,
                "start": str(start.timestamp()),
                "end": str(end.timestamp()),
                "step": str(step),
            }
            told = self._monitoring.answer(booking, "query_range", parameters)
            lines += [_line(line, series) for series in told["result"]]
        return PanelView(panel.key, panel.title, str(panel.unit), panel.about, tuple(lines))


def _line(line: Line, series: Mapping[str, Any]) -> LineView:
    name = line.name
    for label, value in series["metric"].items():
        name = name.replace(f"{{{{{label}}}}}", value)
    numbers = ((datetime.fromtimestamp(at, UTC), float(value)) for at, value in series["values"])
    return LineView(name, tuple((at, value) for at, value in numbers if math.isfinite(value)))
