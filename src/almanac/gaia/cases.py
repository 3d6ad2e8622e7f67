"""Two science cases over the sky, each asked of Spark and computed apart from it, and the comparison of the two.

The Spark side uses DataFrame expressions only (no Python UDF), so it runs through Spark Connect on workers without
our Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from almanac.gaia import healpix
from almanac.gaia.errors import GaiaError, WrongAnswerError
from almanac.gaia.skymap import SkyMap

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LEVEL = 6
"""49,152 pixels of 0.84 square degrees."""
BATCH_ROWS = 1 << 18
RELATIVE, ABSOLUTE = 1e-9, 1e-9
"""Tolerances of means: summing in another order moves the last digits, and all digits of a mean near zero (mas/yr)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question to a star catalogue: how many stars in each pixel, and the means of some columns."""

    name: str
    title: str
    columns: tuple[str, ...] = ()


SOURCE_COUNTS = Case("source-counts", "Source counts over the sky")
MEAN_PROPER_MOTIONS = Case("mean-proper-motions", "Mean proper motions over the sky", ("pmra", "pmdec"))
CASES = (SOURCE_COUNTS, MEAN_PROPER_MOTIONS)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a passed check compared.

    Attributes:
        stars: counted, the same on both sides.
        pixels: with at least one star.
        worst: largest relative difference of a mean; 0 for counts alone.
    """

    stars: int
    pixels: int
    worst: float


def source_counts(stars: DataFrame, level: int = LEVEL) -> DataFrame:
    """COUNT(*) by pixel: columns ``pixel``, ``stars``. Needs ``source_id``."""
    return query(SOURCE_COUNTS, stars, level)


def mean_proper_motions(stars: DataFrame, level: int = LEVEL) -> DataFrame:
    """COUNT(*), AVG(pmra), AVG(pmdec) by pixel: columns ``pixel``, ``stars``, ``pmra``, ``pmdec``.

    Needs ``source_id``, ``pmra`` and ``pmdec``; stars without a proper motion are counted but not averaged.
    """
    return query(MEAN_PROPER_MOTIONS, stars, level)


def query(case: Case, stars: DataFrame, level: int = LEVEL) -> DataFrame:
    """The case as a DataFrame, not yet run.

    Raises:
        GaiaError: the DataFrame lacks a column, or the level is deeper than 12.
    """
    shift = healpix.source_id_shift(level)
    _require(case, stars.columns)
    by_pixel = stars.selectExpr(f"shiftright(source_id, {shift}) AS pixel", *case.columns).groupBy("pixel")
    return by_pixel.agg({"*": "count"} | dict.fromkeys(case.columns, "avg")).toDF("pixel", "stars", *case.columns)


def answer(case: Case, stars: DataFrame, level: int = LEVEL) -> SkyMap:
    """Run the case on Spark and fetch its map."""
    return SkyMap.from_rows(query(case, stars, level).toArrow(), level)


def reference(case: Case, path: Path, level: int = LEVEL) -> SkyMap:
    """The same map by numpy, streamed from Parquet (a file or a directory) in constant memory.

    Raises:
        GaiaError: no Parquet there, a column is missing, or the level is deeper than 12.
    """
    shift, size = healpix.source_id_shift(level), healpix.pixel_count(level)
    counts = np.zeros(size, dtype=np.int64)
    totals = {name: np.zeros(size) for name in case.columns}
    known = {name: np.zeros(size, dtype=np.int64) for name in case.columns}
    for batch in _batches(case, path):
        pixels = batch["source_id"].to_numpy() >> shift
        counts += np.bincount(pixels, minlength=size)
        for name in case.columns:
            valid = batch[name].is_valid().to_numpy(zero_copy_only=False)
            values = batch[name].drop_null().to_numpy()
            totals[name] += np.bincount(pixels[valid], weights=values, minlength=size)
            known[name] += np.bincount(pixels[valid], minlength=size)
    return SkyMap(level, counts, {name: _ratio(totals[name], known[name]) for name in case.columns})


def check(measured: SkyMap, expected: SkyMap) -> Agreement:
    """Compare two maps of one case: counts exactly, means to rounding.

    Raises:
        WrongAnswerError: they differ; the message names the worst pixel.
    """
    if measured.level != expected.level or set(measured.means) != set(expected.means):
        raise WrongAnswerError(f"The maps don't match: {_shape(measured)} against {_shape(expected)}.")
    wrong = np.flatnonzero(measured.counts != expected.counts)
    if wrong.size:
        pixel = wrong[np.argmax(np.abs(measured.counts - expected.counts)[wrong])]
        raise WrongAnswerError(
            f"Counts differ in {wrong.size:,} of {expected.counts.size:,} pixels; "
            f"the worst is pixel {pixel}: {measured.counts[pixel]:,} instead of {expected.counts[pixel]:,}."
        )
    worst = max((_check_mean(name, measured.means[name], expected.means[name]) for name in expected.means), default=0.0)
    return Agreement(expected.stars, int(np.count_nonzero(expected.counts)), worst)


def _check_mean(name: str, measured: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The largest relative difference of a mean's map."""
    wrong = ~np.isclose(measured, expected, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    if wrong.any():
        gap = np.nan_to_num(np.abs(measured - expected), nan=np.inf)
        pixel = np.argmax(np.where(wrong, gap, -1.0))
        raise WrongAnswerError(
            f"The mean of {name} differs in {np.count_nonzero(wrong):,} of {expected.size:,} pixels; "
            f"the worst is pixel {pixel}: {measured[pixel]:.12g} instead of {expected[pixel]:.12g}."
        )
    some = np.isfinite(expected) & (expected != 0.0)
    return float(np.max(np.abs(measured[some] / expected[some] - 1.0), initial=0.0))


def _batches(case: Case, path: Path) -> Iterator[pa.RecordBatch]:
    try:
        stars = ds.dataset(path, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise GaiaError(f"No Parquet can be read at {path}: give a file, or a directory of them ({error}).") from error
    _require(case, stars.schema.names)
    columns = ["source_id", *case.columns]
    yield from stars.to_batches(columns=columns, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1)


def _require(case: Case, columns: Sequence[str]) -> None:
    missing = [name for name in ("source_id", *case.columns) if name not in columns]
    if missing:
        raise GaiaError(
            f"{case.title} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}, which these stars lack."
        )


def _ratio(totals: NDArray[np.float64], known: NDArray[np.int64]) -> NDArray[np.float64]:
    means = np.full(totals.size, np.nan)
    np.divide(totals, known, out=means, where=known > 0)
    return means


def _shape(sky: SkyMap) -> str:
    return f"level {sky.level} with {', '.join(sorted(sky.means)) or 'counts only'}"
