"""What a booking does now and did before: its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.client.transport import Transport, part, read


@dataclass(frozen=True)
class Line:
    """A line of a chart: (moment, value) pairs."""

    name: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True)
class Panel:
    """A chart.

    Attributes:
        unit: ``percentunit``, ``bytes``, ``Bps``, ``s`` (seconds in a second) or ``short`` (a count).
        about: what to read from it.
    """

    key: str
    title: str
    unit: str
    about: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Metrics:
    """All charts of a booking over ``[start, end]``."""

    booking: str
    start: datetime
    end: datetime
    step_s: float
    panels: tuple[Panel, ...]


class SeeingCalls:
    """Looks into a booking."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def metrics(self, booking: str, *, span: timedelta | None = None) -> Metrics:
        """Its charts: until now, or until it ended.

        Args:
            booking: its id.
            span: how far back; a quarter of an hour if not given.
        """
        return read(Metrics, self._transport.call("GET", f"/bookings/{part(booking)}/metrics", params={"span_s": span}))
