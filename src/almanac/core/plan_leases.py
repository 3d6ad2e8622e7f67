"""From slots held per step to leases to buy and to return: oldest first out, so that every lease lasts its minimum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from almanac.core.plan import Floats, Held, Ints, Lease, Problem, Return, SiteTerms, steps_of
from almanac.core.plan_program import free_from
from almanac.core.windows import Window

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class _Lot:
    """Slots that began together.

    Attributes:
        begun: the first step.
        free: the step from which they may go.
        slots: how many.
        held: the lease that they belong to; None for a lease that this plan buys.
        expires: the step at which that lease ends.
        adjoins: for a bought one, the lease that it continues.
    """

    begun: int
    free: int
    slots: int
    held: Held | None = None
    expires: int = 1 << 30
    adjoins: str | None = None


def is_whole(slots: Floats) -> bool:
    """Whether a solution is whole by itself."""
    return bool(np.abs(slots - np.rint(slots)).max(initial=0) < _TOLERANCE)


def whole(slots: Floats) -> Ints:
    """Slots rounded up to whole ones."""
    rounded: Ints = np.ceil(slots - _TOLERANCE).astype(np.int64)
    return rounded


class Cutter:
    """Cuts one site's slots per step into leases.

    ``slots`` says what the leases come to: what was wanted, or more where a rounded solution couldn't be followed down.
    """

    def __init__(self, problem: Problem, terms: SiteTerms, slots: Ints) -> None:
        self._problem = problem
        self._terms = terms
        self._minimum = max(1, steps_of(terms.minimum, problem.step))
        self._lots: list[_Lot] = []
        self._bought: list[Lease] = []
        self._returned: list[Return] = []
        self.slots = slots.copy()
        for step in range(problem.steps):
            expired = self._turn(step)
            self._fit(step, int(slots[step]), expired)
            self.slots[step] = sum(lot.slots for lot in self._lots)
        for lot in self._lots:
            self._close(lot, problem.steps)

    def leases(self) -> tuple[Lease, ...]:
        """What to buy, by start; what has the same window is one lease."""
        merged: dict[tuple[Window, str | None], Lease] = {}
        for lease in self._bought:
            known = merged.get((lease.window, lease.adjoins))
            merged[lease.window, lease.adjoins] = (
                lease if known is None else replace(lease, slots=lease.slots + known.slots)
            )
        return tuple(sorted(merged.values(), key=lambda lease: (lease.window, lease.adjoins or "")))

    def returns(self) -> tuple[Return, ...]:
        """What to give back, by time."""
        return tuple(sorted(self._returned, key=lambda each: (each.at, each.lease)))

    def _turn(self, step: int) -> list[_Lot]:
        """Take in the held leases that begin with a step; take out, and return, those that end with it."""
        for lease in self._starting(step):
            _, stop = self._problem.span(lease.window)
            self._lots.append(_Lot(step, free_from(self._problem, self._terms, lease), lease.slots, lease, stop))
        expired = [lot for lot in self._lots if lot.expires == step]
        self._lots = [lot for lot in self._lots if lot.expires != step]
        return expired

    def _starting(self, step: int) -> Iterator[Held]:
        for lease in self._problem.held:
            first, stop = self._problem.span(lease.window)
            if lease.site == self._terms.site and first == step and stop > step:
                yield lease

    def _fit(self, step: int, wanted: int, expired: list[_Lot]) -> None:
        """Bring the slots to what is wanted: let the oldest go, or continue what ends, then buy."""
        surplus = sum(lot.slots for lot in self._lots) - wanted
        if surplus > 0:
            self._drop(step, surplus)
        for lot in expired:
            more = min(lot.slots, -surplus)
            if more > 0 and lot.held is not None:
                self._lots.append(_Lot(step, step + 1, more, adjoins=lot.held.id))
                surplus += more
        if surplus < 0:
            self._lots.append(_Lot(step, step + self._minimum, -surplus))

    def _drop(self, step: int, surplus: int) -> None:
        kept: list[_Lot] = []
        for lot in sorted(self._lots, key=lambda lot: (lot.free, lot.begun)):
            gone = min(lot.slots, surplus) if lot.free <= step else 0
            surplus -= gone
            if gone:
                self._close(replace(lot, slots=gone), step)
            if lot.slots > gone:
                kept.append(replace(lot, slots=lot.slots - gone))
        self._lots = kept

    def _close(self, lot: _Lot, step: int) -> None:
        """Write down that slots go with a step (or stay until the horizon's end)."""
        problem = self._problem
        if lot.held is None:
            window = Window(problem.at(lot.begun), problem.at(step))
            self._bought.append(Lease(self._terms.site, window, lot.slots, adjoins=lot.adjoins))
        elif step < problem.steps:
            at = max(problem.at(step), problem.now, lot.held.window.start)
            self._returned.append(Return(lot.held.id, self._terms.site, lot.slots, at))
