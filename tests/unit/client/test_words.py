from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.support.standin import booking_json

from almanac.client import words
from almanac.client.models import Booking
from almanac.client.transport import read

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)


def booking(**more) -> Booking:
    return read(Booking, booking_json(**more))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-5, "0 s"), (45, "45 s"), (60, "1 min"), (5400, "1 h 30 min"), (93784, "1 d 2 h"), (3601, "1 h 1 s")],
)
def test_lengths(seconds, text):
    assert words.length(timedelta(seconds=seconds)) == text


def test_times_are_local_and_say_their_zone():
    assert words.local(NOW, ZoneInfo("Europe/Berlin")) == "Tue 1 Dec 2026 09:00 CET"
    assert words.local(NOW + timedelta(seconds=5), UTC) == "Tue 1 Dec 2026 08:00:05 UTC"


def test_times_in_tables_are_brief():
    this_year = datetime.now(UTC).year
    assert words.brief(NOW.replace(year=this_year), UTC).endswith(" 1 Dec 08:00")
    assert words.brief(NOW.replace(year=this_year + 1), UTC).endswith(f" 1 Dec {this_year + 1} 08:00")


@pytest.mark.parametrize(("name", "shown"), [("Europe/Berlin", "CET"), ("Asia/Tokyo", "JST"), ("", "UTC")])
def test_the_readers_zone_is_tz(monkeypatch, name, shown):
    monkeypatch.setenv("TZ", name)
    assert words.local(NOW).endswith(shown)


@pytest.mark.parametrize(("mib", "text"), [(512, "512 MiB"), (1024, "1 GiB"), (7680, "7.5 GiB")])
def test_memory(mib, text):
    assert words.memory(mib) == text


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"status": "booked"}, "booked, starts Tue 1 Dec 2026 09:00 UTC (in 1 h)"),
        ({"status": "booked", "start": "2026-12-01T07:00:00Z"}, "booked"),
        ({"status": "building", "progress": {"done": 1, "total": 5, "doing": "waiting"}}, "being built: waiting"),
        ({"status": "building"}, "being built"),
        ({"status": "ready"}, "ready until Tue 1 Dec 2026 11:00 UTC (3 h left)"),
        ({"status": "failed", "reason": "no Java"}, "failed: no Java"),
        ({"status": "failed"}, "failed"),
        ({"status": "ended"}, "ended"),
    ],
)
def test_what_a_booking_is_doing(monkeypatch, told, text):
    monkeypatch.setenv("TZ", "UTC")
    assert words.state(booking(**told), NOW) == text


def test_every_status_has_words():
    from almanac.core.bookings import BookingStatus

    assert set(words.EXPLAINED) == set(BookingStatus)
