from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from almanac.core.errors import BadWindow
from almanac.core.windows import Window, utc

TEN = datetime(2026, 5, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_time_without_a_zone_is_refused_with_what_would_work():
    with pytest.raises(BadWindow, match="no time zone") as caught:
        utc(datetime(2026, 5, 4, 10))  # noqa: DTZ001
    assert "2026-05-04T10:00Z" in caught.value.hint
    assert caught.value.status == 422


def test_times_are_brought_to_utc():
    paris = timezone(timedelta(hours=2))
    window = Window(datetime(2026, 5, 4, 12, tzinfo=paris), datetime(2026, 5, 4, 13, tzinfo=paris))
    assert window == Window(TEN, TEN + HOUR)
    assert window.start.tzinfo is UTC


@pytest.mark.parametrize("end", [TEN, TEN - HOUR])
def test_a_window_ends_after_it_starts(end):
    with pytest.raises(BadWindow, match="not after the start"):
        Window(TEN, end)


def test_back_to_back_windows_share_no_instant():
    first, second = Window(TEN, TEN + HOUR), Window(TEN + HOUR, TEN + 2 * HOUR)
    assert not first.overlaps(second)
    assert not second.overlaps(first)
    assert not first.contains(second.start)
    assert second.contains(second.start)


def test_overlaps_is_about_instants_not_about_ends():
    long = Window(TEN, TEN + 4 * HOUR)
    inside = Window(TEN + HOUR, TEN + 2 * HOUR)
    assert long.overlaps(inside)
    assert inside.overlaps(long)


def test_padded_and_lasting():
    assert Window.lasting(TEN, HOUR).padded(HOUR, 2 * HOUR) == Window(TEN - HOUR, TEN + 3 * HOUR)
    assert Window.lasting(TEN, HOUR).duration == HOUR
