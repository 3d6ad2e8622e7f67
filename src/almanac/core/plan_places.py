"""From a plan in slots to single places, each of which may be held, prolonged or let go on its own.

A slot of the plan is a place here: a cluster of a profile at its smallest, which runs in one lease.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from almanac.core.plan import Lease, Plan
from almanac.core.plan_reasons import sentence
from almanac.core.windows import Window


@dataclass(frozen=True, slots=True)
class Place:
    """A place that the plan wants held.

    Attributes:
        due_at: when it is to be asked for at its site.
        reason: why, in a sentence.
        cost: its own, in the operator's unit.
        cost_without: what its absence would cost.
        bought: whether it was asked for; then it is changed, not replaced.
    """

    id: str
    profile: str
    site: str
    window: Window
    due_at: datetime
    reason: str = ""
    cost: float = 0.0
    cost_without: float = 0.0
    bought: bool = False


def carried(
    plan: Plan,
    bought: Sequence[Place],
    profile: str,
    notice: Callable[[str], timedelta],
    new_id: Callable[[], str],
    now: datetime,
    step: timedelta,
) -> list[Place]:
    """The places after a plan: bought ones prolonged, cut short or as they were, and those to be bought.

    What can wait for the next plan does: a bought place is prolonged or let go only if that begins before then.

    Args:
        plan: one slot of it is a place; its held leases are ``bought`` by id.
        bought: what was asked for and isn't over.
        profile: whose places they are.
        notice: how long before its start a place must be asked for at a site.
        new_id: names a place.
        now: aware UTC.
        step: time until the next plan.
    """
    ends = {each.lease: each.at for each in plan.give_back if each.at < now + step}
    longer = _prolonged(plan.buy, {place.id for place in bought}, notice, now + step)
    kept = []
    for place in bought:
        end = ends.get(place.id) or longer.get(place.id, place.window.end)
        if end > place.window.start:
            kept.append(replace(place, window=Window(place.window.start, end)))
    return kept + [
        place
        for lease in plan.buy
        if lease.adjoins not in longer
        for place in _places(lease, profile, notice(lease.site), new_id, step)
    ]


def _prolonged(
    leases: Iterable[Lease], bought: Collection[str], notice: Callable[[str], timedelta], until: datetime
) -> dict[str, datetime]:
    """The new ends of bought places that are to go on. What a booking stands on is its own: it isn't among them."""
    found: dict[str, datetime] = {}
    for lease in leases:
        if lease.adjoins is not None and lease.adjoins in bought and lease.window.start - notice(lease.site) < until:
            found[lease.adjoins] = max(lease.window.end, found.get(lease.adjoins, lease.window.end))
    return found


def _places(
    lease: Lease, profile: str, notice: timedelta, new_id: Callable[[], str], step: timedelta
) -> Iterable[Place]:
    """The slots of a lease, one by one; asked for early enough that the next plan would be too late."""
    due_at = lease.window.start - notice - step
    for _ in range(lease.slots):
        cost, without = lease.cost / lease.slots, lease.cost_without / lease.slots
        yield Place(new_id(), profile, lease.site, lease.window, due_at, sentence(lease), cost, without)
