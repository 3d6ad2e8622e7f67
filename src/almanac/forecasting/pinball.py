"""Linear quantile regression, shrunk towards nought: small, fast and free of solvers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ROUNDS = 15
NEAR = 0.025
"""Residuals smaller than this (in units of the target) count as this small, which keeps the weights finite."""


def fit(
    features: Floats, target: Floats, weights: Floats, level: float, shrinkage: float, start: Floats | None = None
) -> Floats:
    """Coefficients that minimise the weighted pinball loss at ``level`` plus ``shrinkage / 2 * |coefficients|**2``.

    Majorise and minimise (Hunter and Lange, "Quantile regression via an MM algorithm", 2000): every round solves one small
    ridge regression whose weights are ``1 / (|residual| + NEAR)``.

    Args:
        features: shape (n, p).
        target: shape (n,).
        weights: shape (n,), not negative; their sum says how much data speaks against the shrinkage.
        level: the quantile, between 0 and 1.
        shrinkage: positive; in units of observations.
        start: coefficients of much the same problem, from which fewer rounds do.

    Returns:
        Shape (p,); zeros without data.
    """
    ridge = shrinkage * np.eye(features.shape[1])
    tilt = (level - 0.5) * (weights @ features)
    coefficients = np.zeros(features.shape[1]) if start is None else start
    for _ in range(ROUNDS if start is None else ROUNDS // 3):
        residual = target - features @ coefficients
        weighted = features * (weights / (2 * (np.abs(residual) + NEAR)))[:, None]
        coefficients = np.asarray(
            np.linalg.solve(weighted.T @ features + ridge, weighted.T @ target + tilt), np.float64
        )
    return coefficients


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """The smallest value at which the sorted values' share of the weight reaches ``level``; 0 without values."""
    if not values.size:
        return 0.0
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    place = int(np.searchsorted(share, level * share[-1]))
    return float(values[order[min(place, len(order) - 1)]])
