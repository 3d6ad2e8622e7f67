"""Demand by the hour, from what bookings used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from almanac.core.demand_hours import DemandHour, Kind, Use, by_the_hour, floor_hour, places
from almanac.core.windows import Window

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = Window.lasting(MONDAY, 24 * HOUR)


def use(start: float, end: float, size: int = 1, ahead: float = 0, profile: str = "spark") -> Use:
    window = Window(MONDAY + start * HOUR, MONDAY + end * HOUR)
    return Use(profile, size, window.start - ahead * HOUR, window)


def hour(at: int, peak: int, arrivals: int, kind: Kind = Kind.WALK_IN, profile: str = "spark") -> DemandHour:
    return DemandHour(profile, kind, MONDAY + at * HOUR, peak, arrivals)


def test_what_overlaps_is_counted_together_and_arrives_once() -> None:
    found = by_the_hour([use(1.5, 3.25), use(2.5, 2.75, size=2)], DAY)
    assert found == [hour(1, 1, 1), hour(2, 3, 2), hour(3, 1, 0)]


def test_one_may_follow_another_on_the_same_place() -> None:
    assert by_the_hour([use(1, 1.5), use(1.5, 2)], DAY) == [hour(1, 1, 2)]


def test_booked_and_walk_in_and_profiles_are_told_apart() -> None:
    found = by_the_hour([use(1, 2, ahead=1), use(1, 2, ahead=0.99), use(1, 2, profile="notebook")], DAY)
    assert found == [
        hour(1, 1, 1, profile="notebook"),
        hour(1, 1, 1, Kind.BOOKED),
        hour(1, 1, 1),
    ]


def test_what_began_before_is_in_use_and_what_goes_on_is_cut() -> None:
    found = by_the_hour([use(-2, 1), use(23.5, 30)], DAY)
    assert found == [hour(0, 1, 0), hour(23, 1, 1)]


def test_parts_of_a_second_are_not_lost() -> None:
    window = Window(MONDAY + timedelta(microseconds=1), MONDAY + timedelta(microseconds=2))
    assert by_the_hour([Use("spark", 1, MONDAY, window)], DAY) == [hour(0, 1, 1)]


def test_without_any_use_there_is_no_hour() -> None:
    assert by_the_hour([], DAY) == []


def test_a_larger_cluster_is_several_places() -> None:
    assert [places(nodes, 2) for nodes in (1, 2, 3, 4)] == [1, 1, 2, 2]


def test_hours_are_full_ones_in_utc() -> None:
    late = datetime.fromisoformat("2026-03-02T01:59:59+01:30")
    assert floor_hour(late) == MONDAY
