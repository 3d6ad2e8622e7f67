"""What a booking does now and did before: its metrics, and why it took as long as it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from almanac.client.transport import Transport, part, read

if TYPE_CHECKING:
    from almanac.client.diagnosed import BookingDiagnosis


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

    def diagnosis(
        self, booking: str, application: str = "", *, since: str = "", since_application: str = ""
    ) -> BookingDiagnosis:
        """Why its Spark took as long as it did: so far while it runs, for good when it has ended.

        Args:
            booking: its id.
            application: one of its Spark applications; its newest if not given.
            since: another booking, to tell what changed.
            since_application: one of that one's.
        """
        from almanac.client.diagnosed import BookingDiagnosis  # with numpy, which no other question needs

        asked = {"application": application, "with": since, "with_application": since_application}
        return read(BookingDiagnosis, self._transport.call("GET", f"/bookings/{part(booking)}/diagnosis", params=asked))
