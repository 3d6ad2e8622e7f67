from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almanac.gaia import cases, healpix, sample
from almanac.gaia.cases import MEAN_PROPER_MOTIONS, SOURCE_COUNTS, check, reference
from almanac.gaia.errors import GaiaError, WrongAnswerError
from almanac.gaia.generate import Recipe, generate
from almanac.gaia.skymap import SkyMap


@pytest.fixture
def motions() -> SkyMap:
    return reference(MEAN_PROPER_MOTIONS, sample.SAMPLE)


def test_the_reference_agrees_with_pandas() -> None:
    table = sample.load().select(["source_id", "pmra", "pmdec"]).to_pandas()
    grouped = table.groupby(table["source_id"] // 2**47)
    sky = reference(MEAN_PROPER_MOTIONS, sample.SAMPLE)
    assert sky.stars == 1000
    np.testing.assert_array_equal(sky.counts[grouped.size().index], grouped.size())
    np.testing.assert_allclose(sky.means["pmra"][grouped.size().index], grouped["pmra"].mean(), rtol=1e-12)


def test_stars_without_a_motion_are_counted_but_not_averaged(tmp_path: Path) -> None:
    ids = pa.array([1 << 47, 1 << 47, 2 << 47])
    pq.write_table(
        pa.table({"source_id": ids, "pmra": [3.0, None, None], "pmdec": [1.0, None, None]}), tmp_path / "s.parquet"
    )
    sky = reference(MEAN_PROPER_MOTIONS, tmp_path / "s.parquet")
    assert sky.counts[1:3].tolist() == [2, 1]
    assert sky.means["pmra"][1] == 3.0
    assert np.isnan(sky.means["pmra"][2])


def test_the_reference_reads_a_directory(tmp_path: Path) -> None:
    stars = generate(tmp_path / "stars", Recipe(3_000, parts=3))
    assert reference(SOURCE_COUNTS, stars).stars == 3_000


def test_a_right_answer_passes(motions: SkyMap) -> None:
    agreement = check(motions, motions)
    assert (agreement.stars, agreement.worst) == (1000, 0.0)
    nudged = SkyMap(6, motions.counts, {name: mean * (1 + 1e-13) for name, mean in motions.means.items()})
    assert 0 < check(nudged, motions).worst < 1e-12


def test_one_star_too_many_is_found(motions: SkyMap) -> None:
    pixel = int(np.flatnonzero(motions.counts)[0])
    counts = motions.counts.copy()
    counts[pixel] += 1
    with pytest.raises(WrongAnswerError, match=f"1 of 49,152 pixels; the worst is pixel {pixel}: 2 instead of 1"):
        check(SkyMap(6, counts, motions.means), motions)


@pytest.mark.parametrize("wrong", [1e-6, np.nan])
def test_a_mean_that_is_off_is_found(motions: SkyMap, wrong: float) -> None:
    pixel = int(np.flatnonzero(motions.counts)[5])
    means = {name: mean.copy() for name, mean in motions.means.items()}
    means["pmdec"][pixel] += wrong
    with pytest.raises(
        WrongAnswerError, match=f"mean of pmdec differs in 1 of 49,152 pixels; the worst is pixel {pixel}"
    ):
        check(SkyMap(6, motions.counts, means), motions)


def test_maps_of_different_kinds_are_not_compared(motions: SkyMap) -> None:
    with pytest.raises(WrongAnswerError, match="level 5 with counts only against level 6 with pmdec, pmra"):
        check(reference(SOURCE_COUNTS, sample.SAMPLE, 5), motions)


def test_rows_become_a_map() -> None:
    sky = SkyMap.from_rows(pa.table({"pixel": [3, 0], "stars": [7, 1], "pmra": [0.5, None]}), 0)
    assert sky.counts.tolist() == [1, 0, 0, 7, *[0] * 8]
    assert sky.means["pmra"][3] == 0.5
    assert np.isnan(sky.means["pmra"][:3]).all()


@pytest.mark.parametrize("pixels", [[0, 0], [12], [-1]])
def test_rows_that_are_no_map(pixels: list[int]) -> None:
    with pytest.raises(GaiaError, match="each pixel must lie in 0 to 11 and come once"):
        SkyMap.from_rows(pa.table({"pixel": pixels, "stars": [1] * len(pixels)}), 0)


def test_a_map_cannot_be_made_finer(motions: SkyMap) -> None:
    with pytest.raises(GaiaError, match="choose 6 or less"):
        motions.degraded(7)


def test_no_parquet_there(tmp_path: Path) -> None:
    with pytest.raises(GaiaError, match="give a file"):
        reference(SOURCE_COUNTS, tmp_path / "nowhere")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"source_id": [1], "pmra": [1.0]}), tmp_path / "s.parquet")
    with pytest.raises(GaiaError, match="needs the column pmdec"):
        reference(MEAN_PROPER_MOTIONS, tmp_path / "s.parquet")


def test_too_deep_a_level() -> None:
    with pytest.raises(GaiaError, match="0 to 12"):
        reference(SOURCE_COUNTS, sample.SAMPLE, 13)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in cases.CASES}) == len(cases.CASES)
    assert healpix.pixel_count(cases.LEVEL) == 49_152
