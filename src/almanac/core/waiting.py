"""The waiting list: who is offered what comes free.

The rule. People are served in the order of their turns: the time they asked, or, for one who let an offer lapse, the time
it lapsed (after ``MISSES`` of them they have left the line). Whoever fits is offered what fits, also before a larger request
that still waits; but one that others have passed ``PASSES`` times is passed no more: until it is served or its time is over,
nobody behind it is offered anything that could be in its way. So small requests use what a large one can't, and a large one
isn't starved by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from almanac.core.windows import Window

PASSES = 3
"""How often others may be served first."""

MISSES = 2
"""Offers that somebody may let lapse before they have left the line."""


class Outcome(StrEnum):
    """How waiting ended."""

    SERVED = "served"
    WITHDRAWN = "withdrawn"
    MISSED = "missed"
    OVER = "over"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for room.

    Attributes:
        id: such as ``w-7k3m9q2x4a``.
        within: it may begin and end anywhere in this window; as long as ``duration``, it has one place only.
        turn_at: its place in the line.
        passed: how often somebody behind it was served first with what could have been in its way.
        missed: offers that lapsed.
        offer_id: the offer that it has; None while it waits.
        closed_at: when it left the line; None before.
        outcome: why.
    """

    id: str
    project: str
    owner: str
    profile: str
    seats: int
    duration: timedelta
    within: Window
    asked_at: datetime
    turn_at: datetime
    title: str = ""
    site: str | None = None
    data: str | None = None
    passed: int = 0
    missed: int = 0
    offer_id: str | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None

    @property
    def latest_start(self) -> datetime:
        """After this it can't end in its window."""
        return self.within.end - self.duration

    def search(self, now: datetime, held_for: timedelta) -> Window | None:
        """Where to look for room; None when its time is over.

        Its person needs a moment to accept: where the window is wide enough, they get the whole length after that.
        """
        if now > self.latest_start:
            return None
        start = max(self.within.start, min(now + held_for, self.latest_start))
        return Window(start, self.within.end)


def in_line(waiting: Iterable[Waiting]) -> list[Waiting]:
    """In the order of their turns."""
    return sorted(waiting, key=lambda each: (each.turn_at, each.asked_at, each.id))


def in_its_way(ahead: Iterable[Waiting], site: str, window: Window) -> list[Waiting]:
    """Those ahead in the line in whose way something at a site over a window could be."""
    return [each for each in ahead if each.site in {None, site} and each.within.overlaps(window)]


def barred(ahead: Iterable[Waiting]) -> Waiting | None:
    """Who ahead in the line is passed no more; None when nobody is. To be asked of those in whose way it would be."""
    return next((each for each in ahead if each.passed >= PASSES), None)
