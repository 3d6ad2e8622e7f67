from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from almanac.gaia import cases, sample, sky
from almanac.gaia.errors import GaiaError
from almanac.gaia.skymap import SkyMap


@pytest.mark.parametrize("frame", ["galactic", "icrs"])
def test_maps_are_drawn(tmp_path: Path, frame: str) -> None:
    counts = cases.reference(cases.SOURCE_COUNTS, sample.SAMPLE)
    motions = cases.reference(cases.MEAN_PROPER_MOTIONS, sample.SAMPLE)
    drawn = [
        sky.draw_counts(counts, tmp_path / "new" / "counts.png", title="Counts", frame=frame),
        sky.draw_proper_motions(motions, tmp_path / "motions.png", title="Motions", frame=frame),
    ]
    for path in drawn:
        with Image.open(path) as image:
            assert image.width > 1600
            assert len(set(image.convert("RGB").resize((200, 120)).get_flattened_data())) > 100


def test_the_crowded_half_of_the_sky_is_the_bright_half_of_the_picture(tmp_path: Path) -> None:
    counts = np.ones(192, dtype=np.int64)
    ra, dec = np.meshgrid(np.linspace(1, 359, 60), np.linspace(-89, 0, 30))
    counts[np.unique(sky.healpix.pixels_at(2, ra.ravel(), dec.ravel()))] = 1000
    path = sky.draw_counts(SkyMap(2, counts, {}), tmp_path / "south.png", title="South", frame="icrs")
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"), dtype=float)
    middle = grey.shape[1] // 2
    assert grey[600:800, middle - 100 : middle + 100].mean() > 2 * grey[250:400, middle - 100 : middle + 100].mean()


def test_an_empty_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GaiaError, match="without stars"):
        sky.draw_counts(SkyMap(0, np.zeros(12, dtype=np.int64), {}), tmp_path / "none.png", title="None")


def test_an_unknown_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GaiaError, match="galactic or icrs"):
        sky.draw_counts(
            SkyMap(0, np.ones(12, dtype=np.int64), {}), tmp_path / "none.png", title="None", frame="ecliptic"
        )


def test_small_samples_are_drawn_in_large_pixels() -> None:
    counts = cases.reference(cases.SOURCE_COUNTS, sample.SAMPLE)
    assert counts.legible(4).level == 2
    assert counts.legible(10_000).level == 2
    assert counts.legible(0.001).level == 6


def test_the_projection_knows_its_landmarks() -> None:
    x, y = sky.project(np.array([0.0, 180.0, 0.0, 90.0]), np.array([0.0, 0.0, 90.0, 0.0]))
    np.testing.assert_allclose(x, [0.0, -sky.HALF_WIDTH, 0.0, -sky.HALF_WIDTH / 2], atol=1e-6)
    np.testing.assert_allclose(y, [0.0, 0.0, sky.HALF_HEIGHT, 0.0], atol=1e-6)
