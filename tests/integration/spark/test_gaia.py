"""The science cases on a real cluster, through Spark Connect, against numpy."""

from __future__ import annotations

import pytest

from almanac.gaia import sample
from almanac.gaia.cases import CASES, answer, check, mean_proper_motions, reference, source_counts
from almanac.gaia.errors import GaiaError
from almanac.gaia.generate import Recipe, generate


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("gaia") / "stars", Recipe(200_000))


@pytest.fixture
def spark(shared, connect):
    return connect(shared.url)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_spark_and_numpy_agree(spark, generated, case):
    for path in (sample.SAMPLE, generated):
        stars = spark.read.parquet(path.as_uri())
        agreement = check(answer(case, stars), reference(case, path))
        assert agreement.stars == stars.count()


def test_columns_are_named_for_what_they_hold(spark):
    stars = spark.read.parquet(sample.SAMPLE.as_uri())
    assert source_counts(stars, 0).columns == ["pixel", "stars"]
    assert mean_proper_motions(stars).columns == ["pixel", "stars", "pmra", "pmdec"]


def test_spark_reads_every_column_of_the_sample(spark):
    assert spark.read.parquet(sample.SAMPLE.as_uri()).toArrow().num_columns == 152


def test_stars_without_the_columns(spark):
    with pytest.raises(GaiaError, match="needs the columns source_id, pmra, pmdec"):
        mean_proper_motions(spark.range(3))
