"""What others leave of a site, in places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from almanac.core.plan_room import Taken, room
from almanac.core.resources import Resources
from almanac.core.windows import Window

T0 = datetime(2026, 5, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SITE = Resources(cores=10, memory_mib=100, disk_gib=1000)
PLACE = Resources(cores=2, memory_mib=10)


def taken(first: float, last: float, **resources: int) -> Taken:
    return Taken("sky", Window(T0 + first * HOUR, T0 + last * HOUR), Resources(**resources), "b-1")


def test_the_scarcest_of_what_a_place_needs_counts():
    assert room(SITE, PLACE, [], T0, 2) == (5, 5)
    assert room(SITE, PLACE, [taken(0, 1, memory_mib=85)], T0, 2) == (1, 5)
    assert room(SITE, PLACE, [taken(0, 1, disk_gib=1000)], T0, 2) == (5, 5)


def test_an_hour_that_is_touched_is_taken():
    assert room(SITE, PLACE, [taken(-3, 0.5, cores=3), taken(1.5, 9, cores=1)], T0, 3) == (3, 4, 4)


def test_more_than_there_is_leaves_nothing():
    assert room(SITE, PLACE, [taken(0, 1, cores=30)], T0, 1) == (0,)
