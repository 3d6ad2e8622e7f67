"""Any number of Gaia-like stars as partitioned Parquet, sorted by ``source_id``.

Seeded: the same recipe gives the same files, whatever the number of threads. In constant memory: level-6 pixels are
given their numbers of stars first, then filled chunk by chunk in nested order, which is the order of ``source_id``.
Either the whole data set appears or nothing does.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from almanac.gaia import density, frames, healpix, nearby, population
from almanac.gaia.errors import GaiaError
from almanac.gaia.permutation import permute

Ints = NDArray[np.int64]
Progress = Callable[[int], None]
"""Called with the number of rows just written, from any thread."""

MANIFEST = "_manifest.json"
FORMAT = 1
"""Raised whenever the same recipe would give other stars."""
PIXEL_LEVEL = 6
POSITION_LEVEL = 24
"""Positions are the centres of these pixels, 13 milliarcseconds wide."""
RUNNING_NUMBER_SHIFT = 7
"""A source_id's low 7 bits number its components: always 0 in Gaia DR3."""
CHUNK_ROWS = 250_000
PART_ROWS = 625_000
MOST_PARTS = 2_048
ROOM_TO_SPARE = 1.1
"""Free space asked for, over the size of the values."""

DEMO = {
    "source_id": pa.int64(),
    "random_index": pa.int64(),
    "ra": pa.float64(),
    "dec": pa.float64(),
    "l": pa.float64(),
    "b": pa.float64(),
    "parallax": pa.float64(),
    "parallax_error": pa.float32(),
    "pmra": pa.float64(),
    "pmdec": pa.float64(),
    "pmra_error": pa.float32(),
    "pmdec_error": pa.float32(),
    "phot_g_mean_mag": pa.float32(),
    "bp_rp": pa.float32(),
    "ruwe": pa.float32(),
    "phot_bp_rp_excess_factor": pa.float32(),
    "astrometric_params_solved": pa.int16(),
}
SCIENCE = DEMO | {
    "g_rp": pa.float32(),
    "parallax_over_error": pa.float32(),
    "astrometric_sigma5d_max": pa.float32(),
    "astrometric_excess_noise": pa.float32(),
    "astrometric_excess_noise_sig": pa.float32(),
    "astrometric_gof_al": pa.float32(),
    "ipd_gof_harmonic_amplitude": pa.float32(),
    "ipd_frac_multi_peak": pa.int16(),
    "ipd_frac_odd_win": pa.int16(),
    "visibility_periods_used": pa.int16(),
    "parallax_pmdec_corr": pa.float32(),
}
COLUMN_SETS = {"demo": DEMO, "science": SCIENCE}
"""``demo``: maps; ``science``: the classifier's features too. Types are Gaia's."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to generate.

    Attributes:
        rows: how many stars, >= 1.
        seed: of every random draw, >= 0.
        columns: a name in COLUMN_SETS.
        nearby: share of stars with ``|parallax| > 8 mas``; the real sky's is about 0.001, training a classifier wants
            more.
        parts: number of Parquet files; 0 for one per 625,000 rows, at most 2,048.

    Raises:
        GaiaError: any of them is out of range.
    """

    rows: int
    seed: int = 1
    columns: str = "demo"
    nearby: float = 0.001
    parts: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise GaiaError(f"{self.rows:,} rows can't be generated: ask for at least 1, such as 5000000.")
        if self.seed < 0:
            raise GaiaError(f"The seed {self.seed} is negative: choose 0 or more.")
        if self.columns not in COLUMN_SETS:
            raise GaiaError(f"There is no column set '{self.columns}': choose one of {', '.join(COLUMN_SETS)}.")
        if not 0.0 <= self.nearby <= 1.0:
            raise GaiaError(
                f"A share of {self.nearby} nearby stars makes no sense: choose one from 0 to 1, such as 0.001."
            )
        if not 0 <= self.parts <= min(self.rows, MOST_PARTS):
            raise GaiaError(
                f"{self.rows:,} rows can't make {self.parts} parts: "
                f"choose 1 to {min(self.rows, MOST_PARTS)}, or 0 to leave it open."
            )

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return pa.schema(list(COLUMN_SETS[self.columns].items()))

    @property
    def part_count(self) -> int:
        """How many files it makes at most (a pixel is never split)."""
        return self.parts or min(MOST_PARTS, math.ceil(self.rows / PART_ROWS))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of pixels.

    Attributes:
        number: seeds its random draws.
        first_pixel: at PIXEL_LEVEL.
        first_row: how many stars come before it.
        counts: a row each for ordinary stars, neighbours and blunders; a column for each pixel.
    """

    number: int
    first_pixel: int
    first_row: int
    counts: Ints


def generate(directory: Path, recipe: Recipe, *, progress: Progress | None = None, threads: int = 0) -> Path:
    """Make the data set in ``directory``, or leave it as it is when it is there already.

    Args:
        directory: made, with its parents; it must not hold anything else.
        recipe: what to make.
        progress: told of rows written.
        threads: 0 for one per core.

    Returns:
        The directory: ``part-00000.parquet``, ...

    Raises:
        GaiaError: the directory holds something else, another process is filling it, or the disk is too small.
    """
    if is_made(directory, recipe):
        return directory
    _check_target(directory, recipe)
    with _claimed(directory.with_name(f".{directory.name}.partial")) as partial:
        parts = _split(list(plan(recipe)), recipe.part_count)
        _write_parts(partial, parts, recipe, progress, threads or len(os.sched_getaffinity(0)))
        (partial / MANIFEST).write_text(json.dumps(_manifest(recipe)))
        partial.replace(directory)
    return directory


def is_made(directory: Path, recipe: Recipe) -> bool:
    """Whether the directory holds exactly this recipe's stars already."""
    try:
        return bool(json.loads((directory / MANIFEST).read_text()) == _manifest(recipe))
    except (OSError, ValueError):
        return False


def plan(recipe: Recipe) -> Iterator[Chunk]:
    """Share the rows out among the level-6 pixels, then cut the sky into chunks of about CHUNK_ROWS.

    A chunk is larger than that by at most one pixel's stars.
    """
    counts = _counts(recipe)
    before = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    per_part = math.ceil(recipe.rows / recipe.part_count)
    target = math.ceil(per_part / math.ceil(per_part / CHUNK_ROWS))
    edges = np.unique([*np.searchsorted(before, np.arange(0, recipe.rows, target), side="right") - 1, counts.shape[1]])
    for number, (first, end) in enumerate(pairwise(edges)):
        yield Chunk(number, int(first), int(before[first]), counts[:, first:end])


def make_chunk(chunk: Chunk, recipe: Recipe) -> pa.Table:
    """The stars of a chunk, sorted by ``source_id``."""
    rng = np.random.default_rng([recipe.seed, 1, chunk.number])
    fine, kind = _positions(chunk, rng)
    ra, dec = healpix.centres(POSITION_LEVEL, fine)
    stars = population.draw(ra, dec, rng)
    nearby.put_neighbours(stars, kind == 1, ra, dec, rng)
    nearby.put_blunders(stars, kind == 2, rng)
    stars["ra"], stars["dec"] = ra, dec
    stars["l"], stars["b"] = frames.galactic(ra, dec)
    rows = np.arange(chunk.first_row, chunk.first_row + fine.size)
    ids = {"source_id": _source_ids(fine), "random_index": permute(rows, recipe.rows, recipe.seed)}
    columns = [_column({**stars, **ids}[field.name], field.type) for field in recipe.schema]
    return pa.table(columns, schema=recipe.schema)


def _counts(recipe: Recipe) -> Ints:
    """Stars of each kind in each level-6 pixel, shape ``(3, 49152)``; they add up to the recipe's rows."""
    rng = np.random.default_rng([recipe.seed, 0])
    pixels = np.arange(healpix.pixel_count(PIXEL_LEVEL))
    sky = density.relative_density(*frames.galactic(*healpix.centres(PIXEL_LEVEL, pixels)))
    crowded, uniform = sky / sky.sum(), np.full(pixels.size, 1.0 / pixels.size)
    near = round(recipe.rows * recipe.nearby)
    shares = ((recipe.rows - near, crowded), (near - near // 2, uniform), (near // 2, crowded))
    return np.stack([rng.multinomial(rows, share) for rows, share in shares])


def _positions(chunk: Chunk, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Sorted POSITION_LEVEL pixels, uniform within each pixel, and each star's kind.

    Kinds are the rows of the chunk's counts: 0 ordinary, 1 neighbour, 2 blunder.
    """
    pixels = np.arange(chunk.first_pixel, chunk.first_pixel + chunk.counts.shape[1])
    coarse = np.concatenate([np.repeat(pixels, row) for row in chunk.counts])
    kind = np.repeat(np.arange(3), chunk.counts.sum(axis=1))
    depth = 2 * (POSITION_LEVEL - PIXEL_LEVEL)
    fine = (coarse << depth) | rng.integers(0, 1 << depth, coarse.size)
    order = np.argsort(fine, kind="stable")
    return fine[order], kind[order]


def _source_ids(fine: Ints) -> Ints:
    """Ids of stars at sorted POSITION_LEVEL pixels: the level-12 pixel, then a running number, so all differ."""
    pixel = fine >> (2 * (POSITION_LEVEL - healpix.SOURCE_ID_LEVEL))
    starts = np.flatnonzero(np.diff(pixel, prepend=-1))
    running = np.arange(pixel.size) - np.repeat(starts, np.diff(starts, append=pixel.size))
    return (pixel << healpix.SOURCE_ID_BITS) | ((running + 1) << RUNNING_NUMBER_SHIFT)


def _column(values: NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    """An Arrow array of Gaia's type; NaN becomes null."""
    return pa.array(values.astype(kind.to_pandas_dtype(), copy=False), type=kind, from_pandas=True)


def _split(chunks: list[Chunk], parts: int) -> list[list[Chunk]]:
    bounds = np.linspace(0, len(chunks), min(parts, len(chunks)) + 1).round().astype(int)
    return [chunks[first:end] for first, end in pairwise(bounds)]


def _write_parts(
    directory: Path, parts: list[list[Chunk]], recipe: Recipe, progress: Progress | None, threads: int
) -> None:
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(_write_part, directory / f"part-{number:05}.parquet", part, recipe, progress)
            for number, part in enumerate(parts)
        ]
        try:
            for job in jobs:
                job.result()
        except BaseException:  # Ctrl-C too: what hasn't begun must not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write_part(path: Path, chunks: list[Chunk], recipe: Recipe, progress: Progress | None) -> None:
    with pq.ParquetWriter(
        path, recipe.schema, compression="zstd", compression_level=1, use_dictionary=["astrometric_params_solved"]
    ) as writer:
        for chunk in chunks:
            table = make_chunk(chunk, recipe)
            writer.write_table(table, row_group_size=table.num_rows)
            if progress is not None:
                progress(table.num_rows)


def _manifest(recipe: Recipe) -> dict[str, object]:
    return {"format": FORMAT, **asdict(recipe)}


def _check_target(directory: Path, recipe: Recipe) -> None:
    """Refuse a target that holds something else, or a disk too small."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise GaiaError(f"{directory} already holds something else: choose a new directory, or remove that one first.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    size = recipe.rows * sum(kind.bit_width for kind in recipe.schema.types) / 8 * ROOM_TO_SPARE
    free = shutil.disk_usage(directory.parent).free
    if free < size:
        raise GaiaError(
            f"{recipe.rows:,} rows need about {size / 1e9:.1f} GB, and {directory.parent} has {free / 1e9:.1f} GB free: "
            f"ask for at most {int(recipe.rows * free / size):,} rows, or choose another disk."
        )


@contextmanager
def _claimed(partial: Path) -> Iterator[Path]:
    """An empty directory that no other process fills; removed on the way out unless it was renamed.

    Raises:
        GaiaError: another process holds it.
    """
    handle = _lock(partial)
    try:
        for left_over in partial.iterdir():  # of a generator that was killed
            left_over.unlink()
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def _lock(directory: Path) -> int:
    """Make the directory and lock it; returns the descriptor that holds the lock.

    Its last holder may rename it away between our opening and our locking it: then what we hold is finished work, and
    we start again.
    """
    while True:
        directory.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            handle = os.open(directory, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(handle), directory.stat()):
                    return handle
            except BlockingIOError:
                os.close(handle)
                raise GaiaError(
                    f"Another process is generating stars into {directory.parent}: wait until it is done."
                ) from None
            os.close(handle)
