"""A week's bookings as a drawing can show them: a few beside each other, and in words how many more there are."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol, TypeVar

LANES = 3
"""More beside each other than that can't be read."""
BUNDLED = timedelta(hours=3)
"""The stretch of a day in which what doesn't fit beside the others is counted."""


class Spanning(Protocol):
    """Something with a start and an end."""

    @property
    def start(self) -> datetime:
        """When it begins."""
        ...

    @property
    def end(self) -> datetime:
        """When it is over."""
        ...


S = TypeVar("S", bound=Spanning)


@dataclass(frozen=True, slots=True)
class Bundle:
    """So many more in a part of a day."""

    start: datetime
    end: datetime
    count: int


class Lanes:
    """Lanes in which nothing overlaps."""

    def __init__(self, count: int = LANES) -> None:
        self._taken: list[list[tuple[datetime, datetime]]] = [[] for _ in range(count)]

    def take(self, one: Spanning) -> bool:
        """Put it into the first lane where it fits; False if there is none."""
        window = (one.start, one.end)
        for taken in self._taken:
            place = bisect(taken, window)
            after = place == 0 or taken[place - 1][1] <= one.start
            before = place == len(taken) or one.end <= taken[place][0]
            if after and before:
                insort(taken, window)
                return True
        return False


def laid_out(ordered: Iterable[S]) -> tuple[list[S], list[S]]:
    """What fits into the lanes, those first that come first, and what doesn't."""
    lanes = Lanes()
    fitting: list[S] = []
    left: list[S] = []
    for one in ordered:
        (fitting if lanes.take(one) else left).append(one)
    return fitting, left


def bundles(left: Sequence[Spanning], marks: Sequence[datetime]) -> Iterator[Bundle]:
    """What is left, counted by the part of a day.

    Args:
        left: what has no lane.
        marks: where the days begin, and where the last ends.
    """
    for midnight, end_of_day in pairwise(marks):
        start = midnight
        while start < end_of_day:
            end = min(start + BUNDLED, end_of_day)
            if count := sum(each.start < end and start < each.end for each in left):
                yield Bundle(start, end, count)
            start = end
