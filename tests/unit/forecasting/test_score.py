from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from almanac.core.errors import BadRequest
from almanac.forecasting.score import origins, pinball, profile, score, shadow
from almanac.forecasting.series import Series

ROOT = Path(__file__).resolve().parents[3]
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def noise(weeks, seed=0):
    hour = np.arange(weeks * 168)
    usual = 5 + 10 * (hour % 24 > 8)
    return Series(MONDAY, np.random.default_rng(seed).poisson(usual).astype(float), np.ones(len(hour), np.bool_))


def test_pinball_charges_what_is_short_by_the_level_and_what_is_idle_by_the_rest():
    np.testing.assert_allclose(pinball(np.array([10.0, 10.0]), np.array([[8.0], [12.0]]), (0.9,)), [[1.8], [0.2]])


def test_the_shadow_beside_itself_has_no_skill():
    found = score(noise(11), model=shadow)
    assert found.skill == 0
    assert found.origins == len(origins(11 * 168))


def test_the_forecast_beats_its_shadow_and_keeps_its_promise():
    found = score(noise(13))
    assert found.skill > 0.15
    assert found.cover[0.95] == pytest.approx(0.95, abs=0.03)
    assert found.fit_s > 0


def test_a_shadow_that_is_never_wrong_leaves_no_skill():
    assert score(Series(MONDAY, np.zeros(2000), np.ones(2000, np.bool_))).skill == 0


def test_origins_leave_eight_weeks_to_learn_and_a_week_to_come():
    assert origins(5040)[0] == 8 * 168
    assert origins(5040)[-1] + 168 <= 5040
    assert len(origins(5040)) == 67
    assert len(origins(720)) >= 20, "a short trace is tried as often, from closer by"
    assert origins(720)[0] == 2 * 168


def test_too_little_to_score():
    with pytest.raises(BadRequest, match="671 hours are too few"):
        origins(671)
    series = noise(5)
    with pytest.raises(BadRequest, match="No hour to score is known"):
        score(Series(MONDAY, series.values, np.arange(len(series)) < 336))


def test_unknown_hours_are_neither_learnt_from_nor_scored():
    series = noise(12)
    hidden = np.arange(len(series)) // 24 % 10 == 3
    spoilt = np.where(hidden, 1e6, series.values)
    one, other = (score(Series(MONDAY, values, ~hidden)) for values in (series.values, spoilt))
    assert one.loss == other.loss
    assert one.shadow_loss == other.shadow_loss


def forecasts(series):
    """What the scored model forecast at each origin."""
    made = {}

    def recording(history, levels):
        made[len(history)] = profile(history, levels)
        return made[len(history)]

    score(series, model=recording)
    return made


def test_shuffling_the_future_changes_no_past_forecast():
    """Whatever comes after an origin, what was forecast there stays, bit by bit."""
    series = noise(11)
    middle = origins(len(series))[10]
    later = series.values.copy()
    np.random.default_rng(1).shuffle(later[middle:])
    before, after = forecasts(series), forecasts(Series(MONDAY, later, series.known))
    for origin, quantiles in before.items():
        assert np.array_equal(quantiles, after[origin]) == (origin <= middle)


def run(*arguments):
    path = str(ROOT / "src")
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "forecast.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_the_benchmark_prints_one_line(tmp_path):
    series = noise(11)
    trace = tmp_path / "hours.csv"
    stamps = np.datetime64("2026-01-05T00:00") + np.arange(len(series)).astype("timedelta64[h]")
    trace.write_text(
        "hour_utc,launches\n" + "".join(f"{at},{n}\n" for at, n in zip(stamps, series.values, strict=True))
    )
    done = run("--trace", str(trace))
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert {"benchmark", "trace", "skill", "cover_90", "cover_95", "cover_99", "fit_s"} <= set(found)
    assert found["skill"] > 0.1
    assert "1,848 hours from hours.csv." in done.stderr


def test_the_benchmark_says_what_is_wrong(tmp_path):
    done = run("--trace", str(tmp_path / "none.csv"))
    assert done.returncode == 1
    assert done.stderr.strip() == "There is no file none.csv. Check the path."
