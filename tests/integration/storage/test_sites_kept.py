"""Pools, drains, measured builds and who leads."""

from __future__ import annotations

from datetime import timedelta

from tests.support.samples import NOW

from almanac.storage.database import Database

TTL = timedelta(seconds=10)


def test_every_touch_makes_a_new_version(database: Database) -> None:
    with database.read() as unit:
        assert unit.sites.pool_version("local") == 0
    with database.write("local") as unit:
        assert unit.sites.pool_version("local") == 1
        assert unit.sites.touch_pool("local") == 2
        assert unit.sites.touch_pool("simulated") == 1
    with database.read() as unit:
        assert (unit.sites.pool_version("local"), unit.sites.pool_version("simulated")) == (2, 1)


def test_a_site_is_drained_and_taken_back(database: Database) -> None:
    with database.write() as unit:
        assert unit.sites.drained("local") is None
        unit.sites.set_drained("local", NOW)
        assert unit.sites.drained("local") == NOW
        assert unit.sites.drained("simulated") is None
        unit.sites.set_drained("local", None)
        assert unit.sites.drained("local") is None


def test_builds_are_remembered_latest_first(database: Database) -> None:
    with database.write() as unit:
        for seconds in (3.5, 2.25, 1.0):
            unit.sites.record_build("local", "spark-small", seconds, NOW)
        unit.sites.record_build("local", "spark-large", 99.0, NOW)
        assert unit.sites.build_seconds("local", "spark-small") == [1.0, 2.25, 3.5]
        assert unit.sites.build_seconds("local", "spark-small", limit=2) == [1.0, 2.25]
        assert unit.sites.build_seconds("simulated", "spark-small") == []


def test_a_leader_leads_while_it_beats(database: Database) -> None:
    with database.write() as unit:
        assert unit.sites.lead("loop", "first", NOW, TTL)
        assert not unit.sites.lead("loop", "second", NOW + TTL / 2, TTL)
        assert unit.sites.lead("loop", "first", NOW + TTL / 2, TTL)
        assert not unit.sites.lead("loop", "second", NOW + TTL, TTL)
        assert unit.sites.lead("planner", "second", NOW, TTL)


def test_another_leads_once_the_leader_is_silent_or_resigns(database: Database) -> None:
    with database.write() as unit:
        assert unit.sites.lead("loop", "first", NOW, TTL)
        assert unit.sites.lead("loop", "second", NOW + TTL, TTL)
        assert not unit.sites.lead("loop", "first", NOW + TTL, TTL)
        unit.sites.resign("loop", "first")
        assert not unit.sites.lead("loop", "first", NOW + TTL, TTL)
        unit.sites.resign("loop", "second")
        assert unit.sites.lead("loop", "first", NOW + TTL, TTL)
