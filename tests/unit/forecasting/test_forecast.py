from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almanac.core.errors import BadRequest
from almanac.core.windows import Window
from almanac.forecasting import profile_model, seasonal_naive
from almanac.forecasting.forecast import LEVELS, forecast
from almanac.forecasting.series import Series
from almanac.forecasting.terms import Term

WEEK = 168
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def working_week(weeks, seed=0, level=20.0, noon=12):
    """Counts around a bump at noon on working days, a quarter of it on weekends."""
    hour = np.arange(weeks * WEEK)
    bump = np.exp(-((((hour - noon) % 24 - 12) ** 2 - 144) ** 2) / 8000)
    usual = 1 + level * bump * np.where(hour // 24 % 7 < 5, 1, 0.25)
    return np.random.default_rng(seed).poisson(usual).astype(float)


def known(values, start=MONDAY):
    return Series(start, values, np.ones(len(values), np.bool_))


def test_a_week_like_those_before():
    demand = working_week(13)
    ahead = forecast(known(demand[:-WEEK]))
    actual = demand[-WEEK:]
    assert ahead.start == MONDAY + timedelta(weeks=12)
    assert ahead.quantiles.shape == (WEEK, 4)
    assert np.corrcoef(ahead.at(0.5), actual)[0, 1] > 0.9
    assert 0.88 <= (actual <= ahead.at(0.95)).mean() <= 1
    assert ahead.basis == "12 weeks of history."


def test_growth_is_followed():
    demand = working_week(20) * np.repeat(1.12 ** np.arange(20), WEEK)
    ahead = forecast(known(demand[:-WEEK])).at(0.5).sum()
    assert ahead == pytest.approx(demand[-WEEK:].sum(), rel=0.06)
    assert ahead > 1.05 * demand[-2 * WEEK : -WEEK].sum(), "not only up to what has been"


def test_a_thirtyfold_spike_widens_no_other_hour():
    demand = working_week(12)
    spiked = demand.copy()
    spiked[-200] += 600
    calm, after = forecast(known(demand)), forecast(known(spiked))
    elsewhere = np.delete(np.arange(WEEK), range(WEEK - 36, WEEK - 28))
    assert after.at(0.95)[elsewhere].mean() < 1.3 * calm.at(0.95)[elsewhere].mean()


def test_an_outage_is_not_taken_for_lack_of_demand():
    demand = working_week(12)
    day = Window.lasting(MONDAY + timedelta(weeks=11, days=1), timedelta(days=1))
    dead = demand.copy()
    dead[11 * WEEK + 24 : 11 * WEEK + 48] = 0
    whole, masked, zero = (
        forecast(each).at(0.5)[24:48].sum() for each in (known(demand), known(dead).without([day]), known(dead))
    )
    assert masked == pytest.approx(whole, rel=0.1)
    assert zero < masked
    assert "24 hours are left out as unknown" in forecast(known(dead).without([day])).basis


# --- cold start ------------------------------------------------------------------------------------------------------


def test_no_history_forecasts_nothing_and_says_so():
    ahead = forecast(known(np.zeros(0)))
    assert not ahead.quantiles.any()
    assert ahead.basis == "There is no history yet: nothing is forecast, bookings and the floor count."


def test_history_without_demand():
    ahead = forecast(known(np.zeros(500)))
    assert not ahead.quantiles.any()
    assert ahead.basis.startswith("Nothing has been asked for yet")


def test_history_that_is_all_unknown():
    series = Series(MONDAY, np.ones(300), np.zeros(300, np.bool_))
    assert not forecast(series).quantiles.any()


@pytest.mark.parametrize("hours", [1, 5, 24, 60, 167, 168, 200, 335])
def test_little_history_gives_a_wide_band_around_what_is_known(hours):
    demand = working_week(3)
    ahead = forecast(known(demand[:hours]))
    mature = forecast(known(working_week(20)))
    width = lambda found: (found.at(0.95) - found.at(0.5)).mean() / max(found.at(0.5).mean(), 1)  # noqa: E731
    assert np.isfinite(ahead.quantiles).all()
    assert width(ahead) > width(mature)
    assert "history" in ahead.basis


# --- local time ------------------------------------------------------------------------------------------------------


def test_the_week_follows_the_wall_clock_over_daylight_saving():
    """New York's clocks go forward on 8 March 2026: what came at 17:00 UTC (noon there) now comes at 16:00 UTC."""
    start = datetime(2026, 1, 12, 5, tzinfo=UTC)
    hours = int((datetime(2026, 3, 8, 5, tzinfo=UTC) - start) / timedelta(hours=1))
    hour = np.arange(hours)
    demand = np.where(hour % 24 == 12, 30.0, 2.0)
    there = forecast(known(demand, start), local="America/New_York")
    peak = there.start + timedelta(hours=int(np.argmax(there.at(0.5)[24:48])) + 24)
    assert peak == datetime(2026, 3, 9, 16, tzinfo=UTC)
    here = forecast(known(demand, start))
    assert (here.start + timedelta(hours=int(np.argmax(here.at(0.5)[24:48])) + 24)).hour == 17


def test_the_hour_that_comes_twice_and_the_one_that_is_left_out_in_history():
    for start in (datetime(2026, 2, 2, tzinfo=UTC), datetime(2026, 9, 7, tzinfo=UTC)):
        ahead = forecast(known(working_week(12), start), local="Europe/Berlin")
        assert ahead.quantiles.shape == (WEEK, 4)
        assert ahead.start == start + timedelta(weeks=12)


def test_weekends_differ_by_country():
    demand = working_week(4, level=40)
    fri_sat = np.roll(demand.reshape(4, 7, 24), -1, axis=1).reshape(-1)
    ahead = forecast(known(fri_sat)).at(0.5).reshape(7, 24)
    assert set(np.argsort(ahead.sum(axis=1))[:2].tolist()) == {4, 5}


# --- terms -----------------------------------------------------------------------------------------------------------


def holiday(week, factor=1.0):
    return Term(Window.lasting(MONDAY + timedelta(weeks=week), timedelta(weeks=1)), "holiday", factor)


def test_what_a_holiday_is_like_is_learnt_from_past_ones():
    demand = working_week(12)
    demand[5 * WEEK : 6 * WEEK] *= 0.2
    ordinary = forecast(known(demand)).at(0.5).sum()
    ahead = forecast(known(demand), terms=[holiday(5), holiday(12)]).at(0.5).sum()
    assert ahead == pytest.approx(0.3 * ordinary, rel=0.3)


def test_a_past_holiday_is_not_taken_for_a_usual_week():
    demand = working_week(12)
    quiet = demand.copy()
    quiet[11 * WEEK :] *= 0.2
    usual = forecast(known(demand)).at(0.5).sum()
    assert forecast(known(quiet), terms=[holiday(11)]).at(0.5).sum() == pytest.approx(usual, rel=0.15)
    assert forecast(known(quiet)).at(0.5).sum() < 0.8 * usual


def test_a_first_holiday_is_as_one_says():
    demand = working_week(12)
    usual, half = forecast(known(demand)), forecast(known(demand), terms=[holiday(12, 0.5)])
    np.testing.assert_allclose(half.quantiles, usual.quantiles / 2)


def test_a_closure_says_nothing_of_usual_weeks():
    demand = working_week(12)
    shut = demand.copy()
    shut[10 * WEEK : 11 * WEEK] = 0
    usual = forecast(known(demand)).at(0.5).sum()
    assert forecast(known(shut), terms=[holiday(10)]).at(0.5).sum() == pytest.approx(usual, rel=0.15)
    assert forecast(known(shut), terms=[holiday(10), holiday(12)]).at(0.95).sum() < 0.3 * usual


def test_a_calendar_that_leaves_no_usual_hour():
    always = Term(Window.lasting(MONDAY, timedelta(weeks=20)), "term")
    demand = known(working_week(12))
    np.testing.assert_allclose(forecast(demand, terms=[always]).quantiles, forecast(demand).quantiles)


def test_terms_without_history():
    assert not forecast(known(np.zeros(0)), terms=[holiday(0, 2.0)]).quantiles.any()


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_beyond_a_week_the_week_repeats_itself():
    ahead = forecast(known(working_week(12)), hours=400).quantiles
    np.testing.assert_array_equal(ahead[:100], ahead[168:268])
    assert len(ahead) == 400


def test_one_quantile_and_another():
    demand = known(working_week(12))
    alone, all_four = forecast(demand, levels=(0.95,)), forecast(demand)
    assert alone.levels == (0.95,)
    assert all_four.levels == LEVELS
    assert (alone.at(0.95) <= all_four.at(0.95)).all(), "with others, a quantile is at least the one below it"
    with pytest.raises(BadRequest, match=r"The quantile 0\.7 wasn't forecast"):
        all_four.at(0.7)


@pytest.mark.parametrize("levels", [(), (0.9, 0.5), (0.5, 0.5), (0.0,), (1.0,)])
def test_levels_that_are_none(levels):
    with pytest.raises(BadRequest, match="between 0 and 1 and rise"):
        forecast(known(np.ones(3)), levels=levels)


def test_other_things_that_can_not_be():
    with pytest.raises(BadRequest, match="0 hours"):
        forecast(known(np.ones(3)), hours=0)
    with pytest.raises(BadRequest, match="no time zone 'Mars/Olympus'"):
        forecast(known(np.ones(3)), local="Mars/Olympus")
    with pytest.raises(BadRequest, match="factor of 'holiday' is 0"):
        holiday(0, 0.0)


def test_both_models_are_forecasters_of_the_core():
    demand = working_week(12)
    for model in (profile_model.quantiles, seasonal_naive.quantiles):
        assert model(demand, 0, (0.5, 0.95)).shape == (WEEK, 2)
        assert not model(np.zeros(0), 0, (0.5, 0.95)).any()


def test_the_shadow_with_little_history_knows_the_history_only():
    assert seasonal_naive.quantiles(np.arange(101.0), 0, (0.5, 0.9))[17].tolist() == [50, 90]
