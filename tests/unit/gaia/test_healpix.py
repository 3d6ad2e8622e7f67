from __future__ import annotations

import numpy as np
import pytest

from almanac.gaia import frames, healpix, sample
from almanac.gaia.errors import GaiaError


def test_real_stars_lie_in_the_pixel_that_their_source_id_names() -> None:
    stars = sample.load()
    ids, ra, dec = (stars[name].to_numpy() for name in ("source_id", "ra", "dec"))
    for level in (
        0,
        3,
        6,
    ):  # an id keeps the pixel of its first position: near an edge of a small one, the star has moved on
        np.testing.assert_array_equal(healpix.pixels_at(level, ra, dec), healpix.pixels_of(ids, level))


def test_galactic_coordinates_agree_with_gaia() -> None:
    stars = sample.load()
    lon, lat = frames.galactic(stars["ra"].to_numpy(), stars["dec"].to_numpy())
    np.testing.assert_allclose(lon, stars["l"].to_numpy(), atol=1e-8)
    np.testing.assert_allclose(lat, stars["b"].to_numpy(), atol=1e-8)


def test_numbers_that_everybody_quotes() -> None:
    assert healpix.pixel_count(6) == 49_152
    assert healpix.source_id_shift(6) == 47
    assert healpix.source_id_shift(12) == 35
    assert healpix.pixel_area(0) * 12 == pytest.approx(41_252.96, abs=0.01)


@pytest.mark.parametrize("level", [-1, 30])
def test_a_level_that_does_not_exist(level: int) -> None:
    with pytest.raises(GaiaError, match="0 to 29"):
        healpix.pixel_count(level)


def test_a_level_deeper_than_a_source_id() -> None:
    with pytest.raises(GaiaError, match="0 to 12, not 13"):
        healpix.source_id_shift(13)
