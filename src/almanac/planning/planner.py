"""From a problem to a plan: build the program, solve it, cut it into leases, say why."""

from __future__ import annotations

import numpy as np

from almanac.core.plan import Ints, Plan, Problem
from almanac.core.plan_leases import Cutter, is_whole, whole
from almanac.core.plan_program import columns, held_now, program
from almanac.core.plan_reasons import explained, shortages
from almanac.planning.solver import solve


def plan(problem: Problem) -> Plan:
    """The cheapest leases that serve what is wanted, or the best that can be bought when it can't all be served.

    Raises:
        Unsolved: the solver found no optimum; the plan in force stays.
    """
    solution = solve(program(problem))[columns(problem).block(0)]
    cutters = [Cutter(problem, terms, whole(row)) for terms, row in zip(problem.terms, solution, strict=True)]
    slots = np.array([each.slots for each in cutters])
    leases = sorted((lease for each in cutters for lease in each.leases()), key=lambda lease: lease.window)
    returns = sorted((each for cutter in cutters for each in cutter.returns()), key=lambda each: each.at)
    return Plan(
        tuple(terms.site for terms in problem.terms),
        slots,
        explained(problem, slots, tuple(leases)),
        tuple(returns),
        shortages(problem, slots),
        _cost(problem, slots),
        is_whole(solution),
    )


def _cost(problem: Problem, slots: Ints) -> float:
    total = 0.0
    for terms, row in zip(problem.terms, slots, strict=True):
        starts = np.maximum(np.diff(row, prepend=held_now(problem, terms.site)), 0)
        total += terms.price * float(row.sum()) + terms.overhead * float(starts.sum())
    return total
