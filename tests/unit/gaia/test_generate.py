from __future__ import annotations

import fcntl
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almanac.gaia import generate as generating
from almanac.gaia import healpix, sample
from almanac.gaia.errors import GaiaError
from almanac.gaia.generate import DEMO, SCIENCE, Recipe, generate

ROWS = 400_000


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("gaia") / "stars", Recipe(ROWS, columns="science", parts=3))


@pytest.fixture(scope="module")
def stars(directory: Path) -> pd.DataFrame:
    return pq.read_table(directory).to_pandas()


@pytest.fixture(scope="module")
def measured(stars: pd.DataFrame) -> pd.DataFrame:
    """Stars with a parallax."""
    return stars[stars["parallax"].notna()]


def test_the_sample_is_whole() -> None:
    table = sample.load()
    assert (table.num_rows, table.num_columns) == (1000, 152)
    assert table["parallax"].null_count == 0
    assert "(DPAC)" in sample.CREDIT


def test_types_are_those_of_gaia() -> None:
    real = sample.load().schema
    assert {name: real.field(name).type for name in SCIENCE} == SCIENCE
    assert DEMO.items() <= SCIENCE.items()


def test_source_ids_are_unique_sorted_and_encode_the_position(stars: pd.DataFrame) -> None:
    ids = stars["source_id"].to_numpy()
    assert len(ids) == ROWS
    assert (np.diff(ids) > 0).all()
    pixels = healpix.pixels_at(12, stars["ra"].to_numpy(), stars["dec"].to_numpy())
    np.testing.assert_array_equal(ids >> 35, pixels)


def test_random_index_is_a_shuffled_permutation(stars: pd.DataFrame) -> None:
    index = stars["random_index"].to_numpy()
    np.testing.assert_array_equal(np.sort(index), np.arange(ROWS))
    assert abs(np.corrcoef(index, np.arange(ROWS))[0, 1]) < 0.01


def test_magnitudes(stars: pd.DataFrame) -> None:
    quantiles = stars["phot_g_mean_mag"].quantile([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
    np.testing.assert_allclose(quantiles, [13.4, 16.1, 18.5, 19.6, 20.4, 21.0, 21.2], atol=0.15)


def test_solution_types_and_colours(stars: pd.DataFrame) -> None:
    shares = stars["astrometric_params_solved"].value_counts(normalize=True)
    np.testing.assert_allclose(shares[[3, 31, 95]], [0.192, 0.337, 0.471], atol=0.005)
    assert stars["bp_rp"].isna().mean() == pytest.approx(0.149, abs=0.005)
    two = stars[stars["astrometric_params_solved"] == 3]
    assert two[["parallax", "pmra", "pmdec", "ruwe", "parallax_error"]].isna().all(axis=None)


def test_parallax_errors_follow_the_magnitude(measured: pd.DataFrame) -> None:
    bins = pd.cut(measured["phot_g_mean_mag"], [13, 15, 16, 17, 18, 19, 20, 21])
    medians = measured.groupby(bins, observed=True)["parallax_error"].median()
    np.testing.assert_allclose(medians, [0.020, 0.037, 0.059, 0.094, 0.185, 0.362, 0.835], rtol=0.08)


def test_parallaxes_and_quality(measured: pd.DataFrame) -> None:
    assert (measured["parallax"] < 0).mean() == pytest.approx(0.245, abs=0.01)
    assert (measured["ruwe"] > 1.4).mean() == pytest.approx(0.045, abs=0.005)
    assert (measured["parallax_over_error"] > 10).mean() == pytest.approx(0.065, abs=0.006)
    ratio = measured["parallax"] / measured["parallax_error"]
    np.testing.assert_allclose(measured["parallax_over_error"], ratio, rtol=1e-5)


def test_the_sky_is_crowded_where_it_should_be(stars: pd.DataFrame) -> None:
    assert (stars["b"].abs() < 10).mean() == pytest.approx(0.649, abs=0.01)
    large_cloud = (stars["l"] - 280.5).abs().lt(3) & (stars["b"] + 32.9).abs().lt(3)
    beside_it = (stars["l"] - 250.5).abs().lt(3) & (stars["b"] + 32.9).abs().lt(3)
    assert large_cloud.sum() > 10 * beside_it.sum()


def test_the_sky_moves_as_the_sun_drifts(measured: pd.DataFrame) -> None:
    assert measured["pmra"].median() == pytest.approx(-2.4, abs=0.6)
    assert measured["pmdec"].median() == pytest.approx(-2.7, abs=0.8)


def test_nearby_stars_fill_both_classes_of_the_classifier(tmp_path: Path) -> None:
    table = pq.read_table(generate(tmp_path / "near", Recipe(20_000, columns="science", nearby=0.5))).to_pandas()
    near = table[table["parallax"].abs() > 8]
    assert len(near) == pytest.approx(10_000, rel=0.02)
    good, bad = near[near["parallax"] > 8], near[near["parallax"] < -8]
    assert len(bad) == pytest.approx(2_500, rel=0.1)
    assert good["parallax_over_error"].median() > 50
    assert bad["parallax_over_error"].abs().median() < 10
    features = [name for name in SCIENCE if name not in {"bp_rp", "g_rp", "phot_bp_rp_excess_factor"}]
    assert near[features].notna().all(axis=None)


def test_the_same_recipe_gives_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    one, three = (
        generate(tmp_path / name, Recipe(50_000, parts=4), threads=n) for name, n in (("one", 1), ("three", 3))
    )
    files = sorted(path.name for path in one.glob("part-*.parquet"))
    assert len(files) == 4
    assert all((one / name).read_bytes() == (three / name).read_bytes() for name in files)
    other = generate(tmp_path / "other", Recipe(50_000, seed=2, parts=4))
    assert (one / files[0]).read_bytes() != (other / files[0]).read_bytes()


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_few_rows(tmp_path: Path, rows: int) -> None:
    assert pq.read_table(generate(tmp_path / "few", Recipe(rows))).num_rows == rows


def test_progress_adds_up_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    done: list[int] = []
    recipe = Recipe(5_000, parts=2)
    generate(tmp_path / "stars", recipe, progress=done.append)
    assert sum(done) == 5_000
    generate(tmp_path / "stars", recipe, progress=lambda _: pytest.fail("it was there already"))


def test_memory_does_not_grow_with_the_rows() -> None:
    sizes = [int(chunk.counts.sum()) for chunk in generating.plan(Recipe(20_000_000))]
    assert sum(sizes) == 20_000_000
    assert max(sizes) < 1.2 * generating.CHUNK_ROWS


def test_a_directory_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(GaiaError, match="choose a new directory"):
        generate(tmp_path, Recipe(10))
    assert (tmp_path / "thesis.txt").read_text() == "irreplaceable"


def test_another_recipe_does_not_overwrite(tmp_path: Path) -> None:
    generate(tmp_path / "stars", Recipe(10))
    with pytest.raises(GaiaError, match="already holds something else"):
        generate(tmp_path / "stars", Recipe(11))


def test_what_a_killed_generator_left_is_cleared(tmp_path: Path) -> None:
    partial = tmp_path / ".stars.partial"
    partial.mkdir()
    (partial / "part-00000.parquet").write_text("half a file")
    assert pq.read_table(generate(tmp_path / "stars", Recipe(10))).num_rows == 10
    assert not partial.exists()


def test_two_generators_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / ".stars.partial").mkdir()
    handle = os.open(tmp_path / ".stars.partial", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(GaiaError, match="Another process"):
        generate(tmp_path / "stars", Recipe(10))
    os.close(handle)


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> pa.Table:
        raise RuntimeError("cosmic ray")

    monkeypatch.setattr(generating, "make_chunk", fail)
    with pytest.raises(RuntimeError, match="cosmic ray"):
        generate(tmp_path / "stars", Recipe(10))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(GaiaError, match=r"ask for at most [\d,]+ rows"):
        generate(tmp_path / "stars", Recipe(10**13, parts=1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"rows": 0}, "at least 1"),
        ({"rows": 5, "seed": -1}, "0 or more"),
        ({"rows": 5, "columns": "all"}, "demo, science"),
        ({"rows": 5, "nearby": 1.5}, "from 0 to 1"),
        ({"rows": 5, "parts": 6}, "choose 1 to 5"),
    ],
)
def test_recipes_that_make_no_sense(wrong: dict[str, object], advice: str) -> None:
    with pytest.raises(GaiaError, match=advice):
        Recipe(**wrong)  # type: ignore[arg-type]
