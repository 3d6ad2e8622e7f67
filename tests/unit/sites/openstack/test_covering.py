"""Which leases cover an order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.windows import Window
from almanac.sites.openstack.blazar import BlazarLease
from almanac.sites.openstack.covering import Shortfall, gap, matches, shortfalls, whole_minutes

TEN = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EARLY = timedelta(seconds=20)


def span(start, end):
    return Window(TEN + start * MINUTE, TEN + end * MINUTE)


def part(start, end, amount):
    return BlazarLease("id", "name", span(start, end), "PENDING", "r", "flavor:instance", amount, False, True)


def short(parts, amount=2, now=-1):
    return shortfalls(parts, span(0, 60), amount, TEN + now * MINUTE)


def test_one_lease_covers():
    assert short([part(0, 60, 2)]) == []
    assert short([part(-5, 70, 3)]) == []


def test_nothing_covers_nothing():
    assert short([]) == [Shortfall(span(0, 60), 2)]


def test_more_nodes_and_more_time_are_what_is_missing():
    assert short([part(0, 60, 1)]) == [Shortfall(span(0, 60), 1)]
    assert short([part(0, 40, 2)]) == [Shortfall(span(40, 60), 2)]
    assert short([part(0, 40, 2), part(0, 60, 1)], amount=3) == [Shortfall(span(40, 60), 2)]


def test_a_joint_of_a_minute_is_no_shortfall_but_two_are():
    assert short([part(0, 30, 2), part(31, 60, 2)]) == []
    assert short([part(0, 30, 2), part(32, 60, 2)]) == [Shortfall(span(30, 32), 2)]
    assert short([part(0, 59, 2)]) == [Shortfall(span(59, 60), 2)]


def test_what_is_past_does_not_matter():
    assert short([part(30, 60, 2)], now=35) == []
    assert short([part(30, 60, 2)], now=20) == [Shortfall(span(20, 30), 2)]
    assert short([], now=60) == []


def test_windows_are_widened_to_whole_minutes():
    ragged = Window(TEN + timedelta(seconds=30), TEN + timedelta(minutes=59, seconds=1))
    assert whole_minutes(ragged, EARLY) == span(0, 60)
    assert whole_minutes(span(0, 60), EARLY) == span(-1, 60)
    assert whole_minutes(span(0, 60), timedelta(0)) == span(0, 60)


@pytest.mark.parametrize("early", [timedelta(0), EARLY, timedelta(seconds=60), timedelta(seconds=61)])
def test_the_gap_keeps_leases_of_neighbours_a_minute_apart(early):
    for seconds in range(60):
        end = TEN + timedelta(seconds=seconds)
        before = whole_minutes(Window(TEN - MINUTE, end), early)
        after = whole_minutes(Window.lasting(end + gap(early), MINUTE), early)
        assert after.start - before.end >= MINUTE


def test_a_lease_that_began_when_it_could_is_as_wanted():
    assert matches(part(5, 60, 2), span(0, 60), 2, TEN + 6 * MINUTE)
    assert not matches(part(5, 60, 2), span(0, 60), 2, TEN)
    assert not matches(part(0, 60, 2), span(0, 61), 2, TEN)
    assert not matches(part(0, 60, 2), span(0, 60), 1, TEN)
