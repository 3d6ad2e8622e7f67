"""The shadow: next week will be like last week, as wrong as it usually was. Its score stands beside the forecast's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from almanac.forecasting.profiles import WEEK

Floats = npt.NDArray[np.float64]

MEMORY = 8 * WEEK


def quantiles(demand: Floats, first: int, levels: Sequence[float]) -> Floats:  # noqa: ARG001 (as every forecaster)
    """Last week's hours, moved by the quantiles of what eight weeks of such forecasts missed.

    Args:
        demand: past hours, shape (hours,), without gaps.
        first: the hour of ``demand[0]``, of which it makes no use.
        levels: quantiles in rising order.

    Returns:
        Shape (168, levels), not below 0. With less than two weeks of history the history's own quantiles, all week.
    """
    if not len(demand):
        return np.zeros((WEEK, len(levels)))
    if len(demand) < 2 * WEEK:
        return np.broadcast_to(np.quantile(demand, levels), (WEEK, len(levels))).copy()
    missed = (demand[WEEK:] - demand[:-WEEK])[-MEMORY:]
    return np.maximum(demand[-WEEK:, None] + np.quantile(missed, levels), 0)
