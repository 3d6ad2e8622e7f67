"""Rotations between ICRS (ra, dec) and Galactic (l, b) coordinates; angles in degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TO_GALACTIC: Floats = np.array(
    [
        [-0.0548755604162154, -0.8734370902348850, -0.4838350155487132],
        [+0.4941094278755837, -0.4448296299600112, +0.7469822444972189],
        [-0.8676661490190047, -0.1980763734312015, +0.4559837761750669],
    ]
)
"""ICRS to Galactic: the matrix of the Hipparcos catalogue (ESA SP-1200, vol. 1, eq. 1.5.11), which Gaia uses too."""


def unit_vectors(lon: Floats, lat: Floats) -> Floats:
    """Unit vectors, shape ``(3, n)``, of directions in degrees."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def angles(vectors: Floats) -> tuple[Floats, Floats]:
    """Longitude in ``[0, 360)`` and latitude, in degrees, of unit vectors of shape ``(3, n)``."""
    lon = np.degrees(np.arctan2(vectors[1], vectors[0])) % 360.0
    lat = np.degrees(np.arctan2(vectors[2], np.hypot(vectors[0], vectors[1])))
    return np.where(lon >= 360.0, 0.0, lon), lat


def galactic(ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    """Galactic ``(l, b)`` of ICRS directions."""
    return angles(TO_GALACTIC @ unit_vectors(ra, dec))


def icrs(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """ICRS ``(ra, dec)`` of Galactic directions."""
    return angles(TO_GALACTIC.T @ unit_vectors(lon, lat))


def tangents(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Unit vectors to the east and to the north on the sky, each of shape ``(3, n)``, at directions in degrees."""
    lon, lat = np.radians(lon), np.radians(lat)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)])
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    return east, north
