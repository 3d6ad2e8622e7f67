"""What was refused or waits, counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from almanac.core.unmet import Got, Want, left_wanting
from almanac.core.windows import Window

T0 = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def want(asked: float = 0, start: float = 0, hours: float = 2, person: str = "ada", profile: str = "spark") -> Want:
    return Want(person, profile, 1, T0 + asked * HOUR, Window.lasting(T0 + start * HOUR, hours * HOUR))


def got(asked: float, start: float, person: str = "ada", profile: str = "spark") -> Got:
    return Got(person, profile, T0 + asked * HOUR, T0 + start * HOUR)


def windows(wants, *booked) -> list[tuple[float, float]]:
    return [((w.window.start - T0) / HOUR, (w.window.end - T0) / HOUR) for w in left_wanting(wants, booked)]


def test_who_gets_nothing_wanted_it_all_the_time() -> None:
    assert windows([want()]) == [(0, 2)]


def test_who_gets_it_later_wanted_it_until_then() -> None:
    assert windows([want()], got(0.5, 1)) == [(0, 1)]


def test_who_gets_it_at_once_after_all_wanted_nothing_more() -> None:
    assert windows([want()], got(0.1, 0)) == []


def test_who_asks_again_or_waits_is_one_who_wants() -> None:
    assert windows([want(), want(asked=0.5, start=0.5)]) == [(0, 0.5), (0.5, 2.5)]


def test_other_people_profiles_and_earlier_bookings_end_nothing() -> None:
    others = (got(0.5, 1, person="bea"), got(0.5, 1, profile="notebook"), got(-1, 1), got(0.5, 3))
    assert windows([want()], *others) == [(0, 2)]
