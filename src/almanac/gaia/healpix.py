"""HEALPix in nested order, as Gaia uses it: level k divides the sky (ICRS) into 12 x 4^k pixels of equal area.

Gorski et al. 2005, ApJ 622, 759. A Gaia ``source_id`` carries its star's level-12 pixel in the bits from 35 up (Gaia
DR3 documentation, 20.1.1).
"""

from __future__ import annotations

import math

import healpix as _healpix
import numpy as np
from numpy.typing import NDArray

from almanac.gaia.errors import GaiaError

Pixels = NDArray[np.int64]
Floats = NDArray[np.float64]

SOURCE_ID_LEVEL = 12
SOURCE_ID_BITS = 35
DEEPEST = 29


def pixel_count(level: int) -> int:
    """How many pixels a level has: 49,152 at level 6.

    Raises:
        GaiaError: a level outside 0 to 29.
    """
    if not 0 <= level <= DEEPEST:
        raise GaiaError(f"There is no HEALPix level {level}: choose one from 0 to {DEEPEST}.")
    return 12 << 2 * level


def pixel_area(level: int) -> float:
    """The area of a pixel in square degrees."""
    return 4 * math.pi * math.degrees(1) ** 2 / pixel_count(level)


def source_id_shift(level: int) -> int:
    """By how many bits to shift a ``source_id`` right to get its pixel at a level: 47 at level 6.

    Raises:
        GaiaError: a level deeper than the 12 that a ``source_id`` holds.
    """
    if not 0 <= level <= SOURCE_ID_LEVEL:
        raise GaiaError(f"A source_id holds HEALPix levels 0 to {SOURCE_ID_LEVEL}, not {level}.")
    return SOURCE_ID_BITS + 2 * (SOURCE_ID_LEVEL - level)


def pixels_of(source_ids: Pixels, level: int) -> Pixels:
    """The level-``level`` pixels that hold the stars of these ``source_id``."""
    return source_ids >> source_id_shift(level)


def centres(level: int, pixels: Pixels) -> tuple[Floats, Floats]:
    """``(lon, lat)`` in degrees of the pixels' centres."""
    pixel_count(level)
    lon, lat = _healpix.pix2ang(1 << level, pixels, nest=True, lonlat=True)
    return lon, lat


def pixels_at(level: int, lon: Floats, lat: Floats) -> Pixels:
    """The pixels that hold the directions, in degrees."""
    pixel_count(level)
    pixels: Pixels = _healpix.ang2pix(1 << level, lon, lat, nest=True, lonlat=True)
    return pixels
