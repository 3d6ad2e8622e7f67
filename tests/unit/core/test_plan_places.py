"""From a plan in slots to places that are bought, prolonged and let go one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np

from almanac.core.plan import Lease, Plan, Return
from almanac.core.plan_places import Place, carried
from almanac.core.windows import Window

NOW = datetime(2026, 3, 1, 9, 10, tzinfo=UTC)
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTICE = timedelta(minutes=5)


def window(start: float, end: float) -> Window:
    return Window(START + start * HOUR, START + end * HOUR)


def bought(name: str, start: float, end: float) -> Place:
    return Place(name, "spark", "sky", window(start, end), START, bought=True)


def after(*held: Place, buy: tuple[Lease, ...] = (), back: tuple[Return, ...] = ()) -> list[Place]:
    plan = Plan(("sky",), np.zeros((1, 24), np.int64), buy, back, (), 0.0, integral=True)
    numbers = count(1)
    return carried(plan, held, "spark", lambda _: NOTICE, lambda: f"l-{next(numbers)}", NOW, HOUR)


def test_the_slots_of_a_lease_are_places_of_their_own_with_their_share_of_its_price() -> None:
    made = after(buy=(Lease("sky", window(3, 5), 2, forecast_steps=2, cost=4.0, cost_without=60.0),))
    assert [place.id for place in made] == ["l-1", "l-2"]
    assert {(place.window, place.cost, place.cost_without) for place in made} == {(window(3, 5), 2.0, 30.0)}
    assert {place.due_at for place in made} == {START + 2 * HOUR - NOTICE}
    assert made[0].reason.startswith("Buy 2 places at sky")


def test_what_is_bought_stays_as_it_is_when_the_plan_says_nothing_of_it() -> None:
    assert after(bought("l-a", 0, 2)) == [bought("l-a", 0, 2)]


def test_what_goes_on_soon_is_prolonged_and_what_goes_on_late_is_looked_at_again() -> None:
    goes_on = Lease("sky", window(1, 4), 1, adjoins="l-a")
    assert after(bought("l-a", 0, 1), buy=(goes_on,)) == [bought("l-a", 0, 4)]
    later = Lease("sky", window(6, 8), 1, adjoins="l-a")
    held, planned = after(bought("l-a", 0, 6), buy=(later,))
    assert (held, planned.window, planned.bought) == (bought("l-a", 0, 6), window(6, 8), False)


def test_what_continues_a_bookings_lease_is_a_place_of_its_own() -> None:
    (made,) = after(buy=(Lease("sky", window(1, 2), 1, adjoins="b-1"),))
    assert (made.id, made.bought) == ("l-1", False)


def test_what_is_returned_soon_is_cut_short_and_what_is_returned_later_waits() -> None:
    now, later = Return("l-a", "sky", 1, NOW), Return("l-b", "sky", 1, START + 5 * HOUR)
    first, second = after(bought("l-a", 0, 8), bought("l-b", 0, 8), back=(now, later))
    assert first.window == Window(START, NOW)
    assert second.window == window(0, 8)


def test_what_is_returned_before_it_begins_is_gone() -> None:
    assert after(bought("l-a", 1, 8), back=(Return("l-a", "sky", 1, START + HOUR),)) == []
