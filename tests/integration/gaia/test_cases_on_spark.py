"""The science cases on a real Spark, through Spark Connect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from almanac.gaia import sample
from almanac.gaia.cases import CASES, Case, answer, check, mean_proper_motions, reference, source_counts
from almanac.gaia.errors import GaiaError
from almanac.gaia.generate import Recipe, generate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote("local[2]").config("spark.sql.shuffle.partitions", "4").getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("gaia") / "stars", Recipe(200_000))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_spark_and_numpy_agree(spark: SparkSession, generated: Path, case: Case) -> None:
    for path in (sample.SAMPLE, generated):
        stars = spark.read.parquet(str(path))
        agreement = check(answer(case, stars), reference(case, path))
        assert agreement.stars == stars.count()


def test_columns_are_named_for_what_they_hold(spark: SparkSession) -> None:
    stars = spark.read.parquet(str(sample.SAMPLE))
    assert source_counts(stars, 0).columns == ["pixel", "stars"]
    assert mean_proper_motions(stars).columns == ["pixel", "stars", "pmra", "pmdec"]


def test_spark_reads_every_column_of_the_sample(spark: SparkSession) -> None:
    assert spark.read.parquet(str(sample.SAMPLE)).toArrow().num_columns == 152


def test_stars_without_the_columns(spark: SparkSession) -> None:
    with pytest.raises(GaiaError, match="needs the columns source_id, pmra, pmdec"):
        mean_proper_motions(spark.range(3))
