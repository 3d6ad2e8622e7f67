"""Bookings, kept and found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.samples import HOUR, NOW, a_booking, hours

from almanac.core.bookings import BookingTarget
from almanac.core.errors import NotFound
from almanac.core.windows import Window
from almanac.storage.database import Database

SECOND = timedelta(seconds=1)
OFFERED, CONFIRMED, CANCELLED, RELEASED = BookingTarget


def found(database: Database, **conditions: Any) -> list[str]:
    with database.read() as unit:
        return [booking.id for booking in unit.bookings.list(**conditions)]


@pytest.fixture
def calendar(peopled: Database) -> Database:
    """Five bookings: of two people, in two projects, at two sites, with every target."""
    with peopled.write() as unit:
        unit.bookings.add(a_booking("b-late", window=hours(5, 6)))
        unit.bookings.add(a_booking("b-b", owner="grace", window=hours(1, 3)))
        unit.bookings.add(a_booking("b-a", window=hours(1, 3), site="simulated"))
        unit.bookings.add(a_booking("b-offer", target=OFFERED, expires_at=NOW + HOUR, window=hours(3, 4)))
        unit.bookings.add(a_booking("b-gone", project="euclid", target=CANCELLED, ended_at=NOW, window=hours(4, 5)))
    return peopled


@pytest.mark.parametrize(
    "booking",
    [a_booking(), a_booking(target=OFFERED, expires_at=NOW + HOUR, title=""), a_booking(ended_at=NOW, target=RELEASED)],
)
def test_a_booking_comes_back_as_it_was(peopled: Database, booking: Any) -> None:
    with peopled.write() as unit:
        unit.bookings.add(booking)
        assert unit.bookings.get("b-1") == booking
    with peopled.read() as unit:
        assert unit.bookings.get("b-1") == booking
        assert unit.bookings.get("b-2") is None


def test_all_of_a_booking_can_be_replaced(peopled: Database) -> None:
    other = a_booking(
        "b-1", project="euclid", owner="grace", profile="notebook", site="simulated", seats=1, workers=0,
        window=hours(2, 9), target=RELEASED, created_at=NOW + HOUR, ended_at=NOW, expires_at=NOW, title="",
    )  # fmt: skip
    with peopled.write() as unit:
        unit.bookings.add(a_booking())
        unit.bookings.replace(other)
    with peopled.read() as unit:
        assert unit.bookings.get("b-1") == other


def test_a_booking_that_is_not_there_can_not_be_replaced(peopled: Database) -> None:
    with pytest.raises(NotFound, match="b-9"), peopled.write() as unit:
        unit.bookings.replace(a_booking("b-9"))


@pytest.mark.parametrize(
    "wrong",
    [
        a_booking(owner="nobody"),
        a_booking(project="nothing"),
        replace(a_booking(), claim_window=hours(1.5, 4)),
    ],
)
def test_what_can_not_be_is_refused_by_the_database_itself(peopled: Database, wrong: Any) -> None:
    with pytest.raises(IntegrityError), peopled.write() as unit:
        unit.bookings.add(wrong)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["b-a", "b-b", "b-offer", "b-gone", "b-late"]),
        ({"owner": "grace"}, ["b-b"]),
        ({"project": "euclid"}, ["b-gone"]),
        ({"projects": {"gaia"}, "owner": "ada"}, ["b-a", "b-offer", "b-late"]),
        ({"projects": {"gaia", "euclid"}, "limit": 1}, ["b-a"]),
        ({"projects": ()}, []),
        ({"site": "simulated"}, ["b-a"]),
        ({"targets": {OFFERED, CANCELLED}}, ["b-offer", "b-gone"]),
        ({"targets": ()}, []),
        ({"overlapping": hours(3, 5)}, ["b-offer", "b-gone"]),
        ({"overlapping": Window(NOW + 3 * HOUR - SECOND, NOW + 3 * HOUR)}, ["b-a", "b-b"]),
        ({"after_id": "b-a", "limit": 2}, ["b-b", "b-offer"]),
        ({"after_id": "b-gone"}, ["b-late"]),
        ({"after_id": "b-late"}, []),
    ],
)
def test_bookings_are_found_by_every_condition(calendar: Database, conditions: Any, expected: list[str]) -> None:
    assert found(calendar, **conditions) == expected


def test_pages_that_begin_after_an_unknown_booking_are_refused(calendar: Database) -> None:
    with pytest.raises(NotFound, match="b-9") as refused:
        found(calendar, after_id="b-9")
    assert "first page" in refused.value.hint


def test_an_offer_expires_to_the_instant(calendar: Database) -> None:
    with calendar.read() as unit:
        assert unit.bookings.expired_offers(NOW + HOUR - SECOND) == []
        assert [booking.id for booking in unit.bookings.expired_offers(NOW + HOUR)] == ["b-offer"]


def test_bookings_are_due_from_their_start_until_they_ended(calendar: Database) -> None:
    with calendar.write() as unit:
        assert unit.bookings.due(NOW + HOUR - SECOND) == []
        assert [booking.id for booking in unit.bookings.due(NOW + HOUR)] == ["b-a", "b-b"]
        unit.bookings.replace(a_booking("b-a", window=hours(1, 3), site="simulated", ended_at=NOW + 3 * HOUR))
        assert [booking.id for booking in unit.bookings.due(NOW + 4 * HOUR)] == ["b-b"]


@pytest.mark.parametrize(
    ("owner", "project", "later", "count"),
    [
        ("ada", "gaia", 0, 3),
        ("ada", "gaia", 1, 2),
        ("ada", "gaia", 3, 1),
        ("ada", "gaia", 6, 0),
        ("ada", "euclid", 0, 0),
        ("grace", "gaia", 0, 1),
    ],
)
def test_a_quota_counts_standing_offers_and_what_is_not_over(
    calendar: Database, owner: str, project: str, later: int, count: int
) -> None:
    with calendar.read() as unit:
        assert unit.bookings.count_live(owner, project, NOW + later * HOUR) == count
