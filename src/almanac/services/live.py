"""The panels of a booking with their numbers: asked for once, however many look."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.core.errors import AlmanacError
from almanac.monitoring.panels import PANELS, Line, Panel
from almanac.services.caller import Caller
from almanac.services.lookup import visible
from almanac.services.monitoring import Monitoring
from almanac.storage.database import Database

POINTS = 60
"""Of a line."""
FRESH_FOR = timedelta(seconds=3)
"""As often as a page asks, so that many viewers ask no more than one; targets are read less often."""
_FORGOTTEN_AFTER = timedelta(seconds=30)

_LINE = "line"
"""The label that tells which line of which panel a series belongs to."""
_LINES = tuple((panel.key, line) for panel in PANELS for line in panel.lines)
_EVERYTHING = " or ".join(
    f'label_replace({line.expression}, "{_LINE}", "{number}", "", "")' for number, (_, line) in enumerate(_LINES)
)
"""All lines of all panels as one question."""


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
    """One answer, being fetched or there; that there is none now is an answer, too.

    Attributes:
        at: when it was last looked at.
        number: of the answers so far.
    """

    lock: threading.Lock
    at: datetime
    number: int = 0
    answer: MetricsView | AlmanacError | None = None


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
        seen = look.number
        with look.lock:
            # Who waited while somebody fetched takes that answer: else, when it is late, all fetch one after the other.
            if look.answer is None or (look.number == seen and now - look.at > FRESH_FOR):
                look.answer = self._answer(booking.id, span, until or booking.ended_at or now)
                look.at, look.number = now, look.number + 1
            answer = look.answer
        if isinstance(answer, AlmanacError):
            raise type(answer)(answer.message, hint=answer.hint)
        return answer

    def _answer(self, booking: str, span: timedelta, end: datetime) -> MetricsView | AlmanacError:
        try:
            return self._fetched(booking, span, end)
        except AlmanacError as error:
            return error

    def _look(self, key: tuple[str, timedelta, datetime | None], now: datetime) -> _Look:
        with self._lock:
            for old in [k for k, look in self._looks.items() if now - look.at > _FORGOTTEN_AFTER]:
                del self._looks[old]
            return self._looks.setdefault(key, _Look(threading.Lock(), now))

    def _fetched(self, booking: str, span: timedelta, end: datetime) -> MetricsView:
        step = max(1.0, span.total_seconds() / POINTS)
        start = end - span
        parameters = {
            "query": _EVERYTHING,
            "start": str(start.timestamp()),
            "end": str(end.timestamp()),
            "step": str(step),
        }
        lines = _by_panel(self._monitoring.answer(booking, "query_range", parameters)["result"])
        panels = tuple(_panel(panel, lines[panel.key]) for panel in PANELS if panel.everywhere or lines[panel.key])
        return MetricsView(booking, start, end, step, panels)


def _panel(panel: Panel, lines: Sequence[LineView]) -> PanelView:
    return PanelView(panel.key, panel.title, str(panel.unit), panel.about, tuple(lines))


def _by_panel(found: Sequence[Mapping[str, Any]]) -> Mapping[str, list[LineView]]:
    """The series of the answer to all lines, in the lines' order, by the panel's key."""
    lines: defaultdict[str, list[LineView]] = defaultdict(list)
    for series in sorted(found, key=lambda series: int(series["metric"][_LINE])):
        key, line = _LINES[int(series["metric"][_LINE])]
        lines[key].append(_line(line, series))
    return lines


def _line(line: Line, series: Mapping[str, Any]) -> LineView:
    name = line.name
    for label, value in series["metric"].items():
        name = name.replace(f"{{{{{label}}}}}", value)
    numbers = ((datetime.fromtimestamp(at, UTC), float(value)) for at, value in series["values"])
    return LineView(name, tuple((at, value) for at, value in numbers if math.isfinite(value)))
