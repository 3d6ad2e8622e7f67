"""The plan against an exhaustive search on small problems, and what holds of every plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.core.plan import Firm, Held, Problem, SiteTerms
from almanac.core.plan_program import FIRM_WEIGHT, committed, starting
from almanac.core.windows import Window
from almanac.planning.planner import plan

T0 = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


@st.composite
def windows(draw, steps: int) -> Window:
    first = draw(st.integers(-2, steps - 1))
    return Window(T0 + first * HOUR, T0 + draw(st.integers(max(first, 0) + 1, steps + 2)) * HOUR)


@st.composite
def problems(draw, sites: int, steps: int, most: int) -> Problem:
    names = [f"s{number}" for number in range(sites)]
    terms = tuple(
        SiteTerms(
            name,
            draw(st.integers(1, most)),
            draw(st.sampled_from([1.0, 1.5, 2.0])),
            draw(st.sampled_from([0.0, 0.3, 1.7])),
            draw(st.integers(0, 3)) * HOUR,
            draw(st.integers(0, 2)) * HOUR,
            draw(st.booleans()),
            tuple(draw(st.lists(st.integers(0, most), min_size=steps, max_size=steps))) if draw(st.booleans()) else (),
        )
        for name in names
    )
    small = st.integers(1, max(1, most // 2))
    firm = draw(st.lists(st.builds(Firm, st.just("b"), st.sampled_from(names), windows(steps), small), max_size=2))
    bought = draw(st.lists(st.tuples(st.sampled_from(names), windows(steps), small, st.booleans()), max_size=2))
    held = tuple(Held(f"l-{number}", *each) for number, each in enumerate(bought))
    demand = np.array(draw(st.lists(st.integers(0, most + 1), min_size=steps, max_size=steps)))
    return Problem(T0, T0, terms, demand, draw(st.sampled_from([1.2, 3.0, 9.0])), tuple(firm), held)


def begun(problem: Problem, slots: np.ndarray) -> np.ndarray:
    (terms,) = problem.terms
    now = sum(lease.slots for lease in problem.held if lease.window.contains(T0))
    return np.maximum(np.diff(slots, prepend=now), starting(problem, terms, fixed=True))


def total(problem: Problem, slots: np.ndarray) -> float:
    """Everything that the plan pays for one site, shortfalls included."""
    (terms,) = problem.terms
    firm = problem.firm_slots(terms.site)
    lacking = np.maximum(firm - slots, 0)
    short = np.maximum(firm + problem.demand - slots - lacking, 0).sum()
    held = terms.price * slots.sum() + terms.overhead * begun(problem, slots).sum()
    return float(held + problem.shortfall_price * (short + FIRM_WEIGHT * lacking.sum()))


def allowed(problem: Problem, slots: np.ndarray) -> bool:
    (terms,) = problem.terms
    pinned = committed(problem, terms)
    fresh = begun(problem, slots) - starting(problem, terms, fixed=True)
    least, early = max(1, terms.minimum // HOUR), min(terms.lead_time // HOUR, problem.steps)
    staying = [fresh[max(0, step - least + 1) : step + 1].sum() for step in range(problem.steps)]
    return bool(
        (slots >= pinned + staying).all()
        and (slots[early:] <= np.maximum(problem.limit(terms), pinned)[early:]).all()
        and (slots[:early] <= problem.held_slots(terms.site)[:early]).all()
        and (begun(problem, slots) <= starting(problem, terms, fixed=False))[:early].all()
    )


@given(problems(sites=1, steps=4, most=2))
def test_one_site_is_planned_as_well_as_an_exhaustive_search_could(problem):
    found = plan(problem)
    everything = (np.array(each) for each in product(range(6), repeat=problem.steps))
    choices = [total(problem, slots) for slots in everything if allowed(problem, slots)]
    assert found.integral
    if choices:
        assert total(problem, found.slots[0]) == pytest.approx(min(choices), abs=1e-3)


@given(problems(sites=3, steps=12, most=6))
def test_leases_bought_returned_and_held_add_up_to_the_plan(problem):
    found = plan(problem)
    for terms, slots in zip(problem.terms, found.slots, strict=True):
        told = problem.held_slots(terms.site)
        for lease in found.buy:
            if lease.site == terms.site:
                first, stop = problem.span(lease.window)
                told[first:stop] += lease.slots
        for back in found.give_back:
            if back.site == terms.site:
                (lease,) = [each for each in problem.held if each.id == back.lease]
                first, stop = problem.span(Window(back.at, max(lease.window.end, back.at + HOUR)))
                told[first:stop] -= back.slots
        assert told.tolist() == slots.tolist()


@given(problems(sites=3, steps=12, most=6))
def test_every_plan_keeps_the_rules(problem):
    found = plan(problem)
    for terms, slots in zip(problem.terms, found.slots, strict=True):
        pinned = committed(problem, terms)
        assert (slots >= pinned).all()
        early = terms.lead_time // HOUR
        assert (slots[early:] <= np.maximum(problem.limit(terms), pinned)[early:]).all()
    for lease in found.buy:
        terms = next(each for each in problem.terms if each.site == lease.site)
        assert lease.window.start >= T0 + terms.lead_time
        to_the_end = lease.window.end == problem.at(problem.steps)
        assert to_the_end or lease.adjoins or lease.window.duration >= terms.minimum
    pinned_ids = {lease.id for lease in problem.held if lease.pinned}
    assert pinned_ids.isdisjoint(back.lease for back in found.give_back)
