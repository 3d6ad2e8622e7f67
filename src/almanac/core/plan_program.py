"""The plan as a linear program: unit commitment, counted in slots.

For each site c and step t: slots held y, started u, stopped v, and short s (of the firm ones); over all sites, short r (of
the forecast ones). Minimise ``sum price y + overhead u + firm price s + shortfall price r`` subject to

- balance: ``y[t] - y[t-1] - u[t] + v[t] = 0``, with ``y[-1]`` what is held now;
- minimum: ``y[t] - sum of (u - i) over the last m steps >= K[t]``: what is started stays for m steps, beside what the
  plan can't give up, K, of which i begins in a step;
- firm: ``y[t] + s[t] >= B[t]``: bookings, at their own site;
- demand: ``sum over c of (y + s)[t] + r[t] >= sum over c of B[t] + D[t]``;
- ``K <= y <= quota`` or what others leave of it, ``u >= i``, and within the lead time no more than what is bought already.

On one site every row is an interval of consecutive steps or a flow balance, so the optimum is whole; over several sites
it nearly always is (``plan_leases`` rounds up where it isn't). Shortfalls cost, they aren't forbidden, so there is always
a solution: the best that can be bought.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almanac.core.plan import Floats, Held, Ints, Problem, SiteTerms, steps_of

FIRM_WEIGHT = 1000.0
"""A booking's slot is worth so many forecast ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Minimise ``cost x`` subject to ``row_low <= A x <= row_high`` and ``low <= x <= high``; A in compressed rows."""

    cost: Floats
    low: Floats
    high: Floats
    row_low: Floats
    row_high: Floats
    row_start: Ints
    index: Ints
    value: Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each quantity is among the columns: blocks of (sites, steps) for y, u, v, s, then r."""

    sites: int
    steps: int

    def block(self, kind: int) -> Ints:
        """The columns of y (0), u (1), v (2) or s (3), shape (sites, steps)."""
        size = self.sites * self.steps
        return np.arange(kind * size, (kind + 1) * size).reshape(self.sites, self.steps)

    def rest(self) -> Ints:
        """The columns of r, shape (steps,)."""
        first = 4 * self.sites * self.steps
        return np.arange(first, first + self.steps)


def columns(problem: Problem) -> Columns:
    """The columns of a problem's program."""
    return Columns(len(problem.terms), problem.steps)


def program(problem: Problem) -> Program:
    """The linear program of a problem."""
    where = columns(problem)
    firm = np.array([problem.firm_slots(terms.site) for terms in problem.terms])
    low, high = _bounds(problem, where)
    rows = _Rows()
    held, begun, ended, short = (where.block(kind) for kind in range(4))
    for site, terms in enumerate(problem.terms):
        _balance(rows, held[site], begun[site], ended[site], held_now(problem, terms.site))
        fixed = committed(problem, terms), starting(problem, terms, fixed=True)
        _minimum(rows, held[site], begun[site], steps_of(terms.minimum, problem.step), fixed)
        needed = np.flatnonzero(firm[site])
        rows.add(np.stack((held[site], short[site]), axis=1)[needed], (1.0, 1.0), firm[site][needed], np.inf)
    total = np.concatenate((held, short, where.rest()[None, :])).T
    rows.add(total, np.ones(total.shape[1]), firm.sum(axis=0) + problem.demand, np.inf)
    return rows.program(_cost(problem, where), low, high)


def committed(problem: Problem, terms: SiteTerms) -> Ints:
    """Slots of a site that the plan can't give up: a booking stands on their lease, or it may not be returned yet."""
    total = np.zeros(problem.steps, np.int64)
    for lease in problem.held:
        if lease.site == terms.site:
            first, stop = problem.span(lease.window)
            total[first : min(stop, free_from(problem, terms, lease))] += lease.slots
    return total


def starting(problem: Problem, terms: SiteTerms, *, fixed: bool) -> Ints:
    """Slots of a site's bought leases that begin in each step, shape (steps,); ``fixed``: only those that must."""
    total = np.zeros(problem.steps, np.int64)
    for lease in problem.held:
        first, stop = problem.span(lease.window)
        ahead = lease.site == terms.site and lease.window.start > problem.now and first < stop
        if ahead and not (fixed and free_from(problem, terms, lease) == 0):
            total[first] += lease.slots
    return total


def free_from(problem: Problem, terms: SiteTerms, lease: Held) -> int:
    """The first step from which a held lease may be given back."""
    if lease.pinned or not terms.returnable:
        return problem.steps
    if lease.window.start > problem.now:
        return 0
    return max(0, steps_of(lease.window.start + terms.minimum - problem.start, problem.step))


def first_start(problem: Problem, terms: SiteTerms) -> int:
    """The first step for which a lease of a site can still be bought."""
    return max(0, steps_of(problem.now + terms.lead_time - problem.start, problem.step))


def held_now(problem: Problem, site: str) -> int:
    """Slots of a site that are held at the present."""
    return sum(each.slots for each in problem.held if each.site == site and each.window.contains(problem.now))


def _bounds(problem: Problem, where: Columns) -> tuple[Floats, Floats]:
    low = np.zeros(int(where.rest()[-1]) + 1)
    high = np.full(len(low), np.inf)
    held, begun = where.block(0), where.block(1)
    for site, terms in enumerate(problem.terms):
        bought = problem.held_slots(terms.site)
        pinned = committed(problem, terms)
        early = first_start(problem, terms)
        low[held[site]] = pinned
        # A quota that shrank under what is held forbids more, not what is there.
        high[held[site]] = np.maximum(problem.limit(terms), pinned)
        high[held[site][:early]] = bought[:early]
        low[begun[site]] = starting(problem, terms, fixed=True)
        high[begun[site][:early]] = starting(problem, terms, fixed=False)[:early]
    return low, high


def _cost(problem: Problem, where: Columns) -> Floats:
    cost = np.zeros(int(where.rest()[-1]) + 1)
    for site, terms in enumerate(problem.terms):
        cost[where.block(0)[site]] = terms.price
        cost[where.block(1)[site]] = terms.overhead
        # Of two equal plans, the one that starts later and changes less.
        cost[where.block(1)[site]] += 1e-6 * terms.price * np.linspace(1, 2, problem.steps)[::-1]
    cost[where.block(3)] = FIRM_WEIGHT * problem.shortfall_price
    cost[where.rest()] = problem.shortfall_price
    return cost


def _balance(rows: _Rows, held: Ints, begun: Ints, ended: Ints, now: int) -> None:
    first = np.array([[held[0], begun[0], ended[0]]])
    rows.add(first, (1.0, -1.0, 1.0), np.array([now]), float(now))
    later = np.stack((held[1:], held[:-1], begun[1:], ended[1:]), axis=1)
    rows.add(later, (1.0, -1.0, -1.0, 1.0), np.zeros(len(later)), 0.0)


def _minimum(rows: _Rows, held: Ints, begun: Ints, minimum: int, fixed: tuple[Ints, Ints]) -> None:
    stays, begins = fixed
    for length in range(1, min(minimum, len(held)) + 1):
        last = length == min(minimum, len(held))
        steps = np.arange(length - 1, len(held) if last else length)
        past = steps[:, None] - np.arange(length)
        least = stays[steps] - begins[past].sum(axis=1)
        rows.add(np.column_stack((held[steps], begun[past])), (1.0, *(-1.0,) * length), least, np.inf)


class _Rows:
    """Rows collected block by block; within a block every row has the same coefficients."""

    def __init__(self) -> None:
        self._index: list[Ints] = []
        self._value: list[Floats] = []
        self._low: list[Floats] = []
        self._high: list[Floats] = []
        self._sizes: list[Ints] = []

    def add(self, index: Ints, value: tuple[float, ...] | Floats, low: Ints | Floats, high: float) -> None:
        count, width = index.shape
        self._index.append(index.ravel())
        self._value.append(np.tile(np.asarray(value, np.float64), count))
        self._low.append(np.asarray(low, np.float64))
        self._high.append(np.full(count, high))
        self._sizes.append(np.full(count, width, np.int64))

    def program(self, cost: Floats, low: Floats, high: Floats) -> Program:
        starts = np.concatenate(([0], np.cumsum(np.concatenate(self._sizes))))
        return Program(
            cost,
            low,
            high,
            np.concatenate(self._low),
            np.concatenate(self._high),
            starts,
            np.concatenate(self._index),
            np.concatenate(self._value),
        )
