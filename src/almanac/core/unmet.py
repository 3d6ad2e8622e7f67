"""Demand that was refused, or waits. Were demand counted only where it was met, it would shrink with the capacity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from almanac.core.windows import Window


@dataclass(frozen=True, slots=True)
class Want:
    """Something that a person asked for and didn't get at once.

    Attributes:
        workers: of the cluster that it would have been.
        asked_at: when.
        window: for when.
    """

    person: str
    profile: str
    workers: int
    asked_at: datetime
    window: Window


@dataclass(frozen=True, slots=True)
class Got:
    """What ends a want: the person's next one of the same profile, or a booking."""

    person: str
    profile: str
    asked_at: datetime
    start: datetime


def left_wanting(wants: Iterable[Want], got: Iterable[Got]) -> Iterator[Want]:
    """Each want, until its person got the same or asked for it anew: nobody is counted twice at one time.

    Args:
        wants: in any order.
        got: bookings of the same people.
    """
    listed = list(wants)
    later: dict[tuple[str, str], list[Got]] = defaultdict(list)
    for each in (*got, *(Got(want.person, want.profile, want.asked_at, want.window.start) for want in listed)):
        later[each.person, each.profile].append(each)
    for want in listed:
        ends = (
            each.start
            for each in later[want.person, want.profile]
            if each.asked_at > want.asked_at and each.start < want.window.end
        )
        end = min(ends, default=want.window.end)
        if end > want.window.start:
            yield replace(want, window=Window(want.window.start, end))
