"""Why each lease is bought, what is short and why, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from almanac.core.plan import Ints, Lease, Plan, Problem, Shortage, SiteTerms
from almanac.core.plan_program import first_start
from almanac.core.refusals import spoken
from almanac.core.windows import Window


def explained(problem: Problem, slots: Ints, leases: tuple[Lease, ...]) -> tuple[Lease, ...]:
    """Leases with what each serves and what its absence would cost; each is judged with all others in place.

    Args:
        problem: what was to be decided.
        slots: the plan's, shape (sites, steps).
        leases: the plan's, at the sites of the problem.
    """
    firm = np.array([problem.firm_slots(terms.site) for terms in problem.terms])
    return tuple(_explained(problem, firm, slots, lease) for lease in leases)


def _explained(problem: Problem, firm: Ints, slots: Ints, lease: Lease) -> Lease:
    site = [terms.site for terms in problem.terms].index(lease.site)
    first, stop = problem.span(lease.window)
    without = slots.copy()
    without[site, first:stop] -= lease.slots
    lacking = np.flatnonzero(firm[site] > without[site])
    lost = _forecast_short(problem, firm, without) - _forecast_short(problem, firm, slots)
    hurt = np.maximum(firm[site] - without[site], 0) - np.maximum(firm[site] - slots[site], 0)
    terms = problem.terms[site]
    starts = 0.0 if lease.adjoins else terms.overhead
    return replace(
        lease,
        bookings=_standing(problem, lease.site, set(lacking.tolist()) & set(range(first, stop))),
        forecast_steps=int((lost > 0).sum()),
        cost=lease.slots * (terms.price * (stop - first) + starts),
        cost_without=problem.shortfall_price * float(lost.sum() + hurt.sum()),
    )


def _standing(problem: Problem, site: str, steps: set[int]) -> tuple[str, ...]:
    """The bookings at a site that touch any of the steps, by start."""
    found = (
        each
        for each in sorted(problem.firm, key=lambda each: each.window)
        if each.site == site and not steps.isdisjoint(range(*problem.span(each.window)))
    )
    return tuple(dict.fromkeys(each.booking for each in found))


def _forecast_short(problem: Problem, firm: Ints, slots: Ints) -> Ints:
    """Slots of forecast demand that are missing, shape (steps,); a booking's own shortage isn't counted twice."""
    spare = np.maximum(slots - firm, 0).sum(axis=0)
    missing: Ints = np.maximum(problem.demand - spare, 0)
    return missing


def shortages(problem: Problem, slots: Ints) -> tuple[Shortage, ...]:
    """What is missing over the horizon, by start; neighbouring steps with the same reason are one."""
    firm = np.array([problem.firm_slots(terms.site) for terms in problem.terms])
    found = list(_runs(problem, _forecast_short(problem, firm, slots), problem.terms, slots, firm=False))
    for site, terms in enumerate(problem.terms):
        short = np.maximum(firm[site] - slots[site], 0)
        found += _runs(problem, short, (terms,), slots[site : site + 1], firm=True)
    return tuple(sorted(found, key=lambda each: (each.window, not each.firm)))


def _runs(
    problem: Problem, short: Ints, terms: tuple[SiteTerms, ...], slots: Ints, *, firm: bool
) -> Iterator[Shortage]:
    steps = np.flatnonzero(short)
    reasons = [_reason(problem, terms, slots[:, step], int(step)) for step in steps]
    begin = 0
    for index in range(1, len(steps) + 1):
        if index < len(steps) and steps[index] == steps[index - 1] + 1 and reasons[index] == reasons[begin]:
            continue
        first, last = int(steps[begin]), int(steps[index - 1])
        window = Window(problem.at(first), problem.at(last + 1))
        yield Shortage(window, int(short[first : last + 1].max()), firm, reasons[begin])
        begin = index


def _reason(problem: Problem, terms: tuple[SiteTerms, ...], slots: Ints, step: int) -> str:
    """What stands in the way at a step: the quotas, the lead times, both, or the price."""
    late = [each for each in terms if step < first_start(problem, each)]
    limits = [int(problem.limit(each)[step]) for each in terms]
    full = [
        (each, limit)
        for each, limit, held in zip(terms, limits, slots, strict=True)
        if each not in late and held >= limit
    ]
    if len(late) + len(full) < len(terms):
        return "more would cost more than it is worth"
    said = [_full(each, limit) for each, limit in full]
    said += [f"{each.site} wants {_length(each.lead_time.total_seconds())} notice" for each in late]
    return " and ".join(said)


def _full(terms: SiteTerms, limit: int) -> str:
    if limit == terms.quota:
        return f"{terms.site} gives no more than {limit}"
    return f"{terms.site} has room for {limit or 'none'} beside others"


def _length(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours and not minutes:
        return "a moment's"
    return f"{hours} h" if not minutes else f"{minutes} min" if not hours else f"{hours} h {minutes} min"


def sentences(plan: Plan) -> tuple[str, ...]:
    """A plan in words, one line for each thing to lack, to buy or to return."""
    bought = (sentence(lease) for lease in plan.buy)
    returned = (
        f"Give back {_places(each.slots)} of {each.lease} at {each.site} from {each.at:%Y-%m-%d %H:%M} UTC."
        for each in plan.give_back
    )
    return (*lacks(plan), *bought, *returned)


def lacks(plan: Plan) -> tuple[str, ...]:
    """What is short, when and why, one line for each."""
    return tuple(_shortage(each) for each in plan.shortages)


def sentence(lease: Lease) -> str:
    """A lease to buy in words: how much, where, when, for what, and what it is worth."""
    verb = f"Continue {lease.adjoins} with" if lease.adjoins else "Buy"
    named = ", ".join(lease.bookings[:3]) + (f" and {len(lease.bookings) - 3} more" if len(lease.bookings) > 3 else "")
    served = [f"booked: {named}"] if lease.bookings else []
    served += [f"forecast in {lease.forecast_steps} of its hours"] if lease.forecast_steps else []
    why = "; ".join(served) or "bridges two needs more cheaply than a new start"
    worth = f"costs {lease.cost:.4g}, without it {lease.cost_without:.4g}"
    return f"{verb} {_places(lease.slots)} at {lease.site} from {spoken(lease.window)} ({why}; {worth})."


def _shortage(short: Shortage) -> str:
    what = "bookings lack" if short.firm else "the forecast lacks"
    return f"From {spoken(short.window)} {what} up to {_places(short.slots)}: {short.reason}."


def _places(count: int) -> str:
    return f"{count} place{'' if count == 1 else 's'}"
