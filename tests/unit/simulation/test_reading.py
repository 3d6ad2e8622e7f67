"""Traces as the simulation plays them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almanac.core.errors import BadRequest
from almanac.forecasting.series import Series
from almanac.simulation.reading import load, product_forecaster, spread

MONDAY = datetime(2026, 5, 4, tzinfo=UTC)


def test_each_hour_gets_as_many_sessions_as_it_asked_for():
    hourly = Series(MONDAY, np.array([3.0, 0.0, 5.0]), np.array([True, True, False]))
    found = spread(hourly, timedelta(minutes=30), seed=1)
    assert len(found) == 3
    assert (found.arrival < 3600).all()
    assert set(found.duration) == {1800}


def test_hours_without_demand_are_no_trace():
    with pytest.raises(BadRequest, match="nothing was asked for"):
        spread(Series(MONDAY, np.zeros(3), np.ones(3, np.bool_)), timedelta(hours=1), seed=1)


def test_the_first_hour_is_local(tmp_path):
    path = tmp_path / "sessions.csv"
    path.write_text("arrival,duration_s\n2026-05-04T00:10:00Z,600\n2026-05-04T02:10:00Z,600\n")
    assert load(path).first_hour % 168 == 0
    assert load(path, local="Europe/Berlin").first_hour % 168 == 2


def test_the_forecast_is_the_products():
    assert product_forecaster()(np.ones(400), 0, (0.5, 0.9)).shape == (168, 2)
