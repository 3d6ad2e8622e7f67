"""When a platform is likely to be asked for, for those who choose a time: the busy hours of a forecast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from almanac.core.windows import Window

_HOUR = timedelta(hours=1)
_ANYBODY = 0.5
"""Below this median it is more likely that nobody comes."""


def rushes(start: datetime, middle: Sequence[float]) -> list[Window]:
    """The stretches in which at least half as many are expected as in the busiest hour, by start.

    Args:
        start: the first hour.
        middle: the median of what is expected in each hour, the first hour first.
    """
    least = max(_ANYBODY, max(middle, default=0.0) / 2)
    found: list[Window] = []
    for number, expected in enumerate(middle):
        at = start + number * _HOUR
        if expected < least:
            continue
        begin = found.pop().start if found and found[-1].end == at else at
        found.append(Window(begin, at + _HOUR))
    return found


def within(rushes: Iterable[Window], day: Window) -> list[Window]:
    """What of them is in a day."""
    cut = ((max(each.start, day.start), min(each.end, day.end)) for each in rushes)
    return [Window(start, end) for start, end in cut if start < end]
