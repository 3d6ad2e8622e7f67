"""The joint distribution of magnitudes, errors and quality: a smoothed bootstrap of the packaged real sample.

Each generated star is a real one (its *donor*), blurred a little: magnitude, colour, errors and signal-to-noise move
by less than the real sample's own spacing, and errors follow the magnitude along Gaia's precision curve.
Two-parameter solutions, which the sample lacks, take faint donors and their own magnitudes, and have no astrometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from almanac.gaia import kinematics, sample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SOLUTION_SHARES = {3: 0.192, 31: 0.337, 95: 0.471}
"""Shares of two-, five- and six-parameter solutions (``astrometric_params_solved``), measured on real random
samples."""
COLOURLESS_TWO_PARAMETER = 0.45
"""Share of two-parameter solutions without a colour, so that 14.9 % of all stars have none."""
TWO_PARAMETER_MAGNITUDES = (
    (0.0, 0.0345, 0.036, 0.115, 0.264, 0.388, 0.74, 0.948, 1.0),
    (12.0, 13.4, 16.1, 18.5, 19.6, 20.4, 21.0, 21.2, 21.5),
)
"""Cumulative distribution of G of two-parameter solutions: what real random samples hold beyond the packaged sample."""
PRECISION = (
    (14.0, 15.5, 16.5, 17.5, 18.5, 19.5, 20.5),
    (0.020, 0.037, 0.059, 0.094, 0.185, 0.362, 0.835),
)
"""Median ``parallax_error`` in mas by G."""

MAGNITUDE_BLUR = 0.03
COLOUR_BLUR = 0.03
ERROR_BLUR = 0.05
SNR_BLUR = 0.05
DISTANCE_BLUR = 0.2
FAINTEST = 21.0
"""No five- or six-parameter solution is fainter."""

TYPICAL_PARALLAX = 0.4
PARALLAX_SPREAD = 0.35
"""mas: prior of a star's true parallax, for its distance."""

SCALED_ERRORS = ("parallax_error", "pmra_error", "pmdec_error", "astrometric_sigma5d_max")
QUALITY = (
    "ruwe",
    "astrometric_excess_noise",
    "astrometric_excess_noise_sig",
    "astrometric_gof_al",
    "ipd_gof_harmonic_amplitude",
    "ipd_frac_multi_peak",
    "ipd_frac_odd_win",
    "visibility_periods_used",
    "parallax_pmdec_corr",
    "phot_bp_rp_excess_factor",
    "astrometric_params_solved",
)
PHOTOMETRY = ("phot_g_mean_mag", "bp_rp", "g_rp")
NEEDS_FIVE = (
    "parallax",
    "parallax_error",
    "parallax_over_error",
    "pmra",
    "pmdec",
    "pmra_error",
    "pmdec_error",
    "ruwe",
    "parallax_pmdec_corr",
)
"""Columns that a two-parameter solution lacks."""


@dataclass(frozen=True, slots=True)
class Donors:
    """The real sample, as arrays of 1,000.

    Attributes:
        values: columns; a missing value is NaN.
        snr: parallax over its error.
        distance: kpc, from the parallax shrunk towards the typical one.
        by_solution: rows of each five- and six-parameter solution; under 3, the faint rows.
    """

    values: Mapping[str, Floats]
    snr: Floats
    distance: Floats
    by_solution: Mapping[int, Ints]


@cache
def donors() -> Donors:
    """The packaged sample, ready to draw from."""
    table = sample.load()
    names = (*PHOTOMETRY, *SCALED_ERRORS, *QUALITY)
    values = {name: table[name].to_numpy().astype(np.float64) for name in names}
    parallax, error = table["parallax"].to_numpy(), values["parallax_error"]
    weight = PARALLAX_SPREAD**2 / (PARALLAX_SPREAD**2 + error**2)
    shrunk = np.maximum(weight * parallax + (1.0 - weight) * TYPICAL_PARALLAX, 0.1)
    solved = values["astrometric_params_solved"]
    rows = {solution: np.flatnonzero(solved == solution) for solution in (31, 95)}
    rows[3] = np.flatnonzero(values["phot_g_mean_mag"] > 20.0)
    return Donors(values, parallax / error, 1.0 / shrunk, rows)


def draw(ra: Floats, dec: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw a star for each position.

    Args:
        ra: degrees.
        dec: degrees.
        rng: makes every choice.

    Returns:
        The columns of PHOTOMETRY, SCALED_ERRORS, QUALITY and NEEDS_FIVE, as float64; a missing value is NaN.
    """
    pool, size = donors(), ra.size
    chosen, solution = _choose(pool, size, rng)
    stars = {name: column[chosen] for name, column in pool.values.items()}
    _blur_photometry(stars, rng)
    shift = precision(stars["phot_g_mean_mag"]) / precision(pool.values["phot_g_mean_mag"][chosen])
    _scale_errors(stars, shift * np.exp(rng.normal(0.0, ERROR_BLUR, size)))
    stars["parallax_over_error"] = pool.snr[chosen] + rng.normal(0.0, SNR_BLUR, size)
    stars["parallax"] = stars["parallax_over_error"] * stars["parallax_error"]
    add_motion(stars, ra, dec, pool.distance[chosen] * np.exp(rng.normal(0.0, DISTANCE_BLUR, size)), rng)
    _forget_astrometry(stars, solution == 3, rng)
    return stars


def precision(magnitude: Floats) -> Floats:
    """The typical ``parallax_error`` in mas at G: log-linear between PRECISION's knots, level beyond them."""
    return np.exp(np.interp(magnitude, PRECISION[0], np.log(PRECISION[1])))


def add_motion(stars: dict[str, Floats], ra: Floats, dec: Floats, distance: Floats, rng: np.random.Generator) -> None:
    """Set ``pmra`` and ``pmdec`` (mas/yr): the model's motion at a distance in kpc, plus each star's own error."""
    motion = kinematics.proper_motions(ra, dec, distance, rng)
    noise = rng.standard_normal(motion.shape)
    stars["pmra"] = motion[0] + noise[0] * stars["pmra_error"]
    stars["pmdec"] = motion[1] + noise[1] * stars["pmdec_error"]


def _choose(pool: Donors, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Each star's donor and solution type."""
    kinds = np.array(list(SOLUTION_SHARES))
    solution = rng.choice(kinds, size, p=list(SOLUTION_SHARES.values()))
    chosen = np.empty(size, dtype=np.int64)
    for kind in kinds:
        mask = solution == kind
        chosen[mask] = rng.choice(pool.by_solution[int(kind)], int(mask.sum()))
    return chosen, solution


def _blur_photometry(stars: dict[str, Floats], rng: np.random.Generator) -> None:
    size = stars["phot_g_mean_mag"].size
    magnitude = stars["phot_g_mean_mag"] + rng.normal(0.0, MAGNITUDE_BLUR, size)
    stars["phot_g_mean_mag"] = np.where(magnitude > FAINTEST, 2.0 * FAINTEST - magnitude, magnitude)
    shift = rng.normal(0.0, COLOUR_BLUR, size)
    stars["bp_rp"] = stars["bp_rp"] + shift
    stars["g_rp"] = stars["g_rp"] + 0.5 * shift


def _scale_errors(stars: dict[str, Floats], factor: Floats) -> None:
    for name in SCALED_ERRORS:
        stars[name] = stars[name] * factor


def _forget_astrometry(stars: dict[str, Floats], two: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Turn the stars of a mask into two-parameter solutions."""
    count = int(two.sum())
    stars["astrometric_params_solved"][two] = 3.0
    stars["phot_g_mean_mag"][two] = np.interp(rng.random(count), *TWO_PARAMETER_MAGNITUDES)
    for name in NEEDS_FIVE:
        stars[name][two] = np.nan
    missing = np.isnan(stars["bp_rp"][two]).mean() if count else 0.0
    lost = two.copy()
    lost[two] = rng.random(count) < max(0.0, (COLOURLESS_TWO_PARAMETER - missing) / (1.0 - missing))
    for name in ("bp_rp", "g_rp", "phot_bp_rp_excess_factor"):
        stars[name][lost] = np.nan
