"""Whole runs on small made traces: who gets what, and that nobody looks ahead."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.support.traffic import MONDAY, made, usual_week

import almanac.services
import almanac.simulation
from almanac.core.demand import Sessions
from almanac.simulation.baselines import Clairvoyant, Reactive, Static
from almanac.simulation.comparison import compare, least
from almanac.simulation.engine import Engine
from almanac.simulation.market import Market
from almanac.simulation.ours import Almanac, Dials
from almanac.simulation.plot import save
from almanac.simulation.traffic import Block, Traffic, Workshop, traffic

MARKET = Market()
PLANNED = Market(on_demand_cap=4, lead_s=2 * 3600)


def few(*arrivals: int, size: int = 1) -> Traffic:
    count = len(arrivals)
    ones = np.ones(count, np.int64)
    return traffic(Sessions(MONDAY, np.array(arrivals), 3600 * ones, size * ones, np.arange(count)))


def waits(found: Traffic, policy, market: Market = MARKET) -> list[int]:
    engine = Engine(found, market, policy)
    engine.run()
    return engine.waited


def test_a_session_waits_for_a_start_and_the_next_one_finds_it_ready():
    assert waits(few(3600, 9000), Static(1)) == [0, 0]
    first, second = waits(few(3600, 3600), Reactive(1))
    assert first == 0
    assert second > 0
    assert waits(few(3600, 3600), Clairvoyant(few(3600, 3600), MARKET)) == [0, 0]


def test_who_waits_too_long_leaves():
    assert waits(few(3600, 3660, 7200 - 60), Static(1)) == [0, -1, 60]


def test_a_quota_of_nothing_rejects_everybody():
    found = few(3600, 7200)
    result = Engine(found, Market(quota=0), Reactive(2)).run()
    assert (result.rejected, result.slot_hours, result.p99_wait_s) == (1.0, 0.0, 0.0)


def test_workshops_are_those_who_come_in_crowds_and_are_booked_hour_by_hour():
    found = traffic(made(6))
    assert [workshop.blocks[0].start for workshop in found.workshops] == [(1 * 24 + 10) * 3600, (4 * 24 + 10) * 3600]
    assert all(max(block.slots for block in workshop.blocks) == 20 for workshop in found.workshops)
    assert (found.booking >= 0).sum() == 40
    assert traffic(made(6), booked=0).workshops == ()


def test_leases_under_a_booking_add_up_to_it():
    workshop = Workshop(0, (Block(0, 60, 3), Block(60, 120, 5), Block(120, 180, 2), Block(180, 240, 4)))
    layers = workshop.layers()
    for block in workshop.blocks:
        assert sum(each.slots for each in layers if each.start <= block.start < each.end) == block.slots


def test_people_with_a_booking_start_at_once_whatever_else_goes_on():
    found = traffic(made(20, rate=1.0))
    engine = Engine(found, MARKET, Reactive(0))
    engine.run()
    assert {wait for wait, booking in zip(engine.waited, found.booking, strict=True) if booking >= 1} == {0}


def test_a_booking_that_does_not_fit_the_quota_comes_unbooked():
    found = traffic(made(6))
    engine = Engine(found, Market(quota=10), Reactive(2))
    engine.run()
    assert not any(engine.booked)


@pytest.mark.parametrize("market", [MARKET, PLANNED], ids=["on demand", "planned"])
def test_ours_keeps_its_promise_and_costs_less_than_the_others(market):
    found = traffic(made(24, rate=10.0))
    table = compare(found, market, usual_week, 0, Dials(at_once=0.98))
    rows = table.rows
    assert rows["almanac"].at_once > 0.95
    assert rows["almanac"].slot_hours < rows["static_equal"].slot_hours <= rows["static_peak"].slot_hours
    assert rows["clairvoyant"].slot_hours < rows["almanac"].slot_hours
    assert rows["static_peak"].at_once == rows["clairvoyant"].at_once == 1.0


def test_plans_are_bought_where_slots_on_demand_are_few():
    found = traffic(made(18, rate=12.0))
    engine = Engine(found, PLANNED, Almanac(PLANNED, usual_week, 0))
    engine.run()
    late = found.sessions.arrival > 9 * 86400
    waited = np.array(engine.waited)[late]
    assert (waited == 0).mean() > 0.95


def test_the_same_seed_gives_the_same_result():
    found = traffic(made(10))
    first, second = (Engine(found, MARKET, Almanac(MARKET, usual_week, 0)).run() for _ in range(2))
    assert first.held.tolist() == second.held.tolist()
    assert first.slot_hours == second.slot_hours


@pytest.mark.parametrize("market", [MARKET, PLANNED], ids=["on demand", "planned"])
def test_shuffling_the_future_changes_no_past_decision(market):
    """Two traces that are the same for ten days: every minute of these, the same is held."""
    cut = 10 * 86400
    one, other = (decided(shuffled(made(14), cut, seed), market) for seed in (1, 2))
    assert one[: cut // 60].tolist() == other[: cut // 60].tolist()
    assert one.tolist() != other.tolist()


def decided(sessions: Sessions, market: Market) -> np.ndarray:
    return Engine(traffic(sessions).unbooked(), market, Almanac(market, usual_week, 0)).run().held


def shuffled(sessions: Sessions, cut: int, seed: int) -> Sessions:
    random = np.random.default_rng(seed)
    arrival = sessions.arrival.copy()
    late = arrival > cut
    arrival[late] = np.sort(random.integers(cut + 1, arrival[-1] + 1, late.sum()))
    return Sessions(sessions.origin, arrival, sessions.duration, sessions.size, sessions.group)


def test_who_knows_the_future_lets_nobody_wait_and_holds_little():
    found = traffic(made(8)).unbooked()
    result = Engine(found, MARKET, Clairvoyant(found, MARKET)).run()
    assert result.at_once == 1
    assert result.utilisation > 0.8


def test_bisection_finds_the_least_that_is_enough():
    tried: list[int] = []

    def play(number: int) -> int:
        tried.append(number)
        return number

    found: Callable = least  # numbers stand for results
    assert found(play, lambda number: number >= 37, 100) == 37
    assert found(play, lambda _: False, 100) == 100
    assert len(tried) < 20


def test_the_plot_is_saved(tmp_path):
    found = traffic(made(10))
    results = {"clairvoyant": Engine(found.unbooked(), MARKET, Clairvoyant(found, MARKET)).run()}
    save(results, datetime(2026, 5, 4, tzinfo=UTC), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


DECISIONS = {
    "standby.py": {
        ("almanac.core.standing", "Outlook"),
        ("almanac.core.standing", "change"),
        ("almanac.core.standing", "steady"),
        ("almanac.core.headroom", "Aim"),
        ("almanac.core.headroom", "arrivals_quantile"),
        ("almanac.core.headroom", "expected_rate"),
    },
    "planning.py": {("almanac.planning.planner", "plan"), ("almanac.core.plan", "Problem")},
    "expecting.py": {("almanac.core.demand", "persisting")},
}
"""What the running Almanac decides by, and where."""


def imported(package, file: str) -> set[tuple[str | None, str]]:
    tree = ast.parse((Path(package.__file__).parent / file).read_text())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {(node.module, alias.name) for node in found for alias in node.names}


@pytest.mark.parametrize("service", DECISIONS)
def test_the_simulation_decides_by_what_the_running_almanac_decides_by(service):
    """Its policy asks the core's functions and the planner; it has no solver and no statistics of its own."""
    assert imported(almanac.services, service) >= DECISIONS[service]
    assert imported(almanac.simulation, "ours.py") >= DECISIONS[service]


@pytest.mark.parametrize(("package", "file"), [(almanac.simulation, "booking.py"), (almanac.services, "making.py")])
def test_bookings_are_admitted_by_the_cores_placement(package, file):
    names = {name for module, name in imported(package, file) if module == "almanac.core.placement"}
    assert {"Candidate", "Offer", "Request"} <= names
