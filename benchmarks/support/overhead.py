"""What monitoring takes from a Spark job: the same job on the same real cluster with and without, in turn.

Two comparisons, as monitoring has two parts. *Collecting*: a booked cluster of a real Almanac, whose Prometheus and node
exporter run or are stopped (SIGSTOP: nothing is scraped, neither from Spark nor from notebooks nor from the machine).
*Settings*: two clusters of one shape side by side, one with Almanac's settings of Spark's own metrics (endpoints, JVM
source, heartbeats and memory looks each second or two), one with Spark's defaults. In each pair the order changes, so that
a machine that warms up or slows down favours neither.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from benchmarks.support.served import PATIENCE_S, BenchmarkError, Served, spread, tell

from almanac.client import book
from almanac.settings import default_cache
from almanac.spark import properties
from almanac.spark.archive import ensure_archive
from almanac.spark.runtime import find_runtime
from almanac.spark.trial import Trial, trial_spec

PROFILE, WORKERS, PARTITIONS = "spark-small", 2, 64
_FIRST_ROWS = 4_000_000
_COLLECTORS = ("prometheus", "prometheus-node-exporter")


def collecting(served: Served, runs: int, job_s: float) -> dict[str, Any]:
    """The job while everything is collected, against the same while nothing is.

    Returns:
        ``overhead``: of the pairs' ratios, less 1; ``collecting_cores``: processors that the server, Prometheus and the
        node exporter used while the job ran.
    """
    platform = book(PROFILE, hours=1, client=served.client)
    try:
        rows = sized(platform.spark, job_s)
        collectors = _collectors(served.pid)
        used: list[float] = []

        def monitored() -> float:
            with _counted([psutil.Process(served.pid), *collectors], used):
                return timed(platform.spark, rows)

        def bare() -> float:
            with _stopped(served, collectors):
                return timed(platform.spark, rows)

        ratios, times = pairs(monitored, bare, runs)
        cores = [spent / wall for spent, wall in zip(used, times, strict=True)]
    finally:
        platform.release()
    return {"overhead": less_one(ratios), "collecting_cores": spread(cores), "job_s": spread(times), "n": runs}


def settings(directory: Path, runs: int, job_s: float) -> dict[str, Any]:
    """The job on a cluster with Almanac's settings of Spark's metrics, against one with Spark's own."""
    from pyspark.sql.connect.session import SparkSession

    runtime = find_runtime(default_cache())
    ensure_archive(runtime, default_cache(), lambda *_: None)
    spec = trial_spec(workers=WORKERS)
    for name in ("with", "without"):
        (directory / name).mkdir()
    with mock.patch.multiple(properties, _METRICS={}, _APPLICATION_METRICS={}):
        bare = Trial(spec, runtime, directory / "without")
    names = ("master", "connect", *(f"worker-{number + 1}" for number in range(WORKERS)))
    with Trial(spec, runtime, directory / "with") as measured, bare:
        measured.start(*names)
        bare.start(*names)
        with_metrics = SparkSession.builder.remote(measured.url).create()
        without = SparkSession.builder.remote(bare.url).create()
        rows = sized(with_metrics, job_s)
        timed(without, rows)
        ratios, _ = pairs(lambda: timed(with_metrics, rows), lambda: timed(without, rows), runs)
        with_metrics.stop()
        without.stop()
    return {"settings_overhead": less_one(ratios)}


def pairs(one: Callable[[], float], other: Callable[[], float], runs: int) -> tuple[list[float], list[float]]:
    """Both in turn, so many times.

    Returns:
        The ratios of the pairs, and the times of the first.
    """
    ratios, times = [], []
    for number in range(runs):
        if number % 2:
            second, first = other(), one()
        else:
            first, second = one(), other()
        ratios.append(first / second)
        times.append(first)
        tell(f"{number + 1}/{runs}: {first:.2f} s with, {second:.2f} s without")
    return ratios, times


def less_one(ratios: list[float]) -> dict[str, float]:
    """How much more, as a share; and the error of its median, from the spread of the pairs."""
    found = spread([ratio - 1 for ratio in ratios])
    if len(ratios) > 1:
        found["error"] = round(1.253 * statistics.stdev(ratios) / len(ratios) ** 0.5, 3)
    return found


def sized(session: Any, job_s: float) -> int:  # noqa: ANN401 - pyspark isn't typed
    """How many rows make a job of about so many seconds, on JVMs that are warm then."""
    timed(session, _FIRST_ROWS)
    seconds = timed(session, _FIRST_ROWS)
    rows = round(_FIRST_ROWS * max(1.0, job_s / seconds))
    timed(session, rows)
    return rows


def timed(session: Any, rows: int) -> float:  # noqa: ANN401 - pyspark isn't typed
    """Seconds of a job that computes, shuffles and aggregates, in stages of many tasks."""
    began = time.perf_counter()
    stars = session.range(0, rows, 1, PARTITIONS).selectExpr("id % 50000 AS star", "sqrt(id) AS flux")
    found = stars.groupBy("star").avg("flux").groupBy().count().collect()
    if found[0][0] != 50_000:
        raise BenchmarkError(f"Spark found {found} stars instead of 50000.")
    return time.perf_counter() - began


def _collectors(server: int) -> list[psutil.Process]:
    children = psutil.Process(server).children(recursive=True)
    found = [child for child in children if child.name() in {name[:15] for name in _COLLECTORS}]
    if len(found) != len(_COLLECTORS):
        raise BenchmarkError(f"Of {', '.join(_COLLECTORS)} only {len(found)} run beside the server.")
    return found


@contextmanager
def _counted(processes: list[psutil.Process], used: list[float]) -> Iterator[None]:
    """Note what processes use of processors meanwhile, in seconds."""
    before = _cpu_s(processes)
    yield
    used.append(_cpu_s(processes) - before)


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


@contextmanager
def _stopped(served: Served, processes: list[psutil.Process]) -> Iterator[None]:
    """Nothing is collected meanwhile; afterwards all is again."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        until(lambda: _health(served).get("trouble") == "")


def _health(served: Served) -> Mapping[str, Any]:
    return served.client.health().metrics or {}


def until(found: Callable[[], Any]) -> Any:  # noqa: ANN401 - what was waited for
    """Wait for something true.

    Raises:
        BenchmarkError: it doesn't come.
    """
    end = time.monotonic() + PATIENCE_S
    while not (seen := found()):
        if time.monotonic() > end:
            raise BenchmarkError(f"What was waited for didn't come in {PATIENCE_S:.0f} s.")
        time.sleep(0.2)
    return seen
