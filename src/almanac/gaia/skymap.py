"""A map of the sky: star counts, and means of columns, by HEALPix pixel in nested order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almanac.gaia import healpix
from almanac.gaia.errors import GaiaError

COARSEST_DRAWN = 2
"""192 pixels: with fewer a map has no shape."""


@dataclass(frozen=True, slots=True, eq=False)
class SkyMap:
    """Counts and means over the whole sky, one value for each of ``12 x 4^level`` pixels.

    Attributes:
        level: HEALPix level.
        counts: stars in each pixel, int64.
        means: by column: the mean over the pixel's stars that have a value, NaN where none has.
    """

    level: int
    counts: NDArray[np.int64]
    means: Mapping[str, NDArray[np.float64]]

    @classmethod
    def from_rows(cls, rows: pa.Table, level: int) -> SkyMap:
        """The map that a query's answer means.

        Args:
            rows: columns ``pixel``, ``stars`` and the means; pixels without stars may be absent.
            level: the pixels'.

        Raises:
            GaiaError: a pixel that the level doesn't have, or one that comes twice.
        """
        size, pixels = healpix.pixel_count(level), rows["pixel"].to_numpy()
        if pixels.size and (pixels.min() < 0 or pixels.max() >= size or np.unique(pixels).size < pixels.size):
            raise GaiaError(
                f"The rows are no level-{level} map: each pixel must lie in 0 to {size - 1:,} and come once."
            )
        counts = np.zeros(size, dtype=np.int64)
        counts[pixels] = rows["stars"].to_numpy()
        means = {}
        for name in rows.column_names:
            if name not in {"pixel", "stars"}:
                means[name] = np.full(size, np.nan)
                means[name][pixels] = rows[name].to_numpy()
        return cls(level, counts, means)

    @property
    def stars(self) -> int:
        """How many stars it counts."""
        return int(self.counts.sum())

    def degraded(self, level: int) -> SkyMap:
        """The same sky in larger pixels: counts added up, means weighted by counts.

        Means are exact where every star has a value, else weighted as if it had.

        Raises:
            GaiaError: the level is deeper than the map's own.
        """
        if level > self.level:
            raise GaiaError(f"A level-{self.level} map can't be drawn at level {level}: choose {self.level} or less.")
        size = healpix.pixel_count(level)
        means = {}
        for name, mean in self.means.items():
            weight = np.where(np.isnan(mean), 0, self.counts).reshape(size, -1).sum(axis=1)
            total = (np.nan_to_num(mean) * self.counts).reshape(size, -1).sum(axis=1)
            means[name] = np.divide(total, weight, out=np.full(size, np.nan), where=weight > 0)
        return SkyMap(level, self.counts.reshape(size, -1).sum(axis=1), means)

    def legible(self, stars_per_pixel: float) -> SkyMap:
        """The same sky at the deepest level that has this many stars a pixel on average (at level 2 if none has)."""
        level = self.level
        while level > COARSEST_DRAWN and self.stars < stars_per_pixel * healpix.pixel_count(level):
            level -= 1
        return self.degraded(level)
