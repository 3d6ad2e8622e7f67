"""Instants as a person reads them: in their own time zone, as near words as honesty allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from almanac.core.errors import BadRequest
from almanac.core.local_time import settle, zone_named
from almanac.services.requests import spoken

_CLOCK = r"\d{2}:\d{2}(?::\d{2})?"
_DATE = r"\d{4}-\d{2}-\d{2}"
_UNIVERSAL = re.compile(rf"({_DATE}) ({_CLOCK})(?: to (?:({_DATE}) )?({_CLOCK}))? UTC")
"""An instant or a window as services say it."""
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """A person's clock.

    Attributes:
        zone: theirs.
        now: the present, aware UTC.
    """

    zone: ZoneInfo
    now: datetime

    def clock(self, instant: datetime) -> str:
        """The time of day, such as ``09:52``."""
        return f"{instant.astimezone(self.zone):%H:%M}"

    def day(self, instant: datetime) -> str:
        """The day: ``today``, ``tomorrow``, ``Tue 3 Mar``; with its year where that is another."""
        local, today = instant.astimezone(self.zone), self.now.astimezone(self.zone)
        apart = (local.date() - today.date()).days
        if apart in _NEAR:
            return _NEAR[apart]
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local:%a} {local.day} {local:%b}{year}"

    def moment(self, instant: datetime) -> str:
        """Day and time, such as ``today 09:52``."""
        return f"{self.day(instant)} {self.clock(instant)}"

    def span(self, start: datetime, end: datetime) -> str:
        """A window, such as ``today 10:00 to 12:00``; with the second day where it ends on another."""
        same = start.astimezone(self.zone).date() == end.astimezone(self.zone).date()
        return f"{self.moment(start)} to {self.clock(end) if same else self.moment(end)}"

    def told(self, sentence: str) -> str:
        """A service's sentence, whose instants are in UTC, on this clock."""
        return _UNIVERSAL.sub(self._retold, sentence)

    def _retold(self, said: re.Match[str]) -> str:
        day, start, last_day, end = said.groups()
        try:
            began = datetime.fromisoformat(f"{day} {start}+00:00")
            return (
                self.span(began, datetime.fromisoformat(f"{last_day or day} {end}+00:00"))
                if end
                else self.moment(began)
            )
        except (ValueError, OverflowError):  # no instant: somebody's title, say
            return said[0]

    def beside(self, zone: str) -> LocalTimes | None:
        """The clock of a place elsewhere; None where the same time is told there, or its zone isn't known."""
        if not zone:
            return None
        there = ZoneInfo(zone)
        same = self.now.astimezone(there).utcoffset() == self.now.astimezone(self.zone).utcoffset()
        return None if same else LocalTimes(there, self.now)

    def utc(self, instant: datetime) -> str:
        """The same instant for everybody, as a tooltip tells it."""
        return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def field(self, instant: datetime) -> str:
        """As a ``datetime-local`` field holds it."""
        return f"{instant.astimezone(self.zone):%Y-%m-%dT%H:%M}"

    def read(self, written: str) -> datetime | None:
        """The instant that a field means: local time, or ISO 8601 with an offset; None for an empty one.

        Raises:
            BadRequest: it is neither.
        """
        if not written.strip():
            return None
        try:
            parsed = datetime.fromisoformat(written.strip())
            return parsed.astimezone(UTC) if parsed.tzinfo else settle(parsed, self.zone).at
        except (ValueError, OverflowError):
            raise BadRequest(
                f"{ascii(written)[:40]} is not a time.", hint="Write one such as 2027-03-01T10:00."
            ) from None

    def local(self, written: str) -> datetime:
        """The naive local time that a field means, as it was typed: what daylight saving makes of it is for later; now for none.

        Raises:
            BadRequest: it is no time.
        """
        instant = self.read(written) or self.now
        typed = datetime.fromisoformat(written.strip()) if written.strip() else instant
        return typed if typed.tzinfo is None else instant.astimezone(self.zone).replace(tzinfo=None)

    def wait(self, until: datetime) -> str:
        """How long from now, no more exact than it can be: ``in about 10 s``, ``in about 2 min``, ``at 09:52``."""
        left = until - self.now
        if left < timedelta(seconds=2):
            return "at once"
        if left < _MINUTE:
            return f"in about {max(5, 5 * round(left.total_seconds() / 5))} s"
        if left < _HOUR / 2:
            return f"in about {round(left / _MINUTE)} min"
        return f"at {self.clock(until)}" if self.day(until) == "today" else f"{self.day(until)} at {self.clock(until)}"

    @staticmethod
    def length(duration: timedelta) -> str:
        """A length, such as ``1 h 30 min``."""
        return spoken(duration)


_NEAR = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def known_zone(*names: str) -> ZoneInfo:
    """The first of the names that is a time zone, else UTC: what a browser claims is no reason to fail."""
    for name in filter(None, names):
        try:
            return zone_named(name)
        except BadRequest:
            continue
    return ZoneInfo("UTC")
