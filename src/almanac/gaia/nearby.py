"""Stars with ``|parallax| > 8 mas``, about one in a thousand: neighbours of the Sun, and blunders that look like them.

The packaged sample has none, so both are modelled, for the classifier of good and bad astrometry (the recipe of the
Gaia Catalogue of Nearby Stars). Neighbours: uniform in space, main-sequence magnitudes and colours, Gaia's usual
precision. Blunders: crowded faint stars with poor fits, whose parallax is large by accident, and as often negative as
positive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from almanac.gaia import population

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

EDGE = 8.0
"""mas."""
FARTHEST_OUT = 400.0
"""mas: no generated neighbour is nearer than 2.5 pc."""
BLUNDER_SCALE = 4.0
"""mas: how far blunders reach beyond the edge (an exponential)."""
MAIN_SEQUENCE = ((0.0, 0.8, 1.6, 2.2, 2.8, 3.4, 4.2), (1.5, 5.0, 7.5, 9.0, 10.8, 12.8, 15.0))
"""Knots of the main sequence: BP-RP, absolute G."""
BRIGHTEST, FAINTEST = 3.0, 20.8


def excess_factor(colour: Floats) -> Floats:
    """The ``phot_bp_rp_excess_factor`` of a well-behaved star by BP-RP (Riello et al. 2021, table 2)."""
    x = colour
    return np.select(
        [x < 0.5, x < 4.0],
        [1.154360 + 0.033772 * x + 0.032277 * x**2, 1.162004 + 0.011464 * x + 0.049255 * x**2 - 0.005879 * x**3],
        1.057572 + 0.140537 * x,
    )


def excess_factor_spread(magnitude: Floats) -> Floats:
    """Its standard deviation by G (Riello et al. 2021, eq. 18)."""
    return 0.0059898 + 8.817481e-12 * magnitude**7.618399


def put_neighbours(stars: dict[str, Floats], mask: Mask, ra: Floats, dec: Floats, rng: np.random.Generator) -> None:
    """Replace the stars of a mask by real neighbours of the Sun, in place."""
    size = int(mask.sum())
    parallax = np.minimum(EDGE * rng.random(size) ** (-1.0 / 3.0), FARTHEST_OUT)
    absolute = np.clip(rng.normal(11.0, 2.8, size), MAIN_SEQUENCE[1][0], MAIN_SEQUENCE[1][-1])
    magnitude = np.clip(absolute + 5.0 * np.log10(100.0 / parallax), BRIGHTEST, FAINTEST)
    colour = np.interp(absolute, MAIN_SEQUENCE[1], MAIN_SEQUENCE[0]) + rng.normal(0.0, 0.05, size)
    error = population.precision(magnitude) * np.exp(rng.normal(0.0, 0.2, size))
    new = _good_fit(size, rng) | {
        "parallax_error": error,
        "pmra_error": error * 1.0,
        "pmdec_error": error * 0.9,
        "astrometric_sigma5d_max": error * 1.8,
        "phot_g_mean_mag": magnitude,
        "bp_rp": colour,
        "g_rp": 0.1 + 0.42 * colour,
        "phot_bp_rp_excess_factor": excess_factor(colour) + rng.normal(0.0, excess_factor_spread(magnitude)),
        "parallax": EDGE + np.abs(parallax - EDGE + error * rng.standard_normal(size)),
    }
    population.add_motion(new, ra[mask], dec[mask], 1.0 / parallax, rng)
    _put(stars, mask, new)


def put_blunders(stars: dict[str, Floats], mask: Mask, rng: np.random.Generator) -> None:
    """Replace the stars of a mask by spurious solutions, in place; their colours stay."""
    size = int(mask.sum())
    size_of_parallax = EDGE + rng.exponential(BLUNDER_SCALE, size)
    error = size_of_parallax / (3.0 + rng.exponential(4.0, size))
    new = {
        "parallax": np.where(rng.random(size) < 0.5, -size_of_parallax, size_of_parallax),
        "parallax_error": error,
        "pmra_error": error * 1.1,
        "pmdec_error": error,
        "astrometric_sigma5d_max": error * 2.2,
        "astrometric_params_solved": np.full(size, 95.0),
        "phot_g_mean_mag": np.minimum(20.9, 20.3 + rng.normal(0.0, 0.4, size)),
        "pmra": rng.normal(-2.5, 8.0, size),
        "pmdec": rng.normal(-2.9, 8.0, size),
        "ruwe": 1.0 + rng.gamma(2.0, 0.15, size),
        "astrometric_excess_noise": rng.gamma(3.0, 1.2, size),
        "astrometric_excess_noise_sig": rng.gamma(2.0, 4.0, size),
        "astrometric_gof_al": rng.normal(4.0, 3.0, size),
        "ipd_gof_harmonic_amplitude": rng.gamma(2.0, 0.15, size),
        "ipd_frac_multi_peak": np.floor(rng.gamma(1.5, 12.0, size)).clip(0, 100),
        "ipd_frac_odd_win": np.floor(rng.gamma(0.5, 40.0, size)).clip(0, 100),
        "visibility_periods_used": rng.integers(9, 16, size).astype(np.float64),
        "parallax_pmdec_corr": rng.uniform(-0.8, 0.8, size),
    }
    _put(stars, mask, new)


def _good_fit(size: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Quality columns of well-fitted stars."""
    return {
        "astrometric_params_solved": np.full(size, 31.0),
        "ruwe": 1.0 + np.abs(rng.normal(0.0, 0.06, size)),
        "astrometric_excess_noise": np.abs(rng.normal(0.1, 0.1, size)),
        "astrometric_excess_noise_sig": rng.exponential(2.0, size),
        "astrometric_gof_al": rng.normal(1.0, 2.0, size),
        "ipd_gof_harmonic_amplitude": rng.gamma(2.0, 0.012, size),
        "ipd_frac_multi_peak": np.floor(rng.exponential(0.6, size)).clip(0, 100),
        "ipd_frac_odd_win": np.zeros(size),
        "visibility_periods_used": rng.integers(14, 30, size).astype(np.float64),
        "parallax_pmdec_corr": rng.uniform(-0.4, 0.4, size),
    }


def _put(stars: dict[str, Floats], mask: Mask, new: dict[str, Floats]) -> None:
    new["parallax_over_error"] = new["parallax"] / new["parallax_error"]
    for name, values in new.items():
        stars[name][mask] = values
