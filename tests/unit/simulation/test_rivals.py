"""What others would have held."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from almanac.core.demand import NOBODY, Sessions
from almanac.simulation.rivals import rivals

HOUR_S = 3600
DAYS = 9


def days(together: int) -> Sessions:
    """Each day at ten so many come for an hour, a minute apart."""
    arrival = np.array([day * 24 * HOUR_S + 10 * HOUR_S + 60 * n for day in range(DAYS) for n in range(together)])
    ones = np.ones(len(arrival), np.int64)
    return Sessions(datetime(2026, 3, 2, tzinfo=UTC), arrival, HOUR_S * ones, ones, NOBODY * ones)


def test_a_static_peak_pays_for_every_hour_that_counts() -> None:
    found = rivals(days(5), 600, HOUR_S, 60, 0.5)
    assert found.first == found.hours // 3
    assert found.static_peak == 5 * (found.hours - found.first)


@pytest.mark.parametrize(("at_once", "headroom"), [(0.0, 0), (1.0, 5)])
def test_a_better_service_needs_more_headroom(at_once, headroom) -> None:
    found = rivals(days(5), 600, HOUR_S, 60, at_once)
    assert found.headroom == headroom
    assert found.at_once >= at_once
    assert found.reactive > 0


def test_headroom_costs() -> None:
    assert rivals(days(5), 600, HOUR_S, 60, 0.0).reactive < rivals(days(5), 600, HOUR_S, 60, 1.0).reactive
