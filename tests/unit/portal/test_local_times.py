"""Instants as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from almanac.core.errors import BadRequest
from almanac.portal.local_times import LocalTimes, known_zone

NOW = datetime(2027, 3, 27, 22, 30, tzinfo=UTC)
MADRID = LocalTimes(ZoneInfo("Europe/Madrid"), NOW)
"""23:30 on the eve of the day on which the clocks go forward."""


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (timedelta(0), "today 23:30"),
        (timedelta(hours=1), "tomorrow 00:30"),
        (timedelta(hours=3), "tomorrow 03:30"),
        (timedelta(hours=-24), "yesterday 23:30"),
        (timedelta(days=3), "Wed 31 Mar 00:30"),
        (timedelta(days=300), "Fri 21 Jan 2028 23:30"),
    ],
)
def test_a_moment_is_told_in_near_words(after, says):
    assert MADRID.moment(NOW + after) == says


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Extended to 2027-03-28 02:30 UTC.", "Extended to tomorrow 04:30."),
        ("No room from 2027-03-29 09:00 to 11:00 UTC.", "No room from Mon 29 Mar 11:00 to 13:00."),
        ("From 2027-03-27 22:59:54 to 2027-03-28 01:00:10 UTC: 2 cores", "From today 23:59 to tomorrow 03:00: 2 cores"),
        ("The offer expired at 09:52 UTC.", "The offer expired at 09:52 UTC."),
        ("Run 2027-03-28 02:30", "Run 2027-03-28 02:30"),
        ("Run 2027-99-99 99:99 UTC", "Run 2027-99-99 99:99 UTC"),
        ("Run 9999-12-31 23:59 UTC", "Run 9999-12-31 23:59 UTC"),
    ],
)
def test_a_services_sentence_is_told_on_this_clock(said, told):
    assert MADRID.told(said) == told


def test_a_span_names_the_second_day_only_where_it_is_another():
    assert MADRID.span(NOW - timedelta(hours=2), NOW) == "today 21:30 to 23:30"
    assert MADRID.span(NOW, NOW + timedelta(hours=1)) == "today 23:30 to tomorrow 00:30"


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (-5, "at once"),
        (1, "at once"),
        (3, "in about 5 s"),
        (12, "in about 10 s"),
        (59, "in about 60 s"),
        (95, "in about 2 min"),
        (1799, "in about 30 min"),
        (1800, "tomorrow at 00:00"),
        (-1, "at once"),
    ],
)
def test_a_wait_is_no_more_exact_than_it_can_be(seconds, says):
    assert MADRID.wait(NOW + timedelta(seconds=seconds)) == says


def test_a_wait_of_hours_is_a_time():
    assert (
        LocalTimes(ZoneInfo("UTC"), datetime(2027, 3, 1, 8, tzinfo=UTC)).wait(NOW.replace(day=1, hour=9)) == "at 09:30"
    )


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("", None),
        ("  ", None),
        ("2027-03-28T01:30", datetime(2027, 3, 28, 0, 30, tzinfo=UTC)),
        ("2027-03-28T02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # skipped by the clocks
        ("2027-03-28T09:00", datetime(2027, 3, 28, 7, tzinfo=UTC)),
        ("2027-03-28T09:00+00:00", datetime(2027, 3, 28, 9, tzinfo=UTC)),
    ],
)
def test_a_field_is_read_in_its_persons_zone(written, means):
    assert MADRID.read(written) == means


@pytest.mark.parametrize("written", ["soon", "2027-02-30T10:00", "9999-99-99", "0001-01-01T00:00+14:00"])
def test_what_is_no_time_is_refused_in_words(written):
    with pytest.raises(BadRequest, match="is not a time"):
        MADRID.read(written)


def test_a_field_shows_what_it_would_read():
    assert MADRID.read(MADRID.field(NOW)) == NOW


@pytest.mark.parametrize(
    ("names", "zone"),
    [
        (("Asia/Tokyo", "Europe/Madrid"), "Asia/Tokyo"),
        (("", "Europe/Madrid"), "Europe/Madrid"),
        (("../etc/passwd", ""), "UTC"),
        (("x" * 500,), "UTC"),
    ],
)
def test_the_zone_is_the_first_that_there_is(names, zone):
    assert known_zone(*names).key == zone


@pytest.mark.parametrize("zone", ["", "Europe/Madrid", "Africa/Ceuta"])
def test_a_place_with_the_same_time_needs_no_clock_of_its_own(zone):
    assert MADRID.beside(zone) is None


def test_elsewhere_it_is_another_day():
    there = MADRID.beside("Asia/Tokyo")
    assert there is not None
    assert there.span(NOW + timedelta(hours=1), NOW + timedelta(hours=3)) == "today 08:30 to 10:30"
    assert MADRID.span(NOW + timedelta(hours=1), NOW + timedelta(hours=2)) == "tomorrow 00:30 to 01:30"
