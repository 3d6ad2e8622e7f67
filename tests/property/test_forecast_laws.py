"""Whatever the history: quantiles are finite, rise and aren't below nothing; and no forecast knows what comes after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.core.demand import Sessions
from almanac.forecasting.forecast import forecast
from almanac.forecasting.score import profile, shadow
from almanac.forecasting.series import Series, concurrency

START = datetime(2026, 2, 16, 3, tzinfo=UTC)
LEVELS = (0.5, 0.9, 0.99)


@st.composite
def histories(draw):
    hours = draw(st.integers(0, 900))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([0.01, 0.3, 5.0, 4000.0]))
    values = rng.gamma(draw(st.sampled_from([0.05, 1.0, 30.0])), scale, hours).round(draw(st.integers(0, 3)))
    known = rng.random(hours) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    return Series(START, values, known)


@settings(max_examples=60)
@given(histories(), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]), st.integers(1, 400))
def test_any_history_gives_sane_quantiles(history, local, hours):
    ahead = forecast(history, hours, LEVELS, local)
    assert ahead.quantiles.shape == (hours, 3)
    assert np.isfinite(ahead.quantiles).all()
    assert (ahead.quantiles >= 0).all()
    assert (np.diff(ahead.quantiles, axis=1) >= 0).all()
    assert ahead.start == history.end


@settings(max_examples=25)
@given(histories(), st.integers(0, 900), st.integers(0, 2**32))
def test_shuffling_the_future_changes_no_past_forecast(series, origin, seed):
    origin = min(origin, len(series))
    order = origin + np.random.default_rng(seed).permutation(len(series) - origin)
    order = np.concatenate((np.arange(origin), order))
    shuffled = Series(series.start, series.values[order], series.known[order])
    for model in (profile, shadow):
        np.testing.assert_array_equal(model(series.until(origin), LEVELS), model(shuffled.until(origin), LEVELS))


rows = st.tuples(st.integers(0, 40_000), st.integers(1, 20_000), st.integers(1, 5))


@given(st.lists(rows, min_size=1, max_size=25))
def test_concurrency_equals_counting_every_second_that_matters(found):
    found.sort()
    arrival, duration, size = (np.array(column, np.int64) for column in zip(*found, strict=True))
    series = concurrency(Sessions(START, arrival, duration, size, np.zeros_like(size)))
    shift = int((series.start - START) / timedelta(seconds=1))
    for hour, most in enumerate(series.values):
        begin = shift + hour * 3600
        instants = [begin, *(at for at in arrival.tolist() if begin <= at < begin + 3600)]
        assert most == max(size[(arrival <= at) & (at < arrival + duration)].sum() for at in instants)
