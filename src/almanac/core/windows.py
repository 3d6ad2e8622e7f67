"""Half-open windows ``[start, end)`` of aware UTC time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from almanac.core.errors import BadWindow


def utc(instant: datetime) -> datetime:
    """Return the instant in UTC.

    Raises:
        BadWindow: the instant has no time zone, so it could mean anything.
    """
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise BadWindow(
            f"The time {instant.isoformat()} has no time zone.",
            hint="Add an offset, such as {0}Z or {0}+01:00.".format(instant.isoformat(timespec="minutes")),
        )
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open interval ``[start, end)``; ``start < end``, both aware UTC.

    Raises:
        BadWindow: a naive time, or an end that isn't after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.end <= self.start:
            raise BadWindow(
                f"The end ({self.end.isoformat()}) is not after the start ({self.start.isoformat()}).",
                hint="Give an end after the start, or a length such as 2h.",
            )

    @classmethod
    def lasting(cls, start: datetime, duration: timedelta) -> Window:
        """The window of a length from a start."""
        return cls(start, start + duration)

    @property
    def duration(self) -> timedelta:
        """Its length, always positive."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether ``start <= instant < end``."""
        return self.start <= instant < self.end

    def overlaps(self, other: Window) -> bool:
        """Whether the two share any instant; back-to-back windows don't."""
        return self.start < other.end and other.start < self.end

    def padded(self, before: timedelta = timedelta(0), after: timedelta = timedelta(0)) -> Window:
        """The window widened by ``before`` and ``after``."""
        return Window(self.start - before, self.end + after)
