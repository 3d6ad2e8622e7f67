"""How good forecasts were: made again as of many past hours, from what was known then, beside their shadow's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt

from almanac.core.errors import BadRequest
from almanac.forecasting.forecast import LEVELS, forecast
from almanac.forecasting.profiles import WEEK
from almanac.forecasting.seasonal_naive import quantiles as naive_quantiles
from almanac.forecasting.series import Series

Floats = npt.NDArray[np.float64]
Model = Callable[[Series, Sequence[float]], Floats]
"""Quantiles of the week after a history, shape (168, levels)."""

LEARNING = 8 * WEEK
STRIDE = 53
"""Hours between origins: no multiple of a day, so that every hour of the day and of the week gets its turn."""


@dataclass(frozen=True, slots=True)
class Score:
    """What came of forecasts over a week, made at many origins.

    Attributes:
        origins: at how many.
        loss: mean pinball loss over hours and levels.
        shadow_loss: the same of the shadow.
        cover: for each level, the share of hours that stayed at or below the quantile.
        fit_s: median seconds to fit and to predict.
    """

    origins: int
    loss: float
    shadow_loss: float
    cover: dict[float, float]
    fit_s: float

    @property
    def skill(self) -> float:
        """By how much its loss is below the shadow's: 1 is perfect, 0 no better. Nought where the shadow is never wrong."""
        return 1 - self.loss / self.shadow_loss if self.shadow_loss else 0.0


def pinball(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> Floats:
    """Pinball loss of each hour and level (Koenker and Bassett, 1978).

    Args:
        actual: shape (hours,).
        quantiles: shape (hours, levels).
        levels: shape (levels,).
    """
    short = actual[:, None] - quantiles
    level = np.asarray(levels)
    return np.asarray(np.maximum(level * short, (level - 1) * short))


def profile(history: Series, levels: Sequence[float]) -> Floats:
    """The forecast as a model to score, in UTC."""
    return forecast(history, WEEK, levels).quantiles


def shadow(history: Series, levels: Sequence[float]) -> Floats:
    """The seasonal-naive shadow as a model to score; an unknown hour is what it was a week before."""
    demand = np.where(history.known, history.values, np.nan)
    for hour in np.flatnonzero(~history.known):
        demand[hour] = demand[hour - WEEK] if hour >= WEEK else 0.0
    return naive_quantiles(demand, 0, levels)


def origins(hours: int) -> range:
    """Where to forecast from: after eight weeks to learn from, or half of what there is, and with a whole week to come.

    They lie ``STRIDE`` hours apart, or closer, so that a short history gives twenty of them too.

    Raises:
        BadRequest: less than four weeks.
    """
    if hours < 4 * WEEK:
        raise BadRequest(
            f"{hours} hours are too few to score a forecast.",
            hint="Give four weeks or more: two to learn from, two to forecast.",
        )
    learning = min(LEARNING, hours // (2 * WEEK) * WEEK)
    last = hours - WEEK
    return range(learning, last + 1, max(1, min(STRIDE, (last - learning) // 20)))


def score(
    series: Series,
    model: Model = profile,
    beside: Model = shadow,
    levels: Sequence[float] = LEVELS,
) -> Score:
    """Forecast a week from each origin, knowing only what came before, and compare with what came.

    Args:
        series: unknown hours are neither learnt from nor scored.
        model: what is scored.
        beside: its shadow.
        levels: quantiles in rising order.

    Raises:
        BadRequest: less than four weeks, or nothing known in the weeks to score.
    """
    losses, shadow_losses, below, seconds = [], [], [], []
    for origin in origins(len(series)):
        history = series.until(origin)
        began = perf_counter()
        ahead = model(history, levels)
        seconds.append(perf_counter() - began)
        known = series.known[origin : origin + WEEK]
        actual = series.values[origin : origin + WEEK][known]
        losses.append(pinball(actual, ahead[known], levels))
        shadow_losses.append(pinball(actual, beside(history, levels)[known], levels))
        below.append(actual[:, None] <= ahead[known])
    if not sum(map(len, losses)):
        raise BadRequest("No hour to score is known.", hint="Give a trace with fewer gaps.")
    return Score(
        origins=len(losses),
        loss=float(np.concatenate(losses).mean()),
        shadow_loss=float(np.concatenate(shadow_losses).mean()),
        cover=dict(zip(levels, np.concatenate(below).mean(axis=0).tolist(), strict=True)),
        fit_s=float(np.median(seconds)),
    )
