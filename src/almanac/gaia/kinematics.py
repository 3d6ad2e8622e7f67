"""Proper motions of disc stars: Galactic rotation, the Sun's motion and a velocity ellipsoid.

So that maps of mean proper motion show what Gaia's show: our own drift among the nearby stars and the turning of the
disc.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from almanac.gaia.frames import TO_GALACTIC, galactic, tangents, unit_vectors

Floats = NDArray[np.float64]

KM_S_PER_MAS_KPC = 4.74047
"""One mas/yr at one kpc, in km/s."""
SUN_TO_CENTRE = 8.178
"""kpc; GRAVITY collaboration 2019."""
ROTATION = 229.0
"""km/s, flat; Eilers et al. 2019."""
SUN = np.array([11.1, 12.24, 7.25])
"""The Sun's motion (to the centre, along rotation, north), km/s; Schoenrich, Binney and Dehnen 2010."""
DISPERSION = np.array([38.0, 26.0, 20.0])
"""The thin disc's velocity ellipsoid in the same axes, km/s."""
DRIFT = 15.0
"""km/s by which disc stars lag behind circular rotation (asymmetric drift)."""
HIGH_LATITUDE_HEATING = 1.5
"""The ellipsoid grows by this factor x sin|b|: thick disc and halo stars take over."""
CORE_RADIUS = 0.5
"""kpc; inside it the rotation curve falls linearly to zero."""


def proper_motions(ra: Floats, dec: Floats, distance: Floats, rng: np.random.Generator) -> Floats:
    """True proper motions ``(pmra cos dec, pmdec)`` in mas/yr, shape ``(2, n)``.

    Args:
        ra: degrees.
        dec: degrees.
        distance: kpc, > 0.
        rng: draws each star's random velocity.
    """
    direction = unit_vectors(*galactic(ra, dec))
    velocity = TO_GALACTIC.T @ _relative_velocity(direction, distance, rng)
    east, north = tangents(ra, dec)
    scale = 1.0 / (KM_S_PER_MAS_KPC * distance)
    return np.stack([(velocity * east).sum(axis=0) * scale, (velocity * north).sum(axis=0) * scale])


def _relative_velocity(direction: Floats, distance: Floats, rng: np.random.Generator) -> Floats:
    """Velocities relative to the Sun, km/s, shape ``(3, n)``, Galactic axes."""
    x, y = direction[0] * distance, direction[1] * distance
    radius = np.sqrt((SUN_TO_CENTRE - x) ** 2 + y**2 + CORE_RADIUS**2)
    heat = 1.0 + HIGH_LATITUDE_HEATING * np.abs(direction[2])
    velocity = rng.standard_normal(direction.shape) * DISPERSION[:, None] * heat
    velocity[0] += ROTATION * y / radius
    velocity[1] += ROTATION * (SUN_TO_CENTRE - x) / radius - ROTATION - DRIFT * heat
    return np.asarray(velocity - SUN[:, None])
