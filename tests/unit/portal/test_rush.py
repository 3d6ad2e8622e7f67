"""The busy hours of a forecast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.windows import Window
from almanac.portal.rush import rushes, within

T0 = datetime(2027, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(first: float, last: float) -> Window:
    return Window(T0 + first * HOUR, T0 + last * HOUR)


@pytest.mark.parametrize(
    ("middle", "found"),
    [
        ([], []),
        ([0.4, 0.0], []),
        ([0.2, 0.6, 0.5], [span(1, 3)]),
        ([9, 4, 5, 0, 8], [span(0, 1), span(2, 3), span(4, 5)]),
    ],
)
def test_what_is_at_least_half_as_busy_as_the_busiest_hour_is_a_rush(middle, found):
    assert rushes(T0, middle) == found


def test_a_rush_is_cut_to_the_day():
    assert within([span(-5, 1), span(3, 4), span(9, 30), span(24, 25)], span(0, 24)) == [
        span(0, 1),
        span(3, 4),
        span(9, 24),
    ]
