"""Fit the sky model of ``almanac.gaia.density`` to real stars and print its coefficients.

Run it as ``python scripts/fit_sky_density.py STARS.parquet`` with a random all-sky sample that has the columns ``l``
and ``b`` in degrees.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from almanac.gaia import density, healpix

LEVEL = 5
RIDGE = 1e-2
STEPS = 40
CAREFUL_STEPS = 15


def counts_of(stars: Path) -> NDArray[np.int64]:
    """Stars in each pixel of a HEALPix grid laid out in Galactic coordinates."""
    table = pq.read_table(stars, columns=["l", "b"])
    pixels = healpix.pixels_at(LEVEL, table["l"].to_numpy(), table["b"].to_numpy())
    return np.bincount(pixels, minlength=healpix.pixel_count(LEVEL))


def fit(terms: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Coefficients of most Poisson likelihood with a log link (Newton's method, its first steps capped)."""
    weights = np.zeros(terms.shape[1])
    weights[0] = np.log(counts.mean())
    for step in range(STEPS):
        expected = np.exp(np.clip(terms @ weights, -10, 12))
        slope = terms.T @ (counts - expected) - RIDGE * weights
        curvature = (terms * expected[:, None]).T @ terms + RIDGE * np.eye(len(weights))
        move = np.linalg.solve(curvature, slope)
        weights += move * (min(1.0, 2.0 / np.abs(move).max()) if step < CAREFUL_STEPS else 1.0)
    return weights


def main() -> None:
    """Fit and print the two constants as Python."""
    lon, lat = healpix.centres(LEVEL, np.arange(healpix.pixel_count(LEVEL)))
    weights = fit(density.features(lon, lat), counts_of(Path(sys.argv[1])))
    table, bumps = np.split(weights, [-len(density.BUMPS)])
    print("COEFFICIENTS = (")
    for row in table.reshape(-1, 2 * density.HARMONICS + 1):
        print("    (" + ", ".join(f"{value:.3f}" for value in row) + "),")
    print(")\nBUMP_COEFFICIENTS = (" + ", ".join(f"{value:.3f}" for value in bumps) + ")")


if __name__ == "__main__":
    main()
