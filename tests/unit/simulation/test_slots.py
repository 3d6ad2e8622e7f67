"""What is held and paid at the simulated site, slot by slot."""

from __future__ import annotations

from heapq import heappop

import pytest

from almanac.core.errors import BadRequest
from almanac.simulation.market import HOUR_S, Market
from almanac.simulation.result import paid_hours
from almanac.simulation.slots import LEASE_OVER, LEASE_READY, READY, Slots

MARKET = Market(boot_s=600, teardown_s=60, minimum_s=3600, on_demand_cap=5, quota=8)


def play(slots: Slots, events: list, until: int) -> None:
    while events and events[0][0] <= until:
        at, kind, what = heappop(events)
        if kind == READY:
            slots.arrive(what, at)
        elif kind == LEASE_READY:
            slots.lease_ready(what)
        elif kind == LEASE_OVER:
            slots.lease_over(what)


@pytest.fixture
def events():
    return []


@pytest.fixture
def slots(events):
    return Slots(MARKET, 24 * 60, events)


def test_a_start_takes_its_time_and_is_paid_from_the_beginning(slots, events):
    slots.start(2, now=0)
    play(slots, events, 600)
    assert (slots.ready, slots.flexible) == (0, 2)
    play(slots, events, 620)
    assert slots.ready == 2
    assert paid_hours(slots.paid, 0, HOUR_S) == 2


def test_the_cap_and_the_quota_bind(slots):
    slots.buy(7200, 14400, 6)
    slots.start(7, now=0)
    assert slots.flexible == 2
    Slots(MARKET, 60, []).start(0, now=0)
    free = Slots(MARKET, 60, [])
    free.start(7, now=0)
    assert free.flexible == 5


def test_nothing_is_given_back_before_its_minimum_or_while_it_is_used(slots, events):
    slots.start(3, now=0)
    play(slots, events, 700)
    slots.give_back(3, idle=3, now=3599)
    assert slots.ready == 3
    slots.give_back(3, idle=1, now=3600)
    assert slots.ready == 2
    assert paid_hours(slots.paid, 0, 2 * HOUR_S) == pytest.approx(5 + 60 / 3600)


def test_a_lease_is_ready_at_its_start_and_its_build_is_paid(slots, events):
    slots.buy(7200, 10800, 2)
    play(slots, events, 7200)
    assert (slots.ready, slots.leased, slots.flexible) == (2, 2, 0)
    play(slots, events, 10800)
    assert (slots.ready, slots.leased, slots.flexible) == (2, 0, 2)
    slots.give_back(2, idle=2, now=10800)
    assert slots.ready == 0
    assert paid_hours(slots.paid, 0, 24 * HOUR_S) == pytest.approx(2 * (1 + (MARKET.start_s + 60) / 3600))


def test_a_lease_that_has_not_begun_is_given_back_whole_or_in_part(slots, events):
    slots.buy(7200, 10800, 3)
    slots.give_back_lease(1, 2, at=7200)
    play(slots, events, 7200)
    assert slots.ready == 1
    slots.give_back_lease(1, 1, at=9000)
    play(slots, events, 9000)
    assert (slots.leased, slots.flexible) == (0, 1)
    play(slots, events, 10800)
    assert slots.flexible == 1


def test_a_lease_goes_on(slots, events):
    slots.buy(7200, 10800, 3)
    slots.extend(1, 2, 14400)
    play(slots, events, 10800)
    assert (slots.ready, slots.leased, slots.flexible) == (3, 2, 1)
    play(slots, events, 14400)
    assert (slots.leased, slots.flexible) == (0, 3)


def test_failed_starts_are_not_held(events):
    slots = Slots(Market(failing=0.5, seed=3), 60, events)
    slots.start(100, now=0)
    play(slots, events, 1000)
    assert 25 < slots.ready == slots.flexible < 75


@pytest.mark.parametrize("change", [{"boot_s": -1}, {"quota": -1}, {"failing": 1.0}])
def test_terms_that_make_no_sense_are_refused(change):
    with pytest.raises(BadRequest, match="aren't below 0"):
        Market(**change)
