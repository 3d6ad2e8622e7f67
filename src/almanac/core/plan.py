"""The lease plan's words: what sites ask, what is wanted, what is held, and the answer.

Everything is counted in slots (a slot is one node's worth of one session) and in steps of equal length, usually an hour.
The first step begins at ``Problem.start``; arrays over the horizon have shape (steps,).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from almanac.core.errors import BadRequest
from almanac.core.windows import Window

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SiteTerms:
    """What a site asks of leases.

    Attributes:
        site: its name.
        quota: the most slots held at once.
        price: of one slot for one step; only ratios matter.
        overhead: price of starting one slot: its build and teardown, paid and of no use to anybody.
        minimum: shortest lease.
        lead_time: least time between asking for a lease and its being of use, build included.
        returnable: whether a lease may be given back before its end (never before its ``minimum``).
        room: what others leave of it, one number for each step; empty where they leave everything.
    """

    site: str
    quota: int
    price: float = 1.0
    overhead: float = 0.0
    minimum: timedelta = timedelta(0)
    lead_time: timedelta = timedelta(0)
    returnable: bool = True
    room: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.quota < 0 or self.price <= 0 or self.overhead < 0:
            raise BadRequest(
                f"The terms of {self.site} make no sense: quota {self.quota}, price {self.price}, overhead {self.overhead}.",
                hint="A price is above 0; a quota and an overhead aren't below it.",
            )


@dataclass(frozen=True, slots=True)
class Firm:
    """Slots that a booking stands on: they are held at its site, whatever else is short."""

    booking: str
    site: str
    window: Window
    slots: int


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is bought, begun or not.

    Attributes:
        pinned: a booking stands on it, so the plan neither shortens nor returns it.
    """

    id: str
    site: str
    window: Window
    slots: int
    pinned: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What the plan is to decide.

    Attributes:
        start: the beginning of the first step.
        now: the present; leads count from it.
        terms: one per site.
        demand: slots wanted beside the firm ones, at any site, shape (steps,), whole numbers >= 0.
        shortfall_price: of one slot of ``demand`` missing for one step.
        firm: what bookings stand on.
        held: what is bought already.
        step: the length of a step.
    """

    start: datetime
    now: datetime
    terms: tuple[SiteTerms, ...]
    demand: Ints
    shortfall_price: float
    firm: tuple[Firm, ...] = ()
    held: tuple[Held, ...] = ()
    step: timedelta = HOUR

    def __post_init__(self) -> None:
        names = [each.site for each in self.terms]
        if not names or len(set(names)) < len(names):
            raise BadRequest("A plan needs at least one site, each of them once.", hint="See: almanac sites.")
        mentioned = {each.site for each in self.firm} | {each.site for each in self.held}
        strangers = sorted(mentioned - set(names))
        if strangers:
            raise BadRequest(f"There are no terms for {', '.join(strangers)}.", hint=f"There are: {', '.join(names)}.")
        if self.demand.ndim != 1 or not len(self.demand) or (self.demand < 0).any():
            raise BadRequest("A plan's demand is one number of slots, not below 0, for each step of its horizon.")
        if any(len(each.room) not in {0, self.steps} for each in self.terms):
            raise BadRequest("The room that others leave is one number for each step.")
        if not 0 < self.shortfall_price < float("inf"):
            raise BadRequest("The price of a missing slot is a number above 0.")

    @property
    def steps(self) -> int:
        """How many steps the horizon has."""
        return len(self.demand)

    def at(self, step: int) -> datetime:
        """When a step begins."""
        return self.start + step * self.step

    def span(self, window: Window) -> tuple[int, int]:
        """The steps ``[first, stop)`` that a window touches, cut to the horizon."""
        return touched(window, self.start, self.step, self.steps)

    def limit(self, terms: SiteTerms) -> Ints:
        """The most slots at a site, shape (steps,): its quota, or what others leave."""
        whole: Ints = np.full(self.steps, terms.quota)
        return np.minimum(whole, terms.room) if terms.room else whole

    def firm_slots(self, site: str) -> Ints:
        """What bookings stand on at a site, shape (steps,)."""
        return self._sum((each.window, each.slots) for each in self.firm if each.site == site)

    def held_slots(self, site: str) -> Ints:
        """What is bought at a site, shape (steps,)."""
        return self._sum((each.window, each.slots) for each in self.held if each.site == site)

    def _sum(self, spans: Iterable[tuple[Window, int]]) -> Ints:
        total = np.zeros(self.steps, np.int64)
        for window, slots in spans:
            first, stop = self.span(window)
            total[first:stop] += slots
        return total


@dataclass(frozen=True, slots=True)
class Lease:
    """Slots to buy, with the reasons.

    Attributes:
        bookings: the bookings that would lack something without it.
        forecast_steps: how many steps of forecast demand it serves.
        cost: what it costs, overhead included.
        cost_without: what its absence would cost: the shortfall it prevents.
        adjoins: the held lease that it continues, if any.
    """

    site: str
    window: Window
    slots: int
    bookings: tuple[str, ...] = ()
    forecast_steps: int = 0
    cost: float = 0.0
    cost_without: float = 0.0
    adjoins: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """Slots of a held lease to give back from an instant on."""

    lease: str
    site: str
    slots: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Shortage:
    """Slots that can't be had over a window, and what stands in the way.

    Attributes:
        firm: whether bookings go short, not only forecast demand.
        reason: in words.
    """

    window: Window
    slots: int
    firm: bool
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to do, and what comes of it.

    Attributes:
        sites: the order of the rows of ``slots``.
        slots: planned to be held, shape (sites, steps).
        buy: leases to buy, by start.
        give_back: what to return.
        shortages: what is missing, by start.
        cost: of all slots held over the horizon, starts included, shortfalls not.
        integral: whether the optimum was whole by itself; if not it was rounded up.
    """

    sites: tuple[str, ...]
    slots: Ints
    buy: tuple[Lease, ...]
    give_back: tuple[Return, ...]
    shortages: tuple[Shortage, ...]
    cost: float
    integral: bool

    @property
    def met(self) -> bool:
        """Whether nothing is short."""
        return not self.shortages

    def held(self) -> Ints:
        """Slots over all sites, shape (steps,)."""
        total: Ints = self.slots.sum(axis=0)
        return total


def touched(window: Window, start: datetime, step: timedelta, steps: int) -> tuple[int, int]:
    """The steps ``[first, stop)`` that a window touches, of so many that begin at ``start``."""
    first = (window.start - start) // step
    stop = -((start - window.end) // step)
    return min(max(first, 0), steps), min(max(stop, 0), steps)


def steps_of(length: timedelta, step: timedelta) -> int:
    """How many whole steps cover a length."""
    return -(-length // step)
