"""The status that people see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.bookings import Booking, BookingStatus, BookingTarget, Phase, status
from almanac.core.windows import Window

T0 = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = Window(T0, T0 + 60 * MINUTE)


def booking(target: BookingTarget) -> Booking:
    claim = WINDOW.padded(MINUTE, MINUTE)
    expires_at = T0 - 30 * MINUTE if target is BookingTarget.OFFERED else None
    return Booking("b-1", "gaia", "ada", "p", "local", 1, 2, WINDOW, claim, target, T0 - 60 * MINUTE, expires_at)


CASES = [
    (BookingTarget.OFFERED, None, -40, BookingStatus.OFFERED),
    (BookingTarget.OFFERED, None, -30, BookingStatus.EXPIRED),
    (BookingTarget.CONFIRMED, None, -10, BookingStatus.BOOKED),
    (BookingTarget.CONFIRMED, Phase.ABSENT, -10, BookingStatus.BOOKED),
    (BookingTarget.CONFIRMED, Phase.ABSENT, -1, BookingStatus.BUILDING),
    (BookingTarget.CONFIRMED, Phase.STARTING, -1, BookingStatus.BUILDING),
    (BookingTarget.CONFIRMED, Phase.READY, -1, BookingStatus.READY),
    (BookingTarget.CONFIRMED, Phase.READY, 59, BookingStatus.READY),
    (BookingTarget.CONFIRMED, Phase.READY, 60, BookingStatus.ENDING),
    (BookingTarget.CONFIRMED, Phase.GONE, 60, BookingStatus.ENDED),
    (BookingTarget.RELEASED, Phase.STOPPING, 10, BookingStatus.ENDING),
    (BookingTarget.RELEASED, Phase.GONE, 10, BookingStatus.ENDED),
    (BookingTarget.RELEASED, Phase.FAILED, 10, BookingStatus.FAILED),
    (BookingTarget.CANCELLED, Phase.GONE, -10, BookingStatus.CANCELLED),
]


@pytest.mark.parametrize(("target", "phase", "minute", "expected"), CASES)
def test_status(target, phase, minute, expected):
    assert status(booking(target), phase, T0 + minute * MINUTE) is expected
