from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from almanac.gaia import frames, healpix, sky
from almanac.gaia.permutation import permute
from almanac.gaia.skymap import SkyMap

levels = st.integers(0, 24)


@given(levels, st.data())
def test_a_pixel_holds_its_own_centre(level: int, data: st.DataObject) -> None:
    last = healpix.pixel_count(level) - 1
    pixels = np.array(data.draw(st.lists(st.integers(0, last), min_size=1, max_size=50)), dtype=np.int64)
    np.testing.assert_array_equal(healpix.pixels_at(level, *healpix.centres(level, pixels)), pixels)


@given(st.integers(1, 12), st.data())
def test_nested_pixels_are_nested(level: int, data: st.DataObject) -> None:
    pixels = np.array(data.draw(st.lists(st.integers(0, healpix.pixel_count(level) - 1), min_size=1)), dtype=np.int64)
    lon, lat = healpix.centres(level, pixels)
    np.testing.assert_array_equal(healpix.pixels_at(level - 1, lon, lat), pixels >> 2)


@given(st.integers(1, 3_000), st.integers(0, 2**31))
def test_random_index_is_a_permutation(size: int, seed: int) -> None:
    np.testing.assert_array_equal(np.sort(permute(np.arange(size), size, seed)), np.arange(size))


@given(st.floats(0, 359.999), st.floats(-89.9, 89.9))
def test_frames_round_trip(lon: float, lat: float) -> None:
    here = np.array([lon]), np.array([lat])
    there = frames.galactic(*frames.icrs(*here))
    np.testing.assert_allclose(frames.unit_vectors(*there), frames.unit_vectors(*here), atol=1e-9)


@given(st.floats(-179.9, 179.9), st.floats(-90, 90))
def test_the_projection_stays_on_the_map(lon: float, lat: float) -> None:
    x, y = sky.project(np.array([lon]), np.array([lat]))
    assert (x[0] / sky.HALF_WIDTH) ** 2 + (y[0] / sky.HALF_HEIGHT) ** 2 <= 1.0 + 1e-9


@given(hnp.arrays(np.int64, 192, elements=st.integers(0, 10**9)), st.integers(0, 2))
def test_degrading_a_map_loses_no_star(counts: np.ndarray, level: int) -> None:
    wide = SkyMap(2, counts, {"pmra": np.where(counts > 0, 2.5, np.nan)}).degraded(level)
    assert wide.stars == int(counts.sum())
    np.testing.assert_allclose(wide.means["pmra"][wide.counts > 0], 2.5)
    assert np.isnan(wide.means["pmra"][wide.counts == 0]).all()
