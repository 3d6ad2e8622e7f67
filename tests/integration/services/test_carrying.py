"""The plan carried out: places are bought, prolonged and returned at the sites, given to walk-ins, and give way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.rig import ADA, MINUTE, T0, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.plan_places import Place
from almanac.core.ports import NoRoom
from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.services.requests import BookingRequest
from almanac.sites.simulated import Killed
from almanac.storage.rows import PlanRow

HOUR = timedelta(hours=1)


def place(name: str = "l-one", start: float = 0, end: float = 3, site: str = "sky", **more) -> Place:
    window = Window(T0 + start * HOUR, T0 + end * HOUR)
    return Place(name, "spark", site, window, window.start - HOUR / 2, "Because.", **more)


def wanted(rig: Rig, *places: Place) -> None:
    with rig.app.database.write() as unit:
        unit.plans.put(PlanRow("spark", rig.clock(), False, "As the test says.", {}), places)


def places(rig: Rig) -> list[Place]:
    with rig.app.database.read() as unit:
        return unit.plans.places()


def run(rig: Rig, ticks: int = 90) -> None:
    for _ in range(ticks):
        rig.tick()


def at_site(rig: Rig, site: str = "sky") -> dict[str, Window]:
    """What the site holds, but for the warm pool's."""
    with rig.app.database.read() as unit:
        warm = {lease.id for lease in unit.leases.unfinished() if lease.holder is Holder.WARM}
    return {seen.id: seen.window for seen in rig.eyes[site].observe().leases if seen.id not in warm}


def book(rig: Rig, hours: float = 1, **more):
    request = BookingRequest("spark", hours * HOUR, site="sky", **more)
    return rig.app.bookings.book(ADA, request, rig.clock())


def test_a_place_is_bought_when_it_is_due_and_let_go_when_it_is_over(rig) -> None:
    wanted(rig, place(start=1, end=2))
    run(rig, 3)
    assert at_site(rig) == {}
    rig.clock.advance(HOUR / 2)
    run(rig, 3)
    assert at_site(rig) == {"l-one": Window(T0 + HOUR, T0 + 2 * HOUR)}
    rig.clock.advance(2 * HOUR)
    run(rig, 3)
    assert at_site(rig) == {}
    assert places(rig) == []


def test_a_place_is_prolonged_and_cut_short_as_the_plan_changes(rig) -> None:
    wanted(rig, place())
    run(rig, 3)
    (bought,) = places(rig)
    assert bought.bought
    for end in (5, 2):
        window = Window(bought.window.start, T0 + end * HOUR)
        wanted(rig, replace(bought, window=window))
        run(rig, 3)
        assert at_site(rig)["l-one"].end == window.end
    wanted(rig)
    run(rig, 3)
    assert at_site(rig) == {}


def test_a_walk_in_gets_a_held_place_and_nothing_is_bought_for_it(rig) -> None:
    wanted(rig, place())
    run(rig, 3)
    booked = book(rig)
    run(rig)
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY
    assert list(at_site(rig)) == ["l-one"]
    assert places(rig) == []
    told = [event.message for event in rig.app.access.events(ADA, booked.id)]
    assert told[0].startswith("Booked spark in capacity held ahead at sky")
    rig.app.bookings.release(ADA, booked.id, rig.clock())
    run(rig)
    assert at_site(rig) == {}


def test_a_walk_in_that_stays_longer_than_its_place_prolongs_it(rig) -> None:
    wanted(rig, place(end=1.5))
    run(rig, 3)
    longer = book(rig, hours=2)
    run(rig)
    assert rig.app.bookings.get(ADA, longer.id, rig.clock()).status is BookingStatus.READY
    assert list(at_site(rig)) == ["l-one"]
    assert at_site(rig)["l-one"].end > T0 + 2 * HOUR


def test_a_walk_in_of_another_size_is_placed_as_ever(rig) -> None:
    wanted(rig, place())
    run(rig, 3)
    booked = book(rig, seats=3)
    run(rig)
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY
    assert f"l-{booked.id[2:]}" in at_site(rig)


def test_a_booking_goes_where_nothing_has_to_give_way_for_it(rig) -> None:
    wanted(rig, place(end=8))
    run(rig, 3)
    before = at_site(rig)["l-one"]
    book(rig, start=T0 + HOUR)
    run(rig, 3)
    assert at_site(rig)["l-one"] == before


def test_a_firm_booking_always_wins(rig) -> None:
    wanted(rig, place("l-one"), place("l-two"), place("l-three"))
    run(rig, 3)
    assert len(at_site(rig)) == 3
    booked = book(rig, seats=6, start=T0 + HOUR)
    run(rig, 3)
    ends = sorted(window.end for name, window in at_site(rig).items() if name.startswith("l-t") or name == "l-one")
    assert min(ends) <= T0 + HOUR
    rig.clock.advance(HOUR - 3 * MINUTE)
    run(rig, 240)
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY


def test_what_a_booking_stands_on_is_never_touched(rig) -> None:
    booked = book(rig)
    run(rig)
    before = at_site(rig)
    wanted(rig, *(place(f"l-{number}") for number in range(9)))
    run(rig)
    assert before.items() <= at_site(rig).items()
    wanted(rig)
    run(rig)
    assert at_site(rig) == before
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY


def test_more_places_than_there_is_room_for_wait_for_it(rig) -> None:
    wanted(rig, *(place(f"l-{number}") for number in range(9)))
    run(rig)
    held = [each for each in places(rig) if each.bought]
    assert 0 < len(held) == len(at_site(rig)) < 9
    assert len(places(rig)) == 9


def test_a_drained_site_is_bought_nothing_at(rig) -> None:
    rig.app.catalogue.set_drained("sky", rig.clock())
    wanted(rig, place())
    run(rig)
    assert at_site(rig) == {}


def test_a_site_that_refuses_the_lease_is_asked_again_and_then_left(rig) -> None:
    rig.faults["sky"].fail("hold", NoRoom("A competitor has it."), subject="l-one", times=99)
    wanted(rig, place())
    for _ in range(40):
        rig.clock.advance(MINUTE)
        rig.tick()
    assert places(rig) == []
    with rig.app.database.read() as unit:
        assert not [c for c in unit.claims.current("sky", rig.clock()) if c.holder is Holder.PLAN]


@pytest.mark.parametrize("points", range(14))
def test_killed_anywhere_it_goes_on_where_it_was(sqlite_rig, points) -> None:
    rig = sqlite_rig
    wanted(rig, place())
    rig.fuse.light(points)
    with suppress(Killed):
        run(rig, 3)
    rig.restart()
    run(rig, 3)
    assert list(at_site(rig)) == ["l-one"]
    assert [each.id for each in places(rig)] == ["l-one"]


@pytest.fixture
def sqlite_rig(sqlite_url: str):
    made = Rig(sqlite_url)
    yield made
    made.close()
