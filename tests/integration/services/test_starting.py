"""What could be started now, and when it would be ready."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.rig import ADA, PROFILES, Rig

from almanac.services.requests import BookingRequest

HOUR = timedelta(hours=1)


@pytest.fixture
def rig(sqlite_url: str) -> Iterator[Rig]:
    rig = Rig(sqlite_url, [replace(profile, warm=0) for profile in PROFILES])
    yield rig
    rig.close()


def start_of(rig: Rig, profile: str, lasts: timedelta = HOUR):
    return next(one for one in rig.app.starting.starts(ADA, lasts, rig.clock()) if one.profile.name == profile)


def test_what_starts_now_is_ready_after_its_build(rig):
    found, now = start_of(rig, "spark"), rig.clock()
    made = rig.app.bookings.book(ADA, BookingRequest("spark", HOUR), now)
    assert found.offer is not None
    assert found.offer.site == made.site
    assert now < found.ready_at == made.eta


def test_a_warm_cluster_is_ready_at_once(sqlite_url):
    rig = Rig(sqlite_url)
    for _ in range(20):
        rig.tick()
    assert start_of(rig, "notebook").ready_at == rig.clock()
    rig.close()


def test_what_is_full_is_ready_by_its_start(rig):
    now = rig.clock()
    while start_of(rig, "notebook").offer.start <= now:
        rig.app.bookings.book(ADA, BookingRequest("notebook", HOUR), now)
    later = start_of(rig, "notebook")
    assert later.ready_at == later.offer.start > now + HOUR


def test_a_length_beyond_the_profiles_is_cut(rig):
    found = start_of(rig, "notebook", timedelta(hours=9))
    assert found.offer.end - found.offer.start == timedelta(hours=4)


def test_trouble_is_told_and_other_profiles_are_offered(rig):
    rig.grant("sky", 1)
    rig.grant("cave", 1)
    found = start_of(rig, "spark", timedelta(hours=2))
    assert found.offer is None
    assert found.trouble
    assert start_of(rig, "notebook").offer is not None
